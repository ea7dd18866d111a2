"""The corpus of hostile submissions, graded as a class with everything switched on."""

import json

import psutil
import pytest

from autograder.intake.rebuild import rebuild
from autograder.judge.execution import MOST_OUTPUT_BYTES, Times
from autograder.judge.judge import Order, Submission, Terms, judge
from autograder.labs.build import as_text, release
from autograder.labs.master import read_lab
from autograder.sandbox.provisioner import Limits
from autograder.workers import processes
from autograder.workers.ready import ready
from tests.hostile import CASES, ESCAPED, MASTERS, solved

pytestmark = pytest.mark.grader
LONG = True

# Bombs must go off before the time is up.
LIMITS = Limits(memory=1 << 30, disk=64 << 20, processes=200)
TERMS = Terms(times=Times(cell=6, notebook=120), limits=LIMITS)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Every case's outcome, and the text of its executed notebook."""
    found = {}
    for name, master in MASTERS.items():
        lab, folder = read_lab(master), tmp_path_factory.mktemp(name)
        with ready(lab, TERMS) as kernels:
            assert kernels is not None
            orders = {True: [], False: []}
            for case in CASES:
                if case.lab == name:
                    (folder / case.name).mkdir()
                    made = as_text(case.make(solved(lab), folder / case.name))
                    rebuilt = rebuild(made.encode(), release(lab))
                    repairs = tuple(rebuilt.repairs)
                    submission = Submission(case.name, rebuilt.notebook, repairs)
                    orders[case.patient].append(Order(submission, lab, TERMS, kernels))
            for patient, beside in ((True, 10), (False, 2)):
                ends = processes.each(judge, orders[patient], beside, TERMS.patience)
                for order, done, problem in ends:
                    assert done is not None, (order.submission.student, problem)
                    found[order.submission.student] = done[0], as_text(done[1])
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_gets_what_it_must(graded, case):
    outcome, executed = graded[case.name]
    found = json.dumps(outcome.__dict__, indent=1)
    assert outcome.status == case.status, found
    assert sum(outcome.scores.values()) in (case.points, case.or_points), found
    assert case.reason in outcome.reason, found
    for check, phrase in case.says.items():
        assert phrase in outcome.messages[check], found
    for phrase in case.repairs:
        assert any(phrase in repair for repair in outcome.repairs), found
    if case.flags is not None:
        assert bool(outcome.flags) == bool(case.flags), found
        for phrase in case.flags:
            assert any(phrase in flag for flag in outcome.flags), found
    assert ESCAPED not in executed
    # The sum of all output is limited, and little is beside it.
    assert len(executed.encode()) < MOST_OUTPUT_BYTES + (4 << 20)


def test_nothing_is_left_running(graded):
    for process in psutil.process_iter(["cmdline"]):
        assert "left-over-daemon" not in (process.info["cmdline"] or [])


def test_the_corpus_is_large():
    assert len({case.name for case in CASES}) == len(CASES) >= 70
