"""WGAN-GP on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=wgan_gp

The networks of `dcgan`; three updates of the critic per update of G instead of the paper's five, Adam without momentum
(Gulrajani et al. 2017, algorithm 1). Frechet distance of 2,000 samples, one run each: 16.9 after 9 epochs (recall
0.32), 11.7 after 20 (recall 0.46). `wgan_gp_paper` has the paper's settings.
"""

import tfgen


def recipe():
    options = {"discriminator_steps": 3, "generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
    return tfgen.load_recipe("dcgan").replace(model="wgan_gp", epochs=20, options=options)
