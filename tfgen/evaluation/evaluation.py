"""Evaluation of models and of samples: settings, scores, and evaluation.json."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import os
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import numpy as np

from tfgen.data.numbering import in_classes_of, numbered
from tfgen.data.source import Source
from tfgen.data.unpaired import of_field
from tfgen.errors import UserError
from tfgen.evaluation import cheating, likelihoods
from tfgen.evaluation.agreement import with_agreement
from tfgen.evaluation.cache import Cache
from tfgen.evaluation.classes import other_classes, too_small
from tfgen.evaluation.classification import check_labelled, classification_accuracy_score
from tfgen.evaluation.contest import Contest
from tfgen.evaluation.pictures import nearest_picture
from tfgen.evaluation.real import RealData, Side, as_side, chosen
from tfgen.evaluation.reconstructions import reconstruction_scores
from tfgen.evaluation.sample_scores import CAPTIONS, check_names, check_needs_no_labels, sample_metrics
from tfgen.evaluation.samples import CONTROLS, controls, score_samples
from tfgen.evaluation.settings import Settings
from tfgen.evaluation.workers import side_of_shards
from tfgen.extractors import default_extractor, load_extractor
from tfgen.metrics.score import FEWEST, Score, asked, table
from tfgen.sampling.chunks import check_rows, drawn, stated_conditions
from tfgen.sampling.shards.reading import StoredSamples
from tfgen.storage.atomic import write_text

if TYPE_CHECKING:
    from tfgen.samplers import Sampler
    from tfgen.training.model import GenerativeModel

NUM_SAMPLES = 10_000
Say = Callable[[str], object]


@dataclasses.dataclass
class Evaluation:
    """The result of an evaluation.

    Attributes:
        subject: plain values that say what was evaluated.
        scores: metric -> `Score`.
        details: plain values behind the scores, such as histograms, `notes` on what could not be measured,
            and `warnings` on what means little.
        controls: known fault -> its scores in the samples' place.
        seconds: duration of each part.
        findings: sentences on samples that repeat real images or each other; usually none.
    """

    subject: dict
    scores: dict[str, Score] = dataclasses.field(default_factory=dict)
    details: dict = dataclasses.field(default_factory=dict)
    controls: dict = dataclasses.field(default_factory=dict)
    seconds: dict = dataclasses.field(default_factory=dict)
    findings: list[str] = dataclasses.field(default_factory=list)

    def add(self, scores: dict[str, Score], details: dict | None = None, seconds: dict | None = None) -> None:
        """Adds scores, their details and their durations; equal names are replaced."""
        self.scores |= scores
        self.details |= details or {}
        self.seconds |= seconds or {}

    def note(self, sentence: str, say: Say = print) -> None:
        """Prints a sentence on what could not be measured, and keeps it in the details."""
        self.details.setdefault("notes", []).append(sentence)
        say(f"  {sentence}")

    def attempt(self, what: str, measure: Callable[[], tuple[dict, dict]], say: Say = print) -> None:
        """Adds the scores and details that `measure()` returns; where it fails, a note, as other scores remain."""
        try:
            self.add(*measure())
        except Exception as error:  # a model's own code may raise anything
            reason = " ".join(str(error).split()) or type(error).__name__
            self.note(f"{what} could not be measured: {reason:.300}", say)

    @property
    def replicates(self) -> dict[str, list[float]]:
        """metric -> replicates, to seven digits, of the scores that have them."""
        known = {name: score.replicates for name, score in self.scores.items() if score.replicates is not None}
        return {name: [float(f"{value:.7g}") for value in values] for name, values in known.items()}

    def to_json(self) -> dict:
        """Returns the contents of evaluation.json, plain values."""
        scores = {name: _stating(score).to_json() for name, score in self.scores.items()}
        rest = {"details": self.details, "controls": self.controls, "seconds": self.seconds}
        return {
            "subject": self.subject,
            "findings": self.findings,
            "metrics": scores,
            **rest,
            "replicates": self.replicates,
        }

    def write(self, path: str | os.PathLike) -> None:
        """Writes evaluation.json atomically."""
        write_text(path, json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n")

    def text(self) -> str:
        """Returns the findings, the scores and the controls as text for the terminal."""
        lines = [f"! {sentence}" for sentence in self.findings]
        lines += [table(self.scores)] if self.scores else []
        if self.controls:
            count = next(iter(self.controls.values()))["count"]
            lines.append(f"\n{count} images in the samples' place:")
            for name, values in self.controls.items():
                shown = (f"{key} {value:.4g}" for key, value in values.items() if key != "count")
                lines.append(f"  {name:<26}" + "  ".join(shown))
        return "\n".join(lines)


def evaluate_samples(
    samples: np.ndarray | StoredSamples,
    source: Source,
    settings: Settings,
    labels: np.ndarray | None = None,
    captions: np.ndarray | None = None,
    *,
    subject: dict | None = None,
    picture: str | os.PathLike | None = None,
    shown: Collection[str] = (),
    say: Say = print,
) -> Evaluation:
    """Scores samples against a data set, by its own measure where it has one, else by features of images.

    Args:
        samples: images uint8 [N, H, W, C], in memory or in shards; or points float32 [N, 2].
        source: `tfgen.data.Source`.
        settings: `Settings`.
        labels: the classes that they were generated for, int [N], or None.
        captions: the texts that they were generated for, [N], or None.
        subject: plain values on where the samples come from, for evaluation.json.
        picture: path of a PNG of samples beside their nearest training images, or None.
        shown: splits from whose images the samples were made, by a model that translates.
        say: called with lines of progress.

    Raises:
        UserError: too few samples, shapes that differ, an unknown metric or extractor.
    """
    check_names(settings.metrics, sample_metrics(source))
    evaluation = Evaluation(subject or {})
    scoring = source.scoring
    if scoring is not None:
        name = settings.extractor or source.extractor
        module, function = scoring.function.split(":")
        score = getattr(importlib.import_module(module), function)
        found, details = score(samples, source, load_extractor(name) if name else None)
        evaluation.add({name: value for name, value in found.items() if asked(settings, name)}, details)
    elif "image" not in source.fields:
        held = ", ".join(source.fields)
        evaluation.note(
            f"samples are compared by features of images, and {source.name} holds {held}: none of them is scored", say
        )
    else:
        score_images(evaluation, samples, source, settings, (labels, captions), picture, say, shown)
    return evaluation


def score_images(
    evaluation: Evaluation,
    images: np.ndarray | StoredSamples,
    source: Source,
    settings: Settings,
    wanted: tuple[np.ndarray | None, np.ndarray | None],
    picture: str | os.PathLike | None,
    say: Say,
    shown: Collection[str] = (),
) -> None:
    """Adds the scores of images by their features; `wanted` are labels and captions, all else as `evaluate_samples`."""
    check_samples(images, source)
    labels, captions = wanted
    if settings.cas:
        check_labelled(labels, source)  # now: a mistake after the other scores would lose them
    name = settings.extractor or default_extractor(source, say)
    extractor = load_extractor(name)
    say(f"features by {extractor.name}, {len(images)} samples against the {settings.split} split of {source.name}")
    start = time.perf_counter()
    cache = Cache(settings.cache, say)
    real = RealData(source, extractor, cache, settings.split, seed=settings.seed)
    if settings.workers > 1:
        fake = side_of_shards(images, name, settings.workers, settings.plugins)
    else:
        fake = as_side(extractor, images, labels)
    contest = make_contest(fake, real, settings.seed)
    if captions is not None and source.agreement is not None and asked(settings, CAPTIONS):
        try:
            contest = with_agreement(contest, source.agreement, images, captions, real)
        except UserError as error:  # texts of the user's own
            evaluation.note(f"caption agreement could not be measured: {error}", say)
    add_remarks(evaluation, contest, real.split, settings, say)
    evaluation.seconds["features"] = round(time.perf_counter() - start, 2)
    evaluation.add(*score_samples(contest, settings.metrics, say))
    start = time.perf_counter()
    evaluation.findings = cheating.findings(images, real, shown)
    evaluation.seconds["findings"] = round(time.perf_counter() - start, 2)
    if settings.controls:
        try:
            add_controls(evaluation, contest, real, cache, settings.seed)
        except UserError as error:  # too few images: the scores remain
            evaluation.note(f"known faults are left out: {error}", say)
    if picture is not None:
        originals = source.splits["train"]
        evaluation.details["nearest"] = nearest_picture(images, contest.nearest, originals, picture)
    if settings.cas:
        evaluation.add(classification_accuracy_score(images, labels, source, settings.split, settings.seed, say))


def add_remarks(evaluation: Evaluation, contest: Contest, split: str, settings: Settings, say: Say) -> None:
    """Prints and keeps sentences on scores that mean little (`warnings`) or are left out (`notes`)."""
    warning = too_small(contest.real, contest.fake, split)
    if warning:
        evaluation.details["warnings"] = [warning]
        say(f"  {warning}")
    if contest.other_classes and settings.metrics is None:
        evaluation.note(f"scores of classes are left out: {contest.other_classes}", say)


def add_controls(evaluation: Evaluation, contest: Contest, real: RealData, cache: Cache, seed: int) -> None:
    """Adds the scores of known faults of training images in the samples' place."""
    start = time.perf_counter()
    rows = chosen(len(contest.floor), CONTROLS, seed)
    pictures = real.training_images(len(contest.fake))[0][rows]
    key = {"data": real.fingerprint("train"), "seed": seed, "extractor": real.extractor.sha256}
    key["of"] = len(contest.fake)
    evaluation.controls = controls(contest, contest.floor.take(rows), real.extractor, pictures, cache, key)
    evaluation.seconds["controls"] = round(time.perf_counter() - start, 2)


def make_contest(fake: Side, real: RealData, seed: int) -> Contest:
    """Returns the `Contest` of generated features with those of a data set."""
    return Contest(
        real.reference,
        fake,
        real.training(len(fake)),
        real.training(),
        real.protocol(),
        seed,
        other_classes(real.extractor, real.source, real.reference),
        bool(getattr(real.extractor, "general", False)),
    )


def evaluate_model(
    model: GenerativeModel,
    source: Source,
    settings: Settings,
    *,
    conditions: dict | None = None,
    sampler: Sampler | None = None,
    subject: dict | None = None,
    picture: str | os.PathLike | None = None,
    say: Say = print,
) -> Evaluation:
    """Scores a model: its samples, if it can sample, and its own scores on held-out examples.

    Args:
        model: a compiled `GenerativeModel`.
        conditions: field name -> values, which the samples take in turn; conditions that are not given are all classes
            in turn, or rows of the split that samples are compared with.
        sampler: of the samples, instead of the model's own.
        (the others as in `evaluate_samples`)

    Raises:
        UserError: as in `evaluate_samples`; there is no such split, or no score that was asked for by name can be
            measured.
    """
    check_split(source, settings.split)
    own = reconstruction_scores(model, source)
    of_samples = sample_metrics(source)
    check_names(settings.metrics, [*of_samples, *own, *model.score_names])
    subject = {"model": model.name, "step": int(model.step), "weights": model.digest(), **(subject or {})}
    subject["seed"] = settings.seed
    if sampler is not None:
        subject["sampler"] = repr(sampler)
    # conditions and a model's own scores take the model's numbers of classes, scores of samples those of the data
    try:
        known = in_classes_of(source, model.class_names)
    except UserError:  # scores that need the model's classes say so
        known = source
    if stated := stated_conditions(
        model, conditions, split=settings.split, sampler=sampler, examples=known.splits[settings.split]
    ):
        subject["conditions"] = stated
    evaluation = Evaluation(subject)
    count = number_of_samples(source, settings)
    # a user who names scores of samples, or has no others, is told why there are none
    few = too_few(source, settings.split, count) if settings.metrics is None and (own or model.score_names) else None
    if few:
        evaluation.note(few, say)
    elif (sampler or model.sampler) is not None and asked(settings, *of_samples):
        how: dict = {"subject": subject, "picture": picture, "say": say}
        made = draw(model, known, count, settings, conditions, say, sampler)
        given = set(model.sources) & set(stated) <= set(conditions or {})
        evaluation = _of_samples(model, source, *made, settings.among(of_samples), given, **how)
    _add_own(evaluation, model, known, own, settings, say)
    notes = evaluation.details.get("notes")
    if settings.metrics is not None and notes and not evaluation.scores:
        # nothing that was asked for: earlier scores are not replaced by none
        raise UserError("; ".join(notes))
    return evaluation


def _of_samples(model, source, samples, rows, settings, given, **how):
    """Returns the scores of samples and their conditions `rows`, of which those that a picture shows are `given`."""
    labels, captions = rows.get(model.label_field or ""), rows.get(model.text_field or "")
    foreign = None
    try:
        labels = None if labels is None else numbered(labels, model.class_names, source.class_names)
    except UserError as error:
        labels, foreign = None, str(error)
        check_needs_no_labels(settings.metrics, settings.cas, foreign)
    # of two domains, samples are compared with pictures of the one that the model makes
    field = source.fields.get(model.data_field)
    other = model.data_field != "image" and field is not None and field.kind == "image"
    real = of_field(source, model.data_field) if other else source
    # the source of a pair says much of its image
    how["shown"] = () if other or given else (settings.split,)
    evaluation = evaluate_samples(samples, real, settings, labels, captions, **how)
    if foreign:
        evaluation.note(f"labels of samples are left out: {foreign}", how["say"])
    return evaluation


def _add_own(evaluation, model, source, own, settings, say):
    """Adds the model's own scores on held-out examples: `own`, name -> (what it is, its measure), and its `scores`."""
    held = functools.partial(likelihoods.held_out, model, source, settings)
    if asked(settings, *own, *model.score_names):
        say("the model's own scores on held-out examples")
    for name, (what, measure) in own.items():
        if asked(settings, name):
            evaluation.attempt(what, functools.partial(measure, model, source, settings), say)
    # without names, as a plugin's may be, all are asked for where no others are
    if asked(settings, *model.score_names):
        evaluation.attempt("the model's own scores", lambda: model.scores(held(settings.nll_images), settings), say)
    if settings.ais:
        say(f"annealed importance sampling of {settings.ais} examples")
        annealed = lambda: likelihoods.score_annealed(model, held(settings.ais), settings)  # noqa: E731
        evaluation.attempt("the annealed likelihood", annealed, say)


def too_few(source: Source, split: str, count: int) -> str | None:
    """Returns why `count` samples cannot be compared with a split; None where they can."""
    real = len(source.splits[split])
    if min(count, real) >= FEWEST:
        return None
    return (
        f"scores of samples are left out: they need {FEWEST} samples and {FEWEST} images of the {split} split, got "
        f"{count} and {real}"
    )


def number_of_samples(source: Source, settings: Settings) -> int:
    """Returns the number of samples: that of the settings, of published figures, or of held-out images."""
    if settings.num is not None:
        return settings.num
    if source.scoring is not None:
        return source.scoring.samples
    return min(NUM_SAMPLES, len(source.splits[settings.split]))


def draw(
    model: GenerativeModel,
    source: Source,
    num: int,
    settings: Settings,
    conditions: dict | None = None,
    say: Say = print,
    sampler: Sampler | None = None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns (samples 0, ..., num - 1 of the seed, their conditions by field name)."""
    # black and white data have to be compared with black and white samples, not with gray means
    stochastic = model.samples_stochastically
    say(f"sampling {num}{', pixels drawn from p(x|z)' if stochastic else ''}")
    examples = source.splits[settings.split]
    check_rows(model, conditions, examples, source.name, sampler)
    how: dict = {"seed": settings.seed, "stochastic": stochastic, "sampler": sampler}
    return drawn(model, num, given=conditions, examples=examples, **how)


def check_split(source: Source, split: str) -> None:
    """Raises UserError if the data have no such split."""
    source.split(split)


def check_samples(images: np.ndarray | StoredSamples, source: Source) -> None:
    """Raises UserError if the samples are not images of the data's shape."""
    shape, got = tuple(source.fields["image"].shape), np.shape(images)[1:]
    if got != shape:
        raise UserError(
            f"the samples are {'x'.join(map(str, got))}, the images of {source.name} "
            f"{'x'.join(map(str, shape))}; compare them with data of their own shape, or give --image_size"
        )


def _stating(score):
    """Returns the score with what its protocol says of its interval; a model's own scores need not say it."""
    interval = "none" if score.low is None else "not stated"
    return dataclasses.replace(score, protocol={"interval": interval, **score.protocol})
