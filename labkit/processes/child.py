"""A program that ends when the process that started it does, however that one ends."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

# PR_SET_PDEATHSIG (1): the kernel sends this signal when the THREAD that started the process ends.
# It outlives exec, so that this program becomes the other one and no third process stays around. It
# cannot be set between fork and exec (preexec_fn): that may deadlock in a threaded parent.
# SIGINT may be ignored in everything that a shell runs in the background; the program gets it back.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
signal.signal(signal.SIGINT, signal.SIG_DFL)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off until the block has ended, so that nothing that it starts is lost on the way.

    Only the main thread is ever interrupted: elsewhere there is nothing to do.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[tuple] = []
    signal.signal(signal.SIGINT, lambda *about: came.append(about))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])


class Child(subprocess.Popen):
    """`subprocess.Popen` for a program that must not outlive this process.

    The program also leaves the terminal's process group: interrupting a cell (SIGINT to the
    group) interrupts the cell and not the program that the next cell needs. It reads nothing and
    its stdout is dropped, unless `options` (Popen's keyword arguments) say otherwise.
    """

    def __init__(self, args: Sequence[str], **options: Any):
        started = threading.Event()
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL} | options
        thread = threading.Thread(target=self._start, args=(args, streams, started), daemon=True)
        self._error: BaseException | None = None
        try:
            with uninterrupted():
                thread.start()
                started.wait()
        except BaseException:  # Ctrl-C: nobody will own it
            if started.is_set() and self._error is None:
                self.kill()
            raise
        if self._error is not None:
            raise self._error

    def _start(self, args, options, started):
        """Start the program, and keep the thread that it is tied to until it has ended."""
        try:
            super().__init__(
                [sys.executable, "-IS", "-c", _DIE_WITH_PARENT, str(os.getpid()), *args],
                start_new_session=True,
                **options,
            )
        except BaseException as error:
            self._error = error
            return
        finally:
            started.set()
        # Not self.wait(): it would hold a lock that a forked child inherits locked.
        with contextlib.suppress(ChildProcessError):  # another thread has collected it
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
