"""The table of a leaderboard as rows and as Markdown: means over seeds, and differences; and a picture of samples."""

import csv
import dataclasses
import functools
import io
import math
import pathlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tfgen.evaluation.differences import PAIRED, difference, in_words, within_error
from tfgen.metrics.differences import student
from tfgen.metrics.score import REAL_IMAGES, SHARE, SHARES, check_comparable, clipped, other_floor
from tfgen.storage import images

COLUMNS = (
    *("fd", "kid", "clipped_precision", "clipped_recall", "precision", "recall", "density", "coverage"),
    *("smallest_class", "authenticity"),
)
UNSHOWN = ("fd_infinity", "fd_train", "inception_score")  # of all models: the others say the same more surely
STATUSES = ("done", "diverged")  # of a run
WITHIN = "≈"  # marks a difference within its error


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of one run.

    Attributes:
        model: name of the entry.
        seed: of the training.
        status: "done", or "diverged": a loss or a weight became infinite or NaN.
        steps: number of training steps, of a diverged run up to there.
        scores: metric -> what evaluation.json holds of it; empty of a diverged run.
        replicates: metric -> its replicates in evaluation.json; empty where it has none.
        findings: sentences of evaluation.json on samples that repeat real images or each other.
        floors: what stands in the place of a translation, such as its source -> metric -> value.
    """

    model: str
    seed: int
    status: str
    steps: int
    scores: dict
    replicates: dict = dataclasses.field(default_factory=dict)
    findings: list[str] = dataclasses.field(default_factory=list)
    floors: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)


def own_scores(outcomes: Sequence[Outcome]) -> list[str]:
    """Returns the names of scores that only some models or data sets have, such as those of pairs and likelihoods."""
    found = dict.fromkeys(name for one in outcomes for name in one.scores)
    return [name for name in found if name not in (*COLUMNS, *UNSHOWN)]


def summary(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Returns a summary of the runs of each entry.

    Returns:
        One row per entry, the smallest Fréchet distance first: number of runs, of diverged runs, mean number of steps
        of the others, `run_steps` (seed, status and steps of each), `findings` (one per run and sentence, which begins
        with the seed), (mean, half interval) of every score, None where the entry has none, and `from_best` and
        `from_above`, its differences from the first row and from the row above: metric -> `value`, `low`, `high`,
        `within_error` (None without an interval) and `interval`, what that is of.

    Raises:
        UserError: two runs were measured by different protocols.
    """
    for name in COLUMNS:
        scored = [one for one in outcomes if name in one.scores]
        check_comparable([one.scores[name] for one in scored], [f"{name} of {one.model}-{one.seed}" for one in scored])
    rows: list[dict[str, Any]] = []
    groups, names = {}, (*COLUMNS, *own_scores(outcomes))
    for model in dict.fromkeys(one.model for one in outcomes):
        runs = [one for one in outcomes if one.model == model]
        groups[model] = done = [one for one in runs if one.status == "done"]
        scores = {name: interval([one.scores[name]["value"] for one in _measured(done, name)]) for name in names}
        steps = statistics.mean(one.steps for one in done) if done else 0
        counts = {"runs": len(runs), "diverged": len(runs) - len(done), "steps": steps}
        each = [{"seed": one.seed, "status": one.status, "steps": one.steps} for one in runs]
        said = [f"seed {one.seed}: {sentence}" for one in runs for sentence in one.findings]
        rows.append({"model": model, **counts, "run_steps": each, "findings": said, **scores})
    rows.sort(key=lambda row: row["fd"][0] if row["fd"] else math.inf)
    for place, row in enumerate(rows):
        for key, other in (("from_best", rows[0]), ("from_above", rows[max(0, place - 1)])):
            row[key] = differences(groups[row["model"]], groups[other["model"]]) if place else {}
    return rows


def differences(a: Sequence[Outcome], b: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Returns the differences between the mean scores of two entries' runs, as `summary` describes them."""
    found = {}
    for name in COLUMNS:
        groups = [_measured(outcomes, name) for outcomes in (a, b)]
        scores = ([one.scores[name] for one in group] for group in groups)
        replicates = ([one.replicates.get(name, []) for one in group] for group in groups)
        of_both = difference(name, *scores, *replicates)
        if of_both is not None:
            kind, within = of_both.protocol["interval"], within_error(of_both)
            ends = {"value": of_both.value, "low": of_both.low, "high": of_both.high}
            found[name] = {**ends, "within_error": within, "interval": kind}
    return found


def floors(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Returns what stands in the samples' place, real images first -> metric -> value, of the first run that says."""
    found: dict[str, dict[str, float]] = {REAL_IMAGES: {}}
    for one in outcomes:
        for name, score in one.scores.items():
            if score["floor"] is not None:
                found.setdefault(other_floor(score["protocol"]) or REAL_IMAGES, {}).setdefault(name, score["floor"])
        for title, values in one.floors.items():
            found[title] = {**values, **found.get(title, {})}
    return found


def interval(values: Sequence[float]) -> tuple[float, float | None] | None:
    """Returns the mean and half of its 95 % interval by Student's t over runs.

    Returns:
        (mean, half interval), the latter None for a single value; None for no values.
    """
    if not values:
        return None
    if len(values) == 1:
        return values[0], None
    return statistics.mean(values), student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))


def markdown(
    rows: Sequence[dict[str, Any]],
    outcomes: Sequence[Outcome],
    command: str,
    rates: str,
    missing: Mapping[str, Sequence[int]] | None = None,
) -> str:
    """Returns the table in Markdown, with its command and its protocol.

    Args:
        rows: as `summary` returns them.
        outcomes: the runs that the rows summarise.
        command: the command that repeats the board.
        rates: what learning rates the runs had.
        missing: entry -> seeds of its runs that are not done; an entry without any run has an empty row.
    """
    missing, own = missing or {}, own_scores(outcomes)
    # boards of earlier versions lack some scores, and those of points all of them
    shown = [name for name in COLUMNS if any(row[name] for row in rows)] or list(COLUMNS[: 0 if own else None])
    columns: dict[str, Callable[[dict[str, Any]], Any]]
    columns = {"model": itemgetter("model"), "runs": itemgetter("runs"), "diverged": itemgetter("diverged")}
    columns["steps"] = steps_of_runs
    for name in (*shown, *own):
        columns[name] = functools.partial(_scored, name)
        if name == "fd":
            columns["from the best"] = lambda row: _difference_cell(row["from_best"].get("fd"))
            columns["from the row above"] = lambda row: _difference_cell(row["from_above"].get("fd"))
    table = [[str(cell(row)) for cell in columns.values()] for row in rows]
    known = {row["model"] for row in rows}
    table += [[name, "0", *[""] * (len(columns) - 2)] for name in missing if name not in known]
    for title, values in floors(outcomes).items():
        table.append(
            [f"*{title}*", *(f"*{_digits(values[name], 3)}*" if name in values else "" for name in [*columns][1:])]
        )
    lines = [f"| {' | '.join(cells)} |" for cells in ([*columns], *table)]
    lines.insert(1, "|---" * len(columns) + "|")
    lines += ["", *_of_findings(rows), f"`{command}`", "", _protocol(outcomes, rates), ""]
    lines += _of_missing(missing)
    lines += _of_differences(rows)
    return "\n".join(lines)


def as_csv(rows: Sequence[dict[str, Any]], own: Sequence[str] = ()) -> str:
    """Returns the table as CSV: a line per entry, scores with half of their interval, and differences from the best.

    FD's difference from the row above and the findings come last. Cells are blank where there is nothing;
    `NAME_within_error_of_best` is true, false, or blank without an interval. `own` are further scores (`own_scores`).
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    scores = [*COLUMNS, *own]
    names = [part for name in scores for part in (name, f"{name}_half_interval")]
    others = [*(("from_best", name) for name in COLUMNS), ("from_above", "fd")]
    for key, name in others:
        names += [f"{name}_{key}", f"{name}_{key}_low", f"{name}_{key}_high"]
        names.append(f"{name}_within_error_of_{key.removeprefix('from_')}")
    writer.writerow(["model", "runs", "diverged", "steps", "run_steps", *names, "findings"])
    for row in rows:
        cells = [value for name in scores for value in row[name] or (None, None)]
        for key, name in others:
            of_both = row[key].get(name, {})
            within = of_both.get("within_error")
            cells += [of_both.get(end) for end in ("value", "low", "high")]
            cells.append(None if within is None else str(within).lower())
        cells.append("; ".join(row["findings"]))
        writer.writerow([row["model"], row["runs"], row["diverged"], row["steps"], steps_of_runs(row), *cells])
    return text.getvalue()


def steps_of_runs(row: dict[str, Any]) -> str:
    """Returns the number of steps of each run of a row of `summary`, in the order of the seeds, as text."""
    said = {"diverged": "diverged at "}
    return ", ".join(f"{said.get(run['status'], '')}{run['steps']}" for run in row["run_steps"])


def write_picture(
    path: pathlib.Path, rows: Mapping[str, Image.Image], margin: int | None = None, scale: int = 2
) -> None:
    """Writes a picture with a row of samples per entry.

    Args:
        path: of the .png file.
        rows: name of the entry -> its row.
        margin: width of the column of names, in pixels; by default that of the longest one.
        scale: whole factor by which images are enlarged.
    """
    strips = [
        row.convert("RGB").resize([scale * side for side in row.size], Image.Resampling.NEAREST)
        for row in rows.values()
    ]
    if margin is None:
        margin = max(90, 16 + round(max(ImageDraw.Draw(strips[0]).textlength(name, font_size=16) for name in rows)))
    size = (margin + max(strip.width for strip in strips), sum(strip.height for strip in strips))
    sheet, top = Image.new("RGB", size, "white"), 0
    draw = ImageDraw.Draw(sheet)
    for name, strip in zip(rows, strips, strict=True):
        sheet.paste(strip, (margin, top))
        draw.text((8, top + strip.height // 2 - 8), name, fill="black", font_size=16)
        top += strip.height
    images.save_png(path, np.asarray(sheet))


def _measured(outcomes: Sequence[Outcome], name: str) -> list[Outcome]:
    """Returns the runs that have a value of a metric."""
    return [one for one in outcomes if one.scores.get(name, {}).get("value") is not None]


def _difference_cell(of_both: dict[str, Any] | None) -> str:
    if of_both is None:
        return ""
    value, low, high = in_words(of_both["value"], of_both["low"], of_both["high"])
    return f"{value} ({low} to {high}){_mark(of_both)}" if low else value


def _scored(name: str, row: dict[str, Any]) -> str:
    """Returns the cell of a score; FD's mark stands beside its differences, which are columns of their own."""
    return _cell(name, row[name]) + ("" if name == "fd" else _mark(row["from_best"].get(name)))


def _mark(of_both: dict[str, Any] | None) -> str:
    return f" {WITHIN}" if of_both and of_both["within_error"] else ""


def _cell(name: str, value: tuple[float, float | None] | None) -> str:
    if value is None:
        return "-"
    mean, half = value
    if half is not None and name in SHARES and not half <= mean <= 1 - half:
        low, high = clipped(mean - half, mean + half, SHARE)
        return f"{mean:.3g} ({low:.3g} to {high:.3g})"
    return _digits(mean, 3) if half is None else f"{_digits(mean, 3)} ± {_digits(half, 2)}"


def _digits(value: float, count: int) -> str:
    """Returns a number with `count` digits that count, and with all of its whole ones: never as 1e+03."""
    text = f"{value:.{count}g}"
    return f"{value:.0f}" if "e+" in text else text


def _protocol(outcomes: Sequence[Outcome], rates: str) -> str:
    """Returns a sentence on how the numbers were measured."""
    protocols = [score["protocol"] for one in outcomes for score in one.scores.values()]
    if not protocols:
        return "No run has been evaluated yet."
    # a model's own scores, such as a likelihood, are of no samples, and those of points see neither images nor features
    compared = next((one for one in protocols if {"real", "fake", "extractor"} <= one.keys()), None)
    counted = compared or next((one for one in protocols if "fake" in one), None)
    found = f"{counted['fake']['count']} samples" if counted else "scores of held-out examples"
    if compared:
        real, extractor = compared["real"], compared["extractor"]
        found += (
            f" against {real['count']} images of the {real['split']} split of {real['dataset']}; features of "
            f"{extractor['name']}@{extractor['version']} {extractor['sha256'][:8]}"
        )
    return (
        f"Steps of each run; mean over the seeds and half of its 95 % interval by Student's t; {found}; learning rates "
        f"{rates}."
    )


def _of_missing(missing: Mapping[str, Sequence[int]]) -> list[str]:
    """Returns a line that names the runs which are not done; none where all are."""
    runs = [f"{name} (seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))})" for name, seeds in missing.items()]
    return [f"Not yet run: {', '.join(runs)}. The same command goes on.", ""] if runs else []


def _of_findings(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Returns lines on samples that repeat real images or each other; none where nothing was found."""
    said = [f"* {row['model']}, {sentence}" for row in rows for sentence in row["findings"]]
    return ["Scores mean little where samples repeat real images or each other:", "", *said, ""] if said else []


def _of_differences(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Returns lines on the marks, and on what the intervals of the differences are of; none without differences."""
    found = [of_both for row in rows for key in ("from_best", "from_above") for of_both in row[key].values()]
    kinds = dict.fromkeys(of_both["interval"] for of_both in found if of_both["low"] is not None)
    if not kinds:
        return []
    alone = " Of one run each, it says nothing of other seeds." if PAIRED in kinds else ""
    return [
        f"{WITHIN}: a difference within the error, as its 95 % interval holds 0. The columns “from the best” and “from "
        f"the row above” are differences in FD; beside another score, {WITHIN} compares it with that of the first row. "
        f"Intervals of differences: {'; '.join(kinds)}.{alone} Each holds for one comparison by itself.",
        "",
    ]
