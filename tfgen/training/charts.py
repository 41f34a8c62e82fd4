"""Which charts of its training a model asks for."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart of some columns of one file of a run, drawn where the file has any of them.

    Attributes:
        title: above the chart.
        columns: column -> what its line is called.
        file: "history" (a row per epoch) or "diagnosis" (a row per probe).
        axis: of the vertical axis: `low`, `high`, `log`, and `mark` (value, name) for a line across.
        note: below the chart.
    """

    title: str
    columns: dict[str, str]
    file: str = "diagnosis"
    axis: dict[str, Any] = dataclasses.field(default_factory=dict)
    note: str = ""
