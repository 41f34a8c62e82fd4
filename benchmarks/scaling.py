"""How far training scales: images per second and their cost for 1 to 1024 workers, from a formula and few measurements.

    python -m benchmarks.scaling measure --out=scaling.json -- --model=dcgan        1, 2 and 3 workers of one thread
    python -m benchmarks.scaling predict --measured=scaling.json --page=docs/scaling.md

The formula is `scaling_formula.Setting.step_seconds`: the time of a worker's own share of the batch, and that of a ring
all-reduce of the gradients for every update. docs/scaling.md says what it leaves out.
"""

import argparse
import dataclasses
import json
import pathlib
import sys

from benchmarks.scaling_formula import (
    WORKERS,
    Network,
    Setting,
    Traffic,
    bandwidth_of,
    cost,
    crowding,
    falls_below,
    line,
)

BEGIN, END = "<!-- begin: python -m benchmarks.scaling -->", "<!-- end -->"


def predictions(setting, batch, weak, price, workers=WORKERS):
    """Rows of a table: weak scaling (`batch` images a worker), or strong (`batch` images in all)."""
    rows = []
    for number in workers:
        whole = batch * number if weak else batch
        if whole < number:
            break  # not an image a worker
        rate = setting.rate(number, whole)
        rows.append(
            {
                "workers": number,
                "share": whole / number,
                "seconds": setting.step_seconds(number, whole),
                "rate": rate,
                "efficiency": setting.efficiency(number, whole, batch),
                "cost": cost(rate, number, price),
            }
        )
    return rows


def limits(setting, batch):
    """What moves the point where efficiency falls under one half: [(change, first W of weak, of strong scaling)]."""
    replaced, traffic, network = dataclasses.replace, setting.traffic, setting.network
    once = Traffic((sum(traffic.updates),), traffic.small)
    changes = [
        ("as it is", setting, batch),
        ("a batch 4 times as large (`--accumulate=4` where memory is short)", setting, 4 * batch),
        ("batch statistics of each worker's own share", replaced(setting, traffic=Traffic(traffic.updates, 1)), batch),
        ("one exchange for all updates of a step", replaced(setting, traffic=once), batch),
        ("10 times the bandwidth", replaced(setting, network=Network(10 * network.bandwidth, network.latency)), batch),
        ("a tenth of the latency", replaced(setting, network=Network(network.bandwidth, network.latency / 10)), batch),
    ]
    return [
        (
            name,
            falls_below(lambda w, s=changed, b=size: s.efficiency(w, b * w, b)),
            falls_below(lambda w, s=changed, b=size: s.efficiency(w, b, b), most=size),
        )
        for name, changed, size in changes
    ]


def compared(rows, setting, threads, cores):
    """(bytes/s, [predicted images/s]) of measured rows: workers of one machine, which share its cores.

    The bandwidth is that of the two-worker rows, so that these agree on average and all others are predictions.
    """
    crowd = crowding(threads, cores)
    bandwidth = bandwidth_of(rows, setting, crowd)
    here = dataclasses.replace(setting, network=Network(bandwidth, setting.network.latency))

    def predicted(workers, batch):
        seconds = crowd(workers) * here.compute_seconds(batch / workers) + here.exchange_seconds(workers)
        return here.images * batch / seconds

    return bandwidth, [predicted(row["workers"], row["batch_size"]) for row in rows]


def markdown(measured, setting, args):
    """The generated part of the page."""
    batch, traffic = args.batch_size or measured["weak_batch_size"], setting.traffic
    text = [
        f"Command of the run: `{measured['command']}`. A step takes {setting.fixed * 1e3:.3g} ms and "
        f"{setting.image * 1e3:.3g} ms for each image of a worker's share (one worker, {measured['threads']} thread). "
        f"Gradients: {', '.join(f'{size / 1e6:.3g} MB' for size in traffic.updates)}; {traffic.small} small "
        f"all-reduces a step. Network: {args.bandwidth / 1e9:g} GB/s and {args.latency * 1e6:g} us a message; "
        f"{args.price:g} a worker-hour.",
    ]
    for weak, title in ((True, f"Weak scaling: {batch} images a worker"), (False, f"Strong scaling: {batch} in all")):
        rows = predictions(setting, batch, weak, args.price)
        text += ["", f"**{title}**", ""]
        head = ("workers", "images a worker", "step, s", "images/s", "efficiency", "per million images")
        text += _table(
            head,
            [
                (
                    f"{row['workers']}",
                    f"{row['share']:g}",
                    f"{row['seconds']:.3g}",
                    f"{row['rate']:.4g}",
                    f"{row['efficiency']:.0%}",
                    f"{row['cost']:.3g}",
                )
                for row in rows
            ],
        )
    text += ["", "**Where efficiency falls under 50 %**", ""]
    shown = [(name, *(str(w) if w else "not up to 1024" for w in found)) for name, *found in limits(setting, batch)]
    text += _table(("change", "weak: workers", f"strong, {batch} in all: workers"), shown)
    bandwidth, rates = compared(measured["rows"], setting, measured["threads"], measured["cores"])
    text += ["", f"**Measured on one machine of {measured['cores']} cores**", ""]
    text += _table(
        ("scaling", "workers", "batch", "images/s", "the formula's", "measured / formula"),
        [
            (
                row["scaling"],
                f"{row['workers']}",
                f"{row['batch_size']}",
                f"{measured_rate(row, setting):.4g} ({row['low']:.3g} to {row['high']:.3g} s a step)",
                f"{predicted:.4g}",
                f"{measured_rate(row, setting) / predicted:.2f}",
            )
            for row, predicted in zip(measured["rows"], rates)
        ],
    )
    through = "too fast to see" if bandwidth == float("inf") else f"{bandwidth / 1e6:.3g} MB/s"
    text += ["", f"Exchanged between two workers of this machine: {through}, taken from the rows of two workers."]
    return "\n".join(text)


def measured_rate(row, setting):
    return setting.images * row["batch_size"] / row["seconds"]


def _table(head, rows):
    rule = ["---", *("---:" for _ in head[1:])]
    return ["| " + " | ".join(row) + " |" for row in (head, rule, *rows)]


def fill(page, text):
    """The page with `text` between its markers.

    Raises:
        ValueError: it has no markers.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"expected the markers {BEGIN} and {END} in the page")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def setting_of(measured, args):
    """The `Setting` of a file of measurements, with what the flags say instead."""
    points = [(row["batch_size"], row["seconds"]) for row in measured["rows"] if row["workers"] == 1]
    fixed, image = line(points)
    fixed = fixed if args.fixed is None else args.fixed
    image = image if args.image is None else args.image
    traffic = Traffic(tuple(measured["updates"]), measured["small"])
    return Setting(fixed, image, traffic, Network(args.bandwidth, args.latency), measured["images"])


def predict(args):
    measured = json.loads(args.measured.read_text(encoding="utf-8"))
    text = markdown(measured, setting_of(measured, args), args)
    print(text)
    if args.page:
        args.page.write_text(fill(args.page.read_text(encoding="utf-8"), text), encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    part = parts.add_parser("predict", help="tables for 1 to 1024 workers")
    part.add_argument("--measured", type=pathlib.Path, required=True, help="what `measure` wrote")
    part.add_argument("--batch_size", type=int, help="images a worker, and in all (default: as measured)")
    part.add_argument("--bandwidth", type=float, default=1.25e9, help="bytes/s of a worker's link; 1.25e9 is 10 Gbit/s")
    part.add_argument("--latency", type=float, default=50e-6, help="s of a message between neighbours")
    part.add_argument("--price", type=float, default=0.05, help="currency for an hour of one worker")
    part.add_argument("--fixed", type=float, help="s of a step whatever the batch (default: as measured)")
    part.add_argument("--image", type=float, help="s for each image of a worker's share (default: as measured)")
    part.add_argument("--page", type=pathlib.Path, help="page to write the tables into, between its markers")
    part.set_defaults(action=predict)
    part = parts.add_parser("measure", help="1, 2, 3 workers on this machine; arguments of tfgen.run after --")
    part.add_argument("--out", type=pathlib.Path, required=True, help="JSON")
    part.add_argument("--workers", default="1,2,3")
    part.add_argument(
        "--batch_size", type=int, default=256, help="in all, strong scaling; made divisible by the workers"
    )
    part.add_argument("--weak_batch_size", type=int, default=128, help="of each worker, weak scaling")
    part.add_argument("--threads", type=int, default=1, help="of each worker")
    part.add_argument("--steps", type=int, default=25, help="timed in each run")
    part.add_argument("--repeats", type=int, default=3, help="runs of each kind, taking turns")
    part.set_defaults(action=measure)
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    args = parser.parse_args(arguments[:end])
    args.run = arguments[end + 1 :] or ["--model=dcgan"]
    return args.action(args)


def measure(args):
    from benchmarks.scaling_runs import measure as measured

    return measured(args)


if __name__ == "__main__":
    sys.exit(main())
