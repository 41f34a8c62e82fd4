"""Probes of autoencoders: reconstructions, and the information in the latents.

Each probe takes a `tfgen.diagnosis.probes.Probe` and returns {name: scalar}.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.data.source import Examples
from tfgen.diagnosis.distances import energy_distance
from tfgen.diagnosis.probes import Probe, ratio
from tfgen.families.variational.codebook import perplexity
from tfgen.noise import Noise
from tfgen.training.step import Step

ROUNDING = 1e-10  # variance about the mean, in units of [0, 1], that rounding leaves of equal images
ACTIVE_VARIANCE = 0.01  # of a latent's posterior mean, Burda et al. 2016, section 5.2


def seen(probe: Probe) -> tuple[Step, dict]:
    """Returns (step, batch of held-out examples if there are any, else of training examples)."""
    if probe.unseen is None:
        return probe.step, probe.batch
    return probe.step.on("validation"), probe.unseen


def posterior(probe: Probe) -> dict:
    """Returns the parameters of q(z|x) of the examples of `seen`, the same tensors for all probes."""
    model: Any = probe.model
    step, batch = seen(probe)
    return step.once("probed posterior", lambda: model.posterior(model.prepared(batch, step)[1], step))


def mean_image(model: Any, examples: Examples, size: int = 1000) -> tf.Tensor:
    """Returns the mean of prepared images, float32 [H, W, C]: the best constant reconstruction.

    Args:
        model: a model with an encoder, a decoder and a likelihood.
        examples: training examples.
        size: number of examples in the mean, at most.
    """
    rows = np.linspace(0, len(examples) - 1, min(len(examples), size)).astype(np.int64)
    with tf.init_scope():  # computed once, not within the graph of every measurement
        images = model.as_unit_images(tf.constant(examples.gather(rows)[model.data_field]))
        return tf.reduce_mean(model.likelihood.prepare(images, Noise(model.seed, 0, "adapt/")), axis=0)


def reconstruction(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns `explained`, the fraction of the pixels' variance about the mean image that reconstructions explain.

    `one_more` is that which the largest principal component of their errors would add: the most that one more latent
    could, in a linear decoder.
    """
    model: Any = probe.model
    step, batch = seen(probe)
    x, batch = model.prepared(batch, step)
    errors = x - model.image_of(model.reconstructed(batch, step))
    variance = tf.reduce_mean(tf.square(x - mean_image(model, probe.train)))
    measured = {"explained": tf.reduce_mean(tf.square(errors)), "one_more": largest_component(errors)}
    shares = {name: ratio(value, variance, ROUNDING) for name, value in measured.items()}
    return {**shares, "explained": 1.0 - shares["explained"]}  # of equal images there is nothing to explain


def largest_component(rows: tf.Tensor) -> tf.Tensor:
    """Returns the variance of the largest principal component of rows [N, ...], divided by the values in a row."""
    flat = tf.reshape(rows, [rows.shape[0], -1])
    flat -= tf.reduce_mean(flat, axis=0)
    return tf.linalg.eigvalsh(tf.matmul(flat, flat, transpose_b=True))[-1] / tf.cast(tf.size(flat), tf.float32)


def latents(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns KL(q(z|x) || p(z)) in nats per image and per latent (median, largest), and numbers of latents.

    Without a closed form there are no KLs of single latents, and the first is estimated if it is finite.

    `active_units` is the number of latents with Var_x(E_q(z_i|x)[z_i]) > 0.01, `latents` that of all; `posterior_sd` is
    the mean of the standard deviations of q(z|x).
    """
    model: Any = probe.model
    step, batch = seen(probe)
    encoded = posterior(probe)
    mean, log_var = encoded["z_mean"], encoded["z_log_var"]
    active = tf.math.reduce_variance(mean, axis=0) > ACTIVE_VARIANCE
    sd = tf.exp(0.5 * log_var)
    measured = {
        "latents": float(mean.shape[-1]),
        "posterior_sd": tf.reduce_mean(sd),
        "active_units": tf.reduce_sum(tf.cast(active, tf.float32)),
    }
    if probe.unseen is not None:
        measured["held_out_loss"] = tf.add_n(list(model.elbo_terms(batch, step.scope("elbo")).values()))
    if model.kl(encoded) is None:
        return measured | ({"kl": sampled_kl(model, batch, step)} if model.samples_kl else {})
    kl = tf.reduce_mean(model.prior.kl(mean, log_var), axis=0)
    return {
        **measured,
        "kl": tf.reduce_sum(kl),
        "kl_latent_median": median(kl),
        "kl_latent_max": tf.reduce_max(kl),
    }


def sampled_kl(model: Any, batch: dict, step: Step) -> tf.Tensor:
    """Returns KL(q(z|x) || p(z)) in nats per image, estimated from a draw for each."""
    _, log_pz, log_qz, _ = model.log_densities(batch, step.scope("kl"), 1)
    return tf.reduce_mean(log_qz - log_pz)


def aggregate(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns `aggregate_distance`, the energy distance of z ~ q(z), the mean of q(z|x) over images, and z ~ p(z)."""
    model: Any = probe.model
    z = model.draw(posterior(probe), seen(probe)[0].scope("aggregate"), 1)[0]
    prior = model.latents_from_seeds(tf.range(tf.shape(z)[0], dtype=tf.int64))
    return {"aggregate_distance": energy_distance(z, prior)}


def layers(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns `kl_layer_l`, the divergence in nats per image of every layer l, 1 the lowest, and their number."""
    model: Any = probe.model
    step, batch = seen(probe)
    step = step.scope("layers")
    found = model.divergences(model.drawn(batch, step, 1), step)
    named = {f"kl_layer_{len(found) - index}": tf.reduce_mean(kl) for index, kl in enumerate(found)}
    return {**named, "layers": float(len(found))}


def codebook_use(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns `codes`, those that there are, `codes_in_use`, with at least a tenth of the mean use, and perplexity.

    The perplexity is the number of codes that, used alike, would say as much.
    """
    model: Any = probe.model
    counts = model.states["code_counts"].value
    used = tf.logical_and(counts >= 0.1 * tf.reduce_mean(counts), counts > 0.0)
    return {
        "codes": tf.cast(tf.size(counts), tf.float32),
        "codes_in_use": tf.reduce_sum(tf.cast(used, tf.float32)),
        "code_perplexity": perplexity(counts),
    }


def code_distance(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns `aggregate_distance`, as `aggregate`, of codes that are no draws."""
    model: Any = probe.model
    step, batch = seen(probe)
    codes = model.code(batch, step)
    prior = model.latents_from_seeds(tf.range(tf.shape(codes)[0], dtype=tf.int64))
    return {"aggregate_distance": energy_distance(codes, prior)}


def median(values: tf.Tensor) -> tf.Tensor:
    """Returns the median of a vector, the upper one of an even number of values."""
    return tf.sort(values)[tf.shape(values)[0] // 2]
