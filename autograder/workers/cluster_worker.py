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
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from autograder.judge.judge import Order, environment, judge
from autograder.labs.build import release
from autograder.sandbox import confine, pool
from autograder.workers import processes


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
        for order in _with_kernels(waiting, pools):
            for _, graded, problem in processes.each(judge, [order], 1, order.terms.patience):
                pickle.dump((graded, problem), answers)
                answers.flush()


def _with_kernels(waiting: "queue.Queue[Order]", pools: ExitStack) -> Iterator[Order]:
    """Give each submission the pool of its lab; there is one at a time."""
    open_for = None
    kernels = None
    while True:
        order = waiting.get()
        needs = order.lab, order.terms.sandbox, order.terms.threads
        if needs != open_for:
            pools.close()
            own = environment(order.terms.threads)
            serving = pool.serving(release(order.lab), order.terms.sandbox, own)
            kernels, open_for = pools.enter_context(serving), needs
        yield replace(order, pool=kernels)


def _listen(waiting: "queue.Queue[Order]") -> None:
    try:
        while True:
            waiting.put(pickle.load(sys.stdin.buffer))
    finally:
        # Nobody waits for an answer any more. Processes of submissions end with this one.
        os._exit(0)


if __name__ == "__main__":
    main()
