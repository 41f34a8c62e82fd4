"""The codebook's arithmetic by hand, the gradient around it, its restarts, its prior and what is sampled from it."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.diagnosis.rules import Past, Row
from tfgen.errors import UserError
from tfgen.families.variational import codebook, rules
from tfgen.families.variational.quantized import quantile

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype=np.uint8)
BATCH = {"image": tf.constant(IMAGES)}
Z = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]], np.float32)
TABLE = np.array([[0.0, 1.0], [1.0, 1.0], [9.0, 9.0]], np.float32)


def built(**options):
    sizes = {"latent_dim": 3, "width": 4, "codes": 5, "prior_width": 4, "prior_blocks": 0, "depth": 1, "blocks": 0}
    return tfgen.build_model("vq_vae", SHAPE, **{"ema": "none", **sizes, **options})


def phase(model, name):
    return next(phase for phase in model.phases if phase.name == name)


def vectors(model):
    return model.networks["codebook"].get_layer("vectors").embeddings.numpy()


# Arithmetic.


def test_the_nearest_codes_by_hand():
    codes, errors = codebook.nearest(tf.constant(Z), tf.constant(TABLE))
    np.testing.assert_array_equal(codes, [0, 1, 0])
    np.testing.assert_allclose(errors, [1.0, 1.0, 4.0])


def test_moving_averages_and_centres_by_hand():
    before = codebook.Averages(tf.constant([2.0, 1.0, 0.0]), tf.constant([[2.0, 2.0], [1.0, 0.0], [0.0, 0.0]]))
    counts, sums = after = codebook.moved(before, tf.constant(Z), tf.constant([0, 1, 0], tf.int64), decay=0.75)
    np.testing.assert_allclose(counts, [0.75 * 2 + 0.25 * 2, 0.75 + 0.25, 0.0])
    np.testing.assert_allclose(sums, [[1.5, 1.5 + 0.25 * 3], [0.75 + 0.25, 0.0], [0.0, 0.0]])
    # a code that was never used stays where it is
    np.testing.assert_allclose(codebook.centres(after, tf.constant(TABLE)), [[0.75, 1.125], [1.0, 0.0], [9.0, 9.0]])


def test_dead_codes_begin_anew_with_the_mean_use():
    averages = codebook.Averages(tf.constant([5.0, 0.9, 0.1]), tf.constant([[5.0, 0.0], [1.0, 1.0], [0.0, 0.0]]))
    candidates = tf.constant([[7.0, 7.0], [8.0, 8.0], [1.0, 2.0]])
    counts, sums = codebook.revived(averages, candidates, below=0.2)  # the mean is 2
    np.testing.assert_allclose(counts, [5.0, 0.9, 2.0])
    np.testing.assert_allclose(sums, [[5.0, 0.0], [1.0, 1.0], [2.0, 4.0]])


def test_candidates_are_drawn_by_their_errors_and_not_twice():
    z, errors = tf.range(4.0)[:, None], tf.constant([1.0, 0.0, 3.0, 4.0])
    u = np.random.default_rng(0).random((4000, 4)).astype(np.float32)
    draw = tf.function(lambda u: tf.map_fn(lambda row: codebook.drawn_rows(z, errors, row, 1)[0, 0], u))
    first = draw(tf.constant(u)).numpy()
    np.testing.assert_allclose(np.bincount(first.astype(int), minlength=4) / 4000, [1 / 8, 0, 3 / 8, 1 / 2], atol=0.03)
    drawn = codebook.drawn_rows(z, errors, tf.constant(u[0]), 6).numpy()[:, 0]
    assert sorted(drawn[:4]) == [0, 1, 2, 3] and list(drawn[4:]) == list(drawn[:2])


def test_the_perplexity_by_hand():
    assert float(codebook.perplexity(tf.constant([2.0, 2.0, 0.0, 0.0]))) == pytest.approx(2.0)
    p = np.array([0.5, 0.25, 0.25])
    assert float(codebook.perplexity(tf.constant(8.0 * p, tf.float32))) == pytest.approx(np.exp(-(p * np.log(p)).sum()))


def test_a_quantile_is_the_first_number_whose_cumulated_probability_is_above():
    logits = tf.math.log(tf.constant([[0.2, 0.5, 0.3]] * 5))
    np.testing.assert_array_equal(quantile(logits, tf.constant([0.0, 0.19, 0.21, 0.71, 0.9999999])), [0, 0, 1, 2, 2])
    assert int(quantile(tf.math.log([[0.0, 1.0]]), tf.zeros([1]))[0]) == 1  # never one of probability 0


# Training.


def test_the_gradient_passes_the_codebook_by_and_the_commitment_has_its_own():
    model = built(commitment=0.5)
    batch = model.as_batch(BATCH)
    step = model.probing_step(model.noise())
    batch = model.prepared(batch, step)[1]
    encoder = model.encoder.trainable_variables[-1]  # the bias of the last convolution
    with tf.GradientTape(persistent=True) as tape:
        found = model.quantized(batch, step)
        latent = model.as_latent(found)
        loss = tf.reduce_sum(latent * tf.range(1.0, model.latent_dim + 1.0))
        total = model.autoencoder_terms(batch, step)["commitment"]
    np.testing.assert_array_equal(latent, tf.reshape(found.vectors, [6, -1]))
    by_hand = 6 * np.arange(1.0, model.latent_dim + 1.0).reshape(-1, 3).sum(axis=0)
    np.testing.assert_allclose(tape.gradient(loss, encoder.value), by_hand)
    away = (found.z - found.vectors).numpy()
    assert float(total) == pytest.approx(0.5 * (away**2).sum(axis=(1, 2, 3)).mean(), rel=1e-5)
    np.testing.assert_allclose(
        tape.gradient(total, encoder.value), 0.5 * 2.0 * away.sum(axis=(0, 1, 2)) / 6, rtol=1e-4, atol=1e-7
    )


def test_a_step_moves_the_codebook_to_what_its_codes_stand_for():
    model = built(restart_below=0.0, learning_rate=0.0)
    start = vectors(model)
    z = model.encoder(tf.constant(IMAGES, tf.float32) / 255.0)["latent"].numpy().reshape(-1, 3)
    codes = ((z[:, None] - start) ** 2).sum(axis=-1).argmin(axis=1)
    logs = model.train_step(BATCH, [phase(model, "autoencoder")])
    expected = np.stack([z[codes == k].mean(axis=0) if (codes == k).any() else start[k] for k in range(5)])
    np.testing.assert_allclose(vectors(model), expected, rtol=1e-4, atol=1e-6)
    counts = np.bincount(codes, minlength=5)
    np.testing.assert_allclose(model.states["code_counts"].numpy(), 0.01 * counts, rtol=1e-5)
    p = counts[counts > 0] / counts.sum()
    assert float(logs["perplexity"]) == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-5)


def test_unused_codes_are_restarted_at_vectors_of_the_batch():
    model = built(learning_rate=0.0, codes=40)
    z = model.encoder(tf.constant(IMAGES, tf.float32) / 255.0)["latent"].numpy().reshape(-1, 3)
    codes = model.encode(IMAGES)["codes"].numpy()
    model.train_step(BATCH, [phase(model, "autoencoder")])
    unused = np.setdiff1d(np.arange(40), codes)
    distances = np.abs(vectors(model)[unused][:, None] - z).max(axis=-1).min(axis=1)
    assert len(unused) > 5 and distances.max() < 1e-5
    again = built(learning_rate=0.0, codes=40)
    again.train_step(BATCH, [phase(again, "autoencoder")])
    np.testing.assert_array_equal(vectors(again), vectors(model))  # from the seed and the step


@pytest.mark.parametrize("name,trained", [("autoencoder", {"encoder", "decoder", "codebook"}), ("prior", {"prior"})])
def test_each_stage_moves_its_own_networks_and_measuring_none(name, trained):
    model = built()
    before = {key: [w.numpy().copy() for w in net.weights] for key, net in model.networks.items()}
    states = {key: state.numpy().copy() for key, state in model.states.items()}
    model.test_step(BATCH)
    model.autoencoder_terms(model.as_batch(BATCH), model.probing_step(model.noise()))
    assert all((states[key] == state.numpy()).all() for key, state in model.states.items())
    logs = model.train_step(BATCH, [phase(model, name)])
    assert all(math.isfinite(float(value)) for value in logs.values())
    nets = model.networks.items()
    assert {k for k, net in nets if any((a != w.numpy()).any() for a, w in zip(before[k], net.weights))} == trained
    assert any((states[k] != s.numpy()).any() for k, s in model.states.items()) == (name == "autoencoder")


def test_the_codebook_stays_in_float32_under_mixed_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = built()
        model.train_step(BATCH)
    finally:
        keras.config.set_dtype_policy(policy)
    kept = [*model.states.values(), model.networks["codebook"].get_layer("vectors").embeddings]
    assert {variable.dtype for variable in kept} == {"float32"}
    latent = model.encode(IMAGES)["latent"].numpy().reshape(-1, 3)
    assert set(map(tuple, latent)) <= set(map(tuple, vectors(model)))


def test_micro_batches_are_refused():
    with pytest.raises(UserError, match="the codebook follows all codes of a batch, which accumulate=2 is to avoid"):
        built().compile(accumulate=2)


def test_vectors_and_codebook_have_one_size():
    model = built()
    networks = {**model.networks, "codebook": tfgen.networks.quantized.code_table(5, 4)}
    with pytest.raises(UserError, match="the encoder gives vectors of 3 numbers, the codebook of 4"):
        type(model)(*(networks[n] for n in ("encoder", "decoder", "codebook", "prior")))


def test_an_average_is_kept_of_the_prior_alone():
    assert set(built(ema=0.9).averaged_networks) == {"prior"}


# Bounds, codes, samples.


@pytest.fixture(scope="module")
def learned():
    """A model whose prior is far from uniform."""
    model = built(binarize="static", prior_blocks=1)
    head = model.networks["prior"].get_layer("logits").kernel
    head.assign(20.0 * head)
    return model


def probabilities(model, latent):
    grid = tf.reshape(latent, [-1, *model.code_shape])
    return tf.nn.softmax(model.networks["prior"](grid)["logits"]).numpy().reshape(len(latent), -1, 5)


def test_the_bound_is_the_reconstruction_and_the_code_of_the_codes(learned):
    codes = learned.encode(IMAGES)
    p = probabilities(learned, codes["latent"])
    log_pz = np.log(np.take_along_axis(p, codes["codes"].numpy()[..., None], axis=-1)).sum(axis=(1, 2))
    mean = learned.reconstruct(IMAGES).numpy()
    x = IMAGES >= 127.5
    log_px = np.where(x, np.log(mean), np.log1p(-mean)).sum(axis=(1, 2, 3))
    bound = tfgen.metrics.importance_weighted_bound(learned, IMAGES, k=3)
    np.testing.assert_allclose(bound, log_px + log_pz, rtol=1e-4)
    parts = tfgen.metrics.elbo_parts(learned, IMAGES)
    np.testing.assert_allclose(parts["kl"], -log_pz, rtol=1e-4)
    with pytest.raises(UserError, match="has discrete codes, in which chains cannot move"):
        _ = learned.chain_prior


def test_the_prior_sees_what_is_above_and_to_the_left(learned):
    latent = learned.encode(IMAGES)["latent"].numpy()
    moved = latent.copy().reshape(-1, 16, 3)
    moved[:, 6] += 1.0
    changed = np.abs(probabilities(learned, moved.reshape(latent.shape)) - probabilities(learned, latent))
    changed = changed.max(axis=(0, 2))
    assert changed[:7].max() < 1e-6 < changed[7:].min()  # with a grid of 4 x 4 all of it is in reach


@pytest.mark.slow
def test_samples_follow_the_prior_code_by_code(learned):
    """Each code is the quantile of u under the logits of one pass over what came before."""
    seeds = tf.range(40, dtype=tf.int64)
    latent = tf.function(learned.latents_from_seeds)(seeds).numpy()
    p = probabilities(learned, latent)
    table = vectors(learned)
    codes = np.abs(latent.reshape(40, 16, 1, 3) - table).max(axis=-1).argmin(axis=-1)
    np.testing.assert_allclose(table[codes], latent.reshape(40, 16, 3), atol=1e-6)
    u = tfgen.samplers.uniform_rows(seeds, [16], "codes").numpy()
    cumulated = np.concatenate([np.zeros((40, 16, 1)), p.cumsum(axis=-1)], axis=-1)
    low, high = (np.take_along_axis(cumulated, codes[..., None] + i, axis=-1)[..., 0] for i in (0, 1))
    assert np.all((low <= u + 1e-5) & (u - 1e-5 <= high)) and len(set(codes.ravel())) > 1
    np.testing.assert_allclose(learned.latents_from_seeds(seeds[7:9]), latent[7:9], atol=1e-6)


def test_a_codebook_of_which_little_is_used_is_named():
    rule = rules.CODEBOOK_RULES[0]
    idle = Row({"codes": 256.0, "codes_in_use": 9.0, "code_perplexity": 7.3})
    assert rule.holds(idle, Past()) and "uses 9 of 256 codes (perplexity 7.3)" in rule.message(idle, Past())
    assert not rule.holds(Row(idle | {"code_perplexity": 120.0}), Past()) and not rule.holds(Row(), Past())
