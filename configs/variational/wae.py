"""Wasserstein autoencoder on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=wae

The networks of `vae` with one code per image; `--set=encoder=gaussian` draws codes, as `vae` does. The discrepancy
weighs 100, since the reconstruction error here is a cross-entropy of some 200 nats.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(model="wae", options={"scale": 100.0})
