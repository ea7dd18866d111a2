"""Run a function once per item, each in a process of its own, and leave no process behind."""

import atexit
import ctypes
import multiprocessing.context
import multiprocessing.forkserver
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psutil

# Bytes that the process itself may fill: a grading takes 200 MB, most of it the stacks of threads.
# What a kernel sends is held here, in libzmq too, which does not limit the parts of one message.
MOST_MEMORY = 1 << 30
TOO_LONG = "its process took more than"  # is how a problem begins that was the item's own time


class Item(Protocol):
    """What `each` hands to the function: anything picklable with a log file of its own."""

    @property
    def log(self) -> Path: ...


T = TypeVar("T", bound=Item)


def each(
    function: Callable[[T], None], items: Iterable[T], workers: int, seconds: float
) -> Generator[tuple[T, str], None, None]:
    """Call `function(item)` in a process per item, `workers` at a time.

    An item is taken from `items` when a worker is free for it.

    Yields:
        (item, problem) as each ends. `problem` is empty if the function returned, and otherwise
        says how its process ended; what it wrote is in `item.log`.

    Whatever a process started ends with it, even in a session of its own; a process that takes
    more than `seconds` is ended; and when the caller stops iterating, all are.
    """
    context = begin(function)
    waiting, more = iter(items), True
    running: dict[int, tuple[BaseProcess, T, float]] = {}
    try:
        while more or running:
            while more and len(running) < workers:
                item = next(waiting, None)
                if item is None:
                    more = False
                    break
                process: BaseProcess = context.Process(target=_call, args=(function, item))
                process.start()
                running[process.sentinel] = process, item, time.monotonic() + seconds
            if not running:
                break
            nearest = min(deadline for _, _, deadline in running.values())
            ended = wait(list(running), timeout=max(0, nearest - time.monotonic()))
            for sentinel, (process, item, deadline) in list(running.items()):
                if sentinel in ended:
                    process.join()
                    code = process.exitcode
                    assert code is not None
                    problem = "" if code == 0 else f"its process ended with {_name(code)}"
                elif time.monotonic() > deadline:
                    _end(process)
                    problem = f"{TOO_LONG} {seconds:g} s"
                else:
                    continue
                del running[sentinel]
                yield item, problem
    finally:
        for process, _, _ in running.values():
            _end(process)


def _end(process: BaseProcess) -> None:
    assert process.pid is not None
    end(process.pid)
    process.join()


def begin(function: Callable[[Any], None]) -> multiprocessing.context.ForkServerContext:
    """Start the server that `each` forks from: it imports the function's module meanwhile, once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([function.__module__])
    # It would end by itself, a moment after this process.
    atexit.register(multiprocessing.forkserver._forkserver._stop)  # type: ignore[attr-defined]  # private
    multiprocessing.forkserver.ensure_running()
    return context


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


def _call(function: Callable[[T], None], item: T) -> None:
    """Run in the new process: separate it, log to its file, and clear up behind the function."""
    os.setsid()  # Ctrl-C in the terminal is for the coordinator
    # Inherit the orphans of one's own children: PR_SET_CHILD_SUBREAPER of <linux/prctl.h>.
    ctypes.CDLL(None).prctl(36, 1)
    threading.Thread(target=_die_with_the_coordinator, daemon=True).start()
    log = os.open(item.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    # The soft limit alone: a kernel that is started from here has one of its own.
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, hard))
    try:
        function(item)
    finally:
        _end_children(psutil.Process())


def _die_with_the_coordinator() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    _end_children(psutil.Process())
    os._exit(1)


def _name(exitcode: int) -> str:
    if exitcode >= 0:
        return f"exit status {exitcode}"
    return signal.Signals(-exitcode).name
