"""The table of a leaderboard, means and intervals over seeds, as rows and as Markdown; and a picture of samples."""

import csv
import dataclasses
import io
import math
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tfgen.metrics.score import SHARE, SHARES, check_comparable, clipped
from tfgen.storage import images

COLUMNS = ("fd", "kid", "precision", "recall", "density", "coverage", "smallest_class", "authenticity")
# 97.5 % quantiles of Student's t with 1, 2, ... degrees of freedom
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of one run.

    Attributes:
        model: name of the entry.
        seed: of the training.
        status: "done", or "diverged": a loss or a weight became infinite or NaN.
        steps: number of training steps, of a diverged run up to there.
        scores: metric -> what evaluation.json holds of it; empty of a diverged run.
    """

    model: str
    seed: int
    status: str
    steps: int
    scores: dict


def summary(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Returns a summary of the runs of each entry.

    Returns:
        One row per entry, the smallest Fréchet distance first: number of runs, of diverged runs, mean number of steps
        of the others, `run_steps` (seed, status and steps of each), and (mean, half interval) of every score.

    Raises:
        UserError: two runs were measured by different protocols.
    """
    for name in COLUMNS:
        scored = [one for one in outcomes if name in one.scores]
        check_comparable([one.scores[name] for one in scored], [f"{name} of {one.model}-{one.seed}" for one in scored])
    rows = []
    for model in dict.fromkeys(one.model for one in outcomes):
        runs = [one for one in outcomes if one.model == model]
        done = [one for one in runs if one.status == "done"]
        scores = {}
        for name in COLUMNS:
            values = [one.scores[name]["value"] for one in done if name in one.scores]
            scores[name] = interval([value for value in values if value is not None])
        steps = statistics.mean(one.steps for one in done) if done else 0
        counts = {"runs": len(runs), "diverged": len(runs) - len(done), "steps": steps}
        each = [{"seed": one.seed, "status": one.status, "steps": one.steps} for one in runs]
        rows.append({"model": model, **counts, "run_steps": each, **scores})
    return sorted(rows, key=lambda row: row["fd"][0] if row["fd"] else math.inf)


def interval(values: Sequence[float]) -> tuple[float, float | None] | None:
    """Returns the mean and half of its 95 % interval by Student's t over runs.

    Returns:
        (mean, half interval), the latter None for a single value; None for no values.
    """
    if not values:
        return None
    if len(values) == 1:
        return values[0], None
    quantile = STUDENT[min(len(values) - 1, len(STUDENT)) - 1]
    return statistics.mean(values), quantile * statistics.stdev(values) / math.sqrt(len(values))


def markdown(rows: Sequence[dict[str, Any]], outcomes: Sequence[Outcome], command: str, constant_rates: bool) -> str:
    """Returns the table in Markdown, with its command and its protocol.

    Args:
        rows: as `summary` returns them.
        outcomes: the runs that the rows summarise.
        command: the command that repeats the board.
        constant_rates: whether learning rates were constant instead of those of each recipe.
    """
    lines = ["| model | runs | diverged | steps | " + " | ".join(COLUMNS) + " |"]
    lines.append("|---" * (4 + len(COLUMNS)) + "|")
    for row in rows:
        cells = [row["model"], row["runs"], row["diverged"], steps_of_runs(row)]
        lines.append("| " + " | ".join(map(str, cells + [_cell(name, row[name]) for name in COLUMNS])) + " |")
    floors = [_floor(outcomes, name) for name in COLUMNS]
    lines.append("| *real images* | | | | " + " | ".join(floors) + " |")
    lines += ["", f"`{command}`", "", _protocol(outcomes, constant_rates), ""]
    return "\n".join(lines)


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the table as CSV: a line per entry, each score with half of its interval, blank where there is none."""
    text = io.StringIO()
    names = [part for name in COLUMNS for part in (name, f"{name}_half_interval")]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "runs", "diverged", "steps", "run_steps", *names])
    for row in rows:
        scores = [value for name in COLUMNS for value in row[name] or (None, None)]
        writer.writerow([row["model"], row["runs"], row["diverged"], row["steps"], steps_of_runs(row), *scores])
    return text.getvalue()


def steps_of_runs(row: dict[str, Any]) -> str:
    """Returns the number of steps of each run of a row of `summary`, in the order of the seeds, as text."""
    said = {"diverged": "diverged at "}
    return ", ".join(f"{said.get(run['status'], '')}{run['steps']}" for run in row["run_steps"])


def write_picture(
    path: pathlib.Path, samples: dict[str, np.ndarray], margin: int | None = None, scale: int = 2
) -> None:
    """Writes a picture with a row of samples per entry.

    Args:
        path: of the .png file.
        samples: name of the entry -> images, uint8 [N, H, W, C].
        margin: width of the column of names, in pixels; by default that of the longest one.
        scale: whole factor by which images are enlarged.
    """
    strips = [Image.fromarray(np.squeeze(images.grid(row, len(row)))).convert("RGB") for row in samples.values()]
    strips = [strip.resize([scale * side for side in strip.size], Image.Resampling.NEAREST) for strip in strips]
    if margin is None:
        margin = max(90, 16 + round(max(ImageDraw.Draw(strips[0]).textlength(name, font_size=16) for name in samples)))
    size = (margin + max(strip.width for strip in strips), sum(strip.height for strip in strips))
    sheet, top = Image.new("RGB", size, "white"), 0
    draw = ImageDraw.Draw(sheet)
    for name, strip in zip(samples, strips, strict=True):
        sheet.paste(strip, (margin, top))
        draw.text((8, top + strip.height // 2 - 8), name, fill="black", font_size=16)
        top += strip.height
    images.save_png(path, np.asarray(sheet))


def _cell(name: str, value: tuple[float, float | None] | None) -> str:
    if value is None:
        return "-"
    mean, half = value
    if half is not None and name in SHARES and not half <= mean <= 1 - half:
        low, high = clipped(mean - half, mean + half, SHARE)
        return f"{mean:.3g} ({low:.2g} to {high:.2g})"
    return f"{mean:.3g}" if half is None else f"{mean:.3g} ± {half:.2g}"


def _floor(outcomes: Sequence[Outcome], name: str) -> str:
    """Returns the score of real images, in italics."""
    floors = [one.scores[name]["floor"] for one in outcomes if name in one.scores]
    return f"*{floors[0]:.3g}*" if floors and floors[0] is not None else ""


def _protocol(outcomes: Sequence[Outcome], constant_rates: bool) -> str:
    """Returns a sentence on how the numbers were measured."""
    scored = next((one.scores["fd"] for one in outcomes if "fd" in one.scores), None)
    if scored is None:
        return "No run has been evaluated yet."
    real, extractor = scored["protocol"]["real"], scored["protocol"]["extractor"]
    return (
        f"Steps of each run; mean over the seeds and half of its 95 % interval by Student's t; "
        f"{scored['protocol']['fake']['count']} samples against "
        f"{real['count']} images of the {real['split']} split of {real['dataset']}; features of "
        f"{extractor['name']}@{extractor['version']} {extractor['sha256'][:8]}; "
        f"learning rates {'constant' if constant_rates else 'as in each recipe'}."
    )
