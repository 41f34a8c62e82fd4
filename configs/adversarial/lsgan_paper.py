"""Mao et al. 2017, section 4.2: LSGAN at 112 x 112, on CelebA instead of the paper's LSUN.

    python -m tfgen.run --config=lsgan_paper

Settings of the authors' code (xudonmao/LSGAN, `train_lsun.py`): z of 1024 numbers, U(-1, 1); the least-squares loss; D
of 64 to 512 channels, 5 x 5 kernels; weights N(0, 0.02^2); Adam 1e-3, beta_1 0.5; batches of 64; a million steps.
Different here: DCGAN's generator of 512 to 64 channels and 5 x 5 kernels, where theirs has 256, 256, 128 and 64 of 3 x
3, three convolutions of stride 1 among them.
"""

import tfgen


def recipe():
    options = {"latent_dim": 1024, "width": 64, "learning_rate": 1e-3}
    return tfgen.load_recipe("dcgan_paper").replace(
        model="lsgan", image_size=112, batch_size=64, steps=1_000_000, options=options
    )
