"""Rigged trainings, each named by a finding of the diagnosis, and healthy ones, of which it finds nothing.

    python -m benchmarks.rigged --work=runs/rigged
    python -m benchmarks.rigged --work=runs/rigged --mnist=FOLDER --cifar10=FILE.npz --out=docs/diagnosis
    python -m benchmarks.rigged --work=runs/rigged --rows=rigged --only=masks,beta

Each row is a training by the command `tfgen.run`, whose findings are kept as soon as it has ended: what has been
trained is not trained again. `--rejudge` applies the rules as they are now to the measurements that are there. `--out`
writes OUT.json, the findings of all rows, and OUT.md, the page made from it; nothing else is written outside `--work`.
"""

import argparse
import collections
import contextlib
import dataclasses
import io
import json
import pathlib
import time
from unittest import mock

from benchmarks import rigged_page, rigged_rows
from tfgen.storage.atomic import write_text

FASTER = ("--logger=none", "--checkpoint_steps=100000")  # they do not change the training
NO_ROW = "the loss of step"  # of a finding that the training itself made, between two measurements
ENDED = (0, 2)  # exit codes of a training that has come to its end, and of one that is refused or not finite


def train(row, folder):
    """Trains a row by the command, in this process; returns what is kept of it."""
    import keras

    from tfgen.run import COMMAND

    keras.backend.clear_session()  # of the rows before
    started, printed, complaint = time.monotonic(), io.StringIO(), io.StringIO()
    quiet = contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complaint)
    with quiet[0], quiet[1], mock.patch("tfgen.runs.job.export"):  # the SavedModel takes as long as a short training
        code = COMMAND([*row.arguments(), f"--workdir={folder}", *FASTER])
    write_text(folder.with_suffix(".log"), printed.getvalue() + complaint.getvalue())
    if code not in ENDED:
        raise SystemExit(code)
    return {**outcome(folder, complaint.getvalue()), "seconds": round(time.monotonic() - started, 1)}


def outcome(folder, complaint=""):
    """Returns the findings of a training, and the sentence of one that was refused."""
    file = folder / "diagnosis.json"
    if not file.exists():
        return {"findings": [], "refused": complaint.strip().rpartition("\n")[2].replace(f"{folder}", "RUN")}
    return {"findings": read(file), "refused": ""}


def rejudged(row, folder, kept):
    """Returns what is kept of a row, with the present rules on its measurements; remarks before training stay."""
    from tfgen.diagnosis.judge import Judge, rules_of
    from tfgen.storage.tables import read_table

    judge = Judge(rules_of(model_of(folder)))
    for measured in read_table(folder / "diagnosis.csv").rows:
        judge.see(measured)
    judge.end()
    judged = {rule.name for rule in judge.rules}
    found = [f for f in kept["findings"] if f["name"] not in judged or f["step"] == 0 or NO_ROW in f["message"]]
    said = {f["name"] for f in found}
    found += [dataclasses.asdict(f) for f in judge.findings if f.name not in said]
    return {**kept, "findings": sorted(found, key=lambda finding: finding["step"])}


def model_of(folder):
    """Returns the untrained model of a run: a training that was not finite leaves no other."""
    import tfgen
    from tfgen.models import build_from_recipe
    from tfgen.plugins import import_plugins

    import_plugins([rigged_rows.PLUGIN])
    recipe = tfgen.load_run(folder).recipe
    source = tfgen.load_dataset(recipe.dataset, data_dir=recipe.data_dir)
    return build_from_recipe(recipe, source.fields)


def main():
    args = parse()
    work = pathlib.Path(args.work).absolute()
    for name in ("rows", "runs"):
        (work / name).mkdir(parents=True, exist_ok=True)
    rows = chosen(args)
    for number, row in enumerate(rows, 1):
        file = work / "rows" / f"{row.name}.json"
        folder = work / "runs" / row.name
        kept = read(file) if file.exists() else train(row, folder)
        if args.rejudge and not kept["refused"]:
            kept = rejudged(row, folder, kept)
        write_text(file, json.dumps(kept, indent=2) + "\n")
        print(f"{number}/{len(rows)} {row.name}: {verdict(row, kept)}", flush=True)
    if args.out:
        write_page(pathlib.Path(args.out), rows, work)


def read(file):
    """Returns the contents of a JSON file."""
    return json.loads(file.read_text(encoding="utf-8"))


def verdict(row, kept):
    """Returns a line on a row: its findings, and whether they are those that were expected."""
    names = names_of(kept)
    wrong = row.wrong(names)
    return f"{', '.join(names) or 'nothing found'}{f'   ({wrong})' if wrong else ''}"


def names_of(kept):
    """Returns the names of the findings that are kept of a row, without repetitions; `refused` where it is."""
    names = [finding["name"] for finding in kept["findings"]]
    return list(dict.fromkeys(names or (["refused"] if kept["refused"] else [])))


def write_page(out, rows, work):
    """Writes OUT.json and OUT.md of the rows that have been trained."""
    from benchmarks import machine

    files = {row.name: work / "rows" / f"{row.name}.json" for row in rows}
    found = {name: read(file) for name, file in files.items() if file.exists()}
    results = {"machine": machine.describe(), "rows": found}
    write_text(out.with_suffix(".json"), json.dumps(results, indent=1) + "\n")
    write_text(out.with_suffix(".md"), rigged_page.page(results))


def chosen(args):
    """Returns the rows that the flags ask for."""
    rows = rigged_rows.rigged() if args.rows in ("rigged", "all") else []
    if args.rows in ("healthy", "all"):
        rows += rigged_rows.healthy(args.mnist, args.cifar10)
    wanted = args.only.split(",") if args.only else [""]
    return by_turns([row for row in rows if any(part in row.name for part in wanted)])


def by_turns(rows):
    """Returns rigged rows such that each kind comes once before any comes twice: one that is stopped has seen all."""
    seen = collections.Counter()
    turns = {}
    for row in rows:
        turns[row.name] = seen[row.kind] if row.expected else 0
        seen[row.kind] += 1
    return sorted(rows, key=lambda row: turns[row.name])


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default="runs/rigged", help="folder of the trainings")
    parser.add_argument("--rows", choices=["rigged", "healthy", "all"], default="all")
    parser.add_argument("--only", help="parts of names of rows, with commas between them")
    parser.add_argument("--rejudge", action="store_true", help="apply the present rules to the measurements")
    parser.add_argument("--mnist", help="folder of MNIST's files, for the healthy rows on it")
    parser.add_argument("--cifar10", help=".npz of CIFAR-10, for the healthy rows on it")
    parser.add_argument("--out", help="path of the page and its figures, without suffix: docs/diagnosis")
    return parser.parse_args()


if __name__ == "__main__":
    main()
