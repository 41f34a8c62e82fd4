"""The reference features of a comparison: the splits of a data set after an extractor."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfgen.data.labels import labels_of
from tfgen.data.source import Arrays, Examples, Source
from tfgen.errors import UserError
from tfgen.evaluation.cache import Cache
from tfgen.sampling.shards.reading import StoredSamples

if TYPE_CHECKING:
    from tfgen.extractors.base import Extractor

CHUNK = 2_000
NUM_REAL = 10_000
PROBED = 64  # images that tell data in files apart


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of a comparison, reference or generated images, as the metrics see them.

    Attributes:
        features: float32 [N, F].
        probabilities: of classes, float32 [N, classes]; None where the extractor is not a classifier.
        labels: int [N], or None.
    """

    features: np.ndarray
    probabilities: np.ndarray | None = None
    labels: np.ndarray | None = None

    def __len__(self):
        return len(self.features)

    def take(self, rows: np.ndarray) -> Side:
        """Returns the rows with the indices int [M]."""
        probabilities, labels = (None if part is None else part[rows] for part in (self.probabilities, self.labels))
        return Side(self.features[rows], probabilities, labels)


def as_side(extractor: Extractor, images: np.ndarray | StoredSamples, labels: np.ndarray | None = None) -> Side:
    """Returns the `Side` of images uint8 [N, H, W, C]; with probabilities where the extractor is a classifier."""
    starts = range(0, max(len(images), 1), CHUNK)  # images may lie in files: only a part is decoded at once
    if extractor.classes is None:
        return Side(np.concatenate([extractor.features(images[s : s + CHUNK]) for s in starts]), None, labels)
    features, probabilities = zip(*(extractor.features_and_probabilities(images[s : s + CHUNK]) for s in starts))
    return Side(np.concatenate(features), np.concatenate(probabilities), labels)


class RealData:
    """The features of a data set, computed on first use and kept in a cache.

    Args:
        source: `tfgen.data.Source` of images.
        extractor: `Extractor`.
        cache: `Cache`.
        split: what samples are compared with: "test" for final scores, "validation" for all decisions.
        limit: the largest number of reference images.
        seed: of their choice, where the split has more.

    Attributes:
        rows: the indices int64 [M] of the reference images in their split.

    Raises:
        UserError: the data have no images, or no such split.
    """

    def __init__(
        self,
        source: Source,
        extractor: Extractor,
        cache: Cache,
        split: str = "test",
        limit: int = NUM_REAL,
        seed: int = 0,
    ) -> None:
        if "image" not in source.fields:
            raise UserError(f"{source.name} holds {', '.join(source.fields)} and no images to compare with")
        source.split(split)
        self.source, self.extractor, self.cache, self.split, self.seed = source, extractor, cache, split, seed
        self._whole: dict[str, Side] = {}
        self._prints: dict[str, str] = {}
        self.rows = chosen(len(source.splits[split]), limit, seed)

    @property
    def reference(self) -> Side:
        """The `Side` that samples are compared with."""
        return self.whole(self.split).take(self.rows)

    def training(self, count: int | None = None) -> Side:
        """Returns the `Side` of the training images, all or a choice of `count`."""
        whole = self.whole("train")
        return whole if count is None else whole.take(chosen(len(whole), count, self.seed))

    def training_images(self, count: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns (the images uint8 [count, H, W, C] of `training(count)`, their labels or None)."""
        examples = self.source.splits["train"]
        return gathered(examples, chosen(len(examples), count, self.seed))

    def whole(self, split: str) -> Side:
        """Returns the `Side` of a split, in its order."""
        if split not in self._whole:
            examples = self.source.splits[split]
            stored = self.cache.get(self._key(split), lambda: self._computed(examples))
            labels = labels_of(examples)
            self._whole[split] = Side(stored["features"], stored.get("probabilities"), labels)
        return self._whole[split]

    def _computed(self, examples):
        parts = []
        for start in range(0, len(examples), CHUNK):
            images, _ = gathered(examples, np.arange(start, min(start + CHUNK, len(examples))))
            parts.append(as_side(self.extractor, images))
        arrays = {"features": np.concatenate([part.features for part in parts])}
        if parts[0].probabilities is not None:
            arrays["probabilities"] = np.concatenate([part.probabilities for part in parts])
        return arrays

    def _key(self, split):
        examples = self.source.splits[split]
        described = self.extractor.describe()
        extractor = {name: described[name] for name in ("name", "version", "sha256", "resize")}
        return {"data": self.fingerprint(split), "split": split, "count": len(examples), "extractor": extractor}

    def fingerprint(self, split: str | None = None) -> str:
        """Returns the sha256 of a split's pixels; of its provenance and of some pixels where they are not in memory."""
        split = split or self.split
        if split not in self._prints:
            self._prints[split] = self._fingerprint(split)
        return self._prints[split]

    def _fingerprint(self, split):
        examples, rows = self.source.splits[split], np.arange(len(self.source.splits[split]))
        digest = hashlib.sha256(str(self.source.fields["image"].shape).encode())
        known = self.source.provenance.get("sha256")
        if known and "image" not in in_memory(examples):  # to decode them all would take as long as their features
            digest = hashlib.sha256(json.dumps([known, self.source.fields["image"].shape, split]).encode())
            rows = np.unique(np.linspace(0, len(rows) - 1, PROBED).astype(np.int64))  # of views and parts of the same
        for start in range(0, len(rows), CHUNK):
            images, _ = gathered(examples, rows[start : start + CHUNK])
            digest.update(np.ascontiguousarray(images).tobytes())
        return digest.hexdigest()

    def protocol(self) -> dict:
        """Returns the part of a score's protocol on the real images and the extractor, plain values."""
        real = {
            "dataset": self.source.name,
            "split": self.split,
            "count": len(self.rows),
            "image_shape": list(self.source.fields["image"].shape),
            "sha256": self.fingerprint(),
        }
        if len(self.rows) < len(self.source.splits[self.split]):
            real["seed"] = self.seed  # by which they were chosen: other seeds are other images
        return {"version": 1, "real": real, "extractor": self.extractor.describe()}


def chosen(length: int, count: int, seed: int) -> np.ndarray:
    """Returns the indices int64, ascending, of `count` of `length` rows, chosen by the seed; all if there are fewer."""
    if count >= length:
        return np.arange(length)
    return np.sort(np.random.default_rng(seed).choice(length, count, replace=False))


def gathered(examples: Examples, rows: ArrayLike) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns (images uint8 [M, H, W, C], labels int64 [M] or None) of the rows with the indices int [M]."""
    batch = examples.gather(np.asarray(rows, np.int64))
    return batch["image"], batch.get("label")


def in_memory(examples: Examples) -> dict[str, np.ndarray]:
    """Returns the arrays by name of a split that lies in memory, of which `examples.index` are the rows; else {}."""
    return examples.arrays if isinstance(examples, Arrays) else {}
