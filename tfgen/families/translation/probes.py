"""Probes of translations: how much of the pictures they explain, of training and of held-out ones."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.data.source import Examples
from tfgen.diagnosis.probes import Probe, ratio
from tfgen.noise import Noise

ROUNDING = 1e-10  # variance about the mean, in units of [0, 1], that rounding leaves of equal pictures


def translations(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns the errors of translations in inference mode.

    `train_error` and `held_out_error` are mean absolute differences in units of [0, 1]; `explained` is the fraction of
    the squared differences from the mean picture that translations of held-out (else training) pictures explain.
    """
    model: Any = probe.model
    measured = {}
    for name, batch in (("train", probe.batch), ("held_out", probe.unseen)):
        if batch is None:
            continue
        made = model.to_unit_range(model.infer(model.sampling_network, model.taken(batch)))
        real = model.to_unit_range(batch[model.data_field])
        measured[f"{name}_error"] = tf.reduce_mean(tf.abs(made - real))
        variance = tf.reduce_mean(tf.square(real - mean_picture(model, probe.train)))
        explained = 1.0 - ratio(tf.reduce_mean(tf.square(made - real)), variance, ROUNDING)
    return {**measured, "explained": explained}


def mean_picture(model: Any, examples: Examples, size: int = 1000) -> tf.Tensor:
    """Returns the mean of training pictures, float32 [H, W, C] in [0, 1]: the best constant translation."""
    rows = np.linspace(0, len(examples) - 1, min(len(examples), size)).astype(np.int64)
    with tf.init_scope():  # computed once, not within the graph of every measurement
        return tf.reduce_mean(model.as_unit_images(tf.constant(examples.gather(rows)[model.data_field])), axis=0)


def cycles(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns the errors of the ways there and back, in units of [0, 1], and of leaving a picture as it is.

    `forth_cycle_error` is the mean |F(G(x)) - x| over held-out (else training) pictures x of A, `back_cycle_error` that
    of B; `forth_change` and `back_change` are the means of |G(x) - x| and |F(y) - y|.
    """
    model: Any = probe.model
    batch = probe.batch if probe.unseen is None else probe.unseen
    step = model.inference_step(Noise(model.seed, 0, "infer/"))
    width = (model.value_range[1] - model.value_range[0]) if model.value_range else 1.0
    measured = {}
    for way, (source, _, _) in model.ways.items():
        there, back = model.there_and_back(way, batch, step)
        measured[f"{way}_cycle_error"] = tf.reduce_mean(tf.abs(back - batch[source])) / width
        if there.shape == batch[source].shape:
            measured[f"{way}_change"] = tf.reduce_mean(tf.abs(there - batch[source])) / width
    return measured
