"""Zhao et al. 2019: InfoVAE with the maximum mean discrepancy, on MNIST.

    python -m tfgen.run --config=info_vae_paper

Convolutional networks, a Gaussian kernel, and the whole divergence beside the discrepancy. The weights of the paper's
figures differ from one to the next; those here are alpha = 0, lambda = 1000.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="info_vae",
        dataset="mnist",
        batch_size=100,
        epochs=100,
        options={"width": 64, "latent_dim": 10, "objective": "info_vae(0, 1000, 'rbf')", "learning_rate": 1e-4},
    )
