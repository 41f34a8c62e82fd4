"""What samples were asked for, kept beside them in every file format."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Asked:
    """What each of N samples was asked for, where the model is conditioned on it.

    Attributes:
        labels: classes, int64 [N], or None.
        captions: texts [N], or None.
    """

    labels: np.ndarray | None = None
    captions: np.ndarray | None = None


NOTHING = Asked()
