"""What builders of translations share: the field that they start from, the content loss, the assembly from options."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from tfgen.data.source import Field
from tfgen.extractors import classifiers
from tfgen.extractors.base import LUMA
from tfgen.extractors.network import IMAGE_SIZE, classifier
from tfgen.families.translation.model import PairedTranslation
from tfgen.models.common import compiled, image_shape_of
from tfgen.models.options import AdversarialOptimizer, Paired
from tfgen.networks.seeding import seeded

NAMES = ("second", "third")  # of the maps


def pictures_of(fields: dict[str, Field], other: str, model: str, factor: int = 1) -> dict[str, Field]:
    """Returns the fields `image` and `other` of a data set.

    Without pictures called `other`, such of the image's shape are taken, or `factor` times smaller: the data that a
    model is trained on must hold them all the same.
    """
    height, width, channels = image_shape_of(fields, model)
    given = fields.get(other)
    if given is None or given.kind != "image":
        given = Field("image", (max(height // factor, 1), max(width // factor, 1), channels))
    return {"image": fields["image"], other: given}


def paired_model(
    name: str,
    fields: dict[str, Field],
    generator: Callable[[], keras.Model],
    discriminator: Callable[[], keras.Model],
    paired: Paired,
    optimization: AdversarialOptimizer,
    kind: type[PairedTranslation],
    **more: Any,
) -> PairedTranslation:
    """Builds a compiled model of pairs, with weights from its seed.

    Args:
        name: of the model.
        fields: `source` and `image`.
        generator: makes the generator.
        discriminator: makes the discriminator; not called where the adversarial weight is 0.
        paired: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
        **more: further arguments of `kind`.
    """
    adversarial = bool(paired.adversarial_weight)
    with seeded(paired.seed):
        networks = [generator(), discriminator() if adversarial else None]
    paired.idle("with adversarial_weight=0", "loss")
    paired.idle("with pixel_weight=0", "pixel_loss")
    paired.idle("with content_weight=0", "content")
    weights: dict[str, Any] = {"adversarial_weight": paired.adversarial_weight, "pixel_weight": paired.pixel_weight}
    weights |= {"loss": paired.loss} if adversarial else {}
    weights |= {"pixel_loss": paired.pixel_loss} if paired.pixel_weight else {}
    if paired.content_weight:
        features = content_network(paired.content, fields["image"].shape)
        networks.append(features)
        weights["content_weight"] = paired.content_weight
    weights |= more
    model = kind(*networks, **weights, ema=paired.ema, seed=paired.seed, fields=fields, name=name)
    return compiled(model, optimization)


def content_network(name: str, shape: tuple[int, ...]) -> keras.Model:
    """Returns image [B, H, W, C] in [-1, 1] -> two maps of a shipped classifier, after its second and third blocks.

    Pictures are made gray and brought to the classifier's size by layers of Keras. Nothing in it is trained.
    """
    known = classifier()
    classifiers.load_weights(classifiers.HERE / f"{name}.npz", known)
    image = keras.Input(shape, name="image")
    x = layers.Rescaling(0.5, 0.5)(image)
    if shape[-1] == 3:
        luma = layers.Conv2D(1, 1, use_bias=False, name="luma")
        x = luma(x)
        luma.set_weights([np.array(LUMA, np.float32).reshape(1, 1, 3, 1)])
    if tuple(shape[:2]) != IMAGE_SIZE:
        x = layers.Resizing(*IMAGE_SIZE, interpolation="bilinear", antialias=True, dtype="float32")(x)
    blocks = [layer for layer in known.layers if isinstance(layer, layers.ReLU)]
    maps = keras.Model(known.inputs, [blocks[1].output, blocks[2].output], name="maps")
    # float32 under mixed precision too
    outputs = {
        name: layers.Activation("linear", dtype="float32", name=name)(y) for name, y in zip(NAMES, maps(x), strict=True)
    }
    features = keras.Model(image, outputs, name="features")
    features.trainable = False
    return features
