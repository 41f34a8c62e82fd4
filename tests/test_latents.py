"""Active units and the mutual information gap: by hand, against scikit-learn, and on models whose answer is plain."""

import math
import subprocess
import sys

import keras
import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

import tfgen
from tfgen.errors import UserError
from tfgen.metrics import active_units, latents, mig, mutual_information_gap
from tfgen.metrics.score import HeldOut


def coder(weights, shape=(2, 2, 1), log_var=0.0):
    """A vae whose z_mean is the flat image times `weights` [H W C, D]."""
    weights = np.asarray(weights, np.float32)
    image, latent = keras.Input(shape, name="image"), keras.Input((weights.shape[1],), name="latent")
    start = keras.initializers.Constant(weights)
    mean = keras.layers.Dense(weights.shape[1], kernel_initializer=start)(keras.layers.Flatten()(image))
    spread = keras.initializers.Constant(log_var)
    flat = keras.layers.Flatten()(image)
    variance = keras.layers.Dense(weights.shape[1], kernel_initializer="zeros", bias_initializer=spread)(flat)
    logits = keras.layers.Reshape(shape)(keras.layers.Dense(math.prod(shape))(latent))
    return tfgen.VariationalModel(
        keras.Model(image, {"z_mean": mean, "z_log_var": variance}), keras.Model(latent, logits), name="coder"
    )


def test_active_units_by_hand():
    images = np.zeros((4, 2, 2, 1), np.float32)
    images[:, 0, 0, 0] = [0.0, 0.0, 1.0, 1.0]  # variance 1/3
    images[:, 0, 1, 0] = [0.0, 0.4, 0.4, 0.8]  # 0.32 / 3
    weights = np.zeros((4, 5), np.float32)
    weights[0, 0], weights[1, 1], weights[0, 2], weights[0, 3] = 1.0, 0.5, 0.18, 0.17
    found = active_units(coder(weights), images)
    np.testing.assert_allclose(found.variances, [1 / 3, 0.08 / 3, 0.0324 / 3, 0.0289 / 3, 0.0], rtol=1e-5, atol=1e-12)
    assert found == 3 and isinstance(found, int) and found.share == 0.6  # 0.0108 counts, 0.0096 does not
    assert active_units(coder(weights), images, threshold=0.1) == 1
    assert active_units(coder(weights, log_var=3.0), images) == 3  # the spread of q itself does not count


def test_active_units_over_several_batches():
    images = np.random.default_rng(0).integers(0, 256, (250, 2, 2, 1), dtype=np.uint8)
    found = active_units(coder(np.eye(4)), images)
    np.testing.assert_allclose(found.variances, (images.reshape(250, 4) / 255.0).var(axis=0, ddof=1), rtol=1e-5)


def test_codes_are_of_images_as_they_are_in_training():
    images = np.random.default_rng(0).integers(0, 256, (150, 2, 2, 1), dtype=np.uint8)
    np.testing.assert_allclose(latents.means(coder(np.eye(4)), images), images.reshape(150, 4) / 255.0, rtol=1e-6)
    binary = coder(np.eye(4))
    binary.likelihood = tfgen.likelihoods.bernoulli("static")
    np.testing.assert_array_equal(latents.means(binary, images), images.reshape(150, 4) >= 128)
    binary.likelihood = tfgen.likelihoods.bernoulli("dynamic")
    drawn = latents.means(binary, images)
    assert set(drawn.ravel()) == {0.0, 1.0} and abs((drawn - images.reshape(150, 4) / 255.0).mean()) < 0.06
    np.testing.assert_array_equal(latents.means(binary, images[:110]), drawn[:110])  # each image's by its number


def test_codes_take_each_images_condition():
    image, label = keras.Input((2, 2, 1), name="image"), keras.Input((), dtype="int64", name="label")
    start = keras.initializers.Constant(np.float32([[0.0, 1.0], [5.0, 2.0]]))
    code = keras.layers.Embedding(2, 2, embeddings_initializer=start)(label)
    encoder = keras.Model([image, label], {"z_mean": code, "z_log_var": code})
    latent = keras.Input((2,), name="latent")
    hidden = keras.layers.Concatenate()([latent, keras.layers.Embedding(2, 1)(label)])
    decoder = keras.Model([latent, label], keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(hidden)))
    model = tfgen.VariationalModel(encoder, decoder)
    labels = np.array([1, 0, 1])
    found = active_units(model, np.zeros((3, 2, 2, 1), np.uint8), conditions={"label": labels})
    np.testing.assert_allclose(found.variances, [np.var([5, 0, 5], ddof=1), np.var([2, 1, 2], ddof=1)])
    with pytest.raises(UserError, match="expected conditions with one label per image, got none"):
        active_units(model, np.zeros((3, 2, 2, 1), np.uint8))


def test_a_perfect_code_has_gap_one_and_a_doubled_one_has_none():
    factors = np.stack([grid.ravel() for grid in np.meshgrid(range(3), range(4), indexing="ij")], axis=1)
    assert mutual_information_gap(-2.5 * factors, factors) == (1.0, pytest.approx([1.0, 1.0]))
    doubled = np.concatenate([factors[:, :1], factors[:, :1], factors[:, 1:]], axis=1)
    gap, gaps = mutual_information_gap(doubled, factors)
    assert gap == pytest.approx(0.5) and gaps == pytest.approx([0.0, 1.0])
    assert mutual_information_gap(np.zeros((12, 2)), factors)[0] == 0.0


def test_a_gap_by_hand():
    # v is 0 0 0 0 1 1 1 1; the first latent says so but for one of eight, the second is independent of it
    factors = np.array([0, 0, 0, 0, 1, 1, 1, 1])[:, None]
    codes = np.array([[0, 0, 0, 1, 1, 1, 1, 1], [0, 1, 0, 1, 0, 1, 0, 1]]).T
    information = 3 / 8 * math.log(2) + 1 / 8 * math.log(2 / 5) + 4 / 8 * math.log(8 / 5)
    gap, gaps = mutual_information_gap(codes, factors, bins=2)
    assert gap == pytest.approx(information / math.log(2), rel=1e-12) and gaps.shape == (1,)


def test_gaps_against_scikit_learn():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 6, (500, 3)) * [1.0, 0.25, 10.0]
    codes = np.concatenate([factors, factors[:, :1]], axis=1) + rng.normal(size=(500, 4)) * [0.5, 0.1, 20.0, 2.0]
    expected = []
    for v in np.int64(factors * 4).T:
        binned = [np.digitize(z, np.histogram(z, 20)[1][:-1]) for z in codes.T]  # disentanglement_lib's bins
        information = sorted((mutual_info_score(z, v) for z in binned), reverse=True)
        expected.append((information[0] - information[1]) / mutual_info_score(v, v))
    gap, gaps = mutual_information_gap(codes, factors)
    np.testing.assert_allclose(gaps, expected, rtol=1e-6)
    assert gap == pytest.approx(np.mean(expected)) and 0.05 < gap < 0.95
    a, b = rng.integers(0, 5, (2, 100))
    assert latents.mutual_information(a, b) == pytest.approx(mutual_info_score(a, b), rel=1e-9)


@pytest.fixture(scope="module")
def shapes():
    return tfgen.load_dataset("shapes")


def test_a_coder_of_places_has_their_gaps(shapes):
    """One latent is linear in the columns' sums and one in the rows', on shapes of like area: it tells the place."""
    column, row = np.meshgrid(np.arange(32.0), np.arange(32.0))
    weights = np.zeros((1024, 4))
    weights[:, 0], weights[:, 1], weights[:, 2] = column.ravel() - 15.5, row.ravel() - 15.5, 1.0
    found = mig(coder(weights, (32, 32, 1)), shapes)
    assert set(found) == {"mig", "gaps"} and list(found["gaps"]) == ["shape", "scale", "orientation", "x", "y"]
    assert found["gaps"]["x"] > 0.3 and found["gaps"]["y"] > 0.3 and found["gaps"]["scale"] > 0.3
    assert found["gaps"]["orientation"] < 0.02  # no latent knows it
    assert found["mig"] == pytest.approx(np.mean(list(found["gaps"].values())))


def test_plain_autoencoders_and_conditional_models_have_a_gap(shapes):
    source = shapes
    small = {**source.splits, "tiny": source.splits["test"].select(np.arange(0, 3456, 20))}
    source = tfgen.data.Source("shapes", source.fields, small, source.class_names, source.provenance)
    ae = tfgen.build_model("ae", fields=source.fields, network="dense", units=(4,), latent_dim=2)
    assert 0.0 <= mig(ae, source, split="tiny")["mig"] <= 1.0


def test_a_models_scores_hold_its_gap_where_factors_are_known(shapes):
    tiny = shapes.splits["test"].select(np.arange(0, 3456, 40))
    source = tfgen.data.Source("shapes", shapes.fields, {"test": tiny}, shapes.class_names, shapes.provenance)
    model = tfgen.build_model("vae", fields=source.fields, network="dense", units=(4,), latent_dim=2)
    fields = tiny.gather(np.arange(20))
    settings = type("Settings", (), {"seed": 0, "nll_k": 2})
    found, details = model.scores(HeldOut(fields["image"], fields, {}, source, "test"), settings)
    expected = mig(model, source)
    assert found["mig"].value == pytest.approx(expected["mig"]) and details == {"mig": expected["gaps"]}


def test_listing_and_arrays_need_no_tensorflow():
    code = "import sys, tfgen.metrics.latents as m, numpy as np; m.mutual_information_gap(np.eye(4), np.eye(4)[:, :2]);"
    code += "print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.float16, np.float64])
def test_the_gap_of_codes_does_not_depend_on_their_dtype(dtype):
    codes = np.random.default_rng(0).integers(0, 128, (500, 3))
    codes[:2] = [[0], [127]]
    factors = np.stack([codes[:, 0] > 64, codes[:, 1] % 128 > 30], axis=1).astype(int)
    shift = -128 if dtype is np.int8 else 0  # from -128 to 126, twice as far apart as int8 holds
    given = (2 * codes + shift if dtype is np.int8 else codes).astype(dtype)
    np.testing.assert_allclose(mutual_information_gap(given, factors)[1], mutual_information_gap(codes, factors)[1])


def test_bad_codes_are_refused():
    factors = np.arange(12)[:, None] % 3
    codes = np.random.default_rng(0).normal(size=(12, 2))
    with pytest.raises(UserError, match="one code for every row of factors, got 11 and 12"):
        mutual_information_gap(codes[1:], factors)
    with pytest.raises(UserError, match="at least 2 latents, got 1"):
        mutual_information_gap(codes[:, :1], factors)
    with pytest.raises(UserError, match="factor 0 takes 1 values in 12 rows"):
        mutual_information_gap(codes, np.zeros((12, 1)))
    with pytest.raises(UserError, match="factor 0 takes 12 values in 12 rows: expected at least 2, and few"):
        mutual_information_gap(codes, np.arange(12.0)[:, None])
    with pytest.raises(UserError, match="codes has 1 of 12 rows with NaN or infinity, the first is row 3"):
        mutual_information_gap(np.where(np.arange(24).reshape(12, 2) == 7, np.nan, codes), factors)
    with pytest.raises(
        UserError, match=r"factors must be real numbers in rows and columns, got int64 of shape \(12,\)"
    ):
        mutual_information_gap(codes, factors[:, 0])


def test_models_and_data_that_do_not_fit_are_refused(shapes):
    images = np.zeros((4, 16, 16, 1), np.uint8)
    gan = tfgen.build_model("gan", image_shape=(16, 16, 1), units=(4,))
    with pytest.raises(UserError, match="gan cannot encode: it has no encoder"):
        active_units(gan, images)
    with pytest.raises(UserError, match="at least 2 images, got 1"):
        active_units(coder(np.eye(4)), images[:1, :2, :2])
    with pytest.raises(UserError, match="gan cannot encode: it has no encoder"):
        mig(tfgen.build_model("gan", image_shape=(32, 32, 1), units=(4,)), shapes)
    model = coder(np.eye(4))
    with pytest.raises(
        UserError, match="the data set 'fashion_mnist_mini' has no known factors, only image, label: try"
    ):
        mig(model, tfgen.load_dataset("fashion_mnist_mini"))
    with pytest.raises(UserError, match="shapes has the splits train, test, validation, got 'tset'"):
        mig(model, shapes, split="tset")
