"""The entries of a leaderboard, and the budget of each of their runs."""

import dataclasses
import pathlib
import re
from collections import Counter
from collections.abc import Sequence

from registry import RegistryError
from tfgen import domains
from tfgen.data import load_dataset
from tfgen.errors import UserError, nearest, shown
from tfgen.evaluation.reconstructions import reconstruction_scores
from tfgen.evaluation.sample_scores import check_names, sample_metrics
from tfgen.models import MODELS, build_from_recipe
from tfgen.optimizers.schedules import spans_all_steps
from tfgen.recipes.recipe import Recipe, changes_from, default_recipe, load_recipe, recipe_names, rows

UNBOUNDED = 1_000_000  # epochs, more than any time limit allows
# fields of a recipe that a board sets for all of its entries
OF_THE_BOARD = ("model", "dataset", "data_dir", "seed", "epochs", "steps", "max_minutes", "max_cpu_seconds", "options")
MINUTES = {"s": 1 / 60, "m": 1.0, "h": 60.0}


@dataclasses.dataclass(frozen=True)
class Budget:
    """The length of each run.

    Equal minutes are equal work only on a machine that does nothing else. CPU seconds count what the process of the
    training has computed, user and system time of all its threads, from its start on: imports, data and the tracing of
    graphs are among them, processes that it starts and devices other than the processor are not.

    Attributes:
        amount: a positive number of units.
        unit: "minutes" of wall-clock time, "cpu" seconds, training "steps", or "images" (steps times batch size).
    """

    amount: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """Returns the budget that "90s", "10m", "2h", "60cpu", "2000steps" or "1e6images" stands for.

        A bare number is one of CPU seconds.

        Raises:
            UserError: another text, or an amount of 0.
        """
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?)\s*(s|m|h|steps|images|cpu|)", text.strip())
        amount, unit = (float(match[1]), match[2] or "cpu") if match else (0.0, "")
        if amount not in domains.Interval(0.0, domains.LARGEST * 1000, low_open=True):
            raise UserError(
                "--budget expects CPU seconds (60cpu), 2000steps, 1e6images, or a time such as 90s, 10m or 2h, got "
                f"{shown(text)}"
            )
        return cls(amount * MINUTES[unit], "minutes") if unit in MINUTES else cls(amount, unit)

    @property
    def timed(self) -> bool:
        """Whether it is a time, after which the number of steps is known only when it has passed."""
        return self.unit in ("minutes", "cpu")

    def flags(self, recipe: Recipe, constant_rates: bool = False) -> list[str]:
        """Returns the flags of tfgen.run that give a recipe this budget.

        Args:
            recipe: of the run. Within a time its learning rates are constant where its schedule spans all steps.
            constant_rates: whether all learning rates stay constant.

        Raises:
            UserError: the recipe has a limit of its own; a budget of images, and a recipe whose batch size is measured
                only when its training begins.
        """
        limit = {"minutes": "max_minutes", "cpu": "max_cpu_seconds"}.get(self.unit)
        for name in ("max_minutes", "max_cpu_seconds"):
            if name != limit and getattr(recipe, name) is not None:
                raise UserError(
                    f"the recipe of {recipe.model} has {name}={getattr(recipe, name)}, and the budget is the same for "
                    "all entries of a board: leave it out of the recipe"
                )
        constant = constant_rates or (self.timed and spans_all_steps(recipe.schedule))
        rates = ["--set=schedule=constant"] if constant else []
        if limit is not None:
            return [f"--{limit}={self.amount}", f"--epochs={UNBOUNDED}", *rates]
        if self.unit == "steps":
            return [f"--steps={max(1, round(self.amount))}", *rates]
        if isinstance(recipe.batch_size, str):  # "auto"
            raise UserError("a budget of images needs recipes with a fixed batch_size, got auto; give steps or a time")
        return [f"--steps={max(1, int(self.amount // recipe.batch_size))}", *rates]

    def __str__(self) -> str:
        return f"{self.amount:g} {'CPU seconds' if self.unit == 'cpu' else self.unit}"


@dataclasses.dataclass(frozen=True)
class Entry:
    """An entry of a board.

    Attributes:
        name: on the board, different for every entry.
        flags: of tfgen.run, that select its recipe and its changes.
        recipe: for the data set of the board.
    """

    name: str
    flags: tuple[str, ...]
    recipe: Recipe


def split_entries(text: str) -> list[str]:
    """Returns the entries of a flag's text: those between commas, of which commas within brackets are none."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth <= 0:
            found.append("")
        else:
            found[-1] += letter
    return [entry.strip() for entry in found if entry.strip()]


def read_entries(
    texts: Sequence[str], dataset: str, data_dir: str | None = None, metrics: Sequence[str] | None = None
) -> list[Entry]:
    """Returns the entries of a board, after building each model once to check that it can draw samples.

    Args:
        texts: names of models or of configs, or paths of recipe files, each with its changes, such as
            "dcgan:loss=hinge:width=32". If empty, all registered models are entries; those that do not fit the data set
            or cannot draw samples are left out, each with a printed line.
        dataset: name of the data set that all of them are trained on, instead of those of their recipes.
        data_dir: folder of the data set.
        metrics: names of scores that all of them are to have, or None.

    Raises:
        UserError: an unknown name, a file without a recipe, an entry given twice, a model that does not fit, or cannot
            have one of the scores.
    """
    entries = _distinct([(text, _resolve(text, dataset)) for text in texts or MODELS.names()])
    fitting = []
    for entry in entries:
        try:
            check_entry(entry, data_dir, metrics)
        except UserError as error:
            if texts:
                raise
            print(f"left out: {error}", flush=True)
        else:
            fitting.append(entry)
    return fitting


def check_entry(entry: Entry, data_dir: str | None, metrics: Sequence[str] | None = None) -> None:
    """Builds the entry's model, so that a mistake is found before hours of training.

    Raises:
        UserError: the model does not fit the data, cannot draw samples, or cannot have one of the scores `metrics`.
    """
    try:
        source = load_dataset(entry.recipe.dataset, data_dir=data_dir, image_size=entry.recipe.image_size)
        model = build_from_recipe(entry.recipe, source.fields)
        check_names(metrics, [*sample_metrics(source), *reconstruction_scores(model, source), *model.score_names])
    except (UserError, RegistryError) as error:
        raise UserError(f"{entry.name}: {error}") from error
    if model.sampler is None:
        raise UserError(f"{entry.name} cannot draw samples and has no place on a leaderboard; leave it out")


def _distinct(entries: list[tuple[str, Entry]]) -> list[Entry]:
    """Returns the entries with names that differ, also as folders; where two share a name, each gets its whole text."""
    count = Counter(safe(entry.name) for _, entry in entries)
    named = [entry if count[safe(entry.name)] == 1 else dataclasses.replace(entry, name=t) for t, entry in entries]
    seen: set[str] = set()
    for entry in named:
        if safe(entry.name) in seen:
            raise UserError(f"--entries: {entry.name!r} is given twice, or differs by signs alone from another")
        seen.add(safe(entry.name))
    return named


def safe(name: str) -> str:
    """Returns a name with the characters that file names may not hold replaced by `-`."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)


def _resolve(text: str, dataset: str) -> Entry:
    """Returns the entry of a text such as "dcgan:loss=hinge:width=32", a recipe and its changes."""
    base, *changes = re.split(r":(?=[A-Za-z_]\w*=)", text)
    entry, pairs = _unchanged(base, dataset), [change.split("=", 1) for change in changes]
    given = dict(pairs)
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise UserError(f"--entries: {name} in {text!r} is given {count} times; give it once")
        if name in OF_THE_BOARD:
            raise UserError(f"--entries: {name} in {text!r} is the same for all entries of a board; leave it out")
    flags = [f"--{name}={value}" if _has_flag(name) else f"--set={name}={value}" for name, value in given.items()]
    recipe = entry.recipe.replace(**changes_from(given))
    return Entry(":".join([entry.name, *changes]), (*entry.flags, *flags), recipe)


def _has_flag(name: str) -> bool:
    return name in rows() and rows()[name].flag is not None


def _unchanged(text: str, dataset: str) -> Entry:
    """Returns the entry of a model, else of a config, else of a file."""
    if text in MODELS.names():
        return Entry(text, (f"--model={text}",), default_recipe(text, dataset))
    is_file = text.endswith(".py")
    if not is_file and text not in recipe_names():
        known = sorted({*MODELS.names(), *recipe_names()})
        expected = nearest(text, known) or f"; the models are {', '.join(MODELS.names())}"
        raise UserError(f"--entries: there is no model, no config and no recipe file {text!r}{expected}")
    name = pathlib.Path(text).stem if is_file else text
    return Entry(name, (f"--config={text}",), load_recipe(text).replace(dataset=dataset))
