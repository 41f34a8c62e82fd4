"""Loss: a pair of pure functions on discriminator logits.

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
        couples: whether the losses are no means over examples (or pairs), since each one depends on the whole batch.
        undecided: the output halfway between those that D is to give on real and on generated images;
            None of a loss that no constant added to all logits changes.
    """

    discriminator: Callable[..., tf.Tensor]
    generator: Callable[..., tf.Tensor]
    needs_real: bool = False
    arguments: dict = dataclasses.field(default_factory=dict)
    couples: bool = False
    undecided: float | None = 0.0

    @property
    def log_odds(self) -> bool:
        """Whether D's logit is the log-odds of real against fake, so that D(x) = sigmoid(logit) is a probability.

        It is under a cross-entropy. A critic's outputs, margins and the targets of least squares are no probabilities.
        """
        return getattr(self.discriminator, "log_odds", False)

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


class Selection(Value):
    """A choice among the samples of a batch, from which alone the generator learns."""

    def __call__(self, fake: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Returns the chosen ones of D's logits [B, 1] of samples, in step number `step`, counted from 0."""
        raise NotImplementedError
