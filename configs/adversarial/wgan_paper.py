"""Arjovsky et al. 2017, algorithm 1: WGAN with DCGAN's networks at 64 x 64, on CelebA instead of LSUN bedrooms.

    python -m tfgen.run --config=wgan_paper

Of the paper: RMSprop 5e-5, five updates of the critic per update of G, weights clipped to 0.01, batches of 64. Of the
authors' code (martinarjovsky/WassersteinGAN), where the paper is silent: z of 100 normal numbers, 4 x 4 kernels, 64
channels, 25 epochs. Different here: five updates of the critic always (the code: 100 in the first 25 steps and in every
500th); RMSprop averages with a decay of 0.9 (PyTorch's: 0.99); the critic's last layer has a bias, which changes
nothing.
"""

import tfgen


def recipe():
    base = tfgen.load_recipe("dcgan_paper").without_options(["beta_1"])
    options = {"optimizer": "rmsprop", "learning_rate": 5e-5, "width": 64, "kernel_size": 4, "prior": "normal"}
    return base.replace(model="wgan", batch_size=64, options=options)
