"""VAE/GAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=vae_gan

The networks of `vae`, and DCGAN's discriminator, whose features measure reconstructions (Larsen et al. 2016).
`vae_gan_paper` has the paper's settings for CelebA.
"""

import tfgen


def recipe():
    options = {"latent_dim": 16, "learning_rate": 5e-4, "beta_1": 0.5}
    return tfgen.Recipe(model="vae_gan", batch_size=64, epochs=15, options=options)
