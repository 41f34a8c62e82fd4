"""What a model can do: generic code asks for these methods alone, and never for a model's class."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfgen import interpolants
from tfgen.errors import UserError
from tfgen.interpolants import Interpolant
from tfgen.noise import Noise
from tfgen.samplers import Latent, Sampler
from tfgen.sampling.chunks import turned
from tfgen.sampling.endpoints import BLANK, Endpoint, pictures_of
from tfgen.sampling.sampler import Sampling
from tfgen.training.attributes import Attributes
from tfgen.training.charts import Chart
from tfgen.training.step import Fields, Networks, Step

if TYPE_CHECKING:
    from tfgen.priors import Prior


class Abilities(Sampling, Attributes):
    """The part of `GenerativeModel` that says what a model can do; a family overrides what it can.

    In all of these `conditions` are values by field name, as a data set holds them; `label` is the shorthand for the
    condition that is a label; `networks` are used instead of the model's own: name -> network.

    Attributes:
        latent_dim: size of the latent vectors that `decode_latents` takes; None for a model without them.
        prior: p(z) of these vectors, or None.
        fitted_prior: a prior that was fitted to codes after training, or None; `sampler` is `samplers.latent` of it.
        counterpart: what `counterparts` shows, in words.
        interpolant: x_t = a(t) x_1 + s(t) x_0 of a flow from noise x_0 to data x_1.
    """

    latent_dim: int | None = None
    prior: "Prior | None" = None
    fitted_prior: "Prior | None" = None
    counterpart: str = "what it is compared with"
    interpolant: Interpolant = interpolants.straight()

    def can(self, name: str) -> bool:
        """Returns whether the model has a method of its own for an ability that others lack, such as `encode`."""
        return getattr(type(self), name) is not getattr(Abilities, name)

    @property
    def samples_latents(self) -> bool:
        """Whether samples are decoded latents that are drawn, so that `latents_from_seeds` has those of samples."""
        return isinstance(self.sampler, Latent)

    @property
    def latent_names(self) -> list[str]:
        """A name for each number of a latent; [] for a model without latents."""
        return [f"dimension {index}" for index in range(self.latent_dim or 0)]

    def encode(
        self, images: Any, label: Any = None, *, conditions: dict | None = None, networks: Networks | None = None
    ) -> Fields:
        """Returns the codes of images by name, the default one first.

        Args:
            images: uint8 or float [B, H, W, C] in [0, 1].

        Raises:
            UserError: the model has no encoder.
        """
        raise UserError(f"{self.name} cannot encode: it has no encoder")

    def drawn_codes(self, images: Any, noise: Noise, *, conditions: dict | None = None) -> tf.Tensor:
        """Returns a code z ~ q(z|x) per image, float32 [B, latent_dim], as `decode_latents` takes it.

        To these codes priors are fitted. Here, of an encoder without noise, the first entry of `encode`.

        Args:
            images: uint8 or float [B, H, W, C] in [0, 1].
            noise: from which they follow.
            conditions: field name -> values [B, ...].

        Raises:
            UserError: the model has no encoder.
        """
        return next(iter(self.encode(images, conditions=conditions).values()))

    def reconstruct(
        self, images: Any, label: Any = None, *, conditions: dict | None = None, networks: Networks | None = None
    ) -> tf.Tensor:
        """Returns images after encoding and decoding, float32 [B, H, W, C] in [0, 1].

        Args:
            images: uint8 or float [B, H, W, C] in [0, 1].

        Raises:
            UserError: the model has no encoder.
        """
        raise UserError(f"{self.name} cannot reconstruct: it has no encoder")

    def classify(self, images: Any, networks: Networks | None = None) -> Fields:
        """Returns `logit` and `probability` float32 [B, classes] of the classes of images.

        Args:
            images: uint8 or float [B, H, W, C] in [0, 1].
            networks: name -> network, used instead of the model's own.

        Raises:
            UserError: the model has no classifier.
        """
        raise UserError(f"{self.name} cannot classify: it has no classifier")

    def translate(
        self,
        images: Any,
        conditions: dict | None = None,
        networks: Networks | None = None,
        reverse: bool = False,
        *,
        seed: int = 0,
        start: int = 0,
    ) -> np.ndarray:
        """Returns samples, as a data set holds them, conditioned on images uint8 or float [B, H, W, C] in [0, 1].

        A model of no such condition that can `inpaint` fills the middle of the images.

        Args:
            images: of the field that `translated` names; a single one [H, W, C] is a batch of one.
            conditions: further ones, in turn as in `sample`.
            networks: without effect here.
            reverse: whether the images are of the domain B of a model of two domains.
            seed: of samples, which differ by it where a model makes several of one image.
            start: number of the first of the images.

        Raises:
            UserError: the model is not conditioned on one image, or `reverse` is asked for.
        """
        name = self.translated(reverse)
        if name not in self.sources:
            return self.inpaint(images, seed=seed, conditions=conditions, start=start)
        rows = self.checked_rows(name, images)
        taken = {**(conditions or {}), name: turned(rows, start)}
        return self.sample(len(rows), seed=seed, conditions=taken, start=start)

    def translated(self, reverse: bool = False) -> str:
        """Returns the name of the field that `translate` takes.

        Raises:
            UserError: as `translate`.
        """
        if len(self.sources) != 1 or reverse:
            why = "it has one way alone" if len(self.sources) == 1 else "it makes no images of images"
            raise UserError(f"{self.name} cannot translate{' back' if reverse else ''}: {why}")
        return self.sources[0]

    def inpaint(
        self,
        images: Any,
        hole: Any = None,
        seed: int = 0,
        label: Any = None,
        *,
        conditions: dict | None = None,
        sampler: Sampler | None = None,
        start: int = 0,
    ) -> np.ndarray:
        """Returns images with their holes filled, uint8 [N, H, W, C]; all other pixels are those of `images`.

        Args:
            images: uint8 or float [N, H, W, C] in [0, 1]; what they hold in the hole has no effect.
            hole: bool, uint8 or float in [0, 1], [H, W] for all images or [N, H, W] for each, with or without an axis
                of one channel: true, 255 or 1 where they are to be filled. None: the middle, half of each side, as in
                the data set `masked(NAME)`.
            seed: integer in [0, 2^31); image i depends on (seed, i) and on what it is given alone.
            label, conditions: as in `sample`; without, as without a condition.
            sampler: `tfgen.samplers.inpainting(...)`, or that of a flow.
            start: number of the first of the images.

        Raises:
            UserError: the model cannot inpaint, or the arguments do not fit.
        """
        raise UserError(f"{self.name} cannot inpaint; train flow_matching or ddpm on whole pictures, which can")

    def counterparts(self, batch: Fields, made: np.ndarray) -> np.ndarray | None:
        """Returns what is shown below translations, as a data set holds it, such as the real images of pairs; or None.

        Args:
            batch: field name -> values, the examples whose sources were translated.
            made: the translations.
        """
        return None

    def decode_latents(
        self, latents: tf.Tensor, conditions: dict | None = None, networks: Networks | None = None
    ) -> tf.Tensor:
        """Returns data float32 [B, ...] from latents [B, D]."""
        raise UserError(f"{self.name} has no latents to decode; leave the sampler out")

    def latents_from_seeds(self, seeds: tf.Tensor, networks: Networks | None = None) -> tf.Tensor:
        """Returns latents float32 [B, D], row i from the integer seeds[i] (int64 [B]) alone."""
        raise UserError(f"{self.name} has no latents to sample from; leave the sampler out")

    def velocity(
        self, x: tf.Tensor, t: tf.Tensor, conditions: dict | None = None, networks: Networks | None = None
    ) -> tf.Tensor:
        """Returns v(x, t) float32 [B, ...] of a flow from noise at t = 0 to data at t = 1, for samplers of flows."""
        raise UserError(f"{self.name} has no velocity for a sampler to follow; leave the sampler out")

    def turn_of(
        self, conditions: Fields, networks: Networks | None = None
    ) -> tuple[Callable[[tf.Tensor], Any], Callable[..., tuple[tf.Tensor, Any]]]:
        """Returns (`memory(count)`, `turn(x, t, u, memory) -> (x, memory)`) of data drawn one value at a time.

        A turn fills in the value number t: x float32 [B, ...] holds the values before it, u [B] in [0, 1) decides which
        value it becomes; memory is what the turns keep for each other, at first that of a batch of `count` examples.
        Conditions are as the networks see them.
        """
        raise UserError(f"{self.name} does not draw one value after the other; leave the sampler out")

    def mean_velocity(
        self,
        x: tf.Tensor,
        t: tf.Tensor,
        until: tf.Tensor,
        conditions: dict | None = None,
        networks: Networks | None = None,
    ) -> tf.Tensor:
        """Returns the mean of the velocity from the time t [B] to `until` [B], on the way of a flow through x at t."""
        raise UserError(f"{self.name} has no mean velocity for a sampler to jump by; take the sampler heun")

    @property
    def flow_shape(self) -> tuple[int, ...]:
        """The shape of one example of what a flow moves: of the data, or of their codes."""
        return self.data_shape

    def flow_output(self, x: tf.Tensor, networks: Networks | None = None) -> tf.Tensor:
        """Returns samples float32 [B, ...], images in [0, 1], of what a flow has moved to t = 1."""
        return self.to_unit_range(x)

    @property
    def samples_stochastically(self) -> bool:
        """Whether samples resemble the data only if pixels are drawn from p(x|z), as with black and white images."""
        return False

    def prepared_batch(self, batch: Fields, noise: Noise) -> Fields:
        """Returns a batch as the likelihood takes it, binarised where the model is trained so; idempotent."""
        return batch

    def log_densities(
        self, batch: Fields, step: Step, samples: int
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor | None]:
        """Returns log p(x|z), log p(z), log q(z|x) [samples, B] of z ~ q(z|x), and KL(q || p) [B] or None; in nats."""
        raise UserError(f"{self.name} has no likelihood p(x|z) to bound; expected a variational model")

    def log_weights(self, batch: Fields, k: int, noise: Noise) -> tf.Tensor:
        """Returns log p(x, z) / q(z|x) of k draws z ~ q(z|x) per example, float32 [k, B] in nats.

        Args:
            batch: fields as the networks see them.
            k: number of draws.
            noise: `Noise` from which they follow.

        Raises:
            UserError: the model has no likelihood p(x|z).
        """
        raise UserError(f"{self.name} has no likelihood p(x|z) to bound; expected a variational model")

    @property
    def chain_prior(self) -> "Prior":
        """The prior p(z) of the chains that estimate p(x); a model that has it has `likelihood_parameters` too."""
        raise UserError(f"{self.name} has no prior p(z): expected a vae or a gan")

    def log_likelihood(self, batch: Fields) -> tf.Tensor:
        """Returns the exact log p(x) of every example, float32 [B] in nats.

        Raises:
            UserError: the model has no exact likelihood.
        """
        raise UserError(f"{self.name} has no exact likelihood; expected made, pixelcnn or realnvp, for example")

    def endpoints(self, networks: Networks | None = None) -> dict[str, Endpoint]:
        """Returns the signatures of a SavedModel by name.

        `encode` {image} -> codes, `encode_png` {image_bytes} -> codes, `reconstruct` {image} -> {image} and `classify`
        {image} -> {logit, probability} are among them where a class overrides these methods; `coding_conditions` are
        inputs of all but the last, too.
        """
        inputs = (self.spec(self.data_field), *map(self.spec, self.coding_conditions))

        def encode(**fields: tf.Tensor) -> Fields:
            return self.encode(fields.pop(self.data_field), conditions=fields, networks=networks)

        def encode_png(image_bytes: tf.Tensor, **conditions: tf.Tensor) -> Fields:
            return encode(**{self.data_field: pictures_of(image_bytes, self.data_shape)}, **conditions)

        def reconstruct(**fields: tf.Tensor) -> Fields:
            data = fields.pop(self.data_field)
            return {self.data_field: self.reconstruct(data, conditions=fields, networks=networks)}

        def classify(**fields: tf.Tensor) -> Fields:
            return self.classify(fields.pop(self.data_field), networks=networks)

        known = {
            "encode": Endpoint(encode, inputs),
            "reconstruct": Endpoint(reconstruct, inputs),
            "classify": Endpoint(classify, inputs[:1]),
        }
        own = {name: known[name] for name in known if self.can(name)}
        if "encode" in own and self.data_dtype == "uint8" and self.data_shape[-1] in (1, 3, 4):
            files = tf.TensorSpec([None], tf.string, name="image_bytes")
            own["encode_png"] = Endpoint(encode_png, (files, *inputs[1:]), BLANK)
        return {**self.sampling_endpoints(networks), **own}

    def probes(self) -> list[Callable]:
        """Returns functions `f(probe) -> {name: scalar}` that a diagnosis calls besides those on every model."""
        return []

    def rules(self) -> tuple:
        """Returns the `Rule`s by which a diagnosis judges the measurements of `probes`."""
        return ()

    def trials(self) -> list:
        """Returns objects whose `measure(diagnosis, row, last)` adds to rows what is too costly for every probe.

        As of a `Stop`, whether it is due depends on the rows alone, so that a resumed run has the same rows.
        """
        return []

    def stops(self) -> dict[str, type]:
        """Returns name -> class of the `Stop`s by which a recipe can end the training of such a model."""
        return {}

    def charts(self) -> tuple[Chart, ...]:
        """Returns the charts that a report draws of the columns of history.csv and diagnosis.csv."""
        return ()

    @property
    def score_names(self) -> tuple[str, ...]:
        """Names of all scores that `scores` may give, by which an evaluation can be asked for some of them."""
        return ()

    def scores(self, held_out: Any, settings: Any) -> tuple[dict, dict]:
        """Returns scores besides those of samples: name -> `Score`, and name -> details.

        Args:
            held_out: `HeldOut` examples.
            settings: of an evaluation, `seed` and `nll_k` among them; `tfgen.metrics.score.asked(settings, name)` says
                whether a score that takes long is asked for.
        """
        return {}, {}
