"""Find each student's notebook in what was handed in: a folder, or an LMS's zip archive.

Understood are nbgrader's `<student>/<lab>/<lab>.ipynb`, `<student>/<any name>.ipynb`,
`<student>.ipynb`, files as Colab and browsers name them ("Copy of 01_dp_sgd.ipynb", "01_dp_sgd
(1).ipynb", "01_dp_sgd.ipynb.txt"), and the names that Canvas and Moodle give. Nobody is left out: a
student without a notebook that can be graded is returned with the reason.
"""

import json
import os
import re
import shutil
import stat
import unicodedata
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from nbgrader.utils import parse_utc

from autograder.inside import clean

# A notebook with hundreds of MB of output is a mistake that happens; one of more than this is not.
MAX_FILE = 2**30
MAX_ARCHIVE = 16 * 2**30
MAX_MEMBERS = 100_000
# Browsers add an ending to a text whose kind they do not know.
NOTEBOOKS = (".ipynb", ".ipynb.txt", ".ipynb.json", ".py")
# What is read to tell an answered notebook from a blank one.
MAX_PEEK = 2**27

CANVAS = re.compile(
    r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<lms_id>\d+)_(?P<number>\d+)_(?P<file>.+)", re.DOTALL
)
MOODLE = re.compile(
    r"(?P<name>.+)_(?P<lms_id>\d+)_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.DOTALL
)
# What Colab puts before a copy's name, in some of its languages.
COPY = re.compile(r"^((copy|kopie|copie|copia|cópia|kopia) (of|von|van|de|di|av) )+", re.IGNORECASE)
# What operating systems and Jupyter leave behind.
LITTER = re.compile(r"\.(?!\.?$).*|__MACOSX|__pycache__|Thumbs\.db|desktop\.ini", re.IGNORECASE)


class BadUsage(ValueError):
    """There is nothing to grade; the message says why."""


@dataclass(frozen=True)
class Collected:
    """A student's submission: the file, or the reason why there is none that could be graded.

    `student` is unique and safe as the name of a file; `name` is what people call the student, and
    `graded` the file's name as it was handed in. `notes` say what was chosen or changed to get
    here. `lms` is "canvas", "moodle" or ""; `lms_id` is the student's number there.
    """

    student: str
    file: Path | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    handed_in: datetime | None = None
    lms: str = ""
    lms_id: str = ""
    name: str = ""
    graded: str = ""


@dataclass(frozen=True)
class Aside:
    """A file that belongs to nobody's submission, and why; both are one clean line."""

    file: str
    reason: str


@dataclass(frozen=True)
class _Entry:
    """A file of the folder or the archive: where it is, and why it cannot be used, if so."""

    parts: tuple[str, ...]
    modified: datetime | None
    file: Path | None
    refused: str = ""

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def is_archive(self) -> bool:
        return self.name.lower().endswith(".zip")

    @property
    def shown(self) -> str:
        return "/".join(map(_safe, self.parts))

    @property
    def is_notebook(self) -> bool:
        return self.name.lower().endswith(NOTEBOOKS)


@dataclass
class _Student:
    """Everything that one name handed in."""

    name: str
    lms: str = ""
    lms_id: str = ""
    entries: list[_Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def collect(
    source: Path,
    lab: str,
    work: Path,
    others: Collection[str] = (),
    blanks: Mapping[str, str] | None = None,
) -> tuple[list[Collected], list[str]]:
    """Return the submissions in a folder or a zip archive, by student, and what was left aside.

    Args:
        source: the folder or the archive.
        lab: the lab's name.
        work: an empty folder; an archive's notebooks are unpacked into it.
        others: names of other labs: their folders, in nbgrader's layout, are not looked into.
        blanks: each exercise's cell as students get it: of a student's notebooks, one that answers
            any is chosen before one that answers none.

    Raises:
        BadUsage: there is no such folder or archive, or it holds no submission.
    """
    if source.is_dir():
        entries = list(_Files(work).of_folder(source))
    elif source.is_file():
        entries = _without_wrapper(list(_Files(work).of_archive(source)), source.stem, lab)
    else:
        raise BadUsage(f"no such folder or archive: {source}")
    students, aside = _by_student(entries, lab)
    if source.is_dir():
        for folder in sorted(source.iterdir()):
            if folder.is_dir() and not folder.is_symlink() and not LITTER.fullmatch(folder.name):
                _student(students, folder.name)
    if not students:
        raise BadUsage(
            f"no submissions in {source}: it needs <student>.ipynb, <student>/…, or the files of "
            "an LMS's archive"
        )
    collected: dict[str, Collected] = {}
    for student in sorted(students.values(), key=lambda each: (each.name, each.lms_id)):
        found = _choose(student, lab, others, blanks or {})
        name, number = found.student, 2
        while found.student in collected:
            found = replace(found, student=f"{name}-{number}")
            number += 1
        collected[found.student] = found
    return sorted(collected.values(), key=lambda found: found.student), aside


# --- the files ------------------------------------------------------------------------------------


class _Files:
    """The files of a folder or an archive, and of the archives in it, one level deep."""

    def __init__(self, work: Path) -> None:
        self._work, self._left, self._number = work, MAX_ARCHIVE, 0

    def of_folder(self, folder: Path) -> Iterator[_Entry]:
        """Walk a folder without following links."""
        for place, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not LITTER.fullmatch(name))
            for name in sorted(names + folders):
                path = Path(place, name)
                parts = path.relative_to(folder).parts
                if path.is_symlink():
                    yield _Entry(parts, None, None, "it is a symbolic link: links are not followed")
                elif name in folders or LITTER.fullmatch(name):
                    continue
                elif not stat.S_ISREG(path.lstat().st_mode):
                    yield _Entry(parts, None, None, "it is no regular file")
                elif path.stat().st_size > MAX_FILE:
                    yield _Entry(parts, None, None, _too_big(path.stat().st_size))
                else:
                    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                    yield from self._unpacked(_Entry(parts, modified, path))

    def of_archive(self, archive: Path, above: tuple[str, ...] = ()) -> Iterator[_Entry]:
        """Unpack what matters of an archive, under names of our own."""
        try:
            opened = zipfile.ZipFile(archive)
        except (zipfile.BadZipFile, OSError, NotImplementedError, UnicodeDecodeError) as error:
            raise BadUsage(f"{archive} is neither a folder nor a zip archive: {error}") from None
        with opened:
            members = opened.infolist()
            if len(members) > MAX_MEMBERS:
                raise BadUsage(f"{archive} holds {len(members)} files: is it a zip bomb?")
            for member in members:
                name = _member_name(member)
                parts = tuple(part for part in re.split(r"[/\\]", name) if part not in ("", "."))
                if member.is_dir() or not parts or any(map(LITTER.fullmatch, parts)):
                    continue
                problem = _member_problem(member, name, parts, self._left)
                if problem:
                    owner = [parts[0]] if parts[0] != ".." else []
                    safe = (*owner, *parts[1:][-1:]) or parts
                    yield _Entry((*above, *safe), None, None, problem)
                    continue
                entry = _Entry((*above, *parts), _member_time(member), None)
                if entry.is_notebook or entry.name == "timestamp.txt" or entry.is_archive:
                    entry = self._unpack(opened, member, entry)
                yield from [entry] if above else self._unpacked(entry)

    def _unpack(self, opened: zipfile.ZipFile, member: zipfile.ZipInfo, entry: _Entry) -> _Entry:
        self._number += 1
        target = self._work / str(self._number)
        try:
            with opened.open(member) as packed, target.open("xb") as file:
                shutil.copyfileobj(packed, file, 2**20)
        except Exception as error:  # zipfile raises what its decompressors do, too
            target.unlink(missing_ok=True)
            return replace(entry, refused=f"it cannot be unpacked: {error}")
        self._left -= target.stat().st_size
        return replace(entry, file=target)

    def _unpacked(self, entry: _Entry) -> Iterator[_Entry]:
        """Give what is in a student's own archive in place of the archive."""
        if not entry.is_archive or entry.refused:
            yield entry
            return
        try:
            yield from self.of_archive(entry.file, entry.parts)
        except BadUsage:
            yield replace(entry, refused="it is no zip archive")


def _member_name(member: zipfile.ZipInfo) -> str:
    """Return a member's name; archives that do not say so often hold UTF-8 all the same."""
    if member.flag_bits & 0x800:
        return member.orig_filename
    try:
        return member.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.orig_filename


def _member_time(member: zipfile.ZipInfo) -> datetime | None:
    try:
        return datetime(*member.date_time).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _member_problem(member: zipfile.ZipInfo, name: str, parts: tuple[str, ...], left: int) -> str:
    if ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return f"its name in the archive leads elsewhere ({name!r}): refused"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "it is a symbolic link: links are not followed"
    if member.flag_bits & 0x1:
        return "it is encrypted"
    if member.file_size > MAX_FILE:
        return _too_big(member.file_size)
    if member.file_size > left:
        return f"the archive unpacks to more than {MAX_ARCHIVE / 2**30:g} GiB: is it a zip bomb?"
    return ""


def _too_big(size: int) -> str:
    return f"it is {size / 2**30:.1f} GiB, and more than {MAX_FILE / 2**30:g} GiB is not read"


def _without_wrapper(entries: list[_Entry], stem: str, lab: str) -> list[_Entry]:
    """Drop the one folder that an archive of a folder has all its files in."""
    roots = {entry.parts[0] for entry in entries}
    below = {entry.parts[1] for entry in entries if len(entry.parts) > 1}
    if (
        len(roots) != 1
        or any(len(entry.parts) == 1 for entry in entries)
        or (below & {lab, f"{lab}.ipynb"})
    ):
        return entries
    root = roots.pop()
    if MOODLE.fullmatch(root) or (len(below) == 1 and root != stem):
        return entries
    return [replace(entry, parts=entry.parts[1:]) for entry in entries]


# --- whose they are -------------------------------------------------------------------------------


def _by_student(entries: list[_Entry], lab: str) -> tuple[dict[str, _Student], list[str]]:
    students: dict[str, _Student] = {}
    aside = []
    for entry in entries:
        top = entry.parts[0]
        inside = len(entry.parts) > 1
        if match := MOODLE.fullmatch(top):
            student = _student(students, match["name"], "moodle", match["lms_id"])
            if match["file"] and not inside:
                entry = replace(entry, parts=(match["file"],))
            else:
                entry = replace(entry, parts=entry.parts[1:] or entry.parts)
        elif (not inside or top.endswith(".zip")) and (match := CANVAS.fullmatch(top)):
            student = _student(students, match["name"], "canvas", match["lms_id"])
            entry = replace(entry, parts=(match["file"], *entry.parts[1:]))
            if match["late"]:
                student.notes.append("Canvas marked it as late")
        elif inside or entry.refused:
            owner = top.removesuffix(".zip") if inside else _owner(top, lab) or _stem(top)
            student = _student(students, owner)
            entry = replace(entry, parts=entry.parts[1:] or entry.parts)
        elif entry.is_notebook:
            owner = _owner(top, lab)
            student = _student(students, owner or _stem(top))
            if not owner:
                student.notes.append("the file's name does not say whose it is")
        else:
            aside.append(top)
            continue
        student.entries.append(entry)
    return students, aside


def _student(students: dict[str, _Student], name: str, lms: str = "", lms_id: str = "") -> _Student:
    """Return the student of that name; in an LMS the number tells namesakes apart."""
    if not lms and (match := MOODLE.fullmatch(name)):
        name, lms, lms_id = match["name"], "moodle", match["lms_id"]
    key = f"{lms} {lms_id}" if lms else name
    return students.setdefault(key, _Student(name, lms, lms_id))


def _stem(name: str) -> str:
    """Return a file's name without its ending."""
    name = unicodedata.normalize("NFC", name)
    ending = next((end for end in NOTEBOOKS[1:] if name.lower().endswith(end)), "")
    return name[: -len(ending)] if ending else PurePosixPath(name).stem


def _owner(name: str, lab: str) -> str:
    """Return whose a file is by its name: what is left of it without the lab's name."""
    left = COPY.sub("", _stem(name))
    left = re.sub(rf"{re.escape(lab)}(\.ipynb)?", "", left, flags=re.IGNORECASE)
    left = re.sub(r"[ _]*\(\d+\)$|[ _-]+copy\d*$", "", left, flags=re.IGNORECASE)
    return left.strip(" _-,.")


# --- which one it is ------------------------------------------------------------------------------


def _choose(
    student: _Student, lab: str, others: Collection[str], blanks: Mapping[str, str]
) -> Collected:
    name = clean.key(student.name)
    notes = list(dict.fromkeys(student.notes))
    if name != student.name:
        notes.append(f"the name was {student.name!r}")
    result = Collected(name, notes=tuple(notes), lms=student.lms, lms_id=student.lms_id)
    here = [entry for entry in student.entries if entry.parts[0] not in set(others) - {lab}]
    stamp = next((_timestamp(entry) for entry in here if entry.name == "timestamp.txt"), None)
    notebooks = [entry for entry in here if entry.is_notebook and not entry.refused]
    best = sorted(notebooks, key=lambda entry: _rank(entry, lab))
    if len(best) > 1:
        best.sort(key=lambda entry: _answers_any(entry, blanks))
    if not best:
        return replace(result, reason=_why_none(here))
    chosen = best[-1]
    also = [entry.shown for entry in best[:-1]]
    if also:
        notes.append(f"graded `{chosen.shown}`; also there: {', '.join(also)}")
    notes += [f"`{e.shown}`: {e.refused}" for e in here if e.refused]
    handed_in = stamp or chosen.modified
    return replace(result, file=chosen.file, notes=tuple(notes), handed_in=handed_in)


def _rank(entry: _Entry, lab: str) -> tuple:
    """Order candidates: in the lab's folder, with the lab's name, the newest."""
    stem = _stem(entry.name)
    depth = len(entry.parts)
    in_place = 2 if entry.parts[0] == lab and depth == 2 else 1 if depth == 1 else 0
    # As Colab, browsers and Canvas name another version of it.
    plain = re.sub(r"(-| ?\()\d+\)?$", "", COPY.sub("", stem))
    named = 2 if plain == lab else 1 if lab.lower() in stem.lower() else 0
    version = re.search(r"(?:-|\()(\d+)\)?$", stem)
    newest = entry.modified or datetime.min.replace(tzinfo=UTC)
    return (
        # A script is a second choice: it has no cells to know the answers by.
        not entry.name.lower().endswith(".py"),
        in_place,
        named,
        newest,
        int(version[1][:9]) if version else 0,
        entry.parts,
    )


def _answers_any(entry: _Entry, blanks: Mapping[str, str]) -> bool:
    """Whether a file defines any exercise's function otherwise than the blank does."""
    try:
        if entry.file.stat().st_size > MAX_PEEK:
            return True
        text = entry.file.read_text("utf-8", "replace")
    except OSError:
        return False
    try:
        sources = ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        sources = [text]  # a script, or damaged
    return any(
        f"def {name}(" in source and source != blank
        for source in sources
        for name, blank in blanks.items()
    )


def _why_none(entries: list[_Entry]) -> str:
    refused = [f"`{e.shown}`: {e.refused}" for e in entries if e.refused]
    if refused:
        return "no notebook that can be read; " + "; ".join(refused)
    names = [_safe(entry.name) for entry in entries if entry.name != "timestamp.txt"]
    if names:
        return f"no notebook among what was handed in: {', '.join(names[:5])}"
    return "no notebook in the folder"


def _timestamp(entry: _Entry) -> datetime | None:
    """Read nbgrader's timestamp.txt."""
    try:
        return parse_utc(entry.file.read_text("utf-8")[:100].strip()).replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError, AttributeError):
        return None


def _safe(name: str) -> str:
    """Return a name that is one plain name of a file, and prints on one line."""
    name = unicodedata.normalize("NFC", name)
    # Control and formatting characters (some turn the reading direction), surrogates, and what
    # separates folders.
    hostile = ("Cc", "Cf", "Cs", "Zl", "Zp")
    kept = "".join("_" if unicodedata.category(c) in hostile or c in "/\\" else c for c in name)
    kept = kept.strip().lstrip(".")
    while len(kept.encode("utf-8")) > 120:  # a file's name ends at 255 bytes
        kept = kept[:-1]
    return kept or "unnamed"
