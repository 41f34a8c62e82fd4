"""Sampling that does not depend on the batch size, and the files of samples."""
