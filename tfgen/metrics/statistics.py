"""Mean and covariance of features, accumulated batch by batch in float64, and their file."""

import os
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfgen.errors import UserError
from tfgen.metrics.checks import check_features, check_lengths
from tfgen.storage.atomic import replacing

ROWS = 4096  # centred at once in float64: 64 MB of 2,048 features
_DAMAGE = (OSError, EOFError, KeyError, MemoryError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error)


class FeatureStatistics:
    """The number, mean and covariance of features that come in batches; memory depends on their length F alone.

    Batches are centred before they are squared, and merged by Chan, Golub and LeVeque 1979, equation 2.1: no digits are
    lost where the mean is large compared with the spread.

    Attributes:
        count: number of features so far.
        mean: float64 [F]; None before the first update.
        scatter: float64 [F, F], the sum of (x - mean)(x - mean)^T; None before the first update.
    """

    count: int
    mean: Any
    scatter: Any

    def __init__(self) -> None:
        self.count, self.mean, self.scatter = 0, None, None

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased estimate (ddof 1), float64 [F, F]; raises `UserError` before the second sample."""
        if self.count < 2:
            raise UserError(f"a covariance needs at least 2 samples, but there are {self.count}")
        return self.scatter / (self.count - 1)

    def update(self, features: ArrayLike) -> "FeatureStatistics":
        """Adds features [N, F] and returns itself.

        Raises:
            UserError: they are not features, or of another length; nothing has been added then.
        """
        features = check_features("features", features, rows=0)
        self._check_length(features.shape[1])
        for start in range(0, len(features), ROWS):
            batch = features[start : start + ROWS].astype(np.float64)
            mean = batch.mean(axis=0)
            batch -= mean
            self._merge(len(batch), mean, batch.T @ batch)
        return self

    def merge(self, other: "FeatureStatistics") -> "FeatureStatistics":
        """Adds the features that another one has accumulated and returns itself."""
        if other.count:
            self._check_length(len(other.mean))
            self._merge(other.count, other.mean, other.scatter)
        return self

    def save(self, path: str | os.PathLike) -> None:
        """Writes an .npz of `count`, `mean` and `scatter`, atomically; raises `UserError` without any features."""
        if not self.count:
            raise UserError(f"there are no statistics to save to {path}: update them with features first")
        with replacing(path) as partial, open(partial, "wb") as file:
            np.savez(file, count=np.int64(self.count), mean=self.mean, scatter=self.scatter)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "FeatureStatistics":
        """Reads a file that `save` wrote, without unpickling.

        Raises:
            UserError: the file is missing, damaged or another one.
        """
        arrays = _read(path)
        statistics = cls()
        statistics.count, statistics.mean, statistics.scatter = int(arrays["count"]), arrays["mean"], arrays["scatter"]
        return statistics

    def _check_length(self, length):
        if self.count:
            check_lengths(len(self.mean), length, ("these statistics", "the new features"))

    def _merge(self, count, mean, scatter):
        if not self.count:
            self.count, self.mean, self.scatter = count, mean.copy(), scatter.copy()
            return
        total, delta = self.count + count, mean - self.mean
        self.scatter = self.scatter + scatter + np.outer(delta, delta) * (self.count * count / total)
        self.mean = self.mean + delta * (count / total)
        self.count = total


def _read(path):
    try:
        with open(path, "rb") as file:  # NumPy alone would leave a damaged one open
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("one array")
            arrays = {name: archive[name] for name in ("count", "mean", "scatter")}
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file of statistics") from None
    except _DAMAGE as error:
        what = f"expected statistics in an .npz with count, mean and scatter, got a damaged or another file ({error})"
        raise UserError(f"{path}: {what}") from None
    _check_arrays(path, **arrays)
    return arrays


def _check_arrays(path, count, mean, scatter):
    length = mean.size
    right = (
        (count.shape, mean.shape, scatter.shape) == ((), (length,), (length, length))
        and (count.dtype, mean.dtype, scatter.dtype) == (np.int64, np.float64, np.float64)
        and length > 0
        and count > 0
        and np.isfinite(mean).all()
        and np.isfinite(scatter).all()
        and np.array_equal(scatter, scatter.T)
    )
    if not right:
        raise UserError(f"{path}: count, mean and scatter are not those of features: make the statistics again")
