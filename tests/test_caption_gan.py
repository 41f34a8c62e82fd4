"""`caption_gan`: wrong captions, means of captions, strings at every door, and vectors in their place."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.data.captions import Captioned
from tfgen.data.source import Arrays, Field
from tfgen.errors import UserError
from tfgen.families.adversarial.matching import MatchingModel, compared
from tfgen.families.adversarial.model import Judged
from tfgen.noise import Noise
from tfgen.training.checking import Refusals
from tfgen.training.doors import Checked
from tfgen.training.epochs import fingerprint
from tfgen.training.step import Step

CAPTIONS = ["a dark bag", "a light bag", "a dark coat", "a dark bag"]
SMALL = {"width": 4, "latent_dim": 3, "caption_units": 4}


def model_of(**options):
    """A small model of 8 x 8 pixels."""
    return tfgen.build_model("caption_gan", (8, 8, 1), **{**SMALL, **options})


def examples(count=16):
    """Images with captions."""
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    return {"image": images, "caption": np.resize(np.array(CAPTIONS, object), count)}


@pytest.fixture(scope="module")
def trained():
    """A model after two steps."""
    model = model_of()
    model.fit(examples()["image"], examples()["caption"], batch_size=8, epochs=1, verbose=0)
    return model


class Reading(MatchingModel):
    """A model whose discriminator answers with the first number of the condition."""

    def judge(self, fields, step):
        return {"logit": fields["caption"][:, :1]}


def reading(**options):
    networks = model_of(latent_dim=3).networks
    fields = {"image": Field("image", (8, 8, 1)), "caption": Field("vector", (256,))}
    return Reading(networks["generator"], networks["discriminator"], latent_dim=3, fields=fields, **options)


def step_of(model, **more):
    return Step(model.networks, Noise(0, 0), tf.constant(0, tf.int64), **more)


def softplus(x):
    return math.log(1.0 + math.exp(x))


@pytest.mark.parametrize("mismatch", [0.0, 0.25, 0.5])
def test_the_discriminator_rejects_samples_and_wrong_captions(mismatch):
    model = reading(mismatch=mismatch)
    vectors = np.zeros((2, 256), np.float32)
    vectors[:, 0] = 2.0, -1.0  # so that the wrong pairs' logits are -1 and 2
    real = Judged({"caption": tf.constant(vectors)}, {"logit": tf.constant(vectors[:, :1])})
    fake = Judged({}, {"logit": tf.constant([[0.5], [0.5]])})
    step = step_of(model)
    loss = float(model.discriminator_loss(real, fake, step))
    on_real, on_wrong = (softplus(-2) + softplus(1)) / 2, (softplus(-1) + softplus(2)) / 2
    assert loss == pytest.approx(on_real + (1 - mismatch) * softplus(0.5) + mismatch * on_wrong, rel=1e-5)
    assert ("mismatched_score" in step.logs) == (mismatch > 0)


def test_without_another_caption_in_the_batch_no_right_pair_is_rejected():
    model = reading(mismatch=0.5)
    vectors = np.zeros((3, 256), np.float32)
    vectors[:, 0] = 2.0
    real = Judged({"caption": tf.constant(vectors)}, {"logit": tf.constant(vectors[:, :1])})
    fake = Judged({}, {"logit": tf.fill([3, 1], 0.5)})
    assert float(model.discriminator_loss(real, fake, step_of(model))) == pytest.approx(softplus(-2) + softplus(0.5))


def test_a_wrong_caption_is_another_one_of_the_batch():
    model = reading()
    vectors = model_of().text_encoder(tf.constant(CAPTIONS * 4))
    batch = {"image": tf.zeros([16, 8, 8, 1]), "caption": vectors}
    others = [model.other_conditions(batch, step_of(model).scope(str(n)))[0]["caption"].numpy() for n in range(5)]
    for rows in others:
        assert not any(np.array_equal(one, other) for one, other in zip(rows, vectors.numpy(), strict=True))
        assert all(any(np.array_equal(row, known) for known in vectors.numpy()) for row in rows)
    assert any(not np.array_equal(others[0], rows) for rows in others[1:])  # drawn, not always the same
    alone = {name: values[:1] for name, values in batch.items()}
    np.testing.assert_array_equal(model.other_conditions(alone, step_of(model))[0]["caption"], vectors[:1])


def test_conditions_differ_where_any_number_does_and_are_alike_by_what_few_have():
    differ, alike = compared(tf.constant([1, 2]), tf.constant([1, 1]))
    np.testing.assert_array_equal(differ, [[False, False], [True, True]])
    np.testing.assert_array_equal(alike, np.zeros((2, 2)))
    rows = tf.constant([[1e3, 1.0], [1e3, 3.0], [0.0, 0.0]])
    np.testing.assert_array_equal(compared(rows, rows)[0], ~np.eye(3, dtype=bool))
    # standardised, the columns of 1 of 4 and of 2 of 4 are (sqrt 3, -1 / sqrt 3) and (1, -1); the last says nothing
    rare = tf.constant([[1.0, 1.0, 7.0], [0.0, 1.0, 7.0], [0.0, 0.0, 7.0], [0.0, 0.0, 7.0]])
    shared, apart = (-1 + 1) / math.sqrt(4 * 4 / 3), (-1 - 1) / math.sqrt(4 * 4 / 3)
    np.testing.assert_allclose(compared(rare, rare)[1][0], [1, shared, apart, apart], atol=1e-6)


def test_hard_pairs_are_those_that_resemble_the_right_one():
    texts = [f"a {shade} {noun}" for shade in ("dark", "light") for noun in ("bag", "sandal", "dress", "coat")] * 4
    vectors = tfgen.texts.hashed_ngrams(256, words=1, letters=0)(tf.constant(texts))
    batch = {"image": tf.zeros([len(texts), 8, 8, 1]), "caption": vectors}
    known = {values.numpy().tobytes(): text for values, text in zip(vectors, texts, strict=True)}
    shares = []
    for hardness in (0.0, 100.0):
        model = reading(hardness=hardness)
        others = [
            known[values.numpy().tobytes()] for values in model.other_conditions(batch, step_of(model))[0]["caption"]
        ]
        assert all(one != other for one, other in zip(texts, others, strict=True))
        shares.append(np.mean([one.split()[2] == other.split()[2] for one, other in zip(texts, others, strict=True)]))
    assert shares[1] == 1.0 and shares[0] < 0.4  # the other shade of the same thing


def test_how_often_a_resembling_caption_is_drawn():
    # 300 rows each of three vectors: from the first one, the second is chosen in exp(h s) of exp(h s) + exp(h t) cases
    vectors = np.repeat(np.float32([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]), 300, axis=0)
    batch = {"image": tf.zeros([900, 8, 8, 1]), "caption": tf.constant(vectors)}
    alike = compared(batch["caption"][:1], batch["caption"])[1][0].numpy()
    for hardness in (0.0, 1.5):
        model = reading(hardness=hardness)
        others = model.other_conditions(batch, step_of(model))[0]["caption"][:300].numpy()
        odds = np.exp(hardness * alike[[300, 600]])
        share, expected = np.mean((others == vectors[300]).all(axis=1)), odds[0] / odds.sum()
        assert abs(share - expected) < 3.5 * math.sqrt(expected * (1 - expected) / 300)


def test_means_of_captions_and_one_pass_per_step_exclude_each_other():
    with pytest.raises(UserError, match="interpolation makes samples of its own, .* leave one of the two out"):
        reading(interpolation=1.0, shared_pass=True)


def test_means_of_captions_are_a_term_of_the_generator():
    model = reading(interpolation=2.0)
    vectors = np.zeros((2, 256), np.float32)
    vectors[:, 0] = 2.0, -1.0  # so that the logit of both means is 1/2
    batch = {"image": tf.zeros([2, 8, 8, 1]), "caption": tf.constant(vectors)}
    step = step_of(model, moving=frozenset(["generator", "discriminator"]), advance=False)
    terms = {name: float(value) for name, value in model.generator_terms(batch, step).items()}
    own = (softplus(-2) + softplus(1)) / 2
    assert terms == pytest.approx({"generator_loss": own, "interpolated_loss": 2 * softplus(-0.5)}, rel=1e-5)


def test_samples_take_strings(trained):
    assert trained.conditions == ("caption",) and trained.generator.inputs[0].dtype == "float32"
    made = trained.sample(4, conditions={"caption": CAPTIONS[:3]})
    np.testing.assert_array_equal(made[[0, 3]], trained.sample(4, conditions={"caption": CAPTIONS[0]})[[0, 3]])
    as_bytes = np.array([text.encode() for text in CAPTIONS[:3]])
    np.testing.assert_array_equal(made, trained.sample(4, conditions={"caption": as_bytes}))
    # after two steps, differences in uint8 depend on rounding
    latent, vectors = tf.ones([2, 3]), trained.as_field("caption", np.array(CAPTIONS[:2], object))
    one, other = trained.generator({"latent": latent, "caption": vectors})
    assert float(tf.reduce_max(tf.abs(one - other))) > 1e-6
    given = {"seed": tf.range(4, dtype=tf.int64), "caption": tf.constant([*CAPTIONS[:3], CAPTIONS[0]])}
    np.testing.assert_array_equal(trained.endpoints()["sample_text"].function(**given)["image"], made)


@pytest.mark.plugins
def test_served_models_take_strings(trained, tmp_path):
    made = trained.sample(3, seed=2, conditions={"caption": CAPTIONS[:3]})
    trained.export(tmp_path / "export")
    served = tf.saved_model.load(str(tmp_path / "export")).signatures["sample_text"]
    given = {"seed": (2 << 32) + tf.range(3, dtype=tf.int64), "caption": tf.constant(CAPTIONS[:3])}
    np.testing.assert_array_equal(served(**given)["image"], made)


@pytest.mark.parametrize("kind", ["dict", "dataset", "generator", "files"])
def test_captions_come_in_any_form(trained, kind):
    data = examples()
    text = {**data, "caption": data["caption"].astype(str)}
    columns = {"caption": data["caption"]}
    forms = {
        "dict": lambda: data,
        "dataset": lambda: tf.data.Dataset.from_tensor_slices(text).batch(8),
        "generator": lambda: ((data["image"][i : i + 8], data["caption"][i : i + 8]) for i in (0, 8)),
        "files": lambda: Captioned(Arrays({"image": data["image"]}), columns, {"caption": Field("text")}),
    }
    found = trained.batches(forms[kind](), None, Refusals(), train=True, size=8)
    found = found.dataset if isinstance(found, Checked) else found
    batches = [trained.as_batch(batch)["caption"] for batch in found]
    np.testing.assert_array_equal(tf.concat(batches, 0), trained.text_encoder(tf.constant(data["caption"])))


def test_vectors_take_the_place_of_texts():
    vectors = np.random.default_rng(0).normal(size=(16, 5)).astype(np.float32)
    fields = {"image": Field("image", (8, 8, 1)), "caption": Field("vector", (5,))}
    model = tfgen.build_model("caption_gan", fields=fields, **SMALL)
    assert model.text_encoder is None and "sample_text" not in model.endpoints()
    batch = {"image": examples()["image"], "caption": vectors}
    assert all(math.isfinite(value) for value in model.test_step(batch).values())
    assert model.sample(2, conditions={"caption": vectors[:2]}).shape == (2, 8, 8, 1)
    with pytest.raises(UserError, match="'text_encoder' has no effect on vectors, which are taken as they are"):
        tfgen.build_model("caption_gan", fields=fields, text_encoder="hashed_ngrams(8)")


def test_texts_are_known_by_what_they_say():
    def data():
        return Arrays({name: values.copy() for name, values in examples().items()})

    texts = {**examples(), "caption": np.array([f"a {text}" for text in examples()["caption"]], object)}
    again = {**examples(), "caption": np.array([str(text + "!")[:-1] for text in examples()["caption"]], object)}
    assert fingerprint(data(), 8) == fingerprint(Arrays(again), 8) != fingerprint(Arrays(texts), 8)


@pytest.mark.parametrize(
    "call,sentence",
    [
        (lambda model: model.sample(2), r"is conditioned on 'caption': give conditions=\{'caption': ...\}"),
        (lambda model: model.sample(2, label=3), r"not conditioned on a label; give conditions=\{'caption': ...\}"),
        (lambda model: model.sample(2, conditions={"caption": [3]}), "caption: expected texts"),
        (lambda model: model.sample(2, conditions={"caption": []}), "caption: expected at least one value"),
        (lambda model: model.sample(2, conditions={"caption": ["a", 3]}), "caption: .* one kind, got texts and 3"),
        (lambda model: model.fit(examples()["image"], batch_size=8), "'caption' is missing: got image"),
        (lambda model: model.fit(examples()["image"], [3] * 16, batch_size=8), "caption: expected texts"),
        (
            lambda model: tfgen.build_model("caption_gan", fields={**model.fields, "caption": Field("vector")}),
            r"takes vectors \[N, D\] as its condition, but 'caption' is one number per image: \[N, 1\]",
        ),
        (lambda model: model_of(mismatch=1.5), r"mismatch must lie in \[0, 1\], got 1.5"),
        (lambda model: model_of(caption_at="projection", projection=0), "caption_at=projection needs a projection"),
        (lambda model: model_of(condition="label"), "needs the field 'label' of every image"),
        (lambda model: model_of(interpolation=1, loss="relativistic"), "of which there are no real images"),
        (lambda model: model.compile(jit_compile=True), "XLA compiles nothing with texts, such as the captions here"),
        (
            lambda model: tfgen.AdversarialModel(*model.networks.values(), latent_dim=3, fields=model.fields),
            "'caption' is a text, and networks take numbers: give text_encoder=",
        ),
        (
            lambda model: tfgen.build_model("caption_gan", (8, 8, 1), 3, condition="label"),
            "caption_gan takes a text or a vector as its condition, but 'label' is of the kind label; .*has caption",
        ),
    ],
)
def test_mistakes_are_said(trained, call, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        call(trained)
    assert "\n" not in str(caught.value)


def test_options_reach_the_model():
    given = {"mismatch": 0.3, "hardness": 2.0, "interpolation": 0.1}
    model = model_of(**given)
    assert {name: getattr(model, name) for name in given} == given


@pytest.mark.parametrize("place,channels,joined", [("image", 2, 1), ("maps", 1, 1), ("projection", 1, 0)])
def test_where_the_discriminator_sees_the_caption(place, channels, joined):
    network = model_of(caption_at=place, projection=4).discriminator
    first = next(layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D))
    joins = [layer for layer in network.layers if isinstance(layer, keras.layers.Concatenate)]
    assert (first.kernel.shape[2], len(joins)) == (channels, joined)


@pytest.mark.parametrize("conditional_norm", [False, True])
def test_where_the_generator_sees_the_caption(conditional_norm):
    network = model_of(conditional_norm=conditional_norm).generator
    joins = [layer for layer in network.layers if isinstance(layer, keras.layers.Concatenate)]
    assert bool(joins) != conditional_norm


def test_a_batch_of_pairs_is_not_accumulated():
    model = model_of()
    assert "pairs each example with the condition of another" in model.needs_whole_batch
    assert model_of(mismatch=0.0).needs_whole_batch is None
