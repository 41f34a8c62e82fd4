"""A model of your own in one file: a subclass that changes one term of the training, registered under a name.

    python examples/own_model.py
    python -m tfgen.run --plugin=own_model --model=drift_gan --set=width=32 --steps=600     # in this folder

The Wasserstein loss leaves D's outputs free to drift by any constant. The model adds 0.001 E[D(x)^2] (Karras et al.
2018, appendix A.1). Prints the mean output of D with and without the term, and loads the model from its file.
"""

import argparse
import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf

import tfgen


class Drift(tfgen.AdversarialModel):
    """A GAN that keeps D's outputs near 0."""

    def __init__(self, generator, discriminator, *, drift=1e-3, **options):  # saved and loaded as it is called
        super().__init__(generator, discriminator, **options)
        self.drift = drift

    def more_terms(self, phase, batch, real, fake, step):  # from outputs that the phase has already computed
        return {"drift": self.drift * tf.reduce_mean(tf.square(real.logit))} if phase == "discriminator" else {}


@tfgen.register_model("drift_gan")
def drift_gan(fields, *, width: int = 16, drift: float = 1e-3, seed: int = 0):
    """Wasserstein GAN with a gradient penalty and a drift term."""
    shape, networks = fields["image"].shape, tfgen.networks
    pair = networks.dcgan_generator(shape, 64, width), networks.dcgan_discriminator(shape, width, normalize=False)
    penalty = tfgen.penalties.gradient_penalty()
    model = Drift(*pair, drift=drift, latent_dim=64, loss=tfgen.losses.wasserstein, penalty=penalty, seed=seed)
    model.compile()
    return model


def main(steps):
    images = tfgen.load_dataset("fashion_mnist_mini").to_numpy("train")["image"]
    for drift in (0.0, 1e-3, 1.0):
        model = tfgen.build_model("drift_gan", image_shape=(28, 28, 1), width=8, drift=drift)
        model.fit(images, batch_size=32, epochs=1, steps_per_epoch=steps, verbose=0)
        real = float(np.mean(model.discriminate_images(images[:500])))
        fake = float(np.mean(model.discriminate_images(model.sample(500))))
        print(f"drift {drift:5}: D = {real:7.2f} on real images, {fake:7.2f} on samples", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        model.save(pathlib.Path(folder) / "drift.keras")
        loaded = keras.saving.load_model(pathlib.Path(folder) / "drift.keras")
    print(f"loaded again: drift = {loaded.drift}, step {int(loaded.step)}, the same weights: "
          f"{loaded.digest() == model.digest()}")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=120, help="training steps of each of the three")
    main(parser.parse_args().steps)
