"""Charts of adversarial training."""

from typing import Any

from tfgen.training.charts import Chart

PROPORTION: dict[str, Any] = {"low": 0.0, "high": 1.0}
HALF = {**PROPORTION, "mark": (0.5, "equilibrium")}

CHARTS = (
    Chart(
        "Equilibrium",
        {"real_score": "D(x), training images", "held_out_score": "D(x), held-out images", "fake_score": "D(G(z))"},
        axis=HALF,
        note="On fixed images and samples of the trained weights; all are 1/2 at the equilibrium.",
    ),
    Chart(
        "Outputs of the critic",
        {"real_output": "training images", "held_out_output": "held-out images", "fake_output": "samples"},
        note="Means on fixed images and samples of the trained weights; only their differences have a meaning.",
    ),
    Chart(
        "Losses, mean of each epoch",
        {"discriminator_loss": "discriminator", "generator_loss": "generator"},
        file="history",
    ),
    Chart(
        "Answers of the discriminator, mean of each epoch",
        {"real_score": "D(x), training images", "fake_score": "D(G(z))"},
        file="history",
        axis=HALF,
    ),
    Chart(
        "Outputs of the critic, mean of each epoch",
        {"real_output": "training images", "fake_output": "samples"},
        file="history",
    ),
    Chart(
        "Share that the discriminator judges right",
        {"train_accuracy": "training images", "held_out_accuracy": "held-out images", "fake_accuracy": "samples"},
        axis=PROPORTION,
    ),
    Chart(
        "Diversity of samples, relative to real images",
        {
            "diversity": "all pairs",
            "nearest_diversity": "nearest pairs",
            "trained_diversity": "all pairs, trained weights",
            "trained_nearest_diversity": "nearest pairs, trained weights",
        },
        axis={"low": 0.0},
        note="Samples are of the averaged weights, where an average is kept.",
    ),
    Chart(
        "Pairs of a real image and a sample that the discriminator ranks right",
        {"train_separation": "training images", "held_out_separation": "held-out images"},
        axis=HALF,
    ),
    Chart(
        "Pairs ranked right after a training against the generator as it stands",
        {
            "continued_separation": "the discriminator itself",
            "fresh_separation": "a fresh one",
            "dense_separation": "a small dense network",
        },
        axis=HALF,
        note="Tried where the discriminator has been at chance for several measurements.",
    ),
    Chart("Consecutive measurements at chance", {"probes_at_chance": "discriminator"}, axis={"low": 0.0}),
    Chart("Mean of |D - 1/2|", {"equilibrium_distance": "held-out images and samples"}, axis={"low": 0.0, "high": 0.5}),
    Chart("Slope of the generator's loss in the discriminator's output", {"generator_slope": "samples"}),
    Chart(
        "Energy distance of samples from real images",
        {"energy_distance": "samples", "trained_energy_distance": "samples of the trained weights"},
        axis={"low": 0.0},
    ),
    Chart(
        "Share of values at the ends of the range, or outside",
        {"saturation": "samples", "real_saturation": "training images", "out_of_range": "samples, outside"},
        axis=PROPORTION,
    ),
)

CLASSES = (
    Chart(
        "Share that the classifier gives its label",
        {
            "train_class_accuracy": "training images",
            "held_out_class_accuracy": "held-out images",
            "fake_class_accuracy": "samples, the label asked for",
        },
        axis=PROPORTION,
    ),
)
