"""GenerativeModel: the one training step that every model runs, as a list of phases."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from tfgen.averaging import Average, Ema
from tfgen.data.source import Examples, Field, as_fields, data_field
from tfgen.distribution.replicas import clipped, mean_over_replicas, replica_context
from tfgen.domains import Seed, is_number
from tfgen.errors import UserError, shown
from tfgen.likelihoods import Likelihood
from tfgen.networks.copying import copy_network
from tfgen.networks.kernels import use_fast_kernels
from tfgen.noise import Noise
from tfgen.texts import TextEncoder
from tfgen.training import accumulation
from tfgen.training.averages import Averages
from tfgen.training.batches import Batches
from tfgen.training.compiling import Compiled
from tfgen.training.fitting import StepIndexedFit
from tfgen.training.phases import Phase
from tfgen.training.predicting import Predicting
from tfgen.training.saving import Saved
from tfgen.training.step import Fields, Networks, Shared, Step, rows_of


class Counter(keras.Variable):
    """An integer variable with `int(variable)`, under a `tf.distribute` strategy too."""

    def __int__(self) -> int:
        return int(self.numpy())


class GenerativeModel(Saved, Compiled, Predicting, StepIndexedFit, Batches, keras.Model):
    """The base of all generative models: networks, optimizers, and one training step of ordered phases.

    A subclass declares `default_optimizers`, gives its networks to this constructor, and overrides `phases`, whose
    terms are its maths. Saving, loading, compiling, exporting, resuming and replicas are the same for all.

    Args:
        networks: name -> `keras.Model`.
        fields: name -> `Field`, what a batch holds.
        makes: the name of the field that the model makes; by default the image, else the point, else the first.
        value_range: (low, high) of images as the networks see them; data sets and samples hold them as uint8, or
            float32 in [0, 1]. Other fields are not scaled.
        ema: decay of the moving average that is kept of the networks named in `averaged`, or an average of
            `tfgen.averaging`; None for none.
        averaged: names of the networks of which an average is kept.
        text_encoder: of `tfgen.texts`, turns fields of texts into the vectors that the networks see; None: texts stay
            strings, which no network takes.
        seed: integer from which all noise and the order of the data derive.
        name: of the model.
        **kwargs: of `keras.Model`.

    Attributes:
        default_optimizers: of the class, see `Compiled`.
        likelihood: p(x|z), of `tfgen.likelihoods`, or None where the model has none.
        remarks: (name, sentence) of what was noticed of the networks when the model was made.

    Raises:
        UserError: `ema` is not in [0, 1), or a condition is a text and there is no `text_encoder`.
    """

    likelihood: Likelihood | None = None

    def __init__(
        self,
        networks: Networks,
        *,
        fields: dict[str, Field],
        makes: str | None = None,
        value_range: Sequence[float] = (0.0, 1.0),
        ema: Ema | None = None,
        averaged: Sequence[str] | None = None,
        text_encoder: TextEncoder | None = None,
        seed: Seed = 0,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.networks = networks
        self.fields = as_fields(fields)
        self.data_field = makes or data_field(self.fields)
        texts = [name for name in self.conditions if self.fields[name].kind == "text"]
        if texts and text_encoder is None:
            raise UserError(
                f"the condition {texts[0]!r} is a text, and networks take numbers: give text_encoder=, such as "
                "tfgen.texts.hashed_ngrams(), whose vectors the networks are to take"
            )
        has_images = any(field.kind == "image" for field in self.fields.values())
        self.value_range = _checked_range(value_range) if has_images else None
        self.ema, self.seed, self.text_encoder = ema, int(seed), text_encoder
        self.averaged_networks = {}
        if ema is not None:
            sampling = [self.sampling_network] if self.sampling_network else []
            kept = sampling if averaged is None else averaged
            self.averaged_networks = {name: copy_network(networks[name]) for name in kept}
            for network in self.averaged_networks.values():
                network.trainable, network.name = False, f"{network.name}_average"
        for network in networks.values():
            use_fast_kernels(network)
        self.optimizers, self.accumulate, self.stages = {}, 1, ()
        self.step = Counter("zeros", shape=(), dtype="int64", trainable=False, autocast=False, name="step")
        self.states, self.state_networks, self.taken_over = {}, {}, frozenset()
        if isinstance(ema, Average):
            for kept in self.averaged_networks:
                self.add_state(f"{kept}_averaged", 0, "int64", of=[kept])
        self.remarks: tuple[tuple[str, str], ...] = ()
        self.averages = Averages()
        # Where the pipeline starts at its next iteration, the batches of an evaluation so far, and the first step whose
        # loss was not finite. No file needs them, so they are not Keras variables; the graph needs them, so they are
        # not Python integers.
        with tf.init_scope():
            self._position = tf.Variable(0, dtype=tf.int64, trainable=False, name="position")
            self.tested = tf.Variable(0, dtype=tf.int64, trainable=False, name="tested")
            self.first_bad_step = tf.Variable(-1, dtype=tf.int64, trainable=False, name="first_bad_step")
        self.built = True

    # What a subclass says.

    @property
    def phases(self) -> list[Phase]:
        """The ordered updates of one step."""
        raise NotImplementedError

    @property
    def needs_whole_batch(self) -> str | None:
        """The reason, the start of a sentence, if a step cannot see its batch in micro-batches; else None."""
        return None

    @property
    def needs_examples(self) -> str | None:
        """The reason, the start of a sentence, if `prepare` has to see all examples first; else None."""
        return None

    def prepare(self, train: Examples, held_out: Examples | None) -> None:
        """Hook before every fit on `Examples`, for what depends on the data."""

    def after_update(self, phase: Phase) -> None:
        """Hook after a phase's update, e.g. for weight clipping."""

    def check_start(self, source: Self) -> None:
        """Hook before weights of another model are taken over.

        Raises:
            UserError: they mean something else here, whatever their shapes.
        """

    def untouched(self, variable: keras.Variable) -> bool:
        """Returns whether a variable has its first value: no step has been made, and no other model's taken over."""
        return not int(self.step) and id(variable) not in self.taken_over

    def add_state(self, name: str, initial: Any, dtype: str = "float32", of: Sequence[str] = ()) -> keras.Variable:
        """Returns a further variable of the model, saved in checkpoints and `.keras` files.

        Phases assign it with `step.assign`.

        Args:
            name: unique among the states.
            initial: a number, or an array.
            dtype: of the variable.
            of: networks that it belongs to: who takes over their weights takes over the state, too.
        """
        if name in self.states:
            raise UserError(f"{self.name} has a state {name!r} already: give the new one another name")
        value = np.asarray(initial, dtype)
        # replicas assign equal values; a mean of integers does not exist
        aggregation = "mean" if value.dtype.kind == "f" else "only_first_replica"
        variable = keras.Variable(
            value, dtype=dtype, trainable=False, autocast=False, aggregation=aggregation, name=name
        )
        self.states[name], self.state_networks[name] = variable, tuple(of)
        return variable

    def best(self, name: str) -> keras.Model:
        """Returns the averaged network `name` where one is kept, else the trained one."""
        return self.averaged_networks.get(name, self.networks[name])

    # One training step.

    def train_step(self, data: Any, phases: Sequence[Phase] | None = None, averaged: bool = True) -> Fields:
        """Runs one step on a batch, or on this replica's rows of it.

        Args:
            data: what a data set or `fit` gives.
            phases: of the step; by default those that run where the model stands.
            averaged: whether the means since the epoch began are returned, instead of the step's own values.

        Returns:
            name -> scalar of what is logged, means over all replicas.
        """
        phases = self.running_phases() if phases is None else phases
        batches = self.as_batches(data)
        parts, noise = self.split(batches["train"]), self.noise()
        shared: dict[tuple, Shared] = {}
        moving = frozenset(name for phase in phases for name in phase.trains)
        logs: Fields = {}
        totals: list[tf.Tensor] = []
        for phase in phases:
            variables = [v for name in phase.trains for v in self.networks[name].trainable_variables]
            differentiate = accumulation.in_parts(self.differentiate, self.accumulate if phase.trains else 1)
            for index in range(phase.steps):
                step = Step(
                    self.networks,
                    noise.scope(f"{phase.name}/{index}"),
                    tf.cast(self.step.value, tf.int64),
                    trains=frozenset(phase.trains),
                    moving=moving,
                    shared=shared,
                    rows=(phase.split, index),
                )
                batch = parts[index] if phase.split == "train" else batches["validation"]
                terms, total, gradients = differentiate(phase, batch, step, [v.value for v in variables])
                self.apply_gradients(phase, gradients, variables)
                logs.update({**self.phase_logs(phase, terms, total), **step.logs})
                totals += [] if total is None else [total]
        # losses and logs in one collective operation: each one waits for the slowest replica
        values = mean_over_replicas([*totals, *logs.values()])
        self.note_bad_step(values[: len(totals)])
        self.step.assign_add(1)
        self.update_averages(moving)
        logs = dict(zip(logs, values[len(totals) :], strict=True))
        return self.averages.update_all(logs, rows_of(batches["train"])) if averaged else logs

    def differentiate(
        self, phase: Phase, batch: Fields, step: Step, variables: list[tf.Tensor]
    ) -> accumulation.Differentiated:
        """Returns (terms, their sum or None without terms, its gradients by `variables`) of one run of a phase."""
        with step.differentiated(variables) as gradient:
            terms = phase.checked(phase.terms(batch, step))
            total = tf.add_n(list(terms.values())) if terms else None
            # `tf.distribute` adds up the gradients of the replicas, so each differentiates its share of the mean
            objective = None if total is None else total / step.noise.replicas
        return terms, total, gradient(objective) if variables else []

    def apply_gradients(self, phase: Phase, gradients: list, variables: list[keras.Variable]) -> None:
        """Updates the variables that a phase trains."""
        if variables and all(gradient is None for gradient in gradients):
            raise UserError(f"the terms of the phase {phase.name!r} do not depend on {' and '.join(phase.trains)}")
        if phase.partial:
            gradients = [tf.zeros_like(v.value) if g is None else g for g, v in zip(gradients, variables, strict=True)]
        if phase.optimizer is not None and variables:
            optimizer = self.optimizers[phase.optimizer]
            optimizer.apply(clipped(optimizer, gradients), variables)
        self.after_update(phase)

    def phase_logs(self, phase: Phase, terms: Fields, total: tf.Tensor | None) -> Fields:
        """Returns the logs of a phase: its terms, and their sum `total` unless a single term is that already."""
        name = "loss" if len(self.phases) == 1 else f"{phase.name}_total"
        return terms if total is None or (len(terms) == 1 and len(self.phases) > 1) else {name: total, **terms}

    def note_bad_step(self, totals: Sequence[tf.Tensor]) -> None:
        """Keeps the number of the first step, counted from 1, in which one of the losses is not finite."""
        # in the graph: with steps_per_execution > 1 no callback sees the losses of single steps
        if not totals:
            return
        bad = tf.logical_not(tf.reduce_all(tf.math.is_finite(tf.stack(totals))))
        bad = tf.logical_and(bad, self.first_bad_step < 0)
        self.first_bad_step.assign(tf.where(bad, tf.cast(self.step.value, tf.int64) + 1, self.first_bad_step))

    def test_step(self, data: Any) -> Fields:
        """Returns the terms of all phases, means over the evaluation so far, with the networks in inference mode."""
        batch = self.as_batch(data)
        logs: Fields = {}
        noises = self.noise().numbered(self.tested.read_value()).scope("test")
        for phase in self.phases:
            noise = noises.scope(phase.name)
            step = Step(self.networks, noise, tf.cast(self.step.value, tf.int64), training=False)
            terms = phase.checked(phase.terms(batch, step))
            total = tf.add_n(list(terms.values())) if terms else None
            logs.update({**self.phase_logs(phase, terms, total), **step.logs})
        self.tested.assign_add(1)
        return self.averages.update_all(logs, rows_of(batch))

    def noise(self) -> Noise:
        """Returns the random streams of the current step, for this replica's rows."""
        return Noise(self.seed, self.step.value, "train/", *replica_context())

    def probing_step(self, noise: Noise) -> Step:
        """Returns a `Step` for probes: networks run as in a training step, and no variable changes."""
        moving = frozenset(name for phase in self.phases for name in phase.trains)
        return Step(self.networks, noise, tf.cast(self.step.value, tf.int64), moving=moving, advance=False)

    def infer(self, name: str, fields: Fields, networks: Networks | None = None) -> Any:
        """Returns the outputs of the best network called `name`, in inference mode.

        Args:
            name: of the network.
            fields: name -> tensor, of which the network gets those that its inputs name.
            networks: name -> network, used instead of the model's own.
        """
        return self.inference_step(Noise(self.seed, 0, "infer/"), networks).run(name, fields)

    def inference_step(self, noise: Noise, networks: Networks | None = None) -> Step:
        """Returns a `Step` in inference mode with the best weights, or with `networks` instead."""
        chosen = {name: (networks or {}).get(name) or self.best(name) for name in self.networks}
        return Step(chosen, noise, tf.constant(0, tf.int64), training=False)

    def update_averages(self, moving: frozenset[str]) -> None:
        """Updates the averages of weights and batch statistics of the networks `moving`.

        avg <- avg + rate (w - avg).
        """
        for name, network in self.averaged_networks.items():
            if name not in moving:
                continue
            moved = self.averaging_rate(name)
            for average, weight in zip(network.weights, self.networks[name].weights, strict=True):
                rate = tf.cast(moved, weight.value.dtype)
                average.value.assign_add(rate * (weight.value - average.value))

    def averaging_rate(self, name: str) -> tf.Tensor:
        """Returns the rate by which the average of the network `name` moves now, a float32 scalar.

        Of a decay, 1 - min(ema, (1 + step) / (10 + step)), steps counted from the stage in which the network is first
        trained: a constant one would keep the initial weights for the first 1 / (1 - ema) steps.
        """
        if isinstance(self.ema, Average):
            # its own updates: a network may train in a later stage alone
            count = self.states[f"{name}_averaged"]
            count.assign(count.value + 1)
            return self.ema.rate(count.value)
        step = tf.cast(self.step.value - self.first_step_of(name), tf.float32)
        return 1.0 - tf.minimum(tf.constant(self.ema, tf.float32), (1.0 + step) / (10.0 + step))

    def first_step_of(self, name: str) -> int:
        """Returns the number of steps before the first stage in which the network `name` is trained."""
        begun = 0
        for phases, steps in self.stages:
            if any(phase.name in phases and name in phase.trains for phase in self.phases):
                return begun
            begun += steps or 0
        return 0

    # What there is to know of it.

    @property
    def weights(self) -> list[keras.Variable]:
        """All weights and states; without `step`, which counts on where EarlyStopping restores the best weights."""
        return [weight for weight in super().weights if weight is not self.step]

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means of the logged values."""
        return self.averages.metrics()


def _checked_range(value_range: Sequence[float]) -> tuple[float, float]:
    ends = tuple(value_range) if isinstance(value_range, Iterable) else ()
    low, high = ends if len(ends) == 2 and all(map(is_number, ends)) else (0.0, 0.0)
    if not -math.inf < low < high < math.inf:
        raise UserError(
            f"value_range expects (low, high), two finite numbers with low < high, got {shown(value_range)}"
        )
    return float(low), float(high)
