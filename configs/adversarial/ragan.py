"""Relativistic average GAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=ragan

The networks, rates and steps of `dcgan`, the loss of Jolicoeur-Martineau 2018. `ragan_paper` has the paper's settings.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("dcgan").replace(model="ragan")
