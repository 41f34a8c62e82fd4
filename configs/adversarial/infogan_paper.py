"""Chen et al. 2016, section 7.2 and appendix C.1: InfoGAN on MNIST.

    python -m tfgen.run --config=infogan_paper

Settings of the authors' code (openai/InfoGAN, `launchers/run_mnist_exp.py`): z of 62 numbers, a code of ten values and
two continuous codes, all uniform on [-1, 1); images in [0, 1], a sigmoid in G; 4 x 4 kernels of 64 and 128 channels, a
dense layer of 1024 in D; weights N(0, 0.02^2); Adam with learning rates of 1e-3 for G and 2e-4 for D and beta_1 = 0.5;
lambda 1 for all codes; 50 rounds of 100 updates on batches of 128. Different here: no dense layer of 1024 in G before
the projection, none of 128 in Q and no batch normalisation of D's dense layer; LeakyReLU of slope 0.2 (paper: 0.1,
code: 0.01); convolutions that are normalised have no bias.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="infogan",
        dataset="mnist",
        batch_size=128,
        steps=5_000,
        options={
            "latent_dim": 62,
            "prior": "uniform(-1, 1)",
            "categories": 10,
            "continuous": 2,
            "information": 1.0,
            "width": 64,
            "kernel_size": 4,
            "hidden_units": 1024,
            "output": "sigmoid",
            "generator_learning_rate": 1e-3,
            "discriminator_learning_rate": 2e-4,
            "beta_1": 0.5,
            "beta_2": 0.999,
            "ema": None,
        },
    )
