"""WGAN-GP on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=wgan_gp

The networks of `dcgan`; three updates of the critic per update of G instead of the paper's five, Adam without momentum
(Gulrajani et al. 2017, algorithm 1). `wgan_gp_paper` has the paper's settings.
"""

import tfgen


def recipe():
    options = {"discriminator_steps": 3, "generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
    return tfgen.load_recipe("dcgan").replace(model="wgan_gp", options=options)
