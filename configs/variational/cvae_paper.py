"""Sohn et al. 2015: conditional VAE, here of MNIST's digits by their class.

    python -m tfgen.run --config=cvae_paper

Dense networks of two layers of 1000 ReLU, 50 latents, a Bernoulli likelihood. Different here: the condition is the
class, where the paper's is a part of the picture, and the prior does not depend on it.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="cvae",
        dataset="mnist",
        batch_size=100,
        epochs=100,
        options={
            "network": "dense",
            "units": [1000, 1000],
            "activation": "relu",
            "latent_dim": 50,
            "binarize": "dynamic",
            "learning_rate": 1e-3,
        },
    )
