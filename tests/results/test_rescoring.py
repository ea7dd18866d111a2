"""What has to be run again when a lab, a policy or the code changes, and what has not."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from autograder.intake.reading import Read
from autograder.intake.rebuild import rebuild
from autograder.judge import version
from autograder.judge.judge import Order, Submission, Terms, judge, refuse
from autograder.judge.outcome import Outcome, merged, scored
from autograder.labs import build
from autograder.labs.master import read_lab
from autograder.results import gradebook
from autograder.results.journal import Journal
from autograder.run import Settings, _plan
from tests.tiny import FIXTURES, RELEASE, TINY, answered, own

pytestmark = pytest.mark.grader

MASTER = (FIXTURES / "masters" / "00_tiny.py").read_text("utf-8")
NEW = '\n\n# %% check="is_a_number" points=4\nassert length(0, 0) == 0, "no length at all"\n'


def lab_of(folder, *changes, text=MASTER):
    """Return the tiny lab with changes, read from a folder."""
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    folder.mkdir(exist_ok=True)
    (folder / "00_tiny.py").write_text(text, "utf-8")
    return read_lab(folder / "00_tiny.py")


def read(lab, student="ann", repairs=()):
    notebook = build.release(lab)
    answers = {cell.id: cell.source for cell in build.solution(TINY).cells}
    for cell in notebook.cells:
        if cell.id in lab.exercises:
            cell.source = answers[cell.id]
    return Read(student, notebook=notebook, repairs=repairs)


def kept(journal, lab, each, passed, **more):
    """Keep an outcome as grading it would."""
    submission = Submission(each.student, each.notebook, each.repairs)
    messages = {name: "AssertionError: no" for name in lab.checks if name not in passed}
    outcome = Outcome(each.student, "graded", "", ["a", *each.repairs, "ran badly"][1:],
                      passed=list(passed), messages=messages, seed=7, **more)  # fmt: skip
    notebook = build.release(lab)
    journal.keep(journal.key(submission, Terms()), outcome, notebook, version.checks(lab),
                 len(each.repairs))  # fmt: skip


def plan(journal, lab, each):
    return _plan([each], set(), lab, journal, Settings())


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "out", "00_tiny", version.common("00_tiny"))


PASSED = ["doubles_integers", "pythagoras"]


@pytest.mark.parametrize(
    "changes",
    [
        [("points=2", "points=7"), ("points=5", "points=0.5")],
        [("A lab without TensorFlow", "A lab in other words"), ("## 2. Length", "## 2. How long?")],
        [('title: "Lab 00: a tiny one"', 'title: "Another title"'), ("minutes: 5", "minutes: 9")],
    ],
    ids=["points", "prose", "header"],
)
def test_points_and_prose_run_nothing_again(tmp_path, journal, changes):
    kept(journal, TINY, read(TINY), PASSED)
    lab = lab_of(tmp_path / "masters", *changes)
    planned = plan(journal, lab, read(lab, repairs=("renamed",)))
    assert not planned.wanted
    known = planned.known["ann"]
    assert known.scores == {
        name: worth if name in PASSED else 0 for name, worth in lab.checks.items()
    }
    assert known.repairs == ["renamed", "ran badly"]
    assert list(known.messages) == ["doubles_fractions"]


def test_a_check_that_is_new_or_other_is_judged_alone(tmp_path, journal):
    kept(journal, TINY, read(TINY), PASSED)
    lab = lab_of(tmp_path / "masters", ("math.isclose(double(0.25), 0.5)", "double(0.25) == 0.5"),
                 text=MASTER + NEW)  # fmt: skip
    planned = plan(journal, lab, read(lab))
    (submission,) = planned.wanted.values()
    assert submission.checks == ("doubles_fractions", "is_a_number") and submission.seed == 7
    before = planned.before["ann"]
    assert before.passed == PASSED and before.messages == {}
    after = Outcome(
        "ann", "graded", "", passed=["is_a_number"], messages={"doubles_fractions": "x"}
    )
    whole = scored(merged(before, after, submission.checks), lab.checks)
    assert whole.scores == {"doubles_integers": 2, "doubles_fractions": 0, "pythagoras": 5,
                            "is_a_number": 4}  # fmt: skip


def test_a_grading_that_broke_says_nothing_of_checks_that_stand():
    before = Outcome("ann", "graded", "", passed=PASSED, messages={"doubles_fractions": "no"})
    broken, _ = refuse(Submission("ann", None, refused="it broke"), TINY, Terms())
    after = merged(before, broken, ["pythagoras"])
    assert after.passed == PASSED[:1] and after.reason == "it broke"
    assert after.messages == {"doubles_fractions": "no", "pythagoras": "NotRun: it broke"}


def test_only_the_checks_that_are_asked_for_are_judged():
    wrong = answered(double="def double(x):\n    return 3 * x")
    notebook = rebuild(wrong.encode(), RELEASE).notebook
    submission = Submission("ann", notebook, checks=("doubles_fractions", "pythagoras"), seed=7)
    outcome, executed = judge(Order(submission, TINY, Terms(sandbox="none-INSECURE")))
    assert (outcome.passed, list(outcome.messages)) == (["pythagoras"], ["doubles_fractions"])
    assert outcome.seed == 7 and outcome.status == "graded"
    outputs = {cell.id: cell.outputs for cell in executed.cells if cell.id in TINY.checks}
    assert {name for name, said in outputs.items() if said} == set(submission.checks)
    assert all("tags" not in cell.metadata for cell in executed.cells if cell.id in TINY.checks)


def test_a_check_that_is_gone_runs_nothing(tmp_path, journal):
    kept(journal, TINY, read(TINY), PASSED)
    start = MASTER.index('# %% check="doubles_fractions"')
    end = MASTER.index("# %%\nanswer")
    lab = lab_of(tmp_path / "masters", text=MASTER[:start] + MASTER[end:])
    planned = plan(journal, lab, read(lab))
    assert not planned.wanted
    assert planned.known["ann"].scores == {"doubles_integers": 2, "pythagoras": 5}


@pytest.mark.parametrize("what", ["answer", "setup", "student", "settings"])
def test_what_is_run_otherwise_is_run_again(tmp_path, journal, what):
    kept(journal, TINY, read(TINY), PASSED)
    lab, each, settings = TINY, read(TINY), Settings()
    if what == "setup":
        lab = lab_of(tmp_path / "masters", ("import math\n", "import math\nimport cmath\n"))
        each = read(lab)
    elif what == "answer":
        cell = next(cell for cell in each.notebook.cells if cell.id == "double")
        cell.source += "\n"
    elif what == "student":
        each = read(TINY, "bob")
    else:
        settings = Settings(cell_seconds=9)
    planned = _plan([each], set(), lab, journal, settings)
    (submission,) = planned.wanted.values()
    assert submission.checks is None and not planned.before


def test_a_cell_of_ones_own_on_another_side_of_a_check_is_run_again(journal):
    # It may bind an exercise's name anew: what is judged is the function that is there by then.
    redefined = own("def double(x):\n    return 2 * x")
    wrong = json.loads(answered(double="def double(x):\n    return 3 * x"))
    keys = set()
    places = ("double", "doubles_integers", "doubles_fractions", "length", "pythagoras")
    for above in places:
        cells = list(wrong["cells"])
        cells.insert(1 + [cell["id"] for cell in cells].index(above), redefined)
        notebook = rebuild(json.dumps(wrong | {"cells": cells}).encode(), RELEASE).notebook
        keys.add(journal.key(Submission("ann", notebook), Terms()))
    assert len(keys) == len(places)


def test_what_stopped_before_the_last_check_is_not_continued(tmp_path, journal):
    each = read(TINY)
    submission = Submission("ann", each.notebook)
    stopped = Outcome("ann", "stopped", "its time was up", passed=PASSED[:1])
    journal.keep(
        journal.key(submission, Terms()), stopped, build.release(TINY), version.checks(TINY)
    )
    assert plan(journal, TINY, each).known["ann"].status == "stopped"
    lab = lab_of(tmp_path / "masters", text=MASTER + NEW)
    (submission,) = plan(journal, lab, read(lab)).wanted.values()
    assert submission.checks is None


# --- the code that decides ------------------------------------------------------------------------

CHECKS = """
import math
from labkit.checks import check

LIMIT = 3

def near(x):
    return x

@check
def first(f, rng):
    '''one.'''
    near(1)

@check
def second(f, rng):
    '''two.'''
    first(f, rng)

@check
def third(f, rng):
    '''three.'''
    # A comment.
    assert f(LIMIT)
"""


def hashes(tmp_path, text=CHECKS):
    place = tmp_path / "tiny.py"
    place.write_text(text, "utf-8")
    return version._rest_of(place), version._functions(place)


def test_a_check_functions_change_is_its_own(tmp_path):
    rest, functions = hashes(tmp_path)
    # What another one calls is everyone's.
    assert functions.keys() == {"second", "third"}
    changed = CHECKS.replace("assert f(LIMIT)", "assert f(LIMIT + 1)")
    rest_2, functions_2 = hashes(tmp_path, changed)
    assert rest_2 == rest and functions_2["second"] == functions["second"]
    assert functions_2["third"] != functions["third"]
    for old, new in (
        ("LIMIT = 3", "LIMIT = 4"),
        ("return x", "return 2 * x"),
        ("near(1)", "near(2)"),
    ):
        assert hashes(tmp_path, CHECKS.replace(old, new))[0] != rest
    assert hashes(tmp_path, CHECKS.replace("# A comment.", "# In other words."))[1] == functions


@pytest.mark.parametrize("changed", ["labkit/checks/__init__.py", "labkit/checks/dp_sgd.py",
                                     "labkit/dpsgd/__init__.py", "autograder/judge/execution.py",
                                     "autograder/sandbox/inside/judge.py", "uv.lock"])  # fmt: skip
def test_the_code_that_decides_forces_a_new_run(changed, monkeypatch):
    labs = ("01_dp_sgd", "02_gdp_accounting")
    before = {lab: version.common(lab) for lab in labs}
    path, original = version.ROOT / changed, Path.read_bytes
    text = Path.read_text

    def other_bytes(self):
        return original(self) + (b"\nCHANGED = 1\n" if self == path else b"")

    def other_text(self, *more, **named):
        return text(self, *more, **named) + ("\nCHANGED = 1\n" if self == path else "")

    monkeypatch.setattr(Path, "read_bytes", other_bytes)
    monkeypatch.setattr(Path, "read_text", other_text)
    after = {lab: version.common(lab) for lab in labs}
    assert after["01_dp_sgd"] != before["01_dp_sgd"]
    # Another lab's checks decide nothing here.
    assert (after["02_gdp_accounting"] == before["02_gdp_accounting"]) == ("dp_sgd" in changed)


# --- the gradebook --------------------------------------------------------------------------------


def recorded(lab, url, students, passed=PASSED, **more):
    outcomes = [
        scored(Outcome(name, "graded", "", passed=list(passed)), lab.checks) for name in students
    ]
    times = {name: datetime(2026, 11, 2, tzinfo=UTC) for name in students}
    return gradebook.record(lab, url, outcomes, times, **more)[0]


def test_what_people_did_stays_by_name_when_checks_come_and_go(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    gradebook.make_course(TINY, tmp_path / "course", url)
    recorded(TINY, url, ["ann", "bob"])
    with Gradebook(url, "privacy-labs") as book:
        book.find_grade("pythagoras", "00_tiny", "00_tiny", "ann").manual_score = 1
        book.find_comment("length", "00_tiny", "00_tiny", "ann").manual_comment = "Nearly!"
        book.db.commit()
    lab = lab_of(tmp_path / "masters", ("points=3", "points=30"), text=MASTER + NEW)
    gradebook.make_course(lab, tmp_path / "again", url)
    grades = recorded(lab, url, ["ann", "bob", "cem"], [*PASSED, "is_a_number"])
    assert [grades[name].score for name in ("ann", "bob", "cem")] == [2 + 1 + 4, 11, 11]
    assert grades["ann"].comments == {"length": "Nearly!"}
    assert grades["ann"].by_hand == {"pythagoras": 5} and not grades["bob"].by_hand
    with Gradebook(url, "privacy-labs") as book:
        assert book.find_submission("00_tiny", "ann").max_score == 41
    # And away again: what a person gave for another check stays.
    gradebook.make_course(TINY, tmp_path / "back", url)
    grades = recorded(TINY, url, ["ann", "bob", "cem"])
    assert [grades[name].score for name in ("ann", "bob", "cem")] == [3, 7, 7]
    assert not list(tmp_path.glob("gradebook-before-*"))


def test_points_that_people_gave_for_what_is_gone_are_kept_in_a_copy(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    gradebook.make_course(TINY, tmp_path / "course", url)
    recorded(TINY, url, ["ann"])
    with Gradebook(url, "privacy-labs") as book:
        book.find_grade("pythagoras", "00_tiny", "00_tiny", "ann").manual_score = 1
        book.db.commit()
    lab = lab_of(tmp_path / "masters", ('"pythagoras"', '"hypotenuse"'))
    gradebook.make_course(lab, tmp_path / "again", url)
    assert recorded(lab, url, ["ann"], ["hypotenuse"])["ann"].score == 5
    copy = f"sqlite:///{tmp_path / 'gradebook-before-1.db'}"
    with Gradebook(copy, "privacy-labs") as book:
        assert book.find_grade("pythagoras", "00_tiny", "00_tiny", "ann").manual_score == 1
