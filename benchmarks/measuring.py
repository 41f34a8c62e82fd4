"""What the benchmarks share: contenders in turns, medians, Fashion-MNIST."""

import statistics
import time

import numpy as np


def in_turns(contenders, repeats):
    """Runs the contenders A B C A B C ..., so that what else the machine does falls on all of them alike.

    Args:
        contenders: dict of name -> function, which does its work and returns how many images it went through.
        repeats: rounds; every contender is run once before them, which is not counted.

    Returns:
        dict of name -> list of (images per second, images per CPU second), one for each round.
    """
    for run in contenders.values():
        run()
    rates = {name: [] for name in contenders}
    for turn in range(repeats):
        for name, run in contenders.items():
            wall, cpu = time.perf_counter(), time.process_time()
            images = run()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            rates[name].append((images / wall, images / cpu))
            print(
                f"round {turn + 1}  {name:<28} {images / wall:9.0f} images/s {images / cpu:9.0f} images/CPU s",
                flush=True,
            )
    return rates


def report(rates, base):
    """Prints each contender's medians, and the medians of its ratios to `base` in the same round."""
    for name, rows in rates.items():
        medians = [statistics.median(column) for column in zip(*rows)]
        line = f"{name:<28} {medians[0]:9.0f} images/s {medians[1]:9.0f} images/CPU s"
        if name != base:
            ratios = [[a / b for a, b in zip(row, other)] for row, other in zip(rows, rates[base])]
            wall, cpu = (statistics.median(column) for column in zip(*ratios))
            line += f"   ratio to {base}: {wall:.3f} (by CPU seconds {cpu:.3f})"
        print(line)


def garments(data_dir=None, count=None):
    """The first `count` training images of Fashion-MNIST, uint8 [N, 28, 28, 1]; random ones where there are none."""
    import tfgen

    try:
        images = tfgen.load_dataset("fashion_mnist", data_dir=data_dir).splits["train"].arrays["image"]
    except tfgen.UserError as error:
        print(f"random images instead of Fashion-MNIST ({error})")
        images = np.random.default_rng(0).integers(0, 256, (60_000, 28, 28, 1), dtype=np.uint8)
    return images[:count]
