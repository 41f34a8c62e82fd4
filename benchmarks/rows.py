"""Tables that are filled over several sittings: rows in a JSON file, which are not run twice."""

import json

from tfgen.storage.atomic import write_text


def filled(store, rows, measure):
    """Returns name -> result of the rows in a file, after measuring those of `rows` that are not there.

    Args:
        store: path of the JSON file, written after each row.
        rows: objects with a `name`.
        measure: row -> what JSON holds.
    """
    found = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
    for row in rows:
        if row.name not in found:
            found[row.name] = measure(row)
            write_text(store, json.dumps(found, indent=1) + "\n")
            print(f"{row.name}: {found[row.name]}", flush=True)
    return found


def chosen(flag, text, known):
    """Returns the names that a flag gives, with commas between them; all that are known without it.

    Raises:
        SystemExit: another name.
    """
    names = [name.strip() for name in text.split(",")] if text else list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"--{flag} takes {', '.join(known)}, got {unknown[0]}")
    return names


def not_run(names):
    """Returns a sentence on rows that are not there, with a line break, or "" without any."""
    return f"Not yet run, and left to the command: {'; '.join(names)}.\n" if names else ""
