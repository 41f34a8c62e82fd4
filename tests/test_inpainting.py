"""Holes of pictures filled by flows: the sampler by hand, what stays, what a hole may be, the score."""

import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfgen
from tfgen import interpolants, samplers
from tfgen.data.source import Arrays, Field, Source
from tfgen.errors import UserError
from tfgen.families.flow.inpainting import inpainting_scores, nearest_filled
from tfgen.metrics.score import HeldOut
from tfgen.runs import translating
from tfgen.runs.translating import translate_run
from tfgen.samplers.inpainting import noised
from tfgen.translate import COMMAND

SHAPE = (8, 8, 1)
SMALL = {"network": "dense", "width": 4, "blocks": 1}
QUICK = samplers.inpainting(samplers.euler(2), repeats=2)


def model(name="flow_matching", shape=SHAPE, **options):
    return tfgen.build_model(name, shape, 3, **{**SMALL, **options})


def pictures(count, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def moved(flow):
    """The flow with weights that move every pixel."""
    random = np.random.default_rng(0)
    flow.networks["flow"].set_weights(
        [w + 0.3 * random.normal(size=w.shape) for w in flow.networks["flow"].get_weights()]
    )
    flow.averaged_networks["flow"].set_weights(flow.networks["flow"].get_weights())
    return flow


# The sampler, of a flow of two numbers whose distribution is known.


class Pair:
    """A flow of (x, y), N(0, 1) each with the correlation 0.8, of which the velocity is known."""

    flow_shape, data_field, conditions = (2,), "image", ()
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]], np.float32)

    def __init__(self, interpolant):
        self.interpolant = interpolant

    def as_field(self, name, value):
        return value

    def condition_fields(self, conditions):
        return {}

    def flow_output(self, x, networks):
        return x

    def velocity(self, x, t, conditions, networks):
        m = self.interpolant.at(t, 2)
        a, s = m.a[0, 0], m.s[0, 0]
        seen = tf.linalg.inv(a**2 * self.covariance + s**2 * tf.eye(2))  # of x_t
        data, noise = a * x @ seen @ self.covariance, s * x @ seen
        return m.da * data + m.ds * noise


@pytest.mark.slow
@pytest.mark.parametrize(
    "flow, interpolant",
    [(samplers.ddim(12), interpolants.cosine()), (samplers.ancestral(12), interpolants.straight())],
    ids=["ddim", "ancestral"],
)
def test_what_fills_a_hole_follows_from_what_is_known(flow, interpolant):
    """y given x = 1.5 is N(1.2, 0.36), of which finitely many repetitions fall a little short."""
    draw = tf.function(samplers.inpainting(flow, repeats=6).draw, autograph=False)
    given = {"image": tf.tile([[1.5, 9.0]], [400, 1]), "hole": tf.constant([[False, True]])}
    made = draw(Pair(interpolant), tf.range(400, dtype=tf.int64), given).numpy()
    np.testing.assert_allclose(made[:, 0], 1.5, atol=1e-5)
    assert abs(made[:, 1].mean() - 1.1) < 0.1 and abs(made[:, 1].std() - 0.6) < 0.15


def test_one_step_by_hand():
    """At 1/4 of a straight way the known 2 has the noise (x - 2/4) / (3/4), and half of it at 1/2."""
    way = samplers.Way(samplers.euler(4), Pair(interpolants.straight()), tf.range(1, dtype=tf.int64), {}, None)
    x, hole = tf.constant([[0.8, -0.3]]), tf.constant([[False, True]])
    made = samplers.inpainting(samplers.euler(4)).filled(way, tf.constant(1), x, tf.constant([[2.0, 7.0]]), hole)
    step = samplers.euler(4).advanced(way, tf.constant(1), x)
    np.testing.assert_allclose(made, [[1.0 + 0.5 * (0.8 - 0.5) / 0.75, step[0, 1]]], rtol=1e-6)


def test_noise_is_added_as_it_was_taken_away():
    """From 3/4 back to 1/2 of a straight way: (2/3) x + noise of the variance 1/4 - (2/3)^2 / 16 = 2/9."""
    way = samplers.Way(samplers.euler(4), Pair(interpolants.straight()), tf.range(3, dtype=tf.int64), {}, None)
    x = tf.constant([[0.3, 1.0], [2.0, 0.0], [-1.0, 0.5]])
    new = samplers.normal_rows(way.seeds, (2,), "again", 5)
    made = noised(way, tf.constant(2), x, tf.constant(5))
    np.testing.assert_allclose(made, 2 / 3 * x + np.sqrt(2 / 9) * new, rtol=1e-5)


def test_steps_are_repeated_with_other_noise_and_counted():
    assert samplers.inpainting(samplers.heun(5), repeats=3).passes == 30
    way = samplers.Way(samplers.ancestral(4), Pair(interpolants.straight()), tf.range(2, dtype=tf.int64), {}, None)
    again = samplers.Way(way.sampler, way.model, way.seeds, {}, None, turn=1)
    assert not np.allclose(way.noise("ancestral", tf.constant(1)), again.noise("ancestral", tf.constant(1)))
    np.testing.assert_array_equal(
        way.noise("ancestral", tf.constant(3)), samplers.normal_rows(way.seeds, (2,), "ancestral", 3)
    )


def test_each_step_is_repeated_before_the_next():
    seen = []

    class Recorded(samplers.Euler):
        def advanced(self, way, i, x):
            seen.append((int(i), int(way.turn)))
            return super().advanced(way, i, x)

    given = {"image": tf.zeros([2, 2]), "hole": tf.constant([[False, True]])}
    samplers.inpainting(Recorded(2), repeats=3).draw(Pair(interpolants.straight()), tf.range(2, dtype=tf.int64), given)
    assert seen == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


# Models.


@pytest.mark.parametrize("name, shape", [("flow_matching", (8, 8, 3)), ("ddpm", (8, 9, 1))])
def test_known_pixels_stay_and_what_fills_holes_follows_from_seed_and_number(name, shape):
    flow, images = moved(model(name, shape)), pictures(5, shape)
    hole = np.zeros(shape[:2], bool)
    hole[1:4, 2:] = True
    made = flow.inpaint(images, hole, seed=3, sampler=QUICK)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made[:, ~hole], images[:, ~hole])
    torn = np.where(hole[..., None], np.uint8(7), images)  # what a hole holds has no effect
    np.testing.assert_array_equal(flow.inpaint(torn[2:4], hole, seed=3, start=2, sampler=QUICK), made[2:4])
    assert not np.array_equal(flow.inpaint(images, hole, seed=4, sampler=QUICK), made)
    assert len({picture[hole].tobytes() for picture in made}) == 5


def test_a_hole_may_be_given_in_many_forms():
    flow, images = moved(model()), pictures(2)
    hole = np.zeros((2, 8, 8), bool)
    hole[:, 2:6, 2:6] = True
    middle = flow.inpaint(images, sampler=QUICK)
    for given in (hole, hole[0], hole[0, ..., None], hole[..., None] * np.uint8(255), hole[0].astype(np.float32)):
        np.testing.assert_array_equal(flow.inpaint(images, given, sampler=QUICK), middle)
    np.testing.assert_array_equal(flow.inpaint(images / 255.0, sampler=QUICK), middle)
    np.testing.assert_array_equal(
        flow.inpaint(images, sampler=samplers.inpainting(QUICK.flow, 5)), flow.inpaint(images, sampler=QUICK.flow)
    )
    other = hole.copy()
    other[1] = ~other[1]
    each = flow.inpaint(images, other, sampler=QUICK)
    np.testing.assert_array_equal(each[0], middle[0])
    np.testing.assert_array_equal(each[1, 2:6, 2:6], images[1, 2:6, 2:6])


def test_conditions_are_given_or_left_out():
    flow, images = moved(model(condition="label")), pictures(3)
    given = [flow.inpaint(images, label=label, sampler=QUICK) for label in (None, 0, [2, 1, 0])]
    assert len({made.tobytes() for made in given}) == 3
    alone = model(condition="label", condition_dropout=0)
    with pytest.raises(UserError, match=r"their label alone: give it, in Python as model.inpaint\(images, label="):
        alone.inpaint(images)
    assert alone.inpaint(images, label=1, sampler=QUICK).shape == images.shape


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda f, x: f.inpaint(x, np.ones((4, 8), bool)), r"hole: the model takes images of shape \(8, 8, 1\)"),
        (lambda f, x: f.inpaint(x, np.zeros((8, 8))), "hole: expected pixels to fill, true, 1.0 or 255, got none"),
        (lambda f, x: f.inpaint(x, np.ones((3, 8, 8))), "hole: expected one for all 2 pictures or one for each, got 3"),
        (lambda f, x: f.inpaint(x[:, :5]), r"image: the model takes images of shape \(8, 8, 1\)"),
        (lambda f, x: f.inpaint(x, sampler=samplers.latent()), "inpaint takes tfgen.samplers.inpainting"),
        (lambda f, x: f.inpaint(x, seed=-1), "seed must"),
        (lambda f, x: f.inpaint(x, label=0), "takes no label"),
        (lambda f, x: f.sample(1, sampler=QUICK), r"call model.inpaint\(images, hole\) with this sampler"),
        (lambda f, x: f.translate(x, reverse=True), "cannot translate back"),
    ],
)
def test_mistakes_are_one_sentence(call, sentence):
    with pytest.raises(UserError, match=sentence):
        call(model(), pictures(2))


def test_models_that_cannot_say_so():
    coder = tfgen.build_model("latent_flow", SHAPE, 3, code_channels=2, code_width=4, condition=None, **SMALL)
    points = tfgen.build_model("flow_matching", fields={"point": Field("point", (2,))}, width=4)
    for other in (coder, points, tfgen.build_model("gan", SHAPE, units=[4], maxout_units=4)):
        with pytest.raises(UserError, match="cannot inpaint; train flow_matching or ddpm"):
            other.inpaint(pictures(1))
        with pytest.raises(UserError, match="cannot translate"):
            other.translate(pictures(1))


def test_a_source_is_no_condition_and_it_is_said_what_is():
    fields = {"image": Field("image", SHAPE), "source": Field("image", SHAPE)}
    with pytest.raises(UserError, match="takes no picture such as 'source' .* fills holes .* pix2pix"):
        tfgen.build_model("ddpm", fields=fields, condition="source", **SMALL)
    assert tfgen.build_model("ddpm", fields=fields, **SMALL).conditions == ()


# The command.


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "flow"
    recipe = tfgen.Recipe("flow_matching", "fashion_mnist_mini", SMALL, image_size=8, steps=2, batch_size=4)
    tfgen.train(recipe, folder)
    return folder


@pytest.mark.slow
def test_pictures_of_a_folder_are_filled(run, tmp_path, monkeypatch):
    monkeypatch.setattr("tfgen.families.flow.inpainting.DEFAULT", QUICK)
    (tmp_path / "torn").mkdir()
    images = pictures(3)
    for number, picture in enumerate(images):
        Image.fromarray(picture[..., 0]).save(tmp_path / "torn" / f"{number}.png")
    mask = np.zeros((8, 8), np.uint8)
    mask[5:, :3] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    flow = tfgen.load_run(run).model
    with np.load(translate_run(run, tmp_path / "torn", tmp_path / "a.npz", seed=2)) as made:
        np.testing.assert_array_equal(made["images"], flow.inpaint(images, seed=2))
        np.testing.assert_array_equal(made["images"], flow.translate(images, seed=2))
    monkeypatch.setattr("tfgen.runs.reading.CHUNK", 2)  # pictures are numbered through
    with np.load(translate_run(run, tmp_path / "torn", tmp_path / "b.npz", mask=tmp_path / "mask.png")) as made:
        np.testing.assert_allclose(made["images"], flow.inpaint(images, mask), atol=1)


@pytest.mark.plugins
@pytest.mark.parametrize(
    "flag, sentence",
    [("--mask=nowhere", "--mask: expected a picture"), ("--seed=-1", "--seed"), ("--reverse", "cannot translate back")],
)
def test_mistakes_of_the_command_are_one_line(run, flag, sentence, capsys):
    assert COMMAND([f"--run={run}", f"--images={run}/samples", flag]) == 2
    error = capsys.readouterr().err
    assert error.startswith("tfgen translate: ") and sentence in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "image, mask, out, sentence",
    [
        ("a.png", "torn.png", "b.npz", "--mask: no picture of .*torn.png can be read"),
        ("a.png", "hole.png", "hole.png", "--out=.*hole.png would replace the pictures of --mask: give another path"),
        ("hole.jpg", "hole.png", "", "--out=.* would replace the pictures of --mask"),
        ("a.png", "hole.png", "", "--out=.* would replace the pictures of --images"),
    ],
)
def test_a_mask_is_named_and_never_replaced(image, mask, out, sentence, tmp_path, monkeypatch):
    monkeypatch.setattr(translating, "load_run", lambda folder: types.SimpleNamespace(model=model()))
    for name in (image, "hole.png"):
        Image.fromarray(np.full((8, 8), 255, np.uint8)).save(tmp_path / name)
    (tmp_path / "torn.png").write_bytes(b"not a picture")
    before = (tmp_path / mask).read_bytes()
    with pytest.raises(UserError, match=sentence):
        translate_run("run", tmp_path / image, tmp_path / out, mask=tmp_path / mask)
    assert (tmp_path / mask).read_bytes() == before


# The score.


def test_the_score_by_hand():
    """Fills of 0 where the truth is 51: an error of a fifth; the mean is nearer, and the nearest pixel is another."""
    flow = model()
    flow.inpaint = lambda images, seed, sampler: np.zeros_like(images)
    real = np.full((4, *SHAPE), 51, np.uint8)
    real[:, 0] = 255
    train = Arrays({"image": np.full((6, *SHAPE), 76, np.uint8)}, {"image": Field("image", SHAPE)})
    source = Source("masked(x)", {"image": Field("image", SHAPE)}, {"train": train}, provenance={"views": ["masked"]})
    held = HeldOut(real, {"image": real}, {"version": 1}, source, "test")
    found, details = inpainting_scores(flow, held, types.SimpleNamespace(seed=0, metrics=None))
    assert found["hole_error"].value == pytest.approx(0.2) and found["hole_error"].floor == pytest.approx(0.0)
    assert details["floors"]["mean"]["hole_error"] == pytest.approx(25 / 255)
    assert found["hole_error"].protocol["parameters"]["floor"] == "nearest"
    source.provenance["views"] = ["gray"]
    assert inpainting_scores(flow, held, types.SimpleNamespace(seed=0, metrics=None)) == ({}, {})


def test_the_nearest_known_pixel_fills():
    images = np.arange(25, dtype=np.uint8).reshape(1, 5, 5, 1)
    hole = np.zeros((5, 5, 1), bool)
    hole[1:3, 2] = True
    made = nearest_filled(images, hole)[0, ..., 0]
    assert made[1, 2] in (images[0, 0, 2, 0], images[0, 1, 1, 0], images[0, 1, 3, 0])
    assert made[2, 2] in (images[0, 2, 1, 0], images[0, 2, 3, 0], images[0, 3, 2, 0])
    np.testing.assert_array_equal(made[~hole[..., 0]], images[0, ..., 0][~hole[..., 0]])
