"""Variational objectives: the ELBO, its warm-up, the importance-weighted bound, each against closed formulas."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen import objectives, priors
from tfgen.errors import UserError

# L = 2 samples of B = 3 images
LOG_PX = np.array([[-10.0, -20.0, -30.0], [-12.0, -26.0, -30.0]], np.float32)
LOG_PZ = np.array([[-3.0, -4.0, -5.0], [-5.0, -4.0, -1.0]], np.float32)
LOG_QZ = np.array([[-1.0, -2.0, -1.0], [-1.0, -1.0, -1.0]], np.float32)
KL = np.array([1.0, 2.0, 6.0], np.float32)


def terms(objective, kl=KL, step=0):
    given = (tf.constant(values) for values in (LOG_PX, LOG_PZ, LOG_QZ))
    step = tf.constant(step, tf.int64)
    return {k: float(v) for k, v in objective(*given, None if kl is None else tf.constant(kl), step).items()}


def test_the_elbo_is_the_mean_reconstruction_plus_the_closed_form_kl():
    assert terms(objectives.elbo()) == pytest.approx({"reconstruction": 128 / 6, "kl": 3.0})


def test_without_a_closed_form_the_kl_is_the_sampled_log_ratio():
    # log q - log p: 2, 2, 4 and 4, 3, 0
    assert terms(objectives.elbo(), kl=None)["kl"] == pytest.approx(15 / 6)


def test_beta_weights_the_kl_which_then_is_called_so():
    assert terms(objectives.elbo(beta=4.0)) == pytest.approx({"reconstruction": 128 / 6, "weighted_kl": 12.0})
    assert terms(objectives.elbo(beta=0.0))["weighted_kl"] == 0.0


def test_the_warm_up_raises_the_weight_from_the_first_step_to_the_last_and_no_further():
    warming = objectives.elbo(beta=2.0, warmup_steps=4)
    weights = [terms(warming, step=step)["weighted_kl"] / 3.0 for step in range(6)]
    assert weights == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 2.0])
    assert float(objectives.elbo().weight(0)) == 1.0


def test_the_importance_weighted_bound_by_its_published_formula():
    log_w = (LOG_PX + LOG_PZ - LOG_QZ).astype(np.float64)
    expected = -np.mean(np.log(np.mean(np.exp(log_w), axis=0)))
    assert terms(objectives.iwae()) == pytest.approx({"importance_weighted": expected}, rel=1e-6)


def test_a_bound_of_one_sample_is_the_sampled_elbo_and_more_samples_tighten_it():
    one = [tf.constant(values[:1]) for values in (LOG_PX, LOG_PZ, LOG_QZ)]
    step = tf.constant(0, tf.int64)
    sampled = sum(float(v) for v in objectives.elbo()(*one, None, step).values())
    assert float(objectives.iwae()(*one, None, step)["importance_weighted"]) == pytest.approx(sampled, rel=1e-6)
    assert terms(objectives.iwae())["importance_weighted"] <= sum(terms(objectives.elbo(), kl=None).values())


def test_far_apart_weights_do_not_overflow():
    low, high = tf.constant([[-2000.0], [-3000.0]]), tf.constant([[0.0], [0.0]])
    found = float(objectives.iwae()(low, high, high, None, tf.constant(0, tf.int64))["importance_weighted"])
    assert found == pytest.approx(2000.0 + math.log(2.0), rel=1e-6)


def test_on_a_model_whose_evidence_is_known_the_bounds_stand_in_order():
    """p(z) = N(0, 1), p(x|z) = N(z, 1): p(x) = N(0, 2). q is a little off the true posterior N(x / 2, 1 / 2)."""
    x, mean, variance = 1.5, 0.6, 0.7
    z = mean + math.sqrt(variance) * np.random.default_rng(0).standard_normal((500, 200)).astype(np.float32)
    log_px, log_pz = (np.float32(priors.normal_log_prob(tf.constant(v), 0.0, 0.0)) for v in (x - z, z))
    log_qz = np.float32(priors.normal_log_prob(tf.constant(z), mean, math.log(variance)))
    step = tf.constant(0, tf.int64)
    kl = tf.fill([200], np.float32(0.5 * (mean**2 + variance - 1.0 - math.log(variance))))
    evidence = 0.5 * (math.log(2 * math.pi) + math.log(2.0) + x**2 / 2.0)
    given = [tf.constant(v) for v in (log_px, log_pz, log_qz)]
    elbo = sum(float(v) for v in objectives.elbo()(*given, kl, step).values())
    sampled = sum(float(v) for v in objectives.elbo()(*given, None, step).values())
    bound = float(objectives.iwae()(*given, None, step)["importance_weighted"])
    exact_reconstruction = 0.5 * (math.log(2 * math.pi) + (x - mean) ** 2 + variance)
    assert elbo == pytest.approx(exact_reconstruction + float(kl[0]), abs=0.02)
    assert sampled == pytest.approx(elbo, abs=0.02)
    assert bound == pytest.approx(evidence, abs=5e-3) and evidence < elbo


def test_mistakes_are_said():
    for wrong in ({"beta": -1.0}, {"warmup_steps": -1}):
        with pytest.raises(UserError, match="must be at least 0, got -1"):
            objectives.elbo(**wrong)


@pytest.mark.parametrize("objective", [objectives.elbo(2.5, 100), objectives.iwae()], ids=str)
def test_an_objective_survives_saving(objective, round_trip):
    assert round_trip(objective) == objective
