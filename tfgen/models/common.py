"""Helpers of builders: seeded construction, checks of fields, and the assembly of a family's model from its options.

Plugins use them as well: `adversarial_model(..., kind=MyModel)` gives a subclass all options of its family.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from tfgen import augment as augments
from tfgen import likelihoods, objectives
from tfgen.data.hints import of_missing
from tfgen.data.source import Field, Kind, data_field
from tfgen.errors import UserError, nearest
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.families.variational.autoencoder import Autoencoder
from tfgen.families.variational.model import VariationalModel
from tfgen.models.options import (
    Adversarial,
    AdversarialOptimizer,
    Autoencoding,
    Bounded,
    ConvAdversaries,
    ConvNetwork,
    DenseAdversaries,
    DenseNetwork,
    Optimizer,
    Variational,
)
from tfgen.networks import make_condition, with_features
from tfgen.networks.seeding import seeded
from tfgen.optimizers.building import SETTINGS, make_optimizer
from tfgen.training.model import GenerativeModel


def variant_of(base: Callable[..., GenerativeModel]) -> Callable[[Callable], Callable]:
    """Marks a builder as `base` with other defaults: networks and flow of data are the same, and so are their tests."""

    def mark(builder: Callable) -> Callable:
        setattr(builder, "variant_of", base.__name__)  # noqa: B010  an attribute that functions do not declare
        return builder

    return mark


def image_shape_of(fields: dict[str, Field], model: str) -> tuple[int, ...]:
    """Returns the shape (H, W, C) of the images in `fields`.

    Raises:
        UserError: there are none; the message names the `model`.
    """
    if "image" not in fields:
        raise UserError(f"{model} makes images, but the data set holds {', '.join(fields)}")
    return tuple(fields["image"].shape)


def data_of(fields: dict[str, Field], model: str) -> tuple[str, tuple[int, ...]]:
    """Returns the name and the shape of the images or points in `fields`.

    Raises:
        UserError: there are neither; the message names the `model`.
    """
    name = data_field(fields)
    if name not in fields:
        raise UserError(f"{model} makes images or points, but the data set holds {', '.join(fields)}")
    return name, tuple(fields[name].shape)


def only(fields: dict[str, Field], *names: str) -> dict[str, Field]:
    """Returns the named fields, in this order."""
    return {name: fields[name] for name in names if name in fields}


def condition_field(
    fields: dict[str, Field], name: str, model: str, kinds: tuple[Kind, ...] = ("label", "vector")
) -> Field:
    """Returns the field `name`, on which `model` is conditioned.

    Raises:
        UserError: the data set does not have it, it is of none of the `kinds`, or the number of classes is unknown.
    """
    if name not in fields:
        raise UserError(
            f"{model} needs the field {name!r} of every image, but the data set holds only {', '.join(fields)}"
            f"{nearest(name, fields) or of_missing(name)}"
        )
    taken = [key for key, field in fields.items() if field.kind in kinds and key != data_field(fields)]
    if name not in taken:
        raise UserError(
            f"{model} takes a {' or a '.join(kinds)} as its condition, but {name!r} is of the kind "
            f"{fields[name].kind}; the data set has {', '.join(taken) or 'neither'}"
        )
    if fields[name].kind == "vector" and not fields[name].shape:
        raise UserError(f"{model} takes vectors [N, D] as its condition, but {name!r} is one number per image: [N, 1]")
    if fields[name].dtype == "int64" and not fields[name].range:
        raise UserError(f"{model} needs to know how many classes there are: give num_classes")
    return fields[name]


def adversarial_model(
    name: str,
    networks: Callable[[], tuple[keras.Model, ...]],
    fields: dict[str, Field],
    value_range: tuple[float, float] = (-1.0, 1.0),
    *,
    adversarial: Adversarial,
    optimization: Optimizer,
    kind: type[AdversarialModel] = AdversarialModel,
    **more: Any,
) -> AdversarialModel:
    """Builds a compiled adversarial model, with weights from its seed.

    Args:
        name: of the model.
        networks: returns the networks that `kind` takes, (generator, discriminator).
        fields: of the data set, those that the model uses.
        value_range: (low, high) of the images that the networks see and make.
        adversarial: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
        **more: further arguments of `kind`.
    """
    augment = adversarial.augment
    if adversarial.instance_noise:
        augment = augments.chain(augment, augments.instance_noise(adversarial.instance_noise))
    # only the networks: random draws of the caller's or of the constructor do not move the initial weights
    with seeded(adversarial.seed):
        built = networks()
    if adversarial.feature_matching:
        built = (built[0], with_features(built[1]), *built[2:])
    model = kind(
        *built,
        latent_dim=adversarial.latent_dim,
        prior=adversarial.prior,
        loss=adversarial.loss.smoothed(adversarial.label_smoothing),
        penalty=adversarial.penalty,
        discriminator_steps=adversarial.discriminator_steps,
        shared_pass=adversarial.shared_pass,
        augment=augment,
        selection=adversarial.selection,
        weight_clip=adversarial.weight_clip,
        feature_matching=adversarial.feature_matching,
        value_range=value_range,
        ema=adversarial.ema,
        seed=adversarial.seed,
        fields=fields,
        name=name,
        **more,
    )
    return compiled(model, optimization)


def variational_model(
    name: str,
    networks: Callable[[likelihoods.Likelihood], tuple[keras.Model, ...]],
    fields: dict[str, Field],
    *,
    variational: Bounded,
    optimization: Optimizer,
    kind: type[VariationalModel] = VariationalModel,
    **more: Any,
) -> VariationalModel:
    """Builds a compiled variational model; arguments as in `autoencoder_model`."""
    if isinstance(variational, Variational):  # of others the prior is part of the model
        more["prior"] = variational.prior
    return autoencoder_model(
        name,
        networks,
        fields,
        autoencoding=variational,
        optimization=optimization,
        kind=kind,
        objective=objective_of(variational),
        samples=variational.samples,
        **more,
    )


def autoencoder_model(
    name: str,
    networks: Callable[[likelihoods.Likelihood], tuple[keras.Model, ...]],
    fields: dict[str, Field],
    *,
    autoencoding: Autoencoding,
    optimization: Optimizer,
    kind: type[GenerativeModel] = Autoencoder,
    **more: Any,
) -> GenerativeModel:
    """Builds a compiled model of an encoder and a decoder, with weights from its seed.

    Args:
        name: of the model.
        networks: of the likelihood, returns the networks that `kind` takes, (encoder, decoder).
        fields: of the data set, those that the model uses.
        autoencoding: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
        **more: further arguments of `kind`.
    """
    likelihood = likelihood_of(autoencoding)
    with seeded(autoencoding.seed):
        built = networks(likelihood)
    if isinstance(autoencoding, Bounded):
        more["data_bias"] = data_bias_of(autoencoding, likelihood, built)
    seed, ema = autoencoding.seed, autoencoding.ema
    model = kind(*built, likelihood=likelihood, ema=ema, seed=seed, fields=fields, name=name, **more)
    return compiled(model, optimization)


def likelihood_of(options: Autoencoding) -> likelihoods.Likelihood:
    """Returns the likelihood of the options `likelihood` and `binarize`."""
    likelihood = options.likelihood
    if not isinstance(likelihood, likelihoods.Bernoulli):
        options.idle("with another likelihood: it needs likelihood=bernoulli", "binarize")
    elif options.binarize != "none":
        return likelihoods.bernoulli(options.binarize)
    return likelihood


def objective_of(options: Bounded) -> objectives.Objective:
    """Returns the objective, by default the ELBO that `beta` and `kl_warmup_steps` describe."""
    if options.objective is None:
        return objectives.elbo(options.beta, options.kl_warmup_steps)
    options.idle("beside objective: it belongs to the default one, the ELBO", "beta", "kl_warmup_steps")
    return options.objective


def data_bias_of(options: Bounded, likelihood: likelihoods.Likelihood, networks: tuple[keras.Model, ...]) -> bool:
    """Returns whether the decoder's output starts at the mean of the data; only a dense decoder's can."""
    heads = {f"raw_{name}" for name in likelihood.parameters[:1]}
    if any(layer.name in heads and isinstance(layer, keras.layers.Dense) for layer in networks[1].layers):
        return options.data_bias
    options.idle("without a dense decoder, whose output has a bias for each pixel", "data_bias")
    return False


def compiled(model: GenerativeModel, options: Optimizer) -> GenerativeModel:
    """Compiles `model` with one optimizer per name in its `default_optimizers`, and returns it.

    The learning rate of the optimizer NAME is the option NAME_learning_rate if that is set, else `learning_rate`, or
    what `default_optimizers` has if nobody has changed that. Other settings that are None come from there, else from
    Keras.
    """
    optimizers = {}
    for name, defaults in model.default_optimizers.items():
        rate = getattr(options, f"{name}_learning_rate", None)
        # read only where it is used: with a rate for every optimizer, `learning_rate` has no effect
        rate = shared_rate(options, defaults) if rate is None else rate
        optimizers[name] = make_optimizer(options.optimizer, rate, **settings_of(options, defaults))
    own = " and ".join(f"{name}_learning_rate" for name in optimizers)
    options.idle(f"beside {own}", "learning_rate")
    if len(optimizers) == 1:
        model.compile(optimizer=optimizers.popitem()[1])
    else:
        model.compile(**{f"{name}_optimizer": optimizer for name, optimizer in optimizers.items()})
    return model


def shared_rate(options: Optimizer, defaults: dict[str, Any]) -> float:
    """Returns the option `learning_rate`; where nobody has given it, what the model's class declares."""
    untouched = next(f.default for f in dataclasses.fields(options) if f.name == "learning_rate")
    given = options.is_given("learning_rate") or options.learning_rate != untouched
    return options.learning_rate if given else defaults.get("learning_rate", untouched)


def settings_of(options: Optimizer, defaults: dict[str, Any]) -> dict[str, Any]:
    """Returns name -> value of the chosen optimizer's settings, None for Keras' default.

    Options of other optimizers are not read, so that giving them is an error.
    """
    name = options.optimizer
    # momentum_steps is read only beside final_momentum, without which it has no effect
    names = [setting for setting in SETTINGS[name] if setting != "momentum_steps"]
    if "final_momentum" in names and options.final_momentum is not None:
        names.append("momentum_steps")
    others = {setting for row in SETTINGS.values() for setting in row} - set(SETTINGS[name])
    options.idle(f"with optimizer={name}, which takes {', '.join(SETTINGS[name])}", *sorted(others))
    if "momentum_steps" in SETTINGS[name]:
        options.idle("without final_momentum", "momentum_steps")
    given = {setting: getattr(options, setting) for setting in names}
    return {setting: defaults.get(setting) if value is None else value for setting, value in given.items()}


__all__ = [
    "Adversarial",
    "AdversarialOptimizer",
    "Autoencoding",
    "Bounded",
    "ConvAdversaries",
    "ConvNetwork",
    "DenseAdversaries",
    "DenseNetwork",
    "Optimizer",
    "Variational",
    "adversarial_model",
    "autoencoder_model",
    "compiled",
    "condition_field",
    "data_of",
    "image_shape_of",
    "make_condition",
    "only",
    "seeded",
    "variant_of",
    "variational_model",
]
