"""Run a function once per item, each in a process of its own, and leave no process behind."""

import atexit
import ctypes
import math
import multiprocessing.context
import multiprocessing.forkserver
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from functools import cache
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Generic, TypeVar

import psutil

from autograder.workers.lacking import SHORT, aborted, lacking

# Bytes that the process itself may fill: a grading takes 200 MB, most of it the stacks of threads.
# What a kernel sends is held here, in libzmq too, which does not limit the parts of one message.
MOST_MEMORY = 1 << 30
# How a problem begins: it was the item's own time; or a process of its own ended.
TOO_LONG, ENDED = "its process took more than", "its process ended with"
# Where no process can be started: seconds between two attempts, and how many while none runs.
PAUSE, MOST_ATTEMPTS = 3.0, 10
_SERVER_ENDED = 255  # a status that only the server that forked the process knew, and has not told

T = TypeVar("T")
R = TypeVar("R")


def each(
    function: Callable[[T], R], items: Iterable[T], workers: int, seconds: float
) -> Generator[tuple[T, R | None, str], None, None]:
    """Call `function(item)` in a process per item, `workers` at a time.

    An item is taken from `items` when a worker is free for it. Items and results are pickled.

    Yields:
        (item, result, problem) as each ends. `problem` is empty if the function returned, and
        otherwise says how its process ended, and the last line that it wrote, or what the machine
        lacked (see lacking.py).

    Raises:
        OSError: no process can be started here, for as long as none runs.

    Whatever a process started ends with it, even in a session of its own; a process that takes
    more than `seconds` is ended; and when the caller stops iterating, all are.
    """
    context, waiting, failed = begin(function), iter(items), 0
    running: list[_Process[T, R]] = []
    following: list[T] = []
    with tempfile.TemporaryDirectory(prefix="logs-", ignore_cleanup_errors=True) as logs:
        try:
            for number in range(1, 1 << 62):
                while len(running) < workers and (
                    following := following or list(islice(waiting, 1))
                ):
                    log = Path(logs, f"{number}-{len(running)}.txt")
                    try:
                        running.append(_Process(context, function, following[0], log, seconds))
                    except (OSError, EOFError) as error:  # the server ends where it cannot fork
                        failed = 0 if running else failed + 1
                        if failed == MOST_ATTEMPTS:
                            why = f"no process can be started here: {type(error).__name__}: {error}"
                            raise OSError(why) from None
                        break
                    following, failed = [], 0
                if not (running or following):
                    return
                nearest = min((process.deadline for process in running), default=math.inf)
                nearest = min(nearest - time.monotonic(), PAUSE if following else math.inf)
                wait([each for one in running for each in one.tells], timeout=max(0, nearest))
                for process in list(running):
                    if (problem := process.problem()) is not None:
                        running.remove(process)
                        yield process.item, process.result, problem
        finally:
            for process in running:
                process.end()


class _Process(Generic[T, R]):
    """A process that works on one item."""

    def __init__(
        self,
        context: ForkServerContext,
        function: Callable[[T], R],
        item: T,
        log: Path,
        seconds: float,
    ):
        self.item, self.deadline = item, time.monotonic() + seconds
        self.result: R | None = None
        self._seconds, self._log, self._returned, self._lacked = seconds, log, False, ""
        self._receiver: Connection
        self._receiver, sender = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(
            target=_call, args=(function, item, sender, str(log))
        )
        with sender:
            self._process.start()

    @property
    def tells(self) -> list[Any]:
        """What is ready when there is something new of it."""
        ends = [] if self._process.exitcode == _SERVER_ENDED else [self._process.sentinel]
        return [*ends, *([] if self._receiver.closed else [self._receiver])]

    def problem(self) -> str | None:
        """Return what was wrong with its end, or nothing; None while it works."""
        status = self._process.exitcode  # before what it sent is looked for: then that is all
        orphan = status == _SERVER_ENDED
        self._take()
        if status is None or (orphan and not self._receiver.closed):
            if time.monotonic() <= self.deadline:
                return None
            self.end()
            return self._lacked if self._returned else f"{TOO_LONG} {self._seconds:g} s"
        if orphan:
            self.end()
        self._process.join()
        self._receiver.close()
        if self._returned and (orphan or status == 0):
            return self._lacked
        self.result, last = None, self._last_line()
        lacked = aborted(last) if status == -signal.SIGABRT else ""
        if orphan:
            lacked = f"{SHORT} {os.uname().nodename}: the server that forks has ended: {last}"
        return lacked or f"{ENDED} {_name(status)}: {last}"

    def _take(self) -> None:
        """Take the result, if it is there."""
        if self._receiver.closed or not self._receiver.poll():
            return
        with suppress(Exception):  # it has ended without one, or in the middle of it
            self.result, self._lacked = self._receiver.recv()
            self._returned = True
        self._receiver.close()

    def _last_line(self) -> str:
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - 4096))
                lines = file.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "no log"

    def end(self) -> None:
        assert self._process.pid is not None
        end(self._process.pid)
        self._process.join()
        self._receiver.close()


def begin(function: Callable[[Any], Any]) -> ForkServerContext:
    """Start the server that `each` forks from: it imports the function's module meanwhile, once."""
    context = multiprocessing.get_context("forkserver")
    # Every process runs the main module anew, as another name: what that imports is there then,
    # and itself is not, of which runpy would warn.
    package = f"{__package__.partition('.')[0]}."
    main = getattr(getattr(sys.modules["__main__"], "__spec__", None), "name", "")
    loaded = [name for name in sys.modules if name.startswith(package) and name != main]
    context.set_forkserver_preload([function.__module__, *loaded])
    _stop_at_exit()
    with suppress(OSError):  # else it is tried again with the first process
        multiprocessing.forkserver.ensure_running()
    return context


@cache
def _stop_at_exit() -> None:
    # The server would end by itself, a moment after this process.
    atexit.register(multiprocessing.forkserver._forkserver._stop)  # type: ignore[attr-defined]  # private


def end(pid: int) -> None:
    """Kill a process that `each` started, and everything that it started."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        # While it stands still it is the one to inherit the orphans, so none can slip away.
        process.suspend()
        _end_children(process)
        process.kill()


def _end_children(process: psutil.Process, patience: float = 10) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        alive = []
        for child in process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child.status() != psutil.STATUS_ZOMBIE:
                    child.kill()
                    alive.append(child)
        if not alive:
            return
        psutil.wait_procs(alive, timeout=0.1)


def _call(function: Callable[[T], R], item: T, sender: Connection, path: str) -> None:
    """Run in the new process: send what the function returns, or what the machine lacked."""
    try:
        _separate(path)
        try:
            result = function(item)
        finally:
            _end_children(psutil.Process())
        sender.send((result, ""))
    except Exception as error:
        if not (lacked := lacking(error)):
            raise
        sender.send((None, lacked))


def _separate(path: str) -> None:
    """Separate this process from the terminal and the coordinator, and log to its file."""
    os.setsid()  # Ctrl-C in the terminal is for the coordinator
    # Inherit the orphans of one's own children: PR_SET_CHILD_SUBREAPER of <linux/prctl.h>.
    ctypes.CDLL(None).prctl(36, 1)
    threading.Thread(target=_die_with_the_coordinator, daemon=True).start()
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    # The soft limit alone: a kernel that is started from here has one of its own.
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(MOST_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _die_with_the_coordinator() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    _end_children(psutil.Process())
    os._exit(1)


def _name(exitcode: int) -> str:
    if exitcode >= 0:
        return f"exit status {exitcode}"
    names = {int(each): each.name for each in signal.Signals}
    return names.get(-exitcode, f"signal {-exitcode}")
