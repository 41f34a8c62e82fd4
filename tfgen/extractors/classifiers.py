"""The shipped extractors: small classifiers of Fashion-MNIST and MNIST, whose weights lie beside this file.

`benchmarks/train_extractors.py` writes the weights, `NAME.npz`, and `NAME.json` with their sha256, accuracy and recipe.
"""

import functools
import json
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.errors import UserError
from tfgen.extractors.hashes import check_sha256, sha256_of
from tfgen.storage.atomic import replacing, write_text

if TYPE_CHECKING:
    import keras

    from tfgen.extractors.base import Extractor

HERE = pathlib.Path(__file__).resolve().parent


def fashion_mnist() -> "Extractor":
    """Garments: 128 features of a small classifier trained on Fashion-MNIST; part of tfgen."""
    return load("fashion_mnist")


def mnist() -> "Extractor":
    """Digits: 128 features of a small classifier trained on MNIST; part of tfgen."""
    return load("mnist")


def load(name: str, folder: str | pathlib.Path = HERE) -> "Extractor":
    """Returns the `Extractor` whose weights are `folder`/`name`.npz.

    Raises:
        UserError: the file is missing, or its sha256 is not that of `name`.json.
    """
    from tfgen.extractors.base import Extractor, compiled
    from tfgen.extractors.network import CHANNELS, CLASSES, IMAGE_SIZE, classifier

    record = read_record(folder, name)
    path = pathlib.Path(folder) / f"{name}.npz"
    check_sha256(path, record["sha256"], "install tfgen again")
    model = classifier()
    load_weights(path, model)
    return Extractor(
        compiled(functools.partial(_outputs, model), IMAGE_SIZE, CHANNELS),
        name=name,
        version=record["version"],
        sha256=record["sha256"],
        image_size=IMAGE_SIZE,
        channels=CHANNELS,
        classes=CLASSES,
        accuracy=record["accuracy"],
        dataset=record["dataset"],
        batch_size=250,  # measured: a tenth faster than 100
    )


def _outputs(model, images):
    import tensorflow as tf

    outputs = model(images, training=False)
    return outputs["features"], tf.nn.softmax(outputs["logits"])


def save_weights(path: str | pathlib.Path, model: "keras.Model") -> None:
    """Writes a model's weights, "00_kernel", "01_gamma", ... in the order of its layers, kernels as float16."""
    arrays = {}
    for key, variable in _variables(model).items():
        value = variable.numpy()
        arrays[key] = value.astype(np.float16) if value.ndim > 1 else value
    with replacing(path) as partial:
        np.savez_compressed(partial, **arrays)


def load_weights(path: str | pathlib.Path, model: "keras.Model") -> None:
    """Loads the weights that `save_weights` wrote into a model of the same architecture.

    Raises:
        UserError: the file has the weights of another network.
    """
    variables = _variables(model)
    with np.load(path, allow_pickle=False) as arrays:
        if set(arrays.files) != set(variables):
            unknown = sorted(set(arrays.files) ^ set(variables))
            raise UserError(f"{path} holds the weights of another network: {unknown[0]!r} is on one side only")
        for key, variable in variables.items():
            variable.assign(arrays[key].astype(np.float32))


def write_record(folder: str | pathlib.Path, name: str, record: dict[str, Any]) -> None:
    """Writes `folder`/`name`.json: `record` and the sha256 of `folder`/`name`.npz."""
    folder = pathlib.Path(folder)
    record = record | {"sha256": sha256_of(folder / f"{name}.npz")}
    write_text(folder / f"{name}.json", json.dumps(record, indent=2, sort_keys=True) + "\n")


def read_record(folder: str | pathlib.Path, name: str) -> dict[str, Any]:
    """Reads a file that `write_record` wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    path = pathlib.Path(folder) / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path} ({error}); install tfgen again") from error


def _variables(model):
    return {f"{number:02d}_{variable.name}": variable for number, variable in enumerate(model.weights)}
