"""The machine's memory: how much of it a kernel may use, and whether it has run out."""

from dataclasses import replace
from pathlib import Path

from autograder.sandbox import cgroup
from autograder.sandbox.inside.jail import Limits
from labkit.doctor import total_memory

# However little the machine has: a lab's solution in full mode peaks at 1.9 GB.
LEAST = 5 << 29


def bounded(limits: Limits, jobs: int = 1) -> Limits:
    """Return limits by which as many submissions at once leave a quarter of the memory there is.

    So who uses too much is seen, and told so, before Linux chooses whom to end. What a process maps
    and does not use costs nothing, and stays allowed.
    """
    most = max(LEAST, total_memory() * 3 // 4 // jobs)
    return replace(limits, memory=min(limits.memory, most), mapped=limits.most_mapped)


def ended_for_memory() -> int:
    """Return how many processes Linux has ended, as it says, because memory ran out.

    They are those of the control group that this process is in, and kernels that have none of their
    own. Where it is in none they are the machine's, a container's neighbours included.
    """
    for file in (*cgroup.around(), Path("/proc/vmstat")):
        if (ended := cgroup.counts(file).get("oom_kill")) is not None:
            return ended
    return 0
