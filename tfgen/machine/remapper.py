"""Grappler, the passes by which TensorFlow rewrites a graph before it first runs, left out where they do not pay.

One of them is the remapper, which fuses a convolution with its bias and activation.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def passes(name: str, value: bool, default: bool) -> Iterator[None]:
    """Sets an option of the passes on graphs that are run within the context; it belongs to the whole process.

    Args:
        name, value: of the option, as `tf.config.optimizer.set_experimental_options` takes it.
        default: its value where nothing has set it.
    """
    import tensorflow as tf

    options = tf.config.optimizer
    before = options.get_experimental_options().get(name, default)
    options.set_experimental_options({name: value})
    try:
        yield
    finally:
        options.set_experimental_options({name: before})


def remapper_off() -> contextlib.AbstractContextManager[None]:
    """Leaves the remapper out of graphs that are run within the context."""
    return passes("remapping", False, default=True)


def without_remapper(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `function`, whose calls leave the remapper out of the graphs that they run."""
    return _within(remapper_off, function)


def as_traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `function`, whose calls run graphs as they were traced, without any pass.

    That is for graphs that run a few times only, and for which the passes take longer than they save.
    """
    return _within(lambda: passes("disable_meta_optimizer", True, default=False), function)


def _within(context: Callable[[], contextlib.AbstractContextManager], function: Callable[..., Any]) -> Callable:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with context():
            return function(*args, **kwargs)

    return call
