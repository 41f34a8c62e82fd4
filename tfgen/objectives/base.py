"""What an objective is, and what it sees of the codes of a batch."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from tfgen.values import Value


@dataclasses.dataclass(frozen=True)
class Codes:
    """The codes of a whole batch, of all replicas: N images, D latent dimensions.

    Attributes:
        z: float32 [N, D], one draw of q(z|x) per image.
        mean: float32 [N, D], the mean of q(z|x).
        log_var: float32 [N, D], the log of its variances.
        draw_prior: returns z ~ p(z), float32 [N, D].
    """

    z: tf.Tensor
    mean: tf.Tensor
    log_var: tf.Tensor
    draw_prior: Callable[[], tf.Tensor]


class Objective(Value):
    """A function of a variational model's log densities, as a dict of terms to minimise.

    Attributes:
        needs_whole_batch: the reason, the start of a sentence, if its terms couple the rows of a batch; else None.
            Such an objective has `of_codes`.
        of_divergences: whether it is of KL(q(z|x) || p(z)), and not of the weights of single draws.
    """

    needs_whole_batch: str | None = None
    of_divergences = True

    @property
    def weighs_kl(self) -> bool:
        """Whether anything in it draws q(z|x), or the mean of q(z|x) over images, to the prior."""
        return True

    @property
    def takes_density(self) -> bool:
        """Whether it is of log p(z), which is minus infinity where the density of a bounded prior is 0."""
        return True

    @property
    def rewards_noise(self) -> bool:
        """Whether it rewards the noise of q(z|x) of single images, as a divergence from the prior does."""
        return self.weighs_kl

    def check_samples(self, samples: int) -> None:
        """Raises UserError if the objective cannot do with `samples` draws of z per image."""

    def __call__(
        self, log_px: tf.Tensor, log_pz: tf.Tensor, log_qz: tf.Tensor, kl: tf.Tensor | None, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns name -> term, a float32 scalar in nats per image.

        Args:
            log_px: log p(x|z) of L samples z ~ q(z|x) of B images, float32 [L, B] in nats.
            log_pz: log p(z), as `log_px`.
            log_qz: log q(z|x), as `log_px`.
            kl: KL(q(z|x) || p(z)) in closed form, float32 [B]; None without one.
            step: integer scalar, counted from 0.
        """
        raise NotImplementedError

    def of_codes(self, codes: Codes) -> dict[str, tf.Tensor]:
        """Returns further terms, of all codes of a batch together: here none."""
        return {}


def divergence(log_pz: tf.Tensor, log_qz: tf.Tensor, kl: tf.Tensor | None) -> tf.Tensor:
    """Returns KL(q(z|x) || p(z)) of each image, in closed form [B], or of each draw [L, B] without one."""
    return log_qz - log_pz if kl is None else kl
