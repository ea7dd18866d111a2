"""A control group for a kernel: Linux itself counts and limits all that its processes use.

Unlike what can be counted process by process, that includes memory that nothing maps, and buffers.
Where there are none for us (most containers, a login without delegation), `make` returns None.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.doctor import GROUPS

if TYPE_CHECKING:
    from autograder.sandbox.inside.jail import Limits

ROOT, _OWN = GROUPS, Path("/proc/self/cgroup")
# By version: the controller of each file, the file, and its value. Memory must be there. A group of
# its own is all that `cpu` is for: a kernel has one share, however many processes it starts.
_FILES = {
    1: [
        ("memory", "memory.limit_in_bytes", "{memory}"),
        ("memory", "memory.memsw.limit_in_bytes", "{swapped}"),
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
        self._version, self._limits, self._folders = version, limits, folders
        sizes = {
            "memory": limits.memory,
            # Were it full first, nothing would count that (memory.failcnt) on Linux 6.18.
            "swapped": limits.memory + (1 << 20),
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
        """Return, in words, whether something had to be killed for its use of memory."""
        return self._limits.too_much_memory if self._killed() and self._was_full() else ""

    def hit(self) -> bool:
        """Return whether Linux ended a process of it, though it never had all that it may have.

        Then it was the machine's memory that ran out, or that of a group around it.
        """
        return self._killed() and not self._was_full()

    def _killed(self) -> bool:
        file = {1: "memory.oom_control", 2: "memory.events"}[self._version]
        return counts(self._folders["memory"] / file).get("oom_kill", 0) > 0

    def _was_full(self) -> bool:
        folder = self._folders["memory"]
        if self._version == 2:
            return counts(folder / "memory.events").get("oom", 0) > 0
        failed = 0
        for file in ("memory.failcnt", "memory.memsw.failcnt"):
            with suppress(OSError):
                failed += int((folder / file).read_text())
        return failed > 0

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


def around() -> Iterator[Path]:
    """Yield the files that count what happened in this process's own group, the nearest first.

    Groups beside it count for themselves; so do those below it, but before Linux 5.2 in version 2.
    """
    with suppress(OSError):
        own = [line.split(":", 2) for line in _OWN.read_text().splitlines()]
        for _, controllers, path in own:
            if "memory" in controllers.split(","):
                folder, files = ROOT / "memory", ["memory.oom_control"]
            elif not controllers:
                folder, files = ROOT, ["memory.events.local", "memory.events"]
            else:
                continue
            # In a container the groups above its own are not there; without a controller of its
            # own, a process is counted above.
            inner = folder / path.lstrip("/")
            for group in (inner, *inner.parents):
                yield from (group / file for file in files if (group / file).exists())
                if group == folder:
                    break


def counts(file: Path) -> dict[str, int]:
    """Return the numbers of such a file, by name; none, if it cannot be read."""
    found = {}
    with suppress(OSError, ValueError):
        for line in file.read_text("ascii").splitlines():
            name, number = line.split()
            found[name] = int(number)
    return found


@cache
def _parents() -> list[tuple[int, dict[str, Path]]]:
    """Return where control groups may be made, by version; remove what dead graders left there."""
    found: list[tuple[int, dict[str, Path]]] = []
    with suppress(OSError):
        own = [line.split(":", 2) for line in _OWN.read_text().splitlines()]
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
