"""Watch what a process and everything that it started use."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from jail import MOST_BUFFERED, Limits

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
    """Return what is used beyond the limits, in words, or nothing.

    Without a control group this is what holds them to their memory: what they have mapped, the
    tables for it, and for each socket and pipe as much as its buffers may hold.
    """
    processes = {process: _status(process) for process in family(root)}
    if sum(each["Threads"] for each in processes.values()) > limits.processes:
        return f"it had more than {limits.processes} processes and threads"
    beside = sum(each["VmPTE"] << 10 for each in processes.values()) + _buffers(processes)
    # What they share is counted once: only if the quick sum is too much is the exact one worth it.
    most = limits.memory - beside
    quick = sum(each["VmRSS"] << 10 for each in processes.values())
    if quick > most and sum(map(_proportional, processes)) > most:
        return f"it used more than {limits.memory / (1 << 30):.3g} GB of memory"
    return ""


def _status(process: int) -> dict[str, int]:
    found = {"Threads": 0, "VmRSS": 0, "VmPTE": 0}  # the latter two in KiB
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text("utf-8", "replace").splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value.split()[0])
    return found


def _buffers(processes: Iterable[int]) -> int:
    found = set()
    for process in processes:
        with suppress(OSError):
            for entry in os.scandir(f"/proc/{process}/fd"):
                with suppress(OSError):
                    found.add(os.readlink(entry.path))
    return MOST_BUFFERED * sum(name.startswith(("socket:", "pipe:")) for name in found)


def _proportional(process: int) -> int:
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0
