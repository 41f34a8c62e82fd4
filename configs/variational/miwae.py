"""Multiply importance-weighted autoencoder on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=miwae

The recipe of `iwae` with the mean of two bounds of four draws each (Rainforth et al. 2018).
"""

import tfgen


def recipe():
    return tfgen.load_recipe("iwae").replace(model="miwae", options={"objective": "miwae(2)", "samples": 8})
