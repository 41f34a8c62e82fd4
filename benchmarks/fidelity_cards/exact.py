"""Cards of models with an exact likelihood."""

from benchmarks.fidelity_cards.card import CIFAR, MNIST, Card

CARDS = (
    Card(
        "made",
        "Germain et al. 2015, section 6.2; mgermain/MADE, `README.md` and `trainMADE.py`",
        MNIST,
        (28, 28, 1),
        {
            "density": "8000 relu, 784, 784, add, sigmoid",
            "likelihood": "bernoulli(static)",
            "order": "random",
            "optimizer": "Adagrad 0.01",
            "batch size": "100",
        },
        {
            "masks": "one; the paper's best figure has 32 masks that alternate, and the mean of p: `masks=32`",
            "degrees of hidden units": "spread evenly instead of drawn: each number of inputs has as many units",
            "initialisation": "Keras' own; theirs orthogonal",
            "stop": "after 300 epochs; theirs after 30 without a better validation error",
        },
    ),
    Card(
        "pixelcnn",
        "van den Oord et al. 2016 (Conditional image generation with PixelCNN decoders), section 2; PixelRNN, table 4",
        MNIST,
        (28, 28, 1),
        {"likelihood": "bernoulli(static)", "batch size": "16", "optimizer": "RMSprop"},
        {
            "colour": "a channel is a column of its own, where the paper splits the maps into three groups",
            "gates": "two convolutions in place of one with twice the channels that is split: the same function",
            "masks": "maps are padded and cut, in place of masked kernels: the same function, in built-in layers",
            "optimizer": "Adam, as in the other models here",
            "output": "the sum of what every layer adds to it, in place of the last horizontal map alone",
        },
    ),
    Card(
        "realnvp",
        "Dinh et al. 2017, section 4.1; tensorflow/models, `research/real_nvp`",
        CIFAR,
        (32, 32, 3),
        {"prior": "none", "batch size": "64", "optimizer": "Adam 0.001, beta_1 0.9, beta_2 0.999"},
        {
            "coupling networks": "plain convolutions; theirs 8 residual blocks of 64 maps, with normalisation",
            "regularisation": "none; theirs 5e-5 on the scales of the weight normalisation",
            "scales": "blocks of 2 x 2 pixels once, as theirs for CIFAR-10; no numbers are factored out",
        },
    ),
)
