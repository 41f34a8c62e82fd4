"""Huang et al. 2024, appendix: R3GAN on CIFAR-10.

    python -m tfgen.run --config=r3gan_paper

Settings of the authors' code (brownvc/R3GAN, `--preset=CIFAR10`): z: N(0, I) in 64 dimensions; two blocks per size;
Adam with beta_1 = 0, its rate falling from 2e-4 to 5e-5 along half a cosine over 20 million images; weight of R1 and R2
0.05 at first; batches of 512; mirrored images. The paper reports an FID of 1.96 with class labels and augmentation.
Different here: no labels and no adaptive augmentation (theirs rises to 0.55); the weight of R1 and R2 stays (theirs
falls to 0.005), and so do beta_2 at 0.99 (theirs rises from 0.9) and the decay of G's average (theirs: a half-life that
rises to 5 million images); 128 to 1024 channels (theirs: 768 at every size, twice as many within blocks), 3 x 3
convolutions of one group (theirs: 96); the rate falls in 100 stages, and training ends with it.
"""

import math

import tfgen


def recipe():
    return tfgen.Recipe(
        model="r3gan",
        dataset="cifar10",
        batch_size=512,
        epochs=400,
        mirror=True,
        schedule={
            "name": "stages",
            "epochs": [4] * 100,
            "factors": [0.625 + 0.375 * math.cos(math.pi * i / 100) for i in range(100)],
        },
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
