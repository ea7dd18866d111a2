"""Find out who handed in what: a folder, or an LMS's zip archive. No file of a student's is opened.

Understood are nbgrader's `<student>/<lab>/<lab>.ipynb`, `<student>/<any name>.ipynb`,
`<student>.ipynb`, files as Colab and browsers name them ("Copy of 01_dp_sgd.ipynb", "01_dp_sgd
(1).ipynb", "01_dp_sgd.ipynb.txt"), and the names that Canvas and Moodle give. Nobody is left out or
merged with another: each file is one student's, or set aside with the reason.
"""

import hashlib
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from autograder.intake import files
from autograder.intake.files import COPY, NOBODY, BadUsage, Entry, shown, stem
from autograder.sandbox.inside import clean

__all__ = ["Aside", "BadUsage", "Collected", "collect"]

MAX_MEMBERS = 100_000
MAX_OF_ONE = 20_000  # files and folders in one student's folder

# An LMS writes the student's name and number before what the student chose: the first match is its.
# Canvas keeps underscores out of names; Moodle does not.
CANVAS = re.compile(
    r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<lms_id>[0-9]+)_[0-9]+_(?P<file>.+)", re.DOTALL
)
MOODLE = re.compile(
    r"(?P<name>.+?)_(?P<lms_id>[0-9]+)_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.DOTALL
)
MOODLE_AGAIN = re.compile(r"_[0-9]+_assignsubmission_[a-z]+")


@dataclass(frozen=True)
class Collected:
    """A student, and what is known of the submission.

    `student` is the key: unique, safe as the name of a file, and the same whoever else is there; in
    an LMS it is the number that the LMS knows the student by, and no name. `name` is what people
    call the student, a clean line. `lms` is "canvas", "moodle" or "", `lms_id` the number there.

    `entries` are the files as they were handed in, and `notes` say what was made of their names.
    """

    student: str
    name: str = ""
    lms: str = ""
    lms_id: str = ""
    notes: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Aside:
    """A file that belongs to nobody's submission, and why; both are one clean line."""

    file: str
    reason: str


@dataclass
class _HandedIn:
    """Everything that one name handed in."""

    name: str
    lms: str = ""
    lms_id: str = ""
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def collect(
    source: Path, lab: str, others: Collection[str] = ()
) -> tuple[list[Collected], list[Aside]]:
    """Return the students in a folder or a zip archive, by name, and what was left aside.

    Args:
        source: the folder or the archive.
        lab: the lab's name.
        others: names of other labs: their folders, in nbgrader's layout, are not looked into.

    Raises:
        BadUsage: there is no such folder or archive, or it holds no submission.
    """
    if source.is_dir():
        entries = list(_of_folder(source))
    elif source.is_file():
        entries = _without_wrapper(_of_archive(source), source.stem, lab)
    else:
        raise BadUsage(f"no such folder or archive: {shown(str(source))}")
    entries, aside = _without_the_courses_own(entries)
    students, nobodys = _by_student(entries, lab)
    if source.is_dir() and not aside:
        for folder in sorted(os.listdir(source)):
            path = source / folder
            if path.is_dir() and not path.is_symlink() and not files.LITTER.fullmatch(folder):
                _student(students, folder)
    if not students:
        raise BadUsage(
            f"no submissions in {shown(str(source))}: it needs <student>.ipynb, <student>/…, or "
            "the files of an LMS's archive"
        )
    keys = _keys(students)
    found = [
        Collected(
            keys[each],
            notes=tuple(dict.fromkeys(student.notes)),
            lms=student.lms,
            lms_id=student.lms_id,
            name=clean.line(unicodedata.normalize("NFC", student.name), 120).strip() or keys[each],
            entries=tuple(e for e in student.entries if e.parts[0] not in set(others) - {lab}),
        )
        for each, student in students.items()
    ]
    return sorted(found, key=lambda each: (each.name, each.student)), [*aside, *nobodys]


# --- the files ------------------------------------------------------------------------------------


def _of_folder(folder: Path) -> Iterator[Entry]:
    """Walk a folder, however deep it is, without following links."""
    left: list[tuple[str, ...]] = [()]
    seen: Counter[str] = Counter()
    while left:
        above = left.pop()
        try:
            names = sorted(os.listdir(folder.joinpath(*above)), reverse=True)
        except OSError as error:
            if not above:
                raise BadUsage(f"{shown(str(folder))} cannot be read: {error.strerror}") from None
            yield Entry((*above, "…"), refused=f"its folder cannot be read: {error.strerror}")
            continue
        seen[above[0] if above else ""] += len(names)
        if above and seen[above[0]] > MAX_OF_ONE:
            left = [parts for parts in left if parts[0] != above[0]]
            reason = f"more than {MAX_OF_ONE} files and folders: those from here on are not read"
            yield Entry((*above, "…"), refused=reason)
            continue
        for name in names:
            parts = (*above, name)
            entry = _file(folder.joinpath(*parts), parts)
            if entry is None:
                left += [] if files.LITTER.fullmatch(name) else [parts]
            elif entry.refused or not files.is_litter(parts):
                yield entry


def _file(path: Path, parts: tuple[str, ...]) -> Entry | None:
    """Return the entry of what is there, or None for a folder."""
    try:
        status = path.lstat()
    except OSError as error:  # it has gone, or may not be looked at
        return Entry(parts, refused=f"it cannot be read: {error.strerror}")
    if stat.S_ISDIR(status.st_mode):
        return None
    if stat.S_ISLNK(status.st_mode):
        return Entry(parts, refused="it is a symbolic link: links are not followed")
    if not stat.S_ISREG(status.st_mode):
        return Entry(parts, refused="it is no regular file")
    if status.st_size > files.MAX_FILE:
        return Entry(parts, refused=files.too_big(status.st_size))
    time = _local(status.st_mtime)
    return Entry(parts, time, path, handed_in=time)


def _local(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _of_archive(archive: Path) -> list[Entry]:
    """List an archive; an entry's place is the archive and the number of the member."""
    with archive.open("rb") as file:
        try:
            directory = files.opened(files.ArchiveFile(file.fileno()))
        except BadUsage as error:
            raise BadUsage(
                f"{shown(str(archive))} is neither a folder nor a zip archive: {error}"
            ) from None
    number = {id(member): place for place, member in enumerate(directory.infolist())}
    if len(number) > MAX_MEMBERS:
        raise BadUsage(f"{shown(str(archive))} holds {len(number)} files: is it a zip bomb?")
    return files.members(directory, lambda member: (archive, number[id(member)]))


def _without_wrapper(entries: list[Entry], name: str, lab: str) -> list[Entry]:
    """Drop the one folder that an archive of a folder has all its files in."""
    roots = {entry.parts[0] for entry in entries}
    below = {entry.parts[1] for entry in entries if len(entry.parts) > 1}
    if (
        len(roots) != 1
        or any(len(entry.parts) == 1 for entry in entries)
        or (below & {lab, f"{lab}.ipynb"})
        or files.clones(entry.parts for entry in entries) & {(), *((root,) for root in roots)}
    ):
        return entries
    root = roots.pop()
    if MOODLE.fullmatch(root) or (len(below) == 1 and root != name):
        return entries
    return [replace(entry, parts=entry.parts[1:]) for entry in entries]


def _without_the_courses_own(entries: list[Entry]) -> tuple[list[Entry], list[Aside]]:
    """Leave out the course, where what was handed in is a clone of it and has no folder above."""
    if () not in files.clones(entry.parts for entry in entries):
        return entries, []
    own = {e.parts[0] for e in entries if files.courses_own(e.parts, {()})}
    reason = "it is the course's own folder in a clone of the course: nobody's submission"
    left = [entry for entry in entries if entry.parts[0] not in own or len(entry.parts) == 1]
    return left, [Aside(f"{shown(name)}/", reason) for name in sorted(own)]


# --- whose they are -------------------------------------------------------------------------------


def _by_student(entries: list[Entry], lab: str) -> tuple[dict[str, _HandedIn], list[Aside]]:
    students: dict[str, _HandedIn] = {}
    aside = []
    for entry in entries:
        top = entry.parts[0]
        inside = len(entry.parts) > 1
        if match := MOODLE.fullmatch(top):
            student = _student(students, top)
            if match["file"] and not inside:
                entry = replace(entry, parts=(match["file"],))
            else:
                entry = replace(entry, parts=entry.parts[1:] or entry.parts)
            if MOODLE_AGAIN.search(top, match.end("lms_id") + 1):
                entry = replace(entry, doubtful=True)
                student.notes.append(
                    f"`{shown(top)}` can be read in more than one way: taken for number "
                    f"{match['lms_id']}'s, as Moodle writes the student's name and number first"
                )
        elif not inside and (match := CANVAS.fullmatch(top)):
            student = _student(students, match["name"], "canvas", match["lms_id"])
            entry = replace(entry, parts=(match["file"],))
            if match["late"]:
                student.notes.append("Canvas marked it as late")
        elif inside:
            student = _student(students, top)
            entry = replace(entry, parts=entry.parts[1:])
        elif entry.is_notebook or entry.is_archive or entry.refused:
            owner = _owner(top, lab)
            student = _student(students, owner, whole=top)
            if not owner:
                student.name = stem(top)
                student.notes.append("the file's name does not say whose it is")
        else:
            aside.append(Aside(shown(top), "it is no notebook, and in nobody's folder"))
            continue
        student.entries.append(entry)
    return students, aside


def _student(
    students: dict[str, _HandedIn], name: str, lms: str = "", lms_id: str = "", whole: str = ""
) -> _HandedIn:
    """Return the student of that name; in an LMS of that number, whatever the name.

    Without a name the student is whoever handed in the file of the name `whole`.
    """
    if not lms and (match := MOODLE.fullmatch(name)):
        name, lms, lms_id = match["name"], "moodle", match["lms_id"]
    # No name of a file has a "/".
    key = f"{lms}/{lms_id}" if lms else name or f"{whole}/"
    student = students.setdefault(key, _HandedIn(name, lms, lms_id))
    if lms and student.name != name:
        student.notes.append(f"number {lms_id} also goes by the name `{shown(name)}`")
    return student


def _owner(name: str, lab: str) -> str:
    """Return whose a file is by its name: what is left of it without the lab's name, or nothing."""
    left = COPY.sub("", stem(name))
    # As Colab and browsers write it, in quotes or with "_" for what they do not like.
    left = re.sub(rf"{re.escape(lab)}(\.ipynb)?", "", left, flags=re.IGNORECASE)
    left = re.sub(r"[ _]*\([0-9]+\)$|[ _-]+copy[0-9]*$", "", left, flags=re.IGNORECASE)
    left = left.strip(" _-,.")
    if NOBODY.fullmatch(left) and left != stem(name):
        return ""
    return left


# --- keys -----------------------------------------------------------------------------------------


def _keys(students: dict[str, _HandedIn]) -> dict[str, str]:
    """Return each student's key, which does not depend on who else is there."""
    keys: dict[str, str] = {}
    for each, student in students.items():
        key = f"{student.lms}-{student.lms_id[:40]}" if student.lms else clean.key(student.name)
        # Only who is called exactly as the key goes has it as it is. Who is called nearly so (macOS
        # decomposes letters) would have to give it, and its grades, to whoever comes with the name.
        plain = len(student.lms_id) <= 40 if student.lms else key == each and not _is_made(key)
        if not plain:
            # So many that nobody finds another name with the same ones.
            digest = hashlib.sha256(each.encode("utf-8", "surrogatepass")).hexdigest()
            key = f"{key}-{digest[:16]}"
        keys[each] = key
    return keys


def _is_made(key: str) -> bool:
    """Whether a key is as those that are made here, which no name may be."""
    return re.fullmatch(r"(canvas|moodle)-[0-9]+|.*-[0-9a-f]{16}", key) is not None
