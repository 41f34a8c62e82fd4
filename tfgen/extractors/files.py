"""Extractors from a user's own files: `keras:PATH` and `savedmodel:PATH`.

Such a network takes a batch of images, float32 [B, H, W, 1 or 3] in [0, 1] with H and W fixed (any other scaling has to
be a part of it), and returns features [B, F], or a dict of "features" and, if it is a classifier, "probabilities".
"""

import pathlib

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.extractors.base import Extractor, compiled
from tfgen.extractors.hashes import sha256_of

VERSION = "file"
_EXPECTED = 'features [B, F], or a dict of "features" and "probabilities"'


def keras_file(path: str) -> Extractor:
    """A .keras file: image in, features out, or a dict of features and probabilities.

    Raises:
        UserError: no such file, one that Keras cannot read or that would run code of its own, or inputs and outputs
            other than described above.
    """
    file = pathlib.Path(path)
    if file.suffix != ".keras" or not file.is_file():
        raise UserError(f"extractor keras:{file}: expected an existing FILE.keras{_near(file, '.keras')}")
    sha256 = sha256_of(file)
    try:
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file may raise anything: errors of zipfile, JSON, HDF5 or look-ups
        raise UserError(f"extractor keras:{file}: Keras cannot load it ({_short(error)})") from error
    if len(model.inputs) != 1:
        raise UserError(f"extractor keras:{file}: expected one input, an image, got {len(model.inputs)}")
    return _extractor(f"keras:{file}", sha256, model.inputs[0].shape, lambda x: model(x, training=False))


def savedmodel(path: str) -> Extractor:
    """A SavedModel folder: image in, features out, or features and probabilities.

    Its `serving_default` signature is used. A SavedModel is a program that TensorFlow does not sandbox: do not load one
    from a source that you do not trust.

    Raises:
        UserError: no such folder, no SavedModel in it, or inputs and outputs other than described above.
    """
    folder = pathlib.Path(path)
    if not any((folder / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        raise UserError(f"extractor savedmodel:{folder}: expected a folder with saved_model.pb, as export/1 of a run")
    sha256 = sha256_of(folder)
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:  # as above
        raise UserError(f"extractor savedmodel:{folder}: TensorFlow cannot load it ({_short(error)})") from error
    signature = loaded.signatures.get("serving_default")
    inputs = signature.structured_input_signature[1] if signature else {}
    if len(inputs) != 1:
        raise UserError(
            f"extractor savedmodel:{folder}: expected a serving_default signature with one input, an image, "
            f"got {sorted(inputs) or 'none'}"
        )
    ((name, spec),) = inputs.items()

    def network(images):
        outputs = signature(**{name: images})
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    extractor = _extractor(f"savedmodel:{folder}", sha256, spec.shape, network)
    extractor.kept = loaded  # its variables live only as long as this object
    return extractor


def _extractor(name, sha256, shape, network):
    """Returns the `Extractor` of a function from images to outputs, after a check of its shapes."""
    size = tuple(shape)
    if len(size) != 4 or None in size[1:] or size[3] not in (1, 3):
        raise UserError(f"extractor {name}: expected an input [B, H, W, 1 or 3] with H and W fixed, got {list(size)}")

    def split(images):
        outputs = network(images)
        if isinstance(outputs, dict):
            return outputs.get("features"), outputs.get("probabilities")
        return outputs, None

    features, probabilities = _shapes(split, size)
    if features is None or len(features) != 2 or (probabilities is not None and len(probabilities) != 2):
        got = "no features" if features is None else f"features {list(features)}"
        raise UserError(f"extractor {name}: expected outputs {_EXPECTED}, got {got}")
    classes = None if probabilities is None else int(probabilities[1])
    return Extractor(
        compiled(split, size[1:3], size[3]),
        name=name,
        version=VERSION,
        sha256=sha256,
        image_size=size[1:3],
        channels=size[3],
        classes=classes,
    )


def _shapes(split, size):
    """Returns the shapes of features and probabilities for one gray image, None for a missing output."""
    outputs = split(tf.fill((1, *size[1:]), 0.5))
    return [getattr(output, "shape", None) for output in outputs]


def _near(path, suffix):
    """Returns the end of a message: the only file of that kind in the folder, if there is exactly one."""
    found = sorted(path.parent.glob(f"*{suffix}")) if path.parent.is_dir() else []
    return f"; did you mean {found[0]}?" if len(found) == 1 else f", got {path.name!r}"


def _short(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
