"""What environment variables say of the workers: TF_CONFIG, and numbers in the variables of schedulers."""

import json
from collections.abc import Mapping
from typing import Any

from tfgen import domains, faults
from tfgen.errors import UserError, shown

FORM = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'


def integer_of(environ: Mapping[str, str], name: str, minimum: int = 0, below: int = domains.LARGEST) -> int:
    """Returns the integer in the variable `name`, at least `minimum` and less than `below`.

    Raises:
        UserError: the variable holds something else.
    """
    try:
        value = domains.integer(environ[name])
    except faults.NUMBER:
        raise UserError(f"{name} must be an integer of at least {minimum}, got {shown(environ[name])}") from None
    if not minimum <= value < below:
        raise UserError(f"{name} must lie in {minimum}..{below - 1}, got {value}")
    return value


def tf_config(text: str) -> dict[str, Any]:
    """Returns the text of TF_CONFIG as a dict; `index` is an integer.

    Raises:
        UserError: a part is missing or malformed, or an address is there twice.
    """
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        addresses = [address for job in cluster.values() for address in job]
        kind, index = task["type"], domains.integer(str(task["index"]))
        known = kind in ("chief", "worker") and 0 <= index < len(cluster[kind])
        known = known and all(isinstance(job, list) for job in cluster.values())
    except faults.TEXT:
        known = False
    if not known:
        raise UserError(f"TF_CONFIG must be like {FORM}, the index within the list, got {text!r:.200}")
    for address in addresses:
        _check_address(address)
        if addresses.count(address) > 1:
            raise UserError(f"TF_CONFIG names {address!r} twice: each worker needs an address of its own")
    return {**config, "task": {**task, "index": index}}


def _check_address(address: Any) -> None:
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
    if not host.strip() or not 0 < number < 2**16:
        raise UserError(f"TF_CONFIG names workers as HOST:PORT, the port in 1..65535, got {shown(address)}")
