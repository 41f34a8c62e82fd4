"""Rules for every model: divergence, by losses, gradients and weights alone, and networks that stand still."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from tfgen.diagnosis.rules import CALM, Finding, Past, Row, Rule
from tfgen.training.phases import Phase, Stages

DIVERGED = "diverged"
ABOVE = 1000.0  # by which a loss in a game of several exceeds its best: the losses of healthy games stay far below


def loss_column(phase: Phase, phases: Sequence[Phase]) -> str:
    """Returns the name of a phase's loss in the rows of a diagnosis."""
    return "loss" if len(phases) == 1 else f"{phase.name}_loss"


def training_columns(phases: Sequence[Phase], networks: Iterable[str]) -> tuple[list[str], list[str]]:
    """Returns the columns by which divergence is judged: (losses and gradients, weights).

    No measurement of a family or a plugin is among them: what has no value there says nothing on the training.
    """
    gradients, weights = ([f"{name}_{what}" for name in networks] for what in ("gradient", "weights"))
    return [*(loss_column(phase, phases) for phase in phases), *gradients], weights


def divergence(phases: Sequence[Phase], networks: Iterable[str], stages: Stages = ()) -> tuple[Rule, ...]:
    """Returns the rules on the divergence of a model with these phases, networks and stages."""
    alone = {names[0] for names, _ in stages if len(names) == 1} if stages else {p.name for p in phases[:1]}
    minimised = alone if stages or len(phases) == 1 else set()
    risen = (loss_has_risen(loss_column(phase, phases), phase.name in minimised) for phase in phases)
    return (not_finite(*training_columns(phases, networks)), *risen)


def bad_of(row: Row, names: Iterable[str]) -> list[str]:
    """Returns which of the measurements `names` a row has, but not as finite numbers."""
    return [name for name in names if name in row and not math.isfinite(row[name])]


def not_finite(losses: Sequence[str], weights: Sequence[str]) -> Rule:
    """Returns the rule that losses, gradients or weights are NaN or infinite.

    Args:
        losses: columns of losses and gradients.
        weights: columns of the norms of weights. A network whose weights are not finite shows nothing else.
    """

    def message(row: Row, past: Past) -> str:
        bad = bad_of(row, [*losses, *weights])
        silent = ", so that no other finding is looked for" if bad_of(row, weights) else ""
        return f"{DIVERGED}: {', '.join(bad[:3])} {'is' if len(bad) == 1 else 'are'} no longer finite{silent}; {CALM}"

    holds = lambda row, past: bool(bad_of(row, [*losses, *weights]))  # noqa: E731
    return Rule(DIVERGED, holds, message, patience=1, ends=lambda row, past: bool(bad_of(row, weights)))


def said_of_bad_step(step: int) -> Finding:
    """Returns the finding that the loss of a step was not finite, whatever the next row shows."""
    silent = "no other finding is looked for where the weights are not finite either"
    return Finding(step, DIVERGED, f"{DIVERGED}: the loss of step {step} is not finite; {silent}; {CALM}")


def loss_has_risen(loss: str, minimised: bool) -> Rule:
    """Returns the rule that a loss exceeds its best by more than it ever fell and by more than its first value.

    Args:
        loss: its column.
        minimised: whether its phase trains alone. In a game the progress of one network raises the loss of another, by
            tens of nats or outputs: there it has to exceed its best by `ABOVE` as well.
    """

    def holds(row: Row, past: Past) -> bool:
        best, first = past.lowest(loss)[loss], past.start[loss]
        if not math.isfinite(first):  # it was not seen
            first = past.first[loss] if past.first and math.isfinite(past.first[loss]) else best
        return math.isfinite(row[loss]) and row[loss] - best > max(
            abs(first), first - best, 0.0 if minimised else ABOVE
        )

    def message(row: Row, past: Past) -> str:
        best = past.lowest(loss)
        return f"{DIVERGED}: {loss} is {row[loss]:.4g}, and was {best[loss]:.4g} at step {best['step']:.0f}; {CALM}"

    return Rule(DIVERGED, holds, message, patience=2)


def standing_still(network: str, at_rest: Callable[[Row], bool] = lambda row: False) -> Rule:
    """Returns the rule for a network in training whose weights do not change from probe to probe.

    Args:
        network: its name.
        at_rest: whether a schedule has brought it to rest by the step of a row, as cosines do at their end.
    """

    def holds(row: Row, past: Past) -> bool:
        column = f"{network}_weights"
        now = row[column]
        still = past.previous is not None and abs(now - past.previous[column]) <= 1e-7 * abs(now)
        return still and not at_rest(row)

    def message(row: Row, past: Past) -> str:
        return (
            f"the {network} does not change: its weights are those of the last probe; its learning rate is too "
            f"small, or its gradient (norm {row[f'{network}_gradient']:.2g}) vanishes; what usually helps: raise its "
            "learning rate"
        )

    return Rule(f"{network}_stands_still", holds, message, patience=2)


def dead_units(network: str) -> Rule:
    """Returns the rule for a network of which a part of the weights receives a gradient of exactly 0."""
    column = f"{network}_dead"

    def message(row: Row, past: Past) -> str:
        return (
            f"dead units in the {network}: the gradient of {row[column]:.0%} of its kernels is exactly 0: "
            "ReLUs that give 0 for every image, saturated activations, or a loss that is flat; what usually helps: a "
            "lower learning rate, leaky_relu, smaller initial weights, or to train anew with another seed"
        )

    return Rule(f"{network}_dead_units", lambda row, past: row[column] > 0.2, message)


def meaningful(row: Mapping[str, float], judged: Iterable[str]) -> dict[str, float]:
    """Returns a row without the measurements that are not finite, but for those `judged` of divergence."""
    kept = set(judged)
    return {name: value for name, value in row.items() if name in kept or math.isfinite(value)}
