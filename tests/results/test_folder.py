"""The folder that the grader writes to: one grader's at a time, and nobody else's."""

import errno
import os
import re
import stat
import sys
import unicodedata
from contextlib import nullcontext
from functools import partialmethod
from pathlib import Path

import pytest

from autograder.intake.files import BadUsage
from autograder.results.folder import FIRST_LINE, held, must_hold
from autograder.similarity import __main__ as similarity
from autograder.whole import write_whole
from tests.tiny import FIXTURES, answered, grade, start, write_class

pytestmark = pytest.mark.grader


def compare(output):
    similarity.main(["--lab", "0", "--output", str(output)], FIXTURES / "masters")


def contents(output):
    return {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}


@pytest.fixture
def graded(tmp_path):
    """A class that was graded, its folder, and what a person gives then."""
    folder, output = write_class(tmp_path / "in", ann={}, bob={}), tmp_path / "out"
    (folder / "00_tiny (1).ipynb").write_text(answered(), "utf-8")
    (tmp_path / "old.csv").write_text("Name,Login\nAnn Ash,ann\nBo Box,bob\n", "utf-8")
    (tmp_path / "new.csv").write_text("Name,Login\nAnn Ash,ann\nCy Cox,cox\n", "utf-8")
    grade(folder, output, "--roster", tmp_path / "old.csv", "--file", "ann=ann.ipynb")
    compare(output)
    given = "--roster", tmp_path / "new.csv", "--file", "cox=00_tiny (1).ipynb"
    return folder, output, given


def test_two_graders_do_not_share_an_output_folder(tmp_path):
    folder = write_class(tmp_path / "in", ann={})
    with held(tmp_path / "out"):
        run = start("--submissions", folder, "--output", tmp_path / "out")
        assert "another command is at work" in run.communicate(timeout=120)[1]
    assert run.returncode == 1


def test_a_command_that_is_refused_changes_nothing(graded, tmp_path):
    folder, output, given = graded
    before = contents(output)
    for more, message in (
        (["--db-url", f"sqlite:///{tmp_path}/none/gradebook.db"], "unable to open database file"),
        (["--assignment", "Lab 7"], "no column of the gradebook"),
        (["--file", "bob=none.ipynb"], "no file none.ipynb"),
        (["--only", "zoë"], "no submission of zoë"),
    ):
        (tmp_path / "new.csv").write_text(
            "Student,ID,SIS Login ID,Lab 00 (99)\nAnn Ash,1,ann,\nCy Cox,2,cox,\n", "utf-8"
        )
        with pytest.raises(SystemExit, match=f"^Nothing graded: .*{message}"):
            grade(folder, output, *given, *more)
        assert contents(output) == before
    with held(output):
        for command in (lambda: grade(folder, output, *given), lambda: compare(output)):
            with pytest.raises(SystemExit, match=r"^Nothing \w+: another command is at work"):
                command()
            assert contents(output) == before
    assert grade(folder, output, *given)[0]["cox"]["score"] == "10"
    assert not [path for path in output.rglob("00_tiny (1)*") if "journal" not in path.parts]


def test_whatever_ends_the_writing_the_old_file_stands(graded, monkeypatch):
    folder, output, given = graded
    before, sync = contents(output), os.fsync
    for name in ("roster.csv", "choices.csv", "nbgrader_config.py", "canvas.csv"):

        def stopped(number, name=name):
            if name in os.readlink(f"/proc/self/fd/{number}"):
                raise SystemExit(143)  # as by a signal
            sync(number)

        monkeypatch.setattr(os, "fsync", stopped)
        with pytest.raises(SystemExit, match="143"):
            grade(folder, output, *given)
        assert (output / name).read_bytes() == before[output / name], name
        assert not [*output.rglob("*.half")]


opened: list[str] = []


def _note(event, arguments):
    writes = event == "open" and opened and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if writes and str(arguments[0]).startswith(opened[0]):
        opened.append(arguments[0])


def test_no_file_is_written_in_place(graded):
    """Whatever opens one to write: the database, which has a journal, is opened by SQLite."""
    folder, output, given = graded
    sys.addaudithook(_note)  # which nothing can remove
    opened[:] = [str(output)]
    try:
        grade(folder, output, *given, "--regrade")
        compare(output)
    finally:
        names = {Path(path).name for path in opened[1:] if Path(path) != output}
        opened.clear()
    assert {".roster.csv.half", ".choices.csv.half", ".00_tiny.ipynb.half"} < names
    assert {name for name in names if not name.endswith(".half")} == {".lock"}


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_where_no_folder_can_be_synced_files_are_written_all_the_same(
    tmp_path, monkeypatch, number
):
    sync = os.fsync

    def of_files_only(fd):
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(number, os.strerror(number))
        sync(fd)

    monkeypatch.setattr(os, "fsync", of_files_only)
    # A disk that fails is said to.
    with pytest.raises(OSError) if number == errno.EIO else nullcontext():
        write_whole(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"new"


@pytest.mark.parametrize(
    "names, alike",
    [
        (["ann", "bob", "Ann"], "(ann, Ann)"),
        (["Zoë", "ZOË"], "(Zoë, ZOË)"),
        (["zoe\u0308", "zoë"], "(zoë, zoë)"),
        (["ann", "bob"], ""),
        (["ann", "a:b"], ""),  # which costs itself only
    ],
)
def test_an_output_folder_that_takes_two_students_for_one_is_refused(
    tmp_path, monkeypatch, names, alike
):
    monkeypatch.setattr(Path, "mkdir", partialmethod(elsewhere, Path.mkdir))
    with held(tmp_path) as output:
        before = {*tmp_path.rglob("*")}
        with pytest.raises(BadUsage, match=re.escape(alike)) if alike else nullcontext():
            must_hold(output, names)
        assert {*tmp_path.rglob("*")} == before


def elsewhere(path, mkdir, *more, **options):
    """Take names as some file systems do."""
    if ":" in path.name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    name = unicodedata.normalize("NFD", path.name).casefold()
    mkdir(path.with_name(name), *more, **options)


def test_students_whose_names_differ_in_case_alone_are_kept_apart_or_refused(tmp_path, monkeypatch):
    folder = write_class(tmp_path / "in", ann={}, Ann={})
    grade(folder, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out" / "feedback").iterdir()} == {
        "ann.html", "Ann.html",
    }  # fmt: skip
    before = contents(tmp_path / "out")
    monkeypatch.setattr(Path, "mkdir", partialmethod(elsewhere, Path.mkdir))
    with pytest.raises(
        SystemExit, match=r"takes the names of several students for one \(Ann, ann\)"
    ):
        grade(folder, tmp_path / "out", "--regrade")
    assert contents(tmp_path / "out") == before


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
