"""Callbacks whose failure does not stop training."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras

from tfgen.errors import UserError


class Guarded(keras.callbacks.Callback):
    """A wrapper of a callback that prints the first exception of the callback and does not call it any more.

    Args:
        callback: the Keras callback.
        passes: exceptions that stop training nevertheless, such as the `UserError` on a full disk.
        name: what the callback is called where it fails; by default after its class.
    """

    def __init__(
        self,
        callback: keras.callbacks.Callback,
        passes: tuple[type[BaseException], ...] = (),
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.callback, self.passes, self.failed = callback, passes, False
        self.name = name or f"callback {type(callback).__name__}"

    def set_model(self, model: keras.Model) -> None:
        """Sets the model of both callbacks."""
        super().set_model(model)
        self._call("set_model", model)

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Sets the parameters of `fit` of both callbacks."""
        super().set_params(params)
        self._call("set_params", params)

    def write(self, prefix: str, logs: Mapping[str, Any] | None) -> None:
        """Hands on numbers to a logger; a callback that has no `write` takes none."""
        if hasattr(self.callback, "write"):
            self._call("write", prefix, logs)

    def _call(self, name, *args):
        if self.failed:
            return
        try:
            getattr(self.callback, name)(*args)
        except self.passes:
            raise
        except Exception as error:  # a callback of a user or plugin can raise anything
            self.failed = True
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"\nthe {self.name} failed and is left out: {reason:.200}", flush=True)


def _handed_on(name):
    def call(self, *args, **kwargs):
        self._call(name, *args, *kwargs.values())

    call.__name__ = name
    return call


# All hooks at once: Keras may add hooks, and each must be guarded.
for _name in [name for name in dir(keras.callbacks.Callback) if name.startswith("on_")]:
    setattr(Guarded, _name, _handed_on(_name))


def guarded(
    callbacks: Iterable[keras.callbacks.Callback], passes: tuple[type[BaseException], ...] = ()
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks, each in a `Guarded`."""
    return [Guarded(callback, passes) for callback in callbacks]


def checked(callbacks: Any) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that a user gave, None for none, as a list.

    Raises:
        UserError: they are not a list of Keras callbacks, such as a class without its brackets.
    """
    if callbacks is None:
        return []
    alone = isinstance(callbacks, (keras.callbacks.Callback, type)) or not isinstance(callbacks, Iterable)
    found = [callbacks] if alone else list(callbacks)
    for callback in found:
        if not isinstance(callback, keras.callbacks.Callback):
            remedy = f": write {callback.__name__}()" if isinstance(callback, type) else ""
            raise UserError(f"callbacks are objects of keras.callbacks.Callback, got {callback!r:.80}{remedy}")
    return found


OURS = (UserError,)  # exceptions of tfgen's callbacks that stop training
