"""Optional ends of training: at the equilibrium, when a score gets no better, on divergence.

What a stop measures goes into the row of its probe, and what it decides follows from the rows alone: a resumed run
stops where one never killed would.
"""

import random

import keras
import numpy as np
import tensorflow as tf

from tfgen.diagnosis.findings import PATIENCE
from tfgen.diagnosis.probes import undisturbed
from tfgen.errors import UserError, nearest
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.training.model import select_inputs
from tfgen.training.noise import Noise, stream_key


class Stop:
    """A reason to end training early."""

    def check(self, model):
        """Raises UserError where the model is not one that this can stop."""

    def measure(self, diagnosis, row, last):
        """Further measurements, dict of floats, for the `row` of a probe, the `last` of training or not."""
        return {}

    def reason(self, rows, findings):
        """The sentence on why training ends now, after the last of `rows` and with these new findings, or None."""
        return None

    def summary(self, rows):
        """What there is to say at the end of training, or None."""
        return None


class StopOnDivergence(Stop):
    """Ends training when a finding says that it has diverged."""

    def reason(self, rows, findings):
        bad = [finding for finding in findings if finding.name == "diverged"]
        return f"training has {bad[0].message.partition(';')[0]}" if bad else None


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

    def check(self, model):
        if not isinstance(model, AdversarialModel):
            raise UserError(f"stop=equilibrium needs a discriminator, and {model.name} has none; leave it out")

    def measure(self, diagnosis, row, last):
        streak = self.streak([*diagnosis.rows, row])
        tries, rest = divmod(streak, self.patience)
        if last or not streak or rest or tries & (tries - 1):  # tries is no power of two
            return {}
        examples = diagnosis.train, diagnosis.held_out or diagnosis.train
        return {"fresh_accuracy": fresh_accuracy(diagnosis.model, *examples, self.steps, self.batch_size, row["step"])}

    def streak(self, rows):
        """How many of the last rows in a row show a discriminator that cannot tell."""
        return next((i for i, row in enumerate(reversed(rows)) if not self.cannot_tell(row)), len(rows))

    def cannot_tell(self, row):
        right = row.get("held_out_separation", row.get("train_separation", 1.0))
        return abs(right - 0.5) <= 2 * self.tolerance and row.get("equilibrium_distance", 0.0) <= 2 * self.tolerance

    def reason(self, rows, findings):
        accuracy = rows[-1].get("fresh_accuracy", 1.0) if rows else 1.0
        if accuracy > 0.5 + self.tolerance:
            return None
        return (
            "the equilibrium: the discriminator cannot tell, and a fresh one trained on samples of this generator "
            f"reaches an accuracy of {accuracy:.2f} on held-out images (chance is 0.5)"
        )

    def summary(self, rows):
        tried = [row for row in rows if row.get("fresh_accuracy", 0.0) > 0.5 + self.tolerance]
        if not tried:
            return None
        return (
            f"no equilibrium: the discriminator could not tell at step {tried[-1]['step']}, but a fresh one reached an "
            f"accuracy of {tried[-1]['fresh_accuracy']:.2f} on held-out images"
        )


class StopOnScore(Stop):
    """Ends training when a score of the samples has not fallen for `patience` measurements; names best and last.

    Args:
        name: of the score.
        score: `f(model) -> (value, standard error)`, the lower the better; against held-out images.
        epochs: between two measurements.
        patience: measurements without a new best.
    """

    def __init__(self, name, score, epochs=1, patience=5):
        self.name, self.score, self.epochs, self.patience = name, score, epochs, patience

    def check(self, model):
        if not model.can_sample:
            raise UserError(f"stop={self.name} needs samples, and {model.name} cannot generate; leave it out")

    def measure(self, diagnosis, row, last):
        epoch, rest = divmod(row["step"], diagnosis.epoch_steps or 1)
        if not last and (rest or epoch % self.epochs):
            return {}
        value, error = self.score(diagnosis.model)
        return {self.name: float(value), f"{self.name}_error": float(error)}

    def scored(self, rows):
        return [row for row in rows if self.name in row]

    def reason(self, rows, findings):
        rows = self.scored(rows)
        if not rows:
            return None
        since = len(rows) - 1 - min(range(len(rows)), key=lambda i: rows[i][self.name])
        if since < self.patience:
            return None
        return f"no better {self.name} in {since} measurements"

    def summary(self, rows):
        rows = self.scored(rows)
        if not rows:
            return None
        best = min(rows, key=lambda row: row[self.name])
        said = [f"{when} {self.said(row)} at step {row['step']}" for when, row in (("best", best), ("last", rows[-1]))]
        return f"{self.name}: {', '.join(said)}"

    def said(self, row):
        return f"{row[self.name]:.4g} +- {row[f'{self.name}_error']:.2g}"


STOPS = {"divergence": StopOnDivergence, "equilibrium": StopAtEquilibrium}


def make_stops(stop):
    """A list of `Stop` from what `Diagnosis(stop=...)` takes: names with commas between, or a list of such objects."""
    if stop is None or stop == "none":
        return []
    if isinstance(stop, Stop):
        return [stop]
    names = [name.strip() for name in stop.split(",")] if isinstance(stop, str) else stop
    return [name if isinstance(name, Stop) else stop_named(name) for name in names]


def stop_named(name):
    if name not in STOPS:
        more = "; a score needs an object, StopOnScore('kid', f)" if name == "kid" else nearest(str(name), STOPS)
        raise UserError(f"stop of Diagnosis expects {' or '.join(STOPS)}, got {name!r}{more}")
    return STOPS[name]()


def fresh_accuracy(model, train, held_out, steps=300, batch_size=64, seed=0):
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
        inputs = select_inputs(fresh, model.data_field, {**batch, model.data_field: images})
        # with batch statistics in the end too: the moving ones lag behind in so few steps
        return tf.cast(fresh(inputs, training=True), tf.float32)

    def both(data, index):
        batch = model.as_batch(data)
        with undisturbed(model):
            fake = tf.stop_gradient(model.fake_images(batch, Noise(model.seed, index, f"fresh/{seed}/")))
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


def reinitialised(network, seed):
    """A network of the same architecture, its weights drawn anew from `seed`."""
    state = random.getstate()
    random.seed(seed)  # whence Keras draws the seeds of initializers
    try:
        return type(network).from_config(network.get_config())
    finally:
        random.setstate(state)
