"""What a card holds, and what several cards say."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Card:
    """A model as published.

    Attributes:
        model: its name here.
        source: paper and section.
        data: what the paper's settings are for, a sentence.
        shape: of these images.
        published: property -> text, as `benchmarks.fidelity.properties` has it; what is not stated is left out.
        reasons: property, or another subject -> why ours differs.
    """

    model: str
    source: str
    data: str
    shape: tuple[int, int, int]
    published: dict[str, str]
    reasons: dict[str, str]


MNIST = "For MNIST, 28 x 28 gray."
LAST = "D's last layer gives a logit here, whose sigmoid is part of the loss: the same function, stable in float32"
MOMENTUM = "SGD 0.1, momentum 0.5 to 0.7 in 142,500 steps"
CELEBA = "For pictures of 64 x 64 in colour."
CIFAR = "For CIFAR-10, 32 x 32 in colour."
# DCGAN's networks at 64 channels, and the settings of Radford et al. 2016
UP = "up {0}x{0}/2 256, bn, relu, up {0}x{0}/2 128, bn, relu, up {0}x{0}/2 64, bn, relu"
GENERATOR = f"8192, bn, relu, {UP}, up {{0}}x{{0}}/2 3, tanh"
DISCRIMINATOR = (
    "conv {0}x{0}/2 64, leaky relu 0.2, conv {0}x{0}/2 128, {1}, leaky relu 0.2, conv {0}x{0}/2 256, {1}, "
    "leaky relu 0.2, conv {0}x{0}/2 512, {1}, leaky relu 0.2, 1"
)
ADAM = "Adam 0.0002, beta_1 0.5, beta_2 0.999"
DCGAN_WEIGHTS = {"initialisation": "N(0, 0.02^2)", "gain of normalisation": "N(1, 0.02^2)"}
FACES = "CelebA in place of the paper's own pictures"
