"""Scores of adversarial models themselves, besides those of their samples."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.data.numbering import in_classes_of
from tfgen.data.source import Examples
from tfgen.metrics.score import HeldOut, Score, share

if TYPE_CHECKING:
    from tfgen.families.adversarial.classifying import Classifying

ROWS = 500  # images that are classified at once
INTERVAL = "drawing the images that are classified: binomial (Wilson), the classifier held fixed"


def test_accuracy(model: "Classifying", held_out: HeldOut) -> dict[str, Score]:
    """Returns `test_accuracy`, the share of all held-out images that the model's classifier gives their label.

    Nothing where the data have no labels.
    """
    if "label" not in held_out.source.fields:
        return {}
    return {"test_accuracy": accuracy_score(held_out, model)}


def accuracy_score(held_out: HeldOut, model: "Classifying", **parameters: Any) -> Score:
    """Returns the share of all images of a split that a model gives their label.

    Args:
        held_out: whose split is classified, all of it.
        model: that classifies.
        **parameters: of the protocol.

    Raises:
        UserError: the data have a class that the model does not know.
    """
    examples = in_classes_of(held_out.source, model.class_names).splits[held_out.split]
    right = np.concatenate([np.argmax(model.classify(x)["logit"], 1) == labels for x, labels in batches(examples)])
    # of the whole split, whatever the number of examples of other scores
    stated = held_out.stated(**parameters)
    stated = {**stated, "real": {**stated["real"], "count": len(right)}, "interval": INTERVAL}
    return share(float(right.mean()), len(right), protocol=stated)


def batches(examples: Examples) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (images uint8 [B, H, W, C], labels int64 [B]) of all examples in their order."""
    for first in range(0, len(examples), ROWS):
        batch = examples.gather(np.arange(first, min(first + ROWS, len(examples))))
        yield batch["image"], batch["label"]
