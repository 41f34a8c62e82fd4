"""Cards of variational models beyond `vae`: other objectives, posteriors and priors."""

from benchmarks.fidelity_cards.card import CIFAR, MNIST, Card

DRAWINGS = "For drawings with known factors; here `shapes`, 32 x 32 gray, in place of dSprites, 64 x 64."
STATIC = "For MNIST in its fixed binarisation, 28 x 28 gray."
BURDA = "200 tanh, 200 tanh, 50, 50"
BURDA_DECODER = "200 tanh, 200 tanh, 784, sigmoid"
BURDA_SCHEDULE = "8 stages of 1 to 2187 epochs at 1 to 0.1 of the rate"
DRAWN_DECODER = "1200 tanh, 1200 tanh, 1200 tanh, 4096, sigmoid"
NO_NORM = "that of `vae`: no batch normalisation"

CARDS = (
    Card(
        "beta_vae",
        "Higgins et al. 2017, appendix A",
        DRAWINGS,
        (32, 32, 1),
        {
            "encoder": "1200 relu, 1200 relu, 10, 10",
            "decoder": DRAWN_DECODER,
            "prior": "normal",
            "likelihood": "bernoulli(none)",
            "objective": "elbo(beta=4.0, warmup_steps=0)",
            "optimizer": "Adagrad 0.01",
        },
        {"decoder": "the encoder's layers in reverse, as in all dense autoencoders here"},
    ),
    Card(
        "beta_tc_vae",
        "Chen et al. 2018, section 6 and appendix",
        DRAWINGS,
        (32, 32, 1),
        {
            "encoder": "1200 relu, 1200 relu, 10, 10",
            "decoder": DRAWN_DECODER,
            "prior": "normal",
            "likelihood": "bernoulli(none)",
            "objective": "beta_tc(beta=6.0)",
            "batch size": "2048",
        },
        {
            "decoder": "the encoder's layers in reverse, as in all dense autoencoders here",
            "estimate": "minibatch-weighted as in the paper, without the size of the data set, a constant",
        },
    ),
    Card(
        "factor_vae",
        "Kim and Mnih 2018, section 5 and appendix A",
        DRAWINGS,
        (32, 32, 1),
        {
            "discriminator": "5 layers of 1000, leaky relu 0.2, 2",
            "prior": "normal",
            "likelihood": "bernoulli(none)",
            "tc weight": "35",
            "optimizer": "elbo: Adam 0.0001, beta_1 0.9, beta_2 0.999; discriminator: Adam 0.0001, beta_1 0.5, "
            "beta_2 0.9",
            "batch size": "64",
        },
        {
            "discriminator": "one logit in place of two, the difference of them",
            "networks": "the convolutions of `vae`",
            "permuted codes": "of the same batch, of which a second one is not needed; the paper takes another",
        },
    ),
    Card(
        "info_vae",
        "Zhao et al. 2019",
        MNIST,
        (28, 28, 1),
        {"prior": "normal"},
        {
            "kernel": "its width follows from the number of latents, 2 D; the authors' code divides by D again",
            "networks": "convolutions, those of `vae`",
        },
    ),
    Card(
        "iwae",
        "Burda et al. 2016, section 5",
        STATIC,
        (28, 28, 1),
        {
            "encoder": BURDA,
            "decoder": BURDA_DECODER,
            "prior": "normal",
            "samples": "50",
            "likelihood": "bernoulli(static)",
            "initialisation": "GlorotUniform",
            "schedule": BURDA_SCHEDULE,
            "batch size": "20",
        },
        {"draws": "1, 5 and 50 in the paper's table; the recipe has the largest number"},
    ),
    Card(
        "miwae",
        "Rainforth et al. 2018, section 5",
        STATIC,
        (28, 28, 1),
        {
            "encoder": BURDA,
            "decoder": BURDA_DECODER,
            "prior": "normal",
            "objective": "miwae(groups=8)",
            "samples": "64",
            "batch size": "20",
        },
        {"data": "the fixed binarisation, so that its figure stands beside those of `vae` and `iwae`"},
    ),
    Card(
        "vamp_vae",
        "Tomczak and Welling 2018, section 5; jmtomczak/vae_vampprior, `experiment.py`, `models/VAE.py` and "
        "`models/Model.py`",
        MNIST,
        (28, 28, 1),
        {
            "encoder": "2 x (300, 300 sigmoid, multiply), 40, 40",
            "decoder": "2 x (300, 300 sigmoid, multiply), 784, sigmoid",
            "likelihood": "bernoulli(dynamic)",
            "prior": "learned",
            "objective": "elbo(beta=1.0, warmup_steps=50000)",
            "samples": "1",
            "initialisation": "N(0, 2 / inputs)",
            "optimizer": "Adam 0.0005, beta_1 0.9, beta_2 0.999",
            "schedule": "constant",
            "batch size": "100",
        },
        {
            "gradients": "as they are; theirs divided by their norm, for each weight matrix and bias, before Adam",
            "learned images": "training images at first; theirs numbers of N(0.05, 0.01^2), training images as an "
            "option; and between 0 and 1 by a sigmoid in place of a cut, which has no slope outside",
            "log variances": "of q(z|x) without limits; theirs cut to -6 to 2",
            "stop": "after 500 epochs; theirs after 50 without a better bound of the 10,000 validation images, counted "
            "from the end of the warm-up, or after 2,000",
            "warm-up": "the weight of the divergence rises with every step; theirs with every epoch, 100 of 500 steps",
        },
    ),
    Card(
        "iaf_vae",
        "Kingma et al. 2016, section 6.1",
        MNIST,
        (28, 28, 1),
        {"prior": "normal", "likelihood": "bernoulli(dynamic)"},
        {
            "flows": "causal convolutions over the numbers of a code, in place of dense layers with masks, which would "
            "be no built-in layers",
            "networks": "the convolutions of `vae`; the paper's are residual",
        },
    ),
    Card(
        "two_stage_vae",
        "Dai and Wipf 2019, section 5 and appendix",
        MNIST,
        (28, 28, 1),
        {
            "second_encoder": "1024 relu, 1024 relu, 1024 relu, 64, 64",
            "prior": "normal",
            "likelihood": "gaussian of one learned variance",
            "batch size": "64",
        },
        {
            "likelihood": "a variance per pixel",
            "second decoder": "its variance is a function of u; the paper's is one number",
            "networks": "the convolutions of `vae`",
            "rates": "constant; the paper halves them every 150 to 300 epochs",
        },
    ),
    Card(
        "ladder_vae",
        "Sønderby et al. 2016, section 3",
        MNIST,
        (28, 28, 1),
        {
            "likelihood": "bernoulli(dynamic)",
            "objective": "elbo(beta=1.0, warmup_steps=46800)",
            "batch size": "256",
        },
        {
            "networks": "convolutions, and a path of maps from the top to the image; the paper has dense layers with "
            "batch normalisation, and nothing between two layers but the latents",
            "objective": "the same 200 epochs of the divergence's warm-up, of 57,000 images: 5 % are held out",
            "layers": "as many as sizes of maps, and a vector at the top; the paper has five, of 64 to 4 numbers",
            "latent": "in units of the prior of its layer, so that p(u) = N(0, I): the same model",
        },
    ),
    Card(
        "vq_vae",
        "van den Oord et al. 2017, section 4.1 and appendix A.1",
        CIFAR,
        (32, 32, 3),
        {
            "encoder": "conv 4x4/2 256 relu, conv 4x4/2 256 relu, 2 x (relu, conv 3x3 256, relu, conv 1x1 256, add)",
            "decoder": "2 x (relu, conv 3x3 256, relu, conv 1x1 256, add), up 4x4/2 256 relu, up 4x4/2 3",
            "commitment": "0.25",
            "decay": "0.99",
            "restart below": "none",
            "optimizer": "Adam 0.0002, beta_1 0.9, beta_2 0.999",
            "batch size": "128",
        },
        {
            "encoder": "a convolution before the blocks, and one after them to the size of the vectors",
            "decoder": "a convolution before the blocks, from the size of the vectors",
            "restart below": "codes that are hardly used begin anew (Dhariwal et al. 2020): many would stay idle",
            "likelihood": "pixels of a logistic distribution, whose bound has bits per dimension",
            "grid": "one number per place of 8 x 8; the paper has ten",
            "second stage": "the gated PixelCNN sees the vectors of the codes",
        },
    ),
    Card(
        "cvae",
        "Sohn et al. 2015, section 5.1",
        MNIST,
        (28, 28, 1),
        {
            "prior": "normal, its mean and variance by a network of the condition",
            "likelihood": "bernoulli(none)",
        },
        {
            "prior": "the same for all classes, so that a latent means the same in each",
            "likelihood": "pixels binarised at every step, so that bounds are those of a probability",
            "condition": "the class; the paper's is a quarter or more of the picture",
        },
    ),
    Card(
        "wae",
        "Tolstikhin et al. 2018, section 4 and appendix C",
        MNIST,
        (28, 28, 1),
        {
            "encoder": "conv 4x4/2 128, bn, relu, conv 4x4/2 256, bn, relu, conv 4x4/2 512, bn, relu, conv 4x4/2 1024, "
            "bn, relu, 8",
            "prior": "normal",
            "likelihood": "squared error",
            "scale": "10",
            "kernel": "imq",
            "batch size": "100",
        },
        {
            "encoder": NO_NORM,
            "likelihood": "a Gaussian of variance 1/2, whose negative logarithm is the squared error and a constant",
        },
    ),
    Card(
        "rae",
        "Ghosh et al. 2020, section 5 and appendix",
        MNIST,
        (28, 28, 1),
        {
            "encoder": "conv 4x4/2 128, bn, relu, conv 4x4/2 256, bn, relu, conv 4x4/2 512, bn, relu, conv 4x4/2 1024, "
            "bn, relu, 16",
            "prior": "none",
            "likelihood": "squared error",
            "code weight": "0.0001",
            "decoder weight": "1e-07",
            "batch size": "100",
        },
        {
            "encoder": NO_NORM,
            "likelihood": "a Gaussian of variance 1/2, whose negative logarithm is the squared error and a constant",
            "gradient": "the squared norm of the whole Jacobian, estimated along one random direction",
        },
    ),
)
