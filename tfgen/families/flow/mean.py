"""Mean flow (Geng et al. 2025): the mean velocity of a step of any length, so that one step makes a sample."""

from typing import Any

import keras
import tensorflow as tf

from tfgen import samplers
from tfgen.domains import NotNegative, Share
from tfgen.errors import UserError
from tfgen.families.flow.model import FlowModel
from tfgen.networks.calling import random_states
from tfgen.training.step import Fields, Networks, Step

LEAST = 1e-3  # added to errors that divide, section 4.3 of the paper


class MeanFlow(FlowModel):
    """A network u(x, t, span) that learns the mean of the velocity from t to t + span.

    (t' - t) u is the integral of v from t to t'; its derivative along the way, of which t' is kept, gives
    u = v + (t' - t) du/dt, du/dt = (d_x u) v + d_t u - d_span u (equation 6, with the data at t = 1).

    Args:
        flow: `keras.Model`, as of `FlowModel` with a further input `span` [B].
        spans: share of the examples with t' > t; of the others u is v itself.
        robustness: p of the weight 1 / (squared error + 0.001)^p of an example.
        sampling: the default sampler.
        **options: of `FlowModel`.
    """

    def __init__(
        self,
        flow: keras.Model,
        *,
        spans: Share = 0.25,
        robustness: NotNegative = 1.0,
        sampling: samplers.Flow = samplers.jump(),
        **options: Any,
    ) -> None:
        for name in ("predicts", "min_snr"):
            if options.get(name) not in (None, "velocity"):
                raise UserError(f"a mean flow's network gives a mean velocity, and has no {name}: leave it out")
        super().__init__(flow, sampling=sampling, **options)
        self.spans, self.robustness = spans, robustness

    def flow_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns E w |u - sg(v + span du/dt)|^2, w = 1 / (sg(error) + c)^p, of v = da x_1 + ds x_0."""
        data = self.flow_data(batch, step)
        noise, (time, span) = self.drawn_noise(data, step), self.drawn_spans(tf.shape(data)[0], step)
        mixture = self.interpolant.at(time, data.shape.rank)
        x, v = mixture.a * data + mixture.s * noise, mixture.da * data + mixture.ds * noise
        fields = {**self.dropped(batch, step), self.flow_field: x, "time": time, "span": span}
        slope = self.slope(fields, v, step)
        made = tf.cast(step.run("flow", fields), tf.float32)
        broadcast = tf.reshape(span, [-1] + [1] * (data.shape.rank - 1))
        errors = tf.square(made - tf.stop_gradient(v + broadcast * slope))
        errors = tf.reduce_mean(errors, axis=list(range(1, data.shape.rank)))
        step.log("squared_error", tf.reduce_mean(errors))
        weights = tf.pow(tf.stop_gradient(errors) + LEAST, -self.robustness)
        return {"flow_loss": tf.reduce_mean(weights * errors)}

    def slope(self, fields: Fields, v: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns du/dt along the way, the derivative of u at `fields` in the direction (v, 1, -1).

        A pass of its own, differentiated forwards: the gradient of the weights that a pass of both kinds gives is not
        that of the pass alone in TensorFlow 2.21, where a layer has a gradient of its own making. The pass that follows
        has the same dropout: both are of one u.
        """
        states = random_states(step.networks["flow"])
        before = [tf.identity(state.value) for state in states]
        names = [self.flow_field, "time", "span"]
        places, one = [tf.stop_gradient(fields[name]) for name in names], tf.ones_like(fields["time"])
        with tf.autodiff.ForwardAccumulator(places, [v, one, -one]) as along:
            made = tf.cast(step.run("flow", {**fields, **dict(zip(names, places, strict=True))}), tf.float32)
        for state, value in zip(states, before, strict=True):
            state.assign(value)
        return tf.stop_gradient(along.jvp(made, unconnected_gradients=tf.UnconnectedGradients.ZERO))

    def drawn_spans(self, count: tf.Tensor, step: Step) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the times t and the spans t' - t, float32 [count]; the lower and the upper of two draws, or 0."""
        one, two = self.drawn_times(count, step), self.drawn_times(count, step.scope("until"))
        low, high = tf.minimum(one, two), tf.maximum(one, two)
        apart = step.noise.uniform("apart", [count]) < self.spans
        return tf.where(apart, low, one), tf.where(apart, high - low, 0.0)

    def flow_inputs(self, x: tf.Tensor, time: tf.Tensor, conditions: Fields) -> Fields:
        """Returns the inputs of the network for the velocity itself, a span of 0."""
        return {**super().flow_inputs(x, time, conditions), "span": tf.zeros_like(time)}

    def mean_velocity(
        self,
        x: tf.Tensor,
        t: tf.Tensor,
        until: tf.Tensor,
        conditions: dict | None = None,
        networks: Networks | None = None,
    ) -> tf.Tensor:
        """Returns the mean of the velocity from t to `until`, float32 [B, ...]; arguments as of `velocity`."""
        fields = self.flow_inputs(x, t, self.given_or_null(x, conditions))
        return tf.cast(self.infer("flow", {**fields, "span": until - t}, networks), tf.float32)
