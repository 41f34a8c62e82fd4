"""The fixed recipe behind the shipped feature extractors: a small classifier of 28x28 images, trained anew.

    python -m benchmarks.train_extractors --dataset=fashion_mnist --out=FOLDER
    python -m benchmarks.train_extractors --dataset=mnist --data_dir=FOLDER --out=FOLDER

The network is trained on the training split without its validation part, whose accuracy is printed after each epoch
and decides nothing: the weights are those of the last epoch. The test split is read once, for the accuracy of the
weights as they lie in the file. On one thread the same seed gives the same weights, bit for bit, on the same machine
and TensorFlow.
"""

import argparse
import dataclasses
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from tfgen.errors import UserError


@dataclasses.dataclass(frozen=True)
class Recipe:
    """AdamW with a cosine schedule, shifted (and mirrored) images, cross-entropy.

    No label smoothing: it pulls the images of a class together, and features are to tell them apart.
    """

    epochs: int
    mirror: bool
    shift: int = 2
    batch_size: int = 128
    learning_rate: float = 3e-3
    warmup: float = 0.1
    weight_decay: float = 0.02
    dropout: float = 0.3
    version: str = "1"


RECIPES = {"fashion_mnist": Recipe(epochs=12, mirror=True), "mnist": Recipe(epochs=6, mirror=False)}


def main(arguments=None):
    args = parser().parse_args(arguments)
    try:
        print(run(args), flush=True)
    except UserError as error:
        print(f"train_extractors: {error}", file=sys.stderr)
        return 2


def parser():
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--dataset", choices=sorted(RECIPES), default="fashion_mnist", help="the images to classify")
    made.add_argument("--data_dir", help="folder of the data's files; default: where they are usually found")
    made.add_argument("--out", required=True, help="folder for DATASET.npz, the weights, and DATASET.json about them")
    made.add_argument("--epochs", type=int, help="passes over the training images; default: the recipe's")
    made.add_argument("--seed", type=int, default=0, help="of initial weights, order, shifts and dropout")
    return made


def run(args):
    """Train as the parsed arguments say, write both files, and return a sentence about them."""
    from tfgen.data import load_dataset

    source = load_dataset(args.dataset, data_dir=args.data_dir)
    recipe = RECIPES[args.dataset]
    recipe = dataclasses.replace(recipe, epochs=args.epochs or recipe.epochs)
    model = train(source, recipe, args.seed, lambda line: print(line, flush=True))
    record = {"dataset": args.dataset, "version": recipe.version, "seed": args.seed}
    record |= {"recipe": dataclasses.asdict(recipe), "data_sha256": source.provenance.get("sha256")}
    return write(pathlib.Path(args.out), args.dataset, model, record, source.splits["test"])


def train(source, recipe, seed, report):
    """Train the network, and return it.

    Args:
        source: `tfgen.data.Source` of 28x28 gray images, 10 classes.
        recipe: a `Recipe`.
        seed: of everything random.
        report: called with a line of text after each epoch.
    """
    import keras

    from tfgen.extractors.network import classifier

    keras.utils.set_random_seed(seed)
    model = classifier(recipe.dropout, seed)
    images, labels = everything(source.splits["train"])
    steps = len(images) // recipe.batch_size
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        round((1 - recipe.warmup) * recipe.epochs * steps),
        warmup_target=recipe.learning_rate,
        warmup_steps=round(recipe.warmup * recipe.epochs * steps),
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay), {"logits": loss})
    draws = np.random.RandomState(seed)  # the stream that NumPy promises never to change
    for epoch in range(recipe.epochs):
        start, losses = time.monotonic(), []
        order = draws.permutation(len(images))[: steps * recipe.batch_size]
        for rows in order.reshape(steps, recipe.batch_size):
            batch = varied(images[rows], recipe, draws)
            losses.append(float(model.train_on_batch(batch, {"logits": labels[rows]})))
        seconds = time.monotonic() - start
        held_out = accuracy(model, *everything(source.splits["validation"]))
        report(
            f"epoch {epoch + 1}/{recipe.epochs}  loss {np.mean(losses[-100:]):.4f}  "
            f"validation accuracy {held_out:.4f}  {seconds:.0f} s"
        )
    return model


def varied(images, recipe, draws):
    """Shift images by up to `recipe.shift` pixels each way, filling with zeros, and mirror half of them if it says so.

    Args:
        images: uint8 [B, H, W, 1].
        recipe: a `Recipe`.
        draws: `np.random.RandomState`.

    Returns:
        float32 [B, H, W, 1] in [0, 1].
    """
    number, height, width, _ = images.shape
    room = recipe.shift
    padded = np.pad(images[..., 0], ((0, 0), (room, room), (room, room)))
    top, left = draws.randint(0, 2 * room + 1, (2, number, 1))
    rows, columns = top + np.arange(height), left + np.arange(width)
    if recipe.mirror:
        columns = np.where(draws.randint(0, 2, (number, 1)) == 1, columns[:, ::-1], columns)
    moved = padded[np.arange(number)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved[..., None].astype(np.float32) / 255


def accuracy(model, images, labels):
    """Return the fraction of images, uint8 [N, H, W, 1], whose largest logit is that of their label."""
    logits = model.predict(images.astype(np.float32) / 255, batch_size=500, verbose=0)["logits"]
    return float(np.mean(logits.argmax(-1) == labels))


def everything(split):
    """Return all images, uint8 [N, H, W, C], and labels, int64 [N], of a split."""
    fields = split.gather(np.arange(len(split)))
    return fields["image"], fields["label"]


def write(folder, name, model, record, test):
    """Write `name`.npz and `name`.json to `folder`, the accuracy measured from the file, and return a sentence."""
    from tfgen.extractors import classifiers

    classifiers.save_weights(folder / f"{name}.npz", model)
    images, labels = everything(test)
    record = record | {"command": command(record), "weights_licence": "Apache-2.0"}
    classifiers.write_record(folder, name, record | {"accuracy": None})
    probabilities = classifiers.load(name, folder).probabilities(images)
    correct = float(np.mean(probabilities.argmax(-1) == labels))
    classifiers.write_record(folder, name, record | {"accuracy": round(correct, 4), "test_images": len(images)})
    return f"{folder / name}.npz: test accuracy {correct:.4f} on {len(images)} images"


def command(record):
    """Return the command that makes the same weights again."""
    text = f"python -m benchmarks.train_extractors --dataset={record['dataset']} --out=FOLDER"
    if record["recipe"]["epochs"] != RECIPES[record["dataset"]].epochs:
        text += f" --epochs={record['recipe']['epochs']}"
    return text + (f" --seed={record['seed']}" if record["seed"] else "")


if __name__ == "__main__":
    sys.exit(main())
