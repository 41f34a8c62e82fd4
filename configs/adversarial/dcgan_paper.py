"""Radford, Metz and Chintala 2016, section 3: DCGAN at 64 x 64, on CelebA instead of the paper's own set of faces.

    python -m tfgen.run --config=dcgan_paper

z: 100 numbers, U(-1, 1); projection to 4 x 4 x 1024, four 5 x 5 transposed convolutions of stride 2; batch norm
except at G's output and D's input; ReLU and tanh, LeakyReLU 0.2; weights N(0, 0.02^2); Adam 2e-4, beta_1 0.5;
batches of 128; no average of G. For a GPU: 25 epochs are about 40,000 steps.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="dcgan",
        dataset="celeb_a",
        image_size=64,
        batch_size=128,
        epochs=25,
        options={
            "latent_dim": 100,
            "prior": "uniform(-1, 1)",
            "width": 128,
            "kernel_size": 5,
            "stddev": 0.02,
            "learning_rate": 2e-4,
            "beta_1": 0.5,
            "ema": None,
        },
    )
