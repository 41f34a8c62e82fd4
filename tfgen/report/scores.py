"""evaluation.json as tables: scores with intervals, floors and protocols, and controls."""

import math
from typing import Any, TypeGuard

from tfgen.evaluation.stored import is_number
from tfgen.metrics.score import other_floor
from tfgen.report.charts import bar_chart, short
from tfgen.report.evidence import Evidence
from tfgen.report.markup import Markup, element, joined, paragraph, table

LOWER, HIGHER = "lower is better", "higher is better"
# Metric -> (title, which direction is better).
METRICS: dict[str, tuple[str, str | None]] = {
    "fd": ("Fréchet distance (FD)", LOWER),
    "fd_infinity": ("FD for infinitely many samples", LOWER),
    "kid": ("Kernel distance (KID)", LOWER),
    "clipped_precision": ("Precision, clipped: samples that look real", HIGHER),
    "clipped_recall": ("Recall, clipped: real images within reach", HIGHER),
    "precision": ("Precision of 2019, by any neighbour", HIGHER),
    "recall": ("Recall of 2019, by any neighbour", HIGHER),
    "density": ("Density", HIGHER),
    "coverage": ("Coverage", HIGHER),
    "inception_score": ("Inception-style score", HIGHER),
    "smallest_class": ("Share of the rarest class", None),
    "authenticity": ("Authenticity: samples that are no copies", HIGHER),
    "fd_train": ("FD to the training images", None),
    "label_agreement": ("Samples classified as asked for", HIGHER),
    "caption_agreement": ("Samples that show all that their captions ask for", HIGHER),
    "caption_agreement_class": ("... the class", HIGHER),
    "caption_agreement_light": ("... dark or light", HIGHER),
    "caption_agreement_large": ("... small or large", HIGHER),
    "caption_agreement_right": ("... left or right", HIGHER),
    "caption_agreement_low": ("... top or bottom", HIGHER),
    "fd_per_class": ("FD within a class, mean", LOWER),
    "classification_accuracy_score": ("Classification accuracy score", HIGHER),
    "test_accuracy": ("Test accuracy of its classifier", HIGHER),
    "supervised_accuracy": ("Test accuracy of a network trained on the labelled images alone", HIGHER),
    "modes": ("Modes found", HIGHER),
    "high_quality": ("Samples within 3 sigma of a mode", HIGHER),
    "mode_kl": ("KL of the modes' shares, nats", LOWER),
    "nll": ("-log p(x), upper bound, nats", LOWER),
    "elbo": ("ELBO, nats", HIGHER),
    "reconstruction": ("Reconstruction term, nats", None),
    "cross_entropy": ("Cross-entropy of the pixels, nats", LOWER),
    "kl": ("KL(q(z|x) || p(z)), nats", None),
    "bits_per_dimension": ("Bits per dimension", LOWER),
    "reconstruction_error": ("Squared error of reconstructions", LOWER),
    "reconstruction_fd": ("FD of reconstructions", LOWER),
    "peak_signal_to_noise": ("Peak signal-to-noise ratio (PSNR), dB", HIGHER),
    "structural_similarity": ("Structural similarity (SSIM)", HIGHER),
    "multiscale_structural_similarity": ("Multi-scale SSIM", HIGHER),
    "mean_absolute_error": ("Mean absolute error of pixels", LOWER),
    "hole_error": ("Mean absolute error of filled holes", LOWER),
    "forth_cycle_error": ("Mean absolute error from A to B to A", LOWER),
    "back_cycle_error": ("Mean absolute error from B to A to B", LOWER),
    "translated_class": ("Translations seen in domain B", HIGHER),
    "translated_back_class": ("Translations back seen in domain A", HIGHER),
    "active_units": ("Latents in use", None),
    "mig": ("Mutual information gap (MIG)", HIGHER),
}


def called(name: str, scores: dict) -> str:
    """Returns the metric's title. An FD is an FID only with features of the Inception graph of 2015."""
    title, _ = METRICS.get(name, (name, None))
    extractor = (scores.get(name, {}).get("protocol") or {}).get("extractor")
    is_fid = isinstance(extractor, dict) and extractor.get("is_fid") is True
    return title.replace("Fréchet distance (FD)", "Fréchet Inception distance (FID)") if is_fid else title


def heading(name: str, scores: dict) -> Markup:
    """Returns the first cell of a metric's row."""
    good = METRICS.get(name, (name, None))[1]
    return joined(called(name, scores), element("small", name, f", {good}" if good else ""))


def score_table(scores: dict) -> Markup:
    """Returns a table with one row per score: the value above its interval, and the score of real images."""
    rows = [[heading(name, scores), figure_of(score), floor_cell(score)] for name, score in scores.items()]
    return table(["metric", "this run, 95 % interval", "real images"], rows, class_="figures")


def figure_of(score: dict | None, *more: Markup | None) -> Markup | str:
    """Returns the cell of a value with its interval, and `more`, below; a dash without a score."""
    if not score:
        return "–"
    return element("td", element("b", number(score["value"])), element("small", interval(score)), *more)


def floor_cell(score: dict) -> Markup | str:
    """Returns the cell of a score's floor, with what it is of where that is not real images."""
    shown, other = number(score["floor"]), other_floor(score["protocol"])
    return element("td", shown, element("small", other)) if other and score["floor"] is not None else shown


def interval(score: dict) -> str:
    """Returns the interval as text, blank without one."""
    known = score["low"] is not None and score["high"] is not None
    return f"{number(score['low'])} … {number(score['high'])}" if known else ""


def number(value: float | None) -> str:
    """Returns a value as text; a dash for None."""
    if value is None:
        return "–"
    value = float(value)
    return f"{value:.4g}" if abs(value) < 1e4 or not math.isfinite(value) else f"{value:.6g}"


def setting(scores: dict) -> Markup | None:
    """Returns a sentence on the data and the extractor of most scores, or None if no protocol names them."""
    for score in scores.values():
        protocol = score["protocol"]
        real, extractor, fake = (protocol.get(name) for name in ("real", "extractor", "fake"))
        if not all(isinstance(part, dict) for part in (real, extractor, fake)):
            continue
        accuracy = extractor.get("accuracy")
        known = f" (test accuracy {100 * accuracy:.2f} %)" if is_number(accuracy) else ""
        return paragraph(
            f"{fake.get('count')} samples against {real.get('count')} images of the {real.get('split')} split of "
            f"{real.get('dataset')}, by features of {extractor.get('name')} version {extractor.get('version')}{known}. "
            "“Real images” is what as many training images score in the samples' place: as good as it gets."
        )
    return None


def findings(evidence: Evidence) -> Markup | None:
    """Returns what the evaluation found of samples that repeat real images or each other, or None without anything."""
    said = evidence.evaluation["findings"] if evidence.evaluation else []
    items = [element("li", sentence) for sentence in said]
    lead = paragraph("The scores mean little here:", class_="warning")
    return joined(lead, element("ul", items, class_="findings")) if said else None


def remarks(evidence: Evidence) -> Markup | None:
    """Returns what the evaluation says of scores that mean little or are left out, or None if it says nothing."""
    found = [evidence.detail(name) for name in ("warnings", "notes")]
    said = [str(sentence) for part in found if isinstance(part, list) for sentence in part]
    return joined(*(paragraph(sentence, class_="note") for sentence in said)) if said else None


def protocol_tables(scores: dict) -> Markup:
    """Returns two tables: the part of the protocol that all scores share, and the part of each score."""
    each = {name: flat(score["protocol"]) for name, score in scores.items()}
    first = next(iter(each.values()))
    shared = {key: value for key, value in first.items() if all(key in p and p[key] == value for p in each.values())}
    rows = [[key, text(value)] for key, value in shared.items()]
    common = table(["of all figures", ""], rows, "Protocol of all figures", class_="plain") if rows else None
    own = [
        [name, "; ".join(f"{key} {text(value)}" for key, value in protocol.items() if key not in shared)]
        for name, protocol in each.items()
    ]
    return joined(common, table(["of one", ""], own, "What each figure adds to it", class_="plain"))


def flat(values: dict, prefix: str = "") -> dict:
    """Returns nested plain values as one dict, `{"real.count": 2000}`."""
    pairs: dict[str, Any] = {}
    for key, value in values.items():
        pairs |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return pairs


def text(value: object) -> str:
    """Returns a plain value as readable text."""
    if isinstance(value, list):
        return " × ".join(map(text, value)) if all(map(is_number, value)) else ", ".join(map(text, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return str(value)


def control_ladder(controls: dict, scores: dict) -> Markup | None:
    """Returns a table of the scores of known faults, this run's samples among them, best first."""
    found = dict.fromkeys(name for values in controls.values() for name in values)
    names = [name for name in found if name in METRICS]
    if not names:
        return None
    own = {name: scores[name]["value"] for name in names if name in scores}
    ladder = list(controls.items())
    ladder.append((element("th", element("b", "this run"), scope="row"), own))
    ladder.sort(key=lambda rung: rank(rung[1].get(names[0])))
    rows = [[title, *(number(values.get(name)) for name in names)] for title, values in ladder]
    said = "Real images, and real images with a known fault, in the samples' place: a ladder to judge a figure by."
    counts = sorted({number(values["count"]) for values in controls.values() if "count" in values})
    many = f" {' or '.join(counts)} images on each rung." if counts else ""
    return joined(element("h3", "Controls"), paragraph(said + many), table(["in the samples' place", *names], rows))


def floor_table(evidence: Evidence) -> Markup | None:
    """Returns a table of what the sources themselves score in the place of their translations, or None without any."""
    floors = evidence.detail("floors")
    if not isinstance(floors, dict) or not all(isinstance(values, dict) and values for values in floors.values()):
        return None
    names = [name for name in next(iter(floors.values()), {}) if name in METRICS]
    rows = [[title, *(number(values.get(name)) for name in names)] for title, values in floors.items()]
    said = "The source itself, or its enlargement, in the translation's place: what a translation has to beat."
    return joined(element("h3", "Floors"), paragraph(said), table(["in the place", *names], rows)) if names else None


def rank(value: float | None) -> float:
    """Returns the sorting key of a value; None comes last."""
    return math.inf if value is None else value


def class_charts(evidence: Evidence) -> list[Markup]:
    """Returns bar charts per class or mode: proportions, FD, counts."""
    charts = []
    histogram = evidence.detail("class_histogram")
    histogram = histogram if isinstance(histogram, dict) else {}
    shares, real = histogram.get("samples"), histogram.get("real")
    # an older evaluation may have counted the classes of a classifier of other data
    if numbers_in(shares) and evidence.num_classes in (None, len(shares)):
        groups = {"samples": shares}
        if numbers_in(real) and len(real) == len(shares):
            groups["real images"] = real
        names = [evidence.class_name(i) for i in range(len(shares))]
        charts.append(bar_chart("Classes, as the classifier sees them", names, groups, percent=True))
    by_class = evidence.detail("fd_per_class")
    if isinstance(by_class, dict) and numbers_in(list(by_class.values())):
        names = [evidence.class_name(int(key)) if key.isdecimal() else key for key in by_class]
        charts.append(bar_chart("FD within each class", names, {"FD": list(by_class.values())}))
    counts = evidence.detail("mode_counts")
    if numbers_in(counts) and len(counts) <= 100:
        names = [f"mode {i + 1}" for i in range(len(counts))]
        charts.append(bar_chart("Samples at each mode", names, {"samples": counts}))
    return charts


def numbers_in(values: object) -> TypeGuard[list[float]]:
    """Returns whether a value from JSON is a list of one or more numbers."""
    return isinstance(values, list) and bool(values) and all(map(is_number, values))


def best_and_last(evidence: Evidence) -> Markup | None:
    """Returns a table of the best and the last value of each score measured during training; None without any."""
    rows = []
    for file, columns in (("history.csv", evidence.history), ("diagnosis.csv", evidence.diagnosis)):
        for name in ("fd", "kid"):
            known = [(y, x) for x, y in zip(columns.get("step", []), columns.get(name, [])) if math.isfinite(y)]
            if known:
                (best, at), (last, end) = min(known), known[-1]
                rows.append(
                    [
                        joined(called(name, {}), element("small", file)),
                        *(f"{number(v)} (step {short(s)})" for v, s in ((best, at), (last, end))),
                    ]
                )
    if not rows:
        return None
    head = ["on held-out images, while training", "best", "last"]
    return joined(element("h3", "Best and last"), table(head, rows))
