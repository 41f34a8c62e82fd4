"""Gradient penalties against discriminators whose gradients are known."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import SHAPE as IMAGE
from factories import gan, generator
from keras import layers

from tfgen import penalties
from tfgen.errors import UserError
from tfgen.noise import Noise

SHAPE = (2, 3, 1)
SLOPE = np.array([1.0, -2.0, 2.0, 0.0, 4.0, 0.0], np.float32)  # |w| = 5
REAL = tf.constant(np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, *SHAPE))
FAKE = tf.constant(np.linspace(3, -2, 24, dtype=np.float32).reshape(4, *SHAPE))


def linear(images):
    """D(x) = w . x + 1: its gradient is w everywhere."""
    return tf.matmul(tf.reshape(images, [-1, 6]), SLOPE[:, None]) + 1.0


def bowl(images):
    """D(x) = |x|^2 / 2: its gradient at x is x."""
    return 0.5 * tf.reduce_sum(tf.square(images), axis=[1, 2, 3])[:, None]


def flat_discriminator():
    image = keras.Input(IMAGE, name="image")
    return keras.Model(image, layers.Dense(1)(layers.Flatten()(image)))


def noise():
    return Noise(0, 0, "test/")


def test_the_squared_gradient_norm_of_each_image():
    assert penalties.squared_gradient_norm(linear, REAL).numpy() == pytest.approx([25.0] * 4)
    norms = np.sum(np.square(REAL.numpy()).reshape(4, 6), axis=1)
    assert penalties.squared_gradient_norm(bowl, REAL).numpy() == pytest.approx(norms, rel=1e-6)


def test_r1_is_half_the_weight_times_the_mean_squared_norm_on_real_images():
    assert float(penalties.r1(2.0)(linear, REAL, FAKE, noise())) == pytest.approx(25.0)
    expected = 0.5 * 10.0 * np.mean(np.sum(np.square(REAL.numpy()).reshape(4, 6), axis=1))
    assert float(penalties.r1(10.0)(bowl, REAL, FAKE, noise())) == pytest.approx(expected, rel=1e-6)


def test_the_gradient_penalty_wants_a_norm_of_one():
    assert float(penalties.gradient_penalty(10.0)(linear, REAL, FAKE, noise())) == pytest.approx(10.0 * 16.0, rel=1e-5)
    unit = lambda images: linear(images) / 5.0  # noqa: E731
    assert float(penalties.gradient_penalty()(unit, REAL, FAKE, noise())) == pytest.approx(0.0, abs=1e-6)


def test_the_gradient_penalty_is_taken_on_the_line_from_fake_to_real_at_a_place_of_its_own_for_each_image():
    seen = []

    def spy(images):
        seen.append(images.numpy())
        return bowl(images)

    value = float(penalties.gradient_penalty(3.0)(spy, REAL, FAKE, noise()))
    (mixed,) = seen
    share = (mixed - FAKE.numpy()) / (REAL.numpy() - FAKE.numpy())
    assert np.ptp(share, axis=(1, 2, 3)) == pytest.approx(0.0, abs=1e-4)
    share = share.mean(axis=(1, 2, 3))
    assert ((share > 0) & (share < 1)).all() and len(set(share.round(3))) == 4
    norms = np.sqrt(np.sum(np.square(mixed).reshape(4, 6), axis=1))
    assert value == pytest.approx(3.0 * np.mean(np.square(norms - 1.0)), rel=1e-5)


def test_where_the_gradient_is_zero_the_penalty_can_still_be_differentiated():
    weight = tf.Variable(0.0)
    flat = lambda images: weight * linear(images)  # noqa: E731
    with tf.GradientTape() as tape:
        value = penalties.gradient_penalty(1.0)(flat, REAL, FAKE, noise())
    assert float(value) == pytest.approx(1.0, abs=1e-4)
    assert np.isfinite(float(tape.gradient(value, weight)))


def test_a_penalty_can_be_differentiated_by_the_weights_of_d():
    weight = tf.Variable(0.5)
    scaled = lambda images: weight * linear(images)  # noqa: E731
    with tf.GradientTape() as tape:
        value = penalties.r1(2.0)(scaled, REAL, FAKE, noise())
    # E|w g|^2 = 25 w^2, whose derivative is 50 w
    assert float(tape.gradient(value, weight)) == pytest.approx(25.0, rel=1e-6)
    weight.assign(0.4)
    with tf.GradientTape() as tape:
        value = penalties.gradient_penalty(1.0)(scaled, REAL, FAKE, noise())
    assert float(tape.gradient(value, weight)) == pytest.approx(2 * (5 * 0.4 - 1) * 5, rel=1e-5)


def test_r2_is_r1_on_generated_images():
    assert float(penalties.r2(2.0)(linear, REAL, FAKE, noise())) == pytest.approx(25.0)
    expected = 0.5 * 10.0 * np.mean(np.sum(np.square(FAKE.numpy()).reshape(4, 6), axis=1))
    assert float(penalties.r2(10.0)(bowl, REAL, FAKE, noise())) == pytest.approx(expected, rel=1e-6)


def test_dragan_wants_a_norm_of_one_near_real_images():
    assert float(penalties.dragan(10.0)(linear, REAL, FAKE, noise())) == pytest.approx(160.0, rel=1e-5)
    seen = []
    penalties.dragan(1.0, stddev=0.5)(
        lambda x: seen.append(x.numpy()) or bowl(x), *[tf.zeros([500, *SHAPE])] * 2, noise()
    )
    assert abs(seen[0].mean()) < 0.05 and seen[0].std() == pytest.approx(0.5, rel=0.05)
    still = float(penalties.dragan(3.0, stddev=0.0)(bowl, REAL, FAKE, noise()))
    norms = np.sqrt(np.sum(np.square(REAL.numpy()).reshape(4, 6), axis=1))
    assert still == pytest.approx(3.0 * np.mean(np.square(norms - 1.0)), rel=1e-5)


def total(images):
    """D(x) = the sum of all pixels."""
    return tf.reduce_sum(images, axis=[1, 2, 3])[:, None]


def test_consistency_is_the_squared_change_of_the_answer_under_a_shift():
    images = tf.ones([400, 8, 8, 1])
    assert float(penalties.consistency(10.0)(lambda x: 0.0 * total(x), images, images, noise())) == 0.0
    # shifts by -1, 0 or 1 in each axis hide a row or a column of ones: 64 - 56 = 8, and 64 - 49 = 15 for both
    changes = [64.0 - (8 - (i != 0)) * (8 - (j != 0)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    found = float(penalties.consistency(2.0)(total, images, 0.0 * images, noise()))
    assert found == pytest.approx(2.0 * np.mean(np.square(changes)), rel=0.1)
    both = float(penalties.consistency(2.0, fake_weight=1.0)(total, 0.0 * images, images, noise()))
    assert both == pytest.approx(np.mean(np.square(changes)), rel=0.1)
    both = float(penalties.consistency(2.0, fake_weight=1.0)(total, images, images, noise()))
    assert both == pytest.approx(3.0 * np.mean(np.square(changes)), rel=0.1)


def test_consistency_takes_answers_that_there_are():
    calls = []
    spy = lambda images: calls.append(1) or total(images)  # noqa: E731
    images = tf.ones([2, 8, 8, 1])
    penalties.consistency().of(penalties.Seen(spy, images, images, noise(), total(images), total(images)))
    assert len(calls) == 1


def test_lecam_pulls_answers_to_the_averages_of_the_other_side():
    states = {"anchor_real": tf.Variable(1.0), "anchor_fake": tf.Variable(-1.0)}
    variables = {name: types.SimpleNamespace(value=state) for name, state in states.items()}
    logits = tf.constant([[2.0], [4.0]]), tf.constant([[0.0], [-2.0]])
    assign = lambda state, value: state.value.assign(value)  # noqa: E731
    seen = penalties.Seen(linear, REAL, FAKE, noise(), *logits, states=variables, assign=assign)
    # a_R = (1 + 3) / 2 = 2, a_F = (-1 - 1) / 2 = -1; (3^2 + 5^2) / 2 + (2^2 + 4^2) / 2 = 17 + 10
    assert float(penalties.lecam(0.5, decay=0.5).of(seen)) == pytest.approx(0.5 * 27.0)
    assert [float(state) for state in states.values()] == [2.0, -1.0]


def lecam_seen(real, fake, **more):
    """(`Seen` of logits, states) with anchors of 1 and -1."""
    states = {"anchor_real": tf.Variable(1.0), "anchor_fake": tf.Variable(-1.0)}
    variables = {name: types.SimpleNamespace(value=state) for name, state in states.items()}
    assign = lambda state, value: state.value.assign(value)  # noqa: E731
    return penalties.Seen(linear, REAL, FAKE, noise(), real, fake, states=variables, assign=assign, **more), states


def test_lecams_averages_are_of_all_replicas_and_have_no_gradient():
    real, fake = tf.Variable([[2.0], [4.0]]), tf.Variable([[0.0], [-2.0]])
    seen, states = lecam_seen(real, fake, gather=lambda rows: tf.concat([rows, rows + 4.0], axis=0))
    with tf.GradientTape() as tape:
        value = penalties.lecam(1.0, decay=0.75).of(seen)
    # means of all rows: 5 and 1; a_R = 0.75 + 1.25 = 2, a_F = -0.75 + 0.25 = -0.5
    assert [float(state) for state in states.values()] == [2.0, -0.5]
    # 2 (D(x) - a_F) / 2 and 2 (D(G(z)) - a_R) / 2
    for gradient, expected in zip(tape.gradient(value, [real, fake]), ([2.5, 4.5], [-2.0, -4.0]), strict=True):
        np.testing.assert_allclose(gradient[:, 0], expected, rtol=1e-6)


def test_parts_of_a_total_have_noise_and_states_of_their_own():
    images = []
    spy = lambda x: images.append(x.numpy()) or linear(x)  # noqa: E731
    penalties.total(penalties.dragan(), penalties.dragan())(spy, REAL, FAKE, noise())
    assert not np.array_equal(*images)
    both = penalties.total(penalties.lecam(decay=0.5), penalties.lecam(decay=0.75))
    states = {name: tf.Variable(0.0) for name in both.states}
    variables = {name: types.SimpleNamespace(value=state) for name, state in states.items()}
    assign = lambda state, value: state.value.assign(value)  # noqa: E731
    logits = tf.constant([[4.0]]), tf.constant([[-8.0]])
    both.of(penalties.Seen(linear, REAL, FAKE, noise(), *logits, states=variables, assign=assign))
    found = {name: float(state) for name, state in states.items()}
    assert found == {"0_anchor_real": 2.0, "0_anchor_fake": -4.0, "1_anchor_real": 1.0, "1_anchor_fake": -2.0}


def test_consistency_moves_real_and_generated_images_apart():
    images, seen = tf.random.stateless_normal([50, 8, 8, 1], [1, 2]), []
    spy = lambda x: seen.append(x.numpy()) or total(x)  # noqa: E731
    penalties.consistency(1.0, 1.0).of(penalties.Seen(spy, images, images, noise(), total(images), total(images)))
    assert len(seen) == 2 and not np.array_equal(*seen)


def test_a_total_adds_its_parts_and_keeps_their_states_apart():
    both = penalties.total(penalties.r1(2.0), None, penalties.r2(4.0))
    assert float(both(linear, REAL, FAKE, noise())) == pytest.approx(25.0 + 50.0)
    assert penalties.total(None, penalties.r1()) == penalties.r1() and penalties.total(None) is None
    twice = penalties.total(penalties.lecam(), penalties.lecam(0.1))
    assert set(twice.states) == {f"{i}_anchor_{side}" for i in (0, 1) for side in ("real", "fake")} and twice.couples
    assert penalties.total(penalties.r1(every=4), penalties.r2(every=4)).every == 4
    with pytest.raises(UserError, match="need one value of every, got 1, 16"):
        penalties.total(penalties.r1(), penalties.r2(every=16))


def test_a_lazy_penalty_has_an_update_of_its_own_and_is_scaled(photos):
    model = gan(penalty=penalties.r1(2.0, every=4), nets=(lambda: generator(norm=False), flat_discriminator))
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    counts, logs = [], []
    for _ in range(5):
        phases = model.running_phases()
        counts.append([phase.name for phase in phases].count("penalty"))
        batch = {"image": tf.constant(photos(8, model.fields["image"].shape))}
        logs.append(model.train_step(batch, phases, averaged=False))
    assert counts == [1, 0, 0, 0, 1] and ["gradient_penalty" in row for row in logs] == [
        True,
        False,
        False,
        False,
        True,
    ]
    kernel = model.discriminator.layers[-1].get_weights()[0]
    # D is linear: its gradient is the kernel everywhere
    assert float(logs[0]["gradient_penalty"]) == pytest.approx(4 * 0.5 * 2.0 * np.sum(np.square(kernel)), rel=1e-5)


def test_a_lazy_penalty_stands_for_all_updates_of_d(photos):
    """In four steps of three updates there is one lazy penalty, and twelve others."""
    nets, found = (lambda: generator(norm=False), flat_discriminator), {}
    for every in (1, 4):
        model = gan(penalty=penalties.r1(2.0, every=every), nets=nets, discriminator_steps=3)
        terms = model.discriminator_terms if every == 1 else model.lazy_penalty_terms
        batch = model.as_batch({"image": photos(8, IMAGE)})
        found[every] = float(terms(batch, model.inference_step(noise()))["gradient_penalty"])
    assert found[4] == pytest.approx(12 * found[1], rel=1e-5)


@pytest.mark.parametrize(
    "penalty",
    [
        penalties.r1(3.0),
        penalties.gradient_penalty(7.0),
        penalties.r2(2.0, every=16),
        penalties.dragan(),
        penalties.consistency(1.0, 2.0),
        penalties.lecam(),
        penalties.total(penalties.r1(), penalties.lecam()),
    ],
    ids=str,
)
def test_a_penalty_survives_saving(penalty, round_trip):
    assert round_trip(penalty) == penalty
