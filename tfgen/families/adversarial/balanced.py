"""BEGAN's equilibrium (Berthelot et al. 2017): the weight of generated images follows the balance of both errors."""

from typing import Any

import keras
import tensorflow as tf

from tfgen import losses
from tfgen.domains import NotNegative, Share
from tfgen.errors import UserError
from tfgen.families.adversarial.model import AdversarialModel, Judged
from tfgen.training.step import Fields, Step


class BalancedModel(AdversarialModel):
    """A GAN whose discriminator is an autoencoder, its logit minus the error L of an image.

    L_D = L(x) - k L(G(z)), L_G = L(G(z)), k <- k + lambda_k (gamma L(x) - L(G(z))) in [0, 1]: Berthelot et al. 2017,
    section 3.3. The global measure of convergence, L(x) + |gamma L(x) - L(G(z))|, is logged as `convergence`.

    Args:
        generator, discriminator: as of `AdversarialModel`.
        gamma: E[L(G(z))] / E[L(x)] at the equilibrium, which weighs diversity against quality.
        gain: lambda_k, of k's steps.
        loss: Wasserstein, the difference of the errors.
        **options: of `AdversarialModel`.

    Raises:
        UserError: another loss.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        gamma: Share = 0.5,
        gain: NotNegative = 0.001,
        loss: losses.Loss = losses.wasserstein,
        **options: Any,
    ) -> None:
        if loss != losses.wasserstein:
            raise UserError("the loss of an autoencoder's errors is their difference, loss=wasserstein: leave loss out")
        super().__init__(generator, discriminator, loss=loss, **options)
        self.gamma, self.gain = gamma, gain
        self.add_state("balance", 0.0)

    @property
    def needs_whole_batch(self) -> str | None:
        return super().needs_whole_batch or "the balance of errors is one of the whole batch"

    def trials(self) -> list:
        """Returns none: a fresh discriminator learns by cross-entropy, and errors are no log-odds."""
        return []

    def stops(self) -> dict[str, type]:
        """Returns none, for the same reason."""
        return {}

    def logits_of_loss(self, real: tf.Tensor, fake: tf.Tensor, step: Step) -> tuple[tf.Tensor, tf.Tensor]:
        return real, self.states["balance"].value * fake

    def more_terms(self, phase: str, batch: Fields, real: Judged | None, fake: Judged, step: Step) -> Fields:
        if real is not None and phase == "discriminator":
            errors = [-tf.reduce_mean(step.gather(judged.logit)) for judged in (real, fake)]
            off = self.gamma * errors[0] - errors[1]
            k = self.states["balance"]
            step.assign(k, tf.clip_by_value(k.value + self.gain * off, 0.0, 1.0))
            step.log("balance", k.value)
            step.log("convergence", errors[0] + tf.abs(off))
        return super().more_terms(phase, batch, real, fake, step)
