"""Optimizers and learning-rate schedules from plain values; importing any of them lets Keras load all of them."""

from tfgen.optimizers import fused, schedules  # noqa: F401  a saved optimizer names classes of both
