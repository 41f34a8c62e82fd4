"""Probes of adversarial models: the discriminator on real and generated images, and the diversity of samples.

Each probe takes a `tfgen.diagnosis.probes.Probe` and returns {name: scalar}.
"""

from typing import TYPE_CHECKING, cast

import tensorflow as tf

from tfgen.diagnosis.probes import Probe
from tfgen.losses import cross_entropy_discriminator

if TYPE_CHECKING:
    from tfgen.families.adversarial.model import AdversarialModel


def model_of(probe: Probe) -> "AdversarialModel":
    """Returns the probe's model; these probes are given to adversarial models alone."""
    return cast("AdversarialModel", probe.model)


def fakes(probe: Probe) -> tf.Tensor:
    """Returns samples under the conditions of the probe's training images, the same in all probes."""
    return probe.step.once("probed fakes", lambda: model_of(probe).fakes(probe.batch, probe.step))


def discriminator_scores(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns scores of D on training images, held-out images and samples, where D(x) = sigmoid(logit).

    `equilibrium_distance` is the mean of |D - 1/2| over held-out images and samples: 0 at the equilibrium of
    Goodfellow et al. 2014, proposition 2.
    """
    model, field = model_of(probe), probe.model.data_field

    def logits(batch, images, name):
        step = (probe.step if batch is probe.batch else probe.step.on("validation")).scope(name)
        logit = model.judge({**batch, field: model.augmented(images, step)}, step)["logit"]
        # of a map of logits, one per patch, the mean
        return tf.reduce_mean(tf.reshape(logit, [tf.shape(logit)[0], -1]), axis=1)

    real = logits(probe.batch, probe.batch[field], "real")
    fake = logits(probe.batch, fakes(probe), "fake")
    measured = {
        "real_score": tf.reduce_mean(tf.sigmoid(real)),
        "fake_score": tf.reduce_mean(tf.sigmoid(fake)),
        "train_accuracy": fraction(real > 0.0),
        "fake_accuracy": fraction(fake < 0.0),
        "train_separation": separation(real, fake),
    }
    if probe.unseen is not None:
        real = logits(probe.unseen, probe.unseen[field], "held_out")
        measured["held_out_score"] = tf.reduce_mean(tf.sigmoid(real))
        measured["held_out_accuracy"] = fraction(real > 0.0)
        measured["held_out_separation"] = separation(real, fake)
    if model.loss_functions.discriminator is cross_entropy_discriminator:  # only then is a logit the log-odds
        off = tf.abs(tf.sigmoid(tf.concat([real, fake], axis=0)) - 0.5)
        measured["equilibrium_distance"] = tf.reduce_mean(off)
    return measured


def fraction(truths: tf.Tensor) -> tf.Tensor:
    """Returns the fraction of True in a bool tensor."""
    return tf.reduce_mean(tf.cast(truths, tf.float32))


def separation(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns P(D(x) > D(G(z))) + P(D(x) = D(G(z))) / 2, the area under the ROC curve: 1/2 for chance, at any scale."""
    difference = real[:, None] - fake[None, :]
    return tf.reduce_mean(0.5 * (1.0 + tf.sign(difference)))


def diversity(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns distances between samples, relative to those between training images, and the distance of both sets.

    `diversity` is the ratio of the mean distances of pairs, `nearest_diversity` that of the median distances to the
    nearest other row. `energy_distance` is that of Székely and Rizzo 2013, (2 E|X - Y| - E|X - X'| - E|Y - Y'|) /
    2 E|X - Y|: 0 for equal distributions, at most 1.
    """
    real = tf.reshape(probe.batch[probe.model.data_field], [tf.shape(fakes(probe))[0], -1])
    fake = tf.reshape(fakes(probe), tf.shape(real))
    real_pairs, fake_pairs = distances(real, real), distances(fake, fake)
    real_mean, fake_mean = mean_of_pairs(real_pairs), mean_of_pairs(fake_pairs)
    return {
        "diversity": fake_mean / real_mean,
        "nearest_diversity": nearest(fake_pairs) / nearest(real_pairs),
        "energy_distance": 1.0 - (real_mean + fake_mean) / (2.0 * tf.reduce_mean(distances(real, fake))),
    }


def distances(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the Euclidean distances [N, M] between the rows of a [N, F] and b [M, F]."""
    centre = tf.reduce_mean(b, axis=0)  # small squares: their difference would lose digits
    a, b = a - centre, b - centre
    squares = tf.reduce_sum(a * a, axis=1)[:, None] + tf.reduce_sum(b * b, axis=1)[None, :]
    return tf.sqrt(tf.maximum(squares - 2.0 * tf.matmul(a, b, transpose_b=True), 0.0))


def mean_of_pairs(pairs: tf.Tensor) -> tf.Tensor:
    """Returns the mean distance of two different rows, from the distances [N, N] of all pairs."""
    rows = tf.cast(tf.shape(pairs)[0], tf.float32)
    return tf.reduce_sum(tf.linalg.set_diag(pairs, tf.zeros([tf.shape(pairs)[0]]))) / (rows * (rows - 1.0))


def nearest(pairs: tf.Tensor) -> tf.Tensor:
    """Returns the median distance to the nearest other row, from the distances [N, N] of all pairs."""
    others = tf.linalg.set_diag(pairs, tf.fill([tf.shape(pairs)[0]], pairs.dtype.max))
    return tf.sort(tf.reduce_min(others, axis=1))[tf.shape(pairs)[0] // 2]
