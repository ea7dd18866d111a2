"""Whatever is handed in: a grade or a refusal with a reason, and every file in exactly one row."""

import errno
import io
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import zipfile
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.intake import files, reading
from autograder.intake.collect import BadUsage, Collected, collect
from autograder.intake.files import Entry
from autograder.intake.rebuild import Unreadable, rebuild
from autograder.labs import ROOT, build
from autograder.sandbox import confine
from autograder.sandbox.inside import clean
from tests.tiny import RELEASE, TINY, answered, is_the_release, write_class

pytestmark = pytest.mark.grader

SOLVED = answered().encode()


def read(source, kind="bwrap"):
    """Collect a class and have it read; return the students by key, and what was left aside."""
    found, aside = collect(source, TINY.name)
    result = reading.read(found, TINY.name, RELEASE, kind=kind, jobs=2)
    assert [each.student for each in result] == [each.student for each in found]
    assert len({each.student for each in found}) == len(found)
    for each in result:
        is_gradable_or_refused(each)
    return {each.student: each for each in result}, aside


def is_gradable_or_refused(each):
    assert (each.notebook is None) == bool(each.reason), each
    for text in (each.student, each.name, each.reason, each.graded, *each.notes, *each.repairs):
        assert clean.line(text, 2010) == text, ascii(text)
    assert each.handed_in is None or each.handed_in.tzinfo is not None
    if each.notebook is not None:
        is_the_release(each.notebook)


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
    folder = write_class(tmp_path / "in", **{name: {} for name in "abcdef"})
    ask, asked = reading._Reader.ask, []

    def kill_and_ask(reader, *request):
        asked.append(1)
        if len(asked) == 3:
            reader._process.kill()
        return ask(reader, *request)

    monkeypatch.setattr(reading._Reader, "ask", kill_and_ask)
    found, _ = read(folder)
    assert [each.reason for each in found.values()] == [""] * 6


def test_whoever_ends_the_reader_each_time_costs_nobody_else_anything(tmp_path, monkeypatch):
    folder = write_class(tmp_path / "in", ann={}, mallory={})
    asked, both = reading._Reader._asked, threading.Barrier(2, timeout=60)
    at_first = iter((True, True))  # when both ask what they share; then each has its own

    def kill_or_ask(self, job, fds):
        together = next(at_first, False)
        if together:
            both.wait()
        if "mallory" in job["entries"][0]["parts"][-1]:
            self._process.kill()
            self._process.wait()
        if together:
            both.wait()
        return asked(self, job, fds)

    monkeypatch.setattr(reading._Reader, "_asked", kill_or_ask)
    found, _ = read(folder)
    ann, mallory = found["ann"], found["mallory"]
    assert ann.notebook is not None and not ann.reason
    assert mallory.notebook is None and "ended" in mallory.reason
    assert mallory.unread and not ann.unread


def test_who_stops_while_files_are_read_waits_for_no_answer(tmp_path, monkeypatch):
    """Nothing is read any more, and no program that reads is left, or started anew."""
    folder = write_class(tmp_path / "in", **{name: {} for name in "abcd"})
    start, started, waited = reading._Reader._start, [], []

    def starting(self):
        try:
            start(self)
        finally:
            started.append(self._process)

    main = threading.main_thread().ident

    def waits():
        frames = traceback.walk_stack(sys._current_frames()[main])
        return any(frame.f_code.co_name == "result" for frame, _ in frames)

    def never_answered(self, job, fds):
        while self._process.poll() is None and not waits():  # and begins no other thread
            time.sleep(0.01)
        signal.pthread_kill(main, signal.SIGUSR1)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
            waited.append("until it had ended")
        raise reading._Silent("what reads has ended")

    monkeypatch.setattr(reading._Reader, "_start", starting)
    monkeypatch.setattr(reading._Reader, "_asked", never_answered)
    before = signal.signal(signal.SIGUSR1, stopped)
    try:
        with pytest.raises(SystemExit):
            read(folder)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert waited and set(waited) == {"until it had ended"}
    assert started and all(process.poll() is not None for process in started)


@pytest.mark.parametrize("number, final", [(errno.EMFILE, False), (errno.ELOOP, True)])
def test_what_this_machine_lacks_is_no_student_s_fault(tmp_path, monkeypatch, number, final):
    really, folder = files.open_regular, write_class(tmp_path / "in", ann={}, bob={})

    def opened(path, depth):
        if path.name == "ann.ipynb":
            raise OSError(number, os.strerror(number))
        return really(path, depth)

    monkeypatch.setattr(files, "open_regular", opened)
    found, _ = read(folder)
    assert os.strerror(number) in found["ann"].reason
    assert found["ann"].unread != final and not found["bob"].reason


def stopped(number, _):
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def what_reads_now():
    """Return the process that reads a student's files, which waits for the request's end."""
    while True:
        with suppress(psutil.NoSuchProcess):
            for each in psutil.Process().children(recursive=True):
                line, above = each.cmdline(), each.parents()[:2]
                # The program, what watches over a student's reading, and what reads.
                if "autograder.intake.reader" in line and all(p.cmdline() == line for p in above):
                    return each
        time.sleep(0.01)


@pytest.mark.parametrize(("times", "reason"), [(1, ""), (2, "memory")])
def test_what_linux_ends_for_memory_is_read_again_alone(times, reason, tmp_path, monkeypatch):
    """What Linux ends need not be what took the memory."""
    folder = write_class(tmp_path / "in", ann={}, bob={})
    send, begun, ended = socket.send_fds, [], []

    def send_and_kill(connection, buffers, *fds):
        sent = send(connection, buffers, *fds)
        if b"ann.ipynb" in buffers[0]:
            begun.append(buffers[0])
            if len(ended) < times:
                ended.append(what_reads_now())
                ended[-1].kill()
        return sent

    monkeypatch.setattr(socket, "send_fds", send_and_kill)
    found, _ = collect(folder, TINY.name)
    ann, bob = reading.read(found, TINY.name, RELEASE)
    assert len(ended) == times and len(begun) == 2
    assert bool(ann.reason) == bool(reason) and reason in ann.reason
    assert (ann.notebook is None) == bool(reason)
    assert bob.notebook is not None and not bob.reason


def test_what_was_said_stands_though_not_all_was_heard():
    """Whoever closes a connection with bytes unread resets it, and says its last words before."""
    ours, theirs = socket.socketpair()
    with ours:
        ours.sendall(b"what is never read")
        theirs.sendall(b"what is said")
        theirs.close()
        assert reading._received(ours) == (b"what is said", False)


def test_a_file_that_vanishes_or_becomes_a_pipe(tmp_path):
    folder = write_class(tmp_path / "in", ann={}, bob={}, cem={})
    found, _ = collect(folder, TINY.name)
    (folder / "ann.ipynb").unlink()
    (folder / "bob.ipynb").unlink()
    os.mkfifo(folder / "bob.ipynb")
    ann, bob, cem = reading.read(found, TINY.name, RELEASE)
    assert "No such file" in ann.reason and "no regular file" in bob.reason and not cem.reason


def test_of_too_many_files_those_of_the_newest_attempt_are_read(tmp_path):
    for number in range(reading.MAX_FILES + 5):
        (tmp_path / f"Lab_ann_attempt_2026-11-05-10-00-00_{number}.ipynb").touch()
    (tmp_path / "Lab_ann_attempt_2026-11-06-10-00-00_x.py").touch()
    (ann,), _ = collect(tmp_path, TINY.name)
    with ExitStack() as stack:
        job, fds, _ = reading._job(ann, stack)
    read = [each["parts"][-1] for each in job["entries"] if each["fd"] is not None]
    assert len(read) == len(fds) == reading.MAX_FILES and "x.py" in read


@pytest.mark.parametrize("inside", ["", "deep/er"])
def test_a_folder_that_becomes_a_link_leads_to_nobody_elses_file(tmp_path, inside):
    """Students may write to their folders while these are read."""
    folder = tmp_path / "in"
    for name in ("ann", "bob"):
        (folder / name / inside).mkdir(parents=True)
        (folder / name / inside / "x.ipynb").write_text(answered(), "utf-8")
    found, _ = collect(folder, TINY.name)
    (folder / "bob").rename(tmp_path / "moved")
    (folder / "bob").symlink_to("ann")
    ann, bob = reading.read(found, TINY.name, RELEASE)
    assert "Not a directory" in bob.reason and bob.notebook is None and not ann.reason


def test_a_folder_that_becomes_a_link_while_folders_are_listed(tmp_path, monkeypatch):
    (tmp_path / "in" / "bob").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "name.ipynb").write_text("", "utf-8")
    look = files._found

    def look_and_swap(name, *more):
        entry = look(name, *more)
        if name == "bob":
            (tmp_path / "in" / "bob").rmdir()
            (tmp_path / "in" / "bob").symlink_to(tmp_path / "secret")
        return entry

    monkeypatch.setattr(files, "_found", look_and_swap)
    [bob], _ = collect(tmp_path / "in", TINY.name)
    assert [entry.refused for entry in bob.entries] == [
        "its folder cannot be read: Not a directory"
    ]


# --- what reads is the student's, and lies --------------------------------------------------------

KEYS = [
    "cells", "source", "cell_type", "metadata", "id", "outputs", "nbgrader", "grade_id", "input",
    "texts", "own", "demonstrated",
]  # fmt: skip
TEXTS = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(
    [
        "code", "markdown", "double", "def double(x):\n  return x", "```", "%time x", "\ud800",
        "length", "pythagoras", "start-2", "", "2026-01-01", "2026-01-01T00:00:00+00:00",
    ]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | TEXTS, inner, max_size=5)
    ),
    max_leaves=25,
)
FILE = Entry(("a.ipynb",), source=Path(__file__), handed_in=datetime(2026, 11, 1, tzinfo=UTC))
HONEST = {"answers": {}, "repairs": [], "handed_in": FILE.handed_in.isoformat()}


def told(answer, lms=""):
    """Return what is made of the reader's word on a student's files."""
    reader = SimpleNamespace(ask=lambda job, fds: json.loads(json.dumps(answer)))
    each = reading._one(Collected("ann", lms=lms, entries=(FILE,)), reader, RELEASE)
    is_gradable_or_refused(each)
    return each


@pytest.mark.parametrize(
    "answers",
    [
        {"texts": {"pythagoras": "pass"}},
        {"texts": {"start-2": "import math\nprint = exit"}},
        {"texts": {"double": "def double(x):\n    return 2 * x", "none": "x"}},
        {"texts": {"double": 3}},
        {"texts": ["double"]},
        {"own": {"none": ["x = 1"]}},
        {"own": {"double": [{"source": "x", "metadata": {"nbgrader": {"grade": True}}}]}},
        {"cells": [], "texts": {}},
        [],
        None,
    ],
    ids=str,
)
def test_answers_in_what_is_not_the_students_are_refused(answers):
    assert told(HONEST | {"answers": answers}).reason.startswith("it could not be read: ")


def test_answers_are_put_where_they_belong_and_a_notebook_is_not_taken():
    whole = told({"notebook": build.solution(TINY), "repairs": [], "handed_in": None})
    assert whole.notebook is None and whole.reason
    texts = {"double": "def double(x):\n    return '\ud800'", "start-1": "<script>"}
    notebook = told(HONEST | {"answers": {"texts": texts, "own": {"": ["x"]}}}).notebook
    sources = {cell.id: cell.source for cell in notebook.cells}
    assert next(iter(sources.items())) == ("extra-1", "x")
    assert sources["double"].endswith("return '\ufffd'")
    assert sources["start-1"] == "```\n<script>\n```"


@pytest.mark.parametrize(
    ("time", "lms", "taken"),
    [
        (HONEST["handed_in"], "moodle", True), ("2026-10-31T00:00:00+00:00", "moodle", False),
        (None, "moodle", False), (HONEST["handed_in"], "", True),
        ("2020-01-01T00:00:00+00:00", "", True), ("1999-01-01T00:00:00+00:00", "", False),
        ("2999-01-01T00:00:00+00:00", "", False), ("2020-01-01T00:00:00", "", False),
        ("yesterday", "", False), (None, "", False),
    ],
)  # fmt: skip
def test_when_it_was_handed_in_is_what_the_lms_says(time, lms, taken):
    each = told(HONEST | {"handed_in": time}, lms)
    assert (each.notebook is not None) == (each.handed_in is not None) == taken
    refused = told(HONEST | {"handed_in": time, "reason": "no notebook"}, lms)
    assert (refused.handed_in is not None) == taken


@settings(max_examples=300)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "answers": JSON
            | st.fixed_dictionaries(
                {},
                optional={
                    "texts": st.dictionaries(TEXTS, TEXTS | JSON, max_size=4) | JSON,
                    "own": st.dictionaries(TEXTS, st.lists(TEXTS) | JSON, max_size=4) | JSON,
                    "demonstrated": JSON,
                },
            ),
            "repairs": st.lists(TEXTS | JSON) | JSON, "notes": st.lists(TEXTS | JSON) | JSON,
            "graded": JSON, "reason": JSON,
            "handed_in": st.just(HONEST["handed_in"]) | TEXTS | JSON,
        },
    )
)  # fmt: skip
def test_whatever_it_says_is_graded_on_the_release_or_refused(answer):
    told(answer)
    told(HONEST | answer)


# --- notebooks ------------------------------------------------------------------------------------


def is_rebuilt_or_refused(content):
    try:
        rebuilt = rebuild(content, RELEASE)
    except Unreadable as error:
        assert str(error)
        return
    is_the_release(rebuilt.notebook)


@settings(max_examples=150)
@given(JSON)
def test_any_json_is_graded_or_refused(document):
    is_rebuilt_or_refused(json.dumps(document).encode())
    is_rebuilt_or_refused(json.dumps({"cells": [document, *json.loads(SOLVED)["cells"]]}).encode())


@pytest.mark.parametrize("seed", range(60))
def test_a_notebook_with_any_damage_is_graded_or_refused(seed):
    rng, content = random.Random(seed), bytearray(SOLVED)
    for _ in range(rng.choice([1, 3, 30])):
        at, length = rng.randrange(len(content)), rng.choice([1, 1, 10, 500])
        other = rng.choice(
            [b"", rng.randbytes(length), content[:length], b'"', b"\\", b"{[", b"\n"]
        )
        content[at : at + rng.choice([0, length])] = other
    is_rebuilt_or_refused(bytes(content))


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
    found, aside = collect(source, TINY.name)
    sources = [entry.source for each in found for entry in each.entries]
    hidden = [p for p in content if any(re.match(r"\.(?!\.?$)", part) for part in p)]
    assert len(sources) + len(aside) + len(hidden) >= len(content)
    assert len(sources) == len(set(sources))
    loose = [path for parts, path in content.items() if len(parts) == 1 and path.is_file()]
    assert {p for p in content.values() if p not in loose and p not in sources} <= {
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
            collect(path, TINY.name)
        except BadUsage as error:
            assert "\n" not in str(error)
