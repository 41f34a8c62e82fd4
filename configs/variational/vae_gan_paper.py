"""Larsen et al. 2016, section 4: VAE/GAN on CelebA at 64 x 64.

    python -m tfgen.run --config=vae_gan_paper

z of 128 numbers, 5 x 5 kernels, RMSprop with a learning rate of 3e-4, batches of 64. Different here: batch
normalisation in the discriminator alone, and four halvings in all networks, where the paper's have three in encoder
and decoder.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="vae_gan",
        dataset="celeb_a",
        image_size=64,
        batch_size=64,
        epochs=25,
        options={
            "latent_dim": 128,
            "width": 64,
            "kernel_size": 5,
            "optimizer": "rmsprop",
            "learning_rate": 3e-4,
        },
    )
