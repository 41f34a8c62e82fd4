"""Goodfellow et al. 2014: dense networks on MNIST, with the settings of the authors' code.

    python -m tfgen.run --config=gan_paper
    python -m tfgen.run --config=gan_paper --set=loss=minimax      # equation 1 as printed

z: 100 numbers, U(-sqrt 3, sqrt 3); G: 1200-1200 ReLU, sigmoid; D: two maxout layers of 240 x 5, dropout 0.5; weights
U(-0.05, 0.05); SGD, batches of 100, learning rate 0.1 divided by 1.000004 per step down to 1e-6, momentum 0.5 to 0.7
over 250 epochs; k = 1; no average of G. The paper reports a Parzen-window log-likelihood of 225 nats, a metric that
is no longer in use.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="gan",
        dataset="mnist",
        batch_size=100,
        epochs=500,
        schedule={"name": "exponential", "rate": 1.000004, "floor": 1e-6},
        options={
            "latent_dim": 100,
            "prior": "uniform(-1.7320508, 1.7320508)",
            "units": [1200, 1200],
            "maxout_units": [240, 240],
            "dropout": 0.5,
            "initial_scale": 0.05,
            "output": "sigmoid",
            "optimizer": "sgd",
            "learning_rate": 0.1,
            "momentum": 0.5,
            "final_momentum": 0.7,
            "momentum_steps": 250 * 570,
            "ema": None,
        },
    )
