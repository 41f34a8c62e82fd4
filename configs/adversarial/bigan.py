"""BiGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=bigan

DCGAN's networks; the latent is an input of D beside the image (Donahue et al. 2017). Pairs are compared as in R3GAN
(Huang et al. 2024), with R1 and R2 in every fourth step. Frechet distance of 2,000 samples after 60 CPU seconds, one
run each:

    loss             penalty           projection   rates of G and D   distance
    non-saturating   none              128          0.003, 0.0005      40.2
    non-saturating   none              128          0.001, 0.001       45.0
    relativistic     r1_r2(0.3, 4)     128          0.001, 0.001       36.5
    relativistic     r1_r2(0.1, 4)     none         0.001, 0.001       18.9

These were with penalties that saw E(G(z)) in the place of z. The whole recipe as it is now, 339 CPU seconds: distance
6.7, recall 0.54; of reconstructions 4.4.

`bigan_paper` has the paper's settings for MNIST.
"""

import tfgen


def recipe():
    game = {"loss": "relativistic", "penalty": "r1_r2(0.1, 4)"}
    rates = {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
    options = {"prior": "normal", "full_size": False, "width": 32, **game, **rates}
    return tfgen.load_recipe("dcgan").replace(model="bigan", epochs=14, options=options)
