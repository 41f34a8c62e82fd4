"""How many processor cores this process may use."""

import os


def cores():
    """Cores that the system lets this process run on, at least 1; all of the machine's where it does not say."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
