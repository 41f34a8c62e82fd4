"""HTML as values: all text is escaped on entry, so that nothing read from a file can become markup."""

import base64
import html
from collections.abc import Sequence
from typing import Any

VOID = {"br", "col", "img", "meta"}


class Markup(str):
    """Text that is HTML already and is not escaped again."""


def element(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """Returns one element.

    Args:
        name: of the element, such as "td".
        *children: `Markup` is kept, other text escaped, numbers become text, lists of these are joined, None is left
            out.
        **attributes: escaped; a trailing `_` is removed (`class_`), other `_` become `-`; True gives the bare name, and
            None and False leave the attribute out.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children: Any) -> Markup:
    """Returns children of an element without the element."""
    return Markup("".join(_content(child) for child in children))


def escaped(text: str) -> Markup:
    """Returns text escaped for an element or an attribute; what UTF-8 cannot encode, as in file names, becomes `?`."""
    return Markup(html.escape(str(text).encode("utf-8", "replace").decode("utf-8")))


def data_uri(content: bytes, kind: str) -> str:
    """Returns the bytes of a picture, `kind` "png" or "gif", as the address of an image within the page."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def table(head: Sequence[Any], rows: Sequence[Sequence[Any]], caption: str | None = None, **attributes: Any) -> Markup:
    """Returns a table that scrolls in its own box; the first cell of each row is its heading.

    Args:
        head: texts of the first row.
        rows: lists of cells; a cell may be a whole `td` or `th` element, which can span columns.
        caption: above the table.
        **attributes: of the table.
    """
    top = element("tr", [element("th", cell, scope="col") for cell in head])
    body = [element("tr", _cell(row[0], "th", scope="row"), [_cell(cell, "td") for cell in row[1:]]) for row in rows]
    titled = element("caption", caption) if caption else None
    whole = element("table", titled, element("thead", top), element("tbody", body), **attributes)
    # a box that scrolls must be reachable by the keyboard
    return element("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption or "table")


def folded(summary: str, *children: Any, open_: bool = False) -> Markup:
    """Returns a `details` element, which shows its `summary` and opens on a click."""
    return element("details", element("summary", summary), *children, open=open_)


def section(title: str, *children: Any, key: str | None = None) -> Markup | None:
    """Returns a part of the page with its heading; None if all children are empty."""
    found = [child for child in children if child]
    name = key or "".join(c if c.isalnum() else "-" for c in title.lower())
    if not found:
        return None
    return element("section", element("h2", title, id=name), *found, aria_labelledby=name)


def paragraph(*children: Any, **attributes: Any) -> Markup:
    """Returns a `p` element; arguments as in `element`."""
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
