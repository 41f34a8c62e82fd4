"""Optimizers and learning-rate schedules from plain values."""
