"""The named random streams of a training step."""

import numpy as np
import tensorflow as tf

from tfgen.noise import Noise, stream_key


def test_stream_keys_are_the_same_in_every_process():
    # the first 8 bytes of sha256("0/train/latent"), little endian: a change breaks every resumed run
    assert stream_key(0, "train/latent") == stream_key("0", "train", "latent") == -2680460719235139980
    assert -(2**63) <= stream_key("x") < 2**63


def test_a_draw_is_repeated_by_the_same_seed_step_and_name_alone():
    first = Noise(1, 2, "a/").normal("x", (3, 4)).numpy()
    assert first.shape == (3, 4) and first.dtype == np.float32
    np.testing.assert_array_equal(first, Noise(1, 2, "a/").normal("x", (3, 4)))
    np.testing.assert_array_equal(first, Noise(1, 2).scope("a").normal("x", (3, 4)))
    others = [
        Noise(2, 2, "a/").normal("x", (3, 4)),
        Noise(1, 3, "a/").normal("x", (3, 4)),
        Noise(1, 2, "b/").normal("x", (3, 4)),
        Noise(1, 2, "a/").normal("y", (3, 4)),
        Noise(1, 2, "a/").scope("x").normal("x", (3, 4)),
    ]
    flat = [first.ravel(), *(np.ravel(other) for other in others)]
    assert len({values.tobytes() for values in flat}) == len(flat)


def test_streams_are_not_correlated():
    draws = [Noise(1, step, path).normal(name, (2000,)).numpy() for step in (0, 1) for path in "ab" for name in "xy"]
    assert np.abs(np.corrcoef(draws) - np.eye(len(draws))).max() < 5 / np.sqrt(2000)


def test_a_step_kept_in_a_variable_is_read_at_every_call_of_a_compiled_function():
    step = tf.Variable(0, dtype=tf.int64)
    draw = tf.function(lambda: Noise(1, step, "a/").normal("x", (3,)))
    first = draw().numpy()
    step.assign(1)
    np.testing.assert_array_equal(draw(), Noise(1, 1, "a/").normal("x", (3,)))
    assert not np.array_equal(first, draw())


def test_replicas_take_the_rows_of_one_global_draw():
    whole = Noise(1, 2, "a/").normal("x", (6, 2)).numpy()
    parts = [Noise(1, 2, "a/", replica, 3).normal("x", (2, 2)).numpy() for replica in range(3)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    scoped = [Noise(1, 2, "", replica, 3).scope("a").uniform("x", (2, 2)).numpy() for replica in range(3)]
    np.testing.assert_array_equal(np.concatenate(scoped), Noise(1, 2, "a/").uniform("x", (6, 2)))


def test_uniform_and_normal_numbers_are_what_they_are_called():
    uniform, normal = Noise(0, 0).uniform("x", (20_000,)).numpy(), Noise(0, 0).normal("x", (20_000,)).numpy()
    assert 0.0 <= uniform.min() < 0.001 and 0.999 < uniform.max() < 1.0
    assert abs(uniform.mean() - 0.5) < 0.01 and abs(uniform.var() - 1 / 12) < 0.005
    assert abs(normal.mean()) < 0.03 and abs(normal.var() - 1.0) < 0.05


def test_any_sampler_can_be_drawn_with_its_own_shape():
    made = Noise(5, 7, "p/", 1, 2).draw("x", [2, 3], lambda seed, shape: tf.reshape(tf.range(12), shape))
    np.testing.assert_array_equal(made, [[6, 7, 8], [9, 10, 11]])
