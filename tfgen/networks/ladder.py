"""Convolutional networks of a ladder VAE (Sønderby et al. 2016): up from an image to its evidence, down to the image.

Layer L, at the top, is one vector; the others are maps, the lowest the largest. All latents are given as vectors.
"""

import math
from collections.abc import Sequence

import keras
from keras import layers

from tfgen.errors import UserError
from tfgen.likelihoods import Likelihood
from tfgen.networks.dcgan import channels_at, cropped
from tfgen.networks.shapes import grid

MOST = 2  # doublings of the channels, at most


def ladder_networks(
    image_shape: Sequence[int],
    likelihood: Likelihood,
    latents: Sequence[int] = (4, 4),
    top: int = 32,
    width: int = 16,
    depth: int = 2,
    blocks: int = 1,
) -> tuple[keras.Model, keras.Model, list[keras.Model]]:
    """Returns (encoder, decoder, down).

    The encoder is image [B, H, W, C] -> `mean_l`, `log_var_l` [B, D_l] of every layer l, 1 the lowest. down[l - 1] is
    {`latent` [B, D_(l + 1)], `state` of the layer above} -> `mean`, `log_var` [B, D_l], and `state`, maps; the top has
    no state above it. The decoder is {`latent` [B, D_1], `state`} -> the likelihood's outputs [B, H, W, C].

    Args:
        image_shape: (H, W, C).
        likelihood: p(x|z).
        latents: channels of the maps of every layer below the top, from the lowest.
        top: size of the top's vector.
        width: channels at half of the image's size; doubled with every further halving, up to four times as many.
        depth: how often maps are halved; the layers but the top lie at the smallest of these sizes.
        blocks: residual blocks per size, up and down.

    Raises:
        UserError: more layers than sizes, or no layer below the top.
    """
    if not 1 <= len(latents) <= depth:
        raise UserError(
            "a ladder has a layer for each of the smallest sizes of its maps, below the top: expected at least 1 and "
            f"at most depth={depth} numbers in latents, got {len(latents)}"
        )
    size = _Size(tuple(image_shape), (*latents, top), width, depth, blocks)
    down = [size.down(number) for number in range(1, len(latents) + 1)]
    return size.encoder(), size.decoder(likelihood), down


class _Size:
    def __init__(self, image_shape, latents, width, depth, blocks):
        self.image_shape, self.latents, self.width, self.depth, self.blocks = image_shape, latents, width, depth, blocks

    def level(self, number):
        """Returns how often an image is halved to the maps of a layer, 1 the lowest."""
        return self.depth - (len(self.latents) - 1) + number

    def maps(self, number, channels=None):
        """Returns the shape of a layer's latents, or of other maps of its size."""
        return (*grid(self.image_shape, self.level(number)), channels or self.latents[number - 1])

    def channels(self, level):
        return channels_at(max(level - 1, 0), self.width, MOST)

    def refined(self, x):
        """Returns x after residual blocks."""
        for _ in range(self.blocks):
            y = layers.Conv2D(x.shape[-1], 3, padding="same", activation="elu")(x)
            x = layers.Activation("elu")(layers.Add()([x, layers.Conv2D(x.shape[-1], 3, padding="same")(y)]))
        return x

    def encoder(self):
        image, heads = keras.Input(self.image_shape, name="image"), {}
        x, top = image, len(self.latents)
        numbers = {self.level(number): number for number in range(1, top)}
        for level in range(1, self.depth + 1):
            x = self.refined(layers.Conv2D(self.channels(level), 4, 2, "same", activation="elu")(x))
            if level in numbers:
                heads |= _normal(x, self.latents[numbers[level] - 1], f"_{numbers[level]}")
        x = layers.Dense(8 * self.width, activation="elu")(layers.Flatten()(x))
        heads |= _normal(x, self.latents[-1], f"_{top}")
        return keras.Model(image, heads, name="encoder")

    def down(self, number):
        """Returns the network that gives p(z_l|...) of the layer `number`, from what is above it."""
        level, above = self.level(number), number + 1
        channels = self.channels(level)
        if above == len(self.latents):
            inputs = {"latent": keras.Input((self.latents[-1],), name="latent")}
            x = layers.Dense(8 * self.width, activation="elu")(inputs["latent"])
            shape = self.maps(number, channels)
            x = layers.Reshape(shape)(layers.Dense(math.prod(shape), activation="elu")(x))
        else:
            inputs, x = self.joined(above)
            x = layers.Conv2DTranspose(channels, 4, 2, "same", activation="elu")(x)
            x = cropped(x, self.maps(number), 1) if x.shape[1:3] != self.maps(number)[:2] else x
        x = self.refined(x)
        # one input by itself: Keras would miss the dict that it was made with
        given = inputs if len(inputs) > 1 else inputs["latent"]
        state = layers.Activation("linear", dtype="float32", name="state_out")(x)
        return keras.Model(given, {"state": state, **_normal(x, self.latents[number - 1])}, name=f"down_{number}")

    def joined(self, number):
        """Returns the inputs `latent` and `state` of a layer, and maps of the two."""
        shape, channels = self.maps(number), self.channels(self.level(number))
        latent = keras.Input((math.prod(shape),), name="latent")
        state = keras.Input(self.maps(number, channels), name="state")
        x = layers.Concatenate()([state, layers.Reshape(shape)(latent)])
        x = layers.Conv2D(channels, 3, padding="same", activation="elu")(x)
        return {"latent": latent, "state": state}, self.refined(x)

    def decoder(self, likelihood):
        inputs, x = self.joined(1)
        level = self.level(1)
        for upper in range(level - 1, 0, -1):
            x = layers.Conv2DTranspose(self.channels(upper), 4, 2, "same", activation="elu")(x)

        def raw(name):
            # the last doubling is the output layer itself, one per parameter of the likelihood
            made = layers.Conv2DTranspose(self.image_shape[-1], 4, 2, "same", name=f"raw_{name}")(x)
            return cropped(made, self.image_shape, level)

        return keras.Model(inputs, likelihood.heads(raw), name="decoder")


def mixture_table(size: int, components: int) -> keras.Model:
    """Returns component int64 [B], numbers below `components` -> `mean`, `log_var` float32 [B, size], both learned."""
    component = keras.Input((), dtype="int64", name="component")
    starts = {"mean": keras.initializers.RandomNormal(0.0, 1.0), "log_var": "zeros"}
    heads = {
        name: layers.Embedding(components, size, embeddings_initializer=start, dtype="float32", name=name)(component)
        for name, start in starts.items()
    }
    return keras.Model(component, heads, name="top_prior")


def _normal(x, size, suffix=""):
    """Returns `mean`, `log_var` of features, as vectors float32 [B, D]: of a vector, or of maps of `size` channels."""
    made = {}
    for name in (f"mean{suffix}", f"log_var{suffix}"):
        if len(x.shape) == 2:
            made[name] = layers.Dense(size, dtype="float32", name=name)(x)
        else:
            made[name] = layers.Flatten(dtype="float32", name=name)(layers.Conv2D(size, 1, dtype="float32")(x))
    return made
