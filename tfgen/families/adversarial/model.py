"""AdversarialModel: a generator and a discriminator in alternation (Goodfellow et al. 2014, algorithm 1)."""

import tensorflow as tf

from tfgen import losses, priors
from tfgen.data.source import Field
from tfgen.distribution.replicas import PerThread
from tfgen.errors import UserError
from tfgen.optimizers.building import FusedAdam
from tfgen.sampling.sampler import Sampler
from tfgen.training.model import GenerativeModel, Phase, copy_network
from tfgen.values import save_object, serializable


def fields_of(network, primary_shape):
    """The fields that a network's named inputs ask for, the data first; class counts are unknown.

    `primary_shape` is that of an image (H, W, C), or of a point (D,).
    """
    image = Field(tuple(primary_shape), "uint8", (0, 255))
    fields = {"image": image} if len(primary_shape) > 1 else {"point": Field(tuple(primary_shape), "float32")}
    for tensor in (getattr(network, "inputs", None) or [])[:]:
        if tensor.name == "label":
            fields["label"] = Field((), "int64", None)
        elif tensor.name not in ("latent", *fields) and len(network.inputs) > 1:
            fields[tensor.name] = Field(tuple(tensor.shape[1:]), "float32", None)
    return fields


@serializable
class AdversarialModel(Sampler, GenerativeModel):
    """A GAN: `discriminator_steps` updates of D, each on fresh real images, then one of G.

    Args:
        generator: `keras.Model`, `latent` float32 [B, latent_dim] (and a condition) -> image [B, H, W, C] in
            `value_range`, or point [B, 2].
        discriminator: `keras.Model`, `image` in `value_range` (or `point`; and the condition) -> logit [B, 1].
        latent_dim: size of z.
        prior: p(z), of `tfgen.priors`.
        loss: a pair of functions on logits, of `tfgen.losses`.
        penalty: `penalty(discriminate, real, fake, noise) -> scalar` added to D's loss, or None.
        discriminator_steps: k, updates of D for each of G.
        shared_pass: G makes the images of a step once: D is updated on them, and G's loss is judged by D after its
            update, on the same fake images. Saves a pass of G and changes results; k must be 1. By default G's
            update has fresh images.
        augment: `augment(images, noise)`, applied to real and fake images alike, or None.
        value_range: range of the images that the networks see and make.
        ema: decay of the moving average of G, of which samples and exports are made; None for none.
        seed: integer from which all noise and the order of the data derive.
        fields: what a batch holds; by default read off the networks' inputs.
    """

    primary_inputs = {"generator": "latent"}
    _shared = PerThread()  # the pass of G that a step's updates share: (tape, images)

    def __init__(
        self,
        generator,
        discriminator,
        *,
        latent_dim,
        prior=priors.uniform(-1, 1),
        loss=losses.non_saturating,
        penalty=None,
        discriminator_steps=1,
        shared_pass=False,
        augment=None,
        value_range=(-1.0, 1.0),
        ema=0.999,
        seed=0,
        fields=None,
        **kwargs,
    ):
        if discriminator_steps < 1:
            raise UserError(f"discriminator_steps must be at least 1, got {discriminator_steps}")
        if shared_pass and discriminator_steps > 1:
            raise UserError(
                "shared_pass gives D's update and G's the same images, so discriminator_steps must be 1, got "
                f"{discriminator_steps}; leave one of the two out"
            )
        fields = fields or fields_of(generator, generator.output_shape[1:])
        super().__init__(
            {"generator": generator, "discriminator": discriminator},
            fields=fields,
            value_range=value_range,
            ema=ema,
            averaged=("generator",),
            seed=seed,
            **kwargs,
        )
        self.latent_dim, self.prior, self.loss_functions = int(latent_dim), prior, loss
        self.penalty, self.augment, self.discriminator_steps = penalty, augment, int(discriminator_steps)
        self.shared_pass = bool(shared_pass)

    @property
    def generator(self):
        return self.networks["generator"]

    @property
    def discriminator(self):
        return self.networks["discriminator"]

    @property
    def phases(self):
        return [
            Phase(
                "discriminator", ("discriminator",), "discriminator", self.discriminator_terms, self.discriminator_steps
            ),
            Phase("generator", ("generator",), "generator", self.generator_terms),
        ]

    def compile(self, generator_optimizer=None, discriminator_optimizer=None, **kwargs):
        """Sets the two optimizers; by default Adam(2e-4, beta_1=0.5) each, as in DCGAN (Radford et al. 2016)."""
        optimizers = {"discriminator": discriminator_optimizer, "generator": generator_optimizer}
        adam = {"learning_rate": 2e-4, "beta_1": 0.5}
        self.compile_optimizers({n: o or FusedAdam(**adam) for n, o in optimizers.items()}, **kwargs)

    # The hooks of a variant.

    def draw_latents(self, batch, noise):
        """z ~ p(z), float32 [B, latent_dim], one for each image of the batch."""
        shape = [tf.shape(batch[self.data_field])[0], self.latent_dim]
        return noise.draw("latent", shape, self.prior.sample)

    def generate(self, inputs):
        """G(z): images [B, H, W, C] in `value_range` (or points), from the fields `latent` and the condition."""
        return self.run_network("generator", inputs)

    def discriminate(self, inputs):
        """Logits float32 [B, 1] of the fields `image` (or `point`) and the condition."""
        return tf.cast(self.run_network("discriminator", inputs), tf.float32)

    def discriminator_terms(self, batch, noise):
        """What D minimises; real and fake images pass through it in batches of their own."""
        real = self.augmented(batch[self.data_field], noise)
        fake = tf.stop_gradient(self.augmented(self.fake_images(batch, noise), noise))
        real_logits, fake_logits = self.judge(batch, real), self.judge(batch, fake)
        self.watch("real_score", tf.reduce_mean(tf.sigmoid(real_logits)))
        self.watch("fake_score", tf.reduce_mean(tf.sigmoid(fake_logits)))
        terms = {"discriminator_loss": self.loss_functions.discriminator_loss(real_logits, fake_logits)}
        if self.penalty is not None:
            discriminate = lambda images: self.judge(batch, images)  # noqa: E731
            terms["gradient_penalty"] = self.penalty(discriminate, real, fake, noise.scope("penalty"))
        return terms

    def generator_terms(self, batch, noise):
        """What G minimises, D held fixed."""
        fake_logits = self.judge(batch, self.augmented(self.fake_images(batch, noise), noise))
        real_logits = None
        if self.loss_functions.needs_real:
            real_logits = self.judge(batch, self.augmented(batch[self.data_field], noise))
        return {"generator_loss": self.loss_functions.generator_loss(fake_logits, real_logits)}

    def differentiate(self, phase, batch, noise, variables):
        """As in the base; with `shared_pass`, G's gradients are those by its images, taken on through its one pass."""
        if not self.shared_pass:
            return super().differentiate(phase, batch, noise, variables)
        if "generator" not in phase.trains:
            self._shared = self.recorded_pass(batch, noise)
            return super().differentiate(phase, batch, noise, variables)
        tape, fake = self._shared
        terms, total, (slopes,) = super().differentiate(phase, batch, noise, [fake])
        self._shared = None
        return terms, total, tape.gradient(fake, variables, output_gradients=slopes)

    def recorded_pass(self, batch, noise):
        """(tape, images): G's pass for a whole step, with its batch statistics, to be differentiated later."""
        frozen, self._frozen, self._shared = self._frozen, frozenset(), None
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([v.value for v in self.generator.trainable_variables])
            fake = self.fake_images(batch, noise)
        self._frozen = frozen
        return tape, fake

    def fake_images(self, batch, noise):
        """G(z) under the conditions of the batch's real images; within a step of `shared_pass`, those it has made."""
        if self._shared is not None and self._training:
            return self._shared[1]
        fake = self.generate({**batch, "latent": self.draw_latents(batch, noise)})
        return tf.cast(fake, tf.float32)

    def augmented(self, images, noise):
        return images if self.augment is None else self.augment(images, noise.scope("augment"))

    def judge(self, batch, images):
        """D on images under the conditions of the batch."""
        return self.discriminate({**batch, self.data_field: images})

    # Beyond training.

    @property
    def decoder_name(self):
        return "generator"

    def decode_latents(self, latents, label=None, network=None):
        """Images float32 [B, H, W, C] in [0, 1] (or points) from latents [B, latent_dim], by the averaged generator."""
        network = network or self.averaged_networks.get("generator", self.generator)
        return self.to_unit_range(self.run_decoder(network, latents, label))

    def discriminate_images(self, images, label=None, network=None):
        """Logits float32 [B, 1] of images float [B, H, W, C] in [0, 1] (or of points)."""
        network = network or self.discriminator
        fields = {self.data_field: self.to_value_range(tf.cast(images, tf.float32)), **self.condition_field(label)}
        return tf.cast(self.call_plain(network, self.data_field, fields), tf.float32)

    def exported_networks(self):
        averaged = self.averaged_networks.get("generator", self.generator)
        generator = copy_network(self.generator)
        generator.set_weights(averaged.get_weights())
        return {"generator": generator, "discriminator": copy_network(self.discriminator)}

    def signatures(self):
        return {"generate", "sample", "interpolate", "discriminate"}

    def get_config(self):
        config = {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "discriminator_steps": self.discriminator_steps,
            "shared_pass": self.shared_pass,
        }
        objects = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "prior": self.prior,
            "loss": self.loss_functions,
            "penalty": self.penalty,
            "augment": self.augment,
        }
        return {**config, **{name: save_object(value) for name, value in objects.items()}}
