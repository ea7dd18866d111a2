"""Grade what comes in on standard input, a pickled order a submission, and answer likewise.

    python -m autograder.workers.cluster_worker

A machine of a cluster runs it beside its Dask worker: the grader is imported once, every submission
still gets a process of its own, and nothing that a submission does reaches Dask.
"""

import os
import pickle
import queue
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from autograder.judge.judge import Graded, Order, environment, judge
from autograder.labs.build import release
from autograder.labs.master import Lab
from autograder.sandbox import confine, pool
from autograder.workers import processes
from autograder.workers.lacking import lacking


def main() -> None:
    """Serve until standard input ends; then end what is still running."""
    confine.open_many_files()
    # What grading prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    waiting: queue.Queue[Order] = queue.Queue()
    threading.Thread(target=_listen, args=(waiting,), daemon=True).start()
    processes.begin(judge)
    with ExitStack() as pools:
        kernels = _OnePool(pools)
        while True:
            pickle.dump(_graded(waiting.get(), kernels), answers)
            answers.flush()


def _graded(order: Order, kernels: "_OnePool") -> tuple[Graded | None, str]:
    """Return what grading a submission gives, and the problem; what this machine lacks is one."""
    try:
        order = replace(order, pool=kernels.pool(order))
        ended = list(processes.each(judge, [order], 1, order.terms.patience))
    except OSError as error:
        if not (problem := lacking(error)):
            raise
        return None, problem
    return ended[0][1:]


class _OnePool:
    """The pool of one lab's kernels: there is one at a time."""

    def __init__(self, pools: ExitStack) -> None:
        self._pools = pools
        self._address: Path | None = None
        self._open_for: tuple[Lab, str, int] | None = None

    def pool(self, order: Order) -> Path | None:
        """Return the pool of the submission's lab, after closing another's."""
        needs = order.lab, order.terms.sandbox, order.terms.threads
        if needs != self._open_for:
            self._pools.close()
            self._open_for = None
            own = environment(order.terms.threads)
            serving = pool.serving(release(order.lab), order.terms.sandbox, own)
            self._address, self._open_for = self._pools.enter_context(serving), needs
        return self._address


def _listen(waiting: "queue.Queue[Order]") -> None:
    try:
        while True:
            waiting.put(pickle.load(sys.stdin.buffer))
    finally:
        # Nobody waits for an answer any more. Processes of submissions end with this one.
        os._exit(0)


if __name__ == "__main__":
    main()
