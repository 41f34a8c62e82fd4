"""Projection discriminator on the embedded Fashion-MNIST images and their labels, sized for two CPU cores.

    python -m tfgen.run --model=projection_gan

DCGAN's networks of `cgan`, the label in G's batch normalisation and in D's projection alone (Miyato and Koyama 2018).
`projection_gan_paper` has the paper's settings as far as these networks go.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("cgan").replace(model="projection_gan", options={"loss": "hinge"})
