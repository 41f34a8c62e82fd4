"""Makhzani et al. 2016, appendix A: adversarial autoencoder on MNIST.

    python -m tfgen.run --config=aae_paper

Dense networks of two layers of 1000 ReLU, codes of 8 numbers, batches of 100. Different here: Adam instead of SGD with
momentum, and a normal prior of variance 1 instead of 25.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="aae",
        dataset="mnist",
        batch_size=100,
        epochs=100,
        options={
            "network": "dense",
            "units": [1000, 1000],
            "activation": "relu",
            "hidden": [1000, 1000],
            "latent_dim": 8,
            "learning_rate": 2e-4,
        },
    )
