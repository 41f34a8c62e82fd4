"""Jolicoeur-Martineau 2018, section 5 and appendix: RaSGAN on CIFAR-10.

    python -m tfgen.run --config=ragan_paper

Settings of the author's code (AlexiaJM/RelativisticGAN, `stable.sh`): z of 128 normal numbers; G of 512 x 4 x 4, 256,
128 and 64 channels with 4 x 4 kernels and a 3 x 3 convolution to the image; spectral normalisation and no batch
normalisation in D; weights N(0, 0.02^2); Adam 2e-4, beta_1 0.5, beta_2 0.999; batches of 32; 100,000 updates of G.
Different here: D has one convolution of stride 1 where theirs has four, halves the image to 4 x 4 in three others and
has LeakyReLU of slope 0.2 (theirs: 0.1); G's dense layer has batch normalisation.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="ragan",
        dataset="cifar10",
        batch_size=32,
        steps=100_000,
        options={
            "latent_dim": 128,
            "prior": "normal",
            "width": 64,
            "kernel_size": 4,
            "full_size": True,
            "normalize": False,
            "spectral": True,
            "learning_rate": 2e-4,
            "beta_1": 0.5,
            "beta_2": 0.999,
            "ema": None,
        },
    )
