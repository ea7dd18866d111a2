"""TFF's worker process ends when the process that uses it does, however that one ends.

TensorFlow Federated runs computations in an executable that it starts, `worker_binary`. As
released it leaves it behind, with hundreds of megabytes, whenever Python ends without a proper
clean-up: SIGTERM, SIGKILL, a restarted kernel, often a plain exit too.
"""

import atexit
import functools
import os
import types

from labkit.processes.child import Child


class Worker(Child):
    """`Child`, called as TFF calls `subprocess.Popen`: with options that it must not have."""

    # TFF ends its worker by SIGINT and waits for it: see `labkit.processes.child`.
    def __init__(self, args, **_):
        super().__init__(args)


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
    names = vars(executor_factory)
    theirs = names["local_cpp_executor_factory"]
    adopted = types.FunctionType(theirs.__code__, {**names, "subprocess": ours})
    names["local_cpp_executor_factory"] = functools.update_wrapper(adopted, theirs)
    adopted.__kwdefaults__ = theirs.__kwdefaults__
