"""VariationalModel: an encoder q(z|x) and a decoder p(x|z) (Kingma and Welling 2014), and the plain autoencoder."""

import numpy as np
import tensorflow as tf

from tfgen import likelihoods, objectives, priors
from tfgen.errors import UserError
from tfgen.families.adversarial.model import fields_of
from tfgen.optimizers.building import FusedAdam
from tfgen.sampling.sampler import Sampler
from tfgen.training.model import GenerativeModel, Phase, copy_network
from tfgen.training.noise import Noise
from tfgen.values import save_object, serializable


class ImageAutoencoder(Sampler, GenerativeModel):
    """What all models of one encoder, one decoder and one optimizer share."""

    primary_inputs = {"decoder": "latent"}
    decoder_name = "decoder"

    @property
    def encoder(self):
        return self.networks["encoder"]

    @property
    def decoder(self):
        return self.networks["decoder"]

    def compile(self, optimizer=None, **kwargs):
        """Sets the optimizer of all networks; by default Adam(1e-3)."""
        self.compile_optimizers({"elbo": optimizer or FusedAdam(1e-3)}, **kwargs)

    def best(self, name):
        """The averaged network where one is kept, else the trained one."""
        return self.averaged_networks.get(name, self.networks[name])

    def likelihood_outputs(self, decoded):
        """The decoder's outputs as a dict; a bare tensor is the likelihood's first parameter."""
        if isinstance(decoded, dict):
            return {name: tf.cast(value, tf.float32) for name, value in decoded.items()}
        raw = tf.cast(decoded, tf.float32)
        name = self.likelihood.parameters[0]
        return {name: raw, "image": tf.sigmoid(raw)}

    def decode(self, latents, network, label=None):
        return self.likelihood_outputs(self.run_decoder(network, latents, label))

    def decode_latents(self, latents, label=None, network=None):
        """The mean of p(x|z), float32 [B, H, W, C] in [0, 1], from latents [B, latent_dim]."""
        return self.to_unit_range(self.decode(latents, network or self.best("decoder"), label)["image"])

    def reconstruct(self, images, label=None, network=None, decoder=None):
        """The mean of p(x|z) at the encoder's mean z, float32 [B, H, W, C] in [0, 1], of uint8 or float images."""
        encoded = self.encode_images(self.as_unit_images(tf.convert_to_tensor(images)), network)
        return self.decode_latents(next(iter(encoded.values())), label, decoder)

    def exported_networks(self):
        networks = {}
        for name in self.networks:
            networks[name] = copy_network(self.networks[name])
            networks[name].set_weights(self.best(name).get_weights())
        return networks


@serializable
class VariationalModel(ImageAutoencoder):
    """A VAE: q(z|x) = N(z_mean, diag(exp(z_log_var))), reparameterised, p(x|z) by the decoder.

    Args:
        encoder: `keras.Model`, `image` float32 [B, H, W, C] in `value_range` -> {`z_mean`, `z_log_var`} [B, D].
        decoder: `keras.Model`, `latent` [B, D] -> {`image` in [0, 1], and the likelihood's raw parameters}, each
            [B, H, W, C]; a bare tensor is taken as the likelihood's first parameter.
        likelihood: p(x|z), of `tfgen.likelihoods`.
        prior: p(z), of `tfgen.priors`.
        objective: what is minimised, of `tfgen.objectives`.
        samples: L, how many z are drawn for each image.
        value_range: range of the images that the encoder sees.
        ema: decay of a moving average of both networks, or None.
        seed: integer from which all noise and the order of the data derive.
        fields: what a batch holds; by default read off the encoder's inputs.
        data_bias: start a dense decoder's output bias where p(x) has the mean of the training images.
    """

    def __init__(
        self,
        encoder,
        decoder,
        *,
        likelihood=likelihoods.bernoulli(),
        prior=priors.normal(),
        objective=objectives.elbo(),
        samples=1,
        value_range=(0.0, 1.0),
        ema=None,
        seed=0,
        fields=None,
        data_bias=False,
        **kwargs,
    ):
        if samples < 1:
            raise UserError(f"samples must be at least 1, got {samples}")
        super().__init__(
            {"encoder": encoder, "decoder": decoder},
            fields=fields or fields_of(encoder, encoder.inputs[0].shape[1:]),
            value_range=value_range,
            ema=ema,
            averaged=("encoder", "decoder"),
            seed=seed,
            **kwargs,
        )
        self.likelihood, self.prior, self.objective, self.samples = likelihood, prior, objective, int(samples)
        self.latent_dim, self.data_bias = int(decoder.inputs[0].shape[-1]), bool(data_bias)

    @property
    def phases(self):
        return [Phase("elbo", ("encoder", "decoder"), "elbo", self.elbo_terms)]

    def adapt(self, examples):
        if not self.data_bias:
            return
        rows = np.linspace(0, len(examples) - 1, min(len(examples), 10_000)).astype(np.int64)
        images = self.as_unit_images(tf.constant(examples.gather(rows)["image"]))
        images = self.likelihood.prepare(images, Noise(self.seed, 0, "adapt/"))
        bias = self.likelihood.initial_bias(tf.reduce_mean(images, axis=0))
        head = f"raw_{self.likelihood.parameters[0]}"
        for decoder in (self.decoder, self.averaged_networks.get("decoder")):
            layer = next((layer for layer in decoder.layers if layer.name == head), None) if decoder else None
            if layer is not None and layer.bias.shape[0] == tf.size(bias):
                layer.bias.assign(tf.reshape(bias, [-1]))

    # The hooks of a variant. Shapes: B images, L samples of each, D latent dimensions.

    def posterior(self, batch):
        """q(z|x): {`z_mean`, `z_log_var`} float32 [B, D]."""
        outputs = self.run_network("encoder", batch)
        if not isinstance(outputs, dict):
            outputs = dict(zip(("z_mean", "z_log_var"), outputs, strict=True))
        return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}

    def draw(self, posterior, noise):
        """z [L, B, D] = z_mean + exp(z_log_var / 2) epsilon, epsilon ~ N(0, I): Kingma and Welling 2014, 2.4."""
        mean, log_var = posterior["z_mean"], posterior["z_log_var"]
        batch = tf.shape(mean)[0]
        # drawn [B, L, D], since it is the rows of a batch that replicas share
        epsilon = tf.transpose(noise.normal("epsilon", [batch, self.samples, self.latent_dim]), [1, 0, 2])
        return mean + tf.exp(0.5 * log_var) * epsilon

    def log_posterior(self, z, posterior):
        """log q(z|x) [L, B] in nats."""
        log_q = priors.normal_log_prob(z, posterior["z_mean"], posterior["z_log_var"])
        return tf.reduce_sum(log_q, axis=-1)

    def log_prior(self, z):
        """log p(z) [L, B] in nats."""
        return self.prior.log_prob(z)

    def log_likelihood(self, x, decoded):
        """log p(x|z) [L, B] in nats, of images x [B, H, W, C] under the decoder's outputs for L x B latents."""
        rows = tf.shape(x)[0]
        samples = tf.shape(decoded["image"])[0] // rows
        repeated = x if self.samples == 1 else tf.tile(x, [samples] + [1] * (len(x.shape) - 1))
        return tf.reshape(self.likelihood.log_prob(repeated, decoded), [samples, rows])

    def kl(self, posterior):
        """KL(q(z|x) || p(z)) [B] in nats, in closed form (Kingma and Welling 2014, appendix B); None without one."""
        if not isinstance(self.prior, priors.Normal):
            return None
        mean, log_var = posterior["z_mean"], posterior["z_log_var"]
        return 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_var) - 1.0 - log_var, axis=-1)

    def elbo_terms(self, batch, noise):
        """The objective's terms on a batch of images in `value_range`."""
        x = self.likelihood.prepare(self.to_unit_range(batch["image"]), noise)
        posterior = self.posterior({**batch, "image": self.to_value_range(x)})
        z = self.draw(posterior, noise)
        flat = {**self.repeated_conditions(batch), "latent": tf.reshape(z, [-1, self.latent_dim])}
        decoded = self.likelihood_outputs(self.run_network("decoder", flat))
        log_px, kl = self.log_likelihood(x, decoded), self.kl(posterior)
        log_pz, log_qz = self.log_prior(z), self.log_posterior(z, posterior)
        terms = self.objective(log_px, log_pz, log_qz, kl, self.step.value)
        if "kl" not in terms:
            self.watch("kl", tf.reduce_mean(log_qz - log_pz if kl is None else kl))
        return terms

    def repeated_conditions(self, batch):
        conditions = {name: value for name, value in batch.items() if name != "image"}
        if self.samples == 1:
            return conditions
        return {n: tf.tile(v, [self.samples] + [1] * (len(v.shape) - 1)) for n, v in conditions.items()}

    # Beyond training.

    def encode_images(self, images, network=None, label=None):
        """q(z|x) of images float32 [B, H, W, C] in [0, 1]: {`z_mean`, `z_log_var`} [B, D]."""
        images = self.likelihood.prepare(tf.cast(images, tf.float32), Noise(self.seed, 0, "encode/"))
        fields = {"image": self.to_value_range(images), **self.condition_field(label)}
        outputs = self.call_plain(network or self.best("encoder"), "image", fields)
        if not isinstance(outputs, dict):
            outputs = dict(zip(("z_mean", "z_log_var"), outputs, strict=True))
        return {name: tf.cast(outputs[name], tf.float32) for name in ("z_mean", "z_log_var")}

    def draw_pixels(self, latents, label, seeds, network=None):
        """Pixels of p(x|z), float32 [B, H, W, C] in [0, 1], row i drawn from seeds[i] alone."""
        decoded = self.decode(latents, network or self.best("decoder"), label)

        def draw(row):
            seed, outputs = row
            one = {name: value[None] for name, value in outputs.items()}
            return self.likelihood.draw(one, Noise("sample", seed))[0]

        spec = tf.TensorSpec(self.image_shape, tf.float32)
        return tf.map_fn(draw, (tf.cast(seeds, tf.int64), decoded), fn_output_signature=spec)

    def signatures(self):
        return {"generate", "sample", "interpolate", "encode", "reconstruct"}

    def get_config(self):
        objects = {name: getattr(self, name) for name in ("encoder", "decoder", "likelihood", "prior", "objective")}
        saved = {name: save_object(value) for name, value in objects.items()}
        return {**super().get_config(), **saved, "samples": self.samples, "data_bias": self.data_bias}


@serializable
class Autoencoder(ImageAutoencoder):
    """The plain autoencoder: reconstructs, and cannot generate, for nothing ties its code to a distribution.

    Args:
        encoder: `keras.Model`, image in `value_range` -> `latent` [B, D] (a tensor, or a dict with that one entry).
        decoder: `keras.Model`, `latent` -> as in `VariationalModel`.
        likelihood: its negative log is the reconstruction error.
    """

    can_sample = False

    def __init__(
        self,
        encoder,
        decoder,
        *,
        likelihood=likelihoods.bernoulli(),
        value_range=(0.0, 1.0),
        ema=None,
        seed=0,
        fields=None,
        **kwargs,
    ):
        super().__init__(
            {"encoder": encoder, "decoder": decoder},
            fields=fields or fields_of(encoder, encoder.inputs[0].shape[1:]),
            value_range=value_range,
            ema=ema,
            averaged=("encoder", "decoder"),
            seed=seed,
            **kwargs,
        )
        self.likelihood = likelihood
        self.latent_dim = int(decoder.inputs[0].shape[-1])

    @property
    def phases(self):
        return [Phase("elbo", ("encoder", "decoder"), "elbo", self.reconstruction_terms)]

    def reconstruction_terms(self, batch, noise):
        """-log p(x|z) at z = encoder(x), in nats, averaged over images."""
        x = self.likelihood.prepare(self.to_unit_range(batch["image"]), noise)
        code = self.run_network("encoder", {**batch, "image": self.to_value_range(x)})
        latent = code["latent"] if isinstance(code, dict) else code
        decoded = self.run_network("decoder", {**batch, "latent": latent})
        return {"reconstruction": -tf.reduce_mean(self.likelihood.log_prob(x, self.likelihood_outputs(decoded)))}

    def encode_images(self, images, network=None, label=None):
        """The code {`latent`} float32 [B, D] of images float32 [B, H, W, C] in [0, 1]."""
        images = self.likelihood.prepare(tf.cast(images, tf.float32), Noise(self.seed, 0, "encode/"))
        fields = {"image": self.to_value_range(images), **self.condition_field(label)}
        code = self.call_plain(network or self.best("encoder"), "image", fields)
        return {"latent": tf.cast(code["latent"] if isinstance(code, dict) else code, tf.float32)}

    def sample(self, *args, **kwargs):
        raise UserError(
            "a plain autoencoder cannot generate: its codes follow no known distribution; reconstruct, or train a vae"
        )

    def signatures(self):
        return {"encode", "reconstruct"}

    def get_config(self):
        objects = {name: getattr(self, name) for name in ("encoder", "decoder", "likelihood")}
        return {**super().get_config(), **{n: save_object(v) for n, v in objects.items()}}
