"""No mutant of a right answer passes its exercise's checks, but those that are known to be right.

In the suite, a few of each exercise's solution; `make mutate` tries all of these, and with
`ANSWERS=all` those of the other right answers. Which mutants are right, and why, is in
`autograder/course/mutants/<lab>.toml`.
"""

import json
import os
import random
import signal
import tomllib
import zlib
from contextlib import contextmanager

import pytest

from autograder.labs import ROOT, build
from autograder.labs.mutants import mutants
from tests.labs.test_answers import ANSWERS, EXERCISES, LABS, namespace, run

pytestmark = pytest.mark.labs
BY_LAB = True

MANY = os.environ.get("LABKIT_MUTANTS", "few")  # or "solutions", or "all"
FEW = 4
SECONDS = 10  # of processor time, for a mutant; a right answer's checks take half at most

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


@contextmanager
def time_limit(seconds):
    def over(signum, frame):
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def survives(lab, exercise, source):
    """Return whether an answer passes all checks, the hidden tests included."""
    try:
        with time_limit(SECONDS):
            cells = dict(namespace(lab))
            run(source, exercise, cells)
            for cell in LABS[lab].source.cells:
                if cell.id in LABS[lab].exercises[exercise]:
                    run(cell.source, cell.id, cells)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("lab, exercise", EXERCISES)
def test_no_mutant_passes_but_the_explained_ones(lab, exercise, monkeypatch):
    monkeypatch.setenv("LABKIT_SEED", str(zlib.crc32(exercise.encode())))
    unexplained, explained = [], REASONS[lab].get(exercise, {})
    for name, source in right(lab, exercise):
        tried = mutants(source, exercise)
        if MANY == "few":
            tried = random.Random(exercise).sample(tried, min(FEW, len(tried)))
        for mutant in tried:
            known = mutant.change in explained
            if not known and survives(lab, exercise, mutant.source):
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
