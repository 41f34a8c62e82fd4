"""DRAGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=dragan

The networks, rates and steps of `dcgan`, with the penalty of Kodali et al. 2017. `dragan_paper` has the paper's
settings.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("dcgan").replace(model="dragan")
