"""A trial of a discriminator at chance: whether it would learn, if the generator stood still, what a fresh one does."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tfgen.diagnosis.stops import Row, Watching
from tfgen.families.adversarial.fresh import Continued, Fresh
from tfgen.networks.seeding import seeded

CHANCE = 0.6  # share of pairs that D ranks right, below which it is at chance
LEARNS = 0.8  # share that a D at chance reaches once it is seen to learn
EVEN = 0.01  # mean |D - 1/2| below which D says nothing
SEES = 0.7  # share that a fresh D reaches whose architecture is not too small
CLEAR = 0.9  # share above which real images and samples are plainly different
SIDE = 32  # pixels per side that the dense discriminator sees, at most


class BlindnessTrial:
    """What discriminators learn against the generator as it stands, where the model's own is at chance.

    D = 1/2 everywhere is the equilibrium, a game in which G is always a step ahead, or a discriminator that is blind. A
    copy of it is trained further as it is: it learns where it can see. If it does not, a fresh one of its architecture
    shows whether there is anything to learn; if that fails too, a small dense one, whether the architecture is too
    small. After `patience` probes at chance, twice as many, and so on, unless D's gradient still grows.

    Args:
        patience: number of consecutive probes.
        steps: updates of each discriminator, at most.
        batch_size: real images per update, and as many samples.
    """

    def __init__(self, patience: int = 3, steps: int = 40, batch_size: int = 16) -> None:
        self.patience, self.steps, self.batch_size = patience, steps, batch_size

    def measure(self, diagnosis: Watching, row: Row, last: bool) -> dict[str, float]:
        """Returns `probes_at_chance`, the number up to this one, and at some of them what discriminators learn.

        `continued_separation`, `fresh_separation` and `dense_separation`, as far as they are needed: each is the share
        of pairs of a held-out image and a sample that a discriminator ranks right.
        """
        count = at_chance([*diagnosis.rows, row])
        if not count:
            return {}
        tried = self.tried(diagnosis, int(row["step"])) if self.is_due([*diagnosis.rows, row][-count:]) else {}
        return {"probes_at_chance": float(count), **tried}

    def is_due(self, rows: Sequence[Mapping[str, float]]) -> bool:
        """Returns whether a trial belongs to the last of the rows of a time at chance.

        Not while D's gradient grows from probe to probe, by a tenth or more: then it wakes by itself.
        """
        before = [index for index, row in enumerate(rows, 1) if "continued_separation" in row]
        if len(rows) < (2 * before[-1] if before else self.patience):
            return False
        norms = [row.get("discriminator_gradient", 0.0) for row in rows]
        return not norms[-1] > 1.1 * max(norms[:-1], default=0.0)

    def tried(self, diagnosis: Watching, seed: int) -> dict[str, float]:
        """Returns the measurements of a trial, now."""
        model, name = diagnosis.model, f"trial/{seed}/"
        measured = {"continued_separation": self.separation(Continued(model, name, seed), diagnosis)}
        if measured["continued_separation"] < LEARNS:
            measured["fresh_separation"] = self.separation(Fresh(model, name, None, seed), diagnosis)
            if measured["fresh_separation"] < SEES:
                dense = Fresh(model, name, dense_discriminator(model), seed)
                measured["dense_separation"] = self.separation(dense, diagnosis)
        return measured

    def separation(self, learner: Fresh, diagnosis: Watching) -> float:
        """Returns the share of pairs ranked right after training."""
        held_out = diagnosis.held_out or diagnosis.train
        enough = lambda reached: reached["separation"] > CLEAR  # noqa: E731
        arguments = diagnosis.train, held_out, self.steps, self.batch_size, enough
        return learner.trained(*arguments, every=10, size=64)["separation"]


def at_chance(rows: Sequence[Mapping[str, float]]) -> int:
    """Returns the number of consecutive rows up to the last that show a discriminator at chance."""
    return next((i for i, row in enumerate(reversed(rows)) if not is_at_chance(row)), len(rows))


def is_at_chance(row: Mapping[str, float]) -> bool:
    """Returns whether D ranks at random, or gives nearly 1/2 for all images, whose order then says little."""
    return own_separation(row) < CHANCE or row.get("equilibrium_distance", 1.0) < EVEN


def own_separation(row: Mapping[str, float]) -> float:
    """Returns the share of pairs of a held-out (else a training) image and a sample that D ranks right."""
    return row.get("held_out_separation", row.get("train_separation", 1.0))


def dense_discriminator(model: Any) -> keras.Model:
    """Returns a small dense discriminator of the data alone, images averaged to at most 32 pixels per side."""
    shape = model.fields[model.data_field].shape
    with seeded(0):
        inputs = keras.Input(shape, name=model.data_field)
        x: Any = inputs
        if len(shape) == 3 and (size := math.ceil(max(shape[:2]) / SIDE)) > 1:
            x = keras.layers.AveragePooling2D(size, padding="same")(x)
        x = keras.layers.Flatten()(x)
        for _ in range(2):
            x = keras.layers.Dense(64, activation="leaky_relu")(x)
        return keras.Model(inputs, keras.layers.Dense(1)(x))
