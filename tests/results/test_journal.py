"""What is graded is on disk at once, and graded once, whatever ends the run or is in an entry."""

import errno
import json
import os
from dataclasses import asdict, replace

import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook

from autograder.intake.answers import Answers, is_demonstration
from autograder.judge.execution import Times
from autograder.judge.judge import Submission, Terms
from autograder.judge.outcome import Outcome
from autograder.results import journal as journal_module
from autograder.results.journal import Journal
from tests.processes import has_ended, wait_for
from tests.tiny import RELEASE, RIGHT, SLOW, entries, grade, graded_now, start, write_class

pytestmark = pytest.mark.grader


def test_after_kill_9_nothing_is_lost_and_nothing_graded_twice(tmp_path):
    students = [f"student{number}" for number in range(6)]
    folder = write_class(tmp_path / "in", **{name: {"double": SLOW} for name in students})
    output = tmp_path / "out"
    run = start("--submissions", folder, "--output", output, "--jobs", "1", TMPDIR=str(tmp_path))
    wait_for(lambda: len(entries(output)) >= 2 or run.poll() is not None)
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


@pytest.mark.parametrize("anchor", ["", "double", "doubles_integers", "length", "pythagoras"])
def test_code_below_a_check_is_another_code_above_it(tmp_path, anchor):
    """Whoever moves it is graded again, be it an edited demonstration or a cell of their own."""
    journal, text = Journal(tmp_path, "00_tiny", "version"), "def double(x):\n    return x + x"
    (demonstration,) = (cell.id for cell in RELEASE.cells if is_demonstration(cell))
    edited = Answers(texts={"double": "double = 0", demonstration: text})
    moved = Answers(texts={"double": "double = 0"}, own={anchor: [text]})
    keys = [
        journal.key(Submission("ann", answers.on(RELEASE)), Terms()) for answers in (edited, moved)
    ]
    assert keys[0] != keys[1]


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
    full.clear()
    found, stdout = grade(folder, tmp_path / "out")
    assert "bob" in graded_now(stdout) and "ann" not in graded_now(stdout)
    assert {row["score"] for row in found.values()} == {"10"}


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
