"""Checkpoints: whole or not at all, the last three, and what happens when one is damaged."""

import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.errors import UserError
from tfgen.training.averages import Averages
from tfgen.training.checkpoints import Checkpoints, SaveCheckpoints, restore_latest

SHAPE, BATCH = (16, 16, 1), 4


def vae(**options):
    model = tfgen.build_model("vae", SHAPE, network="dense", units=[6], latent_dim=2, ema=0.5, **options)
    model.run_eagerly = True
    return model


def step(model, photos, count=1):
    for _ in range(count):
        model.train_step({"image": tf.constant(photos(BATCH, SHAPE))})


@pytest.fixture
def model():
    return vae()


@pytest.fixture
def five(model, photos, tmp_path):
    """`Checkpoints` of the steps 3, 4 and 5 in tmp_path, and the digests of these steps."""
    checkpoints, digests = Checkpoints(model, tmp_path), {}
    for number in range(1, 6):
        step(model, photos)
        checkpoints.save()
        digests[number] = model.digest()
    return types.SimpleNamespace(checkpoints=checkpoints, digests=digests)


def test_a_checkpoint_brings_back_every_variable_and_the_means_of_the_epoch(model, photos, tmp_path):
    step(model, photos, 3)
    Checkpoints(model, tmp_path).save()
    fresh = vae(seed=1)
    assert fresh.digest() != model.digest()
    fresh.seed = 0
    assert restore_latest(fresh, tmp_path) == 3
    assert fresh.digest() == model.digest() and int(fresh.step) == 3
    assert int(fresh.optimizers["elbo"].iterations) == 3
    step(model, photos, 2)
    step(fresh, photos, 2)
    assert fresh.digest() == model.digest()
    assert fresh.averages.values() == model.averages.values()
    assert {count for _, count in model.averages.values().values()} == {5 * 4.0}, "five steps of four rows"


def test_only_the_last_three_are_kept_and_nothing_half_written(five, tmp_path):
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_00000003", "step_00000004", "step_00000005"]
    assert five.checkpoints.steps() == [3, 4, 5]


def test_a_step_is_written_once(five, tmp_path):
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    five.checkpoints.save()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == written


def data_file(tmp_path, number):
    (path,) = (tmp_path / f"step_0000000{number}").glob("variables.data*")
    return path


def truncate(tmp_path, number):
    path = data_file(tmp_path, number)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(tmp_path, number):
    path = data_file(tmp_path, number)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)


def empty_index(tmp_path, number):
    (tmp_path / f"step_0000000{number}" / "variables.index").write_bytes(b"")


def remove_data(tmp_path, number):
    data_file(tmp_path, number).unlink()


def cut_json(tmp_path, number):
    path = tmp_path / f"step_0000000{number}" / "state.json"
    path.write_text(path.read_text()[:-5])


def another_step(tmp_path, number):
    path = tmp_path / f"step_0000000{number}" / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "step": 77}))


def not_a_record(tmp_path, number):
    (tmp_path / f"step_0000000{number}" / "state.json").write_text("[]")


DAMAGES = [truncate, flip, empty_index, remove_data, cut_json, another_step, not_a_record]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_newest_checkpoint_is_said_and_the_one_before_it_used(five, damage, photos, tmp_path, capsys):
    damage(tmp_path, 5)
    model = vae()
    checkpoints = Checkpoints(model, tmp_path)
    assert checkpoints.restore() == 4
    (line,) = capsys.readouterr().out.splitlines()
    assert "step_00000005 is damaged (" in line and line.endswith("trying the one before it")
    assert model.digest() == five.digests[4]
    step(model, photos)
    checkpoints.save()  # over the damaged one
    assert model.digest() == five.digests[5]
    assert restore_latest(vae(), tmp_path) == 5


def test_two_damaged_ones_leave_the_third(five, tmp_path, capsys):
    truncate(tmp_path, 5)
    flip(tmp_path, 4)
    model = vae()
    assert restore_latest(model, tmp_path) == 3 and model.digest() == five.digests[3]
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_if_all_are_damaged_that_is_said(five, tmp_path):
    for number in (3, 4, 5):
        truncate(tmp_path, number)
    with pytest.raises(UserError, match="every checkpoint in .* is damaged; --resume=never starts again"):
        restore_latest(vae(), tmp_path)


def test_no_checkpoint_is_no_mistake(model, tmp_path):
    assert restore_latest(model, tmp_path) is None
    assert restore_latest(model, tmp_path / "none") is None


def test_what_a_kill_leaves_half_written_is_passed_over_and_cleared_away(five, model, photos, tmp_path):
    (tmp_path / ".step_00000006.partial").mkdir()
    (tmp_path / ".step_00000006.partial" / "variables.index").write_bytes(b"half")
    (tmp_path / "step_notes").mkdir()
    fresh = vae()
    checkpoints = Checkpoints(fresh, tmp_path)
    assert checkpoints.restore() == 5
    step(fresh, photos)
    checkpoints.save()
    assert checkpoints.steps() == [4, 5, 6]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_full_disk_is_said_and_the_earlier_checkpoints_stay(five, model, photos, tmp_path, monkeypatch):
    step(model, photos)
    full = tf.errors.ResourceExhaustedError(None, None, "No space left on device\nmore")
    writer = types.SimpleNamespace(write=lambda path: (_ for _ in ()).throw(full))
    monkeypatch.setattr(five.checkpoints, "_checkpoint", writer)
    with pytest.raises(UserError, match="No space left on device; .*free some space") as caught:
        five.checkpoints.save()
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_00000003", "step_00000004", "step_00000005"]
    monkeypatch.undo()
    five.checkpoints.save()
    assert five.checkpoints.steps() == [4, 5, 6]


def test_a_place_that_cannot_be_written_to_is_said(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        Checkpoints(model, tmp_path / "file" / "checkpoints").save()


def test_a_checkpoint_of_another_model_is_not_taken_for_this_one(five, tmp_path):
    other = tfgen.build_model("vae", SHAPE, network="dense", units=[7], latent_dim=2, ema=0.5)
    with pytest.raises(UserError):
        restore_latest(other, tmp_path)


# When they are written.


def saving_steps(count, per_epoch, clock=None, start=0, **options):
    """The steps at which a training of `count` steps from `start` saves."""
    saved = []
    model = types.SimpleNamespace(step=start)
    checkpoints = types.SimpleNamespace(save=lambda within_epoch: saved.append(model.step))
    callback = SaveCheckpoints(checkpoints, per_epoch, count, **options)
    callback.set_model(model)
    callback.on_train_begin()
    for number in range(start + 1, count + 1):
        model.step = number
        if clock:
            clock.now += 1.0
        callback.on_train_batch_end(number)
        if number % per_epoch == 0 or number == count:
            saved.append("epoch")
            callback.on_epoch_end(number // per_epoch)
    return saved


def test_by_default_they_are_written_at_each_epochs_end():
    assert saving_steps(12, 5) == ["epoch", 5, "epoch", 10, "epoch", 12]


def test_within_an_epoch_they_are_written_every_so_many_steps_since_the_last():
    assert saving_steps(11, 6, every=2) == [2, 4, "epoch", 6, 8, 10, "epoch", 11]
    # at an epoch's last step the row of history comes first
    assert saving_steps(10, 5, every=5) == ["epoch", 5, "epoch", 10]
    assert saving_steps(9, 5, every=1, start=3) == [4, "epoch", 5, 6, 7, 8, "epoch", 9]


def test_within_a_long_epoch_they_are_written_once_a_minute(monkeypatch):
    clock = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr("tfgen.training.checkpoints.time", types.SimpleNamespace(monotonic=lambda: clock.now))
    assert saving_steps(150, 100, clock) == [60, "epoch", 100, "epoch", 150]
    assert saving_steps(20, 100, clock, seconds=8.0) == [8, 16, "epoch", 20]


class Rows(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.rows = []

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append((epoch, logs))


@pytest.mark.plugins
def test_an_epoch_resumed_at_its_start_or_in_its_middle_has_the_means_of_one_never_interrupted(photos, tmp_path):
    images = photos(5 * BATCH, SHAPE)

    def train(model, first, last, *callbacks):
        rows = Rows()
        options = {"initial_epoch": first, "last_step": last, "verbose": 0, "callbacks": [rows, *callbacks]}
        model.fit_examples(model.as_examples(images), BATCH, 3, **options)
        return rows.rows

    whole = vae()
    expected = train(whole, 0, 13)
    assert [epoch for epoch, _ in expected] == [0, 1, 2]
    for stop in (5, 7):
        folder = tmp_path / str(stop)
        begun = vae()
        checkpoints = Checkpoints(begun, folder)
        train(begun, 0, stop, SaveCheckpoints(checkpoints, 5, 13, every=2))
        resumed = vae()
        assert restore_latest(resumed, folder) == stop
        assert train(resumed, 1, 13) == expected[1:]
        assert resumed.digest() == whole.digest()
    assert np.isfinite(expected[-1][1]["loss"])


@pytest.mark.parametrize("makes", [True, False])
def test_means_of_a_resumed_epoch_do_not_reach_the_next(makes):
    """`makes` is false where several workers train: a mean that no step takes up is then not of any row."""
    averages = Averages()
    averages.resume({"often": [6.0, 2.0], "once": [10.0, 1.0]})
    averages.reset(makes)
    assert float(averages.update("often", tf.constant(0.0))) == 2.0
    assert averages.seen() == ({"often": 2.0, "once": 10.0} if makes else {"often": 2.0})
    averages.reset(makes)
    assert averages.seen() == {}
    assert float(averages.update("once", tf.constant(4.0))) == 4.0
    assert averages.seen() == {"once": 4.0}
