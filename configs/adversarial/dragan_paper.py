"""Kodali et al. 2017, section 3: DRAGAN with DCGAN's networks at 64 x 64, on CelebA as there.

    python -m tfgen.run --config=dragan_paper

Weight 10 of the penalty; Adam 2e-4, beta_1 0.5; batches of 64. Different here: the noise about real images has a
standard deviation of 0.25, where the authors' code takes half that of the batch.
"""

import tfgen


def recipe():
    options = {"width": 64, "normalize": False}
    return tfgen.load_recipe("dcgan_paper").replace(model="dragan", batch_size=64, options=options)
