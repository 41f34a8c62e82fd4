"""What the papers (and the authors' code, where a card says so) state of their models, and why ours differ."""

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

CARDS = (
    Card(
        "gan",
        "Goodfellow et al. 2014; layers and settings from the authors' code, `mnist.yaml`",
        MNIST,
        (28, 28, 1),
        {
            "generator": "1200 relu, 1200 relu, 784, sigmoid",
            "discriminator": "dropout 0.2, 1200, max of 5, dropout 0.5, 1200, max of 5, dropout 0.5, 1 sigmoid",
            "prior": "uniform(-1.73205, 1.73205)",
            "initialisation": "U(-0.05, 0.05) in G, U(-0.005, 0.005) in D",
            "optimizer": MOMENTUM,
            "schedule": "exponential, rate 1.000004, floor 1e-06",
            "batch size": "100",
            "updates of D per update of G": "1",
            "average of the weights": "none",
        },
        {
            "discriminator": f"no dropout of D's input, which one option for all layers cannot say; {LAST}",
            "initialisation": "one scale for both networks, the builder's option `initial_scale`",
            "loss": "the non-saturating loss that the paper trains with; equation 1 as printed is `--set=loss=minimax`",
        },
    ),
    Card(
        "dcgan",
        "Radford et al. 2016, section 3 and figure 1; D from the authors' code",
        "For pictures of 64 x 64 in colour.",
        (64, 64, 3),
        {
            "generator": "16384, bn, relu, up 5x5/2 512, bn, relu, up 5x5/2 256, bn, relu, up 5x5/2 128, bn, relu, "
            "up 5x5/2 3, tanh",
            "discriminator": "conv 5x5/2 128, leaky relu 0.2, conv 5x5/2 256, bn, leaky relu 0.2, conv 5x5/2 512, bn, "
            "leaky relu 0.2, conv 5x5/2 1024, bn, leaky relu 0.2, 1 sigmoid",
            "prior": "uniform(-1, 1)",
            "initialisation": "N(0, 0.02^2)",
            "gain of batch normalisation": "N(1, 0.02^2)",
            "optimizer": "Adam 0.0002, beta_1 0.5, beta_2 0.999",
            "schedule": "constant",
            "batch size": "128",
            "updates of D per update of G": "1",
            "average of the weights": "none",
        },
        {
            "discriminator": LAST,
            "data": "CelebA in place of the paper's own set of faces, which was never published",
        },
    ),
    Card(
        "cgan",
        "Mirza and Osindero 2014, section 4.1",
        MNIST,
        (28, 28, 1),
        {
            "generator": "one-hot 10, 200 relu, 1000 relu, dropout 0.5, dropout 0.5, 1200 relu, dropout 0.5, 784, "
            "sigmoid",
            "discriminator": "one-hot 10, 1200, 250, max of 5, max of 5, dropout 0.5, dropout 0.5, 960, max of 4, "
            "dropout 0.5, 1 sigmoid",
            "prior": "uniform(0, 1)",
            "optimizer": "SGD 0.1, momentum 0.5 to 0.7",
            "schedule": "exponential, rate 1.00004, floor 1e-06",
            "batch size": "100",
            "average of the weights": "none",
        },
        {
            "discriminator": LAST,
            "optimizer": "the paper does not say in how many steps the momentum rises; those of the GAN of 2014",
            "initialisation": "not stated in the paper: the scale of the GAN of 2014",
        },
    ),
    Card(
        "vae",
        "Kingma and Welling 2014, section 5 and appendix C.1",
        MNIST,
        (28, 28, 1),
        {
            "encoder": "500 tanh, 20, 20",
            "decoder": "500 tanh, 784, sigmoid",
            "prior": "normal",
            "likelihood": "bernoulli(none)",
            "initialisation": "N(0, 0.01^2)",
            "optimizer": "Adagrad, rate of 0.01, 0.02 or 0.1 by its first steps",
            "batch size": "100",
        },
        {
            "optimizer": "the paper chooses the rate among three by the first iterations; 0.02 is the middle one",
            "prior on the weights": "none here; the paper's is N(0, I), a weight decay",
            "loss": "from the logits, of which the output is the sigmoid: the same function, stable in float32",
        },
    ),
    Card(
        "ae",
        "Hinton and Salakhutdinov 2006, supplement",
        MNIST,
        (28, 28, 1),
        {
            "encoder": "1000 sigmoid, 500 sigmoid, 250 sigmoid, 30",
            "decoder": "250 sigmoid, 500 sigmoid, 1000 sigmoid, 784, sigmoid",
            "prior": "none",
            "likelihood": "bernoulli(none)",
            "initialisation": "N(0, 0.1^2), then layers trained as Boltzmann machines",
            "optimizer": "conjugate gradients, batches of 1,000",
        },
        {
            "initialisation": "no pre-training by Boltzmann machines: all layers are trained from the start",
            "optimizer": "Adam on all layers at once, on batches of 100: conjugate gradients need large batches",
        },
    ),
    Card(
        "aae",
        "Makhzani et al. 2016, appendix A",
        MNIST,
        (28, 28, 1),
        {
            "encoder": "1000 relu, 1000 relu, 8",
            "decoder": "1000 relu, 1000 relu, 784, sigmoid",
            "discriminator": "1000 relu, 1000 relu, 1 sigmoid",
            "prior": "normal, of variance 25",
            "optimizer": "SGD with momentum",
            "batch size": "100",
        },
        {
            "discriminator": f"leaky ReLU of slope 0.2, as in all discriminators here; {LAST}",
            "prior": "variance 1, that of `vae`, so that both have the same latents",
            "optimizer": "Adam, whose rates need no tuning for each of the three updates",
        },
    ),
)
