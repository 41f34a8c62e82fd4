"""Cheating and honest samples, and what an evaluation finds of each: docs/cheats.md.

    python -m benchmarks.cheats --work=/tmp/cheats --data=fashion_mnist --data=cifar10=FILE.npz
    python -m benchmarks.cheats --work=/tmp/cheats --kind=held_out --sets=40 --data=fashion_mnist --data=shapes@64
    python -m benchmarks.cheats --work=/tmp/cheats --kind=run --runs='runs/rigged/runs/healthy-*'
    python -m benchmarks.cheats --work=/tmp/cheats --table

Each row is computed once and kept in the work folder; a command that was interrupted goes on. Held-out images are
real ones that are neither training nor compared images; models are trained for few steps, poor ones among them. The
kinds `held_out` and `run` are a test of their own: no threshold was chosen by them.
"""

from __future__ import annotations

import argparse
import dataclasses
import glob
import io
import json
import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from tfgen.data import load_dataset
from tfgen.data.arrays import finish
from tfgen.evaluation.cache import Cache
from tfgen.evaluation.cheating import findings
from tfgen.evaluation.real import RealData
from tfgen.metrics.lenses import blurred, shifted, turned

TRAIN, COMPARED, SAMPLES = 10_000, 2_000, 1_000
PAGE = pathlib.Path(__file__).parent.parent / "docs" / "cheats.md"


@dataclasses.dataclass(frozen=True)
class Pool:
    """Images of a data set, uint8 [N, H, W, C], in parts that share no row; `labels` are those of `train`."""

    train: np.ndarray
    labels: np.ndarray
    compared: np.ndarray
    held_out: np.ndarray


def pool(name: str, at: str | None) -> Pool:
    """Returns the `Pool` of a data set, NAME or NAME@SIDE; `at` is a folder or file where it is not installed."""
    name, _, side = name.partition("@")
    archive = bool(at and at.endswith(".npz"))
    size = {"image_size": (int(side), int(side))} if side else {}
    source = load_dataset(f"npz:{at}" if archive else name, data_dir=None if archive else at, **size)
    parts = [source.to_numpy(split) for split in source.splits]
    images = np.concatenate([part["image"] for part in parts])
    labels = np.concatenate([part.get("label", np.zeros(len(part["image"]), int)) for part in parts])
    order = np.random.default_rng(0).permutation(len(images))
    train, compared = min(TRAIN, len(order) // 2), min(COMPARED, len(order) // 6)
    rows = np.split(order, [train, train + compared])
    return Pool(images[rows[0]], labels[rows[0]], images[rows[1]], images[rows[2]])


# Cheating: functions of (pool, images to start from, random generator) -> samples.


def integers(images: np.ndarray) -> np.ndarray:
    """Returns images rounded and clipped, uint8."""
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def noise(images: np.ndarray, spread: float, random: np.random.Generator) -> np.ndarray:
    """Returns images with noise of a standard deviation, of 255."""
    return integers(images + random.normal(0, spread, images.shape))


def each(images: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Returns the images, each changed by itself as an array float32 [1, H, W, C]."""
    return integers(np.concatenate([change(image[None].astype(np.float32)) for image in images]))


def moves(images: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    """Returns images moved by 1 to `most` pixels in each direction."""
    step = lambda: int(random.integers(1, most + 1) * random.choice((-1, 1)))  # noqa: E731
    return each(images, lambda image: shifted(image, step(), step()))


def contrasts(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns images times 0.6 to 1.3, plus -30 to 30."""
    shape = (len(images), 1, 1, 1)
    return integers(random.uniform(0.6, 1.3, shape) * images + random.uniform(-30, 30, shape))


def jpeg(images: np.ndarray, quality: int) -> np.ndarray:
    """Returns images after JPEG compression."""
    found = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(file)).reshape(image.shape))
    return np.stack(found)


def patches(images: np.ndarray, others: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns images with a square of 0.4 of the side taken from others."""
    found, side = images.copy(), int(0.4 * images.shape[1])
    for image, other in zip(found, others):
        y, x = random.integers(0, images.shape[1] - side + 1, 2)
        image[y : y + side, x : x + side] = other[y : y + side, x : x + side]
    return found


def blends(images: np.ndarray, labels: np.ndarray, count: int, of: int, random: np.random.Generator) -> np.ndarray:
    """Returns `count` weighted means of `of` images of one class, each weight at least 0.3 / (of - 1)."""
    found = []
    for _ in range(count):
        same = np.flatnonzero(labels == random.choice(labels))
        weights = 0.3 / (of - 1) + (1 - 0.3 * of / (of - 1)) * random.dirichlet(np.ones(of))
        found.append(np.tensordot(weights, images[random.choice(same, of)].astype(float), 1))
    return integers(np.stack(found))


Make = Callable[[Pool, np.random.Generator], np.ndarray]


def half(change: Callable[[np.ndarray, Pool, np.random.Generator], np.ndarray], split: str = "train") -> Make:
    """Returns a function that makes samples, half of them changed images of a split, half held-out images."""

    def make(data: Pool, random: np.random.Generator) -> np.ndarray:
        made = change(getattr(data, split)[: SAMPLES // 2], data, random)
        return np.concatenate([made, data.held_out[: SAMPLES - len(made)]])

    return make


CHEATS: dict[str, Make] = {
    "all copied": lambda d, r: d.train[:SAMPLES],
    "15 % copied": lambda d, r: np.concatenate([d.train[:150], d.held_out[:850]]),
    "half copied, noise of sd 5": half(lambda x, d, r: noise(x, 5, r)),
    "half copied, noise of sd 20": half(lambda x, d, r: noise(x, 20, r)),
    "half copied, noise of sd 40": half(lambda x, d, r: noise(x, 40, r)),
    "half copied, moved by 1 pixel": half(lambda x, d, r: moves(x, 1, r)),
    "half copied, moved by 1 to 3 pixels": half(lambda x, d, r: moves(x, 3, r)),
    "half copied, mirrored": half(lambda x, d, r: x[:, :, ::-1]),
    "half copied, turned by up to 10 degrees": half(lambda x, d, r: each(x, lambda i: turned(i, r.uniform(-10, 10)))),
    "half copied, brightness and contrast": half(lambda x, d, r: contrasts(x, r)),
    "half copied, blurred by 1 pixel": half(lambda x, d, r: each(x, lambda i: blurred(i, 1.0))),
    "half copied, JPEG of quality 20": half(lambda x, d, r: jpeg(x, 20)),
    "half copied, a square cut out": half(lambda x, d, r: patches(x, np.zeros_like(x), r)),
    "half copied, a square of another image": half(lambda x, d, r: patches(x, d.held_out[-len(x) :], r)),
    "half means of two images": half(lambda x, d, r: blends(d.train, d.labels, len(x), 2, r)),
    "half means of two images, noise of sd 10": half(
        lambda x, d, r: noise(blends(d.train, d.labels, len(x), 2, r), 10, r)
    ),
    "half means of three images": half(lambda x, d, r: blends(d.train, d.labels, len(x), 3, r)),
    "100 held-out images, ten times": lambda d, r: np.tile(d.held_out[:100], (10, 1, 1, 1)),
    "40 held-out images, noise of sd 20": lambda d, r: noise(d.held_out[r.integers(0, 40, SAMPLES)], 20, r),
    "40 held-out images, moved": lambda d, r: moves(d.held_out[r.integers(0, 40, SAMPLES)], 2, r),
    "the compared images": lambda d, r: d.compared[:SAMPLES],
    "half compared images, noise of sd 20": half(lambda x, d, r: noise(x, 20, r), "compared"),
    "half compared images, mirrored": half(lambda x, d, r: x[:, :, ::-1], "compared"),
    "half means of two compared images": half(
        lambda x, d, r: blends(d.compared, np.zeros(len(d.compared)), len(x), 2, r), "compared"
    ),
}


# Honest: held-out images of several numbers, and models of several ages.

MODELS = {  # name -> (model, numbers of steps at which it is sampled, options)
    "gan": ("gan", (100, 1_000), {}),
    "dcgan": ("dcgan", (60, 300), {}),
    "vae": ("vae", (60, 400), {}),
    "vae, collapsed (beta 20)": ("vae", (300,), {"beta": 20.0}),
}


def held_out(count: int) -> Make:
    """Returns a function that takes `count` held-out images."""
    return lambda data, random: data.held_out[:count]


def trained(name: str, steps: int, seed: int) -> Make:
    """Returns a function that trains a model and samples it."""

    def make(data: Pool, random: np.random.Generator) -> np.ndarray:
        import tfgen

        kind, _, options = MODELS[name]
        model = tfgen.build_model(kind, image_shape=data.train.shape[1:], seed=seed, **options)
        rows = random.integers(0, len(data.train), steps * 64)
        model.fit(data.train[rows], batch_size=64, epochs=1, verbose=0)
        return model.sample(SAMPLES, seed=seed)

    return make


def honest(seeds: int) -> dict[str, Make]:
    """Returns name -> function that makes honest samples."""
    found = {f"{count} held-out images": held_out(count) for count in (200, 1_000, 4_000)}
    for name, (_, ages, _) in MODELS.items():
        for steps in ages:
            for seed in range(seeds):
                found[f"{name}, {steps} steps, seed {seed}"] = trained(name, steps, seed)
    return found


def few(kind: str, images: int, steps: int) -> Make:
    """Returns a function that trains a model on few images, not for so long that it knows them, and samples it."""

    def make(data: Pool, random: np.random.Generator) -> np.ndarray:
        small = dataclasses.replace(data, train=data.train[:images])
        return trained(kind, steps, 1)(small, random)

    return make


SMALL: dict[str, Make] = {
    "vae of 500 images, 400 steps": few("vae", 500, 400),
    "gan of 500 images, 500 steps": few("gan", 500, 500),
}


# Rows.


def disjoint(name: str, data: Pool, real: RealData, sets: int, path: pathlib.Path) -> None:
    """Computes the row of disjoint sets of held-out images: how many of them have a finding."""
    start, most = time.process_time(), min(sets, len(data.held_out) // SAMPLES)
    said = [findings(data.held_out[i * SAMPLES : (i + 1) * SAMPLES], real) for i in range(most)]
    row = {"data": name, "kind": "held_out", "samples": f"{most} disjoint sets of held-out images", "count": SAMPLES}
    row |= {"findings": [f"set {i}: {sentence}" for i, each in enumerate(said) for sentence in each]}
    write_row(path, row, start)


def of_run(work: pathlib.Path, folder: pathlib.Path) -> None:
    """Computes the row of a run: samples of it beside the whole data set that it was trained on."""
    import tfgen
    from tfgen.plugins import import_plugins

    path = work / f"run {folder.name}.json"
    run = tfgen.load_run(folder)
    import_plugins(run.record.get("plugins") or [])
    if path.exists() or not run.paths.trainer.is_file() or run.model.sampler is None:
        return
    recipe = run.recipe
    source = load_dataset(recipe.dataset, data_dir=recipe.data_dir, image_size=recipe.image_size)
    samples = kept(path.with_suffix(".npz"), lambda: run.model.sample(SAMPLES, seed=1))
    start = time.process_time()
    seed, steps = recipe.seed, int(run.model.step)
    data = pathlib.Path(recipe.dataset).stem.removeprefix("rigged_")
    row = {"data": data, "kind": "run", "samples": f"{recipe.model}, {steps} steps, seed {seed}", "count": len(samples)}
    split = "test" if "test" in source.splits else "validation"
    real = RealData(source, None, Cache(work / "cache"), split)
    write_row(path, row | {"findings": findings(samples, real)}, start)


def write_row(path: pathlib.Path, row: dict[str, Any], start: float) -> None:
    """Writes a row that was begun at a `start` of this process's clock, and prints it."""
    row["cpu"] = round(time.process_time() - start, 1)
    path.write_text(json.dumps(row))
    print(row["data"], row["samples"], row["cpu"], row["findings"], flush=True)


def measure(work: pathlib.Path, named: list[str], seeds: int, kinds: list[str], sets: int) -> None:
    """Computes the rows of some kinds that are missing; each data set is NAME or NAME=PATH."""
    work.mkdir(parents=True, exist_ok=True)
    for each_set in named:
        name, _, at = each_set.partition("=")
        data = pool(name, at or None)
        arrays = {"x_train": data.train, "x_valid": data.held_out[-100:], "x_test": data.compared}
        real = RealData(finish(arrays, name), None, Cache(work / "cache"))
        makes = {"cheating": CHEATS, "honest": honest(seeds), "held_out": {}, "small": SMALL, "run": {}}
        path = work / f"{name} held_out {sets}.json"
        if "held_out" in kinds and not path.exists():
            disjoint(name, data, real, sets, path)
        for kind in kinds:
            for what, make in makes[kind].items():
                path = work / f"{name} {kind} {what.replace('/', ' ')}.json"
                if path.exists():
                    continue
                samples = kept(path.with_suffix(".npz"), lambda: make(data, np.random.default_rng(0)))  # noqa: B023
                start = time.process_time()
                row = {"data": name, "kind": kind, "samples": what, "count": len(samples)}
                write_row(path, row | {"findings": findings(samples, real)}, start)


def kept(path: pathlib.Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Returns the samples that `make()` returns, made once: models take minutes."""
    if not path.exists():
        np.savez_compressed(path, images=make())
    with np.load(path) as file:
        return file["images"]


KINDS = {  # kind of rows -> their title on the page
    "cheating": "Cheating samples",
    "honest": "Honest samples",
    "held_out": "Disjoint sets of held-out images, by which no threshold was chosen",
    "small": "Models of few images, not by heart, by which no threshold was chosen",
    "run": "Runs of other seeds, models and data, by which no threshold was chosen",
}


def table(work: pathlib.Path) -> None:
    """Writes the rows into the page, below its line `## The table`."""
    rows = [json.loads(path.read_text()) for path in sorted(work.glob("*.json"))]
    lines = []
    for kind, title in KINDS.items():
        chosen = [row for row in rows if row["kind"] == kind]
        right = sum(bool(row["findings"]) == (kind == "cheating") for row in chosen)
        lines += [f"### {title}: {right} of {len(chosen)} as they should be", ""]
        lines += ["| data | samples | number | findings |", "|---|---|---|---|"]
        for row in chosen:
            said = "<br>".join(row["findings"]) or "none"
            lines.append(f"| {row['data']} | {row['samples']} | {row['count']:,} | {said} |")
        lines.append("")
    head = PAGE.read_text().partition("## The table")[0]
    PAGE.write_text(f"{head}## The table\n\n" + "\n".join(lines).rstrip() + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder of the rows")
    parser.add_argument("--data", action="append", default=[], help="a data set, NAME or NAME=PATH; repeatable")
    parser.add_argument("--seeds", type=int, default=1, help="of each model")
    parser.add_argument("--kind", action="append", choices=tuple(KINDS), help="of rows; default: cheating and honest")
    parser.add_argument("--sets", type=int, default=40, help="disjoint sets of held-out images, at most")
    parser.add_argument("--runs", help="folders of runs, a pattern: runs/rigged/runs/healthy-*")
    parser.add_argument("--table", action="store_true", help="write docs/cheats.md from the rows")
    given = parser.parse_args()
    measure(given.work, given.data, given.seeds, given.kind or ["cheating", "honest"], given.sets)
    for folder in map(pathlib.Path, sorted(glob.glob(given.runs or ""))):
        if folder.is_dir():
            of_run(given.work, folder)
    if given.table:
        table(given.work)


if __name__ == "__main__":
    main()
