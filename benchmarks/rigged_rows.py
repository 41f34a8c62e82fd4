"""The trainings of `benchmarks.rigged`: what is rigged, with the findings that name it, and what is healthy."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

PLUGIN = "benchmarks.rigged_parts"
REFUSED = "refused"  # in the place of a finding: the training is refused, with a sentence
FLAGS = ("batch_size", "seed")  # the others of `row` are options of the model


@dataclasses.dataclass(frozen=True)
class Row:
    """One training.

    Attributes:
        name: of the row, and of its folder.
        kind: what is rigged, or "healthy".
        flags: of `tfgen.run`.
        options: of the model, for `--set`.
        expected: names of findings, of which at least one has to appear; none in a healthy training.
    """

    name: str
    kind: str
    flags: Mapping[str, Any]
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    expected: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The model's name."""
        return self.flags["model"]

    @property
    def data(self) -> str:
        """The data set's name, without the place of its files."""
        if self.kind == "healthy":
            return self.name.split("-")[2]
        return self.flags.get("dataset", "fashion_mnist_mini").removeprefix("rigged_")

    def arguments(self) -> list[str]:
        """Returns the arguments of `python -m tfgen.run`, without the folder."""
        flags = [f"--{name}={value}" for name, value in self.flags.items()]
        options = [f"--set={name}={value}" for name, value in self.options.items()]
        rigged = self.model.startswith("own_") or self.flags.get("dataset", "").startswith("rigged_")
        return [*flags, *options, *([f"--plugin={PLUGIN}"] if rigged else [])]

    def wrong(self, names: list[str]) -> str:
        """Returns what is wrong with the names of the findings of this row; "" where nothing is."""
        if not self.expected:
            return "false alarm" if names else ""
        if not set(names) & set(self.expected):
            return f"not named, expected {' or '.join(self.expected)}"
        return "called diverged" if "diverged" in set(names) - set(self.expected) else ""


POINTS = ("ring",)  # data sets of points in the plane
SIDE = 16  # pixels per side of rigged rows
# Networks so small that a training takes seconds: what a fault does to them it does to large ones.
SMALL: dict[str, dict[str, Any]] = {
    "gan": {"units": "128,128", "maxout_units": "64,64"},
    "dcgan": {"width": 8, "full_size": "false"},
    "cgan": {"width": 8, "projection": 32},
    "vae": {"width": 8},
    "ae": {"width": 8},
}


def row(kind: str, model: str, expected: str, steps: int = 330, data: str = "", **given: Any) -> Row:
    """Returns a rigged row; `expected` are names with blanks between them."""
    flags: dict[str, Any] = {"model": model, "steps": steps}
    if data:
        flags["dataset"] = data if data in POINTS else f"rigged_{data}"
    if data not in POINTS:
        flags["image_size"] = SIDE
    flags |= {name: value for name, value in given.items() if name in FLAGS}
    options = {**SMALL.get(model, {}), **{name: value for name, value in given.items() if name not in FLAGS}}
    options = {name: value for name, value in options.items() if value is not None}
    told = [str(given[name]) for name in ("batch_size", "loss") if name in given]
    told += ["conditional" if given["conditional"] == "true" else "unconditional"] if "conditional" in given else []
    name = "-".join([re.sub(r"[^a-z0-9.]+", "_", kind.lower().replace("'s", "")), model, *told])
    return Row(name, kind, flags, options, tuple(expected.split()))


def rates(model: str, generator: float | None = None, discriminator: float | None = None) -> dict[str, float]:
    """Returns the options of the learning rates that are given, under the model's own names."""
    ending = "rate" if model == "own_gan" else "learning_rate"
    both = {f"generator_{ending}": generator, f"discriminator_{ending}": discriminator}
    return {name: value for name, value in both.items() if value is not None}


def of_data() -> Iterator[Row]:
    """Rows on images that repeat, are dark or of a wrong range, are few, and on labels that say nothing."""
    for model in ("dcgan", "vae"):
        yield row("80 % black images", model, "nearly_black", data="black")
    for model in ("gan", "vae"):
        yield row("60 images, oversampled", model, "duplicates", data="oversampled")
    for model in ("dcgan", "own_vae"):
        yield row("40 masks", model, "duplicates", data="masks")
    for model in ("gan", "vae"):
        yield row("one image", model, "duplicates", data="constant")
    for model in ("gan", "vae"):
        yield row("images of one colour", model, "nearly_constant", data="flat")
    for model in ("dcgan", "vae"):
        yield row("pixels of 0 to 5", model, "nearly_black", data="dim")
    for model in ("gan", "own_vae"):
        yield row("pixels divided by 255 twice", model, "nearly_black refused", data="twice_divided")
    for model in ("dcgan", "ae"):
        yield row("pixels of 0 and 1", model, REFUSED, data="zeros_and_ones")
    for model in ("gan", "ae"):
        yield row("pixels of 205 to 247", model, "narrow_range", data="washed_out")
    for model in ("dcgan", "vae"):
        yield row("16 images", model, "few_images", data="sixteen", batch_size=8, steps=40)
    for model, conditional in (("cgan", {}), ("own_gan", {"conditional": "true"}), ("own_vae", {})):
        yield row("shuffled labels", model, "condition_ignored uninformative_condition", data="shuffled", **conditional)
    for model in ("cgan", "own_vae"):
        yield row("a class of few images", model, "unbalanced_classes", data="unbalanced")
        yield row("a class without images", model, "missing_classes refused", data="missing")


def of_length() -> Iterator[Row]:
    """Rows on huge batches and very few steps."""
    for model in ("gan", "vae"):
        yield row("huge batch", model, "few_updates", batch_size=4096, steps=8)
    for model in ("gan", "vae"):
        yield row("20 steps", model, "too_few_steps", steps=20)


def of_discriminators() -> Iterator[Row]:
    """Rows on discriminators that are blind, too small, too fast, or know their images by heart."""
    blind = "discriminator_blind discriminator_does_not_learn"
    for model in ("gan", "dcgan"):
        for batch_size in (16, 256):
            slow = rates(model, discriminator=1e-7)
            yield row(
                "discriminator's rate of 1e-7",
                model,
                f"discriminator_hardly_changes {blind}",
                batch_size=batch_size,
                steps=600,
                **slow,
            )
            yield row("instance noise of 30", model, blind, batch_size=batch_size, instance_noise=30.0, steps=600)
        yield row("dropout of 0.98", model, blind, dropout=0.98, steps=600)
        yield row(
            "minimax loss, fast discriminator", model, "generator_saturated", loss="minimax", **rates(model, 2e-5, 2e-3)
        )
    for model in ("gan", "dcgan"):
        yield row("discriminator 50 times as fast", model, "discriminator_won", **rates(model, 4e-5, 2e-3))
    for model, one in (("gan", {"maxout_units": "1", "dropout": 0.0}), ("own_gan", {"judge_width": 1})):
        small = f"discriminator_narrow {blind}"
        yield row("discriminator of one unit", model, small, loss="non_saturating", steps=900, **one)
        yield row(
            "discriminator of one unit, sure",
            model,
            "discriminator_narrow rate_too_high discriminator_sure_and_wrong",
            **{"loss": "non_saturating", **one},
            **rates(model, discriminator=2e-2),
        )
    for loss in ("minimax", "non_saturating"):
        sure = "discriminator_narrow discriminator_sure_and_wrong"
        loud: dict[str, Any] = {"judge_width": 1, "judge_fault": "loud", "steps": 600}
        yield row("discriminator of one unit, always sure", "own_gan", sure, loss=loss, **loud)
    few: dict[str, Any] = {"data": "two_hundred", "steps": 1200, "batch_size": 16}
    learned = {"dropout": 0.0, "maxout_units": "240,240", **rates("gan", discriminator=1e-3)}
    yield row("200 images", "gan", "discriminator_overfits", **few, **learned)
    learned = {"judge_width": 512, "loss": "non_saturating", **rates("own_gan", discriminator=1e-3)}
    yield row("200 images", "own_gan", "discriminator_overfits", **few, **learned)
    learned = {"fault": "identity", "latent_dim": SIDE**2, "batch_size": 16, **rates("own_gan", 1e-12, 1e-3)}
    for loss in ("hinge", "non_saturating"):
        yield row("64 images of noise", "own_gan", "discriminator_overfits", data="noise", loss=loss, **learned)
    for loss in ("hinge", "non_saturating"):
        yield row(
            "dead units in the discriminator",
            "own_gan",
            "discriminator_dead_units",
            judge_fault="dead",
            loss=loss,
            steps=600,
        )
        yield row("discriminator ends in a sigmoid", "own_gan", "bounded_logits", judge_fault="range", loss=loss)


def of_generators() -> Iterator[Row]:
    """Rows on generators that collapse, oscillate, or ignore their latents or their condition."""
    for loss in ("hinge", "non_saturating"):
        yield row("latents are not read", "own_gan", "generator_collapsed", fault="deaf", loss=loss)
        yield row("dead units in the generator", "own_gan", "generator_dead_units", fault="dead", loss=loss)
        yield row("generator of another range", "own_gan", "other_range", fault="range", loss=loss)
        yield row("generator beyond the range", "own_gan", "samples_out_of_range", fault="unbounded", loss=loss)
        yield row("generator saturated at its start", "own_gan", "samples_saturated", fault="loud", loss=loss)
    for model in ("gan", "dcgan"):
        yield row("latents without variance", model, "generator_collapsed", prior="uniform(0.5,0.500001)")
    for model in ("gan", "own_gan"):
        yield row("generator much too fast", model, "generator_collapsed samples_saturated", **rates(model, 5e-2, 1e-4))
    swinging: dict[str, Any] = {"batch_size": 8, "steps": 1500, "beta_1": 0.9}
    yield row("oscillation", "dcgan", "game_oscillates", **swinging, **rates("dcgan", 3e-3, 3e-4))
    yield row("oscillation", "gan", "game_oscillates", **swinging, **rates("gan", 3e-3, 3e-4))
    points = {"maxout_units": "16", "units": "64,64", "dropout": 0.0, "latent_dim": 16, "learning_rate": 1e-3}
    yield row("oscillation", "gan", "game_oscillates", data="ring", batch_size=64, steps=3000, beta_1=0.9, **points)
    for model, conditional in (("own_gan", {"conditional": "true"}), ("own_vae", {})):
        yield row("network without its condition", model, "condition_ignored", fault="unconditional", **conditional)


def of_rates() -> Iterator[Row]:
    """Rows on learning rates that are 0, too small or too high, blow-ups before the first probe included."""
    for model in ("gan", "dcgan"):
        for network in ("generator", "discriminator"):
            expected = f"{network}_stands_still learning_rate"
            yield row(f"{network}'s rate of 0", model, expected, **rates(model, **{network: 0.0}))
        yield row("rates of 0.5", model, "diverged samples_saturated discriminator_won", **rates(model, 0.5, 0.5))
    for model in ("vae", "ae"):
        hardly = "encoder_hardly_changes decoder_hardly_changes reconstructs_the_mean"
        yield row("rate of 1e-8", model, hardly, learning_rate=1e-8)
        yield row("blow-up before the first probe", model, "diverged loss_stands_high", learning_rate=30.0)
    for model in ("vae", "own_vae"):
        yield row("rate of 0.3", model, "diverged loss_stands_high", learning_rate=0.3)
    for model, loss in (("own_gan", "wasserstein"), ("own_gan", "hinge"), ("gan", "wasserstein")):
        expected = "rate_too_high diverged discriminator_won samples_saturated"
        yield row("critic without a constraint", model, expected, loss=loss, **rates(model, 2e-2, 2e-2))


def of_autoencoders() -> Iterator[Row]:
    """Rows on the weight of the KL divergence, on numbers of latents and of images."""
    for model in ("vae", "own_vae"):
        yield row("beta of 50", model, "posterior_collapse", beta=50.0)
        yield row("beta of 1e-4", model, "far_from_prior no_noise", beta=1e-4, steps=600)
        yield row("beta of 0", model, "kl_without_weight no_noise far_from_prior", beta=0.0, steps=600)
        yield row("128 latents", model, "unused_latents latents_too_many", latent_dim=128, steps=600)
        yield row("one latent", model, "latents_too_few", latent_dim=1, data="tinted", steps=600)
        yield row("200 images", model, "overfits", data="two_hundred", steps=1200, batch_size=16, learning_rate=3e-3)
    alone = "conditional"
    yield row("one latent", "own_vae", "latents_too_few", latent_dim=1, data="tinted", steps=600, **{alone: "false"})
    dense = {"network": "dense", "units": "512", "width": None}
    for model, wide in (("vae", dense), ("own_vae", {alone: "false", "width": 512})):
        given = {"batch_size": 16, "steps": 900, "beta": 0.02, "learning_rate": 3e-3, **wide}
        yield row("64 images of noise", model, "overfits", data="noise", **given)
    for conditional in ("true", "false"):
        expected = "posterior_collapse"
        yield row("dead units in the encoder", "own_vae", expected, fault="dead", conditional=conditional)


def rigged() -> list[Row]:
    """Returns the rigged rows."""
    parts = (of_data, of_length, of_discriminators, of_generators, of_rates, of_autoencoders)
    return [found for part in parts for found in part()]


ALL, ONE = (0, 1, 2), (0,)
SEEDS = {  # data set -> model -> seeds
    "tinted": {"dcgan": ALL, "vae": ALL, "gan": ONE, "cgan": ONE},
    "mnist": {"cgan": ALL, "dcgan": ONE, "vae": ONE, "gan": ONE, "ae": ONE},
    "cifar10": {"vae": ALL, "dcgan": ONE, "cgan": ONE, "ae": ONE, "gan": ONE},
    "shapes": {"dcgan": ONE, "vae": ONE},
    "fashion_mnist_mini": {"dcgan": ALL, "vae": ALL, "cgan": ONE, "gan": ONE, "ae": ONE, "own_vae": (1,)},
}
SHORT = {
    "dcgan": 900,
    "cgan": 1200,
    "gan": 3000,
    "vae": 1000,
    "own_vae": 2000,
    "ae": 800,
}  # steps, a third of the recipes' or more


def healthy(mnist: str | None = None, cifar10: str | None = None) -> list[Row]:
    """Returns the healthy rows, the short ones first; those on MNIST and CIFAR-10 need the places of their files.

    Args:
        mnist: folder of the IDX files.
        cifar10: .npz with x_train, y_train, x_test, y_test.
    """
    places: dict[str, dict[str, Any] | None] = {
        "tinted": {"dataset": "rigged_tinted"},
        "mnist": None if mnist is None else {"dataset": "mnist", "data_dir": mnist},
        "cifar10": None if cifar10 is None else {"dataset": f"npz:{cifar10}"},
        "shapes": {"dataset": "shapes"},
        "fashion_mnist_mini": {},
    }
    rows = []
    for data, flags in places.items():
        for model, seeds in SEEDS[data].items() if flags is not None else ():
            for seed in seeds:
                whole = data == "fashion_mnist_mini" and seed == 0
                given = {"model": model, **(flags or {}), **({} if whole else {"steps": SHORT[model]}), "seed": seed}
                rows.append(Row(f"healthy-{model}-{data}-{seed}", "healthy", given))
    return sorted(rows, key=lambda row: (row.flags.get("steps", 10**6), row.flags["seed"]))
