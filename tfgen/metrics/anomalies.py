"""How well a score of single examples tells unusual ones from others."""

import numpy as np
from numpy.typing import ArrayLike

from tfgen.errors import UserError


def auroc(scores: ArrayLike, unusual: ArrayLike) -> float:
    """Returns the area under the ROC curve: P(score of an unusual example > score of another) + P(equal) / 2.

    It is the Mann-Whitney statistic of the ranks, in which equal scores share their mean rank (Hanley, McNeil 1982).

    Args:
        scores: real numbers [N], larger where an example is thought less usual.
        unusual: bool [N], True where it is.

    Returns:
        a number in [0, 1]; 1/2 of scores that say nothing.

    Raises:
        UserError: other shapes, scores that are NaN, or examples of one kind alone.
    """
    values, marks = np.asarray(scores, np.float64), np.asarray(unusual)
    if values.ndim != 1 or marks.shape != values.shape or marks.dtype != bool:
        raise UserError(
            f"auroc takes scores [N] and bools [N], got {values.shape} and {marks.dtype} of shape {marks.shape}"
        )
    if np.isnan(values).any():
        raise UserError("auroc takes scores without NaN: leave those examples out")
    count = int(marks.sum())
    if count in (0, len(marks)):
        raise UserError(f"auroc needs unusual examples and others, got {count} and {len(marks) - count}")
    _, places, repeats = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(repeats) - (repeats - 1) / 2.0)[places]
    return float((ranks[marks].sum() - count * (count + 1) / 2.0) / (count * (len(marks) - count)))
