"""All speeds of tfgen beside other ways to do the same, in one run on one machine, as ratios with their spread.

    python -m benchmarks.run --python=/tmp/other/bin/python
    python -m benchmarks.run --only=fit,peak --seconds=10 --repeats=9

Writes a page, its figures and a picture: docs/speed.md, .json, .svg. Parts that are not measured again keep the figures
of an earlier run on the same machine with the same settings. PyTorch and pythae need an environment of their own, see
benchmarks/README.md. Thread counts are those of the environment: TF_NUM_INTRAOP_THREADS, OMP_NUM_THREADS; set both, or
none. A full run takes about half an hour on 2 cores.
"""

import argparse
import datetime
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import machine, measuring, tables
from benchmarks.part import Settings
from benchmarks.parts import ELSEWHERE, PARTS
from tfgen.machine.processor import prefer_onednn
from tfgen.machine.startup import start_tensorflow
from tfgen.storage.atomic import write_text

SKIPPED = "Not measured: it needs another environment, `--python=PATH`; benchmarks/README.md shows how to make one."


def flags():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help=f"some parts, with commas between: {', '.join(PARTS)}")
    parser.add_argument("--seconds", type=float, default=Settings.seconds, help="of each contender in each round")
    parser.add_argument("--repeats", type=int, default=Settings.repeats, help="rounds")
    parser.add_argument("--batch_size", type=int, default=Settings.batch_size)
    parser.add_argument("--width", type=int, default=Settings.width, help="of the tutorial's network, which has 64")
    parser.add_argument("--python", help="python of an environment with PyTorch and pythae 0.1.2")
    parser.add_argument("--data_dir", help="where Fashion-MNIST lies")
    parser.add_argument("--out", default="docs/speed", help="path of the files, without .md, .json and .svg")
    return parser


def measure(part, settings):
    """What the JSON file holds of one part."""
    try:
        windows = measuring.in_turns(part.contenders, settings.seconds, settings.repeats)
    finally:
        part.close()
    if part.unit == "s":
        values = {name: [w.wall / w.done for w in rows] for name, rows in windows.items()}
    else:
        values = {name: [w.done / w.wall for w in rows] for name, rows in windows.items()}
    return {
        "title": part.title,
        "unit": part.unit,
        "contenders": {name: {"values": rows, **measuring.spread(rows)} for name, rows in values.items()},
        "ratios": measuring.ratios(windows, part.comparisons),
        "details": part.details(windows) if part.details else None,
        "notes": list(part.notes),
        "date": datetime.date.today().isoformat(),
    }


def earlier(path, about):
    """The parts of an earlier run, if it was of this machine and these settings; else none."""
    if not path.exists():
        return {}
    before = json.loads(path.read_text(encoding="utf-8"))
    return before["parts"] if all(before.get(key) == value for key, value in about.items()) else {}


def write(out, results):
    """The page, its figures and the picture, each whole or not at all."""
    picture = out.with_suffix(".svg")
    write_text(out.with_suffix(".json"), json.dumps(results, indent=1) + "\n")
    tables.draw(results, picture)
    write_text(out.with_suffix(".md"), tables.page(results, picture.name))


def main():
    parser = flags()
    args = parser.parse_args()
    names = args.only.split(",") if args.only else list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"--only expects some of {', '.join(PARTS)}, got {unknown[0]!r}")
    if args.repeats < 1 or args.seconds <= 0:
        parser.error("--repeats must be at least 1, and --seconds positive")
    settings = Settings(args.seconds, args.repeats, args.batch_size, args.width, args.python, args.data_dir)
    prefer_onednn()
    start_tensorflow()
    shown = {name: getattr(settings, name) for name in ("seconds", "repeats", "batch_size", "width")}
    about = {"machine": machine.describe(), "settings": shown}
    print("\n".join(machine.lines(about["machine"])), flush=True)
    out = pathlib.Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    parts = earlier(out.with_suffix(".json"), about)
    for name in names:
        print(f"{name}:", flush=True)
        if name in ELSEWHERE and not settings.python:
            print(SKIPPED)
            parts.setdefault(name, {"title": PARTS[name].__doc__.rstrip("."), "skipped": SKIPPED})
        else:
            parts[name] = measure(PARTS[name](settings), settings)
            print("\n".join(tables.compared(parts[name])), flush=True)
        ordered = {name: parts[name] for name in PARTS if name in parts}
        write(out, {**about, "command": "python -m benchmarks.run", "parts": ordered})
    print(out.with_suffix(".md"))


if __name__ == "__main__":
    main()
