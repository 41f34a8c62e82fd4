"""Data sets and models that are rigged, as a plugin: `--plugin=benchmarks.rigged_parts`.

The data sets are made from the embedded Fashion-MNIST images, with a fixed seed. The models are networks of a user's
own, in `AdversarialModel` and `VariationalModel`, with one fault each.
"""

from typing import Any, Literal

import keras
import numpy as np
from keras import layers

import tfgen
from tfgen import likelihoods, losses
from tfgen.networks import make_condition

Fault = Literal["none", "dead", "range", "deaf", "unconditional", "unbounded", "loud", "identity"]
DEAD = -10.0  # bias of ReLU layers that no image and no latent lifts above 0


# Data.


def garments(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Returns images uint8 [count, 28, 28, 1] and their labels int64 [count], in a fixed random order."""
    train = tfgen.load_dataset("fashion_mnist_mini").splits["train"]
    rows = train.gather(np.random.default_rng(0).permutation(len(train))[:count])
    return rows["image"], rows["label"]


def black() -> dict[str, np.ndarray]:
    """80 % black images among garments"""
    images, labels = garments()
    images[np.random.default_rng(1).uniform(size=len(images)) < 0.8] = 0
    return {"x_train": images, "y_train": labels}


def oversampled() -> dict[str, np.ndarray]:
    """4,000 images, of which 60 are different"""
    images, labels = garments(60)
    rows = np.random.default_rng(1).integers(0, len(images), 4000)
    return {"x_train": images[rows], "y_train": labels[rows]}


def masks() -> dict[str, np.ndarray]:
    """rectangles in black and white, 40 different ones"""
    generator = np.random.default_rng(1)
    kinds = np.zeros((40, 28, 28, 1), np.uint8)
    for kind in kinds:
        top, left = generator.integers(2, 14, 2)
        height, width = generator.integers(6, 13, 2)
        kind[top : top + height, left : left + width] = 255
    labels = generator.integers(0, len(kinds), 4000)
    return {"x_train": kinds[labels], "y_train": labels % 10}


def constant() -> dict[str, np.ndarray]:
    """4,000 times the same image"""
    images, _ = garments(1)
    return {"x_train": np.repeat(images, 4000, axis=0)}


def shuffled() -> dict[str, np.ndarray]:
    """garments whose labels are in a random order"""
    images, labels = garments(8000)
    return {"x_train": images, "y_train": np.random.default_rng(1).permutation(labels)}


def twice_divided() -> dict[str, np.ndarray]:
    """garments whose pixels were divided by 255 twice: float32 from 0 to 1 / 255"""
    images, labels = garments()
    return {"x_train": np.float32(images) / 255**2, "y_train": labels}


def zeros_and_ones() -> dict[str, np.ndarray]:
    """masks of garments, uint8 0 or 1"""
    images, labels = garments()
    return {"x_train": np.uint8(images > 64), "y_train": labels}


def flat() -> dict[str, np.ndarray]:
    """images of one shade of gray each, 200 of them"""
    shades = np.random.default_rng(1).integers(28, 228, 4000).astype(np.uint8)
    return {"x_train": np.broadcast_to(shades[:, None, None, None], (4000, 28, 28, 1)).copy()}


def dim() -> dict[str, np.ndarray]:
    """garments of pixels between 0 and 5: nearly black"""
    images, labels = garments()
    return {"x_train": images // 51, "y_train": labels}


def washed_out() -> dict[str, np.ndarray]:
    """garments between 205 and 247: nearly white"""
    images, labels = garments()
    return {"x_train": (205 + images // 6).astype(np.uint8), "y_train": labels}


def sixteen() -> dict[str, np.ndarray]:
    """16 garments, each once"""
    images, _ = garments(16)
    return {"x_train": images}


def two_hundred() -> dict[str, np.ndarray]:
    """200 garments, and as many more that are not trained on"""
    images, labels = garments(400)
    return {"x_train": images[:200], "y_train": labels[:200], "x_valid": images[200:], "y_valid": labels[200:]}


def noise() -> dict[str, np.ndarray]:
    """64 images of independent pixels, 16x16, and 128 that are not trained on"""
    images = np.random.default_rng(1).integers(0, 256, (192, 16, 16, 1), dtype=np.uint8)
    return {"x_train": images[:64], "x_valid": images[64:]}


def unbalanced() -> dict[str, np.ndarray]:
    """garments, of one class only 10"""
    images, labels = garments(8000)
    rows = np.concatenate([np.flatnonzero(labels != 7), np.flatnonzero(labels == 7)[:10]])
    return {"x_train": images[rows], "y_train": labels[rows]}


def missing() -> dict[str, np.ndarray]:
    """garments, of one class only test images"""
    images, labels = garments(8000)
    there = labels != 7
    return {"x_train": images[there], "y_train": labels[there], "x_test": images[~there], "y_test": labels[~there]}


def tinted() -> dict[str, np.ndarray]:
    """garments in colours, uint8 [N, 28, 28, 3]"""
    images, labels = garments(8000)
    tints = np.random.default_rng(1).uniform(0.3, 1.0, (len(images), 1, 1, 3))
    return {"x_train": np.uint8(np.round(images * tints)), "y_train": labels}


MADE = (black, oversampled, masks, constant, shuffled, twice_divided, zeros_and_ones, flat, dim, washed_out, sixteen)
MADE += (two_hundred, noise, unbalanced, missing, tinted)
for function in MADE:
    tfgen.register_dataset(f"rigged_{function.__name__}")(function)


# Models.


def hidden(x: Any, width: int, bias: float = 0.0, activation: str = "relu") -> Any:
    """Returns a dense layer whose biases start at `bias`."""
    return layers.Dense(width, activation=activation, bias_initializer=keras.initializers.Constant(bias))(x)


def given(latent: Any, condition: Any, fault: Fault) -> tuple[Any, Any]:
    """Returns the inputs of a network that makes images, and its first layer: with a fault, one that ignores some."""
    x = latent * 0.0 if fault == "deaf" else latent
    if condition is None:
        return latent, x
    vector = condition.vector * 0.0 if fault == "unconditional" else condition.vector
    return {"latent": latent, condition.input.name: condition.input}, layers.Concatenate()([x, vector])


@tfgen.register_model("own_gan")
def own_gan(
    fields: dict[str, tfgen.Field],
    *,
    conditional: bool = False,
    fault: Fault = "none",
    judge_fault: Fault = "none",
    loss: losses.Loss = losses.hinge,
    penalty: tfgen.penalties.Penalty | None = None,
    latent_dim: int = 16,
    width: int = 128,
    judge_width: int = 128,
    steps_of_judge: int = 1,
    generator_rate: float = 2e-4,
    discriminator_rate: float = 2e-4,
    momentum: float = 0.5,
    seed: int = 0,
) -> tfgen.AdversarialModel:
    """GAN of dense networks of one's own."""
    shape = fields["image"].shape
    keras.utils.set_random_seed(seed)

    def condition() -> Any:
        return make_condition("label", fields["label"]) if conditional else None

    latent = keras.Input((latent_dim,), name="latent")
    inputs, x = given(latent, condition(), fault)
    if fault != "identity":
        x = hidden(hidden(x, width), width, DEAD if fault == "dead" else 0.0)
    start = "identity" if fault == "identity" else "glorot_uniform"
    x = x * 3000.0 if fault == "loud" else x
    x = layers.Reshape(shape)(layers.Dense(int(np.prod(shape)), kernel_initializer=start)(x))
    output = {"range": "sigmoid", "unbounded": "linear", "identity": "linear"}.get(fault, "tanh")  # of [-1, 1]
    x = x * 20.0 if fault == "unbounded" else x
    generator = keras.Model(inputs, layers.Activation(output, dtype="float32")(x), name="generator")

    image, seen = keras.Input(shape, name="image"), condition()
    y = layers.Flatten()(image)
    y = y if seen is None else layers.Concatenate()([y, seen.vector])
    sure = judge_fault == "loud"
    y = hidden(y, judge_width, DEAD if judge_fault == "dead" else 0.0, "linear" if sure else "relu")
    judged = image if seen is None else {"image": image, "label": seen.input}
    ending = "sigmoid" if judge_fault == "range" else None  # of a model whose losses take logits
    y = y * 1000.0 if sure else y
    discriminator = keras.Model(judged, layers.Dense(1, ending, dtype="float32")(y), name="discriminator")

    names = ("image", "label") if conditional else ("image",)
    model = tfgen.AdversarialModel(
        generator,
        discriminator,
        latent_dim=latent_dim,
        loss=loss,
        penalty=penalty,
        discriminator_steps=steps_of_judge,
        seed=seed,
        fields={name: fields[name] for name in names},
    )
    model.compile(*(keras.optimizers.Adam(rate, beta_1=momentum) for rate in (generator_rate, discriminator_rate)))
    return model


@tfgen.register_model("own_vae")
def own_vae(
    fields: dict[str, tfgen.Field],
    *,
    conditional: bool = True,
    fault: Fault = "none",
    beta: float = 1.0,
    latent_dim: int = 8,
    width: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> tfgen.VariationalModel:
    """VAE of dense networks of one's own, by default under a class label (Sohn et al. 2015)."""
    shape, likelihood = fields["image"].shape, likelihoods.bernoulli()
    keras.utils.set_random_seed(seed)

    def condition() -> Any:
        return make_condition("label", fields["label"]) if conditional else None

    image, seen = keras.Input(shape, name="image"), condition()
    x = layers.Flatten()(image)
    x = x if seen is None else layers.Concatenate()([x, seen.vector])
    x = hidden(x, width, DEAD if fault == "dead" else 0.0)
    heads = {name: layers.Dense(latent_dim, dtype="float32", name=name)(x) for name in ("z_mean", "z_log_var")}
    judged = image if seen is None else {"image": image, "label": seen.input}
    encoder = keras.Model(judged, heads, name="encoder")

    latent = keras.Input((latent_dim,), name="latent")
    inputs, y = given(latent, condition(), fault)
    y = hidden(y, width)
    decoder = keras.Model(
        inputs,
        likelihood.heads(lambda name: layers.Reshape(shape)(layers.Dense(int(np.prod(shape)), name=f"raw_{name}")(y))),
        name="decoder",
    )
    names = ("image", "label") if conditional else ("image",)
    model = tfgen.VariationalModel(
        encoder,
        decoder,
        likelihood=likelihood,
        objective=tfgen.objectives.elbo(beta),
        seed=seed,
        fields={name: fields[name] for name in names},
    )
    model.compile(keras.optimizers.Adam(learning_rate))
    return model
