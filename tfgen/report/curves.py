"""Which charts the columns of history.csv and diagnosis.csv make."""

import dataclasses
import math

from tfgen.report.charts import Series, line_chart

NAMES = {
    "real_score": "D(x), training images",
    "held_out_score": "D(x), held-out images",
    "fake_score": "D(G(z))",
    "discriminator_loss": "discriminator",
    "generator_loss": "generator",
    "loss": "training images",
    "held_out_loss": "held-out images",
    "kl": "KL(q(z|x) || p(z))",
    "reconstruction": "reconstruction",
    "cross_entropy": "cross-entropy",
    "train_accuracy": "training images",
    "held_out_accuracy": "held-out images",
    "fake_accuracy": "samples",
    "diversity": "all pairs",
    "nearest_diversity": "nearest pairs",
    "generator_gradient": "generator",
    "discriminator_gradient": "discriminator",
    "encoder_gradient": "encoder",
    "decoder_gradient": "decoder",
    "generator_weights": "generator",
    "discriminator_weights": "discriminator",
    "encoder_weights": "encoder",
    "decoder_weights": "decoder",
    "active_units": "in use",
    "latents": "there are",
    "kl_latent_median": "median latent",
    "kl_latent_max": "busiest latent",
}


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart of some columns of one file, drawn where any of them is there."""

    title: str
    columns: tuple
    axis: dict = dataclasses.field(default_factory=dict)


HALF = {"low": 0.0, "high": 1.0, "mark": (0.5, "equilibrium")}
SHARE = {"low": 0.0, "high": 1.0}
HISTORY = (
    Chart("Losses, mean of each epoch", ("discriminator_loss", "generator_loss")),
    Chart("Negative ELBO in parts, mean of each epoch", ("reconstruction", "cross_entropy", "kl")),
)
DIAGNOSIS = (
    Chart("Loss on training and on held-out images", ("loss", "held_out_loss")),
    Chart("Share that the discriminator judges right", ("train_accuracy", "held_out_accuracy", "fake_accuracy"), SHARE),
    Chart("Diversity of samples, relative to real images", ("diversity", "nearest_diversity"), {"low": 0.0}),
    Chart("Energy distance of samples from real images", ("energy_distance",), {"low": 0.0}),
    Chart("Variance of pixels that reconstructions explain", ("explained",), {"high": 1.0}),
    Chart("Latents", ("active_units", "latents"), {"low": 0.0}),
    Chart("KL of single latents, nats", ("kl_latent_median", "kl_latent_max"), {"low": 0.0}),
    Chart(
        "Gradient norms",
        ("generator_gradient", "discriminator_gradient", "encoder_gradient", "decoder_gradient"),
        {"log": True},
    ),
    Chart(
        "Weight norms",
        ("generator_weights", "discriminator_weights", "encoder_weights", "decoder_weights"),
        {"log": True},
    ),
)
SCORES = ("real_score", "held_out_score", "fake_score")
# Drawn elsewhere, or of no interest by themselves.
APART = {"step", "epoch", *SCORES, "equilibrium_distance", "train_separation", "held_out_separation", "fresh_accuracy"}


def series(columns, names, said=NAMES.get):
    """`Series` over the steps of those columns that are there."""
    return [Series(said(name) or name, columns["step"], columns[name]) for name in names if name in columns]


def equilibrium(evidence):
    """D(x) and D(G(z)) with the line at 1/2, by probe where there are probes, else by epoch; None without them."""
    probes, history = evidence.diagnosis, evidence.history
    columns = probes if "fake_score" in probes else history
    if "fake_score" not in columns:
        return None
    note = f"{'On fixed images' if columns is probes else 'Mean of each epoch'}; both are 1/2 at the equilibrium."
    if columns is probes and "equilibrium_distance" not in probes:
        note = "With this loss D's output is no log-odds: only the distance of the lines means something."
    return line_chart("Equilibrium", series(columns, SCORES), note=note, **HALF)


def history_charts(evidence):
    """Charts of history.csv, every column in one of them."""
    columns = evidence.history
    if "loss" in columns and not {"reconstruction", "cross_entropy"} & columns.keys():
        first = [Chart("Loss, mean of each epoch", ("loss",))]
    else:
        first = [Chart("Negative ELBO, mean of each epoch", ("loss",))]
    charts = [*first, *HISTORY]
    known = {name for chart in charts for name in chart.columns} | APART
    charts += [Chart(f"{name}, mean of each epoch", (name,)) for name in columns if name not in known]
    return drawn(columns, charts)


def diagnosis_charts(evidence):
    """Charts of diagnosis.csv."""
    columns = evidence.diagnosis
    known = {name for chart in DIAGNOSIS for name in chart.columns} | APART
    # the losses and the KL of the probes repeat what the history shows
    known |= {"discriminator_loss", "generator_loss", "kl"} & evidence.history.keys()
    others = [name for name in columns if name not in known and not name.endswith("_error")]
    return drawn(columns, [*DIAGNOSIS, *(Chart(name, (name,)) for name in others)])


def drawn(columns, charts):
    made = (line_chart(chart.title, series(columns, chart.columns), **chart.axis) for chart in charts)
    return [chart for chart in made if chart]


def overlaid(evidences):
    """A chart for each column that two runs or more have, a line a run."""
    charts = []
    for file in ("history", "diagnosis"):
        tables = [(evidence.name, getattr(evidence, file)) for evidence in evidences]
        names = dict.fromkeys(name for _, columns in tables for name in columns)
        taken = APART - set(SCORES) | {"latents"}
        taken |= {name for evidence in evidences for name in evidence.history} if file == "diagnosis" else set()
        for name in names:
            lines = [Series(run, columns["step"], columns[name]) for run, columns in tables if name in columns]
            shown = [line for line in lines if any(map(math.isfinite, line.y))]
            if name not in taken and not name.endswith(("_error", "_weights")) and len(shown) > 1:
                charts.append(line_chart(titled(name), lines, log=name.endswith("_gradient"), **scale(name)))
    return charts


def titled(name):
    """The title of a chart of one column."""
    return f"{name}: {NAMES[name]}" if name in SCORES else name.replace("_", " ")


def scale(name):
    if name in SCORES:
        return HALF
    return SHARE if name.endswith("_accuracy") else {}
