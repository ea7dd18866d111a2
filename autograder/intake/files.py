"""The files that were handed in: their names, and archives of them."""

import io
import os
import re
import stat
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from autograder.intake import names
from autograder.sandbox.inside import clean

# A notebook with hundreds of MB of output is a mistake that happens; one of more than this is not.
MAX_FILE = 2**30
MAX_OF_ONE = 20_000  # files of one student's
MAX_DEPTH = 50  # of folders in folders
MAX_AROUND = 5  # of folders around a class
FIRST = 1000  # files in a folder, which tell whether a student's notebook is there
# Nothing was handed in before; a time that somebody wrote may be any.
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
# What operating systems, editors and Jupyter leave behind.
LITTER = re.compile(r"\.(?!\.?$).*|__MACOSX|__pycache__|Thumbs\.db|desktop\.ini", re.I | re.DOTALL)
# What of it is named all the same: somebody may have put it there.
_ANSWERS = (*(ending for ending in names.NOTEBOOKS if ending != ".py"), ".zip")
ELSEWHERE = "its name in the archive leads elsewhere"
HIDDEN = "it is in a hidden folder, or one that a program made: not looked at"
# A folder with the first and any of the second is a clone of this course; all these of its folders
# are the course's.
_SOLUTIONS = "solutions"
_BESIDE = {"labs", "labkit", "autograder"}
COURSES_OWN = {_SOLUTIONS, "labkit", "autograder", "tests", "benchmarks", "build", "grades"}


class BadUsage(ValueError):
    """There is nothing to grade; the message says why."""


@dataclass(frozen=True)
class Entry:
    """A file: its path below whatever is its owner's, and why it cannot be used, if so.

    `source` is what its content is read from. `modified` orders versions;
    `handed_in` is the time that an LMS or a file system saw. `packed` means that it is from a
    student's own archive; `older`, how many newer attempts there are. `path` is where it was in
    what was collected, below the `above` folders that were around the class. A folder, which is its
    owner's even if nothing is in it, has "" as its last name.
    """

    parts: tuple[str, ...]
    modified: datetime | None = None
    source: Any = None
    refused: str = ""
    handed_in: datetime | None = None
    packed: bool = False
    older: int = 0
    path: str = ""
    above: int = 0

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def is_archive(self) -> bool:
        return self.name.lower().endswith(".zip")

    @property
    def is_notebook(self) -> bool:
        return names.is_notebook(self.name)

    @property
    def depth(self) -> int:
        """How many names of its source's path stand below what was collected."""
        return self.above + self.path.count("/") + 1

    @property
    def shown(self) -> str:
        """The path, as one clean line."""
        return shown("/".join(self.parts))


def shown(name: str) -> str:
    """Return the name of a file as one clean line."""
    # Of many marks on one letter this takes the square of their number.
    return clean.line(unicodedata.normalize("NFC", name[:1000]), 200)


def is_litter(parts: Iterable[str]) -> bool:
    """Whether a file is nothing that anyone handed in; a hidden notebook may be."""
    *folders, name = parts
    hidden = name.lower().endswith((*names.NOTEBOOKS, ".zip")) and not name.startswith("._")
    return _hidden(folders) or (not hidden and bool(LITTER.fullmatch(name)))


def _hidden(folders: Iterable[str]) -> bool:
    return any(map(LITTER.fullmatch, folders))


def passed_over(parts: Sequence[str]) -> bool:
    """Whether a file is litter, and not to be named."""
    name = parts[-1].lower()
    return is_litter(parts) and (not name.endswith(_ANSWERS) or name.startswith("._"))


def clones(paths: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Return the folders, `()` being that of all, that are clones of this course."""
    folders: dict[tuple[str, ...], set[str]] = {}
    for parts in paths:
        for depth in range(min(len(parts) - 1, 20)):
            folders.setdefault(parts[:depth], set()).add(parts[depth].lower())
    return {path for path, names in folders.items() if _SOLUTIONS in names and names & _BESIDE}


def without_course(entries: Iterable[Entry]) -> tuple[list[Entry], list[str]]:
    """Leave out what belongs to the course, where it was cloned; return the rest, and a note."""
    entries = list(entries)
    roots = clones(entry.parts for entry in entries)
    left = [entry for entry in entries if courses_own(entry.parts, roots) is None]
    found = (courses_own(entry.parts, roots) for entry in entries)
    own = {folder for folder in found if folder is not None}
    if not own:
        return left, []
    named = ", ".join(f"`{shown('/'.join(folder))}/`" for folder in sorted(own)[:20])
    return left, [f"a clone of the course: what is in {named} is no submission"]


def courses_own(parts: tuple[str, ...], roots: set[tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return the folder of the course, in one of those clones, that a file is in, if any."""
    for depth in range(min(len(parts) - 1, 20)):
        if parts[:depth] in roots and parts[depth].lower() in COURSES_OWN:
            return parts[: depth + 1]
    return None


def is_solution(parts: tuple[str, ...]) -> bool:
    """Whether a file stands in a folder that is called as the course's solutions are."""
    return any(part.lower() == _SOLUTIONS for part in parts[:-1])


def in_common(parts: Iterable[str], others: Iterable[str]) -> int:
    """Return how many of their first names two paths have in common."""
    pairs = zip(parts, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def too_many() -> str:
    return f"more than {MAX_OF_ONE} files: those from here on are not read"


def too_big(size: int) -> str:
    return f"it is {size / 2**30:.1f} GiB, and more than {MAX_FILE / 2**30:g} GiB is not read"


# --- folders --------------------------------------------------------------------------------------


@contextmanager
def folder_below(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """Open a folder that stands below another, and yield its descriptor.

    Students may write there while it is read, and put a link in a folder's place: none is followed,
    on no part of the way.

    Raises:
        OSError: there is no such folder, or a link leads there.
    """
    with ExitStack() as stack:
        here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, here)
        for part in parts:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            here = os.open(part, flags, dir_fd=here)
            stack.callback(os.close, here)
        yield here


def open_regular(path: Path, depth: int) -> int:
    """Open a regular file for reading, as a descriptor; no link is followed in its last names.

    Args:
        path: where it is.
        depth: how many of the path's names stand below the folder that was handed in.

    Raises:
        OSError: there is none, or it is something else by now: opening a FIFO would wait.
    """
    *folders, name = path.parts[-depth:]
    with folder_below(path.parents[depth - 1], folders) as here:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(name, flags, dir_fd=here)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError("it is no regular file any more")
    return fd


def walked(
    folder: Path, around: tuple[str, ...] = (), start: tuple[str, ...] = ()
) -> Iterator[Entry]:
    """Walk a folder; give what somebody may have handed in, and the folders in it.

    `around` are the folders around the class, the folder's own name not among them; `start` is what
    folder to begin in.
    """
    for entry in _walked(folder, around, start):
        hidden = _hidden(entry.parts[:-1])
        if not passed_over(entry.parts) or (entry.refused and not hidden):
            yield replace(entry, refused=entry.refused or HIDDEN) if hidden else entry


def _walked(folder: Path, around: tuple[str, ...], start: tuple[str, ...]) -> Iterator[Entry]:
    """Walk a folder without following links."""
    left = [start]
    seen: Counter[tuple[tuple[str, ...], bool]] = Counter()

    def whose(parts: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
        # What is hidden takes nothing of how much one's other files may be.
        return parts[: in_common(parts, around) + 1], _hidden(parts)

    while left:
        above = left.pop()
        own = whose(above)
        nobodys = above == around[: len(above)]
        try:
            with folder_below(folder, above) as here:
                listed = sorted(os.listdir(here), reverse=True)
                seen[own] += len(listed)
                full = not nobodys and seen[own] > MAX_OF_ONE
                listed = [] if full else listed
                found = {name: _found(name, here, folder, (*above, name)) for name in listed}
        except OSError as error:
            if not above:
                raise BadUsage(f"{shown(str(folder))} cannot be read: {error.strerror}") from None
            yield Entry((*above, "…"), refused=f"its folder cannot be read: {error.strerror}")
            continue
        if full:
            left = [parts for parts in left if whose(parts) != own]
            yield Entry((*above, "…"), refused=too_many())
            continue
        for name, entry in found.items():
            parts = (*above, name)
            if entry is None and len(parts) > MAX_DEPTH:
                reason = f"more than {MAX_DEPTH} folders in one another: it is not read"
                yield Entry((*parts, "…"), refused=reason)
            elif entry is None:
                left.append(parts)
                if nobodys:
                    yield Entry((*parts, ""))
            else:
                yield entry


def beginning(
    folder: Path, above: tuple[str, ...]
) -> tuple[list[Entry], dict[str, Iterable[Entry]]]:
    """Return a folder's regular files, and its folders with what is found first in each."""
    loose: list[Entry] = []
    inside: dict[str, Iterable[Entry]] = {}
    # An error is said when it is walked.
    with suppress(OSError), folder_below(folder, above) as here, os.scandir(here) as listed:
        for each in listed:
            parts = (*above, each.name)
            if each.is_dir(follow_symlinks=False):
                inside[each.name] = islice(walked(folder, start=parts), FIRST)
            elif each.is_file(follow_symlinks=False):
                loose.append(Entry(parts))
    return loose, inside


def _found(name: str, here: int, folder: Path, parts: tuple[str, ...]) -> Entry | None:
    """Return the entry of what is there, or None for a folder."""
    try:
        status = os.stat(name, dir_fd=here, follow_symlinks=False)
    except OSError as error:  # it has gone, or may not be looked at
        return Entry(parts, refused=f"it cannot be read: {error.strerror}")
    if stat.S_ISDIR(status.st_mode):
        return None
    if stat.S_ISLNK(status.st_mode):
        return Entry(parts, refused="it is a symbolic link: links are not followed")
    if not stat.S_ISREG(status.st_mode):
        return Entry(parts, refused="it is no regular file")
    if status.st_size > MAX_FILE:
        return Entry(parts, refused=too_big(status.st_size))
    time = _local(status.st_mtime)
    return Entry(parts, time, folder.joinpath(*parts), handed_in=time)


def _local(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


# --- archives -------------------------------------------------------------------------------------


def members(
    archive: zipfile.ZipFile, source: Callable[[zipfile.ZipInfo], Any], above: tuple[str, ...] = ()
) -> list[Entry]:
    """Return the files of an archive that somebody may have handed in, below the path `above`."""
    entries = []
    for member in archive.infolist():
        name, parts = _name(member)
        if not parts or name.endswith(("/", "\\")) or passed_over(parts):
            continue
        problem = _problem(member, name, parts)
        if problem and ".." in parts:
            parts = (*parts[: parts.index("..")], parts[-1])
        elif is_litter(parts):
            problem = HIDDEN
        time = _time(member)
        entries.append(Entry((*above, *parts), time, source(member), problem, time))
    return entries


def folders(archive: zipfile.ZipFile) -> list[Entry]:
    """Return the folders of an archive, each as one of the last in it that may be a student's."""
    found: dict[tuple[str, ...], None] = {}
    for member in archive.infolist():
        name, parts = _name(member)
        above = parts if name.endswith(("/", "\\")) else parts[:-1]
        named = tuple(takewhile(lambda part: not LITTER.fullmatch(part), above))[: MAX_AROUND + 1]
        if named and not _problem(member, name, parts):
            found[*named, ""] = None
    return [Entry(parts) for parts in found]


def bounded(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Leave out what is too much of one owner's, by the first of its names, and say so there."""
    seen: Counter[str] = Counter()
    for entry in entries:
        owner = entry.parts[0]
        seen[owner] += bool(entry.name)
        if seen[owner] <= MAX_OF_ONE or not entry.name:
            yield entry
        elif seen[owner] == MAX_OF_ONE + 1:
            yield Entry((owner, "…"), refused=too_many())


def opened(file: io.RawIOBase) -> zipfile.ZipFile:
    """Open an archive whose members may have any name.

    Raises:
        BadUsage: it is none.
    """
    try:
        return zipfile.ZipFile(file)
    except Exception as error:  # zipfile raises what its parsers do, too
        raise BadUsage(clean.line(f"no zip archive: {error}")) from None


class ArchiveFile(io.RawIOBase):
    """A file, or its content, to open with zipfile, which would refuse all for one member's name.

    The mark that says that names are UTF-8 is taken away, and `_name` decodes what there is.
    Positions are this object's own, so that it can be read on in several processes.
    """

    def __init__(self, file: int | bytes) -> None:
        self._file, self._at = file, 0
        self._size = len(file) if isinstance(file, bytes) else os.fstat(file).st_size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._size - self._at)
        size = left if size is None or size < 0 else min(size, left)
        if isinstance(self._file, bytes):
            data = self._file[self._at : self._at + size]
        else:
            data = _content(self._file, size, self._at)
        self._at += len(data)
        return _without_marks(data) if data[:4] in (b"PK\1\2", b"PK\3\4") else data


@contextmanager
def beginnings() -> Iterator[Callable[[Entry, int], bytes]]:
    """Yield what reads the beginning of a file of an LMS's own; nothing, if it cannot be read."""
    with ExitStack() as stack:

        @cache  # an archive's directory may be long, and its texts many
        def of(archive: Path) -> zipfile.ZipFile:
            return opened(ArchiveFile(stack.enter_context(archive.open("rb")).fileno()))

        def content(entry: Entry, most: int) -> bytes:
            try:
                if not isinstance(entry.source, tuple):
                    with open(open_regular(entry.source, entry.depth), "rb") as file:
                        return file.read(most)
                archive = of(entry.source[0])
                with archive.open(archive.infolist()[entry.source[1]]) as member:
                    return member.read(most)
            except Exception:  # zipfile raises what its decompressors do, too
                return b""

        yield content


def _content(fd: int, most: int, at: int = 0) -> bytes:
    """Return so many bytes of a file, or as many as there are."""
    parts, left = [], most
    while left and (part := os.pread(fd, min(left, 1 << 24), at)):
        parts.append(part)
        at += len(part)
        left -= len(part)
    return b"".join(parts)


def _without_marks(directory: bytes) -> bytes:
    """Clear bit 11 of the flags of each record of an archive's directory, or of a file's header."""
    data, at = bytearray(directory), 0
    if len(data) == 30 and data[:4] == b"PK\3\4":
        data[7] &= ~0x08
    while data[at : at + 4] == b"PK\1\2" and at + 46 <= len(data):
        data[at + 9] &= ~0x08
        at += 46 + sum(data[at + i] | data[at + i + 1] << 8 for i in (28, 30, 32))
    return bytes(data)


def _name(member: zipfile.ZipInfo) -> tuple[str, tuple[str, ...]]:
    """Return a member's name, and its parts.

    It is UTF-8, whether the archive says so or not, or what DOS wrote.
    """
    name = member.orig_filename
    with suppress(UnicodeError):
        name = name.encode("cp437").decode("utf-8")
    return name, tuple(part for part in re.split(r"[/\\]", name) if part not in ("", "."))


def _time(member: zipfile.ZipInfo) -> datetime | None:
    if member.date_time[0] <= 1980:  # no date was given
        return None
    try:
        return datetime(*member.date_time).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _problem(member: zipfile.ZipInfo, name: str, parts: tuple[str, ...]) -> str:
    if ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return f"{ELSEWHERE} ({shown(name)}): refused"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "it is a symbolic link: links are not followed"
    if member.flag_bits & 0x1:
        return "it is encrypted"
    if member.file_size > MAX_FILE:
        return too_big(member.file_size)
    return ""
