"""What pictures show, as a classifier sees them: their class, and whether they are dark or light for it."""

from __future__ import annotations

import functools

import numpy as np

from tfgen.errors import UserError
from tfgen.evaluation.classes import other_classes
from tfgen.evaluation.real import Side, as_side, chosen, gathered
from tfgen.extractors import default_extractor, load_extractor
from tfgen.extractors.base import Extractor
from tfgen.latent.discriminant import Discriminant
from tfgen.latent.space import Space
from tfgen.metrics.neighbours import NeighbourReference
from tfgen.storage.images import as_bytes

SHADES = ("dark", "light")
TRAINED, HELD_OUT = 10_000, 2_000  # real images that are looked at, at most
K = 3  # of precision


class Realism:
    """How real pictures look, by the features of held-out images.

    Args:
        space: whose data set the real images come from.
        extractor: name; by default that of the data set.
    """

    def __init__(self, space: Space, extractor: str | None = None) -> None:
        self.source = space.source
        self.extractor: Extractor = load_extractor(extractor or default_extractor(self.source))
        rows = chosen(len(space.held_out), HELD_OUT, 0)
        self.real, self.labels = gathered(space.held_out, rows)

    @functools.cached_property
    def side(self) -> Side:
        """Held-out images after the extractor."""
        return as_side(self.extractor, self.real, self.labels)

    @functools.cached_property
    def reference(self) -> NeighbourReference:
        """The neighbours of held-out images."""
        return NeighbourReference(self.side.features, K, None)

    def precision(self, pictures: np.ndarray) -> float:
        """Returns the share of pictures, uint8 [N, H, W, C], that the real images' balls cover: their precision."""
        return self.reference.scores(self.extractor.features(pictures))["precision"]


class Judge(Realism):
    """The class of a picture, and its shade: dark or light, below or above the median brightness of its class.

    Classes are those of the extractor where it is a classifier of this data set, else of a linear discriminant of its
    features, trained on the training images.

    Raises:
        UserError: the data set has no labels.
    """

    def __init__(self, space: Space, extractor: str | None = None) -> None:
        super().__init__(space, extractor)
        classes = self.source.num_classes
        if not classes or self.labels is None:
            raise UserError(
                f"classes are needed to find their latents, and {self.source.name} has no labels: give a --dataset "
                "that has"
            )
        self.classes = classes
        train = self.source.splits["train"]
        self.images, labels = gathered(train, chosen(len(train), TRAINED, 0))
        self.image_labels = np.asarray(labels)
        bright = brightness(self.images)
        groups = [bright[self.image_labels == c] for c in range(classes)]
        groups = [group if len(group) else bright for group in groups]  # a class without images is never asked for
        self.medians = np.asarray([np.median(group) for group in groups])
        self.thirds = np.asarray([np.quantile(group, (1 / 3, 2 / 3)) for group in groups])

    @property
    def names(self) -> list[str]:
        """The names of the classes."""
        return list(self.source.class_names or map(str, range(self.classes)))

    @functools.cached_property
    def _discriminant(self) -> Discriminant | None:
        if self.side.probabilities is not None and other_classes(self.extractor, self.source, self.side) is None:
            return None
        return Discriminant(self.extractor.features(self.images), self.image_labels, self.classes)

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """Returns the probabilities of the classes, float [N, classes], of pictures uint8 [N, H, W, C]."""
        if self._discriminant is None:
            return self.extractor.probabilities(pictures)
        return self._discriminant.probabilities(self.extractor.features(pictures))

    def shades(self, pictures: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Returns 0 (dark) or 1 (light) of pictures of these classes, int64 [N]."""
        return (brightness(pictures) > self.medians[classes]).astype(np.int64)

    def clearly(self, pictures: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Returns 0 for the darkest third of a class, 1 for the lightest, -1 between them; int64 [N]."""
        bright, thirds = brightness(pictures), self.thirds[classes]
        return np.where(bright < thirds[:, 0], 0, np.where(bright > thirds[:, 1], 1, -1))

    @functools.cached_property
    def accuracy(self) -> float:
        """The share of held-out images whose class is recognised."""
        return float((self.probabilities(self.real).argmax(axis=1) == self.labels).mean())

    def described(self) -> dict:
        """Returns plain values on how classes are seen."""
        how = "its own classes" if self._discriminant is None else "a linear discriminant of its features"
        return {"extractor": repr(self.extractor), "classes": how, "accuracy": self.accuracy}


def brightness(pictures: np.ndarray) -> np.ndarray:
    """Returns the mean of all pixels in [0, 1], float64 [N], of pictures uint8 or float in [0, 1] [N, H, W, C]."""
    pictures = as_bytes(pictures)
    return pictures.reshape(len(pictures), -1).mean(axis=1, dtype=np.float64) / 255.0
