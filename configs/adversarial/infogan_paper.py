"""Chen et al. 2016, appendix C.1: InfoGAN on MNIST.

    python -m tfgen.run --config=infogan_paper

z of 62 numbers, a code of ten values, two continuous codes; Adam, learning rates of 1e-3 for G and 2e-4 for D, lambda
1. Different here: DCGAN's networks; a weight of 1 for the continuous codes too.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="infogan",
        dataset="mnist",
        batch_size=128,
        epochs=50,
        options={
            "latent_dim": 62,
            "categories": 10,
            "continuous": 2,
            "generator_learning_rate": 1e-3,
            "discriminator_learning_rate": 2e-4,
            "beta_1": 0.5,
            "ema": None,
        },
    )
