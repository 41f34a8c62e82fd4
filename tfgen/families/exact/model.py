"""ExactModel: training by -log p(x), which is known exactly, and what is measured and said of it."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfgen.diagnosis.rules import Rule
from tfgen.families.exact import charts, probes, rules, scores
from tfgen.metrics.score import HeldOut
from tfgen.training.charts import Chart
from tfgen.training.model import GenerativeModel
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Step


class ExactModel(GenerativeModel):
    """The part of a model that has `log_prob`: one phase that maximises it, probes, rules, charts and scores."""

    default_optimizers = {"density": {"learning_rate": 1e-3}}

    def log_prob(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns log p(x) [B] in nats, of the data of a batch as training sees them."""
        raise NotImplementedError

    @property
    def phases(self) -> list[Phase]:
        """One update of all networks."""
        return [Phase("density", tuple(self.networks), "density", self.density_terms)]

    def density_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns -log p(x), in nats, averaged over examples."""
        return {"nll": -tf.reduce_mean(self.log_prob(batch, step))}

    def probes(self) -> list[Callable]:
        """Returns the probe of held-out likelihood."""
        return [probes.likelihood]

    def rules(self) -> tuple[Rule, ...]:
        """Returns the rules by which a diagnosis judges a likelihood."""
        return rules.RULES

    def charts(self) -> tuple[Chart, ...]:
        """Returns the charts of the training."""
        return charts.CHARTS

    @property
    def score_names(self) -> tuple[str, ...]:
        """Those of the exact likelihood."""
        return scores.NAMES

    def scores(self, held_out: HeldOut, settings: Any) -> tuple[dict, dict]:
        """Returns the negative log-likelihood, and of images the bits per dimension."""
        return scores.exact_scores(self, held_out, settings)
