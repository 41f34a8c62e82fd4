"""Sampling that does not depend on the batch: sample i follows from (seed, i) and its conditions alone."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfgen.domains import Count, Natural, Seed, check
from tfgen.errors import UserError, shown
from tfgen.machine.tracing import traced
from tfgen.samplers import Sampler
from tfgen.sampling.conditions import Conditioned, Networks
from tfgen.sampling.endpoints import Endpoint

CHUNK = 250  # rows per call of the network, always: other shapes may round differently


class Sampling(Conditioned):
    """The part of `GenerativeModel` that samples."""

    _sample_functions: dict | None = None

    if TYPE_CHECKING:  # of `Batches`: a definition here would hide it

        @property
        def data_shape(self) -> tuple[int, ...]: ...

        @property
        def data_dtype(self) -> str: ...

        def as_stored(self, data: tf.Tensor) -> tf.Tensor: ...

        def spec(self, name: str) -> tf.TensorSpec: ...

    @property
    def sampler(self) -> Sampler | None:
        """The default sampler; None for a model that cannot sample."""
        return None

    def sample(
        self,
        n: int,
        seed: int = 0,
        label: ArrayLike | None = None,
        stochastic: bool = False,
        batch_size: int = CHUNK,
        start: int = 0,
        *,
        conditions: dict[str, Any] | None = None,
        sampler: Sampler | None = None,
    ) -> np.ndarray:
        """Returns samples start, ..., start + n - 1 of the endless sequence that belongs to `seed`.

        Args:
            n: number of samples.
            seed: integer in [0, 2^31).
            label: of a model conditioned on labels, a class or a list of classes taken in turn (default: all in turn):
                numbers, or names where `class_names` are known.
            stochastic: draw the pixels from p(x|z) instead of giving its mean (variational models only).
            batch_size: samples per call of the network; it changes them by rounding at most.
            start: number of the first sample.
            conditions: field name -> values taken in turn; `label=` is the shorthand for labels.
            sampler: of `tfgen.samplers`, instead of the model's own.

        Returns:
            uint8 [n, H, W, C]; of a model of points or vectors, float32 [n, D].

        Raises:
            UserError: the model cannot sample, or the arguments do not fit.
        """
        sampler = self.sampler_or_own(sampler)
        for name, value, domain in (
            ("n", n, Natural),
            ("start", start, Natural),
            ("seed", seed, Seed),
            ("batch_size", batch_size, Count),
        ):
            check(name, value, domain)
        rows = self.conditions_for(int(n), self.with_label(label, conditions), start=int(start), sampler=sampler)
        return self.draw_rows(self.sample_from_seeds(sampler, bool(stochastic)), n, seed, rows, batch_size, start)

    def sampler_or_own(self, sampler: Sampler | None) -> Sampler:
        """Returns a sampler, by default the model's own.

        Raises:
            UserError: the model has none, or something else was given.
        """
        sampler = self.sampler if sampler is None else sampler
        if sampler is None:
            raise UserError(self.cannot_sample)
        if not isinstance(sampler, Sampler):
            raise UserError(f"sampler expects one of tfgen.samplers, such as heun(10), got {shown(sampler)}")
        return sampler

    def draw_rows(
        self,
        function: Callable[..., tf.Tensor],
        n: int,
        seed: int,
        rows: dict[str, np.ndarray],
        batch_size: int = CHUNK,
        start: int = 0,
    ) -> np.ndarray:
        """Returns samples start, ..., start + n - 1 of `function(seeds, rows)`, as data sets hold them [n, ...].

        Args:
            function: of `sample_from_seeds`.
            n, seed, batch_size, start: as in `sample`.
            rows: name -> values [n, ...], a row per sample.
        """
        n, start, seed = int(n), int(start), int(seed)  # an int32 of NumPy would overflow below
        made = np.empty((n, *self.data_shape), self.data_dtype)
        for first in range(0, n, batch_size):
            # the last batch is filled up: the same shape is neither traced again nor rounded differently
            places = np.arange(first, first + batch_size, dtype=np.int64)
            taken = {name: tf.constant(values[np.minimum(places, n - 1)]) for name, values in rows.items()}
            count = min(batch_size, n - first)
            # one int64 per sample: the seed in its upper 32 bits, the sample's number in the lower
            made[first : first + count] = function(tf.constant((seed << 32) + start + places), taken).numpy()[:count]
        return made

    @property
    def cannot_sample(self) -> str:
        """A sentence on why the model cannot sample."""
        return f"{self.name} cannot generate"

    def sample_from_seeds(self, sampler: Sampler, stochastic: bool = False) -> Callable[..., tf.Tensor]:
        """Returns `f(seeds int64 [B], conditions) -> samples [B, ...]`, as data sets hold them, a compiled function."""
        # past Keras' bookkeeping of attributes, which would wrap the dict
        functions = vars(self).setdefault("_sample_functions", {})
        if (sampler, stochastic) not in functions:

            def draw(seeds: tf.Tensor, conditions: dict[str, tf.Tensor]) -> tf.Tensor:
                return self.samples_from_seeds(seeds, conditions, sampler=sampler, stochastic=stochastic)

            functions[sampler, stochastic] = traced(draw, reduce_retracing=True)
        return functions[sampler, stochastic]

    def forget_traces(self) -> None:
        """Drops the compiled functions, which keep the model as it was when they were traced."""
        vars(self)["_sample_functions"] = {}

    def samples_from_seeds(
        self,
        seeds: tf.Tensor,
        conditions: dict[str, Any] | None = None,
        networks: Networks | None = None,
        *,
        sampler: Sampler | None = None,
        stochastic: bool = False,
    ) -> tf.Tensor:
        """Returns samples [B, ...] as data sets hold them, sample i from seeds[i] and its conditions alone; traceable.

        Args:
            seeds: int64 [B].
            conditions: field name -> values [B, ...].
            networks: name -> network, used instead of the model's own.
            sampler: instead of the model's own.
            stochastic: as in `sample`.

        Raises:
            UserError: the model cannot sample.
        """
        if stochastic:
            return self.as_stored(self.draw_stochastic(seeds, conditions, networks, sampler or self.sampler))
        sampler = self.sampler_or_own(sampler)
        return self.as_stored(sampler.draw(self, seeds, conditions or {}, networks))

    def draw_stochastic(
        self,
        seeds: tf.Tensor,
        conditions: dict[str, Any] | None,
        networks: Networks | None = None,
        sampler: Sampler | None = None,
    ) -> tf.Tensor:
        """Returns samples float32 [B, ...] drawn from p(x|z), row i from seeds[i] and its conditions alone.

        z is that of `sampler`, by default of one pass from the model's own prior.
        """
        raise UserError(f"{self.name} has no distribution of pixels given z: leave out stochastic")

    # Signatures.

    def sampling_endpoints(self, networks: Networks | None = None) -> dict[str, Endpoint]:
        """Returns the signatures `sample` {seed} and, of images, `sample_png`; none for a model that cannot sample.

        A model conditioned on texts has `sample` under the name `sample_text`, too.
        """
        if self.sampler is None:
            return {}
        inputs = (tf.TensorSpec([None], tf.int64, name="seed"), *map(self.spec, self.sampling_conditions()))

        def sample(seed: tf.Tensor, **conditions: tf.Tensor) -> dict[str, tf.Tensor]:
            return {self.data_field: self.samples_from_seeds(seed, conditions, networks)}

        def sample_png(seed: tf.Tensor, **conditions: tf.Tensor) -> dict[str, tf.Tensor]:
            images = sample(seed, **conditions)[self.data_field]
            return {
                "image_bytes": tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.TensorSpec([], tf.string))
            }

        found = {"sample": Endpoint(sample, inputs)}
        if any(spec.dtype == tf.string for spec in inputs):
            found["sample_text"] = found["sample"]
        if self.data_dtype == "uint8" and self.data_shape[-1] in (1, 3, 4):
            found["sample_png"] = Endpoint(sample_png, inputs)
        return found
