"""What guidance changes: label agreement, recall, precision and FD of a conditional flow over its scale.

    python -m benchmarks.guidance --run=runs/latent_flow-fashion_mnist --out=docs/guidance

Writes OUT.csv and OUT.svg, and prints the rows as a table. Rows that OUT.csv has already, of the same run and settings,
are not measured again.
"""

import argparse
import csv
import io
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.pictures import write_picture
from tfgen.machine.processor import prefer_onednn
from tfgen.machine.startup import start_tensorflow
from tfgen.report.charts import Series, line_chart
from tfgen.storage.atomic import write_text

SCORES = ("label_agreement", "precision", "recall", "fd")
COLUMNS = ("sampler", "samples", "weights", "guidance", *SCORES)


def flags():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="folder of the run")
    parser.add_argument("--scales", default="1,1.5,2,3,5", help="of the guidance, with commas between")
    parser.add_argument("--num", type=int, default=2000, help="samples of each")
    parser.add_argument("--steps", type=int, default=6, help="of Heun's method")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/guidance"), help="without .csv or .svg")
    return parser


def known(path):
    """The rows of an earlier run, a list of dicts of texts."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))) if path.exists() else []


def measured(run, sampler, num):
    """name -> value of the scores of samples."""
    from tfgen.evaluation.evaluation import evaluate_model
    from tfgen.evaluation.settings import Settings

    settings = Settings(num=num, metrics=SCORES, controls=False)
    found = evaluate_model(run.model, run.source(), settings, sampler=sampler).scores
    return {name: f"{found[name].value:.4g}" for name in SCORES}


def table(rows):
    """The lines of a table of rows, by their scale."""
    head = [f"| guidance | {' | '.join(SCORES)} |", f"|---|{'---|' * len(SCORES)}"]
    return head + [f"| {' | '.join([row['guidance'], *(row[name] for name in SCORES)])} |" for row in rows]


def written(out, rows):
    """Writes the rows as a table of numbers and as a picture of the scores that are shares."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(out.with_suffix(".csv"), text.getvalue())
    scales = [float(row["guidance"]) for row in rows]
    series = [Series(name, scales, [float(row[name]) for row in rows]) for name in SCORES[:3]]
    title = "Guidance"
    write_picture(out.with_suffix(".svg"), line_chart(title, series, x_title="scale"), title, series)


def main():
    args = flags().parse_args()
    prefer_onednn()
    start_tensorflow()
    import tfgen

    run, path = tfgen.load_run(args.run), args.out.with_suffix(".csv")
    earlier, rows = known(path), []  # before the first row is written
    for scale in args.scales.split(","):
        sampler = tfgen.samplers.heun(args.steps, guidance=float(scale))
        row = {"sampler": f"heun({args.steps})", "samples": str(args.num), "weights": run.model.digest()[:8]}
        row["guidance"] = f"{float(scale):g}"
        done = [old for old in earlier if all(old.get(name) == value for name, value in row.items())]
        rows.append(done[0] if done else row | measured(run, sampler, args.num))
        written(args.out, rows)
    print(*table(rows), sep="\n")


if __name__ == "__main__":
    main()
