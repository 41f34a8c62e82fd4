"""Priors fitted to codes: their formulas, their fit, and runs that sample by them."""

import dataclasses
import json
import math
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import samplers
from tfgen.data.source import Arrays, Field, Source
from tfgen.errors import UserError
from tfgen.evaluate import COMMAND as EVALUATE
from tfgen.evaluation import evaluation
from tfgen.evaluation.evaluation import evaluate_model
from tfgen.evaluation.settings import Settings
from tfgen.families.variational.second_stage import fit_two_stage
from tfgen.fitted import Mixture, TwoStage, fit_mixture
from tfgen.runs.priors import _read, codes, fit_prior, parsed
from tfgen.runs.sampling import Draw, Request, opened, under_prior
from tfgen.runs.sharding import recipe_of
from tfgen.sample import COMMAND as SAMPLE
from tfgen.sampling.asked import NOTHING

SHAPE = (8, 8, 1)
HALF = math.log(0.5)


def drawn(prior, count=4000):
    @tf.function(autograph=False)  # row by row, draws take a millisecond each otherwise
    def rows(seeds):
        return samplers.rows_from_seeds(seeds, "latent", [prior.dim], prior.sample)

    return rows(tf.range(count, dtype=tf.int64)).numpy()


def test_the_density_of_a_mixture_by_hand():
    # 0.5 N(0, 1) + 0.5 N(4, 2^2) at 0 and 4
    prior = Mixture((0.5, 0.5), ((0.0,), (4.0,)), (((1.0,),), ((2.0,),)))
    root = 1.0 / math.sqrt(2.0 * math.pi)
    expected = [0.5 * root + 0.25 * root * math.exp(-2.0), 0.5 * root * math.exp(-8.0) + 0.25 * root]
    np.testing.assert_allclose(prior.log_prob(tf.constant([[0.0], [4.0]])), np.log(expected), rtol=1e-6)
    # N(0, L L^T), L = ((2, 0), (1, 3)), at (2, 7): L^-1 z = (1, 2), |L| = 6
    prior = Mixture((1.0,), ((0.0, 0.0),), (((2.0, 0.0), (1.0, 3.0)),))
    expected = -0.5 * 5.0 - math.log(2.0 * math.pi) - math.log(6.0)
    np.testing.assert_allclose(prior.log_prob(tf.constant([[2.0, 7.0]])), [expected], rtol=1e-6)


def test_samples_of_a_mixture_have_its_moments_and_rows_of_their_own():
    factor = ((1.0, 0.0), (0.5, 0.2))
    prior = Mixture((0.25, 0.75), ((-10.0, 0.0), (10.0, 1.0)), (factor, factor))
    z = drawn(prior)
    right = z[z[:, 0] > 0]
    np.testing.assert_allclose(len(right) / len(z), 0.75, atol=0.02)
    np.testing.assert_allclose(right.mean(axis=0), [10.0, 1.0], atol=0.06)
    np.testing.assert_allclose(np.cov(right.T), np.array(factor) @ np.array(factor).T, atol=0.06)
    # the component and the place in it are independent: in each half of one component's draws the mean is the same
    np.testing.assert_array_equal(drawn(prior, 3), z[:3])


def test_one_component_is_the_mean_and_the_covariance():
    found = fit_mixture(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]]), 1)
    np.testing.assert_allclose(found.means, [[1.0, 1.0]])
    np.testing.assert_allclose(found.factors, [np.eye(2)], atol=1e-5)
    assert found.weights == (1.0,)


@pytest.mark.parametrize("seed", range(4))
def test_two_clusters_are_found_from_any_start(seed):
    # so far apart that the shares are 0 and 1: each component is the mean and the variance of its cluster
    found = fit_mixture(np.array([[-101.0], [-99.0], [-100.0], [98.0], [102.0], [98.0], [102.0]]), 2, seed)
    order = np.argsort(np.asarray(found.means)[:, 0])
    np.testing.assert_allclose(np.asarray(found.weights)[order], [3 / 7, 4 / 7])
    np.testing.assert_allclose(np.asarray(found.means)[order, 0], [-100.0, 100.0])
    np.testing.assert_allclose(np.asarray(found.factors)[order, 0, 0], [math.sqrt(2 / 3), 2.0], rtol=1e-2)


@pytest.mark.parametrize(
    "array,sentence",
    [
        (np.zeros((1, 2)), "needs as many codes, at least 2, got 1"),
        (np.full((5, 2), np.nan), "finite codes"),
        (np.zeros((9, 2)), "of 10 components needs as many codes"),
        (np.zeros(20), r"\[N, D\], got shape \(20,\)"),
    ],
)
def test_codes_that_no_mixture_fits(array, sentence):
    with pytest.raises(UserError, match=sentence):
        fit_mixture(array, 10 if len(array) == 9 else 2)


def test_equal_codes_give_a_narrow_mixture():
    found = fit_mixture(np.ones((20, 3)), 2)
    np.testing.assert_allclose(drawn(found, 5), 1.0, atol=1e-6)


def test_a_second_vae_learns_codes_and_is_a_value(round_trip):
    random = np.random.default_rng(0)
    ring = random.normal(size=(512, 1)) * [1.0, -1.0] * 3.0 + [5.0, 0.0] + 0.1 * random.normal(size=(512, 2))
    prior = fit_two_stage(ring, steps=1000, units=(32,))
    z = drawn(prior, 2000)
    np.testing.assert_allclose(z.mean(axis=0), [5.0, 0.0], atol=0.6)
    assert np.corrcoef(z.T)[0, 1] < -0.8, "it learns more than one normal distribution per number"
    same = TwoStage.from_arrays(prior.arrays())
    assert same == prior and hash(same) == hash(prior) and round_trip(prior) == prior
    with pytest.raises(UserError, match="no density"):
        prior.log_prob(tf.zeros([1, 2]))


@pytest.mark.parametrize(
    "text", ["gmm:0", "gmm:x", "gmm:-3", "normal:2", "gmn:10", "", "gmm:1001", "two_stage:1", "gmm:٣"]
)
def test_other_texts_are_refused(text):
    with pytest.raises(UserError, match="--prior"):
        parsed(text)
    assert parsed("gmm:10") == parsed("gmm") == ("gmm", 10)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prior")
    images = np.random.default_rng(0).integers(0, 256, (40, *SHAPE), np.uint8)
    np.savez(folder / "noise.npz", x_train=images, x_test=images)
    options = {"network": "dense", "units": [8], "latent_dim": 2, "binarize": "static"}
    recipe = tfgen.Recipe("ae", f"npz:{folder / 'noise.npz'}", options=options, batch_size=8, steps=3)
    return tfgen.train(recipe, folder / "run")


@pytest.mark.plugins
def test_a_plain_autoencoder_samples_by_a_fitted_prior(run, tmp_path, capsys):
    out = tmp_path / "a.npz"
    assert SAMPLE([f"--run={run.folder}", "--num=7", "--prior=gmm:2", f"--out={out}"]) == 0
    assert "fitted the prior gmm:2" in capsys.readouterr().err
    kept = run.folder / "priors" / "gmm-2"
    with np.load(out) as found, np.load(kept / "prior.npz") as arrays:
        made, prior = found["images"], Mixture.from_arrays(dict(arrays))
    assert np.array_equal(made, run.model.sample(7, sampler=samplers.latent(prior)))
    served = tf.saved_model.load(str(kept / "export" / "1")).signatures
    assert {"generate", "sample", "sample_png", "encode", "interpolate"} <= set(served)
    assert np.abs(served["sample"](seed=tf.range(7, dtype=tf.int64))["image"].numpy().astype(int) - made).max() <= 1
    assert run.model.sampler is None, "the model itself is as it was"
    # black and white pixels are drawn from p(x|z) at the prior's own latents
    assert SAMPLE([f"--run={run.folder}", "--num=7", "--prior=gmm:2", "--stochastic", f"--out={out}"]) == 0
    assert "fitted" not in capsys.readouterr().err, "it is kept"
    with np.load(out) as found:
        assert set(np.unique(found["images"])) <= {0, 255}


def test_settings_of_other_samplers_are_no_settings_of_a_prior(run, tmp_path, capsys):
    """Of a model that has no sampler of its own, too."""
    for flag in ("--guidance=2", "--temperature=0.5", "--sampling_steps=7"):
        assert SAMPLE([f"--run={run.folder}", "--num=2", "--prior=gmm:2", flag, f"--out={tmp_path / 'a.npz'}"]) == 2
        said = capsys.readouterr().err.splitlines()
        assert said == [f"tfgen sample: {flag.partition('=')[0]} is not for the sampler Latent(): leave it out"]
    for sampler in ("latent", samplers.latent):
        with pytest.raises(UserError, match="sampler expects one of tfgen.samplers"):
            run.model.sample(1, sampler=sampler)


@pytest.mark.slow
def test_a_prior_of_other_weights_is_fitted_anew(run, tmp_path, capsys):
    call = [f"--run={run.folder}", "--num=2", "--prior=normal", f"--out={tmp_path / 'a.npz'}"]
    path = run.folder / "priors" / "normal" / "prior.npz"
    for damage in (lambda: None, lambda: spoil(path)):
        damage()
        assert SAMPLE(call) == 0 and "fitted the prior normal" in capsys.readouterr().err


def test_a_prior_that_cannot_be_fitted_is_one_line(run, capsys):
    capsys.readouterr()
    assert SAMPLE([f"--run={run.folder}", "--num=2", "--prior=gmm:1000"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said == ["tfgen sample: a prior of 1000 components needs as many codes, at least 2, got 38"]


def spoil(path):
    with np.load(path) as found:
        arrays = dict(found)
    np.savez(path, **{**arrays, "weights_digest": np.array("others")})


def test_an_evaluation_scores_such_samples_in_a_file_of_its_own(run, capsys):
    call = [f"--run={run.folder}", "--num=20", "--metrics=fd", "--nocontrols", "--extractor=mnist"]
    assert EVALUATE([*call, "--prior=gmm:2"]) == 0
    found = json.loads((run.folder / "priors" / "gmm-2" / "evaluation.json").read_text())
    assert found["subject"]["prior"] == "gmm:2" and found["subject"]["sampler"].startswith("Latent(Mixture(2 dim")
    assert found["metrics"]["fd"]["value"] > 0 and not (run.folder / "evaluation.json").exists()
    assert EVALUATE(["--samples=x.npz", "--dataset=mnist", "--prior=gmm:2"]) == 2
    assert "--prior is for samples that a run makes" in capsys.readouterr().err


def test_codes_of_a_vae_are_draws_of_its_posterior():
    keras.utils.set_random_seed(0)
    model = tfgen.build_model("vae", SHAPE, network="dense", units=[8], latent_dim=2)
    images = np.zeros((600, *SHAPE), np.uint8)
    q = model.encode(images[:1])
    found = codes(model, model.as_examples(images))
    np.testing.assert_allclose(found.mean(axis=0), q["z_mean"][0], atol=0.2)
    np.testing.assert_allclose(found.std(axis=0), np.exp(0.5 * q["z_log_var"][0].numpy()), rtol=0.15)
    prior = fit_prior(model, images, "normal")
    assert model.sample(3, sampler=samplers.latent(prior)).shape == (3, *SHAPE)


@pytest.mark.parametrize("name", ["dcgan", "pix2pix"])
def test_models_without_codes_say_so(name, tmp_path):
    fields = {field: tfgen.Field("image", (16, 16, 1)) for field in ("image", "source")}
    model = tfgen.build_model(name, fields=fields, width=2)
    with pytest.raises(UserError, match="does not encode images into latents"):
        fit_prior(model, {field: np.zeros((4, 16, 16, 1), np.uint8) for field in model.fields}, "normal")


def test_a_damaged_file_holds_no_prior(tmp_path):
    path = tmp_path / "prior.npz"
    for content in (b"PK", b""):
        path.write_bytes(content)
        assert _read(path, "gmm", "digest") is None
    prior = fit_mixture(np.eye(4), 2)
    np.savez(path, weights_digest=np.array("digest"), **prior.arrays())
    assert _read(path, "gmm", "digest") == prior and _read(path, "gmm", "other") is None
    assert _read(path, "two_stage", "digest") is None and _read(tmp_path / "none.npz", "gmm", "digest") is None


# A flow of codes is conditioned on a label, which its encoder and decoder do not know.


@pytest.fixture(scope="module")
def flow():
    small = {"width": 4, "blocks": 1, "code_channels": 1, "code_width": 4, "condition": "label"}
    return tfgen.build_model("latent_flow", SHAPE, 3, **small)


@pytest.fixture(scope="module")
def fitted(flow):
    dim = flow.latent_dim
    return samplers.latent(Mixture((1.0,), ((0.0,) * dim,), (tuple(map(tuple, np.eye(dim).tolist())),)))


def test_a_condition_that_codes_do_not_know_is_refused_under_a_prior(flow, fitted):
    sentence = "latent_flow decodes its latents without label, which has no effect: leave it out"
    # it has no data: the mistake is said before a fit
    run = types.SimpleNamespace(model=flow, class_names=None, recipe=tfgen.Recipe(model="latent_flow"))
    for refused in (
        lambda: opened(run, Request(label="1", prior="normal")),
        lambda: under_prior(run, "normal", given={"label": [1]}),
        lambda: flow.sample(2, label=1, sampler=fitted),
        lambda: evaluate_model(flow, source_of_labels(), Settings(num=2), conditions={"label": [1]}, sampler=fitted),
    ):
        with pytest.raises(UserError, match=sentence):
            refused()
    with pytest.raises(UserError, match="latent_flow takes no lable: .* did you mean 'label'"):
        under_prior(run, "normal", given={"lable": [1]})
    assert flow.sample(2, label=1, sampler=samplers.euler(1)).shape == (2, *SHAPE)


def test_samples_under_a_prior_are_asked_for_no_label(flow, fitted):
    draw = Draw(flow, Request(num=3, prior="normal"), {}, None, fitted)
    assert draw.asked(0, 3) == NOTHING and recipe_of(draw)["label"] is None
    assert [made for _, made in draw.chunks(0, 3)] == [{}]
    own = dataclasses.replace(draw, sampler=samplers.euler(1))
    assert own.asked(0, 3).labels.tolist() == recipe_of(own)["label"] == [0, 1, 2]


def source_of_labels():
    images = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)
    fields = {"image": Field("image", SHAPE), "label": Field("label", range=(0, 3))}
    held_out = Arrays({"image": images, "label": np.arange(4) % 3}, fields)
    return Source("noise", fields, {"train": held_out, "test": held_out})


def test_no_label_is_scored_under_a_prior(flow, fitted, monkeypatch):
    scored = []

    def evaluate_samples(samples, source, settings, labels, captions, *, subject, **how):
        scored.append(labels)
        return evaluation.Evaluation(subject)

    monkeypatch.setattr(evaluation, "too_few", lambda *arguments: None)
    monkeypatch.setattr(evaluation, "evaluate_samples", evaluate_samples)
    for sampler in (fitted, samplers.euler(1)):
        found = evaluate_model(flow, source_of_labels(), Settings(num=2, metrics=["fd"]), sampler=sampler, say=str)
        assert ("conditions" in found.subject) == (sampler is not fitted)
    assert scored[0] is None and scored[1].tolist() == [0, 1]


def test_what_is_exported_under_a_prior_takes_no_label(flow, fitted):
    names = lambda: {name: [spec.name for spec in end.inputs] for name, end in flow.endpoints().items()}  # noqa: E731
    coding = {"encode": ["image"], "reconstruct": ["image"], "encode_png": ["image_bytes"]}
    assert names() == {"sample": ["seed", "label"], "sample_png": ["seed", "label"], **coding}
    flow.fitted_prior = fitted.prior
    try:
        assert names() == {"sample": ["seed"], "sample_png": ["seed"], **coding}
        assert flow.sample(2).shape == (2, *SHAPE)
    finally:
        flow.fitted_prior = None
