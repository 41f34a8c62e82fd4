"""Mao et al. 2017, section 4.2: LSGAN at 112 x 112, on CelebA instead of the paper's LSUN.

    python -m tfgen.run --config=lsgan_paper

z of 1024 numbers; the least-squares loss; Adam 1e-3, beta_1 0.5; batches of 64. Different here: DCGAN's generator at
half the channels of `dcgan_paper`, where the paper's has four more convolutions of stride 1.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("dcgan_paper").replace(
        model="lsgan", image_size=112, batch_size=64, options={"latent_dim": 1024, "width": 64, "learning_rate": 1e-3}
    )
