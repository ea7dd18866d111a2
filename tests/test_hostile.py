"""The corpus of hostile submissions, graded as a class with everything switched on."""

import json

import nbformat
import psutil
import pytest

from autograder import isolate, pool, survey
from autograder.build import as_text, read_lab
from autograder.execute import MOST_OUTPUT_BYTES
from autograder.grade import make_course
from autograder.intake.rebuild import rebuild
from autograder.sandbox import Limits
from autograder.submission import Outcome, Submission, environment, grade
from tests.hostile import CASES, ESCAPED, MASTERS, solved

pytestmark = pytest.mark.grader

CELL_SECONDS = 6
SECONDS = 300
# Bombs must go off before the time is up.
LIMITS = Limits(memory=1 << 30, disk=64 << 20, processes=200)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Every case's outcome, and the text of its executed notebook."""
    found = {}
    for name, master in MASTERS.items():
        lab, folder = read_lab(master), tmp_path_factory.mktemp(name)
        course = folder / "course"
        make_course(lab, course)
        release = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
        with pool.serving(release, "bwrap", environment(1)) as kernels:
            assert kernels is not None
            survey.prepare(lab, course, sandbox="bwrap", kernels=kernels)
            submissions = []
            for case in CASES:
                if case.lab == name:
                    work = folder / case.name
                    work.mkdir()
                    file = work / f"{name}.ipynb"
                    made = as_text(case.make(solved(lab), work))
                    rebuilt = rebuild(made.encode(), release)
                    file.write_text(as_text(rebuilt.notebook), "utf-8")
                    submissions.append(
                        Submission(
                            student=case.name, lab=name, file=file, course=course,
                            folder=work / "graded", threads=1, kernels=kernels,
                            repairs=rebuilt.repairs, cell_seconds=CELL_SECONDS,
                            notebook_seconds=120, limits=LIMITS,
                        )
                    )  # fmt: skip
                    submissions[-1].folder.mkdir()
            for submission, problem in isolate.each(grade, submissions, 2, SECONDS):
                assert not problem, (submission.student, problem, submission.log.read_text())
                found[submission.student] = (
                    Outcome.read(submission.folder), submission.autograded.read_text("utf-8")
                )  # fmt: skip
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_gets_what_it_must(graded, case):
    outcome, executed = graded[case.name]
    told = json.dumps(outcome.__dict__, indent=1)
    assert outcome.status == case.status, told
    assert sum(outcome.scores.values()) in (case.points, case.or_points), told
    assert case.reason in outcome.reason, told
    for check, phrase in case.says.items():
        assert phrase in outcome.messages[check], told
    for phrase in case.repairs:
        assert any(phrase in repair for repair in outcome.repairs), told
    if case.flags is not None:
        assert bool(outcome.flags) == bool(case.flags), told
        for phrase in case.flags:
            assert any(phrase in flag for flag in outcome.flags), told
    assert ESCAPED not in executed
    # The sum of all output is limited, and little is beside it.
    assert len(executed.encode()) < MOST_OUTPUT_BYTES + (4 << 20)


def test_nothing_is_left_running(graded):
    for process in psutil.process_iter(["cmdline"]):
        assert "left-over-daemon" not in (process.info["cmdline"] or [])


def test_the_corpus_is_large():
    assert len({case.name for case in CASES}) == len(CASES) >= 70
