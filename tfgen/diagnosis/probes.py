"""Probes: what the diagnosis measures, on fixed images and fixed noise, without touching the model's state."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfgen.data.source import Examples
from tfgen.noise import Noise
from tfgen.training.phases import Phase

GRADIENT_ROWS = 64  # images whose gradients are taken: these cost three times as much as a score


class Probe:
    """Measures a model, always on the same images and the same noise.

    A network runs as in a training step (batch statistics, dropout), and all its variables stay as they are. A part
    that fails is left out from then on, and said once.

    Args:
        model: a compiled `GenerativeModel`.
        train: `Examples` that it is trained on.
        held_out: `Examples` that it is not trained on, or None: then nothing is said of them.
        size: images of each, at most.
        say: called with a sentence on a part that fails.

    Attributes:
        model: as above.
        batch, unseen: fields of training and of held-out images as the networks see them, or None for the latter.
        step: a `Step` for looking.
        train: the training `Examples`.
    """

    def __init__(
        self,
        model,
        train: Examples,
        held_out: Examples | None = None,
        size: int = 128,
        say: Callable[[str], object] = print,
    ):
        self.model, self.train, self.say = model, train, say
        self._train = fixed_batch(train, size)
        self._held_out = None if held_out is None else fixed_batch(held_out, size)
        self.parts = [weight_norms, gradient_norms, *model.probes()]
        self._measures = {}

    def __call__(self) -> dict[str, float]:
        """The measurements by name."""
        phases = self.model.current_phases()
        names = tuple(phase.name for phase in phases)
        while True:
            if names not in self._measures:
                self._measures[names] = Measure(self, phases)
            try:
                return self._measures[names]()
            except tf.errors.OpError as error:  # which part it was, the graph does not say: try each by itself
                self._measures.clear()
                if not self._drop_failing(phases):
                    self.leave_out(self.parts[-1], error)
                    self.parts = self.parts[:-1]

    def _drop_failing(self, phases):
        """Leaves out the parts that fail by themselves; whether there were any."""
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
        """Says that a part is left out."""
        self.say(f"the probe {name_of(part)} failed and is left out: {reason_of(error):.200}")

    def measured(self, phases: Sequence[Phase]) -> dict[str, tf.Tensor]:
        """What the parts give, within a graph."""
        self.phases = phases
        self.step = self.model.probing_step(Noise(self.model.seed, 0, "diagnosis/"))
        self.batch = self.model.as_batch(self._train)
        self.unseen = None if self._held_out is None else self.model.as_batch(self._held_out)
        found = {}
        for part in list(self.parts):
            try:
                found |= {name: as_scalar(name, value) for name, value in part(self).items()}
            except Exception as error:  # a probe is somebody's own code, and no reason to end a training
                self.leave_out(part, error)
                self.parts = [other for other in self.parts if other is not part]
        return found


def name_of(part: Callable) -> str:
    """What a probe is called in a sentence: a bound method, a partial or an object may be one, too."""
    return getattr(part, "__name__", type(part).__name__)


def reason_of(error: Exception) -> str:
    """The one line of an exception that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if isinstance(error, tf.errors.OpError):  # the trace comes first there, and the node's name last
        return next((line for line in reversed(lines) if not line.startswith("[[")), lines[0])
    return lines[0]


class Measure:
    """One compiled pass of a `Probe` while certain phases are running; gives floats by name."""

    def __init__(self, probe, phases):
        self._names = ()

        def stacked():
            measured = probe.measured(phases)
            self._names = tuple(measured)
            return tf.stack(list(measured.values())) if measured else tf.zeros([0])

        self._function = tf.function(stacked, autograph=False)

    def __call__(self):
        values = self._function().numpy()  # one copy, not one for each
        return {name: float(value) for name, value in zip(self._names, values, strict=True)}


def as_scalar(name: str, value) -> tf.Tensor:
    """Returns a measurement as a float32 scalar.

    Raises:
        ValueError: it is none.
    """
    value = tf.cast(value, tf.float32)
    if value.shape.rank != 0:
        raise ValueError(f"the measurement {name!r} must be a scalar, got shape {value.shape}")
    return value


def fixed_batch(examples: Examples, size: int) -> dict[str, tf.Tensor]:
    """Returns `size` examples evenly spread over all of them, as constant tensors by field name."""
    rows = np.linspace(0, len(examples) - 1, min(len(examples), size)).astype(np.int64)
    return {name: tf.constant(value) for name, value in examples.gather(rows).items()}


# On every model: each takes the probe and returns {name: scalar}.


def trained_networks(probe: "Probe") -> dict[str, list]:
    """name -> trainable tensors of each network that a running phase trains, and that can be."""
    names = dict.fromkeys(name for phase in probe.phases for name in phase.trains)
    tensors = {name: [v.value for v in probe.model.networks[name].trainable_variables] for name in names}
    return {name: values for name, values in tensors.items() if values}


def weight_norms(probe: "Probe") -> dict[str, tf.Tensor]:
    """Euclidean norm of the trainable weights of each network in training: it stands still when training does."""
    return {f"{name}_weights": norm(tensors) for name, tensors in trained_networks(probe).items()}


def norm(tensors: list) -> tf.Tensor:
    """The Euclidean norm of all of them together; 0 where there are none."""
    tensors = [tensor for tensor in tensors if tensor is not None]
    return tf.linalg.global_norm(tensors) if tensors else tf.zeros([])


def gradient_norms(probe: "Probe") -> dict[str, tf.Tensor]:
    """What each running phase minimises, and the norm of its gradient for each network that it trains."""
    model, measured, trained = probe.model, {}, trained_networks(probe)
    for phase in probe.phases:
        seen = probe.batch if phase.split == "train" else probe.unseen
        variables = {name: trained[name] for name in phase.trains if name in trained}
        if seen is None or not variables:
            continue
        batch = {name: value[:GRADIENT_ROWS] for name, value in seen.items()}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            step = model.probing_step(probe.step.noise.scope(phase.name))
            loss = tf.add_n(list(phase.terms(batch, step).values()))
        for name, gradients in tape.gradient(loss, variables).items():
            measured[f"{name}_gradient"] = norm(gradients)
        measured["loss" if len(model.phases) == 1 else f"{phase.name}_loss"] = loss
    return measured
