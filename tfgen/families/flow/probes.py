"""Probes of flows: errors on training and on held-out examples, early and late on the way from noise to data.

Each probe takes a `tfgen.diagnosis.probes.Probe` and returns {name: scalar}.
"""

from typing import Any

import tensorflow as tf

from tfgen.diagnosis.probes import Probe
from tfgen.noise import Noise

PARTS = {"early": 0.2, "middle": 0.5, "late": 0.8}  # name -> time


def errors(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns errors of the best network, in inference mode.

    `explained_early`, `explained_middle` and `explained_late` are the fractions of the variance of what it learns that
    it explains at t = 0.2, 0.5 and 0.8, of held-out (else training) examples; `train_error` and `held_out_error` the
    mean squared errors over the three times. Nothing, where the codes that the flow learns are still being learned.
    """
    model: Any = probe.model
    if "flow" not in probe.begun:
        return {}
    measured: dict[str, tf.Tensor] = {}
    for name, batch in (("train", probe.batch), ("held_out", probe.unseen)):
        if batch is None:
            continue
        step = model.inference_step(Noise(model.seed, 0, "diagnosis/flow/"))
        found = {part: error_at(model, batch, step, time) for part, time in PARTS.items()}
        measured[f"{name}_error"] = tf.add_n([error for error, _ in found.values()]) / len(found)
        explained = {f"explained_{part}": 1.0 - error / variance for part, (error, variance) in found.items()}
    return {**measured, **explained}


def error_at(model: Any, batch: dict, step: Any, time: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (mean squared error, variance) of what the network learns at one time."""
    data = model.flow_data(batch, step)
    noise, times = step.noise.normal("noise", tf.shape(data)), tf.fill([tf.shape(data)[0]], time)
    mixture = model.interpolant.at(times, data.shape.rank)
    p, q = mixture.weights(model.predicts)
    target = p * data + q * noise
    given = {name: batch[name] for name in model.conditions}
    made = step.run("flow", model.flow_inputs(mixture.a * data + mixture.s * noise, times, given))
    error = tf.reduce_mean(tf.square(tf.cast(made, tf.float32) - target))
    return error, tf.reduce_mean(tf.math.reduce_variance(target, axis=0))
