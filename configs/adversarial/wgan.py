"""WGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=wgan

The networks of `dcgan` with batch norm in the critic, which a clipped critic needs to pass its signal on; RMSprop
without momentum (Arjovsky et al. 2017, section 4), three updates of the critic per update of G instead of the paper's
five, and a clip of 0.1 instead of 0.01. Frechet distance of 2,000 samples, one run each:

    clip    batch norm   updates   rates of G, critic   steps   distance   recall
    0.02    no           5         0.001, 0.0005        1,180   30.5       0.03
    0.02    yes          5         0.001, 0.0005          472   27.7       0.07
    0.01    yes          5         0.0005, 0.0002         472   86.4       0
    0.1     no           5         0.001, 0.0005          472   24.0       0.06
    0.05    yes          2         0.001, 0.0005          592   29.1       0.09
    0.05    yes          5         0.001, 0.0005          472   20.8       0.23
    0.05    yes          5         0.001, 0.0005        1,180   15.5       0.31
    0.1     yes          5         0.001, 0.0005          472   19.8       0.15
    0.05    yes          3         0.001, 0.001            784   17.5       0.28
    0.1     yes          3         0.001, 0.001         1,568   14.8       0.41
    0.1     yes          3         0.001, 0.001         2,744   12.7       0.43

`wgan_paper` has the paper's settings.
"""

import tfgen


def recipe():
    base = tfgen.load_recipe("dcgan").without_options(["beta_1", "beta_2"])
    rates = {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
    critic = {"optimizer": "rmsprop", "normalize": True, "weight_clip": 0.1, "discriminator_steps": 3}
    return base.replace(model="wgan", epochs=28, options={**critic, **rates})
