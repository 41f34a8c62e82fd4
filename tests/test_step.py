"""Step: in which mode networks run, what is made once, and rows gathered over replicas, against plain tapes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import VECTORS, Phased, group, network, phased, same, state, vectors

from tfgen.errors import UserError
from tfgen.networks.seeding import seeded
from tfgen.noise import Noise
from tfgen.training.phases import Phase
from tfgen.training.step import Step, added

BATCH = 8
X = vectors(BATCH) / 8.0
RATES = {"a": 0.05, "b": 0.02}


def frozen_model(seen, accumulate=1):
    """Trains `a` on the outputs of `c`, which no phase trains; `seen` gets what `c` gave."""

    def terms(batch, step):
        made = step.run("c", batch)
        seen.append(made)
        return {"loss": tf.reduce_mean(tf.square(step.run("a", batch) - made))}

    with seeded(0):
        networks = {"a": network("a"), "c": network("c")}
        model = Phased(networks, lambda model: [Phase("a", ("a",), "a", terms)])
        model.compile(accumulate=accumulate)
    return model


def in_inference_mode(model, x):
    return model.networks["c"](x, training=False)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_network_that_no_phase_trains_runs_in_inference_mode(accumulate):
    seen = []
    model = frozen_model(seen, accumulate)
    before, expected = state(model), in_inference_mode(model, X)
    model.train_step({"x": tf.constant(X)})
    np.testing.assert_allclose(tf.concat(seen, axis=0), expected, atol=1e-6)
    assert same(group(before, "network/c"), group(state(model), "network/c"))
    assert not np.allclose(expected, model.networks["c"](X, training=True))  # batch norm and dropout would be seen


def test_a_probing_step_runs_as_in_training_and_changes_nothing():
    model = phased(compiled={"run_eagerly": True})
    before = state(model)
    step = model.probing_step(Noise(0, 0))
    first, again = (step.run("a", {"x": tf.constant(X)}).numpy() for _ in range(2))
    assert not np.allclose(first, model.networks["a"](X, training=False))
    np.testing.assert_array_equal(first, again)
    assert same(before, state(model))


def test_a_step_below_a_name_shares_its_logs_and_has_noise_of_its_own():
    step = Step({}, Noise(0, 3, "p/"), tf.constant(3, tf.int64))
    below = step.scope("q")
    below.log("n", tf.constant(1.0))
    np.testing.assert_array_equal(below.noise.normal("x", [2]), Noise(0, 3, "p/q/").normal("x", [2]))
    assert list(step.logs) == ["n"] and int(below.index) == 3


def test_gradients_are_added_of_whatever_kind():
    slices = tf.IndexedSlices(tf.constant([2.0]), tf.constant([1]), dense_shape=tf.constant([3]))
    assert added(None, None) is None
    assert added(slices, None) is slices
    assert added(slices, tf.constant([1.0, 1.0, 1.0])).numpy().tolist() == [1.0, 3.0, 1.0]


# What a step makes once.


def losses(name, h, head):
    """The loss of a phase, from the shared codes h [B, 3] and its head."""
    return tf.reduce_mean(tf.square(head(h) - (1.0 if name == "a" else -2.0)))


def sharing(calls, apart=False, **compiled):
    """Phases `a` and `b` train the encoder `e` with a head each, on codes made once per step, or `apart` by each."""

    def terms_of(name):
        def terms(batch, step):
            def make():
                calls.append(name)
                return step.run("e", batch)

            h = make() if apart else step.once("h", make)
            return {f"{name}_loss": losses(name, h, lambda h: step.run(name, {"x": h}))}

        return terms

    def phases_of(model):
        return [Phase(name, ("e", name), name, terms_of(name)) for name in "ab"]

    with seeded(0):
        networks = {"e": network("e", 3), **{name: network(name, norm=False, width=3) for name in "ab"}}
        model = Phased(networks, phases_of, fields=VECTORS)
        model.compile(*(keras.optimizers.SGD(rate) for rate in RATES.values()), **compiled)
    return model


def by_hand():
    """The networks after one step, by one persistent tape over the encoder and plain updates; and both losses."""
    model, found = sharing([]), {}
    encoder = model.networks["e"].trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        h = model.networks["e"](X, training=True)
        for name in "ab":  # `b` after the update of `a`, of which its head does not depend
            found[name] = losses(name, h, model.networks[name])
    for name in "ab":
        variables = [*encoder, *model.networks[name].trainable_variables]
        for variable, slope in zip(variables, tape.gradient(found[name], [v.value for v in variables]), strict=True):
            variable.assign_sub(RATES[name] * slope)
    return model, {f"{name}_loss": float(value) for name, value in found.items()}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_gradients_flow_through_what_is_made_once_into_every_phase_that_trains_it(compiled):
    calls = []
    model, (expected, expected_losses) = sharing(calls), by_hand()
    step = tf.function(model.train_step, autograph=False) if compiled else model.train_step
    logs = step({"x": tf.constant(X)})
    assert calls == ["a"], "once, by the first phase"
    assert {name: float(value) for name, value in logs.items()} == pytest.approx(expected_losses, rel=1e-5)
    after = state(model)
    for name, value in group(state(expected), "network/").items():  # batch statistics and dropout's state among them
        np.testing.assert_allclose(after[name], value, atol=1e-6, err_msg=name)
    assert not np.allclose(after["network/e/0000"], state(sharing([]))["network/e/0000"], atol=1e-4)


def test_made_once_is_not_made_by_each_phase():
    calls = []
    shared, apart = sharing([]), sharing(calls, apart=True)
    for model in (shared, apart):
        model.train_step({"x": tf.constant(X)})
    assert calls == ["a", "b"]
    assert not np.allclose(shared.networks["e"].weights[0], apart.networks["e"].weights[0], atol=1e-6)


def test_what_a_phase_makes_that_does_not_train_it_moves_the_batch_statistics_all_the_same():
    def terms_of(name):
        def terms(batch, step):
            h = step.once("h", lambda: step.run("e", batch))
            return {f"{name}_loss": losses(name, h, lambda h: step.run("b", {"x": h}))}

        return terms

    def phases_of(model):
        return [Phase("a", ("b",), "a", terms_of("a")), Phase("b", ("e",), "b", terms_of("b"))]

    with seeded(0):
        networks = {"e": network("e", 3), "b": network("b", norm=False, width=3)}
        model = Phased(networks, phases_of)
        model.compile(*(keras.optimizers.SGD(rate) for rate in RATES.values()))
    expected = keras.models.clone_model(model.networks["e"])
    expected.set_weights(model.networks["e"].get_weights())
    expected(X, training=True)
    model.train_step({"x": tf.constant(X)})
    found, wanted = (net.layers[2] for net in (model.networks["e"], expected))
    np.testing.assert_allclose(found.moving_mean, wanted.moving_mean, atol=1e-6)
    assert np.abs(wanted.moving_mean).max() > 1e-3
    assert not np.allclose(model.networks["e"].layers[1].kernel, expected.layers[1].kernel), "and `b` trains it"


def test_what_is_made_once_is_made_anew_in_the_next_step_and_in_an_evaluation():
    calls = []
    model = sharing(calls)
    for _ in range(3):
        model.train_step({"x": tf.constant(X)})
    assert calls == ["a"] * 3
    before = model.digest()
    model.test_step({"x": tf.constant(X)})
    assert model.digest() == before


# Rows of a batch that need each other.


def coupled(terms, **compiled):
    with seeded(0):
        model = Phased({"a": network("a", 3)}, lambda model: [Phase("a", ("a",), "a", terms)])
        model.compile(keras.optimizers.SGD(0.1), **compiled)
    return model


def gathered(batch, step):
    rows = step.gather(step.run("a", batch))
    return {"loss": tf.reduce_mean(tf.square(rows - tf.reduce_mean(rows, axis=0)))}


def once(batch, step):
    return {"loss": tf.reduce_mean(step.once("made", lambda: step.run("a", batch)))}


@pytest.mark.parametrize(
    "terms,sentence",
    [
        (gathered, "this model's terms couple all rows of a batch, and accumulate=2 shows them a part at a time"),
        (once, "'made' is made once for the whole batch, which accumulate=2 is to avoid: leave one of the two out"),
    ],
)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_what_needs_the_whole_batch_is_refused_where_it_is_accumulated(terms, sentence, compiled):
    model = coupled(terms, accumulate=2)
    with pytest.raises(UserError) as caught:
        if compiled:
            model.fit({"x": X}, batch_size=BATCH, verbose=0)
        else:
            model.train_step({"x": tf.constant(X)})
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_of_one_replica_the_rows_are_the_batch():
    step = Step({}, Noise(0, 0), tf.constant(0, tf.int64))
    rows = tf.constant(X)
    assert step.gather(rows) is rows
