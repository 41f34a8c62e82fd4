"""Phases: the updates of which a training step consists, and when each of them runs."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from tfgen.errors import UserError, nearest
from tfgen.recipes import fields

if TYPE_CHECKING:
    from tfgen.training.step import Fields, Step

# (names of phases, steps or None) of each stage
Stages = tuple[tuple[tuple[str, ...], int | None], ...]


@dataclasses.dataclass(frozen=True)
class Phase:
    """One update within a training step.

    Attributes:
        name: of its logs and noise streams.
        trains: names of the networks that it changes; all others are held fixed, batch statistics included. A phase
            that trains nothing only measures, or assigns states of the model.
        optimizer: name of the optimizer of these networks; None where it trains nothing.
        terms: `terms(batch, step) -> dict[str, scalar]`, whose sum is minimised and whose items are logged.
        steps: updates per step, each on another part of the batch.
        begins: first step in which it runs, counted from 0; None: the first of all.
        ends: step before which it runs for the last time; None: it runs to the end.
        every: it runs only in steps that `every` divides.
        split: "train", or "validation" for batches of held-out examples.
        partial: whether its terms need not depend on all weights that it trains; the others have a gradient of 0.

    Raises:
        UserError: terms are missing, `split` is unknown, a count is below 1, or networks have no optimizer.
    """

    name: str
    trains: tuple[str, ...] = ()
    optimizer: str | None = None
    terms: "Callable[[Fields, Step], Fields]" = cast(Any, None)  # required: only so can it follow optional ones
    steps: int = 1
    begins: int | None = None
    ends: int | None = None
    every: int = 1
    split: str = "train"
    partial: bool = False

    def __post_init__(self) -> None:
        if self.terms is None:
            raise UserError(f"the phase {self.name!r} needs terms(batch, step)")
        if self.split not in ("train", "validation"):
            raise UserError(f"the split of the phase {self.name!r} is train or validation, got {self.split!r}")
        if self.steps < 1 or self.every < 1:
            raise UserError(f"steps and every of the phase {self.name!r} must be at least 1")
        if self.trains and self.optimizer is None:
            raise UserError(f"the phase {self.name!r} trains {', '.join(self.trains)}, but names no optimizer")

    def checked(self, terms: Any) -> dict:
        """Returns what `terms(batch, step)` gave.

        Raises:
            UserError: they are not name -> scalar. A loss per example would train on its sum without a word.
        """
        if not isinstance(terms, dict) or (self.trains and not terms):
            got = "none" if isinstance(terms, dict) else type(terms).__name__
            raise UserError(f"the terms of the phase {self.name!r} must be a dict name -> scalar, got {got}")
        for name, value in terms.items():
            check_scalar(f"the term {name!r} of the phase {self.name!r}", value)
        return terms

    @property
    def always(self) -> bool:
        """Whether it runs in every step."""
        return self.begins is None and self.ends is None and self.every == 1

    def runs_at(self, step: int) -> bool:
        """Returns whether it runs in step number `step`, counted from 0."""
        return step % self.every == 0 and step >= (self.begins or 0) and (self.ends is None or step < self.ends)

    def count(self, first: int, end: int) -> int:
        """Returns in how many of the steps first, ..., end - 1 it runs."""
        low, high = max(first, self.begins or 0), end if self.ends is None else min(end, self.ends)
        # multiples of `every` in [low, high): ceil(high / every) - ceil(low / every)
        return max(0, -(-high // self.every) + -low // self.every)


def check_scalar(what: str, value: Any) -> None:
    """Raises UserError for None, and where a tensor is known to have axes."""
    if value is None:
        raise UserError(f"{what} must be a scalar, got None: its function has to return it")
    shape = getattr(value, "shape", ())
    if getattr(shape, "rank", 0) is not None and len(shape):  # the rank of some tensors is known when they run alone
        raise UserError(f"{what} must be a scalar, got shape {tuple(shape)}: reduce it, as with tf.reduce_mean")


def check_names(phases: Sequence[Phase], networks: Sequence[str], optimizers: Sequence[str], model: str) -> None:
    """Raises UserError where a phase names no network or optimizer of the model, or two phases share a name."""
    called = [phase.name for phase in phases]
    for name in called:
        if called.count(name) > 1:
            raise UserError(f"two phases of {model} are called {name!r}: they would share noise and logs")
    for phase in phases:
        named = [("network", name, networks) for name in phase.trains]
        named += [("optimizer", phase.optimizer, optimizers)] if phase.optimizer else []
        for kind, name, known in named:
            if name not in known:
                hint = nearest(name, known) or f"; it has {', '.join(known) or 'none'}"
                raise UserError(f"the phase {phase.name!r} of {model} names the {kind} {name!r}{hint}")


def parse_stages(stages: str | Iterable[tuple[Iterable[str], int | None]] | None) -> Stages:
    """Returns ((phase names), steps or None) of each stage.

    The last stage goes on to the end of training, whatever its steps.

    Args:
        stages: a text such as "autoencoder:1000,flow", in which + joins the names of phases of one stage; or pairs
            (phase names, steps); or None, for no stages.

    Raises:
        UserError: it is of another form.
    """
    if stages is None:
        return ()
    if isinstance(stages, str):
        return fields.parse_stages(stages)
    try:
        parsed: Stages = tuple((tuple(names), None if steps is None else int(steps)) for names, steps in stages)
    except (TypeError, ValueError):
        parsed = ()
    if not parsed or any(steps is None for _, steps in parsed[:-1]) or any(s is not None and s < 1 for _, s in parsed):
        raise UserError(f"stages are phases with their steps, such as autoencoder:1000,flow, got {stages!r}")
    return parsed


def check_stages(stages: Stages, phases: Sequence[Phase], model: str) -> None:
    """Raises UserError for a stage that names a phase which `model` does not have."""
    known = [phase.name for phase in phases]
    for names, _ in stages:
        for name in names:
            if name not in known:
                hint = nearest(name, known) or f"; it has {', '.join(known)}"
                raise UserError(f"{model} has no phase {name!r}{hint}")


def spans(stages: Stages, total: int) -> list[tuple[tuple[str, ...] | None, int, int]]:
    """Returns (phase names or None for all, first step, end) of each stage within `total` steps."""
    if not stages:
        return [(None, 0, total)]
    found: list[tuple[tuple[str, ...] | None, int, int]] = []
    first = 0
    for index, (names, steps) in enumerate(stages):
        end = total if index == len(stages) - 1 else min(first + (steps or total), total)
        found.append((names, first, end))
        first = end
    return found


def running(phases: Sequence[Phase], stages: Stages, step: int) -> tuple[Phase, ...]:
    """Returns the phases of step number `step`, counted from 0."""
    names = next((names for names, first, end in spans(stages, step + 1) if first <= step < end), None)
    return tuple(phase for phase in phases if (names is None or phase.name in names) and phase.runs_at(step))


def updates_of(optimizer: str, phases: Sequence[Phase], stages: Stages, total: int) -> int:
    """Returns how many updates an optimizer makes in `total` steps, over all phases that use it."""
    return sum(
        phase.steps * phase.count(first, end)
        for names, first, end in spans(stages, total)
        for phase in phases
        if phase.optimizer == optimizer and (names is None or phase.name in names)
    )
