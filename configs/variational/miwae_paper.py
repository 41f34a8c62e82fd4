"""Rainforth et al. 2018, section 5: MIWAE(8, 8) on MNIST, with the networks of Burda et al. 2016.

    python -m tfgen.run --config=miwae_paper --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ

64 draws of z per image in eight bounds. Different here: the fixed binarisation, so that the figure stands beside those
of `vae_binarized_mnist_paper` and `iwae_paper`.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("iwae_paper").replace(model="miwae", options={"objective": "miwae(8)", "samples": 64})
