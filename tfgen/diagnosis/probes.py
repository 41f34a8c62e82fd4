"""Probes: measurements of a model on fixed images and fixed noise, which do not change its state."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfgen.data.source import Examples
from tfgen.diagnosis.conditions import condition_probes
from tfgen.diagnosis.general import loss_column
from tfgen.machine.remapper import as_traced
from tfgen.machine.tracing import traced
from tfgen.noise import Noise
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Step

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel

GRADIENT_ROWS = 48  # images for gradients, fewer than for scores: they take three times as long


class Probe:
    """A measurement of a model, always on the same images and the same noise.

    A network runs as in a training step (batch statistics, dropout), but none of its variables changes. A part that
    fails is left out of all further measurements, with one message.

    Args:
        model: a compiled `GenerativeModel`.
        train: `Examples` that it is trained on.
        held_out: `Examples` that it is not trained on, or None: they are not measured then.
        size: images of each split, at most.
        say: called with a sentence on a part that fails.

    Attributes:
        model: as above.
        batch, unseen: fields of training and of held-out images as the networks see them; the latter may be None.
        step: a `Step` in which nothing is updated.
        train: the training `Examples`.
        fixed: the fields of the training images as the data set holds them.
        conditions: the probe of a conditional model's conditions, in a list; empty for other models.
        duplicates: share of the probe's training examples that have an equal among them, in what the model makes.
        phases: the phases that the training runs now.
        begun: names of the networks that have been trained, or that no stage is for: others are not to be judged yet.
    """

    batch: Fields
    unseen: Fields | None
    step: Step
    phases: Sequence[Phase]
    begun: frozenset[str]

    def __init__(
        self,
        model: "GenerativeModel",
        train: Examples,
        held_out: Examples | None = None,
        size: int = 128,
        say: Callable[[str], object] = print,
    ) -> None:
        self.model, self.train, self.say = model, train, say
        self.fixed = fixed_batch(train, size)
        self.duplicates = duplicates(self.fixed[model.data_field].numpy())
        self._held_out = None if held_out is None else fixed_batch(held_out, size)
        self.conditions = condition_probes(model, train)
        self.parts: list[Callable] = [weight_norms, gradient_norms, *self.conditions, *model.probes()]
        self._measures: dict[tuple[tuple[str, ...], frozenset[str]], Measure] = {}

    def __call__(self) -> dict[str, float]:
        """Returns the measurements by name."""
        phases = self.model.current_phases()
        self.begun = self.model.begun()
        key = tuple(phase.name for phase in phases), self.begun
        while True:
            if key not in self._measures:
                self._measures[key] = Measure(self, phases)
            try:
                return self._measures[key]()
            except tf.errors.OpError as error:  # the graph does not say which part failed: try each by itself
                self._measures.clear()
                if not self._drop_failing(phases):
                    self.leave_out(self.parts[-1], error)
                    self.parts = self.parts[:-1]

    def _drop_failing(self, phases):
        """Leaves out the parts that fail by themselves; returns whether there were any."""
        every, kept = self.parts, []
        for part in every:
            self.parts = [part]
            try:
                Measure(self, phases)()
                kept.append(part)
            except tf.errors.OpError as error:
                self.leave_out(part, error)
        self.parts = kept
        return len(kept) < len(every)

    def leave_out(self, part: Callable, error: Exception) -> None:
        """Reports that a part is left out."""
        self.say(f"the probe {name_of(part)} failed and is left out: {reason_of(error):.200}")

    def measured(self, phases: Sequence[Phase]) -> dict[str, tf.Tensor]:
        """Returns the measurements of all parts; called within a graph."""
        self.phases = phases
        self.step = self.model.probing_step(Noise(self.model.seed, 0, "diagnosis/"))
        self.batch = self.model.as_batch(self.fixed)
        self.unseen = None if self._held_out is None else self.model.as_batch(self._held_out)
        found: dict[str, tf.Tensor] = {}
        for part in list(self.parts):
            try:
                found |= {name: as_scalar(name, value) for name, value in part(self).items()}
            except Exception as error:  # a probe may be a user's own code, and its failure must not end a training
                self.leave_out(part, error)
                self.parts = [other for other in self.parts if other is not part]
        return found


def name_of(part: Callable) -> str:
    """Returns the name of a probe for messages; a probe may also be a bound method, a partial or an object."""
    return getattr(part, "__name__", type(part).__name__)


def reason_of(error: Exception) -> str:
    """Returns the line of an exception's message that names the fault."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if isinstance(error, tf.errors.OpError):  # begins with the trace and ends with the node's name
        return next((line for line in reversed(lines) if not line.startswith("[[")), lines[0])
    return lines[0]


class Measure:
    """A compiled pass of a `Probe` for the given phases.

    Args:
        probe: what is measured.
        phases: those that the training runs.
    """

    def __init__(self, probe: Probe, phases: Sequence[Phase]) -> None:
        self._names: tuple[str, ...] = ()

        def stacked():
            measured = probe.measured(phases)
            self._names = tuple(measured)
            return tf.stack(list(measured.values())) if measured else tf.zeros([0])

        self._function = as_traced(traced(stacked))

    def __call__(self) -> dict[str, float]:
        """Returns the measurements by name."""
        values = self._function().numpy()  # stacked: one copy for all of them
        return {name: float(value) for name, value in zip(self._names, values, strict=True)}


def as_scalar(name: str, value: Any) -> tf.Tensor:
    """Returns a measurement as a float32 scalar.

    Raises:
        ValueError: it is not a scalar.
    """
    value = tf.cast(value, tf.float32)
    if value.shape.rank != 0:
        raise ValueError(f"the measurement {name!r} must be a scalar, got shape {value.shape}")
    return value


def ratio(numerator: tf.Tensor, denominator: tf.Tensor, least: float = 0.0) -> tf.Tensor:
    """Returns numerator / denominator, or NaN, which a row leaves out, where the latter is not above `least`."""
    fits = denominator > least
    return tf.where(fits, numerator / tf.where(fits, denominator, 1.0), math.nan)


def duplicates(values: np.ndarray) -> float:
    """Returns the share of rows of an array [N, ...] that have an equal among the others."""
    counts = np.unique(as_keys(values), return_counts=True)[1]
    return float(counts[counts > 1].sum() / len(values))


def distinct(values: np.ndarray) -> np.ndarray:
    """Returns the indices of the rows of an array [N, ...] without those that are equal to one before."""
    return np.sort(np.unique(as_keys(values), return_index=True)[1])


def as_keys(values: np.ndarray) -> np.ndarray:
    """Returns the rows of an array [N, ...] as N values that can be compared."""
    rows = np.ascontiguousarray(values).reshape(len(values), -1)
    return rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]


def fixed_batch(examples: Examples, size: int) -> dict[str, tf.Tensor]:
    """Returns `size` examples, evenly spaced, as constant tensors by field name."""
    rows = np.linspace(0, len(examples) - 1, min(len(examples), size)).astype(np.int64)
    return {name: tf.constant(value) for name, value in examples.gather(rows).items()}


# Probes of every model, each a function: probe -> {name: scalar}.


def trained_networks(probe: "Probe") -> dict[str, list]:
    """Returns name -> trainable tensors of the networks that the phases train; networks without any are left out."""
    names = dict.fromkeys(name for phase in probe.phases for name in phase.trains)
    tensors = {name: [v.value for v in probe.model.networks[name].trainable_variables] for name in names}
    return {name: values for name, values in tensors.items() if values}


def weight_norms(probe: "Probe") -> dict[str, tf.Tensor]:
    """Returns `NETWORK_weights`, the Euclidean norm of the weights of each trained network."""
    return {f"{name}_weights": norm(tensors) for name, tensors in trained_networks(probe).items()}


def norm(tensors: list) -> tf.Tensor:
    """Returns the Euclidean norm of all tensors together; 0 without any."""
    return tf.sqrt(2.0 * tf.reduce_sum(half_squares(tensors)))


def half_squares(tensors: list) -> tf.Tensor:
    """Returns half the sum of the squares of each tensor, float32 [number]; None is left out."""
    values = [tensor.values if isinstance(tensor, tf.IndexedSlices) else tensor for tensor in tensors]
    halves = [tf.nn.l2_loss(value) for value in values if value is not None]
    return tf.stack(halves) if halves else tf.zeros([0])


def gradient_norms(probe: "Probe") -> dict[str, tf.Tensor]:
    """Returns `PHASE_loss` (`loss` of a single phase), and the norm of each network's gradient, `NETWORK_gradient`.

    Of a network that several phases train, as one of the loss and one of a lazy penalty, it is that of the first.
    `NETWORK_dead` is the share of its kernels to which no gradient comes in any phase, not even of rounding. Biases
    and gains do not count: those of a relativistic loss, of a penalty and before a normalisation cancel exactly.
    """
    model, trained = probe.model, trained_networks(probe)
    measured: dict[str, tf.Tensor] = {}
    reached: dict[str, list] = {}
    for phase in probe.phases:
        seen = probe.batch if phase.split == "train" else probe.unseen
        variables = {name: trained[name] for name in phase.trains if name in trained}
        if seen is None or not variables:
            continue
        batch = {name: value[:GRADIENT_ROWS] for name, value in seen.items()}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            step = model.probing_step(probe.step.noise.scope(phase.name))
            loss = tf.add_n(list(phase.checked(phase.terms(batch, step)).values()))
        for name, gradients in tape.gradient(loss, variables).items():
            halves = half_squares(gradients)  # a gradient that is None belongs to an output not used
            measured.setdefault(f"{name}_gradient", tf.sqrt(2.0 * tf.reduce_sum(halves)))
            reached.setdefault(name, []).append(of_kernels(variables[name], gradients))
        measured[loss_column(phase, model.phases)] = loss
    return measured | {f"{name}_dead": dead_share(masks) for name, masks in reached.items()}


def of_kernels(variables: list, gradients: list) -> tf.Tensor:
    """Returns (whether a gradient was asked for, whether it is not 0) of each kernel, bool [number, 2].

    A network without any tensor of two axes or more, of a model of one's own, has all of its tensors instead.
    """
    pairs = list(zip(variables, gradients, strict=True))
    kernels = [pair for pair in pairs if pair[0].shape.rank >= 2] or pairs
    given = [gradient is not None for _, gradient in kernels]
    alive = [half_squares([gradient])[0] > 0.0 if gradient is not None else False for _, gradient in kernels]
    return tf.stack([tf.constant(given), tf.stack(alive)], axis=1)


def dead_share(masks: list) -> tf.Tensor:
    """Returns the share of kernels that no phase reaches, among those that any is to reach, a scalar; 0 without any."""
    given, alive = tf.unstack(tf.cast(tf.reduce_any(tf.stack(masks), axis=0), tf.float32), axis=1)
    return tf.math.divide_no_nan(tf.reduce_sum(given - alive), tf.reduce_sum(given))
