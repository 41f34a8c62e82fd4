"""Metrics: arrays in, floats out. Names are imported on use, so that those on arrays alone start no TensorFlow."""

import importlib

_NAMES = {
    "elbo": "likelihood",
    "importance_weighted_bound": "likelihood",
    "modes_covered": "modes",
    "precision_recall": "neighbours",
    "stacked_digits": "modes",
    "stacked_modes": "modes",
}

__all__ = sorted(_NAMES)


def __getattr__(name):
    if name in _NAMES:
        return getattr(importlib.import_module(f"tfgen.metrics.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'tfgen.metrics' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
