"""DCGAN on stacked MNIST, whose 1000 modes are counted, in about nine minutes of one CPU core.

    python -m tfgen.run --model=dcgan --dataset=stacked_mnist --data_dir=FOLDER_OF_MNIST

Lin et al. 2018 (PacGAN), table 2, 26,000 samples: DCGAN finds 99.0 modes with a KL of 3.40 as measured by VEEGAN's
authors (Srivastava et al. 2017), 78.9 +- 6.5 with 4.50 in PacGAN's own code (64 channels, 100,000 steps of 64, two
updates of G per update of D). One run each by the extractor `mnist` (a perfect sampler 1000 modes and 0.019):

    loss                   penalty      channels   steps   modes   KL
    non-saturating         none         16         4,000   960     0.69
    relativistic, paired   R1 and R2    32         4,000   1000    0.11
    the same               R1 and R2    32         12,000  1000    0.28
    the same, D of 8       R1 and R2    32         4,000   912     0.84

Rates fall to an eighth over all steps of each; the longer training makes its digits less evenly, and why is not known.
The second row is this recipe: the loss of R3GAN (Huang et al. 2024), Adam without momentum, rates that fall to an
eighth, z of 100 numbers, a dense layer of 128 before D's logit.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("dcgan").replace(
        dataset="stacked_mnist",
        batch_size=64,
        steps=4000,
        schedule={"name": "exponential", "rate": 1.0005},
        options={
            "loss": "relativistic",
            "penalty": "r1_r2(1.0)",
            "width": 32,
            "full_size": False,
            "hidden_units": 128,
            "latent_dim": 100,
            "prior": "normal",
            "generator_learning_rate": 2e-3,
            "discriminator_learning_rate": 2e-3,
        },
    )
