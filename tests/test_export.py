"""What others load: SavedModels without Keras, `.keras` files without tfgen, both with the model's own images."""

import io
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image

import tfgen
from tfgen import priors
from tfgen.data.pixels import resize_all, to_array
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.export import export_savedmodel, save_keras_files
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.families.variational.autoencoder import Autoencoder
from tfgen.families.variational.model import VariationalModel
from tfgen.sampling.endpoints import pictures_of
from tfgen.storage.images import encode_png, to_uint8
from tfgen.training import savedmodel

SHAPE, LATENT, CLASSES = (6, 5, 1), 3, 4
FIELDS = {"image": Field("image", SHAPE)}


def gan():
    """A conditional GAN whose averaged generator differs from the trained one."""
    latent, label = keras.Input((LATENT,), name="latent"), keras.Input((), dtype="int64", name="label")
    x = layers.Concatenate()([latent, layers.Embedding(CLASSES, 2)(label)])
    x = layers.BatchNormalization()(layers.Dense(30)(x))
    picture = layers.Activation("tanh", name="image")(layers.Reshape(SHAPE)(x))
    generator = keras.Model({"latent": latent, "label": label}, picture, name="generator")
    image = keras.Input(SHAPE, name="image")
    seen = layers.Concatenate()([layers.Flatten()(image), layers.Embedding(CLASSES, 2)(label)])
    discriminator = keras.Model({"image": image, "label": label}, layers.Dense(1)(seen), name="discriminator")
    fields = {**FIELDS, "label": Field("label", range=(0, CLASSES))}
    model = AdversarialModel(generator, discriminator, latent_dim=LATENT, fields=fields, prior=priors.normal())
    for weight in model.averaged_networks["generator"].weights:
        weight.assign(weight + 0.1)
    return model


def decoder():
    latent = keras.Input((LATENT,), name="latent")
    logits = layers.Reshape(SHAPE, name="logits")(layers.Dense(30)(latent))
    heads = {"image": layers.Activation("sigmoid", name="image")(logits), "logits": logits}
    return keras.Model(latent, heads, name="decoder")


def encoder(*heads):
    image = keras.Input(SHAPE, name="image")
    x = layers.Flatten()(image)
    return keras.Model(image, {name: layers.Dense(LATENT, name=name)(x) for name in heads}, name="encoder")


def cvae():
    """A conditional VAE, both of whose networks take a dict of two inputs."""
    fields = {**FIELDS, "attributes": Field("vector", (2,))}
    image, latent = keras.Input(SHAPE, name="image"), keras.Input((LATENT,), name="latent")
    attributes = keras.Input((2,), name="attributes")
    seen = layers.Concatenate()([layers.Flatten()(image), attributes])
    heads = {name: layers.Dense(LATENT, name=name)(seen) for name in ("z_mean", "z_log_var")}
    coder = keras.Model({"image": image, "attributes": attributes}, heads, name="encoder")
    logits = layers.Reshape(SHAPE, name="logits")(layers.Dense(30)(layers.Concatenate()([latent, attributes])))
    pixels = {"image": layers.Activation("sigmoid", name="image")(logits), "logits": logits}
    return VariationalModel(coder, keras.Model({"latent": latent, "attributes": attributes}, pixels), fields=fields)


MAKERS = {
    "gan": gan,
    "cvae": cvae,
    "vae": lambda: VariationalModel(encoder("z_mean", "z_log_var"), decoder(), fields=FIELDS),
    "ae": lambda: Autoencoder(encoder("latent"), decoder(), fields=FIELDS),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """name -> (model, its folder with models/ and export/1)."""
    made = {}
    for seed, (name, make) in enumerate(MAKERS.items()):
        keras.utils.set_random_seed(seed)
        model, folder = make(), tmp_path_factory.mktemp(name)
        model.compile()
        save_keras_files(model, folder / "models")
        export_savedmodel(model, folder / "export" / "1")
        made[name] = model, folder
    return made


def signatures(folder):
    loaded = tf.saved_model.load(str(folder / "export" / "1"))
    return {name: (f.structured_input_signature[1], f.structured_outputs, f) for name, f in loaded.signatures.items()}


def described(specs):
    return {name: (spec.dtype.name, *spec.shape) for name, spec in specs.items()}


IMAGE, LABEL = ("float32", None, *SHAPE), ("int64", None)
CODE, BYTE_IMAGE = ("float32", None, LATENT), ("uint8", None, *SHAPE)
CONTRACT = {
    "generate": ({"latent": CODE}, {"image": IMAGE}),
    "sample": ({"seed": ("int64", None)}, {"image": BYTE_IMAGE}),
    "sample_png": ({"seed": ("int64", None)}, {"image_bytes": ("string", None)}),
    "interpolate": ({"latent_a": CODE, "latent_b": CODE, "fraction": ("float32", None)}, {"image": IMAGE}),
    "encode": ({"image": IMAGE}, {"z_mean": CODE, "z_log_var": CODE}),
    "encode_png": ({"image_bytes": ("string", None)}, {"z_mean": CODE, "z_log_var": CODE}),
    "reconstruct": ({"image": IMAGE}, {"image": IMAGE}),
    "discriminate": ({"image": IMAGE}, {"logit": ("float32", None, 1), "probability": ("float32", None, 1)}),
}
FITTING = {
    "gan": {"generate", "sample", "sample_png", "interpolate", "discriminate"},
    "vae": {"generate", "sample", "sample_png", "interpolate", "encode", "encode_png", "reconstruct"},
    "ae": {"encode", "encode_png", "reconstruct"},
}
FITTING["cvae"] = FITTING["vae"]
CONDITIONS = {"gan": {"label": LABEL}, "cvae": {"attributes": ("float32", None, 2)}}


@pytest.mark.parametrize("name", MAKERS)
def test_signatures_are_those_of_the_contract(exported, name):
    found = signatures(exported[name][1])
    assert set(found) == FITTING[name] | {"serving_default"}
    for signature in FITTING[name]:
        inputs, outputs = CONTRACT[signature]
        inputs = {**inputs, **CONDITIONS.get(name, {})}
        outputs = {"latent": CODE} if (name, signature) in (("ae", "encode"), ("ae", "encode_png")) else outputs
        assert described(found[signature][0]) == inputs, signature
        assert described(found[signature][1]) == outputs, signature
    default = "reconstruct" if name == "ae" else "generate"
    assert described(found["serving_default"][0]) == described(found[default][0])


NO_KERAS = """
import json, sys
sys.modules["keras"] = sys.modules["tfgen"] = sys.modules["registry"] = None
import numpy as np, tensorflow as tf
loaded = {}
for call in json.load(open(sys.argv[1])):
    if call["folder"] not in loaded:
        loaded[call["folder"]] = tf.saved_model.load(call["folder"])
    signature = loaded[call["folder"]].signatures[call["signature"]]
    arrays = np.load(call["inputs"])
    outputs = signature(**{name: tf.constant(arrays[name]) for name in arrays.files})
    plain = {name: v.numpy().astype("S") if v.dtype == tf.string else v.numpy() for name, v in outputs.items()}
    np.savez(call["outputs"], **plain)
"""


def test_without_keras_and_tfgen_every_signature_gives_what_the_model_gives(exported, tmp_path):
    rng = np.random.default_rng(0)
    seeds = (7 << 32) + np.arange(9)
    cycle = {name: {} for name in MAKERS} | {"gan": {"label": np.arange(9) % CLASSES}}
    cycle["cvae"] = {"attributes": rng.standard_normal((9, 2)).astype(np.float32)}
    images = np.round(255 * rng.random((4, *SHAPE), np.float32)) / np.float32(255)
    pngs = np.array([encode_png(np.round(255 * image).astype(np.uint8)) for image in images])
    latents = rng.standard_normal((2, 4, LATENT)).astype(np.float32)
    calls = []
    for name, wanted in FITTING.items():
        for signature in wanted:
            arrays = {
                "sample": {"seed": seeds},
                "sample_png": {"seed": seeds},
                "generate": {"latent": latents[0]},
                "interpolate": {
                    "latent_a": latents[0],
                    "latent_b": latents[1],
                    "fraction": np.float32([0, 1, 0.3, 0.5]),
                },
                "encode_png": {"image_bytes": pngs},
            }.get(signature, {"image": images})
            length = len(next(iter(arrays.values())))
            arrays = {**arrays, **{field: values[:length] for field, values in cycle[name].items()}}
            stem = tmp_path / f"{name}_{signature}"
            np.savez(f"{stem}_in.npz", **arrays)
            calls.append({"folder": str(exported[name][1] / "export" / "1"), "signature": signature})
            calls[-1] |= {"inputs": f"{stem}_in.npz", "outputs": f"{stem}_out.npz"}
    (tmp_path / "calls.json").write_text(json.dumps(calls))
    run_alone(NO_KERAS, tmp_path / "calls.json")

    def output(name, signature):
        with np.load(tmp_path / f"{name}_{signature}_out.npz") as arrays:
            return {key: arrays[key] for key in arrays.files}

    few = {name: {field: values[:4] for field, values in fields.items()} for name, fields in cycle.items()}
    for name in ("gan", "vae", "cvae"):
        model = exported[name][0]
        expected = model.sample(9, seed=7, conditions=cycle[name])
        within_a_level(output(name, "sample")["image"], expected)
        pngs = [tf.io.decode_png(png).numpy() for png in output(name, "sample_png")["image_bytes"]]
        within_a_level(np.stack(pngs), expected)
        ends = [model.decode_latents(latent, few[name]) for latent in latents]
        np.testing.assert_allclose(output(name, "generate")["image"], ends[0], atol=1e-6)
        moved = output(name, "interpolate")["image"]
        np.testing.assert_allclose(moved[0], ends[0][0], atol=1e-6)
        np.testing.assert_allclose(moved[1], ends[1][1], atol=1e-6)
    logit = exported["gan"][0].discriminate_images(images, cycle["gan"]["label"][:4])
    np.testing.assert_allclose(output("gan", "discriminate")["logit"], logit, atol=1e-6)
    np.testing.assert_allclose(output("gan", "discriminate")["probability"], 1 / (1 + np.exp(-logit)), atol=1e-6)
    for name in ("vae", "ae", "cvae"):
        model, conditions = exported[name][0], few[name]
        left = model.reconstruct(images, conditions=conditions)
        np.testing.assert_allclose(output(name, "reconstruct")["image"], left, atol=1e-6)
        for key, value in model.encode_images(images, conditions=conditions).items():
            np.testing.assert_allclose(output(name, "encode")[key], value, atol=1e-6)
            np.testing.assert_allclose(output(name, "encode_png")[key], value, atol=1e-5)


@pytest.mark.parametrize("sides", [(6, 5), (12, 10), (40, 9), (7, 61), (3, 2)])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_in_a_graph_are_cropped_and_resized_as_those_of_a_folder(sides, channels):
    picture = np.random.default_rng(0).integers(64, 192, (*sides, channels), dtype=np.uint8)
    made = pictures_of(tf.constant([encode_png(picture)]), (6, 5, channels)).numpy()[0]
    expected = resize_all(picture[None], (6, 5))[0]
    assert made.dtype == np.float32 and np.abs(255 * made - expected).max() <= (0.01 if sides == (6, 5) else 1.01)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_in_a_graph_have_the_colours_of_those_of_a_folder(mode, channels):
    values = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    picture = Image.fromarray(values).convert(mode)
    file = io.BytesIO()
    picture.save(file, format="PNG")
    made = pictures_of(tf.constant([file.getvalue()]), (6, 5, channels)).numpy()[0]
    apart = np.abs(255 * made - to_array(Image.open(file), channels))
    assert apart.max() < 1.01 and np.mean(apart < 0.01) > 0.9  # 1: the last bit of a rounding


def test_every_signature_takes_a_batch_of_none():
    """oneDNN's convolutions refuse one."""
    model = tfgen.build_model("vae", (24, 40, 3), width=4, latent_dim=3, network="conv")
    endpoints = model.endpoints()
    assert {"generate", "sample", "sample_png", "encode", "encode_png", "reconstruct", "interpolate"} <= set(endpoints)
    for name, endpoint in endpoints.items():
        function = savedmodel.traced({name: endpoint}, {})[name]
        found = function(*(tf.zeros([0, *spec.shape[1:]], spec.dtype) for spec in endpoint.inputs))
        shapes = {key: value.shape[1:] for key, value in function.get_concrete_function().structured_outputs.items()}
        assert {key: value.shape for key, value in found.items()} == {key: (0, *shape) for key, shape in shapes.items()}


def within_a_level(got, expected):
    # the graph is another, and so may be the last bit before rounding
    assert got.dtype == np.uint8 and got.shape == expected.shape
    assert np.abs(got.astype(int) - expected.astype(int)).max() <= 1


def run_alone(program, *arguments, **environment):
    """Runs a program where the project cannot be imported."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", program, *map(str, arguments)]
    done = subprocess.run(command, env={**inherited, **environment}, capture_output=True, text=True, cwd=os.sep)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


NO_TFGEN = """
import sys
sys.modules["tfgen"] = sys.modules["registry"] = None
import numpy as np, keras
arrays = np.load(sys.argv[2] + "_in.npz")
network = keras.saving.load_model(sys.argv[1])
inputs = {name: arrays[name] for name in arrays.files}
outputs = network(inputs if len(inputs) > 1 else next(iter(inputs.values())), training=False)
outputs = outputs if isinstance(outputs, dict) else {"output": outputs}
np.savez(sys.argv[2] + "_out.npz", **{k: keras.ops.convert_to_numpy(v) for k, v in outputs.items()})
print(keras.backend.backend())
"""


def test_labels_that_are_no_class_are_errors_in_every_signature(exported):
    loaded = tf.saved_model.load(str(exported["gan"][1] / "export" / "1"))
    given = {"sample": {"seed": [5]}, "generate": {"latent": np.zeros((1, LATENT), np.float32)}}
    given["discriminate"] = {"image": np.zeros((1, *SHAPE), np.float32)}
    for name, inputs in given.items():
        inputs = {key: tf.constant(value, tf.int64 if key == "seed" else tf.float32) for key, value in inputs.items()}
        for label in (-1, CLASSES):
            with pytest.raises(tf.errors.InvalidArgumentError, match=f"label: expected labels from 0 to {CLASSES - 1}"):
                loaded.signatures[name](label=tf.constant([label], tf.int64), **inputs)
        loaded.signatures[name](label=tf.constant([CLASSES - 1], tf.int64), **inputs)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_networks_load_in_keras_alone_under_every_backend(exported, tmp_path, backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed: pip install -e '.[backends]'")
    model, folder = exported["gan"]
    latents, labels = np.random.default_rng(0).standard_normal((5, LATENT)).astype(np.float32), np.arange(5) % CLASSES
    np.savez(tmp_path / "a_in.npz", latent=latents, label=labels)
    out = run_alone(NO_TFGEN, folder / "models" / "generator.keras", tmp_path / "a", KERAS_BACKEND=backend)
    assert out.split()[-1] == backend
    with np.load(tmp_path / "a_out.npz") as arrays:
        made = (arrays["output"] + 1) / 2
    np.testing.assert_allclose(made, model.decode_latents(latents, {"label": labels}), atol=1e-5)


@pytest.mark.parametrize("name", MAKERS)
def test_keras_files_hold_the_networks_and_the_trainer(exported, name):
    model, folder = exported[name]
    names = ["discriminator", "generator"] if name == "gan" else ["decoder", "encoder"]
    assert sorted(path.name for path in (folder / "models").iterdir()) == [f"{n}.keras" for n in names] + [
        "trainer.keras"
    ]
    trainer = keras.saving.load_model(folder / "models" / "trainer.keras")
    assert trainer.digest() == model.digest()
    exported_networks = model.exported_networks()
    for key in names:
        alone = keras.saving.load_model(folder / "models" / f"{key}.keras")
        assert [tuple(w.shape) for w in alone.weights] == [tuple(w.shape) for w in model.networks[key].weights]
        for a, b in zip(alone.get_weights(), exported_networks[key].get_weights()):
            np.testing.assert_array_equal(a, b)
        assert all(tensor.dtype == "float32" for tensor in alone.outputs)


def test_the_averaged_generator_is_what_is_written(exported):
    model, folder = exported["gan"]
    written = keras.saving.load_model(folder / "models" / "generator.keras").get_weights()
    np.testing.assert_array_equal(written[0], model.averaged_networks["generator"].get_weights()[0])
    assert not np.array_equal(written[0], model.networks["generator"].get_weights()[0])


def test_an_export_replaces_the_earlier_one_or_keeps_it(exported, tmp_path, monkeypatch):
    model = exported["ae"][0]
    earlier = tmp_path / "export" / "1"
    earlier.mkdir(parents=True)
    (earlier / "earlier").write_text("")

    def full(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(keras.export.ExportArchive()), "write_out", full)
        with pytest.raises(UserError, match="cannot write .*1: No space left on device; what was there before is kept"):
            export_savedmodel(model, earlier)
    assert [path.name for path in earlier.iterdir()] == ["earlier"]
    export_savedmodel(model, earlier)
    assert (earlier / "saved_model.pb").is_file() and not (earlier / "earlier").exists()
    assert [path.name for path in (tmp_path / "export").iterdir()] == ["1"]


def test_between_follows_the_prior():
    a, b, third = np.float32([[2.0, 0.0]]), np.float32([[0.0, 2.0]]), np.float32([1 / 3])
    straight = priors.uniform(-1, 1).between(a, b, third)
    np.testing.assert_allclose(straight, [[4 / 3, 2 / 3]], atol=1e-6)
    for prior in (priors.normal(), priors.spherical()):
        great_circle = prior.between(a, b, third)
        np.testing.assert_allclose(great_circle, [[3**0.5, 1.0]], rtol=1e-6)  # 30 of 90 degrees
        np.testing.assert_allclose(prior.between(a, a, third), a, rtol=1e-6)
        np.testing.assert_allclose(prior.between(a, -a, third), a / 3, atol=1e-6)


def test_rounding_is_the_same_in_graph_and_array():
    values = np.random.default_rng(0).random(500, np.float32)
    assert np.array_equal(tf.function(to_uint8)(tf.constant(values)).numpy(), to_uint8(values))
