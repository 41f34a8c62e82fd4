"""Regularised autoencoder on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=rae
    python -m tfgen.sample --run=runs/rae-fashion_mnist_mini --prior=gmm:10 --num=100 --out=samples.png

The networks of `vae` without noise: codes stay small, and the decoder's weights too; `--set=smoothness=gradient`
penalises the slope of its images instead. It has no prior of its own: one is fitted to its codes afterwards.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(model="rae")
