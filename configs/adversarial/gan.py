"""GAN with dense networks on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=gan

Differences from the paper (`gan_paper`): Adam, a tanh output, an average of G's weights. Samples of dense networks are
coarser than those of `dcgan`.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="gan",
        batch_size=64,
        epochs=60,
        options={"units": [512, 512], "dropout": 0.3, "learning_rate": 2e-4, "beta_1": 0.5, "ema": 0.999},
    )
