"""What `compile` sets: the optimizers by name, and how a step runs."""

import dataclasses
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import keras

from tfgen.distribution.replicas import made_within, within
from tfgen.errors import UserError, nearest
from tfgen.optimizers.as_one import NamedOptimizer, SeveralOptimizers, as_one
from tfgen.optimizers.building import FusedAdam
from tfgen.training import accumulation
from tfgen.training.attributes import Attributes
from tfgen.training.epochs import Place
from tfgen.training.phases import check_names, check_stages, parse_stages

# of Keras' `compile`, for models whose loss compares outputs with targets
_NOT_OURS = ("loss", "loss_weights", "metrics", "weighted_metrics")

Given: TypeAlias = keras.optimizers.Optimizer | str | None


class Compiled(Attributes):
    """The part of `GenerativeModel` that compiles; a mixin before `keras.Model`.

    Attributes:
        default_optimizers: of the class, name of each optimizer -> settings of Adam, used where `compile` is given
            none.
    """

    default_optimizers: dict[str, dict[str, Any]] = {}

    def compile(
        self,
        *optimizers: Given,
        accumulate: int = 1,
        stages: Any = None,
        **kwargs: Any,
    ) -> None:
        """Sets the optimizers, in the order of `default_optimizers` or as NAME_optimizer=, each Adam by default.

        A model that is compiled again keeps its weights and its step.

        Args:
            *optimizers: of Keras, or None for the default. A model with one optimizer takes it as `optimizer=` too. One
                object given several times becomes as many optimizers of its settings.
            accumulate: micro-batches per update (see `tfgen.training.accumulation`).
            stages: names of phases that run one after the other, each with its steps (see `parse_stages`); None: all of
                them in every step.
            **kwargs: NAME_optimizer, and as in Keras; `steps_per_execution` defaults to 16 for a model without
                convolutions, else to 1.

        Raises:
            UserError: an optimizer that the model does not have, that belongs to other networks or scales losses; a
                network that is trained and frozen, or computes in float16; or a value of `accumulate` or `stages` that
                does not fit the model.
        """
        given = self._named_optimizers(optimizers, kwargs)
        _check_precision(self.networks)
        for key in _NOT_OURS:
            if kwargs.pop(key, None) is not None:
                raise UserError(f"{self.name} has the {key} of its phases: leave {key} out of compile")
        texts = [name for name, field in self.fields.items() if field.kind == "text"]
        if texts and kwargs.get("jit_compile"):
            raise UserError(f"XLA compiles nothing with texts, such as the {texts[0]}s here: leave out jit_compile")
        accumulation.check(accumulate, self.needs_whole_batch)
        parsed = parse_stages(stages)
        check_stages(parsed, self.phases, self.name)
        check_names(self.phases, list(self.networks), list(given), self.name)
        trained = {name: self._trained_by(name) for name in given}
        strategy = self._distribute_strategy
        with within(strategy):
            made = {name: made_within(strategy, optimizer) for name, optimizer in given.items()}
            for name, optimizer in made.items():
                _build(name, optimizer, trained[name])
        self.accumulate, self.stages = accumulate, parsed
        kwargs.setdefault("jit_compile", False)  # measured: XLA is slower for convolutions on a CPU
        # measured: a call of the graph costs as much as the step of a dense network, and nothing beside a convolution
        dense = all(len(w.shape) <= 2 for network in self.networks.values() for w in network.trainable_weights)
        kwargs.setdefault("steps_per_execution", 16 if dense and not kwargs.get("run_eagerly") else 1)
        self.forget_traces()
        # Keras takes None for no optimizer; without the argument it makes an RMSprop, and saves it
        super().compile(optimizer=None, **kwargs)
        self.optimizers = made

    @property
    def optimizer(self) -> NamedOptimizer | SeveralOptimizers | None:
        """All optimizers as one, for callbacks that read or set a learning rate; `optimizers` has each by name."""
        return as_one(self.optimizers)

    @optimizer.setter
    def optimizer(self, value: None) -> None:
        """Does nothing: Keras' `compile` sets what `compile` above has given it, None."""

    def _named_optimizers(
        self, optimizers: Sequence[Given], kwargs: dict[str, Any]
    ) -> dict[str, keras.optimizers.Optimizer]:
        """Returns name -> optimizer, given or default; removes those that it uses from `kwargs`."""
        names = list(self.default_optimizers)
        accepted = [f"{name}_optimizer" for name in names]
        if len(names) == 1 and "optimizer" in kwargs:
            kwargs[accepted[0]] = kwargs.pop("optimizer")
        unknown = [key for key in kwargs if key.endswith("optimizer") and key not in accepted]
        if unknown or len(optimizers) > len(names):
            got = unknown[0] if unknown else f"{len(optimizers)} of them"
            raise UserError(f"{self.name} is compiled with {', '.join(accepted)}, got {got}{nearest(got, accepted)}")
        given = dict(zip(names, optimizers, strict=False))
        given |= {name: kwargs.pop(key) for name, key in zip(names, accepted, strict=True) if key in kwargs}
        uses = Counter(id(optimizer) for optimizer in given.values())
        return {name: _made(given.get(name), settings, uses) for name, settings in self.default_optimizers.items()}

    def _trained_by(self, optimizer: str) -> list[keras.Variable]:
        """Returns the variables that the phases with this optimizer train.

        Raises:
            UserError: one of their networks is frozen as a whole.
        """
        phases = [phase for phase in self.phases if phase.optimizer == optimizer]
        names = dict.fromkeys(name for phase in phases for name in phase.trains)
        for name in names:
            if self.networks[name].weights and not self.networks[name].trainable:
                raise UserError(
                    f"the network {name!r} has trainable=False, and a phase of {self.name} trains it: set "
                    f"{name}.trainable = True (each phase holds the other networks fixed by itself)"
                )
        return [variable for name in names for variable in self.networks[name].trainable_variables]

    def get_compile_config(self) -> dict[str, Any]:
        """Returns the optimizers and the settings of `compile`, as Keras saves them."""
        if not self.compiled:
            return {}
        return {
            "optimizers": {name: keras.saving.serialize_keras_object(o) for name, o in self.optimizers.items()},
            "steps_per_execution": self.steps_per_execution,
            "accumulate": self.accumulate,
            "stages": [[list(names), steps] for names, steps in self.stages] or None,
            "run_eagerly": self.run_eagerly,
            "jit_compile": self.jit_compile,
            **({"place": dataclasses.asdict(self.place)} if self.place.data else {}),
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles with the result of `get_compile_config`."""
        # `compile` builds the optimizers: Keras loads slots and counts of an optimizer only where they exist already
        if config:
            optimizers, self.place = config.pop("optimizers"), Place(**config.pop("place", {}))
            loaded = {f"{name}_optimizer": keras.saving.deserialize_keras_object(o) for name, o in optimizers.items()}
            self.compile(**loaded, **config)


def _made(given: Given, settings: dict[str, Any], uses: Counter[int]) -> keras.optimizers.Optimizer:
    """Returns the optimizer that is meant by `given`: an object, a name, or None for an Adam of `settings`."""
    if given is None:
        return FusedAdam(**settings)
    try:
        optimizer = keras.optimizers.get(given)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"an optimizer is one of keras.optimizers, or its name such as 'adam', got {given!r:.60}"
        ) from error
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise UserError(f"losses are not scaled here: give the optimizer within {optimizer.name!r}, and mixed_bfloat16")
    if getattr(optimizer, "use_ema", False):
        warnings.warn(
            f"use_ema of the optimizer {optimizer.name!r} has no effect here: leave it out, and give the model "
            "ema=0.999 for an average that samples and exports use",
            stacklevel=5,
        )
    # the state of an optimizer is that of the variables of one
    return type(optimizer).from_config(optimizer.get_config()) if uses[id(given)] > 1 else optimizer


def _check_precision(networks: dict[str, keras.Model]) -> None:
    """Raises UserError where a layer that learns computes in float16, in which small gradients are 0."""
    for name, network in networks.items():
        for layer in network._flatten_layers():
            if layer.compute_dtype == "float16" and layer.trainable_weights:
                raise UserError(
                    f"the layer {layer.name!r} of {name} computes in float16, for which losses had to be scaled: "
                    "build it with the policy mixed_bfloat16 or float32"
                )


def _build(name: str, optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]) -> None:
    """Makes an optimizer's slots now, since Keras loads only slots and counts that exist.

    Raises:
        UserError: it has those of other variables already.
    """
    if not optimizer.built:
        optimizer.build(variables)
    elif {id(v) for v in optimizer._trainable_variables} != {id(v) for v in variables}:
        raise UserError(
            f"the optimizer given as {name!r} holds the state of other networks: give a new one, as in "
            f"keras.optimizers.{type(optimizer).__name__}(1e-4)"
        )
