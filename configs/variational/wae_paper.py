"""Tolstikhin et al. 2018, section 4 and appendix: WAE-MMD on MNIST.

    python -m tfgen.run --config=wae_paper

Codes of 8 numbers, the squared error, the inverse multiquadratic kernel, lambda = 10, batches of 100, Adam with beta_1
= 0.5. Different here: encoder and decoder are those of `vae`, without batch normalisation.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="wae",
        dataset="mnist",
        batch_size=100,
        epochs=100,
        options={
            "width": 128,
            "kernel_size": 4,
            "depth": 4,
            "latent_dim": 8,
            "likelihood": "gaussian(0.70710678)",
            "scale": 10.0,
            "learning_rate": 1e-3,
            "beta_1": 0.5,
        },
    )
