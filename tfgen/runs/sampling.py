"""Samples of a run as files: the work of `python -m tfgen.sample`."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.data import npz
from tfgen.data.classes import class_numbers
from tfgen.data.paths import existing, file_of
from tfgen.data.source import Examples
from tfgen.errors import UserError, nearest
from tfgen.machine import startup
from tfgen.runs.folder import Run, load_run
from tfgen.runs.layout import check_spares_runs
from tfgen.runs.priors import parsed, prior_of
from tfgen.sampling import writers
from tfgen.sampling.asked import NOTHING, Asked
from tfgen.sampling.chunks import check_rows, chunks
from tfgen.tables import progress

if TYPE_CHECKING:
    from tfgen.samplers import Sampler
    from tfgen.training.model import GenerativeModel


@dataclasses.dataclass(frozen=True)
class Request:
    """The settings of a sampling.

    Attributes:
        num: number of samples; they are the first ones of any larger number.
        seed: of the sequence of samples.
        label: classes, taken in turn, of a model conditioned on labels, as `tfgen.data.classes` reads them: "3,5",
            or by name; None: all in turn.
        caption: texts, taken in turn, of a model conditioned on texts; (): rows of the validation split.
        conditions: FILE.npz of arrays by field name, whose rows are taken in turn; None: all classes in turn, and rows
            of the validation split of the run's data for other conditions.
        stochastic: whether to draw pixels from p(x|z) instead of returning its mean.
        sampler: a name in `tfgen.samplers`; None: the model's own.
        sampling_steps, guidance, temperature: of that sampler; None: its defaults.
        prior: gmm:10, normal or two_stage, fitted to the codes of the training images; None: the model's own.
    """

    num: int = 100
    seed: int = 0
    label: str | None = None
    caption: Sequence[str] = ()
    conditions: str | None = None
    stochastic: bool = False
    sampler: str | None = None
    sampling_steps: int | None = None
    guidance: float | None = None
    temperature: float | None = None
    prior: str | None = None


@dataclasses.dataclass(frozen=True)
class Draw:
    """A request with the model and the data that it needs.

    Attributes:
        model: the `GenerativeModel`.
        request: the settings.
        given: conditions of the request by field name.
        examples: `Examples` whose rows are the other conditions, or None.
        sampler: of `tfgen.samplers`, or None for the model's own.
    """

    model: GenerativeModel
    request: Request
    given: dict
    examples: Examples | None
    sampler: Sampler | None

    def chunks(self, first: int, end: int) -> Iterator[tuple[np.ndarray, dict]]:
        """Yields (samples, their conditions) of samples first, ..., end - 1."""
        how = {"seed": self.request.seed, "stochastic": self.request.stochastic, "sampler": self.sampler}
        return chunks(self.model, first, end, given=self.given, examples=self.examples, **how)

    def asked(self, first: int, end: int) -> Asked:
        """Returns what samples first, ..., end - 1 are asked for."""
        names = self.asked_fields
        if names == (None, None):  # conditions of other kinds, such as pictures, are not read for this
            return NOTHING
        made = self.model.conditions_for(end - first, self.given, self.examples, first, self.sampler)
        return Asked(*(made.get(name or "") for name in names))

    @property
    def asked_fields(self) -> tuple[str | None, str | None]:
        """The names of the label and of the text that samples are asked for, each None where there is none."""
        taken = self.model.sampling_conditions(self.sampler)
        label, text = (name if name in taken else None for name in (self.model.label_field, self.model.text_field))
        return label, text

    def shape(self, number: int) -> tuple[int, ...]:
        """Returns the shape of `number` samples."""
        return (number, *self.model.data_shape)


def sample_run(folder: str | os.PathLike, request: Request, out: str | os.PathLike | None = None) -> pathlib.Path:
    """Writes samples of a run to one file or to a folder of pictures.

    Args:
        folder: of the run.
        request: the settings.
        out: FILE.npz, FILE.png (a grid, or a scatter plot of points) or a folder for one PNG per image; by default a
            name made from the request in the run's samples folder.

    Returns:
        The path that was written.

    Raises:
        UserError: the request does not fit the model, or `out` cannot be written; nothing has been written then.
    """
    run = load_run(folder)
    out = pathlib.Path(out) if out else default_name(run, request)
    read = {"--conditions": request.conditions, "--dataset": file_of(run.recipe.dataset)}
    writers.check(check_spares_runs(out), request.num, run.fields[run.makes], read)
    draw = opened(run, request)
    write = writers.writer_for(out, draw.model.fields[draw.model.data_field])
    samples = said(draw.chunks(0, request.num), request.num)
    write(out, samples, draw.shape(request.num), draw.asked(0, request.num))
    return out


def said(parts: Iterator[tuple[np.ndarray, dict]], num: int) -> Iterator[np.ndarray]:
    """Yields the samples without their conditions; shows progress on stderr, a bar on a terminal, else a line."""
    done = 0
    with progress("sampling", num) as show:
        for made, _ in parts:
            yield made
            done += len(made)
            show(done, "")
    print(f"sampled {done}/{num}", file=sys.stderr, flush=True)


def opened(run: Run, request: Request) -> Draw:
    """Loads the run's model and finds its conditions and its sampler.

    Raises:
        UserError: the request does not fit the model.
    """
    label = class_numbers(request.label, run.class_names)  # a mistake is said before TensorFlow starts
    if request.prior is not None:
        parsed(request.prior)
    given = {} if request.conditions is None else read_conditions(request.conditions)
    startup.start_tensorflow()
    model = run.model
    given = with_captions(model, request.caption, model.with_label(label, given))
    say_left_out(run, model, given)
    sampler = sampler_of(
        model, request.sampler, request.sampling_steps, guidance=request.guidance, temperature=request.temperature
    )
    if request.prior is not None:
        sampler = under_prior(run, request.prior, request.sampler or sampler, given)
    return Draw(model, request, given, condition_examples(run, model, given, sampler), sampler)


def say_left_out(run: Run, model: GenerativeModel, given: dict) -> None:
    """Prints which classes are sampled that the training has left out (`--leave_out`): their label was never seen."""
    if run.recipe.leave_out is None or model.label_field is None:
        return
    gone = class_numbers(run.recipe.leave_out, run.class_names, "leave_out")
    asked = given.get(model.label_field)
    unseen = [number for number in gone if asked is None or number in np.asarray(asked)]
    if unseen:
        names = ", ".join(run.class_names[number] if run.class_names else str(number) for number in unseen)
        print(f"the training has left out {names}: what is sampled for it was never learnt", file=sys.stderr)


def with_captions(model: GenerativeModel, captions: Sequence[str], given: dict) -> dict:
    """Returns the conditions `given`, and captions, if any, under the name of the field of texts.

    Raises:
        UserError: the model is not conditioned on one text, or a caption is blank.
    """
    if not captions:
        return given
    if model.text_field is None:
        kinds = [f"{name}, a {model.fields[name].kind}" for name in model.conditions]
        known = f"its conditions are {'; '.join(kinds)}" if kinds else "it is not conditional"
        raise UserError(f"{model.name} takes no captions: {known}; leave out --caption")
    if model.text_field in given:
        raise UserError(f"give --caption or {model.text_field!r} in --conditions, not both")
    if not all(text.strip() for text in captions):
        raise UserError(f"--caption expects a text such as 'a red heart', got {list(captions)}")
    return {**given, model.text_field: list(captions)}


def condition_examples(
    run: Run, model: GenerativeModel, given: dict, sampler: Sampler | None = None
) -> Examples | None:
    """Returns the `Examples` whose rows are the conditions that are not given, or None if none are needed."""
    if set(model.sampling_conditions(sampler)) <= {*given, model.label_field if model.num_classes else None}:
        return None  # the data are not loaded: they may be missing on this machine
    source = run.source()
    examples = source.splits.get("validation", source.splits["train"])
    check_rows(model, given, examples, source.name, sampler)
    return examples


def read_conditions(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns the arrays of FILE.npz by field name.

    Raises:
        UserError: the file is missing, damaged or empty.
    """
    arrays = npz.read(existing("--conditions", path, folder=False, what="a file of arrays"))
    if not arrays:
        raise UserError(f"--conditions: {path} holds no arrays")
    return arrays


def sampler_of(
    model: GenerativeModel, name: str | None = None, steps: int | None = None, **settings: float | None
) -> Sampler | None:
    """Returns the sampler called `name`, or the model's own with other settings; None means the model's own.

    Raises:
        UserError: there is no such sampler, or it has no such setting.
    """
    from tfgen import samplers

    settings = {key: value for key, value in {"steps": steps, **settings}.items() if value is not None}
    if name is not None and name not in samplers.SAMPLERS:
        known = ", ".join(samplers.SAMPLERS)
        raise UserError(f"--sampler is one of {known}, got {name!r}{nearest(name, samplers.SAMPLERS)}")
    sampler: Any = model.sampler if name is None else samplers.SAMPLERS[name]()
    if sampler is None and settings:
        sampler = samplers.latent()  # of a prior that is fitted afterwards
    if sampler is None or (name is None and not settings):
        return None
    unknown = [key for key in settings if key not in {field.name for field in dataclasses.fields(sampler)}]
    if unknown:
        flag = {"steps": "sampling_steps"}.get(unknown[0], unknown[0])
        raise UserError(f"--{flag} is not for the sampler {name or repr(sampler)}: leave it out")
    return dataclasses.replace(sampler, **settings)


def under_prior(run: Run, prior: str, other: Any = None, given: dict | None = None) -> Sampler:
    """Returns the sampler of one pass from a prior that is fitted to the codes of the run's training images.

    Args:
        run: of a model that encodes.
        prior: the text of `--prior`.
        other: what else was asked for as a sampler.
        given: conditions of the request by field name.

    Raises:
        UserError: the model does not encode into latents, or decodes them without a condition that was given; or
            another sampler is asked for.
    """
    from tfgen import samplers

    if other not in (None, "latent", samplers.latent()):
        raise UserError(f"--prior={prior} is for one pass from a latent: leave the other sampler out")
    run.model.check_taken(given or {}, samplers.latent())  # before the fit, which may take minutes
    return samplers.latent(prior_of(run, prior))


def default_name(run: Run, request: Request, kind: str | None = None) -> pathlib.Path:
    """Returns a path in the run's samples folder, named after the request; `kind` is the format of shards, or None."""
    name = f"seed{request.seed}_{request.num}"
    for flag in ("label", "caption", "conditions", "sampler", "sampling_steps", "guidance", "temperature", "prior"):
        value = getattr(request, flag)
        if value not in (None, (), []):
            text = pathlib.Path(value).stem if flag == "conditions" else str(value)
            text = ", ".join(value) if flag == "caption" else text
            name += f"_{flag}" + _in_a_name(text)
    name += "_stochastic" if request.stochastic else ""
    if kind:
        return run.paths.samples / f"{name}_{kind}"
    picture = request.num <= writers.MAX_GRID and run.fields[run.makes].kind in ("image", "point")
    return run.paths.samples / (name + (".png" if picture else ".npz"))


def _in_a_name(text):
    """Returns a text as a part of a file's name, with a hash where something is lost: two classes share no file."""
    plain = re.sub(r"[^0-9A-Za-z]+", "-", text)
    lost = len(plain) > 60 or not re.fullmatch(r"[0-9A-Za-z]+([_.,][0-9A-Za-z]+)*", text)
    return f"{plain[:60]}-{hashlib.sha256(text.encode(errors='backslashreplace')).hexdigest()[:8]}" if lost else plain
