"""All guarantees of one model: the work of `python -m tfgen.check`."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfgen import models
from tfgen.data import load_dataset
from tfgen.data.source import Field
from tfgen.errors import BuilderFailed, UserError, nearest
from tfgen.guarantees.subject import Broken, LeftOut, Subject, shortened
from tfgen.guarantees.table import GUARANTEES, Guarantee
from tfgen.recipes.recipe import default_recipe
from tfgen.training.phases import parse_stages

SAVING = "saving"  # of `GUARANTEES`
FIELDS = {"image": Field("image", (16, 16, 1)), "label": Field("label", range=(0, 3)), "caption": Field("text")}
EXAMPLES = 64  # of a data set


@dataclasses.dataclass(frozen=True)
class Finding:
    """What came of one guarantee.

    Attributes:
        name, promise: of the guarantee.
        passed: None where it does not apply.
        reason: why it does not hold, or does not apply; else "".
    """

    name: str
    promise: str
    passed: bool | None
    reason: str = ""

    @property
    def text(self) -> str:
        """One line on it."""
        word = {True: "passed", False: "FAILED", None: "left out"}[self.passed]
        return f"{word:<9}{self.name:<12}{self.reason or self.promise}"


def check_model(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    dataset: str | None = None,
    data_dir: str | None = None,
    only: tuple[str, ...] = (),
    say: Callable[[Finding], object] = lambda finding: None,
) -> list[Finding]:
    """Checks the guarantees of a registered model.

    Args:
        name: of the model.
        options: of its builder, values or texts; others are those of its recipe.
        dataset: whose fields and examples are used; by default made-up gray images of 16 x 16 pixels with 3 classes
            and captions.
        data_dir: folder of the data set.
        only: names of guarantees, or () for all.
        say: called with each finding as soon as it is known.

    Raises:
        UserError: there is no such model, option, guarantee or data set.
    """
    chosen = [guarantee for guarantee in GUARANTEES if not only or guarantee.name in only]
    for unknown in sorted(set(only) - {guarantee.name for guarantee in GUARANTEES}):
        names = [guarantee.name for guarantee in GUARANTEES]
        raise UserError(
            f"there is no guarantee {unknown!r:.60}{nearest(unknown, names) or '; there are ' + ', '.join(names)}"
        )
    recipe, given = default_recipe(name), dict(options or {})
    models.check_options(recipe.model, given)
    changed = recipe.replace(options=given)  # its own options may be idle beside these
    fields, data = (FIELDS, None) if dataset is None else _data(dataset, data_dir)

    def build(fields: Mapping[str, Field], seed: int):
        settled = models.settle(changed.replace(seed=seed), dict(fields), given)
        settled.model.stages = shortened(parse_stages(settled.recipe.stages) or settled.model.stages)
        return settled.model

    with tempfile.TemporaryDirectory() as folder:
        return check_subject(Subject(name, build, fields, pathlib.Path(folder), data), chosen, say)


def check_subject(
    subject: Subject,
    guarantees: tuple[Guarantee, ...] | list[Guarantee] = GUARANTEES,
    say: Callable[[Finding], object] = lambda finding: None,
) -> list[Finding]:
    """Returns what comes of each guarantee; arguments as in `check_model`.

    Raises:
        UserError: the model cannot be built or trained for the data at all: nothing else is to be found then.
    """
    try:
        subject.check_suited()
    except BuilderFailed as error:
        found = [Finding(GUARANTEES[0].name, GUARANTEES[0].promise, False, str(error))]
        say(found[0])
        return found
    found = []
    for guarantee in guarantees:
        found.append(_finding(subject, guarantee))
        say(found[-1])
    return found


def _finding(subject: Subject, guarantee: Guarantee) -> Finding:
    try:
        guarantee.check(subject)
    except LeftOut as error:
        return Finding(guarantee.name, guarantee.promise, None, str(error))
    except Broken as error:
        return Finding(guarantee.name, guarantee.promise, False, str(error))
    except Exception as error:  # the model's own code may raise anything
        if str(error) == subject.unsavable and guarantee.name != SAVING:
            why = f"a model that cannot be saved is not trained: see {SAVING}"
            return Finding(guarantee.name, guarantee.promise, None, why)
        said = " ".join(str(error).split())
        return Finding(guarantee.name, guarantee.promise, False, f"{type(error).__name__}: {said}"[:300].rstrip(": "))
    return Finding(guarantee.name, guarantee.promise, True)


def _data(name, folder):
    """Returns (fields, arrays of a few examples) of a data set."""
    source = load_dataset(name, data_dir=folder)
    examples = source.splits["train"]
    return source.fields, {
        key: np.asarray(v) for key, v in examples.gather(np.arange(min(EXAMPLES, len(examples)))).items()
    }
