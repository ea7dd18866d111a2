"""The machine's memory: how much of it a kernel may use, and whether it has run out."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from autograder.sandbox import cgroup
from autograder.sandbox.inside.jail import Limits

_GROUPS = Path("/proc/self/cgroup")
# However little the machine has: a lab's solution in full mode peaks at 1.9 GB.
LEAST = 5 << 29


def bounded(limits: Limits, jobs: int = 1) -> Limits:
    """Return limits by which as many submissions at once leave a quarter of the memory there is.

    So who uses too much is seen, and told so, before Linux chooses whom to end. What a process maps
    and does not use costs nothing, and stays allowed.
    """
    most = max(LEAST, total() * 3 // 4 // jobs)
    return replace(limits, memory=min(limits.memory, most), mapped=limits.most_mapped)


def total() -> int:
    """Return how many bytes the machine has, or the smallest control group that this is in."""
    lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    found = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemTotal"))
    return min([found, *_of_groups()])


def _of_groups() -> Iterator[int]:
    """Yield the limits of the control groups that this process is in, in both versions."""
    with suppress(OSError):
        for line in _GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            folder, file = cgroup.ROOT, "memory.max"
            if controllers:
                folder, file = folder / "memory", "memory.limit_in_bytes"
            if "memory" in controllers.split(",") or not controllers:
                inner = folder / path.lstrip("/")
                for group in (inner, *inner.parents):
                    with suppress(OSError, ValueError):  # it has none, or is not to be seen here
                        yield int((group / file).read_text())  # "max" is no number


def ended_for_memory() -> int:
    """Return how many processes Linux has ended here, as it says, because memory ran out.

    A container has a count of its own in version 2 of control groups; elsewhere it is the
    machine's, a container's neighbours included.
    """
    for file in (cgroup.ROOT / "memory.events", Path("/proc/vmstat")):
        with suppress(OSError, ValueError):
            lines = file.read_text("ascii").splitlines()
            return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return 0
