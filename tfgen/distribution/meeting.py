"""Workers that wait for each other, before TensorFlow does so without an end and without listening to signals.

The first worker listens at its own address of TF_CONFIG, which TensorFlow's server takes over; the others connect to
it, say who they are, and go on once all are there.
"""

import contextlib
import re
import select
import socket
import time
from collections.abc import Sequence

from tfgen import faults
from tfgen.errors import UserError, WorkerLost

GO = b"go\n"
PAUSE = 0.2  # seconds between two tries


def meet(addresses: Sequence[str], index: int, seconds: float) -> None:
    """Waits until all workers have come, `seconds` at most.

    Args:
        addresses: HOST:PORT of each worker.
        index: of this one.
        seconds: time limit.

    Raises:
        WorkerLost: some have not come.
        UserError: two processes say that they are the same worker.
    """
    until = time.monotonic() + seconds
    if len(addresses) < 2:
        return
    if index == 0:
        _gather(addresses, until, seconds)
    else:
        _join(addresses, index, until, seconds)


def _gather(addresses: Sequence[str], until: float, seconds: float) -> None:
    with contextlib.ExitStack() as opened:
        server = opened.enter_context(_listening(addresses[0]))
        here: dict[int, socket.socket] = {}
        while len(here) < len(addresses) - 1:
            server.settimeout(max(until - time.monotonic(), 0.001))
            try:
                connection = opened.enter_context(server.accept()[0])
                index = _introduced(connection, len(addresses))
            except TimeoutError:
                if time.monotonic() < until:
                    continue  # somebody who connected and said nothing
                missing = [name for i, name in enumerate(addresses) if i and i not in here]
                raise WorkerLost(_too_late(", ".join(missing), seconds)) from None
            except OSError:
                continue  # gone again
            if index is None:
                connection.close()
            elif index in here and _alive(here[index]):
                raise UserError(f"two processes are worker {index} of the cluster, by TF_CONFIG or the scheduler")
            else:
                here[index] = connection
        for connection in here.values():
            with contextlib.suppress(OSError):
                connection.sendall(GO)
        for connection in here.values():
            # they close first: the address is free at once for TensorFlow's server
            with contextlib.suppress(OSError):
                connection.settimeout(1.0)
                connection.recv(1)


def _listening(address: str) -> socket.socket:
    host, port = _parts(address)
    error: OSError | None = None
    for name in (host, ""):  # a name may lead to the machine in another way than by an address of its own
        try:
            return socket.create_server((name, port))
        except OSError as problem:
            error = error or problem
    raise WorkerLost(f"worker 0 cannot listen at {address}: {faults.reason(error or OSError())}") from error


def _introduced(connection: socket.socket, count: int) -> int | None:
    """Returns the index that a worker of a cluster of `count` gives, or None for anybody else."""
    connection.settimeout(5.0)
    said = re.fullmatch(rb"tfgen (\d{1,6})/(\d{1,6})\n", connection.recv(64))
    index = int(said[1]) if said and int(said[2]) == count else 0
    return index if 0 < index < count else None


def _alive(connection: socket.socket) -> bool:
    """Returns whether the other end, which says nothing more, has not closed."""
    return not select.select([connection], [], [], 0)[0]


def _join(addresses: Sequence[str], index: int, until: float, seconds: float) -> None:
    while (left := until - time.monotonic()) > 0:
        with contextlib.suppress(OSError), socket.create_connection(_parts(addresses[0]), timeout=left) as connection:
            connection.sendall(f"tfgen {index}/{len(addresses)}\n".encode())
            connection.settimeout(max(until - time.monotonic(), 0.001))
            if connection.recv(len(GO)) == GO:
                return
        time.sleep(min(PAUSE, max(until - time.monotonic(), 0)))
    raise WorkerLost(_too_late("the first of them, " + addresses[0], seconds))


def _parts(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _too_late(missing: str, seconds: float) -> str:
    return f"these workers did not come within {seconds:g} seconds: {missing}; start all of them again"
