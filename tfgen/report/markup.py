"""HTML as values: every text is escaped when it enters, so that nothing read from a file can become markup."""

import base64
import html

VOID = {"br", "col", "img", "meta"}


class Markup(str):
    """Text that is HTML already and is not escaped again."""


def element(name, /, *children, **attributes):
    """One element as `Markup`.

    Args:
        name: of the element, such as "td".
        *children: `Markup` as it is, other text escaped, numbers as text; lists of these; None is left out.
        **attributes: escaped; a trailing `_` falls off (`class_`), other `_` become `-`; True gives the bare name, None
            and False leave it out.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children):
    """Children of an element without the element, as `Markup`."""
    return Markup("".join(_content(child) for child in children))


def escaped(text):
    """Text for between tags or in an attribute; what UTF-8 cannot hold, such as half of a file name, becomes `?`."""
    return html.escape(str(text).encode("utf-8", "replace").decode("utf-8"))


def data_uri(content, kind):
    """Bytes of a picture, `kind` "png" or "gif", as the address of an image that lies within the page."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def table(head, rows, caption=None, **attributes):
    """A table that scrolls in its own box; the first cell of each row is its heading.

    Args:
        head: texts of the first row.
        rows: lists of cells; a cell may be a whole `td` or `th` element, for one that spans columns.
    """
    top = element("tr", [element("th", cell, scope="col") for cell in head])
    body = [element("tr", _cell(row[0], "th", scope="row"), [_cell(cell, "td") for cell in row[1:]]) for row in rows]
    titled = element("caption", caption) if caption else None
    whole = element("table", titled, element("thead", top), element("tbody", body), **attributes)
    # a box that scrolls must be reachable by the keyboard
    return element("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption or "table")


def folded(summary, *children, open_=False):
    """What shows its `summary` and opens on a click."""
    return element("details", element("summary", summary), *children, open=open_)


def section(title, *children, key=None):
    """A part of the page with its heading; None if nothing is in it."""
    children = [child for child in children if child]
    name = key or "".join(c if c.isalnum() else "-" for c in title.lower())
    if not children:
        return None
    return element("section", element("h2", title, id=name), *children, aria_labelledby=name)


def paragraph(*children, **attributes):
    return element("p", *children, **attributes)


def _cell(cell, name, **attributes):
    whole = isinstance(cell, Markup) and cell.startswith(("<td", "<th"))
    return cell if whole else element(name, cell, **attributes)


def _content(child):
    if child is None:
        return ""
    if isinstance(child, (list, tuple)):
        return joined(*child)
    return child if isinstance(child, Markup) else escaped(child)


def _attribute(key, value):
    if value is None or value is False:
        return ""
    key = key.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{escaped(value)}"'
