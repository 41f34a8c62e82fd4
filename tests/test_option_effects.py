"""Every option of every model changes something, or is refused; what a recipe alone brings is left out and named."""

import dataclasses
import functools
import inspect
import json
import sys
import types
import typing
from typing import Literal

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import Laplace

import tfgen
from tfgen import domains, models, plugins
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.models import common
from tfgen.models.common import Adversarial, AdversarialOptimizer, ConvNetwork, adversarial_model, only, seeded
from tfgen.recipes.conversion import choices_of
from tfgen.recipes.options import Options, annotation_of, option_parameters, resolve
from tfgen.recipes.recipe import Recipe, load_recipe, recipe_names

NAMES = [name for name in models.MODELS._builtins if not hasattr(models.MODELS.get(name), "variant_of")]
# read by what assembles every adversarial model, whatever its networks: tried on the first three of them
SHAPE = (16, 17, 1)
IMAGES = {"image": Field("image", SHAPE), "label": Field("label", range=(0, 3)), "other": Field("vector", (3,))}
POINTS = {"point": Field("point", (2,))}
SIZES = {"latent_dim": 3, "width": 4, "units": [8], "maxout_units": [4], "hidden": [8], "labelled": 3}
SIZES |= {"blocks": 1, "judge_width": 4, "hidden_units": 8, "couplings": 2, "head_width": 4}
SIZES |= {"codes": 8, "prior_width": 4, "prior_blocks": 1, "latents": [2]}
# further contexts in which the optimizers' options may be of use
OPTIMIZERS = [{"optimizer": "adamw"}, {"optimizer": "sgd"}, {"optimizer": "sgd", "final_momentum": 0.7}]
# recipes of each family, with the fast tests; the others with the slow ones
QUICK = {"vae", "gan_ring", "dcgan_fashion_mnist", "cgan", "pix2pix", "srgan", "latent_flow", "made_binarized_mnist"}
# where not any value of the annotated type would do
VALUES = {"condition": "other", "final_momentum": 0.7, "momentum": 0.6, "loss": "hinge", "penalty": "r1"}
VALUES |= dict.fromkeys(("augment", "label_augment", "pseudo_label_augment"), "translate")
VALUES |= {"ema": 0.9, "kl_warmup_steps": 10, "label_smoothing": 0.1, "likelihood": "gaussian"}
VALUES |= {
    "text_encoder": "hashed_ngrams(32)",
    "dropout": 0.25,
    "weight_clip": 0.01,
    "momentum_steps": 10,
    "objective": "iwae",
    "prior": "laplace",  # of a plugin: those of the package are bounded, and refused under a divergence
    "doublings": 0,
    ("latent_flow", "attention"): 0,  # on no maps: those of codes are smaller than any limit
    **{(name, "loss"): "least_squares" for name in ("sngan", "sagan")},
    "heads": 2,
    "decay": 0.9,
}  # not what leaving them out means


REFUSED = {
    *(("began", "loss"), ("began", "label_smoothing")),  # a difference of errors of an autoencoder, and no other
    ("ladder_vae", "data_bias"),  # its decoder is not dense
    *(("mean_flow", "predicts"), ("mean_flow", "min_snr")),  # it learns the velocity
    ("projection_gan", "feature_matching"),  # its logit is of features and of a label
}


@pytest.fixture(autouse=True)
def plugin(monkeypatch):
    module = types.ModuleType("distribution")
    module.laplace = Laplace()
    monkeypatch.setitem(plugins._IMPORTED, "distribution", module)


def contexts_of(name, option):
    """Options under which the option is tried: those that decide whether it is of use."""
    builder = models.MODELS.get(name)
    parameters, owner_of = option_parameters(builder), owners(builder)
    contexts = [{}]
    # a network that is chosen in a group of options is read by this group alone
    read = owner_of.get("network") in (None, owner_of.get(option))
    if "network" in parameters and option != "network" and read:
        words = typing.get_args(parameters["network"].annotation)
        contexts += [{"network": word} for word in words if word != parameters["network"].default]
    if option.startswith("condition_"):
        contexts = [{"condition": "label"}]
    if (weight := f"{option.removesuffix('_augment')}_weight") in parameters:
        contexts.append({weight: 0.5})
    if option in ("selection", "label_smoothing") and (name, "loss") not in REFUSED:
        contexts.append({"loss": "non_saturating"})
    if option in {field.name for field in dataclasses.fields(common.Optimizer)} - {"optimizer", "learning_rate"}:
        contexts += [context for context in OPTIMIZERS if option not in context]
    return contexts


def another_value(name, option):
    """A value that is not the option's default."""
    builder = models.MODELS.get(name)
    parameter = option_parameters(builder)[option]
    annotation, default = annotation_of(builder, parameter), parameter.default
    annotation = domains.unwrap(annotation)[0]
    arms = [domains.unwrap(arm)[0] for arm in typing.get_args(annotation) if arm is not type(None)]
    if given := [VALUES[key] for key in ((name, option), option) if key in VALUES]:
        return given[0]
    if typing.get_origin(annotation) is Literal:
        return next(word for word in arms if word != default)
    kind = annotation if isinstance(annotation, type) else arms[0]
    if tuple in (typing.get_origin(annotation), typing.get_origin(kind)):
        return (5,)
    if kind is bool:
        return not default
    if kind in (int, float):
        return kind(2 * default) if default and kind(2 * default) != default else kind(1) if kind is int else 0.25
    return next(
        n for n, choice in choices_of(kind).items() if (choice if isinstance(choice, kind) else choice()) != default
    )


def build(name, fields, options):
    """The model with the sizes of a config, which may be idle, and with `options` as a user gives them."""
    parameters = option_parameters(models.MODELS.get(name))
    sizes = {option: size for option, size in SIZES.items() if option in parameters}
    seed = options.get("seed", 0)
    options = {option: value for option, value in options.items() if option != "seed"}
    recipe = Recipe.from_json({"model": name, "options": sizes, "seed": seed}).replace(options=options)
    return models.build_from_recipe(recipe, fields)


def description(model):
    """What the model is made of, as text: configurations of itself, its networks, its optimizers."""
    networks = {name: network.get_config() for name, network in model.networks.items()}
    return json.dumps([model.get_config(), model.get_compile_config(), networks], sort_keys=True, default=str)


def trained(model):
    """The logs of one step, and the digest after it."""
    random, batch = np.random.default_rng(1), {}
    for name, field in model.fields.items():
        shape = (4 * model.parts, *field.shape)
        values = random.integers(0, 3, shape) if field.kind == "label" else random.random(shape, np.float32)
        values = np.array(["a bag", "a coat"] * len(values), object)[: len(values)] if field.kind == "text" else values
        batch[name] = tf.constant((255 * values).astype(np.uint8) if field.kind == "image" else values)
    return {name: float(value) for name, value in model.train_step(batch).items()}, model.digest()


@functools.lru_cache(maxsize=8)
def reference(name, points, context):
    model = build(name, POINTS if points else IMAGES, dict(context))
    before = (description(model), model.digest())
    return before, functools.cache(lambda: trained(model))  # a step only where the model itself is equal


def has_effect(name, option, value, context, points=False):
    """Whether the option changes the model or its training; None where it is refused."""
    try:
        model = build(name, POINTS if points else IMAGES, {**context, option: value})
    except UserError as error:
        assert option in str(error) or "likelihood" in str(error), error
        return None
    before, after = reference(name, points, tuple(sorted(context.items())))
    return (description(model), model.digest()) != before or trained(model) != after()


def cases():
    """(model, option): those of a group on the first model that takes them; those of other models are slow tests."""
    seen, first = set(), ("vae", "gan", "dcgan", "made")
    for name in sorted(NAMES, key=lambda name: (name not in first, name)):
        builder = models.MODELS.get(name)
        declared = owners(builder)
        for option in option_parameters(builder):
            key = declared.get(option, name), option
            fast = name in first and key not in seen
            yield pytest.param(name, option, marks=[] if fast else [pytest.mark.slow])
            seen.add(key)


def owners(builder):
    """Option -> the class of the group that declares it, of those in a group."""
    groups = [p.default for p in inspect.signature(builder).parameters.values() if isinstance(p.default, Options)]
    return {field: owner(type(group), field) for group in groups for field in group.__dataclass_fields__}


def owner(group, field):
    """The class that declares a field of an option group."""
    return next(base for base in reversed(group.__mro__) if field in getattr(base, "__dataclass_fields__", {}))


@pytest.mark.parametrize("name,option", list(cases()))
def test_an_option_that_changes_nothing_is_refused(name, option):
    value = another_value(name, option)
    found = [has_effect(name, option, value, context) for context in contexts_of(name, option)]
    assert any(found) is ((name, option) not in REFUSED), f"{option}={value}: {found}"
    assert False not in found, f"{option}={value} changes nothing and is taken: {found}"


@pytest.mark.slow
@pytest.mark.parametrize("option", option_parameters(models.MODELS.get("gan")))
def test_on_points_too(option):
    value = another_value("gan", option)
    found = [has_effect("gan", option, value, context, points=True) for context in contexts_of("gan", option)]
    assert False not in found and any(found) is (option != "output")


@pytest.mark.parametrize(
    "name,options,sentence",
    [
        ("vae", {"network": "conv", "units": "7,7"}, "option 'units' has no effect with network=conv; leave it out"),
        ("cgan", {"network": "dense", "full_size": True}, "option 'full_size' has no effect with network=dense"),
        ("cgan", {"network": "dense", "projection": 3}, "option 'projection' has no effect with network=dense"),
        (
            "dcgan",
            {"weight_decay": 0.1},
            "'weight_decay' has no effect with optimizer=adam, which takes beta_1, beta_2",
        ),
        ("gan", {"optimizer": "sgd", "momentum_steps": 3}, "'momentum_steps' has no effect without final_momentum"),
        ("vae", {"data_bias": True}, "'data_bias' has no effect without a dense decoder"),
        ("vae", {"objective": "iwae", "kl_warmup_steps": 3}, "'kl_warmup_steps' has no effect beside objective"),
        ("dcgan_paper", {"depth": 1, "normalize": False}, "'normalize' has no effect on a single convolution"),
        (
            "gan",
            {"learning_rate": 0.1, "generator_learning_rate": 0.2, "discriminator_learning_rate": 0.3},
            "'learning_rate' has no effect beside generator_learning_rate and discriminator_learning_rate",
        ),
    ],
)
def test_the_sentence_says_why(name, options, sentence):
    with pytest.raises(UserError, match=sentence):
        tfgen.build_model(name, SHAPE, 3, **options)


def test_a_default_is_never_refused():
    assert tfgen.build_model("cgan", SHAPE, 3, network="dense", width=64, full_size="false", latent_dim=3)
    assert tfgen.build_model("dcgan", SHAPE, width=4, momentum=None)


CODERS = [name for name in NAMES if owners(models.MODELS.get(name)).get("activation") is common.DenseNetwork]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "vamp_vae" else [pytest.mark.slow]) for name in CODERS]
)
def test_every_dense_coder_takes_gated_layers_and_weights_of_he(name):
    options = {"network": "dense", "units": [6, 400, 300], "activation": "gated", "stddev": "he"}
    model = build(name, IMAGES, options)
    for network in (model.networks["encoder"], model.networks["decoder"]):
        of_gates = [layer for layer in network.layers if isinstance(layer, keras.layers.Multiply)]
        kernels = [layer.kernel.numpy() for layer in network.layers if getattr(layer, "units", None) in (300, 400)]
        wide = [kernel for kernel in kernels if min(kernel.shape) >= 300]
        assert len(of_gates) == 3 and len(wide) == 2 and not np.array_equal(*wide)
        for kernel in wide:
            assert kernel.std() == pytest.approx((2.0 / len(kernel)) ** 0.5, rel=0.02)
            assert np.abs(kernel).max() > 3.0 * kernel.std()  # not cut off at two standard deviations


def test_gated_layers_and_weights_of_he_have_an_effect_or_are_refused():
    dense = {"network": "dense"}
    assert has_effect("vae", "activation", "gated", dense) and has_effect("vae", "stddev", "he", dense)
    for more, reason in (({"network": "conv"}, "with network=conv"), ({**dense, "units": []}, "without hidden layers")):
        with pytest.raises(UserError, match=f"option 'activation' has no effect {reason}; leave it out"):
            tfgen.build_model("vae", SHAPE, activation="gated", **more)
    with pytest.raises(UserError, match="option 'stddev' expects a number of at least 0 or 'he' or none, got 'hee'"):
        tfgen.build_model("vae", SHAPE, network="dense", stddev="hee")


def test_cgans_convolutions_honour_the_output():
    model = tfgen.build_model("cgan", SHAPE, 3, output="sigmoid", width=4)
    image = next(layer for layer in model.generator.layers if layer.name == "image")
    assert image.activation is keras.activations.sigmoid and model.value_range == (0.0, 1.0)


# Recipes: what only they bring is left out where a user's choice makes it idle.


def test_idle_options_of_a_recipe_are_left_out_and_named():
    recipe = load_recipe("vae").replace(options={"network": "dense", "units": [8]})
    model, recipe, notes = models.settle(recipe, IMAGES)
    assert model.name == "vae" and notes == ["width=32 of the recipe has no effect with network=dense: left out"]
    assert recipe.options == {"network": "dense", "latent_dim": 16, "learning_rate": 0.001, "units": [8]}
    assert models.settle(recipe, IMAGES).notes == [] and recipe.given == {"network", "units"}


def test_several_idle_options_share_a_line_for_each_reason():
    options = {"depth": 2, "stddev": 0.05, "beta_1": 0.5}
    recipe = Recipe.from_json({"model": "cgan", "options": options})
    notes = models.settle(recipe.replace(options={"network": "dense", "optimizer": "sgd"}), IMAGES).notes
    assert notes == [
        "depth=2, stddev=0.05 of the recipe have no effect with network=dense: left out",
        "beta_1=0.5 of the recipe has no effect with optimizer=sgd, which takes momentum, final_momentum, "
        "momentum_steps: left out",
    ]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in recipe_names()]
)
def test_no_config_that_ships_brings_an_idle_option(name):
    recipe = load_recipe(name)
    sizes = {size: value for size, value in SIZES.items() if size in recipe.options}
    recipe = Recipe.from_json({**recipe.to_json(), "options": {**recipe.options, **sizes}})
    assert models.settle(recipe, POINTS if recipe.dataset in ("ring", "grid") else IMAGES).notes == []


def test_what_the_user_gives_is_refused_where_a_recipe_makes_it_idle():
    recipe = load_recipe("dcgan_paper").replace(options={"units": [3]})
    with pytest.raises(UserError, match="no option 'units'"):
        models.build_from_recipe(recipe, IMAGES)
    with pytest.raises(UserError, match="'momentum' has no effect with optimizer=adam"):
        models.build_from_recipe(load_recipe("vae").replace(options={"momentum": 0.5}), IMAGES)
    with pytest.raises(UserError, match="seed is a field of a recipe"):
        models.build_from_recipe(Recipe("dcgan", options={"seed": 3}), IMAGES)


@pytest.mark.slow
def test_a_run_records_what_had_an_effect_and_goes_on_under_the_same_command(tmp_path, capsys):
    small = {"network": "dense", "units": "8", "latent_dim": 2}
    recipe = load_recipe("vae").replace(options=small, steps=2, batch_size=4)
    run = tfgen.train(recipe, tmp_path / "run")
    assert "width=32 of the recipe has no effect with network=dense: left out" in capsys.readouterr().out
    assert "width" not in run.recipe.options and run.recipe.options["units"] == "8"
    tfgen.train(recipe.replace(steps=3), tmp_path / "run")
    assert "resumed from step 2" in capsys.readouterr().out


# What plugins can do.


@dataclasses.dataclass(frozen=True)
class Reversed(Options):
    depth: int = 2
    width: int = 8


class MyGAN(tfgen.AdversarialModel):
    """A subclass that a builder makes with all options of its family."""


def my_gan(fields, *, sizes: Reversed = Reversed(), adversarial: Adversarial = Adversarial(latent_dim=5), steps=2):
    """For tests: a group of its own, a group of the family, and an option in no group."""
    options = {"adversarial": adversarial, "optimization": AdversarialOptimizer(), "kind": MyGAN}
    networks = functools.partial(dense_pair, adversarial.latent_dim, sizes.width)
    return adversarial_model("inner", networks, only(fields, "image"), **options)


def dense_pair(latent_dim, width):
    from tfgen.networks import dense_generator, maxout_discriminator

    return dense_generator(SHAPE, latent_dim, (width,)), maxout_discriminator(SHAPE, ((width, 2),))


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(models.MODELS, "_registered", {"my_gan": (my_gan, "for tests")})


def test_a_subclass_keeps_the_options_of_its_family(registered):
    model = tfgen.build_model("my_gan", SHAPE, loss="hinge", discriminator_steps=2, steps=7)
    assert type(model) is MyGAN and (model.latent_dim, model.parts) == (5, 2)
    assert model.name == "my_gan"  # as registered, whatever its builder called it
    assert set(option_parameters(my_gan)) >= {"depth", "width", "latent_dim", "ema", "steps"}
    with pytest.raises(UserError, match="option 'depth' has no effect here; leave it out"):
        tfgen.build_model("my_gan", SHAPE, depth=3)


def test_a_builder_in_the_old_style_goes_on_working(monkeypatch):
    def old(fields, *, width: int = 32, idle: float = 0.5, seed: int = 0):
        """One plain argument per option."""
        return tfgen.build_model("dcgan", fields=fields, width=width, seed=seed)

    monkeypatch.setattr(models.MODELS, "_registered", {"old": (old, "for tests")})
    model = tfgen.build_model("old", SHAPE, width="4", idle=3)
    assert model.name == "old" and model.generator.count_params() < 100_000
    assert models.build_from_recipe(Recipe("old", options={"width": 4}, seed=3), IMAGES).seed == 3


def test_two_groups_cannot_disagree_on_a_default():
    def both(fields, *, sizes: Reversed = Reversed(), conv: ConvNetwork = ConvNetwork()):
        """For tests."""

    with pytest.raises(UserError, match="both has two options 'width', with the defaults 8 and 64"):
        option_parameters(both)


def test_what_a_builder_replaces_is_not_what_the_user_gave(registered, monkeypatch):
    def fixed(fields, *, sizes: Reversed = Reversed(), adversarial: Adversarial = Adversarial(latent_dim=3)):
        """Ignores the width that it is given."""
        return my_gan(fields, sizes=sizes.replace(width=4), adversarial=adversarial)

    monkeypatch.setattr(models.MODELS, "_registered", {"fixed": (fixed, "for tests")})
    assert tfgen.build_model("fixed", SHAPE, loss="hinge")
    with pytest.raises(UserError, match="option 'width' has no effect"):
        tfgen.build_model("fixed", SHAPE, width=5)


def test_objects_of_plugins_can_be_named(monkeypatch):
    module = types.ModuleType("plugin_with_objects")
    code = """
import dataclasses
from tfgen import penalties
@dataclasses.dataclass(frozen=True)
class Own(penalties.Penalty):
    weight: float = 2.0
    def __call__(self, discriminate, real, fake, noise):
        return 0.0
mine = Own(3.0)
def own(weight=2.0) -> penalties.Penalty:
    return Own(weight)
def r1(weight=9.0) -> penalties.Penalty:
    return Own(weight)
def anything():
    raise RuntimeError
"""
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(code, vars(module))
    dcgan = models.MODELS.get("dcgan")
    with pytest.raises(UserError, match="expects a Penalty .consistency, .*, r1, .* or none, got 'own'"):
        resolve(dcgan, {"penalty": "own"})
    monkeypatch.setattr(plugins, "_IMPORTED", {module.__name__: module})
    assert resolve(dcgan, {"penalty": "own(weight=4.0)"})["penalty"] == module.Own(4.0)
    assert resolve(dcgan, {"penalty": "mine"})["penalty"] is module.mine
    assert resolve(dcgan, {"penalty": "r1"})["penalty"] == tfgen.penalties.r1()  # ours stays ours
    with pytest.raises(UserError, match=", mine, own, r1, .* or none, got 'anything'"):
        resolve(dcgan, {"penalty": "anything"})


def for_this_test(weight=1.0) -> tfgen.penalties.Penalty:
    return tfgen.penalties.r1(weight)


def test_objects_of_the_module_that_defines_a_builder_can_be_named():
    assert resolve(my_gan, {"penalty": "for_this_test(2)"})["penalty"] == tfgen.penalties.r1(2)


def test_layers_are_named_and_drawn_alike_however_often_a_model_is_built():
    first, second = (tfgen.build_model("dcgan", SHAPE, width=4, seed=3) for _ in range(2))
    for name, network in first.networks.items():
        assert [layer.name for layer in network.layers] == [layer.name for layer in second.networks[name].layers]
    assert first.digest() == second.digest()
    outside = keras.layers.Dense(1).name
    with seeded(0):
        assert keras.layers.Dense(1).name == "dense"
    assert keras.layers.Dense(1).name not in ("dense", outside)  # the count outside goes on where it was


@pytest.mark.parametrize(
    "name,options", [("gan", {"initial_scale": 0.05}), ("vae", {"network": "dense", "stddev": 0.05})], ids=str
)
def test_initial_weights_of_a_given_size_follow_from_the_seed_and_differ_between_layers(name, options):
    first, same = (tfgen.build_model(name, SHAPE, units="8,8,8", **options) for _ in range(2))
    assert first.digest() == same.digest()
    network = first.networks["generator" if name == "gan" else "decoder"]
    kernels = [layer.kernel.numpy() for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    assert kernels[1].shape == kernels[2].shape and not np.array_equal(kernels[1], kernels[2])
