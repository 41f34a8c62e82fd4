"""Larsen et al. 2016, section 4 and table 1: VAE/GAN on CelebA at 64 x 64.

    python -m tfgen.run --config=vae_gan_paper

Of the paper: z of 128 numbers, N(0, I); 5 x 5 kernels, three halvings, 64, 128 and 256 channels in the encoder; RMSprop
with a learning rate of 3e-4; batches of 64. Of the authors' code (andersbll/autoencoding_beyond_pixels,
`celeba_aegan.py`), where the paper is silent: gamma 1e-6; 250 rounds of 250 updates. Different here: dense layers of
512 next to the code (paper: 2048 in the encoder); batch normalisation in the discriminator alone; the decoder has no
convolution at full size; the discriminator begins with a halving, and has no dense layer; its features are those of the
last convolution after the activation (code: before it); the decoder is trained by the non-saturating loss, on samples
and on reconstructions with a weight of 1/2 each, as is the discriminator (algorithm 1: 1 each; code: minimax, on
samples); pictures are neither augmented nor are updates skipped to balance the two sides; no weight decay of 1e-5.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="vae_gan",
        dataset="celeb_a",
        image_size=64,
        batch_size=64,
        steps=62_500,
        options={
            "latent_dim": 128,
            "prior": "normal",
            "width": 64,
            "kernel_size": 5,
            "depth": 3,
            "content_weight": 1e-6,
            "prior_weight": 1.0,
            "optimizer": "rmsprop",
            "learning_rate": 3e-4,
        },
    )
