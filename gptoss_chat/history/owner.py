"""Which process writes a reply, so that a reply whose process is gone can be told; it knows nothing of SQL."""

from __future__ import annotations

import functools
import os


@functools.cache
def own_name() -> str:
    """This process's name over time: its number alone is used again."""
    return _name_of(os.getpid())


def is_alive(owner: str | None) -> bool:
    """Whether the process of that name still runs."""
    import psutil

    if not owner:
        return False
    try:
        return _name_of(int(owner.partition("@")[0])) == owner
    except (psutil.Error, ValueError):
        return False


def _name_of(pid: int) -> str:
    import psutil

    return f"{pid}@{psutil.Process(pid).create_time():.2f}"
