"""The real side of a comparison: a data set's splits through an extractor."""

import dataclasses
import hashlib
import json

import numpy as np

from tfgen.errors import UserError

CHUNK = 2_000
NUM_REAL = 10_000


@dataclasses.dataclass(frozen=True)
class Side:
    """Images as the metrics see them: features float32 [N, F], probabilities [N, C] or None, labels [N] or None."""

    features: np.ndarray
    probabilities: np.ndarray | None = None
    labels: np.ndarray | None = None

    def __len__(self):
        return len(self.features)

    def take(self, rows):
        parts = (self.features, self.probabilities, self.labels)
        return Side(*(None if part is None else part[rows] for part in parts))


def as_side(extractor, images, labels=None):
    """The `Side` of images [N, H, W, C]; probabilities where the extractor is a classifier."""
    starts = range(0, max(len(images), 1), CHUNK)  # images may lie in files: only a part is decoded at once
    if extractor.classes is None:
        return Side(np.concatenate([extractor.features(images[s : s + CHUNK]) for s in starts]), None, labels)
    parts = [extractor.features_and_probabilities(images[s : s + CHUNK]) for s in starts]
    return Side(*map(np.concatenate, zip(*parts)), labels)


class RealData:
    """A data set through an extractor, computed when asked for and kept in a cache.

    Args:
        source: `tfgen.data.Source` of images.
        extractor: `Extractor`.
        cache: `Cache`.
        split: what samples are compared with: "test" for final scores, "validation" for all decisions.
        limit: images of that split that take part, at most.
        seed: of the choice, where there are more.

    Raises:
        UserError: the data have no images, or no such split.
    """

    def __init__(self, source, extractor, cache, split="test", limit=NUM_REAL, seed=0):
        if "image" not in source.fields:
            raise UserError(f"{source.name} holds {', '.join(source.fields)} and no images to compare with")
        if split not in source.splits:
            raise UserError(f"{source.name} has no split {split!r}; it has {', '.join(source.splits)}")
        self.source, self.extractor, self.cache, self.split, self.seed = source, extractor, cache, split, seed
        self._whole, self._prints = {}, {}
        self._rows = chosen(len(source.splits[split]), limit, seed)

    @property
    def reference(self):
        """The images that samples are compared with."""
        return self.whole(self.split).take(self._rows)

    def training(self, count=None):
        """The training images, all or a choice of `count`."""
        whole = self.whole("train")
        return whole if count is None else whole.take(chosen(len(whole), count, self.seed))

    def training_images(self, count):
        """The pictures of `training(count)` and their labels, or None."""
        examples = self.source.splits["train"]
        return gathered(examples, chosen(len(examples), count, self.seed))

    def whole(self, split):
        """A split in its order."""
        if split not in self._whole:
            examples = self.source.splits[split]
            stored = self.cache.get(self._key(split), lambda: self._computed(examples))
            labels = gathered_labels(examples)
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

    def fingerprint(self, split=None):
        """sha256 of a split's pixels, or of its provenance where they are not in memory."""
        split = split or self.split
        if split not in self._prints:
            self._prints[split] = self._fingerprint(split)
        return self._prints[split]

    def _fingerprint(self, split):
        examples = self.source.splits[split]
        if not hasattr(examples, "arrays"):
            plain = json.dumps([self.source.provenance.get("sha256"), self.source.fields["image"].shape, split])
            return hashlib.sha256(plain.encode()).hexdigest()
        digest = hashlib.sha256(str(self.source.fields["image"].shape).encode())
        for start in range(0, len(examples), CHUNK):
            images, _ = gathered(examples, np.arange(start, min(start + CHUNK, len(examples))))
            digest.update(np.ascontiguousarray(images).tobytes())
        return digest.hexdigest()

    def protocol(self):
        """What a figure must say of the real side and of the extractor."""
        return {
            "version": 1,
            "real": {
                "dataset": self.source.name,
                "split": self.split,
                "count": len(self._rows),
                "image_shape": list(self.source.fields["image"].shape),
                "sha256": self.fingerprint(),
            },
            "extractor": self.extractor.describe(),
        }


def chosen(length, count, seed):
    """`count` of `length` rows in order, the same for the same seed; all where there are no more."""
    if count >= length:
        return np.arange(length)
    return np.sort(np.random.default_rng(seed).choice(length, count, replace=False))


def gathered(examples, rows):
    """(images, labels or None) of some rows."""
    batch = examples.gather(np.asarray(rows, np.int64))
    return batch["image"], batch.get("label")


def gathered_labels(examples):
    """All labels int64 [N], or None; no picture is decoded where the labels lie in memory."""
    if "label" not in examples.fields():
        return None
    arrays = getattr(examples, "arrays", None)
    if arrays is not None:
        index = examples.index
        return arrays["label"] if index is None else arrays["label"][index]
    starts = range(0, len(examples), CHUNK)
    return np.concatenate([gathered(examples, np.arange(s, min(s + CHUNK, len(examples))))[1] for s in starts])
