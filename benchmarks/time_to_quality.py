"""Frechet distance over training time: TensorFlow's tutorial DCGAN and a tfgen recipe, on whole Fashion-MNIST.

    python -m benchmarks.time_to_quality --side=tutorial --marks=20s,1m,3m,10m,30m
    python -m benchmarks.time_to_quality --side=tfgen --config=dcgan --marks=20s,1m,3m,10m
    python -m benchmarks.time_to_quality --table

Each side trains in a run of its own on the cores that it is given, and writes OUT.NAME.json after every mark: what has
been measured stays if it is stopped. The clock is that of training alone, with the tracing and compiling of the first
step (its "first_step_seconds"): it stands while images are sampled and judged, and starts when imports, data and
networks are ready. Scores: 10,000 samples against the 10,000 test images through the shipped extractor. `--table` puts
all OUT.*.json into OUT.md and OUT.svg.
"""

import argparse
import json
import os
import pathlib
import re
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import machine
from tfgen.storage.atomic import write_text

COLUMNS = ("seconds", "steps", "fd", "precision", "recall", "smallest_class")


class Stopwatch:
    """Seconds of training: runs between `start` and `stop`."""

    def __init__(self):
        self._before, self._since = 0.0, None

    def start(self):
        self._since = time.perf_counter()

    def stop(self):
        self._before, self._since = self.seconds, None

    @property
    def seconds(self):
        return self._before + (0.0 if self._since is None else time.perf_counter() - self._since)


class Judge:
    """Scores of samples against the test images of Fashion-MNIST.

    Args:
        source: the data set. count: samples, and test images at most.
    """

    def __init__(self, source, count):
        from tfgen.extractors import load_extractor

        self.count, self.extractor = count, load_extractor("fashion_mnist")
        test = source.splits["test"]
        self.real = self.extractor.features(test.gather(np.arange(min(count, len(test))))["image"])

    def __call__(self, images):
        """{"fd", "precision", "recall", "smallest_class"} of images uint8 [count, 28, 28, 1]."""
        from tfgen import metrics

        features, probabilities = self.extractor.features_and_probabilities(images)
        precision, recall = metrics.precision_recall(self.real, features)
        shares = metrics.class_histogram(probabilities, self.extractor.classes)
        distance = metrics.frechet_distance(self.real, features)
        return {"fd": distance, "precision": precision, "recall": recall, "smallest_class": float(shares.min())}


class Marks:
    """Scores at given seconds of training, kept in a file as they come.

    Args:
        marks: seconds, ascending. judge: `Judge`. file: of the results. about: what else the file says.
    """

    def __init__(self, marks, judge, file, about):
        self.left, self.judge, self.file, self.about = list(marks), judge, file, about
        self.rows, self.watch, self.first_step = [], Stopwatch(), None

    def passed(self, steps, sample):
        """Called after every training step; scores `sample(count)` if a mark has been reached. True at the last."""
        if self.first_step is None:
            self.first_step = self.watch.seconds
        if self.left and self.watch.seconds >= self.left[0]:
            self.watch.stop()
            seconds = self.watch.seconds
            while self.left and seconds >= self.left[0]:
                self.left.pop(0)
            row = {"seconds": seconds, "steps": int(steps), **self.judge(sample(self.judge.count))}
            self.rows.append(row)
            write_text(
                self.file,
                json.dumps({**self.about, "first_step_seconds": self.first_step, "rows": self.rows}, indent=1) + "\n",
            )
            print("  ".join(f"{name} {row[name]:.5g}" for name in COLUMNS), flush=True)
            self.watch.start()
        return not self.left


def train_tutorial(source, marks, seed):
    """The tutorial's DCGAN with its published settings: batch 256, Adam 1e-4, one pass of each network."""
    import keras
    import tensorflow as tf

    from benchmarks import network, sides
    from tfgen.storage.images import to_uint8

    batch_size = 256
    keras.utils.set_random_seed(seed)
    generator, discriminator = network.generator(), network.discriminator()
    optimizers = [keras.optimizers.Adam(network.RATE) for _ in range(2)]
    step = tf.function(sides.tutorial(generator, discriminator, *optimizers, batch_size))
    images = source.splits["train"].gather(np.arange(len(source.splits["train"])))["image"]
    dataset = sides.batches(images, batch_size, remainder=True)
    chunk = 250
    make = tf.function(lambda z: to_uint8((generator(z, training=False) + 1.0) / 2.0))

    def sample(count):
        latents = tf.random.stateless_normal([-(-count // chunk) * chunk, network.LATENT], [seed, 1])
        return np.concatenate([make(part) for part in tf.split(latents, len(latents) // chunk)])[:count]

    steps = 0
    marks.watch.start()
    while True:
        for real in dataset:
            step(real)
            steps += 1
            if marks.passed(steps, sample):
                return


def train_tfgen(recipe, source, marks):
    """A tfgen recipe through `fit`, until the last mark; samples are of the averaged generator, where it keeps one."""
    import keras

    from tfgen.machine.precision import using as precision
    from tfgen.models import build_from_recipe
    from tfgen.optimizers.schedules import apply_schedule

    with precision(recipe.precision):
        model = build_from_recipe(recipe, source.fields)
        if recipe.steps_per_execution:
            model.steps_per_execution = recipe.steps_per_execution
        examples = model.as_examples(source.splits["train"])
        per_epoch = len(examples) // (recipe.batch_size * model.parts)
        total = recipe.steps or recipe.epochs * per_epoch
        for phase in model.phases:
            updates = total * phase.steps, per_epoch * phase.steps
            apply_schedule(model.optimizers[phase.optimizer], recipe.schedule, *updates)

        class AtMarks(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                self.model.stop_training = marks.passed(self.model.step, self.model.sample)

        marks.watch.start()
        model.fit_examples(examples, recipe.batch_size, 10**6, mirror=recipe.mirror, callbacks=[AtMarks()], verbose=0)


def run_side(args):
    import tfgen
    from tfgen.machine.precision import resolve
    from tfgen.machine.processor import prefer_onednn
    from tfgen.machine.startup import start_tensorflow

    prefer_onednn()
    start_tensorflow()
    source = tfgen.load_dataset("fashion_mnist", data_dir=args.data_dir)
    about = {"side": args.side, "machine": machine.describe(), "samples": args.num}
    name = args.name or (args.side if args.side == "tutorial" else pathlib.Path(args.config).stem)
    out = pathlib.Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    file = out.with_name(f"{out.name}.{name}.json")
    marks = Marks(args.marks, Judge(source, args.num), file, {"name": name, **about})
    if args.side == "tutorial":
        train_tutorial(source, marks, args.seed)
    else:
        recipe = tfgen.load_recipe(args.config)
        recipe = recipe.replace(dataset="fashion_mnist", seed=args.seed, precision=resolve(recipe.precision))
        recipe = recipe.replace(steps=args.steps) if args.steps else recipe
        marks.about["recipe"] = recipe.to_json()
        train_tfgen(recipe, source, marks)
    print(file)


def write_table(out):
    """OUT.md and OUT.svg of all OUT.*.json."""
    from benchmarks import pictures, tables
    from tfgen.report.charts import Series, line_chart

    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.parent.glob(f"{out.name}.*.json"))]
    if not runs:
        raise SystemExit(f"there is no {out}.NAME.json: run --side=tutorial and --side=tfgen first")
    rows = [(run["name"], *(f"{row[name]:.4g}" for name in COLUMNS)) for run in runs for row in run["rows"]]
    lines = ["# Time to quality", "", *text_of(runs), ""]
    lines += [*tables.table(("run", *COLUMNS), rows), "", f"![FD over training time]({out.name}.svg)", ""]
    write_text(out.with_name(f"{out.name}.md"), "\n".join(lines))
    series = [series_of(run, Series) for run in runs]
    chart = line_chart("Frechet distance", series, x_title="log10 of the seconds of training", log=True)
    title = "Frechet distance over training time"
    pictures.write_picture(out.with_name(f"{out.name}.svg"), chart, title, series)


def series_of(run, kind):
    return kind(
        run["name"], [float(np.log10(row["seconds"])) for row in run["rows"]], [row["fd"] for row in run["rows"]]
    )


def text_of(runs):
    """Lines on what was compared, on which machines."""
    described = dict.fromkeys("\n".join(f"* {line}" for line in machine.lines(run["machine"])) for run in runs)
    protocol = f"{runs[0]['samples']} samples against as many test images of Fashion-MNIST, the shipped extractor."
    return ["FD of what has been trained for so many seconds, sampling and judging excluded;", protocol, "", *described]


def seconds(text):
    """ "20s,1m,3m" as [20.0, 60.0, 180.0]."""
    found = [re.fullmatch(r"([0-9.]+)(s|m|h)", part.strip()) for part in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"expected times such as 20s,1m,3m, got {text!r}")
    return sorted(float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]] for match in found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", choices=["tutorial", "tfgen"], help="what to train")
    parser.add_argument("--table", action="store_true", help="write the table and the picture of all runs so far")
    parser.add_argument("--config", default="dcgan", help="the recipe of --side=tfgen")
    parser.add_argument("--steps", type=int, help="the steps that the recipe's schedule spans, if not its own")
    parser.add_argument("--name", help="of the run in file names and tables; default: tutorial, or the config")
    parser.add_argument("--marks", type=seconds, default=seconds("20s,1m,3m,10m,30m"), help="when to score")
    parser.add_argument("--num", type=int, default=10_000, help="samples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data_dir", help="where Fashion-MNIST lies")
    parser.add_argument("--out", default="docs/time_to_quality", help="path of the files, without .NAME.json")
    args = parser.parse_args()
    if args.side:
        run_side(args)
    if args.table:
        write_table(pathlib.Path(args.out))
    if not (args.side or args.table):
        parser.error("give --side=tutorial, --side=tfgen or --table")


if __name__ == "__main__":
    main()
