"""Networks of your own: two functional Keras models become a GAN with a training step, an average of G, and samples.

    python examples/own_networks.py

Prints what D thinks of real images and of samples while the two networks train, and writes own_networks.png.
"""

import argparse

import keras
from keras import layers

import tfgen
from tfgen.storage.images import grid, save_png


def generator(latent_dim=16):
    """latent [B, latent_dim] -> image [B, 28, 28, 1] in (-1, 1)."""
    latent = keras.Input((latent_dim,), name="latent")
    x = layers.Dense(7 * 7 * 32, activation="relu")(latent)
    x = layers.Reshape((7, 7, 32))(x)
    x = layers.Conv2DTranspose(16, 4, strides=2, padding="same", activation="relu")(x)
    image = layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh", dtype="float32")(x)
    return keras.Model(latent, image)


def discriminator():
    """image [B, 28, 28, 1] -> logit [B, 1]: no sigmoid at the end."""
    image = keras.Input((28, 28, 1), name="image")
    x = layers.LeakyReLU(0.2)(layers.Conv2D(16, 4, strides=2, padding="same")(image))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(32, 4, strides=2, padding="same")(x))
    return keras.Model(image, layers.Dense(1, dtype="float32")(layers.Flatten()(x)))


def main(steps):
    images = tfgen.load_dataset("fashion_mnist_mini").to_numpy("train")["image"]
    model = tfgen.AdversarialModel(generator(), discriminator(), latent_dim=16, ema=0.99)
    model.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(5e-4, beta_1=0.5))
    rounds = 5
    for _ in range(rounds):
        logs = model.fit(images, batch_size=32, steps_per_epoch=max(1, steps // rounds), verbose=0).history
        real, fake = logs["real_score"][-1], logs["fake_score"][-1]
        print(f"step {int(model.step):4}: D(x) = {real:.2f} on real images, {fake:.2f} on samples", flush=True)
    save_png("own_networks.png", grid(model.sample(64, seed=0)))
    print("64 samples: own_networks.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000, help="training steps")
    main(parser.parse_args().steps)
