"""Evaluation of a run or of a file of samples: scores with intervals, floors and protocols, and controls."""

from tfgen.evaluation.differences import compare, within_error
from tfgen.evaluation.evaluation import Evaluation, evaluate_model, evaluate_samples
from tfgen.evaluation.settings import Settings
from tfgen.metrics.score import Score, check_comparable

__all__ = [
    "Evaluation",
    "Score",
    "Settings",
    "check_comparable",
    "compare",
    "evaluate_model",
    "evaluate_samples",
    "within_error",
]
