"""Lin et al. 2018, section 4.2: PacDCGAN2 on stacked MNIST.

    python -m tfgen.run --config=pacgan_paper --data_dir=FOLDER_OF_MNIST

Settings of the authors' code (fjxmlzn/PacGAN, `VEEGAN_experiment`): z of 100 numbers, U(-1, 1); DCGAN's networks of 64
to 512 channels, 5 x 5 kernels, from 2 x 2; weights N(0, 0.02^2); Adam 2e-4, beta_1 0.5; 50 epochs of 128,000 images in
batches of 64 packs, which are 128 images here. Reported: 1000.0 modes with a KL of 0.06 (DCGAN: 99.0 and 3.40), 26,000
samples. Different here: one update of G per update of D, where theirs makes two; maps grow to 32 x 32 and are cropped
to the image, theirs from 2 x 2 over 4 x 4, 7 x 7 and 14 x 14.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="pacgan",
        dataset="stacked_mnist",
        batch_size=128,
        steps=100_000,
        options={
            "packing": 2,
            "latent_dim": 100,
            "prior": "uniform(-1, 1)",
            "width": 64,
            "kernel_size": 5,
            "depth": 4,
            "learning_rate": 2e-4,
            "beta_1": 0.5,
            "ema": None,
        },
    )
