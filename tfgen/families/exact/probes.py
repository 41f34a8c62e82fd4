"""Probe of models with an exact likelihood. It takes a `tfgen.diagnosis.probes.Probe` and returns {name: scalar}."""

from typing import Any

import tensorflow as tf

from tfgen.diagnosis.probes import Probe


def likelihood(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns `train_nll` and `held_out_nll`, -log p(x) in nats, by the best weights in inference mode."""
    model: Any = probe.model
    measured = {"train_nll": probe.batch, "held_out_nll": probe.unseen}
    step = model.inference_step(probe.step.noise.scope("likelihood"))
    return {name: -tf.reduce_mean(model.log_prob(batch, step)) for name, batch in measured.items() if batch is not None}
