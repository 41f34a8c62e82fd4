"""Penalty: a scalar that the discriminator minimises besides its loss."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import tensorflow as tf

from tfgen.errors import UserError
from tfgen.noise import Noise
from tfgen.values import Value

if TYPE_CHECKING:
    import keras

Discriminate = Callable[[tf.Tensor], tf.Tensor]


@dataclasses.dataclass
class Seen:
    """What the discriminator has seen in an update, for penalties on its answers and on its gradients.

    Attributes:
        discriminate: images [B, H, W, C] -> logits [B, 1], with what D sees beside the real images already bound.
        real, fake: images [B, H, W, C], augmented where the model augments.
        noise: `Noise`, the penalty's own random streams.
        real_logit, fake_logit: float32 [B, 1], D's answers to them; made where they are not given.
        states: name -> variable, of the penalty's `states`.
        assign: `assign(variable, value)`.
        gather: rows of this replica -> rows of all replicas.
        discriminate_fake: the same beside the generated images; `discriminate`, unless it is given.
    """

    discriminate: Discriminate
    real: tf.Tensor
    fake: tf.Tensor
    noise: Noise
    real_logit: tf.Tensor | None = None
    fake_logit: tf.Tensor | None = None
    states: "Mapping[str, keras.Variable]" = dataclasses.field(default_factory=dict)
    assign: "Callable[[keras.Variable, tf.Tensor], None]" = lambda variable, value: None
    gather: Callable[[tf.Tensor], tf.Tensor] = lambda rows: rows
    discriminate_fake: Discriminate | None = None

    def on_fake(self, images: tf.Tensor) -> tf.Tensor:
        """Returns D's logits [B, 1] of images in the place of the generated ones."""
        return (self.discriminate_fake or self.discriminate)(images)

    def answers(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns D's logits of real and of generated images."""
        real = self.discriminate(self.real) if self.real_logit is None else self.real_logit
        return real, self.on_fake(self.fake) if self.fake_logit is None else self.fake_logit


class Penalty(Value):
    """A scalar that the discriminator minimises in addition to its loss.

    A penalty on gradients overrides `__call__`, one on answers that D has given already `of`.

    Attributes:
        states: name -> initial value of variables that the penalty keeps, saved with the model.
        couples: whether it depends on the batch as a whole, and not on each example by itself.
        needs_maps: whether it works on images [B, H, W, C] alone, and not on points.
        every: above 1, it has an update of its own in each step that this number divides, times the number of D's
            updates that it stands for: lazy regularisation (Karras et al. 2020, appendix B, whose
            change of Adam's rate and betas is left to the user).
    """

    states: ClassVar[dict[str, float]] = {}
    couples: ClassVar[bool] = False
    needs_maps: ClassVar[bool] = False
    every: int = 1

    def __call__(self, discriminate: Discriminate, real: tf.Tensor, fake: tf.Tensor, noise: Noise) -> tf.Tensor:
        """Returns the penalty, a float32 scalar, of a batch of real and one of generated images [B, H, W, C]."""
        return self.of(Seen(discriminate, real, fake, noise))

    def of(self, seen: Seen) -> tf.Tensor:
        """Returns the penalty, a float32 scalar, of what D has `seen`."""
        if type(self).__call__ is Penalty.__call__:
            raise UserError(f"{type(self).__name__} overrides neither __call__ nor of")
        return self(seen.discriminate, seen.real, seen.fake, seen.noise)


def squared_gradient_norm(discriminate: Discriminate, images: tf.Tensor) -> tf.Tensor:
    """Returns |grad_x D(x)|^2 per image, float32 [B]."""
    with tf.GradientTape() as tape:
        tape.watch(images)  # a tensor, which a tape does not watch by itself
        logits = discriminate(images)
    gradient = tape.gradient(logits, images)
    return tf.reduce_sum(tf.square(gradient), axis=list(range(1, len(images.shape))))


def squared_distance_to_norm(discriminate: Discriminate, images: tf.Tensor, norm: float) -> tf.Tensor:
    """Returns E[(|grad_x D(x)| - norm)^2], a scalar."""
    # the square root's derivative is infinite at zero: without the epsilon a zero gradient would give NaN
    return tf.reduce_mean(tf.square(tf.sqrt(squared_gradient_norm(discriminate, images) + 1e-12) - norm))


def one_per_image(images: tf.Tensor) -> tf.Tensor:
    """Returns the shape [B, 1, ...] of a number per image."""
    return tf.concat([tf.shape(images)[:1], tf.ones(len(images.shape) - 1, tf.int32)], axis=0)


def term(penalty: Any, seen: Seen) -> tf.Tensor:
    """Returns the value of a `Penalty`, or of a function `penalty(discriminate, real, fake, noise)`."""
    if isinstance(penalty, Penalty):
        return penalty.of(seen)
    return penalty(seen.discriminate, seen.real, seen.fake, seen.noise)
