"""The benchmark's figures as a Markdown page and a picture, from what the JSON file holds."""

from benchmarks import machine, pictures
from tfgen.report.charts import bar_chart, short

PAGE = """# Speed

Measured by `{command}`: contenders on one machine in one run, taking turns in short windows. A figure is the
median over {repeats} windows of {seconds:g} s (start-up and evaluation: over as many runs), and in brackets the lowest
and the highest. A ratio is of two windows of the same round. Networks: those of TensorFlow's DCGAN tutorial, 28x28x1,
batch {batch_size}{width}, where nothing else is said.

{machine}

![images per second of every contender that trains the tutorial's network]({picture})
"""


def page(results, picture):
    """The Markdown text of `results`, what the JSON file holds; `picture` is the address of the SVG file."""
    settings = results["settings"]
    described = "\n".join(f"* {line}" for line in machine.lines(results["machine"]))
    width = "" if settings["width"] == 64 else f", {settings['width']} channels instead of 64"
    values = {**settings, "width": width, "machine": described, "picture": picture, "command": results["command"]}
    return PAGE.format(**values) + "".join("\n" + section(part) for part in results["parts"].values())


def section(part):
    lines = [f"## {part['title']}", ""]
    if "skipped" in part:
        return "\n".join([*lines, part["skipped"], ""])
    return "\n".join([*lines, *contenders(part), *compared(part), *detailed(part), *notes(part)])


def contenders(part):
    rows = [(name, ranged(row)) for name, row in part["contenders"].items()]
    return [*table(("", part["unit"]), rows), ""]


def compared(part):
    if not part["ratios"]:
        return []
    rows = [(f"{row['of']} : {row['to']}", ranged(row, 3), wanted(row)) for row in part["ratios"]]
    return [*table(("ratio", "times as fast", "wanted"), rows), ""]


def detailed(part):
    details = part.get("details")
    if not details:
        return []
    rows = [(name, percent(row), wanted(row, 100)) for name, row in details["share_of_peak"].items()]
    rows.insert(0, ("best product, GFLOP/s", ranged(details["peak_gflops"]), ""))
    return [*table(("", "share of the peak, %", "wanted"), rows), ""]


def notes(part):
    return [*part["notes"], ""] if part["notes"] else []


def table(head, rows):
    """Lines of a Markdown table; the first column is text, the others are numbers."""
    rule = ["---", *("---:" for _ in head[1:])]
    return ["| " + " | ".join(row) + " |" for row in (head, rule, *rows)]


def ranged(row, digits=None):
    """The median of a row and its spread."""
    shown = short if digits is None else lambda value: f"{value:.{digits}g}"
    return f"{shown(row['median'])} ({shown(row['low'])} to {shown(row['high'])})"


def percent(row):
    return f"{100 * row['median']:.1f} ({100 * row['low']:.1f} to {100 * row['high']:.1f})"


def wanted(row, scale=1):
    return f"{scale * row['wanted']:g}" if row["wanted"] else ""


def brief(name):
    """A contender's name in the 18 characters that the chart has."""
    words = {"hand-written loop": "loop", "tfgen fit": "tfgen", "PyTorch": "torch", "TensorFlow's": "TF's"}
    words |= {" pass": "", " of G": "", ", bfloat16": " bf16"}
    for word, other in words.items():
        name = name.replace(word, other)
    return name


def draw(results, path):
    """A bar for every contender that trains the tutorial's network, PyTorch and tfgen alike; none: no picture."""
    bars = {}
    for name in ("fit", "published", "torch"):
        part = results["parts"].get(name, {})
        for contender, row in part.get("contenders", {}).items():
            bars.setdefault(contender, []).append(row["median"])
    if bars:
        means = [sum(values) / len(values) for values in bars.values()]
        names = [brief(name) for name in bars]
        chart = bar_chart("images per second", names, {"images/s": means})
        pictures.write_picture(path, chart, "Training the tutorial's DCGAN: images per second")
