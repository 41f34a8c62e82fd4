"""Translation: models of pairs and of two domains, their commands, scores and sheets."""

import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfgen
from tfgen import data
from tfgen.data import npz
from tfgen.data.pixels import in_channels
from tfgen.data.source import Arrays, Field
from tfgen.data.unpaired import Unpaired
from tfgen.diagnosis.rules import Past, Row
from tfgen.errors import UserError
from tfgen.evaluation import likelihoods
from tfgen.evaluation.evaluation import evaluate_model
from tfgen.evaluation.settings import Settings
from tfgen.families.translation import rules, scores
from tfgen.metrics.score import HeldOut
from tfgen.networks.translation import patch_discriminator
from tfgen.noise import Noise
from tfgen.report.pictures import samples
from tfgen.runs import watching
from tfgen.runs.layout import Layout
from tfgen.runs.translating import translate_run
from tfgen.training.checkpoints import Checkpoints
from tfgen.training.fitting import split_off
from tfgen.translate import COMMAND

TINY = {"pix2pix": {"width": 2}, "cyclegan": {"width": 2, "blocks": 1, "patch_depth": 1}}
TINY["srgan"] = {"width": 2, "blocks": 1, "judge_width": 2, "hidden_units": 4}
PAIRS = {"source": Field("image", (8, 8, 1)), "image": Field("image", (8, 8, 3))}


def pictures(count, shape, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (count, *shape)).astype(np.uint8)


def opened(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def pix2pix(**options):
    return tfgen.build_model("pix2pix", fields=PAIRS, **TINY["pix2pix"], **options)


@pytest.mark.parametrize("image, source", [((28, 30, 3), (7, 8, 3)), ((9, 9, 1), (9, 9, 3)), ((16, 16, 3), (2, 2, 1))])
@pytest.mark.parametrize("name", ["pix2pix", "srgan"])
def test_pairs_of_any_shapes(name, image, source):
    fields = {"source": Field("image", source), "image": Field("image", image)}
    model = tfgen.build_model(name, fields=fields, **TINY[name])
    made = model.translate(pictures(3, source))
    assert made.shape == (3, *image) and made.dtype == np.uint8 and model.sources == ("source",)
    np.testing.assert_array_equal(model.sample(3, conditions={"source": pictures(3, source)}), made)
    for one in (pictures(3, source)[1:2], pictures(3, source)[1]):  # without its batch axis too
        again = model.translate(one)
        assert len(again) == 1
        np.testing.assert_array_equal(again[0], made[1])


def test_without_an_adversarial_weight_there_is_no_discriminator():
    model = pix2pix(adversarial_weight=0)
    assert list(model.networks) == list(model.optimizers) == ["generator"]
    assert "discriminate" not in model.endpoints()
    with pytest.raises(UserError, match="has no discriminator"):
        model.discriminate_images(pictures(1, (8, 8, 3)), conditions={"source": pictures(1, (8, 8, 1))})
    for option in ("loss=hinge", "patch_depth=1", "discriminator_learning_rate=0.1"):
        name, value = option.split("=")
        with pytest.raises(UserError, match=f"'{name}' has no effect"):
            pix2pix(adversarial_weight=0, **{name: value})
    with pytest.raises(UserError, match="expected one above"):
        pix2pix(adversarial_weight=0, pixel_weight=0)


def test_discriminators_of_pairs_take_the_source_where_they_see_it():
    inputs = {}
    for name in ("pix2pix", "srgan"):
        model = tfgen.build_model(name, fields=PAIRS, **TINY[name])
        inputs[name] = [spec.name for spec in model.endpoints()["discriminate"].inputs]
        given = {"source": pictures(2, (8, 8, 1))} if name == "pix2pix" else None
        assert model.discriminate_images(pictures(2, (8, 8, 3)), conditions=given).shape == (2, 1)
    assert inputs == {"pix2pix": ["image", "source"], "srgan": ["image"]}


def test_the_terms_are_those_of_the_equation():
    """With a discriminator that knows nothing, log 2; and the weighted mean differences."""
    model = pix2pix(pixel_weight=10, adversarial_weight=2, loss="non_saturating")
    for weight in model.networks["discriminator"].weights:
        weight.assign(np.zeros(weight.shape))
    batch = model.as_batch({"source": pictures(4, (8, 8, 1)), "image": pictures(4, (8, 8, 3))})
    step = model.inference_step(model.noise())
    made = model.made(batch, step)
    terms = {name: float(value) for name, value in model.generator_terms(batch, step).items()}
    expected = 10 * np.abs(made - batch["image"]).mean()
    np.testing.assert_allclose([terms["generator_loss"], terms["pixel_loss"]], [2 * np.log(2), expected], rtol=1e-5)
    np.testing.assert_allclose(
        float(model.discriminator_terms(batch, step)["discriminator_loss"]), np.log(2), rtol=1e-5
    )


@pytest.mark.parametrize("loss,names", [("non_saturating", "score"), ("least_squares", "output")])
def test_answers_without_probabilities_are_not_logged_as_such(loss, names):
    model = pix2pix(loss=loss)
    step = model.inference_step(model.noise())
    model.discriminator_terms(model.as_batch({"source": pictures(4, (8, 8, 1)), "image": pictures(4, (8, 8, 3))}), step)
    assert {name for name in step.logs if name.startswith(("real_", "fake_"))} == {f"real_{names}", f"fake_{names}"}


def test_dropout_may_stay_on_in_translations():
    model = pix2pix(translate_dropout=True, dropout=0.5, stddev=0.5)
    sources = np.repeat(pictures(1, (8, 8, 1)), 6, axis=0)
    many = model.translate(sources)
    assert len({image.tobytes() for image in many}) > 1
    for rows in (6, 4, 1):
        np.testing.assert_array_equal(model.predict(sources, batch_size=rows), many)
    np.testing.assert_array_equal(model.translate(sources), many)
    np.testing.assert_array_equal(model.sample(2, start=3, conditions={"source": sources[0]}), many[3:5])
    assert not np.array_equal(model.sample(6, seed=1, conditions={"source": sources[0]}), many)
    served = model.endpoints()["translate"].function(source=(sources / 255).astype(np.float32))["image"]
    np.testing.assert_allclose(served * 255, many, atol=0.51)
    alone = pix2pix(dropout=0.5, stddev=0.5)
    assert len({image.tobytes() for image in alone.translate(sources)}) == 1
    with pytest.raises(UserError, match="'translate_dropout' has no effect with dropout=0"):
        pix2pix(translate_dropout=True, dropout=0)


def test_a_mask_keeps_its_share_and_the_mean():
    from tfgen.networks.dropping import dropped

    x = dropped(np.ones((3, 40, 50), np.float32), 0.25, np.array([5, 6, 5]), "dropout 0").numpy()
    assert set(np.unique(x).tolist()) == {0.0, np.float32(1 / 0.75)} and abs(x.mean() - 1) < 0.05
    np.testing.assert_array_equal(x[0], x[2])
    assert not np.array_equal(x[0], x[1])


@pytest.mark.slow
def test_the_content_network_stays_as_it_is_and_is_the_shipped_one():
    model = tfgen.build_model("srgan", (16, 16, 3), content_weight=1.0, **TINY["srgan"])
    before = [weight.numpy() for weight in model.networks["features"].weights]
    values = {"source": pictures(8, (4, 4, 3)), "image": pictures(8, (16, 16, 3))}
    model.fit(values, batch_size=8, epochs=1, verbose=0)
    for old, new in zip(before, model.networks["features"].weights, strict=True):
        np.testing.assert_array_equal(old, new)
    known = tfgen.extractors.classifiers.read_record(tfgen.extractors.classifiers.HERE, "fashion_mnist")
    assert known["dataset"] == "fashion_mnist" and len(before) > 10


def test_two_domains_translate_both_ways():
    model = tfgen.build_model("cyclegan", (8, 9, 1), **TINY["cyclegan"])
    assert (model.conditions, model.data_field) == (("image",), "other")
    images = pictures(5, (8, 9, 1))
    forth, back = model.translate(images), model.translate(images, reverse=True)
    assert forth.shape == back.shape == images.shape and not np.array_equal(forth, back)
    np.testing.assert_array_equal(model.predict(images), forth)
    for name, made in (("translate", forth), ("translate_back", back)):
        endpoint = model.endpoints()[name]
        assert [spec.name for spec in endpoint.inputs] == ["source"]
        served = endpoint.function(source=(images / 255).astype(np.float32))
        np.testing.assert_allclose(served["image"] * 255, made, atol=0.51)
    with pytest.raises(UserError, match="cannot translate back"):
        pix2pix().translate(pictures(1, (8, 8, 1)), reverse=True)


@pytest.mark.parametrize(
    "name, below",
    [
        ("pix2pix", "; below that, the real image of the pair."),
        ("cyclegan", "; below that, the sample translated back."),
    ],
)
def test_a_report_says_what_stands_below_translations(name, below):
    values = {field: pictures(6, (8, 8, 1)) for field in ("image", "source" if name == "pix2pix" else "other")}
    examples = Arrays(values)
    model = tfgen.build_model(name, fields=examples.fields(), **TINY[name])
    made = types.SimpleNamespace(model=model, class_names=None)
    evidence = types.SimpleNamespace(run=made, held_out=(examples, "test"), recipe=tfgen.Recipe(name))
    assert below in samples(evidence, 0)


@pytest.mark.parametrize("counts", [(7, 10), (10, 4)])
def test_a_part_of_two_domains_is_a_part_of_both(counts):
    field = {"image": Field("image", (4, 4, 1))}
    values = [np.arange(start, start + n, dtype=np.uint8) for start, n in zip((0, 100), counts, strict=True)]
    a, b = (Arrays({"image": np.tile(v[:, None, None, None], (1, 4, 4, 1))}, field) for v in values)
    whole = Unpaired(a, b)
    some = whole.select([5, 2]).gather([0, 1])
    for name, pictures_of in whole.gather([5, 2]).items():
        np.testing.assert_array_equal(some[name], pictures_of)
    train, held_out = split_off(whole, 0.3)
    for place, own in enumerate(values):
        seen = [set(part.parts()[place].to_numpy().popitem()[1][:, 0, 0, 0].tolist()) for part in (train, held_out)]
        assert seen[0] | seen[1] == set(own.tolist()) and not seen[0] & seen[1] and all(seen)
    with pytest.raises(UserError, match="1 pictures of the second domain cannot be divided 7 to 3"):
        Unpaired(a.select(np.arange(10) % len(a)), b.select([0])).divided(7)


@pytest.mark.slow
def test_two_domains_train_on_data_without_pairs(monkeypatch):
    monkeypatch.setattr(data.DATASETS, "_registered", {})
    values = {"x_train": pictures(40, (8, 8, 1)), "y_train": np.arange(40) % 2, "class_names": ["a", "b"]}
    data.register_dataset("two")(lambda: values)
    source = tfgen.load_dataset("domains(two, a, b)")
    model = tfgen.build_model("cyclegan", fields=source.fields, **TINY["cyclegan"])
    model.fit(source.splits["train"], batch_size=4, epochs=1, verbose=0)
    assert int(model.step) == len(source.splits["train"]) // 4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    recipe = tfgen.load_recipe("pix2pix").replace(
        dataset="edges(fashion_mnist_mini)", image_size=8, steps=2, batch_size=4, options={"width": 2, "ema": None}
    )
    tfgen.train(recipe, folder / "pix2pix")
    return folder / "pix2pix"


@pytest.mark.slow
def test_a_run_leaves_a_sheet_and_a_signature(run):
    import tensorflow as tf

    sheet = opened(run / "samples" / "epoch_0001.png")
    assert sheet.shape[0] > 100 and sheet.shape[1] > 100
    served = tf.saved_model.load(run / "export" / "1").signatures["translate"]
    source = pictures(2, (8, 8, 1))
    made = served(source=tf.constant(source / 255, tf.float32))["image"]
    np.testing.assert_allclose(made * 255, tfgen.load_run(run).model.translate(source), atol=0.51)
    network = keras.saving.load_model(run / "models" / "generator.keras")
    assert [tensor.name for tensor in network.inputs] == ["source"]


@pytest.mark.plugins
def test_pictures_of_a_folder_are_translated_under_their_names(run, tmp_path, capsys):
    folder = tmp_path / "drawings"
    (folder / "deep").mkdir(parents=True)
    Image.fromarray(pictures(1, (20, 30, 3))[0]).save(folder / "a.png")
    Image.fromarray(pictures(1, (8, 8, 1))[0, ..., 0]).save(folder / "a.jpg")
    Image.fromarray(pictures(1, (8, 8, 1))[0, ..., 0]).save(folder / "a.png.png")
    Image.fromarray(pictures(1, (9, 8, 1))[0, ..., 0]).save(folder / "deep" / "b.bmp")
    (folder / "c.png").write_bytes(b"no picture")
    out = translate_run(run, folder, tmp_path / "out")
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*.png"))
    assert names == ["a.png", "a.png.png", "a.png.png.png", "deep/b.png"]
    assert "skipped 1 of 5 files: c.png" in capsys.readouterr().out
    assert opened(out / "a.png").shape[:2] == (8, 8)
    arrays = npz.read(translate_run(run, folder, tmp_path / "out.npz"))
    # a picture that ends in .png keeps its name, whatever stands before it in the alphabet
    written = {"a.jpg": "a.png.png.png", "a.png": "a.png", "a.png.png": "a.png.png", "deep/b.bmp": "deep/b.png"}
    for name, image in zip(arrays["names"].tolist(), arrays["images"], strict=True):
        np.testing.assert_array_equal(opened(out / written[name]).reshape(image.shape), image)
    before = (folder / "a.png").read_bytes()
    with pytest.raises(UserError, match="would replace the pictures of --images"):
        translate_run(run, folder / "a.jpg", folder)
    assert (folder / "a.png").read_bytes() == before
    assert arrays["images"].shape == (4, 8, 8, 1)
    assert arrays["names"].tolist() == ["a.jpg", "a.png", "a.png.png", "deep/b.bmp"]
    one = translate_run(run, folder / "a.png", tmp_path / "one.png")
    np.testing.assert_array_equal(opened(one).reshape(8, 8, -1), arrays["images"][1])
    again = translate_run(run, tmp_path / "out.npz", tmp_path / "again.npz")
    np.testing.assert_array_equal(npz.read(again)["images"], tfgen.load_run(run).model.translate(arrays["images"]))


def test_a_folder_of_other_pictures_of_the_same_names_is_spared(run, tmp_path):
    """As testB/ beside testA/: only translations are replaced by translations."""
    for folder in ("testA", "testB"):
        (tmp_path / folder).mkdir()
        Image.fromarray(pictures(1, (8, 8))[0]).save(tmp_path / folder / "a.png")
    before = (tmp_path / "testB" / "a.png").read_bytes()
    with pytest.raises(UserError, match="testB has a 'a.png' that tfgen has not written: give an empty or a new"):
        translate_run(run, tmp_path / "testA", tmp_path / "testB")
    assert (tmp_path / "testB" / "a.png").read_bytes() == before
    for _ in range(2):
        assert (translate_run(run, tmp_path / "testA", tmp_path / "new") / "a.png").is_file()


def test_arrays_of_other_channels_are_turned_as_pictures_are(run, tmp_path):
    colour = pictures(3, (8, 8, 3))
    np.savez(tmp_path / "colour.npz", images=colour)
    for number, picture in enumerate(colour):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    made = npz.read(translate_run(run, tmp_path / "colour.npz", tmp_path / "out" / "a.npz"))["images"]
    np.testing.assert_array_equal(npz.read(translate_run(run, tmp_path, tmp_path / "out" / "b.npz"))["images"], made)
    gray = pictures(2, (4, 4, 1))
    np.testing.assert_array_equal(in_channels(gray, 3)[..., 2], gray[..., 0])


def test_every_part_of_many_pictures_is_translated_under_its_names(run, tmp_path, monkeypatch):
    folder, given = tmp_path / "drawings", pictures(11, (8, 8))
    folder.mkdir()
    for number, picture in enumerate(given):
        Image.fromarray(picture).save(folder / f"{number:02}.png")
    (folder / "01.png").write_bytes(b"no picture")  # of those after it, the number is not the place in the list
    monkeypatch.setattr("tfgen.runs.reading.CHUNK", 4)
    arrays = npz.read(translate_run(run, folder, tmp_path / "out.npz"))
    places = [number for number in range(11) if number != 1]
    assert arrays["names"].tolist() == [f"{number:02}.png" for number in places]
    np.testing.assert_array_equal(arrays["images"], tfgen.load_run(run).model.translate(given[places][..., None]))


def test_domains_in_arrays_have_lengths_of_their_own():
    model = tfgen.build_model("cyclegan", (8, 8, 1), **TINY["cyclegan"])
    a, b = pictures(16, (8, 8, 1)), pictures(9, (8, 8, 1))
    model.fit({"image": a, "other": b}, batch_size=4, epochs=1, verbose=0)
    assert int(model.step) == 4, "an epoch is one of A"
    parts = model.as_examples({"image": a[:6], "other": b[:6]}).parts()
    assert [list(part.fields()) for part in parts] == [["image"], ["other"]], "equal numbers make no pairs"
    with pytest.raises(UserError, match="^other: "):
        model.fit({"image": a, "other": b[..., :4, :]}, batch_size=4, verbose=0)
    assert set(model.evaluate({"image": a, "other": b}, batch_size=4, verbose=0, return_dict=True)) >= {"forth_cycle"}


@pytest.mark.parametrize("name", ["pix2pix", "srgan", "cyclegan"])
def test_a_picture_is_translated_alike_whatever_the_number_of_the_first(name):
    fields = PAIRS if name != "cyclegan" else {"image": Field("image", (8, 8, 1))}
    more = {"translate_dropout": True, "dropout": 0.5, "stddev": 0.5} if name == "pix2pix" else {}
    model = tfgen.build_model(name, fields=fields, **TINY[name], **more)
    given = pictures(5, (8, 8, 1))
    made = model.translate(given, seed=3)
    assert len({image.tobytes() for image in made}) == 5
    for first in (1, 2, 4):
        np.testing.assert_array_equal(model.translate(given[first:], seed=3, start=first), made[first:])


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (["--images=x"], "--run is required"),
        (["--run=RUN"], "--images is required"),
        (
            ["--run=RUN", "--images=nowhere"],
            "expected a folder of pictures, or one picture, but nowhere is not",
        ),
        (["--run=RUN", "--images=RUN/models"], "expected pictures"),
        (["--run=RUN", "--images=RUN/samples", "--reverse"], "cannot translate back"),
        (["--run=RUN", "--images=RUN/samples", "--out=RUN/samples"], "would replace the pictures"),
        (
            ["--run=RUN", "--images=RUN/samples", "--out=out.jpg"],
            "must end in .npz or .png, or be a folder without a dot",
        ),
        (["--run=RUN", "--images=RUN/recipe.json"], "can be read"),
    ],
)
def test_mistakes_are_one_line(run, flags, sentence, capsys):
    assert COMMAND([flag.replace("RUN", str(run)) for flag in flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("tfgen translate: ") and sentence in error and error.count("\n") == 1


@pytest.mark.slow
def test_scores_of_pairs_stand_beside_their_floors(run, tmp_path):
    source = tfgen.load_run(run).source()
    found = evaluate_model(
        tfgen.load_run(run).model, source, Settings(num=60, nll_images=60, metrics=["fd", *scores.SCORES]), say=str
    )
    made = json.loads(json.dumps(found.to_json()))
    for name in scores.SCORES:
        score = made["metrics"][name]
        assert score["floor"] == made["details"]["floors"]["source"][name] and score["low"] <= score["value"]
        assert score["protocol"]["parameters"]["floor"] == "source"
    assert made["details"]["floors"]["source"]["fd"] > 0


def test_translations_of_a_split_may_resemble_its_images_and_no_others():
    from tfgen.evaluation import cheating
    from tfgen.evaluation.cache import Cache
    from tfgen.evaluation.real import RealData

    random = np.random.RandomState(0)
    images = {split: random.randint(0, 256, (60, 8, 8, 1)).astype(np.uint8) for split in ("train", "test")}
    source = data.arrays.from_splits({f"x_{split}": values for split, values in images.items()}, "drawn")
    real = RealData(source, tfgen.extractors.load_extractor("fashion_mnist"), Cache(None, str), "test")
    assert any("of the test split" in said for said in cheating.findings(images["test"], real))
    assert cheating.findings(images["test"], real, ("test",)) == []
    assert any("training" in said for said in cheating.findings(images["train"], real, ("test",)))


def test_losses_of_the_whole_batch_see_it(monkeypatch):
    model = pix2pix(loss="relativistic_average")
    x = {name: tf.random.stateless_normal([4, *field.shape], [1, 2]) for name, field in PAIRS.items()}
    step, seen = model.inference_step(Noise(0, 0)), []
    monkeypatch.setattr(type(step), "gather", lambda self, rows: seen.append(rows) or rows)
    model.discriminator_terms(x, step)
    model.generator_terms(x, step)
    assert len(seen) == 4
    assert "mean square of the features" in tfgen.build_model("srgan", fields=PAIRS, **TINY["srgan"]).needs_whole_batch


def test_floors_of_a_smaller_source_are_its_enlargements():
    small = np.zeros((2, 2, 2, 1), np.uint8)
    small[:, 0] = 200
    floors = scores.floors_of(small, (4, 4, 3))
    assert set(floors) == {"bicubic", "nearest"} and floors["nearest"].shape == (2, 4, 4, 3)
    assert (floors["nearest"][:, :2] == 200).all() and (floors["nearest"][:, 2:] == 0).all()
    assert list(scores.floors_of(small, (2, 2, 1))) == ["source"]


@pytest.mark.slow
def test_samples_of_two_domains_are_compared_with_the_domain_that_is_made():
    values = pictures(60, (8, 8, 1))
    values[30:] //= 8  # the pictures of B are dark
    rows = {"image": Arrays({"image": values[:30]}), "other": Arrays({"image": values[30:]})}
    splits = {"train": data.unpaired.Unpaired(rows["image"], rows["other"])}
    splits |= {"validation": splits["train"], "test": splits["train"]}
    fields = splits["train"].fields()
    source = tfgen.data.Source("two", fields, splits, extractor="fashion_mnist")
    assert data.unpaired.of_field(source, "other").to_numpy("test")["image"].max() < 32
    model = tfgen.build_model("cyclegan", fields=fields, **TINY["cyclegan"])
    found = evaluate_model(model, source, Settings(num=30, metrics=["fd", *scores.CYCLES]), say=str)
    assert {"fd", "forth_cycle_error", "back_cycle_error"} <= set(found.scores)


@pytest.mark.parametrize("counts", [(3, 10), (10, 3)])
def test_each_domain_is_scored_by_its_own_pictures(counts, monkeypatch):
    values = pictures(sum(counts), (8, 8, 1))
    domains = [Arrays({"image": values[: counts[0]]}), Arrays({"image": values[counts[0] :]})]
    unpaired = data.unpaired.Unpaired(*domains)
    source = tfgen.data.Source("two", unpaired.fields(), {"train": unpaired, "test": unpaired})
    model = tfgen.build_model("cyclegan", fields=unpaired.fields(), **TINY["cyclegan"])
    monkeypatch.setattr(type(model), "translate", lambda self, images, reverse=False: images)
    held = likelihoods.held_out(model, source, Settings(), 0)
    found, _ = model.scores(held, Settings(metrics=list(scores.CYCLES)))
    shown = [found[name].protocol["parameters"]["pictures"] for name in scores.CYCLES]
    assert shown == list(counts) and len(np.unique(held.fields["other"], axis=0)) == counts[1]


def test_a_plan_and_an_automatic_batch_size_are_of_two_domains(monkeypatch, capsys):
    """A batch has as many images of each domain, so that the smaller one bounds it."""
    values = pictures(40, (8, 8, 1))
    both = data.unpaired.Unpaired(Arrays({"image": values[:30]}), Arrays({"image": values[30:]}))
    source = tfgen.data.Source("two", both.fields(), {"train": both, "validation": both})
    monkeypatch.setattr("tfgen.runs.job.load_dataset", lambda *args, **options: source)
    counts = []
    measured = lambda recipe, fields, examples: counts.append(examples) or 4  # noqa: E731
    monkeypatch.setattr("tfgen.runs.batch_size.automatic", measured)
    recipe = tfgen.Recipe("cyclegan", "two", options=TINY["cyclegan"], batch_size="auto", steps=7)
    tfgen.train(recipe, dry_run=True)
    assert counts == [10]
    assert "to do: 7 steps of 4 images, 7 per epoch of 30 images" in capsys.readouterr().out


def test_a_run_that_stops_by_kid_compares_with_the_domain_that_is_made(monkeypatch, tmp_path):
    values = pictures(40, (8, 8, 1))
    both = data.unpaired.Unpaired(Arrays({"image": values[:20]}), Arrays({"image": values[20:]}))
    source = tfgen.data.Source("two", both.fields(), {"train": both, "validation": both})
    model = tfgen.build_model("cyclegan", fields=source.fields, **TINY["cyclegan"])
    compared = []
    score = lambda source, field: compared.append(field) or (lambda model: (0.5, 0.1))  # noqa: E731
    monkeypatch.setattr("tfgen.runs.watching.kernel_score", score)
    recipe = tfgen.Recipe("cyclegan", "two", options=TINY["cyclegan"], batch_size=4, steps=7, stop="kid")
    checkpoints = Checkpoints(model, tmp_path / "checkpoints")
    watching.callbacks_of(model, recipe, source, Layout(tmp_path), checkpoints, 7, 0)
    assert compared == ["other"]  # `image` is what it is made from


@pytest.mark.parametrize("size, depth", [(8, 3), (16, 4), (13, 5)])
def test_a_discriminator_of_instances_sees_images_whose_maps_are_one_pixel(size, depth):
    """Instance normalisation makes a map of one pixel 0, whatever the image."""
    network = patch_discriminator((size, size, 1), width=2, depth=depth, norm="instance")
    images = np.random.default_rng(0).uniform(-1, 1, (4, size, size, 1)).astype(np.float32)
    assert float(np.ptp(network(images).numpy(), axis=0).min()) > 1e-6


def test_one_pair_has_scores_without_intervals():
    class Copies:
        conditions = ("source",)
        translated = staticmethod(lambda: "source")
        translate = staticmethod(lambda source, given: source)

    fields = {"image": pictures(1, (8, 8, 1)), "source": pictures(1, (8, 8, 1))}
    held = HeldOut(fields["image"], fields, {}, None, "test")
    found, details = scores.paired_scores(Copies(), held, Settings())
    assert found["mean_absolute_error"].value == 0.0 and found["mean_absolute_error"].low is None
    assert "fd" not in details["floors"]["source"]


def test_rules_of_translations():
    past = Past()
    assert rules.makes_the_mean(Row(explained=0.01), past) and not rules.makes_the_mean(Row(explained=0.3), past)
    assert not rules.makes_the_mean(Row(), past)
    past.add(Row(step=100, held_out_error=0.1))
    overfitted = Row(held_out_error=0.13, train_error=0.05)
    assert rules.overfits(overfitted, past) and not rules.overfits(Row(held_out_error=0.11, train_error=0.05), past)
    assert "0.130 on held-out pictures, 0.100 at step 100" in rules.say_overfits(overfitted, past)
    assert rules.does_not_come_back(Row(forth_cycle_error=0.3, back_cycle_error=0.1), Past())
    assert not rules.does_not_come_back(Row(forth_cycle_error=0.1, back_cycle_error=0.1), Past())
    assert rules.stands_still(Row(forth_change=0.001, back_change=0.0), past) and not rules.stands_still(Row(), past)


def remembering(start=None, **row):
    """A past of one row, `start` before the first step."""
    past = Past()
    if start:
        past.start = Row(**start)
    past.add(Row(**row))
    return past


def errors(held_out, train):
    return {"held_out_error": held_out, "train_error": train}


def cycles(forth, back):
    return {"forth_cycle_error": forth, "back_cycle_error": back}


def changes(forth, back):
    return {"forth_change": forth, "back_change": back}


BEFORE = remembering(step=100, held_out_error=0.1)


@pytest.mark.parametrize(
    "rule, past, broken, kept",
    [
        (rules.makes_the_mean, Past(), [{"explained": 0.04}, {"explained": -3.0}], [{"explained": 0.06}]),
        # more than 1.5 times the error of training pictures, and 1.15 times the best of held-out ones
        (
            rules.overfits,
            BEFORE,
            [errors(0.12, 0.079), errors(0.16, 0.1)],
            [errors(0.12, 0.081), errors(0.114, 0.01), errors(0.14, 0.1)],
        ),
        (rules.does_not_come_back, Past(), [cycles(0.26, 0.0), cycles(0.0, 0.26)], [cycles(0.24, 0.24)]),
        # half of the greater error before the first step, where that is above a quarter
        (
            rules.does_not_come_back,
            remembering(start=cycles(0.4, 0.8), step=1),
            [cycles(0.41, 0.0), cycles(0.0, 0.41)],
            [cycles(0.39, 0.39)],
        ),
        (
            rules.does_not_come_back,
            remembering(start=cycles(0.2, 0.1), step=1),
            [cycles(0.26, 0.2)],
            [cycles(0.24, 0.24)],
        ),
        (
            rules.stands_still,
            Past(),
            [changes(0.004, 0.004)],
            [changes(0.006, 0.0), changes(0.0, 0.006), changes(0.4, 0.4)],
        ),
    ],
)
def test_a_rule_of_translations_has_its_threshold_on_both_sides(rule, past, broken, kept):
    assert [rule(Row(**row), past) for row in broken] == [True] * len(broken)
    assert [rule(Row(**row), past) for row in kept] == [False] * len(kept)


def test_messages_of_translations_have_the_numbers_of_both_sides():
    assert "explain 0% of" in rules.say_makes_the_mean(Row(explained=-0.2), Past())
    assert "explain 3% of" in rules.say_makes_the_mean(Row(explained=0.03), Past())
    said = rules.say_overfits(Row(**errors(0.13, 0.05)), BEFORE)
    assert "0.130 on held-out pictures, 0.100 at step 100, and 0.050 on training pictures" in said
    assert "0.31 from A and 0.12 from B" in rules.say_does_not_come_back(Row(**cycles(0.31, 0.12)), Past())
    assert "by 0.10% and 0.20% of the range" in rules.say_stands_still(Row(**changes(0.001, 0.002)), Past())
    assert {rule.name for rule in (*rules.RULES, *rules.CYCLE_RULES)} == {
        "translates_to_the_mean",
        "translation_overfits",
        "cycle_is_lost",
        "translation_stands_still",
    }
