"""Donahue et al. 2017, section 4.2: BiGAN on MNIST.

    python -m tfgen.run --config=bigan_paper

Settings of the authors' code (jeffdonahue/bigan, `train_mnist.sh`): z of 50 numbers, uniform on [-1, 1); images in [0,
1], a sigmoid in G; batches of 128; Adam with a learning rate of 2e-4 and beta_1 = 0.5; 200 epochs at this rate, and 200
in which it falls exponentially to a hundredth. Different here: convolutional networks, theirs are dense, two layers of
1024 in each; weights N(0, 0.02^2) in G and D; no weight decay of 2.5e-5.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="bigan",
        dataset="mnist",
        batch_size=128,
        epochs=400,
        schedule={
            "name": "stages",
            "epochs": [200, *[1] * 200],
            "factors": [1.0, *(0.01 ** (i / 200) for i in range(1, 201))],
        },
        options={
            "latent_dim": 50,
            "prior": "uniform(-1, 1)",
            "output": "sigmoid",
            "learning_rate": 2e-4,
            "beta_1": 0.5,
            "ema": None,
        },
    )
