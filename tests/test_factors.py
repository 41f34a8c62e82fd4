"""The discriminator of codes and its permutation; a second VAE of codes, against closed forms."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from linear_gaussian import Linear, LinearGaussian, dense
from scipy import stats

import tfgen
from tfgen.errors import UserError
from tfgen.families.variational.adversarial import permuted_codes
from tfgen.families.variational.two_stage import TwoStageModel
from tfgen.metrics import importance_weighted_bound

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype=np.uint8)


def factor(**options):
    return tfgen.build_model("factor_vae", SHAPE, latent_dim=3, width=2, hidden=[4], **options)


def test_each_dimension_is_permuted_by_itself():
    codes, order = tf.constant([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]), tf.constant([[2, 0], [0, 2], [1, 1]])
    np.testing.assert_array_equal(permuted_codes(codes, order), [[3, 10], [1, 30], [2, 20]])


def test_the_terms_of_a_factor_vae_by_hand(monkeypatch):
    model = factor(tc_weight=4.0, learning_rate=0.0)
    seen, judge = [], type(model).judge
    monkeypatch.setattr(
        type(model), "judge", lambda self, codes, step: seen.append(codes.numpy()) or judge(self, codes, step)
    )
    logs = {name: float(value) for name, value in model.train_step({"image": tf.constant(IMAGES)}).items()}
    of_bound, codes, permuted = seen

    def logits(z):
        return model.networks["discriminator"](z).numpy().astype(float)

    assert logs["weighted_tc"] == pytest.approx(4.0 * logits(of_bound).mean(), rel=1e-5)
    assert logs["elbo_total"] == pytest.approx(logs["reconstruction"] + logs["kl"] + logs["weighted_tc"], rel=1e-5)
    loss = np.log1p(np.exp(-logits(codes))).mean() + np.log1p(np.exp(logits(permuted))).mean()
    assert logs["discriminator_loss"] == pytest.approx(loss, rel=1e-5)
    assert not np.array_equal(codes, permuted) and codes.shape == permuted.shape == (6, 3)
    np.testing.assert_array_equal(np.sort(codes, axis=0), np.sort(permuted, axis=0))
    # the images of the dimensions part ways
    rows = [tuple(np.flatnonzero(codes[:, d] == value)[0] for d, value in enumerate(row)) for row in permuted]
    assert any(len(set(row)) > 1 for row in rows)


def test_codes_of_a_whole_batch_are_permuted_and_so_it_is_not_accumulated():
    with pytest.raises(UserError, match="codes are permuted among all images of a batch, which accumulate=2 is to av"):
        factor().compile(accumulate=2)


def test_the_discriminator_does_not_move_the_encoder_in_its_own_phase():
    model = factor(tc_weight=0.0)
    phase = next(phase for phase in model.phases if phase.name == "discriminator")
    before = {name: [w.numpy().copy() for w in net.weights] for name, net in model.networks.items()}
    model.train_step({"image": tf.constant(IMAGES)}, [phase])
    moved = {
        n: any((a != w.numpy()).any() for a, w in zip(before[n], net.weights)) for n, net in model.networks.items()
    }
    assert moved == {"encoder": False, "decoder": False, "discriminator": True}


# Two stages.

A, S, B, V = 0.8, 0.7, 0.5, 0.6  # p(z|u) = N(A u, S I), q(u|z) = N(B z, V I)


def scaled(size, factor, variance, name):
    given = keras.Input((size,), name=name)
    mean = dense(size, factor * np.eye(size), np.zeros(size))(given)
    log_var = dense(size, np.zeros((size, size)), np.full(size, math.log(variance)))(given)
    return keras.Model(given, {"mean": mean, "log_var": log_var})


@pytest.fixture(scope="module")
def linear():
    return Linear()


@pytest.fixture(scope="module")
def model(linear):
    second = scaled(linear.latent, B, V, "code"), scaled(linear.latent, A, S, "latent")
    model = TwoStageModel(*linear.networks(), *second, likelihood=LinearGaussian(linear.sigma), name="two")
    model.compile()
    return model


def test_the_bound_is_that_of_both_stages(linear, model):
    """p(z) = N(0, (A^2 + S) I), and so p(x) = N(b, (A^2 + S) W W' + sigma^2 I)."""
    images = np.random.default_rng(2).integers(0, 256, (4, *linear.shape), dtype=np.uint8)
    both = Linear()
    both.w = linear.w * math.sqrt(A**2 + S)
    np.testing.assert_allclose(importance_weighted_bound(model, images, k=8000), both.log_p_of(images), atol=0.1)
    with pytest.raises(UserError, match="two has a log_densities of its own"):
        _ = model.chain_prior


def test_the_second_stage_is_the_elbo_of_codes(linear, model):
    z = np.random.default_rng(1).normal(size=(3, 2000, linear.latent)).astype(np.float32)
    log_pz, log_pu, log_qu = (v.numpy() for v in model.second_densities(tf.constant(z), model.inference("test")))
    assert log_pz.shape == log_pu.shape == log_qu.shape == (3, 2000)
    # E_q[log p(z|u)] at u ~ N(B z, V): the mean's error, and its spread
    expected = stats.norm.logpdf(z, A * B * z, math.sqrt(S)).sum(axis=-1) - linear.latent * A**2 * V / (2 * S)
    kl = 0.5 * ((B * z) ** 2 + V - 1 - math.log(V)).sum(axis=-1)
    assert log_pz.mean() == pytest.approx(expected.mean(), abs=0.05)
    assert (log_qu - log_pu).mean() == pytest.approx(kl.mean(), abs=0.05)
    assert np.corrcoef(log_pz.ravel(), expected.ravel())[0, 1] > 0.4  # each of its own z


def test_samples_go_through_both(linear, model):
    z = tf.function(model.latents_from_seeds)(tf.range(2000, dtype=tf.int64)).numpy()
    np.testing.assert_allclose(z.var(axis=0), A**2 + S, rtol=0.15)
    np.testing.assert_allclose(z[:3], model.latents_from_seeds(tf.range(3, dtype=tf.int64)), atol=1e-5)


def test_each_stage_trains_its_own_networks():
    model = tfgen.build_model("two_stage_vae", SHAPE, latent_dim=3, width=2, hidden=[4])
    by_name = {phase.name: phase for phase in model.phases}
    for name, trained in (("elbo", {"encoder", "decoder"}), ("second", {"second_encoder", "second_decoder"})):
        before = {key: [w.numpy().copy() for w in net.weights] for key, net in model.networks.items()}
        logs = model.train_step({"image": tf.constant(IMAGES)}, [by_name[name]])
        assert all(math.isfinite(float(value)) for value in logs.values())
        nets = model.networks.items()
        assert {k for k, net in nets if any((a != w.numpy()).any() for a, w in zip(before[k], net.weights))} == trained
