"""Ghosh et al. 2020, section 5 and appendix: RAE-L2 on MNIST.

    python -m tfgen.run --config=rae_paper

Codes of 16 numbers, the squared error, beta = 1e-4, lambda = 1e-7, batches of 100, Adam. Different here: encoder and
decoder are those of `vae`, without batch normalisation.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="rae",
        dataset="mnist",
        batch_size=100,
        epochs=70,
        options={
            "width": 128,
            "kernel_size": 4,
            "depth": 4,
            "latent_dim": 16,
            "likelihood": "gaussian(0.70710678)",
            "code_weight": 1e-4,
            "decoder_weight": 1e-7,
            "learning_rate": 1e-3,
        },
    )
