"""Mirza and Osindero 2014, section 4.1: the conditional GAN with dense networks on MNIST.

    python -m tfgen.run --config=cgan_paper

z: 100 numbers, uniform on the unit hypercube; G: z -> 200 and y -> 1000, joint 1200, all ReLU, sigmoid; D: x ->
maxout 240 x 5, y -> maxout 50 x 5, joint maxout 240 x 4; dropout 0.5 in both; SGD, batches of 100, learning rate 0.1
divided by 1.00004 per step down to 1e-6, momentum 0.5 to 0.7. The paper reports a Parzen-window log-likelihood of 132
nats.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="cgan",
        dataset="mnist",
        batch_size=100,
        epochs=500,
        schedule={"name": "exponential", "rate": 1.00004, "floor": 1e-6},
        options={
            "network": "dense",
            "latent_dim": 100,
            "prior": "uniform(0, 1)",
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
