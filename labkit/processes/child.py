"""A program that ends when the process that started it does, however that one ends."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
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
        thread.start()
        try:
            started.wait()
        except BaseException:  # Ctrl-C: nobody will own it
            started.wait()
            if self._error is None:
                self.kill()
            raise
        if self._error is not None:
            raise self._error

    def _start(self, args, options, started):
        """Start the program, and keep the thread that it is tied to until it has ended."""
        self._error = None
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
