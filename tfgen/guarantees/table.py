"""The guarantees by name, in the order in which they are checked."""

import dataclasses
import inspect
from collections.abc import Callable

from tfgen.guarantees import outputs, training
from tfgen.guarantees.subject import Subject


@dataclasses.dataclass(frozen=True)
class Guarantee:
    """One promise of every model.

    Attributes:
        name: short.
        check: raises where the promise does not hold.
        long: whether it takes seconds: it builds at many sizes, exports, or runs on several devices.
    """

    name: str
    check: Callable[[Subject], None]
    long: bool = False

    @property
    def promise(self) -> str:
        """What is promised, a sentence."""
        return " ".join((inspect.getdoc(self.check) or "").split())


GUARANTEES = (
    Guarantee("builds", training.builds, long=True),
    Guarantee("seed", training.follows_from_the_seed),
    Guarantee("trains", training.trains),
    Guarantee("saving", training.is_saved),
    Guarantee("resume", training.resumes),
    Guarantee("precision", training.trains_in_mixed_precision),
    Guarantee("shows", outputs.shows_its_data),
    Guarantee("sampling", outputs.samples_by_number),
    Guarantee("endpoints", outputs.does_what_it_says),
    Guarantee("networks", outputs.networks_are_plain_keras),
    Guarantee("serving", outputs.is_served, long=True),
    Guarantee("diagnosis", outputs.is_diagnosed, long=True),
    Guarantee("evaluation", outputs.is_evaluated, long=True),
    Guarantee("replicas", training.trains_on_replicas, long=True),
)
