"""Statistics of features gathered in batches, against NumPy's, and their files, whole and damaged."""

import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from tfgen.errors import UserError
from tfgen.metrics import FeatureStatistics, frechet_between, frechet_distance, statistics


@pytest.fixture
def features():
    """float64 [200, 6] with means up to 1e4 beside spreads of about 1, correlated."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)) + 10.0 ** np.arange(-1, 5)


def close(statistics, features):
    expected = np.cov(features.astype(np.float64), rowvar=False)
    assert statistics.count == len(features)
    assert statistics.mean == pytest.approx(features.mean(axis=0, dtype=np.float64), rel=1e-12)
    assert np.abs(statistics.covariance - expected).max() <= 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("sizes", [[200], [1] * 200, [1, 0, 99, 2, 98], [150, 50]])
def test_batches_give_numpys_mean_and_covariance(features, sizes, monkeypatch):
    monkeypatch.setattr(statistics, "ROWS", 60)
    seen = FeatureStatistics()
    for part in np.split(features, np.cumsum(sizes)[:-1]):
        assert seen.update(part) is seen
    close(seen, features)
    assert seen.mean.dtype == seen.covariance.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint8, np.int64])
def test_sums_are_in_float64(dtype):
    features = np.random.default_rng(0).integers(0, 255, (3000, 2)).astype(dtype)
    close(FeatureStatistics().update(features), features)


def test_merged_in_any_order(features):
    parts = np.split(features, [3, 90, 120])
    merged = FeatureStatistics().merge(FeatureStatistics())
    for part in parts[::-1]:
        seen = FeatureStatistics().update(part)
        assert merged.merge(seen) is merged
        close(seen, part)  # not changed by having been merged into another
    close(merged, features)


def test_memory_does_not_depend_on_the_number_of_samples():
    features = np.random.default_rng(0).integers(0, 255, (200_000, 8)).astype(np.uint8)  # 13 MB in float64
    seen = FeatureStatistics().update(features[:9000])
    tracemalloc.start()
    seen.update(features)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e6


def test_save_and_load(features, tmp_path):
    seen = FeatureStatistics().update(features[:150])
    seen.save(tmp_path / "new" / "real.npz")
    loaded = FeatureStatistics.load(tmp_path / "new" / "real.npz")
    assert np.array_equal(loaded.covariance, seen.covariance) and np.array_equal(loaded.mean, seen.mean)
    assert frechet_between(loaded, seen) == frechet_between(seen, seen)
    close(loaded.update(features[150:]), features)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["real.npz"]
    other = FeatureStatistics().update(features[:100] * 1.5)
    assert frechet_between(loaded, other) == pytest.approx(frechet_distance(features, features[:100] * 1.5), rel=1e-9)


def test_a_damaged_file_is_refused_wherever_it_was_hit(tmp_path):
    path, seen = tmp_path / "real.npz", FeatureStatistics().update(np.eye(3))
    seen.save(path)
    whole = path.read_bytes()
    outcomes = {"refused": 0, "unharmed": 0}
    damaged = [whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :] for i in range(0, len(whole), 3)]
    for content in [*damaged, *(whole[:length] for length in range(0, len(whole), 40))]:
        path.write_bytes(content)
        try:
            with warnings.catch_warnings(action="ignore"):  # a name given twice
                loaded = FeatureStatistics.load(path)
        except UserError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            outcomes["refused"] += 1
        else:  # dates and the like
            assert loaded.count == 3 and np.array_equal(loaded.mean, seen.mean)
            assert np.array_equal(loaded.scatter, seen.scatter)
            outcomes["unharmed"] += 1
    assert outcomes["refused"] > 2 * outcomes["unharmed"] > 0


GOOD = {"count": np.int64(5), "mean": np.zeros(2), "scatter": np.eye(2)}


@pytest.mark.parametrize(
    "change",
    [
        {"count": np.int64(0)},
        {"count": np.float64(5)},
        {"mean": np.zeros(3)},
        {"mean": np.array([0.0, np.nan])},
        {"mean": np.zeros(0), "scatter": np.zeros((0, 0))},
        {"scatter": np.array([[1.0, 2.0], [3.0, 1.0]])},
        {"scatter": np.eye(2, dtype=np.float32)},
        {"mean": np.array([{}, {}], object)},
        {"mean": None},
    ],
)
def test_other_arrays_are_refused(change, tmp_path):
    path = tmp_path / "real.npz"
    np.savez(path, **GOOD)
    assert FeatureStatistics.load(path).count == 5
    np.savez(path, **{name: value for name, value in {**GOOD, **change}.items() if value is not None})
    with pytest.raises(UserError, match="real.npz: "):
        FeatureStatistics.load(path)


class Trap:
    """Writes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "real.npz", **{**GOOD, "mean": np.array([Trap(str(tmp_path / "sprung"))], object)})
    with pytest.raises(UserError, match="got a damaged or another file"):
        FeatureStatistics.load(tmp_path / "real.npz")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("count", [10**6, 10**16])
def test_a_header_that_promises_too_much(count, tmp_path):
    np.savez(tmp_path / "real.npz", **{name: value for name, value in GOOD.items() if name != "mean"})
    with zipfile.ZipFile(tmp_path / "real.npz", "a") as archive, archive.open("mean.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (count,)})
        member.write(bytes(16))
    with pytest.raises(UserError, match="got a damaged or another file"):
        FeatureStatistics.load(tmp_path / "real.npz")


def test_a_file_that_is_not_there_or_of_another_kind(tmp_path):
    with pytest.raises(UserError, match="there is no such file of statistics"):
        FeatureStatistics.load(tmp_path / "none.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(UserError, match="expected statistics in an .npz with count, mean and scatter"):
        FeatureStatistics.load(tmp_path / "one.npy")
    with pytest.raises(UserError, match="expected statistics in an .npz"):
        FeatureStatistics.load(tmp_path)


def test_bad_features_leave_it_as_it_was(features):
    seen = FeatureStatistics().update(features)
    broken = features.copy()
    broken[7, 2] = np.nan
    with pytest.raises(UserError, match="features has 1 of 200 rows with NaN or infinity, the first is row 7"):
        seen.update(broken)
    with pytest.raises(UserError, match="these statistics and the new features .* same length, got 6 and 5"):
        seen.update(features[:, :5])
    with pytest.raises(UserError, match="same length, got 6 and 2"):
        seen.merge(FeatureStatistics().update(features[:, :2]))
    close(seen, features)


def test_too_few_samples():
    empty, one = FeatureStatistics(), FeatureStatistics().update(np.ones((1, 3)))
    for seen, count in ((empty, 0), (one, 1)):
        with pytest.raises(UserError, match=f"a covariance needs at least 2 samples, but there are {count}"):
            _ = seen.covariance
        with pytest.raises(UserError, match=f"at least 2 samples, but one of the statistics has {count}"):
            frechet_between(FeatureStatistics().update(np.eye(3)), seen)
    with pytest.raises(UserError, match="no statistics to save to real.npz"):
        empty.save("real.npz")
    with pytest.raises(UserError, match="same length, got 3 and 2"):
        frechet_between(FeatureStatistics().update(np.eye(3)), FeatureStatistics().update(np.eye(2)))
