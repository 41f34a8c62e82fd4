"""What a part of the benchmark is, and what parts are made from."""

import contextlib
import dataclasses
import functools
import pathlib
import tempfile
from collections.abc import Callable

import numpy as np

from benchmarks import measuring
from benchmarks.turns import Child


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the flags say.

    Attributes:
        seconds, repeats: of the windows, and how many rounds of them.
        batch_size, width: of the tutorial's network; 128 and 64 are the ones to compare.
        python: of the environment with PyTorch and pythae, or None.
        data_dir: where Fashion-MNIST lies, or None.
    """

    seconds: float = 5.0
    repeats: int = 7
    batch_size: int = 128
    width: int = 64
    python: str | None = None
    data_dir: str | None = None

    @functools.cached_property
    def images(self):
        """The training images of Fashion-MNIST, uint8 [60000, 28, 28, 1]."""
        return np.ascontiguousarray(measuring.garments(self.data_dir))


@dataclasses.dataclass(frozen=True)
class Part:
    """Contenders and what is stated of them.

    Attributes:
        title: of its table.
        contenders: dict of name -> `f(seconds) -> Window`.
        comparisons: list of `Comparison`.
        unit: of what a window does, in a second; "s" states the seconds that one takes.
        notes: sentences below the table.
        details: `f(windows) -> dict` of more figures, for the JSON file and the table, or None.
        close: ends what the part has started.
    """

    title: str
    contenders: dict
    comparisons: list = dataclasses.field(default_factory=list)
    unit: str = "images/s"
    notes: tuple = ()
    details: Callable | None = None
    close: Callable = lambda: None


def first_asked(make, *args):
    """`f(seconds) -> Window` that is made by `make(*args)` when its first window begins."""
    made = functools.cache(lambda: make(*args))
    return lambda seconds: made()(seconds)


def trained(make, settings):
    return first_asked(make, settings.images, settings.batch_size, settings.width)


@contextlib.contextmanager
def image_file(settings):
    """A file of the images for another process, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "images.npy"
        np.save(file, settings.images)
        yield file


def from_child(settings, module, arguments, python=None, variables=()):
    """A process, by default of the other environment; it has read its images by the time this returns."""
    with image_file(settings) as file:
        flags = [f"--{name}={value}" for name, value in arguments.items()]
        return Child(python or settings.python, module, f"--file={file}", *flags, variables=variables)
