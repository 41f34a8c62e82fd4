"""Saving and loading: a model is saved as what it was constructed and compiled with, whatever its class."""

import copy
import dataclasses
import hashlib
import inspect
import os
from collections.abc import Mapping
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from tfgen import domains
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.faults import reason
from tfgen.networks.calling import random_states
from tfgen.networks.copying import copy_network
from tfgen.networks.spectral import plain
from tfgen.training.attributes import Attributes
from tfgen.values import check_kinds, save_object


class Saved(Attributes):
    """The part of `GenerativeModel` that Keras' saving calls; a mixin before `keras.Model`.

    The arguments of the constructor are kept when it is called, so that no subclass needs a `get_config`. An argument
    is a plain value, a network, a registered value object or function, or a list or dict of these.
    """

    _given: dict[str, Any]  # the constructor's arguments

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # a file names classes as they are registered: every process that imports the class can load its files
        ours = cls.__module__.startswith("tfgen.")
        # the whole module's name: two modules of one package may each have a class of the same name
        keras.saving.register_keras_serializable(package="tfgen" if ours else cls.__module__)(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # here, where the arguments of the class itself are seen: its __init__ calls those of its bases with others
        model = super().__new__(cls)
        try:
            bound = inspect.signature(cls.__init__).bind(model, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}: {error}") from None
        given = dict(list(bound.arguments.items())[1:])
        for name, parameter in inspect.signature(cls.__init__).parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                given |= given.pop(name, {})
            elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
                raise UserError(f"{cls.__name__}: the constructor of a model takes named arguments, got *{name}")
        # a subclass may narrow what its bases allow
        described = [vars(base)["__init__"] for base in reversed(cls.__mro__) if "__init__" in vars(base)]
        for check in (domains.check_all, check_kinds):
            for constructor in described:
                check(given, domains.annotations_of(constructor))
        # not as an attribute: Keras would track the networks in it a second time, and wrap lists and dicts
        vars(model)["_given"] = given
        return model

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor as plain values and serialised Keras objects.

        Raises:
            UserError: an argument cannot be saved by name.
        """
        given = {name: _saved(value) for name, value in self._given.items()}
        return {**({"class_names": self.class_names} if self.class_names else {}), **given, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """Returns a new model from the result of `get_config`."""
        given = {name: _loaded(value, custom_objects) for name, value in config.items()}
        parameters = inspect.signature(cls.__init__).parameters
        takes_name = "name" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        name = given.get("name") if takes_name else given.pop("name", None)
        class_names = None if "class_names" in parameters else given.pop("class_names", None)
        model = cls(**given)
        if class_names:
            model.class_names = class_names
        # a constructor without a `name` names the model after its class
        model.name = name or model.name
        return model

    def save(self, filepath: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """Writes a `.keras` file, as Keras does.

        Raises:
            UserError: the file has another suffix, or a part of the model cannot be saved by name; an existing file is
                left as it is.
        """
        if isinstance(filepath, (str, os.PathLike)) and not str(filepath).endswith(".keras"):
            raise UserError(
                f"a model is saved to a file whose name ends in .keras, got {os.fspath(filepath)!r}; "
                "model.export(folder) writes a SavedModel, and model.save_weights(file) a .weights.h5"
            )
        self.check_savable()  # before Keras opens the file, which would empty it
        return super().save(filepath, *args, **kwargs)

    def check_savable(self) -> None:
        """Checks that another process, which imports the same modules, can load what `save` writes.

        Raises:
            UserError: a function or class is not registered with Keras, or is a Python lambda.
        """
        problem = unloadable([self.get_config(), self.get_compile_config()])
        if problem:
            raise UserError(problem)

    def seed_states(self) -> list[keras.Variable]:
        """Returns the states of the networks' own random layers (Dropout), which Keras saves in none of its formats."""
        return [state for network in self.networks.values() for state in random_states(network)]

    def save_own_variables(self, store: Any) -> None:
        """Writes the model's own variables and the seeds of random layers; `store` maps names to arrays."""
        super().save_own_variables(store)
        for index, state in enumerate(self.seed_states()):
            store[f"seed_{index}"] = state.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote."""
        # Keras counts the entries of `store`, so it is given its own alone
        states = {name: np.asarray(store[name]) for name in store.keys() if name.startswith("seed_")}
        super().load_own_variables({name: store[name] for name in store.keys() if name not in states})
        for index, state in enumerate(self.seed_states()):
            state.assign(states[f"seed_{index}"])

    def exported_networks(self) -> dict[str, keras.Model]:
        """Returns copies of all networks by name, with averaged weights where an average is kept.

        They have the layers of Keras alone: kernels are normalised where a network of ours does so in every pass.
        """
        networks = {}
        for name, network in self.networks.items():
            try:
                # a copy, so that averaged weights do not replace the trained ones
                networks[name] = copy_network(network)
            except UserError:
                if self.best(name) is not network:
                    raise
                networks[name] = network
            else:
                networks[name].set_weights(self.best(name).get_weights())
        return {name: plain(network) for name, network in networks.items()}

    def state(self) -> dict[str, tf.Variable]:
        """Returns every variable that training changes, by a stable name: the content of a checkpoint."""
        groups = {f"network/{name}": network.variables for name, network in self.networks.items()}
        groups |= {f"average/{name}": network.weights for name, network in self.averaged_networks.items()}
        for name, optimizer in self.optimizers.items():
            # a learning rate is a variable only where no schedule gives it: it belongs to the recipe, not to the state
            rate = getattr(optimizer, "_learning_rate", None)
            groups[f"optimizer/{name}"] = [variable for variable in optimizer.variables if variable is not rate]
        groups |= {f"state/{name}": [variable] for name, variable in self.states.items()}
        named = {f"{group}/{i:04d}": v.value for group, values in groups.items() for i, v in enumerate(values)}
        return {**named, "step": self.step.value}

    def digest(self) -> str:
        """Returns 16 hexadecimal digits that are equal for two models only if all their variables are, to the bit."""
        digest = hashlib.sha256()
        for name, variable in sorted(self.state().items()):
            digest.update(name.encode() + variable.numpy().tobytes())
        return digest.hexdigest()[:16]

    def non_finite_weights(self) -> list[str]:
        """Returns the paths of weights with a NaN or an infinity, such as `discriminator/conv2d/kernel`."""
        return [
            f"{name}/{variable.path}"
            for name, network in self.networks.items()
            for variable in network.weights
            if variable.dtype.startswith(("float", "bfloat")) and not np.isfinite(np.sum(np.float64(variable.numpy())))
        ]


def _saved(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Field):
        return {name: _saved(item) for name, item in dataclasses.asdict(value).items()}
    if isinstance(value, dict):
        return {name: _saved(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_saved(item) for item in value]
    try:
        return save_object(value)
    except UserError:
        raise
    except (OSError, TypeError, ValueError, NotImplementedError) as error:  # OSError: a lambda without source
        raise UserError(
            f"{value!r:.60} cannot be saved with the model: give its class get_config and from_config ({reason(error)})"
        ) from error


def unloadable(config: Any) -> str | None:
    """Returns a sentence on the first class or function in a serialised config that Keras could not find, or None.

    Keras itself writes its name all the same, and fails when the file is loaded.
    """
    if isinstance(config, (list, tuple)):
        return next(filter(None, map(unloadable, config)), None)
    if not isinstance(config, dict):
        return None
    kind = config.get("class_name")
    # a lambda as an activation is written as its byte code alone
    if kind == "__lambda__" or (list(config) == ["value"] and isinstance(config["value"], (list, tuple))):
        return (
            "a Python lambda in the layers cannot be saved by name: give a function decorated with "
            "@keras.saving.register_keras_serializable(package='my_package') instead, or a layer of your own"
        )
    if isinstance(kind, str) and "config" in config and not kind.startswith("__") and not _found(config):
        name = config["config"] if kind == "function" else kind
        what = f"the {'function' if kind == 'function' else 'class'} {name!r}"
        return (
            f"{what} cannot be saved by name: decorate it with "
            "@keras.saving.register_keras_serializable(package='my_package') in a module that the loading program "
            f"imports, or register it now: keras.saving.register_keras_serializable()({name})"
        )
    inner = unloadable(list(config.values()))
    return inner or (_irrevocable(config) if isinstance(kind, str) and "config" in config else None)


def _found(config: dict[str, Any]) -> bool:
    """Returns whether Keras finds the class or function that a serialised config names."""
    kind, module = config["class_name"], config.get("module") or ""
    if kind.startswith("__") or module.split(".")[0] == "keras":
        return True
    names = [config.get("registered_name"), config["config"] if kind == "function" else kind]
    if any(isinstance(n, str) and keras.saving.get_registered_object(n) is not None for n in names):
        return True
    # Keras' own functions are written by their bare name
    return kind == "function" and module == "builtins" and _is_own_function(config["config"])


def _irrevocable(config: dict[str, Any]) -> str | None:
    """Returns a sentence on a class of a user's own that cannot be made from what its get_config gives, or None."""
    made = keras.saving.get_registered_object(config.get("registered_name") or "")
    own = inspect.isclass(made) and not made.__module__.startswith("tfgen.")
    if not own or not isinstance(config["config"], dict):
        return None
    try:
        made.from_config(copy.deepcopy(config["config"]))
    except Exception as error:  # the user's own code
        return (
            f"the class {made.__name__!r} cannot be made again from its get_config: let its constructor take what that "
            f"returns, **kwargs for Keras' own included, or give it from_config ({reason(error)})"
        )
    return None


def _is_own_function(name: str) -> bool:
    try:
        return callable(keras.activations.get(name))
    except ValueError:
        return any(callable(getattr(module, name, None)) for module in (keras.losses, keras.initializers, keras.ops))


def _loaded(value: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    if isinstance(value, dict):
        if "class_name" in value:
            return keras.saving.deserialize_keras_object(value, custom_objects)
        return {name: _loaded(item, custom_objects) for name, item in value.items()}
    if isinstance(value, list):
        return [_loaded(item, custom_objects) for item in value]
    return value
