"""`sgan`: a classifier of few labelled images, helped by a generator and by images without labels."""

import dataclasses
from typing import Any, Literal

import keras

from tfgen import augment as augments
from tfgen.data.source import Field
from tfgen.domains import Count, NotNegative, Proportion, Share, Size
from tfgen.families.adversarial.semi_supervised import SemiSupervisedModel
from tfgen.models.common import adversarial_model, condition_field, image_shape_of, only
from tfgen.models.options import Adversarial, AdversarialOptimizer, ConvNetwork
from tfgen.networks import dcgan_generator, dense_generator
from tfgen.networks.classifiers import conv_classifier, dense_classifier
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class SemiSupervised(Options):
    """What a semi-supervised model learns from.

    Attributes:
        labelled: number of training images whose labels are kept, evenly over the classes, chosen from the seed
        class_weight: of the cross-entropy of the labelled images
        entropy_weight: of the entropy of the classes of real images without labels
        pseudo_label_weight: of augmented images without labels, by the classes of which the classifier is sure
        pseudo_label_augment: of those images; their class does not depend on it
        label_augment: of the labelled images; none: as they are
        balance_weight: of the divergence of these classes' frequencies from equal ones
        noise: standard deviation of noise on what the classifier sees
    """

    labelled: Count = 100
    class_weight: NotNegative = 2.0
    entropy_weight: NotNegative = 0.0
    pseudo_label_weight: NotNegative = 0.0
    pseudo_label_augment: augments.Augment = augments.diff_augment("translation,cutout")
    label_augment: augments.Augment | None = None
    balance_weight: NotNegative = 0.0
    noise: Share = 0.3


@dataclasses.dataclass(frozen=True)
class DenseClassifier(Options):
    """Dense layers with noise.

    Attributes:
        units: sizes of the generator's hidden layers
        hidden: sizes of the classifier's hidden layers
        hidden_noise: standard deviation of noise on them
    """

    units: tuple[Size, ...] = (500, 500)
    hidden: tuple[Size, ...] = (500, 250, 250)
    hidden_noise: Share = 0.5


@dataclasses.dataclass(frozen=True)
class ConvClassifier(ConvNetwork):
    """Strided convolutions with dropout.

    Attributes:
        dropout: rate in the classifier
        hidden_units: size of a dense layer before the classifier's logits; none: no such layer
    """

    width: Size = 16
    kernel_size: Size = 4
    dropout: Proportion = 0.3
    hidden_units: Size | None = 128


def sgan(
    fields: dict[str, Field],
    *,
    network: Literal["dense", "conv"] = "dense",
    semi_supervised: SemiSupervised = SemiSupervised(),
    dense: DenseClassifier = DenseClassifier(),
    conv: ConvClassifier = ConvClassifier(),
    adversarial: Adversarial = Adversarial(feature_matching=1.0),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[SemiSupervisedModel] = SemiSupervisedModel,
) -> SemiSupervisedModel:
    """Semi-supervised GAN: a classifier of few labelled images and many without labels (Salimans et al. 2016).

    Args:
        fields: of the data set.
        network: dense layers, as in the paper for MNIST, or convolutions, in both networks
        semi_supervised: options of what it learns from.
        dense: options of the dense networks.
        conv: options of the convolutional networks.
        adversarial: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, field = image_shape_of(fields, "sgan"), condition_field(fields, "label", "sgan")
    classes, latent_dim = int(field.range[1]) if field.range else 0, adversarial.latent_dim
    (conv if network == "dense" else dense).idle(f"with network={network}")
    if not semi_supervised.pseudo_label_weight:
        semi_supervised.idle("without pseudo_label_weight", "pseudo_label_augment")

    def networks() -> tuple[keras.Model, keras.Model]:
        if network == "dense":
            generator = dense_generator(shape, latent_dim, dense.units, "sigmoid", normalize=bool(dense.units))
            noises = {"noise": semi_supervised.noise, "hidden_noise": dense.hidden_noise}
            return generator, dense_classifier(shape, classes, dense.hidden, **noises)
        size: dict[str, Any] = {"width": conv.width, "kernel_size": conv.kernel_size, "depth": conv.depth}
        units = () if conv.hidden_units is None else (conv.hidden_units,)
        ending: dict[str, Any] = {"units": units, "noise": semi_supervised.noise, "dropout": conv.dropout}
        generator = dcgan_generator(shape, latent_dim, **size, stddev=None, output="sigmoid")
        return generator, conv_classifier(shape, classes, **size, **ending)

    return adversarial_model(
        "sgan",
        networks,
        only(fields, "image", "label"),
        (0.0, 1.0),
        adversarial=adversarial,
        optimization=optimization,
        kind=kind,
        labelled=semi_supervised.labelled,
        class_weight=semi_supervised.class_weight,
        entropy_weight=semi_supervised.entropy_weight,
        pseudo_label_weight=semi_supervised.pseudo_label_weight,
        pseudo_label_augment=semi_supervised.pseudo_label_augment,
        label_augment=semi_supervised.label_augment,
        balance_weight=semi_supervised.balance_weight,
    )
