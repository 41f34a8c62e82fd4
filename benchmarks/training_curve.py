"""The curve of a run as a picture and as figures: OUT.svg and OUT.csv, its history of every epoch.

python -m benchmarks.training_curve --run=runs/vae-binarized_mnist --columns=loss,reconstruction --out=docs/curve
"""

import argparse
import csv
import pathlib

from benchmarks.pictures import write_picture
from tfgen.report.charts import Series, line_chart
from tfgen.storage.atomic import write_text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=pathlib.Path, required=True, help="folder of the run")
    parser.add_argument("--columns", default="loss", help="of history.csv, with commas between")
    parser.add_argument("--first", type=int, default=1, help="epoch at which the picture begins")
    parser.add_argument("--title", default="Training", help="of the picture")
    parser.add_argument("--unit", default="", help="of the values")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="path of the files, without .svg or .csv")
    args = parser.parse_args()
    text = (args.run / "history.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if int(row["epoch"]) >= args.first]
    columns = args.columns.split(",")
    missing = [name for name in columns if not rows or name not in rows[0]]
    if missing:
        known = ", ".join(rows[0]) if rows else "no epoch yet"
        parser.error(f"{args.run}/history.csv has no column {missing[0]!r}; it has {known}")
    epochs = [float(row["epoch"]) for row in rows]
    series = [Series(name, epochs, [float(row[name]) for row in rows]) for name in columns]
    title = f"{args.title}, {args.unit}" if args.unit else args.title
    write_text(args.out.with_suffix(".csv"), text)
    write_picture(args.out.with_suffix(".svg"), line_chart(title, series, x_title="epoch"), title, series)


if __name__ == "__main__":
    main()
