"""What the parts of `GenerativeModel` know of each other: its attributes, with their types."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfgen.data.source import Examples, Field
from tfgen.texts import TextEncoder
from tfgen.training.averages import Averages
from tfgen.training.epochs import Place
from tfgen.training.phases import Phase, Stages
from tfgen.training.step import Fields


class Attributes:
    """The base of the mixins of `GenerativeModel`; it declares, and does nothing.

    Attributes:
        name: of the model.
        networks: name -> network.
        averaged_networks: name -> network with averaged weights, of those of which an average is kept.
        optimizers: name -> optimizer.
        fields: name -> `Field`, what a batch holds.
        data_field: name of the field that the model makes.
        value_range: (low, high) of images inside the networks; None for a model without images.
        text_encoder: turns texts into the vectors that the networks see; None: texts stay strings.
        seed: integer from which all noise and the order of the data derive.
        step: how many training steps have been done, an integer variable.
        states: name -> further variable.
        state_networks: name of a state -> the networks that it belongs to.
        taken_over: ids of the variables whose values are those of another model.
        stages: phases that run one after the other, each with its steps; () for all of them in every step.
        accumulate: micro-batches per update.
        averages: means of the logged values since the epoch began.
        place: where in which data the last `fit` has ended.
    """

    name: str
    networks: dict[str, keras.Model]
    averaged_networks: dict[str, keras.Model]
    optimizers: dict[str, keras.optimizers.Optimizer]
    fields: dict[str, Field]
    data_field: str
    value_range: tuple[float, ...] | None
    text_encoder: TextEncoder | None
    seed: int
    step: keras.Variable
    states: dict[str, keras.Variable]
    state_networks: dict[str, tuple[str, ...]]
    taken_over: frozenset[int]
    stages: Stages
    accumulate: int
    averages: Averages
    place: Place
    # of `keras.Model`
    compiled: bool
    steps_per_execution: int
    run_eagerly: bool
    jit_compile: bool | str
    stop_training: bool
    _initial_epoch: int | None
    history: keras.callbacks.History
    _distribute_strategy: tf.distribute.Strategy | None

    if TYPE_CHECKING:  # what other parts define: a definition here would hide theirs

        @property
        def phases(self) -> Sequence[Phase]: ...

        @property
        def parts(self) -> int: ...

        @property
        def needs_whole_batch(self) -> str | None: ...

        @property
        def needs_examples(self) -> str | None: ...

        def forget_traces(self) -> None: ...

        @property
        def sees_held_out(self) -> bool: ...

        @property
        def data_dtype(self) -> str: ...

        @property
        def class_names(self) -> list[str] | None: ...

        @class_names.setter
        def class_names(self, names: Sequence[str] | None) -> None: ...

        @property
        def named_field(self) -> str | None: ...

        def take_class_names(self, names: Sequence[str] | None) -> None: ...

        def best(self, name: str) -> keras.Model: ...

        def as_batch(self, data: Any) -> Fields: ...

        def to_unit_range(self, made: tf.Tensor) -> tf.Tensor: ...

        def named(self, data: Any, y: Any = None) -> tuple[dict[str, Any], Any]: ...

        def check_form(self, name: str, value: tf.Tensor) -> None: ...

        def prepare(self, train: Examples, held_out: Examples | None) -> None: ...

        # of `keras.Model`

        def check_savable(self) -> None: ...

        def get_compile_config(self) -> dict[str, Any]: ...

        def compile(self, *args: Any, **kwargs: Any) -> None: ...

        def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History: ...

        def save(self, *args: Any, **kwargs: Any) -> None: ...

        def save_own_variables(self, store: Any) -> None: ...

        def load_own_variables(self, store: Any) -> None: ...
