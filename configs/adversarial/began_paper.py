"""Berthelot et al. 2017, section 4: BEGAN at 64 x 64, on CelebA instead of the paper's own set of faces.

    python -m tfgen.run --config=began_paper

z and codes of 64 numbers, U(-1, 1); 128 channels, from 8 x 8; gamma 0.5, lambda_k 0.001; Adam 1e-4, its betas not
stated; batches of 16. Different here: the rate is constant, where the paper's is halved when the measure of
convergence stalls; no skip connections. The authors published no code.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="began",
        dataset="celeb_a",
        image_size=64,
        batch_size=16,
        epochs=25,
        options={
            "latent_dim": 64,
            "prior": "uniform(-1, 1)",
            "width": 128,
            "depth": 3,
            "gamma": 0.5,
            "gain": 0.001,
            "learning_rate": 1e-4,
            "beta_1": 0.9,
            "ema": None,
        },
    )
