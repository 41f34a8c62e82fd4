"""The page that compares several runs."""

import collections
import functools

from tfgen.errors import UserError
from tfgen.metrics.score import check_comparable
from tfgen.report import curves, pictures, scores
from tfgen.report.evidence import Evidence
from tfgen.report.markup import Markup, element, folded, joined, paragraph, section, table
from tfgen.report.page import advice, attempted, document, trained, versions


def comparison(evidences: list[Evidence], draws: bool = True, seed: int = 0) -> str:
    """Returns the HTML text of a page on several runs; arguments as in `page`."""
    parts = [
        section("Runs", what_they_are(evidences), *problems(evidences)),
        section("Scores", score_parts(evidences)),
        section("Samples", grids(evidences, seed)) if draws else None,
        section("Training", element("div", curves.overlaid(evidences), class_="charts")),
        section("Diagnosis", findings(evidences)),
    ]
    return document(f"{len(evidences)} runs compared", ", ".join(e.name for e in evidences), parts)


def what_they_are(evidences: list[Evidence]) -> Markup:
    """Returns a table with one column per run: model, data, training, and the settings that differ."""
    head = ["", *(e.name for e in evidences)]
    rows = [
        ["model", *(e.recipe.model for e in evidences)],
        ["data", *(e.recipe.dataset for e in evidences)],
        ["trained", *(trained(e) for e in evidences)],
        ["with", *(versions(e.run.record) for e in evidences)],
    ]
    recipes = [scores.flat(e.recipe.to_json()) for e in evidences]
    names = dict.fromkeys(name for recipe in recipes for name in recipe if name not in ("model", "dataset"))
    differing = [
        [name, *(scores.text(recipe[name]) if name in recipe else "–" for recipe in recipes)]
        for name in names
        if any(recipe.get(name) != recipes[0].get(name) for recipe in recipes)
    ]
    settings = folded("Settings in which they differ", table(head, differing), open_=True) if differing else None
    return joined(table(head, rows), settings)


def problems(evidences: list[Evidence]) -> list[Markup]:
    """Returns notes on damaged files."""
    return [
        paragraph(f"{evidence.name}: left out: {sentence}", class_="warning")
        for evidence in evidences
        for sentence in evidence.problems.values()
    ]


def score_parts(evidences: list[Evidence]) -> Markup | list[Markup]:
    """Returns a table with one row per metric and one column per run; different protocols give a sentence instead."""
    names = dict.fromkeys(name for evidence in evidences for name in evidence.scores)
    notes = [
        element("div", element("b", evidence.name), advice(evidence))
        for evidence in evidences
        if evidence.evaluation is None and "evaluation" not in evidence.problems
    ]
    if not names:
        return notes
    refusals, rows = collections.defaultdict(list), []
    for name in names:
        refusal = incomparable(name, evidences)
        if refusal:
            refusals[refusal].append(name)
        else:
            rows.append(figures(name, evidences))
    for refusal, refused in refusals.items():
        rows.append([", ".join(refused), element("td", refusal, colspan=len(evidences) + 1, class_="refused")])
    head = ["metric", *(evidence.name for evidence in evidences), "real images"]
    said = (
        "Below each figure its 95 % interval; “real images”: what as many training images score in the samples' place."
    )
    return joined(
        notes,
        paragraph(said) if len(rows) > len(refusals) else None,
        table(head, rows, class_="figures"),
        protocols(evidences),
    )


def incomparable(name: str, evidences: list[Evidence]) -> str | None:
    """Returns the sentence on why the values of a metric cannot be compared, or None."""
    known = [evidence for evidence in evidences if name in evidence.scores]
    try:
        check_comparable([evidence.scores[name] for evidence in known], [evidence.name for evidence in known])
    except UserError as error:
        return str(error)
    return None


def figures(name: str, evidences: list[Evidence]) -> list:
    """Returns the row of one metric."""
    found = [evidence.scores.get(name) for evidence in evidences]
    floors = [scores.number(score["floor"]) for score in found if score and score["floor"] is not None]
    first = next(evidence for evidence in evidences if name in evidence.scores)
    return [scores.heading(name, first.scores), *map(scores.figure_of, found), " / ".join(dict.fromkeys(floors)) or "–"]


def protocols(evidences: list[Evidence]) -> list[Markup]:
    """Returns the protocol of each run, folded."""
    return [folded(f"Protocol of {e.name}", scores.protocol_tables(e.scores)) for e in evidences if e.scores]


def grids(evidences: list[Evidence], seed: int) -> Markup:
    """Returns the samples of the runs side by side."""
    made = []
    for evidence in evidences:
        picture = attempted(evidence, "samples", functools.partial(pictures.sample_sheet, evidence, seed))
        made.append(element("div", element("h3", evidence.name), picture))
    return element("div", made, class_="beside")


def findings(evidences: list[Evidence]) -> Markup | None:
    """Returns a table of the findings of each run's diagnosis, or None without any diagnosis."""
    rows = []
    for evidence in evidences:
        if evidence.findings is not None:
            seen = [element("li", f"step {f['step']:.0f}: {f['message']}") for f in evidence.findings]
            rows.append([evidence.name, element("ul", seen, class_="findings") if seen else "nothing wrong"])
    return table(["run", "found"], rows) if rows else None
