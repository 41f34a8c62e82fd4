"""Variational objectives, each against its published formula, and the estimates of what couples a batch."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

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


def test_the_divergence_is_held_at_a_capacity_that_grows_for_each_image():
    # |KL - C| of KL = 1, 2, 6: C = 0 gives 3, C = 2 gives (1 + 0 + 4) / 3
    growing = objectives.capacity(gamma=10.0, nats=4.0, steps=8)
    found = [terms(growing, step=step)["weighted_kl"] for step in (0, 4, 8, 100)]
    assert found == pytest.approx([30.0, 50 / 3, 70 / 3, 70 / 3])
    assert terms(growing)["reconstruction"] == pytest.approx(128 / 6)
    # without a closed form: log q - log p is 2, 2, 4 and 4, 3, 0
    assert terms(growing, kl=None, step=4)["weighted_kl"] == pytest.approx(10 * (0 + 0 + 2 + 2 + 1 + 2) / 6)


def test_a_bound_in_groups_is_the_mean_of_their_bounds():
    log_w = np.array([[0.0, 3.0], [1.0, -1.0], [2.0, 0.5], [-4.0, 1.5]])
    zeros, step = tf.zeros([4, 2]), tf.constant(0, tf.int64)

    def bound(groups):
        given = tf.constant(log_w, tf.float32), zeros, zeros
        return float(objectives.miwae(groups)(*given, None, step)["importance_weighted"])

    by_hand = [np.log(np.exp(log_w[[i, i + 2]]).mean(axis=0)) for i in (0, 1)]
    assert bound(2) == pytest.approx(-np.mean(by_hand), rel=1e-6)
    assert bound(1) == pytest.approx(-np.mean(np.log(np.exp(log_w).mean(axis=0))), rel=1e-6)
    assert bound(4) == pytest.approx(-log_w.mean(), rel=1e-6)
    objectives.miwae(2).check_samples(4)
    with pytest.raises(UserError, match="5 samples cannot be divided into 2 groups of equal size"):
        objectives.miwae(2).check_samples(5)


# Terms of all codes of a batch.

Z = np.array([[0.5, -1.0], [2.0, 0.0], [-0.5, 1.5]])
MEAN = np.array([[0.4, -0.8], [1.5, 0.2], [-1.0, 1.0]])
LOG_VAR = np.array([[-1.0, 0.0], [-2.0, -0.5], [0.3, -1.5]])
DRAWN = np.array([[0.0, 0.3], [-1.2, 0.8], [0.7, -0.4]])


def codes(rows=3):
    z, mean, log_var, drawn = (tf.constant(v[:rows], tf.float32) for v in (Z, MEAN, LOG_VAR, DRAWN))
    return objectives.Codes(z, mean, log_var, lambda: drawn)


def test_the_total_correlation_by_its_definition_over_the_images_of_the_batch():
    density = stats.norm.pdf(Z[:, None], MEAN, np.exp(0.5 * LOG_VAR))  # of z_i,d under q(z_d|x_j)
    joint, marginals = density.prod(axis=2).mean(axis=1), density.mean(axis=1).prod(axis=1)
    expected = np.mean(np.log(joint / marginals))
    assert float(objectives.total_correlation(codes())) == pytest.approx(expected, rel=1e-5)
    found = objectives.beta_tc(4.0).of_codes(codes())
    assert float(found["weighted_tc"]) == pytest.approx(3.0 * expected, rel=1e-5)
    assert terms(objectives.beta_tc(4.0)) == terms(objectives.elbo())


def test_codes_without_dependence_have_no_total_correlation_and_copies_have_it():
    one = objectives.Codes(*(tf.constant(v[:1], tf.float32) for v in (Z, MEAN, LOG_VAR)), None)
    assert float(objectives.total_correlation(one)) == pytest.approx(0.0, abs=1e-6)
    grid = tf.constant([[a, b] for a in (-5.0, 5.0) for b in (-5.0, 5.0)])
    free = objectives.Codes(grid, grid, tf.fill([4, 2], -2.0), None)
    assert float(objectives.total_correlation(free)) == pytest.approx(0.0, abs=1e-5)
    line = tf.constant([[-5.0, -5.0], [5.0, 5.0]])
    bound = objectives.Codes(line, line, tf.fill([2, 2], -2.0), None)
    assert float(objectives.total_correlation(bound)) == pytest.approx(math.log(2.0), abs=1e-5)


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
def test_the_discrepancy_is_the_unbiased_one_of_gretton(kernel):
    def k(a, b):
        distance = np.sum((a - b) ** 2)
        return 4.0 / (4.0 + distance) if kernel == "imq" else np.exp(-distance / 4.0)

    pairs = [(i, j) for i in range(3) for j in range(3)]
    within = [np.mean([k(v[i], v[j]) for i, j in pairs if i != j]) for v in (Z, DRAWN)]
    expected = sum(within) - 2.0 * np.mean([k(Z[i], DRAWN[j]) for i, j in pairs])
    found = objectives.discrepancy(codes().z, codes().draw_prior(), kernel)
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert float(objectives.discrepancy(codes(1).z, codes(1).draw_prior(), kernel)) == 0.0
    weighted = objectives.info_vae(0.25, 10.0, kernel).of_codes(codes())["weighted_mmd"]
    assert float(weighted) == pytest.approx(9.25 * expected, rel=1e-5)


def test_the_discrepancy_of_equal_distributions_is_0_on_average_and_of_others_is_not():
    def mean(shift):
        random = np.random.default_rng(0)
        draws = random.standard_normal((60, 2, 40, 3)).astype(np.float32)
        return np.mean([float(objectives.discrepancy(tf.constant(a + shift), tf.constant(b))) for a, b in draws])

    assert abs(mean(0.0)) < 0.003 < 0.05 < mean(1.0)


def test_info_vae_has_a_part_of_the_divergence_and_wae_none():
    assert terms(objectives.info_vae()) == pytest.approx({"reconstruction": 128 / 6, "kl": 3.0})
    assert terms(objectives.info_vae(0.25, 2.0)) == pytest.approx({"reconstruction": 128 / 6, "weighted_kl": 2.25})
    assert terms(objectives.wae()) == pytest.approx({"reconstruction": 128 / 6})
    said = {o: (o.weighs_kl, o.rewards_noise) for o in (objectives.info_vae(), objectives.wae(), objectives.wae(0.0))}
    assert list(said.values()) == [(True, True), (True, False), (False, False)]


def test_mistakes_are_said():
    for wrong in ({"beta": -1.0}, {"warmup_steps": -1}):
        with pytest.raises(UserError, match="must be at least 0, got -1"):
            objectives.elbo(**wrong)
    for call, sentence in (
        (lambda: objectives.info_vae(0.2, 0.5), r"alpha \+ scale - 1, must be at least 0, got 0.2 \+ 0.5 - 1"),
        (lambda: objectives.info_vae(1.5), "alpha must lie in"),
        (lambda: objectives.wae(kernel="linear"), "kernel must be 'imq' or 'rbf', got 'linear'"),
        (lambda: objectives.miwae(0), "groups must be at least 1, got 0"),
        (lambda: objectives.capacity(steps=0), "steps must be at least 1, got 0"),
        (lambda: objectives.beta_tc(-1.0), "beta must be at least 0, got -1.0"),
    ):
        with pytest.raises(UserError, match=sentence):
            call()


SAVED = [objectives.elbo(2.5, 100), objectives.iwae(), objectives.miwae(3), objectives.capacity(2.0, 3.0, 4)]
SAVED += [objectives.info_vae(0.5, 20.0, "rbf"), objectives.beta_tc(3.0)]


@pytest.mark.parametrize("objective", SAVED, ids=str)
def test_an_objective_survives_saving(objective, round_trip):
    assert round_trip(objective) == objective
