"""Gulrajani et al. 2017, algorithm 1: WGAN-GP with DCGAN's networks at 64 x 64, on CelebA instead of LSUN bedrooms.

    python -m tfgen.run --config=wgan_gp_paper

Of the paper: weight 10 of the penalty, five updates of the critic per update of G, Adam 1e-4 with beta_1 = 0 and beta_2
= 0.9, batches of 64. Of the authors' code (igul222/improved_wgan_training, `gan_64x64.py`, its DCGAN): z of 128 normal
numbers, 64 channels, 5 x 5 kernels, weights of standard deviation 0.02, 200,000 updates of G. Different here: no
normalisation in the critic, where theirs has layer normalisation.
"""

import tfgen


def recipe():
    rates = {"learning_rate": 1e-4, "beta_1": 0.0, "beta_2": 0.9}
    options = {"latent_dim": 128, "width": 64, "normalize": False, "prior": "normal", **rates}
    return tfgen.load_recipe("dcgan_paper").replace(model="wgan_gp", batch_size=64, steps=200_000, options=options)
