"""Watch what a process and everything that it started use."""

import os
from contextlib import suppress
from pathlib import Path

from jail import Limits

SECONDS = 0.2  # between two looks


def family(root: int) -> list[int]:
    """Return the process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError, ValueError):
                stat = Path(entry.path, "stat").read_text("utf-8", "replace")
                parent = int(stat.rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, position = [root], 0
    while position < len(found):
        found += children.get(found[position], [])
        position += 1
    return found


def excess(root: int, limits: Limits) -> str:
    """Return what is used beyond the limits, in words, or nothing."""
    processes = family(root)
    threads = sum(map(_threads, processes))
    if threads > limits.processes:
        return f"it had more than {limits.processes} processes and threads"
    # What they share is counted once: only if the quick sum is too much is the exact one worth it.
    if sum(map(_resident, processes)) > limits.memory:
        total = sum(map(_proportional, processes))
        if total > limits.memory:
            return f"it used more than {limits.memory / (1 << 30):.3g} GB of memory"
    return ""


def _threads(process: int) -> int:
    with suppress(OSError, IndexError):
        stat = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
        return int(stat.rpartition(")")[2].split()[17])
    return 0


def _resident(process: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def _proportional(process: int) -> int:
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0
