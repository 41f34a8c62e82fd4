"""Optional ends of training: when a score gets no better, on divergence, and those that a family adds.

What a stop measures goes into the row of its probe, and what it decides follows from the rows alone: a resumed run
stops where one never killed would.
"""

from tfgen.diagnosis.rules import Finding
from tfgen.errors import UserError, nearest


class Stop:
    """A reason to end training early."""

    def check(self, model) -> None:
        """Raises UserError where the model is not one that this can stop."""

    def measure(self, diagnosis, row: dict, last: bool) -> dict[str, float]:
        """Further measurements, dict of floats, for the `row` of a probe, the `last` of training or not."""
        return {}

    def reason(self, rows: list[dict], findings: list[Finding]) -> str | None:
        """The sentence on why training ends now, after the last of `rows` and with these new findings, or None."""
        return None

    def summary(self, rows: list[dict]) -> str | None:
        """What there is to say at the end of training, or None."""
        return None


class StopOnDivergence(Stop):
    """Ends training when a finding says that it has diverged."""

    def reason(self, rows: list[dict], findings: list[Finding]) -> str | None:
        bad = [finding for finding in findings if finding.name == "diverged"]
        return f"training has {bad[0].message.partition(';')[0]}" if bad else None


class StopOnScore(Stop):
    """Ends training when a score of the samples has not fallen for `patience` measurements; names best and last.

    Args:
        name: of the score.
        score: `f(model) -> (value, standard error)`, the lower the better; against held-out images.
        epochs: between two measurements.
        patience: measurements without a new best.
    """

    def __init__(self, name, score, epochs=1, patience=5):
        self.name, self.score, self.epochs, self.patience = name, score, epochs, patience

    def check(self, model) -> None:
        if model.sampler is None:
            raise UserError(f"stop={self.name} needs samples, and {model.name} cannot generate; leave it out")

    def measure(self, diagnosis, row: dict, last: bool) -> dict[str, float]:
        epoch, rest = divmod(row["step"], diagnosis.epoch_steps or 1)
        if not last and (rest or epoch % self.epochs):
            return {}
        value, error = self.score(diagnosis.model)
        return {self.name: float(value), f"{self.name}_error": float(error)}

    def scored(self, rows: list[dict]) -> list[dict]:
        return [row for row in rows if self.name in row]

    def reason(self, rows: list[dict], findings: list[Finding]) -> str | None:
        rows = self.scored(rows)
        if not rows:
            return None
        since = len(rows) - 1 - min(range(len(rows)), key=lambda i: rows[i][self.name])
        if since < self.patience:
            return None
        return f"no better {self.name} in {since} measurements"

    def summary(self, rows: list[dict]) -> str | None:
        rows = self.scored(rows)
        if not rows:
            return None
        best = min(rows, key=lambda row: row[self.name])
        said = [f"{when} {self.said(row)} at step {row['step']}" for when, row in (("best", best), ("last", rows[-1]))]
        return f"{self.name}: {', '.join(said)}"

    def said(self, row: dict) -> str:
        return f"{row[self.name]:.4g} +- {row[f'{self.name}_error']:.2g}"


def check_stops(stop) -> list:
    """Returns a list of names and `Stop` objects from what `Diagnosis(stop=...)` takes.

    Raises:
        UserError: neither names with commas between nor such objects.
    """
    if stop is None or stop == "none":
        return []
    if isinstance(stop, Stop):
        return [stop]
    found = [name.strip() for name in stop.split(",")] if isinstance(stop, str) else list(stop)
    for item in found:
        if item == "kid":
            raise UserError("stop=kid of Diagnosis needs an object, StopOnScore('kid', f)")
        if not isinstance(item, (str, Stop)):
            raise UserError(f"stop of Diagnosis expects names or Stop objects, got {item!r}")
    return found


def stops_for(model, found: list) -> list[Stop]:
    """Returns the `Stop` of each name, of those that every model has and of the model's own.

    Raises:
        UserError: the model has no such stop.
    """
    known = {"divergence": StopOnDivergence, **model.stops()}
    for item in found:
        if isinstance(item, str) and item not in known:
            if item == "equilibrium":
                raise UserError(f"stop=equilibrium needs a discriminator, and {model.name} has none; leave it out")
            raise UserError(f"stop expects {' or '.join(known)}, got {item!r}{nearest(item, known)}")
    return [known[item]() if isinstance(item, str) else item for item in found]
