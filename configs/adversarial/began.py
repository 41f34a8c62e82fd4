"""BEGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=began

Differences from the paper (`began_paper`): 12 channels instead of 64 and more, codes of 32 numbers, gamma = 0.7, since
garments are diverse, larger learning rates, an average of G's weights.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="began",
        batch_size=32,
        epochs=6,
        schedule={"name": "exponential", "rate": 1.0002},
        options={"latent_dim": 32, "width": 12, "gamma": 0.7, "learning_rate": 1e-3, "beta_1": 0.5, "ema": 0.999},
    )
