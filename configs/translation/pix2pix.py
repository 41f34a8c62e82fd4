"""Garments from their edges, embedded Fashion-MNIST, sized for two CPU cores.

    python -m tfgen.run --model=pix2pix

Isola et al. 2017: a U-Net, a discriminator of patches that sees the edges too, and 100 times the mean absolute error.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="pix2pix",
        dataset="edges(fashion_mnist_mini)",
        batch_size=32,
        epochs=8,
        options={"width": 16, "dropout": 0.3, "pixel_weight": 30.0, "learning_rate": 5e-4, "ema": 0.999},
    )
