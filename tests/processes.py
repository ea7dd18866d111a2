"""Waiting for other processes, watching them end, and stopping them."""

import os
import signal
import time
from pathlib import Path

import psutil


def wait_for(condition, within=180.0):
    """Return when it holds; fail if it never does."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def has_ended(pid, within=30):
    """Whether the process ends within so many seconds; one that nobody has collected has ended."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def stop(pid, within=30):
    """Stop a process (SIGSTOP) and return when each of its threads stands still.

    The signal only asks: until the thread that got it is scheduled, the others run on.
    """
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + within
    while not all(_state(task) == "T" for task in Path(f"/proc/{pid}/task").iterdir()):
        assert time.monotonic() < deadline, f"{pid} runs on"
        time.sleep(0.01)


def peak_memory():
    """Return the most that this process has had in memory, in MiB.

    ru_maxrss counts what had been there before `exec`, too: the whole of the test run's process.
    """
    with open("/proc/self/status") as file:
        (line,) = (each for each in file if each.startswith("VmHWM:"))
    return int(line.split()[1]) >> 10


def forget_peak():
    """Begin anew with what this process has in memory now."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _state(task):
    # "pid (a name, with any characters) state ..."
    return (task / "stat").read_text().rpartition(") ")[2][0]
