"""WGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=wgan

The networks of `dcgan`; five updates of the critic per update of G, weights clipped to 0.02, RMSprop without momentum
(Arjovsky et al. 2017, section 4). `wgan_paper` has the paper's settings.
"""

import tfgen


def recipe():
    base = tfgen.load_recipe("dcgan").without_options(["beta_1", "beta_2"])
    rates = {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 5e-4}
    return base.replace(model="wgan", epochs=20, options={"optimizer": "rmsprop", "weight_clip": 0.02, **rates})
