"""Optimizers beside Keras' own: an Adam in one kernel per variable, and SGD with a rising momentum."""

from typing import Any

import keras
import tensorflow as tf

from tfgen.values import serializable


@serializable
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` in one kernel per variable instead of about ten: same formula, same variables.

    Measured: an MLP `vae` trains 1.2 times as fast on a CPU.
    """

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        """Updates one variable and its two moments; the base class calls it once per variable."""
        dtype = tf.as_dtype(variable.dtype)
        if self.amsgrad or dtype.size < 4:  # in bfloat16 the kernel rounds beta_2 to 1
            super().update_step(gradient, variable, learning_rate)
            return
        index, count = self._get_variable_index(variable), tf.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.constant(self.beta_1, dtype), count),
            beta2_power=tf.pow(tf.constant(self.beta_2, dtype), count),
            lr=tf.cast(tf.convert_to_tensor(learning_rate), dtype),
            beta1=tf.constant(self.beta_1, dtype),
            beta2=tf.constant(self.beta_2, dtype),
            epsilon=tf.constant(self.epsilon, dtype),
            grad=tf.cast(tf.convert_to_tensor(gradient), dtype),
        )


@serializable
class RampedSGD(keras.optimizers.SGD):
    """SGD whose momentum rises linearly to `final_momentum` over `momentum_steps` (Goodfellow et al. 2014's code).

    Args:
        learning_rate: a number or a schedule.
        momentum: at the first update, in [0, 1].
        final_momentum: from update `momentum_steps` on.
        momentum_steps: length of the ramp, in updates.
        **kwargs: as in `keras.optimizers.SGD`.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.1,
        momentum: float = 0.5,
        final_momentum: float = 0.7,
        momentum_steps: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, momentum=momentum, **kwargs)
        self.final_momentum, self.momentum_steps = final_momentum, momentum_steps

    momentums: list[keras.Variable]

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the velocity of each variable."""
        super().build(variables)
        if not self.momentums:  # Keras creates none when the momentum starts at 0
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        """Updates one variable and its velocity; the base class calls it once per variable."""
        progress = tf.minimum(1.0, tf.cast(self.iterations.value, tf.float32) / self.momentum_steps)
        momentum = self.momentum + progress * (self.final_momentum - self.momentum)
        velocity = self.momentums[self._get_variable_index(variable)]
        step = tf.cast(learning_rate, variable.dtype) * tf.cast(gradient, variable.dtype)
        self.assign(velocity, tf.cast(momentum, variable.dtype) * velocity.value - step)
        self.assign_add(variable, velocity.value)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as plain values."""
        ramp = {"final_momentum": self.final_momentum, "momentum_steps": self.momentum_steps}
        return {**super().get_config(), **ramp}
