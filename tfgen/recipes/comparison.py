"""Comparison of settings that may be spelled in several ways: 64 and "64", "uniform(-1, 1)" and "uniform(-1,1)"."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Returns the names whose values differ, or which one of the two does not have."""
    return [
        name
        for name in {**old, **new}
        if canonical(old.get(name)) != canonical(new.get(name)) or (name in old) != (name in new)
    ]


def digest(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Returns 16 hexadecimal digits of values, equal where `changed` finds nothing; those at their defaults count not.

    So that a name that a later version adds leaves the digests of earlier ones as they are.
    """
    ordinary = {name: canonical(value) for name, value in defaults.items()}
    found = {name: canonical(value) for name, value in values.items()}
    stated = {name: value for name, value in found.items() if name not in ordinary or value != ordinary[name]}
    return hashlib.sha256(json.dumps(stated, sort_keys=True, default=repr).encode()).hexdigest()[:16]


def canonical(value: Any) -> Any:
    """Returns equal values for two spellings of a value: "64" and 64, "uniform(-1,1)" and "uniform(-1, 1)"."""
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    if isinstance(value, dict):
        return {name: canonical(item) for name, item in value.items()}
    if isinstance(value, (int, float)) and abs(value) < 1e300:
        return float(value)
    if not isinstance(value, str):
        return value
    text = re.sub(r"\s", "", value)
    try:
        return float(text)
    except ValueError:
        pass
    words = {"true": 1.0, "false": 0.0, "none": None, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    if "," in text and "(" not in text.strip("()"):
        return [canonical(item) for item in text.strip("()[]").split(",") if item]
    return text
