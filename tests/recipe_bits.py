"""Digests of what the recipes of configs/ build and train on made-up data, one JSON line each; for test_recipe_bits.py.

python recipe_bits.py build NAME...             of the model after two steps that are not compiled
python recipe_bits.py train FOLDER NAME...      of the run's files after two epochs at once
python recipe_bits.py continue FOLDER NAME...   of those after one epoch and one more, and what was said
"""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import random
import sys
import zipfile

import h5py
import numpy as np

import tfgen
from tfgen.data.source import Arrays, Field, Source
from tfgen.machine.processor import prefer_onednn
from tfgen.recipes.recipe import load_recipe

COUNT, BATCH, CLASSES = 96, 8, 10  # 12 steps per epoch, fewer where D has several updates per step
SHAPES = {"celeb_a": (64, 64, 3), "stacked_mnist": (28, 28, 3)}


def arrays(dataset, count=COUNT):
    """Random numbers in the form of a data set: points, or images, labels and captions."""
    rng = np.random.default_rng(0)
    if dataset in ("ring", "grid"):
        return {"point": rng.normal(size=(count, 2)).astype(np.float32)}, {"point": Field("point", (2,))}
    shape = SHAPES.get(dataset, (28, 28, 1))
    fields = {"image": Field("image", shape), "label": Field("label", range=(0, CLASSES))}
    images = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    images = np.where(images > 127, np.uint8(255), np.uint8(0)) if dataset.startswith("binarized") else images
    values = {"image": images, "label": rng.integers(0, CLASSES, count)}
    if dataset == "emoji" or dataset.startswith(("captions(", "folder:")):
        values["caption"] = np.array([f"a thing of class {label}" for label in values["label"]], object)
        fields["caption"] = Field("text")
    if "(" in dataset or dataset.startswith("folder:"):  # views, and two domains
        for name, size in {"source": (7, 7, 1), "other": shape}.items():
            values[name] = rng.integers(0, 256, (count, *size), dtype=np.uint8)
            fields[name] = Field("image", size)
    return values, fields


def recipe_of(name):
    """The recipe on made-up data, in small batches and without 64 and more channels, which take minutes."""
    recipe = load_recipe(name)
    data, fields = arrays(recipe.dataset)
    splits = {"train": Arrays(data, fields), "validation": Arrays(data, fields)}
    made = Source(recipe.dataset, fields, splits, class_names=tuple(map(str, range(CLASSES))))
    tfgen.register_dataset(f"few_for_{name}")(lambda: made)
    options = {name: 4 for name in ("width", "judge_width") if recipe.options.get(name, 0) >= 64}
    return recipe.replace(dataset=f"few_for_{name}", image_size=None, batch_size=BATCH, options=options)


def built(name):
    """The digest of a model after two steps."""
    import tensorflow as tf

    from tfgen.models import build_from_recipe

    recipe = recipe_of(name)
    data, fields = arrays(load_recipe(name).dataset, BATCH)
    model = build_from_recipe(recipe, fields)
    batch = {key: tf.constant(np.tile(data[key], (model.parts, *[1] * (data[key].ndim - 1)))) for key in model.fields}
    for _ in range(2):
        model.train_step(batch)
    return model.digest()


def digest_of(folder):
    """A digest of the weights in all files of models, and of the pictures of samples."""
    digest = hashlib.sha256()

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            digest.update(name.encode() + item[()].tobytes())

    for path in sorted((folder / "models").glob("*.keras")):
        with h5py.File(io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5"))) as file:
            file.visititems(add)
    for path in sorted((folder / "samples").glob("epoch_*.png")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def main(mode, *rest):
    prefer_onednn()
    # states that a run may find in its process: none of them may matter
    random.seed(os.urandom(8))
    np.random.seed(int.from_bytes(os.urandom(4), "little"))
    folder, names = (None, rest) if mode == "build" else (pathlib.Path(rest[0]), rest[1:])
    for name in names:
        said, steps = io.StringIO(), 2
        if mode == "build":
            digest = built(name)
        else:
            recipe = recipe_of(name)
            with contextlib.redirect_stdout(said):
                for epochs in (1, 2) if mode == "continue" else (2,):
                    run = tfgen.train(recipe, folder / name, epochs=epochs)
            digest, steps = digest_of(run.folder), int(run.model.step)
        print(json.dumps({"name": name, "digest": digest, "steps": steps, "said": said.getvalue()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
