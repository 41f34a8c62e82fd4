"""`AdversarialModel.fit` against a hand-written `tf.function` loop over the same networks, optimizers and batch.

    python benchmarks/fit_against_loop.py --repeats=7 --seconds=15

Prints images a second of both in turns, and the ratio of the medians: 0.95 or more is wanted. The loop makes the same
updates: one of the discriminator, then one of the generator on fresh latents. `--shared` adds the loop of TensorFlow's
tutorial, whose two updates share one pass of the generator and see the networks as they were before either.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import measuring
import tensorflow as tf

import tfgen
from tfgen.networks import dcgan_discriminator, dcgan_generator

LATENT = 100


def networks(width):
    generator = dcgan_generator((28, 28, 1), LATENT, width, kernel_size=4)
    return generator, dcgan_discriminator((28, 28, 1), width, kernel_size=4)


def adam():
    return keras.optimizers.Adam(2e-4, beta_1=0.5)


def cross_entropy(logits, label):
    labels = tf.fill(tf.shape(logits), float(label))
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))


def fitted(images, args, ema):
    """tfgen: returns a function that trains so many epochs."""
    model = tfgen.AdversarialModel(*networks(args.width), latent_dim=LATENT, ema=ema)
    model.compile(adam(), adam())

    def run(epochs):
        model.fit(images, batch_size=args.batch_size, epochs=epochs, verbose=0)

    return run


def looped(images, args, step_of):
    """The hand-written loop around `step_of(generator, discriminator, optimizers) -> step(real)`."""
    step = tf.function(step_of(*networks(args.width), adam(), adam()))
    dataset = (
        tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).batch(args.batch_size, drop_remainder=True)
    )
    dataset = dataset.map(lambda x: tf.cast(x, tf.float32) / 127.5 - 1.0, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)

    def run(epochs):
        for _ in range(epochs):
            for real in dataset:
                losses = step(real)
        return [float(loss) for loss in losses]

    return run


def alternating(generator, discriminator, generator_optimizer, discriminator_optimizer):
    """One update of D, then one of G against it: Goodfellow et al. 2014, algorithm 1."""

    def latents(real):
        return tf.random.uniform([real.shape[0], LATENT], -1.0, 1.0)

    def step(real):
        fake = generator(latents(real), training=True)
        with tf.GradientTape() as tape:
            real_loss = cross_entropy(discriminator(real, training=True), 1)
            discriminator_loss = real_loss + cross_entropy(discriminator(fake, training=True), 0)
        variables = discriminator.trainable_variables
        discriminator_optimizer.apply_gradients(zip(tape.gradient(discriminator_loss, variables), variables))
        with tf.GradientTape() as tape:
            fake = generator(latents(real), training=True)
            generator_loss = cross_entropy(discriminator(fake, training=True), 1)
        variables = generator.trainable_variables
        generator_optimizer.apply_gradients(zip(tape.gradient(generator_loss, variables), variables))
        return discriminator_loss, generator_loss

    return step


def simultaneous(generator, discriminator, generator_optimizer, discriminator_optimizer):
    """Both updates from one pass, as in the TensorFlow tutorial."""

    def step(real):
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fake = generator(tf.random.uniform([real.shape[0], LATENT], -1.0, 1.0), training=True)
            real_logits, fake_logits = discriminator(real, training=True), discriminator(fake, training=True)
            generator_loss = cross_entropy(fake_logits, 1)
            discriminator_loss = cross_entropy(real_logits, 1) + cross_entropy(fake_logits, 0)
        variables = discriminator.trainable_variables
        gradients = discriminator_tape.gradient(discriminator_loss, variables)
        discriminator_optimizer.apply_gradients(zip(gradients, variables))
        variables = generator.trainable_variables
        gradients = generator_tape.gradient(generator_loss, variables)
        generator_optimizer.apply_gradients(zip(gradients, variables))
        return discriminator_loss, generator_loss

    return step


def sized(run, images, args):
    """`run` for about `args.seconds`: as many epochs as the first ones, compilation apart, say; returns the images."""
    epochs = None
    per_epoch = len(images) // args.batch_size * args.batch_size

    def sized_run():
        nonlocal epochs
        if epochs is None:
            run(1)
            start = time.perf_counter()
            run(1)
            epochs = max(1, round(args.seconds / (time.perf_counter() - start)))
        run(epochs)
        return epochs * per_epoch

    return sized_run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--width", type=int, default=64, help="channels of the networks' largest maps")
    parser.add_argument("--images", type=int, default=2560, help="images an epoch")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each contender in each round")
    parser.add_argument("--repeats", type=int, default=7, help="rounds")
    parser.add_argument("--shared", action="store_true", help="also the tutorial's loop")
    parser.add_argument("--data_dir", help="where Fashion-MNIST lies")
    args = parser.parse_args()
    images = measuring.garments(args.data_dir, args.images)
    contenders = {
        "loop": looped(images, args, alternating),
        "fit, ema=None": fitted(images, args, None),
        "fit, ema=0.999": fitted(images, args, 0.999),
    }
    if args.shared:
        contenders["loop, one pass of G"] = looped(images, args, simultaneous)
    runs = {name: sized(run, images, args) for name, run in contenders.items()}
    measuring.report(measuring.in_turns(runs, args.repeats), "loop")


if __name__ == "__main__":
    main()
