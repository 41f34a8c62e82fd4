"""`fit`: on which data it trains, the same bits every time, and what it refuses."""

import contextlib
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import BATCH, CLASSES, SHAPE, changed, fitted, gan, labelled_gan, rewind, state, step, vae, weights

from tfgen.errors import UserError
from tfgen.training.epochs import epoch_segments


@pytest.fixture(scope="module")
def images():
    """43 images: five steps of 8 an epoch, and a rest that is left out."""
    return np.random.default_rng(0).integers(0, 256, (43, *SHAPE), dtype=np.uint8)


@pytest.fixture(scope="module")
def course(images):
    """A GAN after two epochs of five steps, and its state before and after."""
    model = gan()
    start = state(model)
    fitted(model, images)
    return types.SimpleNamespace(model=model, start=start, end=state(model), digest=model.digest())


@pytest.fixture(scope="module")
def trained(course):
    """The model of `course`; not to be trained further."""
    return course.model


@pytest.fixture
def fresh(course):
    """The model of `course` at its start: compiling a training step anew takes seconds."""
    rewind(course.model, course.start)
    yield course.model
    rewind(course.model, course.end)


def test_two_fits_of_one_epoch_are_one_fit_of_two(course, fresh, images):
    assert fresh.digest() == gan().digest() != course.digest
    fitted(fresh, images, epochs=(1, 1))
    assert int(fresh.step) == 10 and fresh.digest() == course.digest


def test_another_seed_is_another_model_and_another_course(photos):
    one, same, other = gan(), gan(), gan(seed=1)
    assert one.digest() == same.digest() != other.digest()
    rewind(other, state(one))
    for model in (one, same, other):
        step(model, photos)
    assert one.digest() == same.digest() != other.digest()


@pytest.mark.slow
def test_images_as_floats_train_to_the_same_bits_as_bytes(course, images):
    assert fitted(gan(), images.astype(np.float32) / 255.0).digest() == course.digest


@pytest.mark.parametrize("steps", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_several_steps_an_execution_are_the_same_steps(course, images, steps):
    model = gan()
    assert model.steps_per_execution == 16  # the default of dense networks
    model.steps_per_execution = steps
    assert fitted(model, images).digest() == course.digest


@pytest.mark.parametrize("steps", [1, 4])
def test_a_step_is_traced_once(steps, images, monkeypatch):
    model, traced = gan(), []
    monkeypatch.setattr(model, "after_update", lambda phase: traced.append(phase.name))
    model.steps_per_execution = steps
    model.fit(images, batch_size=BATCH, epochs=2, verbose=0)
    assert traced == ["discriminator", "generator"] and int(model.step) == 10


def test_a_compiled_step_is_the_plain_one_up_to_rounding(fresh, images):
    plain = gan()
    plain.run_eagerly = True
    for model in (plain, fresh):
        model.fit_examples(model.as_examples(images), BATCH, 1, last_step=3, verbose=0)
    for mine, its in zip(plain.generator.get_weights(), fresh.generator.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-4)


class Events(keras.callbacks.Callback):
    def __init__(self, stop_after=None):
        super().__init__()
        self.seen, self.stop_after = [], stop_after

    def on_train_begin(self, logs=None):
        self.seen.append("begin")

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append("step")
        if int(self.model.step) == self.stop_after:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.last_logs = logs

    def on_train_end(self, logs=None):
        self.seen.append("end")


@pytest.mark.plugins
def test_a_training_stopped_within_an_epoch_goes_on_there_and_ends_on_the_same_bits(course, images):
    model, first, second = gan(), Events(stop_after=3), Events()
    model.steps_per_execution = 1  # a callback sees every step
    fitted(model, images, callbacks=[first])
    assert first.seen == ["begin", 0, "step", "step", "step", "end"] and int(model.step) == 3
    examples = model.as_examples(images)
    model.fit_examples(examples, BATCH, 2, initial_epoch=0, last_step=9, verbose=0, callbacks=[second])
    assert second.seen == ["begin", 0, "step", "step", 1, *["step"] * 4, "end"] and int(model.step) == 9
    third = Events()
    history = model.fit_examples(examples, BATCH, 2, initial_epoch=1, verbose=0, callbacks=[third])
    assert third.seen == ["begin", 1, "step", "end"]
    assert model.digest() == course.digest
    assert history.epoch == [1] and set(history.history) == set(third.last_logs)
    # nothing is left to do: no step, and still a history
    history = model.fit_examples(examples, BATCH, 2, initial_epoch=2, verbose=0, callbacks=[Events()])
    assert history.history == {} and int(model.step) == 10


def test_history_has_a_row_for_each_epoch_over_segments_of_unequal_length(images):
    model = vae(keras.optimizers.Adam(1e-2))
    model.fit(images, batch_size=BATCH, epochs=1, steps_per_epoch=3, verbose=0)
    history = model.fit(images, batch_size=BATCH, epochs=3, verbose=0)  # 2 steps, then 5, then 5
    assert int(model.step) == 15 and history.epoch == [0, 1, 2]
    assert {name: len(values) for name, values in history.history.items()} == {"loss": 3, "reconstruction": 3, "kl": 3}
    for row in zip(*(history.history[name] for name in ("loss", "reconstruction", "kl")), strict=True):
        assert row[0] == pytest.approx(row[1] + row[2], rel=1e-5)


@pytest.mark.parametrize(
    "arguments,expected",
    [
        ((0, 5, 0, 2), [(0, 2, 5)]),
        ((10, 5, 0, 1), [(0, 1, 5)]),
        ((3, 5, 0, 1), [(0, 1, 2)]),
        ((3, 5, 0, 3), [(0, 1, 2), (1, 3, 5)]),
        ((13, 5, 2, 4), [(2, 3, 2), (3, 4, 5)]),
        ((0, 5, 0, 3, 7), [(0, 1, 5), (1, 2, 2)]),
        ((3, 5, 0, 3, 4), [(0, 1, 1)]),
        ((3, 5, 0, 3, 8), [(0, 1, 2), (1, 2, 3)]),
        ((3, 5, 0, 9, 5), [(0, 1, 2)]),
        ((0, 5, 0, 2, 99), [(0, 2, 5)]),
        ((7, 5, 1, 3, 7), []),
        ((8, 5, 1, 3, 6), []),
        ((5, 5, 1, 1), []),
        ((0, 5, 0, 0), []),
        ((3, 5, 0, 2, None, False), [(0, 2, 5)]),
    ],
)
def test_the_runs_of_equally_long_epochs(arguments, expected):
    assert list(epoch_segments(*arguments)) == expected


def test_evaluate_gives_the_terms_and_changes_nothing(trained, images):
    before = trained.digest()
    first, again = (trained.evaluate(images, batch_size=BATCH, verbose=0, return_dict=True) for _ in range(2))
    assert set(first) == {"discriminator_loss", "generator_loss", "real_score", "fake_score"}
    assert first == again and all(np.isfinite(value) for value in first.values())
    assert trained.digest() == before


def test_validation_data_are_evaluated_at_each_epochs_end(images):
    model = vae()
    history = model.fit(images, batch_size=BATCH, epochs=2, validation_data=(images[:8],), verbose=0).history
    assert {name: len(values) for name, values in history.items()} == dict.fromkeys(
        ["loss", "reconstruction", "kl", "val_loss", "val_reconstruction", "val_kl"], 2
    )


def test_a_data_set_is_used_as_given(images):
    batches = tf.data.Dataset.from_tensor_slices(images).batch(2 * BATCH, drop_remainder=True)
    model = gan(discriminator_steps=2)
    model.run_eagerly = True
    model.fit(batches.map(lambda image: {"image": image}), epochs=1, verbose=0)
    assert int(model.step) == 2 and int(model.optimizers["discriminator"].iterations) == 4
    with pytest.raises(UserError, match="got float32 from 0 to 255: divide by 255, or convert them"):
        model.fit(batches.map(lambda image: tf.cast(image, tf.float32)), verbose=0)
    with pytest.raises(UserError, match=r"uint8, or float in \[0, 1\], got int32"):
        model.fit(batches.map(lambda image: tf.cast(image, tf.int32)), verbose=0)
    with pytest.raises(UserError, match=r"takes images of shape \(6, 5, 1\), got \(5, 5, 1\)"):
        model.fit(batches.map(lambda image: image[:, 1:]), verbose=0)
    with pytest.raises(UserError, match="one step takes at least 2 images .*, got a batch of 1"):
        model.fit(batches.map(lambda image: image[:1]), verbose=0)


def test_labels_come_as_a_second_array_a_dict_or_a_data_set(images):
    labels = np.arange(len(images)) % CLASSES
    model, rows = labelled_gan(), np.arange(5)
    assert model.num_classes == CLASSES and model.conditions == ("label",)
    for examples in (
        model.as_examples(images, labels),
        model.as_examples({"image": images, "label": labels[:, None].astype(np.int32)}),
    ):
        np.testing.assert_array_equal(examples.gather(rows)["image"], images[:5])
        np.testing.assert_array_equal(examples.gather(rows)["label"], labels[:5])
    model.run_eagerly = True
    model.fit(tf.data.Dataset.from_tensor_slices((images, labels)).batch(BATCH, drop_remainder=True).take(1), verbose=0)
    expected = labelled_gan()
    expected.train_step({"label": tf.constant(labels[:BATCH]), "image": tf.constant(images[:BATCH])})
    assert model.digest() == expected.digest()


# Mistakes.

FLOATS = np.zeros((BATCH, *SHAPE), np.float32)


@pytest.mark.parametrize(
    "x,sentence",
    [
        (FLOATS + 255.0, r"float in \[0, 1\], got float32 from 255 to 255"),
        (FLOATS - 0.5, r"float in \[0, 1\], got float32 from -0.5"),
        (np.where(np.arange(5)[:, None] == 2, np.nan, FLOATS), "NaN"),
        (FLOATS.astype(np.int32), "int32"),
        (FLOATS[:, 1:], r"takes images of shape \(6, 5, 1\), got \(5, 5, 1\)"),
        (np.zeros((BATCH, 6, 5, 3), np.uint8), r"takes images of shape \(6, 5, 1\), got \(6, 5, 3\)"),
        (FLOATS[0, :, :, 0], r"of shape \(6, 5, 1\), got an array \(6, 5\): give a single image its batch axis"),
        (FLOATS[:5], "one step takes 8 images, got only 5; lower batch_size"),
        ({"label": np.zeros(BATCH, int)}, "is trained on image, but 'image' is missing: got label"),
        ({"img": FLOATS}, "is trained on image, but 'image' is missing: got img"),
    ],
    ids=["bytes as floats", "tanh range", "nan", "int32", "height", "channels", "one image", "few", "label", "img"],
)
def test_wrong_images_are_refused_in_one_sentence(x, sentence):
    model = gan()
    with pytest.raises(UserError, match=sentence) as caught:
        model.fit(x, batch_size=BATCH, verbose=0)
    assert "\n" not in str(caught.value) and int(model.step) == 0


@pytest.mark.parametrize(
    "y,sentence",
    [
        (None, "labelled is trained on image and label, but 'label' is missing"),
        (np.full(BATCH, CLASSES), r"labels from 0 to 3, got 4"),
        (np.full(BATCH, -1), "labels"),
        (np.zeros(BATCH), "integers"),
        (np.zeros(BATCH - 1, int), "7"),
        (np.zeros((BATCH, CLASSES), int), "argmax"),
    ],
    ids=["missing", "too high", "negative", "float", "fewer", "one-hot"],
)
def test_wrong_labels_are_refused_in_one_sentence(y, sentence):
    model = labelled_gan()
    with pytest.raises(UserError, match=sentence) as caught:
        model.fit(FLOATS, y, batch_size=BATCH, verbose=0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", [{"sample_weight": np.ones(BATCH)}, {"class_weight": {0: 1.0}}])
def test_what_a_generative_model_cannot_use_is_refused(option):
    with pytest.raises(UserError, match=f"takes no '{next(iter(option))}'"):
        gan().fit(FLOATS, batch_size=BATCH, verbose=0, **option)


def test_an_order_of_arrays_cannot_be_given():
    with pytest.raises(UserError, match="draws the order of arrays from the seed and the step: leave out shuffle"):
        gan().fit(FLOATS, batch_size=BATCH, verbose=0, shuffle=False)


def test_a_missing_field_is_named_with_the_nearest(photos):
    with pytest.raises(UserError, match="'image' is missing: got imag; rename 'imag' to 'image'"):
        gan().train_step({"imag": tf.constant(photos(BATCH, SHAPE))})


def test_after_a_step_that_failed_the_networks_are_used_in_inference_mode_again(photos):
    model = gan()

    def fail(batch, step):
        raise RuntimeError

    model.generator_terms = fail
    with contextlib.suppress(RuntimeError):
        step(model, photos)
    before = weights(model.discriminator)
    model.discriminate_images(tf.zeros([BATCH, *SHAPE]))
    assert changed(before, model.discriminator) == set()


@pytest.mark.parametrize(
    "make,sentence",
    [
        (lambda: gan(discriminator_steps=0), "discriminator_steps must be at least 1, got 0"),
        (lambda: gan(ema=1.0), r"ema must lie in \[0, 1\), got 1.0"),
        (lambda: vae(samples=0), "samples must be at least 1, got 0"),
    ],
)
def test_mistakes_in_a_model_are_said(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()
