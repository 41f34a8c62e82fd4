"""Samples that do not depend on the batch, and the files that hold them."""
