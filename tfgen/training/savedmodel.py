"""Export of a model as a SavedModel with named signatures, for TensorFlow Serving, C, or Python without Keras."""

import inspect
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.sampling.endpoints import Endpoint
from tfgen.storage.atomic import replacing_folder
from tfgen.storage.origin import Stamp, stamp_folder

# `serving_default` is the first of these signatures that a model has.
DEFAULTS = ("generate", "translate", "sample", "reconstruct")


def export_savedmodel(model: Any, folder: str | pathlib.Path, stamp: Stamp | None = None) -> pathlib.Path:
    """Writes the signatures of `model.endpoints()` to `folder` (`.../export/1`), atomically.

    `generate` {latent} -> {image}, `sample` {seed} -> {image}, `sample_png` {seed} -> {image_bytes}, `interpolate`
    {latent_a, latent_b, fraction} -> {image}, `discriminate` {image} -> {logit, probability}, `encode` {image} ->
    {z_mean, z_log_var} (a plain autoencoder: {latent}), `encode_png` {image_bytes} -> the same, `reconstruct` {image}
    -> {image}. Images are float32 [B, H, W, C] in [0, 1], but uint8 from `sample`, where `(seed << 32) + i` gives image
    i of `model.sample(n, seed)`. A model of points has {point} float32 [B, 2] in place of every {image}. A conditional
    model takes its conditions as further inputs, such as `label` int64 [B] or `caption` string [B]; of texts,
    `sample_text` {caption, seed} -> {image} is another name of `sample`. `serving_default` is `generate`, or the first
    of `translate`, `sample` and `reconstruct` where the model has no latent.

    Args:
        model: a compiled `GenerativeModel`.
        folder: of the SavedModel.
        stamp: the origin and the step of the model, recorded in `assets.extra`.

    Returns:
        The folder.

    Raises:
        UserError: the disk is full or read-only. An earlier export is kept then.
    """
    folder = pathlib.Path(folder)
    archive, networks = keras.export.ExportArchive(), model.exported_networks()
    for network in networks.values():
        archive.track(network)  # else the variables of an endpoint's closure would not be saved
    classes = {
        name: int(field.range[1]) for name, field in model.fields.items() if field.kind == "label" and field.range
    }
    for name, function in traced(model.endpoints(networks), classes).items():
        archive.add_endpoint(name, function)
    with replacing_folder(folder) as partial:
        try:
            archive.write_out(str(partial), verbose=False)
        except tf.errors.OpError as error:
            raise UserError(f"cannot write {folder}: {error.message}; what was there before is kept") from error
        stamp_folder(partial, stamp)
    return folder


def traced(
    endpoints: dict[str, Endpoint], classes: Mapping[str, int]
) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """Returns name -> traced `tf.function` of each `Endpoint`, and of `serving_default`.

    Args:
        endpoints: by name.
        classes: name of an input -> number of classes of its labels.
    """
    functions = {}
    for name, endpoint in sorted(endpoints.items()):
        functions[name] = tf.function(
            by_position(endpoint, classes), input_signature=list(endpoint.inputs), autograph=False
        )
        functions[name].get_concrete_function()
    default = next((name for name in DEFAULTS if name in functions), None) or next(iter(functions), None)
    return {"serving_default": functions[default], **functions} if default else {}


def with_rows(values: tf.Tensor, more: tf.Tensor, blank: bytes) -> tf.Tensor:
    """Returns values [B, ...] and `more` rows of zeros, of strings of `blank`."""
    nothing = tf.constant(blank) if values.dtype == tf.string else tf.zeros([], values.dtype)
    shape = tf.concat([[more], tf.shape(values)[1:]], axis=0)
    made = tf.concat([values, tf.fill(shape, nothing)], axis=0)
    return tf.ensure_shape(made, [None, *values.shape[1:]])


def of_classes(name: str, value: tf.Tensor, classes: Mapping[str, int]) -> tf.Tensor:
    """Returns an input, whose labels are checked when the graph runs; one without classes as it is."""
    if name not in classes:
        return value
    top = tf.constant(classes[name], value.dtype)
    message = f"{name}: expected labels from 0 to {classes[name] - 1}"
    outside = (tf.debugging.assert_non_negative(value, message), tf.debugging.assert_less(value, top, message))
    with tf.control_dependencies(outside):  # before the lookup, whose message names an operation
        return tf.identity(value)


def by_position(endpoint: Endpoint, classes: Mapping[str, int]) -> Callable[..., dict[str, tf.Tensor]]:
    """Returns the endpoint's function with its inputs as positional parameters, by which `tf.function` names them.

    A batch of 0, which oneDNN's convolutions refuse, is computed as a row of zeros that no output keeps. Labels that
    are none of the classes are an error of TensorFlow: -1 would be the last class, as in any lookup.
    """
    names = [spec.name for spec in endpoint.inputs]

    def function(*values):
        count = tf.shape(values[0])[0]
        more = tf.cast(tf.equal(count, 0), tf.int32)
        given = {name: of_classes(name, value, classes) for name, value in zip(names, values, strict=True)}
        made = endpoint.function(**{name: with_rows(value, more, endpoint.blank) for name, value in given.items()})
        return {name: value[:count] for name, value in made.items()}

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(name, kind) for name in names])
    function.__signature__ = signature  # type: ignore[attr-defined]  # read by `inspect.signature`
    return function
