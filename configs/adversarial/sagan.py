"""SAGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=sagan

The networks and steps of `sngan`, with self-attention at half the image's size and spectral normalisation in G too; two
time-scales, D's rate four times G's (Zhang et al. 2019, section 4.1). `sagan_paper` has the paper's settings.
"""

import tfgen


def recipe():
    rates = {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 4e-3}
    return tfgen.load_recipe("sngan").replace(model="sagan", options=rates)
