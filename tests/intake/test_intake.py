"""Whatever is handed in: a grade or a refusal with a reason, and every file in exactly one row."""

import io
import json
import os
import random
import re
import threading
import time
import zipfile

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.intake import reading
from autograder.intake.collect import BadUsage, collect
from autograder.intake.rebuild import Unreadable, rebuild
from autograder.labs import build
from autograder.labs.master import ROOT, read_lab
from autograder.sandbox import confine
from autograder.sandbox.inside import clean
from tests.tiny import FIXTURES

pytestmark = pytest.mark.grader

LAB = read_lab(FIXTURES / "masters" / "00_tiny.py")
RELEASE = build.release(LAB)
SOLVED = build.as_text(build.solution(LAB)).encode()


def read(source, kind="bwrap"):
    """Collect a class and have it read; return the students by key, and what was left aside."""
    found, aside = collect(source, LAB.name)
    result = reading.read(found, LAB.name, RELEASE, kind=kind, jobs=2)
    assert [each.student for each in result] == [each.student for each in found]
    assert len({each.student for each in found}) == len(found)
    for each in result:
        assert (each.notebook is None) == bool(each.reason), each
        for text in (each.student, each.name, each.reason, *each.notes, *each.repairs):
            assert clean.line(text, 2010) == text, ascii(text)
        if each.notebook is not None:
            nbformat.validate(each.notebook)
    return {each.student: each for each in result}, aside


def packed(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 1, 12, 0, 0)), content)
    return buffer.getvalue()


# --- the limited process --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", confine.KINDS)
def test_what_bursts_a_limit_is_refused_and_the_next_one_is_read(tmp_path, kind, monkeypatch):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("00_tiny.ipynb", bytes(2**27))
        archive.filelist[0].file_size = 2**30 - 1
    for name, content in {"a.zip": bomb.getvalue(), "b.ipynb": SOLVED}.items():
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    began = time.monotonic()
    found, _ = read(tmp_path / "in", kind)
    assert found["a"].reason and found["b"].repairs == ()
    assert found["b"].graded == "b.ipynb"
    assert time.monotonic() - began < 120


def test_what_reads_can_see_nothing_of_the_class(tmp_path):
    """The program is asked to read a file that it was not given."""
    line = [*confine.command(), "/bin/ls", str(ROOT / "autograder"), str(tmp_path)]
    said = os.popen(" ".join(line) + " 2>&1").read()
    assert "intake" in said and "masters" not in said and "answers" not in said
    assert "No such file" in said


def test_a_reader_that_dies_costs_nobody_anything(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for name in "abcdef":
        (tmp_path / "in" / f"{name}.ipynb").write_bytes(SOLVED)
    ask, asked = reading._Reader.ask, []

    def kill_and_ask(reader, *request):
        asked.append(1)
        if len(asked) == 3:
            reader._process.kill()
        return ask(reader, *request)

    monkeypatch.setattr(reading._Reader, "ask", kill_and_ask)
    found, _ = read(tmp_path / "in")
    assert [each.reason for each in found.values()] == [""] * 6


def test_whoever_ends_the_reader_each_time_costs_nobody_else_anything(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for name in ("ann", "mallory"):
        (tmp_path / "in" / f"{name}.ipynb").write_text(nbformat.writes(RELEASE), "utf-8")
    asked, both = reading._Reader._asked, threading.Barrier(2, timeout=60)

    def kill_or_ask(self, job, fds):
        both.wait()  # each time when the other one asks, too
        if "mallory" in job["entries"][0]["parts"][-1]:
            self._process.kill()
            self._process.wait()
        both.wait()
        return asked(self, job, fds)

    monkeypatch.setattr(reading._Reader, "_asked", kill_or_ask)
    found, _ = read(tmp_path / "in")
    ann, mallory = found["ann"], found["mallory"]
    assert ann.notebook is not None and not ann.reason
    assert mallory.notebook is None and "ended" in mallory.reason


def test_a_file_that_vanishes_or_becomes_a_pipe(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("ann", "bob", "cem"):
        (tmp_path / "in" / f"{name}.ipynb").write_bytes(SOLVED)
    found, _ = collect(tmp_path / "in", LAB.name)
    (tmp_path / "in" / "ann.ipynb").unlink()
    (tmp_path / "in" / "bob.ipynb").unlink()
    os.mkfifo(tmp_path / "in" / "bob.ipynb")
    ann, bob, cem = reading.read(found, LAB.name, RELEASE)
    assert "No such file" in ann.reason and "no regular file" in bob.reason and not cem.reason


# --- notebooks ------------------------------------------------------------------------------------

KEYS = [
    "cells",
    "source",
    "cell_type",
    "metadata",
    "id",
    "outputs",
    "nbgrader",
    "grade_id",
    "input",
]
TEXTS = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(
    [
        "code",
        "markdown",
        "double",
        "def double(x):\n  return x",
        "```",
        "%time x",
        "\ud800",
        "length",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | TEXTS, inner, max_size=5)
    ),
    max_leaves=25,
)


def is_graded_or_refused(content):
    try:
        rebuilt = rebuild(content, RELEASE)
    except Unreadable as error:
        assert str(error)
        return
    text = build.as_text(rebuilt.notebook)
    text.encode("utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    named = {cell.id: cell for cell in notebook.cells}
    for cell in RELEASE.cells:
        assert named[cell.id].metadata.get("nbgrader") == cell.metadata.get("nbgrader")
        if cell.id in LAB.checks:
            assert named[cell.id].source == cell.source


@settings(max_examples=150, deadline=None, derandomize=True)
@given(JSON)
def test_any_json_is_graded_or_refused(document):
    is_graded_or_refused(json.dumps(document).encode())
    is_graded_or_refused(json.dumps({"cells": [document, *json.loads(SOLVED)["cells"]]}).encode())


@pytest.mark.parametrize("seed", range(60))
def test_a_notebook_with_any_damage_is_graded_or_refused(seed):
    rng, content = random.Random(seed), bytearray(SOLVED)
    for _ in range(rng.choice([1, 3, 30])):
        at, length = rng.randrange(len(content)), rng.choice([1, 1, 10, 500])
        other = rng.choice(
            [b"", rng.randbytes(length), content[:length], b'"', b"\\", b"{[", b"\n"]
        )
        content[at : at + rng.choice([0, length])] = other
    is_graded_or_refused(bytes(content))


# --- names and archives ---------------------------------------------------------------------------


def some_name(rng):
    kinds = [
        lambda: "".join(chr(rng.choice([rng.randrange(1, 0xD800), rng.randrange(0xE000, 0x10FFFF)]))
                        for _ in range(rng.randint(1, 9))),
        lambda: os.fsdecode(rng.randbytes(rng.randint(1, 12))),
        lambda: rng.choice(["con", "-rf", " ", "~", "*", "a" * 240, "zoë", "zoe\u0308", "..."]),
        lambda: rng.choice(["Copy of 00_tiny", "Copy_of_00_tiny (1)", "00_tiny", "final (2)"]),
        lambda: f"ann_{rng.randint(1, 3)}_{rng.randint(1, 9)}_x",
        lambda: f"Ann_{rng.randint(1, 3)}_assignsubmission_file_x_5_assignsubmission_file_y",
    ]  # fmt: skip
    name = rng.choice(kinds)().replace("/", "_").replace("\0", "_")
    return os.fsdecode(os.fsencode(name)[:240]) or "x"


@pytest.mark.parametrize("seed", range(8))
def test_every_file_of_a_folder_is_in_exactly_one_row(tmp_path, seed):
    rng, source, content = random.Random(seed), tmp_path / "in", {}
    source.mkdir()
    for number in range(40):
        path = source.joinpath(*(some_name(rng) for _ in range(rng.randint(0, 2))))
        path /= some_name(rng) + rng.choice([".ipynb", ".ipynb", ".zip", ".py", ".txt", ""])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_bytes(b"x" * number)
                content[path.relative_to(source).parts] = path
        except OSError:
            continue  # a file is where a folder was to be
    found, aside = collect(source, LAB.name)
    placed = [entry.place for each in found for entry in each.entries]
    hidden = [p for p in content if any(re.match(r"\.(?!\.?$)", part) for part in p)]
    assert len(placed) + len(aside) + len(hidden) >= len(content)
    assert len(placed) == len(set(placed))
    loose = [path for parts, path in content.items() if len(parts) == 1 and path.is_file()]
    assert {p for p in content.values() if p not in loose and p not in placed} <= {
        content[p] for p in hidden
    }
    if seed == 0:
        read(source)


def test_archives_of_any_bytes(tmp_path):
    """Students' own, damaged, with odd names in them; then the class's."""
    rng, files = random.Random(1), []
    for number in range(60):
        own = bytearray(packed([(f"{some_name(rng)!a}.ipynb", SOLVED), ("00_tiny.ipynb", SOLVED)]))
        for _ in range(rng.choice([0, 1, 5, 50])):
            own[rng.randrange(len(own))] = rng.randrange(256)
        files.append((f"student{number}_{number}_1_hand in.zip", bytes(own)))
    path = tmp_path / "class.zip"
    path.write_bytes(packed(files))
    found, aside = read(path)
    assert len(found) == 60 and not aside
    assert sum(each.notebook is not None for each in found.values()) >= 15
    whole = path.read_bytes()
    for _ in range(50):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 5])):
            data[rng.randrange(len(data) * 9 // 10, len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            collect(path, LAB.name)
        except BadUsage as error:
            assert "\n" not in str(error)
