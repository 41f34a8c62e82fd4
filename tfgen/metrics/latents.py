"""What latent variables hold: how many are used, and whether each stands for one factor of the data."""

import numpy as np

from tfgen.errors import UserError


class ActiveUnits(int):
    """How many latents are used; `variances` float64 [D] are what each was judged by, `share` their part of all."""

    def __new__(cls, variances, threshold):
        units = super().__new__(cls, np.count_nonzero(variances > threshold))
        units.variances = variances
        return units

    @property
    def share(self):
        return self / len(self.variances)


def active_units(model, images, threshold=0.01, seed=0, *, label=None):
    """Latents i with Var_x(E_q(z_i|x)[z_i]) > threshold: Burda et al. 2016, section 5.2.

    Args:
        model: a `VariationalModel`.
        images: [N, H, W, C], uint8 or float in [0, 1], at least 2; prepared as in training.
        threshold: of the variance (ddof 1) over images; the paper's, for a prior of variance 1.
        seed: of a dynamic binarisation.
        label: the condition of every image, where the model has one.

    Returns:
        `ActiveUnits`, an int.

    Raises:
        UserError: the model has no q(z|x), there are fewer than 2 images, or they are not as above.
    """
    from tfgen.metrics.posteriors import Posteriors, check_model  # TensorFlow: not at import

    check_model(model, exact=False)
    if len(images) < 2:
        raise UserError(f"active units need the variance over at least 2 images, got {len(images)}")
    return ActiveUnits(Posteriors(model, images, seed, label).means().var(axis=0, ddof=1), threshold)


def mutual_information_gap(codes, factors, bins=20):
    """MIG: for every factor, I(z; v) of the best latent less that of the second best, over H(v); and their mean.

    Chen et al. 2018, equation 6, on discretised codes as Locatello et al. 2019 have it: each latent's range in equal
    bins. 1: every factor is in one latent alone; 0: in none, or in two alike. Few examples bias every I(z; v) upwards.

    Args:
        codes: real numbers [N, D], D at least 2, such as the encoder's means.
        factors: real numbers [N, K], each column of few values, 2 at least.
        bins: of each latent.

    Returns:
        (gap float, gaps float64 [K]), each in [0, 1].

    Raises:
        UserError: arrays of other shapes, values that are not finite, a factor that is constant or continuous.
    """
    codes, factors = _checked("codes", codes), _checked("factors", factors)
    if len(codes) != len(factors):
        raise UserError(f"expected one code for every row of factors, got {len(codes)} and {len(factors)}")
    if codes.shape[1] < 2 or bins < 2:
        raise UserError(f"a gap needs at least 2 latents and 2 bins, got {codes.shape[1]} and {bins}")
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


def mutual_information(a, b):
    """I(a; b) in nats, float, of two arrays of small non-negative integers [N], by their counts."""
    counts = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(counts, (a, b), 1)
    joint = counts / len(a)
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float(np.sum(joint[seen] * np.log(joint[seen] / independent[seen])))


def mig(model, source, split="test", bins=20, seed=0):
    """The mutual information gap of an autoencoder's means, on a data set with known factors such as `shapes`.

    Args:
        model: a vae or another autoencoder of the data's images.
        source: a `tfgen.data.Source` with a field `factors` [K], named in `provenance["factors"]`.
        split: which part of the data.
        bins: of each latent.
        seed: of a dynamic binarisation.

    Returns:
        dict: `mig`, the mean, and `gaps`, factor -> gap, floats.

    Raises:
        UserError: the data set has no factors or no such split, or the model has no encoder.
    """
    from tfgen.metrics.posteriors import Posteriors  # TensorFlow: not at import

    if "factors" not in source.fields:
        raise UserError(
            f"the data set {source.name!r} has no known factors, only {', '.join(source.fields)}: try shapes"
        )
    if split not in source.splits:
        raise UserError(f"{source.name} has the splits {', '.join(source.splits)}, got {split!r}")
    examples = source.splits[split]
    values = examples.gather(np.arange(len(examples)))
    condition = getattr(model, "condition", None)
    codes = Posteriors(model, values["image"], seed, values[condition] if condition else None).means()
    gap, gaps = mutual_information_gap(codes, values["factors"], bins)
    names = source.provenance.get("factors") or [f"factor_{k}" for k in range(len(gaps))]
    return {"mig": gap, "gaps": dict(zip(names, gaps.tolist(), strict=True))}


def _checked(name, values):
    values = np.asarray(values)
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise UserError(f"{name} must be real numbers in rows and columns, got {values.dtype} of shape {values.shape}")
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise UserError(f"{name} has {len(bad)} of {len(values)} rows with NaN or infinity, the first is row {bad[0]}")
    return values


def _binned(column, bins):
    """Which of `bins` equal parts of its range each value lies in, int64 [N]; a constant is all in one."""
    low, high = column.min(), column.max()
    if low == high:
        return np.zeros(len(column), np.int64)
    return np.minimum(((column - low) / (high - low) * bins).astype(np.int64), bins - 1)
