"""Kodali et al. 2017, section 3: DRAGAN with DCGAN's networks at 64 x 64, on CelebA as there.

    python -m tfgen.run --config=dragan_paper

Weight 10 of the penalty towards gradients of norm 1, z of 100 numbers on [-1, 1) (authors' notebook,
kodalinaveen3/DRAGAN); all else as in DCGAN, with batches of 64. The notebook itself has dense networks of 128 on MNIST,
batches of 128 and Adam 1e-4 with beta_1 0.5 and beta_2 0.9. Different here: the noise about real images is normal with
a standard deviation of 0.25, where the notebook takes uniform numbers up to half of that of the batch, and a random
point on the way; no batch normalisation in D, which would couple the images that the penalty takes one by one.
"""

import tfgen


def recipe():
    options = {"width": 64, "normalize": False}
    return tfgen.load_recipe("dcgan_paper").replace(model="dragan", batch_size=64, options=options)
