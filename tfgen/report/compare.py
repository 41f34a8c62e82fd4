"""The page that compares several runs."""

import collections
import functools

from tfgen.errors import UserError
from tfgen.evaluation.differences import PAIRED, difference, in_words, replicates_of, within_error
from tfgen.metrics.score import Score, check_comparable, other_floor
from tfgen.recipes.comparison import canonical
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
    # those of --set are kept as text: "4" is no other value than 4
    differing = [
        [name, *(scores.text(recipe[name]) if name in recipe else "–" for recipe in recipes)]
        for name in names
        if any(canonical(recipe.get(name)) != canonical(recipes[0].get(name)) for recipe in recipes)
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
    repeated = [
        element("div", element("b", evidence.name), cheating)
        for evidence in evidences
        if (cheating := scores.findings(evidence))
    ]
    refusals, rows, differences = collections.defaultdict(list), [], []
    for name in names:
        refusal = incomparable(name, evidences)
        if refusal:
            refusals[refusal].append(name)
        else:
            found = to_reference(name, evidences)
            differences += [one for one in found if one]
            rows.append(figures(name, evidences, found))
    pair = [f"{evidences[0].name} − {evidences[1].name}"] if len(evidences) == 2 else []
    head = ["metric", *(evidence.name for evidence in evidences), *pair, "real images"]
    for refusal, refused in refusals.items():
        rows.append([", ".join(refused), element("td", refusal, colspan=len(head) - 1, class_="refused")])
    said = (
        "Below each figure its 95 % interval; “real images”: what as many training images score in the samples' place."
    )
    return joined(
        notes,
        repeated,
        paragraph(said) if len(rows) > len(refusals) else None,
        paragraph(*what_differences_are(differences, bool(pair))) if differences else None,
        table(head, rows, class_="figures"),
        protocols(evidences),
    )


def what_differences_are(differences: list[Score], two: bool) -> list[str]:
    """Returns sentences on the differences of a table of two runs, or of more."""
    of = "the two runs" if two else "a run and the best of its row"
    said = [
        f"The difference of {of} has an interval of its own, mostly a narrower one: both met the same real images, "
        "whose noise cancels. Where it holds 0, the difference is within the error: other images could reverse it. "
        "It is of these trained models; another seed of the same recipe can differ by more."
    ]
    kinds = {one.protocol["interval"]: None for one in differences if one.low is not None}
    if others := [kind for kind in kinds if kind != PAIRED]:
        said.append(f" Marked *: {'; '.join(others)}.")
    return said


def incomparable(name: str, evidences: list[Evidence]) -> str | None:
    """Returns the sentence on why the values of a metric cannot be compared, or None."""
    known = [evidence for evidence in evidences if name in evidence.scores]
    try:
        check_comparable([evidence.scores[name] for evidence in known], [evidence.name for evidence in known])
    except UserError as error:
        return str(error)
    return None


def to_reference(name: str, evidences: list[Evidence]) -> list[Score | None]:
    """Returns each run's difference in a metric from the second of two runs, or from the best of more; None for it."""
    values = {i: e.scores[name]["value"] for i, e in enumerate(evidences) if name in e.scores}
    values = {i: value for i, value in values.items() if value is not None}
    direction = scores.METRICS.get(name, (name, None))[1]
    differences: list[Score | None] = [None] * len(evidences)
    if len(values) < 2 or (len(evidences) > 2 and direction is None):
        return differences
    best = max if direction == scores.HIGHER else min
    reference = 1 if len(evidences) == 2 else best(values, key=values.__getitem__)
    for i in values.keys() - {reference}:
        one, other = evidences[i], evidences[reference]
        replicates = ([replicates_of(e.evaluation or {}, name)] for e in (one, other))
        differences[i] = difference(name, [one.scores[name]], [other.scores[name]], *replicates)
    return differences


def figures(name: str, evidences: list[Evidence], differences: list[Score | None]) -> list:
    """Returns the row of one metric; `differences` as `to_reference` returns them."""
    found = [evidence.scores.get(name) for evidence in evidences]
    floors = [floor_text(score) for score in found if score and score["floor"] is not None]
    first = next(evidence for evidence in evidences if name in evidence.scores)
    if len(evidences) == 2:
        cells = [*map(scores.figure_of, found), between(name, differences[0], evidences)]
    else:
        cells = [from_best(score, one, any(differences)) for score, one in zip(found, differences)]
    return [scores.heading(name, first.scores), *cells, " / ".join(dict.fromkeys(floors)) or "–"]


def floor_text(score: dict) -> str:
    """Returns a score's floor, with what it is of where that is not real images."""
    other = other_floor(score["protocol"])
    return scores.number(score["floor"]) + (f" ({other})" if other else "")


def between(name: str, difference: Score | None, evidences: list[Evidence]) -> Markup | str:
    """Returns the cell of the difference of two runs, and which of them is better."""
    if difference is None:
        return "–"
    within, direction = within_error(difference), scores.METRICS.get(name, (name, None))[1]
    value, limits = signed(difference)
    if within is not False:
        verdict = element("small", "no interval" if within is None else "within the error")
    elif direction is None:
        verdict = element("small", "beyond the error")
    else:
        better = evidences[(difference.value > 0) == (direction == scores.LOWER)]
        verdict = element("small", f"{better.name} is better", class_="good")
    return element("td", element("b", value), element("small", limits) if limits else None, verdict)


def from_best(score: dict | None, difference: Score | None, compared: bool) -> Markup | str:
    """Returns the cell of a figure of one of several runs, with its difference from the best of the row."""
    if score is None:
        return "–"
    if difference is None:
        said = element("small", "best", class_="good") if compared and score["value"] is not None else None
        return scores.figure_of(score, said)
    value, limits = signed(difference)
    lines = [f"{value} to the best", limits, "within the error of the best" if within_error(difference) else ""]
    return scores.figure_of(score, *(element("small", line) for line in lines if line))


def signed(difference: Score) -> tuple[str, str]:
    """Returns (a difference, its interval) as text, to two digits of the interval; a mark where it is not paired."""
    value, low, high = in_words(difference.value, difference.low, difference.high)
    mark = "" if difference.protocol["interval"] == PAIRED else " *"
    return value, f"{low} … {high}{mark}" if low else ""


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
