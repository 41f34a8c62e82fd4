"""Kim and Mnih 2018, section 5 and appendix A: FactorVAE on drawings with known factors.

    python -m tfgen.run --config=factor_vae_paper

Ten latents, gamma = 35, a discriminator of five layers of 1000, batches of 64. Different here: the drawings are
`shapes`, of 32 x 32 pixels, the convolutions are those of `vae`, both optimizers have one rate, and the permuted codes
are those of the same batch.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="factor_vae",
        dataset="shapes",
        batch_size=64,
        steps=300_000,
        options={
            "width": 32,
            "kernel_size": 4,
            "latent_dim": 10,
            "tc_weight": 35.0,
            "hidden": [1000] * 5,
            "learning_rate": 1e-4,
        },
    )
