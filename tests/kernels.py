"""Kernels as the grader starts them, and what code prints there."""

import socket
from contextlib import contextmanager

from autograder.judge.judge import environment
from autograder.sandbox import pool
from autograder.sandbox.kernel import Kernel
from autograder.sandbox.provisioner import KernelSettings, Limits, short_folder
from tests.tiny import RELEASE

KINDS = ("pool", "bwrap")


@contextmanager
def places(kind):
    """Yield where kernels run: in the tiny lab's "pool", or each in a sandbox of that kind."""
    limits = Limits(memory=1 << 30)
    if kind == "pool":
        with pool.serving(RELEASE, "bwrap", environment(1)) as address:
            assert address is not None
            yield KernelSettings(address.parent, pool=address, limits=limits)
    else:
        with short_folder() as folder:
            yield KernelSettings(folder, kind=kind, limits=limits)


@contextmanager
def kernel_in(place):
    """Yield a kernel that is ready, and end it."""
    ours, theirs = socket.socketpair()
    with ours:
        kernel = Kernel(place, theirs)
        try:
            kernel.ready(180)
            yield kernel
        finally:
            kernel.end()


def said(kernel, source, seconds=120):
    """Return what code prints; it must raise nothing."""
    run = kernel.run(source, seconds)
    assert run.error is None, run.error
    return "".join(out.text for out in run.outputs if out.output_type == "stream")
