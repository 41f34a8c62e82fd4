"""From the folder of a run to a picture and its numbers: the work of `python -m tfgen.latent`."""

import inspect
import os
import pathlib
from typing import Any

from tfgen import latent
from tfgen.data.classes import class_numbers
from tfgen.errors import UserError, nearest
from tfgen.latent.exploration import Exploration, checked_out
from tfgen.machine import startup
from tfgen.runs.folder import load_run

FILMS = ("walk",)  # actions whose result moves


def explore_run(
    folder: str | os.PathLike,
    action: str,
    settings: dict[str, Any] | None = None,
    out: str | os.PathLike | None = None,
    *,
    label: str | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
) -> tuple[Exploration, list[pathlib.Path]]:
    """Explores the latents of a run, and writes a picture (or a film) and a JSON file of numbers beside it.

    Args:
        folder: of the run.
        action: one of `tfgen.latent.ACTIONS`.
        settings: its arguments by name; those that are None keep their defaults.
        out: FILE.png, of a walk FILE.gif or FILE.mp4; by default RUN/latent/ACTION.png (.gif).
        label: classes of a conditional model, taken in turn, as `tfgen.sample` takes them.
        dataset, data_dir: the data; by default those of the run.

    Returns:
        (what was found, the paths that were written).

    Raises:
        UserError: the action does not fit the model, or a setting not the action; nothing has been written then.
    """
    given = {name: value for name, value in (settings or {}).items() if value is not None}
    check_action(action)
    run = load_run(folder)
    suffixes = (".gif", ".mp4") if action in FILMS else (".png",)
    images = given.get("images")
    read = {"--images": images if isinstance(images, (str, os.PathLike)) else None}
    out = checked_out(out if out else run.paths.latent / f"{action}{suffixes[0]}", suffixes, read)
    label = class_numbers(label, run.class_names)  # a mistake is said before TensorFlow starts
    startup.start_tensorflow()
    check_settings(action, given)
    # data that are asked for have to be there; without those of the run, some actions leave out what needs them
    source = run.source(dataset, data_dir) if dataset or data_dir else lambda: run.source(dataset, data_dir)
    space = latent.Space(run.model, source, label)
    found = getattr(latent, action)(space, **given)
    record = {"run": run.place, "model": run.recipe.model, "step": int(run.model.step)}
    data = dataset or run.record.get("part") or run.recipe.dataset  # as `run.source` has it
    return found, found.write(out, **record, weights=run.model.digest(), dataset=data)


def check_action(name: str) -> None:
    """Raises UserError if there is no such action."""
    if name not in latent.ACTIONS:
        close = nearest(name, latent.ACTIONS) or f"; expected one of {', '.join(latent.ACTIONS)}"
        raise UserError(f"unknown action {name!r:.60}{close}")


def check_settings(action: str, given: dict[str, Any]) -> None:
    """Raises UserError if one of the settings is not the action's own; imports TensorFlow, as the actions do."""
    known = inspect.signature(getattr(latent, action)).parameters
    for name in given:
        if name not in known:
            users = [other for other in latent.ACTIONS if name in inspect.signature(getattr(latent, other)).parameters]
            raise UserError(f"--{name} is for {', '.join(users) or 'no action'}, not for {action}: leave it out")
