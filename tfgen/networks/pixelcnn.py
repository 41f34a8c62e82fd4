"""The gated PixelCNN: convolutions of the pixels above and to the left (van den Oord et al. 2016, section 2).

Causality lies in how maps are padded and cut, in built-in layers, and needs no masks of kernels.
"""

import dataclasses
import math
from collections.abc import Sequence

import keras
from keras import layers

from tfgen.errors import UserError
from tfgen.likelihoods import Likelihood

LINK = "link_"  # names of the layers begin so by which the maps of the pixels above enter those of the row


def pixelcnn_network(
    shape: Sequence[int],
    likelihood: Likelihood,
    width: int = 32,
    blocks: int = 5,
    first_size: int = 7,
    kernel_size: int = 3,
    head_width: int = 64,
    dilations: Sequence[int] = (1,),
) -> keras.Model:
    """Returns image [B, H, W, C] in [0, 1] -> the likelihood's outputs, each float32 [B, H, W, C].

    The parameters of a pixel depend on the pixels above, and to its left in its row; those of a channel on the channels
    before it as well: colour is taken as a picture of W C columns.

    Args:
        shape: (H, W, C).
        likelihood: of the pixels.
        width: channels of the maps.
        blocks: gated layers after the first.
        first_size, kernel_size: sides of the kernels, odd.
        head_width: channels before the outputs.
        dilations: of the gated layers in turn: how far apart the pixels above are that a kernel sees. In its own row
            it sees neighbours: what is drawn value by value stays as narrow.

    Raises:
        UserError: colour of as many rows as channels.
    """
    image = keras.Input(tuple(shape), name="image")
    grid = _Grid(tuple(shape))
    x = image if grid.channels == 1 else layers.Reshape((grid.rows, grid.columns, 1))(image)
    y = _causal(x, grid, width, blocks, first_size, kernel_size, head_width, dilations)

    def raw(name: str) -> keras.KerasTensor:
        made = grid.mixed(y, 1, name=f"raw_{name}")
        return made if grid.channels == 1 else layers.Reshape(tuple(shape))(made)

    return keras.Model(image, likelihood.heads(raw, "mean"), name="density")


def pixelcnn_of_codes(
    shape: Sequence[int],
    codes: int,
    width: int = 32,
    blocks: int = 5,
    first_size: int = 5,
    kernel_size: int = 3,
    head_width: int = 64,
) -> keras.Model:
    """Returns code float32 [B, h, w, D], a grid of vectors -> `logits` float32 [B, h, w, codes].

    The logits at a place are those of the number of its vector, given the vectors above and to its left in its row.

    Args:
        shape: (h, w, D).
        codes: how many vectors there are.
        width, blocks, first_size, kernel_size, head_width: as of `pixelcnn_network`.
    """
    code = keras.Input(tuple(shape), name="code")
    x = layers.Conv2D(width, 1, activation="relu")(code)
    y = _causal(x, _Grid((*shape[:2], 1)), width, blocks, first_size, kernel_size, head_width, (1,))
    return keras.Model(code, {"logits": layers.Conv2D(codes, 1, dtype="float32", name="logits")(y)}, name="prior")


def _causal(x, grid, width, blocks, first_size, kernel_size, head_width, dilations):
    """Returns maps [B, rows, columns, head_width] whose place depends on the maps x above and to its left alone."""
    half = first_size // 2
    v = layers.Conv2D(width, (half, first_size))(layers.ZeroPadding2D(((half, 0), (half, half)))(x))
    v = layers.Cropping2D(((0, 1), (0, 0)))(v)  # row r sees rows r - half to r - 1
    h = layers.Conv2D(width, (1, half))(layers.ZeroPadding2D(((0, 0), (half, 0)))(x))
    h = layers.Cropping2D(((0, 0), (0, 1)))(h)
    h = grid.mixed(layers.Add()([h, layers.Conv2D(width, 1, name=f"{LINK}0")(v)]), width)
    skips = []
    for i in range(blocks):
        v, h, skip = _block(v, h, width, kernel_size // 2, dilations[i % len(dilations)], head_width, 2 * i + 1)
        skips.append(skip)
    skips = skips or [layers.Conv2D(head_width, 1)(h)]
    y = layers.ReLU()(layers.Add()(skips) if len(skips) > 1 else skips[0])
    return layers.ReLU()(grid.mixed(y, head_width))


def _block(v, h, width, half, dilation, head_width, link):
    """Returns the vertical and the horizontal maps after a gated layer, and what it adds to the output (figure 2)."""
    far = half * dilation
    above = layers.ZeroPadding2D(((far, 0), (far, far)))(v)
    left = layers.ZeroPadding2D(((0, 0), (half, 0)))(h)
    vertical = [layers.Conv2D(width, (half + 1, 2 * half + 1), dilation_rate=dilation)(above) for _ in range(2)]
    horizontal = [layers.Conv2D(width, (1, half + 1))(left) for _ in range(2)]
    from_above = [layers.Conv2D(width, 1, name=f"{LINK}{link + i}")(part) for i, part in enumerate(vertical)]
    joined = [layers.Add()(list(pair)) for pair in zip(horizontal, from_above, strict=True)]
    gated = _gated(*joined)
    return _gated(*vertical), layers.Add()([h, layers.Conv2D(width, 1)(gated)]), layers.Conv2D(head_width, 1)(gated)


def _gated(a, b):
    """Returns tanh(a) sigmoid(b), equation 2."""
    return layers.Multiply()([layers.Activation("tanh")(a), layers.Activation("sigmoid")(b)])


@dataclasses.dataclass(frozen=True)
class _Grid:
    """A picture of C channels as one of W C columns."""

    shape: tuple[int, ...]

    @property
    def rows(self) -> int:
        return self.shape[0]

    @property
    def columns(self) -> int:
        return math.prod(self.shape[1:])

    @property
    def channels(self) -> int:
        return self.shape[2]

    def mixed(self, x, width, name=None):
        """Returns maps after a linear map of each place's own, which is another one for each channel of the picture."""
        if self.channels == 1:
            return layers.Conv2D(width, 1, name=name)(x)
        height, columns, channels = self.shape
        if height == channels:  # Keras 3.15 would add the bias of a single unit row by row
            raise UserError(f"a PixelCNN needs another number of rows than of channels, got {self.shape}")
        x = layers.Reshape((height, columns, channels, x.shape[-1]))(x)
        # convolutions cannot tell which channel a column is of
        x = layers.EinsumDense("bhwci,cio->bhwco", (None, None, channels, width), bias_axes="co", name=name)(x)
        return layers.Reshape((height, columns * channels, width))(x)


def reach(network: keras.Model) -> tuple[int, int]:
    """Returns how many rows above, and how many values to its left in its row, an output depends on, at most.

    Args:
        network: of `pixelcnn_network` or `pixelcnn_of_codes`.
    """
    # each convolution is padded by as much as it sees above, or else to the left
    pads = [layer.padding for layer in network.layers if isinstance(layer, layers.ZeroPadding2D)]
    return sum(top for (top, _), _ in pads), sum(left for (top, _), (left, _) in pads if not top)


def halves(network: keras.Model, shape: Sequence[int], rows: int, columns: int) -> tuple[keras.Model, keras.Model]:
    """Returns the two halves of a network for gray pictures or codes, with the same weights, on parts of a picture.

    Args:
        network: of `pixelcnn_network` or `pixelcnn_of_codes`.
        shape: (H, W, D) of the picture.
        rows, columns: of the parts.

    Returns:
        (pictures [B, rows, W, D] -> list of maps [B, rows, W n, width] that enter the row; a list of a part of a row
        [B, 1, columns, D] and of these maps at it -> the outputs of `network` there), where n maps belong to a place:
        one to each channel of a picture, one to a code.
    """
    found = [layer for layer in network.layers if layer.name.startswith(LINK)]
    links = [layer.output for layer in sorted(found, key=lambda layer: int(layer.name.removeprefix(LINK)))]
    above, given = keras.Model(network.inputs[0], links), network.inputs[0]
    place = given._keras_history
    along = keras.Model([given, *links], network.output)
    part = [keras.Input((1, columns, shape[2]), name="image")]
    sizes = [(1, columns * link.shape[2] // shape[1], link.shape[-1]) for link in links]
    part += [keras.Input(size, name=f"maps_{i}") for i, size in enumerate(sizes)]
    image = keras.Input((rows, *shape[1:]), name="image")
    made = _anew(above, image, shape, rows, shape[1]), _anew(along, part, shape, 1, columns)
    # Keras gives the input the place that it has in a model of intermediate tensors, and could not save the network
    given._keras_history = place
    return made


def _anew(network, inputs, shape, rows, columns):
    """Returns a network of the same layers, with their weights, on parts of a picture."""

    def resized(layer):
        if not isinstance(layer, layers.Reshape):
            return layer
        # of colour: the only layers that know the size of a picture, as H and as a multiple of W
        height, width, *others = layer.target_shape
        return layers.Reshape((rows * height // shape[0], columns * width // shape[1], *others))

    return keras.models.clone_model(network, input_tensors=inputs, clone_function=resized)
