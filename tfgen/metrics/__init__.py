"""Metrics: arrays in, floats out. Names are imported on use, so that metrics of arrays alone start no TensorFlow."""

import importlib

_NAMES = {
    "FeatureStatistics": "statistics",
    "active_units": "latents",
    "authentic": "memorisation",
    "authenticity": "memorisation",
    "annealed_importance_sampling": "annealing",
    "auroc": "anomalies",
    "bidirectional_monte_carlo": "annealing",
    "bits_per_dimension": "likelihood",
    "class_histogram": "scores",
    "clipped_precision_recall": "neighbours",
    "density_coverage": "neighbours",
    "dequantize": "likelihood",
    "elbo": "likelihood",
    "elbo_parts": "likelihood",
    "frechet_between": "distances",
    "frechet_bootstrap": "distances",
    "frechet_distance": "distances",
    "frechet_infinity": "distances",
    "frechet_spread": "influences",
    "importance_weighted_bound": "likelihood",
    "inception_score": "scores",
    "kernel_distance": "kernels",
    "label_agreement": "scores",
    "log_likelihood": "likelihood",
    "mean_absolute_error": "pairs",
    "mig": "latents",
    "modes_covered": "modes",
    "multiscale_structural_similarity": "pairs",
    "mutual_information_gap": "latents",
    "nearest": "memorisation",
    "neighbour_scores": "neighbours",
    "peak_signal_to_noise": "pairs",
    "per_class_frechet": "distances",
    "precision_recall": "neighbours",
    "reconstruction_error": "likelihood",
    "stacked_digits": "modes",
    "stacked_modes": "modes",
    "structural_similarity": "pairs",
}

__all__ = sorted(_NAMES)


def __getattr__(name):
    if name in _NAMES:
        return getattr(importlib.import_module(f"tfgen.metrics.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'tfgen.metrics' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
