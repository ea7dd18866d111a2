"""Have students' files read, by a program with limits in a sandbox; see reader.py.

Nothing here unpacks or parses what is a student's. What comes back is bounded and cleaned, and the
answers among it are put on the release here. One student's files that crash what reads them, take
it over, or take too long, cost nobody else anything.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograder.intake import files
from autograder.intake.answers import Answers, Stored
from autograder.intake.collect import Collected
from autograder.intake.files import Entry
from autograder.sandbox import confine
from autograder.sandbox.inside import clean
from autograder.workers.lacking import OF_THE_WHOLE_DISK, SHORT, lacking

START_SECONDS = 180
# A student's whole time, with that of a process that does not even say that it was too long.
SECONDS = 180
MAX_ANSWER = 64 << 20  # of text that was read, of which there is less: see salvage.MAX_TEXT
# How many of a student's files are opened, and named: the likeliest come first.
MAX_FILES = 60
MAX_NAMES = 2000
MAX_NOTES = 50
MAX_JOBS = 8  # so many files are open at the same time


@dataclass(frozen=True)
class Read:
    """A student, and what was read of the files: the clean notebook, or the reason for none.

    `graded` names the file that counted, `notes` say what was chosen, and `repairs` what was
    changed to get the notebook. `unread` means that what reads gave no word of it, for which this
    machine may be at fault. The rest is as in `Collected`.
    """

    student: str
    name: str = ""
    lms: str = ""
    lms_id: str = ""
    notebook: NotebookNode | Stored | None = field(default=None, repr=False)
    reason: str = ""
    graded: str = ""
    handed_in: datetime | None = None
    notes: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    late: bool = False
    others: tuple[str, ...] = ()
    unread: bool = False

    @classmethod
    def of(cls, student: Collected, **more: Any) -> "Read":
        """Return what was read of a student's files."""
        known = student.student, student.name, student.lms, student.lms_id
        return cls(*known, late=student.late, others=student.others, **more)


class NoReader(RuntimeError):
    """The program that reads cannot be started here; the message says why."""


def read(
    found: Sequence[Collected],
    lab: str,
    release: NotebookNode,
    *,
    kind: str = "bwrap",
    jobs: int = 1,
    folder: Path | None = None,
) -> list[Read]:
    """Return each student's clean notebook, or the reason for none.

    Args:
        found: what `collect` returned.
        lab: the lab's name.
        release: the lab as students get it.
        kind: the sandbox.
        jobs: how many students' files are read at the same time.
        folder: where the notebooks are stored, if not in memory.

    Raises:
        NoReader: not a single one can be read here.
        OSError: the disk is full or read only.
    """
    numbers = count()

    def kept(each: Read) -> Read:
        if folder is None or not isinstance(each.notebook, NotebookNode):
            return each
        try:
            return replace(each, notebook=Stored(folder / str(next(numbers)), each.notebook))
        except Exception as error:
            if isinstance(error, OSError) and error.errno in OF_THE_WHOLE_DISK:
                raise
            reason = clean.line(f"it could not be kept: {type(error).__name__}: {error}", 500)
            return replace(each, notebook=None, reason=reason, unread=True)

    archives = {e.source[0] for each in found for e in each.entries if isinstance(e.source, tuple)}
    start = partial(_Reader, lab, release, kind, next(iter(archives), None))
    # Where the run is stopped, the reader ends first, and no thread waits for an answer.
    with ThreadPoolExecutor(min(jobs, MAX_JOBS)) as threads, start() as reader:

        def one(student: Collected) -> Read | None:
            read = _one(student, reader, release)
            return read and kept(read)

        first = list(threads.map(one, found))
    return [
        read or kept(_alone(student, start, release))
        for student, read in zip(found, first, strict=True)
    ]


def _one(student: Collected, reader: "_Reader", release: NotebookNode) -> Read | None:
    """Return what was read of a student's files; None if what read them gave no word.

    Raises:
        NoReader: it does not start again.
    """
    try:
        return _read(student, reader, release)
    except _Silent:
        return None


def _alone(student: Collected, start: Callable[[], "_Reader"], release: NotebookNode) -> Read:
    """Read files again, by a program of their own, while no others are read.

    The one that all share may have ended for what others handed in, and Linux may have ended what
    read these for the memory that others took.
    """
    try:
        with start() as reader:
            return _read(student, reader, release)
    except (_Silent, NoReader) as error:
        return Read.of(student, notes=tuple(student.notes), reason=str(error), unread=True)


def _read(student: Collected, reader: "_Reader", release: NotebookNode) -> Read:
    """Return what was read of a student's files.

    Raises:
        _Silent: what read them gave no word, or this machine lacked something.
        NoReader: what reads does not start again.
    """
    notes = list(student.notes)
    try:
        with ExitStack() as stack:
            job, fds, more = _job(student, stack)
            notes += more
            answer = reader.ask(job, fds)
        return _understood(student, notes, answer, release)
    except (_Silent, NoReader):
        raise
    except Exception as error:  # whatever one student's files can do, it is done to nobody else
        if (lacked := lacking(error)).startswith(SHORT):
            raise _Silent(clean.line(lacked, 500)) from None
        reason = clean.line(f"it could not be read: {type(error).__name__}: {error}", 500)
        return Read.of(student, notes=tuple(notes), reason=reason)


def _job(student: Collected, stack: ExitStack) -> tuple[dict[str, Any], list[int], list[str]]:
    """Return the request about a student's files, the files opened for it, and notes."""
    entries, notes = files.without_course(student.entries)
    wanted = [
        entry
        for entry in entries
        if not entry.refused
        and (entry.is_notebook or entry.is_archive or entry.name == "timestamp.txt")
    ]
    # A script is a second choice, and so is an attempt that is not the newest.
    wanted.sort(
        key=lambda entry: (
            not (student.wanted and student.wanted.startswith(entry.shown)),
            entry.older, entry.name.lower().endswith(".py"), len(entry.parts),
        )
    )  # fmt: skip
    opened = {id(entry) for entry in wanted[:MAX_FILES]}
    too_many = {id(entry) for entry in wanted[MAX_FILES:]}
    if len(entries) > MAX_NAMES:
        notes.append(f"{len(entries)} files were handed in: {MAX_NAMES} were looked at")
        entries = sorted(entries, key=lambda entry: id(entry) not in opened)[:MAX_NAMES]
    fds: list[int] = []
    described = []
    for entry in entries:
        if id(entry) in too_many:
            entry = replace(entry, refused=f"only {MAX_FILES} files of a student are read")
            described.append(_described(entry, False, fds, stack))
        else:
            described.append(_described(entry, id(entry) in opened, fds, stack))
    job = {"entries": described, "in_lms": bool(student.lms), "wanted": student.wanted}
    return job, fds, notes


def _described(entry: Entry, opened: bool, fds: list[int], stack: ExitStack) -> dict[str, Any]:
    refused, fd, member = entry.refused, None, None
    if opened and isinstance(entry.source, tuple):
        member = entry.source[1]
    elif opened:
        try:
            fds.append(files.open_regular(entry.source, entry.depth))
            stack.callback(os.close, fds[-1])
            fd = len(fds) - 1
        except OSError as error:
            if lacking(error).startswith(SHORT):
                raise
            refused = f"it cannot be read: {error.strerror or error}"
    return {
        "parts": [part[:1000] for part in entry.parts[:50]],
        "modified": entry.modified and entry.modified.isoformat(),
        "handed_in": entry.handed_in and entry.handed_in.isoformat(),
        "refused": refused,
        "older": entry.older,
        "fd": fd,
        "member": member,
    }


def _understood(
    student: Collected, notes: list[str], answer: dict[str, Any], release: NotebookNode
) -> Read:
    """Return what the reader found of a student's files, cleaned, on the release."""
    said = [*notes, *answer.get("notes", ())]
    reason = clean.line(str(answer.get("reason", "")), 2000)
    handed_in = answer.get("handed_in")
    read = partial(
        Read.of,
        student,
        notes=tuple(clean.line(str(note), 2000) for note in said[:MAX_NOTES]),
        graded=clean.line(str(answer.get("graded", "")), 200),
        handed_in=None if reason and handed_in is None else _time(student, handed_in),
    )
    if reason or "answers" not in answer:
        return read(reason=reason or "nothing could be read of it")
    repairs = dict.fromkeys(clean.line(str(each), 300) for each in answer["repairs"][:1000])
    shown, more = list(repairs)[:MAX_NOTES], len(repairs) - MAX_NOTES
    return read(
        notebook=Answers(**answer["answers"]).on(release),
        repairs=(*shown, f"and {more} repairs more") if more > 0 else tuple(shown),
    )


def _time(student: Collected, said: str | None) -> datetime | None:
    """Return when the file that counts was handed in.

    Raises:
        ValueError, TypeError: no file was, as far as an LMS or the file system knows; and there is
            an LMS, or nbgrader's `timestamp.txt` cannot say so either.
    """
    time = None if said is None else datetime.fromisoformat(said)
    seen = time in {entry.handed_in for entry in student.entries}
    if not (seen or (time and not student.lms and files.EARLIEST <= time <= datetime.now(UTC))):
        raise ValueError(f"none of its files was handed in at {said}")
    return time


class _Reader:
    """The program, started anew if it ever ends."""

    def __init__(self, lab: str, release: NotebookNode, kind: str, archive: Path | None) -> None:
        self._kind, self._archive = kind, archive
        self._uid = 1_000_000_000 + secrets.randbelow(1_000_000_000) if os.geteuid() == 0 else 0
        job = {"lab": lab, "release": release, "jailed": kind != confine.NONE, "uid": self._uid}
        self._hello = json.dumps(job).encode() + b"\n"
        self._lock = threading.Lock()
        self._process: subprocess.Popen  # these two come with _start
        self._control: socket.socket
        self._generation, self._closed = 0, False

    def __enter__(self) -> "_Reader":
        self._start()
        return self

    def __exit__(self, *_: Any) -> None:
        # Without the lock: a thread may hold it that waits for the program's start.
        self._closed = True
        self._end()

    def ask(self, job: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Return what the program says about one student's files.

        Raises:
            _Silent: it said nothing, and is started anew; or Linux ended the process that read.
            NoReader: it does not start.
        """
        with self._lock:
            generation = self._generation
        try:
            answer = self._asked(job, fds)
        except _Silent:
            with self._lock:
                if generation == self._generation:
                    self._end()
                    self._start()
            raise
        if "killed" in answer:
            raise _Silent(clean.line(str(answer["killed"]), 500))
        return answer

    def _asked(self, job: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, self._lock:
                try:
                    socket.send_fds(self._control, [b"."], [theirs.fileno()])
                except OSError:
                    raise _Silent("what reads has ended") from None
            text = json.dumps(job).encode()
            try:
                ours.settimeout(SECONDS)
                with suppress(ConnectionError):  # what reads has ended, and may have said why
                    sent = socket.send_fds(ours, [text], fds)
                    ours.sendall(text[sent:])
                    ours.shutdown(socket.SHUT_WR)
                answer, whole = _received(ours)
            except OSError:
                raise _Silent("what reads has ended") from None
        _, said, problem = answer.rpartition(b"\0")
        try:
            result = json.loads(problem if said else answer)
        except ValueError:
            if whole:
                raise
            raise _Silent("what reads has ended") from None
        if not isinstance(result, dict):
            raise ValueError("no answer")
        return result

    def _start(self) -> None:
        self._generation += 1
        self._control, theirs = socket.socketpair()
        with ExitStack() as stack:
            stack.enter_context(theirs)
            fds = [theirs.fileno()]
            if self._archive is not None:
                fds.append(stack.enter_context(self._archive.open("rb")).fileno())
            line, environment = [], os.environ | {"PYTHONPATH": str(confine.ROOT)}
            if self._kind != confine.NONE:
                line = confine.command()
                environment = confine.environment()
            said = stack.enter_context(open(os.memfd_create("said"), "w+b"))
            self._process = subprocess.Popen(
                [*line, sys.executable, "-m", "autograder.intake.reader", *map(str, fds)],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment,
                pass_fds=fds, start_new_session=True,
            )  # fmt: skip
            theirs.close()
            if self._closed:
                self._end()
                raise NoReader("what reads submissions is needed no more")
            self._control.settimeout(START_SECONDS)
            try:
                self._control.sendall(self._hello)
                ready = self._control.recv(1)
            except OSError:
                ready = b""
            if not ready:
                self._end()
                said.seek(0)
                words = said.read().decode("utf-8", "replace").strip().splitlines() or ["no word"]
                raise NoReader(f"what reads submissions does not start here: {words[-1]}")

    def _end(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()


class _Silent(Exception):
    """There was no answer; the message says why."""


def _received(connection: socket.socket) -> tuple[bytes, bool]:
    """Return what was said, and whether the connection was closed at its end, and not reset."""
    parts, size, whole = [], 0, True
    deadline = time.monotonic() + SECONDS
    while True:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            part = connection.recv(1 << 20)
        except ConnectionError:
            part, whole = b"", False
        if not part:
            break
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER:
            raise ValueError("what is left of it is too large to grade")
    if not parts:
        raise _Silent("what read it ended without a word")
    return b"".join(parts), whole
