"""The TensorFlow contenders that train the tutorial's network: tfgen's `fit`, and loops as people write them.

Each is `make(images, batch_size, width) -> f(seconds) -> Window`, built when it is first asked for.
"""

import keras
import tensorflow as tf
from keras import ops

import tfgen
from benchmarks import network
from benchmarks.turns import Turnstile, windows
from tfgen import priors
from tfgen.machine.precision import using as precision
from tfgen.optimizers.building import make_optimizer


class StepsDone(keras.callbacks.Callback):
    """Tells `step_done` of the images of every call of the graph; `steps()` counts the training steps so far."""

    def __init__(self, step_done, batch_size, steps):
        super().__init__()
        self.step_done, self.batch_size, self.steps, self.seen = step_done, batch_size, steps, None

    def on_train_begin(self, logs=None):
        self.seen = self.steps()

    def on_train_batch_end(self, batch, logs=None):
        now = self.steps()
        self.step_done((now - self.seen) * self.batch_size)
        self.seen = now


def fitted(model, images, batch_size):
    """A tfgen model's own `fit`, in windows."""

    def train(step_done):
        told = StepsDone(step_done, batch_size, lambda: int(model.step))
        model.fit(images, batch_size=batch_size, epochs=10**6, verbose=0, callbacks=[told])

    return Turnstile(train).window


def tfgen_fit(shared_pass=False, ema=None, policy="float32"):
    """tfgen's `AdversarialModel.fit` with the optimizer that its builders make."""

    def make(images, batch_size, width):
        with precision(policy):
            networks = network.generator(width), network.discriminator(width)
        options = {"latent_dim": network.LATENT, "prior": priors.normal(), "ema": ema, "shared_pass": shared_pass}
        model = tfgen.AdversarialModel(*networks, **options)
        model.compile(*(make_optimizer("adam", network.RATE) for _ in range(2)))
        return fitted(model, images, batch_size)

    return make


def batches(images, batch_size, remainder=False):
    """As the tutorials do: all images as float32 in [-1, 1], a shuffle buffer of all of them, batches."""
    scaled = (images.astype("float32") - 127.5) / 127.5
    return tf.data.Dataset.from_tensor_slices(scaled).shuffle(len(images)).batch(batch_size, not remainder)


def loop(step_of):
    """A loop over a compiled step: `step_of(generator, discriminator, optimizers, batch_size) -> step(real)`."""

    def make(images, batch_size, width):
        optimizers = [keras.optimizers.Adam(network.RATE) for _ in range(2)]
        step = tf.function(step_of(network.generator(width), network.discriminator(width), *optimizers, batch_size))
        iterator = iter(batches(images, batch_size).prefetch(tf.data.AUTOTUNE).repeat())

        def one_step():
            float(step(next(iterator))[0])
            return batch_size

        return windows(one_step)

    return make


def cross_entropy(logits, label):
    labels = tf.fill(tf.shape(logits), float(label))
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))


def update(optimizer, tape, loss, network):
    """Applies the gradients of `loss` to `network`; returns nothing."""
    variables = network.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


def discriminator_loss(discriminator, real, fake):
    return cross_entropy(discriminator(real, training=True), 1) + cross_entropy(discriminator(fake, training=True), 0)


def alternating(generator, discriminator, generator_optimizer, discriminator_optimizer, batch_size):
    """One update of D, then one of G on fresh latents: Goodfellow et al. 2014, algorithm 1."""

    def step(real):
        fake = generator(tf.random.normal([batch_size, network.LATENT]), training=True)
        with tf.GradientTape() as tape:
            first = discriminator_loss(discriminator, real, fake)
        update(discriminator_optimizer, tape, first, discriminator)
        with tf.GradientTape() as tape:
            fake = generator(tf.random.normal([batch_size, network.LATENT]), training=True)
            second = cross_entropy(discriminator(fake, training=True), 1)
        update(generator_optimizer, tape, second, generator)
        return first, second

    return step


def shared(generator, discriminator, generator_optimizer, discriminator_optimizer, batch_size):
    """One pass of G; D's update on its images, then G's, judged by the D that has just moved."""

    def step(real):
        with tf.GradientTape() as whole:
            fake = generator(tf.random.normal([batch_size, network.LATENT]), training=True)
            with tf.GradientTape() as tape:
                first = discriminator_loss(discriminator, real, tf.stop_gradient(fake))
            update(discriminator_optimizer, tape, first, discriminator)
            second = cross_entropy(discriminator(fake, training=True), 1)
        update(generator_optimizer, whole, second, generator)
        return first, second

    return step


def tutorial(generator, discriminator, generator_optimizer, discriminator_optimizer, batch_size):
    """As TensorFlow's tutorial publishes it: both gradients from one pass of each network, before either update."""

    def step(real):
        latents = tf.random.normal([batch_size, network.LATENT])
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fake = generator(latents, training=True)
            on_real, on_fake = discriminator(real, training=True), discriminator(fake, training=True)
            second = cross_entropy(on_fake, 1)
            first = cross_entropy(on_real, 1) + cross_entropy(on_fake, 0)
        gradients = generator_tape.gradient(second, generator.trainable_variables)
        update(discriminator_optimizer, discriminator_tape, first, discriminator)
        generator_optimizer.apply_gradients(zip(gradients, generator.trainable_variables))
        return first, second

    return step


class KerasIoGAN(keras.Model):
    """The step of keras.io's DCGAN example: real and fake images in one batch under noisy labels, then G alone."""

    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.noise = keras.random.SeedGenerator(0)
        self.losses_seen = [keras.metrics.Mean(name=name) for name in ("d_loss", "g_loss")]
        self.built = True

    def compile(self, generator_optimizer, discriminator_optimizer, loss):
        super().compile()
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer
        self.cost = loss

    @property
    def metrics(self):
        return self.losses_seen

    def train_step(self, real):
        count = ops.shape(real)[0]
        fake = self.generator(keras.random.normal((count, network.LATENT), seed=self.noise), training=True)
        labels = ops.concatenate([ops.zeros((count, 1)), ops.ones((count, 1))])  # 1 is for fake, in this example
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            first = self.cost(labels, self.discriminator(ops.concatenate([real, fake]), training=True))
        update(self.discriminator_optimizer, tape, first, self.discriminator)
        latents = keras.random.normal((count, network.LATENT), seed=self.noise)
        with tf.GradientTape() as tape:
            logits = self.discriminator(self.generator(latents, training=True), training=True)
            second = self.cost(ops.zeros((count, 1)), logits)
        update(self.generator_optimizer, tape, second, self.generator)
        for metric, loss in zip(self.losses_seen, (first, second)):
            metric.update_state(loss)
        return {metric.name: metric.result() for metric in self.losses_seen}


def keras_io(images, batch_size, width):
    """keras.io's example on its own loop, which is Keras' `fit` of a model with another `train_step`."""
    model = KerasIoGAN(network.generator(width), network.discriminator(width))
    model.compile(
        *(keras.optimizers.Adam(network.RATE) for _ in range(2)), keras.losses.BinaryCrossentropy(from_logits=True)
    )
    dataset = batches(images, batch_size)

    def train(step_done):
        told = StepsDone(step_done, batch_size, lambda: int(model.generator_optimizer.iterations))
        model.fit(dataset, epochs=10**6, verbose=0, callbacks=[told], shuffle=False)

    return Turnstile(train).window


def matrix_product(size):
    """One product of float32 matrices of `size` x `size`: 2 size^3 operations."""
    a, b = (tf.random.stateless_normal([size, size], [seed, 0]) for seed in (1, 2))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, b)[0]))

    def step():
        float(product())
        return 2 * size**3

    return windows(step)
