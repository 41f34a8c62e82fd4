"""Charts as inline SVG: they take the page's colours and font size, in light and dark mode, and need no script."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from tfgen.report.markup import Markup, element, joined

WIDTH, HEIGHT = 360, 200  # of the drawing, in units of a pixel on a phone
TOP, RIGHT, BOTTOM = 10, 14, 38
CHARACTER = 6.2  # width of a digit at the ticks' size
POINTS = 400  # of a line, at most: about one per pixel
COLOURS = 6  # classes c0 .. c5 of the style sheet


@dataclasses.dataclass(frozen=True)
class Series:
    """One line: `y` over `x`, of equal length; points that are not finite are left out.

    Attributes:
        colour: number of its colour; None: that of its place in the chart.
    """

    name: str
    x: list[float]
    y: list[float]
    colour: int | None = None


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_title: str = "step",
    low: float | None = None,
    high: float | None = None,
    mark: tuple[float, str] | None = None,
    log: bool = False,
    note: str | None = None,
) -> Markup | None:
    """Returns a figure with lines over a shared axis, their legend and their last values.

    Args:
        title: of the figure.
        series: the lines; those without a finite point are left out.
        x_title: title of the horizontal axis.
        low, high: limits of the vertical axis; None: those of the data.
        mark: (value, name) of a horizontal line.
        log: whether the vertical axis is logarithmic if all values are positive and span more than a factor of 30.
        note: a sentence below the figure.

    Returns:
        `Markup`, or None if there is nothing to draw.
    """
    series = [kept for kept in map(_finite, series) if kept.x]
    if not series:
        return None
    values = [y for line in series for y in line.y] + ([mark[0]] if mark else [])
    log = log and min(values) > 0 and max(values) > 30 * min(values)
    axis = Axis(min(values) if low is None else low, max(values) if high is None else high, log)
    first, last = min(line.x[0] for line in series), max(line.x[-1] for line in series)
    frame = Frame(Axis(first, last, tight=True), axis)
    marked = None
    if mark:
        y = frame.y(mark[0])
        marked = element("line", x1=frame.left, x2=frame.right, y1=y, y2=y, class_="mark")
    lines = [_line(frame, line, index) for index, line in enumerate(series)]
    drawing = [frame.grid(), frame.x_ticks(), _text(frame.right, HEIGHT - 4, x_title, "end"), marked, lines]
    return _figure(title, drawing, _spoken(title, series), _legend(series, mark), note)


def bar_chart(
    title: str,
    names: Sequence[str],
    groups: Mapping[str, Sequence[float]],
    *,
    percent: bool = False,
    note: str | None = None,
    limit: int = 40,
) -> Markup:
    """Returns a figure with a row of horizontal bars per name, one bar per group.

    Args:
        title: of the figure.
        names: of the rows.
        groups: name of the group -> values, one per row.
        percent: whether the values are proportions, shown as percentages.
        note: a sentence below the figure.
        limit: the largest number of rows.
    """
    hidden, names = len(names) - limit, names[:limit]
    thick = 10 if len(groups) > 1 else 12
    row = thick * len(groups) + 7
    height = row * len(names) + 6
    left = min(130, 8 + CHARACTER * max((min(len(name), 18) for name in names), default=0))
    top = max((v for values in groups.values() for v in values[:limit] if math.isfinite(v)), default=0.0) or 1.0
    scale = (WIDTH - left - 52) / top
    shown = percentage if percent else short
    drawing = []
    for i, name in enumerate(names):
        y = 4 + i * row
        drawing.append(_text(left - 6, y + row / 2, cut(name, 18), "end"))
        for j, values in enumerate(groups.values()):
            length, place = max(0.0, scale * values[i]) if math.isfinite(values[i]) else 0.0, y + j * thick
            box = {"x": round(left, 1), "y": place, "width": round(length, 1), "height": thick - 1}
            drawing.append(element("rect", class_=f"c{j}", **box))
            drawing.append(_text(left + length + 4, place + thick - 1.5, shown(values[i]), "start", "small"))
    said = "; ".join(f"{n} " + ", ".join(f"{g} {shown(v[i])}" for g, v in groups.items()) for i, n in enumerate(names))
    legend = [(name, f"line c{j}", None) for j, name in enumerate(groups)] if len(groups) > 1 else []
    more = f"The first {limit} of {limit + hidden}. " if hidden > 0 else ""
    return _figure(title, drawing, f"Bar chart: {title}. {said}", legend, more + (note or ""), height)


def scatter(
    title: str,
    points: Sequence[Sequence[float]],
    circles: Sequence[tuple[float, float, float]] = (),
    note: str | None = None,
) -> Markup:
    """Returns a figure with dots in the plane.

    Args:
        title: of the figure.
        points: (x, y) of each dot.
        circles: (x, y, radius) of regions; the figure shows the part of the plane around them, else around the points.
        note: a sentence below the figure.
    """
    framed: list[Sequence[float]] = [(x + s * r, y + s * r) for x, y, r in circles for s in (-1, 1)] or list(points)
    framed = [place for place in framed if all(map(math.isfinite, place))] or [(-1.0, -1.0), (1.0, 1.0)]
    low = [min(place[axis] for place in framed) for axis in (0, 1)]
    high = [max(place[axis] for place in framed) for axis in (0, 1)]
    reach = 1.15 * max(high[0] - low[0], high[1] - low[1], 1e-6)
    middle = [(a + b) / 2 for a, b in zip(low, high)]

    def place(x, y):
        across = [(x - middle[0]) / reach, (middle[1] - y) / reach]
        return [round(WIDTH * (0.5 + min(max(part, -0.5), 0.5)), 1) for part in across]

    rings = []
    for x, y, radius in circles:
        at = place(x, y)
        rings.append(element("circle", cx=at[0], cy=at[1], r=round(max(WIDTH * radius / reach, 4.0), 1), class_="mode"))
    seen = [place(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    # one path: a circle per point would be ten times longer
    dots = element("path", d="".join(f"M{x:g} {y:g}h0" for x, y in seen), class_="dots c0")
    said = f"Scatter plot: {title}. {len(seen)} points" + (f", {len(circles)} modes" if circles else "")
    return _figure(title, [rings, dots], said, [], note, WIDTH)


class Axis:
    """A range of numbers and its ticks.

    Args:
        low, high: limits of the data.
        log: whether the axis is logarithmic; its limits are then exponents of ten.
        tight: whether the axis ends where the data do, not at a tick.
    """

    low: float
    high: float

    def __init__(self, low: float, high: float, log: bool = False, tight: bool = False) -> None:
        self.log = log
        if log:
            first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
            every = max(1, math.ceil((last - first) / 5))
            self.low, self.high = first, last
            self.ticks = [10.0**power for power in range(first, last + 1, every)]
            return
        if not high - low > 1e-9 * max(abs(low), abs(high)):
            wide = abs(low) / 10 or 1.0
            low, high = (low, high + wide) if tight else (low - wide, high + wide)
        step = nice_step(high - low)
        first = math.ceil(low / step - 1e-9) if tight else math.floor(low / step + 1e-9)
        last = math.floor(high / step + 1e-9) if tight else math.ceil(high / step - 1e-9)
        self.ticks = [index * step for index in range(first, last + 1)]
        self.low, self.high = (low, high) if tight else (first * step, last * step)

    def fraction(self, value: float) -> float:
        """Returns the position of a value between the ends, in [0, 1]; values outside are clipped."""
        value = math.log10(value) if self.log else value
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def nice_step(span: float, count: int = 5) -> float:
    """Returns the step, 1, 2 or 5 times a power of ten, that divides a span into at most about `count` parts."""
    power = 10.0 ** math.floor(math.log10(span / count))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor * count >= span * (1 - 1e-9))


class Frame:
    """Two axes on the drawing.

    Args:
        x_axis, y_axis: the ranges that they show.
    """

    def __init__(self, x_axis: Axis, y_axis: Axis) -> None:
        self.x_axis, self.y_axis = x_axis, y_axis
        self.left = round(10 + CHARACTER * max(len(short(tick)) for tick in y_axis.ticks))
        self.right, self.bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(self, value: float) -> float:
        """Returns the horizontal position of a value, in pixels."""
        return round(self.left + self.x_axis.fraction(value) * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        """Returns the vertical position of a value, in pixels."""
        return round(self.bottom - self.y_axis.fraction(value) * (self.bottom - TOP), 1)

    def grid(self) -> Markup:
        """Returns the horizontal grid lines with the numbers of the vertical axis."""
        parts = []
        for tick in self.y_axis.ticks:
            y = self.y(tick)
            parts.append(element("line", x1=self.left, x2=self.right, y1=y, y2=y, class_="gridline"))
            parts.append(_text(self.left - 5, y + 3.5, short(tick), "end"))
        return joined(parts)

    def x_ticks(self) -> Markup:
        """Returns the numbers of the horizontal axis."""
        return joined([_text(self.x(tick), self.bottom + 15, short(tick), "middle") for tick in self.x_axis.ticks])


def short(value: float) -> str:
    """Returns a number in few characters: 0.0123, 12.3, 1230, 150k, 1e-09."""
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e4:
        for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
            if size <= abs(value) < 1000 * size:
                return f"{value / size:.4g}{unit}"
    return f"{value + 0.0:.4g}" if abs(value) >= 1 else f"{value + 0.0:.3g}"  # + 0.0: no "-0"


def percentage(value: float) -> str:
    """Returns a proportion as a percentage: "12.3 %"."""
    return f"{100 * value:.1f} %"


def cut(text: str, length: int) -> str:
    """Returns text, cut to at most `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def thinned(x: list[float], y: list[float], limit: int = POINTS) -> tuple[list[float], list[float]]:
    """Returns at most about `limit` of the points: the lowest and the highest of each stretch, so that peaks remain."""
    if len(x) <= limit:
        return x, y
    size, kept = math.ceil(2 * len(x) / limit), {0, len(x) - 1}
    for start in range(0, len(x), size):
        stretch = range(start, min(start + size, len(x)))
        kept |= {min(stretch, key=y.__getitem__), max(stretch, key=y.__getitem__)}
    return [x[i] for i in sorted(kept)], [y[i] for i in sorted(kept)]


def _finite(line):
    """Returns the line without points that are not finite."""
    points = [(x, y) for x, y in zip(line.x, line.y) if math.isfinite(x) and math.isfinite(y)]
    return dataclasses.replace(line, x=[x for x, _ in points], y=[y for _, y in points])


def _line(frame, line, index):
    x, y = thinned(line.x, line.y)
    places = [(frame.x(a), frame.y(b)) for a, b in zip(x, y)]
    path = element("polyline", points=" ".join(f"{a:g},{b:g}" for a, b in places), class_=f"line {look(line, index)}")
    if len(places) > 40:
        return path
    return joined(path, [element("circle", cx=a, cy=b, r=1.8, class_=look(line, index).split()[0]) for a, b in places])


def look(line: Series, index: int) -> str:
    """Returns the CSS classes of a line: its colour, and dashes for all but the first of four in a chart."""
    return f"c{(index if line.colour is None else line.colour) % COLOURS} d{index % 4}"


def _text(x, y, text, anchor, class_=None):
    return element("text", text, x=round(x, 1), y=round(y, 1), text_anchor=anchor, class_=class_)


def _legend(series, mark):
    lines = [(line.name, f"line {look(line, index)}", short(line.y[-1])) for index, line in enumerate(series)]
    return lines + ([(mark[1], "mark", None)] if mark else [])


def _spoken(title, series):
    def said(line):
        return f"{line.name} from {short(line.y[0])} to {short(line.y[-1])}"

    return f"Line chart: {title}. " + "; ".join(map(said, series))


def _figure(title, drawing, spoken, legend, note, height=HEIGHT):
    picture = element(
        "svg",
        drawing,
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_label=spoken,
        xmlns="http://www.w3.org/2000/svg",
    )
    entries = [
        element("li", _swatch(look), name, element("b", " ", value) if value else None) for name, look, value in legend
    ]
    listed = element("ul", entries, class_="legend") if entries else None
    small = element("span", note, class_="note") if note and note.strip() else None
    return element("figure", element("figcaption", element("strong", title)), picture, listed, small, class_="chart")


def _swatch(look):
    line = element("line", x1=0, x2=22, y1=5, y2=5, class_=look)
    return element("svg", line, viewBox="0 0 22 10", class_="swatch", aria_hidden="true")
