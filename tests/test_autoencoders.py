"""Models that are a VAE with another objective or with conditions: what they train on, and what they refuse."""

import math

import numpy as np
import pytest
import tensorflow as tf
from factories import Laplace, vae
from factories import step as one_step
from linear_gaussian import Linear, LinearGaussian
from scipy import special

import tfgen
from tfgen import objectives
from tfgen.data.source import Field
from tfgen.diagnosis.probes import Probe
from tfgen.errors import UserError
from tfgen.metrics import importance_weighted_bound

SHAPE = (8, 8, 1)
SMALL = {"latent_dim": 3, "width": 2}


def built(name, **options):
    return tfgen.build_model(name, SHAPE, 3, **{**SMALL, **options})


@pytest.mark.parametrize("name,reason", [("beta_tc_vae", "total correlation"), ("info_vae", "discrepancy")])
def test_what_couples_a_batch_is_not_accumulated(name, reason):
    model = built(name)
    assert reason in model.needs_whole_batch and built("iwae").needs_whole_batch is None
    with pytest.raises(UserError, match=f"the {reason} .* of a batch.*, which accumulate=2 is to avoid"):
        model.compile(accumulate=2)


def test_a_model_trains_on_the_terms_of_the_codes_that_it_drew(photos, monkeypatch):
    model, seen, terms = vae(objective=objectives.beta_tc(3.0), samples=2), [], objectives.BetaTC.of_codes
    monkeypatch.setattr(objectives.BetaTC, "of_codes", lambda self, codes: seen.append(codes) or terms(self, codes))
    logs = one_step(model, photos)
    (codes,) = seen
    assert codes.z.shape == codes.mean.shape == codes.log_var.shape == (8, 3)
    assert logs["weighted_tc"] == pytest.approx(2.0 * float(objectives.total_correlation(codes)), rel=1e-5)
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + logs["kl"] + logs["weighted_tc"], rel=1e-5)
    z = codes.draw_prior()
    assert z.shape == (8, 3) and not np.array_equal(z, codes.z)


def test_the_bound_of_a_model_is_that_of_its_densities_whatever_it_was_trained_on():
    linear = Linear()
    images = np.random.default_rng(2).integers(0, 256, (3, *linear.shape), dtype=np.uint8)
    expected = importance_weighted_bound(linear.model(), images, k=20)
    for objective in (objectives.iwae(), objectives.wae()):
        np.testing.assert_array_equal(
            importance_weighted_bound(linear.model(objective=objective), images, 20), expected
        )


def test_draws_have_to_fit_the_groups_and_densities_the_objective():
    with pytest.raises(UserError, match="'?3 samples cannot be divided into 2 groups"):
        built("miwae", objective="miwae(2)", samples=3)

    class Own(tfgen.VariationalModel):
        def log_densities(self, batch, step, samples):
            return super().log_densities(batch, step, samples)

    networks = Linear().networks()
    assert Own(*networks, likelihood=LinearGaussian(), objective=objectives.iwae())
    with pytest.raises(UserError, match="has log_densities of its own, and the objective BetaTC is also of the draws"):
        Own(*networks, likelihood=LinearGaussian(), objective=objectives.beta_tc())


def test_noise_is_missed_only_where_the_objective_asks_for_it():
    rules = {name: [rule.name for rule in vae(objective=o).rules()] for name, o in NOISE.items()}
    assert {name: "no_noise" in found for name, found in rules.items()} == {"elbo": True, "info": True, "wae": False}
    assert len(rules["elbo"]) == len(rules["wae"]) + 1 and vae(objective=NOISE["wae"]).remarks == ()


NOISE = {"elbo": objectives.elbo(), "info": objectives.info_vae(), "wae": objectives.wae()}


# Conditions.


@pytest.mark.parametrize(
    "network,size", [("conv", {"width": 2}), pytest.param("dense", {"units": [5]}, marks=pytest.mark.slow)]
)
def test_both_networks_of_a_cvae_see_the_class(network, size):
    model = tfgen.build_model("cvae", SHAPE, 3, latent_dim=2, binarize="static", network=network, **size)
    assert model.conditions == ("label",) and {t.name for t in model.encoder.inputs} == {"image", "label"}
    assert {t.name for t in model.decoder.inputs} == {"latent", "label"}
    images = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), dtype=np.uint8)
    codes = [model.encode(images, label=[y, y])["z_mean"].numpy() for y in (0, 1)]
    made = [model.sample(2, seed=0, label=y) for y in (0, 1)]
    assert not np.array_equal(*codes) and not np.array_equal(*made)
    bounds = [importance_weighted_bound(model, images, k=3, label=np.full(2, y)) for y in (0, 1)]
    assert np.isfinite(bounds).all() and not np.allclose(*bounds)


def test_labels_of_another_number_than_the_images_are_a_sentence():
    model, images = tfgen.build_model("cvae", SHAPE, 3, latent_dim=2, network="dense", units=[4]), np.zeros((4, *SHAPE))
    images = images.astype(np.uint8)
    for call in (
        lambda: model.encode(images, label=[0, 1]),
        lambda: model.reconstruct(images, label=[1]),
        lambda: model.predict((images, np.array([1, 2])), verbose=0),
        lambda: model.decode_latents(np.zeros((4, 2), np.float32), {"label": np.array([0, 1])}),
    ):
        with pytest.raises(UserError, match="as many rows in every input of the network, got .*label [12]"):
            call()


def test_the_bound_of_a_cvae_is_that_of_the_image_given_its_class():
    """With a decoder that ignores z, and q(z|x, y) = p(z), each weight is p(x|y)."""
    model = tfgen.build_model("cvae", SHAPE, 3, latent_dim=2, binarize="static", network="dense", units=[])
    for network in model.networks.values():
        for weight in network.trainable_weights:
            weight.assign(tf.zeros_like(weight.value))
    table = np.random.default_rng(1).normal(size=(5, 64)).astype(np.float32)
    table[:2] = 0.0  # rows of z; the others are those of the classes
    model.decoder.get_layer("raw_logits").kernel.assign(table)
    images, labels = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), dtype=np.uint8), np.array([0, 2, 1, 2])
    x, p = images.reshape(4, 64) >= 128, special.expit(table[2 + labels])
    expected = np.log(np.where(x, p, 1.0 - p)).sum(axis=1)
    np.testing.assert_allclose(importance_weighted_bound(model, images, k=4, label=labels), expected, atol=1e-4)


def test_a_cvae_of_vectors_and_one_without_a_class():
    fields = {"image": Field("image", SHAPE), "attributes": Field("vector", (4,))}
    model = tfgen.build_model("cvae", fields=fields, condition="attributes", **SMALL)
    assert model.sample(2, conditions={"attributes": np.eye(4, dtype=np.float32)[:2]}).shape == (2, *SHAPE)
    with pytest.raises(UserError, match="cvae needs the field 'label' of every image"):
        tfgen.build_model("cvae", SHAPE)
    assert math.isfinite(sum(map(float, model.train_step(random_rows(model)).values())))


def random_rows(model):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (4, *SHAPE), dtype=np.uint8)
    return {"image": tf.constant(images), "attributes": tf.constant(random.random((4, 4), np.float32))}


# Codes that are not random.


def test_a_regularised_autoencoder_by_hand():
    model = tfgen.build_model(
        "rae", SHAPE, network="dense", units=[], latent_dim=2, binarize="static", code_weight=3.0, decoder_weight=0.5
    )
    images = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), dtype=np.uint8)
    codes = model.encode(images)["latent"].numpy().astype(float)
    kernel, bias = (np.asarray(w.numpy(), float) for w in model.decoder.trainable_variables)
    p, x = special.expit(codes @ kernel + bias), images.reshape(4, 64) >= 128
    logs = {name: float(value) for name, value in model.train_step({"image": tf.constant(images)}).items()}
    assert logs["reconstruction"] == pytest.approx(-np.log(np.where(x, p, 1 - p)).sum(axis=1).mean(), rel=1e-5)
    assert logs["code_penalty"] == pytest.approx(3.0 * 0.5 * np.square(codes).sum(axis=1).mean(), rel=1e-5)
    assert logs["decoder_penalty"] == pytest.approx(0.5 * (np.square(kernel).sum() + np.square(bias).sum()), rel=1e-5)
    assert logs["loss"] == pytest.approx(sum(value for name, value in logs.items() if name != "loss"), rel=1e-5)


def test_the_gradient_penalty_is_the_squared_norm_of_the_jacobian_on_average():
    options = {"network": "dense", "units": [], "latent_dim": 2, "smoothness": "gradient", "decoder_weight": 1.0}
    model = tfgen.build_model("rae", SHAPE, learning_rate=0.0, **options)
    kernel = np.random.default_rng(1).normal(size=(2, 64)).astype(np.float32)
    model.decoder.get_layer("raw_logits").kernel.assign(kernel)
    images = np.random.default_rng(0).integers(0, 256, (256, *SHAPE), dtype=np.uint8)
    codes = model.encode(images)["latent"].numpy().astype(float)
    p = special.expit(codes @ kernel)
    # d p_i / d z = p_i (1 - p_i) W[:, i]
    exact = np.mean(np.sum((p * (1 - p))[:, None] ** 2 * kernel**2, axis=(1, 2)))
    batch = {"image": tf.constant(images)}
    found = [float(model.train_step(batch, averaged=False)["decoder_penalty"]) for _ in range(8)]
    assert np.mean(found) == pytest.approx(exact, abs=4 * np.std(found) / math.sqrt(8)) and np.std(found) < 0.2 * exact


def test_codes_of_a_wae_are_compared_with_the_prior():
    model = built("wae", scale=7.0, prior="uniform(-1, 1)", kernel="rbf")
    images = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype=np.uint8)
    codes = model.encode(images)["latent"]
    z = model.noise().scope("elbo/0").draw("prior", [6, 3], tfgen.priors.uniform(-1, 1).sample)
    logs = {name: float(value) for name, value in model.train_step({"image": tf.constant(images)}).items()}
    assert set(logs) == {"loss", "reconstruction", "weighted_mmd"}
    assert logs["weighted_mmd"] == pytest.approx(7.0 * float(objectives.discrepancy(codes, z, "rbf")), rel=1e-4)
    assert model.sample(2).shape == (2, *SHAPE) and float(tf.reduce_max(tf.abs(z))) <= 1.0
    with pytest.raises(UserError, match="the discrepancy compares all codes of a batch with the prior, which accum"):
        model.compile(accumulate=2)


def test_a_wae_may_draw_its_codes():
    model = built("wae", encoder="gaussian", scale=7.0)
    assert model.objective == objectives.wae(7.0) and model.prior == tfgen.priors.normal()
    assert set(model.encode(np.zeros((1, *SHAPE), np.uint8))) == {"z_mean", "z_log_var"}


def test_without_a_density_there_is_no_bound_and_without_a_prior_no_sample():
    images = np.zeros((2, *SHAPE), np.uint8)
    for name in ("rae", "wae"):
        with pytest.raises(UserError, match=f"{name} has no likelihood"):
            importance_weighted_bound(built(name, binarize="static"), images)
    with pytest.raises(UserError, match="has no prior, and its codes follow no known distribution"):
        built("rae").sample(1)
    assert np.isfinite(importance_weighted_bound(built("wae", encoder="gaussian", binarize="static"), images, 3)).all()


@pytest.mark.parametrize("prior", ["uniform(-1, 1)", "spherical()"])
@pytest.mark.parametrize("name", ["vae", "iwae", "info_vae", "vae_gan"])
def test_a_bounded_prior_is_one_of_objectives_without_a_divergence(name, prior):
    with pytest.raises(UserError, match="divergence from the prior .* is infinite: take normal\\(\\), or"):
        built(name, prior=prior)
    assert isinstance(built("wae", prior=prior, encoder="gaussian").prior, tfgen.priors.Prior)


def test_a_divergence_that_may_be_infinite_is_left_out_of_a_diagnosis(photos):
    model = vae(prior=Laplace())
    row = Probe(model, model.as_examples(photos(16, (6, 5, 1))), size=16)()
    assert "kl" not in row and math.isfinite(row["aggregate_distance"])
