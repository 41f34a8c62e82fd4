"""DCGAN on the embedded Fashion-MNIST images, sized and tuned for two CPU cores.

    python -m tfgen.run --model=dcgan

Against the paper (`dcgan_paper`): 32 channels instead of 128, 4 x 4 kernels, z of 32 numbers instead of 100 (measured:
a fifth less Frechet distance after the same time), no batch norm in D, batches of 32, and an average of G's weights:
what a short training gains from is many and large steps. Adam without momentum (beta_1 = 0, Karras et al. 2018,
appendix A.1), and G's steps three times those of D: Frechet distances after 150 seconds of one core, measured
once each (the first row without oneDNN),

    beta_1   rate of G   rate of D   distance
    0.5      0.001       0.002       11.7
    0        0.001       0.002       10.3
    0        0.0015      0.0015       9.7
    0        0.002       0.001        8.5
    0        0.003       0.001        8.0

README has the figures to expect.
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
            "generator_learning_rate": 3e-3,
            "discriminator_learning_rate": 1e-3,
            "beta_1": 0.0,
            "beta_2": 0.99,
            "ema": 0.999,
        },
    )
