"""Batch norm, dropout and convolutions in cheaper operations: the values of Keras' own, its files, its inference."""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import gan
from keras import layers

from tfgen.machine.precision import using as precision
from tfgen.networks import kernels
from tfgen.noise import Noise
from tfgen.training.step import Step


def both(shape, layer, policy="float32"):
    """The network of one layer as Keras computes it, and one with the same weights that uses the kernels."""
    layer = type(layer).from_config(
        {**layer.get_config(), "dtype": layer.dtype_policy.name if policy == "float32" else policy}
    )
    with precision(policy):
        plain = keras.Sequential([keras.Input(shape), layer])
        fast = keras.models.clone_model(plain)
    fast.set_weights(plain.get_weights())
    kernels.use_fast_kernels(fast)
    return plain, fast


def values(x, size=3.0, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(1.0, size, x), tf.float32)


def trained(network, x, slope=None):
    """Output, gradients by x and by the weights, and the states afterwards, of a pass in training mode."""
    with kernels.training_step(), tf.GradientTape() as tape:
        tape.watch(x)
        y = network(x, training=True)
        loss = tf.reduce_sum(tf.cast(y, tf.float32) * (values(y.shape, 1.0, 1) if slope is None else slope))
    found = tape.gradient(loss, [x, *network.trainable_variables])
    return [np.array(tf.cast(v, tf.float32)) for v in (y, *found, *network.non_trainable_variables)]


def agree(first, second, tolerance):
    assert len(first) == len(second)
    for one, other in zip(first, second):
        assert np.abs(one - other).max() <= tolerance * np.abs(one).max() + 1e-7


NORMS = [{}, {"center": False, "epsilon": 1e-4}, {"scale": False, "momentum": 0.5}]


@pytest.mark.parametrize("shape", [(5,), (6, 5), (4, 3, 5)])
@pytest.mark.parametrize("policy, tolerance", [("float32", 1e-5), ("mixed_bfloat16", 0.01)])
@pytest.mark.parametrize("options", NORMS, ids=str)
def test_batch_norm_is_that_of_keras(shape, policy, tolerance, options, monkeypatch):
    used, calls = tf.raw_ops.FusedBatchNormV3, []
    monkeypatch.setattr(tf.raw_ops, "FusedBatchNormV3", lambda **settings: calls.append(1) or used(**settings))
    plain, fast = both(shape, layers.BatchNormalization(**options), policy)
    for weight, other in zip(plain.trainable_variables, fast.trainable_variables):
        weight.assign(values(weight.shape, 1.0))
        other.assign(weight)
    x = values((7, *shape))
    agree(trained(plain, x), trained(fast, x), tolerance)
    assert calls == [1]
    agree([np.array(tf.cast(plain(x), tf.float32))], [np.array(tf.cast(fast(x), tf.float32))], tolerance)


def test_batch_norm_by_hand():
    _, fast = both((1,), layers.BatchNormalization(momentum=0.9, epsilon=0.5))
    y = fast(tf.constant([[1.0], [2.0], [6.0]]), training=True)  # mean 3, variance (4 + 1 + 9) / 3
    assert y.numpy().ravel() == pytest.approx(np.array([-2, -1, 3]) / np.sqrt(14 / 3 + 0.5))
    assert [v.numpy()[0] for v in fast.non_trainable_variables] == pytest.approx([0.3, 0.9 + 0.1 * 14 / 3])


def test_of_one_row_the_variance_is_zero():
    _, fast = both((2,), layers.BatchNormalization(momentum=0.5))
    assert fast(tf.constant([[3.0, -1.0]]), training=True).numpy().tolist() == [[0.0, 0.0]]
    assert fast.non_trainable_variables[1].numpy().tolist() == [0.5, 0.5]


NORMALISATIONS = {
    "layer": (layers.LayerNormalization(), (3,)),
    "layer, two axes": (layers.LayerNormalization(axis=(-2, -1), epsilon=1e-4, center=False), (2, 3)),
    "layer, an axis within": (layers.LayerNormalization(axis=1), (1,)),
    "instance": (layers.GroupNormalization(groups=-1), (1, 2)),
    "groups": (layers.GroupNormalization(groups=2, scale=False), None),
    "batch": (layers.BatchNormalization(), (0, 1, 2)),
    "batch, small epsilon": (layers.BatchNormalization(epsilon=1e-6), (0, 1, 2)),
    "batch, small epsilon, no weights": (layers.BatchNormalization(epsilon=1e-6, center=False, scale=False), (0, 1, 2)),
}


def reference(layer, axes, x):
    """The same in float64, its mean differentiated as it stands."""
    shape = [1] * 4
    for axis in [layer.axis] if isinstance(layer.axis, int) else layer.axis:
        shape[axis] = x.shape[axis]
    gamma, beta = (1.0 if w is None else tf.reshape(tf.cast(w, x.dtype), shape) for w in (layer.gamma, layer.beta))
    beta = 0.0 if layer.beta is None else beta
    grouped = x if axes else tf.reshape(x, [*x.shape[:3], layer.groups, x.shape[3] // layer.groups])
    axes = axes or (1, 2, 4)
    mean = tf.reduce_mean(grouped, axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(grouped - mean), axes, keepdims=True)
    return gamma * tf.reshape((grouped - mean) / tf.sqrt(variance + layer.epsilon), x.shape) + beta


def squared_gradient(call, x):
    """(output, gradient, gradient of a function of the gradient) by x of a nonlinear function of `call`.

    The function weighs the gradient, as a layer below the normalisation does: its plain mean square would not tell, as
    the gradient of a normalisation has the mean zero.
    """
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = call(x)
            logit = tf.reduce_sum(tf.math.softplus(3.0 * y) * tf.cast(values(y.shape, 1.0, 1), y.dtype))
        first = inner.gradient(logit, x)
        penalty = tf.reduce_mean(tf.square(tf.cast(values(x.shape, 1.0, 2), x.dtype) * first))
    return y, first, outer.gradient(penalty, x)


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_a_gradient_of_a_gradient_goes_through_the_mean_of_a_variance(name):
    """As a penalty on D's gradient needs it; the operations of Keras give another one for all but the fused kernel."""
    layer, axes = NORMALISATIONS[name]
    plain, fast = both((5, 4, 6), layer)
    for number, weights in enumerate(zip(plain.trainable_variables, fast.trainable_variables)):
        for weight in weights:
            weight.assign(values(weight.shape, 1.0, number))
    x = values((7, 5, 4, 6))
    agree(trained(plain, x), trained(fast, x), 1e-5)
    agree([plain(x).numpy()], [fast(x).numpy()], 1e-6)
    wanted = squared_gradient(lambda x: reference(fast.layers[-1], axes, x), tf.cast(x, tf.float64))
    found = squared_gradient(lambda x: fast(x, training=True), x)
    agree([value.numpy() for value in wanted], [value.numpy() for value in found], 2e-4)


@pytest.mark.parametrize("layer", [layers.LayerNormalization(), layers.GroupNormalization(groups=3)])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_layer_and_group_norm_are_those_of_keras_to_the_bit(layer, policy):
    plain, fast = both((5, 4, 6), layer, policy)
    x = 50 + values((7, 5, 4, 6))
    np.testing.assert_array_equal(*[tf.cast(network(x), tf.float32).numpy() for network in (plain, fast)])


@pytest.mark.parametrize("change", ["frozen", "axis", "mask", "float64", "bfloat16", "not cast"])
def test_what_the_kernel_of_batch_norm_does_not_know_stays_with_keras(change, monkeypatch):
    monkeypatch.setattr(tf.raw_ops, "FusedBatchNormV3", lambda **_: pytest.fail("the kernel was called"))
    options = {"axis": 1} if change == "axis" else {"dtype": change} if "float" in change else {}
    options |= {"dtype": "mixed_bfloat16"} if change == "not cast" else {}
    plain, fast = both((4, 3), layers.BatchNormalization(**options))
    for network in (plain, fast):
        network.layers[-1].trainable, network.layers[-1].autocast = change != "frozen", change != "not cast"
    x, mask = 100 + values((5, 4, 3)), tf.constant([[True, True, False, True]] * 5) if change == "mask" else None
    outputs = [network.layers[-1](x, training=True, mask=mask) for network in (plain, fast)]
    agree(*[[np.array(tf.cast(output, tf.float32))] for output in outputs], 0.0)


def test_batch_norm_knows_its_channels_where_the_input_does_not_say_them():
    _, fast = both((3,), layers.BatchNormalization())
    layer, x = fast.layers[-1], values((5, 3))
    expected = layer(x, training=True)
    graph = tf.function(lambda x: layer(x, training=True), input_signature=[tf.TensorSpec([None, None])])
    assert graph(x).numpy() == pytest.approx(expected.numpy(), abs=1e-5)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_dropout_drops_its_share_and_keeps_the_mean(rate, policy):
    _, fast = both((333, 301), layers.Dropout(rate, seed=1), policy)
    y = np.array(tf.cast(fast(tf.ones([3, 333, 301]), training=True), tf.float32))
    error = 4 * np.sqrt(rate * (1 - rate) / y.size)
    assert abs((y == 0).mean() - rate) < error
    assert y[y != 0] == pytest.approx(1 / (1 - rate), rel=0.005 if policy == "mixed_bfloat16" else 1e-4)
    rows = (y == 0).reshape(3, -1)
    assert abs((rows[0] & rows[1]).mean() - rate**2) < 2 * error  # rows of their own


def test_dropout_refuses_integers_as_keras_does():
    _, fast = both((4,), layers.Dropout(0.5, autocast=False))
    with pytest.raises(ValueError, match="floating point"):
        fast.layers[-1](tf.ones([2, 4], tf.int32), training=True)


def test_masks_follow_from_the_seed_go_on_and_hold_for_the_gradient():
    (plain, first), (_, second) = (both((5, 5), layers.Dropout(0.5, seed=3)) for _ in range(2))
    x = tf.ones([3, 5, 5])  # an odd number of values: half of the last word is left over
    y, slope = trained(first, x, slope=1.0)[:2]
    assert np.array_equal(y, slope) and set(np.unique(y)) == {0.0, 2.0}
    assert np.array_equal(second(x, training=True), y)
    assert not np.array_equal(first(x, training=True), y)
    assert np.array_equal(first(x), x)
    assert not np.array_equal(plain(x, training=True), y)  # Keras draws others


@pytest.mark.parametrize("options", [{"rate": 0.0}, {"rate": 1.0}, {"rate": 0.5, "noise_shape": (None, 1)}], ids=str)
def test_what_the_kernel_of_dropout_does_not_know_stays_with_keras(options):
    plain, fast = both((4,), layers.Dropout(seed=2, **options))
    x = values((6, 4))
    assert np.array_equal(plain(x, training=True), fast(x, training=True))


CASES = [(5, 1, "same", 7), (5, 2, "same", 14), (4, 2, "same", 13), (3, 1, "valid", 8), (4, 2, "valid", 11)]
CASES += [(2, 3, "valid", 9)]


@pytest.mark.parametrize("size, stride, padding, extent", CASES)
def test_the_gradient_of_a_kernel_is_that_of_tensorflow(size, stride, padding, extent):
    x = values((4, extent, extent + 1, 3))
    settings = {"strides": [1, stride, stride, 1], "padding": padding.upper()}
    slope = values(tf.nn.conv2d(x, tf.zeros([size, size, 3, 6]), **settings).shape, seed=1)
    filter_sizes = [size, size, 3, 6]
    expected = tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=filter_sizes, out_backprop=slope, **settings)
    form = kernels.Form(x.shape[1:3], slope.shape[1:3], (size, size), stride, padding)
    found = form.by_kernel(x, slope)
    assert found.numpy() == pytest.approx(expected.numpy(), rel=1e-4, abs=1e-3)


def test_the_gradient_of_a_kernel_by_hand():
    large = tf.reshape(tf.constant([1.0, 2.0, 3.0, 4.0]), [1, 1, 4, 1])
    small = tf.reshape(tf.constant([10.0, 1.0]), [1, 1, 2, 1])
    found = kernels.Form((1, 4), (1, 2), (1, 2), 2, "valid").by_kernel(large, small)  # places 0 and 2, then 1 and 3
    assert found.numpy().ravel().tolist() == [10 * 1 + 1 * 3, 10 * 2 + 1 * 4]


CONVOLUTIONS = [layers.Conv2D, layers.Conv2DTranspose]


@pytest.mark.parametrize("kind", CONVOLUTIONS)
@pytest.mark.parametrize("size, stride, padding, extent", CASES)
def test_convolutions_in_bfloat16_are_those_of_keras(kind, size, stride, padding, extent, monkeypatch):
    calls = []
    used = kernels.Form.by_kernel
    monkeypatch.setattr(kernels.Form, "by_kernel", lambda form, **given: calls.append(1) or used(form, **given))
    extent = extent if kind is layers.Conv2D else 4
    layer = kind(40, size, stride, padding, activation="tanh", bias_initializer="random_normal")
    plain, fast = both((extent, extent, 32), layer, "mixed_bfloat16")
    x = values((3, extent, extent, 32))
    agree(trained(plain, x), trained(fast, x), 0.02)
    assert calls == [1]


@pytest.mark.parametrize("by", ["input", "kernel"])
@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_their_gradient_has_a_gradient(kind, by):
    plain, fast = both((6, 6, 32), kind(32, 3, 2, "same", activation="tanh"), "mixed_bfloat16")
    x, found = values((2, 6, 6, 32), 1.0), []
    for network in (plain, fast):
        kernel = network.trainable_variables[0].value
        with kernels.training_step(), tf.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                total = tf.reduce_sum(tf.cast(network(x, training=True), tf.float32) ** 2)
            penalty = tf.reduce_sum(tape.gradient(total, x if by == "input" else kernel) ** 2)
        found.append([np.array(outer.gradient(penalty, value)) for value in (x, kernel)])
    agree(*found, 0.02)


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_they_are_differentiated_forwards(kind):
    plain, fast = both((6, 6, 32), kind(32, 4, 2, "same"), "mixed_bfloat16")
    x, found = values((2, 6, 6, 32), 1.0), []
    for network in (plain, fast):
        with kernels.training_step(), tf.autodiff.ForwardAccumulator(x, values(x.shape, 1.0, 1)) as ahead:
            y = network(x, training=True)
        found.append([np.array(tf.cast(ahead.jvp(y), tf.float32))])
    agree(*found, 0.02)


LARGE = pytest.param((12, 12, 32), layers.Conv2D(32, 3, 1, "same"), "mixed_bfloat16", True, id="large maps")
ELSEWHERE = [
    LARGE,
    pytest.param((6, 6, 8), layers.Conv2D(32, 3), "mixed_bfloat16", True, id="few channels"),
    pytest.param((6, 6, 32), layers.Conv2D(32, 1), "mixed_bfloat16", True, id="one place"),
    pytest.param((6, 6, 32), layers.Conv2D(32, 3, dilation_rate=2), "mixed_bfloat16", True, id="dilated"),
    pytest.param((6, 6, 64), layers.Conv2D(64, 3, (1, 2)), "mixed_bfloat16", True, id="two strides"),
    pytest.param(
        (6, 6, 32), layers.Conv2DTranspose(32, 3, 2, "same", output_padding=1), "mixed_bfloat16", True, id="out"
    ),
    pytest.param((6, 6, 32), layers.Conv2D(32, 3), "float32", True, id="float32"),
    pytest.param((6, 6, 32), layers.Conv2D(32, 3), "mixed_bfloat16", False, id="inference"),
]


@pytest.mark.parametrize("shape, layer, policy, training", ELSEWHERE)
def test_elsewhere_convolutions_stay_with_keras(shape, layer, policy, training, monkeypatch):
    monkeypatch.setattr(kernels, "derivative", lambda *_, **__: pytest.fail("the kernel was called"))
    plain, fast = both(shape, layer, policy)
    x = values((2, *shape))
    if training:
        agree(trained(plain, x), trained(fast, x), 0.0)
    else:
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(fast(x))
        assert all(g is not None for g in tape.gradient(y, fast.trainable_variables))


class Louder(layers.Dropout):
    def call(self, inputs, training=False):
        return 2.0 * inputs


def test_a_subclass_of_a_layer_keeps_its_own_call():
    network = keras.Sequential([keras.Input((3,)), Louder(0.5)])
    kernels.use_fast_kernels(network)
    assert network(tf.ones([1, 3]), training=True).numpy().tolist() == [[2.0, 2.0, 2.0]]


def test_a_copy_of_a_layer_computes_with_its_own_weights():
    _, fast = both((2,), layers.BatchNormalization())
    other = copy.deepcopy(fast.layers[-1])
    other.gamma.assign([5.0, 5.0])
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert other(x, training=True).numpy() == pytest.approx(5 * fast(x, training=True).numpy())


def test_the_file_is_that_of_keras(tmp_path):
    plain, fast = both((6, 6, 2), layers.Conv2D(3, 3))
    fast.save(tmp_path / "fast.keras")
    assert fast.get_config() == plain.get_config()
    loaded = keras.saving.load_model(tmp_path / "fast.keras")
    assert all("call" not in vars(layer) for layer in loaded.layers)
    x = values((2, 6, 6, 2))
    assert np.array_equal(loaded(x), plain(x))


def test_a_model_trains_by_them_and_a_step_says_that_it_is_one():
    seen = []

    class Looks(layers.Layer):
        def call(self, x):
            seen.append(kernels._training.get())
            return x

    network = keras.Sequential([keras.Input((3,), name="x"), Looks(), layers.Dense(2)])
    seen.clear()
    fields, noise, index = {"x": tf.ones([1, 3])}, Noise(0, 0, "t/"), tf.constant(0, tf.int64)
    for trains, moving in (((), ()), (("n",), ("n",)), ((), ("n",))):
        Step({"n": network}, noise, index, trains=frozenset(trains), moving=frozenset(moving)).run("n", fields)
    assert seen == [False, True, True]
    model = gan()
    normal = [layer for layer in model.networks["generator"].layers if type(layer) in kernels.KERNELS]
    assert normal and all("call" in vars(layer) for layer in normal)
