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
        "van den Oord et al. 2016 (Conditional image generation with PixelCNN decoders), section 2; PixelRNN, sections "
        "4 and 5.2, by notes on them",
        MNIST,
        (28, 28, 1),
        {"likelihood": "bernoulli(static)", "batch size": "16", "optimizer": "RMSprop"},
        {
            "colour": "a channel is a column of its own, where the paper splits the maps into three groups",
            "gates": "two convolutions in place of one with twice the channels that is split: the same function",
            "masks": "maps are padded and cut, in place of masked kernels: the same function, in built-in layers",
            "optimizer": "a constant rate; theirs are set by hand for each data set, and not stated",
            "output": "the sum of what every layer adds to it, in place of the last horizontal map alone",
            "size": "not stated for MNIST: the 7 layers and 2 x 16 maps of the Diagonal BiLSTM, the 32 maps of the "
            "last two layers as stated",
        },
    ),
    Card(
        "realnvp",
        "Dinh et al. 2017, section 4.1; tensorflow/models, `research/real_nvp`",
        CIFAR,
        (32, 32, 3),
        {
            "prior": "normal",
            "batch size": "64",
            "optimizer": "Adam 0.001, beta_1 0.9, beta_2 0.999",
            "squeezed": "7",
        },
        {
            "coupling networks": "four plain convolutions; theirs 8 residual blocks of 64 maps, of 128 on halved "
            "pictures, with batch and weight normalisation",
            "gradients": "as they are; those of the authors' code are cut to a norm of 100",
            "masks": "channels on all halved pictures; theirs a checkerboard on the four last ones",
            "normalisation": "of the data, once; theirs also of what every coupling gives",
            "regularisation": "none; theirs 5e-5 on the scales of the weight normalisation",
            "scales": "halved once, as theirs for CIFAR-10; no numbers are factored out",
            "squeezed": "one half of the ten couplings, as of any number of them",
        },
    ),
)
