"""Option groups of the named models: each option has its type here, once, for all builders that take it.

A builder takes a group as one keyword argument, with its own defaults: `conv: ConvNetwork = ConvNetwork(width=32)`.
"""

import dataclasses
from typing import Literal

from tfgen import augment as augments
from tfgen import likelihoods, losses, objectives, penalties, priors
from tfgen.errors import UserError
from tfgen.recipes.options import Options

Activation = Literal["tanh", "relu", "sigmoid", "softplus", "gelu"]
Output = Literal["tanh", "sigmoid"]


def at_least_one(**values: int | tuple[int, ...] | None) -> None:
    """Raises UserError for a size that is not positive; tuples are checked item by item, None passes."""
    for name, value in values.items():
        items = value if isinstance(value, tuple) else (value,)
        if any(item is not None and item < 1 for item in items):
            raise UserError(f"{name} must be at least 1, got {value}")


def below_one(**values: float) -> None:
    """Raises UserError for a proportion, such as a dropout rate, that is not in [0, 1)."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise UserError(f"{name} must lie in [0, 1), got {value}")


@dataclasses.dataclass(frozen=True)
class ConvNetwork(Options):
    """Strided convolutions."""

    width: int = 64  # channels of the largest maps; doubled whenever the maps are halved
    kernel_size: int = 5
    depth: int | None = None  # how often maps are halved; None: down to 4 to 7 pixels

    def __post_init__(self) -> None:
        at_least_one(width=self.width, kernel_size=self.kernel_size, depth=self.depth)


@dataclasses.dataclass(frozen=True)
class ConvAdversaries(ConvNetwork):
    """DCGAN's generator and discriminator (Radford et al. 2016)."""

    stddev: float | None = 0.02  # of the initial weights; None: Keras' own
    normalize: bool = True  # batch norm in the discriminator
    dropout: float = 0.0  # in the discriminator
    full_size: bool = False  # maps of features at the image's own size
    hidden_units: int | None = None  # of a dense layer before the discriminator's logit
    output: Output = "tanh"  # the generator's last activation, and with it the range of the images

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least_one(hidden_units=self.hidden_units)
        below_one(dropout=self.dropout)


@dataclasses.dataclass(frozen=True)
class DenseNetwork(Options):
    """Dense encoder and decoder, with mirrored layers."""

    units: tuple[int, ...] = (500,)  # of the encoder's hidden layers
    activation: Activation = "tanh"  # of the hidden layers
    stddev: float | None = None  # of the initial weights; None: Keras' own

    def __post_init__(self) -> None:
        at_least_one(units=tuple(self.units))


@dataclasses.dataclass(frozen=True)
class DenseAdversaries(Options):
    """A generator with ReLU and a discriminator with maxout layers (Goodfellow et al. 2014)."""

    dropout: float = 0.0
    initial_scale: float | None = None  # initial weights U(-scale, scale); None: Keras' own
    output: Output = "tanh"  # the generator's last activation, and with it the range of the images

    def __post_init__(self) -> None:
        below_one(dropout=self.dropout)


@dataclasses.dataclass(frozen=True)
class Adversarial(Options):
    """Options of every `AdversarialModel`."""

    latent_dim: int = 100
    prior: priors.Prior = priors.uniform(-1, 1)
    loss: losses.Loss = losses.non_saturating
    penalty: penalties.Penalty | None = None  # on the discriminator's gradients
    discriminator_steps: int = 1  # updates of the discriminator per update of the generator
    shared_pass: bool = False  # both updates on the same generated images
    augment: augments.Augment | None = None  # of real and generated images, before the discriminator
    instance_noise: float = 0.0  # standard deviation of noise on what the discriminator sees
    label_smoothing: float = 0.0  # the target of real images is 1 minus this
    ema: float | None = 0.999  # decay of the moving average of the generator; None: no average
    seed: int = 0

    def __post_init__(self) -> None:
        at_least_one(latent_dim=self.latent_dim, discriminator_steps=self.discriminator_steps)
        below_one(label_smoothing=self.label_smoothing)
        if self.instance_noise < 0:
            raise UserError(
                f"instance_noise is a standard deviation and must not be negative, got {self.instance_noise}"
            )


@dataclasses.dataclass(frozen=True)
class Autoencoding(Options):
    """Options of every model with an encoder and a decoder."""

    latent_dim: int = 32
    likelihood: likelihoods.Likelihood = likelihoods.bernoulli()  # p(x|z)
    binarize: Literal["none", "static", "dynamic"] = "none"  # of the images, under a Bernoulli likelihood
    ema: float | None = None  # decay of the moving average of the networks; None: no average
    seed: int = 0

    def __post_init__(self) -> None:
        at_least_one(latent_dim=self.latent_dim)


@dataclasses.dataclass(frozen=True)
class Variational(Autoencoding):
    """Options of every `VariationalModel`."""

    prior: priors.Prior = priors.normal()
    objective: objectives.Objective | None = None  # None: the ELBO with beta and kl_warmup_steps
    beta: float = 1.0  # weight of the KL divergence
    kl_warmup_steps: int = 0  # steps over which beta rises from 0
    samples: int = 1  # draws of z per image
    data_bias: bool = False  # a dense decoder's output starts at the mean of the data

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least_one(samples=self.samples)


@dataclasses.dataclass(frozen=True)
class Optimizer(Options):
    """The optimizer of every network of a model; None: the default of the model, else of Keras."""

    optimizer: Literal["adam", "adamw", "rmsprop", "adagrad", "sgd"] = "adam"
    learning_rate: float = 1e-3
    beta_1: float | None = None
    beta_2: float | None = None
    epsilon: float | None = None
    weight_decay: float | None = None  # of adamw
    momentum: float | None = None
    final_momentum: float | None = None  # of sgd, the momentum after momentum_steps
    momentum_steps: int | None = None  # updates over which it rises linearly


@dataclasses.dataclass(frozen=True)
class AdversarialOptimizer(Optimizer):
    """The optimizers of an adversarial model, which may differ in their learning rates."""

    learning_rate: float = 2e-4
    generator_learning_rate: float | None = None  # None: learning_rate
    discriminator_learning_rate: float | None = None  # None: learning_rate
