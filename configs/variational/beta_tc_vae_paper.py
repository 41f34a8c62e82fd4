"""Chen et al. 2018, section 6 and appendix: beta-TCVAE on drawings with known factors.

    python -m tfgen.run --config=beta_tc_vae_paper

Dense networks of two layers of 1200 ReLU, ten latents, a Bernoulli likelihood, beta = 6, batches of 2048, which the
estimate of the total correlation needs. Different here, as in `beta_vae_paper`: the drawings, and the decoder.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="beta_tc_vae",
        dataset="shapes",
        batch_size=2048,
        epochs=500,
        options={
            "network": "dense",
            "units": [1200, 1200],
            "activation": "relu",
            "latent_dim": 10,
            "objective": "beta_tc(6)",
            "learning_rate": 1e-3,
        },
    )
