"""Jolicoeur-Martineau 2018, appendix: RaSGAN on CIFAR-10 by DCGAN's networks.

    python -m tfgen.run --config=ragan_paper

Adam 2e-4, beta_1 0.5, beta_2 0.999; batches of 32; 100,000 updates of G. Different here: DCGAN's discriminator, where
the paper's "standard CNN" has three more convolutions of stride 1 and spectral normalisation.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="ragan",
        dataset="cifar10",
        batch_size=32,
        steps=100_000,
        options={"latent_dim": 128, "prior": "normal", "learning_rate": 2e-4, "beta_1": 0.5, "ema": None},
    )
