"""Adversarial autoencoder on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=aae

The networks of `vae` without noise on the codes; a small dense discriminator makes the codes normal (Makhzani et al.
2016). The game of the codes is slower than the autoencoder: with one rate of 0.001 for all, all images became averages
of garments. Frechet distance of 2,000 samples after 60 CPU seconds, one run each:

    rate of the encoder against D   rate of D   distance
    0.001                           0.001       57.6
    0.0001                          0.001       25.9
    0.0001                          0.0003      25.5
    0.0003                          0.0003      20.2
    0.00002, and an average         0.001       57.5

`aae_paper` has the paper's settings for MNIST.
"""

import tfgen


def recipe():
    rates = {"learning_rate": 1e-3, "encoder_learning_rate": 3e-4, "discriminator_learning_rate": 3e-4}
    return tfgen.Recipe(model="aae", batch_size=64, epochs=30, options={"latent_dim": 16, **rates})
