"""No mutant of a right answer passes its exercise's checks, but those that are known to be right.

In the suite, a few of each exercise's solution; `make mutate` tries all of these, and with
`ANSWERS=all` those of the other right answers. Which mutants are right, and why, is in
`autograder/course/mutants/<lab>.toml`.
"""

import json
import multiprocessing
import os
import random
import signal
import threading
import tomllib
import zlib
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest

from autograder.labs import ROOT, build
from autograder.labs.mutants import mutants
from tests.labs.test_answers import ANSWERS, EXERCISES, LABS, namespace, run

pytestmark = pytest.mark.labs
BY_LAB = True

MANY = os.environ.get("LABKIT_MUTANTS", "few")  # or "solutions", or "all"
FEW = 4
SECONDS = 10  # of processor time, for a mutant; a right answer's checks take half at most
MINUTES = 3  # on the clock: one that waits for ever takes no processor time

REASONS = {
    name: tomllib.loads(path.read_text()) if path.exists() else {}
    for name in LABS
    for path in [ROOT / f"autograder/course/mutants/{name}.toml"]
}


@pytest.fixture(autouse=True)
def as_under_the_grader(monkeypatch):
    monkeypatch.setenv("LABKIT_BUDGET", "quick")
    monkeypatch.setenv("MPLBACKEND", "agg")


def right(lab, exercise):
    """Yield the name and the cell of each right answer; the master's solution first."""
    cells = {cell.id: cell.source for cell in build.solution(LABS[lab]).cells}
    yield "solution", cells[exercise]
    if MANY == "all":
        for answer in ANSWERS[lab][exercise]:
            if not answer.loses:
                yield answer.name, answer.source


class Judge:
    """A process that judges answers, one after another, and ends with one that takes too long.

    An exception in its place, wherever the time runs out, would break what TensorFlow is about.
    """

    def __init__(self):
        self.pool = None

    def passes(self, lab, exercise, source, seconds=SECONDS):
        """Return whether an answer passes all checks, the hidden tests included."""
        if self.pool is None:
            spawn = multiprocessing.get_context("spawn")
            self.pool = ProcessPoolExecutor(1, spawn, initializer=_end_with_the_tests)
        self.pool.submit(_set_up, lab).result()  # no verdict on an answer
        try:
            return self.pool.submit(_passes, lab, exercise, source, seconds).result()
        except BrokenProcessPool:
            self.close()
            return False

    def close(self):
        if self.pool is not None:
            self.pool.shutdown()
            self.pool = None


def _end_with_the_tests():
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _set_up(lab):
    namespace(lab)


def _passes(lab, exercise, source, seconds):
    os.environ["LABKIT_SEED"] = str(zlib.crc32(exercise.encode()))
    # Nothing handles their signals: they end the process.
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 60 * MINUTES)
    try:
        cells = dict(namespace(lab))
        run(source, exercise, cells)
        for cell in LABS[lab].source.cells:
            if cell.id in LABS[lab].exercises[exercise]:
                run(cell.source, cell.id, cells)
    except Exception:
        return False
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    return True


@pytest.fixture(scope="module")
def judge():
    judge = Judge()
    yield judge
    judge.close()


@pytest.mark.parametrize("lab, exercise", EXERCISES)
def test_no_mutant_passes_but_the_explained_ones(lab, exercise, judge):
    unexplained, explained = [], REASONS[lab].get(exercise, {})
    for name, source in right(lab, exercise):
        tried = mutants(source, exercise)
        if MANY == "few":
            tried = random.Random(exercise).sample(tried, min(FEW, len(tried)))
        for mutant in tried:
            known = mutant.change in explained
            if not known and judge.passes(lab, exercise, mutant.source):
                unexplained.append(f"{json.dumps(mutant.change, ensure_ascii=False)} = {name!r}")
    # As the file wants them, but for the reason, in whose place the answer's name stands.
    assert not unexplained, "\n".join(["", f"[{exercise}]", *unexplained])


@pytest.mark.parametrize("lab, exercise", EXERCISES)
def test_what_is_explained_is_a_mutant(lab, exercise):
    """A reason outlives neither the answer nor its change, and is one."""
    if exercise not in REASONS[lab]:
        return
    sources = [source for _, source in right(lab, exercise)]
    sources += [each.source for each in ANSWERS[lab][exercise] if not each.loses]
    changes = {mutant.change for source in sources for mutant in mutants(source, exercise)}
    explained = REASONS[lab].get(exercise, {})
    assert explained.keys() <= changes
    assert all(len(reason) > 10 for reason in explained.values())


@pytest.mark.parametrize("lab, exercise", EXERCISES[:1])
def test_what_never_ends_passes_no_check_and_ends_no_test(lab, exercise, judge):
    _, source = next(right(lab, exercise))
    head = source[: source.index("def ")]
    endless = f"{head}def {exercise}(*args):\n    while True:\n        pass\n"
    assert not judge.passes(lab, exercise, endless, seconds=1)
    assert judge.passes(lab, exercise, source)
