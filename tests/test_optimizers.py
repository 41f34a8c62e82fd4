"""Optimizers and learning rates from plain values."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.optimizers.building import (
    OPTIMIZERS,
    SCHEDULES,
    Cosine,
    Exponential,
    FusedAdam,
    Linear,
    RampedSGD,
    Stages,
    apply_schedule,
    make_optimizer,
    parse_schedule,
)


def rates(schedule, *steps):
    return [float(schedule(tf.constant(step, tf.int64))) for step in steps]


def test_a_cosine_falls_from_the_base_to_its_final_share():
    assert rates(Cosine(2.0, 100), 0, 25, 50, 100, 500) == pytest.approx([2.0, 1.7071068, 1.0, 0.0, 0.0], abs=1e-6)
    assert rates(Cosine(2.0, 100, final=0.1), 0, 50, 100) == pytest.approx([2.0, 1.1, 0.2], abs=1e-6)


def test_a_line_falls_from_the_base_to_its_final_share():
    assert rates(Linear(2.0, 100), 0, 25, 50, 100, 500) == pytest.approx([2.0, 1.5, 1.0, 0.0, 0.0], abs=1e-6)
    assert rates(Linear(2.0, 100, final=0.5), 0, 50, 100) == pytest.approx([2.0, 1.5, 1.0], abs=1e-6)


@pytest.mark.parametrize("kind", [Cosine, Linear])
def test_a_warm_up_rises_to_the_base_before_the_fall(kind):
    assert rates(kind(1.0, 100, warmup=4), 0, 1, 2, 3, 4) == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert rates(kind(1.0, 100, warmup=4), 52, 100) == pytest.approx([0.5, 0.0], abs=1e-6)


def test_an_exponential_divides_at_every_step_down_to_its_floor():
    assert rates(Exponential(8.0, 2.0, floor=0.5), 0, 1, 3, 4, 9) == pytest.approx([8.0, 4.0, 1.0, 0.5, 0.5])


def test_stages_change_the_factor_at_their_boundaries():
    assert rates(Stages(0.1, [10, 30], [1.0, 0.5, 0.2]), 0, 9, 10, 29, 30, 99) == pytest.approx(
        [0.1, 0.1, 0.05, 0.05, 0.02, 0.02]
    )


@pytest.mark.parametrize(
    "schedule",
    [
        Cosine(1.0, 10, 2, 0.1),
        Linear(1.0, 10, 2, 0.1),
        Exponential(1.0, 1.5, 0.2),
        Stages(1.0, [2, 5], [1.0, 0.3, 0.1]),
    ],
    ids=lambda s: type(s).__name__,
)
def test_a_schedule_survives_saving_inside_its_optimizer(schedule, round_trip):
    loaded = round_trip(keras.optimizers.Adam(schedule)).get_config()["learning_rate"]
    loaded = keras.saving.deserialize_keras_object(loaded) if isinstance(loaded, dict) else loaded
    again = round_trip(schedule)
    for step in (0, 3, 7):
        assert rates(schedule, step) == rates(loaded, step) == rates(again, step)


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
        {"learning_rate": Cosine(0.1, 10, warmup=2)},
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
        (("adam", 0.0), "a learning rate must be positive, got 0.0"),
        (("adam", float("nan")), "a learning rate must be positive, got nan"),
        (("sgd", 0.1, {"beta_1": 0.5}), "'sgd' has no 'beta_1'; it takes momentum, final_momentum"),
        (("sgd", 0.1, {"momentum": 1.5}), "'sgd' does not take momentum=1.5: .*between"),
        (("adam", 0.1, {"momentum": 0.5}), "'adam' has no 'momentum'; it takes beta_1, beta_2, epsilon"),
    ],
)
def test_mistakes_in_an_optimizer_are_said(arguments, sentence):
    *values, settings = arguments if isinstance(arguments[-1], dict) else (*arguments, {})
    with pytest.raises(UserError, match=sentence):
        make_optimizer(*values, **settings)


def scheduled(schedule, steps=100, per_epoch=10):
    optimizer = keras.optimizers.SGD(2.0)
    optimizer.build([keras.Variable(np.zeros(1, np.float32))])
    apply_schedule(optimizer, schedule, steps, per_epoch)
    seen = []
    for step in (0, 10, 50, 99):
        optimizer.iterations.assign(step)
        seen.append(float(optimizer.learning_rate))
    return seen


@pytest.mark.parametrize(
    "schedule,expected",
    [
        ("constant", [2.0, 2.0, 2.0, 2.0]),
        ("linear", [2.0, 1.8, 1.0, 0.02]),
        ({"name": "linear", "warmup": 0.2, "final": 0.5}, [0.1, 1.1, 1.625, 1.0125]),
        ("cosine", [2.0, 1.9510565, 1.0, 0.0004934]),
        ({"name": "exponential", "rate": 2.0, "floor": 0.001}, [2.0, 2.0 / 1024, 0.001, 0.001]),
        ({"name": "stages", "epochs": [1, 4, 5], "factors": [1.0, 0.5, 0.1]}, [2.0, 1.0, 0.2, 0.2]),
    ],
    ids=str,
)
def test_a_recipes_schedule_sets_the_learning_rates(schedule, expected):
    assert scheduled(schedule) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_every_schedule_is_in_the_table_above():
    assert set(SCHEDULES) == {"constant", "linear", "cosine", "exponential", "stages"}


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
        ({"name": "stages", "epochs": 3, "factors": [1.0]}, "'epochs' to be a list of numbers, 0 or more, got 3"),
        ({"name": "stages", "epochs": [1], "factors": ["a"]}, "'factors' to be a list of numbers"),
        ({"name": "cosine", "warmup": "long"}, "'warmup' to be a number, 0 or more, got 'long'"),
        ({"name": "linear", "final": -0.1}, "'final' to be a number, 0 or more, got -0.1"),
    ],
    ids=str,
)
def test_mistakes_in_a_schedule_are_said(schedule, sentence):
    with pytest.raises(UserError, match=sentence):
        scheduled(schedule)


def test_a_schedule_is_parsed_without_changing_what_was_given():
    given = {"name": "linear", "final": 0.1}
    assert parse_schedule(given) == ("linear", {"final": 0.1}) and given["name"] == "linear"
