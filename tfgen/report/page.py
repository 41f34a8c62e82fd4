"""The page of one run."""

import datetime
import functools
import math
import shlex
from collections.abc import Callable

from registry import RegistryError
from tfgen.errors import UserError
from tfgen.models import MODELS
from tfgen.report import curves, folder_pictures, pictures, scores
from tfgen.report.evidence import Evidence
from tfgen.report.markup import Markup, element, folded, joined, paragraph, section, table
from tfgen.report.style import STYLE

USER_ERRORS = (UserError, RegistryError)
# The texts of the page come from files: nothing is loaded from anywhere and no script runs, whatever they contain.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(evidence: Evidence, draws: bool = True, seed: int = 0) -> str:
    """Returns the HTML text of one run's report.

    Args:
        evidence: `Evidence`; parts that have to be left out are added to its `problems`.
        draws: whether the model is loaded to draw samples.
        seed: of the samples.
    """
    recipe = evidence.recipe
    parts = [
        facts(evidence),
        section("Diagnosis", findings(evidence)),
        element("div", picture_sections(evidence, seed, draws), class_="pictures"),
        section("Scores", score_parts(evidence)),
        section("Training", training_parts(evidence)),
        section("Recipe", recipe_parts(evidence)),
    ]
    return document(f"{recipe.model} on {recipe.dataset}", evidence.name, parts)


def document(title: str, subtitle: str, parts: list) -> str:
    """Returns a whole HTML document around the parts."""
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} · tfgen"),
        element("style", Markup(STYLE)),
    ]
    top = element("header", element("h1", title), paragraph(subtitle, class_="run"))
    body = element("body", top, element("main", parts))
    return "<!doctype html>\n" + element("html", element("head", head), body, lang="en") + "\n"


# The run.


def facts(evidence: Evidence) -> Markup:
    """Returns the list of facts: model, data, length of the training, batch size and seed, versions."""
    recipe, record = evidence.recipe, evidence.run.record
    known = {
        "Model": joined(recipe.model, element("small", MODELS.summaries().get(recipe.model, "a plugin's"))),
        "Data": joined(recipe.dataset, element("small", origin(record.get("data")))),
        "Trained": trained(evidence),
        "Batch, seed": f"{recipe.batch_size}, {recipe.seed}",
        "With": versions(record),
    }
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in known.items() if value]
    return element("dl", pairs, class_="facts")


def origin(data: object) -> str:
    """Returns the origin of the data as text."""
    data = data if isinstance(data, dict) else {}
    return ", ".join(str(data[name]) for name in ("original", "source") if isinstance(data.get(name), str))


def trained(evidence: Evidence) -> str:
    """Returns the length of the training so far and its date, as text."""
    recipe, steps = evidence.recipe, evidence.steps
    if steps is None:
        return "not yet, or not for a whole epoch"
    goal = counted(recipe.steps, "step") if recipe.steps else counted(recipe.epochs or 0, "epoch")
    epochs = [epoch for epoch in evidence.history.get("epoch", []) if math.isfinite(epoch)]
    done = ", ".join([counted(steps, "step"), *(counted(int(epoch), "epoch") for epoch in epochs[-1:])])
    path = evidence.run.paths.history
    last = datetime.datetime.fromtimestamp(path.stat().st_mtime) if path.is_file() else None
    return joined(done, element("small", f"asked for {goal}", f"; last written {last:%Y-%m-%d %H:%M}" if last else ""))


def counted(number: int, name: str) -> str:
    """Returns "1 step", "1,200 steps"."""
    return f"{number:,} {name}" + ("" if number == 1 else "s")


def versions(record: dict) -> str:
    """Returns the versions of the software of the run, as text."""
    found = record.get("versions")
    names = [f"{name} {version}" for name, version in found.items()] if isinstance(found, dict) else []
    revision = record.get("git_revision")
    return ", ".join(names + ([f"revision {str(revision)[:10]}"] if revision else []))


# The results.


def findings(evidence: Evidence) -> Markup:
    """Returns the findings of the diagnosis, or a note that there was none."""
    problem = problem_of(evidence, "findings") or problem_of(evidence, "diagnosis")
    if evidence.findings is None:
        return problem or paragraph(
            "This run has no diagnosis.json: it was trained without a diagnosis.", class_="note"
        )
    if not evidence.findings:
        probes = len(evidence.diagnosis.get("step", []))
        said = (
            f"The diagnosis made {counted(probes, 'measurement')} and found no fault."
            if probes
            else "No fault was found."
        )
        return joined(problem, paragraph(said, class_="good"))
    items = [
        element("li", element("b", f"Step {finding['step']:.0f}: "), finding["message"])
        for finding in evidence.findings
    ]
    return joined(problem, element("ul", items, class_="findings"))


def picture_sections(evidence: Evidence, seed: int, draws: bool = True) -> list[Markup | None]:
    """Returns a section per picture: first those that the model draws, then those of the folder."""
    found = {"Nearest training images": folder_pictures.nearest, "Progress": folder_pictures.film}
    read = [section(title, attempted(evidence, title, functools.partial(f, evidence))) for title, f in found.items()]
    return [*(model_sections(evidence, seed) if draws else []), *read]


def model_sections(evidence: Evidence, seed: int) -> list[Markup | None]:
    """Returns the sections that the model draws; one with a note if it cannot be loaded."""
    failure = attempted(evidence, "model", lambda: evidence.run.model and None)  # loads it
    if failure:
        return [section("Samples", failure)]
    drawn = {
        "Samples": pictures.samples,
        "Between two latents": pictures.interpolation,
        "Reconstructions": pictures.reconstructions,
    }
    return [
        section(title, attempted(evidence, title, functools.partial(draw, evidence, seed)))
        for title, draw in drawn.items()
    ]


def score_parts(evidence: Evidence) -> Markup:
    """Returns the scores with protocol, controls and charts per class; without an evaluation, the command for one."""
    measured = scores.best_and_last(evidence)
    if evidence.evaluation is None:
        return joined(problem_of(evidence, "evaluation") or advice(evidence), measured)
    found = evidence.scores
    if not found:
        return paragraph("evaluation.json holds no scores.", class_="note")
    protocol = folded("Protocol", scores.protocol_tables(found))
    controls = scores.control_ladder(evidence.evaluation["controls"], found)
    beside = [
        part for part in (measured, scores.floor_table(evidence), controls, *scores.class_charts(evidence)) if part
    ]
    halves = [element("div", scores.score_table(found), protocol), element("div", beside) if beside else None]
    return joined(
        age(evidence, evidence.evaluation["subject"]),
        scores.findings(evidence),
        scores.setting(found),
        scores.remarks(evidence),
        element("div", halves, class_="beside halves"),
    )


def advice(evidence: Evidence) -> Markup:
    """Returns the command that evaluates the run."""
    plugins = "".join(f" --plugin={shlex.quote(name)}" for name in evidence.run.plugins)
    command = element("code", f"python -m tfgen.evaluate --run={shlex.quote(evidence.run.place)}{plugins}")
    return paragraph("No evaluation.json here. To measure how good the run is: ", command, class_="note")


def age(evidence: Evidence, subject: dict) -> Markup | None:
    """Returns a note where the scores, whose subject is given, are of an earlier step than the last; else None.

    It is a warning if the model has been trained further since, and not if that step is the one that was kept.
    """
    step, found = subject.get("step"), evidence.run.record.get("kept")
    if evidence.steps is None or not isinstance(step, int) or step == evidence.steps:
        return None
    kept = found if isinstance(found, dict) else {}
    last = kept.get("last")
    # the tables may have no row of the last step, which need not end an epoch
    if kept.get("step") == step and isinstance(last, int) and last >= evidence.steps:
        said = f"These scores are of step {step:,}, whose weights were kept for the best {kept.get('by')}"
        return paragraph(f"{said}; training ended at step {last:,}.", class_="note")
    return paragraph(
        f"These scores are of step {step:,}, and the run has come to step {evidence.steps:,}: evaluate it anew.",
        class_="warning",
    )


def training_parts(evidence: Evidence) -> Markup:
    """Returns the curves of the training."""
    charts = curves.training_charts(evidence)
    notes = [problem_of(evidence, name) for name in ("history", "diagnosis")]
    if not any(charts) and not any(notes):
        return paragraph("No history.csv yet: it gets a row at the end of each epoch.", class_="note")
    return joined(notes, element("div", charts, class_="charts"))


def recipe_parts(evidence: Evidence) -> list[Markup]:
    """Returns the resolved recipe and the provenance of the data, folded."""
    record = evidence.run.record
    named = {"The resolved recipe": evidence.recipe.to_json(), "The data": record.get("data")}
    return [
        folded(title, table(["name", "value"], rows_of(values), title, class_="plain"))
        for title, values in named.items()
        if isinstance(values, dict)
    ]


def rows_of(values: dict) -> list[list[str]]:
    """Returns a row (name, text) per plain value of nested dicts."""
    return [[name, scores.text(value)] for name, value in scores.flat(values).items()]


# Parts that may be missing.


def attempted(evidence: Evidence, name: str, draw: Callable[[], Markup | None]) -> Markup | None:
    """Returns `draw()`, or a note if it fails; `name` is that of the part."""
    try:
        return draw()
    except Exception as error:  # a model's own code may raise anything, and the other parts of the report remain
        reason = " ".join(str(error).split()) or type(error).__name__
        evidence.problems[name] = reason if isinstance(error, USER_ERRORS) else f"{name} failed: {reason:.300}"
        return problem_of(evidence, name)


def problem_of(evidence: Evidence, name: str) -> Markup | None:
    """Returns the note on a damaged part, or None."""
    problem = evidence.problems.get(name)
    return paragraph(f"Left out: {problem}", class_="warning") if problem else None
