"""Convolutional autoencoder on the embedded Fashion-MNIST images: what the VAE adds shows against it.

python -m tfgen.run --model=ae
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(model="ae", epochs=15)
