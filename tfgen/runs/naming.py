"""The name of a run's folder where the user gives none: model, data set, and what makes its recipe another one.

    runs/dcgan-fashion_mnist_mini                                          --model=dcgan
    runs/dcgan-fashion_mnist_mini-loss_hinge-discriminator_steps_2         --set=loss=hinge --set=discriminator_steps=2
    runs/dcgan-fashion_mnist-paper                                         --config=dcgan_paper

Two recipes of which one could not continue the other's run have two names, as long as their values are written alike.
"""

import hashlib
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from registry import RegistryError
from tfgen.errors import UserError
from tfgen.models import MODELS
from tfgen.recipes.options import option_parameters, resolve
from tfgen.recipes.recipe import OPTION, Recipe, compared, default_recipe, recipe_names
from tfgen.recipes.spelling import spell

LONGEST = 80  # bytes of the data set's name, and of the changes


def default_workdir(recipe: Recipe) -> pathlib.Path:
    """Returns `runs/<model>-<dataset>`, and a suffix where a recipe is not the default one of model and data set."""
    return pathlib.Path("runs") / folder_name(recipe)


def folder_name(recipe: Recipe) -> str:
    """Returns the name of the folder, made of letters, digits and `._+-`, at most 250 bytes."""
    config, base = _base(recipe)
    changes = {name: value for name, value in _changes(recipe, base).items() if name not in ("model", "dataset")}
    dataset = "".join(c if c.isalnum() or c in "._-" else "-" for c in _flat(recipe.dataset))
    parts = [_short(dataset, recipe.dataset), *([_safe(config)] if config else [])]
    if changes:
        texts = {name: f"{name}_{_text(value)}" for name, value in changes.items()}
        suffix = "-".join(map(_safe, texts.values()))
        exact = all(re.fullmatch(r"[\w.,+-]*", text, re.ASCII) for text in texts.values())
        parts.append(_short(suffix, str(texts), exact))
    return "-".join([_safe(recipe.model), *parts])


def _base(recipe: Recipe) -> tuple[str, Recipe]:
    """Returns (the name of a recipe's config, "" for the one of its model and data set; the recipe of the config)."""
    if recipe.config is not None:
        path, base = recipe.config
        own = path.stem in (recipe.model, f"{recipe.model}_{recipe.dataset}")
        if not own:
            prefixes = (f"{recipe.model}_{recipe.dataset}_", f"{recipe.model}_")
            known = next((prefix for prefix in prefixes if path.stem.startswith(prefix)), "")
            return path.stem.removeprefix(known), base
        if path == recipe_names().get(path.stem):
            return "", base
    return "", default_recipe(recipe.model, recipe.dataset)


def _changes(recipe: Recipe, base: Recipe) -> dict[str, Any]:
    """Returns name -> value of what makes a recipe another one: options in the builder's order, then fields."""
    values, names = compared(recipe), base.changed_by(recipe)
    options = [name.removeprefix(OPTION) for name in names if name.startswith(OPTION)]
    known: Mapping[str, Any] = {}
    try:
        known = option_parameters(MODELS.get(recipe.model))
    except (UserError, RegistryError):
        pass  # a mistake that is said where the model is built
    order = {name: index for index, name in enumerate(known)}
    options.sort(key=lambda name: (order.get(name, len(order)), name))
    found = {name: _converted(recipe, name, values.get(OPTION + name, "default")) for name in options}
    return found | {name: values[name] for name in names if not name.startswith(OPTION)}


def _converted(recipe: Recipe, name: str, value: Any) -> Any:
    try:
        return resolve(MODELS.get(recipe.model), {name: value})[name]
    except (UserError, RegistryError):
        return value


def _flat(dataset: str) -> str:
    """Returns the name of a view without its brackets: `small(mnist, 4)` as `small-mnist-4`."""
    return re.sub(r"[(,]\s*", "-", dataset.replace(")", "")).strip() if re.match(r"\w+\(", dataset) else dataset


def _text(value: Any) -> str:
    return spell(value).replace(" ", "")


def _safe(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z._+-]+", "-", text).strip("-")


def _short(name: str, whole: str, exact: bool = True) -> str:
    """Returns a name that is not too long; with a hash of the whole where it had to be cut, or is not exact."""
    if exact and len(name.encode()) <= LONGEST:
        return name
    digest = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{name.encode()[: LONGEST - 9].decode(errors='ignore').rstrip('-')}-{digest}"
