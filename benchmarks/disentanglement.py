"""docs/disentanglement.md: the mutual information gap of models of `shapes`, by seed, with median and spread.

    python -m benchmarks.disentanglement --work=FOLDER                    # runs what is not there yet, then the page
    python -m benchmarks.disentanglement --work=FOLDER --seeds=2          # the first two seeds of each

The runs are those of a leaderboard in FOLDER, which can be interrupted; a row that has not been run stays empty and is
named. The page is written anew after every sitting.
"""

import argparse
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from tfgen.evaluation.board import Board
from tfgen.evaluation.record import Record

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "disentanglement.md"
# the same networks, ten latents, and the number of steps of the recipes
ENTRIES, STEPS, SEEDS = ("vae:latent_dim=10", "beta_tc_vae", "factor_vae"), 3000, 10
HEAD = """# Disentanglement

The mutual information gap (Chen et al. 2018, equation 6) of the means of q(z|x) on `shapes`, drawings of 32 x 32 pixels
whose shape, scale, orientation, x and y are known: for each factor, how much more the latent that knows it best says of
it than the next one, as a share of the factor's entropy, in 20 bins per latent; the mean over factors. Three models
with the same convolutions, ten latents and {steps:,} steps of 64 drawings, ten seeds each: `vae`, `beta_tc_vae` (the
total correlation weighs 6) and `factor_vae` (10). A seed decides much, hence the quartiles, the smallest and the
largest gap.

| model | seeds | median | quartiles | smallest to largest | seeds above the median of `vae` |
|---|---|---|---|---|---|
"""


def board(work: str, seeds: int, steps: int = STEPS) -> Board:
    """Returns the board of the runs."""
    return Board("shapes", f"{steps}steps", entries=ENTRIES, seeds=seeds, workdir=work, metrics=["mig"])


def gaps_of(found: Board) -> dict[str, dict[int, float]]:
    """Returns entry -> seed -> gap, of the runs that are done."""
    records: dict[str, list[tuple[int, Record]]] = {
        entry.name: [(seed, found.record(entry, seed)) for seed in range(SEEDS)] for entry in found.entries
    }
    return {
        name: {seed: one.outcome.scores["mig"]["value"] for seed, one in rows if one.outcome and one.outcome.scores}
        for name, rows in records.items()
    }


def page(gaps: Mapping[str, Mapping[int, float]], steps: int = STEPS, seeds: int = SEEDS) -> str:
    """Returns the page of gaps: entry -> seed -> gap; the first entry is the one to compare with."""
    names = [name.partition(":")[0] for name in gaps]
    reference = list(gaps[next(iter(gaps))].values())
    lines = [row(name, list(found.values()), reference) for name, found in zip(names, gaps.values(), strict=True)]
    missing = {n: [s for s in range(seeds) if s not in found] for n, found in zip(names, gaps.values(), strict=True)}
    text = HEAD.format(steps=steps) + "\n".join(lines) + "\n"
    left = [f"{name} (seeds {', '.join(map(str, rest))})" for name, rest in missing.items() if rest]
    if left:
        text += f"\nNot yet run: {'; '.join(left)}.\n"
    return text + "\n`python -m benchmarks.disentanglement --work=FOLDER` runs what is missing and writes this page.\n"


def row(name: str, values: Sequence[float], reference: Sequence[float]) -> str:
    """Returns the row of a model; without any run its cells are empty."""
    if not values:
        return f"| `{name}` | 0 | | | | |"
    low, median, high = np.percentile(values, [25, 50, 75])
    above = f"{sum(v > np.median(reference) for v in values)} of {len(values)}" if reference else ""
    spread = f"{low:.3f} to {high:.3f} | {min(values):.3f} to {max(values):.3f}"
    return f"| `{name}` | {len(values)} | {median:.3f} | {spread} | {above} |"


def main() -> None:
    """Runs what is missing, and writes the page, also after an interruption."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, help="folder of the runs")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs per model")
    parser.add_argument("--out", type=pathlib.Path, default=PAGE, help="the page")
    given = parser.parse_args()
    runs = board(given.work, given.seeds)
    try:
        runs.run()
    finally:
        given.out.write_text(page(gaps_of(runs)), encoding="utf-8")


if __name__ == "__main__":
    main()
