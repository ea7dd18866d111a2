"""What a class hands in may be larger than the memory of the machine that grades it."""

import copy
import errno
import os
import pickle
import tracemalloc

import pytest

from autograder import whole
from autograder.intake import reading
from autograder.intake.answers import Stored
from autograder.intake.cells import is_solution
from autograder.intake.collect import collect
from autograder.judge.outcome import Outcome
from autograder.results.journal import Journal
from autograder.workers import processes
from tests.tiny import RELEASE, RIGHT, TINY, entries, grade, is_the_release, write_class

pytestmark = pytest.mark.grader


def test_what_is_read_of_a_class_is_not_in_memory(tmp_path):
    """In Python a student's 24 MB are 96 MB if one character is beyond 16 bits."""
    large = "def double(x):\n    return 2 * x\n# \U0001d504" + "x" * (4 << 20)
    folder = write_class(tmp_path / "in", ann={"double": large}, bob={"double": large})
    found, _ = collect(folder, TINY.name)
    (tmp_path / "clean").mkdir()
    tracemalloc.start()
    try:
        result = reading.read(found, TINY.name, RELEASE, jobs=2, folder=tmp_path / "clean")
        assert tracemalloc.get_traced_memory()[0] < 4 << 20
    finally:
        tracemalloc.stop()
    for each in result:
        (cell,) = [cell for cell in each.notebook.read().cells if cell.id == "double"]
        assert cell.source == large
        is_the_release(each.notebook.read())


def test_a_journal_holds_no_answers(tmp_path):
    """24 MB of each student's, in Python 96 MB if one character is beyond 16 bits."""
    executed, code = copy.deepcopy(RELEASE), "# \U0001d504" + "x" * (1 << 20)
    for cell in filter(is_solution, executed.cells):
        cell.source = code
    journal = Journal(tmp_path, TINY.name, "version")
    tracemalloc.start()
    try:
        for student in ("ann", "bob", "cem"):
            journal.keep(student, Outcome(student, "graded", ""), executed, {})
        again = Journal(tmp_path, TINY.name, "version")
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()
    for each in (journal, again):
        assert each.answers("bob") == dict.fromkeys(TINY.exercises, code)
        assert each.last("bob").status == "graded" and each.answers("dan") == {}


def test_clean_notebooks_are_there_while_they_are_graded(tmp_path, monkeypatch):
    """And whatever ended the run, the next one does not read what it left."""
    left, seen = tmp_path / "out" / "journal" / "clean" / "0", []
    left.parent.mkdir(parents=True)
    left.write_bytes(b"nonsense")
    really = processes.each

    def each(function, orders, *more):
        for order in orders:
            notebook = order.submission.notebook
            if isinstance(notebook, Stored):
                seen.append(sorted(path.name for path in left.parent.iterdir()))
                assert pickle.loads(pickle.dumps(notebook)) == notebook.read()
            yield from really(function, [order], *more)

    monkeypatch.setattr(processes, "each", each)
    folder = write_class(tmp_path / "in", ann={}, bob={})
    found, _ = grade(folder, tmp_path / "out")
    assert seen == [["0", "1"]] * 2 and not left.parent.exists()
    assert all(row.items() >= RIGHT.items() for row in found.values())


def test_a_disk_that_is_full_before_anything_is_graded_refuses_nobody(tmp_path, monkeypatch):
    def write_whole(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    folder = write_class(tmp_path / "in", ann={})
    with monkeypatch.context() as full, pytest.raises(SystemExit, match=r"Stopped: .* No space"):
        full.setattr(whole, "write_whole", write_whole)
        grade(folder, tmp_path / "out")
    assert not entries(tmp_path / "out")
    found, _ = grade(folder, tmp_path / "out")
    assert found["ann"].items() >= RIGHT.items()


@pytest.mark.parametrize("when", ["written", "read"])
def test_a_notebook_that_the_disk_loses_is_one_students(tmp_path, monkeypatch, when):
    folder = write_class(tmp_path / "in", ann={}, bob={})
    write, load = whole.write_whole, reading.Stored.__reduce__

    def write_whole(path, content, *more):
        if when == "written" and path.name == "0":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        write(path, content, *more)

    def reduce(stored):
        if when == "read" and stored._path.name == "0":
            stored._path.unlink(missing_ok=True)
        return load(stored)

    monkeypatch.setattr(whole, "write_whole", write_whole)
    monkeypatch.setattr(Stored, "__reduce__", reduce)
    found, _ = grade(folder, tmp_path / "out", "--jobs", "1")
    (lost,) = (row for row in found.values() if row["score"] != "10")
    (other,) = (row for row in found.values() if row["score"] == "10")
    why = {"written": "could not be kept", "read": "its process ended"}
    assert other.items() >= RIGHT.items() and why[when] in lost["reason"], lost
