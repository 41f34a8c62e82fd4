"""Every registered model, a new one too as soon as it has a name: build, train, save, load, resume, export."""

import inspect
import math
import types
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfgen
from tfgen import data, models
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.models.common import seeded
from tfgen.networks import plain
from tfgen.recipes.options import annotation_of, option_parameters
from tfgen.recipes.recipe import Recipe
from tfgen.training.checkpoints import Checkpoints

# a variant, which is another model with other formulas, is tested in test_variants.py
NAMES = [n for n in models.MODELS._builtins if not hasattr(models.MODELS.get(n), "variant_of")]
SHAPE, CLASSES, BATCH, STEPS = (16, 17, 1), 3, 4, 5
FIELDS = {"image": Field("image", SHAPE), "label": Field("label", range=(0, CLASSES))}
SIZES = {
    "latent_dim": 3,
    "width": 4,
    "units": 8,
    "maxout_units": 4,
    "hidden": 8,
    "channels": 4,
    "filters": 4,
    "labelled": 3,
}
SIZES |= {"blocks": 1, "judge_width": 4, "hidden_units": 8}


def networks_of(name):
    """What the option `network` may be, or one None for a model without it."""
    builder = models.MODELS.get(name)
    parameter = option_parameters(builder).get("network")
    return [None] if parameter is None else list(typing.get_args(annotation_of(builder, parameter)))


def small(name, network=None, seed=0, **options):
    """The model `name`, as small as its builder's options allow: sizes without effect are left out."""
    parameters = option_parameters(models.MODELS.get(name))
    sizes = {
        option: [size] if isinstance(parameters[option].default, tuple) else size
        for option, size in SIZES.items()
        if option in parameters
    }
    recipe = Recipe.from_json({"model": name, "seed": seed, "options": sizes})
    options |= {} if network is None else {"network": network}
    return models.build_from_recipe(recipe.replace(options=options), FIELDS)


def arrays(model, count):
    """`count` examples of random numbers, of the fields that the model names."""
    rng, made = np.random.default_rng(1), {}
    for name, field in model.fields.items():
        shape = (count, *field.shape)
        if field.dtype == "uint8":
            made[name] = rng.integers(0, 256, shape, dtype=np.uint8)
        elif field.dtype == "int64":
            made[name] = rng.integers(0, field.range[1], shape)
        else:
            made[name] = rng.random(shape, np.float32)
    return made


def given(model, count):
    """The pictures or vectors that samples are made of; labels come by themselves."""
    made = arrays(model, count)
    return {name: made[name] for name in model.conditions if model.fields[name].kind != "label"}


def one_step(model):
    """One update, not compiled; its logs."""
    batch = {name: tf.constant(values) for name, values in arrays(model, BATCH * model.parts).items()}
    return {name: float(value) for name, value in model.train_step(batch).items()}


class Rows(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.rows = []

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append(logs)


def train(model, last):
    """Trains up to step `last`, epochs of `STEPS`; the epochs' logs."""
    rows, examples = Rows(), model.as_examples(arrays(model, BATCH * model.parts * STEPS))
    first = int(model.step) // STEPS
    options = {"initial_epoch": first, "last_step": last, "verbose": 0, "callbacks": [rows]}
    model.fit_examples(examples, BATCH, 9, **options)
    return rows.rows


def shown(model):
    """What a user sees of a model: images that it makes, or reconstructs."""
    if model.sampler is not None:
        return model.sample(7, seed=5, conditions=given(model, 7))
    return model.reconstruct(arrays(model, 7)["image"]).numpy()


@pytest.fixture(scope="module", params=NAMES)
def course(request, tmp_path_factory):
    """A model trained for 3 steps, saved in both ways, and trained for 5 more."""
    folder = tmp_path_factory.mktemp(request.param)
    model = small(request.param)
    first = train(model, 3)
    model.save(folder / "model.keras")
    Checkpoints(model, folder / "checkpoints").save()
    digest, images = model.digest(), shown(model)
    model.averages.resume(model.averages.values())  # what one call of fit to step 8 would have
    rows = train(model, 8)
    return types.SimpleNamespace(
        name=request.param, folder=folder, model=model, first=first, rows=rows, digest=digest, images=images
    )


def test_it_trains_and_its_logs_are_finite(course):
    assert int(course.model.step) == 8 and len(course.first) == 1 and len(course.rows) == 2
    for logs in [*course.first, *course.rows]:
        assert logs and all(math.isfinite(value) for value in logs.values())
    assert course.digest != small(course.name).digest()
    for phase in course.model.phases:
        assert int(course.model.optimizers[phase.optimizer].iterations) == 8 * phase.steps
    assert course.model.non_finite_weights() == [] and int(course.model.first_bad_step) == -1


def test_its_file_brings_it_back_and_its_checkpoint_does_too(course):
    loaded = keras.saving.load_model(course.folder / "model.keras")
    assert type(loaded) is type(course.model) and loaded.digest() == course.digest
    assert loaded.fields == course.model.fields and int(loaded.step) == 3
    np.testing.assert_array_equal(shown(loaded), course.images)
    fresh = small(course.name)
    assert Checkpoints(fresh, course.folder / "checkpoints").restore() == 3
    assert fresh.digest() == course.digest
    # and both go on alike
    assert one_step(loaded).keys() == one_step(fresh).keys()
    assert loaded.digest() == fresh.digest() != course.digest


def test_a_resumed_training_ends_on_the_bits_and_the_history_of_one_never_interrupted(course):
    fresh = small(course.name)
    assert Checkpoints(fresh, course.folder / "checkpoints").restore() == 3
    rows = train(fresh, 8)
    assert fresh.digest() == course.model.digest()
    assert rows == course.rows
    assert fresh.averages.values() == course.model.averages.values()


def test_what_it_shows_has_the_shape_and_range_of_images(course):
    model, images = course.model, course.images
    assert images.shape == (7, *SHAPE)
    if model.sampler is None:
        assert 0.0 <= images.min() < images.max() <= 1.0 and "sample" not in model.endpoints()
        with pytest.raises(UserError, match="cannot generate"):
            model.sample(1)
        return
    assert images.dtype == np.uint8 and len({image.tobytes() for image in images}) > 1
    many = shown(model)
    assert not np.array_equal(many, images)  # it has learnt something since
    np.testing.assert_array_equal(model.sample(3, seed=5, conditions=given(model, 7)), many[:3])
    assert {"sample", "translate" if given(model, 1) else "generate"} <= model.endpoints().keys()


CAPABILITIES = {
    "encode": lambda model, x, given: model.encode(x),
    "reconstruct": lambda model, x, given: {"image": model.reconstruct(x)},
    "discriminate": lambda model, x, given: {"logit": model.discriminate_images(x, conditions=given)},
    "generate": lambda model, x, given: {"image": model.decode_latents(latents(model), given)},
    "classify": lambda model, x, given: {f"class_{name}": value for name, value in model.classify(x).items()},
}
OUTPUTS = {
    "category": (2, 10),
    "continuous": (2, 2),
    "logit": (2, 1),
    "image": (2, *SHAPE),
    "class_logit": (2, CLASSES),
    "class_probability": (2, CLASSES),
}
KNOWN = {"generate", "sample", "sample_png", "encode", "reconstruct", "discriminate", "interpolate", "classify"}
KNOWN |= {"translate", "translate_back"}


def latents(model):
    return tf.zeros([2, model.latent_dim])


def test_it_can_do_what_its_endpoints_say(course):
    model, endpoints = course.model, course.model.endpoints()
    assert endpoints.keys() <= KNOWN
    x = tf.constant(arrays(model, 2)["image"].astype(np.float32) / 255.0)
    for name in endpoints.keys() & CAPABILITIES.keys():
        for output, value in CAPABILITIES[name](model, x, model.conditions_for(2, given(model, 2))).items():
            assert tuple(value.shape) == OUTPUTS.get(output, (2, getattr(model, "latent_dim", None))), name
            assert value.dtype == tf.float32 and np.isfinite(value).all()


def check_plain(network):
    """Nothing but Keras' own layers, named inputs, float32 outputs."""
    for layer in network.layers:
        assert type(layer).__module__.split(".")[0] == "keras" and not isinstance(layer, layers.Lambda)
    assert {tensor.name for tensor in network.inputs} <= {
        "latent",
        "image",
        "label",
        "category",
        "continuous",
        "source",
    }
    assert {tensor.dtype for tensor in keras.tree.flatten(network.outputs)} == {"float32"}


def inputs_of(network):
    ones, zeros = (
        dict.fromkeys(("latent", "label", "category", "continuous"), np.ones),
        dict.fromkeys(("image", "source"), np.zeros),
    )
    made = ones | zeros
    return {t.name: made[t.name]((2, *t.shape[1:])).astype(t.dtype) for t in network.inputs}


def test_its_exported_networks_are_plain_keras_models(course, tmp_path):
    model = course.model
    for name, network in model.exported_networks().items():
        check_plain(network)
        network.save(tmp_path / f"{name}.keras")
        loaded = keras.saving.load_model(tmp_path / f"{name}.keras", custom_objects={})
        fed = inputs_of(network)
        fed = fed if len(fed) > 1 else next(iter(fed.values()))
        for found, expected in zip(*(keras.tree.flatten(net(fed)) for net in (loaded, network)), strict=True):
            np.testing.assert_array_equal(found, expected)
    exported = model.exported_networks()
    for name, average in model.averaged_networks.items():  # the average is what is exported
        for found, expected in zip(exported[name].get_weights(), plain(average).get_weights(), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name,network", [(name, network) for name in NAMES for network in networks_of(name)])
def test_initial_weights_and_steps_follow_from_the_seed(name, network):
    first, same, other = (small(name, network, seed=seed) for seed in (4, 4, 5))
    assert first.digest() == same.digest() != other.digest()
    assert one_step(first) == one_step(same)
    assert first.digest() == same.digest()


@pytest.mark.parametrize("name", NAMES)
def test_in_mixed_precision_it_trains_and_gives_float32(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small(name)
        logs = one_step(model)
        networks = model.exported_networks()
    finally:
        keras.config.set_dtype_policy(before)
    assert all(math.isfinite(value) for value in logs.values())
    assert any(layer.compute_dtype == "bfloat16" for network in networks.values() for layer in network.layers)
    for network in networks.values():
        check_plain(network)
        assert {weight.dtype for weight in network.trainable_weights} <= {"float32"}
    assert shown(model).dtype in (np.uint8, np.float32)


@pytest.mark.parametrize("table", [models.MODELS, data.DATASETS], ids=["models", "datasets"])
def test_a_row_says_what_the_functions_docstring_says(table):
    for name, (_, summary) in table._builtins.items():
        assert summary.rstrip(".") == inspect.getdoc(table.get(name)).partition("\n")[0].rstrip("."), name


# Options that builders share.


def test_seeded_construction_leaves_pythons_own_random_numbers_alone():
    import random

    state = random.getstate()
    with seeded(3):
        first = keras.initializers.RandomNormal()((3,))
    assert random.getstate() == state
    with seeded(3):
        np.testing.assert_array_equal(keras.initializers.RandomNormal()((3,)), first)


def conditioned(name):
    """A conditional GAN on the field `name` of a data set with fields of all kinds."""
    fields = {
        "image": Field("image", SHAPE),
        "source": Field("image", SHAPE),
        "label": Field("label", range=(0, 3)),
        "given": Field("vector", (3,)),
        "words": Field("tokens", (3,), range=(0, 9)),
    }
    return tfgen.build_model("cgan", fields=fields, condition=name)


@pytest.mark.parametrize(
    "call,sentence",
    [
        (lambda: tfgen.build_model("dcgan"), r"needs image_shape=\(height, width, channels\), or fields="),
        (lambda: tfgen.build_model("dcgan", (7, 28, 1)), "8 to 512 pixels per side, got 7x28"),
        (lambda: tfgen.build_model("dcgan", (28, 513, 1)), "8 to 512 pixels per side, got 28x513"),
        (lambda: tfgen.build_model("dcgan", (28, 28, 2)), r"1 or 3 channels\], got \(28, 28, 2\)"),
        (lambda: tfgen.build_model("dcgan", 28), r"image_shape must be \(height, width, channels\), got 28"),
        (lambda: tfgen.build_model("dcgan", (8.5, 8, 1)), "each of image_shape must be an integer, got 8.5"),
        (lambda: tfgen.build_model("cgan", SHAPE, num_classes="3"), "num_classes must be an integer, got '3'"),
        (lambda: tfgen.build_model("dcgan", (28, 28)), r"1 or 3 channels\], got \(28, 28\)"),
        (lambda: tfgen.build_model("cgan", (28, 28, 1)), "cgan needs the field 'label' of every image"),
        (
            lambda: conditioned("source"),
            "takes a label or a vector .*, but 'source' is of the kind image; .* label, given",
        ),
        (lambda: conditioned("image"), "takes a label or a vector .*, but 'image' is of the kind image"),
        (lambda: conditioned("words"), "takes a label or a vector .*, but 'words' is of the kind tokens"),
        (lambda: conditioned("gven"), "needs the field 'gven' of every image.*did you mean 'given'"),
        (lambda: tfgen.build_model("vae", fields={"point": Field("point", (2,))}), "makes images"),
        (lambda: tfgen.build_model("dcgan", SHAPE, widht=8), "no option 'widht'; did you mean 'width'"),
        (lambda: tfgen.build_model("dcgan", SHAPE, width=0), "width must be at least 1, got 0"),
        (lambda: tfgen.build_model("vae", SHAPE, latent_dim=0), "latent_dim must be at least 1, got 0"),
        (lambda: tfgen.build_model("vae", SHAPE, units=[0]), r"units must be at least 1, got \(0,\)"),
        (lambda: tfgen.build_model("gan", SHAPE, instance_noise=-1.0), "must be at least 0, got -1.0"),
        (lambda: tfgen.build_model("gan", SHAPE, ema=1.5), "ema"),
        (lambda: tfgen.build_model("gan", SHAPE, loss="hinge", label_smoothing=0.1), "cross-entropy"),
        (
            lambda: tfgen.build_model("vae", SHAPE, binarize="static", likelihood="gaussian"),
            "'binarize' has no effect with another likelihood: it needs likelihood=bernoulli; leave it out",
        ),
        (lambda: tfgen.build_model("vae", SHAPE, objective="iwae", beta=2.0), "'beta' has no effect beside objective"),
        (
            lambda: tfgen.build_model("vae", SHAPE, optimizer="sgd", beta_1=0.5),
            "no effect with optimizer=sgd, which takes momentum",
        ),
        (lambda: tfgen.build_model("dcgan", SHAPE, depth=-1), "depth"),
        (lambda: tfgen.build_model("dcgan", SHAPE, dropout=1.5), "dropout"),
    ],
)
def test_mistakes_in_building_are_said(call, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_options_reach_the_model():
    gan = small("gan", loss="hinge", prior="uniform(0, 2)", penalty="r1(3)", discriminator_steps=2, ema="none")
    assert (gan.loss_functions, gan.penalty, gan.parts) == (tfgen.losses.hinge, tfgen.penalties.r1(3), 2)
    assert gan.prior == tfgen.priors.uniform(0, 2) and gan.averaged_networks == {}
    gan = small("gan", instance_noise=0.2, augment="translate", label_smoothing=0.1, output="sigmoid")
    assert gan.augment == tfgen.augment.chain(tfgen.augment.translate(), tfgen.augment.instance_noise(0.2))
    assert gan.loss_functions == tfgen.losses.non_saturating.smoothed(0.1) and gan.value_range == (0.0, 1.0)
    vae = small("vae", "dense", beta=4, kl_warmup_steps=10, samples=3, binarize="dynamic")
    assert vae.objective == tfgen.objectives.elbo(4, 10) and vae.samples == 3
    assert vae.likelihood == tfgen.likelihoods.bernoulli("dynamic")
    rates = small("gan", generator_learning_rate=0.5, discriminator_learning_rate=0.25, beta_1=0.9).optimizers
    assert (float(rates["generator"].learning_rate), float(rates["discriminator"].learning_rate)) == (0.5, 0.25)
    assert small("gan").optimizers["generator"].beta_1 == 0.5 and rates["generator"].beta_1 == 0.9


def test_a_decoders_bias_may_start_at_the_mean_of_the_data():
    model = small("vae", "dense", data_bias=True, ema=0.9)
    images = np.zeros((20, *SHAPE), np.uint8)
    images[:, 3], images[:5, 4] = 255, 255
    model.prepare(model.as_examples(images), None)
    for decoder in (model.decoder, model.averaged_networks["decoder"]):
        start = decoder(tf.zeros([1, 3]))["image"].numpy()[0, :, 0, 0]
        np.testing.assert_allclose(start[[0, 3, 4]], [0.001, 0.999, 0.25], rtol=0.02)


def test_a_model_of_conditions_that_are_no_labels():
    fields = {"image": FIELDS["image"], "attributes": Field("vector", (4,))}
    for network in networks_of("cgan"):
        size = {"width": 4} if network == "conv" else {}
        model = tfgen.build_model("cgan", fields=fields, condition="attributes", network=network, latent_dim=3, **size)
        assert model.conditions == ("attributes",) and model.num_classes is None
        assert all(math.isfinite(value) for value in one_step(model).values())
        vectors = np.eye(4, dtype=np.float32)[:2]
        images = model.sample(3, conditions={"attributes": vectors})
        same = model.sample(3, conditions={"attributes": vectors[0]})
        np.testing.assert_array_equal(same[[0, 2]], images[[0, 2]])
        with pytest.raises(UserError, match="is conditioned on 'attributes': give conditions="):
            model.sample(1)
        with pytest.raises(UserError, match=r"attributes: expected finite numbers \[N, 4\], got float64"):
            model.sample(1, conditions={"attributes": np.zeros(3)})
