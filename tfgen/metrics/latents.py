"""Metrics of latent variables: the number of active ones, and whether each represents one factor of the data."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfgen.data.source import Source
from tfgen.errors import UserError
from tfgen.metrics.checks import check_counts

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel


class ActiveUnits(int):
    """The number of active latents.

    Attributes:
        variances: float64 [D], the variance of the posterior mean of each latent over images.
    """

    variances: np.ndarray

    def __new__(cls, variances: np.ndarray, threshold: float) -> "ActiveUnits":
        """Counts the variances above a threshold."""
        units = super().__new__(cls, np.count_nonzero(variances > threshold))
        units.variances = variances
        return units

    @property
    def share(self) -> float:
        """The fraction of active latents, in [0, 1]."""
        return self / len(self.variances)


def active_units(
    model: "GenerativeModel",
    images: ArrayLike,
    threshold: float = 0.01,
    seed: int = 0,
    *,
    conditions: dict | None = None,
) -> ActiveUnits:
    """Counts latents i with Var_x(E_q(z_i|x)[z_i]) > threshold: Burda et al. 2016, section 5.2.

    Args:
        model: a `GenerativeModel` with `encode`, whose first entry is E_q(z|x)[z]; that of `iaf_vae`, the flow of the
            mean of its first normal distribution, is near it, as the flow is not linear.
        images: [N, H, W, C], uint8 or float in [0, 1], at least 2; prepared as in training.
        threshold: of the variance (ddof 1) over images; the paper's, for a prior with variance 1.
        seed: of a dynamic binarisation.
        conditions: field name -> array [N, ...], all conditions of the model.

    Returns:
        `ActiveUnits`, an int.

    Raises:
        UserError: the model cannot encode, there are fewer than 2 images, or they do not fit the model.
    """
    images = np.asarray(images)
    if len(images) < 2:
        raise UserError(f"active units need the variance over at least 2 images, got {len(images)}")
    return ActiveUnits(means(model, images, seed, conditions).var(axis=0, ddof=1), threshold)


def means(model: "GenerativeModel", images: ArrayLike, seed: int = 0, conditions: dict | None = None) -> np.ndarray:
    """Returns the first code of every image, float64 [N, D]: the mean of q(z|x) of a variational model.

    Of `iaf_vae`, the flow of the mean of its first normal distribution. Arguments as in `active_units`.
    """
    from tfgen.metrics.inputs import Inputs  # here: the other metrics of this file need no TensorFlow

    inputs = Inputs(model, images, conditions, seed)

    def encode(index, fields):
        given = {name: fields[name] for name in inputs.conditions}
        return next(iter(model.encode(inputs.prepared_images(index, fields), conditions=given).values()))

    return inputs.collect(encode)


def mutual_information_gap(codes: ArrayLike, factors: ArrayLike, bins: int = 20) -> tuple[float, np.ndarray]:
    """Returns the mutual information gap (MIG), the mean over factors, and the gap of each factor.

    The gap of a factor v is the difference between the two largest I(z_i; v), divided by H(v): Chen et al. 2018,
    equation 6, on codes in equal bins over each latent's range, as in Locatello et al. 2019. It is 1 if the factor is
    in one latent alone, and 0 if it is in none or equally in two. Few examples bias every I(z; v) upwards.

    Args:
        codes: real numbers [N, D], D at least 2, such as the encoder's means.
        factors: real numbers [N, K], each column with at least 2 and few values.
        bins: per latent.

    Returns:
        (mean float, gaps float64 [K]), each in [0, 1].

    Raises:
        UserError: arrays of other shapes, values that are not finite, a factor that is constant or continuous.
    """
    codes, factors = _checked("codes", codes), _checked("factors", factors)
    if len(codes) != len(factors):
        raise UserError(f"expected one code for every row of factors, got {len(codes)} and {len(factors)}")
    check_counts(2, bins=bins)
    if codes.shape[1] < 2:
        raise UserError(f"a gap needs at least 2 latents, got {codes.shape[1]}")
    digits = [_binned(column, bins) for column in codes.T]
    gaps = np.empty(factors.shape[1])
    for k, column in enumerate(factors.T):
        classes = np.unique(column, return_inverse=True)[1]
        if not 1 < classes.max() + 1 <= len(codes) / 2:
            raise UserError(
                f"factor {k} takes {classes.max() + 1} values in {len(codes)} rows: expected at least 2, and few"
            )
        second, best = np.sort([mutual_information(digit, classes) for digit in digits])[-2:]
        gaps[k] = (best - second) / mutual_information(classes, classes)  # I(v; v) = H(v)
    return float(gaps.mean()), gaps


def mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """Returns I(a; b) in nats of two arrays of small non-negative integers [N], from their joint histogram."""
    counts = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(counts, (a, b), 1)
    joint = counts / len(a)
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float(np.sum(joint[seen] * np.log(joint[seen] / independent[seen])))


def mig(model: "GenerativeModel", source: Source, split: str = "test", bins: int = 20, seed: int = 0) -> dict:
    """Returns the mutual information gap of a model's first code, on a data set with known factors such as `shapes`.

    Args:
        model: a `GenerativeModel` with `encode`, of the data's images.
        source: a `tfgen.data.Source` with a field `factors` [K], named in `provenance["factors"]`.
        split: name of the split.
        bins: per latent.
        seed: of a dynamic binarisation.

    Returns:
        dict: `mig`, the mean, and `gaps`, factor -> gap, floats.

    Raises:
        UserError: the data set has no factors or no such split, or the model has no encoder.
    """
    if "factors" not in source.fields:
        raise UserError(
            f"the data set {source.name!r} has no known factors, only {', '.join(source.fields)}: try shapes"
        )
    if split not in source.splits:
        raise UserError(f"{source.name} has the splits {', '.join(source.splits)}, got {split!r}")
    examples = source.splits[split]
    values = examples.gather(np.arange(len(examples)))
    codes = means(model, values[model.data_field], seed, {name: values[name] for name in model.conditions})
    gap, gaps = mutual_information_gap(codes, values["factors"], bins)
    names = source.provenance.get("factors") or [f"factor_{k}" for k in range(len(gaps))]
    return {"mig": gap, "gaps": dict(zip(names, gaps.tolist(), strict=True))}


def _checked(name: str, values: ArrayLike) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise UserError(f"{name} must be real numbers in rows and columns, got {values.dtype} of shape {values.shape}")
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise UserError(f"{name} has {len(bad)} of {len(values)} rows with NaN or infinity, the first is row {bad[0]}")
    return values


def _binned(column, bins):
    """Returns the bin of each value, int64 [N], of `bins` equal parts of their range; a constant is in one bin."""
    column = column.astype(np.float64)  # differences of small integers do not fit into their own dtype
    low, high = column.min(), column.max()
    if low == high:
        return np.zeros(len(column), np.int64)
    return np.minimum(((column - low) / (high - low) * bins).astype(np.int64), bins - 1)
