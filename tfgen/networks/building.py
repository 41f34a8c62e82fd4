"""Networks that know their shapes only once they are called: subclasses, and a Sequential without an Input."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from tfgen.errors import UserError
from tfgen.faults import reason
from tfgen.networks.calling import input_names

Shape = tuple[int, ...]


def build(network: keras.Model, shape: Sequence[int]) -> None:
    """Makes the variables of a network that has none yet.

    Args:
        network: of one input, unless it is built.
        shape: of one example.

    Raises:
        UserError: it cannot be called on such an input.
    """
    if network.built:
        return
    try:
        if isinstance(network, keras.Sequential):
            network.build((None, *shape))
        else:
            network(np.zeros((1, *shape), "float32"))
    except Exception as error:  # the user's own code
        raise UserError(
            f"the network {network.name!r} cannot be called on one input of shape {(None, *shape)} ({reason(error)}); "
            "a network with several inputs is a functional keras.Model, its inputs named after fields"
        ) from error


def output_shape(network: keras.Model, shape: Sequence[int]) -> Shape:
    """Returns the shape of one example of a network's output, its first where it has several.

    Args:
        network: that is built.
        shape: of one example of its input, for a network that does not keep its output's shape.
    """
    try:
        outputs = network.output_shape
    except (AttributeError, ValueError):  # a subclass
        made = network.compute_output_spec(keras.KerasTensor((None, *shape), "float32"))
        outputs = keras.tree.map_structure(lambda tensor: tuple(tensor.shape), made)
    first = outputs
    while not (isinstance(first, tuple) and all(size is None or isinstance(size, int) for size in first)):
        first = next(iter(first.values() if isinstance(first, dict) else first))
    return tuple(first[1:])


def input_shape(network: keras.Model, name: str) -> Shape | None:
    """Returns the shape of one example of the input `name`, of the first where none is called so.

    None of a subclass that has not been called.
    """
    names = input_names(network)
    if names:
        return tuple(network.inputs[names.index(name) if name in names else 0].shape[1:])
    shape = (network.get_build_config() or {}).get("input_shape") if network.built else None
    return None if shape is None or isinstance(shape, dict) else tuple(shape[1:])


def with_named_inputs(network: keras.Model, sizes: Mapping[str, int]) -> keras.Model:
    """Returns a network of several inputs, whose concatenation is the one input of `network`.

    Args:
        network: functional, of an input [B, sum of sizes].
        sizes: name -> size of each input, in their order.
    """
    inputs = {name: keras.Input((size,), name=name) for name, size in sizes.items()}
    return keras.Model(inputs, network(keras.layers.Concatenate()(list(inputs.values()))), name=network.name)
