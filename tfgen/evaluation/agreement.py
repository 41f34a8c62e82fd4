"""Whether samples show what their captions ask for, as the data set checks it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from tfgen.data.agreement import Agreement
from tfgen.evaluation.contest import Contest
from tfgen.evaluation.real import CHUNK, RealData, Side
from tfgen.sampling.shards.reading import StoredSamples


def with_agreement(
    contest: Contest, agreement: Agreement, samples: np.ndarray | StoredSamples, captions: np.ndarray, real: RealData
) -> Contest:
    """Returns the contest with what samples and reference images show of what their captions ask for.

    The class is checked where the extractor classifies the classes of the data.

    Args:
        contest: of the samples.
        agreement: of the data set.
        samples: uint8 [N, H, W, C].
        captions: texts [N].
        real: the data set, with captions of its own.

    Raises:
        UserError: a caption says nothing that can be checked.
    """
    examples, starts = real.source.splits[real.split], range(0, len(samples), CHUNK)
    classified = contest.fake.probabilities is not None and not contest.other_classes
    made = ((samples[start : start + CHUNK], captions[start : start + CHUNK]) for start in starts)
    batches = (examples.gather(real.rows[start : start + CHUNK]) for start in range(0, len(real.rows), CHUNK))
    originals = ((batch["image"], batch[agreement.field]) for batch in batches)
    sides = (contest.fake, contest.real) if classified else (None, None)
    seen, floor = (agreed(agreement, *pair) for pair in zip((made, originals), sides, strict=True))
    return dataclasses.replace(contest, agreed=seen, agreed_real=floor)


def agreed(
    agreement: Agreement, parts: Iterable[tuple[np.ndarray, np.ndarray]], side: Side | None
) -> dict[str, np.ndarray]:
    """Returns attribute -> whether each image shows what its caption asks for, bool [N].

    Args:
        agreement: of the data set.
        parts: (images uint8 [n, H, W, C], captions [n]), one part after the other: images may lie in files.
        side: all of these images as a classifier sees them; None: no class is checked.
    """
    found: dict[str, list[np.ndarray]] = {}
    classes = None if side is None else np.asarray(side.probabilities).argmax(axis=1)
    done = 0
    for images, captions in parts:
        here = None if classes is None else classes[done : done + len(images)]
        for name, cases in agreement(images, captions, here).items():
            found.setdefault(name, []).append(cases)
        done += len(images)
    return {name: np.concatenate(cases) for name, cases in found.items()}
