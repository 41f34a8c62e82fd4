"""Semi-supervised GANs: the choice of labels, the terms by hand, and the supervised classifier beside."""

import math
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfgen
from tfgen.augment import mirror
from tfgen.data.labels import evenly_chosen, labels_of
from tfgen.data.source import Arrays, Field, Source
from tfgen.errors import UserError
from tfgen.families.adversarial.model import Judged
from tfgen.families.adversarial.semi_supervised import SemiSupervisedModel
from tfgen.metrics.score import HeldOut
from tfgen.noise import Noise
from tfgen.training.step import Step

SHAPE, CLASSES, ROWS = (8, 8, 1), 3, 60
FIELDS = {"image": Field("image", SHAPE), "label": Field("label", range=(0, CLASSES))}
SMALL = {"units": [6], "hidden": [5], "latent_dim": 3}
SMALL |= {"pseudo_label_weight": 0.0, "balance_weight": 0.0, "label_augment": None}


def data(rows=ROWS, seed=0):
    """Images with a bright bar at the place of their class, and their labels."""
    labels = np.arange(rows) % CLASSES
    images = np.random.default_rng(seed).integers(0, 120, (rows, *SHAPE))
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] += 120
    return images.astype(np.uint8), labels


def built(labelled=6, **options):
    return tfgen.build_model("sgan", fields=FIELDS, labelled=labelled, **{**SMALL, **options})


# The choice of labels.


@pytest.mark.parametrize("count", [3, 6, 7, 8, 10])
def test_labels_are_chosen_evenly_and_from_the_seed(count):
    labels = np.repeat(np.arange(CLASSES), [5, 20, 40])
    rows = evenly_chosen(labels, count, CLASSES, 1)
    each = np.bincount(labels[rows], minlength=CLASSES)
    assert len(set(rows)) == count and each.sum() == count and each.max() - each.min() <= 1
    np.testing.assert_array_equal(rows, evenly_chosen(labels, count, CLASSES, 1))
    assert any(not np.array_equal(rows, evenly_chosen(labels, count, CLASSES, seed)) for seed in (2, 3, 4))


def test_a_class_with_too_few_images_is_said():
    with pytest.raises(UserError, match="9 labelled examples of 3 classes need 3 of each, but class 1 has 2: .*=6"):
        evenly_chosen(np.array([0, 0, 0, 1, 1, 2, 2, 2]), 9, 3, 0)
    with pytest.raises(UserError, match="class 2 has 1: give fewer .*=3"):  # where it can be followed at once
        evenly_chosen(np.array([0, 0, 0, 1, 1, 2]), 9, 3, 0)
    with pytest.raises(UserError, match="class 1 has 0: number the classes without gaps, and leave none out"):
        evenly_chosen(np.array([0, 0, 0, 2, 2, 2]), 9, 3, 0)
    with pytest.raises(UserError, match="2 labelled examples leave some of 3 classes without any: give 3 or more"):
        evenly_chosen(np.arange(3), 2, 3, 0)


def test_labels_of_a_view_and_of_files():
    examples = Arrays({"image": data()[0], "label": data()[1]}, FIELDS).select([5, 4, 3])
    np.testing.assert_array_equal(labels_of(examples), [2, 1, 0])

    class Files(Arrays):
        arrays = property(lambda self: {}, lambda self, value: None)

        def __init__(self):
            self.index = None

        def fields(self):
            return FIELDS

        def __len__(self):
            return 1201

        def gather(self, indices):
            return {"label": np.asarray(indices) % 7}

    np.testing.assert_array_equal(labels_of(Files()), np.arange(1201) % 7)
    assert labels_of(Arrays({"image": data()[0]}, {"image": FIELDS["image"]})) is None


def prepared(images, labels, **options):
    model = built(labelled=9, **options)
    model.prepare(model.as_examples(images, labels), None)
    return model


def test_the_labels_of_the_chosen_images_are_kept_and_those_of_all_others_have_no_effect():
    images, labels = data()
    model = prepared(images, labels)
    kept = model.states["labelled_images"].numpy()
    rows = [int(np.flatnonzero((images == image).all(axis=(1, 2, 3)))[0]) for image in kept]
    np.testing.assert_array_equal(model.states["labels"].numpy(), labels[rows])
    assert np.bincount(labels[rows]).tolist() == [3, 3, 3]
    assert labels[rows].tolist() != labels[rows][::-1].tolist()  # or an exchange of labels could not be seen
    of_floats = prepared(images / np.float32(255), labels)
    np.testing.assert_array_equal(of_floats.states["labelled_images"].numpy(), kept)
    for one, given in ((model, labels[:20]), (of_floats, 0 * labels[:20])):
        one.train_step({"image": tf.constant(images[:20]), "label": tf.constant(given)})
    assert model.digest() == of_floats.digest()


def test_the_choice_follows_from_the_models_seed():
    images, labels = data()
    chosen = []
    for seed in (0, 0, 1):
        model = built(seed=seed)
        model.prepare(model.as_examples(images, labels), None)
        chosen.append(model.states["labelled_images"].numpy().tobytes())
    assert chosen[0] == chosen[1] != chosen[2]


def test_a_labelled_batch_has_all_labelled_images_alike_each_with_its_label():
    model = prepared(*data())
    kept, own = model.states["labelled_images"].numpy(), model.states["labels"].numpy()
    known = model.labelled_batch({"image": tf.zeros([1200, *SHAPE])}, model.inference_step(Noise(0, 0)))
    drawn = np.round(known["image"].numpy() * 255).astype(np.uint8)
    rows = np.array([np.flatnonzero((kept == image).all(axis=(1, 2, 3)))[0] for image in drawn])
    np.testing.assert_array_equal(known["label"], own[rows])
    np.testing.assert_allclose(np.bincount(rows, minlength=9) / 1200, 1 / 9, atol=0.04)


def test_labelled_images_are_augmented_alone_and_differently_in_each_step():
    images, labels = data()
    plain, mirrored = (prepared(images, labels, **more) for more in ({}, {"label_augment": mirror()}))
    flips = []
    for index in range(2):
        before, after = (
            model.labelled_batch({"image": tf.zeros([40, *SHAPE])}, model.inference_step(Noise(0, index)))["image"]
            for model in (plain, mirrored)
        )
        flips.append((after.numpy() != before.numpy()).any(axis=(1, 2, 3)))
        np.testing.assert_array_equal(after[flips[-1]], before[flips[-1]][:, :, ::-1])
    assert all(8 < each.sum() < 32 for each in flips) and (flips[0] != flips[1]).any()


def test_batches_cannot_be_chosen_from():
    images, labels = data()
    batches = tf.data.Dataset.from_tensor_slices({"image": images, "label": labels}).batch(20)
    with pytest.raises(UserError, match="sgan chooses the images .* before the first step: give fit arrays"):
        built().fit(batches, epochs=1, verbose=0)


# The terms.


def counted():
    """(generator, discriminator): G makes zeros; D's class logits are (x, 2 x, 0) of the first pixel x, its feature."""
    latent, image = keras.Input((3,), name="latent"), keras.Input(SHAPE, name="image")
    zeros = layers.Dense(64, kernel_initializer="zeros", name="made")(latent)
    x = layers.Flatten(name="features")(layers.Cropping2D(((0, 7), (0, 7)))(image))
    classes = layers.Dense(3, use_bias=False, name="class_logits")
    logits = classes(x)
    classes.kernel.assign([[1.0, 2.0, 0.0]])
    logit = keras.ops.logsumexp(logits, axis=1, keepdims=True)
    outputs = {"logit": logit, "class_logits": logits, "features": x}
    return keras.Model(latent, layers.Reshape(SHAPE)(zeros)), keras.Model(image, outputs)


def test_the_terms_by_hand():
    model = SemiSupervisedModel(
        *counted(), latent_dim=3, labelled=1, class_weight=2.0, value_range=(0.0, 1.0), fields=FIELDS, ema=None
    )
    model.states["labelled_images"].assign(np.full((1, *SHAPE), 255, np.uint8))
    model.states["labels"].assign([1])
    batch = {"image": tf.fill([4, *SHAPE], 0.5), "label": tf.zeros([4], tf.int64)}
    step = model.inference_step(Noise(0, 0))
    found = {name: float(value) for name, value in model.discriminator_terms(batch, step).items()}
    z_real, z_fake = math.exp(0.5) + math.e + 1.0, 3.0
    z_known = math.e + math.exp(2.0) + 1.0
    expected = -math.log(z_real / (z_real + 1.0)) - math.log(1.0 / (z_fake + 1.0))
    assert found["discriminator_loss"] == pytest.approx(expected, rel=1e-5)
    assert found["class_loss"] == pytest.approx(-2.0 * (2.0 - math.log(z_known)), rel=1e-5)
    assert float(step.logs["labelled_accuracy"]) == 1.0
    found = model.generator_terms(batch, step)
    assert {name: float(value) for name, value in found.items()} == pytest.approx({"feature_distance": 0.25})


def test_the_entropy_of_classes_of_real_images_by_hand():
    outputs = {"class_logits": tf.math.log([[0.5, 0.5, 1e-30], [0.25, 0.25, 0.5]])}
    real, model = Judged({}, outputs), built(entropy_weight=2.0)
    found = model.more_terms("discriminator", {}, real, real, None)
    expected = 2.0 * (math.log(2) + 1.5 * math.log(2)) / 2
    assert float(found["class_entropy"]) == pytest.approx(expected, rel=1e-5)
    assert (
        model.more_terms("generator", {}, real, real, None)
        == {}
        == built().more_terms("discriminator", {}, real, real, None)
    )


def test_the_balance_of_classes_by_hand():
    outputs = {"class_logits": tf.math.log([[0.5, 0.5, 1e-30], [0.25, 0.25, 0.5]])}
    real, model = Judged({}, outputs), built(balance_weight=2.0, feature_matching=0.0)
    found = model.more_terms("discriminator", {}, real, real, model.inference_step(Noise(0, 0)))
    mean = np.array([0.375, 0.375, 0.25])
    assert float(found["class_balance"]) == pytest.approx(2.0 * np.sum(mean * np.log(3 * mean)), rel=1e-5)
    assert "balanced over a batch" in model.needs_whole_batch


def test_pseudo_labels_by_hand():
    options = {"latent_dim": 3, "labelled": 1, "value_range": (0.0, 1.0), "fields": FIELDS, "ema": None}
    weak = {"pseudo_label_weight": 3.0, "pseudo_label_augment": lambda images, noise: 0.1 * images}
    model = SemiSupervisedModel(*counted(), **weak, **options)
    # of x = 5 the second class has the probability 0.993, of x = 1 it has 0.67
    batch = {"image": tf.constant([5.0, 1.0])[:, None, None, None] * tf.ones([2, *SHAPE])}
    step = model.inference_step(Noise(0, 0))
    found = model.more_terms("discriminator", batch, Judged({}, {"class_logits": None}), None, step)
    expected = math.log(math.exp(0.5) + math.e + 1.0) - 1.0  # of 0.5, 1.0 and 0
    assert float(found["pseudo_label_loss"]) == pytest.approx(3.0 * expected / 2, rel=1e-5)
    assert float(step.logs["pseudo_labelled"]) == 0.5


def test_pseudo_labels_are_those_of_the_average():
    options = {"latent_dim": 3, "labelled": 1, "value_range": (0.0, 1.0), "fields": FIELDS, "ema": 0.9}
    same = {"pseudo_label_weight": 1.0, "pseudo_label_augment": lambda images, noise: images}
    model = SemiSupervisedModel(*counted(), **same, **options)
    model.best("discriminator").get_layer("class_logits").kernel.assign([[2.0, 1.0, 0.0]])
    step = Step(model.networks, Noise(0, 0), tf.constant(0, tf.int64), moving=frozenset(["discriminator"]))
    found = model.pseudo_label_loss({"image": 5.0 * tf.ones([1, *SHAPE])}, step)
    # the first class of the average, whose logit is 5 among 5, 10 and 0
    assert float(found) == pytest.approx(math.log(math.exp(5) + math.exp(10) + 1.0) - 5.0, rel=1e-5)


def test_without_feature_matching_the_generator_follows_the_verdict():
    model = built(feature_matching=0.0)
    batch = {"image": tf.zeros([4, *SHAPE]), "label": tf.zeros([4], tf.int64)}
    assert set(model.generator_terms(batch, model.inference_step(Noise(0, 0)))) == {"generator_loss"}
    names = lambda model: {rule.name for rule in model.rules()}  # noqa: E731
    assert "discriminator_won" in names(model) and model.trials()
    matching = built()
    assert "discriminator_won" not in names(matching) and not matching.trials()
    assert "generator_collapsed" in names(matching)
    assert model.needs_whole_batch is None and "feature_matching" in matching.needs_whole_batch


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_the_logit_is_the_log_of_the_sum_of_the_classes(network):
    sizes = SMALL if network == "dense" else {"latent_dim": 3, "width": 2}
    model = tfgen.build_model("sgan", fields=FIELDS, labelled=3, network=network, **sizes)
    outputs = model.discriminator(data(4)[0] / 255.0)
    expected = np.log(np.exp(outputs["class_logits"]).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(outputs["logit"], expected, rtol=1e-5)
    assert outputs["features"].shape[0] == 4


# The supervised classifier.


@pytest.mark.slow
def test_both_accuracies_stand_side_by_side(monkeypatch):
    images, labels = data()
    model = built(labelled=30, noise=0.0, hidden_noise=0.0, hidden=[8], learning_rate=0.02)
    model.fit(images, labels, batch_size=20, epochs=30, verbose=0)
    digest = model.digest()
    unseen = data(90, seed=1)
    source = Source("levels", FIELDS, {"test": Arrays(dict(zip(("image", "label"), unseen, strict=True)), FIELDS)})
    held = HeldOut(unseen[0][:5], {}, {"version": 1, "real": {"count": 5}}, source, "test")
    scores, _ = model.scores(held, types.SimpleNamespace(seed=0))
    assert list(scores) == ["test_accuracy", "supervised_accuracy"]
    own, other = scores.values()
    assert own.value > 0.8 and other.value > 0.8 and own.protocol == other.protocol
    assert own.protocol["parameters"] == {"labelled": 30, "steps": 90} and own.protocol["real"]["count"] == 90
    assert model.digest() == digest
    monkeypatch.setattr(type(model), "supervised", lambda self: pytest.fail("trained, and not asked for"))
    settings = types.SimpleNamespace(seed=0, metrics=("test_accuracy",))
    assert list(model.scores(held, settings)[0]) == ["test_accuracy"] and set(model.score_names) == set(scores)
    monkeypatch.undo()
    twin = model.supervised()
    assert int(twin.step) == 90 and int(twin.optimizers["discriminator"].iterations) == 90
    assert twin.networks["discriminator"].count_params() == model.discriminator.count_params()


def test_the_supervised_classifier_sees_the_same_augmentation_in_training_alone():
    class Counted(tfgen.augment.Augment):
        calls = 0

        def __call__(self, images, noise):
            Counted.calls += 1
            return images

    model = built(labelled=30, label_augment=Counted())
    model.prepare(model.as_examples(*data()), None)
    twin = model.supervised()
    assert Counted.calls == 1, "traced once"
    twin.evaluate(*data(4), verbose=0)
    assert Counted.calls == 1


@pytest.mark.parametrize("option", ["label_augment", "pseudo_label_augment"])
def test_augmentation_that_follows_a_discriminator_is_for_its_images_alone(option):
    for augment in ("adaptive", tfgen.augment.chain(tfgen.augment.mirror(), tfgen.augment.adaptive())):
        with pytest.raises(UserError, match=f"{option}: adaptive augmentation follows the answers"):
            tfgen.build_model("sgan", (16, 16, 1), 3, labelled=6, **{option: augment, "pseudo_label_weight": 1.0})
