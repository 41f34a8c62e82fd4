"""A user's callback that fails is said once and left out; training goes on to its end."""

import collections
import re

import keras
import numpy as np
import pytest
from factories import fitted, phased, vectors

import tfgen
from tfgen.errors import UserError
from tfgen.training.callbacks.guarded import OURS, checked, guarded

OPTIONS = {"network": "dense", "units": [4], "latent_dim": 2}


class Failing(keras.callbacks.Callback):
    """Raises at the end of every call of the graph after the first."""

    def __init__(self, error):
        super().__init__()
        self.error, self.calls = error, 0

    def on_train_batch_end(self, batch, logs=None):
        self.calls += 1
        if self.calls > 1:
            raise self.error


class Steps(keras.callbacks.Callback):
    """Keeps what it is told, by keyword or not."""

    def on_train_begin(self, logs=None):
        self.seen = [self.model.name, "epochs" in self.params]

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((epoch, sorted(logs)))

    def on_train_end(self, logs=None):
        self.seen.append("end")


@pytest.fixture
def recipe(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 1), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x_train=images, x_test=images[:9])
    settings = {"batch_size": 8, "steps": 9, "steps_per_execution": 1}
    return tfgen.Recipe("vae", f"npz:{tmp_path / 'images.npz'}", OPTIONS, **settings)


@pytest.mark.slow
def test_a_callback_that_fails_is_said_once_and_the_run_goes_on_to_its_end(recipe, tmp_path, capsys):
    failing, steps = Failing(ValueError("no such server\nmore of it")), Steps()
    run = tfgen.train(recipe, tmp_path / "run", callbacks=[failing, steps])
    said = [line for line in capsys.readouterr().out.splitlines() if "failed and is left out" in line]
    assert said == ["the callback Failing failed and is left out: no such server"]
    assert failing.calls == 2 and int(run.model.step) == 9
    assert steps.seen[0] == "vae" and steps.seen[-1] == "end" and len(steps.seen) > 3
    assert run.paths.trainer.is_file()


def test_an_interrupt_in_a_callback_passes(recipe, tmp_path, capsys):
    failing = Failing(KeyboardInterrupt("stop"))
    with pytest.raises(KeyboardInterrupt, match="stop"):
        tfgen.train(recipe, tmp_path / "run", callbacks=[failing])
    assert "left out" not in capsys.readouterr().out and failing.calls == 2


@pytest.mark.parametrize("passes", [(), OURS])
def test_what_is_to_end_training_passes_where_that_is_asked_for(passes, capsys):
    model = phased(compiled={"run_eagerly": True})
    callbacks = guarded([Failing(UserError("the disk is full"))], passes)
    if passes:
        with pytest.raises(UserError, match="the disk is full"):
            fitted(model, {"x": vectors(40)}, callbacks=callbacks)
    else:
        fitted(model, {"x": vectors(40)}, callbacks=callbacks)
        assert int(model.step) == 10
    assert ("left out: the disk is full" in capsys.readouterr().out) == (not passes)
    assert callbacks[0].failed == (not passes)


HOOKS = (
    "set_params set_model on_train_begin on_epoch_begin on_train_batch_begin "
    "on_train_batch_end on_epoch_end on_train_end"
).split()


def raising(hook):
    """A callback that raises in one hook, each time."""

    def fail(self, *args, **keywords):
        raise LookupError(f"in {hook}")

    return type(f"In_{hook}", (keras.callbacks.Callback,), {hook: fail})()


class Counts(keras.callbacks.Callback):
    """Counts the calls of every hook, reads weights and logs, and changes nothing."""

    def __init__(self):
        super().__init__()
        self.counts, self.logs, self.given = collections.Counter(), [], None

    def set_params(self, params):
        super().set_params(params)
        self.given = dict(params)

    def on_train_batch_end(self, batch, logs=None):
        self.counts["batch"] += 1
        self.logs.append(dict(logs))

    def on_epoch_end(self, epoch, logs=None):
        self.counts["epoch"] += 1
        self.logs.append({"epoch": epoch, "norm": float(np.sum(self.model.get_weights()[0])), **logs})


@pytest.mark.slow
def test_one_that_raises_in_each_hook_is_said_once_each_and_the_bits_stay(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tfgen.runs.job.export", lambda *args: None)
    plain = tfgen.train(recipe, tmp_path / "plain")
    capsys.readouterr()
    counts = Counts()
    run = tfgen.train(recipe, tmp_path / "run", callbacks=[*map(raising, HOOKS), counts])
    said = [line for line in capsys.readouterr().out.splitlines() if "left out" in line]
    assert sorted(said) == sorted(f"the callback In_{hook} failed and is left out: in {hook}" for hook in HOOKS)
    assert run.model.digest() == plain.model.digest()
    assert run.paths.history.read_bytes() == plain.paths.history.read_bytes()
    assert counts.counts == {"batch": 9, "epoch": 2} and counts.given["epochs"] == 2
    assert {"loss", "kl"} <= set(counts.logs[0]) and all(isinstance(v, float) for v in counts.logs[0].values())
    assert run.record["callbacks"][-1].endswith("Counts") and plain.record["callbacks"] == []


@pytest.mark.slow
def test_a_callback_may_end_the_training(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("tfgen.runs.job.export", lambda *args: None)

    class Enough(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = int(self.model.step) == 3

    run = tfgen.train(recipe, tmp_path / "run", callbacks=[Enough()])
    assert int(run.model.step) == 3 and [int(step) for step in run.history["step"]] == [3]
    # it goes on where it was ended
    whole = tfgen.train(recipe, tmp_path / "run", callbacks=[keras.callbacks.EarlyStopping("loss", patience=5)])
    assert int(whole.model.step) == 9


@pytest.mark.parametrize(
    "given, sentence",
    [
        (Counts, "got <class 'test_guarded.Counts'>: write Counts()"),
        ([Counts], "got <class 'test_guarded.Counts'>: write Counts()"),
        ([print], "callbacks are objects of keras.callbacks.Callback, got <built-in function print>"),
        ("wandb", "callbacks are objects of keras.callbacks.Callback, got 'w'"),
        (7, "callbacks are objects of keras.callbacks.Callback, got 7"),
    ],
)
def test_what_is_no_callback_is_said_before_the_training(recipe, tmp_path, given, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        tfgen.train(recipe, tmp_path / "run", callbacks=given)
    assert not (tmp_path / "run").exists()


def test_one_callback_needs_no_list():
    one = Counts()
    assert checked(one) == [one] == checked((one,)) and checked(None) == []


def test_a_callback_that_works_sees_every_event_as_without_a_guard():
    seen = []
    for wrap in (list, guarded):
        steps = Steps()
        fitted(phased(compiled={"run_eagerly": True}, name="m"), {"x": vectors(16)}, callbacks=wrap([steps]))
        seen.append(steps.seen)
    assert seen[0] == seen[1] and seen[0][:2] == ["m", True]
