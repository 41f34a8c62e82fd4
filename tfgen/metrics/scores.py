"""Metrics of class probabilities and of labels."""

import numpy as np
from numpy.typing import ArrayLike

from tfgen.errors import UserError
from tfgen.metrics.checks import check_counts, check_labels, check_probabilities


def inception_score(probabilities: ArrayLike, splits: int = 10) -> tuple[float, float]:
    """Returns exp(mean KL(p(y|x) || p(y))) over consecutive parts of the images: Salimans et al. 2016, section 4.

    It lies between 1 (equal predictions for all images) and the number of classes (certain predictions, all classes
    equally frequent). It does not depend on real images, and so detects neither copies nor collapse within a class. It
    grows with the number of images per part: state N and `splits` with it.

    Args:
        probabilities: [N, classes], N >= splits, not sorted by class.
        splits: number of parts.

    Returns:
        (mean, std): floats; as in the paper, the standard deviation (ddof 0) over parts, not the error of the mean.

    Raises:
        UserError: fewer images than splits, or values that are no probabilities.
    """
    probabilities = check_probabilities(probabilities)
    check_counts(splits=splits)
    if len(probabilities) < splits:
        raise UserError(f"{splits} splits need at least {splits} images, got {len(probabilities)}")
    bounds = np.arange(splits + 1) * len(probabilities) // splits
    scores = [_score(probabilities[start:stop]) for start, stop in zip(bounds[:-1], bounds[1:])]
    return float(np.mean(scores)), float(np.std(scores))


def _score(probabilities):
    # mean KL(p(y|x) || p(y)) = H(y) - mean H(y|x), each with 0 log 0 = 0
    return np.exp(_entropy(probabilities.mean(axis=0)) - _entropy(probabilities).mean())


def _entropy(probabilities):
    logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0.0)
    return -(probabilities * logs).sum(axis=-1)


def class_histogram(labels_or_probabilities: ArrayLike, num_classes: int) -> np.ndarray:
    """Returns the proportion of images of each class, float64 [num_classes] with sum 1.

    Args:
        labels_or_probabilities: integers [N], or probabilities [N, num_classes], of which the largest counts.
        num_classes: number of classes.

    Raises:
        UserError: no images, labels out of range, values that are no probabilities, or of another number of classes.
    """
    array = np.asarray(labels_or_probabilities)
    if array.ndim == 2:
        array = check_probabilities(array)
        if array.shape[1] != num_classes:
            raise UserError(f"probabilities must be of num_classes={num_classes} classes, got {array.shape[1]}")
        array = array.argmax(axis=1)
    labels = check_labels("labels", array, classes=num_classes)
    if not len(labels):
        raise UserError("a histogram needs at least 1 label, got none")
    return np.bincount(labels, minlength=num_classes) / len(labels)


def label_agreement(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Returns the fraction of images whose most probable class is the label they were generated for, in [0, 1].

    Args:
        probabilities: [N, classes].
        labels: integers [N], 0 <= label < classes.

    Raises:
        UserError: values that are no probabilities, or labels that do not fit them.
    """
    probabilities = check_probabilities(probabilities)
    labels = check_labels("labels", labels, *probabilities.shape)
    return float(np.mean(probabilities.argmax(axis=1) == labels))
