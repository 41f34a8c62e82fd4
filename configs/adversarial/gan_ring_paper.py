"""Lin et al. 2018 (PacGAN): the plain GAN that loses modes of the ring, with the settings of the authors' code.

    python -m tfgen.run --config=gan_ring_paper

z: N(0, I) in 2 dimensions; G: four layers of 400 units with batch norm, ReLU; D: three maxout layers of 200 x 5, no
dropout; Adam, learning rate 1e-4, beta_1 0.8; batches of 100, 400 epochs of 100,000 points; no average of G. Initial
weights U(-0.0346, 0.0346) have the standard deviation of the authors' N(0, 0.02^2). Reported: 6.3 modes of 8, 98.2 % of
the points within 3 sigma, a KL of 0.45, means over 10 runs. It takes hours on a CPU; `gan_ring` takes minutes.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="gan",
        dataset="ring",
        batch_size=100,
        epochs=400,
        options={
            "latent_dim": 2,
            "prior": "normal",
            "units": [400, 400, 400, 400],
            "normalize": True,
            "maxout_units": [200, 200, 200],
            "dropout": 0.0,
            "initial_scale": 0.0346,
            "learning_rate": 1e-4,
            "beta_1": 0.8,
            "ema": None,
        },
    )
