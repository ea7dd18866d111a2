"""Grade what comes in on standard input, one JSON line a submission, and say how each one ended.

    python -m autograder.worker SECONDS

A machine of a cluster runs it beside its Dask worker: nbgrader is imported once, every submission
still gets a process of its own, and nothing that a submission does reaches Dask.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from autograder import isolate, pool, sandbox
from autograder.submission import Submission, environment, grade, release_of

PATHS = ("file", "course", "folder", "kernels")


def to_json(submission: Submission) -> str:
    """Return the submission as one line of JSON."""
    return json.dumps(asdict(submission), default=os.fspath)


def from_json(line: str) -> Submission:
    """Return what `to_json` wrote down."""
    values = json.loads(line)
    for name in PATHS:
        if values[name] is not None:
            values[name] = Path(values[name])
    return Submission(**values)


def main() -> None:
    """Serve until standard input ends; then end what is still running."""
    seconds = float(sys.argv[1])
    sandbox.open_many_files()
    # What grading prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    waiting: queue.Queue[Submission] = queue.Queue()
    threading.Thread(target=_listen, args=(waiting,), daemon=True).start()
    for _, problem in isolate.each(grade, _with_kernels(waiting), 1, seconds):
        print(json.dumps(problem), file=answers, flush=True)


def _with_kernels(waiting: "queue.Queue[Submission]") -> Iterator[Submission]:
    """Give each submission the pool of its course; there is one at a time."""
    open_for = None
    with ExitStack() as pools:
        while True:
            submission = waiting.get()
            needs = submission.course, submission.sandbox, submission.threads
            if needs != open_for:
                pools.close()
                kernels = pools.enter_context(
                    pool.serving(
                        release_of(submission),
                        submission.sandbox,
                        environment(submission.threads),
                    )
                )
                open_for = needs
            yield replace(submission, kernels=kernels)


def _listen(waiting: "queue.Queue[Submission]") -> None:
    for line in sys.stdin:
        waiting.put(from_json(line))
    # Nobody waits for an answer any more. Processes of submissions end with this one.
    os._exit(0)


if __name__ == "__main__":
    main()
