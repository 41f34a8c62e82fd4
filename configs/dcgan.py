"""DCGAN on the embedded Fashion-MNIST images, sized and tuned for two CPU cores.

    python -m tfgen.run --model=dcgan

Against the paper (`dcgan_paper`): 32 channels instead of 128, 4 x 4 kernels, z of 32 numbers instead of 100 (measured:
a fifth less Frechet distance after the same time), no batch norm in D, batches of 32, much larger learning rates, those
of D twice those of G (Heusel et al. 2017), Adam's beta_2 at 0.99, and an average of G's weights: what a short training
gains from is many and large steps. README has the figures to expect.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="dcgan",
        batch_size=32,
        epochs=15,
        options={
            "latent_dim": 32,
            "width": 32,
            "kernel_size": 4,
            "normalize": False,
            "generator_learning_rate": 1e-3,
            "discriminator_learning_rate": 2e-3,
            "beta_1": 0.5,
            "beta_2": 0.99,
            "ema": 0.999,
        },
    )
