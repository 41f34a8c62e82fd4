"""Which epochs a call of `fit` trains, from where the training on these data stands."""

import dataclasses
import hashlib
from collections.abc import Iterator

import numpy as np

from tfgen.data.source import Examples, content_of

Segment = tuple[int, int, int]
_ROWS = 8  # of a fingerprint: to read them all would cost as much as an epoch


def epoch_segments(
    step: int,
    steps_per_epoch: int,
    initial_epoch: int,
    epochs: int,
    last_step: int | None = None,
    aligned: bool = True,
) -> Iterator[Segment]:
    """Yields (first epoch, end epoch, steps per epoch) of each run of equally long epochs, from `step` on.

    Args:
        step: training steps that have been done.
        steps_per_epoch: of a whole epoch.
        initial_epoch: number of the epoch to train next, counted from 0.
        epochs: number of the epoch before which training ends.
        last_step: training ends after this step at the latest, and cuts the last epoch short.
        aligned: whether epochs begin at multiples of `steps_per_epoch`; then a first epoch that has been trained in
            part before is as short as what is left of it.
    """
    epoch = initial_epoch
    done = step % steps_per_epoch if aligned else 0
    end = step - done + (epochs - initial_epoch) * steps_per_epoch
    end = end if last_step is None else min(end, last_step)
    if done and step < end:
        batches = min(steps_per_epoch - done, end - step)
        yield epoch, epoch + 1, batches
        step, epoch = step + batches, epoch + 1
    whole, rest = divmod(max(end - step, 0), steps_per_epoch)
    if whole:
        yield epoch, epoch + whole, steps_per_epoch
    if rest:
        yield epoch + whole, epoch + whole + 1, rest


def fingerprint(examples: Examples, batch_size: int) -> str:
    """Returns 16 hexadecimal digits of some examples and their number, by which the same data are known again.

    Args:
        examples: of which a few rows are read.
        batch_size: examples per step: with another one, epochs begin elsewhere.
    """
    digest = hashlib.sha256(f"{len(examples)} {batch_size}".encode())
    rows = np.unique(np.linspace(0, len(examples) - 1, _ROWS).astype(np.int64))
    for name, values in sorted(examples.gather(rows).items()):
        digest.update(name.encode() + content_of(values))
    return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the last call of `fit` has ended.

    Attributes:
        data: fingerprint of its data; "" where it is not known.
        offset: what is added to the model's step for the position in these data, whose epochs begin at multiples of
            their steps.
        step: of the model.
    """

    data: str = ""
    offset: int = 0
    step: int = 0

    def offset_for(self, data: str, step: int, steps_per_epoch: int) -> int:
        """Returns the offset with which `fit` goes on from `step`.

        On the same data an epoch that was interrupted is trained to its end; on other data, or where something else has
        been trained in between, a new epoch begins, whose order none of the earlier ones had.
        """
        if data and (data, step) == (self.data, self.step):
            return self.offset
        return -step % steps_per_epoch
