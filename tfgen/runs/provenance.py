"""The origin of a run's data and code, for recipe.json."""

import contextlib
import dataclasses
import importlib.metadata
import os
import pathlib
import platform
import subprocess
from typing import Any

from tfgen import plugins
from tfgen.data.source import Source
from tfgen.distribution.launcher import LAUNCHED
from tfgen.training.model import GenerativeModel

PACKAGES = ("keras-tfgen", "tensorflow", "keras", "numpy")


def provenance(source: Source, model: GenerativeModel) -> dict[str, Any]:
    """Returns the entries of recipe.json besides the recipe: data, versions, revision, plugins, the model's data field.

    Args:
        source: the data set.
        model: the `GenerativeModel`, whose charts are kept so that a report need not load it.
    """
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "data": {"name": source.name, **source.provenance},
        "cwd": os.getcwd(),  # of relative paths in the recipe
        "class_names": source.class_names,
        "versions": versions,
        "git_revision": git_revision(),
        "plugins": sorted(plugins.imported()),
        "makes": model.data_field,
        "charts": charts_of(model),
        # by which a worker that `tfgen.launch` starts again knows the run as its own
        "launch": os.environ.get(LAUNCHED),
    }


def charts_of(model: GenerativeModel) -> list[dict]:
    """Returns the model's charts as plain values; none, which is printed, if its own code fails."""
    try:
        return [dataclasses.asdict(chart) for chart in model.charts()]
    except Exception as error:
        print(f"the model's charts failed and are left out: {str(error) or type(error).__name__:.200}", flush=True)
        return []


def git_revision() -> str | None:
    """Returns the commit of the checkout that tfgen runs from, or None for an installed package."""
    folder = pathlib.Path(__file__).resolve().parents[2]
    # else git would find the repository around an environment in which tfgen is installed
    if not (folder / ".git").exists():
        return None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip() or None
    return None
