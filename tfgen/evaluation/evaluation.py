"""What is measured of which model, and the file that holds it."""

import dataclasses
import json
import time

import numpy as np

from tfgen import metrics
from tfgen.errors import UserError
from tfgen.evaluation import autoencoders, points
from tfgen.evaluation.cache import Cache
from tfgen.evaluation.classification import classification_accuracy_score
from tfgen.evaluation.pictures import nearest_picture
from tfgen.evaluation.real import RealData, as_side, chosen, gathered
from tfgen.evaluation.samples import CONTROLS, Contest, check_names, controls, score_samples
from tfgen.evaluation.workers import side_of_shards
from tfgen.extractors import default_extractor, load_extractor
from tfgen.metrics.score import around, mean_of, table
from tfgen.storage.atomic import write_text

NUM_SAMPLES = 10_000
DRAWN_AT_ONCE = 250
# Annealed importance sampling. A GAN has no p(x|z): its pixels are taken as N(G(z), sigma^2), Wu et al. 2017.
TEMPERATURES, CHAINS, OBSERVATION_SIGMA, SIMULATED = 1000, 16, 0.1, 20


@dataclasses.dataclass(frozen=True)
class Settings:
    """How an evaluation is made.

    Attributes:
        num: samples, or None: as many as there are held-out images, 10,000 at most; for modes what was published.
        seed: of samples, choices, bootstraps and draws.
        split: the real images that samples are compared with; "test" for final scores only.
        extractor: a name, or None: the data set's.
        metrics: names of sample metrics, or None for all that fit.
        nll_k, nll_images: samples of z for each image in the likelihood bound, and how many held-out images.
        cas: train the two classifiers of the classification accuracy score.
        ais: images for annealed importance sampling, 0 for none.
        controls: score known faults too.
        cache: folder of cached features, or None.
        workers: processes that compute the features of samples in shards. plugins: modules that they import first.
    """

    num: int | None = None
    seed: int = 0
    split: str = "test"
    extractor: str | None = None
    metrics: tuple[str, ...] | None = None
    nll_k: int = 100
    nll_images: int = 500
    cas: bool = False
    ais: int = 0
    controls: bool = True
    cache: str | None = None
    workers: int = 1
    plugins: tuple[str, ...] = ()

    def __post_init__(self):
        check_names(self.metrics)


@dataclasses.dataclass
class Evaluation:
    """Scores by name, what stands behind them, and what known faults score."""

    subject: dict
    scores: dict = dataclasses.field(default_factory=dict)
    details: dict = dataclasses.field(default_factory=dict)
    controls: dict = dataclasses.field(default_factory=dict)
    seconds: dict = dataclasses.field(default_factory=dict)

    def add(self, scores, details=None, seconds=None):
        self.scores |= scores
        self.details |= details or {}
        self.seconds |= seconds or {}

    def to_json(self):
        scores = {name: score.to_json() for name, score in self.scores.items()}
        rest = {"details": self.details, "controls": self.controls, "seconds": self.seconds}
        return {"subject": self.subject, "metrics": scores, **rest}

    def write(self, path):
        """Writes evaluation.json, whole or not at all."""
        write_text(path, json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n")

    def text(self):
        """The scores and the controls, for the terminal."""
        lines = [table(self.scores)]
        if self.controls:
            count = next(iter(self.controls.values()))["count"]
            lines.append(f"\n{count} images in the samples' place:")
            for name, values in self.controls.items():
                shown = (f"{key} {value:.4g}" for key, value in values.items() if key != "count")
                lines.append(f"  {name:<26}" + "  ".join(shown))
        return "\n".join(lines)


def evaluate_samples(images, source, settings, labels=None, *, subject=None, picture=None, say=print):
    """Scores of samples against a data set.

    Args:
        images: uint8 [N, H, W, C]; or points float32 [N, 2], of a mixture.
        source: `tfgen.data.Source`.
        settings: `Settings`.
        labels: the classes that they were asked for, int [N], or None.
        subject: what evaluation.json says of where the samples come from.
        picture: path of a PNG of samples beside their nearest training images, or None.
        say: called with lines of progress.

    Returns:
        `Evaluation`.

    Raises:
        UserError: too few samples, shapes that differ, an unknown metric or extractor.
    """
    evaluation = Evaluation(subject or {})
    if "mixture" in source.provenance:
        evaluation.add(*points.score_points(images, source))
        return evaluation
    check_samples(images, source)
    name = settings.extractor or default_extractor(source.name, source.fields, say)
    extractor = load_extractor(name)
    if source.name == "stacked_mnist":
        evaluation.add(*points.score_stacked(images, source, extractor))
        return evaluation
    say(f"features by {extractor.name}, {len(images)} samples against the {settings.split} split of {source.name}")
    start = time.perf_counter()
    cache = Cache(settings.cache, say)
    real = RealData(source, extractor, cache, settings.split, seed=settings.seed)
    if settings.workers > 1:
        fake = side_of_shards(images, name, settings.workers, settings.plugins)
    else:
        fake = as_side(extractor, images, labels)
    contest = make_contest(fake, real, settings.seed)
    evaluation.seconds["features"] = round(time.perf_counter() - start, 2)
    evaluation.add(*score_samples(contest, settings.metrics, say))
    if settings.controls:
        start = time.perf_counter()
        rows = chosen(len(contest.floor), CONTROLS, settings.seed)
        pictures = real.training_images(len(contest.fake))[0][rows]
        key = {"data": real.fingerprint("train"), "seed": settings.seed, "extractor": extractor.sha256}
        key["of"] = len(contest.fake)
        evaluation.controls = controls(contest, contest.floor.take(rows), extractor, pictures, cache, key)
        evaluation.seconds["controls"] = round(time.perf_counter() - start, 2)
    if picture is not None:
        originals = source.splits["train"]
        evaluation.details["nearest"] = nearest_picture(images, contest.nearest, originals, picture)
    if settings.cas:
        evaluation.add(classification_accuracy_score(images, labels, source, settings.split, settings.seed, say))
    return evaluation


def make_contest(fake, real, seed):
    """The `Contest` of the `Side` of samples with a data set."""
    return Contest(real.reference, fake, real.training(len(fake)), real.training(), real.protocol(), seed)


def evaluate_model(model, source, settings, *, subject=None, picture=None, say=print):
    """Scores of a model: of its samples, if it can sample, and of its encoder and likelihood, if it has them.

    Arguments as in `evaluate_samples`.
    """
    subject = {"model": model.name, "step": int(model.step), "seed": settings.seed, **(subject or {})}
    evaluation = Evaluation(subject)
    if model.can_sample:
        samples, labels = draw(model, number_of_samples(source, settings), settings.seed, say)
        evaluation = evaluate_samples(samples, source, settings, labels, subject=subject, picture=picture, say=say)
    if hasattr(model, "encoder"):
        say("bounds on the likelihood, and reconstructions")
        evaluation.add(*score_encoder(model, source, settings, say))
    if settings.ais:
        evaluation.add(score_annealed(model, source, settings, say))
    return evaluation


def number_of_samples(source, settings):
    if settings.num:
        return settings.num
    if "mixture" in source.provenance:
        return points.POINT_SAMPLES
    if source.name == "stacked_mnist":
        return points.STACKED_SAMPLES
    check_split(source, settings.split)
    return min(NUM_SAMPLES, len(source.splits[settings.split]))


def draw(model, num, seed, say):
    """(samples 0..num-1 of `seed`, their labels int64 [num] or None)."""
    # black and white data are compared with black and white samples, not with gray means
    drawn = getattr(getattr(model, "likelihood", None), "binarize", "none") != "none"
    say(f"sampling {num}{', pixels drawn from p(x|z)' if drawn else ''}")
    labels = model.condition_of(num, None) if model.condition == "label" else None
    return model.sample(num, seed=seed, stochastic=drawn, batch_size=DRAWN_AT_ONCE), labels


def score_encoder(model, source, settings, say):
    """Scores of an autoencoder on held-out images of the split."""
    images, labels, protocol = held_out(source, settings, settings.nll_images)
    scores, details = autoencoders.score_autoencoder(
        model, images, labels, protocol, k=settings.nll_k, seed=settings.seed
    )
    if "factors" in source.fields and hasattr(model, "log_prior"):
        gap = metrics.mig(model, source, settings.split, seed=settings.seed)
        scores["mig"] = mean_of(list(gap["gaps"].values()), protocol={**protocol, "parameters": {"bins": 20}})
        details["mig"] = gap["gaps"]
    return scores, details


def score_annealed(model, source, settings, say):
    """ais_nll: the negative log-likelihood by annealed importance sampling, with the gap on data of the model's own."""
    say(f"annealed importance sampling of {settings.ais} images")
    images, labels, protocol = held_out(source, settings, settings.ais)
    label = labels if model.conditional else None
    exact = hasattr(model, "likelihood") and model.likelihood.exact
    sigma = None if exact else OBSERVATION_SIGMA
    options = {"temperatures": TEMPERATURES, "chains": CHAINS, "seed": settings.seed, "sigma": sigma}
    found = metrics.annealed_importance_sampling(model, images, label=label, **options)
    simulated = metrics.bidirectional_monte_carlo(model, SIMULATED, **options)
    stated = {**protocol, "parameters": {**options, "unit": "nats, an upper bound"}}
    gap = {**stated, "real": {"count": len(simulated.lower), "dataset": "simulated by the model"}}
    return {
        "ais_nll": mean_of(-found.lower, protocol=stated),
        "bdmc_gap": around(simulated.gap, simulated.standard_error, floor=0.0, protocol=gap),
    }


def held_out(source, settings, count):
    """(images, labels, protocol) of `count` held-out images, 0 for all."""
    check_split(source, settings.split)
    examples = source.splits[settings.split]
    rows = chosen(len(examples), count or len(examples), settings.seed)
    images, labels = gathered(examples, rows)
    shape = list(source.fields["image"].shape)
    real = {"dataset": source.name, "split": settings.split, "count": len(rows), "image_shape": shape}
    return images, labels, {"version": 1, "real": real}


def check_split(source, split):
    if split not in source.splits:
        raise UserError(f"{source.name} has no split {split!r}; it has {', '.join(source.splits)}")


def check_samples(images, source):
    """Refuses samples that are no images of the data's shape."""
    shape = tuple(source.fields["image"].shape) if "image" in source.fields else None
    got = np.shape(images)[1:]
    if shape and got != shape:
        raise UserError(
            f"the samples are {'x'.join(map(str, got))}, the images of {source.name} "
            f"{'x'.join(map(str, shape))}; compare them with data of their own shape, or give --image_size"
        )
