"""Miyato and Koyama 2018: projection discriminator and conditional batch norm, on CIFAR-10.

    python -m tfgen.run --config=projection_gan_paper

Settings of the authors' code for CIFAR-10 (pfnet-research/sngan_projection, `sn_cifar10_conditional.yml`): z of 128
normal numbers; hinge loss; spectral normalisation of D; five updates of D per update of G; Adam with a learning rate of
0.0002, which falls linearly to 0, beta_1 = 0 and beta_2 = 0.9; batches of 64; 50,000 updates of G; no average of G.
(The paper itself has ImageNet, 128 x 128, 450,000 updates with the rate falling over the last 50,000.) Different here:
DCGAN's networks, nearest to the standard CNN of SNGAN (table 3), where theirs are ResNets of 256 channels in G and 128
in D; an inner product in 128 dimensions, to which the features are mapped, and theirs has the features themselves; the
rate falls in 100 stages; an update of G sees 64 images, theirs 128.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="projection_gan",
        dataset="cifar10",
        batch_size=64,
        steps=50_000,
        # 500 updates of G each, on 95 % of 50,000 images
        schedule={"name": "stages", "epochs": [3.37] * 100, "factors": [1 - i / 100 for i in range(100)]},
        options={
            "latent_dim": 128,
            "prior": "normal",
            "loss": "hinge",
            "width": 64,
            "kernel_size": 4,
            "full_size": True,
            "normalize": False,
            "spectral": True,
            "discriminator_steps": 5,
            "learning_rate": 2e-4,
            "beta_1": 0.0,
            "beta_2": 0.9,
            "ema": None,
        },
    )
