"""Lin et al. 2018, section 4.2: PacDCGAN2 on stacked MNIST.

    python -m tfgen.run --config=pacgan_paper --data_dir=FOLDER_OF_MNIST

z of 100 numbers, U(-1, 1); DCGAN's networks at 64 channels; Adam 2e-4, beta_1 0.5; batches of 64. Reported: 1000.0
modes with a KL of 0.06 (DCGAN: 99.0 and 3.40), 26,000 samples. Two updates of G per update of D in the authors' code,
one here.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="pacgan",
        dataset="stacked_mnist",
        batch_size=64,
        steps=100_000,
        options={"latent_dim": 100, "learning_rate": 2e-4, "beta_1": 0.5, "width": 64, "ema": None},
    )
