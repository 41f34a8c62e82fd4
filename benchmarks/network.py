"""The networks of TensorFlow's DCGAN tutorial (28x28x1), and the arithmetic of a training step on them."""

import keras
from keras import layers

SHAPE, LATENT, RATE = (28, 28, 1), 100, 1e-4
ORDERS = ("default", "shared", "tutorial")


def generator(width=64):
    """latent [B, 100] -> image [B, 28, 28, 1] in [-1, 1]; `width` 64 is the tutorial's."""
    latent = keras.Input((LATENT,), name="latent")
    x = layers.Dense(7 * 7 * 4 * width, use_bias=False)(latent)
    x = layers.LeakyReLU(0.3)(layers.BatchNormalization()(x))
    x = layers.Reshape((7, 7, 4 * width))(x)
    for channels, stride in ((2 * width, 1), (width, 2)):
        x = layers.Conv2DTranspose(channels, 5, stride, "same", use_bias=False)(x)
        x = layers.LeakyReLU(0.3)(layers.BatchNormalization()(x))
    x = layers.Conv2DTranspose(1, 5, 2, "same", use_bias=False)(x)
    return keras.Model(latent, layers.Activation("tanh", dtype="float32", name="image")(x), name="generator")


def discriminator(width=64):
    """image [B, 28, 28, 1] -> logit [B, 1]."""
    image = x = keras.Input(SHAPE, name="image")
    for channels in (width, 2 * width):
        x = layers.Conv2D(channels, 5, 2, "same")(x)
        x = layers.Dropout(0.3)(layers.LeakyReLU(0.3)(x))
    return keras.Model(image, layers.Dense(1, dtype="float32", name="logit")(layers.Flatten()(x)), name="discriminator")


def taps(out, size, kernel, stride, padding, zeros):
    """Products of a convolution along one axis: for every output, the kernel's elements that meet the input.

    With `zeros` those that meet the zeros around it count, too: out * kernel, the usual convention.
    """
    if zeros or padding == "valid":
        return out * kernel
    before = max((out - 1) * stride + kernel - size, 0) // 2
    return sum(0 <= place * stride + k - before < size for place in range(out) for k in range(kernel))


def layer_flops(layer, zeros=True):
    """Floating-point operations of one image's forward pass through a layer: 2 for each product of its kernel.

    Dense: 2 I O. Convolution: 2 C_in C_out (products along the rows) (along the columns); a transposed one has those of
    the convolution whose gradient it is. Nothing else is counted: not biases, norms, activations, optimizers.

    Raises:
        ValueError: a layer with a kernel of another kind.
    """
    if getattr(layer, "kernel", None) is None:
        return 0
    if isinstance(layer, layers.Dense):
        return 2 * layer.kernel.shape[0] * layer.kernel.shape[1]
    if not isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose)):
        raise ValueError(f"expected Dense, Conv2D or Conv2DTranspose, got {type(layer).__name__}")
    small, large = layer.output.shape[1:3], layer.input.shape[1:3]
    if isinstance(layer, layers.Conv2DTranspose):
        small, large = large, small
    sides = zip(small, large, layer.kernel_size, layer.strides)
    rows, columns = (taps(*side, layer.padding, zeros) for side in sides)
    return 2 * rows * columns * layer.kernel.shape[-1] * layer.kernel.shape[-2]


def step_flops(generator, discriminator, order="default", zeros=True):
    """Floating-point operations of one training step, for each image of its batch.

    With G and D those of a forward pass, G1 and D1 those of the first layer alone; a backward pass through a layer
    costs as much as the forward one for the gradient by its input, and again for that by its kernel:

        D's update   G (forward), and for the real and the fake image each: D (forward) + D (by kernels)
                     + D - D1 (by inputs; nobody asks for the gradient by D's input)
        G's update   G + D (forward), D (by inputs, down to the image; D is held fixed), G (by kernels) + G - G1
        shared       the same without the second forward pass of G
        tutorial     and without D's second forward pass on the fake image: both gradients from one

    Args:
        order: "default", "shared" or "tutorial". zeros: as in `taps`.
    """
    costs = [[layer_flops(layer, zeros) for layer in network.layers] for network in (generator, discriminator)]
    (g, g1), (d, d1) = ((sum(cost), next(filter(None, cost))) for cost in costs)
    update_d = g + 2 * (d + d + (d - d1))
    update_g = g + d + d + g + (g - g1)
    saved = {"default": 0, "shared": g, "tutorial": g + d}
    return update_d + update_g - saved[order]
