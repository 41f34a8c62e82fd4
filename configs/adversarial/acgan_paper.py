"""Odena et al. 2017, table of CIFAR-10 in the appendix.

    python -m tfgen.run --config=acgan_paper

z of 110 numbers; Adam with a learning rate of 0.0002 and beta_1 = 0.5, 50,000 updates on batches of 100, weights
N(0, 0.02^2), dropout 0.5 in D, LeakyReLU of slope 0.2, 5 x 5 kernels in G. Different here: D has 5 x 5 kernels and
halves the image in each of its convolutions, where the paper's has six of 3 x 3, three of them of stride 1; no noise on
activations.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="acgan",
        dataset="cifar10",
        batch_size=100,
        steps=50_000,
        options={"latent_dim": 110, "dropout": 0.5, "learning_rate": 2e-4, "beta_1": 0.5, "ema": None},
    )
