"""`python -m tfgen.extractors.train`: the fixed recipe behind the shipped feature extractors.

    python -m tfgen.extractors.train --dataset=fashion_mnist --out=tfgen/metrics/extractors
    python -m tfgen.extractors.train --dataset=mnist --data_dir=FOLDER --out=tfgen/metrics/extractors

The training split less its validation part is trained on, the validation part is watched (the last epoch is kept
whatever it says), the test split states the accuracy, once, of the weights as they lie in the file. On one thread the
same seed gives the same weights, bit for bit, on one and the same machine and TensorFlow.
"""

import dataclasses
import pathlib
import sys
import time

import numpy as np

from tfgen import cli
from tfgen.errors import UserError
from tfgen.machine import startup


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

COMMAND = cli.Command(
    "metrics.extractors.train",
    "Trains a shipped feature extractor anew: a small classifier of 28x28 images.",
    "python -m tfgen.extractors.train --dataset=fashion_mnist --out=extractors",
)
COMMAND.choice("dataset", "fashion_mnist", "what it learns to tell apart", sorted(RECIPES))
COMMAND.string("data_dir", None, "where the data's files lie; default: where they are usually found")
COMMAND.string("out", None, "folder for DATASET.npz, the weights, and DATASET.json, what is known of them")
COMMAND.integer("epochs", None, "passes over the training images; default: the recipe's", minimum=1)
COMMAND.integer("seed", 0, "of initial weights, order, shifts and dropout", minimum=0)


@COMMAND.action
def main(flags):
    if not flags.out:
        raise UserError("--out is required: --out=extractors, for example")
    from tfgen.data import load_dataset

    source = load_dataset(flags.dataset, data_dir=flags.data_dir)
    recipe = RECIPES[flags.dataset]
    recipe = dataclasses.replace(recipe, epochs=flags.epochs or recipe.epochs)
    startup.start_tensorflow()
    model = train(source, recipe, flags.seed, print_line)
    record = {"dataset": flags.dataset, "version": recipe.version, "seed": flags.seed}
    record |= {"recipe": dataclasses.asdict(recipe), "data_sha256": source.provenance.get("sha256")}
    print(write(pathlib.Path(flags.out), flags.dataset, model, record, source.splits["test"]))


def train(source, recipe, seed, report):
    """Returns the trained network.

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
    """Images moved by up to `recipe.shift` pixels each way, zeros coming in, and half of them mirrored if it says so.

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
    """The share of images [N, H, W, 1] uint8 whose greatest logit is their label's."""
    logits = model.predict(images.astype(np.float32) / 255, batch_size=500, verbose=0)["logits"]
    return float(np.mean(logits.argmax(-1) == labels))


def everything(split):
    """Returns images uint8 [N, H, W, C] and labels int64 [N] of a split."""
    fields = split.gather(np.arange(len(split)))
    return fields["image"], fields["label"]


def write(folder, name, model, record, test):
    """Writes `name`.npz and `name`.json to `folder`; the accuracy is that of the written file. Returns a sentence."""
    from tfgen.extractors import classifiers

    classifiers.save_weights(folder / f"{name}.npz", model)
    images, labels = everything(test)
    record = record | {"command": command(record), "weights_licence": "Apache-2.0"}
    classifiers.write_record(folder, name, record | {"accuracy": None})
    probabilities = classifiers.load(name, folder).probabilities(images)
    share = float(np.mean(probabilities.argmax(-1) == labels))
    classifiers.write_record(folder, name, record | {"accuracy": round(share, 4), "test_images": len(images)})
    return f"{folder / name}.npz: test accuracy {share:.4f} on {len(images)} images"


def command(record):
    """The command that makes the same weights again."""
    text = f"python -m tfgen.extractors.train --dataset={record['dataset']} --out=FOLDER"
    if record["recipe"]["epochs"] != RECIPES[record["dataset"]].epochs:
        text += f" --epochs={record['recipe']['epochs']}"
    return text + (f" --seed={record['seed']}" if record["seed"] else "")


def print_line(text):
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(COMMAND())
