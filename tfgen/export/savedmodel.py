"""A model as a SavedModel with named signatures, for TensorFlow Serving, C, or Python without Keras."""

import pathlib

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.priors import Normal, Spherical
from tfgen.storage.atomic import replacing_folder


def export_savedmodel(model, folder):
    """Writes the signatures that fit the model to `folder` (`.../export/1`), whole or not at all.

    `generate` {latent} -> {image}, `sample` {seed} -> {image}, `sample_png` {seed} -> {image_bytes}, `interpolate`
    {latent_a, latent_b, fraction} -> {image}, `discriminate` {image} -> {logit, probability}, `encode` {image} ->
    {z_mean, z_log_var} (a plain autoencoder: {latent}), `reconstruct` {image} -> {image}. Images are float32
    [B, H, W, C] in [0, 1], but uint8 from `sample`, where `(seed << 32) + i` gives image i of `model.sample(n, seed)`.
    A model of points has {point} float32 [B, 2] in the place of every {image}.
    A conditional model takes its condition beside them, `label` int64 [B]. `serving_default` is `generate`, or
    `reconstruct` where the model cannot generate.

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        UserError: the disk is full or read-only. An earlier export is kept then.
    """
    folder = pathlib.Path(folder)
    archive, endpoints = keras.export.ExportArchive(), _Endpoints(model)
    for network in endpoints.networks.values():
        archive.track(network)
    for name, function in endpoints.all().items():
        archive.add_endpoint(name, function)
    with replacing_folder(folder) as partial:
        try:
            archive.write_out(str(partial), verbose=False)
        except tf.errors.OpError as error:
            raise UserError(f"cannot write {folder}: {error.message}; what was there before is kept") from error
    return folder


def between(a, b, fraction, prior):
    """The latents [B, D] a `fraction` [B] of the way from a to b, along the path on which the prior has its mass.

    Under a normal or spherical prior that is the great circle, sin((1-t) w) a / sin w + sin(t w) b / sin w with w the
    angle between a and b (White 2016, section 2.1), else the straight line.
    """
    t = fraction[:, None]
    line = (1.0 - t) * a + t * b
    if not isinstance(prior, (Normal, Spherical)):
        return line
    cosine = tf.reduce_sum(tf.math.l2_normalize(a, -1) * tf.math.l2_normalize(b, -1), -1, keepdims=True)
    angle = tf.acos(tf.clip_by_value(cosine, -1.0, 1.0))
    near = tf.abs(tf.sin(angle)) < 1e-4  # the same or opposite directions: no great circle is singled out
    sine = tf.where(near, 1.0, tf.sin(angle))
    return tf.where(near, line, (tf.sin((1.0 - t) * angle) * a + tf.sin(t * angle) * b) / sine)


class _Endpoints:
    """The functions behind the signatures, over one fresh copy of each network."""

    def __init__(self, model):
        self.model = model
        self.networks = model.exported_networks()
        self.encoder, self.discriminator = self.networks.get("encoder"), self.networks.get("discriminator")
        self.decoder = self.networks[model.decoder_name]
        self.data = _spec(model.data_field, model.data_shape)
        self.latent = _spec("latent", (model.latent_dim,))
        self.condition = []
        if model.conditional:
            field = model.fields[model.condition]
            self.condition = [_spec(model.condition, field.shape, "int64" if field.dtype == "int64" else "float32")]

    def all(self):
        """The signatures that fit the model: name -> traced `tf.function`."""
        seed = _spec("seed", (), tf.int64)
        ends = [_spec("latent_a", self.latent.shape[1:]), _spec("latent_b", self.latent.shape[1:])]
        known = {
            "generate": (self.generate, [self.latent]),
            "sample": (self.sample, [seed]),
            "sample_png": (self.sample_png, [seed]),
            "interpolate": (self.interpolate, [*ends, _spec("fraction", ())]),
            "discriminate": (self.discriminate, [self.data]),
            "encode": (self.encode, [self.data]),
            "reconstruct": (self.reconstruct, [self.data]),
        }
        names = set(self.model.signatures())
        if "sample" in names and self.data.name == "image" and self.data.shape[-1] in (1, 3, 4):
            names.add("sample_png")
        fitting = {}
        for name in sorted(known.keys() & names):
            function, specs = known[name]
            fitting[name] = tf.function(function, input_signature=[*specs, *self.condition], autograph=False)
            fitting[name].get_concrete_function()
        return {"serving_default": fitting.get("generate") or fitting["reconstruct"], **fitting}

    def generate(self, latent, label=None):
        return {self.data.name: self.model.decode_latents(latent, label, network=self.decoder)}

    def sample(self, seed, label=None):
        return {self.data.name: self.model.images_from_seeds(seed, label, network=self.decoder)}

    def sample_png(self, seed, label=None):
        images = self.sample(seed, label)["image"]
        return {"image_bytes": tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.TensorSpec([], tf.string))}

    def interpolate(self, latent_a, latent_b, fraction, label=None):
        return self.generate(between(latent_a, latent_b, fraction, self.model.prior), label)

    def discriminate(self, data, label=None):
        logit = self.model.discriminate_images(data, label, network=self.discriminator)
        return {"logit": logit, "probability": tf.sigmoid(logit)}

    def encode(self, image, label=None):
        return self.model.encode_images(image, network=self.encoder, **self._given(label))

    def reconstruct(self, image, label=None):
        made = self.model.reconstruct(image, network=self.encoder, decoder=self.decoder, **self._given(label))
        return {"image": made}

    def _given(self, label):
        return {} if label is None else {"label": label}


def _spec(name, shape, dtype="float32"):
    return tf.TensorSpec([None, *shape], dtype, name=name)
