"""Scores from a classifier's probabilities and from labels."""

import numpy as np

from tfgen.errors import UserError
from tfgen.metrics.checks import check_labels, check_probabilities


def inception_score(probabilities, splits=10):
    """exp(mean KL(p(y|x) || p(y))) of consecutive parts of the images: Salimans et al. 2016, section 4.

    From 1 (every image alike to the classifier) to the number of classes (sure of each, and all as frequent). It
    never looks at real images, hence sees neither copying nor collapse within a class, and it grows with the number
    of images in a part: give N and `splits` with it.

    Args:
        probabilities: [N, classes], N >= splits, in no order of class.
        splits: how many parts.

    Returns:
        (mean, std): floats; the standard deviation (ddof 0) over the parts, as in the paper, is no error of the mean.

    Raises:
        UserError: fewer images than splits, or values that are no probabilities.
    """
    probabilities = check_probabilities(probabilities)
    if splits < 1:
        raise UserError(f"splits must be at least 1, got {splits}")
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


def class_histogram(labels_or_probabilities, num_classes):
    """The share of images of each class, float64 [num_classes] of sum 1; of probabilities, by the likeliest class.

    Args:
        labels_or_probabilities: integers [N], or probabilities [N, num_classes].
        num_classes: how many classes there are.

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


def label_agreement(probabilities, labels):
    """The share of images whose likeliest class is the label they were made for: a float in [0, 1].

    Args:
        probabilities: [N, classes].
        labels: integers [N], 0 <= label < classes.

    Raises:
        UserError: values that are no probabilities, or labels that do not fit them.
    """
    probabilities = check_probabilities(probabilities)
    labels = check_labels("labels", labels, *probabilities.shape)
    return float(np.mean(probabilities.argmax(axis=1) == labels))
