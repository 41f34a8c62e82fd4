"""Small networks of the plugin models, of Keras' built-in layers."""

import keras
from keras import layers


def one_hot(classes):
    """(label input, its vector)."""
    label = keras.Input((), dtype="int64", name="label")
    return label, layers.CategoryEncoding(classes, output_mode="one_hot")(layers.Reshape((1,))(label))


def image_of(x, shape, activation, name="image"):
    """A dense layer shaped as an image."""
    x = layers.Reshape(shape)(layers.Dense(shape[0] * shape[1] * shape[2])(x))
    return layers.Activation(activation, dtype="float32", name=name)(x)


def velocity(shape, width, classes=None):
    """v(x, t): `image`, `time` (and `label`) -> [B, H, W, C]."""
    image, time = keras.Input(shape, name="image"), keras.Input((), name="time")
    given = {"image": image, "time": time}
    parts = [layers.Flatten()(image), layers.Dense(width, activation="tanh")(layers.Reshape((1,))(time))]
    if classes:
        given["label"], vector = one_hot(classes)
        parts.append(layers.Dense(width)(vector))
    x = layers.Dense(width, activation="relu")(layers.Concatenate()(parts))
    return keras.Model(given, image_of(x, shape, "linear", "velocity"), name="velocity")


def generator(shape, latent_dim, width, classes=None):
    """`latent` (and `label`) -> image in [-1, 1]."""
    latent = keras.Input((latent_dim,), name="latent")
    given, x = latent, latent
    if classes:
        label, vector = one_hot(classes)
        given, x = {"latent": latent, "label": label}, layers.Concatenate()([latent, vector])
    return keras.Model(given, image_of(layers.Dense(width, activation="relu")(x), shape, "tanh"), name="generator")


def discriminator(shape, width, classes=None, name="discriminator"):
    """`image` -> `logit`; with `classes` a dict of `logit` and `class_logits`."""
    image = keras.Input(shape, name="image")
    x = layers.LeakyReLU(negative_slope=0.2)(layers.Dense(width)(layers.Flatten()(image)))
    logit = layers.Dense(1, dtype="float32", name="logit")(x)
    if not classes:
        return keras.Model(image, logit, name=name)
    return keras.Model(image, {"logit": logit, "class_logits": layers.Dense(classes, dtype="float32")(x)}, name=name)


def translator(shape, width, name):
    """`image` -> image in [-1, 1]."""
    image = keras.Input(shape, name="image")
    x = layers.Conv2D(width, 3, padding="same", activation="relu")(image)
    x = layers.Conv2D(shape[-1], 3, padding="same")(x)
    return keras.Model(image, layers.Activation("tanh", dtype="float32")(x), name=name)


def translation(shape, width):
    """The four networks of a translation between two domains, by name."""
    judges = {name: discriminator(shape, width, name=name) for name in ("of_image", "of_other")}
    return {"forth": translator(shape, width, "forth"), "back": translator(shape, width, "back"), **judges}


def coders(shape, latent_dim, width, classes=None):
    """(encoder of `image`, decoder of `latent`), both with `label` where there are classes; Bernoulli pixels."""
    image, latent = keras.Input(shape, name="image"), keras.Input((latent_dim,), name="latent")
    seen, code, x, y = image, latent, layers.Flatten()(image), latent
    if classes:
        label, vector = one_hot(classes)
        seen, x = {"image": image, "label": label}, layers.Concatenate()([x, vector])
        label, vector = one_hot(classes)
        code, y = {"latent": latent, "label": label}, layers.Concatenate()([y, vector])
    x, y = layers.Dense(width, activation="tanh")(x), layers.Dense(width, activation="tanh")(y)
    heads = {name: layers.Dense(latent_dim, dtype="float32", name=name)(x) for name in ("z_mean", "z_log_var")}
    logits = image_of(y, shape, "linear", "raw")
    outputs = {"image": layers.Activation("sigmoid", dtype="float32", name="image")(logits), "logits": logits}
    return keras.Model(seen, heads, name="encoder"), keras.Model(code, outputs, name="decoder")


def code_coders(latent_dim, width):
    """(encoder, decoder) of codes [B, latent_dim]: means and log variances of a second latent, and of the code."""
    code, second = keras.Input((latent_dim,), name="code"), keras.Input((latent_dim,), name="latent")

    def gaussian(x, inputs, name):
        x = layers.Dense(width, activation="tanh")(x)
        heads = {head: layers.Dense(latent_dim, dtype="float32", name=head)(x) for head in ("mean", "log_var")}
        return keras.Model(inputs, heads, name=name)

    return gaussian(code, code, "second_encoder"), gaussian(second, second, "second_decoder")
