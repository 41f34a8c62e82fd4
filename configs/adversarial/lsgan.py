"""LSGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=lsgan

The networks, rates and steps of `dcgan`, the least-squares loss of Mao et al. 2017. `lsgan_paper` has the paper's
settings.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("dcgan").replace(model="lsgan")
