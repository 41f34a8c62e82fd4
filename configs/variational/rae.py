"""Regularised autoencoder on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=rae

The networks of `vae` without noise: codes stay small, and the decoder's weights too; `--set=smoothness=gradient`
penalises the slope of its images instead. It has no prior of its own.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(model="rae")
