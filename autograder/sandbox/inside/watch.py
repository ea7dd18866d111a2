"""Watch what a process and everything that it started use."""

import math
import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, thread_time
from typing import NamedTuple

from autograder.sandbox.inside.jail import MOST_BUFFERED, Limits

SECONDS = 0.2  # between two looks
# Linux lets a user have some million, and where the grader is not root, all kernels and the grader
# are one. A kernel has a few dozen, and each process that it forks has them again.
MOST_WATCHES = 50_000
WATCHES_UNSEEN = 1000  # what each file that is on its way, and that nobody can look into, counts as
# So many each, and what Linux has for all users together, open files and memory for connections,
# lasts for all kernels. Those of gRPC have some dozens.
MOST_FILES = 50_000
MOST_SOCKETS = 2000
# A file of /proc, as it is called here or within. Linux keeps its text while it is open: megabytes,
# of an epoll's watches or of long paths. Nobody has many, so each counts as watches unseen.
_OF_A_PROCESS = re.compile(r"(?:/proc)?/\d+/")
MOST_CPU_SECONDS, MOST_SECONDS = 1.5, 10  # that a look may take
MOST_LISTS = 10  # of a look
MOST_LOOKS = 3  # at once, where processes end during each
_ENDED = -1  # in place of a parent
UNWATCHED = "it could not be watched"


def family(root: int) -> dict[int, dict[str, int]]:
    """Return the process and all its descendants, and what each uses (see `_status`).

    Who forks and ends, again and again, is on a list that is out of date when it has been gone
    through: what is new on another one is few, and read at once, until there is nothing new.
    """
    known: dict[int, dict[str, int]] = {}
    for _ in range(MOST_LISTS):
        listed = [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]
        there = {_ENDED, 0, *listed}
        # Whose parent has ended has another one now.
        known = {one: known[one] for one in listed if one in known and known[one]["PPid"] in there}
        new = [process for process in listed if process not in known]
        if not new:
            break
        known |= {process: _status(process) for process in new}  # parents before their children
    children: dict[int, list[int]] = {}
    for process, uses in known.items():
        children.setdefault(uses["PPid"], []).append(process)
    found, position = [root], 0
    while position < len(found):
        found += children.get(found[position], [])
        position += 1
    return {process: known.get(process) or _status(process) for process in found}


def problem(root: int, limits: Limits) -> str:
    """Return why a process and its descendants must be ended, or nothing.

    What nobody can watch must end, too: then the reason begins with `UNWATCHED`.
    """
    try:
        return excess(root, limits)
    except Exception as error:
        return f"{UNWATCHED}: {type(error).__name__}: {error}"[:500]


def excess(root: int, limits: Limits) -> str:
    """Return what is used beyond the limits, in words, or nothing.

    Without a control group this is what holds them to their memory: what they have mapped, swapped
    out too, the tables for it, and for each socket and pipe as much as its buffers may hold.
    """
    for _ in range(MOST_LOOKS):
        found, certain = _look(root, limits)
        if certain or not found:
            break
    return found


def _look(root: int, limits: Limits) -> tuple[str, bool]:
    """Return what is used beyond the limits, and whether that is all of who is there still."""
    processes = dict(_seen(*each) for each in family(root).items())
    if too_many := _too_many(processes, limits):
        return too_many, True
    try:
        opened, sockets = _files(processes), _sockets(processes)
    except PermissionError:
        return "it hid a process from who watches it", True
    for what, number, most in (
        ("open files", opened.files, MOST_FILES),
        ("sockets", sockets, MOST_SOCKETS),
        (
            "watches of epoll, files on their way, or open in /proc",
            opened.watches,
            MOST_WATCHES,
        ),
    ):
        if number > most:
            return f"it had more than {most} {what}", True
    beside = sum(each["VmPTE"] << 10 for each in processes.values())
    beside += MOST_BUFFERED * max(opened.buffers, sockets)
    # What they share is counted once: only if the quick sum is too much is the exact one worth it.
    most = limits.memory - beside
    if sum(map(_quickly, processes.values())) <= most:
        return "", True
    used, certain = (math.inf, True) if most <= 0 else _exactly(processes)
    if used > most:
        # Who forks without end makes that reading take seconds, and has many more by then.
        if too_many := _too_many(family(root), limits):
            return too_many, True
        return limits.too_much_memory, certain
    return "", True


def _too_many(processes: Mapping[int, dict[str, int]], limits: Limits) -> str:
    """Return what says that there are more processes and threads than allowed, or nothing."""
    if sum(each["Threads"] for each in processes.values()) > limits.processes:
        return f"it had more than {limits.processes} processes and threads"
    return ""


def _seen(process: int, uses: dict[str, int]) -> tuple[int, dict[str, int]]:
    """Return the id that a process is seen by, and what it uses.

    When its first thread has ended, and others go on, the figures are of these only.
    """
    if not uses["VmRSS"]:
        with suppress(OSError):
            for task in os.listdir(f"/proc/{process}/task"):
                other = _status(int(task))
                if other["VmRSS"]:
                    return int(task), other
    return process, uses


def _status(thread: int) -> dict[str, int]:
    # All but the first two in KiB. Whoever asks for it has its memory swapped out (MADV_PAGEOUT).
    found = {"PPid": _ENDED, "Threads": 0, "VmRSS": 0, "VmSwap": 0, "VmPTE": 0}
    with suppress(OSError):
        # A name can have any character in it that ends a line but this one.
        for line in Path(f"/proc/{thread}/status").read_bytes().split(b"\n"):
            name, _, value = line.partition(b":")
            if (key := name.decode("latin-1")) in found:
                found[key] = int(value.split()[0])
    return found


class _Open(NamedTuple):
    """How many files processes have, how many of these buffer, and how many watches epolls have."""

    files: int
    buffers: int
    watches: int


def _files(processes: Iterable[int]) -> _Open:
    """Count what processes have open; where it is far too much, not all of it.

    Raises:
        PermissionError: a process has made itself one that only root can look into.
    """
    buffers: set[str] = set()
    files = watches = 0
    for process in processes:
        try:
            entries = list(os.scandir(f"/proc/{process}/fd"))
        except OSError as error:
            if isinstance(error, PermissionError) and _status(process)["VmRSS"]:
                raise
            continue  # it has ended
        files += len(entries)
        if files > MOST_FILES or watches > MOST_WATCHES:
            break
        for entry in entries:
            with suppress(OSError):
                name = os.readlink(entry.path)
                if name.startswith("/") and stat.S_ISFIFO((info := os.stat(entry.path)).st_mode):
                    name = f"pipe:{info.st_dev}:{info.st_ino}"  # wherever its name may be by now
                if _OF_A_PROCESS.match(name):
                    watches += WATCHES_UNSEEN
                new = name.startswith(("socket:", "pipe:")) and name not in buffers
                if new:
                    buffers.add(name)
                if new or name == "anon_inode:[eventpoll]":
                    watches += _watches(f"/proc/{process}/fdinfo/{entry.name}")
    return _Open(files, len(buffers), watches)


def _sockets(processes: Iterable[int]) -> int:
    """Return how many sockets there are in these processes' networks, where those are their own.

    One that waits to be accepted, or was closed before its data were read, is no process's file.
    """
    networks: dict[str, int] = {}
    for process in processes:
        with suppress(OSError):
            networks[os.readlink(f"/proc/{process}/ns/net")] = process
    networks.pop(os.readlink("/proc/self/ns/net"), None)
    found = 0
    for process in networks.values():
        with suppress(OSError):
            first = Path(f"/proc/{process}/net/sockstat").read_text("ascii").partition("\n")[0]
            found += int(first.removeprefix("sockets: used "))
    return found


def _watches(info: str) -> int:
    """Return how many watches an epoll has, or the files that wait in a socket may have."""
    found = 0
    with open(info) as lines:
        for line in lines:
            if line.startswith("tfd:"):
                found += 1
            elif line.startswith("scm_fds:"):
                found += WATCHES_UNSEEN * int(line.split()[1])
            if found > MOST_WATCHES:
                break
    return found


def _quickly(uses: dict[str, int]) -> int:
    """Return how many bytes a process has, what it shares with others counted whole."""
    return (uses["VmRSS"] + uses["VmSwap"]) << 10


def _exactly(processes: Mapping[int, dict[str, int]]) -> tuple[float, bool]:
    """Return how much memory they have; infinitely much, if finding out gives time to get more.

    It takes Linux a tenth of a second for a process that makes it hard. Who has ended meanwhile may
    have left all it had to another one, and counts whole: then this is not certain.
    """
    until, latest = thread_time() + MOST_CPU_SECONDS, monotonic() + MOST_SECONDS
    found, certain = 0.0, True
    for process, uses in processes.items():
        own = _proportional(process)
        found += _quickly(uses) if own is None else own
        certain &= own is not None or not _quickly(uses)
        if thread_time() > until or monotonic() > latest:
            return math.inf, True
    return found, certain


def _proportional(process: int) -> float | None:
    found = 0
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Pss:", "SwapPss:")):
                found += int(line.split()[1]) << 10
    except PermissionError:  # it has just hidden itself
        return math.inf
    except (OSError, ValueError):  # it has ended
        return None
    return found
