"""The order of the examples: exact permutations, any step first, no copies."""

import resource

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import source
from tfgen.data.pipeline import step_indexed, steps_per_epoch
from tfgen.data.source import Arrays, Examples, Field
from tfgen.data.unpaired import Unpaired
from tfgen.errors import UserError


def numbered(count):
    """`count` images of 1 x 2 pixels, (i, 0), labelled i."""
    images = np.zeros((count, 1, 2, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    return {"image": images, "label": np.arange(count)}


def run(dataset):
    """The labels of every batch, [batches, B]."""
    return np.array([batch["label"].numpy() for batch in dataset])


def epochs(examples, steps, **options):
    """The labels of `steps` batches from step 0."""
    options = {"batch_size": 4, "seed": 3, **options}
    return run(step_indexed(examples, position=0, batches=steps, **options))


class Decoded(Examples):
    """Examples that are made when asked for."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def fields(self):
        return {"image": Field("image", (1, 2, 1)), "label": Field("label", range=(0, self.count))}

    def gather(self, indices):
        return {name: array[indices] for name, array in numbered(self.count).items()}


@pytest.mark.parametrize("examples", [numbered(20), Arrays(numbered(20)), Decoded(20)])
def test_every_example_once_an_epoch(examples):
    first, second = np.split(epochs(examples, 10), 2)
    assert sorted(first.ravel()) == sorted(second.ravel()) == list(range(20))
    assert not np.array_equal(first, second)


def test_order_depends_on_seed_and_not_on_the_kind_of_source():
    assert not np.array_equal(epochs(numbered(20), 5), epochs(numbered(20), 5, seed=4))
    np.testing.assert_array_equal(epochs(numbered(20), 5), epochs(Decoded(20), 5))


def test_neighbouring_epochs_and_seeds_are_unrelated():
    def order(**options):
        return epochs({"label": np.arange(2000)}, 20, batch_size=200, **options).reshape(2, 2000).astype(float)

    first = order(seed=0)
    for other in first[::-1], order(seed=1), order(seed=2**40):
        assert (
            abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.08
        )  # nearly four standard deviations, of fixed draws


@pytest.mark.parametrize("seed", [-1, 2**40, 2**64 + 5])
def test_any_integer_is_a_seed(seed):
    assert sorted(epochs(numbered(20), 5, seed=seed).ravel()) == list(range(20))


def test_the_rest_of_an_epoch_is_left_out():
    assert steps_per_epoch(numbered(11), 4) == 2
    two = {n: Arrays({"image": np.zeros((n, 2, 2, 1), np.uint8)}) for n in (5, 11)}
    assert steps_per_epoch(Unpaired(two[11], two[5]), 4) == 2 and steps_per_epoch(Unpaired(two[5], two[11]), 4) == 1
    for both, field in ((Unpaired(two[11], two[5]), "other"), (Unpaired(two[5], two[11]), "image")):
        with pytest.raises(UserError, match=f"A batch of 8 needs at least 8 examples, but there are 5 of {field}:"):
            steps_per_epoch(both, 8)
    order = epochs(numbered(11), 4)
    assert [len(set(epoch.ravel())) for epoch in np.split(order, 2)] == [8, 8]


@pytest.mark.parametrize("start", [0, 4, 5, 7])
def test_any_step_first(start):
    whole = epochs(numbered(20), 10)
    rest = run(step_indexed(numbered(20), batch_size=4, seed=3, position=start))
    np.testing.assert_array_equal(rest, whole[start : (start // 5 + 1) * 5])
    crossing = run(step_indexed(numbered(20), batch_size=4, seed=3, position=start, batches=5))
    np.testing.assert_array_equal(crossing, epochs(numbered(20), 15)[start : start + 5])


def test_position_is_read_by_each_iterator():
    position = tf.Variable(0, dtype=tf.int64)
    dataset = step_indexed(numbered(20), batch_size=4, seed=3, position=position)
    whole = epochs(numbered(20), 10)
    np.testing.assert_array_equal(run(dataset), whole[:5])
    np.testing.assert_array_equal(run(dataset), whole[:5])
    position.assign(7)
    np.testing.assert_array_equal(run(dataset), whole[7:])


@pytest.mark.parametrize("variable", [True, False])
def test_last_step_cuts(variable):
    last = tf.Variable(7, dtype=tf.int64) if variable else 7
    position = tf.Variable(5, dtype=tf.int64)
    dataset = step_indexed(numbered(20), batch_size=4, seed=3, position=position, last_step=last)
    np.testing.assert_array_equal(run(dataset), epochs(numbered(20), 10)[5:7])
    position.assign(7)
    assert len(run(dataset)) == 0


def test_last_step_and_batches_exclude_each_other():
    with pytest.raises(ValueError, match="not both"):
        step_indexed(numbered(20), batch_size=4, seed=3, position=0, last_step=3, batches=3)


def test_views_go_through_their_index():
    view = Arrays(numbered(40)).select(np.arange(1, 40, 2)).select(np.arange(0, 20, 2))
    assert sorted(epochs(view, 5, batch_size=2).ravel()) == list(range(1, 40, 4))
    streamed = Decoded(40).select(np.arange(1, 40, 2)).select(np.arange(0, 20, 2))
    np.testing.assert_array_equal(epochs(streamed, 5, batch_size=2), epochs(view, 5, batch_size=2))


@pytest.mark.parametrize("examples", [numbered(20), Decoded(20)])
def test_batches_have_static_shapes(examples):
    dataset = step_indexed(examples, batch_size=4, seed=0, position=0, batches=5)
    assert dataset.cardinality() == 5
    assert dataset.element_spec == {
        "image": tf.TensorSpec((4, 1, 2, 1), tf.uint8),
        "label": tf.TensorSpec((4,), tf.int64),
    }
    assert not dataset.options().autotune.enabled


def test_mirror_flips_about_half_by_seed_and_step():
    def images(start, **options):
        options = {"seed": 3, "mirror": True, **options}
        dataset = step_indexed(numbered(200), batch_size=50, position=start, batches=4, **options)
        return np.concatenate([batch["image"] for batch in dataset])

    flipped = images(0)
    plain = images(0, mirror=False)
    turned = (flipped[:, 0, 1, 0] > 0).mean()
    assert 0.3 < turned < 0.7
    np.testing.assert_array_equal(flipped.sum(axis=2), plain.sum(axis=2))
    np.testing.assert_array_equal(images(1)[:150], flipped[50:])
    assert not np.array_equal(images(4)[:, 0, 1, 0] > 0, flipped[:, 0, 1, 0] > 0)


def test_a_batch_larger_than_the_data_is_a_users_mistake():
    with pytest.raises(UserError, match="A batch of 64 needs at least 64 examples, but there are 20"):
        step_indexed(numbered(20), batch_size=64, seed=0, position=0)


def test_pixels_stay_where_they_are():
    aligned = source.empty((64, 4, 4, 1), np.uint8)
    aligned[:] = 7
    examples = Arrays({"image": aligned})
    step_indexed(examples, batch_size=4, seed=0, position=0)
    tensor = examples.tensors["image"]
    assert np.asarray(memoryview(tensor)).ctypes.data == aligned.ctypes.data
    view = examples.select(np.arange(8))
    step_indexed(view, batch_size=4, seed=0, position=0)
    assert view.tensors["image"] is tensor


def test_an_array_that_must_move_is_swapped_in_every_view():
    moved = source.empty((65, 4, 4, 1), np.uint8)[1:].view()
    moved[:] = 9
    moved.flags.writeable = False
    examples = Arrays({"image": moved})
    view = examples.select(np.arange(8))
    step_indexed(view, batch_size=4, seed=0, position=0)
    shown = examples.arrays["image"]
    assert shown.ctypes.data == np.asarray(memoryview(view.tensors["image"])).ctypes.data != moved.ctypes.data
    np.testing.assert_array_equal(shown, moved)
    step_indexed(examples, batch_size=4, seed=0, position=0)
    assert examples.tensors["image"] is view.tensors["image"]


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_one_copy_of_the_pixels():
    epochs(numbered(20), 5)  # TensorFlow's own start
    images = source.empty((60_000, 32, 32, 1), np.uint8)
    images[:] = 1
    before = resident_bytes()
    for mirror in True, False:
        next(iter(step_indexed({"image": images}, batch_size=8, seed=0, position=0, mirror=mirror)))
    assert resident_bytes() - before < images.nbytes // 2


def test_no_copy_of_the_pixels_for_a_moment_either():
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    size = max(200 << 20, peak() - resident_bytes() + (100 << 20))  # seen above whatever peak there was before
    images = source.empty((size >> 10, 32, 32, 1), np.uint8)
    images[:] = 1
    before = peak()
    next(iter(step_indexed({"image": images}, batch_size=8, seed=0, position=0)))
    assert peak() - before < images.nbytes // 2


class Recorder(keras.Model):
    """Keeps the labels that it was trained on."""

    def __init__(self):
        super().__init__()
        self.seen = self.add_weight(shape=(20,), initializer="zeros", dtype="int64", trainable=False)
        self.steps = self.add_weight(shape=(), initializer="zeros", dtype="int64", trainable=False)

    def train_step(self, batch):
        self.seen.assign(tf.tensor_scatter_nd_add(self.seen.value, batch["label"][:, None], tf.ones(4, tf.int64)))
        self.steps.assign_add(1)
        return {"steps": self.steps.value}


def test_fit_goes_through_the_epochs():
    position = tf.Variable(0, dtype=tf.int64)
    starts = []

    def begin(epoch, logs=None):
        position.assign(5 * epoch)
        starts.append(epoch)

    dataset = step_indexed(numbered(20), batch_size=4, seed=3, position=position, batches=5)
    model = Recorder()
    model.compile(optimizer=None)
    callback = keras.callbacks.LambdaCallback(on_epoch_begin=begin)
    model.fit(dataset, epochs=2, verbose=0, shuffle=False, callbacks=[callback])
    assert starts == [0, 1]
    assert int(model.steps.value) == 10
    np.testing.assert_array_equal(model.seen.value, 2 * np.ones(20))
