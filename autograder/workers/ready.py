"""Before a class is graded: kernels to grade it in, in which the lab's own solution passes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.intake.rebuild import rebuild
from autograder.judge.judge import Order, Submission, Terms, environment, judge
from autograder.judge.outcome import Outcome
from autograder.labs.build import as_text, release, solution
from autograder.labs.master import Lab
from autograder.sandbox import pool
from autograder.workers import processes


class Unusable(ValueError):
    """Nothing can be graded here, or there; the message says why."""


def own_solution(lab: Lab) -> Submission:
    """Return the lab's solution, as a student would hand it in."""
    rebuilt = rebuild(as_text(solution(lab)).encode(), release(lab))
    return Submission("solution", rebuilt.notebook)


@contextmanager
def ready(lab: Lab, terms: Terms) -> Iterator[Path | None]:
    """Open a pool of kernels, and see that the lab's own solution passes; yields the pool's socket.

    Raises:
        Unusable: it does not pass here.
    """
    with pool.serving(release(lab), terms.sandbox, environment(terms.threads)) as kernels:
        order = Order(own_solution(lab), lab, terms, kernels)
        for _, graded, problem in processes.each(judge, [order], 1, terms.patience):
            if graded is None:
                raise Unusable(f"grading the solution failed, {problem}")
            if problem := _problem(lab, graded[0]):
                raise Unusable(problem)
        yield kernels


def _problem(lab: Lab, outcome: Outcome) -> str:
    """Return why the outcome of the lab's solution is not what it must be; nothing, if it is."""
    lost = {
        check: outcome.messages.get(check, outcome.reason)
        for check, points in lab.checks.items()
        if outcome.scores.get(check) != points
    }
    if not lost:
        return ""
    check, message = next(iter(lost.items()))
    return (
        f"the solution itself loses {len(lost)} of {len(lab.checks)} checks here; `{check}` says: "
        f"{message}"
    )
