"""Charts of `tfgen.report.charts` as SVG files that stand alone: with their colours, title and legend."""

import re

from tfgen.report.charts import look
from tfgen.report.markup import Markup, element, joined
from tfgen.report.style import STYLE
from tfgen.storage.atomic import write_text

LINE, MARGIN = 16, 12  # heights in units of the drawing


def standalone(figure, title, legend=()):
    """The SVG text of a chart's figure, with the title above and the lines of `legend`, `Series`, below."""
    drawing = re.search(r'<svg viewBox="0 0 (\d+) (\d+)"[^>]*>(.*?)</svg>', figure, re.DOTALL)
    width, height = int(drawing[1]), int(drawing[2])
    top, bottom = LINE + MARGIN, LINE * len(legend)
    below = [_entry(line, index, height + top + LINE * (index + 0.5)) for index, line in enumerate(legend)]
    parts = [
        element("style", Markup(STYLE + "svg { color: var(--text); font-family: system-ui, sans-serif; }")),
        element("rect", width="100%", height="100%", style="fill: var(--card)"),
        element("text", title, x=MARGIN, y=LINE, font_weight="bold"),
        element("g", Markup(drawing[3]), transform=f"translate(0 {top})"),
        below,
    ]
    size = {"viewBox": f"0 0 {width} {height + top + bottom + MARGIN}", "width": 2 * width}
    return element("svg", joined(parts), xmlns="http://www.w3.org/2000/svg", role="img", aria_label=title, **size)


def write_picture(path, figure, title, legend=()):
    write_text(path, standalone(figure, title, legend) + "\n")


def _entry(line, index, y):
    swatch = element("line", x1=MARGIN, x2=MARGIN + 22, y1=y - 4, y2=y - 4, class_=f"line {look(line, index)}")
    return [swatch, element("text", line.name, x=MARGIN + 28, y=y)]
