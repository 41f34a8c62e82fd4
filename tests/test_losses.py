"""Adversarial losses against numbers worked out by hand, and their gradients against closed formulas."""

import math
import os
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import losses
from tfgen.errors import UserError

NAMED = {name: value for name, value in vars(losses).items() if isinstance(value, losses.Loss)}
CROSS_ENTROPY = ("minimax", "non_saturating")
REAL, FAKE = [0.0, 2.0], [-1.0, 1.0]


def logits(values):
    return tf.constant(values, tf.float32)[:, None]


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-np.asarray(a, np.float64)))


def discriminator(name, real=REAL, fake=FAKE):
    return float(NAMED[name].discriminator_loss(logits(real), logits(fake)))


def generator(name, fake=FAKE, real=REAL):
    return float(NAMED[name].generator_loss(logits(fake), logits(real) if NAMED[name].needs_real else None))


# softplus(-2) = 0.126928, softplus(-1) = 0.313262, softplus(0) = 0.693147, softplus(1) = 1.313262
DISCRIMINATOR = {
    "minimax": (0.693147 + 0.126928) / 2 + (0.313262 + 1.313262) / 2,
    "non_saturating": (0.693147 + 0.126928) / 2 + (0.313262 + 1.313262) / 2,
    "least_squares": 0.5 * (1.0 + 1.0) / 2 + 0.5 * (1.0 + 1.0) / 2,
    "hinge": (1.0 + 0.0) / 2 + (0.0 + 2.0) / 2,
    "wasserstein": 0.0 - 1.0,
    "relativistic": 0.313262,  # both pairs are 1 apart
    # E D(G(z)) = 0 and E D(x) = 1: softplus(0), softplus(-2) of real, softplus(-2), softplus(0) of fake images
    "relativistic_average": (0.693147 + 0.126928) / 2 + (0.126928 + 0.693147) / 2,
}
GENERATOR = {
    "minimax": -(0.313262 + 1.313262) / 2,
    "non_saturating": (1.313262 + 0.313262) / 2,
    "least_squares": 0.5 * (4.0 + 0.0) / 2,
    "hinge": 0.0,
    "wasserstein": 0.0,
    "relativistic": 1.313262,
    # softplus(1 - D(G(z))) = softplus(2), softplus(0); softplus(D(x) - 0) = softplus(0), softplus(2)
    "relativistic_average": (2.126928 + 0.693147) / 2 + (0.693147 + 2.126928) / 2,
}


def test_every_loss_is_in_the_tables_below():
    assert set(NAMED) == set(DISCRIMINATOR) == set(GENERATOR)


@pytest.mark.parametrize("name", NAMED)
def test_values_worked_out_by_hand(name):
    assert discriminator(name) == pytest.approx(DISCRIMINATOR[name], abs=1e-5)
    assert generator(name) == pytest.approx(GENERATOR[name], abs=1e-5)


def test_a_critics_losses_have_both_sides_and_their_signs():
    """Means of 1 and 4, of which none vanishes."""
    assert discriminator("wasserstein", fake=[3.0, 5.0]) == pytest.approx(4.0 - 1.0)
    assert generator("wasserstein", fake=[3.0, 5.0]) == generator("hinge", fake=[3.0, 5.0]) == pytest.approx(-4.0)


@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_cross_entropy_is_the_published_formula_of_probabilities(name):
    real, fake = [-3.0, 0.5, 1.5], [2.0, -0.25, 4.0]
    published = -np.mean(np.log(sigmoid(real))) - np.mean(np.log(1.0 - sigmoid(fake)))
    assert discriminator(name, real, fake) == pytest.approx(published, rel=1e-6)
    expected = {"minimax": np.mean(np.log(1.0 - sigmoid(fake))), "non_saturating": -np.mean(np.log(sigmoid(fake)))}
    assert generator(name, fake) == pytest.approx(expected[name], rel=1e-6)


def test_at_the_equilibrium_a_cross_entropy_is_twice_log_2():
    for name in CROSS_ENTROPY:
        assert discriminator(name, [0.0] * 3, [0.0] * 3) == pytest.approx(2.0 * math.log(2.0), rel=1e-6)
    assert generator("minimax", [0.0]) == pytest.approx(-math.log(2.0), rel=1e-6)
    assert generator("non_saturating", [0.0]) == pytest.approx(math.log(2.0), rel=1e-6)
    assert discriminator("relativistic", [5.0], [5.0]) == pytest.approx(math.log(2.0), rel=1e-6)


def gradient(name, value):
    fake = logits([value])
    with tf.GradientTape() as tape:
        tape.watch(fake)
        loss = NAMED[name].generator_loss(fake)
    return float(tape.gradient(loss, fake)[0, 0])


def test_where_d_wins_the_minimax_gradient_vanishes_and_the_non_saturating_one_does_not():
    for value in (-8.0, -1.0, 3.0):
        assert gradient("minimax", value) == pytest.approx(-sigmoid(value), rel=1e-5)
        assert gradient("non_saturating", value) == pytest.approx(sigmoid(value) - 1.0, rel=1e-5)
    assert abs(gradient("minimax", -8.0)) < 4e-4
    assert gradient("non_saturating", -8.0) < -0.999


def test_at_huge_logits_values_and_gradients_stay_finite():
    for name, loss in NAMED.items():
        real, fake = logits([-200.0, 200.0]), logits([200.0, -200.0])
        with tf.GradientTape() as tape:
            tape.watch([real, fake])
            total = loss.discriminator_loss(real, fake) + loss.generator_loss(fake, real)
        for value in (total, *tape.gradient(total, [real, fake])):
            assert np.isfinite(value).all(), name


@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_one_sided_smoothing_moves_the_target_of_real_images_alone(name):
    smoothed = NAMED[name].smoothed(0.1)
    # 0.9 softplus(-a) + 0.1 softplus(a) at a = 0 and 2: 0.693147 and 0.9 * 0.126928 + 0.1 * 2.126928 = 0.326928
    expected = (0.693147 + 0.326928) / 2 + (0.313262 + 1.313262) / 2
    assert float(smoothed.discriminator_loss(logits(REAL), logits(FAKE))) == pytest.approx(expected, abs=1e-5)
    assert float(smoothed.generator_loss(logits(FAKE))) == pytest.approx(GENERATOR[name], abs=1e-5)
    # the best D on real images alone is now 1 - 0.1
    best = logits([math.log(9.0)])
    with tf.GradientTape() as tape:
        tape.watch(best)
        loss = smoothed.discriminator_loss(best, logits([0.0]))
    assert float(tape.gradient(loss, best)[0, 0]) == pytest.approx(0.0, abs=1e-6)


def test_smoothing_is_refused_where_it_means_nothing():
    assert losses.minimax.smoothed(0.0) is losses.minimax
    for amount in (1.0, -0.1, 2):
        with pytest.raises(UserError, match=rf"label_smoothing must lie in \[0, 1\), got {amount}"):
            losses.minimax.smoothed(amount)
    for name in set(NAMED) - set(CROSS_ENTROPY):
        with pytest.raises(UserError, match="cross-entropy"):
            NAMED[name].smoothed(0.1)


@pytest.mark.parametrize("name", NAMED)
def test_a_loss_survives_saving(name, round_trip):
    assert round_trip(NAMED[name]) == NAMED[name]


def test_a_smoothed_loss_survives_saving(round_trip):
    loaded = round_trip(losses.non_saturating.smoothed(0.25))
    assert loaded.arguments == {"real_label": 0.75}
    assert loaded == losses.non_saturating.smoothed(0.25)


@keras.saving.register_keras_serializable(package="test_losses")
def decorated(fake, real=None):
    return tf.reduce_mean(fake)


def test_a_function_of_ones_own_is_saved_by_name_once_it_is_decorated(round_trip):
    mine = losses.Loss(losses.hinge_discriminator, decorated)
    assert round_trip(mine) == mine
    with pytest.raises(UserError, match="'<lambda>' cannot be saved by name; decorate it with @keras.saving"):
        losses.Loss(losses.hinge_discriminator, lambda fake, real: 0.0).get_config()


def test_loading_without_the_module_of_a_function_says_so():
    config = {**losses.hinge.get_config(), "generator": "my_package>gone"}
    with pytest.raises(UserError, match="'my_package>gone'; import the module"):
        losses.Loss.from_config(config)


# Top-k.


@pytest.mark.parametrize(
    "step, kept",
    [
        (0, [3.0, 1.0, 0.0, -2.0]),
        (10, [3.0, 1.0]),  # half of the batch after one half-life
        (5, [3.0, 1.0, 0.0]),  # 4 / sqrt 2 = 2.83
        (1000, [3.0]),  # not below a quarter
    ],
)
def test_top_k_keeps_the_largest_logits_of_a_batch_that_becomes_smaller(step, kept):
    chosen = losses.top_k(0.25, half_life=10)(logits([0.0, 3.0, -2.0, 1.0]), tf.constant(step, tf.int64))
    np.testing.assert_array_equal(chosen.numpy(), np.array(kept, np.float32)[:, None])


def test_only_the_samples_that_are_chosen_have_a_gradient():
    fake = logits([0.0, 3.0, -2.0, 1.0])
    with tf.GradientTape() as tape:
        tape.watch(fake)
        chosen = losses.top_k(0.5, 1)(fake, tf.constant(1, tf.int64))
        loss = losses.wasserstein.generator_loss(chosen)
    np.testing.assert_allclose(tape.gradient(loss, fake).numpy()[:, 0], [0, -0.5, 0, -0.5])


# A new formula: one file, and one line that names it.

FORMULA = '''"""Softplus of the difference to a margin."""

import tensorflow as tf

from tfgen.losses.base import Loss
from tfgen.values import serializable


@serializable
def margin_discriminator(real, fake):
    return tf.reduce_mean(tf.math.softplus(2.0 - real + fake))


@serializable
def margin_generator(fake, real=None):
    return -tf.reduce_mean(fake)


margin = Loss(margin_discriminator, margin_generator)
'''
LINE = "from tfgen.losses.margin import margin\n"
USED = """
import keras, tfgen
model = tfgen.build_model("gan", (8, 8, 1), loss="margin", latent_dim=2, units=[4], maxout_units=[3])
model.save("margin.keras")
print(keras.saving.load_model("margin.keras").loss_functions == tfgen.losses.margin)
try:
    tfgen.build_model("gan", (8, 8, 1), loss="margim")
except tfgen.UserError as error:
    print("margin" in str(error))
"""


@pytest.mark.plugins
def test_a_new_formula_is_one_file_and_one_line_that_names_it(tmp_path):
    root = pathlib.Path(losses.__file__).parents[2]
    for name in ("tfgen", "registry", "configs"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tfgen/losses/margin.py").write_text(FORMULA)
    assert FORMULA.count("\n") < 40
    with (tmp_path / "tfgen/losses/__init__.py").open("a") as names:
        names.write(LINE)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", USED], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split() == ["True", "True"], done.stderr[-800:]


@pytest.mark.parametrize("package", ["augment", "losses", "penalties"])
def test_every_file_of_formulas_is_short_and_named_by_a_line(package):
    folder = pathlib.Path(losses.__file__).parents[1] / package
    named = (folder / "__init__.py").read_text()
    for path in folder.glob("[a-z]*.py"):
        assert f"from tfgen.{package}.{path.stem} import" in named, path
