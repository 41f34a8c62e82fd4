"""Downloads of TensorFlow Datasets that end soon where there is no network, and none where none is wanted."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import importlib
import logging
import socket
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

WANTED = contextvars.ContextVar("downloads_wanted", default=True)  # set by `load_dataset`, read where data are fetched

_RETRIES = 3  # TFDS's own are 10, with pauses that add up to 200 seconds
_NAME_SECONDS = 5.0
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and without a byte; TFDS waits for ever


@contextlib.contextmanager
def impatient(tfds: Any) -> Iterator[None]:
    """Makes TFDS give up soon: on a name that is not found, on a host that does not answer, on a silent connection.

    Its progress bars are shown on a terminal alone: an error is one line in a log.

    Args:
        tfds: the module `tensorflow_datasets`.
    """
    downloader: Any = importlib.import_module(f"{tfds.__name__}.core.download.downloader")
    known = {name: getattr(downloader, name, None) for name in ("MAX_RETRIES", "_open_url")}
    try:
        if not _is_terminal(sys.stderr):
            tfds.disable_progress_bar()
        downloader.MAX_RETRIES = _RETRIES
        if known["_open_url"] is not None:
            downloader._open_url = functools.partial(_opened, known["_open_url"])
        yield
    finally:
        for name, value in known.items():
            if value is not None:
                setattr(downloader, name, value)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppresses the warnings of TFDS and of its connections: what matters is said in an error."""
    loggers = [logging.getLogger(name) for name in ("absl", "urllib3.connectionpool")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _opened(open_url, url, **kwargs):
    check_host(url)
    return open_url(url, timeout=_TIMEOUT, **kwargs)


def check_host(url: str) -> None:
    """Raises OSError if the name of the host of a URL is not found within seconds; a proxy finds names itself."""
    host = urllib.parse.urlsplit(url).hostname
    if host is None or urllib.request.getproxies():
        return
    found: list[Any] = []

    def look_up() -> None:
        try:
            socket.getaddrinfo(host, None)
            found.append(None)
        except OSError as error:
            found.append(error)

    # in a thread: a name server that does not answer keeps its caller for half a minute
    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(_NAME_SECONDS)
    if not found or found[0] is not None:
        raise ConnectionError(f"the host {host} is not found: there is no network, or it is closed")


def _is_terminal(stream):
    try:
        return stream.isatty()
    except (AttributeError, OSError, ValueError):
        return False
