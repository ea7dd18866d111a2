"""A submission that ends the grader itself does so twice at most, and the class goes on."""

import gc

import pytest

from autograder.results.begun import Begun
from autograder.workers import processes
from tests.tiny import RIGHT, answered, double, grade, graded_now, write_class

pytestmark = pytest.mark.grader


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.fixture
def killed(monkeypatch):
    """Have the grader killed when a student of a set is begun; whom it has graded so is noted."""
    by: set[str] = set()
    together: list[list[str]] = []
    really = processes.each

    def each(function, orders, workers, seconds):
        def noted():
            for order in orders:
                together[-1].append(order.submission.student)
                if order.submission.student in by:
                    raise Killed
                yield order

        together.append([])
        return really(function, noted(), workers, seconds)

    def kill(*_):
        """Leave nothing done that is done on the way out."""

    monkeypatch.setattr(processes, "each", each)
    monkeypatch.setattr(Begun, "close", kill)
    return by, together


def marks(output):
    return sorted(path.suffix for path in (output / "journal").glob("*.begun*"))


def ended(folder, output, *more):
    with pytest.raises(Killed):
        grade(folder, output, *more)
    gc.collect()  # the exception's frames hold the output folder's lock


def test_who_ends_the_grader_is_graded_last_and_alone_and_then_refused(tmp_path, killed):
    by, together = killed
    folder, output = write_class(tmp_path / "in", ann={}, bob={}, cem={}, zoe={}), tmp_path / "out"
    by.add("bob")
    ended(folder, output, "--jobs", 1)
    assert together[-1] == ["ann", "bob"] and marks(output) == [".begun-1"]
    ended(folder, output, "--jobs", 2)
    assert together[-2:] == [["cem", "zoe"], ["bob"]]
    assert marks(output) == [".begun-1", ".begun-2"]
    for _ in range(2):  # it is refused in each run, and costs none of them anything
        together.clear()
        found, stdout = grade(folder, output)
        assert together == [[]] and graded_now(stdout) == ["bob"]
        assert found["bob"]["score"] == "0" and "ended twice while it" in found["bob"]["reason"]
        assert all(found[name].items() >= RIGHT.items() for name in ("ann", "cem", "zoe"))
    by.clear()
    found, _ = grade(folder, output, "--only", "bob", "--regrade")
    assert found["bob"].items() >= RIGHT.items() and marks(output) == []


def test_a_new_file_is_a_new_beginning(tmp_path, killed):
    by, _ = killed
    folder, output = write_class(tmp_path / "in", bob={}), tmp_path / "out"
    by.add("bob")
    for _ in range(2):
        ended(folder, output)
    by.clear()
    (folder / "bob.ipynb").write_text(answered(double=double("return x + x")), "utf-8")
    found, _ = grade(folder, output)
    assert found["bob"].items() >= RIGHT.items()


def test_who_was_beside_it_is_graded(tmp_path, killed):
    """And has no mark any more, even if it is graded when the grader ends again."""
    by, together = killed
    folder, output = write_class(tmp_path / "in", ann={}, bob={}), tmp_path / "out"
    by.add("bob")
    ended(folder, output, "--jobs", 2)
    assert together[-1] == ["ann", "bob"] and marks(output) == [".begun-1"] * 2
    ended(folder, output, "--jobs", 2)
    assert together[-3:] == [[], ["ann"], ["bob"]]
    assert marks(output) == [".begun-1", ".begun-2"]
    found, _ = grade(folder, output)
    assert found["ann"].items() >= RIGHT.items() and found["bob"]["score"] == "0"


def test_who_stops_a_run_says_nothing_of_whom_it_graded(tmp_path):
    for number in range(3):
        begun = Begun(tmp_path, {"ann": "a", "bob": "b"})
        begun.begin("ann")
        assert begun.times("ann") == number + 1 and begun.times("bob") == 0
    begun.close()  # what was known before is known still
    assert begun.times("ann") == 2
    begun.begin("ann")
    begun.end("ann")
    assert begun.times("ann") == 0 and not list(tmp_path.iterdir())
    begun.begin("of another's machine")
    assert not list(tmp_path.iterdir())
