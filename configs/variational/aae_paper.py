"""Makhzani et al. 2016, appendix A: adversarial autoencoder on MNIST.

    python -m tfgen.run --config=aae_paper

Dense networks of two layers of 1000 ReLU, codes of 8 numbers, weights N(0, 0.01^2), the squared error of a sigmoid's
output, batches of 100. Different here: Adam instead of SGD with momentum, a normal prior of variance 1 instead of 25,
and LeakyReLU and Keras' initial weights in the discriminator. The paper's authors published no code.
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
            "stddev": 0.01,
            "likelihood": "gaussian(1)",
            "hidden": [1000, 1000],
            "latent_dim": 8,
            "learning_rate": 2e-4,
        },
    )
