"""Read students' files: the program that runs in a sandbox, and forks a process for each student.

    python -m autograder.intake.reader CONTROL [ARCHIVE]

CONTROL is the number of a socket. Its first message is the release as JSON; each following one
brings the socket of a request, on which a student's entries and files come in, and goes out one
JSON object: what `_read` returns. ARCHIVE is the class's archive, if there is one. Started by
`reading`, which this process never outlives.
"""

import ctypes
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.intake import choose, files, rebuild
from autograder.intake.cells import is_solution
from autograder.intake.files import BadUsage, Entry
from autograder.sandbox.inside import clean, jail

MEMORY = 2 << 30
CPU_SECONDS = 60
SECONDS = 150  # on a loaded machine
TOO_LONG = f"reading it took more than {CPU_SECONDS} s"
TOO_MUCH = f"reading it needs more than {MEMORY / 2**30:g} GB of memory"


@dataclass(frozen=True)
class _Lab:
    release: NotebookNode
    name: str
    blanks: dict[str, str]


def main() -> None:
    """Serve until the control socket is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    archive = files.opened(files.ArchiveFile(int(sys.argv[2]))) if len(sys.argv) > 2 else None
    with control.makefile("rb") as lines:
        job = json.loads(lines.readline())
    release = nbformat.from_dict(job["release"])
    blanks = {cell.id: cell.source for cell in release.cells if is_solution(cell)}
    lab = _Lab(release, job["lab"], blanks)
    if job["jailed"]:
        _confine(job["uid"])
    _warm_up(lab)
    gc.collect()
    gc.freeze()  # so that collecting garbage in a child does not copy every page
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    control.sendall(b".")
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            with _only_here():
                control.close()
                _watch(socket.socket(fileno=fds[0]), lab, archive)
        for fd in fds:
            os.close(fd)


def _confine(uid: int) -> None:
    """Give up what the sandbox was started with."""
    jail.confine(jail.Limits(), uid)


def _warm_up(lab: _Lab) -> None:
    """Have everything imported and compiled that a child will need."""
    rebuild.rebuild(nbformat.writes(lab.release).encode(), lab.release)
    with suppress(rebuild.Unreadable):
        rebuild.rebuild(b"# %%\ndef f():\n    %time x = 1\n", lab.release)


class _only_here:
    """A block of a forked process, which must never return to the loop that forked it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        os._exit(1 if kind else 0)


# --- one student ----------------------------------------------------------------------------------


def _watch(connection: socket.socket, lab: _Lab, archive: zipfile.ZipFile | None) -> None:
    """Have one student's files read by a child; say why, if it could not end."""
    _die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ended, alive = os.pipe()
    child = os.fork()
    if child == 0:
        with _only_here():
            _die_with_parent()
            _limit()
            _answer(connection, lab, archive)
    os.close(alive)
    in_time = bool(select.select([ended], [], [], SECONDS)[0])
    if not in_time:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0:
        said = {"reason": f"what read it crashed ({_signal(status)})"}
        if not in_time:
            said = {"reason": f"reading it took more than {SECONDS} s"}
        elif status == -signal.SIGXCPU:
            said = {"reason": TOO_LONG}
        elif status == -signal.SIGKILL:  # perhaps for what others took
            said = {"killed": "the system ended what read it, as it does when memory runs out"}
        # JSON has no such byte: what a child had begun to say does not count.
        connection.sendall(b"\0" + json.dumps(said).encode())


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG of <linux/prctl.h>


def _signal(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def _limit() -> None:
    here = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    for what, most in (
        (resource.RLIMIT_AS, here + MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_CORE, jail.NO_CORE),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    # What parsers write must reach neither the answer nor the grader's terminal.
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)


def _answer(connection: socket.socket, lab: _Lab, archive: zipfile.ZipFile | None) -> None:
    message, fds = b"", []
    while True:
        more, some, _, _ = socket.recv_fds(connection, 1 << 16, 250)
        message += more
        fds += some
        if not more:
            break
    try:
        answer = _read(json.loads(message), fds, lab, archive)
    except MemoryError:
        answer = {"reason": TOO_MUCH}
    except RecursionError:
        answer = {"reason": "it is nested too deeply"}
    except Exception as error:
        answer = {"reason": clean.line(f"it cannot be read: {type(error).__name__}: {error}")}
    connection.sendall(json.dumps(answer).encode())


def _read(
    job: dict[str, Any], fds: list[int], lab: _Lab, archive: zipfile.ZipFile | None
) -> dict[str, Any]:
    entries = [e for each in job["entries"] for e in unpacked(_entry(each, fds, archive))]
    choice = choose.choose(entries, lab.name, lab.blanks, job["in_lms"], job["wanted"])
    answer: dict[str, Any] = {"reason": choice.reason, "notes": choice.notes}
    if choice.entry is None:
        return answer
    answer["graded"] = choice.entry.shown
    answer["handed_in"] = choice.handed_in and choice.handed_in.isoformat()
    try:
        rebuilt = rebuild.rebuild(choice.entry.source.content(), lab.release)
    except rebuild.Unreadable as error:
        return answer | {"reason": str(error)}
    except OSError as error:
        return answer | {"reason": f"`{choice.entry.shown}` cannot be read: {error}"}
    missing = [f"exercise `{name}` is missing" for name in rebuilt.missing]
    return answer | {
        "answers": asdict(rebuilt.answers),
        "repairs": [*missing, *rebuilt.repairs],
    }


def _entry(given: dict[str, Any], fds: list[int], archive: zipfile.ZipFile | None) -> Entry:
    def time(name: str) -> datetime | None:
        return given[name] and datetime.fromisoformat(given[name])

    source = None
    if given["fd"] is not None:
        fd = fds[given["fd"]]
        source = Source(partial(_whole, fd), partial(_opened, fd))
    elif given["member"] is not None:
        assert archive is not None
        member = archive.infolist()[given["member"]]
        packed = unpacking(archive, member)
        source = Source(packed.content, partial(_opened_in, packed))
    return Entry(
        tuple(given["parts"]), source=source, refused=given["refused"],
        older=given["older"],
        modified=time("modified"), handed_in=time("handed_in"),
    )  # fmt: skip


# --- what is in a file, or in an archive of a student's -------------------------------------------


@dataclass(frozen=True)
class Source:
    """An entry's content, and what it is as an archive; both raise OSError with the reason."""

    content: Callable[[], bytes]
    archive: Callable[[], zipfile.ZipFile]


def unpacked(entry: Entry) -> Iterator[Entry]:
    """Give what is in a student's own archive in place of the archive.

    Nothing in it says when it was handed in.
    """
    if not entry.is_archive or entry.refused:
        yield entry
        return
    try:
        archive = entry.source.archive()
    except BadUsage:
        yield replace(entry, refused="it is no zip archive")
        return
    except OSError as error:
        yield replace(entry, refused=f"it cannot be unpacked: {error}")
        return
    inside = files.members(archive, lambda member: unpacking(archive, member), entry.parts)
    if not inside:
        yield replace(entry, refused="it is an empty archive")
    for each in files.bounded(inside):
        yield replace(each, handed_in=entry.handed_in, older=entry.older, packed=True)


def unpacking(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Source:
    """Return the content of an archive's member, unpacked when it is asked for."""

    def content() -> bytes:
        try:
            with archive.open(member) as packed:
                return packed.read(files.MAX_FILE)
        except MemoryError:  # which is given back: other files can be read
            raise OSError(TOO_MUCH) from None
        except Exception as error:  # zipfile raises what its decompressors do, too
            raise OSError(str(error) or type(error).__name__) from None

    def nested() -> zipfile.ZipFile:
        raise OSError("an archive in an archive is not opened")

    return Source(content, nested)


def _whole(fd: int) -> bytes:
    with open(fd, "rb", closefd=False) as file:
        file.seek(0)
        content = file.read(files.MAX_FILE + 1)  # it may have grown since
    if len(content) > files.MAX_FILE:
        raise OSError(files.too_big(len(content)))
    return content


def _opened(fd: int) -> zipfile.ZipFile:
    return files.opened(files.ArchiveFile(fd))


def _opened_in(packed: Source) -> zipfile.ZipFile:
    """Open a student's archive that is a member of the class's."""
    return files.opened(files.ArchiveFile(packed.content()))


if __name__ == "__main__":
    main()
