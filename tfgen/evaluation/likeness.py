"""Near copies among samples: gaps to training images and to the compared split, beside those of real images."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from tfgen.evaluation.real import CHUNK, RealData, chosen, gathered, in_memory
from tfgen.metrics.gaps import Search, twin_gaps
from tfgen.metrics.lenses import lenses
from tfgen.sampling.shards.reading import StoredSamples

VERSION = 3  # of what is cached
SAMPLES, USUAL, TWINS = 256, 256, 4_000  # samples and real images that are looked up; samples compared with each other
MADE_FROM = 3_000  # training images whose components are computed
ENOUGH = 64  # images of a split, and pixels: with fewer, no image stands out


@dataclasses.dataclass(frozen=True)
class Gaps:
    """What was found of some images.

    Attributes:
        gap: how far what explains an image stands out among other images, [M]; 0 or below.
        images: the rows that explain it, int [M, 1 to 3].
    """

    gap: np.ndarray
    images: np.ndarray


class Likeness:
    """Searches for real images that samples were made from.

    Args:
        real: the data, with a training and a compared split.
    """

    def __init__(self, real: RealData) -> None:
        self.real = real

    @property
    def possible(self) -> bool:
        """Whether there are enough images and pixels for any to stand out."""
        sizes = [len(self.real.source.splits[split]) for split in ("train", self.real.split)]
        return min(*sizes, int(np.prod(self.real.source.fields["image"].shape))) >= ENOUGH

    @functools.cached_property
    def lenses(self) -> dict:
        """The lenses made from training images."""
        return lenses(self.some("train", MADE_FROM))

    def some(self, split: str, count: int) -> np.ndarray:
        """Returns `count` images of a split, uint8 [N, H, W, C], chosen by the seed; all if there are fewer."""
        examples = self.real.source.splits[split]
        return gathered(examples, chosen(len(examples), count, self.real.seed))[0]

    def searches(self, split: str) -> dict[str, list[Search]]:
        """Returns a `Search` per lens among all images of a split."""
        examples = self.real.source.splits[split]
        views = [lens for group in self.lenses.values() for lens in group]

        def computed():
            codes: list[list[np.ndarray]] = [[] for _ in views]
            for start in range(0, len(examples), CHUNK):
                images, _ = gathered(examples, np.arange(start, min(start + CHUNK, len(examples))))
                for lens, found in zip(views, codes):
                    found.append(lens.codes(images))
            return {str(i): np.concatenate(found) for i, found in enumerate(codes)}

        stored = (
            computed() if "image" in in_memory(examples) else self.real.cache.get(self._key(split, "codes"), computed)
        )
        every = iter(Search(stored[str(i)]) for i in range(len(views)))
        return {name: [next(every) for _ in group] for name, group in self.lenses.items()}

    def gaps(self, images: np.ndarray, searches: dict[str, list[Search]], usual: bool = False) -> dict[str, Gaps]:
        """Returns the `Gaps` of samples, or of real images (`usual`), to a split, by what may have been done to it."""
        found = {}
        for name in ("moved", "parts", "blurred"):
            each = [s.gap(lens.sample_codes(images, usual)) for lens, s in zip(self.lenses[name], searches[name])]
            gap, rows = (np.stack(part) for part in zip(*each))
            best = gap.argmin(axis=0), np.arange(len(images))
            found[name] = Gaps(gap[best], rows[best][:, None])
        blends = searches["even"][0].blend_gaps(self.lenses["even"][0].codes(images))
        return found | {name: Gaps(*pair) for name, pair in zip(("pairs", "triples"), blends)}

    def usual(self, split: str, searches: dict[str, list[Search]]) -> dict[str, np.ndarray]:
        """Returns the gaps of images of the other split, those of samples that copy nothing."""
        other = self.real.split if split == "train" else "train"

        def computed():
            found = self.gaps(self.some(other, USUAL), searches, usual=True)
            return {name: each.gap for name, each in found.items()}

        return self.real.cache.get(self._key(split, "gaps"), computed)

    def twins(self, images: np.ndarray | StoredSamples, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns (gaps among samples, those in `rows`, the numbers of their twins, gaps among training images)."""
        count = min(len(rows), len(self.real.source.splits["train"]), TWINS)
        gap, near = self._twins(images[rows[chosen(len(rows), count, self.real.seed)]])
        computed = lambda: {"gap": self._twins(self.some("train", count))[0]}  # noqa: E731
        near = near * len(rows) // count  # of all samples
        return gap, near, self.real.cache.get(self._key("train", f"twins of {count}"), computed)["gap"]

    def _twins(self, images):
        rows = chosen(len(images), SAMPLES, self.real.seed)
        moved = self.lenses["moved"][0]
        return twin_gaps(moved.sample_codes(images[rows]), moved.codes(images), rows)

    def _key(self, split, what):
        prints = {name: self.real.fingerprint(name) for name in ("train", self.real.split)}
        return {"data": prints, "split": split, "what": what, "version": VERSION, "seed": self.real.seed}
