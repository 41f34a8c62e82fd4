"""From the folders of runs to one HTML file."""

import collections
import pathlib
import sys

from tfgen.errors import UserError
from tfgen.machine import startup
from tfgen.report.evidence import gather
from tfgen.storage.atomic import write_text


def write_report(folders, out=None, *, pictures=True, seed=0, say=None):
    """Writes what one run came to, or several beside each other, as one HTML file that needs nothing else.

    Args:
        folders: of the runs, one or more.
        out: FILE.html; by default report.html in the folder of the one run, comparison.html beside the first of many.
        pictures: whether the models are loaded to draw samples.
        seed: of these.
        say: called with sentences on parts that had to be left out; by default they go to stderr.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        UserError: a folder is not that of a run, one is given twice, or `out` is no HTML file.
    """
    from tfgen.report.compare import comparison
    from tfgen.report.page import page

    folders = [pathlib.Path(folder) for folder in folders]
    out = destination(folders, out)
    evidences = named([gather(folder) for folder in folders])
    if pictures or len(evidences) > 1:  # tfgen.evaluation, by which figures are compared, needs it too
        startup.start_tensorflow()
    settings = {"draws": pictures, "seed": seed}
    made = page(evidences[0], **settings) if len(evidences) == 1 else comparison(evidences, **settings)
    write_text(out, made)
    for evidence in evidences:
        for sentence in dict.fromkeys(evidence.problems.values()):
            (say or complain)(f"left out of the report of {evidence.name}: {sentence}")
    return out


def destination(folders, out):
    """The `pathlib.Path` to write."""
    if not folders:
        raise UserError("a report needs the folder of a run, got none")
    whole = [folder.resolve() for folder in folders]
    twice = [folder for folder, count in collections.Counter(whole).items() if count > 1]
    if twice:
        raise UserError(f"the run {twice[0]} is given twice; a comparison needs different runs")
    if out is None:
        return folders[0] / "report.html" if len(folders) == 1 else whole[0].parent / "comparison.html"
    out = pathlib.Path(out)
    if out.is_dir() or out.suffix not in (".html", ".htm"):
        raise UserError(f"a report is written as FILE.html, got {out}")
    return out


def named(evidences):
    """The same, with the folders above in those names that would be the same."""
    counts = collections.Counter(evidence.name for evidence in evidences)
    for evidence in evidences:
        if counts[evidence.name] > 1:
            evidence.name = "/".join(evidence.folder.resolve().parts[-2:])
    return evidences


def complain(sentence):
    print(sentence, file=sys.stderr)
