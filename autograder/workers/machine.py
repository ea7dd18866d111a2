"""Grade on this machine: a process for each submission."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from autograder.judge import own_solution
from autograder.judge.judge import Submission, Terms, environment, judge
from autograder.judge.outcome import Outcome
from autograder.labs.build import release
from autograder.labs.master import Lab
from autograder.sandbox import pool
from autograder.workers import processes

# Beyond the notebook's own time limit: what starting, converting and a loaded machine may take.
GRACE_SECONDS = 300

Graded = tuple[Outcome, NotebookNode]


class Unusable(ValueError):
    """Nothing can be graded here, or there; the message says why."""


@dataclass(frozen=True)
class Order:
    """A submission, and all that grading it needs, for another process."""

    submission: Submission
    lab: Lab
    terms: Terms
    pool: Path | None = None


def patience(terms: Terms) -> float:
    """Return how many seconds grading one submission may take."""
    return terms.times.notebook + GRACE_SECONDS


def grade(order: Order) -> Graded:
    """Grade a submission, in this process."""
    return judge(order.submission, order.lab, order.terms, order.pool)


def begin() -> None:
    """Start what grades; it is ready by the time that there is what to grade."""
    processes.begin(grade)


@contextmanager
def ready(lab: Lab, terms: Terms) -> Iterator[Path | None]:
    """Open a pool of kernels, and see that the lab's own solution passes; yields the pool's socket.

    Raises:
        Unusable: it does not pass here.
    """
    with pool.serving(release(lab), terms.sandbox, environment(terms.threads)) as kernels:
        order = Order(own_solution.submission(lab), lab, terms, kernels)
        for _, graded, problem in processes.each(grade, [order], 1, patience(terms)):
            if graded is None:
                raise Unusable(f"grading the solution failed, {problem}")
            if problem := own_solution.problem(lab, graded[0]):
                raise Unusable(problem)
        yield kernels


def each(
    submissions: Iterable[Submission], lab: Lab, terms: Terms, kernels: Path | None, jobs: int
) -> Generator[tuple[Submission, Graded | None, str], None, None]:
    """Grade submissions, `jobs` at a time.

    Yields:
        (submission, what grading it gave, problem) as each ends; `problem` is empty, or says how
        its process ended.
    """
    orders = [Order(each, lab, terms, kernels) for each in submissions]
    for order, graded, problem in processes.each(grade, orders, jobs, patience(terms)):
        yield order.submission, graded, problem
