"""The page of one run."""

import datetime
import math
import shlex

from tfgen import cli
from tfgen.models import MODELS
from tfgen.report import curves, pictures, scores
from tfgen.report.markup import Markup, element, folded, joined, paragraph, section, table
from tfgen.report.style import STYLE

# Nothing may be loaded from anywhere, and no script runs, whatever the files say.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(evidence, draws=True, seed=0):
    """The HTML text of one run's report.

    Args:
        evidence: `Evidence`; what has to be left out is added to its `problems`.
        draws: whether the model is loaded to draw samples. seed: of these.
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


def document(title, subtitle, parts):
    """A whole HTML document around the parts."""
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


# What the run is.


def facts(evidence):
    """What was trained on what, how far, when and by what."""
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


def origin(data):
    """Where the data came from, as text."""
    data = data if isinstance(data, dict) else {}
    return ", ".join(str(data[name]) for name in ("original", "source") if isinstance(data.get(name), str))


def trained(evidence):
    """How far the training has come, and when."""
    recipe, steps = evidence.recipe, evidence.steps
    if steps is None:
        return "not yet, or not for a whole epoch"
    goal = counted(recipe.steps, "step") if recipe.steps else counted(recipe.epochs, "epoch")
    epochs = [epoch for epoch in evidence.history.get("epoch", []) if math.isfinite(epoch)]
    done = ", ".join([counted(steps, "step"), *(counted(int(epoch), "epoch") for epoch in epochs[-1:])])
    path = evidence.run.paths.history
    last = datetime.datetime.fromtimestamp(path.stat().st_mtime) if path.is_file() else None
    return joined(done, element("small", f"asked for {goal}", f"; last written {last:%Y-%m-%d %H:%M}" if last else ""))


def counted(number, name):
    """ "1 step", "1,200 steps"."""
    return f"{number:,} {name}" + ("" if number == 1 else "s")


def versions(record):
    """What the run was made with, as text."""
    found = record.get("versions")
    names = [f"{name} {version}" for name, version in found.items()] if isinstance(found, dict) else []
    revision = record.get("git_revision")
    return ", ".join(names + ([f"revision {str(revision)[:10]}"] if revision else []))


# What came of it.


def findings(evidence):
    """What the diagnosis said, in words; or that there was none."""
    problem = problem_of(evidence, "findings") or problem_of(evidence, "diagnosis")
    if evidence.findings is None:
        return problem or paragraph(
            "This run has no diagnosis.json: it was trained without a diagnosis.", class_="note"
        )
    if not evidence.findings:
        looks = len(evidence.diagnosis.get("step", []))
        said = f"The diagnosis looked {looks} times and found nothing wrong." if looks else "Nothing was found wrong."
        return joined(problem, paragraph(said, class_="good"))
    items = [
        element("li", element("b", f"Step {finding['step']:.0f}: "), finding["message"])
        for finding in evidence.findings
    ]
    return joined(problem, element("ul", items, class_="findings"))


def picture_sections(evidence, seed, draws=True):
    """A section for each picture that there is, those that the model draws first."""
    found = {"Nearest training images": pictures.nearest, "Progress": pictures.film}
    read = [section(title, attempted(evidence, title, lambda f=f: f(evidence))) for title, f in found.items()]
    return [*(model_sections(evidence, seed) if draws else []), *read]


def model_sections(evidence, seed):
    """What the model draws; one note where it cannot be loaded."""
    failure = attempted(evidence, "model", lambda: evidence.run.model and None)
    if failure:
        return [section("Samples", failure)]
    model = evidence.run.model
    by_class = model.data_field == "image" and pictures.has_classes(model)
    drawn = {
        "Samples": pictures.class_strips if by_class else pictures.sample_sheet,
        "Between two latents": pictures.interpolation,
        "Reconstructions": pictures.reconstructions,
    }
    return [
        section(title, attempted(evidence, title, lambda draw=draw: draw(evidence, seed)))
        for title, draw in drawn.items()
    ]


def score_parts(evidence):
    """The scores with all that belongs to them; or what makes them."""
    measured = scores.best_and_last(evidence)
    if evidence.evaluation is None:
        return joined(problem_of(evidence, "evaluation") or advice(evidence), measured)
    found = evidence.scores
    if not found:
        return paragraph("evaluation.json holds no scores.", class_="note")
    protocol = folded("Protocol", scores.protocol_tables(found))
    controls = scores.control_ladder(evidence.evaluation["controls"], found)
    beside = [part for part in (measured, controls, *scores.class_charts(evidence)) if part]
    halves = [element("div", scores.score_table(found), protocol), element("div", beside) if beside else None]
    return joined(age(evidence), scores.setting(found), element("div", halves, class_="beside halves"))


def advice(evidence):
    """What makes an evaluation."""
    command = element("code", f"python -m tfgen.evaluate --run={shlex.quote(str(evidence.folder))}")
    return paragraph("No evaluation.json here. To measure how good the run is: ", command, class_="note")


def age(evidence):
    """A warning where the model has been trained on since it was evaluated."""
    step = evidence.evaluation["subject"].get("step")
    if evidence.steps is None or not isinstance(step, int) or step == evidence.steps:
        return None
    return paragraph(
        f"These scores are of step {step:,}, and the run has come to step {evidence.steps:,}: evaluate it anew.",
        class_="warning",
    )


def training_parts(evidence):
    """The curves."""
    charts = [curves.equilibrium(evidence), *curves.history_charts(evidence), *curves.diagnosis_charts(evidence)]
    notes = [problem_of(evidence, name) for name in ("history", "diagnosis")]
    if not any(charts) and not any(notes):
        return paragraph("No history.csv yet: it gets a row at the end of each epoch.", class_="note")
    return joined(notes, element("div", charts, class_="charts"))


def recipe_parts(evidence):
    """The resolved recipe and all that recipe.json says of the data, folded."""
    record = evidence.run.record
    named = {"The resolved recipe": evidence.recipe.to_json(), "The data": record.get("data")}
    return [
        folded(title, table(["name", "value"], rows_of(values), title, class_="plain"))
        for title, values in named.items()
        if isinstance(values, dict)
    ]


def rows_of(values):
    return [[name, scores.text(value)] for name, value in scores.flat(values).items()]


# Parts that may be missing.


def attempted(evidence, name, draw):
    """What `draw()` gives, or a note on why it cannot."""
    try:
        return draw()
    except cli.USER_ERRORS as error:
        evidence.problems[name] = str(error)
        return problem_of(evidence, name)


def problem_of(evidence, name):
    """The note on a damaged part, or None."""
    problem = evidence.problems.get(name)
    return paragraph(f"Left out: {problem}", class_="warning") if problem else None
