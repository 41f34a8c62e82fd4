"""Donahue et al. 2017, section 4.2: BiGAN on MNIST.

    python -m tfgen.run --config=bigan_paper

z of 50 numbers, uniform on [-1, 1); 400 epochs of batches of 128; Adam with a learning rate of 2e-4 and beta_1 = 0.5,
which decays in the second half of the training. Different here: convolutional networks instead of dense ones, a
constant rate.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="bigan",
        dataset="mnist",
        batch_size=128,
        epochs=400,
        options={"latent_dim": 50, "prior": "uniform(-1, 1)", "learning_rate": 2e-4, "beta_1": 0.5, "ema": None},
    )
