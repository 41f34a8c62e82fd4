"""Convolutional autoencoder on the embedded Fashion-MNIST images.

    python -m tfgen.run --model=ae

The baseline of `vae`: it reconstructs, and cannot generate. As there, the schedule spans all steps.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(model="ae", epochs=15)
