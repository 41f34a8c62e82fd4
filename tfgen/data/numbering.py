"""Labels of one data set as the numbers that the same classes have in another, by their names."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfgen.data.classes import numbers_called
from tfgen.data.source import Source
from tfgen.data.views import viewed
from tfgen.errors import UserError


def numbered(labels: np.ndarray, names: Sequence[str] | None, others: Sequence[str] | None) -> np.ndarray:
    """Returns the labels, int64 [N], as numbers of the same classes among `others`.

    They stay as they are where names are unknown, or the same. The case of letters counts as in `class_numbers`.

    Args:
        labels: int64 [N], numbers of `names`.
        names: of the classes.
        others: of the classes in another order, and perhaps of further ones.

    Raises:
        UserError: a class is none of the others.
    """
    if not names or not others or list(names) == list(others):
        return labels
    places = np.full(len(names), -1)
    for number in np.unique(labels):
        called = numbers_called(names[number], others)
        if len(called) != 1:
            raise UserError(f"the class {names[number]!r} is none of {', '.join(others):.200}")
        places[number] = called[0]
    return places[labels]


def check_same_classes(name: str, given: Sequence[str] | None, own: Sequence[str] | None) -> None:
    """Raises UserError where the classes of data are not called as those of the model `name` with the same numbers.

    Names that are unknown fit all. The case of letters counts as in `class_numbers`.
    """
    for number, (theirs, ours) in enumerate(zip(given or (), own or (), strict=False)):
        if number not in numbers_called(theirs, own or ()):
            raise UserError(
                f"class {number} of the data is {theirs!r}, and {ours!r} of {name}: number the data's classes as the "
                "model's, or give these other names, model.class_names = [...]"
            )


def in_classes_of(source: Source, names: Sequence[str] | None) -> Source:
    """Returns the data with labels that are numbers of the classes `names`; as they are where names are unknown.

    Args:
        source: a data set.
        names: of a model's classes, in the order of their numbers.

    Raises:
        UserError: a class of the data is none of them.
    """
    own = source.class_names
    if "label" not in source.fields or not own or not names or own == list(names):
        return source
    order = numbered(np.arange(len(own)), own, names)
    label = dataclasses.replace(source.fields["label"], range=(0, len(names)), names=tuple(names))
    made = viewed(source, lambda batch: {"label": order[batch["label"]]}, {**source.fields, "label": label})
    return dataclasses.replace(made, class_names=list(names))
