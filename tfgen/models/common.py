"""What builders share: seeded construction, options common to a family, and the assembly of its model."""

import contextlib
import inspect
import random
from typing import Literal

from tfgen import augment as augments
from tfgen import likelihoods, losses, objectives, penalties, priors
from tfgen.data.source import data_field
from tfgen.errors import UserError
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.families.variational.model import VariationalModel
from tfgen.networks import make_condition
from tfgen.optimizers.building import make_optimizer

OptimizerName = Literal["adam", "adamw", "rmsprop", "adagrad", "sgd"]


@contextlib.contextmanager
def seeded(seed):
    """Initial weights follow from `seed`: Keras draws an initializer's own seed from Python's generator."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def also_takes(shared):
    """Decorator: the builder's `**options` are those of `shared`, and show in its signature; its own come first."""

    def decorate(builder):
        own = [p for p in inspect.signature(builder).parameters.values() if p.kind is not p.VAR_KEYWORD]
        names = {p.name for p in own}
        more = [
            p
            for p in inspect.signature(shared).parameters.values()
            if p.kind is p.KEYWORD_ONLY and p.name not in names and p.default is not p.empty
        ]
        builder.__signature__ = inspect.Signature(own + more)
        return builder

    return decorate


def at_least_one(**values):
    """Raises UserError for a size that is not positive; tuples are checked item by item, None passes."""
    for name, value in values.items():
        items = value if isinstance(value, tuple) else (value,)
        if any(item is not None and item < 1 for item in items):
            raise UserError(f"{name} must be at least 1, got {value}")


def below_one(**values):
    """Raises UserError for a share, such as a dropout rate, that is not in [0, 1)."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise UserError(f"{name} must lie in [0, 1), got {value}")


def image_shape_of(fields, model):
    if "image" not in fields:
        raise UserError(f"{model} makes images, but the data set holds {', '.join(fields)}")
    return tuple(fields["image"].shape)


def data_of(fields, model):
    """The name and the shape of what `model` is to make: images or points."""
    name = data_field(fields)
    if name not in fields:
        raise UserError(f"{model} makes images or points, but the data set holds {', '.join(fields)}")
    return name, tuple(fields[name].shape)


def only(fields, *names):
    """The named fields, in this order."""
    return {name: fields[name] for name in names if name in fields}


def condition_field(fields, name, model):
    """The field `name` that `model` is conditioned on, checked."""
    if name not in fields:
        raise UserError(
            f"{model} needs the field {name!r} of every image, but the data set holds only {', '.join(fields)}; "
            "choose a data set with labels, or an unconditional model"
        )
    if fields[name].dtype == "int64" and not fields[name].range:
        raise UserError(f"{model} needs to know how many classes there are: give num_classes")
    return fields[name]


def adversarial_model(
    name,
    networks,
    fields,
    value_range=(-1.0, 1.0),
    *,
    latent_dim: int,
    prior: priors.Prior = priors.uniform(-1, 1),
    loss: losses.Loss = losses.non_saturating,
    penalty: penalties.Penalty | None = None,
    discriminator_steps: int = 1,
    shared_pass: bool = False,
    augment: augments.Augment | None = None,
    instance_noise: float = 0.0,
    label_smoothing: float = 0.0,
    ema: float | None = 0.999,
    optimizer: OptimizerName = "adam",
    learning_rate: float = 2e-4,
    generator_learning_rate: float | None = None,
    discriminator_learning_rate: float | None = None,
    beta_1: float | None = None,
    beta_2: float | None = None,
    epsilon: float | None = None,
    momentum: float | None = None,
    final_momentum: float | None = None,
    momentum_steps: int | None = None,
    seed: int = 0,
):
    """A compiled `AdversarialModel` of `networks()` -> (generator, discriminator), built with weights from `seed`."""
    at_least_one(latent_dim=latent_dim, discriminator_steps=discriminator_steps)
    below_one(label_smoothing=label_smoothing)
    if instance_noise < 0:
        raise UserError(f"instance_noise is a standard deviation and must not be negative, got {instance_noise}")
    with seeded(seed):
        generator, discriminator = networks()
    if instance_noise:
        augment = augments.chain(augment, augments.instance_noise(instance_noise))
    model = AdversarialModel(
        generator,
        discriminator,
        latent_dim=latent_dim,
        prior=prior,
        loss=loss.smoothed(label_smoothing),
        penalty=penalty,
        discriminator_steps=discriminator_steps,
        shared_pass=shared_pass,
        augment=augment,
        value_range=value_range,
        ema=ema,
        seed=seed,
        fields=fields,
        name=name,
    )
    if beta_1 is None and optimizer in ("adam", "adamw"):
        beta_1 = 0.5  # Radford et al. 2016, section 3
    settings = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon, "momentum": momentum}
    settings |= {"final_momentum": final_momentum, "momentum_steps": momentum_steps}
    rates = (generator_learning_rate or learning_rate, discriminator_learning_rate or learning_rate)
    model.compile(*(make_optimizer(optimizer, rate, **settings) for rate in rates))
    return model


def variational_model(
    name,
    networks,
    fields,
    *,
    latent_dim: int,
    likelihood: likelihoods.Likelihood = likelihoods.bernoulli(),
    binarize: Literal["none", "static", "dynamic"] = "none",
    prior: priors.Prior = priors.normal(),
    objective: objectives.Objective | None = None,
    beta: float = 1.0,
    kl_warmup_steps: int = 0,
    samples: int = 1,
    data_bias: bool = False,
    ema: float | None = None,
    optimizer: OptimizerName = "adam",
    learning_rate: float = 1e-3,
    beta_1: float | None = None,
    beta_2: float | None = None,
    epsilon: float | None = None,
    momentum: float | None = None,
    seed: int = 0,
):
    """A compiled `VariationalModel` of `networks(likelihood)` -> (encoder, decoder), built with weights from `seed`."""
    at_least_one(latent_dim=latent_dim, samples=samples)
    likelihood = binarized(likelihood, binarize)
    if objective is not None and (beta != 1.0 or kl_warmup_steps):
        raise UserError("beta and kl_warmup_steps belong to the ELBO: leave them out, or leave out objective")
    with seeded(seed):
        encoder, decoder = networks(likelihood)
    model = VariationalModel(
        encoder,
        decoder,
        likelihood=likelihood,
        prior=prior,
        objective=objective or objectives.elbo(beta, kl_warmup_steps),
        samples=samples,
        data_bias=data_bias,
        ema=ema,
        seed=seed,
        fields=fields,
        name=name,
    )
    settings = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon, "momentum": momentum}
    model.compile(make_optimizer(optimizer, learning_rate, **settings))
    return model


def binarized(likelihood, binarize):
    """`binarize` belongs to the Bernoulli likelihood, and is an option of its own since it changes the data."""
    if binarize == "none":
        return likelihood
    if not isinstance(likelihood, likelihoods.Bernoulli):
        raise UserError(f"binarize={binarize} needs likelihood=bernoulli")
    return likelihoods.bernoulli(binarize)


__all__ = [
    "adversarial_model",
    "also_takes",
    "at_least_one",
    "below_one",
    "condition_field",
    "data_of",
    "image_shape_of",
    "make_condition",
    "only",
    "variational_model",
]
