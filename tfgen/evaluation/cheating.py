"""Samples that cheat: copies of training images, a leaked test set, few images repeated. Sentences for `findings`.

Real images say what is usual: as many images of the compared split are looked up among the training images, and
training images among those of the split. Duplicates in the data are so taken into account.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Collection, Iterator

import numpy as np

from tfgen.data.source import Examples
from tfgen.evaluation.likeness import SAMPLES, Likeness
from tfgen.evaluation.real import CHUNK, RealData, chosen, gathered
from tfgen.evaluation.samples import WORKERS, products_of_a_share
from tfgen.metrics.copies import exceeds, fingerprints, repeated
from tfgen.sampling.shards.reading import StoredSamples

LEAST = 0.02  # of the samples: fewer copies than this change no score
DIFFERENT = 5  # images that are copied or repeated: one that comes up often is a picture of the data, such as black

LEAST_NEAR = 0.1  # of the samples looked at
TAILS = (0.01, 0.05)  # of the real images, whose gaps are as large
STANDS_OUT = -0.4  # the log of a gap: what explains the sample leaves a third less of it than the next does
TWIN = -0.55  # the log of a gap among samples: they are 1.7 times nearer to those inside than to those outside
FEWEST = 40  # samples, without which nothing is said of near copies
SIMPLER = 0.75  # of the samples that some explanation holds for: the simplest one that comes up to this is told
MADE = {
    "moved": "near copies of {} (also moved, mirrored, turned, noisy, or of another contrast)",
    "parts": "copies of {} in one half of the picture at least, such as with a patch",
    "blurred": "copies of {} without their details, such as blurred ones",
    "pairs": "blends of two {}",
    "triples": "blends of three {}",
}


def findings(images: np.ndarray | StoredSamples, real: RealData, shown: Collection[str] = ()) -> list[str]:
    """Returns a sentence for each way in which samples repeat real images or each other; usually none.

    Args:
        images: the samples, uint8 [N, H, W, C], in memory or in shards.
        real: the data that they are compared with.
        shown: splits from whose images the samples were made, as translations are: resembling these is no cheating.
    """
    made = np.concatenate([fingerprints(part) for part in parts(images)])
    prints = {split: split_prints(real, split) for split in ("train", real.split)}
    said = [*copies(made, prints, real, shown), *repetitions(made, prints, real)]
    likeness = Likeness(real)
    if likeness.possible:
        new = np.flatnonzero(~np.isin(made, np.concatenate(list(prints.values()))) & ~repeated(made))
        with products_of_a_share(), concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            running = [pool.submit(near_copies, images, new, likeness, split) for split in prints if split not in shown]
            running.append(pool.submit(near_repetitions, images, new, likeness))
            said += [sentence for each in running for sentence in each.result()]
    return said


def copies(made: np.ndarray, prints: dict[str, np.ndarray], real: RealData, shown: Collection[str] = ()) -> list[str]:
    """Returns sentences on samples that equal images of the training or of the compared split."""
    said = []
    for split, other in (("train", real.split), (real.split, "train")):
        if split in shown:
            continue
        different, usual = np.unique(made), np.unique(prints[other])
        count = min(len(different), len(usual))
        drawn = [values[chosen(len(values), count, real.seed)] for values in (different, usual)]
        found, expected = (np.isin(values, prints[split]) for values in drawn)
        every = np.isin(made, prints[split])
        if found.sum() >= DIFFERENT and exceeds(found, expected, LEAST):
            said.append(f"{of(every)} are copies of {named(split)}, pixel by pixel: sample {rows(every)}")
    return said


def repetitions(made: np.ndarray, prints: dict[str, np.ndarray], real: RealData) -> list[str]:
    """Returns a sentence on samples that equal each other, apart from pictures that the data repeat as well."""
    usual = [values[chosen(len(values), len(made), real.seed)] for values in prints.values()]
    natural = np.concatenate([values[repeated(values)] for values in prints.values()])
    again = repeated(made) & ~np.isin(made, natural)
    if not all(exceeds(again, repeated(values), LEAST) for values in usual):
        return []
    return [
        f"the {len(made):,} samples are {len(np.unique(made)):,} different pictures, repeated: sample {rows(again)}"
    ]


def near_copies(images: np.ndarray | StoredSamples, new: np.ndarray, likeness: Likeness, split: str) -> list[str]:
    """Returns a sentence on samples that were made from few images each of a split; one at most.

    Args:
        images: the samples.
        new: the rows of those that are copied from nowhere, int [M].
        likeness: of the data.
        split: whose images are looked for.
    """
    looked = new[chosen(len(new), SAMPLES, likeness.real.seed)]
    if len(looked) < FEWEST:
        return []
    searches = likeness.searches(split)
    usual = likeness.usual(split, searches)
    seen: dict[str, list[tuple[float, np.ndarray, np.ndarray]]] = {}
    for what, found in likeness.gaps(images[looked], searches).items():
        first = np.unique(np.sort(found.images, axis=1), axis=0, return_index=True)[1]  # one per original
        for limit in np.minimum(np.quantile(usual[what], TAILS), STANDS_OUT):
            expected, near = usual[what] < limit, found.gap < limit
            if near[first].sum() >= DIFFERENT and exceeds(near[first], expected, LEAST_NEAR):
                seen.setdefault(what, []).append((near.mean() - expected.mean(), near, found.images))
    if not seen:
        return []
    best = {what: max(cases, key=lambda case: case[0]) for what, cases in seen.items()}
    enough = SIMPLER * max(case[0] for case in best.values())
    what, (_, near, originals) = next((what, case) for what, case in best.items() if case[0] >= enough)
    shown = ", ".join(f"{looked[i]} of image {' and '.join(map(str, originals[i]))}" for i in np.flatnonzero(near)[:3])
    return [f"{of(near)} looked at are {MADE[what].format(named(split))}: sample {shown}"]


def near_repetitions(images: np.ndarray | StoredSamples, new: np.ndarray, likeness: Likeness) -> list[str]:
    """Returns a sentence on samples that repeat few pictures with small changes; the arguments as in `near_copies`."""
    if len(new) < FEWEST:
        return []
    gap, near, usual = likeness.twins(images, new)
    limit = min(float(np.quantile(usual, TAILS[0])), TWIN)
    if not exceeds(gap < limit, usual < limit, LEAST_NEAR):
        return []
    return [
        f"{of(gap < limit)} looked at are repeated with small changes, such as noise or shifts: each has "
        f"{int(np.median(near[gap < limit])):,} others close to it (half of them more) and a gap around them"
    ]


def split_prints(real: RealData, split: str) -> np.ndarray:
    """Returns the `fingerprints` of a split, uint64 [N], in its order."""
    key = {"data": real.fingerprint(split), "split": split, "count": len(real.source.splits[split]), "prints": 1}
    made = lambda: np.concatenate([fingerprints(part) for part in pictures(real.source.splits[split])])  # noqa: E731
    return real.cache.get(key, lambda: {"prints": made()})["prints"]


def parts(images: np.ndarray | StoredSamples) -> Iterator[np.ndarray]:
    """Yields the samples `CHUNK` at once: they may lie in files."""
    return (images[start : min(start + CHUNK, len(images))] for start in range(0, len(images), CHUNK))


def pictures(examples: Examples) -> Iterator[np.ndarray]:
    """Yields the images of a split `CHUNK` at once."""
    for start in range(0, len(examples), CHUNK):
        yield gathered(examples, np.arange(start, min(start + CHUNK, len(examples))))[0]


def named(split: str) -> str:
    """Returns "training images", or "images of the test split"."""
    return "training images" if split == "train" else f"images of the {split} split"


def of(found: np.ndarray) -> str:
    """Returns "312 of 2,000 samples" for bool [N]."""
    return f"{int(found.sum()):,} of {len(found):,} samples"


def rows(found: np.ndarray) -> str:
    """Returns the indices of the first three that are true, as text."""
    first = ", ".join(map(str, np.flatnonzero(found)[:3]))
    return f"{first}, ..." if found.sum() > 3 else first
