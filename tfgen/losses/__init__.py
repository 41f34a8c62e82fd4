"""Adversarial losses: pairs of pure functions on discriminator logits, one formula per file.

A new one is a file that ends in `NAME = Loss(...)`, and a line here that imports it: then `--set=loss=NAME` finds it,
and `tfgen.losses.NAME`.
"""

from tfgen.losses.base import Loss, Selection
from tfgen.losses.cross_entropy import (
    cross_entropy_discriminator,
    minimax,
    minimax_generator,
    non_saturating,
    non_saturating_generator,
)
from tfgen.losses.hinge import hinge, hinge_discriminator
from tfgen.losses.least_squares import least_squares, least_squares_discriminator, least_squares_generator
from tfgen.losses.relativistic import relativistic, relativistic_discriminator, relativistic_generator
from tfgen.losses.relativistic_average import relativistic_average
from tfgen.losses.top_k import TopK, top_k
from tfgen.losses.wasserstein import wasserstein, wasserstein_discriminator, wasserstein_generator
