"""Whether an extractor classifies the classes of a data set, without which scores of classes mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfgen import metrics
from tfgen.data.source import Source
from tfgen.evaluation.real import Side

if TYPE_CHECKING:
    from tfgen.extractors.base import Extractor

LEAST_AGREEMENT = 0.5  # of the real images with their labels: below it a classifier judges no samples
SMALL = 1_000  # images of a side; the usual figures are measured on 10,000


def other_classes(extractor: Extractor, source: Source, reference: Side) -> str | None:
    """Returns why the extractor's classes are not those of the data, the end of a sentence; None if they are.

    They are where one of the two names the other, and where the classifier gives most real images their labels. Of data
    without labels, a classifier of unknown origin is believed: a user has chosen it.

    Args:
        extractor: the `Extractor`.
        source: the data set.
        reference: real images, with probabilities where the extractor is a classifier.
    """
    known = extractor.describe().get("dataset")
    if reference.probabilities is None or extractor.name == source.extractor or known == source.name:
        return None
    classes, number = source.num_classes, reference.probabilities.shape[1]
    if classes is None or reference.labels is None:
        return (
            None if known is None else f"{extractor.name} knows the classes of {known}, and {source.name} has no labels"
        )
    if number != classes:
        return f"{extractor.name} knows {number} classes, and {source.name} has {classes} others"
    agreement = metrics.label_agreement(reference.probabilities, reference.labels)
    if agreement < LEAST_AGREEMENT:
        return f"{extractor.name} finds the label of {agreement:.0%} of the real images of {source.name} alone"
    return None


def too_small(real: Side, fake: Side, split: str) -> str | None:
    """Returns a sentence where the images are too few to judge by, else None."""
    if min(len(real), len(fake)) >= SMALL:
        return None
    return (
        f"{len(fake)} samples are compared with {len(real)} images of the {split} split: with fewer than {SMALL:,} on "
        "either side, scores depend on their number more than on the model; compare each with its floor alone"
    )
