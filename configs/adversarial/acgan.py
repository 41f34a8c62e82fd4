"""AC-GAN on the embedded Fashion-MNIST images and their labels, sized and tuned for two CPU cores.

    python -m tfgen.run --model=acgan

DCGAN's networks of `cgan`: the label is an input of G; D sees the image alone, and names its class (Odena et al. 2017).
`acgan_paper` has the paper's settings for CIFAR-10.
"""

import tfgen


def recipe():
    base = tfgen.load_recipe("cgan")
    return base.without_options(["projection"]).replace(model="acgan", options={"generated_class_weight": 0.0})
