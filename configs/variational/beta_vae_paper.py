"""Higgins et al. 2017, appendix A: beta-VAE on drawings with known factors.

    python -m tfgen.run --config=beta_vae_paper

Dense networks of two layers of 1200 ReLU, ten latents, a Bernoulli likelihood, beta = 4, Adagrad. Different here: the
drawings are `shapes`, of 32 x 32 pixels, in place of 2D Shapes of 64 x 64, and the decoder mirrors the encoder, where
the paper's has three layers of 1200 tanh.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="beta_vae",
        dataset="shapes",
        batch_size=64,
        epochs=100,
        options={
            "network": "dense",
            "units": [1200, 1200],
            "activation": "relu",
            "latent_dim": 10,
            "beta": 4.0,
            "optimizer": "adagrad",
            "learning_rate": 0.01,
        },
    )
