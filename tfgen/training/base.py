"""GenerativeModel: the one training step that every model runs, as a list of phases."""

import dataclasses
import hashlib
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfgen.data.source import Examples, Field
from tfgen.errors import UserError, nearest
from tfgen.training.averages import Averages
from tfgen.training.noise import Noise, stream_key


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


def epoch_segments(step, steps_per_epoch, initial_epoch, epochs, last_step=None, aligned=True):
    """Yields (first epoch, end epoch, steps in each) of the runs of equally long epochs from `step` on.

    A first epoch that has been trained in part before is short, as is a last one that `last_step` cuts.
    """
    epoch = initial_epoch
    done = step % steps_per_epoch if aligned else 0
    end = step - done + (epochs - initial_epoch) * steps_per_epoch
    end = end if last_step is None else min(end, last_step)
    if done and step < end:
        batches = min(steps_per_epoch - done, end - step)
        yield epoch, epoch + 1, batches
        step, epoch = step + batches, epoch + 1
    whole, rest = divmod(max(end - step, 0), steps_per_epoch)
    if whole:
        yield epoch, epoch + whole, steps_per_epoch
    if rest:
        yield epoch + whole, epoch + whole + 1, rest


def as_declared(field):
    """A `Field`, also from what a file holds of one: a dict in which tuples have become lists."""
    if isinstance(field, Field):
        return field
    return Field(**{name: tuple(value) if isinstance(value, list) else value for name, value in field.items()})


class JoinedCallbacks(keras.callbacks.CallbackList):
    """Callbacks that see several calls of Keras' `fit` as one training."""

    def place(self, first, last):
        self._first, self._last, self._logs, self._open = first, last, None, True

    def on_train_begin(self, logs=None):
        if self._first:
            super().on_train_begin(logs)

    def on_train_end(self, logs=None):
        self._logs = logs
        if self._last:
            self.finish()

    def finish(self):
        """Ends the training, if that has not been said yet."""
        if getattr(self, "_open", False):
            self._open = False
            super().on_train_end(self._logs)


class GenerativeModel(keras.Model):
    """Networks, optimizers, phases, and all that is the same for every generative model.

    Args:
        networks: dict of `keras.Model`.
        fields: what a batch holds, dict of `Field`; the image's shape decides what the model makes.
        value_range: the range in which the networks see images; outside they are uint8, or float32 in [0, 1].
        ema: decay of the moving average that is kept of the networks named in `averaged`, or None for none.
        averaged: names of these networks.
        seed: integer from which all noise and the order of the data derive.
    """

    primary_inputs: dict = {}

    def __init__(self, networks, *, fields, value_range, ema=None, averaged=(), seed=0, **kwargs):
        super().__init__(**kwargs)
        self.networks = networks
        self.fields = {name: as_declared(field) for name, field in fields.items()}
        self.value_range = tuple(float(v) for v in value_range)
        if ema is not None and not 0 <= ema < 1:
            raise UserError(f"ema must lie in [0, 1) or be None, got {ema}")
        self.ema, self.seed = ema, int(seed)
        self.averaged_networks = {}
        if ema is not None:
            self.averaged_networks = {name: copy_network(networks[name]) for name in averaged}
            for network in self.averaged_networks.values():
                network.trainable = False
        self.optimizers = {}
        counter = {"shape": (), "dtype": "int64", "trainable": False, "autocast": False}
        self.step = self.add_weight(name="step", initializer="zeros", **counter)
        self.averages = Averages()
        self._frozen, self._training = frozenset(), False
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
    def image_shape(self):
        return self.fields["image"].shape

    @property
    def condition(self):
        """The name of the field that conditions the model, or None."""
        return next((name for name in self.fields if name != "image"), None)

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
        """Compiles with a dict of named optimizers, one or more phases each."""
        kwargs.setdefault("jit_compile", False)  # measured: XLA is slower for convolutions on a CPU
        super().compile(optimizer=None, **kwargs)
        self.optimizers = {name: keras.optimizers.get(optimizer) for name, optimizer in optimizers.items()}
        for name, optimizer in self.optimizers.items():
            if not optimizer.built:  # now, so that loading finds the slots
                trained = [network for phase in self.phases if phase.optimizer == name for network in phase.trains]
                optimizer.build([v for key in dict.fromkeys(trained) for v in self.networks[key].trainable_variables])

    def get_compile_config(self):
        if not self.compiled:
            return {}
        return {
            "optimizers": {name: keras.saving.serialize_keras_object(o) for name, o in self.optimizers.items()},
            "steps_per_execution": self.steps_per_execution,
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
        batch = self.as_batch(data)
        parts = self.split(batch)
        noise = self.noise()
        logs = {}
        self._training = True
        try:
            for phase in self.phases:
                for index in range(phase.steps):
                    logs.update(self.run_phase(phase, parts[index], noise.scope(f"{phase.name}/{index}")))
        finally:  # a step may be refused while it is traced, and the model used all the same
            self._training, self._frozen = False, frozenset()
        self.step.assign_add(1)
        self.update_averages()
        return {name: self.averages.update(name, value) for name, value in logs.items()}

    def run_phase(self, phase, batch, noise):
        """One update of the networks that `phase` trains; returns what is to be logged."""
        variables = [v for name in phase.trains for v in self.networks[name].trainable_variables]
        self._frozen, self._watched = frozenset(self.networks) - set(phase.trains), {}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([v.value for v in variables])
            terms = phase.terms(batch, noise)
            total = tf.add_n(list(terms.values()))
            objective = total / noise.replicas  # gradients of the replicas are summed
        gradients = tape.gradient(objective, [v.value for v in variables])
        self._frozen = frozenset()
        bad = tf.logical_and(tf.logical_not(tf.math.is_finite(total)), self.first_bad_step < 0)
        self.first_bad_step.assign(tf.where(bad, tf.cast(self.step.value, tf.int64) + 1, self.first_bad_step))
        self.optimizers[phase.optimizer].apply(gradients, variables)
        self.after_update(phase)
        return {**self.phase_logs(phase, terms, total), **self._watched}

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
        return {name: self.averages.update(name, value) for name, value in logs.items()}

    def after_update(self, phase):
        """Hook after a phase's update, e.g. for weight clipping."""

    def adapt(self, examples):
        """Hook before the first step of all, for what depends on the training data."""

    def watch(self, name, value):
        """Logs a scalar of the current phase that is not minimised."""
        self._watched[name] = value

    def noise(self):
        """The random streams of the current step, aware of replicas."""
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync if context else 1
        replica = context.replica_id_in_sync_group if replicas > 1 else 0
        return Noise(self.seed, self.step.value, "train/", replica, replicas)

    def run_network(self, name, fields):
        """Runs a network on the fields of a batch that it names, in training mode within a training step.

        While a phase that does not train it is running, its batch statistics are left as they are.
        """
        network = self.networks[name]
        inputs = select_inputs(network, self.primary_inputs[name], fields)
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

    # Batches.

    def as_batch(self, data):
        """A dict of fields as the networks see them, from what a data set or `fit` gives."""
        if not isinstance(data, dict):
            values = data if isinstance(data, (tuple, list)) else (data,)
            data = dict(zip([name for name in ("image", self.condition) if name], values, strict=False))
        missing = [name for name in self.fields if data.get(name) is None]
        if missing:
            got = ", ".join(sorted(name for name in data if data[name] is not None)) or "nothing"
            raise UserError(
                f"{self.name} needs the field {missing[0]!r} in every batch, got {got}{nearest(missing[0], data)}"
            )
        return {name: self.as_field(name, data[name]) for name in self.fields}

    def as_field(self, name, value):
        value = tf.convert_to_tensor(value)
        if name == "image":
            return self.to_value_range(self.as_unit_images(value))
        dtype = tf.int64 if self.fields[name].dtype == "int64" else tf.float32
        value = tf.cast(value, dtype)
        return tf.reshape(value, [-1]) if dtype == tf.int64 else value

    def as_unit_images(self, images):
        """float32 images [B, H, W, C] in [0, 1] from uint8, or from float in [0, 1]."""
        if images.dtype == tf.uint8:
            # by way of float64: a graph multiplies float32 by 1 / 255 instead, which is not what NumPy gives
            images = tf.cast(images, tf.float64) / 255.0
        elif not images.dtype.is_floating:
            raise UserError(f"images must be uint8, or float in [0, 1], got {images.dtype.name}")
        images = tf.cast(images, tf.float32)
        if len(images.shape) == len(self.image_shape):
            images = images[..., None]
        if len(images.shape) != 4 or any(a is not None and a != b for a, b in zip(images.shape[1:], self.image_shape)):
            raise UserError(f"{self.name} takes images of shape {self.image_shape}, got {tuple(images.shape[1:])}")
        return images

    def to_value_range(self, images):
        low, high = self.value_range
        return images if (low, high) == (0.0, 1.0) else low + (high - low) * images

    def to_unit_range(self, images):
        low, high = self.value_range
        images = tf.cast(images, tf.float32)
        return tf.clip_by_value((images - low) / (high - low), 0.0, 1.0)

    def split(self, batch):
        """The step's parts: equal shares of the batch, one for each repetition of a phase."""
        if self.parts == 1:
            return [batch]
        size = next(iter(batch.values())).shape[0]
        if size is not None and size < self.parts:
            raise UserError(f"a batch of {size} cannot be split into {self.parts} parts, one a discriminator step")
        rows = tf.shape(next(iter(batch.values())))[0] // self.parts if size is None else size // self.parts
        return [{k: v[i * rows : (i + 1) * rows] for k, v in batch.items()} for i in range(self.parts)]

    # Keras' fit over tfgen's own pipeline.

    def fit(self, x=None, y=None, batch_size=None, epochs=1, *, steps_per_epoch=None, **kwargs):
        """Keras' `fit`; arrays go through the step-indexed pipeline, which goes on where `step` stands.

        Args:
            x: images uint8 (or float in [0, 1]) [N, H, W, C], a dict of fields, `Examples`, or any `tf.data.Dataset`,
                which is used as it is.
            y: the condition, where `x` is an array: labels int [N].
            batch_size: images that one update sees (32 by default); one step of a model with k discriminator steps
                takes k x batch_size.
            epochs, steps_per_epoch, **kwargs: as in Keras. An epoch is N // (k x batch_size) steps.

        Raises:
            UserError: images of a wrong dtype, range or shape, missing labels, fewer images than one step needs.
        """
        if x is None or not isinstance(x, (np.ndarray, dict, Examples, tf.Tensor, list, tuple)):
            if isinstance(x, tf.data.Dataset):
                self.check_first(x)
                kwargs.setdefault("shuffle", False)  # Keras' own default makes it warn
            return super().fit(x, y, batch_size=batch_size, epochs=epochs, steps_per_epoch=steps_per_epoch, **kwargs)
        if not kwargs.get("validation_split", True):  # 0, Keras' default
            del kwargs["validation_split"]
        unused = [n for n in ("sample_weight", "class_weight", "validation_split") if kwargs.get(n) is not None]
        if unused:
            raise UserError(f"fit of a generative model takes no {unused[0]!r}")
        kwargs.pop("shuffle", None)  # the order follows from the seed and the step
        return self.fit_examples(
            self.as_examples(x, y), batch_size or 32, epochs, steps_per_epoch=steps_per_epoch, **kwargs
        )

    def fit_examples(
        self,
        examples,
        batch_size,
        epochs,
        *,
        initial_epoch=0,
        steps_per_epoch=None,
        last_step=None,
        mirror=False,
        **kwargs,
    ):
        """Trains from where `step` stands, to the end of epoch `epochs` or to `last_step`, if that comes first."""
        from tfgen.data import pipeline

        batch_size *= self.parts
        if len(examples) < batch_size:
            raise UserError(f"one step takes {batch_size} images, got only {len(examples)}; lower batch_size")
        if int(self.step) == 0:
            self.adapt(examples)
        whole = pipeline.steps_per_epoch(examples, batch_size)
        segments = list(
            epoch_segments(
                int(self.step),
                steps_per_epoch or whole,
                initial_epoch,
                epochs,
                last_step,
                aligned=steps_per_epoch is None,
            )
        )
        verbose = kwargs.pop("verbose", "auto")
        kwargs["callbacks"] = JoinedCallbacks(
            kwargs.get("callbacks"),
            add_history=True,
            add_progbar=verbose != 0,
            model=self,
            verbose=1 if verbose == "auto" else verbose,
            epochs=epochs,
            steps=max((batches for _, _, batches in segments), default=whole),
        )
        for index, (first, last, batches) in enumerate(segments):
            kwargs["callbacks"].place(first=index == 0, last=index == len(segments) - 1)
            dataset = pipeline.step_indexed(
                examples,
                batch_size=batch_size,
                seed=stream_key(self.seed, "order"),
                position=self._position,
                batches=batches,
                mirror=mirror,
            )
            super().fit(dataset, initial_epoch=first, epochs=last, shuffle=False, verbose=verbose, **kwargs)
            if self.stop_training:
                break
        kwargs["callbacks"].finish()
        return self.history

    def as_examples(self, x, y=None):
        """`Examples` with the fields that this model needs, checked."""
        from tfgen.data import from_arrays

        if isinstance(x, Examples):
            examples = x
        else:
            fields = (
                dict(x)
                if isinstance(x, dict)
                else {"image": x, **({} if y is None else {self.condition or "label": y})}
            )
            fields = {name: np.asarray(value) for name, value in fields.items()}
            if "image" not in fields:
                raise UserError(f"fit needs images, got the fields {', '.join(sorted(fields)) or 'none'}")
            examples = from_arrays(fields.pop("image"), fields.pop("label", None), **fields)
        missing = [name for name in self.fields if name not in examples.fields()]
        if missing:
            raise UserError(
                f"{self.name} is trained on {' and '.join(self.fields)}, but {missing[0]!r} was not given"
                f"{nearest(missing[0], examples.fields())}"
            )
        first = {name: tf.convert_to_tensor(value) for name, value in examples.gather(np.arange(1)).items()}
        self.as_batch(first)
        self.check_labels(examples)
        return examples

    def check_labels(self, examples):
        labels = getattr(examples, "arrays", {}).get("label")
        if "label" in self.fields and self.num_classes and labels is not None and len(labels):
            if labels.min() < 0 or labels.max() >= self.num_classes:
                raise UserError(
                    f"labels must lie in 0..{self.num_classes - 1}, got {int(labels.min())}..{int(labels.max())}"
                )

    def check_first(self, dataset):
        """Refuses a data set whose first batch does not fit the model, or holds float images outside [0, 1]."""
        for data in dataset.take(1):
            self.as_batch(data)
            images = data["image"] if isinstance(data, dict) else data[0] if isinstance(data, (tuple, list)) else data
            if images.dtype.is_floating and not bool(tf.reduce_all((images >= 0.0) & (images <= 1.0))):
                raise UserError(
                    f"float images must lie in [0, 1], got {float(tf.reduce_min(images)):.3g} to "
                    f"{float(tf.reduce_max(images)):.3g}; divide by 255, or pass uint8"
                )

    @property
    def metrics(self):
        return self.averages.metrics()

    def reset_metrics(self):
        # Keras calls this at the start of every epoch, before it asks the pipeline for an iterator
        self._position.assign(self.step.value)
        self.averages.reset()

    def digest(self):
        """A short fingerprint of all weights, to tell whether two models are the same to the bit."""
        digest = hashlib.sha256()
        for name, variable in sorted(self.state().items()):
            digest.update(name.encode() + variable.numpy().tobytes())
        return digest.hexdigest()[:16]
