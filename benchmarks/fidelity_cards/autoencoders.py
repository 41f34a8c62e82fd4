"""Cards of autoencoders, with a discriminator and without."""

from benchmarks.fidelity_cards.card import ADAM, CELEBA, LAST, MNIST, Card

CARDS = (
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
            "likelihood": "gaussian(1)",
            "initialisation": "N(0, 0.01^2)",
            "prior": "normal, of variance 25",
            "optimizer": "SGD with momentum",
            "batch size": "100",
        },
        {
            "discriminator": f"leaky ReLU of slope 0.2, as in all discriminators here; {LAST}",
            "initialisation": "Keras' own in the discriminator",
            "prior": "variance 1, that of `vae`, so that both have the same latents",
            "optimizer": "Adam, whose rates need no tuning for each of the three updates",
        },
    ),
    Card(
        "bigan",
        "Donahue et al. 2017, section 4.2; the authors' code, `train_mnist.sh`",
        MNIST,
        (28, 28, 1),
        {
            "generator": "2 x (1024, bn, relu), 784, sigmoid",
            "discriminator": "1024, leaky relu 0.2, 1024, bn, leaky relu 0.2, 1 sigmoid, of image and code",
            "encoder": "1024, leaky relu 0.2, 1024, bn, leaky relu 0.2, 50",
            "latent dim": "50",
            "prior": "uniform(-1, 1)",
            "loss": "non_saturating",
            "value range": "0 to 1",
            "optimizer": ADAM,
            "schedule": "constant for 200 epochs, exponential to 0.01 in 200",
            "batch size": "128",
            "updates of D per update of G": "1",
            "average of the weights": "none",
        },
        {
            "generator": "convolutions, as in all models of images here but `gan`",
            "discriminator": f"convolutions; the code comes as a further channel of the image; {LAST}",
            "encoder": "convolutions, that of `vae`",
            "schedule": "its second half in stages of an epoch",
            "weight decay": "none of the code's 2.5e-5",
        },
    ),
    Card(
        "vae_gan",
        "Larsen et al. 2016, section 4 and table 1; gamma and the images' range of the authors' code, "
        "`celeba_aegan.py`",
        CELEBA,
        (64, 64, 3),
        {
            "encoder": "conv 5x5/2 64, bn, relu, conv 5x5/2 128, bn, relu, conv 5x5/2 256, bn, relu, 2048, bn, relu, "
            "128, "
            "128",
            "decoder": "16384, bn, relu, up 5x5/2 256, bn, relu, up 5x5/2 128, bn, relu, up 5x5/2 32, bn, relu, "
            "conv 5x5 3, tanh",
            "discriminator": "conv 5x5 32, relu, conv 5x5/2 128, bn, relu, conv 5x5/2 256, bn, relu, conv 5x5/2 256, "
            "bn, "
            "relu, 512, bn, relu, 1 sigmoid",
            "prior": "normal",
            "content weight": "1e-06",
            "prior weight": "1",
            "optimizer": "RMSprop 0.0003",
            "batch size": "64",
        },
        {
            "encoder": "that of `vae`: no batch normalisation",
            "decoder": "that of `vae`: no batch normalisation, a sigmoid, since pictures of autoencoders lie in 0..1",
            "discriminator": f"DCGAN's; {LAST}",
            "features": "of the last convolution after its activation; the code takes them before",
            "loss": "non-saturating, on samples and on reconstructions as in algorithm 1, but with a weight of 1/2 "
            "each, for D too; the code: minimax, on samples",
        },
    ),
)
