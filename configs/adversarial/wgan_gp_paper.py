"""Gulrajani et al. 2017, algorithm 1: WGAN-GP with DCGAN's networks at 64 x 64, on CelebA instead of LSUN bedrooms.

    python -m tfgen.run --config=wgan_gp_paper

Weight 10 of the penalty, five updates of the critic per update of G, Adam 1e-4 with beta_1 = 0 and beta_2 = 0.9,
batches of 64. Different here: no normalisation in the critic, where the paper's has layer normalisation.
"""

import tfgen


def recipe():
    rates = {"learning_rate": 1e-4, "beta_1": 0.0, "beta_2": 0.9}
    options = {"width": 64, "normalize": False, "prior": "normal", **rates}
    return tfgen.load_recipe("dcgan_paper").replace(model="wgan_gp", batch_size=64, options=options)
