"""Small immutable objects (losses, priors, likelihoods, ...) that Keras can save and load by registered name."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import keras

from tfgen import domains
from tfgen.errors import UserError, closest, shown

if keras.backend.backend() != "tensorflow":
    raise UserError(
        f"tfgen trains with TensorFlow, but Keras runs on {keras.backend.backend()}: unset KERAS_BACKEND, or set it to "
        "tensorflow (the .keras files that a run leaves load under any backend)"
    )

# a package prefix: names such as `normal` would collide with those of other libraries
serializable = keras.saving.register_keras_serializable(package="tfgen")


class Value:
    """Base of frozen dataclasses whose fields are their whole configuration."""

    # made by the decorator of each subclass, and declared here for type checkers
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __post_init__(self) -> None:
        """Checks the numbers among the fields against the domains of their types, and makes them of these types."""
        annotations = domains.annotations_of(type(self))
        domains.check_all(vars(self), annotations)
        for name, annotation in annotations.items():
            if domains.is_number(value := vars(self).get(name)):
                object.__setattr__(self, name, domains.typed(value, annotation))  # it is frozen for others

    def get_config(self) -> dict[str, Any]:
        """Returns the fields by name, as Keras serialises them."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Returns the value with the fields of `config`, the inverse of `get_config`."""
        return cls(**config)

    def replace(self, **changes: Any) -> Self:
        """Returns a copy with some fields changed."""
        return dataclasses.replace(self, **changes)


def save_function(function: Callable) -> str:
    """Returns the name under which `function` is registered with Keras.

    Raises:
        UserError: the function is not registered, so no other process could find it.
    """
    name = keras.saving.get_registered_name(function)
    if keras.saving.get_registered_object(name) is not function:
        raise UserError(
            f"the function {getattr(function, '__name__', function)!r} cannot be saved by name; decorate it with "
            "@keras.saving.register_keras_serializable(package='my_package') and build the model again"
        )
    return name


def save_object(value: Any) -> Any:
    """Returns a part of a model as Keras serialises it; a function must be registered, as in `save_function`."""
    if inspect.isfunction(value):
        save_function(value)  # for its error: Keras itself would write an unregistered function's name and fail at load
    elif callable(value) and not hasattr(value, "get_config"):  # a bound method, a compiled function, a partial
        raise UserError(
            f"{value!r:.80} cannot be saved by name: give a registered function, or an object with get_config"
        )
    return keras.saving.serialize_keras_object(value)


def load_function(name: str | Callable) -> Callable:
    """Returns the function that is registered with Keras as `name`; a function is returned unchanged.

    Raises:
        UserError: no function has this name; the module that registers it has not been imported.
    """
    if callable(name):
        return name
    function = keras.saving.get_registered_object(name)
    if function is None:
        raise UserError(f"no function is registered with Keras as {name!r}; import the module that defines it first")
    return function


def check_kinds(values: Mapping[str, Any], annotations: Mapping[str, Any]) -> None:
    """Checks that arguments annotated with a `Value` or a `keras.Model` are of that kind, before anything uses them.

    A function may stand for a value that is called, such as a penalty; an object of another class for any value whose
    methods it has.

    Raises:
        UserError: one is of another kind; the sentence names the module that has such values.
    """
    for name, value in values.items():
        arms = domains.arms_of(annotations.get(name))
        kind = next((arm for arm in arms if isinstance(arm, type) and issubclass(arm, (Value, keras.Model))), None)
        if kind is None or isinstance(value, kind) or (value is None and type(None) in arms):
            continue
        numeric = any(domains.unwrap(arm)[0] in (int, float) for arm in arms)
        if numeric and domains.is_number(value):
            continue
        if issubclass(kind, keras.Model):
            raise UserError(f"{name} expects a keras.Model, got {shown(value)}")
        own = [method for method in vars(kind) if inspect.isfunction(vars(kind)[method])]
        # what is called does not need the further methods, which have a default
        needed = ["__call__"] if "__call__" in own else [method for method in own if not method.startswith("_")]
        if isinstance(value, type) or not all(hasattr(value, method) for method in {*needed} - {"get_config"}):
            home = domains.home_of(kind)
            known_names = [key for key, found in vars(home).items() if not isinstance(found, type)]
            near = closest(value, known_names) if isinstance(value, str) else None
            known = "" if near is None else f"; did you mean {home.__name__}.{near}?"
            expected = f"{'a number, or ' * numeric}an object such as those in {home.__name__}"
            raise UserError(f"{name} expects {expected}, got {shown(value)}{known}")
