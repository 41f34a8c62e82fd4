"""Berthelot et al. 2017, section 4: BEGAN at 64 x 64, on CelebA instead of the paper's own set of faces.

    python -m tfgen.run --config=began_paper

z and codes of 64 numbers, U(-1, 1); 128 channels; gamma 0.5, lambda_k 0.001; Adam 1e-4 (beta_1 0.5, as in the code);
batches of 16. Different here: the rate is constant, where the paper's is halved when the measure of convergence stalls;
no skip connections.
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
            "gamma": 0.5,
            "learning_rate": 1e-4,
            "beta_1": 0.5,
            "ema": None,
        },
    )
