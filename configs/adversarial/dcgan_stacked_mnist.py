"""DCGAN on stacked MNIST, whose 1000 modes are counted, in about ten minutes on one CPU core.

    python -m tfgen.run --model=dcgan --dataset=stacked_mnist --data_dir=FOLDER_OF_MNIST

Lin et al. 2018 (PacGAN), table 2, 26,000 samples: DCGAN finds 99.0 modes with a KL of 3.40 as measured by VEEGAN's
authors (Srivastava et al. 2017), 78.9 +- 6.5 with 4.50 in PacGAN's own code (64 channels, 100,000 steps of 64, two
updates of G per update of D). This is `dcgan` at half the width, with z of 100 numbers and gentler learning rates;
to expect, by the extractor `mnist`: 960 modes, a KL of 0.69 (1000 and 0.025 for the test split itself).
"""

import tfgen


def recipe():
    return tfgen.load_recipe("dcgan").replace(
        dataset="stacked_mnist",
        batch_size=64,
        steps=4000,
        schedule="constant",
        options={
            "width": 16,
            "full_size": False,
            "hidden_units": None,
            "latent_dim": 100,
            "generator_learning_rate": 5e-4,
            "discriminator_learning_rate": 1e-3,
            "beta_1": 0.5,
            "beta_2": 0.999,
        },
    )
