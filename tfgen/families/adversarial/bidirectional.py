"""BiGAN: a GAN of pairs of images and latents, and with it an encoder (Donahue et al. 2017)."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from tfgen.families.adversarial.model import AdversarialModel, Judged
from tfgen.families.discriminating import as_loss_takes
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step


class BidirectionalModel(AdversarialModel):
    """D tells (x, E(x)) from (G(z), z); G and E are trained against it, and E comes to invert G.

    min over G and E, max over D: E[log D(x, E(x))] + E[log(1 - D(G(z), z))] (Donahue et al. 2017, equation 3); G and E
    minimise the loss with the two exchanged, which does not saturate (section 3.4). Penalties move images, beside the
    latents of the pairs that these are of; mixtures beside those of the real ones.

    Args:
        generator: `latent` -> image.
        discriminator: `image` and `latent` -> logit.
        encoder: `image` -> latent [B, latent_dim].
        **options: of `AdversarialModel`.
    """

    averaged = ("generator", "encoder")

    def __init__(
        self, generator: keras.Model, discriminator: keras.Model, encoder: keras.Model, **options: Any
    ) -> None:
        super().__init__(generator, discriminator, networks={"encoder": encoder}, **options)

    @property
    def phases(self) -> list[Phase]:
        """Those of a GAN; the generator's trains the encoder too."""
        together = lambda phase: dataclasses.replace(phase, trains=("generator", "encoder"))  # noqa: E731
        return [together(phase) if "generator" in phase.trains else phase for phase in super().phases]

    def real_fields(self, batch: Fields, step: Step) -> Fields:
        """Returns pairs (x, E(x)) of the augmented images."""
        fields = super().real_fields(batch, step)
        return {**fields, "latent": self.code(fields, step)}

    def judge(self, fields: Fields, step: Step) -> Fields:
        """Returns D's outputs on pairs; the latent of an image without one is E(x)."""
        return super().judge(fields if "latent" in fields else {**fields, "latent": self.code(fields, step)}, step)

    def code(self, fields: Fields, step: Step) -> tf.Tensor:
        """Returns E(x), float32 [B, latent_dim]."""
        return tf.cast(step.run("encoder", {self.data_field: fields[self.data_field]}), tf.float32)

    def beside_fakes(self, batch: Fields, step: Step) -> Fields:
        """Returns the latents of the samples."""
        return {"latent": self.latents_of_fakes(batch, step)}

    def more_terms(self, phase: str, batch: Fields, real: Judged | None, fake: Judged, step: Step) -> Fields:
        """Returns, for the generator's phase, the loss of pairs (x, E(x)), which E makes look like pairs of G."""
        if phase == "discriminator" or self.loss_functions.needs_real:  # a relativistic loss has them already
            return {}
        fields = self.real_fields(batch, step)
        logit = self.judge(fields, step)["logit"]
        # as if real and generated images had changed places
        (turned,) = as_loss_takes(self.loss_functions, step, 2.0 * (self.undecided or 0.0) - logit)
        return {"encoder_loss": self.loss_functions.generator_loss(turned)}

    # Beyond training.

    def encode(
        self, images: Any, label: Any = None, *, conditions: dict | None = None, networks: Networks | None = None
    ) -> Fields:
        """Returns `latent` float32 [B, latent_dim] of images.

        Args:
            images: uint8 or float [B, H, W, C] in [0, 1].
            label, conditions: without effect.
            networks: name -> network, used instead of the best ones.
        """
        outputs = self.infer("encoder", {self.data_field: self.as_field(self.data_field, images)}, networks)
        return {"latent": tf.cast(outputs, tf.float32)}

    encode_images = encode

    def reconstruct(
        self, images: Any, label: Any = None, *, conditions: dict | None = None, networks: Networks | None = None
    ) -> tf.Tensor:
        """Returns G(E(x)), float32 [B, H, W, C] in [0, 1]; arguments as in `encode`."""
        return self.decode_latents(self.encode(images, networks=networks)["latent"], networks=networks)

    def outputs_on(
        self, data: Any, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> Fields:
        """Returns D's outputs on pairs (x, E(x)), in inference mode, float32 by name."""
        latent = self.encode(data, networks=networks)["latent"]
        return self.answers({self.data_field: self.as_field(self.data_field, data), "latent": latent}, networks)

    def trials(self) -> list:
        """Returns none: a fresh discriminator would see images without their latents."""
        return []

    def stops(self) -> dict[str, type]:
        """Returns none, for the same reason."""
        return {}
