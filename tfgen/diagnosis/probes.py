"""Probes: what the diagnosis measures, on fixed images and fixed noise, without touching the model's state."""

import contextlib

import numpy as np
import tensorflow as tf

from tfgen import priors
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.families.variational.model import ImageAutoencoder, VariationalModel
from tfgen.losses import cross_entropy_discriminator
from tfgen.training.noise import Noise

GRADIENT_ROWS = 64  # images whose gradients are taken: these cost three times as much as a score
ACTIVE_VARIANCE = 0.01  # of a latent's posterior mean, Burda et al. 2016, section 5.2


class Probe:
    """Measures a model, always on the same images and the same noise.

    A network runs as in a training step (batch statistics, dropout), and all its variables stay as they are.

    Args:
        model: a compiled `GenerativeModel`.
        train: `Examples` that it is trained on.
        held_out: `Examples` that it is not trained on, or None: then nothing is said of them.
        size: images of each, at most.
    """

    def __init__(self, model, train, held_out=None, size=128):
        self.model = model
        self.train = fixed_batch(train, size)
        self.held_out = None if held_out is None else fixed_batch(held_out, size)
        self.noise = Noise(model.seed, 0, "diagnosis/")
        self.parts = [weight_norms, gradient_norms]
        if isinstance(model, AdversarialModel):
            self.parts += [scores, diversity]
        if isinstance(model, ImageAutoencoder):
            self.mean_image = mean_image(model, train)
            self.parts += [reconstruction]
        if isinstance(model, VariationalModel):
            self.parts += [latents]
        self._names = ()
        self._measure = tf.function(self._stacked, autograph=False)

    def __call__(self):
        """The measurements by name, floats."""
        values = self._measure().numpy()  # one copy, not one for each
        return {name: float(value) for name, value in zip(self._names, values, strict=True)}

    def _stacked(self):
        with undisturbed(self.model):
            self.batch = self.model.as_batch(self.train)
            self.unseen = None if self.held_out is None else self.model.as_batch(self.held_out)
            measured = {name: value for part in self.parts for name, value in part(self).items()}
        self._names = tuple(measured)
        return tf.stack([tf.cast(value, tf.float32) for value in measured.values()])


@contextlib.contextmanager
def undisturbed(model):
    """Within it networks run as in a training step, and are afterwards as they were."""
    states = model.seed_states()
    before = [tf.identity(state.value) for state in states]
    model._training, model._frozen, model._watched = True, frozenset(model.networks), {}
    try:
        yield
    finally:
        model._training, model._frozen = False, frozenset()
        for state, value in zip(states, before, strict=True):
            state.assign(value)


def fixed_batch(examples, size):
    """`size` examples evenly spread over all of them, as constant tensors by field name."""
    rows = np.linspace(0, len(examples) - 1, min(len(examples), size)).astype(np.int64)
    return {name: tf.constant(value) for name, value in examples.gather(rows).items()}


def mean_image(model, examples, size=1000):
    """The mean of what the likelihood models, float32 [H, W, C]: the best reconstruction that knows no image."""
    images = model.as_unit_images(fixed_batch(examples, size)["image"])
    return tf.reduce_mean(model.likelihood.prepare(images, Noise(model.seed, 0, "adapt/")), axis=0)


# Every part takes the probe and returns {name: scalar}.


def weight_norms(probe):
    """Euclidean norm of each network's trainable weights: it stands still when training does."""
    networks = probe.model.networks.items()
    return {f"{name}_weights": norm([v.value for v in network.trainable_variables]) for name, network in networks}


def norm(tensors):
    """The Euclidean norm of all of them together; 0 where there are none."""
    tensors = [tensor for tensor in tensors if tensor is not None]
    return tf.linalg.global_norm(tensors) if tensors else tf.zeros([])


def gradient_norms(probe):
    """What each phase minimises, and the norm of its gradient for each network that it trains; on training images."""
    model, measured = probe.model, {}
    batch = {name: value[:GRADIENT_ROWS] for name, value in probe.batch.items()}
    for phase in model.phases:
        variables = {name: [v.value for v in model.networks[name].trainable_variables] for name in phase.trains}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            loss = tf.add_n(list(phase.terms(batch, probe.noise.scope(phase.name)).values()))
        for name, gradients in tape.gradient(loss, variables).items():
            measured[f"{name}_gradient"] = norm(gradients)
        measured["loss" if len(model.phases) == 1 else f"{phase.name}_loss"] = loss
    return measured


def scores(probe):
    """D on training images, on held-out images and on samples; D(x) = sigmoid(logit).

    `equilibrium_distance` is the mean of |D - 1/2| over held-out images and samples: 0 at the equilibrium of
    Goodfellow et al. 2014, proposition 2.
    """
    model, field = probe.model, probe.model.data_field
    probe.fake = model.fake_images(probe.batch, probe.noise)

    def logits(batch, images, name):
        return model.judge(batch, model.augmented(images, probe.noise.scope(name)))[:, 0]

    real = logits(probe.batch, probe.batch[field], "real")
    fake = logits(probe.batch, probe.fake, "fake")
    measured = {
        "real_score": tf.reduce_mean(tf.sigmoid(real)),
        "fake_score": tf.reduce_mean(tf.sigmoid(fake)),
        "train_accuracy": share(real > 0.0),
        "fake_accuracy": share(fake < 0.0),
        "train_separation": separation(real, fake),
    }
    if probe.unseen is not None:
        real = logits(probe.unseen, probe.unseen[field], "held_out")
        measured["held_out_score"] = tf.reduce_mean(tf.sigmoid(real))
        measured["held_out_accuracy"] = share(real > 0.0)
        measured["held_out_separation"] = separation(real, fake)
    if model.loss_functions.discriminator is cross_entropy_discriminator:  # else a logit is no log-odds
        off = tf.abs(tf.sigmoid(tf.concat([real, fake], axis=0)) - 0.5)
        measured["equilibrium_distance"] = tf.reduce_mean(off)
    return measured


def share(truths):
    return tf.reduce_mean(tf.cast(truths, tf.float32))


def separation(real, fake):
    """P(D(x) > D(G(z))) + P(D(x) = D(G(z))) / 2, the area under the ROC curve: 1/2 if D cannot tell, at any scale."""
    difference = real[:, None] - fake[None, :]
    return tf.reduce_mean(0.5 * (1.0 + tf.sign(difference)))


def diversity(probe):
    """How far samples lie from each other, relative to training images; and how far from those.

    `diversity` is the ratio of the mean distances of pairs, `nearest_diversity` that of the median distances to the
    nearest other one. `energy_distance` is that of Székely and Rizzo 2013, (2 E|X - Y| - E|X - X'| - E|Y - Y'|) /
    2 E|X - Y|: 0 for two equal distributions, at most 1.
    """
    real = tf.reshape(probe.batch[probe.model.data_field], [tf.shape(probe.fake)[0], -1])
    fake = tf.reshape(probe.fake, tf.shape(real))
    real_pairs, fake_pairs = distances(real, real), distances(fake, fake)
    real_mean, fake_mean = mean_of_pairs(real_pairs), mean_of_pairs(fake_pairs)
    return {
        "diversity": fake_mean / real_mean,
        "nearest_diversity": nearest(fake_pairs) / nearest(real_pairs),
        "energy_distance": 1.0 - (real_mean + fake_mean) / (2.0 * tf.reduce_mean(distances(real, fake))),
    }


def distances(a, b):
    """Euclidean distances [N, M] of the rows of a [N, F] and b [M, F]."""
    centre = tf.reduce_mean(b, axis=0)  # keeps the squares small beside the differences
    a, b = a - centre, b - centre
    squares = tf.reduce_sum(a * a, axis=1)[:, None] + tf.reduce_sum(b * b, axis=1)[None, :]
    return tf.sqrt(tf.maximum(squares - 2.0 * tf.matmul(a, b, transpose_b=True), 0.0))


def mean_of_pairs(pairs):
    """The mean distance of two different rows, from the distances [N, N] of all pairs."""
    rows = tf.cast(tf.shape(pairs)[0], tf.float32)
    return tf.reduce_sum(tf.linalg.set_diag(pairs, tf.zeros([tf.shape(pairs)[0]]))) / (rows * (rows - 1.0))


def nearest(pairs):
    """The median distance to the nearest other row, from the distances [N, N] of all pairs."""
    others = tf.linalg.set_diag(pairs, tf.fill([tf.shape(pairs)[0]], pairs.dtype.max))
    return tf.sort(tf.reduce_min(others, axis=1))[tf.shape(pairs)[0] // 2]


def reconstruction(probe):
    """The share of the pixels' variance about the mean image that reconstructions explain, on held-out images."""
    model, batch = probe.model, probe.batch if probe.unseen is None else probe.unseen
    x = model.likelihood.prepare(model.to_unit_range(batch["image"]), probe.noise)
    outputs = model.run_network("encoder", {**batch, "image": model.to_value_range(x)})
    code = next(iter(outputs.values())) if isinstance(outputs, dict) else outputs
    code = code[0] if isinstance(code, (tuple, list)) else code
    decoded = model.likelihood_outputs(model.run_network("decoder", {**batch, "latent": code}))
    error = tf.reduce_mean(tf.square(x - model.to_unit_range(decoded["image"])))
    return {"explained": 1.0 - error / tf.reduce_mean(tf.square(x - probe.mean_image))}


def latents(probe):
    """KL(q(z|x) || p(z)) in nats an image and for the busiest latent, and how many latents carry anything."""
    model, batch = probe.model, probe.batch if probe.unseen is None else probe.unseen
    x = model.likelihood.prepare(model.to_unit_range(batch["image"]), probe.noise)
    posterior = model.posterior({**batch, "image": model.to_value_range(x)})
    mean, log_var = posterior["z_mean"], posterior["z_log_var"]
    active = tf.math.reduce_variance(mean, axis=0) > ACTIVE_VARIANCE
    measured = {"latents": float(model.latent_dim), "active_units": tf.reduce_sum(tf.cast(active, tf.float32))}
    if probe.unseen is not None:
        measured["held_out_loss"] = tf.add_n(list(model.elbo_terms(batch, probe.noise.scope("elbo")).values()))
    if isinstance(model.prior, priors.Normal):
        kl = 0.5 * tf.reduce_mean(tf.square(mean) + tf.exp(log_var) - 1.0 - log_var, axis=0)
        measured |= {"kl": tf.reduce_sum(kl), "kl_latent_median": median(kl), "kl_latent_max": tf.reduce_max(kl)}
    return measured


def median(values):
    return tf.sort(values)[tf.shape(values)[0] // 2]
