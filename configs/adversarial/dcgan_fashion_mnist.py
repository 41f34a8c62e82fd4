"""DCGAN on the whole Fashion-MNIST, in about nine minutes of one CPU core that computes bfloat16 (AVX-512).

    python -m tfgen.run --model=dcgan --dataset=fashion_mnist

The networks of the recipe `dcgan` with the loss of R3GAN (Huang et al. 2024): relativistic pairs, and R1 and R2 in
every fourth step. 10,000 samples against the test images, one run of 9,000 steps each (real images: 0.09, 0.85, 0.84):

    loss             penalty            rates of G and D   distance   recall   precision
    non-saturating   none               0.003, 0.0005      4.6        0.58     -          6,040 steps
    non-saturating   r1(0.5, 16)        0.003, 0.0005      2.7        0.55     0.79
    relativistic     r1_r2(0.5, 16)     0.003, 0.0005      2.1        0.56     0.77
    relativistic     r1_r2(0.3, 4)      0.002, 0.002       2.2        0.65     0.75
    relativistic     r1_r2(0.3, 4)      0.002, 0.002       2.0        0.69     0.76        12,000 steps

The last row is this recipe.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("dcgan").replace(
        dataset="fashion_mnist",
        steps=12000,
        precision="auto",
        options={
            "loss": "relativistic",
            "penalty": "r1_r2(0.3, 4)",
            "generator_learning_rate": 2e-3,
            "discriminator_learning_rate": 2e-3,
        },
    )
