"""InfoGAN on the embedded Fashion-MNIST images, without labels, sized for two CPU cores.

    python -m tfgen.run --model=infogan

DCGAN's networks and settings of `dcgan`, one code of ten values and two continuous ones (Chen et al. 2016,
section 7.2). `infogan_paper` has the paper's settings for MNIST.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("dcgan").replace(model="infogan")
