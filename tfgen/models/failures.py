"""What becomes of a builder that fails: too little memory, or a fault of a plugin's own."""

import inspect
import traceback
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfgen.data.source import Field
from tfgen.errors import BuilderFailed, UserError


def made_by(builder: Callable[..., Any], name: str, fields: dict[str, Field], arguments: dict[str, Any]) -> Any:
    """Returns what a builder makes.

    Raises:
        UserError: memory does not hold it, or its weights have more elements than TensorFlow can count.
        BuilderFailed: the builder of a plugin has raised something of its own.
    """
    try:
        return builder(fields, **arguments)
    except (MemoryError, tf.errors.ResourceExhaustedError, tf.errors.InvalidArgumentError) as error:
        if isinstance(error, tf.errors.InvalidArgumentError) and "would have more than" not in error.message:
            raise
        raise UserError(
            f"the networks of {name} do not fit in memory: give smaller sizes, such as its width"
        ) from error
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # the builder of a plugin may raise anything
        if builder.__module__.startswith("tfgen."):
            raise  # a fault of ours: its whole trace is wanted
        frames = traceback.extract_tb(error.__traceback__)
        code = getattr(inspect.unwrap(builder), "__code__", None)
        own = [frame for frame in frames if code is not None and frame.filename == code.co_filename]
        last = (own or frames)[-1]  # what it calls may be Keras
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
        raise BuilderFailed(
            f"the builder of {name!r} failed in {last.filename}, line {last.lineno}: {reason:.300}"
        ) from error
