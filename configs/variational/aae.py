"""Adversarial autoencoder on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=aae

The networks of `vae` without noise on the codes; a small dense discriminator makes the codes normal (Makhzani et al.
2016). `aae_paper` has the paper's settings for MNIST.
"""

import tfgen


def recipe():
    options = {"latent_dim": 16, "learning_rate": 1e-3}
    return tfgen.Recipe(model="aae", batch_size=64, epochs=30, options=options)
