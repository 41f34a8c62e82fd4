"""Cards of GANs with conditions, codes or classes."""

from benchmarks.fidelity_cards.card import ADAM, CELEBA, CIFAR, LAST, MNIST, Card

CARDS = (
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
        "acgan",
        "Odena et al. 2017, appendix, table 2",
        CIFAR,
        (32, 32, 3),
        {
            "generator": "6144, relu, up 5x5/2 192, bn, relu, up 5x5/2 96, bn, relu, up 5x5/2 3, tanh",
            "discriminator": "conv 3x3/2 16, leaky relu 0.2, dropout 0.5, then with bn, leaky relu 0.2, dropout 0.5 "
            "each "
            "conv 3x3 32, conv 3x3/2 64, conv 3x3 128, conv 3x3/2 256, conv 3x3 512; 11",
            "latent dim": "110",
            "class weight": "1",
            "generated class weight": "1",
            "initialisation": "N(0, 0.02^2)",
            "optimizer": "Adam 0.0001, 0.0002 or 0.0003, beta_1 0.5, beta_2 0.999",
            "batch size": "100",
        },
        {
            "generator": "the label comes beside z as a one-hot vector; DCGAN's, which normalises the projection too",
            "discriminator": "DCGAN's at the generator's width: no convolutions of stride 1",
            "initialisation": "the layer of the classes has Keras' own",
            "optimizer": "the middle one of the paper's three rates",
            "noise on activations": "none, one of the paper's three values",
        },
    ),
    Card(
        "projection_gan",
        "Miyato and Koyama 2018; the authors' code for CIFAR-10, `sn_cifar10_conditional.yml`",
        CIFAR,
        (32, 32, 3),
        {
            "generator": "4096, 3 residual blocks of 256 that double, with conditional bn, bn, relu, conv 3x3 3, tanh",
            "discriminator": "4 residual blocks of 128 with sn, two of which halve, relu, sum of all places, sn 1, "
            "inner "
            "product with sn embedding 128",
            "latent dim": "128",
            "prior": "normal",
            "loss": "hinge",
            "value range": "-1 to 1",
            "initialisation": "GlorotUniform, in blocks times the square root of 2",
            "optimizer": "Adam 0.0002, beta_1 0, beta_2 0.9",
            "schedule": "linear to 0 in 50,000 updates",
            "batch size": "64, 128 in updates of G",
            "updates of D per update of G": "5",
            "average of the weights": "none",
        },
        {
            "generator": "DCGAN's, with conditional batch norm: this model is about conditions, `sngan` about blocks",
            "discriminator": "DCGAN's with spectral norm; features are mapped to 128 numbers before the inner product",
            "initialisation": "DCGAN's",
            "schedule": "in 100 stages, so that a longer run is a continued one",
            "batch size": "both updates see the same number of images",
        },
    ),
    Card(
        "infogan",
        "Chen et al. 2016, section 7.2 and appendix C.1; the authors' code, `run_mnist_exp.py`",
        MNIST,
        (28, 28, 1),
        {
            "generator": "1024, bn, relu, 6272, bn, relu, up 4x4/2 64, bn, relu, up 4x4/2 1, sigmoid",
            "discriminator": "conv 4x4/2 64, leaky relu 0.1, conv 4x4/2 128, bn, leaky relu 0.1, 1024, bn, leaky relu "
            "0.1, 1 sigmoid, and for codes 128, bn, leaky relu 0.1, 10, 2",
            "latent dim": "62",
            "prior": "uniform(-1, 1)",
            "categories": "10",
            "continuous": "2",
            "information": "1",
            "value range": "0 to 1",
            "loss": "non_saturating",
            "initialisation": "N(0, 0.02^2)",
            "gain of normalisation": "N(1, 0.02^2)",
            "optimizer": "generator: Adam 0.001, beta_1 0.5, beta_2 0.999; discriminator: Adam 0.0002, beta_1 0.5, "
            "beta_2 0.999",
            "schedule": "constant",
            "batch size": "128",
            "updates of D per update of G": "1",
            "average of the weights": "none",
        },
        {
            "generator": "DCGAN's: one projection",
            "discriminator": f"DCGAN's with a dense layer; codes share all layers but the last; {LAST}",
            "initialisation": "the layers of the codes have Keras' own",
        },
    ),
    Card(
        "sgan",
        "Salimans et al. 2016, section 6.1; the authors' code, `train_mnist_feature_matching.py`",
        MNIST,
        (28, 28, 1),
        {
            "generator": "2 x (500, bn, softplus), 784, sigmoid, all weights of length 1",
            "discriminator": "noise 0.3, 1000, relu, noise 0.5, 500, 3 x (relu, noise 0.5, 250), relu, noise 0.5, 10, "
            "with weight normalisation",
            "latent dim": "100",
            "prior": "uniform(0, 1)",
            "labelled": "100",
            "class weight": "2",
            "feature matching": "1",
            "value range": "0 to 1",
            "initialisation": "from the data, for outputs of variance 1",
            "optimizer": "Adam 0.003, beta_1 0.5, beta_2 0.999",
            "schedule": "constant",
            "batch size": "100",
            "updates of D per update of G": "1",
            "average of the weights": "0.9999",
        },
        {
            "generator": "ReLU, and no bound on weights",
            "discriminator": "layer normalisation: weight normalisation is no built-in layer that can be saved plainly",
            "initialisation": "Keras' own, which needs no data",
        },
    ),
    Card(
        "caption_gan",
        "Reed et al. 2016, sections 4 and 5, GAN-INT-CLS; the authors' code, `main_cls_int.lua` and `train_flowers.sh`",
        CELEBA,
        (64, 64, 3),
        {
            "generator": "128, leaky relu 0.2, 16384, bn, residual block of 1024, relu, up 4x4/2 512, bn, residual "
            "block "
            "of 512, relu, up 4x4/2 256, bn, relu, up 4x4/2 128, bn, relu, up 4x4/2 3, tanh",
            "discriminator": "conv 4x4/2 64, leaky relu 0.2, conv 4x4/2 128, bn, leaky relu 0.2, conv 4x4/2 256, bn, "
            "conv 4x4/2 512, bn, residual block of 512, leaky relu 0.2; caption 128, bn, leaky relu 0.2; both conv 1x1 "
            "512, bn, leaky relu 0.2, conv 4x4 1 sigmoid",
            "latent dim": "100",
            "prior": "normal",
            "text encoder": "convolutional and recurrent, to 1,024 numbers, trained to match captions and images",
            "mismatch": "0.5",
            "interpolation": "1",
            "loss": "non_saturating",
            "value range": "-1 to 1",
            "initialisation": "N(0, 0.02^2)",
            "gain of normalisation": "N(1, 0.02^2)",
            "optimizer": ADAM,
            "schedule": "6 stages of 100 to 100 epochs at 1 to 0.03125 of the rate",
            "batch size": "64",
            "updates of D per update of G": "1",
            "average of the weights": "none",
        },
        {
            "generator": "DCGAN's of D's width, without the residual blocks, which the paper does not mention",
            "discriminator": f"DCGAN's, without the residual block; no normalisation of the caption; {LAST}",
            "text encoder": "hashed n-grams, which need no training and so no second model",
            "initialisation": "the layers of the captions have Keras' own",
            "captions": "one per picture, made from its class; theirs a mean of four that people wrote",
        },
    ),
)
