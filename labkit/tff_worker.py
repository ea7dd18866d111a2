"""TFF's worker process ends when the process that uses it does, however that one ends.

TensorFlow Federated runs computations in an executable that it starts, `worker_binary`. As
released it leaves it behind, with hundreds of megabytes, whenever Python ends without a proper
clean-up: SIGTERM, SIGKILL, a restarted kernel, often a plain exit too.
"""

import contextlib
import os
import subprocess
import sys
import threading
import types

# PR_SET_PDEATHSIG (1): the kernel sends this signal when the THREAD that started the process ends.
# It outlives exec, so that this program becomes the worker and no third process stays around. It
# cannot be set between fork and exec (preexec_fn): that may deadlock in a threaded parent.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class _OfThisProcess(type):
    """A forked child inherits its parent's Worker objects: to the child they are no workers.

    TFF ends what isinstance() calls a worker when it changes contexts or cleans up; a child that
    did so would end its parent's.
    """

    def __instancecheck__(cls, instance):
        return super().__instancecheck__(instance) and instance.parent == os.getpid()


class Worker(subprocess.Popen, metaclass=_OfThisProcess):
    """`subprocess.Popen` for a program that must not outlive this process.

    The program also leaves the terminal's process group: interrupting a cell (SIGINT to the
    group) interrupts the cell and not the worker that the next cell needs. Its stdout is dropped.
    """

    def __init__(self, args, **_):
        self.parent = os.getpid()
        started = threading.Event()
        thread = threading.Thread(target=self._start, args=(args, started), daemon=True)
        thread.start()
        started.wait()
        if self._error is not None:
            raise self._error

    def _start(self, args, started):
        """Start the program, and keep the thread that it is tied to until it has ended."""
        self._error = None
        try:
            super().__init__(
                [sys.executable, "-IS", "-c", _DIE_WITH_PARENT, str(self.parent), *args],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except BaseException as error:
            self._error = error
            return
        finally:
            started.set()
        # Not self.wait(): it would hold a lock that a forked child inherits locked.
        with contextlib.suppress(ChildProcessError):  # TFF was quicker to collect it
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)


def adopt(executor_factory: types.ModuleType) -> None:
    """Have TFF's module of this name, the one that starts workers, start them as `Worker`."""
    executor_factory.subprocess = types.SimpleNamespace(Popen=Worker)
