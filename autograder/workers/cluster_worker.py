"""Grade what a Dask worker is sent, in a process beside it; both ends of their pipes.

    python -m autograder.workers.cluster_worker

The grader is imported once, every submission still gets a process of its own, and nothing that a
submission does reaches Dask. A process answers only where the lab's own solution passes, and only
whoever has its version of the project. An error is its last answer: the next process begins anew.
"""

import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from autograder.judge.judge import Graded, Order, judge
from autograder.judge.version import fingerprint
from autograder.labs import ROOT
from autograder.sandbox import confine
from autograder.sandbox.kernel import UNSTARTABLE
from autograder.workers import processes
from autograder.workers.lacking import DISK, SHORT, lacking
from autograder.workers.ready import Unusable, ready

Answer = tuple[Graded | None, str]

LOOK_SECONDS = 1.0  # how long a process may grade on for nobody

# --- in the Dask worker ---------------------------------------------------------------------------

_free: list[subprocess.Popen] = []  # that no thread uses now


def grade(sent: bytes, version: str, seconds: float) -> Answer:
    """Grade a pickled order; return what that gave, and the problem.

    Raises:
        Unusable: nothing can be graded here, or only by another version of the project.
        RuntimeError: the process that grades has failed, or taken more than `seconds`.
    """
    answer: Answer | Exception
    wanted = _wanted()
    try:
        process = _free.pop()
    except IndexError:
        process = _start()
    assert process.stdin is not None and process.stdout is not None
    deadline = time.monotonic() + seconds
    answered, ended = threading.Event(), threading.Event()
    watch = threading.Thread(
        target=_watch, args=(process, deadline, wanted, answered, ended), daemon=True
    )
    watch.start()
    try:
        pickle.dump((version, sent), process.stdin)
        process.stdin.flush()
        answer = pickle.load(process.stdout)
    except Exception as error:
        end = f"took more than {seconds:g} s" if time.monotonic() >= deadline else "has ended"
        answer = RuntimeError(f"the process that grades here {end}: {error}")
    answered.set()
    watch.join()
    if isinstance(answer, Exception):
        process.kill()
        process.wait()
        raise answer
    if ended.is_set():  # just as it answered
        process.wait()
    else:
        _free.append(process)
    return answer


def _watch(
    process: subprocess.Popen,
    deadline: float,
    wanted: Callable[[], bool],
    answered: threading.Event,
    ended: threading.Event,
) -> None:
    """End the process that grades when its time is over, or nobody waits for its answer."""
    while not answered.wait(min(LOOK_SECONDS, max(0.0, deadline - time.monotonic()))):
        if time.monotonic() >= deadline or not wanted():
            ended.set()
            process.kill()
            return


def _wanted() -> Callable[[], bool]:
    """Return what says whether somebody waits for the task that this thread runs.

    When a grader is stopped or killed, Dask's scheduler forgets its tasks and tells their workers.
    These end no thread: they only note that the task is cancelled.
    """
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:  # this is no worker
        return lambda: True
    task = worker.state.tasks[worker.get_current_task()]
    return lambda: task.state != "cancelled"


def _start() -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


# --- in the process -------------------------------------------------------------------------------


def main() -> None:
    """Serve until standard input ends, or an error; then end what is still running."""
    confine.open_many_files()
    # What grading prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    waiting: queue.Queue[tuple[str, bytes]] = queue.Queue()
    threading.Thread(target=_listen, args=(waiting,), daemon=True).start()
    processes.begin(judge)
    for answer in _answers(waiting):
        pickle.dump(answer, answers)
        answers.flush()


def _answers(waiting: "queue.Queue[tuple[str, bytes]]") -> Iterator[Answer | Exception]:
    """Grade each, one at a time; an error is the last answer."""
    loaded, open_for = fingerprint(), None
    with ExitStack() as pools:
        while True:
            version, sent = waiting.get()
            try:
                _require(version, loaded)  # before anything of another version's is unpickled
                order = pickle.loads(sent)
                needs = order.lab, order.terms.sandbox, order.terms.threads
                if needs != open_for:
                    pools.close()
                    kernels, open_for = _ready(order, pools), needs
                order = replace(order, pool=kernels)
                for _, graded, problem in processes.each(judge, [order], 1, order.terms.patience):
                    answer = graded, problem
                _require(version, loaded)  # what kernels import is read while it grades
                if problem.startswith((DISK, SHORT)) or UNSTARTABLE in problem:
                    raise RuntimeError(problem)
            except Unusable as error:
                yield error
                return
            except Exception as error:
                yield RuntimeError(lacking(error) or f"{type(error).__name__}: {error}")
                return
            yield answer


def _ready(order: Order, pools: ExitStack) -> Path | None:
    """Return the socket of a pool for the order's lab, whose own solution passes here."""
    try:
        confine.require(order.terms.sandbox)
        return pools.enter_context(ready(order.lab, order.terms))
    except Exception as error:
        raise Unusable(lacking(error) or str(error)) from None


def _require(version: str, loaded: str) -> None:
    if not version == loaded == fingerprint():
        raise Unusable("this machine has another version of the project than the coordinator")


def _listen(waiting: "queue.Queue[tuple[str, bytes]]") -> None:
    try:
        while True:
            waiting.put(pickle.load(sys.stdin.buffer))
    finally:
        # Nobody waits for an answer any more. Processes of submissions end with this one.
        os._exit(0)


if __name__ == "__main__":
    main()
