"""Copies of networks: functional ones, Sequential ones, subclasses, with layers of any class."""

from collections.abc import Callable, Iterator
from typing import Any

import keras

from tfgen.errors import UserError
from tfgen.faults import reason
from tfgen.networks.building import build, input_shape

# what the code of a layer raises whose configuration does not say all of it
_FAILURES = (AttributeError, LookupError, NotImplementedError, OSError, RuntimeError, TypeError, ValueError)


def copy_network(network: keras.Model) -> keras.Model:
    """Returns a new network of the same architecture and weights.

    Raises:
        UserError: it has a layer that cannot be made again from its configuration.
    """
    first: Exception = NotImplementedError()
    for way in (_from_config, _with_classes_at_hand, _layer_by_layer, _constructed_again):
        try:
            copy = way(network)
            if not copy.built:
                build(copy, input_shape(network, "") or ())
            copy.set_weights(network.get_weights())
        except _FAILURES as error:
            first = error if way is _from_config else first
        else:
            return copy
    raise UserError(
        f"the network {network.name!r} cannot be copied for an average of its weights or for a file: give its classes "
        "get_config and from_config, and functions of lambdas a name, or leave the average out with ema=None "
        f"({reason(first)})"
    ) from first


def _from_config(network: keras.Model) -> keras.Model:
    return type(network).from_config(network.get_config())


def _with_classes_at_hand(network: keras.Model) -> keras.Model:
    """A copy in this process needs no class or function by its registered name."""
    with keras.saving.custom_object_scope(dict(_own_objects(network))):
        return _from_config(network)


def _own_objects(network: keras.Model) -> Iterator[tuple[str, Any]]:
    for layer in network._flatten_layers():
        yield type(layer).__name__, type(layer)
        for value in vars(layer).values():
            if callable(value) and hasattr(value, "__name__"):
                yield value.__name__, value


def _layer_by_layer(network: keras.Model) -> keras.Model:
    """Layers without variables, such as a Lambda, are the same objects in both networks."""
    return keras.models.clone_model(network, clone_function=_copied)


def _constructed_again(network: keras.Model) -> keras.Model:
    """A subclass without a configuration of its own, from the plain values with which it was constructed."""
    given = getattr(network, "_auto_config", None)
    if given is None:
        raise NotImplementedError(f"{type(network).__name__} has no get_config")
    return type(network)(**given.config)


def _copied(layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, keras.Model):
        return copy_network(layer)
    remake: Callable[..., keras.layers.Layer] = type(layer).from_config
    return remake(layer.get_config()) if layer.variables else layer
