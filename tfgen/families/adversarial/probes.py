"""Probes of adversarial models: the discriminator on real and generated images, and the diversity of samples.

Each probe takes a `tfgen.diagnosis.probes.Probe` and returns {name: scalar}.
"""

import math
from typing import TYPE_CHECKING, cast

import tensorflow as tf

from tfgen.diagnosis.distances import distances, mean_of_pairs, nearest
from tfgen.diagnosis.probes import Probe, distinct, ratio
from tfgen.training.step import Fields

if TYPE_CHECKING:
    from tfgen.families.adversarial.model import AdversarialModel

ROUNDING = 1e-6  # distances of equal rows, relative to their norm, that rounding leaves
UNLIKE = 8  # rows without a copy that a median needs
DIRECTED = 32  # training images at which D's gradient is looked at
PART = 1e-4  # of the largest eigenvalue, below which one is of rounding


def model_of(probe: Probe) -> "AdversarialModel":
    """Returns the probe's model; these probes are given to adversarial models alone."""
    return cast("AdversarialModel", probe.model)


def fakes(probe: Probe) -> tf.Tensor:
    """Returns what D is trained against: samples of the trained G in training mode, the same noise in all probes."""
    return probe.step.once("probed fakes", lambda: model_of(probe).fakes(probe.batch, probe.step))


def samples(probe: Probe) -> tf.Tensor:
    """Returns what users draw: samples of the averaged G, where there is one, in inference mode; noise as in `fakes`.

    Both are made under the conditions of the probe's training images.
    """
    model = model_of(probe)
    return probe.step.once("samples", lambda: model.fakes(probe.batch, model.inference_step(probe.step.noise)))


def discriminator_scores(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns D's answers to training images, to held-out images and to samples of the trained G, which D faces.

    Where a logit is the log-odds, `*_score` is the mean of D(x) = sigmoid(logit); of other losses `*_output` is the
    mean of D's output. `*_accuracy` is the share on the right side of D = 1/2, of other losses of the middle between
    the means of training images and samples. `equilibrium_distance` is the mean of |D - 1/2| over held-out images and
    samples: 0 at the equilibrium of Goodfellow et al. 2014, proposition 2. `generator_slope` is the mean of
    |d loss / d output| of G's loss over samples: the share of D's gradient that G receives.
    """
    model, field = model_of(probe), probe.model.data_field

    def logits(batch, images, name, beside=None):
        step = (probe.step if batch is probe.batch else probe.step.on("validation")).scope(name)
        logit = model.judge({**batch, field: model.augmented(images, step), **(beside or {})}, step)["logit"]
        # of a map of logits, one per patch, the mean
        return tf.reduce_mean(tf.reshape(logit, [tf.shape(logit)[0], -1]), axis=1)

    real, beside = logits(probe.batch, probe.batch[field], "real"), model.beside_fakes(probe.batch, probe.step)
    fake = logits(probe.batch, fakes(probe), "fake", beside)
    answers, measured = {"real": real, "fake": fake}, {"train_separation": separation(real, fake)}
    if probe.unseen is not None:
        answers["held_out"] = logits(probe.unseen, probe.unseen[field], "held_out")
        measured["held_out_separation"] = separation(answers["held_out"], fake)
    log_odds = model.loss_functions.log_odds
    middle = 0.0 if log_odds else 0.5 * (tf.reduce_mean(real) + tf.reduce_mean(fake))
    for name, answer in answers.items():
        right = answer < middle if name == "fake" else answer > middle
        measured[f"{'train' if name == 'real' else name}_accuracy"] = fraction(right)
        measured[f"{name}_{'score' if log_odds else 'output'}"] = tf.reduce_mean(
            tf.sigmoid(answer) if log_odds else answer
        )
    if log_odds:
        off = tf.abs(tf.sigmoid(tf.concat([answers.get("held_out", real), fake], axis=0)) - 0.5)
        measured["equilibrium_distance"] = tf.reduce_mean(off)
    return {**measured, "generator_slope": slope(model, fake, real)}


def directions(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns `directions`, the number of directions in which D's output changes at 32 different images: a rank.

    That of the gradients d logit / d image. All that G learns lies in their span: of one hidden unit it is one.
    Dropout, which hides a part of the image at random, is off. `image_directions` is the rank of the images.
    """
    model, field = model_of(probe), probe.model.data_field
    rows = distinct(probe.fixed[field].numpy())[:DIRECTED]
    batch = {name: tf.gather(value, rows) for name, value in probe.batch.items()}
    images, step = batch[field], model.inference_step(probe.step.noise.scope("directions"))
    with tf.GradientTape() as tape:
        tape.watch(images)
        logit = tf.reduce_sum(model.judge({**batch, field: images}, step)["logit"])
    gradients = tape.gradient(logit, images, unconnected_gradients="zero")
    return {"directions": rank(gradients), "image_directions": rank(images)}


def rank(rows: tf.Tensor) -> tf.Tensor:
    """Returns how many directions the rows [N, ...] span, whatever their lengths, float32."""
    flat = tf.math.l2_normalize(tf.reshape(rows, [rows.shape[0], -1]), axis=1, epsilon=1e-30)
    values = tf.linalg.eigvalsh(tf.matmul(flat, flat, transpose_b=True))
    return tf.reduce_sum(tf.cast(values > PART * tf.maximum(values[-1], PART), tf.float32))


def slope(model: "AdversarialModel", fake: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """Returns the mean of |d loss / d output| of the generator's loss over D's outputs `fake` [N]."""
    with tf.GradientTape() as tape:
        tape.watch(fake)
        loss = model.loss_functions.generator_loss(fake[:, None], real[:, None])
    return tf.reduce_sum(tf.abs(tape.gradient(loss, fake, unconnected_gradients="zero")))


def fraction(truths: tf.Tensor) -> tf.Tensor:
    """Returns the fraction of True in a bool tensor."""
    return tf.reduce_mean(tf.cast(truths, tf.float32))


def separation(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns P(D(x) > D(G(z))) + P(D(x) = D(G(z))) / 2, the area under the ROC curve: 1/2 for chance, at any scale."""
    difference = real[:, None] - fake[None, :]
    return tf.reduce_mean(0.5 * (1.0 + tf.sign(difference)))


def diversity(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns what `compared` says of the samples that users draw; of the trained G as `trained_*`, if that is another.

    With an average of G's weights, samples are of that.
    """
    model = model_of(probe)
    real = probe.batch[model.data_field]
    pairs = pairs_of(real)
    measured = compared(real, samples(probe), probe.duplicates, pairs)
    if model.best("generator") is not model.generator:
        trained = compared(real, fakes(probe), probe.duplicates, pairs)
        measured |= {f"trained_{name}": value for name, value in trained.items()}
    return measured


def pairs_of(rows: tf.Tensor) -> tf.Tensor:
    """Returns the distances [N, N] of the rows [N, ...]."""
    flat = tf.reshape(rows, [rows.shape[0], -1])
    return distances(flat, flat)


def compared(
    real: tf.Tensor, fake: tf.Tensor, copies: float = 0.0, real_pairs: tf.Tensor | None = None
) -> dict[str, tf.Tensor]:
    """Returns distances between samples, relative to those between training images, and the distance of both sets.

    `diversity` is the ratio of the mean distances of pairs, `nearest_diversity` that of the distances to the nearest
    other row, medians over the rows that are no copies. `energy_distance` is that of Székely and Rizzo 2013,
    (2 E|X - Y| - E|X - X'| - E|Y - Y'|) / 2 E|X - Y|: 0 for equal distributions, at most 1. NaN where all images are
    equal, `nearest_diversity` where hardly any is without a copy.

    Args:
        real, fake: [N, ...], as many of each.
        copies: share of the rows of `real` that have an equal among them.
        real_pairs: `pairs_of(real)`, if it is known.
    """
    rows = real.shape[0]
    real_pairs = pairs_of(real) if real_pairs is None else real_pairs
    real = tf.reshape(real, [rows, -1])
    fake = tf.reshape(fake, [rows, -1])
    fake_pairs = distances(fake, fake)
    real_mean, fake_mean = mean_of_pairs(real_pairs), mean_of_pairs(fake_pairs)
    least = ROUNDING * tf.sqrt(tf.reduce_mean(tf.reduce_sum(real * real, axis=1)))
    unlike = rows - round(copies * rows)
    known = copies == 0.0 or unlike >= UNLIKE
    # of as many copies among samples as among images, the same rank: pictures half of which are black are no collapse
    rank = (rows + round(copies * rows)) // 2
    nearest_ratio = ratio(nearest(fake_pairs, rank), nearest(real_pairs, rank), least) if known else math.nan
    return {
        "diversity": ratio(fake_mean, real_mean, least),
        "nearest_diversity": nearest_ratio,
        "energy_distance": 1.0 - ratio(real_mean + fake_mean, 2.0 * tf.reduce_mean(distances(real, fake)), least),
    }


def value_range(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns the share of values at the ends of the images' range, `saturation` of samples and `real_saturation`.

    `out_of_range` is the share of samples' values outside of it, by over a hundredth of its width.
    """
    model = model_of(probe)
    if model.value_range is None or model.fields[model.data_field].kind != "image":
        return {}
    (low, high), made = model.value_range, samples(probe)
    level = 0.5 * (high - low) / 255.0

    def at_ends(values):
        return fraction((values < low + level) | (values > high - level))

    beyond = 0.01 * (high - low)
    return {
        "saturation": at_ends(made),
        "real_saturation": at_ends(probe.batch[model.data_field]),
        "out_of_range": fraction((made < low - beyond) | (made > high + beyond)),
    }


def classes(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns the share of training images, of held-out ones and of samples that D's classifier gives their label.

    The label of a sample is the one that it was made for, where the generator takes one.
    """
    model = model_of(probe)
    seen = {"train": probe.batch} | ({} if probe.unseen is None else {"held_out": probe.unseen})
    if "label" in model.conditions:
        seen["fake"] = {**probe.batch, model.data_field: samples(probe)}

    def right(batch: Fields) -> tf.Tensor:
        # as a user classifies, in inference mode
        outputs = model.infer("discriminator", {model.data_field: batch[model.data_field]})
        return fraction(tf.argmax(outputs["class_logits"], axis=1) == batch["label"])

    return {f"{name}_class_accuracy": right(batch) for name, batch in seen.items()}
