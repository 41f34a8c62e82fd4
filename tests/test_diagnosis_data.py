"""What the diagnosis says of training images and of the length of a training, before and after it."""

import json
import types

import keras
import numpy as np
import pytest

import tfgen
from tfgen.data.source import Arrays, Examples, Field
from tfgen.data.unpaired import Unpaired
from tfgen.diagnosis.beginnings import (
    few_updates,
    rates_too_high,
    remarks_on_model,
    root_mean_square,
    rules_from_start,
    too_few_steps,
)
from tfgen.diagnosis.data import remarks_on
from tfgen.diagnosis.judge import judge
from tfgen.networks.endings import warn_of_bounded_logits

RNG = np.random.default_rng(0)


def strokes(n, side=12, channels=1, seed=0):
    """Bright lines on black, at least 80 % of the pixels 0, as of digits: uint8 [n, side, side, channels]."""
    random = np.random.default_rng(seed)
    images = np.zeros((n, side, side, channels), np.uint8)
    for image in images:
        image[random.integers(side), :, :] = random.integers(100, 256, (side, channels))
        image[random.integers(side), : random.integers(2, side)] = 255
    return images


def said(images, labels=None, classes=None):
    """The names of the remarks on images, and their sentences."""
    arrays, fields = {"image": images}, {"image": Field("image", images.shape[1:])}
    if labels is not None:
        arrays["label"], fields["label"] = np.int64(labels), Field("label", range=(0, classes))
    return dict(remarks_on(Arrays(arrays, fields), fields, "image"))


HEALTHY = {
    "digits": strokes(500),
    "digits of one bit": np.where(strokes(500, seed=1) > 0, 255, 0).astype(np.uint8),
    "colour": RNG.integers(0, 256, (400, 8, 8, 3), dtype=np.uint8),
    "floats": RNG.random((300, 8, 8, 1), np.float32),
    "a few copies": np.concatenate([strokes(300), strokes(120)]),
    "a tenth black": np.concatenate([strokes(450), np.zeros((50, 12, 12, 1), np.uint8)]),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_of_healthy_images_nothing_is_said(name):
    assert said(HEALTHY[name]) == {}


def dimmed(images, factor):
    return (images * factor).astype(images.dtype)


FAULTY = {
    "black": (np.where(np.arange(500)[:, None, None, None] % 5 > 0, 3, strokes(500)), "nearly_black", "400 of 500 "),
    "black floats": (dimmed(RNG.random((300, 8, 8, 3), np.float32), 0.01), "nearly_black", "300 of 300 "),
    "one colour each": (
        np.broadcast_to(RNG.integers(30, 256, (300, 1, 1, 3)), (300, 9, 9, 3)).astype(np.uint8),
        "nearly_constant",
        "of one colour",
    ),
    "all the same": (
        np.clip(strokes(1)[:1] * 0.9 + RNG.normal(0, 2, (400, 12, 12, 1)), 0, 255).astype(np.uint8),
        "nearly_constant",
        "nearly all the same",
    ),
    "an eighth of the range": (dimmed(HEALTHY["colour"], 0.2), "narrow_range", "to 0.20, a small part"),
    "repeated": (np.tile(strokes(20), (20, 1, 1, 1)), "duplicates", "of 400 training images only 20 are different"),
    "side by side": (
        np.repeat(HEALTHY["colour"][:100], 3, axis=0),
        "duplicates",
        "only 100 are different, and one occurs 3",
    ),
    "one": (np.repeat(strokes(1), 300, axis=0), "duplicates", "only 1 is different"),
    "few": (strokes(16), "few_images", "a network learns 16 by heart"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_what_is_wrong_with_images_is_said_with_counts(name):
    images, called, words = FAULTY[name]
    found = said(images.astype(images.dtype if images.dtype == np.float32 else np.uint8))
    assert called in found and words in found[called]


def test_classes_without_images_and_rare_ones():
    images = HEALTHY["digits"]
    assert said(images, np.arange(500) % 4, 4) == {}
    assert "1 of 5 classes (class 4)" in said(images, np.arange(500) % 4, 5)["missing_classes"]
    rare = said(images, np.where(np.arange(500) < 4, 1, 0), 2)["unbalanced_classes"]
    assert "class 1 has 4 training images and class 0 496" in rare


class Files(Examples):
    """Examples that are read one by one, and are not in memory."""

    def __init__(self, images):
        self.images, self.read = images, 0

    def __len__(self):
        return len(self.images)

    def fields(self):
        return {"image": Field("image", self.images.shape[1:])}

    def gather(self, indices):
        self.read += len(indices)
        return {"image": self.images[np.asarray(indices)]}


def test_of_files_some_are_looked_at():
    files = Files(np.repeat(strokes(20), 100, axis=0))
    ((name, sentence),) = remarks_on(files, files.fields(), "image")
    assert name == "duplicates" and "of 512 training images looked at only 20" in sentence and files.read == 512


def test_points_are_not_judged():
    fields = {"point": Field("point", (2,))}
    assert remarks_on(Arrays({"point": np.zeros((500, 2), np.float32)}, fields), fields, "point") == []


# The length of a training.


@pytest.mark.parametrize(
    "examples, per_epoch, parts, total, found",
    [
        (9500, 2, 1, 40, True),
        (9500, 148, 1, 3000, False),
        (9500, 2, 1, 2000, False),
        (256, 8, 1, 40, False),
        (9500, 3, 5, 60, True),
    ],
)
def test_a_batch_of_most_images_leaves_few_updates(examples, per_epoch, parts, total, found):
    assert [name for name, _ in few_updates(examples, per_epoch, parts, total)] == ["few_updates"] * found


def test_too_few_probes():
    (finding,) = too_few_steps(1, 20, 148)
    assert (finding.step, finding.name) == (20, "too_few_steps") and "20, measured once" in finding.message
    assert too_few_steps(2, 300, 148) == [] and too_few_steps(1, 20, 148, needed=1) == []


# What is measured before the first step.


class Networks:
    """What the rules ask of a model."""

    networks = ("encoder",)


def found_in(rows):
    return [(finding.step, finding.name) for finding in judge(rows, rules_from_start(Networks()))]


def losses(start, *values):
    return [{"step": 0, "loss": start}, *({"step": 100 * (i + 1), "loss": v} for i, v in enumerate(values))]


@pytest.mark.parametrize(
    "rows, found",
    [
        (losses(540.0, 620.0, 610.0, 600.0), [(300, "loss_stands_high")]),  # above where it began
        (losses(540.0, 260.0, 430.0, 470.0, 450.0), [(400, "loss_stands_high")]),  # halfway back
        (losses(-10.0, -9.0, -9.1, -8.0), [(300, "loss_stands_high")]),
        (losses(540.0, 260.0, 250.0, 262.0, 249.0), []),
        (losses(540.0, 620.0, 300.0, 280.0, 270.0), []),
        (losses(540.0, 620.0, 610.0, 600.0)[1:], []),  # no row of the start
    ],
)
def test_a_loss_is_compared_with_that_before_the_first_step(rows, found):
    assert found_in(rows) == found


def test_weights_that_hardly_move_are_named():
    moving = lambda each: [{"step": 100 * i, "encoder_weights": 25.0 + each * i} for i in range(4)]  # noqa: E731
    assert found_in(moving(1e-5)) == [(300, "encoder_hardly_changes")]
    assert found_in(moving(8e-4)) == [(300, "encoder_hardly_changes")]  # 9.6e-5 of the norm at the end
    assert found_in(moving(1e-2)) == found_in(moving(-1e-2)) == []


def dense_vae(make=keras.optimizers.Adam, objective=tfgen.objectives.elbo(), **optimizer):
    keras.utils.set_random_seed(0)
    image, latent = keras.Input((12, 12, 1), name="image"), keras.Input((2,), name="latent")
    flat = keras.layers.Flatten()(image)
    code = {name: keras.layers.Dense(2, name=name)(flat) for name in ("z_mean", "z_log_var")}
    raw = keras.layers.Reshape((12, 12, 1))(keras.layers.Dense(144)(latent))
    model = tfgen.VariationalModel(keras.Model(image, code), keras.Model(latent, raw), objective=objective)
    model.compile(make(**optimizer), steps_per_execution=1)
    return model


HALVED = keras.optimizers.schedules.PiecewiseConstantDecay([10], [1e-4, 0.5])


@pytest.mark.parametrize(
    "make, rate, networks",
    [
        (keras.optimizers.Adam, 0.0175, []),  # weights are 0.08 in size: 0.5 to 7 % is usual
        (keras.optimizers.Adam, 0.025, ["encoder", "decoder"]),
        (keras.optimizers.RMSprop, 1.0, ["encoder", "decoder"]),
        (keras.optimizers.Adam, HALVED, []),  # it begins slowly
        (keras.optimizers.SGD, 1.0, []),  # whose updates depend on the gradient
    ],
)
def test_a_rate_that_is_large_beside_the_weights_is_named(make, rate, networks):
    model = dense_vae(make, learning_rate=rate)
    assert 0.08 < root_mean_square([v.numpy() for v in model.encoder.trainable_variables]) < 0.12
    found = rates_too_high(model)
    assert [name for name, _ in found] == ["rate_too_high"] * len(networks)
    assert all(f"rate of the {network} is" in text for network, (_, text) in zip(networks, found, strict=True))
    model.step.assign(1)
    assert rates_too_high(model) == []  # the weights are no longer those that it starts with


@pytest.mark.parametrize(
    "a, b, remark",
    [
        (strokes(600), strokes(150, seed=1), "other: few images: a network learns 150"),
        (
            RNG.integers(0, 4, (300, 12, 12, 1)).astype(np.uint8),
            strokes(700),
            "image: 300 of 300 training images looked",
        ),
    ],
)
def test_each_of_two_domains_is_looked_at_by_itself(a, b, remark):
    """Pictures of the smaller one come several times in an epoch, which makes them no copies."""
    both = Unpaired(Arrays({"image": a}), Arrays({"image": b}))
    model = types.SimpleNamespace(fields=both.fields(), data_field="other", remarks=())
    (found,) = remarks_on_model(model, both)
    assert found.message.startswith(remark)


def test_the_size_of_weights_is_that_of_all_together():
    assert root_mean_square([np.ones((2, 3)), np.zeros(2)]) == pytest.approx((6 / 8) ** 0.5)
    assert root_mean_square([]) == 0.0 == root_mean_square([np.zeros(3)])


@pytest.mark.parametrize("beta, warmup, found", [(0.0, 0, True), (0.0, 5, True), (1e-3, 0, False), (1.0, 5, False)])
def test_a_divergence_without_weight_is_named(beta, warmup, found):
    model = dense_vae(objective=tfgen.objectives.elbo(beta, warmup))
    assert [name for name, _ in model.remarks] == ["kl_without_weight"] * found
    assert dense_vae(objective=tfgen.objectives.iwae()).remarks == ()


def test_what_is_said_before_training_is_in_the_file(tmp_path, capsys):
    model, images = dense_vae(learning_rate=0.0), np.tile(strokes(20), (20, 1, 1, 1))
    model.fit(images, batch_size=40, epochs=2, verbose=0, callbacks=[tfgen.Diagnosis(folder=tmp_path)])
    found = [(f["step"], f["name"]) for f in json.loads((tmp_path / "diagnosis.json").read_text())]
    assert found == [(0, "duplicates"), (0, "learning_rate"), (20, "too_few_steps")]
    out = capsys.readouterr().out
    assert out.count("diagnosis, step 0: most training images are copies") == 1
    assert out.count("is 0: what it trains stays as it is") == 1, "fit has said it"


def test_what_is_said_of_a_network_is_kept_for_the_diagnosis():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    with pytest.warns(UserWarning, match="before a sigmoid"):
        ((name, sentence),) = warn_of_bounded_logits(network, "logit", (4,))
    assert name == "bounded_logits" and "ends in sigmoid" in sentence
