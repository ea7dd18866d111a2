"""TFF's worker process ends when the process that uses it does, however that one ends.

TensorFlow Federated runs computations in an executable that it starts, `worker_binary`. As
released it leaves it behind, with hundreds of megabytes, whenever Python ends without a proper
clean-up: SIGTERM, SIGKILL, a restarted kernel, often a plain exit too.
"""

import atexit
import contextlib
import functools
import os
import subprocess
import sys
import threading
import types

# PR_SET_PDEATHSIG (1): the kernel sends this signal when the THREAD that started the process ends.
# It outlives exec, so that this program becomes the worker and no third process stays around. It
# cannot be set between fork and exec (preexec_fn): that may deadlock in a threaded parent.
# TFF ends its worker by SIGINT and waits for it, for ever where a shell has had SIGINT ignored in
# everything that runs in the background.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
signal.signal(signal.SIGINT, signal.SIG_DFL)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


class Worker(subprocess.Popen):
    """`subprocess.Popen` for a program that must not outlive this process.

    The program also leaves the terminal's process group: interrupting a cell (SIGINT to the
    group) interrupts the cell and not the worker that the next cell needs. Its stdout is dropped.
    """

    def __init__(self, args, **_):
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
                [sys.executable, "-IS", "-c", _DIE_WITH_PARENT, str(os.getpid()), *args],
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
    """Have TFF's module of this name, the one that starts workers, start them as `Worker`.

    TFF ends a worker, when it cleans up or changes contexts, if it is an instance of what it finds
    under `subprocess.Popen`. That name means another class in a forked child, which would end its
    parent's worker, and at exit, when TFF's clean-up finds half of Python gone.
    """
    ours = types.SimpleNamespace(Popen=Worker)

    def disown():
        ours.Popen = type("Worker", (Worker,), {})

    os.register_at_fork(after_in_child=disown)
    atexit.register(disown)
    # With globals of its own: Python empties those of modules before the last clean-up reads them.
    theirs = executor_factory.local_cpp_executor_factory
    executor_factory.local_cpp_executor_factory = functools.update_wrapper(
        types.FunctionType(theirs.__code__, {**vars(executor_factory), "subprocess": ours}), theirs
    )
    executor_factory.local_cpp_executor_factory.__kwdefaults__ = theirs.__kwdefaults__
