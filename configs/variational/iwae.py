"""Importance-weighted autoencoder on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=iwae

The recipe of `vae` with five draws of z per image and their importance-weighted bound. A bound needs a likelihood:
pixels are binarised anew at every step.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(
        model="iwae", epochs=10, options={"objective": "iwae", "samples": 5, "binarize": "dynamic"}
    )
