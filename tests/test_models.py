"""Every registered model, a new one too as soon as it has a name: build, train, save, load, resume, export."""

import functools
import inspect
import math
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import data, models
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.guarantees import GUARANTEES, LeftOut, Subject
from tfgen.guarantees.subject import random_values, shortened
from tfgen.guarantees.training import follows_from_the_seed
from tfgen.models.common import seeded
from tfgen.recipes.options import Options, annotation_of, option_parameters
from tfgen.recipes.recipe import Recipe, default_recipe
from tfgen.training.phases import parse_stages

# a variant, which is another model with other formulas, is tested in test_variants.py
NAMES = [n for n in models.MODELS._builtins if not hasattr(models.MODELS.get(n), "variant_of")]
SHAPE, CLASSES = (16, 17, 1), 3
FIELDS = {"image": Field("image", SHAPE), "label": Field("label", range=(0, CLASSES)), "caption": Field("text")}
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
SIZES |= {"caption_units": 4, "blocks": 1, "judge_width": 4, "hidden_units": 8, "couplings": 2, "head_width": 4}
SIZES |= {"codes": 8, "prior_width": 4, "prior_blocks": 1, "latents": 2}


def networks_of(name):
    """What the option `network` may be."""
    builder = models.MODELS.get(name)
    parameter = option_parameters(builder).get("network")
    return [] if parameter is None else list(typing.get_args(annotation_of(builder, parameter)))


def default_of(name):
    """The default of the option `network`, or None."""
    parameter = option_parameters(models.MODELS.get(name)).get("network")
    return None if parameter is None else parameter.default


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
    model = models.build_from_recipe(recipe.replace(options=options), FIELDS)
    model.stages = shortened(parse_stages(default_recipe(name).stages))  # of the recipe by which it is trained
    return model


def subject_of(name, folder, network=None):
    """The model `name` under examination."""
    return Subject(name, lambda fields, seed: small(name, network, seed), FIELDS, folder)


@pytest.fixture(scope="module")
def examined(tmp_path_factory):
    """A function: the name of a model -> the model under examination, trained once for all guarantees."""
    return functools.cache(lambda name: subject_of(name, tmp_path_factory.mktemp(name)))


# One of each family: all of them at once would take the fast suite past its limit.
FIRST = ("vae", "cgan", "pix2pix", "flow_matching", "made")
FAST = tuple(name for name in FIRST if name != "pix2pix")  # its guarantees take a sixth of their time
IN_CI = ("resume",)  # of the others, with the tests of plugins: it trains, and needs their states, seeds and files
LATER = [pytest.mark.slow, pytest.mark.plugins]


@pytest.fixture(params=[pytest.param(name, marks=[] if name in FAST else LATER) for name in NAMES])
def subject(request, examined):
    """Each model."""
    return examined(request.param)


def kept(subject, guarantee):
    """Checks a guarantee; it is left out only where a model cannot sample, or on one device."""
    try:
        guarantee.check(subject)
    except LeftOut as reason:
        assert subject.course.model.sampler is None or "needs two devices" in str(reason)


def cases():
    """(model, guarantee); what takes long runs with the tests of plugins for the first models, else as a slow test."""
    for name in NAMES:
        for guarantee in GUARANTEES:
            in_ci = name in FIRST or (guarantee.name in IN_CI and not guarantee.long)
            later = LATER if in_ci else LATER[:1]
            # made's endpoints have a loop over every pixel, traced and run once per signature
            fast = not guarantee.long and name in FAST and (name, guarantee.name) != ("made", "endpoints")
            yield pytest.param(name, guarantee, marks=[] if fast else later, id=f"{name}-{guarantee.name}")


@pytest.mark.parametrize("subject,guarantee", list(cases()), indirect=["subject"])
def test_it_keeps(subject, guarantee):
    kept(subject, guarantee)


CAPABILITIES = {
    "encode": lambda model, x, given: model.encode(x, conditions=given),
    "reconstruct": lambda model, x, given: {"image": model.reconstruct(x, conditions=given)},
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
NUMBERS = {"codes"}  # of a codebook's vectors
OUTPUTS |= {"codes": (2, 20)}
KNOWN = {"generate", "sample", "sample_png", "encode", "reconstruct", "discriminate", "interpolate", "classify"}
KNOWN |= {"translate", "translate_back", "sample_text", "encode_png"}


def latents(model):
    return tf.zeros([2, model.latent_dim])


def test_it_can_do_what_its_endpoints_say(subject):
    model, endpoints = subject.course.model, subject.course.model.endpoints()
    assert endpoints.keys() <= KNOWN
    x = tf.constant(subject.arrays(model, 2)["image"].astype(np.float32) / 255.0)
    for name in endpoints.keys() & CAPABILITIES.keys():
        for output, value in CAPABILITIES[name](model, x, subject.conditions(model, 2)).items():
            assert tuple(value.shape) == OUTPUTS.get(output, (2, model.latent_dim)), name
            assert value.dtype == (tf.int64 if output in NUMBERS else tf.float32) and np.isfinite(value).all()


def other_networks():
    """(model, network): those of a group of options on the first of a family, on the others as slow tests."""
    seen = set()
    for name in NAMES:
        builder = models.MODELS.get(name)
        groups = [p.default for p in inspect.signature(builder).parameters.values() if isinstance(p.default, Options)]
        owner = next((type(group) for group in groups if "network" in group.__dataclass_fields__), name)
        for network in networks_of(name):
            if network != default_of(name):
                fast = name in FAST and (owner, network) not in seen
                yield pytest.param(name, network, marks=[] if fast else [pytest.mark.slow])
                seen.add((owner, network))


@pytest.mark.parametrize("name,network", list(other_networks()))
def test_another_network_follows_from_the_seed_too(name, network, tmp_path):
    follows_from_the_seed(subject_of(name, tmp_path, network))


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


def random_rows(model):
    rng = np.random.default_rng(1)
    return {name: tf.constant(random_values(field, 4, rng)) for name, field in model.fields.items()}


def test_a_model_of_conditions_that_are_no_labels():
    fields = {"image": FIELDS["image"], "attributes": Field("vector", (4,))}
    for network in ("dense", "conv"):
        size = {"width": 4} if network == "conv" else {}
        model = tfgen.build_model("cgan", fields=fields, condition="attributes", network=network, latent_dim=3, **size)
        assert model.conditions == ("attributes",) and model.num_classes is None
        logs = model.train_step(random_rows(model))
        assert all(math.isfinite(value) for value in logs.values())
        vectors = np.eye(4, dtype=np.float32)[:2]
        images = model.sample(3, conditions={"attributes": vectors})
        same = model.sample(3, conditions={"attributes": vectors[0]})
        np.testing.assert_array_equal(same[[0, 2]], images[[0, 2]])
        with pytest.raises(UserError, match="is conditioned on 'attributes': give conditions="):
            model.sample(1)
        with pytest.raises(UserError, match=r"attributes: expected finite numbers \[N, 4\], got float64"):
            model.sample(1, conditions={"attributes": np.zeros(3)})
