"""PacGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=pacgan

The networks, rates and steps of `dcgan`; the discriminator sees two images at once. `pacgan_paper` has the paper's
settings for stacked MNIST.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("dcgan").replace(model="pacgan")
