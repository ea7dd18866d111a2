"""Whatever cannot be written costs one student, or is one clear error; the rest is there."""

import errno
import functools
import itertools
import os
import shutil
from contextlib import suppress

import pytest

from autograder import run
from autograder.results import pages
from tests.tiny import RIGHT, answered, double, grade, graded_now, rows, write_class

pytestmark = pytest.mark.grader

STUDENTS = ("ann", "bob")
NUMBERS = [errno.ENAMETOOLONG, errno.EACCES, errno.EIO, errno.EROFS, errno.ENOSPC, errno.EISDIR]
CLASS = ("overview.html", "grades.csv", "canvas.csv", "moodle.csv", "moodle-feedback.zip")
CALLS = ("open", "replace", "mkdir", "fsync", "unlink", "link")


class Faults:
    """Has the n-th call fail of those that write to files below a folder."""

    def __init__(self, monkeypatch, folder):
        self._folder = str(folder)
        self.disarm()
        for name in CALLS:
            call = getattr(os, name) if name != "fsync" else lambda _: None  # which takes long
            monkeypatch.setattr(os, name, self._failing(name, call))

    def arm(self, at, number):
        self._count, self._at, self._number, self._hit = 0, at, number, ""

    def disarm(self):
        """Return which call has failed, if one has."""
        hit = getattr(self, "_hit", "")
        self.arm(0, 0)
        return hit

    def _failing(self, name, call):
        def failing(path, *arguments, **more):
            # Of a link, a new name is what is written.
            where = arguments[0] if name in ("replace", "link") else path
            if name == "fsync":
                with suppress(OSError):
                    where = os.readlink(f"/proc/self/fd/{path}")
            if not str(where).startswith(f"{self._folder}/"):
                return call(path, *arguments, **more)
            self._count += 1
            if self._count != self._at:
                return call(path, *arguments, **more)
            self._hit = f"{name} {where}"
            if name == "open" and arguments and arguments[0] & os.O_WRONLY and self._at % 2:
                return call("/dev/full", os.O_WRONLY)
            raise OSError(self._number, os.strerror(self._number), str(where))

        return failing


def contents(output):
    """Return what an output folder holds, but for the database, the journal and its lock."""
    files = (path for path in output.rglob("*") if path.is_file())
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in files
        if path.suffix != ".db" and path.parent.name != "journal"
    }


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A class whose grades have changed, right before they are recorded: the folder, and how."""
    place = tmp_path_factory.mktemp("class")
    folder, output, calls = write_class(place / "in", ann={}, bob={}), place / "out", []
    record = run._record

    def noted(*arguments):
        shutil.copytree(output, place / "before")
        calls.append(arguments)
        return record(*arguments)

    grade(folder, output)
    for student in STUDENTS:
        text = answered(double=double(f"return 3 * x  # {student}"))
        (folder / f"{student}.ipynb").write_text(text, "utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run, "_record", noted)
        grade(folder, output)
    for part in ("submitted", "gradescope"):  # whose folders are to be made
        shutil.rmtree(place / "before" / part / "bob")
    after = contents(output)

    def again():
        shutil.rmtree(output)
        shutil.copytree(place / "before", output)
        return lambda: record(*calls[0])

    return output, contents(place / "before"), after, again


def test_whatever_call_fails_the_rest_is_written(recording, monkeypatch):
    """Each call in turn, with one error or another."""
    output, before, after, again = recording
    faults = Faults(monkeypatch, output)
    monkeypatch.setattr(pages, "template", functools.cache(pages.template))
    again()()
    usual, costs, errors = rows(output), [], set()
    assert contents(output) == after
    for at, number in zip(itertools.count(1), itertools.cycle(NUMBERS)):
        record, error, unwritten = again(), None, []
        faults.arm(at, number)
        try:
            unwritten = record().unwritten
        except OSError as raised:
            error = str(raised)
        hit = faults.disarm()
        if not hit:
            break
        now = contents(output)
        if error is not None:  # about the class: the old file stands, or the new one is there
            (name,) = (name for name in CLASS if f"{output}/{name}'" in error)
            assert now in (after, after | {name: before.get(name)}), hit
            errors.add(name)
            continue
        found = rows(output)
        said = [name for name, row in found.items() if "could not be" in row["repairs"]]
        assert unwritten == said and len(said) <= 1, hit
        assert {row["score"] for row in found.values()} == {"5"}, hit
        if not said:  # there is another way, or a folder was there before
            assert hit.startswith(("link", "mkdir")) and now == after, hit
            continue
        assert all(found[name] == usual[name] for name in STUDENTS if name not in said), hit
        others = {name for name in after if "/" in name and said[0] not in name}
        assert all(now[name] == after[name] for name in others), hit
        assert now.keys() >= set(CLASS[:-1]) and not [*output.rglob("*.half")], hit
        costs += said
    assert set(costs) == set(STUDENTS) and errors == set(CLASS) and len(costs) > 30


def test_a_student_who_has_folders_in_place_of_files_costs_no_other(tmp_path):
    """The exit code tells, and the next run mends it."""
    folder, output = write_class(tmp_path / "in", ann={}, bob={}, cem={}), tmp_path / "out"
    in_the_way = [
        output / "feedback" / "ann.html",
        output / "autograded" / "bob" / "00_tiny" / "00_tiny.ipynb",
    ]
    for path in in_the_way:
        (path / "x").mkdir(parents=True)
    with pytest.raises(SystemExit, match=r"as their rows say: ann, bob[.] The same command"):
        grade(folder, output)
    found = rows(output)
    assert [row["score"] for row in found.values()] == ["10", "0", "10"]
    assert (
        found["ann"]["repairs"]
        == "its page could not be written: IsADirectoryError: Is a directory"
    )
    assert "could not be graded: IsADirectoryError" in found["bob"]["reason"]
    assert found["cem"]["repairs"] == "" and (output / "feedback" / "cem.html").is_file()
    assert "bob" not in (output / "canvas.csv").read_text() + (output / "moodle.csv").read_text()
    for path in in_the_way:
        shutil.rmtree(path)
    assert all(row.items() >= RIGHT.items() for row in grade(folder, output)[0].values())


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_a_notebook_that_cannot_be_kept_costs_no_other(tmp_path, monkeypatch, number):
    folder, output = write_class(tmp_path / "in", ann={}, bob={}, cem={}), tmp_path / "out"
    replace = os.replace

    def but_bobs(path, target):
        if "autograded/bob" in str(path):
            raise OSError(number, os.strerror(number))
        replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", but_bobs)
        with pytest.raises(SystemExit, match=r"as their rows say: bob[.]"):
            grade(folder, output, "--jobs", 1)
    assert [row["score"] for row in rows(output).values()] == ["10", "0", "10"]
    found, stdout = grade(folder, output)
    assert graded_now(stdout) == ["bob"] and found["bob"].items() >= RIGHT.items()


def test_a_summary_that_cannot_be_written_costs_no_other_file(tmp_path):
    folder, output = write_class(tmp_path / "in", ann={}), tmp_path / "out"
    (output / "overview.html" / "x").mkdir(parents=True)
    with pytest.raises(SystemExit, match=r"^Stopped: .*overview.html.*What was graded is kept"):
        grade(folder, output)
    assert rows(output)["ann"].items() >= RIGHT.items()
    assert (output / "canvas.csv").is_file() and (output / "feedback" / "ann.html").is_file()
