"""Step: what the terms of a phase see of the training step that they belong to."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from tfgen.distribution.replicas import sum_over_replicas
from tfgen.errors import UserError, nearest
from tfgen.networks.calling import mode, random_states, select_inputs
from tfgen.networks.kernels import training_step
from tfgen.noise import Noise
from tfgen.training.phases import check_scalar

Fields = dict[str, tf.Tensor]  # name -> tensor, its first axis over examples
Networks = dict[str, keras.Model]
Gradient: TypeAlias = "tf.Tensor | tf.IndexedSlices | None"


@dataclasses.dataclass
class Shared:
    """What a whole step made once, and the tape that recorded it.

    Attributes:
        tape: persistent, since each phase that uses the value asks it for gradients.
        value: a tensor, or a nested structure of tensors.
        variables: tensors that the tape watched.
    """

    tape: tf.GradientTape
    value: Any
    variables: list[tf.Tensor]

    @property
    def tensors(self) -> list[tf.Tensor]:
        """The tensors of the value through which gradients can flow."""
        return [tensor for tensor in tf.nest.flatten(self.value) if tensor.dtype.is_floating]

    def gradients(self, slopes: list[Gradient], variables: list[tf.Tensor]) -> list[Gradient]:
        """Returns the gradients by `variables` that flow through this value.

        Args:
            slopes: the gradient by each of `tensors`; None where the loss does not depend on it.
            variables: tensors by which to differentiate.
        """
        outputs = [(tensor, slope) for tensor, slope in zip(self.tensors, slopes, strict=True) if slope is not None]
        if not outputs:
            return [None] * len(variables)
        targets, given = zip(*outputs, strict=True)
        return self.tape.gradient(list(targets), variables, output_gradients=list(given))


class Step:
    """One run of a phase within a training step.

    It holds what is known only during a step, so that a model has no attributes that are valid only while it is traced.

    Args:
        networks: name -> `keras.Model`.
        noise: the phase's random streams, for this replica's rows of the global batch.
        index: int64 scalar tensor, the number of the step, counted from 0.
        trains: names of the networks that the phase changes.
        moving: names of the networks that any phase of this step changes. All others run in inference mode.
        training: whether networks run in training mode; False for evaluation and inference.
        advance: whether a run changes states: the random layers of networks that are held fixed go on to their next
            mask, and `assign` assigns. False for probes.
        shared: what the whole step has made once, by name and `rows`; its phases hold the same dict.
        rows: which part of the step's data its batch is, (split, number of the part).
        part: number of micro-batches of which this is one; 1 for the whole batch.

    Attributes:
        noise, index, training: as above.
        logs: name -> scalar, what the phase logs besides its terms.
    """

    def __init__(
        self,
        networks: Networks,
        noise: Noise,
        index: tf.Tensor,
        *,
        trains: frozenset[str] = frozenset(),
        moving: frozenset[str] = frozenset(),
        training: bool = True,
        advance: bool = True,
        shared: dict[tuple, Shared] | None = None,
        part: int = 1,
        rows: tuple[str, int] = ("train", 0),
    ) -> None:
        self.networks, self.noise, self.index = networks, noise, index
        self.trains, self.moving, self.training, self.advance = trains, moving, training, advance
        self.shared, self.part, self.rows = {} if shared is None else shared, part, rows
        self.logs: dict[str, tf.Tensor] = {}
        self._tape: tf.GradientTape | None = None

    def scope(self, name: str) -> "Step":
        """Returns the same step whose noise streams have names of their own, below `name`."""
        return self._with(noise=self.noise.scope(name))

    def on(self, split: str, part: int = 0) -> "Step":
        """Returns the same step for another batch: what is made once is made once per batch."""
        return self._with(rows=(split, part))

    def micro_batch(self, index: tf.Tensor, count: int) -> "Step":
        """Returns the step of micro-batch `index` of `count`, with logs of its own and its rows of the noise."""
        made = self._with(noise=self.noise.share(index, count), part=count)
        made.logs = {}
        return made

    def _with(self, **changes: Any) -> "Step":
        names = ("trains", "moving", "training", "advance", "shared", "part", "rows")
        kept = {name: getattr(self, name) for name in names}
        made = Step(**{"networks": self.networks, "noise": self.noise, "index": self.index, **kept, **changes})
        # the same dict and tape: what a scope logs and makes once belongs to the whole phase
        made.logs, made._tape = self.logs, self._tape
        return made

    def run(self, name: str, fields: Fields) -> Any:
        """Returns the outputs of the network `name` on the fields that its inputs name.

        A network of a training step runs in training mode. If this phase does not train it, its batch statistics stay
        as they are; if no phase of the step trains it, it runs in inference mode.

        Args:
            name: of the network.
            fields: name -> tensor [B, ...]; a network with a single input takes the first where none has its name.
        """
        if name not in self.networks:
            hint = nearest(name, self.networks) or f"; it has {', '.join(self.networks)}"
            raise UserError(f"step.run: the model has no network {name!r}{hint}")
        network = self.networks[name]
        inputs = select_inputs(network, fields)
        training = self.training and name in self.moving
        if not training:
            return network(inputs, **mode(network, False))
        with training_step():
            return network(inputs, **mode(network, True)) if name in self.trains else self._run_held(network, inputs)

    def _run_held(self, network: keras.Model, inputs: Any) -> Any:
        # a plain call in training mode would move the batch statistics; a stateless one returns them to be dropped
        trained = [v.value for v in network.trainable_variables]
        others = network.non_trainable_variables
        outputs, updated = network.stateless_call(trained, [v.value for v in others], inputs, **mode(network, True))
        if self.advance:
            states = {id(state) for state in random_states(network)}
            for variable, value in zip(others, updated, strict=True):
                if id(variable) in states:  # dropout goes on to its next mask
                    variable.assign(value)
        return outputs

    def log(self, name: str, value: tf.Tensor) -> None:
        """Logs a scalar that is not minimised."""
        check_scalar(f"the logged value {name!r}", value)
        self.logs[name] = value

    def assign(self, state: keras.Variable, value: tf.Tensor) -> None:
        """Assigns a state of the model; does nothing outside of training steps.

        Args:
            state: that `add_state` made.
            value: the same on all replicas.
        """
        if self.part > 1:
            raise UserError(
                f"the state {state.name!r} is assigned once per batch, and accumulate={self.part} shows it a part at a "
                "time: leave accumulate out"
            )
        if self.training and self.advance:
            state.assign(value)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Returns the value of `make()`, made by the first phase that asks and shared by all phases of the step.

        Within `make` networks run in training mode and update their batch statistics, whichever phase asks first.
        Gradients flow through the value in every phase that trains these networks.

        Args:
            name: the same in all phases.
            make: returns a tensor, or a nested structure of tensors.

        Raises:
            UserError: the batch is accumulated from micro-batches, none of which is the whole.
        """
        if self.part > 1:
            raise UserError(
                f"{name!r} is made once for the whole batch, which accumulate={self.part} is to avoid: leave one of "
                "the two out"
            )
        key = (name, *self.rows)  # another part of the batch, or held-out rows, are made anew
        if key not in self.shared:
            self.shared[key] = self._record(make)
        return self.shared[key].value

    def _record(self, make: Callable[[], Any]) -> Shared:
        # every network of the step counts as trained here, or the phase that happens to ask first would decide whose
        # batch statistics are updated
        trains, self.trains = self.trains, self.moving if self.advance else self.trains
        variables = [v.value for network in sorted(self.moving) for v in self.networks[network].trainable_variables]
        try:
            # the phase's own tape does not record this: `_gradient` joins the two tapes at the value's tensors
            with self._tape.stop_recording() if self._tape else contextlib.nullcontext():
                with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
                    tape.watch(variables)
                    value = make()
        finally:
            self.trains = trains
        shared = Shared(tape, value, variables)
        if self._tape:
            self._tape.watch(shared.tensors)
        return shared

    def gather(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns the rows of all replicas [R B, ...], for terms that couple the rows of a batch; differentiable.

        Raises:
            UserError: the batch is accumulated from micro-batches, which do not see each other.
        """
        if self.part > 1:
            raise UserError(
                f"this model's terms couple all rows of a batch, and accumulate={self.part} shows them a part at a "
                "time: leave accumulate out"
            )
        replica, replicas = self.noise.replica, self.noise.replicas
        if replicas == 1:
            return rows
        count = tf.shape(rows)[0]
        # a sum with zeros in the places of the other replicas' rows: it has a gradient, the sum of the replicas' own
        edges = [[replica * count, (replicas - 1 - replica) * count]] + [[0, 0]] * (len(rows.shape) - 1)
        return sum_over_replicas(tf.pad(rows, tf.stack([tf.stack(edge) for edge in edges])))

    @contextlib.contextmanager
    def differentiated(self, variables: list[tf.Tensor]) -> Iterator[Callable[[tf.Tensor], list[Gradient]]]:
        """Yields `gradient(total)`, which returns the gradients of a loss by the tensors `variables`.

        They include the paths through what the step has made once. The function can be called once, within the context
        or after it.
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            for shared in self.shared.values():
                tape.watch(shared.tensors)
            self._tape = tape
            try:
                yield lambda total: self._gradient(tape, total, variables)
            finally:
                self._tape = None

    def _gradient(self, tape: tf.GradientTape, total: tf.Tensor, variables: list[tf.Tensor]) -> list[Gradient]:
        if not self.shared:
            return tape.gradient(total, variables)
        direct, slopes = tape.gradient(total, [variables, [shared.tensors for shared in self.shared.values()]])
        for shared, slope in zip(self.shared.values(), slopes, strict=True):
            direct = [added(a, b) for a, b in zip(direct, shared.gradients(slope, variables), strict=True)]
        return direct


def added(a: Gradient, b: Gradient) -> Gradient:
    """Returns the sum of two gradients, each a tensor, `tf.IndexedSlices` (of an embedding) or None."""
    if a is None or b is None:
        return a if b is None else b
    return tf.convert_to_tensor(a) + tf.convert_to_tensor(b)


def rows_of(fields: Fields) -> tf.Tensor:
    """Returns the number of rows of a batch, an integer scalar."""
    return tf.shape(next(iter(fields.values())))[0]
