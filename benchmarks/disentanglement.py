"""docs/disentanglement.md: the mutual information gap of models of `shapes`, by seed, with median and spread.

    python -m benchmarks.disentanglement               # fills rows that are not there; stop it at any time
    python -m benchmarks.disentanglement --seeds=2     # the first two seeds of each

A row is one training. OUT.json keeps the rows; OUT.md is written from them, and names those that are not there.
"""

import argparse
import contextlib
import dataclasses
import io
import pathlib
import tempfile
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.rows import filled, not_run
from tfgen.storage.atomic import write_text

# the same networks, ten latents, and the number of steps of the recipes: model -> what differs from its recipe
MODELS = {"vae": {"latent_dim": 10}, "beta_tc_vae": {}, "factor_vae": {}}
STEPS, SEEDS = 3000, 10
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


@dataclasses.dataclass(frozen=True)
class Row:
    """One training: of a model from a seed, for so many steps."""

    model: str
    seed: int
    steps: int = STEPS

    @property
    def name(self) -> str:
        """Its key in OUT.json."""
        return f"{self.model}, seed {self.seed}, {self.steps} steps"


def rows(seeds: int, steps: int = STEPS) -> list[Row]:
    """Returns the rows, the first seed of all models before the second of any."""
    return [Row(model, seed, steps) for seed in range(seeds) for model in MODELS]


def measured(row: Row) -> float:
    """Trains, and returns the gap."""
    import keras

    import tfgen
    from tfgen.evaluation import Settings, evaluate_model

    keras.backend.clear_session()
    recipe = tfgen.load_recipe(row.model).replace(
        dataset="shapes", seed=row.seed, steps=row.steps, options=MODELS[row.model]
    )
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        run = tfgen.train(recipe, folder)
        settings = Settings(metrics=("mig",), controls=False)
        return evaluate_model(run.model, run.source(), settings, say=lambda line: None).scores["mig"].value


def page(found: Mapping[str, float], steps: int = STEPS, seeds: int = SEEDS) -> str:
    """Returns the page of what was found; the first model is the one to compare with."""
    gaps = {
        model: {r.seed: found[r.name] for r in rows(seeds, steps) if r.model == model and r.name in found}
        for model in MODELS
    }
    reference = list(gaps[next(iter(gaps))].values())
    table = "\n".join(table_row(model, list(values.values()), reference) for model, values in gaps.items())
    missing = {model: [seed for seed in range(seeds) if seed not in values] for model, values in gaps.items()}
    left = not_run([f"{model} (seeds {', '.join(map(str, rest))})" for model, rest in missing.items() if rest])
    command = "`python -m benchmarks.disentanglement` runs what is missing and writes this page."
    return "\n".join([f"{HEAD.format(steps=steps)}{table}\n", *([left] if left else []), f"{command}\n"])


def table_row(name: str, values: Sequence[float], reference: Sequence[float]) -> str:
    """Returns the row of a model; without any run its cells are empty."""
    if not values:
        return f"| `{name}` | 0 | | | | |"
    low, median, high = np.percentile(values, [25, 50, 75])
    above = f"{sum(v > np.median(reference) for v in values)} of {len(values)}" if reference else ""
    spread = f"{low:.3f} to {high:.3f} | {min(values):.3f} to {max(values):.3f}"
    return f"| `{name}` | {len(values)} | {median:.3f} | {spread} | {above} |"


def main() -> None:
    """Runs what is missing, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs per model")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/disentanglement"), help="without suffix")
    given = parser.parse_args()
    found = filled(given.out.with_suffix(".json"), rows(given.seeds), measured)
    write_text(given.out.with_suffix(".md"), page(found))


if __name__ == "__main__":
    main()
