"""Option groups of the named models: each option has its type here, once, for all builders that take it.

A builder takes a group as one keyword argument, with its own defaults: `conv: ConvNetwork = ConvNetwork(width=32)`.
A group's docstring has the line of each option that `--list_options` shows. The values that a named model has are those
of its recipe in `configs/`; the defaults here are what a builder of one's own starts from.
"""

import dataclasses
from typing import ClassVar, Literal

from tfgen import augment as augments
from tfgen import interpolants, likelihoods, losses, objectives, penalties, priors, samplers
from tfgen.averaging import Ema
from tfgen.domains import Count, Depth, Natural, NotNegative, Positive, Proportion, Seed, Size
from tfgen.networks.timing import FASTEST
from tfgen.recipes.options import Options

Activation = Literal["tanh", "relu", "sigmoid", "softplus", "gelu"]
HiddenLayer = Literal[Activation, "gated"]
Output = Literal["tanh", "sigmoid"]


@dataclasses.dataclass(frozen=True)
class ConvNetwork(Options):
    """Strided convolutions.

    Attributes:
        width: channels of the largest maps; doubled whenever the maps are halved
        kernel_size: side of the kernels of stride 2, in pixels
        depth: how often maps are halved; none: down to 4 to 7 pixels
    """

    width: Size = 64
    kernel_size: Size = 5
    depth: Depth | None = None


@dataclasses.dataclass(frozen=True)
class ConvAdversaries(ConvNetwork):
    """DCGAN's generator and discriminator (Radford et al. 2016).

    Attributes:
        discriminator_width: width of the discriminator; none: width
        stddev: standard deviation of the initial weights; none: Keras' own initializers
        normalize: batch normalisation in the discriminator
        dropout: rate in the discriminator
        full_size: convolutions at the image's own size
        hidden_units: size of a dense layer before the discriminator's logit; none: no such layer
        spectral: spectral normalisation of the discriminator
        minibatch_deviation: the discriminator sees the standard deviation of its features over the batch
        output: the generator's last activation, and with it the range of the images
    """

    discriminator_width: Size | None = None
    stddev: NotNegative | None = 0.02
    normalize: bool = True
    dropout: Proportion = 0.0
    full_size: bool = False
    hidden_units: Size | None = None
    spectral: bool = False
    minibatch_deviation: bool = False
    output: Output = "tanh"


@dataclasses.dataclass(frozen=True)
class DenseNetwork(Options):
    """Dense encoder and decoder, with mirrored layers.

    Attributes:
        units: sizes of the encoder's hidden layers; the decoder has them in reverse
        activation: of the hidden layers; gated: a linear map times the sigmoid of another, with twice the weights
        stddev: standard deviation of the initial weights; he: the root of 2 / inputs; none: Keras' own initializers
    """

    units: tuple[Size, ...] = (500,)
    activation: HiddenLayer = "tanh"
    stddev: NotNegative | Literal["he"] | None = None


@dataclasses.dataclass(frozen=True)
class DenseAdversaries(Options):
    """A generator with ReLU and a discriminator with maxout layers (Goodfellow et al. 2014).

    Attributes:
        dropout: rate of the networks' dropout
        initial_scale: initial weights U(-scale, scale); none: Keras' own initializers
        output: the generator's last activation, and with it the range of the images
    """

    dropout: Proportion = 0.0
    initial_scale: Positive | None = None
    output: Output = "tanh"


@dataclasses.dataclass(frozen=True)
class Adversarial(Options):
    """Options of every `AdversarialModel`.

    Attributes:
        latent_dim: size of z, the generator's input
        prior: distribution of z
        loss: the two losses, of the discriminator and of the generator
        penalty: on the discriminator's gradients by its input
        discriminator_steps: updates of the discriminator per update of the generator
        shared_pass: both updates on the same generated images
        augment: of real and generated images, before the discriminator
        instance_noise: standard deviation of noise on what the discriminator sees
        selection: of the samples from which the generator learns; none: all
        weight_clip: after each update the discriminator's weights are clipped to this; none: they are not
        feature_matching: weight of the distance between mean features of the discriminator in the generator's loss
        label_smoothing: the discriminator's target for real images is 1 minus this
        ema: decay of the moving average of the generator, or power(0.1); none: no average
        seed: of the initial weights, the order of the data and the noise
    """

    latent_dim: Size = 100
    prior: priors.Prior = priors.uniform(-1, 1)
    loss: losses.Loss = losses.non_saturating
    penalty: penalties.Penalty | None = None
    discriminator_steps: Count = 1
    shared_pass: bool = False
    augment: augments.Augment | None = None
    instance_noise: NotNegative = 0.0
    selection: losses.Selection | None = None
    weight_clip: Positive | None = None
    feature_matching: NotNegative = 0.0
    label_smoothing: Proportion = 0.0
    ema: Ema | None = 0.999
    seed: Seed = 0


@dataclasses.dataclass(frozen=True)
class Paired(Options):
    """Options of every model of pairs of pictures.

    Attributes:
        loss: the adversarial losses, of the discriminator and of the generator
        adversarial_weight: of the generator's adversarial loss; 0: no discriminator
        pixel_loss: mean absolute or squared difference of pixels in -1..1
        pixel_weight: of that difference
        content: the shipped classifier whose maps the content loss compares
        content_weight: of the squared difference of these maps, relative to their mean square
        ema: decay of the moving average of the generator, or power(0.1); none: no average
        seed: of the initial weights, the order of the data and the noise
    """

    loss: losses.Loss = losses.non_saturating
    adversarial_weight: NotNegative = 1.0
    pixel_loss: Literal["l1", "l2"] = "l1"
    pixel_weight: NotNegative = 100.0
    content: Literal["fashion_mnist", "mnist"] = "fashion_mnist"
    content_weight: NotNegative = 0.0
    ema: Ema | None = None
    seed: Seed = 0


@dataclasses.dataclass(frozen=True)
class Autoencoding(Options):
    """Options of every model with an encoder and a decoder.

    Attributes:
        latent_dim: size of the code
        likelihood: p(x|z), the distribution of the pixels
        binarize: gray pixels under a Bernoulli likelihood: as they are, by a threshold of 1/2, or drawn at every step
        ema: decay of the moving average of the networks, or power(0.1); none: no average
        seed: of the initial weights, the order of the data and the noise
    """

    latent_dim: Size = 32
    likelihood: likelihoods.Likelihood = likelihoods.bernoulli()
    binarize: Literal["none", "static", "dynamic"] = "none"
    ema: Ema | None = None
    seed: Seed = 0


@dataclasses.dataclass(frozen=True)
class Bounded(Autoencoding):
    """Options of every model that is trained on a bound of log p(x), whatever its prior.

    Attributes:
        objective: what is minimised; none: the ELBO with beta and kl_warmup_steps
        beta: weight of the KL divergence in the ELBO
        kl_warmup_steps: steps over which beta rises from 0
        samples: draws of z per image
        data_bias: a dense decoder's output starts at the mean of the data
    """

    objective: objectives.Objective | None = None
    beta: NotNegative = 1.0
    kl_warmup_steps: Natural = 0
    samples: Count = 1
    data_bias: bool = False


@dataclasses.dataclass(frozen=True)
class Variational(Bounded):
    """Options of every `VariationalModel` whose prior is a value.

    Attributes:
        prior: p(z), the distribution of the code
    """

    prior: priors.Prior = priors.normal()


@dataclasses.dataclass(frozen=True)
class FlowNetwork(Options):
    """The network of a flow, which sees the time and the condition.

    Attributes:
        network: convolutions at several sizes, tokens with attention, or dense layers; of points always the last
        width: channels of a unet's largest maps, size of a transformer's tokens or of dense layers
        blocks: residual blocks, of a unet at every size
        depth: of a unet, how often maps are halved
        doublings: of a unet, how often channels double with the halvings, at most
        attention: of a unet, self-attention on maps of at most so many pixels per side; 0: nowhere
        patch: of a transformer, side of the patches that become tokens, in pixels
        heads: of a transformer's attention
        dropout: rate within the blocks of images
        time_frequency: half-waves of the fastest feature of the time, between noise and data
    """

    network: Literal["dense", "unet", "transformer"] = "dense"
    width: Size = 32
    blocks: Count = 1
    depth: Depth = 1
    doublings: Natural = 2
    attention: Natural = 8
    patch: Size = 2
    heads: Count = 4
    dropout: Proportion = 0.0
    time_frequency: Positive = FASTEST


@dataclasses.dataclass(frozen=True)
class Flow(Options):
    """Options of every `FlowModel`.

    Attributes:
        interpolant: how noise and data are mixed on the way
        predicts: what the network gives: the velocity, v, the noise or the data
        times: distribution of the time in training
        min_snr: the error of data counts with the ratio of signal and noise, at most this; none: all times alike
        pairs: of noise and data: independent, or the nearest ones of a batch
        condition: name of the field on which the flow is conditioned; none: it is not
        condition_dropout: probability with which the condition is left out in training, for guidance
        sampler: that samples are drawn with by default
        ema: decay of the moving average of the flow, or power(0.1); none: no average
        seed: of the initial weights, the order of the data and the noise
    """

    interpolant: interpolants.Interpolant = interpolants.straight()
    predicts: interpolants.Target = "velocity"
    times: Literal["uniform", "logit_normal"] = "uniform"
    min_snr: Positive | None = None
    pairs: Literal["independent", "optimal"] = "independent"
    condition: str | None = None
    condition_dropout: Proportion = 0.1
    sampler: samplers.Flow = samplers.heun(10)
    ema: Ema | None = 0.999
    seed: Seed = 0


@dataclasses.dataclass(frozen=True)
class Optimizer(Options):
    """The optimizer of every network of a model.

    Attributes:
        optimizer: name of Keras' optimizer
        learning_rate: of every optimizer that has none of its own; 0 trains nothing
        beta_1: of adam and adamw, decay of the mean gradient; none: the model's default, else Keras'
        beta_2: of adam and adamw, decay of the mean squared gradient; none: as beta_1
        epsilon: of all but sgd, added to the root of the squared gradients; none: as beta_1
        weight_decay: of adamw; none: Keras' default
        momentum: of rmsprop and sgd; none: Keras' default
        final_momentum: of sgd, the momentum after momentum_steps; none: it stays
        momentum_steps: of sgd, updates over which the momentum rises linearly
    """

    optimizer: Literal["adam", "adamw", "rmsprop", "adagrad", "sgd"] = "adam"
    learning_rate: NotNegative = 1e-3
    beta_1: Proportion | None = None
    beta_2: Proportion | None = None
    epsilon: Positive | None = None
    weight_decay: NotNegative | None = None
    momentum: Proportion | None = None
    final_momentum: Proportion | None = None
    momentum_steps: Count | None = None


@dataclasses.dataclass(frozen=True)
class AdversarialOptimizer(Optimizer):
    """The optimizers of an adversarial model, which may differ in their learning rates.

    Attributes:
        generator_learning_rate: of the generator, which 0 leaves as it is; none: learning_rate
        discriminator_learning_rate: of the discriminator, which 0 leaves as it is; none: learning_rate
    """

    displaces: ClassVar[dict[str, tuple[str, ...]]] = {
        "learning_rate": ("generator_learning_rate", "discriminator_learning_rate")
    }

    learning_rate: NotNegative = 2e-4
    generator_learning_rate: NotNegative | None = None
    discriminator_learning_rate: NotNegative | None = None


@dataclasses.dataclass(frozen=True)
class LatentOptimizer(Optimizer):
    """The optimizers of a flow of codes, which may differ in their learning rates.

    Attributes:
        autoencoder_learning_rate: of encoder and decoder; none: learning_rate
        flow_learning_rate: of the flow; none: learning_rate
    """

    displaces: ClassVar[dict[str, tuple[str, ...]]] = {
        "learning_rate": ("autoencoder_learning_rate", "flow_learning_rate")
    }

    autoencoder_learning_rate: NotNegative | None = None
    flow_learning_rate: NotNegative | None = None
