"""Signatures of a SavedModel."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A signature of a SavedModel.

    Attributes:
        function: takes the inputs by name and returns name -> tensor; traceable.
        inputs: their names, shapes and dtypes, each with a batch dimension.
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: tuple[tf.TensorSpec, ...]
