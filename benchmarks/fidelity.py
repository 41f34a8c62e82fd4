"""docs/fidelity.md: networks and settings as published and as here, read off the models that the builders make.

    python -m benchmarks.fidelity            # writes the page
    python -m benchmarks.fidelity --check    # exit code 1 if the page is not that of the builders

A property whose value here is not the published one needs a reason in `benchmarks/fidelity_cards/`, and one that is
equal may not have any: `deviations` raises otherwise.
"""

import argparse
import itertools
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from benchmarks.fidelity_cards import CARDS, Card
from tfgen import likelihoods, losses, models, priors
from tfgen.data.source import Field
from tfgen.networks.spectral import SpectralNormalization
from tfgen.recipes.recipe import Recipe, load_recipe
from tfgen.recipes.spelling import spell

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "fidelity.md"
SHAPE, CLASSES = (28, 28, 1), 10  # of the default recipes' data
SHAPES = (
    "InputLayer Reshape Flatten Concatenate Cropping2D ZeroPadding2D Identity Permute RepeatVector".split()
)  # change nothing else
CONVOLUTIONS = {"Conv2D": "conv", "Conv2DTranspose": "up", "DepthwiseConv2D": "depthwise"}
LAYERS = {  # kind -> its word, and the setting that follows it
    "LeakyReLU": ("leaky relu", "negative_slope"),
    "Dropout": ("dropout", "rate"),
    "GaussianNoise": ("noise", "stddev"),
    "UpSampling2D": ("x2", "interpolation"),
    "AveragePooling2D": ("mean of 2x2", None),
    "MaxPooling2D": ("max of 2x2", None),
    "GlobalAveragePooling2D": ("mean of all places", None),
    "Rescaling": ("times", "scale"),
    "BatchNormalization": ("bn", None),
    "GroupNormalization": ("in", None),
    "LayerNormalization": ("ln", None),
    "ReLU": ("relu", None),
}
HEAD = """# Fidelity

Each model as its paper has it, beside the recipe with the paper's settings (`--config=NAME_paper`) and the default
recipe. The last two columns are read off the networks that the builders make (`python -m benchmarks.fidelity`), and a
test compares this page with them. Rows with an asterisk differ from the paper; the reason stands below the table. The
default recipes are sized for two CPU cores; their files in `configs/` say why each setting is what it is.

A network is written from input to output: `1200 relu` is a dense layer, `conv 5x5/2 128` a convolution with stride 2
and 128 channels, `up 5x5/2 64` a transposed one, `max of 5` the largest of every 5 numbers, `x2` an enlargement of
maps; `300, 300 sigmoid, multiply` is a gated layer, the product of a linear map and of the sigmoid of another; `bn`,
`in` and `ln` are normalisation over the batch, of each map and of each layer, `gn 4` of 4 groups of maps,
`sn` before a layer is spectral normalisation of its kernel. `3 x (...)` is a sequence of layers three times. Layers of
two branches alternate.
Weights and formulas that are 0 or none have no row.
"""


def build(recipe: Recipe, shape: tuple[int, ...], classes: int = CLASSES) -> keras.Model:
    """Returns the model of a recipe for images of a shape, with class labels."""
    fields = {"image": Field("image", shape), "label": Field("label", range=(0, classes))}
    return models.build_from_recipe(recipe, fields)


def properties(recipe: Recipe, model: keras.Model) -> dict[str, str]:
    """Returns what a card states of a model, name -> text."""
    found = {name: network_text(network) for name, network in model.networks.items()}
    found["parameters"] = ", ".join(f"{name} {net.count_params():,}" for name, net in model.networks.items())
    found |= settings(model)
    found["initialisation"] = ", ".join(dict.fromkeys(initializers(model)))
    gains = dict.fromkeys(initializers(model, "gamma_initializer"))
    found["gain of normalisation"] = ", ".join(gains) or "none"
    found["optimizer"] = "; ".join(dict.fromkeys(optimizer_texts(model)))
    found["schedule"] = schedule_text(recipe.schedule)
    found["batch size"] = str(recipe.batch_size)
    if "discriminator" in model.networks:
        found["updates of D per update of G"] = str(model.parts)
    found["average of the weights"] = "none" if model.ema is None else setting_text(model.ema)
    return found


def settings(model: keras.Model) -> dict[str, str]:
    """Returns what a model was constructed with besides networks, name -> text; what is off is left out."""
    elsewhere = {*model.networks, "discriminator_steps", "ema", "fields", "name", "seed"}
    prior = getattr(model, "prior", None)  # of a class that has no other
    found = {"prior": "none" if prior is None else setting_text(prior)}
    for name, value in model.get_config().items():
        networks = isinstance(value, list) and any(isinstance(item, dict) for item in value)
        if name not in elsewhere and not networks and value not in (None, False, 0, "none", "auto"):
            made = keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
            found[name.replace("_", " ")] = setting_text(made)
    return found


def setting_text(value: object) -> str:
    """Returns a value that a model was constructed with in words: -1 to 1, least_squares, uniform(-1, 1)."""
    if isinstance(value, losses.Loss):
        return next((name for name, known in vars(losses).items() if known == value), spell(value))
    if isinstance(value, (list, tuple)):
        ranged = all(isinstance(item, float) for item in value)
        return (" to " if ranged else ", ").join(map(setting_text, value))
    if isinstance(value, priors.Prior | likelihoods.Likelihood):
        return value_text(value)
    return f"{value:g}" if isinstance(value, float) else spell(value)


def network_text(network: keras.Model) -> str:
    """Returns the layers of a network in words, those that only reshape left out."""
    return ", ".join(folded([text for text in map(layer_text, network.layers) if text]))


def folded(texts: list[str], longest: int = 24) -> list[str]:
    """Returns texts, of which several that follow each other again and again are given once: `3 x (a, b)`."""
    best = (0, 0, 0, 1)  # texts that are saved, the earliest start among the best, size, times
    for start, size in itertools.product(range(len(texts)), range(2, longest + 1)):
        block, times = texts[start : start + size], 1
        while texts[start + times * size : start + (times + 1) * size] == block:
            times += 1
        best = max(best, ((times - 1) * size, -start, size, times))
    saved, start, size, times = best[0], -best[1], *best[2:]
    if not saved:
        return texts
    before, after = texts[:start], texts[start + size * times :]
    return [*folded(before), f"{times} x ({', '.join(texts[start : start + size])})", *folded(after)]


def layer_text(layer: keras.Layer) -> str:
    """Returns a layer in words, or "" for one that changes shapes alone."""
    if isinstance(layer, keras.Model):  # a network within another
        return network_text(layer)
    if isinstance(layer, SpectralNormalization):
        return f"sn {layer_text(layer.layer)}"
    kind, config = type(layer).__name__, layer.get_config()
    if kind in SHAPES:
        return ""
    after = activation_text(config.get("activation"))
    if kind == "Dense":
        return f"{layer.units}{after}"
    if kind in CONVOLUTIONS:
        size, stride = layer.kernel_size, layer.strides[0]
        channels = f" {layer.filters}" if hasattr(layer, "filters") else ""
        return f"{CONVOLUTIONS[kind]} {size[0]}x{size[1]}{f'/{stride}' if stride > 1 else ''}{channels}{after}"
    if kind == "Activation":
        return after.strip()
    if kind == "GlobalMaxPooling1D":
        return f"max of {layer.input.shape[1]}"
    if kind == "GroupNormalization" and layer.groups not in (-1, layer.input.shape[-1]):
        return f"gn {layer.groups}"
    if kind == "Embedding":
        fixed = not layer.trainable and layer.input_dim == layer.output_dim
        return f"{'one-hot' if fixed else 'embedding'} {layer.output_dim}"
    name, setting = LAYERS.get(kind, (kind.lower(), None))
    value = config[setting] if setting else None
    return name + ("" if value is None else f" {value if isinstance(value, str) else f'{value:g}'}")


def activation_text(name: object) -> str:
    """Returns " relu", or "" for no activation."""
    return "" if name in (None, "linear") else f" {name}" if isinstance(name, str) else " own"


def initializers(model: keras.Model, kind: str = "kernel_initializer") -> list[str]:
    """Returns the initializers of all kernels, or of another `kind`, in words."""
    layers = [layer for network in model.networks.values() for layer in network.layers]
    layers = [getattr(layer, "layer", layer) for layer in layers]  # within a wrapper
    return [initializer_text(getattr(layer, kind)) for layer in layers if getattr(layer, kind, None) is not None]


def initializer_text(initializer: keras.Initializer) -> str:
    """Returns an initializer in words."""
    config = initializer.get_config()
    if "stddev" in config:
        return f"N({config['mean']:g}, {config['stddev']:g}^2)"
    if "minval" in config:
        return f"U({config['minval']:g}, {config['maxval']:g})"
    if config.get("distribution") == "untruncated_normal" and config["mode"] == "fan_in":
        return f"N(0, {config['scale']:g} / inputs)"
    return type(initializer).__name__


def optimizer_texts(model: keras.Model) -> list[str]:
    """Returns the optimizers in words, with their names where they differ."""
    texts = {name: optimizer_text(optimizer) for name, optimizer in model.optimizers.items()}
    one = len(set(texts.values())) == 1
    return [text if one else f"{name}: {text}" for name, text in texts.items()]


def optimizer_text(optimizer: keras.optimizers.Optimizer) -> str:
    """Returns an optimizer in words."""
    config, kind = optimizer.get_config(), type(optimizer).__name__
    name = {"FusedAdam": "Adam", "RampedSGD": "SGD"}.get(kind, kind)
    parts = [f"{name} {config['learning_rate']:.6g}"]
    parts += [f"{key} {config[key]:g}" for key in ("beta_1", "beta_2") if key in config]
    if config.get("momentum"):
        more = f" to {config['final_momentum']:g} in {config['momentum_steps']:,} steps"
        parts.append(f"momentum {config['momentum']:g}" + (more if config.get("final_momentum") else ""))
    return ", ".join(parts)


def schedule_text(schedule: object) -> str:
    """Returns a recipe's schedule of the learning rate in words."""
    if not isinstance(schedule, dict):
        return str(schedule or "constant")
    if schedule["name"] == "stages":
        parts = [f"{schedule[key][0]:.4g} to {schedule[key][-1]:.4g}" for key in ("epochs", "factors")]
        return f"{len(schedule['epochs'])} stages of {parts[0]} epochs at {parts[1]} of the rate"
    rest = ", ".join(f"{key} {value:.10g}" for key, value in schedule.items() if key != "name")
    return f"{schedule['name']}, {rest}"


def value_text(value: object) -> str:
    """Returns a prior or a likelihood in words: uniform(-1, 1)."""
    fields = [getattr(value, name) for name in getattr(value, "__dataclass_fields__", {})]
    inside = ", ".join(f"{part:g}" if isinstance(part, (int, float)) else str(part) for part in fields)
    return type(value).__name__.lower() + (f"({inside})" if inside else "")


def deviations(card: Card, here: dict[str, str]) -> list[str]:
    """Returns the names of the properties whose value here is not the published one.

    Raises:
        ValueError: one of them has no reason, or a reason belongs to none of them.
    """
    differing = [name for name, text in card.published.items() if here.get(name) != text]
    for name in differing:
        if name not in card.reasons:
            raise ValueError(f"{card.model}: {name} is {here.get(name)!r}, published {card.published[name]!r}: say why")
    for name in card.reasons:
        if name in card.published and name not in differing:
            raise ValueError(f"{card.model}: {name} is as published, and has a reason for a deviation")
    return differing


def section(card: Card) -> str:
    """Returns the part of the page on one model."""
    recipes = {f"`{card.model}_paper`": (load_recipe(f"{card.model}_paper"), card.shape)}
    recipes[f"`{card.model}`"] = load_recipe(card.model), SHAPE
    columns = {name: properties(recipe, build(recipe, shape)) for name, (recipe, shape) in recipes.items()}
    paper = next(iter(columns.values()))
    differing = deviations(card, paper)
    names = list(dict.fromkeys([*paper, *(name for column in columns.values() for name in column)]))
    lines = [f"## {card.model}", "", f"{card.source}. {card.data}", ""]
    lines += [f"| | published | {' | '.join(columns)} |", "|---|---|---|---|"]
    for name in names:
        cells = [card.published.get(name, "not stated"), *(column.get(name, "none") for column in columns.values())]
        mark = " *" if name in differing else ""
        lines.append(f"| {name}{mark} | {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    lines.append("")
    lines += [f"* {name}: {reason}" for name, reason in card.reasons.items()] or ["No deviation that is known."]
    return "\n".join([*lines, ""])


def page(cards: tuple[Card, ...] = CARDS) -> str:
    """Returns the whole page."""
    return "\n".join([HEAD, *map(section, cards)])


def main() -> int:
    """Writes the page, or compares it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    made = page()
    if parser.parse_args().check:
        return int(PAGE.read_text(encoding="utf-8") != made)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
