"""Odena et al. 2017, table 2 of the appendix: AC-GAN on CIFAR-10.

    python -m tfgen.run --config=acgan_paper

The paper has, and here: z of 110 numbers; G of 384 x 4 x 4, 192 and 96 channels, 5 x 5 kernels, tanh; LeakyReLU of
slope 0.2 and dropout 0.5 in D; weights N(0, 0.02^2); Adam with a learning rate of 0.0002 (of 0.0001, 0.0002 and 0.0003)
and beta_1 = 0.5; 50,000 updates on batches of 100. Different here: D has 5 x 5 kernels and halves the image in each of
its three convolutions, where the paper's has six of 3 x 3 from 16 to 512 channels, three of them of stride 1; G's dense
layer has batch normalisation; no noise on activations (of 0, 0.1 and 0.2).
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="acgan",
        dataset="cifar10",
        batch_size=100,
        steps=50_000,
        options={
            "latent_dim": 110,
            "width": 96,
            "kernel_size": 5,
            "dropout": 0.5,
            "learning_rate": 2e-4,
            "beta_1": 0.5,
            "beta_2": 0.999,
            "ema": None,
        },
    )
