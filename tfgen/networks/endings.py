"""The range of what a network can give, judged by the functions in which it ends."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

Range = tuple[str, float, float]
Remarks = tuple[tuple[str, str], ...]  # (name, sentence), one or none

_PROBES = (-1e4, -1.0, 0.0, 1.0, 1e4)
_UNBOUNDED = 100.0  # what no bounded function of the usual ones gives of the probes


def warn_of_bounded_logits(network: keras.Model, name: str, shape: Sequence[int]) -> Remarks:
    """Warns where a network that is to give logits ends in a function such as a sigmoid; returns the remark.

    Args:
        network: that is built.
        name: of the output, where it has several.
        shape: of one example of its input.
    """
    found = output_range(network, shape, name)
    if not found or not (found[1] >= 0 or found[2] <= 0 or math.isfinite(found[2] - found[1])):
        return ()
    return _warned(
        "bounded_logits",
        f"the network {network.name!r} ends in {found[0]}, with outputs in {_shown(found)}, but losses take its "
        f"{name} before a sigmoid: leave the last activation out (as with from_logits=True in Keras)",
    )


def _warned(name: str, sentence: str) -> Remarks:
    warnings.warn(sentence, stacklevel=5)
    return ((name, sentence),)


def warn_of_other_range(network: keras.Model, shape: Sequence[int], value_range: Sequence[float] | None) -> Remarks:
    """Warns where a network that makes images cannot reach all of `value_range`, or makes others as well.

    Args:
        network: that is built.
        shape: of one example of its input.
        value_range: (low, high); None for data that are no images.

    Returns:
        The remark.
    """
    found = output_range(network, shape) if value_range else None
    if not found or not value_range:
        return ()
    (low, high), (_, made_low, made_high) = value_range, found
    slack = 0.01 * (high - low)
    bounded = math.isfinite(made_high - made_low)
    over = bounded and made_high - made_low > high - low + slack
    if made_low <= low + slack and made_high >= high - slack and not over:
        return ()
    hint = f": give value_range=({made_low:g}, {made_high:g}), or another last activation" if bounded else ""
    return _warned(
        "other_range",
        f"the network {network.name!r} ends in {found[0]}, with outputs in {_shown(found)}, but images lie in "
        f"value_range=({low:g}, {high:g}){hint}",
    )


def _shown(found: Range) -> str:
    return f"{found[1]:g} .. {found[2]:g}"


def output_range(network: keras.Model, shape: Sequence[int], name: str | None = None) -> Range | None:
    """Returns (name of the last bounded function, lowest output, highest output), +-inf where there is no bound.

    Args:
        network: that is built.
        shape: of one example of its input, for a subclass.
        name: of the output, where it has several.

    Returns:
        None where no function bounds the output, or where the network does not show what it is made of.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Keras, on the tensors by which the functions are tried
            outputs = _outputs(network, shape)
            return _range_of(outputs.get(name) if isinstance(outputs, dict) else outputs)
    except Exception:  # of the user's own layers; this is a courtesy, which must never be in the way
        return None


def _outputs(network: keras.Model, shape: Sequence[int]) -> Any:
    if isinstance(network, keras.Sequential):
        return network.outputs[0]
    # the outputs as they were made within: `output` gives those of the first call, whose history is the network alone
    within = getattr(network, "_outputs_struct", None)
    # a subclass: its layers leave their history on a symbolic tensor
    return network.call(keras.Input(tuple(shape))) if within is None else within


def _range_of(tensor: keras.KerasTensor) -> Range | None:
    """Goes back from a tensor to the last bounded function, and forward from its bounds to the tensor."""
    after: list[Callable] = []
    while True:
        operation, node, index = tensor._keras_history
        inputs = operation._inbound_nodes[node].input_tensors
        if isinstance(operation, keras.Model):
            found = _range_of(keras.tree.flatten(_outputs(operation, inputs[0].shape[1:]))[index])
            return found and _through(found, after)
        if isinstance(operation, keras.layers.InputLayer) or len(inputs) != 1:
            return None
        own, weights = getattr(operation, "activation", None), getattr(operation, "weights", ())
        if own is None and weights:  # they can take any value
            return None
        shape = tuple(inputs[0].shape[1:]) if own is None else (1,)
        function = operation if own is None else own
        low, high = _bounds(function, _PROBES, shape)
        if not math.isinf(low) or not math.isinf(high):
            called = getattr(own, "__name__", type(function).__name__)
            return _through((called, low, high), after)
        if weights:
            return None
        after.insert(0, lambda values, f=operation, s=tuple(inputs[0].shape[1:]): _filled(f, values, s))
        tensor = inputs[0]


def _bounds(function: Callable, values: Sequence[float], shape: Sequence[int]) -> tuple[float, float]:
    made = _filled(function, values, shape)
    low, high = float(made.min()), float(made.max())
    return (-math.inf if low < -_UNBOUNDED else low), (math.inf if high > _UNBOUNDED else high)


def _filled(function: Callable, values: Sequence[float], shape: Sequence[int]) -> np.ndarray:
    """Returns the outputs for inputs of which each is filled with one value."""
    rows = np.stack([np.full(tuple(shape), value, "float32") for value in values])
    return keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(rows)))


def _through(found: Range, functions: Sequence[Callable]) -> Range:
    name, low, high = found
    for function in functions:
        made = function([max(low, -1e4), min(high, 1e4)])
        low, high = float(made.min()), float(made.max())
    return name, low if low > -_UNBOUNDED else -math.inf, high if high < _UNBOUNDED else math.inf
