"""What simple features of examples say about their conditions: the measure of whether samples fit what was asked for.

A classifier made for the data would be better, and there is none for most data. Linear regression from responses to
random patches of the images (Coates and Ng 2012), pooled over quadrants, takes half a second.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfgen.data.source import Arrays, Examples, Field

FITTED, TESTED = 1000, 500  # examples in memory
DECODED = 400, 200  # of files
FILTERS, PATCH, SIDE = 32, 5, 32  # random patches, their side, and the largest side of an image
RIDGE = 0.1  # of the mean squared feature
ENOUGH = 100  # examples to fit to, at least, and a number per class

Features = Callable[[tf.Tensor], tf.Tensor]


class Reader:
    """A linear regression of one condition on features of the examples.

    Args:
        data: float32 [N, ...]: images in [0, 1], or points.
        values: of the condition, [N] of labels, [N, D] of vectors.
        field: of the condition.
        tested: number of the last examples, to which it is not fitted.

    Attributes:
        real: the match of the tested examples, see `match`; NaN where none can be computed.
        chance: twice the standard deviation of `real` where the conditions say nothing of the examples.
        right: of labels, the fraction of tested examples whose class is found.
    """

    def __init__(self, data: np.ndarray, values: np.ndarray, field: Field, tested: int) -> None:
        self.classes = int(field.range[1]) if field.kind == "label" and field.range else None
        count = len(data) - tested
        self.features = patch_features(data[:count]) if data.ndim == 4 else random_features(data[:count])
        found = np.concatenate([np.asarray(self.features(tf.constant(part))) for part in parts_of(data)])
        targets = self.targets(values)
        spread = targets[:count].std(axis=0)
        # a column that does not vary, such as that of a class without examples, counts for nothing
        self.scale = np.where(spread > 1e-3 * spread.max(), spread, np.inf).astype(np.float32)
        self.mean = targets[:count].mean(axis=0)
        self.centre, spread = found[:count].mean(axis=0), found[:count].std(axis=0) + 1e-3
        self.weights = ridge((found[:count] - self.centre) / spread, (targets[:count] - self.mean) / self.scale)
        self.weights = (self.weights / spread[:, None]).astype(np.float32)
        read = (found[count:] - self.centre) @ self.weights
        wanted = (targets[count:] - self.mean) / self.scale
        self.real = float(correlation(tf.constant(read), tf.constant(wanted)))
        # the columns of vectors may say the same
        self.chance = 2.0 / float(np.sqrt(tested * max(1, (self.classes or 2) - 1)))
        self.right = None if self.classes is None else float(np.mean(read.argmax(1) == targets[count:].argmax(1)))

    def targets(self, values: np.ndarray) -> np.ndarray:
        """Returns the regression's targets, float32 [N, D]: vectors as they are, labels as one column per class."""
        if self.classes is None:
            return np.asarray(values, np.float32).reshape(len(values), -1)
        return np.eye(self.classes, dtype=np.float32)[np.asarray(values).reshape(-1)]

    def match(self, data: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """Returns the correlation, in [-1, 1], of what is read off examples and their conditions; in a graph.

        Args:
            data: float32 [N, ...], images in [0, 1] or points.
            values: of the condition.
        """
        read = tf.matmul(self.features(data) - self.centre, self.weights)
        given = tf.one_hot(tf.reshape(values, [-1]), self.classes) if self.classes else tf.cast(values, tf.float32)
        return correlation(read, (tf.reshape(given, tf.shape(read)) - self.mean) / self.scale)


def parts_of(data: np.ndarray, size: int = 250) -> list[np.ndarray]:
    """Returns the rows in parts of at most `size`, so that maps of features need little memory."""
    return [data[first : first + size] for first in range(0, len(data), size)]


def ridge(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the weights [F, D] of a ridge regression of targets [N, D] on features [N, F]."""
    number, length = features.shape
    if length < number:  # the smaller of the two systems of equations, which have the same solution
        return solved(features.T @ features, RIDGE * number, features.T @ targets)
    return features.T @ solved(features @ features.T, RIDGE * number, targets)


def solved(gram: np.ndarray, added: float, values: np.ndarray) -> np.ndarray:
    """Returns the solution X, float64, of (gram + added I) X = values."""
    # by TensorFlow: the threads of NumPy's solver wait for each other at full speed where processors are busy
    matrix = tf.constant(gram + added * np.eye(len(gram)))
    return np.asarray(tf.linalg.solve(matrix, tf.constant(values, tf.float64)))


def correlation(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the correlation of all entries of a [N, D] and b [N, D] together, about the means of their columns."""
    a, b = (tf.cast(x, tf.float32) - tf.reduce_mean(tf.cast(x, tf.float32), axis=0) for x in (a, b))
    product = tf.reduce_sum(a * b)
    return tf.math.divide_no_nan(product, tf.sqrt(tf.reduce_sum(a * a) * tf.reduce_sum(b * b)))


def patch_features(images: np.ndarray) -> Features:
    """Returns f(images [N, H, W, C] in [0, 1]) -> [N, F]: responses to patches of `images` and small pictures."""
    filters = tf.constant(patches_of(np.asarray(shrunk(tf.constant(images[:250])))))

    def features(images: tf.Tensor) -> tf.Tensor:
        images = shrunk(images)
        found = tf.nn.conv2d(images, filters, 1, "SAME")
        means = [tf.image.resize(tf.nn.relu(part), (2, 2), method="area") for part in (found, -found)]
        # roots: a small mean response, of a thin line, counts too
        pooled = tf.sqrt(tf.concat(means, axis=-1))
        small = tf.image.resize(images, (8, 8), method="area")
        return tf.concat([tf.reshape(part, [tf.shape(images)[0], -1]) for part in (pooled, small)], axis=1)

    return features


def shrunk(images: tf.Tensor) -> tf.Tensor:
    """Returns images of at most `SIDE` pixels per side."""
    size = tuple(min(SIDE, int(side)) for side in images.shape[1:3])
    return images if size == tuple(images.shape[1:3]) else tf.image.resize(images, size, method="area")


def patches_of(images: np.ndarray) -> np.ndarray:
    """Returns filters [side, side, C, `FILTERS`]: patches at random places, without their means, of length 1."""
    number, height, width, channels = images.shape
    random, side = np.random.RandomState(0), min(PATCH, height, width)
    rows, tops, lefts = (random.randint(0, n, 20 * FILTERS) for n in (number, height - side + 1, width - side + 1))
    cut = np.stack([images[i, y : y + side, x : x + side] for i, y, x in zip(rows, tops, lefts, strict=True)])
    cut = cut - cut.mean(axis=(1, 2), keepdims=True)
    length = np.sqrt(np.square(cut).sum(axis=(1, 2, 3)))
    # those with structure; of images with little of it, those with most
    chosen = np.flatnonzero(length > 0.3)[:FILTERS]
    chosen = chosen if len(chosen) == FILTERS else np.argsort(-length, kind="stable")[:FILTERS]
    return (cut[chosen] / (length[chosen, None, None, None] + 1e-6)).transpose(1, 2, 3, 0).astype(np.float32)


def random_features(points: np.ndarray, number: int = 256) -> Features:
    """Returns f(points [N, D]) -> [N, F]: the standardised points and random rectified functions of them."""
    points = points.reshape(len(points), -1)
    points = points.astype(np.float32)
    centre, spread = points.mean(axis=0), points.std(axis=0) + 1e-6
    random = np.random.RandomState(0)
    weights = random.normal(size=(points.shape[1], number)).astype(np.float32) / np.sqrt(np.float32(points.shape[1]))
    offsets = random.normal(size=number).astype(np.float32)

    def features(points: tf.Tensor) -> tf.Tensor:
        flat = (tf.reshape(points, [tf.shape(points)[0], -1]) - centre) / spread
        return tf.concat([flat, tf.nn.relu(tf.matmul(flat, weights) + offsets)], axis=1)

    return features


def reader_of(examples: Examples, data_field: str, name: str, field: Field) -> Reader | None:
    """Returns the reader of a condition, fitted to some of the examples; None where there are too few, or no labels.

    Args:
        examples: of the training.
        data_field: of images or points.
        name: of the condition, labels or vectors.
        field: of the condition.
    """
    fitted, tested = (FITTED, TESTED) if isinstance(examples, Arrays) else DECODED
    number = min(len(examples), fitted + tested)
    tested = number // 3
    classes = int(field.range[1]) if field.range and field.kind == "label" else 1
    if number - tested < max(ENOUGH, 5 * classes) or (field.kind == "label" and classes < 2):
        return None
    rows = np.random.RandomState(0).permutation(len(examples))[:number]
    values = examples.gather(rows)
    data = np.asarray(values[data_field])
    data = data.astype(np.float32) / (255.0 if data.dtype == np.uint8 else 1.0)
    return Reader(data, np.asarray(values[name]), field, tested)
