"""Optimizers and learning rates from plain values."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.optimizers.building import OPTIMIZERS, make_optimizer
from tfgen.optimizers.fused import FusedAdam, RampedSGD
from tfgen.optimizers.schedules import SCHEDULES, Floor, Warmup, apply_schedule, parse_schedule

schedules = keras.optimizers.schedules


def rates(schedule, *steps):
    return [float(schedule(tf.constant(step, tf.int64))) for step in steps]


def scheduled(schedule, base=2.0, steps=100, per_epoch=10):
    """An optimizer of learning rate `base` to which a recipe's `schedule` has been applied."""
    optimizer = keras.optimizers.SGD(base)
    optimizer.build([keras.Variable(np.zeros(1, np.float32))])
    apply_schedule(optimizer, schedule, steps, per_epoch)
    return optimizer


def rates_of(optimizer, *steps):
    """The learning rates that the optimizer itself uses at the given updates."""
    seen = []
    for step in steps:
        optimizer.iterations.assign(step)
        seen.append(float(optimizer.learning_rate))
    return seen


# Closed forms in float64; s: step, n: number of steps, w: steps of the warmup, b: base, f: final.


def cosine(s, n, b=2.0, w=0, f=0.0):
    fall = np.clip((s - w) / (n - w), 0, 1)
    return b * ((s + 1) / w if s < w else f + (1 - f) * (1 + np.cos(np.pi * fall)) / 2)


def linear(s, n, b=2.0, w=0, f=0.0):
    return b * ((s + 1) / w if s < w else 1 - (1 - f) * np.clip((s - w) / (n - w), 0, 1))


def exponential(s, n, b=2.0, rate=1.0, floor=0.0):
    return max(b * np.exp(-s * np.log(rate)), floor)


def stages(s, n, ends=(), factors=(), b=2.0):
    return b * factors[sum(s >= end for end in ends)]


CASES = [
    ("constant", 100, lambda s, n: 2.0),
    ("cosine", 100, cosine),
    ({"name": "cosine", "final": 0.1}, 1000, lambda s, n: cosine(s, n, f=0.1)),
    ({"name": "cosine", "warmup": 0.04, "final": 0.1}, 100, lambda s, n: cosine(s, n, w=4, f=0.1)),
    ({"name": "cosine", "warmup": 0.01}, 40_000, lambda s, n: cosine(s, n, w=400)),
    ({"name": "cosine", "warmup": 0.001}, 100, cosine),  # less than one step
    ("linear", 100, linear),
    ({"name": "linear", "final": 0.5}, 100, lambda s, n: linear(s, n, f=0.5)),
    ({"name": "linear", "warmup": 0.2, "final": 0.5}, 100, lambda s, n: linear(s, n, w=20, f=0.5)),
    ("exponential", 100, exponential),
    ({"name": "exponential", "rate": 2.0, "floor": 0.001}, 100, lambda s, n: exponential(s, n, rate=2, floor=1e-3)),
    ({"name": "exponential", "rate": 1.00015}, 28_000, lambda s, n: exponential(s, n, rate=1.00015)),
    (
        {"name": "exponential", "rate": 1.000004, "floor": 1e-6},
        4_000_000,
        lambda s, n: exponential(s, n, rate=1.000004, floor=1e-6),
    ),
    ({"name": "exponential", "rate": 0.99}, 100, lambda s, n: exponential(s, n, rate=0.99)),
    ({"name": "stages", "epochs": [5], "factors": [0.5]}, 100, lambda s, n: 1.0),
    (
        {"name": "stages", "epochs": [1, 4, 5], "factors": [1.0, 0.5, 0.1]},
        100,
        lambda s, n: stages(s, n, (10, 50), (1.0, 0.5, 0.1)),
    ),
    (
        {"name": "stages", "epochs": [0, 0.25, 0, 5], "factors": [9.0, 1.0, 7.0, 0.1]},
        100,
        lambda s, n: stages(s, n, (0, 2.5, 2.5), (9.0, 1.0, 7.0, 0.1)),
    ),
]


@pytest.mark.parametrize("schedule, steps, expected", CASES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_recipes_schedule_is_its_closed_form(schedule, steps, expected):
    middle = (2, 3, 4, 9, 10, 11, 19, 20, steps // 2, steps - 1)
    seen = (0, 1, *middle, steps, steps + 1, 3 * steps)
    closed = [expected(step, steps) for step in seen]
    # 1 + cos has a rounding error of 1e-7 of the base, whatever is left of the rate.
    assert rates_of(scheduled(schedule, steps=steps), *seen) == pytest.approx(closed, rel=3e-6, abs=3e-7)


def test_every_schedule_has_a_closed_form():
    names = {schedule if isinstance(schedule, str) else schedule["name"] for schedule, _, _ in CASES}
    assert names == set(SCHEDULES)


def test_the_schedules_are_those_of_keras():
    def kind(schedule):
        return type(scheduled(schedule)._learning_rate)

    assert kind("cosine") is schedules.CosineDecay
    assert kind("linear") is schedules.PolynomialDecay
    assert kind({"name": "exponential", "rate": 1.1}) is schedules.ExponentialDecay
    assert kind({"name": "stages", "epochs": [1, 2], "factors": [1, 0.5]}) is schedules.PiecewiseConstantDecay
    assert kind({"name": "cosine", "warmup": 0.1}) is Warmup
    assert kind({"name": "exponential", "rate": 1.1, "floor": 0.1}) is Floor


def test_a_warmup_begins_above_zero_and_reaches_the_first_rate():
    warmup = Warmup(schedules.PiecewiseConstantDecay([1], [1.0, 0.5]), 4)
    assert rates(warmup, 0, 1, 2, 3, 4, 5, 6) == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.5])


def test_a_floor_bounds_the_rates_from_below():
    assert rates(Floor(schedules.ExponentialDecay(8.0, 1, 0.5), 0.5), 0, 3, 4, 9) == pytest.approx([8, 1, 0.5, 0.5])


@pytest.mark.parametrize("schedule, steps, expected", CASES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_an_optimizer_is_saved_with_its_schedule(schedule, steps, expected, round_trip):
    optimizer = scheduled(schedule, steps=steps)
    loaded = round_trip(optimizer)
    loaded.build([keras.Variable(np.zeros(1, np.float32))])
    seen = (0, 1, steps // 2, steps, 3 * steps)
    assert rates_of(loaded, *seen) == rates_of(optimizer, *seen)


def test_a_saved_model_goes_on_with_its_schedule(tmp_path):
    image = keras.Input((3,))
    model = keras.Model(image, keras.layers.Dense(1)(image))
    model.compile(FusedAdam(0.1), "mse")
    apply_schedule(model.optimizer, {"name": "cosine", "warmup": 0.5, "final": 0.1}, 8, 4)
    x, y = np.ones((4, 3), np.float32), np.zeros((4, 1), np.float32)
    model.fit(x, y, batch_size=1, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.optimizer) is FusedAdam and int(loaded.optimizer.iterations) == 4
    assert float(loaded.optimizer.learning_rate) == float(model.optimizer.learning_rate) == pytest.approx(0.1)
    for either in (model, loaded):
        either.fit(x, y, batch_size=1, verbose=0)
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


@pytest.mark.slow
def test_a_process_that_knows_one_optimizer_can_load_every_schedule():
    code = "import keras, tfgen.optimizers.fused; found = map(keras.saving.get_registered_object, "
    code += "['tfgen>FusedAdam', 'tfgen>RampedSGD', 'tfgen>Warmup', 'tfgen>Floor']); print(all(found))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def updates(optimizer, gradients):
    """The weight after each update from 0 by the given gradients."""
    weight = keras.Variable(np.zeros(1, np.float32))
    optimizer.build([weight])
    seen = []
    for gradient in gradients:
        optimizer.apply([tf.constant([gradient])], [weight])
        seen.append(float(weight[0]))
    return seen


def test_the_momentum_of_ramped_sgd_rises_step_by_step():
    ramped = RampedSGD(0.1, momentum=0.5, final_momentum=0.7, momentum_steps=2)
    # v = -0.1; 0.6 v - 0.2 = -0.26; 0.7 v + 0.1 = -0.082; 0.7 v - 0.1 = -0.1574
    assert updates(ramped, [1.0, 2.0, -1.0, 1.0]) == pytest.approx([-0.1, -0.36, -0.442, -0.5994], rel=1e-5)


def test_ramped_sgd_without_a_ramp_is_kerass_sgd():
    ramped = RampedSGD(0.1, momentum=0.5, final_momentum=0.5)
    gradients = [1.0, 2.0, -1.0]
    assert updates(ramped, gradients) == pytest.approx(updates(keras.optimizers.SGD(0.1, 0.5), gradients))


def test_ramped_sgd_may_begin_without_momentum():
    # v = -0.1; 0.25 v - 0.1 = -0.125; 0.5 v - 0.1 = -0.1625
    ramped = RampedSGD(0.1, momentum=0.0, final_momentum=0.5, momentum_steps=2)
    assert updates(ramped, [1.0, 1.0, 1.0]) == pytest.approx([-0.1, -0.225, -0.3875], rel=1e-5)


def test_ramped_sgd_survives_saving_with_its_velocity(round_trip):
    ramped = RampedSGD(0.1, momentum=0.4, final_momentum=0.9, momentum_steps=3)
    loaded = round_trip(ramped)
    assert isinstance(loaded, RampedSGD)
    assert updates(loaded, [1.0, 1.0, 1.0]) == updates(ramped, [1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2},
        {"weight_decay": 0.1, "clipnorm": 0.5},
        {"gradient_accumulation_steps": 2},
        {"learning_rate": Warmup(schedules.CosineDecay(0.1, 8), 2)},
        {"amsgrad": True},
    ],
)
def test_the_fused_adam_is_kerass(settings):
    settings = {"learning_rate": 0.1, **settings}
    gradients = [1.0, -3.0, 0.5, 2.0, -0.1, 0.02]
    expected = updates(keras.optimizers.Adam(**settings), gradients)
    assert updates(FusedAdam(**settings), gradients) == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_the_fused_adam_keeps_the_slots_of_kerass_and_trains_on_after_saving(round_trip):
    keras_adam, fused = keras.optimizers.Adam(0.1), FusedAdam(0.1)
    for adam in (keras_adam, fused):
        updates(adam, [1.0, -2.0])
    for ours, theirs in zip(fused.variables, keras_adam.variables, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4)  # 1 - beta_2 in float32
    loaded = round_trip(FusedAdam(0.1, beta_1=0.5))
    assert isinstance(loaded, FusedAdam) and loaded.beta_1 == 0.5


def test_the_fused_adam_leaves_bfloat16_weights_to_kerass():
    weights = [keras.Variable(np.ones(4, np.float32), dtype="bfloat16") for _ in range(2)]
    for weight, kind in zip(weights, (keras.optimizers.Adam, FusedAdam)):
        kind(0.5, beta_2=0.98).apply([tf.ones(4, tf.bfloat16)], [weight])
    expected, got = (np.float32(weight.numpy()) for weight in weights)
    assert np.isfinite(got).all() and (got < 0.9).all()
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_made_from_its_name(name):
    optimizer = make_optimizer(name, 0.25)
    assert type(optimizer) is OPTIMIZERS[name] and float(optimizer.learning_rate) == 0.25


def test_settings_reach_the_optimizer_and_none_keeps_kerass_default():
    adam = make_optimizer("adam", 1e-3, beta_1=0.5, beta_2=None, momentum=None)
    assert adam.beta_1 == 0.5 and adam.beta_2 == keras.optimizers.Adam().beta_2
    ramped = make_optimizer("sgd", 0.1, momentum=0.5, final_momentum=0.7, momentum_steps=250)
    assert isinstance(ramped, RampedSGD) and (ramped.momentum, ramped.momentum_steps) == (0.5, 250)


@pytest.mark.parametrize(
    "arguments,sentence",
    [
        (("adm",), "optimizer must be one of adam, .* got 'adm'; did you mean 'adam'"),
        (("adam", -1e-9), "learning_rate must be at least 0, got -1e-09"),
        (("adam", float("nan")), "learning_rate must be at least 0, got nan"),
        (("sgd", 0.1, {"beta_1": 0.5}), "'sgd' has no 'beta_1'; it takes momentum, final_momentum"),
        (("sgd", 0.1, {"momentum": 1.5}), r"momentum must lie in \[0, 1\), got 1.5"),
        (("adam", 0.1, {"momentum": 0.5}), "'adam' has no 'momentum'; it takes beta_1, beta_2, epsilon"),
    ],
)
def test_mistakes_in_an_optimizer_are_said(arguments, sentence):
    *values, settings = arguments if isinstance(arguments[-1], dict) else (*arguments, {})
    with pytest.raises(UserError, match=sentence):
        make_optimizer(*values, **settings)


@pytest.mark.parametrize(
    "schedule,sentence",
    [
        ("cosin", "schedule must be one of constant, .* got 'cosin'; did you mean 'cosine'"),
        ({"warmup": 0.1}, "schedule must be one of .* got None"),
        ({"name": "cosine", "warm": 0.1}, "'cosine' has no 'warm'; it takes warmup, final"),
        ({"name": "constant", "final": 0.1}, "'constant' has no 'final'; it takes no settings"),
        ({"name": "stages", "epochs": [1, 2], "factors": [1.0]}, "as many epochs as factors, got 2 and 1"),
        ({"name": "stages", "epochs": [1, 2]}, "'stages' needs .*factors"),
        ("stages", "'stages' needs .*epochs"),
        ({"name": "stages", "epochs": [], "factors": []}, "'stages' needs at least one stage"),
        ({"name": "exponential", "rate": 0}, "'rate' of the schedule 'exponential' must be positive, got 0"),
        ({"name": "stages", "epochs": 3, "factors": [1.0]}, "'epochs' to be a list of numbers, got 3"),
        ({"name": "stages", "epochs": [1], "factors": ["a"]}, "'factors' to be a list of numbers"),
        ({"name": "cosine", "warmup": "long"}, "'warmup' to be a number, got 'long'"),
        ({"name": "linear", "final": -0.1}, "'final' of the schedule 'linear' must be at least 0, got -0.1"),
    ],
    ids=str,
)
def test_mistakes_in_a_schedule_are_said(schedule, sentence):
    with pytest.raises(UserError, match=sentence):
        scheduled(schedule)


def test_a_schedule_is_parsed_without_changing_what_was_given():
    given = {"name": "linear", "final": 0.1}
    assert parse_schedule(given) == ("linear", {"final": 0.1}) and given["name"] == "linear"
