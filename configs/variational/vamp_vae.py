"""VAE with a learned prior on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=vamp_vae

The recipe of `vae` with a prior of 50 components, and pixels binarised anew at every step.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(
        model="vamp_vae", epochs=12, options={"components": 50, "binarize": "dynamic"}
    )
