"""Every form in which data come into a model passes the same checks, with the same sentences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import BATCH, CLASSES, SHAPE, ae, fitted, gan, labelled_gan, state, vae

from tfgen.data import rows
from tfgen.errors import UserError

COUNT = 3 * BATCH
X = np.random.default_rng(0).integers(0, 256, (COUNT, *SHAPE), dtype=np.uint8)
Y = np.arange(COUNT) % CLASSES


class Batches(keras.utils.PyDataset):
    """`x` and `y` in batches."""

    def __init__(self, x, y=None, form=lambda x, y: (x, y), **options):
        super().__init__(**options)
        self.parts = [form(x[i : i + BATCH], None if y is None else y[i : i + BATCH]) for i in range(0, len(x), BATCH)]

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, index):
        return self.parts[index]


def dataset(x, y, form=lambda x, y: (x, y)):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH).map(form)


def named(x, y):
    return {"image": x, "label": y}


def nested(x, y):
    return {"image": x}, y


# name -> f(model, x, y), each of which gives a model data in another way
TRAINING = {
    "arrays": lambda m, x, y: m.fit(x, y, batch_size=BATCH, verbose=0),
    "dict": lambda m, x, y: m.fit(named(x, y), batch_size=BATCH, verbose=0),
    "tuple": lambda m, x, y: m.fit((x, y), batch_size=BATCH, verbose=0),
    "lists": lambda m, x, y: m.fit(list(x), list(y), batch_size=BATCH, verbose=0),
    "tensors": lambda m, x, y: m.fit(tf.constant(x), tf.constant(y), batch_size=BATCH, verbose=0),
    "data set": lambda m, x, y: m.fit(dataset(x, y), verbose=0),
    "data set of dicts": lambda m, x, y: m.fit(dataset(x, y, named), verbose=0),
    "nested data set": lambda m, x, y: m.fit(dataset(x, y, nested), verbose=0),
    "PyDataset": lambda m, x, y: m.fit(Batches(x, y), verbose=0),
    "PyDataset of dicts": lambda m, x, y: m.fit(Batches(x, y, named), verbose=0),
    "PyDataset with workers": lambda m, x, y: m.fit(Batches(x, y, workers=2), verbose=0),
    "generator": lambda m, x, y: m.fit((batch for batch in Batches(x, y).parts), verbose=0),
    "generator of dicts": lambda m, x, y: m.fit(iter(Batches(x, y, named).parts), verbose=0),
    "train_on_batch": lambda m, x, y: m.train_on_batch(x, y),
}
VALIDATION = {
    "arrays": lambda x, y: (x, y),
    "dict": named,
    "data set": dataset,
    "PyDataset": Batches,
    "generator": lambda x, y: (batch for batch in Batches(x, y).parts),
}
DOORS = {
    **TRAINING,
    **{
        f"validation {name}": lambda m, x, y, form=form: m.fit(
            X[:BATCH], Y[:BATCH], batch_size=BATCH, validation_data=form(x, y), verbose=0
        )
        for name, form in VALIDATION.items()
    },
    "evaluate arrays": lambda m, x, y: m.evaluate(x, y, verbose=0),
    "evaluate data set": lambda m, x, y: m.evaluate(dataset(x, y), verbose=0),
    "evaluate PyDataset": lambda m, x, y: m.evaluate(Batches(x, y), verbose=0),
    "test_on_batch": lambda m, x, y: m.test_on_batch(x, y),
    "discriminate_images": lambda m, x, y: m.discriminate_images(x, y),
}


def with_pixel(value, dtype=np.float32):
    x = (X / 255.0).astype(dtype)
    x[COUNT - 1, 2, 3, 0] = value
    return x


FAULTS = {
    "bytes as floats": (X.astype(np.float32), Y, "float32 from .*: divide by 255"),
    "tanh": (X.astype(np.float32) / 127.5 - 1, Y, r"float32 from -.*: map them with \(x \+ 1\) / 2"),
    "overshoot": (with_pixel(1.003), Y, r"to 1.003: clip them with np.clip\(x, 0, 1\)"),
    "nan": (with_pixel(np.nan), Y, "image: expected finite pixels, got 1 NaN"),
    "integers": (X.astype(np.int32), Y, "expected uint8, or float in .0, 1., got int32"),
    "height": (X[:, 1:], Y, r"takes images of shape \(6, 5, 1\), got \(5, 5, 1\): resize them"),
    "one-hot": (X, np.eye(CLASSES)[Y], r"label: expected integers \[N\].*turn one-hot rows .*argmax\(-1\)"),
    "floats": (X, Y + 0.5, r"label: expected integers \[N\], got float64: class numbers"),
    "class": (X, np.where(np.arange(COUNT) == COUNT - 1, CLASSES, Y), "expected labels from 0 to 3, got"),
    "negative": (X, Y - 1, "label: expected labels from 0 to 3, got -1 to 2"),
}


@pytest.fixture(scope="module")
def model():
    """A conditional GAN that is never trained: nothing passes. Not compiled, so that nothing is traced."""
    made = labelled_gan()
    made.run_eagerly = True
    made.steps_per_execution = 1
    return made


EVERYWHERE = ("overshoot", "one-hot")
PAIRS = [(door, fault) for door in DOORS for fault in EVERYWHERE]
PAIRS += [(door, fault) for door in ("arrays", "data set", "generator") for fault in FAULTS if fault not in EVERYWHERE]


@pytest.mark.parametrize("door,fault", PAIRS)
def test_what_is_wrong_is_said_in_the_same_sentence_at_every_door(door, fault, model, monkeypatch):
    for name in ("train", "test"):  # sound batches before the wrong one do not count here
        monkeypatch.setattr(model, f"{name}_step", lambda data, *rest: {"loss": tf.constant(0.0)})
        monkeypatch.setattr(model, f"{name}_function", None)
    x, y, sentence = FAULTS[fault]
    with pytest.raises(UserError, match=sentence) as caught:
        DOORS[door](model, x, y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form,steps", [(dataset, 1), pytest.param(dataset, 4, marks=pytest.mark.slow), (Batches, 1)])
def test_a_wrong_batch_in_the_middle_leaves_what_the_batches_before_it_have_trained(form, steps):
    wrong = X / np.float32(255)
    wrong[2 * BATCH + 3, 0, 0, 0] = 255.0
    model, expected = labelled_gan(), labelled_gan()
    for made, images in ((model, wrong), (expected, wrong[: 2 * BATCH])):
        made.steps_per_execution = steps
        data = form(images, Y[: len(images)])
        if made is expected:
            made.fit(data, verbose=0, shuffle=False)
            continue
        with pytest.raises(UserError, match="image: expected uint8, or float in .*: divide by 255"):
            made.fit(data, verbose=0, shuffle=False)
    assert int(model.step) == 2 and model.digest() == expected.digest() and not model.non_finite_weights()


def unknown(x):
    batches = [x[i : i + BATCH] for i in range(0, len(x), BATCH)]
    spec = tf.TensorSpec([None, *SHAPE], tf.uint8)
    return tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=spec)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 4])
def test_a_data_set_of_unknown_length_counts_as_one_of_known_length(steps):
    x = X[: 2 * BATCH + 5]
    known, other = vae(), vae()
    histories = []
    for model, data in ((known, tf.data.Dataset.from_tensor_slices(x).batch(BATCH)), (other, unknown(x))):
        model.steps_per_execution = steps
        histories.append(model.fit(data, epochs=2, validation_data=unknown(x), verbose=0).history)
        assert int(model.step) == 6 and int(model.optimizers["elbo"].iterations) == 6
    assert known.digest() == other.digest()
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-6)


def test_all_forms_of_evaluation_give_the_same_means():
    model, x = vae(), X[: 2 * BATCH]
    forms = [x, {"image": x}, tf.data.Dataset.from_tensor_slices(x).batch(BATCH), unknown(x), Batches(x)]
    forms += [tf.constant(x), x / np.float32(255), model.as_examples(x)]
    values = [model.evaluate(form, batch_size=BATCH, verbose=0, return_dict=True) for form in forms]
    for found in values[1:]:
        assert found.keys() == values[0].keys()
        for name in found:
            np.testing.assert_allclose(found[name], values[0][name], rtol=1e-6)


def test_an_evaluation_is_the_mean_over_rows_not_over_batches():
    model, x = ae(), np.concatenate([X[:BATCH], 255 - X[:1]])  # the last batch, of one row, is unlike the others
    value = lambda rows: model.evaluate(rows, batch_size=BATCH, verbose=0, return_dict=True)["loss"]  # noqa: E731
    first, last = value(x[:BATCH]), value(x[BATCH:])
    assert abs(first - last) > 1e-3
    assert value(x) == pytest.approx((BATCH * first + last) / (BATCH + 1), rel=1e-6)


def test_so_is_an_epoch_on_batches_of_unequal_size():
    model, x = ae(), np.concatenate([X[:BATCH], 255 - X[:1]])
    model.compile(keras.optimizers.SGD(0.0))
    losses = [model.fit(dataset(rows, Y[: len(rows)]), verbose=0).history["loss"][0] for rows in (x, x[:BATCH])]
    together = model.evaluate(x, batch_size=len(x), verbose=0, return_dict=True)["loss"]
    assert losses[0] == pytest.approx(together, rel=1e-5) and losses[1] != pytest.approx(together, rel=1e-4)


def test_the_batches_of_an_evaluation_have_noise_of_their_own():
    model, same = vae(), np.repeat(X[:1], 3 * BATCH, axis=0)
    one, all_ = (model.evaluate(same[: size * BATCH], batch_size=BATCH, verbose=0, return_dict=True) for size in (1, 3))
    assert one["kl"] == pytest.approx(all_["kl"], rel=1e-6)  # of the same images, without noise
    assert abs(one["reconstruction"] - all_["reconstruction"]) > 1e-4  # two batches more, of other draws
    assert model.evaluate(same, batch_size=BATCH, verbose=0, return_dict=True) == all_


@pytest.mark.parametrize("make", [lambda: gan(discriminator_steps=2), lambda: gan(discriminator_steps=3)])
@pytest.mark.parametrize("rest", [1, 3])
def test_a_last_batch_that_is_too_small_for_a_step_is_left_out(make, rest):
    model, x = make(), X[: 2 * BATCH]
    model.run_eagerly = True
    model.fit(dataset(np.concatenate([x, x[:rest]]), np.zeros(len(x) + rest), lambda x, y: x), verbose=0)
    # batch normalisation needs two examples in each part
    assert int(model.step) == 2 + (rest >= 2 * model.parts) and not model.non_finite_weights()


def test_with_micro_batches_the_rest_that_makes_no_equal_ones_is_left_out():
    model = vae()
    model.compile(accumulate=4, run_eagerly=True)
    history = model.fit(tf.data.Dataset.from_tensor_slices(X[: BATCH + 6]).batch(BATCH), verbose=0).history
    assert int(model.step) == 2 and np.isfinite(history["loss"]).all()  # of 8, and of 4
    model.fit((X[i : i + n] for i, n in ((0, 8), (8, 3), (16, 8))), verbose=0)
    assert int(model.step) == 4
    with pytest.raises(UserError, match="accumulate=4 does not divide a batch of 6"):
        model.train_on_batch(X[:6])


def test_batches_that_are_all_too_small_are_said():
    model = gan(discriminator_steps=2)
    model.run_eagerly, model.steps_per_execution = True, 1
    small = [(X[i : i + 1],) for i in range(4)]
    for data in (tf.data.Dataset.from_tensor_slices(X[:4]).batch(1), iter(small)):
        with pytest.raises(UserError, match="one step takes at least 2 images .*, got a batch of 1: give larger ones"):
            model.fit(data, verbose=0)
    with pytest.raises(UserError, match="one step takes at least 2 images"):
        model.train_on_batch(X[:1])
    with pytest.raises(UserError, match="expected at least one batch"):
        model.fit(tf.data.Dataset.from_tensor_slices(X[:0]).batch(4), verbose=0)
    assert int(model.step) == 0


def test_a_generator_that_has_ended_is_said():
    model = ae()
    model.run_eagerly = True
    with pytest.raises(UserError, match="the generator has ended after 3 batches: for more of them give a keras.util"):
        model.fit(iter(Batches(X).parts), epochs=2, verbose=0)
    assert int(model.step) == 3
    model.fit(iter(Batches(X).parts), epochs=1, verbose=0)
    assert int(model.step) == 6


@pytest.mark.slow
def test_forms_of_one_data_set_train_the_same():
    digests = set()
    for form in (dataset, lambda x, y: dataset(x, y, nested), Batches, lambda x, y: iter(Batches(x, y, named).parts)):
        model = labelled_gan()
        model.run_eagerly = True
        model.fit(form(X, Y), shuffle=False, verbose=0)
        digests.add(model.digest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    "x,sentence",
    [
        (None, "expected arrays, a dict of them, .* got NoneType"),
        ("fashion_mnist", r'got str; a data set by name is load_dataset\(name\).splits\["train"\]'),
        (lambda: iter([X]), "got function; call the function first"),
        (3, "got int"),
    ],
)
def test_what_is_no_data_is_said(x, sentence):
    for call in (gan().fit, gan().evaluate):
        with pytest.raises(UserError, match=sentence):
            call(x, verbose=0)


def test_targets_that_are_the_images_are_left_out_and_others_refused():
    model = ae()
    model.run_eagerly = True
    model.fit(X, X, validation_data=(X, X), batch_size=BATCH, verbose=0)
    model.fit(X, X.copy(), batch_size=BATCH, verbose=0)
    model.fit(dataset(X, X), verbose=0)
    assert int(model.step) == 9
    for call in (
        lambda: model.fit(X, 255 - X, verbose=0),
        lambda: model.fit(X, validation_data=(X, 255 - X), verbose=0),
        lambda: model.fit(dataset(X, 255 - X), verbose=0),
        lambda: model.fit(Batches(X, X[:, ::-1]), verbose=0),
        lambda: model.evaluate(X, 255 - X, verbose=0),
        lambda: model.train_on_batch(X, 255 - X),
    ):
        with pytest.raises(UserError, match="the model takes only images, .* leave out y"):
            call()
    assert int(model.step) == 9


def test_a_fraction_is_held_out_as_keras_does():
    one, other = eager(vae()), eager(vae())
    split = one.fit(X, batch_size=BATCH, validation_split=0.25, verbose=0).history
    given = other.fit(X[:18], batch_size=BATCH, validation_data=X[18:], verbose=0).history
    assert split == given and one.digest() == other.digest() and "val_loss" in split
    for fraction in (1.0, -0.5, 2):
        with pytest.raises(UserError, match="validation_split=.* or validation_data"):
            one.fit(X, validation_split=fraction, verbose=0)
    with pytest.raises(UserError, match="give validation_data instead of validation_split"):
        one.fit(Batches(X), validation_split=0.25, verbose=0)


def eager(model):
    """The model without traces, which take longer than a few steps."""
    model.run_eagerly, model.steps_per_execution = True, 1
    return model


def stored(x, folder, mode):
    path = folder / f"{x.dtype}.npy"
    np.save(path, x)
    return np.load(path, mmap_mode=mode)


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_a_memory_map_is_used_in_place(mode, tmp_path):
    model, x = ae(), stored(X, tmp_path, mode)
    model.run_eagerly = True
    fitted(model, x, (1,))
    examples = model.as_examples(x)
    model.fit(examples, batch_size=BATCH, verbose=0)
    address = np.asarray(memoryview(examples.tensors["image"])).ctypes.data
    assert address == x.ctypes.data and int(model.step) == 6
    assert model.as_examples(x).arrays["image"].flags.writeable == x.flags.writeable


def test_parts_of_maps_and_other_dtypes_are_read_batch_by_batch(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    monkeypatch.setattr(rows, "READ_LIMIT", 100)
    expected = {"bytes": fitted(eager(ae()), X[1:], (1,)).digest()}
    floats = X.astype(np.float64)[1:] / 255
    expected["floats"] = fitted(eager(ae()), floats, (1,)).digest()
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["bytes"], file["floats"] = X[1:], floats
        given = [stored(X, tmp_path, "r")[1:], file["bytes"], file["floats"]]
        given.append(stored(np.concatenate([floats[:1], floats]), tmp_path, "r")[1:])
        for x, name in zip(given, ("bytes", "bytes", "floats", "floats"), strict=True):
            model = eager(ae())
            examples = model.as_examples(x)
            fitted(model, examples, (1,))
            assert examples.tensors == {} and model.digest() == expected[name]
        file["wrong"] = X.astype(np.float32)
        for call in (lambda: ae().fit(file["wrong"], verbose=0), lambda: ae().evaluate(file["wrong"], verbose=0)):
            with pytest.raises(UserError, match="float32 from 0 to 255: divide by 255"):
                call()


def test_a_small_array_of_a_file_is_read_at_once(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = X
        assert isinstance(ae().as_examples(file["x"]).arrays["image"], np.ndarray)


@pytest.mark.parametrize("call", ["encode", "encode_images", "reconstruct", "discriminate_images"])
def test_images_given_to_a_trained_model_are_bytes_or_floats_of_0_to_1(call):
    function = getattr(gan() if call == "discriminate_images" else vae(), call)
    taken = [tf.nest.flatten(function(x))[0] for x in (X, X / 255.0, (X / 255.0).astype(np.float32), tf.constant(X))]
    for found in taken[1:]:
        np.testing.assert_allclose(found, taken[0], atol=1e-5)
    for x, hint in (
        (X.astype(np.float32), "divide by 255"),
        (X / 127.5 - 1, r"\(x \+ 1\) / 2"),
        (X.astype(int), "int64"),
    ):
        with pytest.raises(UserError, match=f"image: expected uint8, or float in .*{hint}"):
            function(x)
    function(np.minimum(X, 1))  # a dark image is no fault


def test_the_state_of_a_model_that_was_refused_everything_has_not_changed():
    model = labelled_gan()
    model.run_eagerly, model.steps_per_execution = True, 1
    before = state(model)
    for door in ("arrays", "data set", "generator", "train_on_batch"):
        with pytest.raises(UserError):
            TRAINING[door](model, X, Y - 1)
    assert all(np.array_equal(before[name], value) for name, value in state(model).items())


class Endless(Batches):
    """Batches without a last one."""

    num_batches = None

    def __getitem__(self, index):
        return self.parts[0]


@pytest.mark.parametrize(
    "form", [lambda: tf.data.Dataset.from_tensor_slices(X).batch(BATCH).repeat(), lambda: Endless(X)]
)
def test_batches_without_end_need_a_number_of_steps(form):
    model = eager(ae())
    for call, name in (
        (lambda **given: model.fit(form(), verbose=0, **given), "steps_per_epoch"),
        (
            lambda **given: model.fit(X, batch_size=COUNT, validation_data=form(), verbose=0, **given),
            "validation_steps",
        ),
        (lambda **given: model.evaluate(form(), verbose=0, **given), "steps"),
        (lambda **given: model.predict(form(), **given), "steps"),
    ):
        with pytest.raises(UserError, match=f"never ends: give {name}, or leave out its .repeat"):
            call()
        call(**{name: 1})
    assert int(model.step) == 2


@pytest.mark.slow
def test_weights_of_examples_are_refused_wherever_they_come_in():
    weights, model = np.ones(COUNT, np.float32), labelled_gan()
    triple = tf.data.Dataset.from_tensor_slices((X, Y, weights)).batch(BATCH)
    for call in (
        lambda: model.fit(triple, verbose=0),
        lambda: model.fit((X, Y, weights), verbose=0),
        lambda: model.fit(iter([(X, Y, weights)]), verbose=0),
        lambda: model.fit(X, Y, validation_data=(X, Y, weights), verbose=0),
        lambda: ae().evaluate(triple, verbose=0),
    ):
        with pytest.raises(UserError, match="a generative model takes no 'sample_weight': leave it out"):
            call()
    assert set(model.named((X, Y, None))[0]) == {"image", "label"}


@pytest.mark.parametrize(
    "given,sentence",
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": -3}, "batch_size must be at least 1, got -3"),
        ({"batch_size": 2.5}, "batch_size must be an integer, got 2.5"),
        ({"steps_per_epoch": 0}, "steps_per_epoch must be at least 1, got 0"),
        ({"epochs": "2"}, "epochs must be an integer, got '2'"),
    ],
)
def test_numbers_of_a_fit_are_counts(given, sentence):
    with pytest.raises(UserError, match=sentence):
        ae().fit(X, verbose=0, **given)


def test_no_image_at_all_is_said():
    for call in (vae().encode, vae().reconstruct, gan().discriminate_images):
        with pytest.raises(UserError, match="image: expected at least one example, got none"):
            call(X[:0])


def test_images_of_several_shapes_are_no_targets():
    with pytest.raises(UserError, match=r"examples of one shape first, got \(4, 5, 1\) and \(6, 5, 1\)"):
        ae().fit([X[0], X[1][:4]], verbose=0)
    with pytest.raises(UserError, match=r"join the first two axes with x.reshape\(-1, 6, 5, 1\)"):
        ae().fit(X.reshape(2, -1, *SHAPE), verbose=0)
