"""What the loggers share: what they are told of a run, when they log, and what happens where one fails."""

import dataclasses
import importlib
import json
import numbers
import pathlib
import re
import types
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from tfgen import faults
from tfgen.errors import UserError
from tfgen.loggers import LOGGERS
from tfgen.storage.atomic import write_text
from tfgen.storage.paths import whole
from tfgen.training.callbacks.guarded import Guarded
from tfgen.training.callbacks.samples import SampleGrid


@dataclasses.dataclass(frozen=True)
class LoggedRun:
    """What a logger is told of a run.

    Attributes:
        folder: of the run; it exists when training begins.
        config: the resolved recipe, plain values by name.
        samples: the callback whose `latest` is the epoch's picture of samples, uint8 [H, W, C], or None.
        ids: the file that keeps the trackers' own names of this run, so that a resumed run goes on in them; or None.
    """

    folder: pathlib.Path
    config: Mapping[str, Any]
    samples: SampleGrid | None = None
    ids: pathlib.Path | None = None

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return whole(self.folder).name


class Logger(keras.callbacks.Callback):
    """Base of a tracker's adapter: the recipe at the start, metrics and a picture of samples after each epoch.

    A subclass overrides `begin`, `log`, and where the tracker has them `picture` and `end`. None is called within an
    epoch, so that a logger costs nothing per step. An exception in them is reported once, and training goes on.

    Args:
        run: `LoggedRun`.
        tracker: the module of the tracker, from `tracker_module`.
    """

    def __init__(self, run: LoggedRun, tracker: Any = None) -> None:
        super().__init__()
        self.run, self.tracker = run, tracker
        self._pictures = True

    def begin(self) -> None:
        """Opens the tracker's run; `run.config` is the recipe."""

    def log(self, values: dict[str, float], step: int) -> None:
        """Logs numbers by name at a step of training."""
        raise NotImplementedError

    def picture(self, image: np.ndarray, step: int) -> None:
        """Logs a picture of samples, uint8 [H, W, 1 or 3]."""

    def end(self) -> None:
        """Closes the tracker's run."""

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self.begin()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.write("", {"epoch": epoch + 1, **(logs or {})})
        image = None if self.run.samples is None else self.run.samples.latest
        if image is not None and self._pictures:
            self._try_picture(image)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self.end()

    def write(self, prefix: str, logs: Mapping[str, Any] | None) -> None:
        """Logs the numbers of a dict as `prefix` + name at the current step."""
        values = {prefix + n: float(v) for n, v in (logs or {}).items() if isinstance(v, numbers.Real)}
        self.log(values, int(self.model.step.numpy()))

    def _try_picture(self, image: np.ndarray) -> None:
        try:
            self.picture(image, int(self.model.step.numpy()))
        except Exception as error:  # a tracker may raise anything; its metrics matter more than its pictures
            self._pictures = False
            print(f"\n{type(self).__name__} logs no pictures of samples: {faults.reason(error)}", flush=True)

    def remembered(self) -> str | None:
        """Returns the tracker's own name of this run from an earlier process, or None."""
        found = self._ids().get(type(self).__name__)
        return found if isinstance(found, str) and re.fullmatch(r"[\w-]{1,64}", found) else None

    def remember(self, name: str) -> None:
        """Keeps the tracker's own name of this run for `remembered`."""
        if self.run.ids is not None:
            write_text(self.run.ids, json.dumps({**self._ids(), type(self).__name__: name}, indent=2) + "\n")

    def _ids(self) -> dict[str, Any]:
        try:
            found = json.loads(self.run.ids.read_text(encoding="utf-8")) if self.run.ids else {}
        except faults.TEXT:  # missing, or damaged: the tracker begins a new run
            return {}
        return found if isinstance(found, dict) else {}


class Boards:
    """Several loggers as one receiver of numbers."""

    def __init__(self, loggers: Iterable[Guarded]) -> None:
        self.loggers = list(loggers)

    def write(self, prefix: str, logs: Mapping[str, Any] | None) -> None:
        """Hands on a dict of numbers to every logger that takes them."""
        for logger in self.loggers:
            logger.write(prefix, logs)


def make_loggers(names: Iterable[str], run: LoggedRun) -> list[Guarded]:
    """Returns the loggers called `names`, each such that its failure is reported once and does not stop training.

    Raises:
        RegistryError: there is no such logger; the message gives the nearest name.
        UserError: the package of a tracker is missing.
    """
    return [Guarded(_made(name, run), name=f"logger {name}") for name in names]


def _made(name: str, run: LoggedRun) -> keras.callbacks.Callback:
    make = LOGGERS.get(name)
    try:
        logger = make(run)
    except UserError:
        raise
    except Exception as error:  # a plugin's own code
        raise UserError(f"the logger {name!r} cannot be made: {faults.reason(error)}; leave it out") from error
    if not isinstance(logger, keras.callbacks.Callback):
        raise UserError(f"the logger {name!r} must be a Keras callback, got a {type(logger).__name__}")
    return logger


def tracker_module(name: str, needs: str = "") -> types.ModuleType:
    """Returns the imported package of a tracker.

    Args:
        name: of the package, and of tfgen's extra that installs it.
        needs: an attribute that the package has; a folder of the same name in the working directory has not.

    Raises:
        UserError: it is not installed, or cannot be imported.
    """
    remedy = f"pip install 'keras-tfgen[{name}]', or leave {name} out of --logger"
    try:
        module = importlib.import_module(name)
    except Exception as error:  # importing a package runs its code, which can raise anything
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            raise UserError(f"the logger {name} needs the package {name}, which is not installed: {remedy}") from error
        raise UserError(f"the package {name} cannot be imported ({faults.reason(error)}): {remedy}") from error
    if needs and not hasattr(module, needs):
        raise UserError(f"the logger {name} needs the package {name}, which is not installed: {remedy}")
    return module
