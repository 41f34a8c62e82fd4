"""LSGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=lsgan

The networks and steps of `dcgan`, the least-squares loss of Mao et al. 2017. Frechet distance, recall and precision of
2,000 samples, one run each: with the rates of `dcgan`, 0.003 for G and 0.0005 for D, 8.6, 0.44 and 0.68; with 0.001 for
both 8.5, 0.57 and 0.76. `lsgan_paper` has the paper's settings.
"""

import tfgen


def recipe():
    rates = {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
    return tfgen.load_recipe("dcgan").replace(model="lsgan", options=rates)
