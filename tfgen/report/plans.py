"""The charts that a model declares, as recipe.json holds them: a report need not load the model to know them."""

import dataclasses
import numbers

FILES = ("history", "diagnosis")


@dataclasses.dataclass(frozen=True)
class Plan:
    """A chart to draw: a `tfgen.training.charts.Chart`, with its attributes, read from JSON."""

    title: str
    columns: dict[str, str]
    file: str = "diagnosis"
    axis: dict = dataclasses.field(default_factory=dict)
    note: str = ""


def read_plans(found: object) -> tuple[Plan, ...]:
    """Returns the charts of recipe.json; entries that are not charts are skipped."""
    plans = [_read(chart) for chart in found] if isinstance(found, list) else []
    return tuple(plan for plan in plans if plan is not None)


def _read(chart):
    if not isinstance(chart, dict) or not isinstance(chart.get("columns"), dict) or chart.get("file") not in FILES:
        return None
    columns = {str(name): str(said) for name, said in chart["columns"].items()}
    axis = chart["axis"] if isinstance(chart.get("axis"), dict) else {}
    return Plan(str(chart.get("title", "")), columns, chart["file"], _axis(axis), str(chart.get("note") or ""))


def _axis(found):
    """Returns the valid settings of the vertical axis."""
    axis = {name: found[name] for name in ("low", "high") if _is_number(found.get(name))}
    mark = found.get("mark")
    if isinstance(mark, (list, tuple)) and len(mark) == 2 and _is_number(mark[0]):
        axis["mark"] = (mark[0], str(mark[1]))
    return {**axis, "log": True} if found.get("log") is True else axis


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and abs(value) < 1e300
