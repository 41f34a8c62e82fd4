"""Small immutable objects (losses, priors, likelihoods, ...) that Keras can save and load by registered name."""

import dataclasses
import inspect

import keras

from tfgen.errors import UserError

if keras.backend.backend() != "tensorflow":
    raise UserError(
        f"tfgen trains with TensorFlow, but Keras runs on {keras.backend.backend()}: unset KERAS_BACKEND, or set it to "
        "tensorflow (the .keras files that a run leaves load under any backend)"
    )

serializable = keras.saving.register_keras_serializable(package="tfgen")


class Value:
    """Base of frozen dataclasses whose fields are their whole configuration."""

    def get_config(self):
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def replace(self, **changes):
        return dataclasses.replace(self, **changes)


def save_function(function):
    """Returns the name under which `function` is registered with Keras.

    Raises:
        UserError: the function is not registered, so no other process could find it again.
    """
    name = keras.saving.get_registered_name(function)
    if keras.saving.get_registered_object(name) is not function:
        raise UserError(
            f"the function {getattr(function, '__name__', function)!r} cannot be saved by name; decorate it with "
            "@keras.saving.register_keras_serializable(package='my_package') and build the model again"
        )
    return name


def save_object(value):
    """A part of a model as Keras serialises it; a bare function must be registered, as in `save_function`."""
    if inspect.isfunction(value):
        save_function(value)
    return keras.saving.serialize_keras_object(value)


def load_function(name):
    """Returns the function that was registered with Keras as `name`; a function passes unchanged."""
    if callable(name):
        return name
    function = keras.saving.get_registered_object(name)
    if function is None:
        raise UserError(f"no function is registered with Keras as {name!r}; import the module that defines it first")
    return function
