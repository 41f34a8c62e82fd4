"""What users of Keras do with any model: callbacks, `compile`, `predict`, saving, and a second `fit`."""

import copy
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import BATCH, SHAPE, ae, gan, generator, labelled_gan, vae

import tfgen
from tfgen import keras_names, penalties, priors
from tfgen.errors import UserError
from tfgen.machine.precision import using as precision
from tfgen.optimizers.rates import complaints, has_ended
from tfgen.training.epochs import Place, fingerprint

STEPS = 5


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (STEPS * BATCH + 3, *SHAPE), dtype=np.uint8)


def eager(model):
    model.run_eagerly = True
    model.steps_per_execution = 1
    return model


def rates(model):
    return [float(optimizer.learning_rate) for optimizer in model.optimizers.values()]


def fit(model, x, epochs=1, **options):
    """The number of steps that a fit has trained."""
    before = int(model.step)
    model.fit(x, batch_size=options.pop("batch_size", BATCH), epochs=epochs, verbose=0, **options)
    return int(model.step) - before


# Names.


def test_every_class_that_a_file_can_name_has_a_stand_in():
    keras_names.import_classes()
    registered = keras.saving.get_custom_objects()
    classes = {value for name, value in registered.items() if name.startswith("tfgen>") and isinstance(value, type)}
    classes = {value for value in classes if value.__module__.split(".")[0] == "tfgen"}  # not those of other tests
    named = {getattr(sys.modules[module], name) for module, names in keras_names.CLASSES.items() for name in names}
    assert classes == named


LOADING = """
import sys
{}
assert not [name for name in sys.modules if name.startswith("tfgen.families")]
import numpy as np
for name in ("gan", "vae"):
    model = keras.saving.load_model(name + ".keras")
    assert (model.sample(3) == np.load(name + ".npy")).all()
penalty = keras.saving.deserialize_keras_object(
    {{"module": None, "class_name": "R1", "config": {{"weight": 2.0}}, "registered_name": "tfgen>R1"}}
)
print(type(model.optimizers["elbo"]).__name__, penalty.weight)
"""


slow = pytest.mark.slow
ORDERS = ["import tfgen; import keras", "import keras, tfgen", "import tensorflow, tfgen, keras"]


@pytest.mark.slow
@pytest.mark.parametrize("first", ORDERS)
def test_a_new_process_loads_a_model_after_the_import_of_tfgen_alone(first, tmp_path, monkeypatch):
    parts = {"prior": priors.normal(), "penalty": penalties.r1(2.0), "loss": tfgen.losses.hinge}
    for name, model in ("gan", gan(**parts)), ("vae", vae(tfgen.make_optimizer("adam"))):
        model.save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.npy", model.sample(3))
    done = subprocess.run([sys.executable, "-c", LOADING.format(first)], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["FusedAdam", "2.0"], done.stderr[-500:]


def test_public_names_alone_are_listed_and_the_nearest_is_named():
    assert dir(tfgen) == sorted(tfgen.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'laod_run'; did you mean 'load_run'"):
        _ = tfgen.laod_run
    namespace = {}
    exec("from tfgen import *", namespace)
    assert namespace["losses"] is tfgen.losses


# Optimizers and Keras' callbacks.


def test_callbacks_scale_and_set_the_rates_of_all_optimizers(images):
    model = eager(gan([keras.optimizers.SGD(0.004), keras.optimizers.SGD(0.001)]))
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="generator_loss", patience=1, factor=0.5, min_delta=1e9)
    history = model.fit(images, batch_size=BATCH, epochs=2, steps_per_epoch=1, verbose=0, callbacks=[plateau]).history
    assert rates(model) == pytest.approx([0.002, 0.0005])
    assert history["learning_rate_generator"] == pytest.approx([0.004, 0.004])
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / (epoch + 1))
    fit(model, images, 2, steps_per_epoch=1, callbacks=[schedule])
    assert rates(model) == pytest.approx([0.001, 0.00025])
    fit(model, images, steps_per_epoch=1, callbacks=keras.callbacks.LearningRateScheduler(lambda epoch: 0.01))
    assert rates(model) == pytest.approx([0.01, 0.01])


def test_one_optimizer_is_seen_as_keras_has_it(images):
    model = eager(vae(keras.optimizers.SGD(0.01)))
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    history = model.fit(images, batch_size=BATCH, steps_per_epoch=1, verbose=0, callbacks=[schedule]).history
    assert history["learning_rate"] == pytest.approx([0.005]) and rates(model) == pytest.approx([0.005])
    model.optimizer.learning_rate = 0.25
    assert rates(model) == [0.25] and model.optimizer.name == "elbo" and int(model.optimizer.iterations) == 1


def test_a_callback_that_knows_one_rate_keeps_the_ratio_of_two():
    model = gan([keras.optimizers.SGD(0.004), keras.optimizers.SGD(0.001)])
    model.optimizer.learning_rate = 0.5 * float(model.optimizer.learning_rate)
    assert rates(model) == pytest.approx([0.002, 0.0005])
    model.optimizer.optimizers[1].learning_rate = 0.125
    assert rates(model) == pytest.approx([0.002, 0.125]) and model.optimizer.built


@pytest.mark.parametrize(
    "callback,sentence",
    [
        (
            keras.callbacks.ReduceLROnPlateau("loss"),
            "'elbo' follows a schedule .CosineD",
        ),
        (
            keras.callbacks.LearningRateScheduler(lambda epoch: 0.1),
            "follows a schedule .* compile the model w",
        ),
        (keras.callbacks.SwapEMAWeights(), "leave it out, and give the model ema=0.999"),
        ("early", "callbacks are objects of keras.callbacks.Callback, got 'early'"),
    ],
    ids=["plateau", "scheduler", "ema", "text"],
)
def test_callbacks_that_cannot_work_are_said_before_the_first_step(callback, sentence, images):
    model = vae(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 100)))
    for x in images, tf.data.Dataset.from_tensor_slices(images).batch(BATCH):
        with pytest.raises(UserError, match=sentence) as caught:
            model.fit(x, verbose=0, callbacks=[callback])
        assert "\n" not in str(caught.value) and int(model.step) == 0
    with pytest.raises(UserError, match="follows a schedule"):
        model.optimizer.learning_rate = 0.1


def test_training_ends_at_any_loss_that_is_not_finite(images):
    stop = keras.callbacks.TerminateOnNaN()
    model = eager(gan([keras.optimizers.SGD(1e30), keras.optimizers.SGD(1e30)]))
    assert fit(model, images, 9, callbacks=[stop]) < 5
    batches = tf.data.Dataset.from_tensor_slices(images).batch(BATCH, drop_remainder=True)
    assert fit(model, batches, 9, batch_size=None, callbacks=[stop]) == 1
    with pytest.raises(RuntimeError, match="NaN or Inf loss"):
        fit(model, images, callbacks=[keras.callbacks.TerminateOnNaN(raise_error=True)])
    assert fit(eager(gan()), images, callbacks=[stop]) == STEPS


def test_the_best_weights_are_restored_and_the_step_goes_on(images):
    model, kept = eager(vae(keras.optimizers.SGD(1e-3))), []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    stop = keras.callbacks.EarlyStopping("loss", min_delta=1e9, patience=2, restore_best_weights=True, mode="min")
    assert fit(model, images, 9, callbacks=[keep, stop]) == 3 * STEPS
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), kept[0], strict=True))
    assert len(kept) == 3 and not any(weight is model.step for weight in model.weights)


@pytest.mark.slow
def test_files_of_keras_callbacks_are_written_and_read(images, tmp_path):
    model = eager(gan())
    weights, best, log = tmp_path / "w{epoch}.weights.h5", tmp_path / "best.keras", tmp_path / "log.csv"
    callbacks = [
        keras.callbacks.ModelCheckpoint(weights, save_weights_only=True),
        keras.callbacks.ModelCheckpoint(best, monitor="generator_loss", save_best_only=True),
        keras.callbacks.CSVLogger(log),
    ]
    fit(model, images, 2, callbacks=callbacks)
    other = gan(seed=1)
    other.load_weights(tmp_path / "w2.weights.h5")
    assert int(other.step) == 10
    np.testing.assert_array_equal(other.sample(2), model.sample(2))
    assert keras.saving.load_model(best).step.numpy() in (5, 10)
    assert log.read_text().splitlines()[0].startswith("epoch,discriminator_loss") and len(log.read_text().split()) == 3


class Killed(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step) == self.step:
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("every,step", [(2, 8), pytest.param("epoch", 8, marks=slow), pytest.param(3, 11, marks=slow)])
def test_a_training_that_keras_backs_up_goes_on_to_the_same_bits(every, step, images, tmp_path):
    expected, model, again = eager(gan()), eager(gan()), eager(gan())
    fit(expected, images, 3)
    backup = lambda: keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=every)  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        fit(model, images, 3, callbacks=[backup(), Killed(step)])
    fit(again, images, 3, callbacks=[backup()])
    assert int(again.step) == 3 * STEPS and again.digest() == expected.digest()
    assert fit(again, images) == STEPS  # the next fit is not one that goes on from a backup


def test_one_optimizer_for_both_networks_becomes_two_of_its_settings(images):
    adam = keras.optimizers.Adam(3e-4, beta_1=0.25)
    model = eager(gan())
    model.compile(adam, adam, run_eagerly=True)
    one, two = model.optimizers.values()
    assert one is not two and not adam.built and one.beta_1 == two.beta_1 == 0.25
    assert fit(model, images) == STEPS and int(one.iterations) == int(two.iterations) == STEPS
    model.compile("sgd", "sgd")
    assert len({id(optimizer) for optimizer in model.optimizers.values()}) == 2


def test_optimizers_that_cannot_be_used_are_said():
    adam = keras.optimizers.Adam()
    first, second = vae(adam), vae()
    for model in second, gan():
        with pytest.raises(UserError, match="holds the state of other networks: give a new one, as in"):
            model.compile(adam)
    first.compile(adam)  # its own again
    for given in "adamm", 0.1, keras.losses.MeanSquaredError():
        with pytest.raises(UserError, match="an optimizer is one of keras.optimizers, or its name such as 'adam', got"):
            second.compile(given)
    with pytest.raises(UserError, match="losses are not scaled here: give the optimizer within"):
        second.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()))
    with precision("mixed_float16"), pytest.raises(UserError, match="of encoder computes in float16, for which"):
        vae().compile()
    with pytest.raises(UserError, match="has the loss of its phases: leave loss out of compile"):
        second.compile("adam", loss="mse")
    with pytest.warns(UserWarning, match="use_ema of the optimizer .* has no effect here: .* ema=0.999"):
        second.compile(keras.optimizers.Adam(use_ema=True))


def test_a_frozen_network_is_said_and_a_frozen_layer_stays_as_it_is(images):
    model = gan()
    model.discriminator.trainable = False
    with pytest.raises(UserError, match="has trainable=False, and a phase .* set discriminator.trainable"):
        model.compile()
    model.discriminator.trainable = True
    layer = next(layer for layer in model.generator.layers if layer.weights)
    layer.trainable = False
    model.compile(run_eagerly=True)
    before = layer.get_weights()
    fit(model, images)
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))


def test_compiled_again_a_model_goes_on_with_its_weights_and_its_step(images):
    model = eager(vae(keras.optimizers.SGD(0.01)))
    fit(model, images)
    before, step = model.get_weights(), int(model.step)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    assert fit(model, images) == STEPS and int(model.step) == step + STEPS
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_two_models_share_a_network(images):
    shared = generator()
    one, two = (tfgen.AdversarialModel(shared, gan().discriminator, latent_dim=3) for _ in range(2))
    for model in one, two, one:
        if not model.compiled:
            model.compile(run_eagerly=True)
        before = shared.get_weights()
        fit(model, images, steps_per_epoch=1)
        assert any(not np.array_equal(a, b) for a, b in zip(before, shared.get_weights(), strict=True))


# Rates that are 0.


def test_a_rate_of_zero_is_said_once_with_the_way_on(images, capsys, tmp_path):
    cosine = keras.optimizers.schedules.CosineDecay(0.1, STEPS)
    model = eager(vae(keras.optimizers.SGD(cosine)))
    fit(model, images)
    assert "learning rate" not in capsys.readouterr().out  # it ends with its schedule
    model.save(tmp_path / "model.keras")
    loaded = eager(keras.saving.load_model(tmp_path / "model.keras"))
    before = loaded.get_weights()
    for x, size in (images, BATCH), (images, BATCH), (tf.data.Dataset.from_tensor_slices(images).batch(BATCH), None):
        fit(loaded, x, batch_size=size)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and said.startswith("the learning rate of 'elbo' is 0, since its schedule has ended; ")
    assert "model.compile(optimizer=keras.optimizers.Adam(1e-4))" in said
    assert all(np.array_equal(a, b) for a, b in zip(before, loaded.get_weights(), strict=True))
    loaded.compile(optimizer=keras.optimizers.Adam(1e-4), run_eagerly=True)
    fit(loaded, images)
    assert not all(np.array_equal(a, b) for a, b in zip(before, loaded.get_weights(), strict=True))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "rate,done,count,sentence",
    [
        (
            keras.optimizers.schedules.PolynomialDecay(0.1, 100, 0.0),
            40,
            100,
            "becomes 0 after 60 of the 100 updates to come",
        ),
        (keras.optimizers.schedules.PolynomialDecay(0.1, 100, 0.0), 0, 100, None),
        (keras.optimizers.schedules.CosineDecay(0.1, 25_000), 0, 25_000, None),  # the last ones are 0 in float32
        (keras.optimizers.schedules.CosineDecay(0.1, 200_000), 100, 199_900, None),
        (keras.optimizers.schedules.CosineDecay(0.1, 25_000), 0, 25_100, "becomes 0 after 24999 of the 25100 updates"),
        (keras.optimizers.schedules.PolynomialDecay(0.1, 100, 0.01), 100, 1, "is 0.01, since its schedule has ended"),
        (keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5), 100, 100, None),
        (keras.optimizers.schedules.PiecewiseConstantDecay([10], [0.1, 0.01]), 3, 3, None),
        (0.0, 0, 1, "is 0: what it trains stays as it is"),
        (0.1, 0, 10**6, None),
        (0.0, 0, 0, None),
    ],
)
def test_when_a_rate_is_said(rate, done, count, sentence):
    optimizer = keras.optimizers.SGD(rate)
    optimizer.build([])
    optimizer.iterations.assign(done)
    said = complaints({"a": optimizer, "b": keras.optimizers.SGD(1.0)}, {"a": count, "b": count})
    assert len(said) == bool(sentence)
    assert not said or (sentence in said[0] and "a_optimizer=keras.optimizers.Adam(1e-4)" in said[0])


def test_a_schedule_has_ended_where_its_rate_stays():
    stages = keras.optimizers.SGD(keras.optimizers.schedules.PiecewiseConstantDecay([10], [0.1, 0.01]))
    assert not has_ended(stages, 3) and has_ended(stages, 11) and not has_ended(keras.optimizers.SGD(0.1), 3)


def test_rates_of_several_optimizers_are_one_sentence():
    both = {name: keras.optimizers.SGD(0.0) for name in ("generator", "discriminator")}
    (said,) = complaints(both, dict.fromkeys(both, 3))
    assert said.startswith("the learning rate of 'generator' and 'discriminator' is 0")


# Other data.


@pytest.mark.slow
def test_epochs_are_counted_anew_on_other_data_and_the_step_goes_on(images):
    model = eager(gan())
    assert fit(model, images) == STEPS
    other = images[: 3 * BATCH]
    assert fit(model, other) == 3 and fit(model, other, 2) == 6
    assert fit(model, {"image": images}) == STEPS  # 14 steps have been done: an epoch of 5 does not begin there
    batches = tf.data.Dataset.from_tensor_slices(images).batch(BATCH, drop_remainder=True)
    assert fit(model, batches, batch_size=None) == STEPS and fit(model, images.copy()) == STEPS
    assert fit(model, images, batch_size=2 * BATCH) == 2 and fit(model, images, 2) == 2 * STEPS
    assert fit(model, images, steps_per_epoch=2) == 2
    assert int(model.step) == 5 + 3 + 6 + 5 + 5 + 5 + 2 + 10 + 2


@pytest.mark.slow
@pytest.mark.parametrize("how", ["saved", "stopped", "raised"])
def test_an_epoch_that_was_interrupted_is_trained_to_its_end_on_the_same_data_alone(how, images, tmp_path):
    expected, model = eager(gan()), eager(gan())
    fit(expected, images, 2)
    if how == "raised":
        with pytest.raises(KeyboardInterrupt):
            fit(model, images, callbacks=[Killed(3)])
    else:
        stop = lambda batch, logs: setattr(model, "stop_training", int(model.step) == 3)  # noqa: E731
        assert fit(model, images, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=stop)]) == 3
    model.save(tmp_path / "model.keras")
    other = eager(keras.saving.load_model(tmp_path / "model.keras"))
    assert fit(other, images[: 4 * BATCH]) == 4
    if how == "saved":
        model = eager(keras.saving.load_model(tmp_path / "model.keras"))
    assert fit(model, images) == 2 and fit(model, images.copy()) == STEPS
    assert model.digest() == expected.digest()


def test_no_order_comes_twice(images):
    """Whatever is trained in between, an epoch of the same data has a number that it has not had before."""
    seen = []
    model = eager(vae())
    for x in images, images[: 3 * BATCH], images, images[: 3 * BATCH], images:
        fit(model, x)
        if len(x) == len(images):
            assert not (int(model.step) + model.place.offset) % STEPS
            seen.append((int(model.step) + model.place.offset) // STEPS)
    assert seen == sorted(set(seen)) and len(seen) == 3


def test_the_place_in_the_data_by_hand():
    place = Place("a", 2, 18)
    assert place.offset_for("a", 18, 5) == 2  # goes on: position 20
    assert place.offset_for("b", 18, 5) == 2 and place.offset_for("a", 19, 5) == 1 and Place().offset_for("", 0, 5) == 0
    assert place.offset_for("b", 20, 5) == 0 and place.offset_for("b", 21, 5) == 4


def test_a_fingerprint_knows_data_by_their_rows(images):
    model = gan()
    examples = model.as_examples(images)
    same = fingerprint(model.as_examples({"image": images.copy()}), BATCH)
    assert fingerprint(examples, BATCH) == same != fingerprint(examples, BATCH + 1)
    others = images[:-1], images[::-1], 255 - images
    assert len({same, *(fingerprint(model.as_examples(x), BATCH) for x in others)}) == 4


# Predictions, files, summaries.


def test_predict_is_the_first_of_what_a_model_can_do(images):
    model = vae()
    expected = model.reconstruct(images).numpy()
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(model(images[:4]), expected[:4], atol=1e-6)
    batches = tf.data.Dataset.from_tensor_slices(images).batch(16)
    for x in batches, {"image": images}, (images, images), model.as_examples(images), images / np.float32(255.0):
        np.testing.assert_allclose(model.predict(x, batch_size=16), expected, atol=1e-6)
    assert len(model.predict(batches, steps=2)) == 32 and ae().predict(images).shape == images.shape
    for call in (model.predict, model):
        with pytest.raises(UserError, match=r"takes images of shape \(6, 5, 1\), got \(5, 5, 1\)"):
            call(images[:4, 1:])


@pytest.mark.parametrize("make", [gan, labelled_gan])
def test_a_gan_has_nothing_to_predict(make, images):
    model = make()
    for call in (model.predict, model):
        with pytest.raises(UserError, match=r"has nothing to predict: .*; sample\(n\) makes images") as caught:
            call(images[:4])
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="is not a layer of another model"):
        model(keras.Input(SHAPE))


@pytest.mark.slow
def test_export_writes_the_signatures_of_a_run(tmp_path):
    model = gan()
    model.export(tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    assert {"serving_default", "generate", "sample", "discriminate"} <= set(loaded.signatures)
    made = loaded.signatures["sample"](seed=tf.range(3, dtype=tf.int64))["image"]
    np.testing.assert_array_equal(made, model.sample(3))
    with pytest.raises(UserError, match=r"exported_networks\(\)\['generator'\].export\(path, format='onnx'\)"):
        model.export(tmp_path / "model.onnx", format="onnx")
    with pytest.raises(UserError, match="takes no input_signature"):
        model.export(tmp_path / "saved", input_signature=[])


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5", "model", "model.weights.h5"])
def test_a_model_is_saved_to_a_keras_file(name, tmp_path):
    with pytest.raises(UserError, match="whose name ends in .keras, got .*; model.export.folder. writes a SavedModel"):
        gan().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_summary_names_the_average():
    lines = []
    gan().summary(print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    assert "generator_average" in text and "discriminator_average" not in text
    assert repr(gan()) == "<AdversarialModel name=adversarial_model, built=True>" or len(repr(gan())) < 80


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, keras.models.clone_model, lambda model: pickle.loads(pickle.dumps(model))]
)
def test_a_model_is_copied(copied, images):
    model = eager(gan())
    fit(model, images)
    other = copied(model)
    assert other is not model and type(other) is type(model)
    if copied is not keras.models.clone_model:  # which draws new weights
        assert other.digest() == model.digest()


def test_a_model_that_is_not_compiled_says_so(images):
    model = tfgen.AdversarialModel(gan().generator, gan().discriminator, latent_dim=3)
    assert model.optimizer is None
    with pytest.raises(UserError, match=r"is not compiled: call model.compile\(\) before fit"):
        model.fit(images)


def test_single_batches(images):
    model = eager(vae())
    logs = model.train_on_batch(images[:BATCH], return_dict=True)
    assert int(model.step) == 1 and logs["loss"] == pytest.approx(logs["reconstruction"] + logs["kl"], rel=1e-5)
    assert set(model.test_on_batch(images[:BATCH], return_dict=True)) == set(logs) and int(model.step) == 1
    assert fit(model, images) == STEPS  # an epoch begins after it
