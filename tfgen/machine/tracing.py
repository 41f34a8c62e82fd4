"""Functions that TensorFlow compiles to graphs."""

import functools
from collections.abc import Callable
from typing import Any


def traced(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Returns `function` as a `tf.function` of its own, without AutoGraph.

    TensorFlow counts the traces of all functions that were made by one piece of code, and from five on warns of
    retracing, in a process that uses several models or metrics for example; those of different partials it counts by
    themselves.

    Args:
        function: to be compiled.
        **options: of `tf.function`.
    """
    import tensorflow as tf

    return tf.function(functools.partial(function), autograph=False, **options)
