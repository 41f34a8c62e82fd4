"""Trained models that come with the package: `pretrained:NAME` wherever the folder of a run is expected."""

from __future__ import annotations

import os
import pathlib

import tfgen
from tfgen.errors import UserError, nearest, shown
from tfgen.extractors.hashes import check_sha256
from tfgen.runs.layout import Layout
from tfgen.storage.paths import expanded
from tfgen.storage.tables import read_json

PREFIX = "pretrained:"
HERE = pathlib.Path(tfgen.__file__).resolve().parent / "pretrained"
HASHES = "hashes.json"  # name -> path within its folder -> sha256
REMEDY = "install tfgen again"


def is_pretrained(place: str | os.PathLike) -> bool:
    """Returns whether a text names a model of the package; `./pretrained:NAME` is a folder."""
    return isinstance(place, str) and place.startswith(PREFIX)


def pretrained_names() -> list[str]:
    """Returns the names of the models that come with the package."""
    return sorted(_hashes())


def located(place: str | os.PathLike) -> Layout:
    """Returns where a run's files are, and where those that commands add to it go.

    A model of the package lies in a folder that is only read: what is made of it goes to `runs/pretrained-NAME`.

    Args:
        place: the folder of a run, or `pretrained:NAME`.

    Raises:
        UserError: there is no such model, or its files are not those that came with the package.
    """
    if not is_pretrained(place):
        return Layout(expanded("the folder of a run", place))
    name = os.fspath(place).removeprefix(PREFIX)
    known = _hashes()
    if name not in known:
        close = nearest(name, known)
        raise UserError(f"{PREFIX}NAME is one of {', '.join(sorted(known))}, got {shown(name)}{close}")
    for path, digest in known[name].items():
        check_sha256(HERE / name / path, digest, REMEDY)
    return Layout(HERE / name, pathlib.Path("runs") / f"pretrained-{name}")


def check_workdir(place: str | os.PathLike) -> None:
    """Checks that a training is not to write into a model of the package.

    Raises:
        UserError: it is.
    """
    if is_pretrained(place):
        raise UserError(
            f"--workdir={place}: the models of the package are only read; --init_from={place} starts from its weights"
        )


def _hashes() -> dict[str, dict[str, str]]:
    found = read_json(HERE / HASHES, REMEDY)
    if not isinstance(found, dict) or not all(isinstance(files, dict) for files in found.values()):
        raise UserError(f"{HERE / HASHES} is damaged: it does not hold the hashes of models' files; {REMEDY}")
    return found
