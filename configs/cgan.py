"""Conditional GAN on the embedded Fashion-MNIST images and their labels, sized and tuned for two CPU cores.

    python -m tfgen.run --model=cgan

DCGAN's networks as in `dcgan`; the label is joined to z in G, and to the image in D, where an inner product with the
features is added (Miyato and Koyama 2018). The paper's dense networks: `cgan_paper`. README has the figures to
expect.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("dcgan").replace(model="cgan", epochs=14, options={"projection": 128})
