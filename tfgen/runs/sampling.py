"""Samples of a run as files: what `python -m tfgen.sample` does."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfgen.data import npz
from tfgen.data.source import Examples
from tfgen.errors import UserError, nearest
from tfgen.machine import startup
from tfgen.runs.folder import Run, load_run
from tfgen.sampling import writers
from tfgen.sampling.chunks import CHUNK, check_rows, chunks

if TYPE_CHECKING:
    from tfgen.samplers import Sampler
    from tfgen.training.model import GenerativeModel


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be sampled.

    Attributes:
        num: how many; the first ones of any larger number.
        seed: names the sequence.
        label: of a model conditioned on labels, classes taken in turn, as "3,5" or by name; None: all in turn.
        conditions: FILE.npz of arrays by field name, whose rows are taken in turn; None: all classes in turn, and rows
            of the validation split of the run's data for other conditions.
        stochastic: draw pixels from p(x|z) instead of giving its mean.
        sampler: a name in `tfgen.samplers`; None: the model's own.
        sampling_steps, guidance: of that sampler; None: its own.
    """

    num: int = 100
    seed: int = 0
    label: str | None = None
    conditions: str | None = None
    stochastic: bool = False
    sampler: str | None = None
    sampling_steps: int | None = None
    guidance: float | None = None


@dataclasses.dataclass(frozen=True)
class Draw:
    """A request of a loaded model.

    Attributes:
        model: the `GenerativeModel`. request: the `Request`.
        given: conditions by field name, those of the request. examples: whose rows are the others, or None.
        sampler: of `tfgen.samplers`, or None for the model's own.
    """

    model: GenerativeModel
    request: Request
    given: dict
    examples: Examples | None
    sampler: Sampler | None

    def chunks(self, first: int, end: int) -> Iterator[tuple[np.ndarray, dict]]:
        """Yields (samples, conditions) first, ..., end - 1."""
        how = {"seed": self.request.seed, "stochastic": self.request.stochastic, "sampler": self.sampler}
        return chunks(self.model, first, end, given=self.given, examples=self.examples, **how)

    def labels(self, first: int, end: int) -> np.ndarray | None:
        """Returns the classes of samples first, ..., end - 1, int64; None where the model knows none."""
        name = self.model.label_field
        if name is None:
            return None
        return self.model.conditions_for(end - first, self.given, self.examples, first)[name]

    def shape(self, number: int) -> tuple[int, ...]:
        """Returns the shape of so many samples."""
        return (number, *self.model.data_shape)


def sample_run(folder: str | os.PathLike, request: Request, out: str | os.PathLike | None = None) -> pathlib.Path:
    """Writes samples of a run to one file or to a folder of pictures.

    Args:
        folder: of the run.
        request: what to sample.
        out: FILE.npz, FILE.png (a grid, or a scatter plot of points) or a folder for one PNG per image; by default a
            name in the run's samples folder that says what it holds.

    Returns:
        What was written.

    Raises:
        UserError: the request does not fit the model, or `out` cannot be written; nothing has been written then.
    """
    run = load_run(folder)
    out = pathlib.Path(out) if out else default_name(run, request)
    writers.check(out, request.num, run.fields[run.makes])
    draw = opened(run, request)
    write = writers.writer_for(out, draw.model.fields[draw.model.data_field])
    samples = said(draw.chunks(0, request.num), request.num)
    write(out, samples, draw.shape(request.num), draw.labels(0, request.num))
    return out


def said(parts: Iterator[tuple[np.ndarray, dict]], num: int) -> Iterator[np.ndarray]:
    """Yields the samples alone, and shows progress on stderr."""
    for index, (made, _) in enumerate(parts):
        yield made
        done = index * CHUNK + len(made)
        print(f"sampled {done}/{num}", end="\n" if done == num else "\r", file=sys.stderr, flush=True)


def opened(run: Run, request: Request) -> Draw:
    """Loads the run's model and finds its conditions and its sampler.

    Raises:
        UserError: something of the request does not fit the model.
    """
    label = parse_labels(request.label, run.record.get("class_names"))
    given = {} if request.conditions is None else read_conditions(request.conditions)
    startup.start_tensorflow()
    model = run.model
    given = model.with_label(label, given)
    sampler = sampler_of(model, request.sampler, request.sampling_steps, request.guidance)
    return Draw(model, request, given, condition_examples(run, model, given), sampler)


def condition_examples(run: Run, model: GenerativeModel, given: dict) -> Examples | None:
    """Returns the `Examples` whose rows are the conditions that nobody gives, or None where none are needed."""
    if set(model.conditions) <= {*given, model.label_field if model.num_classes else None}:
        return None  # the data need not be there
    source = run.source()
    examples = source.splits.get("validation", source.splits["train"])
    check_rows(model, given, examples, source.name)
    return examples


def read_conditions(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns the arrays of FILE.npz by field name.

    Raises:
        UserError: there is no such file, or nothing in it.
    """
    if not pathlib.Path(path).is_file():
        raise UserError(f"--conditions: there is no file {path}")
    arrays = npz.read(pathlib.Path(path))
    if not arrays:
        raise UserError(f"--conditions: {path} holds no arrays")
    return arrays


def sampler_of(
    model: GenerativeModel, name: str | None = None, steps: int | None = None, guidance: float | None = None
) -> Sampler | None:
    """Returns the sampler called `name`, or the model's own with other settings; None stands for the model's own.

    Raises:
        UserError: there is no such sampler, or it has no such setting.
    """
    from tfgen import samplers

    settings = {"steps": steps, "guidance": guidance}
    settings = {key: value for key, value in settings.items() if value is not None}
    if name is None and (not settings or model.sampler is None):
        return None
    if name is not None and name not in samplers.SAMPLERS:
        known = ", ".join(samplers.SAMPLERS)
        raise UserError(f"--sampler is one of {known}, got {name!r}{nearest(name, samplers.SAMPLERS)}")
    sampler = model.sampler if name is None else samplers.SAMPLERS[name]()
    unknown = [key for key in settings if key not in {field.name for field in dataclasses.fields(sampler)}]
    if unknown:
        flag = {"steps": "sampling_steps"}.get(unknown[0], unknown[0])
        raise UserError(f"--{flag} is not for the sampler {name or repr(sampler)}: leave it out")
    return dataclasses.replace(sampler, **settings)


def parse_labels(text: str | None, class_names: Sequence[str] | None = None) -> list[int] | None:
    """Returns class numbers from "3,5" or "Dress,Bag" (any case); None passes.

    Raises:
        UserError: a word that is neither a number nor the name of a class.
    """
    if text is None:
        return None
    known = {str(name).lower(): index for index, name in enumerate(class_names or [])}
    return [_label(word.strip(), known) for word in text.split(",")]


def _label(word, known):
    if re.fullmatch(r"\d+", word):
        return int(word)
    if word.lower() in known:
        return known[word.lower()]
    if known:
        close = nearest(word.lower(), known) or f"; the classes are {', '.join(known)}"
        raise UserError(f"--label expects class numbers or names, got {word!r}{close}")
    raise UserError(f"--label expects class numbers such as 3,5, got {word!r}; this run's data has no names for them")


def default_name(run: Run, request: Request, kind: str | None = None) -> pathlib.Path:
    """Returns a path in the run's samples folder that says what it holds; `kind` of shards, or None."""
    name = f"seed{request.seed}_{request.num}"
    for flag in ("label", "conditions", "sampler", "sampling_steps", "guidance"):
        value = getattr(request, flag)
        if value is not None:
            text = pathlib.Path(value).stem if flag == "conditions" else str(value)
            name += f"_{flag}" + re.sub(r"[^0-9A-Za-z]+", "-", text)
    name += "_stochastic" if request.stochastic else ""
    if kind:
        return run.paths.samples / f"{name}_{kind}"
    picture = request.num <= writers.MAX_GRID and run.fields[run.makes].kind in ("image", "point")
    return run.paths.samples / (name + (".png" if picture else ".npz"))
