"""Huang et al. 2024, appendix: R3GAN on CIFAR-10.

    python -m tfgen.run --config=r3gan_paper

z: N(0, I) in 64 dimensions; Adam 2e-4 falling to 5e-5, beta_1 = 0; weight of R1 and R2 0.05 falling to 0.005, batches
of 512, average of G. The paper reports an FID of 1.96 with class labels and augmentation. Different here: rate and
weight are constant, beta_2 is 0.99, convolutions have one group, no labels, and no adaptive augmentation.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="r3gan",
        dataset="cifar10",
        batch_size=512,
        epochs=1000,
        options={
            "latent_dim": 64,
            "prior": "normal",
            "width": 128,
            "blocks": 2,
            "penalty": "r1_r2(0.05)",
            "learning_rate": 2e-4,
            "beta_1": 0.0,
            "beta_2": 0.99,
            "ema": 0.9999,
        },
    )
