"""The end of an adversarial training at its equilibrium, D = 1/2 (Goodfellow et al. 2014, proposition 2)."""

import random

import keras
import numpy as np
import tensorflow as tf

from tfgen.data.source import Examples
from tfgen.diagnosis.rules import PATIENCE, Finding
from tfgen.diagnosis.stops import Stop
from tfgen.errors import UserError
from tfgen.networks.calling import call
from tfgen.noise import Noise, stream_key


class StopAtEquilibrium(Stop):
    """Ends training when the discriminator cannot tell, and a fresh one cannot learn to.

    A discriminator that gives 1/2 for every image may as well be blind. So, once it has not told held-out images from
    samples for `patience` probes, another of the same architecture is trained from new weights on training images
    against samples of the generator as it is; only if its accuracy on held-out images is near 1/2 too is this the
    equilibrium. Otherwise it is tried again after twice as many probes, and so on.

    Args:
        patience: probes in a row.
        steps: updates of the fresh discriminator, each on `batch_size` images of either kind.
        tolerance: how far from 1/2 an accuracy, or the share of pairs in the right order, may lie.
    """

    def __init__(self, patience=PATIENCE, steps=300, batch_size=64, tolerance=0.05):
        self.patience, self.steps, self.batch_size, self.tolerance = patience, steps, batch_size, tolerance

    def check(self, model) -> None:
        if "equilibrium" not in model.stops():
            raise UserError(f"stop=equilibrium needs a discriminator, and {model.name} has none; leave it out")

    def measure(self, diagnosis, row: dict, last: bool) -> dict[str, float]:
        streak = self.streak([*diagnosis.rows, row])
        tries, rest = divmod(streak, self.patience)
        if last or not streak or rest or tries & (tries - 1):  # tries is no power of two
            return {}
        examples = diagnosis.train, diagnosis.held_out or diagnosis.train
        return {"fresh_accuracy": fresh_accuracy(diagnosis.model, *examples, self.steps, self.batch_size, row["step"])}

    def streak(self, rows: list[dict]) -> int:
        """How many of the last rows in a row show a discriminator that cannot tell."""
        return next((i for i, row in enumerate(reversed(rows)) if not self.cannot_tell(row)), len(rows))

    def cannot_tell(self, row: dict) -> bool:
        right = row.get("held_out_separation", row.get("train_separation", 1.0))
        return abs(right - 0.5) <= 2 * self.tolerance and row.get("equilibrium_distance", 0.0) <= 2 * self.tolerance

    def reason(self, rows: list[dict], findings: list[Finding]) -> str | None:
        accuracy = rows[-1].get("fresh_accuracy", 1.0) if rows else 1.0
        if accuracy > 0.5 + self.tolerance:
            return None
        return (
            "the equilibrium: the discriminator cannot tell, and a fresh one trained on samples of this generator "
            f"reaches an accuracy of {accuracy:.2f} on held-out images (chance is 0.5)"
        )

    def summary(self, rows: list[dict]) -> str | None:
        tried = [row for row in rows if row.get("fresh_accuracy", 0.0) > 0.5 + self.tolerance]
        if not tried:
            return None
        return (
            f"no equilibrium: the discriminator could not tell at step {tried[-1]['step']}, but a fresh one reached an "
            f"accuracy of {tried[-1]['fresh_accuracy']:.2f} on held-out images"
        )


def fresh_accuracy(
    model, train: Examples, held_out: Examples, steps: int = 300, batch_size: int = 64, seed: int = 0
) -> float:
    """The accuracy that a newly initialised discriminator reaches on held-out images and samples, in [0, 1].

    It has the architecture of the model's, and learns by its cross-entropy to tell training images from samples of the
    generator, which stays as it is, with all else of the model.

    Args:
        model: an `AdversarialModel`.
        train, held_out: `Examples`.
        steps, batch_size: of its training, at most; it ends as soon as it can plainly tell.
        seed: of its weights and its batches.
    """
    fresh = reinitialised(model.discriminator, stream_key("fresh", seed))
    optimizer = keras.optimizers.Adam(learning_rate=1e-3, beta_1=0.5)
    optimizer.build(fresh.trainable_variables)

    def judged(batch, images):
        fields = {model.data_field: images, **{k: v for k, v in batch.items() if k != model.data_field}}
        # with batch statistics in the end too: the moving ones lag behind in so few steps
        outputs = call(fresh, fields, training=True)
        return tf.cast(outputs["logit"] if isinstance(outputs, dict) else outputs, tf.float32)

    def both(data, index):
        batch = model.as_batch(data)
        step = model.probing_step(Noise(model.seed, index, f"fresh/{seed}/"))
        fake = tf.stop_gradient(model.fakes(batch, step))
        return judged(batch, batch[model.data_field]), judged(batch, fake)

    @tf.function(autograph=False, reduce_retracing=True)
    def learn(data, index):
        with tf.GradientTape() as tape:
            real, fake = both(data, index)
            loss = tf.reduce_mean(tf.math.softplus(-real)) + tf.reduce_mean(tf.math.softplus(fake))
        variables = fresh.trainable_variables
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)

    @tf.function(autograph=False, reduce_retracing=True)
    def accuracy(data, index):
        real, fake = both(data, index)
        return 0.5 * (tf.reduce_mean(tf.cast(real > 0.0, tf.float32)) + tf.reduce_mean(tf.cast(fake < 0.0, tf.float32)))

    rows = np.random.default_rng(seed)
    unseen = held_out.gather(rows.permutation(len(held_out))[:1000])
    for step in range(steps):
        learn(train.gather(rows.integers(0, len(train), batch_size)), tf.constant(step, tf.int64))
        if step % 50 == 49:
            reached = float(accuracy(unseen, tf.constant(step, tf.int64)))
            if reached > 0.6:
                return reached
    return float(accuracy(unseen, tf.constant(steps, tf.int64)))


def reinitialised(network: keras.Model, seed: int) -> keras.Model:
    """A network of the same architecture, its weights drawn anew from `seed`."""
    state = random.getstate()
    random.seed(seed)  # whence Keras draws the seeds of initializers
    try:
        return type(network).from_config(network.get_config())
    finally:
        random.setstate(state)
