"""evaluation.json: reading it, and writing a new evaluation over an earlier one without losing scores."""

import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from tfgen.errors import UserError
from tfgen.evaluation.evaluation import Evaluation
from tfgen.metrics.score import without_interval
from tfgen.storage.atomic import put_aside, write_text
from tfgen.storage.tables import read_json

REMEDY = "evaluate anew with python -m tfgen.evaluate"
# entries of a subject: what was scored (earlier versions wrote no `weights`), and how; the others are paths and records
_WEIGHTS = "step", "model", "sha256", "weights"
_SETTINGS = "seed", "conditions", "conditions_file", "sampler", "asked"


def read_evaluation(path: pathlib.Path) -> dict[str, Any]:
    """Reads evaluation.json; parts other than `metrics` that are missing or damaged become empty.

    Raises:
        UserError: the file is damaged.
    """
    found = read_json(path, REMEDY)
    if not isinstance(found, dict) or not isinstance(found.get("metrics"), dict):
        raise UserError(f"{path} is damaged or not written by tfgen: expected an object with metrics; {REMEDY}")
    for name, score in found["metrics"].items():
        if not _is_score(score):
            raise UserError(f"{path} is damaged: {name!r} needs value, low, high, floor and protocol; {REMEDY}")
    parts: dict[str, Any] = {name: found.get(name) for name in ("subject", "details", "seconds")}
    parts = {name: value if isinstance(value, dict) else {} for name, value in parts.items()}
    controls = found.get("controls")
    known = isinstance(controls, dict) and all(map(_is_numbers, controls.values()))
    said = found.get("findings")  # earlier versions wrote none
    parts["findings"] = [str(sentence) for sentence in said] if isinstance(said, list) else []
    parts["replicates"] = _replicates(found.get("replicates"))  # earlier versions wrote none
    return {**parts, "metrics": found["metrics"], "controls": controls if known else {}}


def keep(evaluation: Evaluation, path: pathlib.Path, partial: bool = False) -> pathlib.Path:
    """Writes an evaluation to `path`, beside the scores that are there, and says what becomes of them.

    Scores of the same weights by the same settings stay, unless they have been measured anew; those of other weights,
    such as of an earlier step, are replaced. By other settings, all scores replace those that are there, and some
    alone (`partial`) are written beside them, to a file such as `evaluation-fd.json`.

    Args:
        evaluation: the scores.
        path: of evaluation.json.
        partial: whether only some of the metrics have been asked for.

    Returns:
        The path of the file.
    """
    new = json.loads(json.dumps(evaluation.to_json()))  # as it is read: tuples become lists
    earlier = _earlier(path)
    if earlier is None:
        contents = new
    elif changed := _changed(earlier, new, of_weights=True):
        print(f"the scores of other weights in {path} are replaced ({changed})", flush=True)
        contents = new
    elif not (changed := _changed(earlier, new, of_weights=False)):
        contents = merged(earlier, new)
    elif partial:
        path, whole = path.with_name(f"{path.stem}-{'-'.join(sorted(new['metrics'])[:4])}{path.suffix}"), path
        print(f"{whole} keeps its scores, which are by other settings ({changed})", flush=True)
        contents = new
    else:
        print(f"the scores by other settings in {path} are replaced ({changed})", flush=True)
        contents = new
    write_text(path, json.dumps(contents, indent=1, allow_nan=False) + "\n")
    return path


def merged(earlier: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Returns the contents of two evaluations of the same weights by the same settings, the new scores first."""
    both: dict[str, Any] = {name: {**earlier[name], **new[name]} for name in ("metrics", "details", "seconds")}
    both["findings"] = list(dict.fromkeys([*earlier["findings"], *new["findings"]]))
    notes = [*earlier["details"].get("notes", []), *new["details"].get("notes", [])]
    if notes:
        both["details"]["notes"] = list(dict.fromkeys(map(str, notes)))
    # replicates belong to one value: those of a score that has been measured anew without any are out of date
    kept = {name: values for name, values in earlier["replicates"].items() if name not in new["metrics"]}
    both["replicates"] = {**kept, **new["replicates"]}
    faults = {**earlier["controls"], **new["controls"]}
    both["controls"] = {name: {**earlier["controls"].get(name, {}), **faults[name]} for name in faults}
    return {**new, **both}


def _earlier(path):
    """Returns the contents of an evaluation.json, or None; a damaged one is kept under another name."""
    if not os.path.lexists(path):
        return None
    try:
        return read_evaluation(path)
    except UserError as error:
        print(f"{error}; it is kept as {put_aside(path).name}", flush=True)
        return None


def _changed(earlier: dict[str, Any], new: dict[str, Any], of_weights: bool) -> str:
    """Returns the first difference between two evaluations in words, "" without any: of the weights, or of settings."""
    subjects = earlier["subject"], new["subject"]
    known = all("weights" in subject for subject in subjects)
    names = [name for name in (_WEIGHTS if of_weights else _SETTINGS) if known or name != "weights"]
    old, now = (_flat({name: subject.get(name) for name in names}) for subject in subjects)
    if not of_weights:
        old, now = {**old, **_protocols(earlier, new)}, {**now, **_protocols(new, earlier)}
    for name in {**now, **old}:
        if old.get(name) != now.get(name):
            return f"{name} was {old.get(name)!s:.40}, is {now.get(name)!s:.40}"
    return ""


def _protocols(found, other):
    """Returns the protocols of the scores that both have, and what all scores of samples have in common."""
    stated = {name: without_interval(score["protocol"]) for name, score in found["metrics"].items()}
    protocols = {name: protocol for name, protocol in stated.items() if name in other["metrics"]}
    of_samples: dict = next((protocol for protocol in stated.values() if "fake" in protocol), {})
    common = {key: value for key, value in of_samples.items() if key != "parameters"}
    if not any("fake" in score["protocol"] for score in other["metrics"].values()):
        common = {}
    return _flat({**protocols, "samples": common})


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    return dict(_leaves(values, prefix))


def _leaves(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def is_number(value: object) -> bool:
    """Returns whether a value from JSON is a number that a float can hold, NaN included."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not abs(value) > 1e300


def _is_score(score):
    keys = ("value", "low", "high", "floor")
    return (
        isinstance(score, dict)
        and isinstance(score.get("protocol"), dict)
        and all(key in score and (score[key] is None or is_number(score[key])) for key in keys)
    )


def _replicates(found):
    """Returns metric -> replicates, those that are lists of numbers."""
    found = found if isinstance(found, dict) else {}
    return {name: v for name, v in found.items() if isinstance(v, list) and v and all(map(is_number, v))}


def _is_numbers(values):
    return isinstance(values, dict) and all(map(is_number, values.values()))
