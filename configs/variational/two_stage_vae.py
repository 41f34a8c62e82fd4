"""Two-stage VAE on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=two_stage_vae

The recipe of `vae` for 2,200 steps, then a small dense VAE of its codes.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(model="two_stage_vae", schedule="constant", stages="elbo:2200,second")
