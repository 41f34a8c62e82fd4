"""Cards of models from pictures to pictures."""

from benchmarks.fidelity_cards.card import ADAM, LAST, Card

PATCHES = (
    "conv 4x4/2 64, leaky relu 0.2, conv 4x4/2 128, {0}, leaky relu 0.2, conv 4x4/2 256, {0}, leaky relu 0.2, "
    "conv 4x4 512, {0}, leaky relu 0.2, conv 4x4 1"
)
TRANSLATOR = (
    "conv 7x7 64, in, relu, conv 3x3/2 128, in, relu, conv 3x3/2 256, in, relu, 9 x (conv 3x3 256, in, relu, "
    "conv 3x3 256, in, add), up 3x3/2 128, in, relu, up 3x3/2 64, in, relu, conv 7x7 3, tanh"
)
JITTER = "none; theirs are crops of 256 pixels from 286, at random"
PHOTOGRAPHS = "For pictures of 256 x 256 in colour."

CARDS = (
    Card(
        "pix2pix",
        "Isola et al. 2017, sections 3 and 6.1; the authors' code, `models.lua` and `train.lua`",
        PHOTOGRAPHS,
        (256, 256, 3),
        {
            "generator": "conv 4x4/2 64, leaky relu 0.2, conv 4x4/2 128, bn, leaky relu 0.2, conv 4x4/2 256, 5 x (bn, "
            "leaky relu 0.2, conv 4x4/2 512), relu, 3 x (up 4x4/2 512, bn, dropout 0.5, relu), up 4x4/2 512, bn, relu, "
            "up 4x4/2 256, bn, relu, up 4x4/2 128, bn, relu, up 4x4/2 64, bn, relu, up 4x4/2 3, tanh",
            "discriminator": PATCHES.format("bn") + " sigmoid",
            "loss": "non_saturating",
            "adversarial weight": "1",
            "pixel loss": "l1",
            "pixel weight": "100",
            "translate dropout": "true",
            "initialisation": "N(0, 0.02^2)",
            "gain of normalisation": "N(1, 0.02^2)",
            "optimizer": ADAM,
            "schedule": "constant",
            "batch size": "1",
            "updates of D per update of G": "1",
            "average of the weights": "none",
        },
        {
            "generator": "instance normalisation, which batch normalisation of a batch of 1 is; the innermost maps "
            "have a "
            "leaky ReLU as all others of the first half",
            "discriminator": f"instance normalisation; {LAST}",
            "gain of normalisation": "that of Keras' layer",
            "skip connections": "of maps after their leaky ReLU; theirs after a ReLU",
            "jitter": JITTER,
        },
    ),
    Card(
        "cyclegan",
        "Zhu et al. 2017, section 4 and appendix 7; the authors' code, `architectures.lua` and `options.lua`",
        PHOTOGRAPHS,
        (256, 256, 3),
        {
            "forth": TRANSLATOR,
            "back": TRANSLATOR,
            "of_image": PATCHES.format("in"),
            "of_other": PATCHES.format("in"),
            "loss": "least_squares",
            "adversarial weight": "1",
            "cycle weight": "10",
            "initialisation": "N(0, 0.02^2)",
            "gain of normalisation": "N(1, 0.02^2)",
            "optimizer": ADAM,
            "schedule": "constant for 100 epochs, linear to 0 in 100",
            "batch size": "1",
            "average of the weights": "none",
        },
        {
            "gain of normalisation": "that of Keras' layer",
            "schedule": "the same, in stages of an epoch as in their code",
            "adversarial weight": "twice theirs, whose least squares have no factor 1/2",
            "padding": "zeros; theirs in translators by reflection",
            "buffer": "discriminators see the newest translations; theirs one of the last 50 half of the time",
            "jitter": JITTER,
        },
    ),
    Card(
        "srgan",
        "Ledig et al. 2017, sections 2 and 3.2, figure 4",
        "For pictures of 96 x 96 in colour, from such of 24 x 24.",
        (96, 96, 3),
        {
            "generator": "conv 9x9 64, prelu, 16 x (conv 3x3 64, bn, prelu, conv 3x3 64, bn, add), conv 3x3 64, bn, "
            "add, "
            "2 x (conv 3x3 256, prelu), conv 9x9 3",
            "discriminator": "conv 3x3 64, leaky relu 0.2, then with bn, leaky relu 0.2 each conv 3x3/2 64, conv 3x3 "
            "128, "
            "conv 3x3/2 128, conv 3x3 256, conv 3x3/2 256, conv 3x3 512, conv 3x3/2 512; 1024, leaky relu 0.2, 1 "
            "sigmoid",
            "features": "VGG19, its last maps before the fifth pooling",
            "loss": "non_saturating",
            "adversarial weight": "0.001",
            "content weight": "0.006",
            "pixel weight": "none",
            "optimizer": "Adam 0.0001, beta_1 0.9, beta_2 0.999",
            "schedule": "a tenth in the second half of 200,000 updates",
            "batch size": "16",
            "updates of D per update of G": "1",
        },
        {
            "generator": "tanh, for images in a known range",
            "discriminator": f"DCGAN's with a dense layer: 4 x 4 kernels, no stride 1 between the halvings; {LAST}",
            "features": "a classifier that is shipped: VGG's weights are not free to embed",
            "content weight": "of distances relative to the maps' mean square, so that it needs no factor of its own",
            "pixel weight": "1, since the shipped classifier sees gray pictures of 28 x 28, not colours",
            "schedule": "constant: stages are counted in epochs, which depend on the pictures",
            "start": "from random weights; theirs from a generator that was trained by the squared error alone",
        },
    ),
)
