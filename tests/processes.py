"""Watching other processes end."""

import time

import psutil


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
