"""Calling a network by the names of its inputs."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfgen.errors import UserError, nearest
from tfgen.machine.remapper import without_remapper


def input_names(network: keras.Model) -> list[str]:
    """Returns the names of a network's inputs; an empty list for a subclassed model, whose inputs have no names."""
    try:
        return [tensor.name for tensor in network.inputs or []]
    except (AttributeError, ValueError):
        return []


def select_inputs(network: keras.Model, fields: Mapping[str, tf.Tensor]) -> tf.Tensor | dict[str, tf.Tensor]:
    """Returns the argument of `network`: the fields with the names of its inputs, as a dict where it has several.

    A network with one input takes the field of that name, or the first field where no field has the name.

    Raises:
        UserError: the network has several inputs, and no field has the name of one of them; or a field is of another
            shape than the network's input; or their batches differ in size.
    """
    names = input_names(network)
    if len(names) <= 1:
        name = names[0] if names and names[0] in fields else next(iter(fields))
        if names:
            _check_shape(network, network.inputs[0], name, fields[name])
        return fields[name]
    missing = [name for name in names if name not in fields]
    if missing:
        raise UserError(
            f"the network {network.name!r} has an input {missing[0]!r}, but the batch holds {', '.join(sorted(fields))}"
            f"{nearest(missing[0], fields)}"
        )
    taken = {name: fields[name] for name in names}
    _check_rows(taken)
    return taken


def _check_rows(fields: Mapping[str, tf.Tensor]) -> None:
    rows = {name: value.shape[0] for name, value in fields.items() if value.shape.rank}
    if len({count for count in rows.values() if count is not None}) > 1:
        got = ", ".join(f"{name} {count}" for name, count in rows.items())
        raise UserError(f"expected as many rows in every input of the network, got {got}")


def _check_shape(network: keras.Model, takes: keras.KerasTensor, name: str, value: tf.Tensor) -> None:
    if value.shape.rank is None:
        return
    expected, got = tuple(takes.shape[1:]), tuple(value.shape[1:])
    if len(got) == len(expected):
        fits = all(None in pair or pair[0] == pair[1] for pair in zip(got, expected))
    else:
        # Keras adds or drops a last axis of 1 by itself, but not that of the batch
        fits = value.shape.rank > 0 and (*got, 1) == expected or got == (*expected, 1)
    if not fits:
        raise UserError(f"the network {network.name!r} takes inputs of shape {expected}, got {name!r} of shape {got}")


def call(network: keras.Model, fields: Mapping[str, tf.Tensor], training: bool = False) -> Any:
    """Returns a network's outputs for the fields that its inputs name, by default in inference mode."""
    return network(select_inputs(network, fields), **mode(network, training))


def single_output(network: keras.Model) -> keras.Model:
    """Returns a network whose output is a bare tensor, of one that gives a dict with one entry."""
    return keras.Model(network.input, next(iter(network.output.values())), name=network.name)


def mode(network: keras.Model, training: bool) -> dict[str, bool]:
    """Returns the argument that says whether a network runs in training mode; a subclass's `call` may not take it."""
    return {"training": training} if network._call_has_training_arg else {}


def differentiating(networks: Iterable[keras.Model], function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `function`, a graph that differentiates `networks`, run without the remapper where that fails.

    With oneDNN's kernels, TensorFlow 2.21 fuses a convolution with the leaky ReLU after it and overlooks that the
    gradient needs what lies between the two: the remapper prints an error and leaves the graph as it was. Everywhere
    else it stays on, since it makes dense networks faster.
    """
    return without_remapper(function) if has_leaky_convolutions(networks) else function


def has_leaky_convolutions(networks: Iterable[keras.Model]) -> bool:
    """Returns whether networks have both convolutions and leaky ReLUs."""
    flat = [layer for network in networks for layer in network._flatten_layers()]
    leaky = any(
        isinstance(layer, keras.layers.LeakyReLU) or getattr(layer, "activation", None) is keras.activations.leaky_relu
        for layer in flat
    )
    return leaky and any(len(weight.shape) > 2 for layer in flat for weight in layer.weights)


def random_states(network: keras.Model) -> list[keras.Variable]:
    """Returns the states of a network's random layers (Dropout), which no file format of Keras saves."""
    # by identity: comparing variables with == would compare their values
    weights = {id(weight) for weight in network.weights}
    return [variable for variable in network.variables if id(variable) not in weights]
