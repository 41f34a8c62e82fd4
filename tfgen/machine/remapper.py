"""Grappler's remapper, the pass of TensorFlow that fuses a convolution with its bias and activation."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def remapper_off() -> Iterator[None]:
    """Leaves the remapper out of graphs that are run within the context; the setting belongs to the whole process."""
    import tensorflow as tf

    options = tf.config.optimizer
    before = options.get_experimental_options().get("remapping", True)
    options.set_experimental_options({"remapping": False})
    try:
        yield
    finally:
        options.set_experimental_options({"remapping": before})


def without_remapper(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `function`, whose calls leave the remapper out of the graphs that they run."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with remapper_off():
            return function(*args, **kwargs)

    return call
