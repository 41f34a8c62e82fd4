"""The sampler that fills the holes of pictures by a flow that was trained on whole ones."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfgen.domains import Count
from tfgen.errors import UserError, shown
from tfgen.samplers.base import Sampler, normal_rows
from tfgen.samplers.flow import Flow, Way
from tfgen.samplers.steps import DDIM
from tfgen.values import serializable

HOLE = "hole"  # beside the conditions: bool [B, H, W, 1], true where a picture is to be filled


@serializable
@dataclasses.dataclass(frozen=True)
class Inpainting(Sampler):
    """The way of a flow on which what is known of the data is put in its place at every time.

    Lugmayr et al. 2022, algorithm 1, of any interpolant and any sampler. After a step, the known part is
    a' x_1 + s' x_0, with x_0 as it was there before the step: on a straight interpolant it moves on a straight line.
    Every step is made `repeats` times, each time from noise added to where the last one has led, so that the hole fits
    what surrounds it (section 4.2, with jumps of one step).

    Attributes:
        flow: the sampler whose steps are made.
        repeats: how often each of them is made.
    """

    flow: Flow = DDIM(20)
    repeats: Count = 5

    def __post_init__(self) -> None:
        """Checks that there are steps to make."""
        super().__post_init__()
        if not isinstance(self.flow, Flow):
            raise UserError(f"inpainting makes the steps of a flow's sampler, such as ddim(20), got {shown(self.flow)}")

    @property
    def passes(self) -> int:
        """The number of times that the network runs for a picture."""
        return self.flow.passes * int(self.repeats)

    def draw(
        self,
        model: Any,
        seeds: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None = None,
    ) -> tf.Tensor:
        """Returns pictures whose holes are filled; as `Sampler.draw`.

        Args:
            conditions: besides the model's own, the pictures under the name of what it makes, and `hole`. Without its
                own, the model samples as without a condition.
        """
        given = dict(conditions or {})
        if HOLE not in given or model.data_field not in given:
            raise UserError("inpainting fills holes of pictures: call model.inpaint(images, hole) with this sampler")
        known, hole = model.as_field(model.data_field, given[model.data_field]), tf.cast(given[HOLE], tf.bool)
        fields = model.condition_fields(given) if set(model.conditions) <= set(given) else None
        way = Way(self.flow, model, seeds, fields, networks)

        def advance(n: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
            i, turn = n // self.repeats, n % self.repeats
            moved = self.filled(dataclasses.replace(way, turn=turn), i, x, known, hole)
            again = turn < self.repeats - 1
            return n + 1, tf.cond(again, lambda: noised(way, i, moved, n), lambda: moved)

        steps = self.flow.steps * self.repeats
        _, x = tf.while_loop(lambda n, x: n < steps, advance, [tf.constant(0), self.flow.start(model, seeds)])
        return model.flow_output(x, networks)

    def filled(self, way: Way, i: tf.Tensor, x: tf.Tensor, known: tf.Tensor, hole: tf.Tensor) -> tf.Tensor:
        """Returns x [B, ...] at time (i + 1) / steps from x at time i / steps: moved in the hole, known elsewhere."""
        now, then = way.mixture(i, x), way.mixture(i + 1, x)
        noise = (x - now.a * known) / now.s
        return tf.where(hole, self.flow.advanced(way, i, x), then.a * known + then.s * noise)


def noised(way: Way, i: tf.Tensor, x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Returns x [B, ...] at time i / steps from x at time (i + 1) / steps, by new noise.

    With x' = a' x_1 + s' x_0 then and a, s now, (a / a') x' + noise of the variance s^2 - (a / a')^2 s'^2.
    """
    now, then = way.mixture(i, x), way.mixture(i + 1, x)
    back = now.a / then.a
    variance = tf.maximum(tf.square(now.s) - tf.square(back * then.s), 0.0)
    return back * x + tf.sqrt(variance) * normal_rows(way.seeds, way.model.flow_shape, "again", index)


def inpainting(flow: Flow | None = None, repeats: int = 5) -> Inpainting:
    """Returns the sampler that fills holes by the steps of `flow`, by default ddim(20), each made `repeats` times."""
    return Inpainting(DDIM(20) if flow is None else flow, repeats)
