"""What is said before the first step and after too few: remarks on a training as a whole.

And the rules that compare a model in training with what it was before its first step, the row of step 0.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras.ops import convert_to_numpy

from tfgen.data.source import Examples
from tfgen.diagnosis.data import FEW, Remark, remarks_on
from tfgen.diagnosis.rules import CALM, Finding, Past, Row, Rule
from tfgen.optimizers.rates import rate_at

if TYPE_CHECKING:
    from tfgen.diagnosis.conditions import ConditionProbe
    from tfgen.training.model import GenerativeModel

NEEDED = 2  # probes in succession by which a condition becomes a finding at the end of a training
LARGE_BATCH = 256
STILL = 1e-4  # of the norm of weights, by which they have changed since the first step
FAR = 0.2  # of the size of weights, by which an update moves them
BY_THE_RATE = (  # optimizers that move each weight by about their learning rate
    keras.optimizers.Adam,
    keras.optimizers.Adamax,
    keras.optimizers.Lion,
    keras.optimizers.Nadam,
    keras.optimizers.RMSprop,
)
PER_EPOCH, ALL = 10, 1000  # updates, below which a large batch leaves too few of them


def remarks_on_model(
    model: "GenerativeModel", train: Examples, conditions: "Sequence[ConditionProbe]" = ()
) -> list[Finding]:
    """Returns the findings of step 0 on the training examples, their conditions and the networks.

    Args:
        model: to be trained.
        train: examples of the training.
        conditions: the probe of the model's conditions, if it has any.
    """
    found = remarks_on_data(model, train)
    for probe in conditions:
        found += probe.remarks()
    return as_findings([*found, *model.remarks])


def remarks_on_data(model: "GenerativeModel", train: Examples) -> list[Remark]:
    """Returns the remarks on the training examples; of two domains, each has a number of pictures of its own."""
    parts = train.parts()
    if len(parts) == 1:
        declared = {**model.fields, **train.fields()}  # of data: a model need not know the number of classes
        return remarks_on(train, {name: declared[name] for name in model.fields}, model.data_field)
    found = []
    for part in parts:
        for name, field in part.fields().items():
            found += [(remark, f"{name}: {sentence}") for remark, sentence in remarks_on(part, {name: field}, name)]
    return found


def remarks_on_length(
    model: "GenerativeModel",
    train: Examples,
    steps_per_epoch: int | None,
    to_come: int | None,
    before: Sequence[Finding] = (),
) -> list[Finding]:
    """Returns the findings of step 0 on the learning rates and the number of updates.

    Args:
        model: to be trained.
        train: examples of the training.
        steps_per_epoch: or None if unknown.
        to_come: number of steps to come, or None if unknown.
        before: the findings of a training that goes on; what they say of its first update stays.
    """
    if to_come is None or steps_per_epoch is None or min(to_come, steps_per_epoch) < 1:
        return []
    found = [("learning_rate", sentence) for sentence in model.complaints(to_come)]
    found += rates_too_high(model) + [(f.name, f.message) for f in before if f.name == "rate_too_high"]
    return as_findings(found + few_updates(len(train), steps_per_epoch, model.parts, int(model.step) + to_come))


def as_findings(remarks: Sequence[Remark]) -> list[Finding]:
    """Returns remarks as findings of step 0, each once."""
    return [Finding(0, name, message) for name, message in dict.fromkeys(remarks)]


def few_updates(examples: int, per_epoch: int, parts: int, total: int) -> list[Remark]:
    """Returns the remark on a batch that is so large that the training has few updates, in a list.

    Args:
        examples: number of training examples.
        per_epoch: steps per epoch.
        parts: batches per step.
        total: steps of the whole training.
    """
    size = examples // per_epoch // parts
    if examples < FEW or size < LARGE_BATCH or per_epoch >= PER_EPOCH or total >= ALL:
        return []
    message = (
        f"few updates: with batches of about {size:,} of {examples:,} images an epoch has {per_epoch} and the training "
        f"{total:,}, where a thousand is little; what usually helps: a smaller batch_size, more epochs"
    )
    return [("few_updates", message)]


def rates_too_high(model: "GenerativeModel") -> list[Remark]:
    """Returns the remarks on networks that move too far with the first update, relative to their weights.

    Adam, and all optimizers that divide a gradient by its size, move every weight by about the learning rate. In
    the recipes that is 0.004 to 0.12 of the root of the mean square of a network's weights.
    """
    remarks: list[Remark] = []
    if int(model.step):
        return remarks
    for phase in model.phases:
        optimizer = model.optimizers.get(phase.optimizer or "")
        rate = rate_at(optimizer, 0) if isinstance(optimizer, BY_THE_RATE) else 0.0
        for name in phase.trains:
            size = root_mean_square([convert_to_numpy(v) for v in model.networks[name].trainable_variables])
            if rate > FAR * size > 0.0:
                remarks.append(("rate_too_high", say_rate_too_high(name, rate, size)))
    return remarks


def root_mean_square(arrays: Sequence[np.ndarray]) -> float:
    """Returns the root of the mean of all squares; 0 without any."""
    count = sum(array.size for array in arrays)
    return math.sqrt(sum(float(np.square(array, dtype=np.float64).sum()) for array in arrays) / count) if count else 0.0


def say_rate_too_high(network: str, rate: float, size: float) -> str:
    """Returns the message of `rates_too_high`."""
    return (
        f"the learning rate of the {network} is too high for its weights: an update moves each by about {rate:.2g}, "
        f"{rate / size:.0%} of their size (root of the mean square {size:.2g}), where 1 to 10% is usual; what usually "
        "helps: a tenth of the rate, or a warmup"
    )


def too_few_steps(rows: int, steps: int, every: int, needed: int = NEEDED) -> list[Finding]:
    """Returns the finding that a training had fewer probes than its rules need, in a list; else none.

    Args:
        rows: number of probes.
        steps: of the whole training.
        every: steps between two probes, about.
        needed: number of probes.
    """
    if rows >= needed:
        return []
    times = "once" if rows == 1 else f"{rows} times"
    message = f"too few steps to judge by: {steps}, measured {times}; a fault shows after about {needed * every}"
    return [Finding(steps, "too_few_steps", message)]


# Rules.


def stands_high(row: Row, past: Past) -> bool:
    """Returns whether the loss stands above that of the untrained model, or halfway back to it from its best.

    In healthy runs the loss of the probes falls, and rises by less than a tenth of what it fell. Only models with a
    single phase have a `loss`.
    """
    start, best = past.start["loss"], past.best("loss")["loss"]
    return row["loss"] > start + 0.02 * abs(start) or row["loss"] - best > 0.5 * (start - best) > 0.0


def say_stands_high(row: Row, past: Past) -> str:
    """Returns the message of `stands_high`."""
    start, best = past.start["loss"], past.best("loss")
    before = f"{start:.4g} before the first step" + (
        f" and {best['loss']:.4g} at step {best['step']:.0f}" if best["loss"] < start else ""
    )
    return f"the loss stands high: it is {row['loss']:.4g}, and was {before}; {CALM}"


def hardly_moving(network: str) -> Rule:
    """Returns the rule for a network whose weights are nearly those it began with.

    In 19 healthy runs the norm of a network's weights had changed by at least 3e-3 of itself at the first probe, and by
    1e-2 at the third; at a rate of 1e-7 by 1e-5 to 9e-5, at one of 1e-8 by 5e-7.
    """

    def change(row: Row, past: Past) -> float:
        start = past.start[f"{network}_weights"]
        return abs(row[f"{network}_weights"] - start) / (start or 1.0)

    def holds(row: Row, past: Past) -> bool:
        return 0.0 < change(row, past) < STILL

    def message(row: Row, past: Past) -> str:
        return (
            f"the {network} hardly changes: after {row['step']:.0f} steps the norm of its weights has moved by "
            f"{change(row, past):.1g} of itself; its learning rate is too small; what usually helps: raise it tenfold, "
            "and again"
        )

    return Rule(f"{network}_hardly_changes", holds, message)


STANDS_HIGH = Rule("loss_stands_high", stands_high, say_stands_high)


def rules_from_start(model: "GenerativeModel") -> tuple[Rule, ...]:
    """Returns the rules that compare a model with what it was before its first step."""
    return (STANDS_HIGH, *map(hardly_moving, model.networks))
