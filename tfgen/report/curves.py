"""Charts of the columns of history.csv and diagnosis.csv: those that the model declares, and one per other column."""

import itertools
import math
from collections.abc import Iterable, Sequence

from tfgen.report.charts import Series, line_chart
from tfgen.report.evidence import Evidence
from tfgen.report.markup import Markup
from tfgen.report.plans import FILES, Plan

APART = {"step", "epoch"}
# of the columns NETWORK_gradient, NETWORK_weights, NETWORK_dead
ENDINGS = {"_gradient": "Gradient norms", "_weights": "Weight norms", "_dead": "Share of weights without a gradient"}
MEANS = "Mean of each epoch."


def training_charts(evidence: Evidence) -> list[Markup]:
    """Returns the charts of a run's training, each column in one of them."""
    charts: list[Markup | None] = []
    shown: set[tuple[str, str]] = set()
    networks = networks_of(evidence)
    for plan in evidence.charts:
        file, columns = table_of(evidence, plan)
        shown |= {(file, name) for name in plan.columns}
        note = plan.note if file == plan.file else MEANS
        charts.append(drawn(columns, plan, networks, note))
    for file in FILES:
        for plan in left_over(evidence, file, shown):
            charts.append(drawn(getattr(evidence, file), plan, networks))
    return [chart for chart in charts if chart]


def table_of(evidence: Evidence, plan: Plan) -> tuple[str, dict]:
    """Returns (file, columns) of a chart: the plan's own file, or the other if that alone has columns of the plan."""
    other = next(name for name in FILES if name != plan.file)
    for file in (plan.file, other):
        if any(name in getattr(evidence, file) for name in plan.columns):
            return file, getattr(evidence, file)
    return plan.file, {}


def left_over(evidence: Evidence, file: str, shown: set[tuple[str, str]]) -> list[Plan]:
    """Returns charts of the columns that no chart shows yet: one of the norms of all networks, else one per column."""
    columns = getattr(evidence, file)
    # the losses of the probes repeat those of the history; an error belongs to the chart of its score
    repeated = set(evidence.history) if file == "diagnosis" else set()
    names = [name for name in columns if (file, name) not in shown and name not in APART | repeated]
    plans = []
    for ending, title in ENDINGS.items():
        norms = {name: name.removesuffix(ending) for name in names if name.endswith(ending)}
        plans += [Plan(title, norms, file, {"log": ending != "_dead"})] if norms else []
    others = [name for name in names if not name.endswith((*ENDINGS, "_error"))]
    said = ", mean of each epoch" if file == "history" else ""
    return plans + [Plan(f"{name}{said}", {name: name}, file) for name in others]


def networks_of(evidence: Evidence) -> list[str]:
    """Returns the names of the networks whose norms the diagnosis has measured, sorted."""
    names = (name.removesuffix(ending) for ending in ENDINGS for name in evidence.diagnosis if name.endswith(ending))
    return sorted(set(names))


def colours(columns: Iterable[str], networks: Sequence[str]) -> dict[str, int]:
    """Returns column -> number of its colour: each network has one of its own in all charts of a page."""
    found: dict[str, int] = {}
    others = itertools.count(len(networks))
    for column in columns:
        owner = next((i for i, name in enumerate(networks) if f"{column}_".startswith(f"{name}_")), None)
        found[column] = next(others) if owner is None or owner in found.values() else owner
    return found


def drawn(columns: dict, plan: Plan, networks: Sequence[str] = (), note: str = "") -> Markup | None:
    """Returns the chart of the plan's columns that exist; None without any.

    Args:
        columns: of the file.
        plan: of the chart.
        networks: names of networks, whose lines have the same colours in all charts.
        note: below the chart.
    """
    colour = colours(plan.columns, networks)
    lines = [
        Series(said, columns["step"], columns[name], colour[name])
        for name, said in plan.columns.items()
        if name in columns
    ]
    return line_chart(plan.title, lines, note=note or None, **plan.axis) if lines else None


def overlaid(evidences: list[Evidence]) -> list[Markup]:
    """Returns a chart for each column that two runs or more have, with a line per run."""
    charts: list[Markup | None] = []
    for file in FILES:
        tables = [(evidence.name, getattr(evidence, file)) for evidence in evidences]
        names = dict.fromkeys(name for _, columns in tables for name in columns)
        taken = {name for evidence in evidences for name in evidence.history} if file == "diagnosis" else set()
        for name in names:
            lines = [Series(run, columns["step"], columns[name]) for run, columns in tables if name in columns]
            shown = [line for line in lines if any(map(math.isfinite, line.y))]
            if name not in taken | APART and not name.endswith(("_error", "_weights")) and len(shown) > 1:
                charts.append(line_chart(titled(evidences, name), lines, **scale(evidences, name)))
    return [chart for chart in charts if chart]


def plan_of(evidences: list[Evidence], name: str) -> Plan | None:
    """Returns the first chart in which one of the runs shows a column, or None."""
    return next((plan for evidence in evidences for plan in evidence.charts if name in plan.columns), None)


def titled(evidences: list[Evidence], name: str) -> str:
    """Returns the title of a chart of one column."""
    plan = plan_of(evidences, name)
    said = name.replace("_", " ") if plan is None else plan.columns[name]
    return said if said.replace(" ", "_") == name else f"{name}: {said}" if plan else said


def scale(evidences: list[Evidence], name: str) -> dict:
    """Returns the settings of the vertical axis of a chart of one column."""
    plan = plan_of(evidences, name)
    return plan.axis if plan else {"log": name.endswith("_gradient")}
