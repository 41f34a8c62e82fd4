"""GenerativeModel: the one training step that every model runs, as a list of phases."""

import dataclasses
import hashlib
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfgen.data.source import Field, data_field
from tfgen.distribution.replicas import PerThread, clipped, made_within, mean_over_replicas, replica_context, within
from tfgen.errors import UserError, nearest
from tfgen.training import accumulation
from tfgen.training.averages import Averages
from tfgen.training.batches import Batches
from tfgen.training.fitting import StepIndexedFit
from tfgen.training.noise import Noise


@dataclasses.dataclass(frozen=True)
class Phase:
    """One update within a training step.

    Attributes:
        name: how logs and noise streams call it.
        trains: the networks that it changes; all others are held fixed, batch statistics too.
        optimizer: the name of the optimizer that applies it.
        terms: `terms(batch, noise) -> dict[str, scalar]`, whose sum is minimised and whose items are logged.
        steps: how often it runs within one step, each time on a fresh part of the batch.
    """

    name: str
    trains: tuple[str, ...]
    optimizer: str
    terms: Callable
    steps: int = 1


class Counter(keras.Variable):
    """An integer variable that `int` reads under a strategy, too."""

    def __int__(self):
        return int(self.numpy())


def copy_network(network):
    """A new network of the same architecture and weights."""
    try:
        copy = type(network).from_config(network.get_config())
    except (NotImplementedError, TypeError) as error:
        raise UserError(
            f"the network {network.name!r} cannot be copied ({str(error).splitlines()[0]}); use a functional or "
            "Sequential keras.Model, or give the class get_config and from_config"
        ) from error
    copy.set_weights(network.get_weights())
    return copy


def select_inputs(network, primary, fields):
    """The arguments of `network` from a batch: `fields[primary]` for its only input, else those it names."""
    inputs = getattr(network, "inputs", None) or []
    if len(inputs) <= 1:
        return fields[primary]
    missing = [tensor.name for tensor in inputs if tensor.name not in fields]
    if missing:
        raise UserError(
            f"the network {network.name!r} has an input {missing[0]!r}, but the batch holds {', '.join(sorted(fields))}"
            f"{nearest(missing[0], fields)}"
        )
    return {tensor.name: fields[tensor.name] for tensor in inputs}


def as_declared(field):
    """A `Field`, also from what a file holds of one: a dict in which tuples have become lists."""
    if isinstance(field, Field):
        return field
    return Field(**{name: tuple(value) if isinstance(value, list) else value for name, value in field.items()})


class GenerativeModel(StepIndexedFit, Batches, keras.Model):
    """Networks, optimizers, phases, and all that is the same for every generative model.

    Args:
        networks: dict of `keras.Model`.
        fields: what a batch holds, dict of `Field`; the model makes the one that is called `image`, or `point`.
        value_range: the range in which the networks see images; outside they are uint8, or float32 in [0, 1]. Points
            are the same inside and outside, and have none.
        ema: decay of the moving average that is kept of the networks named in `averaged`, or None for none.
        averaged: names of these networks.
        seed: integer from which all noise and the order of the data derive.
    """

    primary_inputs: dict = {}  # of networks that take something else than the data
    # of the step that is being traced: networks held fixed, whether it trains, what a phase logs besides its terms
    _frozen, _training, _watched = PerThread(frozenset()), PerThread(False), PerThread()

    def __init__(self, networks, *, fields, value_range, ema=None, averaged=(), seed=0, **kwargs):
        super().__init__(**kwargs)
        self.networks = networks
        self.fields = {name: as_declared(field) for name, field in fields.items()}
        self.value_range = tuple(float(v) for v in value_range) if self.data_field == "image" else None
        if ema is not None and not 0 <= ema < 1:
            raise UserError(f"ema must lie in [0, 1) or be None, got {ema}")
        self.ema, self.seed = ema, int(seed)
        self.averaged_networks = {}
        if ema is not None:
            self.averaged_networks = {name: copy_network(networks[name]) for name in averaged}
            for network in self.averaged_networks.values():
                network.trainable = False
        self.optimizers, self.accumulate = {}, 1
        self.step = Counter("zeros", shape=(), dtype="int64", trainable=False, autocast=False, name="step")
        self.averages = Averages()
        # Where the pipeline starts at its next iteration, and the first step whose loss was not finite: eager state
        # that no file needs, hence plain variables.
        with tf.init_scope():
            self._position = tf.Variable(0, dtype=tf.int64, trainable=False, name="position")
            self.first_bad_step = tf.Variable(-1, dtype=tf.int64, trainable=False, name="first_bad_step")
        self.built = True

    # What a model is made of.

    @property
    def phases(self):
        """The ordered updates of one step."""
        raise NotImplementedError

    @property
    def data_field(self):
        """The name of the field that the model learns to make: `image` or `point`; all others condition it."""
        return data_field(self.fields)

    @property
    def data_shape(self):
        """The shape of one image or point."""
        return tuple(self.fields[self.data_field].shape)

    @property
    def data_dtype(self):
        """What samples are: images are bytes, points float32."""
        return "uint8" if self.data_field == "image" else "float32"

    @property
    def image_shape(self):
        return self.fields["image"].shape

    @property
    def condition(self):
        """The name of the field that conditions the model, or None."""
        return next((name for name in self.fields if name != self.data_field), None)

    @property
    def conditional(self):
        return self.condition is not None

    @property
    def num_classes(self):
        """The number of classes of a model conditioned on labels, if known."""
        field = self.fields.get("label")
        return int(field.range[1]) if field is not None and field.range else None

    @property
    def parts(self):
        """Into how many equal parts, each of the batch size, a step's data are split."""
        return max(phase.steps for phase in self.phases)

    # Compilation and saving.

    def compile_optimizers(self, optimizers, **kwargs):
        """Compiles with a dict of named optimizers, one or more phases each.

        `steps_per_execution` is 16 where no network convolves, else 1, if it is not given. `accumulate=N` makes every
        update from N micro-batches of a batch, in the memory of one (see `tfgen.training.accumulation`).
        """
        self.accumulate = kwargs.pop("accumulate", 1)
        accumulation.check(self, self.accumulate)
        kwargs.setdefault("jit_compile", False)  # measured: XLA is slower for convolutions on a CPU
        # measured: a call of the graph costs as much as the step of a dense network, and nothing beside a convolution
        dense = all(len(w.shape) <= 2 for network in self.networks.values() for w in network.trainable_weights)
        kwargs.setdefault("steps_per_execution", 16 if dense and not kwargs.get("run_eagerly") else 1)
        super().compile(optimizer=None, **kwargs)
        strategy = self._distribute_strategy
        with within(strategy):
            found = {name: keras.optimizers.get(optimizer) for name, optimizer in optimizers.items()}
            self.optimizers = {name: made_within(strategy, optimizer) for name, optimizer in found.items()}
            for name, optimizer in self.optimizers.items():
                if not optimizer.built:  # now, so that loading finds the slots
                    trained = [network for phase in self.phases if phase.optimizer == name for network in phase.trains]
                    variables = [v for key in dict.fromkeys(trained) for v in self.networks[key].trainable_variables]
                    optimizer.build(variables)

    def get_compile_config(self):
        if not self.compiled:
            return {}
        return {
            "optimizers": {name: keras.saving.serialize_keras_object(o) for name, o in self.optimizers.items()},
            "steps_per_execution": self.steps_per_execution,
            "accumulate": self.accumulate,
            "run_eagerly": self.run_eagerly,
            "jit_compile": self.jit_compile,
        }

    def compile_from_config(self, config):
        if config:
            optimizers = config.pop("optimizers")
            loaded = {name: keras.saving.deserialize_keras_object(o) for name, o in optimizers.items()}
            self.compile_optimizers(loaded, **config)

    def get_config(self):
        return {
            "fields": {name: dataclasses.asdict(field) for name, field in self.fields.items()},
            "value_range": self.value_range,
            "ema": self.ema,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        def load(value):
            is_object = isinstance(value, dict) and "class_name" in value
            return keras.saving.deserialize_keras_object(value, custom_objects) if is_object else value

        return cls(**{name: load(value) for name, value in config.items()})

    def seed_states(self):
        """States of the networks' own random layers (Dropout): Keras saves them in none of its formats."""
        return [
            variable
            for network in self.networks.values()
            for variable in network.variables
            if not any(variable is weight for weight in network.weights)
        ]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for index, state in enumerate(self.seed_states()):
            store[f"seed_{index}"] = state.numpy()

    def load_own_variables(self, store):
        states = {name: np.asarray(store[name]) for name in store.keys() if name.startswith("seed_")}
        super().load_own_variables({name: store[name] for name in store.keys() if name not in states})
        for index, state in enumerate(self.seed_states()):
            state.assign(states[f"seed_{index}"])

    def save(self, filepath, *args, **kwargs):
        """As in Keras; what cannot be saved by name is refused before the file is opened, which would empty it."""
        self.get_config()
        return super().save(filepath, *args, **kwargs)

    def state(self):
        """Every variable that training changes, by a stable name: what a checkpoint holds, dict of `tf.Variable`."""
        groups = {f"network/{name}": network.variables for name, network in self.networks.items()}
        groups |= {f"average/{name}": network.weights for name, network in self.averaged_networks.items()}
        for name, optimizer in self.optimizers.items():
            # a learning rate is a variable only where no schedule gives it: it belongs to the recipe, not to the state
            rate = getattr(optimizer, "_learning_rate", None)
            groups[f"optimizer/{name}"] = [variable for variable in optimizer.variables if variable is not rate]
        named = {f"{group}/{i:04d}": v.value for group, values in groups.items() for i, v in enumerate(values)}
        return {**named, "step": self.step.value}

    def non_finite_weights(self):
        """Paths of the weights that hold a NaN or an infinity, such as `discriminator/conv2d/kernel`."""
        return [
            f"{name}/{variable.path}"
            for name, network in self.networks.items()
            for variable in network.weights
            if variable.dtype.startswith(("float", "bfloat")) and not np.isfinite(np.sum(np.float64(variable.numpy())))
        ]

    # One training step.

    def train_step(self, data):
        return self.averages.update_all(self.update_step(data))

    def update_step(self, data):
        """One step on the batch, or on this replica's rows of it; returns what is to be logged, of the whole batch."""
        batch = self.as_batch(data)
        parts = self.split(batch)
        noise = self.noise()
        logs, totals = {}, []
        self._training = True
        try:
            for phase in self.phases:
                for index in range(phase.steps):
                    total, named = self.run_phase(phase, parts[index], noise.scope(f"{phase.name}/{index}"))
                    logs.update(named)
                    totals.append(total)
        finally:  # a step may be refused while it is traced, and the model used all the same
            self._training, self._frozen = False, frozenset()
        values = mean_over_replicas([*totals, *logs.values()])
        self.note_bad_step(values[: len(totals)])
        self.step.assign_add(1)
        self.update_averages()
        return dict(zip(logs, values[len(totals) :], strict=True))

    def note_bad_step(self, totals):
        """Keeps the first step in which one of the losses is not finite."""
        bad = tf.logical_not(tf.reduce_all(tf.math.is_finite(tf.stack(totals))))
        bad = tf.logical_and(bad, self.first_bad_step < 0)
        self.first_bad_step.assign(tf.where(bad, tf.cast(self.step.value, tf.int64) + 1, self.first_bad_step))

    def run_phase(self, phase, batch, noise):
        """One update of the networks that `phase` trains; returns its loss and what is to be logged."""
        variables = [v for name in phase.trains for v in self.networks[name].trainable_variables]
        self._frozen, self._watched = frozenset(self.networks) - set(phase.trains), {}
        given = phase, batch, noise, [v.value for v in variables]
        parted = self.accumulate > 1
        terms, total, gradients = accumulation.accumulated(self, *given) if parted else self.differentiate(*given)
        self._frozen = frozenset()
        optimizer = self.optimizers[phase.optimizer]
        optimizer.apply(clipped(optimizer, gradients), variables)
        self.after_update(phase)
        return total, {**self.phase_logs(phase, terms, total), **self._watched}

    def differentiate(self, phase, batch, noise, variables):
        """(terms, their sum, its gradients by the tensors `variables`) of a phase, this replica's share of them."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            terms = phase.terms(batch, noise)
            total = tf.add_n(list(terms.values()))
            objective = total / noise.replicas  # gradients of the replicas are summed
        return terms, total, tape.gradient(objective, variables)

    def phase_logs(self, phase, terms, total):
        name = "loss" if len(self.phases) == 1 else f"{phase.name}_total"
        return terms if len(terms) == 1 and len(self.phases) > 1 else {name: total, **terms}

    def test_step(self, data):
        batch, noise = self.as_batch(data), self.noise().scope("test")
        logs = {}
        for phase in self.phases:
            self._watched = {}
            terms = phase.terms(batch, noise.scope(phase.name))
            logs.update({**self.phase_logs(phase, terms, tf.add_n(list(terms.values()))), **self._watched})
        return self.averages.update_all(logs)

    def after_update(self, phase):
        """Hook after a phase's update, e.g. for weight clipping."""

    def adapt(self, examples):
        """Hook before the first step of all, for what depends on the training data."""

    def watch(self, name, value):
        """Logs a scalar of the current phase that is not minimised."""
        self._watched[name] = value

    def noise(self):
        """The random streams of the current step, aware of replicas."""
        return Noise(self.seed, self.step.value, "train/", *replica_context())

    def run_network(self, name, fields):
        """Runs a network on the fields of a batch that it names, in training mode within a training step.

        While a phase that does not train it is running, its batch statistics are left as they are.
        """
        network = self.networks[name]
        inputs = select_inputs(network, self.primary_inputs.get(name, self.data_field), fields)
        if name not in self._frozen:
            return network(inputs, training=self._training)
        trained = [v.value for v in network.trainable_variables]
        others = network.non_trainable_variables
        outputs, updated = network.stateless_call(trained, [v.value for v in others], inputs, training=True)
        states = {id(state) for state in self.seed_states()}
        for variable, value in zip(others, updated, strict=True):
            if id(variable) in states:  # dropout goes on to its next mask
                variable.assign(value)
        return outputs

    def update_averages(self):
        """avg <- d avg + (1 - d) w for weights and batch statistics, d = min(ema, (1 + step) / (10 + step))."""
        if not self.averaged_networks:
            return
        step = tf.cast(self.step.value, tf.float32)
        keep = tf.minimum(tf.constant(self.ema, tf.float32), (1.0 + step) / (10.0 + step))
        for name, network in self.averaged_networks.items():
            for average, weight in zip(network.weights, self.networks[name].weights, strict=True):
                rate = tf.cast(1.0 - keep, weight.value.dtype)
                average.value.assign_add(rate * (weight.value - average.value))

    @property
    def metrics(self):
        return self.averages.metrics()

    def reset_metrics(self):
        # Keras calls this at the start of every epoch, before it asks the pipeline for an iterator
        self._position.assign(self.step.value)
        self._steps_left = self._epoch_steps
        self.averages.reset()

    def digest(self):
        """A short fingerprint of all weights, to tell whether two models are the same to the bit."""
        digest = hashlib.sha256()
        for name, variable in sorted(self.state().items()):
            digest.update(name.encode() + variable.numpy().tobytes())
        return digest.hexdigest()[:16]
