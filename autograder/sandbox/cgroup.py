"""A control group for a kernel: Linux itself counts and limits all that its processes use.

Unlike what can be counted process by process, that includes memory that nothing maps, and buffers.
Where there are none for us (most containers, a login without delegation), `make` returns None.
"""

import os
import secrets
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.doctor import GROUPS

if TYPE_CHECKING:
    from autograder.sandbox.inside.jail import Limits

ROOT = GROUPS
# By version: the controller of each file, the file, and its value. Memory must be there. A group of
# its own is all that `cpu` is for: a kernel has one share, however many processes it starts.
_FILES = {
    1: [
        ("memory", "memory.limit_in_bytes", "{memory}"),
        ("memory", "memory.memsw.limit_in_bytes", "{memory}"),
        ("memory", "memory.kmem.tcp.limit_in_bytes", "{sockets}"),
        ("pids", "pids.max", "{processes}"),
    ],
    2: [
        ("memory", "memory.max", "{memory}"),
        ("memory", "memory.swap.max", "0"),
        ("memory", "memory.oom.group", "1"),
        ("pids", "pids.max", "{processes}"),
    ],
}


class Cgroup:
    """One kernel's control group, a folder for each controller; `remove` it in the end."""

    def __init__(self, version: int, folders: dict[str, Path], limits: "Limits"):
        """Make it; raises OSError where that is not possible."""
        self._limits = limits
        self._folders = folders
        sizes = {
            "memory": limits.memory,
            "sockets": limits.memory // 16,
            "processes": limits.most_processes,
        }
        try:
            for folder in self._distinct():
                folder.mkdir()
            for controller, file, value in _FILES[version]:
                if controller in folders and (path := folders[controller] / file).exists():
                    path.write_text(value.format(**sizes))
        except OSError:
            self.remove(patience=0)
            raise

    def doors(self) -> list[int]:
        """Open the files that a process enters by, writing "0" to each; the caller closes them."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY) for folder in self._distinct()]

    def excess(self) -> str:
        """Return, in words, whether something had to be killed for its use of memory.

        Linux counts who was killed as the machine's memory ran out, too: then it was not this
        group that was full (`oom`, which version 1 does not count).
        """
        for file in ("memory.events", "memory.oom_control"):
            with suppress(OSError):
                text = (self._folders["memory"] / file).read_text()
                counts = dict(line.split(maxsplit=1) for line in text.splitlines())
                if int(counts.get("oom_kill", 0)) > 0 and int(counts.get("oom", 1)) > 0:
                    return self._limits.too_much_memory
        return ""

    def remove(self, patience: float = 2) -> None:
        """Remove it, when its processes have ended."""
        deadline = time.monotonic() + patience
        for folder in self._distinct():
            while folder.exists():
                with suppress(OSError):
                    folder.rmdir()
                    break
                if time.monotonic() > deadline:
                    break
                time.sleep(0.005)

    def _distinct(self) -> list[Path]:
        return list(dict.fromkeys(self._folders.values()))


def make(limits: "Limits") -> Cgroup | None:
    """Make a control group below this process's own, or beside it; None where that fails."""
    name = f"lab-{os.getpid()}-{secrets.token_hex(4)}"
    for version, parents in _parents():
        with suppress(OSError):
            return Cgroup(version, {c: parent / name for c, parent in parents.items()}, limits)
    return None


@cache
def _parents() -> list[tuple[int, dict[str, Path]]]:
    """Return where control groups may be made, by version; remove what dead graders left there."""
    found: list[tuple[int, dict[str, Path]]] = []
    with suppress(OSError):
        own = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
        first = {
            controller: ROOT / controller / path.lstrip("/")
            for _, controllers, path in own
            for controller in controllers.split(",")
            if controller in ("memory", "pids", "cpu")
        }
        if "memory" in first:
            found.append((1, first))
        for _, controllers, path in own:
            if not controllers:
                # A group that has processes of its own cannot have limited ones below: so beside.
                parent = (ROOT / path.lstrip("/")).parent if path != "/" else ROOT
                given = (parent / "cgroup.subtree_control").read_text().split()
                if "memory" in given:
                    found.append((2, {c: parent for c in ("memory", "pids", "cpu") if c in given}))
    for _, parents in found:
        for parent in set(parents.values()):
            for left in parent.glob("lab-*-*"):
                if not Path("/proc", left.name.split("-")[1]).exists():
                    with suppress(OSError):
                        left.rmdir()
    return found
