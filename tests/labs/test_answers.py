"""Every right and wrong answer of every lab, against the checks that students see.

In one process, as in a student's notebook. What the grader runs, the hidden tests, across its wire,
is in test_wire.py. The inputs that the checks draw are the same in every run of the suite, so that
it fails for a reason; `make soak` draws others (soak.py).
"""

import os
import sys
import zlib
from dataclasses import dataclass
from functools import cache

import pytest

from autograder.labs import MASTERS, ROOT, build
from autograder.labs.answers import read_answers
from autograder.labs.master import read_lab

pytestmark = pytest.mark.labs
BY_LAB = True

LABS = {path.stem: read_lab(path) for path in sorted(MASTERS.glob("*.py"))}
ANSWERS = {
    name: read_answers(ROOT / "autograder" / "course" / "answers" / name, lab)
    for name, lab in LABS.items()
}
EXERCISES = [(lab, exercise) for lab in LABS for exercise in LABS[lab].exercises]
# Which series of inputs.
SOAK = os.environ.get("LABKIT_SOAK", "0")


@dataclass(frozen=True)
class AnswerCase:
    """An exercise's cell, and a phrase of the message for each check that it must lose."""

    lab: str
    exercise: str
    name: str
    source: str
    loses: dict[str, str]

    def __str__(self):
        return f"{self.lab}-{self.exercise}-{self.name}"


def cases():
    for name, lab in LABS.items():
        versions = {"solution": build.solution(lab), "blank": build.release(lab)}
        cells = {
            version: {cell.id: cell.source for cell in notebook.cells}
            for version, notebook in versions.items()
        }
        for exercise, checks in lab.exercises.items():
            yield AnswerCase(name, exercise, "solution", cells["solution"][exercise], {})
            still_blank = f"Exercise `{exercise}` is still blank"
            blank = dict.fromkeys(checks, still_blank)
            yield AnswerCase(name, exercise, "blank", cells["blank"][exercise], blank)
            for answer in ANSWERS[name][exercise]:
                kind = "wrong" if answer.loses else "right"
                yield AnswerCase(
                    name, exercise, f"{kind}: {answer.name}", answer.source, answer.loses
                )


@cache
def namespace(name):
    """Run a lab's set-up cells, once."""
    cells = {}
    for cell in LABS[name].source.cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.id != "install" and meta.get("locked") and not meta["grade"]:
            run(cell.source, f"{name}:{cell.id}", cells)
    return cells


@pytest.fixture(autouse=True)
def as_under_the_grader(monkeypatch):
    monkeypatch.setenv("LABKIT_BUDGET", "quick")
    monkeypatch.setenv("MPLBACKEND", "agg")
    # In a kernel of its own no other lab has set TensorFlow's seed.
    if "tensorflow" in sys.modules:
        from tensorflow.python.eager import context

        context.set_global_seed(None)


def run(source, where, cells):
    exec(compile(source, f"<{where}>", "exec"), cells)


def failures(case):
    """Return the message of every check that the answer fails."""
    cells = dict(namespace(case.lab))
    run(case.source, case.exercise, cells)
    return judged(case, cells, LABS[case.lab].exercises[case.exercise])


def judged(case, cells, checks, *, hidden=SOAK != "0"):
    """Return the message of each of the checks that fails in a namespace.

    Without `hidden`, a check's hidden tests are run only where what students see of it lets pass
    what must be lost.
    """
    messages = {}
    for cell in LABS[case.lab].source.cells:
        if cell.id in checks:
            seen, _, unseen = cell.source.partition("### BEGIN HIDDEN TESTS\n")
            try:
                if not (hidden and unseen):
                    run(seen, cell.id, cells)
                if unseen and (hidden or cell.id in case.loses):
                    run(unseen, cell.id, cells)
            except Exception as error:
                messages[cell.id] = str(error)
    return messages


@pytest.mark.parametrize("case", [*cases()], ids=AnswerCase.__str__)
def test_an_answer_loses_exactly_what_it_must(case, capfd, monkeypatch):
    monkeypatch.setenv("LABKIT_SEED", str(zlib.crc32(f"{case} {SOAK}".encode())))
    namespace(case.lab)
    capfd.readouterr()
    messages = failures(case)
    assert capfd.readouterr().err == ""
    assert messages.keys() == case.loses.keys(), messages
    for check, phrase in case.loses.items():
        assert phrase in messages[check]


@pytest.mark.parametrize("lab, exercise", EXERCISES)
def test_there_are_enough_answers_and_all_differ(lab, exercise):
    answers = ANSWERS[lab][exercise]
    wrong = sum(bool(answer.loses) for answer in answers)
    assert len(answers) - wrong >= 4, f"{exercise}: {len(answers) - wrong} right answers, 4 wanted"
    assert wrong >= 6, f"{exercise}: {wrong} wrong answers, 6 wanted"
    assert len({answer.name for answer in answers}) == len(answers)
    assert len({"".join(answer.source.split()) for answer in answers}) == len(answers)


@pytest.mark.parametrize("lab, exercise", EXERCISES)
def test_every_check_is_lost_by_some_wrong_answer(lab, exercise):
    """A check that no mistake loses tests nothing."""
    lost = {check for answer in ANSWERS[lab][exercise] for check in answer.loses}
    unlost = LABS[lab].exercises[exercise].keys() - lost
    assert not unlost, f"{exercise}: no wrong answer on file loses {unlost}"
