"""Arjovsky et al. 2017, algorithm 1: WGAN with DCGAN's networks at 64 x 64, on CelebA instead of LSUN bedrooms.

    python -m tfgen.run --config=wgan_paper

RMSprop 5e-5, five updates of the critic per update of G (the paper's code: 100 in the first 25 steps and in every
500th), weights clipped to 0.01, batches of 64.
"""

import tfgen


def recipe():
    base = tfgen.load_recipe("dcgan_paper").without_options(["beta_1"])
    options = {"optimizer": "rmsprop", "learning_rate": 5e-5, "width": 64, "prior": "normal"}
    return base.replace(model="wgan", batch_size=64, options=options)
