"""Discriminators that are trained against a generator that stands still: a fresh one, and the model's own."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.data.source import Examples
from tfgen.families.adversarial.probes import fraction, separation
from tfgen.machine.tracing import traced
from tfgen.networks.calling import call, differentiating
from tfgen.networks.seeding import seeded
from tfgen.noise import Noise, stream_key
from tfgen.training.step import Fields, Step

MEASURED = 1 << 40  # number of the noise of the first measurement: no update has it


class Fresh:
    """A discriminator of new weights that learns, by cross-entropy, to tell real images from a generator's samples.

    Neither the model nor its random states change.

    Args:
        model: an `AdversarialModel`.
        name: of its noise.
        network: `image` (or `point`; and conditions) -> logit, whose architecture it has; by default the model's own.
        seed: of its weights and its batches.
    """

    def __init__(self, model: Any, name: str, network: keras.Model | None = None, seed: int = 0) -> None:
        self.model, self.name, self.seed = model, name, seed
        self.network = reinitialised(model.discriminator if network is None else network, stream_key("fresh", seed))
        self.optimizer = self.made_optimizer()
        # a graph: even of ten updates it takes less time than operations one by one, but not of a few looks
        learn = traced(self._update, reduce_retracing=True)
        self._learn = differentiating([self.network, model.generator], learn)

    def made_optimizer(self) -> keras.optimizers.Optimizer:
        """Returns the optimizer of its network."""
        made = keras.optimizers.Adam(learning_rate=1e-3, beta_1=0.5)
        made.build(self.network.trainable_variables)
        return made

    def loss(self, batch: Fields, index: tf.Tensor) -> tf.Tensor:
        """Returns what it minimises, a scalar; `index` is the number of the update."""
        real, fake = self.answers(batch, index)
        return tf.reduce_mean(tf.math.softplus(-real)) + tf.reduce_mean(tf.math.softplus(fake))

    def answers(self, batch: Fields, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns its logits of a batch's real images, and of samples under the same conditions."""
        step = self.model.probing_step(Noise(self.model.seed, index, self.name))
        fake = tf.stop_gradient(self.model.fakes(batch, step))
        return self._judged(batch, batch[self.model.data_field]), self._judged(batch, fake)

    def trained(
        self,
        train: Examples,
        held_out: Examples,
        steps: int,
        batch_size: int,
        enough: Callable[[dict[str, float]], bool],
        every: int = 50,
        size: int = 1000,
    ) -> dict[str, float]:
        """Returns `accuracy` and `separation` on held-out images and samples, in [0, 1], after its training.

        Args:
            train, held_out: `Examples`.
            steps, batch_size: largest number of updates, real images per update.
            enough: whether what has been reached ends the training.
            every: updates between two looks at what has been reached.
            size: held-out images, at most.
        """
        rows = np.random.default_rng(self.seed)
        unseen = held_out.gather(rows.permutation(len(held_out))[:size])
        unseen = {name: tf.constant(value) for name, value in unseen.items()}
        for step in range(steps):
            self._learn(train.gather(rows.integers(0, len(train), batch_size)), tf.constant(step, tf.int64))
            if step % every == every - 1:
                reached = self._measured(unseen, step)
                if enough(reached):
                    return reached
        return self._measured(unseen, steps)

    def _measured(self, unseen, index):
        # other samples than those of the update with the same number, which the network has learned from
        reached = self._reached(unseen, tf.constant(MEASURED + index, tf.int64))
        return {name: float(value) for name, value in reached.items()}

    def _judged(self, batch, images):
        field = self.model.data_field
        fields = {field: images, **{k: v for k, v in batch.items() if k != field}}
        # batch statistics in the evaluation too: moving averages lag behind after so few steps
        outputs = call(self.network, self.model.discriminator_inputs(fields), training=True)
        return tf.cast(outputs["logit"] if isinstance(outputs, dict) else outputs, tf.float32)

    def _update(self, data, index):
        with tf.GradientTape() as tape:
            loss = self.loss(self.model.as_batch(data), index)
        variables = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)

    def _reached(self, data, index):
        real, fake = self.answers(self.model.as_batch(data), index)
        flat = [tf.reduce_mean(tf.reshape(logit, [tf.shape(logit)[0], -1]), axis=1) for logit in (real, fake)]
        right = 0.5 * (fraction(real > 0.0) + fraction(fake < 0.0))
        return {"accuracy": right, "separation": separation(*flat)}


class Continued(Fresh):
    """The model's own discriminator, its optimizer, loss, penalty and augmentation, while the generator stands still.

    A copy: the model does not change.
    """

    def __init__(self, model: Any, name: str, seed: int = 0) -> None:
        super().__init__(model, name, None, seed)
        copy_values(model.discriminator.variables, self.network.variables)
        self.phase = next(phase for phase in model.phases if "discriminator" in phase.trains)

    def made_optimizer(self) -> keras.optimizers.Optimizer:
        own = self.model.optimizers["discriminator"]
        made = type(own).from_config(own.get_config())
        made.build(self.network.trainable_variables)
        copy_values(own.variables, made.variables)
        return made

    def step(self, index: tf.Tensor) -> Step:
        """Returns the step of an update, in which the copy is the discriminator."""
        moving = frozenset(name for phase in self.model.phases for name in phase.trains)
        networks = {**self.model.networks, "discriminator": self.network}
        noise = Noise(self.model.seed, index, self.name)
        now = tf.cast(self.model.step.value, tf.int64)
        return Step(networks, noise, now, trains=frozenset({"discriminator"}), moving=moving, advance=False)

    def loss(self, batch: Fields, index: tf.Tensor) -> tf.Tensor:
        return tf.add_n(list(self.phase.terms(batch, self.step(index)).values()))

    def answers(self, batch: Fields, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        step = self.step(index)
        fields = self.model.real_fields(batch, step), self.model.fake_fields(batch, step)
        real, fake = (self.model.judge(seen, step)["logit"] for seen in fields)
        return real, fake


def copy_values(source: list[keras.Variable], target: list[keras.Variable]) -> None:
    """Assigns the values of variables to others in the same order."""
    for one, other in zip(source, target, strict=True):
        other.assign(one)


def reinitialised(network: keras.Model, seed: int) -> keras.Model:
    """Returns a network with the same architecture and new weights, drawn from `seed`."""
    with seeded(seed):
        return type(network).from_config(network.get_config())
