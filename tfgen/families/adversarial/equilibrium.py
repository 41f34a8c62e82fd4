"""The stop of an adversarial training at its equilibrium, D = 1/2 (Goodfellow et al. 2014, proposition 2)."""

from typing import TYPE_CHECKING, Any

from tfgen.data.source import Examples
from tfgen.diagnosis.rules import PATIENCE, Finding
from tfgen.diagnosis.stops import Row, Stop, Watching, no_equilibrium
from tfgen.domains import Count, check
from tfgen.families.adversarial.fresh import Fresh

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel


class StopAtEquilibrium(Stop):
    """A stop when the discriminator cannot separate held-out images and samples, and a fresh one cannot learn to.

    D(x) = 1/2 for every image may also mean that the discriminator has not learned. So, after `patience` consecutive
    probes at chance, a second one with the same architecture and new weights is trained on training images and samples
    of the fixed generator. The equilibrium is reached only if the accuracy of this one on held-out images is near 1/2
    too. Otherwise the test is repeated after twice as many probes, and so on.

    Args:
        patience: number of consecutive probes.
        steps: updates of the fresh discriminator, each on `batch_size` real images and as many samples.
        batch_size: as above.
        tolerance: largest distance from 1/2 of an accuracy, or of the fraction of pairs in the right order.
    """

    def __init__(
        self, patience: int = PATIENCE, steps: int = 300, batch_size: int = 64, tolerance: float = 0.05
    ) -> None:
        for name, value in {"patience": patience, "steps": steps, "batch_size": batch_size}.items():
            check(f"{name} of StopAtEquilibrium", value, Count)
        self.patience, self.steps, self.batch_size, self.tolerance = patience, steps, batch_size, tolerance

    def check(self, model: "GenerativeModel") -> None:
        """Raises UserError if the model has no discriminator that a fresh one can be compared with."""
        if "equilibrium" not in model.stops():
            raise no_equilibrium(model)

    def measure(self, diagnosis: Watching, row: Row, last: bool) -> dict[str, float]:
        """Returns the accuracy of a fresh discriminator if a test is due, else nothing."""
        streak = self.streak([*diagnosis.rows, row])
        tries, rest = divmod(streak, self.patience)
        if last or not streak or rest or tries & (tries - 1):  # the last: tries is not a power of two
            return {}
        examples = diagnosis.train, diagnosis.train if diagnosis.held_out is None else diagnosis.held_out
        return {
            "fresh_accuracy": fresh_accuracy(diagnosis.model, *examples, self.steps, self.batch_size, int(row["step"]))
        }

    def streak(self, rows: list[Row]) -> int:
        """Returns the number of consecutive rows up to the last that show a discriminator at chance."""
        return next((i for i, row in enumerate(reversed(rows)) if not self.cannot_tell(row)), len(rows))

    def cannot_tell(self, row: Row) -> bool:
        """Returns whether the discriminator of a row is at chance on held-out images and samples."""
        right = row.get("held_out_separation", row.get("train_separation", 1.0))
        return abs(right - 0.5) <= 2 * self.tolerance and row.get("equilibrium_distance", 0.0) <= 2 * self.tolerance

    def reason(self, rows: list[Row], findings: list[Finding]) -> str | None:
        """Returns the sentence on the equilibrium if a fresh discriminator is at chance too, else None."""
        accuracy = rows[-1].get("fresh_accuracy", 1.0) if rows else 1.0
        if accuracy > 0.5 + self.tolerance:
            return None
        return (
            "the equilibrium: the discriminator is at chance, and a fresh one trained on samples of this generator "
            f"reaches an accuracy of {accuracy:.2f} on held-out images (chance is 0.5)"
        )

    def summary(self, rows: list[Row]) -> str | None:
        """Returns a sentence on the last test that failed, or None without one."""
        tried = [row for row in rows if row.get("fresh_accuracy", 0.0) > 0.5 + self.tolerance]
        if not tried:
            return None
        return (
            f"no equilibrium: the discriminator was at chance at step {tried[-1]['step']}, but a fresh one reached an "
            f"accuracy of {tried[-1]['fresh_accuracy']:.2f} on held-out images"
        )


def fresh_accuracy(
    model: Any, train: Examples, held_out: Examples, steps: int = 300, batch_size: int = 64, seed: int = 0
) -> float:
    """Returns the accuracy that a newly initialised discriminator reaches on held-out images and samples, in [0, 1].

    It has the architecture of the model's own, and learns by cross-entropy on training images and samples.

    Args:
        model, train, held_out: an `AdversarialModel`, which does not change, and `Examples`.
        steps, batch_size: largest number of updates (an accuracy above 0.6 ends them), real images per update.
        seed: of its weights and its batches.
    """
    fresh = Fresh(model, f"fresh/{seed}/", seed=seed)
    enough = lambda reached: reached["accuracy"] > 0.6  # noqa: E731
    return fresh.trained(train, held_out, steps, batch_size, enough)["accuracy"]
