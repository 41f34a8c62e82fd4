"""Adversarial losses: pairs of pure functions on discriminator logits.

Every function takes float32 logits [B, 1] (before the sigmoid) and returns a scalar: the mean over the batch, in nats
where the loss is a cross-entropy. sigmoid(logit) is D(x), the probability that x is real; at the equilibrium D = 1/2.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self

import tensorflow as tf

from tfgen import domains
from tfgen.errors import UserError
from tfgen.values import Value, load_function, save_function, serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Loss(Value):
    """A pair of losses, minimised by the discriminator and the generator.

    Attributes:
        discriminator: `f(real_logits, fake_logits) -> scalar`.
        generator: `g(fake_logits, real_logits) -> scalar`; `real_logits` is None unless `needs_real`.
        needs_real: whether the generator's step runs the discriminator on real images too (relativistic losses).
        arguments: further keyword arguments of `discriminator`.
    """

    discriminator: Callable[..., tf.Tensor]
    generator: Callable[..., tf.Tensor]
    needs_real: bool = False
    arguments: dict = dataclasses.field(default_factory=dict)

    @property
    def log_odds(self) -> bool:
        """Whether D's logit is the log-odds of real against fake, so that D(x) = sigmoid(logit) is a probability.

        It is under a cross-entropy. A critic's outputs, margins and the targets of least squares are no probabilities.
        """
        return self.discriminator is cross_entropy_discriminator

    def discriminator_loss(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """Returns the discriminator's loss of logits [B, 1], a scalar."""
        return self.discriminator(real, fake, **self.arguments)

    def generator_loss(self, fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the generator's loss of logits [B, 1], a scalar."""
        return self.generator(fake, real)

    def smoothed(self, amount: float) -> Self:
        """Returns the loss with one-sided label smoothing: the target of real images is 1 - `amount`.

        Salimans et al. 2016, section 3.4.

        Raises:
            UserError: `amount` lies outside [0, 1), or the loss has no such target.
        """
        if not amount:
            return self
        domains.check("label_smoothing", amount, domains.Proportion)
        if "real_label" not in inspect.signature(self.discriminator).parameters:
            raise UserError("label_smoothing needs a cross-entropy loss: minimax or non_saturating")
        return self.replace(arguments={**self.arguments, "real_label": 1.0 - amount})

    def get_config(self) -> dict[str, Any]:
        # functions by their registered names, which another process can look up
        functions = {name: save_function(getattr(self, name)) for name in ("discriminator", "generator")}
        return {**super().get_config(), **functions}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        functions = {name: load_function(config[name]) for name in ("discriminator", "generator")}
        return cls(**{**config, **functions})


@serializable
def cross_entropy_discriminator(real: tf.Tensor, fake: tf.Tensor, real_label: float = 1.0) -> tf.Tensor:
    """Returns -E[log D(x)] - E[log(1 - D(G(z)))], Goodfellow et al. 2014, equation 1: 2 log 2 nats at the equilibrium.

    With `real_label` t < 1 the first term is -E[t log D(x) + (1 - t) log(1 - D(x))].
    """
    # -log sigmoid(a) = softplus(-a) and -log(1 - sigmoid(a)) = softplus(a): finite where the sigmoid rounds to 0 or 1
    on_real = real_label * tf.math.softplus(-real) + (1.0 - real_label) * tf.math.softplus(real)
    return tf.reduce_mean(on_real) + tf.reduce_mean(tf.math.softplus(fake))


@serializable
def minimax_generator(fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
    """Returns E[log(1 - D(G(z)))], Goodfellow et al. 2014, equation 1; its gradient vanishes as D(G(z)) -> 0."""
    return -tf.reduce_mean(tf.math.softplus(fake))


@serializable
def non_saturating_generator(fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
    """Returns -E[log D(G(z))], Goodfellow et al. 2014, section 3: log 2 nats at the equilibrium."""
    return tf.reduce_mean(tf.math.softplus(-fake))


@serializable
def least_squares_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns E[(D(x) - 1)^2] / 2 + E[D(G(z))^2] / 2 on raw outputs, Mao et al. 2017, equation 9."""
    return 0.5 * (tf.reduce_mean(tf.square(real - 1.0)) + tf.reduce_mean(tf.square(fake)))


@serializable
def least_squares_generator(fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
    """Returns E[(D(G(z)) - 1)^2] / 2, Mao et al. 2017, equation 9."""
    return 0.5 * tf.reduce_mean(tf.square(fake - 1.0))


@serializable
def hinge_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))], Lim and Ye 2017; Miyato et al. 2018, equation 16."""
    return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))


@serializable
def wasserstein_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns E[D(G(z))] - E[D(x)], Arjovsky et al. 2017, equation 2; needs a Lipschitz constraint on D."""
    return tf.reduce_mean(fake) - tf.reduce_mean(real)


@serializable
def wasserstein_generator(fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
    """Returns -E[D(G(z))], Arjovsky et al. 2017, equation 2; also the generator's hinge loss (Miyato et al. 2018)."""
    return -tf.reduce_mean(fake)


@serializable
def relativistic_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns E[softplus(-(D(x) - D(G(z))))] over pairs, Jolicoeur-Martineau 2018, equation 12.

    log 2 nats at the equilibrium.
    """
    return tf.reduce_mean(tf.math.softplus(fake - real))


@serializable
def relativistic_generator(fake: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """Returns E[softplus(-(D(G(z)) - D(x)))] over pairs, Jolicoeur-Martineau 2018, equation 13."""
    return tf.reduce_mean(tf.math.softplus(real - fake))


minimax = Loss(cross_entropy_discriminator, minimax_generator)
non_saturating = Loss(cross_entropy_discriminator, non_saturating_generator)
least_squares = Loss(least_squares_discriminator, least_squares_generator)
hinge = Loss(hinge_discriminator, wasserstein_generator)
wasserstein = Loss(wasserstein_discriminator, wasserstein_generator)
relativistic = Loss(relativistic_discriminator, relativistic_generator, needs_real=True)
