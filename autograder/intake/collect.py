"""Find out who handed in what: a folder, or an LMS's zip archive. No file of a student's is opened.

Understood are nbgrader's `<student>/<lab>/<lab>.ipynb`, `<student>/<any name>.ipynb`,
`<student>.ipynb`, files as Colab and browsers name them ("Copy of 01_dp_sgd.ipynb", "01_dp_sgd
(1).ipynb", "01_dp_sgd.ipynb.txt"), and the names that LMSs give (see lms.py). Nobody is left out or
merged with another: each file is one student's, or set aside with the reason.
"""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from autograder.intake import files, lms, names, wrapping
from autograder.intake.files import BadUsage, Entry, shown
from autograder.intake.lms import Sender
from autograder.sandbox.inside import clean

__all__ = ["Aside", "BadUsage", "Collected", "collect"]


@dataclass(frozen=True)
class Collected:
    """A student, and what is known of the submission.

    `student` is the key: unique, safe as the name of a file, and the same whoever else is there; in
    an LMS it is the number that the LMS knows the student by, and no name. `name` is what people
    call the student, a clean line. `lms` is "canvas", "moodle", … or "", `lms_id` the number there,
    and `also` what else the LMS knows the student by; `others` are what can be read in the number's
    place, so that it may be another's. `late` is what the LMS says, where it does.

    `entries` are the files as they were handed in, and `notes` say what was made of their names.
    `wanted` is the file that a person has chosen, if so. `nobody` means that only a file's name
    tells whose it is, and does not say.
    """

    student: str
    name: str = ""
    lms: str = ""
    lms_id: str = ""
    notes: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = field(default=(), repr=False)
    also: tuple[str, ...] = ()
    late: bool = False
    wanted: str = ""
    nobody: bool = False
    others: tuple[str, ...] = ()


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
    also: tuple[str, ...] = ()
    late: bool = False
    nobody: bool = False
    others: set[str] = field(default_factory=set)
    attempts: set[datetime] = field(default_factory=set)


def collect(
    source: Path, lab: str, others: Collection[str] = (), *, wrapped: bool = True
) -> tuple[list[Collected], list[Aside]]:
    """Return the students in a folder or a zip archive, by name, and what was left aside.

    Args:
        source: the folder or the archive.
        lab: the lab's name.
        others: names of other labs: their folders, in nbgrader's layout, are not looked into. In
            an LMS's download all is for this lab.
        wrapped: whether the only folder in it may be one around the class, and no student's.

    Raises:
        BadUsage: there is no such folder or archive, or it holds no submission.
    """
    if source.is_dir():
        above = wrapping.around(wrapping.in_folder(source), lab, others) if wrapped else ()
        entries = wrapping.unwrapped(files.walked(source, above), above)
    elif source.is_file():
        entries = _of_archive(source)
        look = wrapping.in_archive(entries)
        above = wrapping.around(look, lab, others, source.stem) if wrapped else ()
        entries = list(files.bounded(wrapping.unwrapped(entries, above)))
    else:
        raise BadUsage(f"no such folder or archive: {shown(str(source))}")
    entries = [replace(entry, path="/".join(entry.parts)) for entry in entries]
    entries, hidden = _without_hidden(entries)
    entries, aside = _without_the_courses_own(entries)
    students, nobodys = _by_student(entries, _Senders(entries, lab), lab)
    if not students:
        raise BadUsage(
            f"no submissions in {shown(str(source))}: it needs <student>.ipynb, <student>/…, or "
            "the files of an LMS's archive"
        )
    keys = _keys(students)
    for student in students.values():
        _without_other_labs(student, lab, set(others) - {lab})
    found = [
        Collected(
            keys[each],
            notes=tuple(dict.fromkeys(student.notes)),
            lms=student.lms,
            lms_id=student.lms_id,
            name=clean.line(unicodedata.normalize("NFC", student.name), 120).strip() or keys[each],
            entries=tuple(student.entries),
            also=student.also,
            late=student.late,
            nobody=student.nobody,
            others=tuple(sorted(student.others)),
        )
        for each, student in students.items()
    ]
    return sorted(found, key=lambda each: (each.name, each.student)), [*hidden, *aside, *nobodys]


# --- the files ------------------------------------------------------------------------------------


def _of_archive(archive: Path) -> list[Entry]:
    """List an archive; an entry's source is the archive and the number of the member."""
    with archive.open("rb") as file:
        try:
            directory = files.opened(files.ArchiveFile(file.fileno()))
        except BadUsage as error:
            raise BadUsage(
                f"{shown(str(archive))} is neither a folder nor a zip archive: {error}"
            ) from None
    number = {id(member): at for at, member in enumerate(directory.infolist())}
    inside = files.members(directory, lambda member: (archive, number[id(member)]))
    return [*inside, *files.folders(directory)]


def _without_hidden(entries: list[Entry]) -> tuple[list[Entry], list[Aside]]:
    """Leave out folders that are nobody's by their names."""
    left, hidden = [], set()
    for entry in entries:
        if len(entry.parts) > 1 and files.LITTER.fullmatch(entry.parts[0]):
            hidden.add(entry.parts[0])
        else:
            left.append(entry)
    reason = "it is hidden, or a program made it: nobody's submission"
    return left, [Aside(f"{shown(name)}/", reason) for name in sorted(hidden)]


def _without_the_courses_own(entries: list[Entry]) -> tuple[list[Entry], list[Aside]]:
    """Leave out the course, where what was handed in is a clone of it and has no folder above."""
    if () not in files.clones(entry.parts for entry in entries):
        return entries, []
    own = {e.parts[0] for e in entries if files.courses_own(e.parts, {()})}
    reason = "it is the course's own folder in a clone of the course: nobody's submission"
    left = [entry for entry in entries if entry.parts[0] not in own or len(entry.parts) == 1]
    return left, [Aside(f"{shown(name)}/", reason) for name in sorted(own)]


# --- whose they are -------------------------------------------------------------------------------


class _Senders:
    """Says who handed in an entry, as far as an LMS does."""

    def __init__(self, entries: list[Entry], lab: str) -> None:
        self._lab = lab
        self._several: set[str] = set()  # logins that repositories of several names end with
        usable = [entry for entry in entries if not entry.refused] or entries
        loose = [entry for entry in usable if len(entry.parts) == 1]
        # Canvas's names may read as Blackboard's, by what a student chose, and the other way round.
        # But what Canvas writes is never the same before two logins, as an assignment's name is.
        logins_of = defaultdict(set)
        for each in loose:
            if sender := lms.blackboard(each.name, {}):
                head = lms.blackboards_head(each.name)
                logins_of[head.removesuffix(sender.lms_id)].add(sender.lms_id)
        several = any(len(logins) > 1 for logins in logins_of.values())
        self._canvas = any(
            lms.canvas(each.name) and not (several and lms.blackboard(each.name, {}))
            for each in loose
        )
        tops = {entry.parts[0] for entry in entries}
        read = [way(top) for top in tops for way in (lms.moodle, lms.canvas)]
        self._sure = {(each.lms, each.lms_id) for each in read if each and not each.others}
        # Who is called so, by each number that is not sure.
        self._called: dict[tuple[str, str], set[str]] = defaultdict(set)
        for sender in read:
            if sender and sender.others:
                self._called[sender.lms, sender.lms_id].add(sender.name)
        self._logins: dict[str, str] = {}
        self._heads: dict[str, str] = {}  # what stands before the attempts of those logins
        for entry, login, name in self._headers(loose):
            self._logins[login], self._heads[login] = name, lms.blackboards_head(entry.name)
        self._gradescope: dict[str, tuple[list[Sender], datetime | None]] = {}
        folders = {entry.parts[0] for entry in entries if len(entry.parts) > 1}
        # In a folder that students write to, one may call a file so; Gradescope's lies alone.
        alone = {entry.name for entry in loose} == {lms.METADATA}
        real = {entry.parts[0] for entry in usable if len(entry.parts) > 1}
        if not (alone and real and all(map(lms.GRADESCOPE.fullmatch, real))):
            loose = []
        for entry in loose:
            if entry.name == lms.METADATA and not entry.refused:
                try:
                    with files.beginnings() as content:
                        self._gradescope = lms.gradescope(content(entry, lms.MAX_METADATA + 1))
                except ValueError as error:
                    raise BadUsage(clean.line(str(error))) from None
        numbers = defaultdict(set)
        for top in tops:
            if sender := lms.brightspace(top):
                numbers[sender.lms_id].add(sender.name)
        # Were that number not the student's, it would make one of several.
        self._shared = {number for number, called in numbers.items() if len(called) > 1}
        heads = defaultdict(set)
        for top in tops:
            if sender := lms.blackboard(top, self._logins):
                heads[sender.lms_id].add(lms.blackboards_head(top))
        self._crowded = {login for login, several in heads.items() if len(several) > 1}
        self._assignments, self._usual = lms.assignments(folders, lab)
        owners = {top: sender for top in folders if (sender := self._github(top))}
        logins = Counter(sender.lms_id for sender in owners.values())
        usual = Counter(each.lms_id for top, each in owners.items() if self._is_usual(each, top))
        self._usual_once = {login for login, repositories in usual.items() if repositories == 1}
        self._several = {login for login, repositories in logins.items() if repositories > 1}
        # What a student chose may read as another LMS's part: one that wrote all names wrote it,
        # but for those that none did, such as of the index that Brightspace puts beside them.
        ways = (lms.moodle, self._brightspace, self._blackboard, lms.canvas)
        loose_names = (entry.name for entry in usable if len(entry.parts) == 1)
        written = [name for name in loose_names if any(way(name) for way in ways)]
        self._ways = [way for way in ways if written and all(map(way, written))] or ways

    def _headers(self, loose: list[Entry]) -> Iterator[tuple[Entry, str, str]]:
        """Yield the logins and names that Blackboard's own texts give, and which text does."""
        with files.beginnings() as content:
            for entry in loose if not self._canvas else []:
                if (match := lms.BLACKBOARD.fullmatch(entry.name)) and match["file"] is None:
                    text = content(entry, 1000).decode("utf-8", "replace")
                    if header := lms.HEADER.match(text):
                        yield entry, header["login"], header["name"]

    @property
    def are_gradescopes(self) -> bool:
        """Whether Gradescope says whose each folder is."""
        return bool(self._gradescope)

    def of_file(self, name: str) -> Sender | None:
        """Return whose a loose file is."""
        sender = next((sender for way in self._ways if (sender := way(name))), None)
        return sender and self._apart(sender, name)

    def of_folder(self, name: str, shown_as: str) -> list[Sender]:
        """Return whose a folder is: several people's, where they handed in together."""
        senders, _ = self._gradescope.get(name, ([], None))
        if senders:  # nobody is, who was the only one and left the course
            return senders
        sender = lms.moodle(name) or self._brightspace(name) or self._github(name)
        return [self._apart(sender, name) if sender else Sender("", "", shown_as)]

    def _apart(self, sender: Sender, name: str) -> Sender:
        """Keep what may be another's from joining what is a number's for sure, or may be, too."""
        number = sender.lms, sender.lms_id
        if sender.others and (number in self._sure or len(self._called[number]) > 1):
            return replace(sender, lms_id=f"{sender.lms_id} ({name})", name=name)
        return sender

    def time(self, name: str) -> datetime | None:
        """Return when a folder of Gradescope's was handed in."""
        return self._gradescope[name][1] if name in self._gradescope else None

    def _blackboard(self, name: str) -> Sender | None:
        sender = None if self._canvas else lms.blackboard(name, self._logins)
        if sender and sender.lms_id in self._crowded:  # a login may hold "_": then it is longer
            head = lms.blackboards_head(name)
            if head != self._heads.get(sender.lms_id):
                return replace(sender, lms_id=f"{sender.lms_id} ({head})")
        return sender

    def _github(self, name: str) -> Sender | None:
        sender = lms.github(name, self._lab, self._assignments, self._usual)
        if sender is None or sender.lms_id not in self._several:
            return sender
        if sender.lms_id in self._usual_once and self._is_usual(sender, name):
            return sender
        return replace(sender, lms_id=f"{sender.lms_id} ({name})")  # whose it is nobody can tell

    def _is_usual(self, sender: Sender, name: str) -> bool:
        """Whether a repository is for sure of the assignment that most are of."""
        own = f"{self._usual}-{sender.lms_id}"
        return not sender.others and own.casefold() == name.casefold()

    def _brightspace(self, name: str) -> Sender | None:
        sender = lms.brightspace(name)
        if sender and sender.lms_id in self._shared:
            return replace(sender, lms_id=f"{sender.lms_id} {sender.name}")
        return sender


def _by_student(
    entries: list[Entry], senders: _Senders, lab: str
) -> tuple[dict[str, _HandedIn], list[Aside]]:
    students: dict[str, _HandedIn] = {}
    aside = []
    for entry in entries:
        top = entry.parts[0]
        inside = len(entry.parts) > 1
        if inside:
            here = senders.of_folder(top, top)
            entry = replace(entry, parts=entry.parts[1:])
            if senders.are_gradescopes:
                time = senders.time(top)
                entry = replace(entry, handed_in=time, modified=time or entry.modified)
        elif sender := senders.of_file(top):
            here = [sender]
            if not sender.file and sender.lms == "blackboard":  # the LMS's own text
                _student(students, sender)
                continue
            entry = replace(entry, parts=(sender.file or top,))
        elif top == lms.METADATA and senders.are_gradescopes:
            continue
        elif entry.is_notebook or entry.is_archive or entry.refused:
            owner = names.owner(top, lab)
            student = _student(students, Sender("", "", owner), whole=top)
            if not owner:
                student.name, student.nobody = names.stem(top), True
                student.notes.append("the file's name does not say whose it is")
            student.entries.append(entry)
            continue
        else:
            aside.append(Aside(shown(top), "it is no notebook, and in nobody's folder"))
            continue
        for sender in here:
            student = _student(students, sender)
            student.entries.append(_marked(entry, sender, student, top))
    for student in students.values():
        _without_older(student)
    return students, aside


def _marked(entry: Entry, sender: Sender, student: _HandedIn, top: str) -> Entry:
    """Return an entry with what its sender's name says of it; the student gets the notes.

    The files' own times in an LMS's download are when it was made.
    """
    if sender.lms and sender.lms != "gradescope":
        when = sender.attempt or entry.modified
        entry = replace(entry, modified=when, handed_in=sender.attempt)
    if sender.late:
        student.late = True
        student.notes.append("Canvas marked it as late")
    if sender.others:
        student.others.update(sender.others)
        student.notes.append(
            f"`{shown(top)}` can be read in more than one way, each with a number or login: see "
            "whose it is"
        )
    return entry


def _without_older(student: _HandedIn) -> None:
    """Mark what belongs to any but the newest of a student's attempts."""
    if len(student.attempts) < 2:
        return
    newest = max(student.attempts)
    when = f"{newest.astimezone():%Y-%m-%d %H:%M}"
    student.notes.append(f"{len(student.attempts)} attempts: the newest counts, of {when}")
    order = sorted(student.attempts, reverse=True)
    student.entries = [
        replace(entry, older=order.index(entry.handed_in)) if entry.handed_in in order else entry
        for entry in student.entries
    ]


def _without_other_labs(student: _HandedIn, lab: str, others: set[str]) -> None:
    """Leave out folders, and without an LMS what is in other labs'; say so if it may be this one's.

    In nbgrader's layout everybody has a folder for each lab.
    """
    entries = [entry for entry in student.entries if entry.name]
    others = set() if student.lms else others
    apart = [entry for entry in entries if entry.parts[0] in others]
    student.entries = [entry for entry in entries if entry.parts[0] not in others]
    doubtful = [e.shown for e in apart if not student.entries or lab in e.name]
    if doubtful:
        more = f" and {len(doubtful) - 20} more" if len(doubtful) > 20 else ""
        student.notes.append(f"in another lab's folder: {', '.join(doubtful[:20])}{more}")


def _student(students: dict[str, _HandedIn], sender: Sender, whole: str = "") -> _HandedIn:
    """Return the student of that name; in an LMS of that number, whatever the name.

    Without a name the student is whoever handed in the file of the name `whole`.
    """
    name = sender.name
    # No name of a file has a "/".
    key = f"{sender.lms}/{sender.lms_id}" if sender.lms else name or f"{whole}/"
    student = students.setdefault(key, _HandedIn(name, sender.lms, sender.lms_id))
    student.also = student.also or sender.also
    if sender.attempt is not None:
        student.attempts.add(sender.attempt)
    if sender.lms and student.name != name:
        student.notes.append(f"number {sender.lms_id} also goes by the name `{shown(name)}`")
    return student


# --- keys -----------------------------------------------------------------------------------------


def _keys(students: dict[str, _HandedIn]) -> dict[str, str]:
    """Return each student's key, which does not depend on who else is there."""
    return {each: key_of(student.lms, student.lms_id or student.name, each)
            for each, student in students.items()}  # fmt: skip


def key_of(lms: str, known_as: str, whole: str = "") -> str:
    """Return the key of a student whom an LMS knows so, or, without one, who is called so."""
    whole = whole or (f"{lms}/{known_as}" if lms else known_as)
    key = clean.key(known_as)
    # Only who is called exactly as the key goes has it as it is. Who is called nearly so (macOS
    # decomposes letters) would have to give it, and its grades, to whoever comes with the name.
    if lms:
        plain = key == known_as and len(known_as) <= 40 and not MADE.fullmatch(key)
        key = f"{lms}-{key[:40]}"
    else:
        plain = key == whole and not MADE.fullmatch(key) and not LMS_KEY.match(key)
    if not plain:
        # So many that nobody finds another name with the same ones.
        digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
        key = f"{key[: MOST_KEY - 17]}-{digest[:16]}"
    return key


MOST_KEY = 128  # characters that nbgrader's database has for one
# Keys that are made here, which no name may be.
MADE = re.compile(r".*-[0-9a-f]{16}")
LMS_KEY = re.compile(r"(canvas|moodle|blackboard|brightspace|gradescope|github)-")
