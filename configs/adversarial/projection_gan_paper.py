"""Miyato and Koyama 2018, section 4.1: projection discriminator and conditional batch norm, here on CIFAR-10.

    python -m tfgen.run --config=projection_gan_paper

Spectral normalisation and the hinge loss, five updates of D per update of G, Adam with a learning rate of 0.0002,
beta_1 = 0 and beta_2 = 0.9,
z of 128 normal numbers, batches of 64. Different here: DCGAN's networks instead of ResNets, CIFAR-10 instead of
ImageNet.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="projection_gan",
        dataset="cifar10",
        batch_size=64,
        epochs=100,
        options={
            "latent_dim": 128,
            "prior": "normal",
            "loss": "hinge",
            "normalize": False,
            "spectral": True,
            "discriminator_steps": 5,
            "learning_rate": 2e-4,
            "beta_1": 0.0,
            "beta_2": 0.9,
        },
    )
