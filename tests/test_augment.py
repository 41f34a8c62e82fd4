"""Differentiable augmentations."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import SHAPE, gan

from tfgen import augment
from tfgen.errors import UserError
from tfgen.noise import Noise

IMAGES = tf.constant(np.random.default_rng(0).uniform(-1, 1, (50, 8, 16, 2)).astype(np.float32))


def noise(step=0):
    return Noise(0, step, "augment/")


def test_instance_noise_adds_a_normal_number_to_every_pixel():
    added = (augment.instance_noise(0.3)(IMAGES, noise()) - IMAGES).numpy()
    assert abs(added.mean()) < 0.01 and added.std() == pytest.approx(0.3, rel=0.03)
    np.testing.assert_array_equal(augment.instance_noise(0.0)(IMAGES, noise()), IMAGES)


def shifted(image, rows, columns):
    """`image` seen from (rows, columns) on, zeros outside."""
    height, width = image.shape[:2]
    wide = np.pad(image, [(height, height), (width, width), (0, 0)])
    return wide[height + rows : 2 * height + rows, width + columns : 2 * width + columns]


def test_translation_shifts_each_image_by_up_to_a_fraction_of_its_size():
    moved = augment.translate(0.25)(IMAGES, noise()).numpy()
    found = []
    for before, after in zip(IMAGES.numpy(), moved, strict=True):
        shifts = [(r, c) for r in range(-2, 3) for c in range(-4, 5) if np.array_equal(shifted(before, r, c), after)]
        assert len(shifts) == 1
        found.append(shifts[0])
    rows, columns = np.array(found).T
    assert set(rows) == set(range(-2, 3)) and set(columns) == set(range(-4, 5))


def test_translation_passes_gradients_of_the_pixels_that_stay():
    with tf.GradientTape() as tape:
        tape.watch(IMAGES)
        total = tf.reduce_sum(augment.translate(0.25)(IMAGES, noise()))
    gradient = tape.gradient(total, IMAGES).numpy()
    assert set(np.unique(gradient)) == {0.0, 1.0}
    kept = IMAGES.numpy()[gradient == 1.0].sum(dtype=np.float64)
    assert kept == pytest.approx(float(total), abs=1e-2)


def test_color_moves_brightness_saturation_and_contrast_within_their_ranges():
    flat = tf.fill([2000, 2, 2, 3], 0.25)
    # a flat gray image has neither saturation nor contrast: brightness alone, U(-1/2, 1/2)
    change = (augment.color()(flat, noise()) - flat).numpy()
    assert np.ptp(change, axis=(1, 2, 3)).max() < 1e-6
    change = change[:, 0, 0, 0]
    assert change.min() > -0.5 and change.max() < 0.5 and change.std() == pytest.approx(12**-0.5, rel=0.05)
    # two gray halves: their distance times U(1/2, 3/2)
    halves = tf.concat([tf.zeros([2000, 1, 2, 3]), tf.ones([2000, 1, 2, 3])], axis=1)
    made = augment.color()(halves, noise()).numpy()
    contrast = made[:, 1, 0, 0] - made[:, 0, 0, 0]
    assert 0.5 <= contrast.min() < 0.52 and 1.48 < contrast.max() <= 1.5
    # red and green in each pixel: their distance times U(0, 2) times the contrast
    red = tf.tile(tf.constant([[[[1.0, 0.0, 0.5]]]]), [2000, 2, 2, 1])
    made = augment.color()(red, noise()).numpy()
    spread = (made[:, 0, 0, 0] - made[:, 0, 0, 1]) / contrast
    assert spread.min() > -1e-4 and spread.max() <= 2.0 and spread.mean() == pytest.approx(1.0, abs=0.05)
    np.testing.assert_allclose(augment.color(0.0)(IMAGES, noise()), IMAGES, atol=1e-6)


def test_cutout_hides_a_rectangle_at_any_place():
    ones = tf.ones([3000, 6, 10, 2])
    hidden = augment.cutout(0.5)(ones, noise()).numpy() == 0.0
    assert (hidden[..., 0] == hidden[..., 1]).all()
    rows, columns = hidden[..., 0].any(axis=2).sum(axis=1), hidden[..., 0].any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(hidden[..., 0].sum(axis=(1, 2)), rows * columns)
    # 3 of 6 rows about any of them (2 at an edge); 5 of 10 columns
    assert set(rows) == {2, 3} and set(columns) == {3, 4, 5}
    centre = hidden[:, 2:4, 4:6].mean()
    assert centre > hidden[:, 0, 0].mean() > 0


def test_mirror_exchanges_left_and_right_in_half_of_the_images():
    made, back = augment.mirror()(IMAGES, noise()).numpy(), IMAGES.numpy()[:, :, ::-1]
    same, mirrored = [(made == other).all(axis=(1, 2, 3)) for other in (IMAGES.numpy(), back)]
    assert (same ^ mirrored).all() and 10 < mirrored.sum() < 40


def test_diff_augment_is_a_chain_by_names():
    made = augment.diff_augment("color, cutout")
    assert made == augment.chain(augment.color(), augment.cutout())
    assert augment.diff_augment() == augment.chain(augment.color(), augment.translate(), augment.cutout())
    with pytest.raises(UserError, match="no policy 'colour'; did you mean 'color'"):
        augment.diff_augment("colour")


def test_a_share_of_the_images_is_shifted_and_the_others_are_as_they_were():
    images = tf.random.stateless_uniform([600, 8, 8, 1], [1, 2], 0.5, 1.0)
    made = augment.translate(0.125, 0.25)(images, noise()).numpy()
    kept = (made == images.numpy()).all(axis=(1, 2, 3))
    # of those that are shifted by up to one pixel each way, one of nine stays in its place
    assert kept.mean() == pytest.approx(1 - 0.25 * 8 / 9, abs=0.05)
    everywhere = augment.translate(0.125)(images, noise()).numpy()
    np.testing.assert_array_equal(made[~kept], everywhere[~kept])
    np.testing.assert_array_equal(augment.translate(0.125, 0.0)(images, noise()), images)


# Adaptive augmentation.


class State:
    def __init__(self, value):
        self.value = tf.constant(value)


def adapted(made, states, *observed, held_out=False):
    """The states after D's answers `observed`, columns of logits."""

    def assign(state, value):
        state.value = tf.convert_to_tensor(value)

    logits = [tf.constant(values)[:, None] for values in observed]
    if held_out:
        made.observe_held_out(*logits, states, assign)
    else:
        made.observe(*logits, tf.constant(0.0), states, assign)
    return {name: float(state.value) for name, state in states.items()}


def start(made):
    return {name: State(value) for name, value in made.states.items()}


def test_p_rises_while_d_takes_most_real_images_for_real_and_falls_else():
    made = augment.adaptive(0.1, images=40, most=0.3)
    states = start(made)
    # r = 1/4 sign mean = 0.25 (1 + 1 + 1 - 1) / 4 = 0.125 > 0.1; p += 4 / 40
    found = adapted(made, states, [1.0, 2.0, 0.5, -1.0], [0.0] * 4)
    assert found["overfitting"] == pytest.approx(0.125) and found["p"] == pytest.approx(0.1)
    for _ in range(3):
        found = adapted(made, states, [1.0] * 4, [0.0] * 4)
    assert found["p"] == pytest.approx(0.3)  # not above `most`
    for _ in range(9):
        found = adapted(made, states, [-1.0] * 4, [0.0] * 4)
    assert found["p"] == 0.0


def test_p_follows_the_held_out_images():
    made = augment.adaptive(0.1, images=10, drive="held_out")
    assert made.watches_held_out and augment.chain(made, augment.mirror()).watches_held_out
    states = start(made)
    found = adapted(made, states, [4.0, 4.0], [-4.0, -4.0])
    assert (found["p"], found["train"], found["fake"]) == (0.0, 1.0, -1.0)
    # r_v = (1 - 0) / (1 + 1) = 1/2, a quarter of it in the average
    found = adapted(made, states, [0.0, 0.0], held_out=True)
    # two of 10 images, in every fourth step
    assert found["overfitting"] == pytest.approx(0.125) and found["p"] == pytest.approx(0.8)


def test_p_falls_below_the_target_though_d_takes_all_real_images_for_real():
    made = augment.adaptive(0.6, images=40)
    states = {**start(made), "p": State(0.5)}
    # r = 0.25 after one batch, 0.4375 after two, 0.578, then 0.684 > 0.6
    found = [adapted(made, states, [1.0] * 4, [0.0] * 4)["p"] for _ in range(4)]
    assert found == pytest.approx([0.4, 0.3, 0.2, 0.3])


def test_held_out_images_move_p_by_no_more_than_a_unit_where_d_does_not_tell_the_sides_apart():
    made = augment.adaptive(0.1, images=10, drive="held_out")
    for side in (-1.0, 1.0):  # both averages are 0: their difference divides nothing
        found = adapted(made, start(made), [side, side], held_out=True)
        assert found["overfitting"] == pytest.approx(-0.25 * side)
    assert adapted(made, start(made), [0.0, 0.0], held_out=True)["overfitting"] == 0.0
    # D takes generated images for more real than training images, and these for more real than held-out ones
    states = {**start(made), "train": State(-1.0), "fake": State(1.0)}
    assert adapted(made, states, [-2.0], held_out=True)["overfitting"] == pytest.approx(0.25)


def test_each_step_has_a_coin_of_its_own():
    made = augment.adaptive(policy="color,cutout").at({"p": State(0.5)})
    after = made(tf.ones([600, 4, 4, 1]), noise()).numpy()
    coloured, cut = (after.max(axis=(1, 2, 3)) != 1.0), (after == 0.0).any(axis=(1, 2, 3))
    for one, other in ((coloured, cut), (coloured, ~cut), (~coloured, cut), (~coloured, ~cut)):
        assert (one & other).mean() == pytest.approx(0.25, abs=0.08)


def test_each_step_is_applied_with_the_probability_that_the_state_has():
    made = augment.adaptive(policy="mirror,cutout")
    none = made.at({"p": State(0.0)})(IMAGES, noise())
    np.testing.assert_array_equal(none, IMAGES)
    np.testing.assert_array_equal(made(IMAGES, noise()), IMAGES)  # as it begins
    ones = tf.ones([2000, 8, 8, 1])
    changed = (made.at({"p": State(0.25)})(ones, noise()).numpy() == 0).any(axis=(1, 2, 3)).mean()
    assert changed == pytest.approx(0.25, abs=0.04)
    with pytest.raises(UserError, match="drive is train or held_out, got 'test'"):
        augment.adaptive(drive="test")


@pytest.mark.parametrize(
    "drive", [pytest.param("train", marks=pytest.mark.slow), pytest.param("held_out", marks=pytest.mark.plugins)]
)
def test_a_model_keeps_p_in_its_checkpoint_and_file(drive, photos, tmp_path):
    made = augment.chain(augment.adaptive(0.0, images=100, drive=drive, policy="translation"), augment.instance_noise())
    model = gan(augment=made)
    model.fit(photos(32, SHAPE), batch_size=8, epochs=1, verbose=0, validation_data=photos(16, SHAPE))
    p = float(model.states["augment_0_p"].value)
    assert p > 0.0 or drive == "train"
    assert "state/augment_0_p/0000" in model.state()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.digest() == model.digest() and float(loaded.states["augment_0_p"].value) == p
    with pytest.raises(UserError, match="this augmentation follows means over the whole batch"):
        model.compile(accumulate=2)


MAKERS = [augment.instance_noise, augment.translate, augment.color, augment.cutout, augment.mirror]


@pytest.mark.parametrize("make", MAKERS)
def test_the_same_step_augments_alike_and_the_next_one_anew(make):
    first = make()(IMAGES, noise()).numpy()
    np.testing.assert_array_equal(first, make()(IMAGES, noise()))
    assert not np.array_equal(first, make()(IMAGES, noise(1)))


def test_a_chain_applies_its_steps_in_order_each_with_its_own_noise():
    first, second = augment.translate(0.25), augment.instance_noise(0.5)
    both = augment.chain(first, None, second)
    expected = second(first(IMAGES, noise().scope("0")), noise().scope("1"))
    np.testing.assert_array_equal(both(IMAGES, noise()), expected)
    twice = augment.chain(second, second)(IMAGES, noise()) - IMAGES
    assert np.std(twice) == pytest.approx(0.5 * np.sqrt(2.0), rel=0.03)


def test_a_chain_of_one_or_none_is_no_chain():
    assert augment.chain(None, augment.translate()) == augment.translate()
    assert augment.chain(None) is None


@pytest.mark.parametrize(
    "value",
    [
        augment.instance_noise(0.2),
        augment.translate(0.3),
        augment.chain(augment.instance_noise(), augment.translate()),
        augment.diff_augment(),
        augment.adaptive(0.5, drive="held_out"),
    ],
    ids=str,
)
def test_an_augmentation_survives_saving(value, round_trip):
    assert round_trip(value) == value
