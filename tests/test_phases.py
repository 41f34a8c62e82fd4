"""Phases: in which steps they run, on which examples, in stages, and what does not change meanwhile."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import fitted, group, own_phase, phased, same, state, vectors

import tfgen
from tfgen.data.pipeline import step_indexed
from tfgen.errors import UserError
from tfgen.models import MODELS
from tfgen.noise import stream_key
from tfgen.runs.job import set_up
from tfgen.runs.layout import Layout
from tfgen.training.checkpoints import Checkpoints
from tfgen.training.phases import Phase, check_stages, parse_stages, running, spans, updates_of

BATCH = 4
X = vectors(5 * BATCH)  # five steps an epoch


def train(model, x=X, steps=10, **options):
    """Trains to step `steps`."""
    epochs = -(-steps // (len(x) // BATCH))
    return model.fit_examples(model.as_examples({"x": x}), BATCH, epochs, last_step=steps, verbose=0, **options)


class States(keras.callbacks.Callback):
    """Keeps the state after every call of the graph."""

    def on_train_begin(self, logs=None):
        self.seen = [state(self.model)]

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(state(self.model))


def moves(states, prefix):
    """Numbers of the steps that changed a variable whose name begins so."""
    pairs = zip(states[:-1], states[1:], strict=True)
    return [step for step, (a, b) in enumerate(pairs) if not same(group(a, prefix), group(b, prefix))]


# When a phase runs.


@pytest.mark.parametrize(
    "window,steps",
    [
        ({"begins": 2, "ends": 9, "every": 3}, [3, 6]),
        *(
            pytest.param(window, steps, marks=pytest.mark.slow)
            for window, steps in [
                ({}, range(10)),
                ({"begins": 3}, range(3, 10)),
                ({"ends": 4}, range(4)),
                ({"every": 3}, [0, 3, 6, 9]),
                ({"begins": 12}, []),
            ]
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_phase_moves_its_network_in_its_steps_alone(window, steps):
    model = phased(
        lambda model: [own_phase(model, "a"), own_phase(model, "b", **window)],
        compiled={"run_eagerly": True},
        ema=0.5,
        averaged=("a", "b"),
    )
    states = States()
    train(model, callbacks=[states])
    assert moves(states.seen, "network/a") == list(range(10))
    for prefix in ("network/b", "average/b", "optimizer/b"):
        assert moves(states.seen, prefix) == list(steps), prefix
    assert int(model.optimizers["b"].iterations) == updates_of("b", model.phases, (), 10) == len(steps)
    assert [step for step in range(10) if model.phases[1].runs_at(step)] == list(steps)


def test_a_compiled_step_is_traced_once_for_each_set_of_phases(monkeypatch):
    model = phased(lambda model: [own_phase(model, "a"), own_phase(model, "b", every=2, ends=6)])
    traced = []
    monkeypatch.setattr(model, "after_update", lambda phase: traced.append(phase.name))
    train(model)
    assert traced == ["a", "b", "a"], "once with both, once with `a` alone"
    assert int(model.optimizers["a"].iterations) == 10 and int(model.optimizers["b"].iterations) == 3
    assert [phase.name for phase in model.current_phases()] == ["a"]


@pytest.mark.parametrize("begins,ends,every", [(None, None, 1), (3, None, 2), (0, 7, 3), (5, 5, 1), (6, 20, 4)])
def test_steps_are_counted_as_they_run(begins, ends, every):
    phase = Phase("a", terms=dict, begins=begins, ends=ends, every=every)
    for first, end in ((0, 12), (4, 9), (7, 7)):
        assert phase.count(first, end) == sum(phase.runs_at(step) for step in range(first, end))


@pytest.mark.parametrize(
    "settings,sentence",
    [
        ({"terms": None}, "the phase 'p' needs terms"),
        ({"split": "test"}, "split of the phase 'p' is train or validation, got 'test'"),
        ({"every": 0}, "steps and every of the phase 'p' must be at least 1"),
        ({"steps": 0}, "steps and every"),
        ({"trains": ("a",)}, "the phase 'p' trains a, but names no optimizer"),
    ],
)
def test_mistakes_in_a_phase_are_said(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        Phase("p", **{"terms": dict, **settings})


# Held-out examples.

HELD_OUT = vectors(12, first=1000.0)


def on_held_out(steps=1, seen=None):
    """A model whose phase `b` runs on held-out examples; `seen` gets the first column of every batch by phase."""
    seen = {"a": [], "b": []} if seen is None else seen

    def phases_of(model):
        def noting(phase):
            def terms(batch, step):
                seen[phase.name].append(batch["x"].numpy()[:, 0])
                return phase.terms(batch, step)

            return Phase(phase.name, phase.trains, phase.optimizer, terms, phase.steps, split=phase.split)

        return [
            noting(own_phase(model, "a", steps=steps)),
            noting(own_phase(model, "b", split="validation")),
        ]

    return phased(phases_of, compiled={"run_eagerly": True}), seen


@pytest.mark.parametrize("steps", [1, 2])
def test_a_phase_on_held_out_examples_sees_these_alone_in_an_order_of_their_own(steps):
    model, seen = on_held_out(steps)
    train(model, vectors(40), steps=3, held_out=model.as_examples({"x": HELD_OUT}))
    order = {"batch_size": BATCH, "seed": stream_key(0, "order of held-out examples"), "position": 0, "batches": 3}
    expected = [batch["x"][:, 0] for batch in step_indexed({"x": HELD_OUT}, **order).as_numpy_iterator()]
    np.testing.assert_array_equal(seen["b"], expected)
    np.testing.assert_array_equal(np.sort(np.ravel(seen["b"])), HELD_OUT[:, 0])
    assert len(seen["a"]) == 3 * steps and np.max(seen["a"]) < 1000.0
    assert int(model.optimizers["b"].iterations) == 3


def test_validation_data_are_the_held_out_examples_of_fit():
    model, seen = on_held_out()
    logs = model.fit({"x": X}, batch_size=BATCH, steps_per_epoch=2, validation_data={"x": HELD_OUT}, verbose=0).history
    # two steps, then Keras evaluates all phases on them in their own order
    assert np.concatenate(seen["b"][:2]).min() >= 1000.0 > np.concatenate(seen["a"][:2]).max()
    np.testing.assert_array_equal(np.concatenate(seen["b"][2:]), HELD_OUT[:, 0])
    assert {"a_loss", "b_loss", "val_a_loss", "val_b_loss"} <= logs.keys()


def held_out_order(calls, x=X):
    """What phase `b` sees in six steps, trained in these calls of fit."""
    model, seen = on_held_out()
    for steps in calls:
        train(model, x, steps, held_out=model.as_examples({"x": HELD_OUT}))
    return np.array(seen["b"]), np.array(seen["a"])


@pytest.mark.slow
def test_held_out_examples_go_on_by_the_step_whatever_the_training_examples():
    held_out, trained = held_out_order([6])
    assert held_out.shape == (6, BATCH)
    np.testing.assert_array_equal(held_out_order([2, 6])[0], held_out)
    np.testing.assert_array_equal(held_out_order([6], vectors(8 * BATCH))[0], held_out)
    assert not np.array_equal(held_out[:3] - 1000.0, trained[:3])


@pytest.mark.parametrize("given,got", [({}, 0), ({"validation_data": {"x": HELD_OUT[:3]}}, 3)])
def test_a_phase_on_held_out_examples_needs_a_batch_of_them(given, got):
    model, _ = on_held_out()
    with pytest.raises(UserError, match=f"phase 'b' of .* batches of 4 held-out examples, got {got}: give validation"):
        model.fit({"x": X}, batch_size=BATCH, verbose=0, **given)
    batches = tf.data.Dataset.from_tensor_slices({"x": X}).batch(BATCH)
    with pytest.raises(UserError, match="has a phase on held-out examples: give fit arrays, and validation_data"):
        model.fit(batches, validation_data=batches, verbose=0)
    assert int(model.step) == 0


# Stages.

AVERAGED = {"ema": 0.5, "averaged": ("a", "b")}


def staged(**compiled):
    return phased(compiled={"stages": "a:3,b", **compiled}, **AVERAGED)


def test_what_a_stage_does_not_train_stays_the_same_to_the_bit():
    model, states = staged(steps_per_execution=1), States()
    train(model, callbacks=[states])
    for kind in ("network", "average", "optimizer"):  # weights, batch statistics, dropout masks, averages, slots
        assert moves(states.seen, f"{kind}/a") == [0, 1, 2], kind
        assert moves(states.seen, f"{kind}/b") == list(range(3, 10)), kind
    assert int(model.optimizers["a"].iterations) == updates_of("a", model.phases, model.stages, 10) == 3
    assert int(model.optimizers["b"].iterations) == updates_of("b", model.phases, model.stages, 10) == 7


def test_what_else_is_called_on_a_model_takes_no_step_of_the_epoch_away():
    def model():
        return phased(lambda m: [own_phase(m, "a", every=2), own_phase(m, "b")], compiled={"steps_per_execution": 2})

    class Evaluates(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate({"x": X[:BATCH]}, verbose=0)

    plain, watched = model(), model()
    train(plain)
    train(watched, callbacks=[Evaluates()])
    assert int(watched.step) == 10 and watched.digest() == plain.digest()
    plain.train_on_batch({"x": X[:BATCH]})
    assert int(plain.step) == 11, "one batch, one step"


@pytest.fixture(scope="module")
def course():
    """Ten steps over the stages, three and seven, and their digest and history."""
    model = staged(steps_per_execution=1)
    history = train(model).history
    return types.SimpleNamespace(digest=model.digest(), history=history)


def test_several_steps_an_execution_cross_a_stages_end(course):
    model = staged(steps_per_execution=4)
    assert train(model).history == course.history
    assert model.digest() == course.digest


def test_the_means_of_an_epoch_are_over_the_steps_in_which_the_phase_ran(course):
    # an epoch is five steps: a in 0, 1, 2; b in 3, 4 | 5, ..., 9
    assert course.history["at_a"] == [1.0]
    assert course.history["at_b"] == [3.5, 7.0]


@pytest.mark.parametrize("stop", [2, 3, 5])
def test_a_run_killed_before_at_or_after_a_stages_end_goes_on_to_the_same_bits(stop, course, tmp_path):
    killed = staged(steps_per_execution=1)
    train(killed, steps=stop)
    Checkpoints(killed, tmp_path).save(within_epoch=stop % 5 != 0)
    fresh = staged(steps_per_execution=4)
    assert Checkpoints(fresh, tmp_path).restore() == stop
    history = train(fresh, initial_epoch=stop // 5).history
    assert fresh.digest() == course.digest
    # the means of the epoch in which it was killed are those over all of its steps, of phases that are over too
    rest = {name: values[-1:] for name, values in course.history.items() if not name.startswith(("a_", "at_a"))}
    assert history == (rest if stop == 5 else course.history)


def test_the_stages_are_saved_with_the_model_and_all_phases_are_one_stage():
    assert staged().get_compile_config()["stages"] == [[["a"], 3], [["b"], None]]
    together = phased(compiled={"stages": "a+b", "run_eagerly": True}, **AVERAGED)
    plain = phased(compiled={"run_eagerly": True}, **AVERAGED)
    assert fitted(together, {"x": X}).digest() == fitted(plain, {"x": X}).digest()


def test_stages_are_read_and_run_in_their_order():
    stages = parse_stages("a:1000, b+c:20 ,d")
    assert stages == ((("a",), 1000), (("b", "c"), 20), (("d",), None)) == parse_stages([[n, s] for n, s in stages])
    assert parse_stages(None) == ()
    assert spans(stages, 1500) == [(("a",), 0, 1000), (("b", "c"), 1000, 1020), (("d",), 1020, 1500)]
    assert spans(stages, 10) == [(("a",), 0, 10), (("b", "c"), 10, 10), (("d",), 10, 10)]
    assert spans((), 5) == [(None, 0, 5)]
    assert spans(parse_stages("a:3"), 5) == [(("a",), 0, 5)], "the last goes on to the end"
    phases = [Phase(name, terms=dict, every=2 if name == "c" else 1) for name in "abcd"]
    names = {
        step: "".join(phase.name for phase in running(phases, stages, step)) for step in (0, 999, 1000, 1001, 1020)
    }
    assert names == {0: "a", 999: "a", 1000: "bc", 1001: "b", 1020: "d"}


@pytest.mark.parametrize(
    "stages,sentence",
    [
        ("", "stages expects phases with their steps, such as autoencoder:1000,flow, got ''"),
        ("a,b", "only the last stage may leave out its steps; write a:1000"),
        ("a:x,b", "got 'a:x' in 'a:x,b'"),
        ("a:0,b", "got 'a:0' in 'a:0,b'"),
        ("a:3,b:-1", "got 'b:-1' in 'a:3,b:-1'"),
        (3, "stages are phases with their steps, such as autoencoder:1000,flow, got 3"),
        ([(("a",), 0), (("b",), None)], "stages are phases with their steps"),
        ([(("a",), None), (("b",), None)], "stages are phases with their steps"),
    ],
)
def test_stages_of_another_form_are_refused(stages, sentence):
    with pytest.raises(UserError, match=sentence):
        parse_stages(stages)


def test_a_stage_of_no_phase_is_refused():
    with pytest.raises(UserError, match="has no phase 'c'; it has a, b"):
        phased(compiled={"stages": "a:3,c"})
    with pytest.raises(UserError, match="m has no phase 'flw'; did you mean 'flow'"):
        check_stages(parse_stages("flw"), [Phase("flow", terms=dict)], "m")


# Schedules.


def test_a_schedule_is_applied_once_to_an_optimizer_of_two_phases(tmp_path, monkeypatch):
    @keras.saving.register_keras_serializable(package="test_phases")
    def phases_of(model):
        return [Phase(name, (name,), "a", own_phase(model, name).terms) for name in "ab"]

    def build(fields, *, seed: int = 0):
        return phased(phases_of, seed=seed, optimizers=[keras.optimizers.SGD(0.5)], name="shared_optimizer")

    monkeypatch.setattr(MODELS, "_registered", dict(MODELS._registered))
    MODELS.register("shared_optimizer")(build)
    monkeypatch.setattr("tfgen.runs.job.load_dataset", lambda *args, **kwargs: vector_source(40))
    recipe = tfgen.Recipe("shared_optimizer", "vectors", batch_size=BATCH, steps=20, schedule="cosine")
    _, _, model, total = set_up(recipe, Layout(tmp_path / "run"), "auto", None)
    optimizer = model.optimizers["a"]
    assert total == 20 and updates_of("a", model.phases, (), total) == 40
    rates = []
    for update in (0, 20, 40):
        optimizer.iterations.assign(update)
        rates.append(float(optimizer.learning_rate))
    assert rates == pytest.approx([0.5, 0.25, 0.0], abs=1e-6)


def vector_source(count):
    examples = phased().as_examples({"x": vectors(count)})
    return tfgen.data.Source("vectors", examples.fields(), {"train": examples})


@pytest.mark.parametrize(
    "terms,sentence",
    [
        (lambda batch, step: {"l": batch["x"][:, 0]}, r"the term 'l' of the phase 'a' must be a scalar, got shape"),
        (lambda batch, step: tf.reduce_mean(batch["x"]), "must be a dict name -> scalar, got"),
        (lambda batch, step: {}, "must be a dict name -> scalar, got none"),
        (lambda batch, step: {"l": tf.reduce_mean(batch["x"])}, "the terms of the phase 'a' do not depend on a"),
        (lambda batch, step: {"l": step.run("bb", batch)}, "step.run: the model has no network 'bb'"),
    ],
)
def test_terms_that_are_no_loss_are_said(terms, sentence):
    model = phased(lambda model: [Phase("a", ("a",), "a", terms)])
    with pytest.raises(UserError, match=sentence):
        train(model)


@pytest.mark.parametrize(
    "phases,sentence",
    [
        ([Phase("p", ("aa",), "a", dict)], "the phase 'p' of .* names the network 'aa'; did you mean 'a'"),
        ([Phase("p", ("a",), "z", dict)], "names the optimizer 'z'"),
        ([Phase("p", terms=dict), Phase("p", terms=dict)], "two phases of .* are called 'p'"),
    ],
)
def test_names_of_phases_are_checked_when_a_model_is_compiled(phases, sentence):
    with pytest.raises(UserError, match=sentence):
        phased(lambda model: phases)


def test_steps_in_which_no_phase_runs_are_counted():
    model = phased(lambda model: [own_phase(model, "a", every=2)])
    train(model)
    assert int(model.step) == 10 and int(model.optimizers["a"].iterations) == 5
