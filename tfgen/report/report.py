"""From the folders of runs to one HTML file."""

import collections
import os
import pathlib
import sys
from collections.abc import Callable, Sequence

from tfgen.errors import UserError
from tfgen.machine import startup
from tfgen.report.evidence import Evidence, gather
from tfgen.runs.folder import Run, load_run
from tfgen.runs.layout import check_spares_runs
from tfgen.storage.atomic import write_text
from tfgen.storage.paths import check_output, whole


def write_report(
    folders: Sequence[str | os.PathLike],
    out: str | os.PathLike | None = None,
    *,
    pictures: bool = True,
    seed: int = 0,
    say: Callable[[str], object] | None = None,
) -> pathlib.Path:
    """Writes a report on one run, or on several side by side, as one self-contained HTML file.

    Args:
        folders: of the runs, one or more.
        out: FILE.html; by default report.html in the folder of a single run, comparison.html beside the first of many.
        pictures: whether the models are loaded to draw samples.
        seed: of the samples.
        say: called with sentences on parts that had to be left out; by default they go to stderr.

    Returns:
        Path of the file.

    Raises:
        UserError: a folder is not that of a run, one is given twice, or `out` is not an HTML file.
    """
    from tfgen.report.compare import comparison
    from tfgen.report.page import page

    runs = [load_run(folder) for folder in folders]
    out = destination(runs, out)
    evidences = named([gather(run) for run in runs])
    if pictures:
        startup.start_tensorflow()
    made = page(evidences[0], pictures, seed) if len(evidences) == 1 else comparison(evidences, pictures, seed)
    write_text(out, made)
    for evidence in evidences:
        for sentence in dict.fromkeys(evidence.problems.values()):
            (say or complain)(f"left out of the report of {evidence.name}: {sentence}")
    return out


def destination(runs: list[Run], out: str | os.PathLike | None) -> pathlib.Path:
    """Returns the path of the report.

    Raises:
        UserError: no folders, one of them given twice, or `out` is not an HTML file, or cannot be written.
    """
    if not runs:
        raise UserError("a report needs the folder of a run, got none")
    places = [whole(run.folder) for run in runs]
    twice = [folder for folder, count in collections.Counter(places).items() if count > 1]
    if twice:
        raise UserError(f"the run {twice[0]} is given twice; a comparison needs different runs")
    if out is None:
        report = runs[0].paths.report
        return check_output(report if len(runs) == 1 else whole(report.parent).parent / "comparison.html")
    out = pathlib.Path(out)
    if out.is_dir() or out.suffix not in (".html", ".htm"):
        raise UserError(f"a report is written as FILE.html, got {out}")
    return check_output(check_spares_runs(out))


def named(evidences: list[Evidence]) -> list[Evidence]:
    """Returns the same list after extending equal names by the folder above."""
    counts = collections.Counter(evidence.name for evidence in evidences)
    for evidence in evidences:
        if counts[evidence.name] > 1:
            evidence.name = "/".join(whole(evidence.folder).parts[-2:])
    return evidences


def complain(sentence: str) -> None:
    """Prints a sentence on stderr."""
    print(sentence, file=sys.stderr)
