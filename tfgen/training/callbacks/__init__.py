"""Keras callbacks of a training run. All of them bear an epoch that is run again after a resume."""

from tfgen.training.callbacks.guards import NonFiniteError, StopAfter, StopAfterCPU, StopOnNonFinite
from tfgen.training.callbacks.history import HistoryCSV
from tfgen.training.callbacks.progress import Progress
from tfgen.training.callbacks.samples import SampleGrid
from tfgen.training.callbacks.tensorboard import TensorBoard

__all__ = [
    "HistoryCSV",
    "NonFiniteError",
    "Progress",
    "SampleGrid",
    "StopAfter",
    "StopAfterCPU",
    "StopOnNonFinite",
    "TensorBoard",
]
