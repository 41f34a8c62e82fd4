"""AutoregressiveModel: log p(x) = sum_t log p(x_t | x_1, ..., x_(t-1)), exact (Larochelle and Murray 2011)."""

import math
from collections.abc import Callable
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tfgen import samplers
from tfgen.augment import Augment
from tfgen.augment.base import check_follows_nothing
from tfgen.averaging import Ema
from tfgen.data.source import Field
from tfgen.domains import Seed
from tfgen.errors import UserError
from tfgen.families.autoregressive.partial import Partial, by_rows, whole
from tfgen.families.exact.model import ExactModel
from tfgen.likelihoods import Likelihood
from tfgen.networks.masked import apply_masks, outputs_at
from tfgen.noise import Noise
from tfgen.training.model import GenerativeModel
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step


class AutoregressiveModel(ExactModel):
    """One network that gives the distribution of every value from the values before it, in one pass.

    Args:
        density: `keras.Model`, `image` float32 [B, H, W, C] in [0, 1] -> {`image`: mean of p(x_t | x_<t), and the
            likelihood's raw parameters}, each [B, H, W, C]; the outputs at x_t depend on the x before it alone.
        likelihood: p(x_t | x_<t), of `tfgen.likelihoods`.
        order: of the values, row by row and channel by channel, or a random one that follows from the seed.
        augment: `augment(images, noise)` of training images [B, H, W, C] in [0, 1], or None. p(x) is of what it makes,
            so that it is to leave most of what it sees as it is.
        ema: decay of the moving average of the network, or None.
        seed: integer from which all noise and the order of the data derive.
        fields: what a batch holds.
        **kwargs: `name`, and as of `GenerativeModel`.

    Raises:
        UserError: another `order`.
    """

    likelihood: Likelihood

    sampling_network = "density"

    def __init__(
        self,
        density: keras.Model,
        *,
        likelihood: Likelihood,
        order: Literal["raster", "random"] = "raster",
        augment: Augment | None = None,
        ema: Ema | None = None,
        seed: Seed = 0,
        fields: dict[str, Field],
        **kwargs: Any,
    ) -> None:
        super().__init__({"density": density}, fields=fields, ema=ema, seed=seed, **kwargs)
        check_follows_nothing(augment, "augment")
        self.likelihood, self.order, self.augment = likelihood, order, augment
        if order not in ("raster", "random"):
            raise UserError(f"order must be 'raster' or 'random', got {order!r}")

    @property
    def turns(self) -> np.ndarray:
        """The index, in a flat example, of the value of each turn, int64 [H W C]."""
        size = math.prod(self.data_shape)
        # of NumPy's streams the only one that never changes: weights belong to an order
        random = np.random.RandomState(self.seed % 2**32)
        return np.arange(size) if self.order == "raster" else random.permutation(size).astype(np.int64)

    @property
    def sampler(self) -> samplers.Sampler | None:
        """The default sampler: one value after the other."""
        return samplers.sequential()

    def check_start(self, source: GenerativeModel) -> None:
        """Raises UserError where the weights of another model are of another order, and so of other pixels."""
        theirs = getattr(source, "turns", None)
        if theirs is not None and len(theirs) == len(self.turns) and not np.array_equal(theirs, self.turns):
            raise UserError(
                f"init_from: there the pixels have another order, order={source.order}, which follows from its seed: "
                f"give --seed={source.seed} and --set=order={source.order}"
            )

    # Training.

    def prepared(self, batch: Fields, step: Step) -> tuple[tf.Tensor, Fields]:
        """Returns images x [B, H, W, C] in [0, 1], as the likelihood takes them, and the batch with x as its images."""
        x = self.to_unit_range(batch[self.data_field])
        if self.augment is not None and step.training:
            x = tf.clip_by_value(self.augment(x, step.noise.scope("augment")), 0.0, 1.0)
        x = self.likelihood.prepare(x, step.noise)
        return x, {**batch, self.data_field: self.to_value_range(x)}

    def log_prob(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns log p(x) [B] in nats."""
        x, batch = self.prepared(batch, step)
        return self.log_density(x, batch, step)

    def log_density(self, x: tf.Tensor, batch: Fields, step: Step) -> tf.Tensor:
        """Returns log p(x) [B] in nats of images x in [0, 1], which a batch holds as the network sees them."""
        outputs = step.run("density", {self.data_field: batch[self.data_field], **batch})
        return self.likelihood.log_prob(x, as_float32(outputs))

    # Beyond training.

    def prepared_batch(self, batch: Fields, noise: Noise) -> Fields:
        """Returns a batch as the likelihood takes it, binarised where the model is trained so; idempotent."""
        return self.prepared(batch, self.inference_step(noise))[1]

    def log_likelihood(self, batch: Fields) -> tf.Tensor:
        """Returns the exact log p(x) of every example of a prepared batch, float32 [B] in nats.

        Raises:
            UserError: gray pixels under a Bernoulli likelihood, which is none.
        """
        if not self.likelihood.exact:
            raise UserError(f"{self.likelihood} on gray pixels is a cross-entropy: give binarize=static|dynamic")
        step = self.inference_step(Noise(self.seed, 0, "infer/"))
        return self.log_density(self.to_unit_range(batch[self.data_field]), batch, step)

    def turn_of(
        self, conditions: Fields, networks: Networks | None = None
    ) -> tuple[Callable[[tf.Tensor], Any], Callable[..., tuple[tf.Tensor, Any]]]:
        """Returns (memory, turn): `turn(x, t, u, memory)` draws the value of turn t by the quantile u [B]."""
        network = (networks or {}).get("density") or self.best("density")
        partial, turns, size = self.partial(network, conditions), tf.constant(self.turns), math.prod(self.data_shape)

        def turn(x: tf.Tensor, t: tf.Tensor, u: tf.Tensor, memory: Any) -> tuple[tf.Tensor, Any]:
            place = turns[t]
            outputs, memory = partial.at(self.to_value_range(x), place, memory)
            value = self.likelihood.quantile(outputs, u)
            # it was 0 until now
            return x + tf.reshape(value[:, None] * tf.one_hot(place, size), tf.shape(x)), memory

        return partial.memory, turn

    def partial(self, network: keras.Model, conditions: Fields) -> Partial:
        """Returns how the outputs of a network at one value are computed: from a whole pass."""
        return whole(network, self.data_field, conditions)


class MaskedModel(AutoregressiveModel):
    """MADE: a dense network whose kernels are masked, at first and after every update (Germain et al. 2015).

    Args:
        density: of `tfgen.networks.masked.masked_network`.
        **options: of `AutoregressiveModel`.
    """

    def __init__(self, density: keras.Model, **options: Any) -> None:
        super().__init__(density, **options)
        for network in {id(n): n for n in (density, self.best("density"))}.values():
            apply_masks(network, self.turns)

    def partial(self, network: keras.Model, conditions: Fields) -> Partial:
        """Returns how the outputs at one value are computed, without those at others."""
        outputs = outputs_at(network, self.likelihood)
        return Partial(lambda x, place, memory: (outputs(x, place), memory))

    def after_update(self, phase: Phase) -> None:
        """Masks the kernels anew: the optimizer moves weights that have no effect, too."""
        apply_masks(self.networks["density"], self.turns)


class GatedModel(AutoregressiveModel):
    """The gated PixelCNN: values are drawn row by row, from what their outputs depend on (van den Oord et al. 2016).

    Args:
        density: of `tfgen.networks.pixelcnn.pixelcnn_network`.
        **options: of `AutoregressiveModel`, without `order`: the network has that of the rows.
    """

    def __init__(self, density: keras.Model, **options: Any) -> None:
        super().__init__(density, **options)
        if self.order != "raster":
            raise UserError(f"a PixelCNN sees the rows above, hence order must be 'raster', got {self.order!r}")

    def partial(self, network: keras.Model, conditions: Fields) -> Partial:
        """Returns how the outputs at one value are computed, what lies above its row once per row."""
        return by_rows(network, self.data_shape)


def as_float32(outputs: Fields) -> Fields:
    """Returns outputs by name, float32 also under mixed precision."""
    return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}
