"""The diagnosis: what it measures, what it says of trainings that fail, and that it leaves training as it is."""

import csv
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial import distance
from sklearn.metrics import roc_auc_score

import tfgen
from tfgen.data.source import Arrays, Source
from tfgen.diagnosis.callback import schedule
from tfgen.diagnosis.general import divergence, standing_still
from tfgen.diagnosis.judge import Judge, judge, rules_of
from tfgen.diagnosis.probes import Probe, duplicates, ratio
from tfgen.diagnosis.rules import Past, Row
from tfgen.diagnosis.stops import StopOnScore
from tfgen.errors import UserError
from tfgen.families.adversarial import probes
from tfgen.families.adversarial.equilibrium import StopAtEquilibrium, fresh_accuracy
from tfgen.families.adversarial.fresh import Fresh
from tfgen.families.adversarial.rules import RULES as ADVERSARIAL_RULES
from tfgen.families.adversarial.trials import BlindnessTrial
from tfgen.families.variational.autoencoder import Autoencoder
from tfgen.families.variational.rules import LATENT_RULES
from tfgen.noise import Noise
from tfgen.runs.layout import Layout
from tfgen.runs.watching import callbacks_of
from tfgen.training.checkpoints import Checkpoints

SIDE = 8
LAYERS = keras.layers


def blobs(n, seed=0):
    """Bright spots at random places, uint8 [n, 8, 8, 1]."""
    x, y = np.random.default_rng(seed).uniform(1, SIDE - 2, (2, n, 1, 1))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.uint8(255 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 4))[..., None]


def noise_images(n, seed=0):
    """What a generator makes that hands on its latents: pixels of U(0, 1)."""
    return np.random.default_rng(seed).integers(0, 256, (n, SIDE, SIDE, 1), dtype=np.uint8)


TRAIN, HELD_OUT = blobs(256), blobs(128, seed=1)


def gan(generator_rate=1e-3, discriminator_rate=1e-3, latent_dim=4, identity=False, norm=False, dropout=0.0, **options):
    """A GAN of one layer against two; with `identity` the generator hands on its latents."""
    keras.utils.set_random_seed(0)
    start = {"kernel_initializer": "identity", "use_bias": False} if identity else {"activation": "tanh"}
    generator = keras.Sequential(
        [
            keras.Input((latent_dim,), name="latent"),
            LAYERS.Dense(SIDE**2, **start),
            *([LAYERS.BatchNormalization()] if norm else []),
            LAYERS.Reshape((SIDE, SIDE, 1)),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1), name="image"),
            LAYERS.Flatten(),
            LAYERS.Dense(32, activation="leaky_relu"),
            *([LAYERS.Dropout(dropout)] if dropout else []),
            LAYERS.Dense(1),
        ]
    )
    model = tfgen.AdversarialModel(generator, discriminator, latent_dim=latent_dim, **{"ema": None, **options})
    rates = [keras.optimizers.Adam(rate, beta_1=0.5) for rate in (generator_rate, discriminator_rate)]
    model.compile(*rates, steps_per_execution=1)
    return model


def vae(beta=1.0, rate=1e-3, latent_dim=4):
    keras.utils.set_random_seed(0)
    image = keras.Input((SIDE, SIDE, 1), name="image")
    hidden = LAYERS.Dense(32, activation="tanh")(LAYERS.Flatten()(image))
    code = {name: LAYERS.Dense(latent_dim, name=name)(hidden) for name in ("z_mean", "z_log_var")}
    latent = keras.Input((latent_dim,), name="latent")
    raw = LAYERS.Dense(SIDE**2)(LAYERS.Dense(32, activation="tanh")(latent))
    networks = keras.Model(image, code), keras.Model(latent, LAYERS.Reshape((SIDE, SIDE, 1))(raw))
    model = tfgen.VariationalModel(*networks, objective=tfgen.objectives.elbo(beta))
    model.compile(keras.optimizers.Adam(rate), steps_per_execution=1)
    return model


def ae():
    networks = vae()
    model = Autoencoder(networks.encoder, networks.decoder, name="ae")
    model.compile(steps_per_execution=1)
    return model


def watch(model, epochs, images=TRAIN, held_out=HELD_OUT, **options):
    """A `Diagnosis` of a training of 8 steps an epoch, each probed."""
    seen = tfgen.Diagnosis(validation_images=held_out, **{"every": 16, "verbose": False, **options})
    model.fit(images, batch_size=len(images) // 8, epochs=epochs, verbose=0, callbacks=[seen])
    return seen


def names(seen):
    return [finding.name for finding in seen.findings]


# What a probe measures.


def test_separation_is_the_area_under_the_roc_curve():
    generator = np.random.default_rng(0)
    real, fake = np.float32(generator.normal(0.5, 1, 40)), np.float32(generator.normal(size=30))
    real[:5] = fake[:5]  # ties
    expected = roc_auc_score(np.r_[np.ones(40), np.zeros(30)], np.r_[real, fake])
    assert float(probes.separation(tf.constant(real), tf.constant(fake))) == pytest.approx(expected, abs=1e-6)


def test_distances_are_those_of_scipy():
    generator = np.random.default_rng(1)
    a, b = np.float32(generator.normal(3, 1, (9, 5))), np.float32(generator.normal(size=(9, 5)))
    np.testing.assert_allclose(probes.distances(a, b), distance.cdist(a, b), rtol=1e-4)
    pairs = probes.distances(a, a)
    exact = distance.squareform(distance.pdist(a))
    assert float(probes.mean_of_pairs(pairs)) == pytest.approx(distance.pdist(a).mean(), rel=1e-4)
    nearest = np.median((exact + np.diag([np.inf] * 9)).min(axis=1))
    assert float(probes.nearest(pairs)) == pytest.approx(nearest, rel=1e-4)


def test_a_probe_of_a_gan_measures_what_numpy_does():
    model = gan(norm=True)
    probe = Probe(model, model.as_examples(TRAIN), model.as_examples(HELD_OUT), size=32)
    row = probe()
    rows = np.linspace(0, 255, 32).astype(int)
    real, unseen = 2.0 * TRAIN[rows] / 255 - 1, 2.0 * HELD_OUT[np.linspace(0, 127, 32).astype(int)] / 255 - 1
    step = model.probing_step(Noise(model.seed, 0, "diagnosis/"))
    latents = model.draw_latents({"image": real}, step)
    shape = (32, SIDE, SIDE, 1)
    statistics = np.asarray(model.generator.layers[0](latents))  # batch normalisation, by hand
    fake = ((statistics - statistics.mean(0)) / np.sqrt(statistics.var(0) + 1e-3)).reshape(shape)
    logits = [np.asarray(model.discriminator(np.float32(x)))[:, 0] for x in (real, unseen, fake)]
    scores = [1 / (1 + np.exp(-logit)) for logit in logits]
    for name, score in zip(("real_score", "held_out_score", "fake_score"), scores, strict=True):
        assert row[name] == pytest.approx(score.mean(), abs=1e-5)
    assert row["equilibrium_distance"] == pytest.approx(np.abs(np.r_[scores[1], scores[2]] - 0.5).mean(), abs=1e-5)
    assert row["generator_slope"] == pytest.approx((1 - scores[2]).mean(), abs=1e-5)  # -log D(G(z)) by the logit
    assert row["train_accuracy"] == (logits[0] > 0).mean() and row["held_out_accuracy"] == (logits[1] > 0).mean()
    drawn = np.asarray(model.generator(latents, training=False))  # samples are of the moving statistics
    flat = [distance.pdist(x.reshape(32, -1)) for x in (real, drawn)]
    across = distance.cdist(real.reshape(32, -1), drawn.reshape(32, -1)).mean()
    assert row["diversity"] == pytest.approx(flat[1].mean() / flat[0].mean(), rel=1e-3)
    assert row["energy_distance"] == pytest.approx(1 - (flat[0].mean() + flat[1].mean()) / (2 * across), rel=1e-3)
    norm = math.sqrt(sum(np.square(w).sum() for w in model.discriminator.get_weights()))
    assert row["discriminator_weights"] == pytest.approx(norm, rel=1e-5)


def test_samples_are_of_the_average_and_the_discriminator_faces_the_trained_weights():
    model = gan(ema=0.9)
    for weight in model.best("generator").weights:
        weight.assign(0.0 * weight)  # the average gives one gray picture
    row = Probe(model, model.as_examples(TRAIN), size=32)()
    assert row["diversity"] == 0.0 < row["trained_diversity"] and row["nearest_diversity"] == 0.0
    plain = Probe(gan(), model.as_examples(TRAIN), size=32)()
    assert row["trained_diversity"] == pytest.approx(plain["diversity"]) and "trained_diversity" not in plain
    assert row["fake_score"] == plain["fake_score"]


def half_black(n):
    images = blobs(n)
    images[: n // 2] = 0
    return images


@pytest.mark.parametrize(
    "images, without",
    [
        (np.repeat(blobs(4), 64, axis=0), {"nearest_diversity"}),  # an oversampled set: hardly a row without a copy
        pytest.param(
            np.full((256, SIDE, SIDE, 1), 77, np.uint8), {"nearest_diversity", "diversity"}, marks=pytest.mark.slow
        ),
        pytest.param(half_black(256), set(), marks=pytest.mark.slow),
    ],
)
def test_duplicates_make_no_ratio_infinite(images, without, capsys):
    seen = watch(gan(), 4, images=images, held_out=images, stop="divergence", verbose=True)
    assert {"nearest_diversity", "diversity"} - set(seen.rows[-1]) == without and "energy_distance" in seen.rows[-1]
    assert all(math.isfinite(value) for row in seen.rows for value in row.values())
    assert "diverged" not in names(seen) and seen.stopped is None
    assert capsys.readouterr().out.count("has no finite value, and is left out") == bool(without)


def test_a_generator_that_repeats_what_the_images_repeat_has_not_collapsed():
    images = np.float32(half_black(64).reshape(64, -1) / 255)
    other = np.float32(np.concatenate([np.zeros((32, 64)), blobs(32, seed=5).reshape(32, -1) / 255]))
    copies = duplicates(half_black(64))
    assert copies == 0.5
    same = probes.compared(tf.constant(images), tf.constant(other), copies)
    assert 0.5 < float(same["nearest_diversity"]) < 2.0
    few = np.concatenate([np.zeros((32, 64), np.float32), np.repeat(other[-4:], 8, axis=0)])
    assert float(probes.compared(tf.constant(images), tf.constant(few), copies)["nearest_diversity"]) < 0.01


def test_the_rank_of_rows_is_that_of_numpy_whatever_their_lengths():
    random = np.random.default_rng(0)
    rows = random.normal(size=(32, 5)) @ random.normal(size=(5, 60)) * 10.0 ** random.uniform(-6, 6, (32, 1))
    assert float(probes.rank(tf.constant(np.float32(rows)))) == 5
    assert float(probes.rank(tf.constant(np.float32(random.normal(size=(32, 60)))))) == 32
    assert float(probes.rank(tf.zeros([32, 60]))) == 0


def shades(n):
    return np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, SIDE, SIDE, 1)).copy()


def judged_by(units, activation, images):
    """The directions in which a discriminator of one hidden layer changes, before its first step."""
    image = keras.Input((SIDE, SIDE, 1), name="image")
    hidden = keras.layers.Dense(units, activation)(keras.layers.Dropout(0.5)(keras.layers.Flatten()(image)))
    judge_network = keras.Model(image, keras.layers.Dense(1)(hidden))
    model = tfgen.AdversarialModel(gan().generator, judge_network, latent_dim=4)
    model.compile()
    return Probe(model, model.as_examples(images), size=48)()


@pytest.mark.parametrize(
    "units, activation, most",
    [
        (3, "relu", 3),
        pytest.param(1, "tanh", 1, marks=pytest.mark.slow),
        pytest.param(64, "linear", 1, marks=pytest.mark.slow),
    ],
)
def test_the_directions_of_a_discriminator_are_at_most_its_units(units, activation, most):
    row = judged_by(units, activation, noise_images(64))
    assert 0 <= row["directions"] <= most
    narrow = {name: row[name] for name in ("directions", "image_directions")}
    assert [finding.name for finding in found_in(rows_of(3, **narrow))] == ["discriminator_narrow"]


@pytest.mark.slow
def test_wide_discriminators_have_a_direction_for_each_image_and_equal_images_say_nothing():
    assert judged_by(64, "relu", noise_images(64))["directions"] == 32
    for images, most in ((np.repeat(noise_images(4), 16, axis=0), 4), (shades(64), 1)):  # few copies; one colour each
        row = judged_by(64, "relu", images)
        narrow = {name: row[name] for name in ("directions", "image_directions")}
        assert row["image_directions"] == most and found_in(rows_of(3, **narrow)) == []


def test_a_ratio_without_a_meaning_is_no_number():
    assert float(ratio(tf.constant(1.0), tf.constant(4.0))) == 0.25
    assert math.isnan(ratio(tf.constant(1.0), tf.constant(0.0)))
    assert math.isnan(ratio(tf.constant(1.0), tf.constant(1e-9), 1e-6))


def test_nothing_is_explained_of_equal_images():
    images = np.full((64, SIDE, SIDE, 1), 91, np.uint8)
    seen = watch(vae(), 4, images=images, held_out=images)
    assert seen.rows and "explained" not in seen.rows[-1] and "diverged" not in names(seen)


@pytest.mark.parametrize("loss", [tfgen.losses.wasserstein, tfgen.losses.least_squares])
def test_outputs_of_a_critic_are_not_called_probabilities(loss):
    model = gan(loss=loss)
    history = model.fit(TRAIN, batch_size=32, epochs=1, verbose=0).history
    row = Probe(model, model.as_examples(TRAIN), model.as_examples(HELD_OUT), size=32)()
    assert not [name for name in {**row, **history} if name.endswith("_score")]
    assert {"real_output", "fake_output", "held_out_output", "fake_accuracy"} <= set(row)
    assert {"real_output", "fake_output"} <= set(history)
    batch = model.as_batch({"image": TRAIN[np.linspace(0, 255, 32).astype(int)]})["image"]
    assert row["real_output"] == pytest.approx(np.asarray(model.discriminator(batch)).mean(), abs=1e-5)


@pytest.mark.slow
def test_gradient_norms_are_those_of_a_finite_difference():
    model = gan(identity=True, latent_dim=SIDE**2)
    examples = model.as_examples(TRAIN)
    row = Probe(model, examples, size=16)()
    weights = model.discriminator.trainable_variables[-1]  # the last bias: its gradient alone is easily had
    step, losses = 1e-2, []
    for sign in (1, -1):
        weights.assign_add([sign * step])
        losses.append(Probe(model, examples, size=16)()["discriminator_loss"])
        weights.assign_sub([sign * step])
    slope = abs(losses[0] - losses[1]) / (2 * step)
    frozen = model.discriminator.layers[:-1]
    for layer in frozen:
        layer.trainable = False
    model.discriminator.layers[-1]._trainable_variables = [weights]
    assert row["discriminator_gradient"] > slope
    assert Probe(model, examples, size=16)()["discriminator_gradient"] == pytest.approx(slope, rel=1e-2)


def test_a_probe_of_a_vae_measures_what_numpy_does():
    model = vae()
    row = Probe(model, model.as_examples(TRAIN), model.as_examples(HELD_OUT), size=32)()
    x = np.float32(HELD_OUT[np.linspace(0, 127, 32).astype(int)] / 255)
    code = {name: np.asarray(value) for name, value in model.encoder(x).items()}
    mean, log_var = code["z_mean"], code["z_log_var"]
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).mean(0)
    assert row["kl"] == pytest.approx(kl.sum(), rel=1e-4)
    assert row["kl_latent_max"] == pytest.approx(kl.max(), rel=1e-4)
    assert row["active_units"] == (mean.var(0) > 0.01).sum() and row["latents"] == 4
    decoded = 1 / (1 + np.exp(-np.asarray(model.decoder(mean))))
    error, trivial = np.square(x - decoded).mean(), np.square(x - TRAIN.mean(0) / 255).mean()
    assert row["explained"] == pytest.approx(1 - error / trivial, abs=1e-4)
    errors = (x - decoded).reshape(32, -1)
    largest = np.linalg.svd(errors - errors.mean(0), compute_uv=False)[0] ** 2 / errors.size
    assert row["one_more"] == pytest.approx(largest / trivial, rel=1e-3)


# What rows mean.


LOSS = [tfgen.Phase("elbo", (), None, lambda batch, step: {})]  # a single phase: its column is `loss`
RULES = (
    *divergence(LOSS, ["generator", "discriminator", "encoder"]),
    *(standing_still("generator"), standing_still("discriminator")),
    *ADVERSARIAL_RULES,
    *LATENT_RULES,
)


def found_in(rows):
    """The findings in rows, by all rules there are."""
    return judge(rows, RULES)


def rows_of(n, first=1, **measured):
    return [{"step": 100 * (first + i), **measured} for i in range(n)]


WON = {"real_score": 0.99, "fake_score": 0.01, "equilibrium_distance": 0.49, "train_separation": 1.0}
EVEN = {"real_score": 0.7, "fake_score": 0.3, "equilibrium_distance": 0.2, "train_separation": 0.8}


def test_a_finding_needs_patience_and_is_said_once_until_it_has_gone():
    rows = rows_of(5, **WON) + rows_of(2, 6, **EVEN) + rows_of(3, 8, **WON)
    assert [(f.step, f.name) for f in found_in(rows)] == [(300, "discriminator_won")]
    rows = rows_of(5, **WON) + rows_of(3, 6, **EVEN) + rows_of(3, 9, **WON)
    assert [f.step for f in found_in(rows)] == [300, 1100]
    assert found_in(rows_of(2, **WON) + rows_of(1, 3, **EVEN) + rows_of(2, 4, **WON)) == []
    (finding,) = found_in(rows_of(3, **WON))
    assert finding.message.startswith("the discriminator has won: D(x) = 0.99, D(G(z)) = 0.01, and it is sure")


def test_at_the_end_two_probes_are_enough():
    follower = Judge(RULES)
    for row in rows_of(2, **WON):
        assert follower.see(row) == []
    assert [f.name for f in follower.end()] == ["discriminator_won"]
    assert follower.end() == [] or len(follower.findings) == 2


@pytest.mark.parametrize(
    "row, name, words",
    [
        (
            {"train_accuracy": 0.97, "held_out_accuracy": 0.6, "train_separation": 0.99, "held_out_separation": 0.7},
            "discriminator_overfits",
            "it takes 97% of the training images for real, but only 60% of held-out ones",
        ),
        (
            {"train_separation": 0.45, "energy_distance": 0.3},
            "discriminator_does_not_learn",
            "it ranks a real image above a sample in 45% of pairs",
        ),
        ({"train_separation": 1.0, "energy_distance": 0.3}, "discriminator_won", "above a sample in 100.0% of pairs"),
        ({"diversity": 0.04, "nearest_diversity": 0.5}, "generator_collapsed", "among themselves 25 times less than"),
        ({"diversity": 0.5, "nearest_diversity": 0.0}, "generator_collapsed", "over 1000 times less than a real image"),
        (
            {"diversity": math.nan, "nearest_diversity": 0.01, "trained_diversity": 0.9},
            "generator_collapsed",
            "its samples, of the averaged weights, are few",
        ),
        (
            {"diversity": 0.9, "trained_diversity": 0.0001},
            "generator_collapsed",
            "the samples of its trained weights differ among themselves over 1000 times less than real images (all",
        ),
        (
            {"equilibrium_distance": 0.49, "train_separation": 0.5, "real_score": 0.99, "fake_score": 0.98},
            "discriminator_sure_and_wrong",
            "D(x) = 0.99, D(G(z)) = 0.98, with |D - 1/2| = 0.49, but it ranks a real image above a sample in only 50%",
        ),
        (
            {"generator_slope": 0.004, "fake_accuracy": 0.99},
            "generator_saturated",
            "rejects 99% of its samples, and there the generator's loss is flat (slope 0.004;",
        ),
        ({"saturation": 0.99, "real_saturation": 0.5}, "samples_saturated", "99% of their values lie at the ends"),
        ({"out_of_range": 0.5}, "samples_out_of_range", "50% of their values lie outside of the value_range"),
        ({"active_units": 8.0, "latents": 16.0, "kl": 9.0}, "unused_latents", "half the latents are unused: 8 of 16"),
        ({"active_units": 3.0, "latents": 16.0, "kl": 9.0}, "unused_latents", "more than half the latents are unused"),
        ({"active_units": 0.0, "latents": 16.0, "kl": 0.01}, "posterior_collapse", "KL(q(z|x) || p(z)) = 0.01 nats"),
        ({"active_units": 12.0, "latents": 16.0, "kl": 0.6, "kl_latent_max": 0.09}, "posterior_collapse", "12 of 16"),
        ({"explained": 0.01, "active_units": 5.0, "latents": 5.0}, "reconstructs_the_mean", "they explain 1% of"),
        (
            {"directions": 1.0, "image_directions": 32.0},
            "discriminator_narrow",
            "at 32 different images its output changes in 1 direction of",
        ),
        ({"directions": 5.0, "image_directions": 9.0}, "discriminator_narrow", "changes in 5 directions of the space"),
        ({"generator_weights": 3.0, "generator_gradient": 0.0}, "generator_stands_still", "(norm 0) vanishes"),
    ],
)
def test_each_failure_has_its_name_and_its_words(row, name, words):
    (finding,) = found_in(rows_of(3, **row))
    assert finding.name == name and words in finding.message and "what usually helps" in finding.message


@pytest.mark.parametrize(
    "row",
    [
        {"real_score": 0.95, "fake_score": 0.07, "equilibrium_distance": 0.44, "train_separation": 1.0},
        {"train_accuracy": 0.9, "held_out_accuracy": 0.75, "train_separation": 0.9, "held_out_separation": 0.8},
        {"train_separation": 0.5, "energy_distance": 0.02},  # the equilibrium
        {"train_separation": 1.0, "energy_distance": 0.05},
        {"diversity": 0.12, "nearest_diversity": 0.2},
        {"generator_slope": 0.001, "fake_accuracy": 0.3},  # G deceives D
        {"generator_slope": 0.05, "fake_accuracy": 0.97},
        {"saturation": 0.97, "real_saturation": 0.9},  # digits are black and white
        {"active_units": 9.0, "latents": 16.0, "kl": 9.0, "explained": 0.5},
        {"directions": 8.0, "image_directions": 32.0},
    ],
)
def test_what_healthy_runs_show_is_passed_in_silence(row):
    assert found_in(rows_of(9, **row)) == []


def test_diversity_that_falls_to_less_than_a_third_is_a_collapse():
    rows = rows_of(4, diversity=0.9, nearest_diversity=1.0) + rows_of(3, 5, diversity=0.25, nearest_diversity=0.4)
    (finding,) = found_in(rows)
    assert (finding.step, finding.name) == (700, "generator_collapsed") and " 4.0 times less" in finding.message


@pytest.mark.parametrize(
    "rejected, apart, found",
    [
        ([0.0, 0.7, 0.0, 1.0, 1.0, 0.5, 0.1, 0.9], 0.15, ["game_oscillates"]),  # changes of 0.68 on average, then 0.48
        ([0.0, 0.7, 0.0, 1.0, 1.0, 0.5, 0.1, 0.9], 0.01, []),  # near the equilibrium nothing is left to tell apart
        ([0.9, 0.5, 0.8, 0.5, 0.8, 0.5, 0.8, 0.5], 0.15, []),
        ([0.0, 1.0, 0.0, 1.0, 0.0], 0.15, []),  # too short
    ],
)
def test_verdicts_that_turn_over_while_samples_stay_poor_are_an_oscillation(rejected, apart, found):
    rows = [{"step": i, "fake_accuracy": share, "energy_distance": apart} for i, share in enumerate(rejected)]
    assert [f.name for f in found_in(rows)] == found


def test_a_loss_that_rises_without_bound_or_is_no_number_has_diverged():
    losses = [500.0, 300.0, 250.0, 900.0, 2000.0]
    (finding,) = found_in([{"step": i, "loss": loss} for i, loss in enumerate(losses)])
    assert finding.step == 4 and finding.message.startswith("diverged: loss is 2000, and was 250 at step 2;")
    assert found_in([{"step": i, "loss": loss} for i, loss in enumerate([500.0, 250.0, 400.0, 450.0])]) == []
    (finding,) = found_in(rows_of(1, loss=2.0) + rows_of(4, 2, loss=math.nan))
    assert finding.step == 200 and finding.message.startswith("diverged: loss is no longer finite;")


COLLAPSED = {"active_units": 0.0, "latents": 4.0}


def test_one_rule_silences_others_only_where_it_says_so():
    rows = rows_of(1, loss=2.0) + rows_of(4, 2, loss=math.inf, **COLLAPSED)
    diverged, collapsed = found_in(rows)
    assert (diverged.step, collapsed.step, collapsed.name) == (200, 400, "posterior_collapse")
    assert "no other finding" not in diverged.message
    rows = rows_of(1, loss=2.0) + rows_of(4, 2, loss=math.nan, encoder_weights=math.nan, **COLLAPSED)
    (diverged,) = found_in(rows)  # networks that are NaN show nothing else
    assert "loss, encoder_weights are no longer finite, so that no other finding is looked for;" in diverged.message
    follower = Judge(RULES)
    assert "no other finding is looked for where" in follower.diverge(7)[0].message and follower.diverge(9) == []


@pytest.mark.parametrize("name", ["nearest_diversity", "explained", "kl", "sharpness", "perceptual_loss"])
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_measurement_without_a_value_is_no_divergence(name, value):
    assert found_in(rows_of(5, **{**EVEN, "loss": 2.0, name: value})) == []


GAME = [tfgen.Phase(name, (), None, lambda batch, step: {}) for name in ("discriminator", "generator")]


@pytest.mark.parametrize("column", ["discriminator_loss", "generator_loss"])
def test_each_loss_of_a_game_may_diverge(column):
    rules = divergence(GAME, ["generator", "discriminator"])
    (finding,) = judge([{"step": i, column: loss} for i, loss in enumerate([1.4, 0.7, 2e3, 3e3])], rules)
    assert finding.step == 3 and finding.message.startswith(f"diverged: {column} is 3000, and was 0.7 at step 1;")
    assert judge([{"step": i, column: loss} for i, loss in enumerate([0.0, -40.0, 30.0, 90.0])], rules) == []
    (finding,) = judge([{"step": 1, column: math.nan}], rules)
    assert finding.message.startswith(f"diverged: {column} is no longer finite;")


def test_the_losses_of_stages_are_judged_as_those_of_models_of_their_own():
    losses = [{"step": i, "generator_loss": loss} for i, loss in enumerate([3.0, 2.0, 9.0, 90.0])]
    assert judge(losses, divergence(GAME, [])) == []
    (finding,) = judge(losses, divergence(GAME, [], ((("discriminator",), 100), (("generator",), None))))
    assert finding.name == "diverged" and "generator_loss is 90" in finding.message


def test_overfitting_of_a_vae_names_its_best_step():
    held_out, train = [300.0, 250.0, 255.0, 262.0, 270.0, 280.0], [290.0, 240.0, 225.0, 215.0, 205.0, 200.0]
    rows = [{"step": i, "loss": a, "held_out_loss": b} for i, (a, b) in enumerate(zip(train, held_out))]
    (finding,) = found_in(rows)
    assert finding.name == "overfits" and "has risen to 280, from 250 at step 1" in finding.message


# When it looks.


@pytest.mark.parametrize(
    "every, epoch, last, expected",
    [
        (None, 156, 624, [156, 312, 468, 624]),
        (None, 296, 600, [148, 296, 444, 592]),
        (None, 296, 1800, [*range(148, 1185, 148), 1480, 1776]),  # half as many after 1,000 steps
        (None, 30, 250, [120, 240]),
        (None, 100, 300, [100, 200, 300]),
        (70, 156, 220, [70, 140, 210]),
        (None, None, 350, [150, 300]),
    ],
)
def test_the_schedule_follows_from_the_steps_alone(every, epoch, last, expected):
    due = schedule(every, epoch)
    assert [step for step in range(1, last + 1) if due(step - 1, step)] == expected


def test_with_many_steps_an_execution_it_looks_at_the_next_that_is_seen():
    due = schedule(None, 148)
    ends = [148 * e + min(16 * (i + 1), 148) for e in range(2) for i in range(10)]
    assert [b for a, b in zip([0, *ends], ends) if due(a, b)] == [148, 296]


# Trainings that fail.


@pytest.mark.slow
@pytest.mark.parametrize(
    "rates, expected",
    [
        ((1e-12, 1e-2), {"generator_stands_still", "discriminator_won"}),
        pytest.param((1e-3, 5e-2), {"discriminator_won"}, marks=pytest.mark.slow),
        pytest.param(
            (1e-3, 1e-12), {"discriminator_stands_still", "discriminator_does_not_learn"}, marks=pytest.mark.slow
        ),
    ],
)
def test_an_unequal_game_is_named(rates, expected):
    seen = watch(gan(*rates), epochs=12)
    assert expected <= set(names(seen))


def test_a_collapsed_generator_is_named():
    model = gan()
    kernel, *others = model.generator.get_weights()
    model.generator.set_weights([0 * kernel, *others])  # it ignores its latents
    model.generator.layers[0].trainable = False
    model.compile(steps_per_execution=1)
    seen = watch(model, epochs=6)
    assert "generator_collapsed" in names(seen)
    collapsed = next(finding for finding in seen.findings if finding.name == "generator_collapsed")
    assert "its samples differ among themselves over 1000 times less than real images" in str(collapsed)


@pytest.mark.slow
def test_a_large_beta_collapses_the_posterior(capsys):
    collapsed = watch(vae(beta=50.0, rate=3e-3), epochs=20, verbose=True)
    assert "posterior_collapse" in names(collapsed)
    assert capsys.readouterr().out.count("posterior collapse: ") == 1


@pytest.mark.slow
def test_of_a_healthy_vae_nothing_is_said():
    healthy = watch(vae(rate=1e-2), epochs=20, every=32)
    assert names(healthy) == [] and healthy.rows[-1]["explained"] > 0.3


@pytest.mark.slow
def test_a_discriminator_that_knows_its_images_by_heart_overfits():
    images = noise_images(64)
    model = gan(1e-12, 1e-2, latent_dim=SIDE**2, identity=True)
    seen = watch(model, epochs=20, images=images, held_out=noise_images(128, seed=1), every=32)
    assert "discriminator_overfits" in names(seen)


@pytest.mark.slow
def test_a_loss_without_bound_has_diverged_and_is_said_once():
    seen = watch(vae(rate=1e30), epochs=4)
    *remarks, diverged = seen.findings
    assert {(f.name, f.step) for f in remarks} == {("rate_too_high", 0)}
    assert diverged.name == "diverged" and 0 < diverged.step < 16 and "is not finite" in diverged.message


@pytest.mark.slow
def test_dead_units_are_named():
    model = gan()
    dense, logit = model.discriminator.layers[-2:]
    dense.activation = keras.activations.relu
    dense.set_weights([dense.get_weights()[0], np.full(32, -1e3, np.float32)])  # 0 for every image
    logit.set_weights([logit.get_weights()[0], np.ones(1, np.float32)])  # off the loss's lowest point
    row = Probe(model, model.as_examples(TRAIN), size=16)()
    assert row["discriminator_dead"] == row["generator_dead"] == 1.0  # what gives 0 passes on nothing
    healthy = Probe(gan(norm=True, dropout=0.3), model.as_examples(TRAIN), size=16)()
    assert healthy["discriminator_dead"] == healthy["generator_dead"] == 0.0
    networks = ae()
    assert Probe(networks, networks.as_examples(TRAIN), size=16)()["encoder_dead"] == 0.0  # its variance is not used
    (finding,) = judge(rows_of(3, discriminator_dead=0.75), rules_of(model))
    assert finding.name == "discriminator_dead_units" and "of 75% of its kernels is exactly 0" in finding.message


@pytest.mark.parametrize("options", [{"loss": tfgen.losses.relativistic}, {"penalty": tfgen.penalties.r1(0.5, 2)}])
def test_biases_whose_gradients_cancel_are_no_dead_units(options):
    model = gan(**options)  # the last bias is in no difference of logits; no bias is in a gradient by the image
    row = Probe(model, model.as_examples(TRAIN), size=16)()
    assert row["discriminator_dead"] == row["generator_dead"] == 0.0
    alone = Probe(gan(), model.as_examples(TRAIN), size=16)()
    lazy = "penalty" in options
    assert lazy == (row["discriminator_gradient"] == pytest.approx(alone["discriminator_gradient"], rel=1e-4))


# What is not in training.


def test_a_frozen_network_is_not_blamed_for_standing_still():
    model = gan()
    for layer in model.generator.layers:
        layer.trainable = False
    model.compile(steps_per_execution=1)
    before = model.generator.get_weights()
    seen = watch(model, epochs=6)
    np.testing.assert_array_equal(model.generator.get_weights()[0], before[0])
    assert not [name for name in names(seen) if name.endswith("stands_still")]
    assert not {"generator_weights", "generator_gradient"} & set(seen.rows[-1])
    assert {"discriminator_weights", "discriminator_gradient"} <= set(seen.rows[-1])


@pytest.mark.parametrize(
    "rate, blamed",
    [
        (1e-3, [20, 90, 98]),
        (keras.optimizers.schedules.CosineDecay(1e-3, 100), [20, 90]),
    ],  # of it 2.4 %, 0.1 % are left
)
def test_a_network_that_its_schedule_brings_to_rest_is_not_blamed(rate, blamed):
    model = vae()
    model.compile(keras.optimizers.Adam(rate))
    (rule,) = [rule for rule in rules_of(model) if rule.name == "encoder_stands_still"]
    past = Past()
    past.add(Row(step=10, encoder_weights=3.0))
    assert [step for step in (20, 90, 98) if rule.holds(Row(step=step, encoder_weights=3.0), past)] == blamed


class WithTeacher(tfgen.VariationalModel):
    """Holds a further network, which none of its phases trains."""

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(encoder, decoder, networks={"teacher": copied(encoder)}, **kwargs)


def copied(network):
    return keras.Model.from_config(network.get_config())


def test_a_network_that_no_phase_trains_has_no_columns():
    networks = vae()
    model = WithTeacher(networks.encoder, networks.decoder)
    model.compile(keras.optimizers.Adam(1e-2), steps_per_execution=1)
    seen = watch(model, epochs=4)
    assert {"encoder_weights", "decoder_gradient", "loss", "kl"} <= set(seen.rows[-1])
    assert not [name for name in seen.rows[-1] if name.startswith("teacher")]
    assert "teacher_stands_still" not in names(seen)
    assert "teacher_stands_still" in [rule.name for rule in rules_of(model)]  # a stage may train it


def test_gradients_reach_the_generator_through_a_shared_pass():
    model = gan(shared_pass=True)
    row = Probe(model, model.as_examples(TRAIN), size=16)()
    assert row["generator_gradient"] > 0.0 and row["discriminator_gradient"] > 0.0


# Probes that fail.


def no_such_field(probe):
    return {"caption": tf.reduce_mean(probe.batch["caption"])}


def not_a_scalar(probe):
    return {"images": probe.batch["image"]}


def fails_in_the_graph(probe):
    with tf.control_dependencies(
        [tf.debugging.Assert(tf.reduce_sum(tf.abs(probe.batch["image"])) < 0.0, ["negative"])]
    ):
        return {"zero": tf.zeros([])}


def half(probe):
    return {"half": 0.5}


class WithProbes(tfgen.VariationalModel):
    """A model whose further probes are given."""

    extra = ()

    def probes(self):
        return [*super().probes(), *self.extra]


@pytest.mark.parametrize(
    "bad, reason",
    [
        pytest.param(no_such_field, "'caption'", marks=pytest.mark.slow),
        pytest.param(not_a_scalar, "must be a scalar", marks=pytest.mark.slow),
        (fails_in_the_graph, "assertion failed"),
    ],
)
def test_a_probe_that_fails_is_said_once_and_left_out(bad, reason, capsys):
    networks = vae()
    model = WithProbes(networks.encoder, networks.decoder)
    model.extra = (bad, half)
    model.compile(keras.optimizers.Adam(1e-2), steps_per_execution=1)
    seen = watch(model, epochs=4, verbose=True)
    assert [row["step"] for row in seen.rows] == [16, 32] and int(model.step) == 32
    assert all(row["half"] == 0.5 and "kl" in row for row in seen.rows)
    said = [line for line in capsys.readouterr().out.splitlines() if "failed" in line]
    assert len(said) == 1 and said[0].startswith(f"the probe {bad.__name__} failed and is left out: ")
    assert reason in said[0]


def test_training_goes_on_where_every_probe_fails(capsys):
    model = gan()
    probe = Probe(model, model.as_examples(TRAIN), size=16)
    probe.parts = [fails_in_the_graph, no_such_field]
    assert probe() == {} and probe() == {}
    assert capsys.readouterr().out.count("failed and is left out") == 2


@pytest.mark.slow
def test_a_run_whose_probe_fails_writes_its_models(tmp_path, shut, monkeypatch, capsys):
    monkeypatch.setattr("tfgen.runs.job.load_dataset", lambda *args, **options: shut)
    monkeypatch.setattr(tfgen.VariationalModel, "probes", lambda self: [no_such_field, half])
    run = tfgen.train(tfgen.Recipe("vae", "shut", options=OPTIONS, batch_size=16, steps=30), tmp_path)
    assert int(run.model.step) == 30 and run.diagnosis["half"] == [0.5, 0.5] and run.diagnosis["step"] == [0, 30]
    assert "the probe no_such_field failed and is left out" in capsys.readouterr().out
    assert {path.name for path in run.paths.models.iterdir()} >= {"encoder.keras", "decoder.keras", "trainer.keras"}


# Training is left as it is.


@pytest.mark.plugins
def test_training_is_the_same_to_the_bit_with_and_without_it(tmp_path):
    histories, digests = [], []
    for watched in (False, True):
        options = {"ema": 0.9, "augment": tfgen.augment.instance_noise(0.1), "discriminator_steps": 2}
        model = gan(dropout=0.3, norm=True, **options)
        model.steps_per_execution = 3
        callbacks = [tfgen.Diagnosis(TRAIN, HELD_OUT, every=5, folder=tmp_path, verbose=False)] if watched else []
        history = model.fit(TRAIN, batch_size=16, epochs=3, verbose=0, callbacks=callbacks).history
        (
            histories.append(history),
            digests.append((model.digest(), int(model.step), [m.result() for m in model.metrics])),
        )
    assert histories[0] == histories[1] and digests[0] == digests[1]
    assert [row["step"] for row in callbacks[0].rows] == [6, 11, 16, 22, 24]


def test_a_probe_gives_the_same_of_the_same_state():
    model = gan(dropout=0.3)
    probe = Probe(model, model.as_examples(TRAIN), size=16)
    assert probe() == probe()


# Its files.


class StandIn:
    """A model that is its step."""

    name, stop_training, sampler, steps_per_execution = "stand_in", False, tfgen.samplers.latent(), 1
    fields, data_field, conditions = {"image": tfgen.Field("image", (SIDE, SIDE, 1))}, "image", ()
    remarks = ()
    networks, phases, stages, optimizers = dict.fromkeys(["generator", "discriminator"]), LOSS, (), {}

    def __init__(self, step=0):
        self.step, self.first_bad_step = tf.Variable(step, dtype=tf.int64), tf.Variable(-1, dtype=tf.int64)

    def as_examples(self, images, labels):
        return Arrays({"image": images})

    def unsaid(self, sentences):
        return sentences

    def begun(self):
        return frozenset(self.networks)

    def rules(self):
        return (*ADVERSARIAL_RULES, *LATENT_RULES)

    def stops(self):
        return {}

    def trials(self):
        return []


@pytest.fixture
def drive(monkeypatch):
    """`drive(diagnosis, start, stop, measured)`: steps of a training whose probe n shows `measured[n]`, 10 steps on."""

    class Measured:
        conditions = ()

        def __init__(self, model, *_):
            self.model = model

        def __call__(self):
            number = int(self.model.step) // 10
            return dict(rows[number - 1]) if number else {}

    monkeypatch.setattr("tfgen.diagnosis.callback.Probe", Measured)
    rows = []

    def run(seen, start, stop, measured, bad=None, logs=lambda step: None):
        rows[:] = measured
        model = StandIn(start)
        seen.set_model(model)
        seen.set_params({"examples": TRAIN, "steps_per_epoch": 10})
        seen.on_train_begin()
        for step in range(start + 1, stop + 1):
            model.step.assign(step)
            if step == bad:
                model.first_bad_step.assign(step)
            seen.on_train_batch_end(step, logs(step))
            if model.stop_training:
                break
        seen.on_train_end()
        return int(model.step)

    return run


@pytest.mark.plugins
def test_replicas_are_diagnosed():
    """Variables of replicas are no numbers, which NumPy makes of them."""
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = tfgen.build_model("dcgan", (8, 8, 1), width=4)
    seen = tfgen.Diagnosis(every=2, stop="divergence", verbose=False)
    model.fit(images, batch_size=8, epochs=1, callbacks=[seen], verbose=0)
    assert [row["step"] for row in seen.rows] == [2, 4] and seen.stopped is None


@pytest.mark.parametrize("shown, ends", [(13, 13), (99, 20)])  # in the logs of that step; only at the next probe
def test_a_bad_step_is_read_where_logs_show_it_and_at_probes(drive, shown, ends):
    seen = tfgen.Diagnosis(every=10, stop="divergence", verbose=False)
    rows = [{"loss": 1.0}] * 4
    logs = lambda step: {"loss": math.nan if step >= shown else 1.0}  # noqa: E731
    assert drive(seen, 0, 40, rows, bad=13, logs=logs) == ends
    assert [finding.step for finding in seen.findings if "the loss of step 13" in finding.message] == [13]


def test_steps_without_a_fault_or_a_probe_read_no_variable(drive, monkeypatch):
    read, seen = [], tfgen.Diagnosis(every=10, verbose=False)
    own = seen._read_step
    monkeypatch.setattr(seen, "_read_step", lambda: (own(), read.append(seen._step)))
    drive(seen, 0, 40, [{"loss": 1.0}] * 4, logs=lambda step: {"loss": 1.0})
    assert read == [0, 10, 20, 30, 40, 40] and [row["step"] for row in seen.rows] == [10, 20, 30, 40]


def test_a_resumed_training_leaves_the_same_files(tmp_path, drive, capsys):
    measured = [{"loss": 1 / 3}, {"kid": 0.5}, *[WON] * 5, *[EVEN] * 3]

    def seen(folder):
        return tfgen.Diagnosis(folder=tmp_path / folder, every=10)

    drive(seen("whole"), 0, 100, measured)
    capsys.readouterr()
    drive(seen("killed"), 0, 64, [*measured[:5], EVEN, EVEN])  # it ends with a row that no schedule asks for
    drive(seen("killed"), 60, 90, [*measured[:5], EVEN, EVEN, EVEN, EVEN])  # killed too: these steps are lost
    assert capsys.readouterr().out.count("has won") == 1
    drive(seen("killed"), 50, 100, measured)
    for name in ("diagnosis.csv", "diagnosis.json"):
        assert (tmp_path / "killed" / name).read_text() == (tmp_path / "whole" / name).read_text()
    with open(tmp_path / "whole" / "diagnosis.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == [str(step) for step in range(0, 101, 10)]
    assert rows[1]["loss"] == repr(1 / 3) and rows[1]["kid"] == "" and rows[2]["kid"] == "0.5"
    (finding,) = json.loads((tmp_path / "whole" / "diagnosis.json").read_text())
    assert set(finding) == {"step", "name", "message"} and finding["step"] == 50


def test_a_short_training_ends_with_a_probe_of_its_own(tmp_path, drive):
    seen = tfgen.Diagnosis(folder=tmp_path, every=20)
    drive(seen, 0, 37, [EVEN, WON, WON])
    assert [row["step"] for row in seen.rows] == [20, 37] and names(seen) == ["discriminator_won"]


@pytest.mark.slow
def test_a_real_training_resumed_leaves_the_same_files(tmp_path):
    def fit(folder, epochs, model, done=0):
        seen = tfgen.Diagnosis(TRAIN, HELD_OUT, folder=folder, every=12, patience=1, verbose=False)
        examples = model.as_examples(TRAIN)
        model.fit_examples(examples, 32, epochs, initial_epoch=done, verbose=0, callbacks=[seen])

    fit(tmp_path / "whole", 6, gan(discriminator_rate=5e-2))
    killed = gan(discriminator_rate=5e-2)
    fit(tmp_path / "killed", 2, killed)
    Checkpoints(killed, tmp_path / "checkpoints").save()
    fit(tmp_path / "killed", 5, killed, done=2)  # rows of steps that are lost
    resumed = gan(discriminator_rate=5e-2)
    Checkpoints(resumed, tmp_path / "checkpoints").restore()
    fit(tmp_path / "killed", 6, resumed, done=2)
    for name in ("diagnosis.csv", "diagnosis.json"):
        assert (tmp_path / "killed" / name).read_text() == (tmp_path / "whole" / name).read_text()


class Shut:
    """A split that nobody may look into."""

    def __getattr__(self, name):
        raise RuntimeError("the test split was read")

    __len__ = None


@pytest.fixture
def shut():
    """A data set whose test split cannot be looked into."""
    images = np.pad(TRAIN, [(0, 0), (4, 4), (4, 4), (0, 0)])
    splits = {"train": Arrays({"image": images[:160]}), "validation": Arrays({"image": images[160:]}), "test": Shut()}
    return Source("shut", splits["train"].fields(), splits)


OPTIONS = {"network": "dense", "units": [8], "latent_dim": 2, "beta": 50.0, "learning_rate": 1e-2}


def test_a_runs_diagnosis_sees_train_and_validation_alone(tmp_path, shut):
    recipe = tfgen.Recipe("vae", "shut", options=OPTIONS, batch_size=16, stop="divergence")
    model = tfgen.build_model("vae", fields=shut.fields, **OPTIONS)
    watching = callbacks_of(model, recipe, shut, Layout(tmp_path), Checkpoints(model, tmp_path), 10, 0)
    seen = watching[0].callback
    seen.set_model(model)
    seen.on_train_begin()
    assert isinstance(seen, tfgen.Diagnosis) and [type(stop).__name__ for stop in seen.stops] == ["StopOnDivergence"]
    assert seen.train is shut.splits["train"] and seen.held_out is shut.splits["validation"]


@pytest.mark.slow
def test_a_run_is_diagnosed(tmp_path, shut, monkeypatch, capsys):
    monkeypatch.setattr("tfgen.runs.job.load_dataset", lambda *args, **options: shut)
    recipe = tfgen.Recipe("vae", "shut", options=OPTIONS, batch_size=16, epochs=40, stop="divergence")
    run = tfgen.train(recipe, tmp_path)
    assert run.diagnosis["step"] == [0, 100, 200, 300, 400]
    assert "posterior collapse" in capsys.readouterr().out
    assert json.loads(run.paths.findings.read_text())[-1]["name"] == "posterior_collapse"
    events = b"".join(path.read_bytes() for path in run.paths.tensorboard.iterdir())
    assert events.count(b"diagnosis/active_units") == 4 and b"diagnosis/step" not in events


# Stops.


def test_a_score_that_falls_no_more_ends_training_and_best_and_last_are_said(drive, capsys):
    scores = iter([(score, 0.01) for score in (0.5, 0.2, 0.3, 0.25, 0.4, 0.4)])
    seen = tfgen.Diagnosis(every=10, stop=[StopOnScore("kid", lambda model: next(scores), patience=2)])
    assert drive(seen, 0, 90, [EVEN] * 9) == 60
    # of the last four: (-1.5 * 0.3 - 0.5 * 0.25 + 0.5 * 0.4 + 1.5 * 0.4) / 5; of all six: 0.025 / 17.5
    words = "by measurement it changes by +0.045 over the last 4 and +0.0014 over the last 6"
    assert seen.stopped == f"no better kid in 4 measurements, and it falls no more: {words}"
    out = capsys.readouterr().out
    assert "stopped after step 60: no better kid" in out
    assert "kid: best 0.2 +- 0.01 at step 20, last 0.4 +- 0.01 at step 60" in out
    assert [row["kid"] for row in seen.rows] == [0.5, 0.2, 0.3, 0.25, 0.4, 0.4] and seen.best_step() == 20


def test_a_score_is_measured_every_so_many_epochs_and_at_the_end(drive):
    seen = tfgen.Diagnosis(every=5, stop=[StopOnScore("kid", lambda model: (1.0, 0.1), epochs=2)])
    drive(seen, 0, 53, [EVEN] * 9)
    assert [row["step"] for row in seen.rows if "kid" in row] == [20, 40, 53]


def test_divergence_ends_training_at_the_step_it_shows(drive, capsys):
    seen = tfgen.Diagnosis(every=10, stop="divergence")
    assert drive(seen, 0, 90, [EVEN] * 9, bad=33) == 33
    assert [(f.step, f.name) for f in seen.findings] == [(33, "diverged")]
    assert "stopped after step 33: training has diverged: the loss of step 33 is not finite" in capsys.readouterr().out
    losses = [{"loss": loss} for loss in (3.0, 2.0, 9.0, 90.0, 900.0)]
    assert drive(tfgen.Diagnosis(every=10, stop="divergence"), 0, 50, losses) == 40


@pytest.mark.slow
def test_a_fresh_discriminator_tells_samples_from_images_or_cannot():
    images, unseen = noise_images(2000), noise_images(1000, seed=1)
    same, other = gan(identity=True, latent_dim=SIDE**2), gan()
    assert abs(fresh_accuracy(same, *map(same.as_examples, (images, unseen)), steps=100) - 0.5) < 0.05
    assert fresh_accuracy(other, *map(other.as_examples, (images, unseen)), steps=100) > 0.6


@pytest.mark.slow
def test_training_ends_at_the_equilibrium_and_not_where_the_discriminator_is_blind(capsys):
    stop = StopAtEquilibrium(patience=2, steps=60)
    model = gan(1e-12, 1e-6, identity=True, latent_dim=SIDE**2)
    before = model.digest()
    kernel, bias = model.discriminator.get_weights()[-2:]
    model.discriminator.set_weights([*model.discriminator.get_weights()[:-2], 0 * kernel, bias])
    seen = watch(model, 12, noise_images(512), noise_images(1000, seed=1), stop=[stop])
    assert seen.stopped.startswith("the equilibrium: ") and int(model.step) == 32 and model.digest() != before
    blind = gan(1e-12, 1e-12)
    blind.discriminator.set_weights([0 * weight for weight in blind.discriminator.get_weights()])
    seen = watch(blind, 12, stop=[stop], verbose=True)
    assert seen.stopped is None and int(blind.step) == 96
    tried = [row["step"] for row in seen.rows if "fresh_accuracy" in row]
    assert tried == [32, 64], "after 2, 4 and then 8 probes"
    assert "no equilibrium: the discriminator was at chance at step 64, but a fresh one" in capsys.readouterr().out


def test_a_fresh_discriminator_is_measured_on_samples_that_it_has_not_learned_from(monkeypatch):
    model, seen = gan(), []
    made = model.fakes

    def recorded(batch, step):
        seen.append(made(batch, step))
        return seen[-1]

    monkeypatch.setattr(model, "fakes", recorded)
    monkeypatch.setattr("tfgen.families.adversarial.fresh.traced", lambda function, **options: function)
    images = model.as_examples(noise_images(64))
    Fresh(model, "test/").trained(images, images, 4, 8, lambda reached: False, every=2, size=32)
    learned, measured = ([made.numpy() for made in seen if len(made) == size] for size in (8, 32))
    assert (len(learned), len(measured)) == (4, 3)
    rows = np.concatenate(learned + measured).reshape(4 * 8 + 3 * 32, -1)
    assert len(np.unique(rows, axis=0)) == len(rows)


# The trial of a discriminator at chance.


def blinded(model):
    """The model, its discriminator giving 0 whatever it sees."""
    *others, kernel, bias = model.discriminator.get_weights()
    model.discriminator.set_weights([*[0 * weight for weight in others], 0 * kernel, bias])
    return model


@pytest.mark.slow
def test_a_blind_discriminator_is_named():
    seen = watch(blinded(gan(1e-12, 1e-12)), 8, every=16)
    tried = [row["step"] for row in seen.rows if "continued_separation" in row]
    assert tried == [48], "after 3, then 6 probes at chance"
    row = seen.rows[2]
    assert row["continued_separation"] == 0.5 and row["fresh_separation"] > 0.9
    (finding,) = [finding for finding in seen.findings if finding.name == "discriminator_blind"]
    assert finding.step == 48 and "but a fresh one of the same architecture" in finding.message
    assert "raise the discriminator's learning rate" in finding.message


class Asks:
    """What a trial sees of a diagnosis."""

    def __init__(self, model, images, held_out=None):
        self.model, self.train = model, model.as_examples(images)
        self.held_out, self.rows, self.epoch_steps = model.as_examples(images if held_out is None else held_out), [], 8


def test_a_discriminator_that_learns_while_the_generator_stands_still_is_not_blind():
    model = gan(1e-3, 3e-3, ema=0.9, augment=tfgen.augment.instance_noise(0.1), dropout=0.2, norm=True)
    before = model.digest()
    tried = BlindnessTrial().tried(Asks(model, TRAIN, HELD_OUT), 48)
    assert set(tried) == {"continued_separation"} and tried["continued_separation"] > 0.8
    assert model.digest() == before
    assert BlindnessTrial().tried(Asks(model, TRAIN, HELD_OUT), 48) == tried  # as in a run that is resumed


def test_a_discriminator_too_small_to_see_is_told_from_the_equilibrium():
    half = np.where(np.arange(SIDE)[:, None] < SIDE // 2, 64, 191) * np.ones((1, SIDE))
    images = np.stack([np.rot90(half, i % 4) for i in range(256)]).astype(np.uint8)[..., None]  # all of one mean
    networks = gan(identity=True, latent_dim=SIDE**2)
    blind = [keras.Input((SIDE, SIDE, 1), name="image"), LAYERS.GlobalAveragePooling2D(), LAYERS.Dense(1)]
    model = tfgen.AdversarialModel(networks.generator, keras.Sequential(blind), latent_dim=SIDE**2, ema=None)
    model.compile(steps_per_execution=1)
    tried = BlindnessTrial().tried(Asks(model, images), 1)
    assert tried["continued_separation"] < 0.7 and tried["fresh_separation"] < 0.7 and tried["dense_separation"] > 0.9
    (finding,) = found_in(rows_of(1, probes_at_chance=3.0, held_out_separation=0.5, **tried))
    assert finding.name == "discriminator_blind" and "it is too small; what usually helps: a wider" in finding.message
    same = noise_images(512)
    even = BlindnessTrial().tried(Asks(networks, same, noise_images(512, seed=1)), 1)
    assert max(even.values()) < 0.75 and found_in(rows_of(1, probes_at_chance=3.0, **even)) == []


def chance(step, count, gradient, **tried):
    return {
        "step": step,
        "probes_at_chance": count,
        "discriminator_gradient": gradient,
        "train_separation": 0.5,
        **tried,
    }


def at_chance(gradients, **tried):
    """Rows at chance with these gradients, the third with the trial."""
    return [chance(i, i, norm, **(tried if i == 3 else {})) for i, norm in enumerate(gradients, 1)]


def test_a_discriminator_whose_gradient_has_vanished_at_chance_for_five_probes_is_blind():
    learns = {"continued_separation": 1.0}
    (finding,) = found_in(at_chance([0.04, 0.005, 0.004, 0.005, 0.003, 0.003, 0.003], **learns))
    assert finding.step == 6
    assert "it reached 100%, but its gradient has vanished (0.004, and was 0.04)" in finding.message
    assert found_in(at_chance([0.04, 0.005, 0.004, 0.005, 0.003], **learns)) == []  # too short
    waking = [0.2, 0.01, 0.011, 0.013, 0.016, 0.019, 0.1, 0.2]  # as in healthy runs on colour
    assert found_in(at_chance(waking, **learns)) == []
    assert found_in(at_chance([0.04, 0.3, 0.5, 0.2, 0.2, 0.2, 0.2], **learns)) == []
    assert found_in(at_chance([0.04, *[0.003] * 6], continued_separation=0.7, fresh_separation=0.8)) == []
    unsure = [{**row, "equilibrium_distance": 0.03} for row in at_chance([0.04, *[0.003] * 6], **learns)]
    assert found_in(unsure) == []  # it answers


def test_a_discriminator_at_chance_whose_samples_become_ever_better_is_not_blind():
    rows = at_chance([1.0] * 3, continued_separation=0.7, fresh_separation=0.95)
    near = [{**row, "energy_distance": 0.02 / 1.6**i} for i, row in enumerate(rows)]
    assert found_in(near) == [] and [f.step for f in found_in(rows)] == [3]
    far = [{**row, "energy_distance": 0.4 / 1.6**i} for i, row in enumerate(rows)]
    assert "discriminator_blind" in [finding.name for finding in found_in(far)]


def test_a_trial_says_nothing_of_a_later_time_at_chance():
    blind = {"continued_separation": 0.5, "fresh_separation": 1.0}
    rows = [chance(3, 3, 1.0, **blind), chance(4, 4, 1.0), {"step": 5, "train_separation": 0.9}]
    again = [chance(6, 1, 1.0), chance(7, 2, 1.0), chance(8, 3, 1.0, continued_separation=0.95)]
    assert [finding.step for finding in found_in([*rows, *again])] == [3]
    assert [finding.step for finding in found_in([*rows, *again[:2], chance(8, 3, 1.0, **blind)])] == [3, 8]
    assert tried_at([1.0] * 30) == [3, 6, 12, 24]
    assert tried_at([1.0, 2.0, 3.0, 4.0, 4.1, 5.0, 1.0, 1.0, 9.0, 1.0]) == [5, 10]  # not while its gradient grows


def tried_at(gradients):
    """At which of the probes at chance, counted from 1, a trial is due."""
    rows = []
    for norm in gradients:
        rows.append({"discriminator_gradient": norm})
        if BlindnessTrial().is_due(rows):
            rows[-1]["continued_separation"] = 0.5
    return [count for count, row in enumerate(rows, 1) if "continued_separation" in row]


def test_a_trial_that_fails_is_said_once_and_left_out(capsys, monkeypatch):
    def fails(*_):
        raise ValueError("no such layer")

    monkeypatch.setattr(BlindnessTrial, "measure", fails)
    seen = watch(gan(), 4, verbose=True)
    assert len(seen.rows) == 2
    assert capsys.readouterr().out.count("the trial BlindnessTrial failed and is left out: no such layer") == 1


# Mistakes.


@pytest.mark.parametrize(
    "options, message",
    [
        ({"stop": [3]}, "stop of Diagnosis expects names or Stop objects, got 3"),
        ({"stop": "kid"}, r"stop=kid of Diagnosis needs an object, StopOnScore\('kid', f\)"),
        ({"every": 0}, "every of Diagnosis must be at least 1, got 0"),
        ({"size": 1}, "size of Diagnosis must be at least 2, got 1"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(UserError, match=message):
        tfgen.Diagnosis(**options)


@pytest.mark.parametrize(
    "make, stop, message",
    [
        (vae, "equilibrium", "stop=equilibrium needs a discriminator .*, and .* has none"),
        (vae, StopAtEquilibrium(), "stop=equilibrium needs a discriminator .*, and .* has none"),
        (vae, "divergense", "stop expects divergence, got 'divergense'; did you mean 'divergence'?"),
        (gan, "equilibirum", "stop expects divergence or equilibrium, got 'equilibirum'; did you mean 'equilibrium'?"),
        (ae, StopOnScore("kid", None), "stop=kid needs samples, and ae cannot generate"),
    ],
)
def test_a_stop_that_does_not_fit_the_model(make, stop, message):
    with pytest.raises(UserError, match=message):
        make().fit(TRAIN, epochs=1, verbose=0, callbacks=[tfgen.Diagnosis(stop=stop)])


def test_a_dataset_shows_no_images_to_it():
    dataset = tf.data.Dataset.from_tensor_slices(TRAIN).batch(32, drop_remainder=True)
    with pytest.raises(UserError, match=r"give it some as Diagnosis\(train_images\)"):
        gan().fit(dataset, epochs=1, verbose=0, callbacks=[tfgen.Diagnosis()])


@pytest.mark.parametrize(
    "given, expected",
    [(None, None), ("none", None), ("kid", "kid"), ("kid, divergence,kid", "kid,divergence")],
)
def test_the_recipes_stop(given, expected):
    assert tfgen.Recipe("vae", stop=given).stop == expected
    assert tfgen.Recipe("vae").differences(tfgen.Recipe("vae", stop=given)) == []


def test_an_unknown_stop_of_a_recipe():
    message = "stop expects none, or some of equilibrium, kid, divergence, got 'kidd'; did you mean 'kid'?"
    with pytest.raises(UserError) as raised:
        tfgen.Recipe("vae", stop="divergence,kidd")
    assert str(raised.value) == message
