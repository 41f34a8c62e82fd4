"""VAE/GAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=vae_gan

The networks of `vae`, and DCGAN's discriminator, whose features measure reconstructions (Larsen et al. 2016). Frechet
distance of 2,000 samples after 60 CPU seconds, one run each: with a rate of 0.0005 and no average 29.0; with 0.001 and
an average 30.6, with `content_weight=0.1` in addition 18.5, with 0.03 22.1. All 15 epochs of this recipe: 14.8, recall
0.45; with a rate that falls from 0.002 to a third the same, 14.7; batches of 32 and Adam without momentum 17.0.
`vae_gan_paper` has the paper's settings for CelebA.
"""

import tfgen


def recipe():
    options = {"latent_dim": 16, "content_weight": 0.1, "learning_rate": 1e-3, "beta_1": 0.5, "ema": 0.999}
    return tfgen.Recipe(model="vae_gan", batch_size=64, epochs=15, options=options)
