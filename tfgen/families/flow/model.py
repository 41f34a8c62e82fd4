"""Flow matching (Lipman et al. 2023; Liu et al. 2023) and diffusion (Ho et al. 2020): one model, several formulas."""

from collections.abc import Callable
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tfgen import interpolants, samplers
from tfgen.averaging import Ema
from tfgen.data.source import Field
from tfgen.diagnosis.rules import Rule
from tfgen.domains import Positive, Proportion
from tfgen.errors import UserError
from tfgen.families.flow import charts, inpainting, probes, rules
from tfgen.families.flow.pairs import nearest_pairs
from tfgen.interpolants import Interpolant, Target
from tfgen.networks.timing import null_condition
from tfgen.recipes.spelling import spell
from tfgen.training.charts import Chart
from tfgen.training.model import GenerativeModel
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step

Times = Literal["uniform", "logit_normal"]
Pairs = Literal["independent", "optimal"]


class FlowModel(GenerativeModel):
    """A network that sees x_t = a(t) x_1 + s(t) x_0, of data x_1 and noise x_0, and learns a mixture of the two.

    What it learns gives the velocity dx_t / dt, which samplers follow from noise to data.

    Args:
        flow: `keras.Model`, {the data [B, ...] in `value_range`, `time` [B] in [0, 1], conditions} -> [B, ...].
        interpolant: a(t) and s(t), of `tfgen.interpolants`.
        predicts: what the network gives: the velocity, v, the noise x_0, or the data x_1.
        times: distribution of t in training, uniform or 1 / (1 + exp(-N(0, 1))) (Esser et al. 2024, section 3.1).
        min_snr: the error of x_1 counts with min(a^2 / s^2, this) (Hang et al. 2023, section 3.4); None: the error of
            what the network gives counts as it is.
        pairs: how the noise of a batch is paired with its data: as drawn, or so that the sum of squared distances is
            smallest (Tong et al. 2024, section 3.2; Pooladian et al. 2023).
        condition_dropout: probability with which conditions are left out in training, for guidance (Ho and Salimans
            2021, algorithm 1).
        sampling: the default sampler.
        value_range, ema, seed, fields: as of `GenerativeModel`.
        networks: further networks of a subclass, by name.
        averaged: names of the networks of which an average is kept.
        **kwargs: `name`, and as of `GenerativeModel`.

    Raises:
        UserError: the network cannot tell data from what it gives at one of the ends, or pairs are to be optimal under
            conditions.
    """

    default_optimizers = {"flow": {"learning_rate": 1e-3}}
    sampling_network = "flow"

    def __init__(
        self,
        flow: keras.Model,
        *,
        fields: dict[str, Field],
        interpolant: Interpolant = interpolants.straight(),
        predicts: Target = "velocity",
        times: Times = "uniform",
        min_snr: Positive | None = None,
        pairs: Pairs = "independent",
        condition_dropout: Proportion = 0.0,
        sampling: samplers.Flow = samplers.heun(10),
        value_range: tuple[float, float] = (-1.0, 1.0),
        ema: Ema | None = 0.999,
        seed: int = 0,
        networks: Networks | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {**(networks or {}), "flow": flow},
            fields=fields,
            value_range=value_range,
            ema=ema,
            averaged=("flow",),
            seed=seed,
            **kwargs,
        )
        self.interpolant, self.predicts, self.times, self.min_snr = interpolant, predicts, times, min_snr
        self.pairs, self.condition_dropout, self.sampling = pairs, condition_dropout, sampling
        _check_ends(interpolant, predicts)
        if pairs == "optimal" and self.conditions:
            raise UserError(
                "pairs=optimal would give every class noise of its own, of which sampling knows nothing: leave out the "
                "condition, or take pairs=independent"
            )

    @property
    def phases(self) -> list[Phase]:
        """One update of the flow."""
        return [Phase("flow", ("flow",), "flow", self.flow_terms)]

    @property
    def sampler(self) -> samplers.Sampler | None:
        """The default sampler."""
        return self.sampling

    @property
    def needs_whole_batch(self) -> str | None:
        """The reason why a batch with optimal pairs cannot be accumulated."""
        return "pairs=optimal pairs all rows of a batch" if self.pairs == "optimal" else None

    # The hooks of a variant.

    def flow_data(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns x_1, float32 [B, *flow_shape], of a batch."""
        return tf.cast(batch[self.data_field], tf.float32)

    @property
    def flow_field(self) -> str:
        """The name of the network's input that is moved."""
        return self.data_field

    def flow_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns E w(t) |f(x_t, t) - (p x_1 + q x_0)|^2, the mean over the numbers of an example."""
        data = self.flow_data(batch, step)
        noise, time = self.drawn_noise(data, step), self.drawn_times(tf.shape(data)[0], step)
        mixture = self.interpolant.at(time, data.shape.rank)
        p, q = mixture.weights(self.predicts)
        fields = self.flow_inputs(mixture.a * data + mixture.s * noise, time, self.dropped(batch, step))
        errors = tf.square(tf.cast(step.run("flow", fields), tf.float32) - (p * data + q * noise))
        return {"flow_loss": tf.reduce_mean(self.weight(mixture) * errors)}

    def flow_inputs(self, x: tf.Tensor, time: tf.Tensor, conditions: Fields) -> Fields:
        """Returns the inputs of the network at x [B, ...] and the times [B]."""
        return {**conditions, self.flow_field: x, "time": time}

    def drawn_times(self, count: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns times t in [0, 1], float32 [count]."""
        if self.times == "uniform":
            return step.noise.uniform("time", [count])
        return tf.sigmoid(step.noise.normal("time", [count]))

    def drawn_noise(self, data: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns noise x_0 of the shape of the data x_1, row i paired with row i."""
        noise = step.noise.normal("noise", tf.shape(data))
        if self.pairs == "independent":
            return noise
        # the pairs of the whole batch, of which this replica takes its rows
        order = nearest_pairs(step.gather(data), every := step.gather(noise))
        rows = tf.shape(data)[0]
        return tf.gather(every, order[step.noise.replica * rows : (step.noise.replica + 1) * rows])

    def weight(self, mixture: interpolants.Mixture) -> tf.Tensor:
        """Returns w(t), which broadcasts to data."""
        if self.min_snr is None:
            return tf.ones_like(mixture.a)
        # in the error of x_1: min(a^2 / s^2, gamma), here of what the network gives
        capped = tf.minimum(tf.square(mixture.a), self.min_snr * tf.square(mixture.s)) / tf.square(mixture.s)
        return capped * mixture.error_of_data(self.predicts)

    def dropped(self, batch: Fields, step: Step) -> Fields:
        """Returns the conditions of a batch, of which training leaves a part of the rows out."""
        given = {name: batch[name] for name in self.conditions}
        if not given or not step.training or not self.condition_dropout:
            return given
        count = tf.shape(batch[self.data_field])[0]
        out = step.noise.uniform("condition", [count]) < self.condition_dropout
        nulls = self.null_conditions(count)
        return {name: tf.where(_along(out, value), nulls[name], value) for name, value in given.items()}

    def null_conditions(self, count: tf.Tensor) -> Fields:
        """Returns the conditions of `count` samples without any: the class after the last, vectors of zeros."""
        return {name: self._null(name, count) for name in self.conditions}

    def _null(self, name: str, count: tf.Tensor) -> tf.Tensor:
        field, takes = self.fields[name], next(t for t in self.networks["flow"].inputs if t.name == name)
        dtype = tf.int64 if field.kind == "label" else tf.float32
        return tf.fill([count, *takes.shape[1:]], tf.constant(null_condition(field), dtype))

    # Sampling.

    def velocity(
        self, x: tf.Tensor, t: tf.Tensor, conditions: dict | None = None, networks: Networks | None = None
    ) -> tf.Tensor:
        """Returns dx/dt at x [B, ...] and t [B], float32.

        Args:
            x: where the flow stands.
            t: times in [0, 1].
            conditions: as the networks see them; None: without any, which guidance compares with.
            networks: name -> network, used instead of the model's own.

        Raises:
            UserError: the model has not learned to do without its conditions, or has none.
        """
        conditions = self.given_or_null(x, conditions)
        made = self.infer("flow", self.flow_inputs(x, t, conditions), networks)
        return self.interpolant.at(t, x.shape.rank).velocity(x, tf.cast(made, tf.float32), self.predicts)

    def given_or_null(self, x: tf.Tensor, conditions: dict | None) -> Fields:
        """Returns the conditions, or those that stand for none; raises as `velocity`."""
        if conditions is not None:
            return conditions
        if not self.conditions:
            raise UserError(f"guidance compares with and without a condition, and {self.name} has none: leave it out")
        if not self.condition_dropout:
            raise UserError(
                f"guidance needs a model that was trained without its condition, too, and {self.name} was not: train "
                "it with condition_dropout=0.1, or leave guidance out"
            )
        return self.null_conditions(tf.shape(x)[0])

    # Inpainting.

    @property
    def fills_holes(self) -> bool:
        """Whether it moves pictures themselves, of which a part may be known."""
        return self.flow_field == self.data_field and self.fields[self.data_field].kind == "image"

    def inpaint(
        self,
        images: Any,
        hole: Any = None,
        seed: int = 0,
        label: Any = None,
        *,
        conditions: dict | None = None,
        sampler: samplers.Sampler | None = None,
        start: int = 0,
    ) -> np.ndarray:
        """Returns images with their holes filled, uint8 [N, H, W, C]; arguments as of `GenerativeModel.inpaint`."""
        if not self.fills_holes:
            return super().inpaint(images)
        return inpainting.inpainted(self, images, hole, seed, self.with_label(label, conditions), sampler, start)

    def translated(self, reverse: bool = False) -> str:
        """Returns the name of the field that `translate` takes: of pictures without a source, those with a hole."""
        fills = self.fills_holes and not self.sources and not reverse
        return self.data_field if fills else super().translated(reverse)

    # What there is to say of its training.

    def probes(self) -> list[Callable]:
        """Returns the probe of errors by time, of training and of held-out examples."""
        return [probes.errors]

    def rules(self) -> tuple[Rule, ...]:
        """Returns the rules by which a diagnosis judges them."""
        return rules.RULES

    def charts(self) -> tuple[Chart, ...]:
        """Returns the charts of a flow's training."""
        return charts.CHARTS

    @property
    def score_names(self) -> tuple[str, ...]:
        """That of filled holes."""
        return inpainting.SCORES

    def scores(self, held_out: Any, settings: Any) -> tuple[dict, dict]:
        """Returns the error of filled holes beside its floors, of data with holes."""
        return inpainting.inpainting_scores(self, held_out, settings)


def _check_ends(interpolant: Interpolant, predicts: Target) -> None:
    """Raises UserError where the two equations have no solution at the beginning or the end of the way."""
    for end, named, other in ((0.0, "noise", "data"), (1.0, "data", "noise")):
        mixture = interpolant.mixed(tf.constant([end]))
        factor = interpolants.Mixture(*mixture).error_of_data(predicts)
        p, q = interpolants.Mixture(*mixture).weights(predicts)
        if not np.isfinite(factor.numpy()).all() or not np.all(mixture[0] * q - mixture[1] * p):
            raise UserError(
                f"{spell(interpolant).removesuffix('()')} is nothing but {named} at t = {end:g}, where a network that "
                f"predicts {named} says nothing of {other}: take predicts=velocity, or another interpolant"
            )


def _along(rows: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Returns rows [B] shaped to broadcast to value [B, ...]."""
    return tf.reshape(rows, [-1] + [1] * (value.shape.rank - 1))
