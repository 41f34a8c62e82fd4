"""The parts of the benchmark by name, in the order of the page."""

from benchmarks.around import evaluation, pipeline, sampling, startup
from benchmarks.training import fit, onednn, peak, published, pythae, torch

_ALL = (fit, published, torch, pythae, onednn, peak, pipeline, startup, evaluation, sampling)
PARTS = {part.__name__: part for part in _ALL}
ELSEWHERE = ("torch", "pythae")  # they need the other environment
