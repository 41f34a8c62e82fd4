"""BiGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=bigan

DCGAN's networks and settings of `dcgan`; the latent is an input of D beside the image (Donahue et al. 2017).
`bigan_paper` has the paper's settings for MNIST.
"""

import tfgen


def recipe():
    options = {"prior": "normal", "projection": 128, "full_size": False, "width": 32}
    return tfgen.load_recipe("dcgan").replace(model="bigan", epochs=14, options=options)
