"""DCGAN on stacked MNIST, whose 1000 modes are counted, in a quarter of an hour of one CPU core with bfloat16.

    python -m tfgen.run --model=dcgan --dataset=stacked_mnist --data_dir=FOLDER_OF_MNIST

Lin et al. 2018 (PacGAN), table 2, 26,000 samples: DCGAN finds 99.0 modes with a KL of 3.40 as measured by VEEGAN's
authors (Srivastava et al. 2017), 78.9 +- 6.5 with 4.50 in PacGAN's own code (64 channels, 100,000 steps of 64, two
updates of G per update of D). One run each by the extractor `mnist` (a perfect sampler 1000 modes and 0.019); rates
fall by the given share per step, to an eighth over all of them where none is given:

    loss                   penalty      channels   batch   steps    fall       seed   modes   KL
    non-saturating         none         16         64      4,000    0.05 %     0      960     0.69
    relativistic, paired   r1_r2(1)     32         64      4,000    0.05 %     0      1000    0.11
    the same               r1_r2(1)     32         64      12,000              0      1000    0.28
    the same               r1_r2(5)     32         64      4,000    0.05 %     0      1000    0.12
    rate of G 0.0005       r1_r2(1)     32         64      6,000               0      1000    0.095
    D of 8 channels        r1_r2(1)     32         64      4,000    0.05 %     0      912     0.84
    as in the second row   r1_r2(1)     32         128     4,000    0.05 %     0      1000    0.053
    the same               r1_r2(1)     32         128     5,500    0.05 %     0      1000    0.045, 0.093
    the same               r1_r2(1)     32         128     5,500    0.05 %     1      1000    0.048
    bfloat16               r1_r2(1)     32         256     4,000    0.07 %     0      1000    0.049
    feature_matching=0.1   r1_r2(1)     32         256     4,000    0.07 %     0      1000    0.088
    feature_matching=1     r1_r2(1)     32         256     4,000    0.07 %     0      1000    0.068
    feature_matching=0.1   r1_r2(1)     32         128     5,500    0.05 %     0      1000    0.057
    bfloat16               r1_r2(0.2)   32         128     5,500    0.05 %     0      1000    0.087
    bfloat16               r1_r2(0.05)  32         128     5,500    0.05 %     0      1000    0.074
    bfloat16               r1_r2(0.01)  32         128     5,500    0.05 %     0      1000    0.138
    bfloat16, ema 0.9995   r1_r2(1)     32         256     4,000    0.02 %     0      1000    0.101
    the same               r1_r2(1)     32         256     4,000    0.02 %     1      1000    0.040
    the same               r1_r2(1)     32         128     5,500    0.02 %     0      1000    0.047
    the same               r1_r2(1)     32         128     5,500    0.02 %     1      1000    0.042
    D 0.001, G 0.003       r1_r2(0.3)   32         128     4,700    0.02 %     0      1000    0.109
    D of 8 channels        r1_r2(1)     32         64      4,000    0.02 %     0      895     0.80
    D of 8 channels        r1_r2(1)     32         128     7,000    0.02 %     0      980     0.45
    bfloat16, ema 0.9995   r1_r2(1)     32         128     7,000    0.02 %     0 to 9 1000    0.037 to 0.052; 0.171
    the same               r1_r2(0.1)   32         128     7,000    0.02 %     7      1000    0.052
    this recipe            r1_r2(0.3)   32         128     7,000    0.02 %     0 to 9 1000    0.036 to 0.058
    D of 8 channels        r1_r2(0.3)   32         128     7,000    0.02 %     0      941     0.77

The ten runs of this recipe (docs/leaderboard/stacked_mnist) have a mean of 0.0465 +- 0.0041; those with `r1_r2(1)` had
0.057 +- 0.029, median 0.044: in one of them, of seed 7, one channel alone was at 0.10 nats, the others at 0.004 and
0.02. (The two figures of seed 0 and 5,500 steps are of before and after the gradients of kernels were written in
another way.)

What is missing is nearly all in how often each channel shows each digit. These shares are far off at first, and how far
depends on the seed; then they approach those of the data, as followed in one run of seed 1 (128, 0.02 %, the sum of
three channels' distances in nats, 4,000 samples): 0.95 after 500 steps, 0.27, 0.061, 0.046, 0.032, 0.024 after 1,000
to 3,000, and 0.024 to 0.028 from there on. So rates that fall fast stop this too early. D hardly shows the shares: its
logits of real images of a digit hardly follow how rare the digit is among the samples (correlations per channel from
-0.6 to 0.6 in six runs). Averages of G's weights have the shares of the weights themselves, and so have passes in
training mode.

The loss is that of R3GAN (Huang et al. 2024), Adam without momentum, z of 100 numbers, a dense layer of 128 before D's
logit.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("dcgan").replace(
        dataset="stacked_mnist",
        batch_size=128,
        steps=7000,
        precision="auto",
        schedule={"name": "exponential", "rate": 1.0002},
        options={
            "loss": "relativistic",
            "penalty": "r1_r2(0.3)",
            "width": 32,
            "full_size": False,
            "hidden_units": 128,
            "latent_dim": 100,
            "prior": "normal",
            "generator_learning_rate": 2e-3,
            "discriminator_learning_rate": 2e-3,
            "ema": 0.9995,
        },
    )
