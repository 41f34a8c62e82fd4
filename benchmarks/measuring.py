"""What the benchmarks share: contenders in turns, ratios with their spread, Fashion-MNIST."""

import dataclasses
import statistics

import numpy as np


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How many times as fast `of` is as `to`, and how many are wanted (or None)."""

    of: str
    to: str
    wanted: float | None = None


def in_turns(contenders, seconds, repeats, say=print):
    """Windows of the contenders in turns, so that what else the machine does falls on all of them alike.

    The order is turned round from one round to the next; each contender has a window before them that does not count,
    with the compilation in it.

    Args:
        contenders: dict of name -> `f(seconds) -> Window`.
        seconds: of each window.
        repeats: rounds.

    Returns:
        dict of name -> list of `Window`, one a round.
    """
    for window in contenders.values():
        window(seconds)
    found = {name: [] for name in contenders}
    for turn in range(repeats):
        for name in list(contenders)[:: 1 if turn % 2 == 0 else -1]:
            window = contenders[name](seconds)
            found[name].append(window)
            say(f"round {turn + 1}  {name:<34} {window.done:12.6g} in {window.wall:.4g} s", flush=True)
    return found


def spread(values):
    """{"median", "low", "high"} of a list of numbers: the spread is from the lowest to the highest."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def ratios(windows, comparisons):
    """Each `Comparison` of contenders that were measured, as a dict: its ratios are those of windows in one round."""
    found = []
    for comparison in comparisons:
        if comparison.of in windows and comparison.to in windows:
            pairs = list(zip(windows[comparison.of], windows[comparison.to]))
            values = [(a.done / a.wall) / (b.done / b.wall) for a, b in pairs]
            by_cpu = [(a.done / a.cpu) / (b.done / b.cpu) for a, b in pairs if a.cpu > 0 and b.cpu > 0]
            row = dataclasses.asdict(comparison) | spread(values) | {"values": values}
            found.append(row | {"by_cpu": statistics.median(by_cpu) if by_cpu else None})
    return found


def garments(data_dir=None, count=None):
    """The first `count` training images of Fashion-MNIST, uint8 [N, 28, 28, 1]; random ones where there are none."""
    import tfgen

    try:
        images = tfgen.load_dataset("fashion_mnist", data_dir=data_dir).splits["train"].arrays["image"]
    except tfgen.UserError as error:
        print(f"random images instead of Fashion-MNIST ({error})")
        images = np.random.default_rng(0).integers(0, 256, (60_000, 28, 28, 1), dtype=np.uint8)
    return images[:count]
