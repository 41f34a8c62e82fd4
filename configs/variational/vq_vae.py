"""VQ-VAE on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=vq_vae

The first 1200 steps train the autoencoder, 28 x 28 to 7 x 7 numbers of 256 vectors, the others the prior of the
numbers, of which an average is kept. `vq_vae_paper` has the settings of van den Oord et al. 2017.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="vq_vae",
        batch_size=64,
        epochs=22,
        stages="autoencoder:1200,prior",
        options={"prior_width": 32, "learning_rate": 1e-3, "ema": 0.999},
    )
