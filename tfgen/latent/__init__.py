"""What the latents of a trained model hold: paths, traversals, vector arithmetic, projections, directions, truncation.

    space = tfgen.latent.Space(run.model, run.source)
    found = tfgen.latent.interpolate(space, rows=4, seed=1)          # found.picture, found.values
    prior = tfgen.latent.fit_prior(model, images, "gmm:10")          # sampler=tfgen.samplers.latent(prior)
    tfgen.latent.explore_run("runs/dcgan", "arithmetic", {"expression": "dark bag - light bag + light dress"})

Names are imported on use: importing this package starts no TensorFlow.
"""

import importlib
from typing import Any

# action -> the module that holds it; the command line takes them in this order
ACTIONS = {
    "interpolate": "paths",
    "walk": "paths",
    "traverse": "traversal",
    "arithmetic": "vectors",
    "project": "projection",
    "truncation": "truncating",
    "directions": "directing",
}
_NAMES = {
    **ACTIONS,
    "fit_prior": "tfgen.runs.priors",
    "Space": "space",
    "Exploration": "exploration",
    "Judge": "judging",
    "explore_run": "exploring",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        place = _NAMES[name] if "." in _NAMES[name] else f"tfgen.latent.{_NAMES[name]}"
        return getattr(importlib.import_module(place), name)
    raise AttributeError(f"module 'tfgen.latent' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
