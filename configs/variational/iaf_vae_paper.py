"""Kingma et al. 2016, section 6.1: inverse autoregressive flow on dynamically binarised MNIST.

    python -m tfgen.run --config=iaf_vae_paper

One layer of 32 latents, eight flows, the best of the paper's table of flows by number and width. Different here:
encoder and decoder are those of `vae`, where the paper's are residual; the flows are causal convolutions over the
numbers of a code, where the paper's are dense layers with masks.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="iaf_vae",
        dataset="mnist",
        batch_size=100,
        epochs=500,
        options={
            "width": 32,
            "kernel_size": 4,
            "latent_dim": 32,
            "flows": 8,
            "flow_width": 64,
            "binarize": "dynamic",
            "learning_rate": 1e-3,
        },
    )
