"""Networks from pictures to pictures: functional `keras.Model`s of built-in layers, their inputs named after fields."""

from collections.abc import Sequence
from typing import Literal

import keras
from keras import layers

from tfgen.networks.dcgan import batch_norm, channels_at, weights

Norm = Literal["batch", "instance", "none"]
_MOST = 3  # doublings of the channels: 64, 128, 256, 512, 512, ...


def normalized(x: keras.KerasTensor, norm: Norm, stddev: float | None) -> keras.KerasTensor:
    """Returns x after batch normalisation, instance normalisation (Ulyanov et al. 2016), or as it is.

    Instance normalisation leaves maps of one pixel as they are: it would make each of them 0, whatever the image.
    """
    if norm == "batch":
        return batch_norm(x, stddev)
    return layers.GroupNormalization(groups=-1)(x) if norm == "instance" and max(x.shape[1:3]) > 1 else x


def fitted(x: keras.KerasTensor, shape: Sequence[int]) -> keras.KerasTensor:
    """Returns pictures x in the size of `shape` (H, W, ...), bilinear where it is another."""
    size = tuple(shape[:2])
    return x if tuple(x.shape[1:3]) == size else layers.Resizing(*size, interpolation="bilinear", dtype="float32")(x)


def unet(
    source_shape: Sequence[int],
    image_shape: Sequence[int],
    width: int = 64,
    depth: int | None = None,
    dropout: float = 0.5,
    norm: Norm = "batch",
    stddev: float | None = 0.02,
    output: str = "tanh",
    source: str = "source",
) -> keras.Model:
    """Returns source [B, h, w, c] -> image float32 [B, H, W, C] in the range of `output`: Isola et al. 2017, 6.1.1.

    An encoder of 4 x 4 convolutions of stride 2, a decoder of transposed ones, and a skip connection between maps of
    one size. A source of another size than the image is resized first.

    Args:
        source_shape: (h, w, c).
        image_shape: (H, W, C).
        width: channels of the largest maps; they double with every halving, up to eight times as many.
        depth: number of halvings; by default down to one or two pixels.
        dropout: rate in the decoder's three deepest layers.
        norm: normalisation after every layer but the first, the deepest and the last.
        stddev: of the initial weights, or None for Keras' default.
        output: activation of the output.
        source: name of the input.
    """
    depth = max((min(image_shape[:2])).bit_length() - 1, 1) if depth is None else depth
    start = keras.Input(tuple(source_shape), name=source)
    x, skips = fitted(start, image_shape), []
    for level in range(depth):
        inner = 0 < level < depth - 1
        x = layers.Conv2D(channels_at(level, width, _MOST), 4, 2, "same", use_bias=not inner, **weights(stddev))(x)
        x = normalized(x, norm if inner else "none", stddev)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        skips.append(x)
    skips.pop()
    for level in reversed(range(depth - 1)):
        x = layers.Conv2DTranspose(channels_at(level, width, _MOST), 4, 2, "same", use_bias=False, **weights(stddev))(x)
        x = normalized(_cropped(x, skips[level].shape[1:3]), norm, stddev)
        if dropout and level >= depth - 4:
            x = layers.Dropout(dropout)(x)
        x = layers.Concatenate()([layers.ReLU()(x), skips[level]])
    x = layers.Conv2DTranspose(image_shape[-1], 4, 2, "same", **weights(stddev))(x)
    image = layers.Activation(output, dtype="float32", name="image")(_cropped(x, image_shape[:2]))
    return keras.Model(start, image, name="generator")


def _cropped(x: keras.KerasTensor, size: Sequence[int]) -> keras.KerasTensor:
    """Returns x without its last row or column where a halving had rounded up."""
    down, across = x.shape[1] - size[0], x.shape[2] - size[1]
    return layers.Cropping2D(((0, down), (0, across)))(x) if down or across else x


def patch_discriminator(
    image_shape: Sequence[int],
    source_shape: Sequence[int] | None = None,
    width: int = 64,
    depth: int = 2,
    norm: Norm = "batch",
    stddev: float | None = 0.02,
) -> keras.Model:
    """Returns image [B, H, W, C] (and source) -> logit float32 [B, h, w, 1], one per patch: Isola et al. 2017, 6.1.2.

    Args:
        image_shape: (H, W, C).
        source_shape: (h, w, c) of a source that it sees beside the image, or None.
        width: channels of the first convolution; they double with each, up to eight times as many.
        depth: convolutions of stride 2; patches are of 16, 34, 70 or 142 pixels for 1, 2, 3 or 4.
        norm: normalisation after every convolution but the first and the last.
        stddev: of the initial weights, or None for Keras' default.
    """
    image = x = keras.Input(tuple(image_shape), name="image")
    inputs: keras.KerasTensor | dict[str, keras.KerasTensor] = image
    if source_shape is not None:
        source = keras.Input(tuple(source_shape), name="source")
        inputs, x = {"image": image, "source": source}, layers.Concatenate()([image, fitted(source, image_shape)])
    for level in range(depth + 1):
        channels, stride = channels_at(level, width, _MOST), 2 if level < depth else 1
        x = layers.Conv2D(channels, 4, stride, "same", use_bias=not level or norm == "none", **weights(stddev))(x)
        x = normalized(x, norm if level else "none", stddev)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    logit = layers.Conv2D(1, 4, 1, "same", dtype="float32", name="logit", **weights(stddev))(x)
    return keras.Model(inputs, logit, name="discriminator")


def upscaling_resnet(
    source_shape: Sequence[int],
    image_shape: Sequence[int],
    width: int = 64,
    blocks: int = 16,
    output: str = "tanh",
) -> keras.Model:
    """Returns source [B, h, w, c] -> image float32 [B, H, W, C], several times as large: Ledig et al. 2017.

    Figure 4 of the paper: residual blocks at the source's size, then a pixel shuffle for each prime factor of the
    enlargement. What is no whole factor is left to a bilinear resizing.

    Args:
        source_shape: (h, w, c).
        image_shape: (H, W, C).
        width: channels of the maps.
        blocks: residual blocks.
        output: activation of the output.
    """
    times = max(min(large // small for large, small in zip(image_shape[:2], source_shape[:2], strict=True)), 1)
    source = keras.Input(tuple(source_shape), name="source")
    first = x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(width, 9, padding="same")(source))
    for _ in range(blocks):
        y = layers.PReLU(shared_axes=[1, 2])(batch_norm(layers.Conv2D(width, 3, padding="same")(x), None))
        x = layers.Add()([x, batch_norm(layers.Conv2D(width, 3, padding="same")(y), None)])
    x = layers.Add()([first, batch_norm(layers.Conv2D(width, 3, padding="same")(x), None)])
    while times > 1:
        factor = next(number for number in range(2, times + 1) if times % number == 0)
        x = layers.PReLU(shared_axes=[1, 2])(_shuffled(layers.Conv2D(width * factor**2, 3, padding="same")(x), factor))
        times //= factor
    x = layers.Conv2D(image_shape[-1], 9, padding="same")(fitted(x, image_shape))
    image = layers.Activation(output, dtype="float32", name="image")(x)
    return keras.Model(source, image, name="generator")


def _shuffled(x: keras.KerasTensor, factor: int) -> keras.KerasTensor:
    """Returns maps [B, h, w, f f c] as [B, f h, f w, c] (Shi et al. 2016, equation 4)."""
    height, width, channels = x.shape[1:]
    x = layers.Reshape((height, width, factor, factor, channels // factor**2))(x)
    x = layers.Permute((1, 3, 2, 4, 5))(x)
    return layers.Reshape((height * factor, width * factor, channels // factor**2))(x)


def translating_resnet(
    image_shape: Sequence[int],
    made_shape: Sequence[int],
    width: int = 64,
    blocks: int = 9,
    norm: Norm = "instance",
    stddev: float | None = 0.02,
    output: str = "tanh",
    name: str = "forth",
) -> keras.Model:
    """Returns image [B, H, W, C] -> image float32 [B, H', W', C'] of another domain: Zhu et al. 2017, section 7.2.

    Two halvings, residual blocks, two doublings.

    Args:
        image_shape: (H, W, C).
        made_shape: of the result.
        width: channels of the largest maps.
        blocks: residual blocks.
        norm: normalisation after every layer but the last.
        stddev: of the initial weights, or None for Keras' default.
        output: activation of the output.
        name: of the network.
    """
    image = keras.Input(tuple(image_shape), name="image")

    def conv(x: keras.KerasTensor, channels: int, size: int, stride: int = 1) -> keras.KerasTensor:
        return normalized(layers.Conv2D(channels, size, stride, "same", **weights(stddev))(x), norm, stddev)

    x = layers.ReLU()(conv(fitted(image, made_shape), width, 7))
    sizes = []
    for level in (1, 2):
        sizes.append(x.shape[1:3])
        x = layers.ReLU()(conv(x, width * 2**level, 3, 2))
    for _ in range(blocks):
        x = layers.Add()([x, conv(layers.ReLU()(conv(x, 4 * width, 3)), 4 * width, 3)])
    for level in (1, 0):
        x = _cropped(layers.Conv2DTranspose(width * 2**level, 3, 2, "same", **weights(stddev))(x), sizes[level])
        x = layers.ReLU()(normalized(x, norm, stddev))
    x = layers.Conv2D(made_shape[-1], 7, padding="same", **weights(stddev))(x)
    return keras.Model(image, layers.Activation(output, dtype="float32", name="made")(x), name=name)
