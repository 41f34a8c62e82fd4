"""Diffusion on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=ddpm
    python -m tfgen.sample --run=runs/ddpm-fashion_mnist_mini --sampler=ancestral --sampling_steps=100

The network and the steps of `flow_matching`; the cosine schedule, v as what is learned, and min-SNR weights.
`ddpm_paper` has the settings of Ho et al. 2020.
"""

import tfgen


def recipe():
    recipe = tfgen.load_recipe("flow_matching")
    return recipe.without_options(["times"]).replace(model="ddpm")
