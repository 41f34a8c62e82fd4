"""A loss of your own: two functions of D's logits, here the softened hinge loss, against the built-in ones.

    python examples/own_loss.py

Prints three losses at the same logits, then trains one GAN with each of them and prints how far the samples are from
real images (Frechet distance: lower is better).
"""

import argparse

import keras
import tensorflow as tf

import tfgen
from tfgen.extractors import load_extractor


@keras.saving.register_keras_serializable(package="own_loss")  # saved models find it by this name
def d_loss(real, fake):
    """E[softplus(1 - D(x))] + E[softplus(1 + D(G(z)))] of logits [B, 1], a scalar."""
    return tf.reduce_mean(tf.nn.softplus(1.0 - real)) + tf.reduce_mean(tf.nn.softplus(1.0 + fake))


@keras.saving.register_keras_serializable(package="own_loss")
def g_loss(fake, real=None):
    """-E[D(G(z))]."""
    return -tf.reduce_mean(fake)


LOSSES = {
    "soft hinge": tfgen.Loss(d_loss, g_loss),
    "hinge": tfgen.losses.hinge,
    "non-saturating": tfgen.losses.non_saturating,
}


def main(steps):
    real, fake = tf.constant([[2.0], [0.5]]), tf.constant([[-1.5], [0.5]])
    for name, loss in LOSSES.items():
        values = float(loss.discriminator_loss(real, fake)), float(loss.generator_loss(fake))
        print(f"{name:15} D's loss {values[0]:.3f}   G's loss {values[1]:.3f}")

    data, extractor = tfgen.load_dataset("fashion_mnist_mini"), load_extractor("fashion_mnist")
    images = data.to_numpy("train")["image"]
    features = extractor.features(data.to_numpy("test")["image"])
    for name, loss in LOSSES.items():
        model = tfgen.build_model("gan", image_shape=(28, 28, 1), loss=loss, learning_rate=1e-3, ema=0.95)
        model.fit(images, batch_size=32, epochs=1, steps_per_epoch=steps, verbose=0)
        distance = tfgen.metrics.frechet_distance(features, extractor.features(model.sample(1000)))
        print(f"{name:15} after {steps} steps: Frechet distance {distance:.1f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=320, help="training steps of each of the three")
    main(parser.parse_args().steps)
