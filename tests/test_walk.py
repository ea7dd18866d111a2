"""The walk of a submission: which modules it goes through, how often it is parsed and written.

A notebook is followed by two marks, in the answers to two exercises. A module is on the walk if one
of its functions has both in hand, in what it is given, holds or returns: what sees one cell at a
time is none of these.
"""

import json
import pickle
import re
import sqlite3
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

import autograder
from autograder import whole
from autograder.intake import reader, reading
from autograder.intake.cells import is_solution
from autograder.judge.judge import judge
from autograder.labs import ROOT
from autograder.workers import processes
from tests.tiny import RELEASE, TINY, grade, write_class

pytestmark = pytest.mark.grader

MOST_MODULES = 12
MARKS = ("first_mark_of_this_notebook", "second_mark_of_this_notebook")
SOLVED = {
    "double": f"def double(x):\n    {MARKS[0]} = 2\n    return {MARKS[0]} * x",
    "length": f"def length(x, y):\n    {MARKS[1]} = 0.5\n    return (x * x + y * y) ** {MARKS[1]}",
}
CODE = str(ROOT / "autograder") + "/"


def texts(value, seen):
    """Yield the texts in a value, as far as containers and this project's objects hold them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes | bytearray):
        yield bytes(value).decode("utf-8", "replace")
    elif id(value) not in seen:
        seen[id(value)] = value
        if isinstance(value, dict):
            inner = list(value.values())
        elif isinstance(value, list | tuple | set):
            inner = list(value)
        elif type(value).__module__.startswith("autograder."):
            inner = list(getattr(value, "__dict__", {}).values())
        else:
            inner = []
        for each in inner:
            yield from texts(each, seen)


def has_both_marks(value):
    left = set(MARKS)
    for text in texts(value, {}):
        left -= {mark for mark in left if mark in text}
    return not left


class Walk:
    """What a profiler hears: the modules in their order, notebooks that are parsed and written."""

    def __init__(self):
        self.modules, self.parses, self.writes = {}, 0, 0

    def __call__(self, frame, event, value):
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if event not in ("call", "return"):
            return
        # What writes any file takes no bytes for a submission.
        if file.startswith(CODE) and file.endswith(".py") and file != whole.__file__:
            if has_both_marks([dict(frame.f_locals), value]):
                module = file.removeprefix(CODE).removesuffix(".py").replace("/", ".")
                self.modules[module] = None
        elif (file, name, event) == (json.decoder.__file__, "raw_decode", "return"):
            self.parses += self._is_notebook(value and value[0])
        elif (file, name, event) == (json.encoder.__file__, "encode", "call"):
            self.writes += self._is_notebook(frame.f_locals["o"])

    def _is_notebook(self, value):
        return isinstance(value, dict) and "cells" in value and has_both_marks(value)

    @contextmanager
    def watching(self):
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


def followed_judge(order):
    """Judge in another process, and leave there what was heard of it."""
    walk = Walk()
    with walk.watching():
        graded = judge(order)
    order.pool.with_name("walk").write_bytes(pickle.dumps(vars(walk)))
    return graded


@pytest.fixture
def walk(monkeypatch):
    """What is heard of a grading, in the sandboxed reader and the judge's process too."""
    walk = Walk()
    blanks = {cell.id: cell.source for cell in RELEASE.cells if is_solution(cell)}
    lab = reader._Lab(RELEASE, TINY.name, blanks)

    def ask(self, job, fds):
        return json.loads(json.dumps(reader._read(json.loads(json.dumps(job)), fds, lab, None)))

    really = processes.each

    def each(function, orders, *more):
        assert function is judge
        for order, graded, problem in really(followed_judge, orders, *more):
            seen = pickle.loads(order.pool.with_name("walk").read_bytes())
            walk.modules |= seen["modules"]
            walk.parses += seen["parses"]
            walk.writes += seen["writes"]
            yield order, graded, problem

    monkeypatch.setattr(reading._Reader, "ask", ask)
    monkeypatch.setattr(reading._Reader, "_start", lambda self: None)
    monkeypatch.setattr(reading._Reader, "_end", lambda self: None)
    monkeypatch.setattr(processes, "each", each)
    return walk


def test_a_submission_is_parsed_once_and_written_once(tmp_path, walk, monkeypatch):
    databases, connect = set(), sqlite3.dbapi2.connect

    def noted(database, *more, **options):
        if walk.modules:  # before there is a submission, the release is recorded
            databases.add(Path(database))
        return connect(database, *more, **options)

    monkeypatch.setattr(sqlite3.dbapi2, "connect", noted)
    folder, output = write_class(tmp_path / "in", ann=SOLVED), tmp_path / "out"
    with walk.watching():
        found, _ = grade(folder, output)
    assert found["ann"]["score"] == "10"
    assert (walk.parses, walk.writes) == (1, 1)
    notebooks = [
        path for path in output.rglob("*.ipynb") if has_both_marks(path.read_text("utf-8"))
    ]
    assert len({path.stat().st_ino for path in notebooks}) == 1 and len(notebooks) == 2
    assert databases == {output.resolve() / "gradebook.db"}
    listed = re.findall(r"^ +\d+\. `([\w.]+)`", autograder.__doc__, re.MULTILINE)
    assert list(walk.modules) == listed
    assert len(listed) <= MOST_MODULES
