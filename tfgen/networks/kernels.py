"""Keras' normalisations, dropout and convolutions in cheaper operations of TensorFlow, where a network trains.

The layers stay those of Keras, and so do their weights, files, formulas and inference; what changes is by which
operations a training step computes them. Measured on the tutorial's DCGAN with two cores: batch norm and dropout 1.05
times the images per second in float32; with the convolutions, 1.29 times in bfloat16 by avx512_bf16. Normalisations can
be differentiated twice (`tfgen.networks.normalisation`).
"""

import contextlib
import contextvars
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgen.networks.normalisation import group_norm, layer_norm, moments, normalised

Call = Callable[..., tf.Tensor]

LEAST_EPSILON = 1e-5  # some GPUs' kernels of batch norm refuse smaller ones
BITS = tf.uint16  # of each draw of dropout: its rate is kept to 1 / 2^17
# Pixels of the smaller map of a convolution up to which its kernel's gradient is taken as a convolution, and the least
# number of channels on both sides: measured at 32 and 128 images with oneDNN, 1.3 to 1.9 times as fast within these
# bounds, as fast or slower beyond.
SMALL, WIDE = 64, 32

_training = contextvars.ContextVar("training", default=False)


@contextlib.contextmanager
def training_step() -> Iterator[None]:
    """Says that what is called within the context is differentiated: convolutions do not know by themselves."""
    token = _training.set(True)
    try:
        yield
    finally:
        _training.reset(token)


def use_fast_kernels(network: keras.Model) -> None:
    """Has the layers of a network that are of `KERNELS` trained by these.

    Layers of a subclass, and settings that a kernel does not know, stay with the operations of Keras.

    Args:
        network: any; its layers are changed in place, by a `call` of the instance.
    """
    for layer in network._flatten_layers():
        kernel = KERNELS.get(type(layer))
        if kernel and "call" not in vars(layer):
            # of the instance alone: Keras copies and saves a layer by its configuration and weights
            layer.call = functools.partial(kernel, layer)


def batch_norm(layer: layers.BatchNormalization, x: tf.Tensor, training: Any = None, mask: Any = None) -> Any:
    """Returns gamma (x - mean) / sqrt(variance + epsilon) + beta, and moves the averages, in one kernel if it can.

    Statistics are of all axes but the last, in float32 (Ioffe and Szegedy 2015, algorithm 1).

    Args:
        layer: built. x: [B, ..., C]. training, mask: as in Keras.
    """
    known = mask is None and not (layer.renorm or layer.synchronized)
    known = known and x.shape.rank is not None and layer.axis in (-1, x.shape.rank - 1)
    # statistics and weights in float32, as in mixed precision
    known = known and layer.variable_dtype == "float32" and x.dtype.name == layer.compute_dtype != "float64"
    if not (known and training is True and layer.trainable):
        return type(layer).call(layer, x, training=training, mask=mask)
    channels = layer.moving_mean.shape[0]
    gamma = tf.ones([channels]) if layer.gamma is None else tf.convert_to_tensor(layer.gamma)
    beta = tf.zeros([channels]) if layer.beta is None else tf.convert_to_tensor(layer.beta)
    if layer.epsilon <= LEAST_EPSILON:
        axes, shape = list(range(x.shape.rank - 1)), [*[1] * (x.shape.rank - 1), channels]
        mean, variance = moments(tf.cast(x, tf.float32), axes)
        _move(layer, tf.reshape(mean, [channels]), tf.reshape(variance, [channels]))
        return normalised(x, axes, layer.epsilon, gamma, beta, shape)
    nothing = tf.zeros([0])
    made = tf.raw_ops.FusedBatchNormV3(
        x=tf.reshape(x, [-1, 1, 1, channels]),
        scale=gamma,
        offset=beta,
        mean=nothing,
        variance=nothing,
        epsilon=layer.epsilon,
        is_training=True,
    )
    count = tf.cast(tf.size(x) // channels, tf.float32)
    biased = made.batch_variance * (count - 1.0) / count  # the kernel divides by count - 1, Keras by count
    _move(layer, made.batch_mean, biased)
    return tf.reshape(made.y, tf.shape(x))


def _move(layer, mean, variance):
    """Moves the averages of a batch norm towards the moments of a batch."""
    for average, new in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        average.assign(tf.convert_to_tensor(average) * layer.momentum + new * (1.0 - layer.momentum))


def dropout(layer: layers.Dropout, x: tf.Tensor, training: Any = False) -> tf.Tensor:
    """Returns x with a share `rate` of its values at 0, the others divided by 1 - rate, by 16 random bits each.

    Keras draws 32 bits each and makes floats of them (Srivastava et al. 2014, inverted).

    Args:
        layer: whose generator's state goes on as in Keras. x: [B, ...]. training: as there.
    """
    steps = 2 ** (8 * BITS.size)
    dropped = round(layer.rate * steps)
    known = layer.noise_shape is None and 0 < dropped < steps and x.dtype.is_floating
    if not (known and training is True):
        return type(layer).call(layer, x, training=training)
    count, each = tf.size(x), tf.uint32.size // BITS.size
    seed = tf.cast(layer.seed_generator.next(), tf.int32)
    words = tf.random.stateless_uniform([(count + each - 1) // each], seed, None, None, tf.uint32, alg="philox")
    drawn = tf.reshape(tf.reshape(tf.bitcast(words, BITS), [-1])[:count], tf.shape(x))
    scale = tf.cast(steps / (steps - dropped), x.dtype)
    return tf.where(drawn >= tf.constant(dropped, BITS), x * scale, tf.zeros([], x.dtype))


def convolution(layer: layers.Conv2D, x: tf.Tensor) -> tf.Tensor:
    """Returns the convolution of x, whose kernel's gradient is a convolution, too.

    Args:
        layer: built. x: [B, H, W, C].
    """
    out = layer.compute_output_shape(x.shape)[1:3]
    if not _pays(layer, x, out):
        return type(layer).call(layer, x)
    return _ended(layer, derivative(_form(layer, x.shape[1:3], out), "small", large=x, kernel=_kernel(layer)))


def transposed(layer: layers.Conv2DTranspose, x: tf.Tensor) -> tf.Tensor:
    """Returns the transposed convolution of x: the same as `convolution`, with both sides in each other's place.

    Args:
        layer: built. x: [B, H, W, C].
    """
    if layer.output_padding is not None or not _pays(layer, x, x.shape[1:3]):
        return type(layer).call(layer, x)
    out = layer.compute_output_shape(x.shape)[1:3]
    return _ended(layer, derivative(_form(layer, out, x.shape[1:3]), "large", small=x, kernel=_kernel(layer)))


@dataclasses.dataclass(frozen=True)
class Form:
    """sum_n,p,k large[n, stride p + k] small[n, p] kernel[k]: convolutions and their gradients are its derivatives.

    Attributes:
        large: height and width of the larger map, [B, H, W, C]. small: those of the smaller one, [B, h, w, D].
        taps: those of the kernel, [rows, columns, C, D]. stride: along both axes. padding: "same" or "valid".
    """

    large: tuple[int, ...]
    small: tuple[int, ...]
    taps: tuple[int, ...]
    stride: int
    padding: str

    def by_small(self, large: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the convolution of the larger map."""
        return tf.nn.conv2d(large, kernel, self.stride, self.padding.upper())

    def by_large(self, small: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the transposed convolution of the smaller map."""
        sizes = tf.stack([tf.shape(small)[0], *self.large, kernel.shape[2]])
        return tf.nn.conv2d_transpose(small, kernel, sizes, self.stride, self.padding.upper())

    def by_kernel(self, large: tf.Tensor, small: tf.Tensor) -> tf.Tensor:
        """Returns the gradient of a kernel, as one convolution.

        The images of the batch are its input channels, the channels of `large` its images, and `small` is its kernel,
        dilated by the stride. oneDNN's own kernel for this gradient is hardly faster in bfloat16 than in float32.
        """
        around = [[0, 0]]
        for extent, count, taps in zip(self.large, self.small, self.taps):
            reach = (count - 1) * self.stride + taps  # pixels that some place of the kernel meets
            before = max(reach - extent, 0) // 2 if self.padding == "same" else 0
            around.append([before, max(reach - extent - before, 0)])
        images, kernel = tf.transpose(large, [3, 1, 2, 0]), tf.transpose(small, [1, 2, 0, 3])
        made = tf.nn.conv2d(images, kernel, 1, [*around, [0, 0]], dilations=self.stride)
        return tf.transpose(made[:, : self.taps[0], : self.taps[1]], [1, 2, 0, 3])


def derivative(form: Form, by: str, **given: tf.Tensor) -> tf.Tensor:
    """Returns the derivative of a form by one of its arguments; its own gradients are derivatives by the others.

    TensorFlow has no gradient of a dilated convolution on a CPU; the form is linear in each argument, and needs none.

    Args:
        by: "large", "small" or "kernel". given: the other two, by name.
    """
    first, second = given

    @tf.custom_gradient
    def derived(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def gradients(slope: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            by_first = derivative(form, first, **{second: b, by: slope})
            return by_first, derivative(form, second, **{first: a, by: slope})

        return getattr(form, f"by_{by}")(**{first: a, second: b}), gradients

    return derived(*given.values())


def _form(layer: Any, large: Sequence[int], small: Sequence[int]) -> Form:
    return Form(tuple(large), tuple(small), layer.kernel_size, layer.strides[0], layer.padding)


def _kernel(layer: Any) -> tf.Tensor:
    return tf.convert_to_tensor(layer.kernel)


def _pays(layer: Any, x: tf.Tensor, small: Any) -> bool:
    known = (
        layer.data_format == "channels_last"
        and getattr(layer, "groups", 1) == 1
        and layer.dilation_rate == (1, 1)
        and layer.strides[0] == layer.strides[1]
        and layer.kernel_size != (1, 1)
        and not (getattr(layer, "lora_enabled", False) or getattr(layer, "quantization_mode", None))
        and None not in x.shape[1:]
    )
    if not (_training.get() and known and x.dtype == tf.bfloat16):
        return False
    pays = small[0] * small[1] <= SMALL and min(layer.kernel.shape[-2:]) >= WIDE
    return pays and not tf.config.list_physical_devices("GPU")


def _ended(layer: Any, y: tf.Tensor) -> tf.Tensor:
    y = tf.nn.bias_add(y, tf.convert_to_tensor(layer.bias)) if layer.use_bias else y
    return y if layer.activation is None else layer.activation(y)


KERNELS: dict[type, Call] = {
    layers.BatchNormalization: batch_norm,
    layers.LayerNormalization: layer_norm,
    layers.GroupNormalization: group_norm,
    layers.Dropout: dropout,
    layers.Conv2D: convolution,
    layers.Conv2DTranspose: transposed,
}
