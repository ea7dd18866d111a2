"""The class list: who should have handed in, and who of those found is who.

Read are CSV files with the usual headings: Canvas's gradebook export, Moodle's participants and
grading worksheet, Blackboard's and Brightspace's exports, GitHub Classroom's roster, or one's own.
"""

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from autograder.intake.collect import Collected, key_of
from autograder.intake.files import BadUsage, shown
from autograder.sandbox.inside import clean
from autograder.whole import is_cut, write_whole

NAME = "roster.csv"  # in the output folder: the list that was given last
MAX_BYTES = 32 << 20
# The headings of a column, without marks and in lower case, the likeliest first.
HEADINGS = {
    "name": "student|name|fullname|studentname|displayname|nameofstudent|teilnehmer|nom|nombre",
    "first": "firstname|givenname|first|forename|vorname|prénom|prenom",
    "last": "lastname|surname|familyname|last|nachname|nomdefamille|apellidos",
    "login": "sisloginid|username|login|loginid|userid|netid|uid|userlogin|account|kennung|"
    "orgdefinedusername|identifiant",
    "number": "sisuserid|studentid|idnumber|orgdefinedid|studentnumber|matriculationnumber|"
    "matrikelnummer|matricule|sid|id",
    "canvas": "id",
    "moodle": "identifier",
    "email": "emailaddress|email|mail|emailid",
    "section": "section|sections|sectionname|group|groups|class|tutorial",
    "github": "githubusername|github|githublogin",
    "roster": "rosteridentifier|identifier",
    "handed_in": "lastmodifiedsubmission|submitted|submittedat|handedin|submissiontime|"
    "submissiondate",
}
# What Moodle writes in English, for users in different countries.
TIMES = [
    f"%A, {day}, {clock}" for day in ("%d %B %Y", "%B %d, %Y") for clock in ("%I:%M %p", "%H:%M")
]


@dataclass(frozen=True)
class Person:
    """Somebody on the class list; what is not known is empty.

    `handed_in` is in UTC: Moodle's grading worksheet has it, whose archive has not.
    """

    name: str = ""
    login: str = ""
    number: str = ""
    canvas: str = ""
    moodle: str = ""
    email: str = ""
    section: str = ""
    github: str = ""
    handed_in: datetime | None = None

    def key(self, lms: str) -> str:
        """Return the key that this person's submission in an LMS has, or would have."""
        known = {
            "canvas": self.canvas, "moodle": self.moodle, "blackboard": self.login,
            "brightspace": "", "gradescope": self.email, "github": self.github,
        }.get(lms, "")  # fmt: skip
        if known:
            return key_of(lms, known)
        return key_of("", self.login or self.number or self.email or self.name)

    def own_key(self, lms: str) -> str:
        """Return a key that nobody else on a list has, made of all that it knows of this person."""
        key = self.key(lms)
        known = (self.name, self.login, self.number, self.canvas, self.moodle, self.email)
        return key_of("", key, "/".join([key, "", *known, self.section, self.github, ""]))


@dataclass(frozen=True)
class Roster:
    """A class list; `assignments` are the columns of Canvas's gradebook export that can be one.

    `text` is the list as it was read.
    """

    people: tuple[Person, ...] = ()
    assignments: tuple[str, ...] = ()
    text: str = field(default="", repr=False)


@dataclass(frozen=True)
class Joined:
    """A class and its list: who is who by key, and who handed in nothing, with the key to be.

    `listed` says whether there is a list. `notes` are by key, for those found by their name alone.
    """

    people: dict[str, Person] = field(default_factory=dict)
    missing: dict[str, Person] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    listed: bool = False
    assignments: tuple[str, ...] = ()

    def person(self, student: str) -> Person:
        """Return who a student is, by key; nobody, where that is not known."""
        return self.people.get(student) or self.missing.get(student) or Person()

    def with_those_of(self, found: Sequence[Collected]) -> "Joined":
        """Return it when people have been given files who had handed in nothing."""
        given = {each.student for each in found} & self.missing.keys()
        people = self.people | {key: self.missing[key] for key in given}
        missing = {key: who for key, who in self.missing.items() if key not in given}
        return replace(self, people=people, missing=missing)


def read(path: Path) -> Roster:
    """Read a class list.

    Raises:
        BadUsage: there is none in the file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadUsage(f"--roster {shown(str(path))}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise BadUsage(f"--roster {shown(str(path))} has more than {MAX_BYTES >> 20} MB")
    text = _text(content)
    rows = [row for row in _rows(text) if any(cell.strip() for cell in row)]
    head = [_plain(cell) for cell in rows[0]] if rows else []
    columns = _columns(head)
    if not columns.keys() & {"name", "last", "login", "number", "email", "github"}:
        usual = "Name, Login, ID, Email, Section"
        raise BadUsage(
            f"--roster {shown(str(path))} has no column of a usual name, such as {usual}"
        )
    people = [_person(row, columns) for row in rows[1:] if not _is_no_person(row, columns)]
    people = [person for person in people if person != Person()]
    if not people:
        raise BadUsage(f"--roster {shown(str(path))} lists nobody")
    canvas = "canvas" in columns
    named = [cell.strip() for cell in rows[0] if canvas and re.search(r" \([0-9]+\)\s*$", cell)]
    return Roster(tuple(dict.fromkeys(people)), tuple(named), text)


def keep(roster: Roster, output: Path) -> None:
    """Let a class list hold for later runs, too."""
    end = "\n" if is_cut(roster.text) else ""
    write_whole(output / NAME, (roster.text + end).encode("utf-8-sig"))


def kept(output: Path) -> Roster | None:
    """Return the class list that holds, if there is one.

    Raises:
        BadUsage: it cannot be read, or not to its end.
    """
    path = output / NAME
    if not path.is_file():
        return None
    roster = read(path)
    if is_cut(roster.text):
        raise BadUsage(f"{shown(str(path))} ends within a line: give the --roster again")
    return roster


def _text(content: bytes) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _rows(text: str) -> Iterable[list[str]]:
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    # Moodle's grading worksheet holds what students wrote online, however long.
    csv.field_size_limit(MAX_BYTES)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error as error:
        raise BadUsage(f"--roster: it is no table ({error})") from None


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in text if character.isalnum())


def _columns(head: list[str]) -> dict[str, int]:
    columns = {}
    for what, names in HEADINGS.items():
        found = [head.index(name) for name in names.split("|") if name in head]
        if found:
            columns[what] = found[0]
    if not {"sisuserid", "sisloginid"} & set(head):
        columns.pop("canvas", None)  # whose own number is only in its export
    if "rosteridentifier" in head:
        columns["login"] = columns.get("login", columns["roster"])
    return columns


def _person(row: list[str], columns: dict[str, int]) -> Person:
    def cell(what: str) -> str:
        # Some put these before a number, so that a spreadsheet leaves it as it is.
        at = columns.get(what, len(row))
        return clean.line(row[at], 200).strip().lstrip("'#") if at < len(row) else ""

    name = cell("name")
    if not name or "last" in columns:
        name = f"{cell('first')} {cell('last')}".strip() or name
    if re.fullmatch(r"[^,]+, [^,]+", name):  # "Lee, Ann"
        name = " ".join(reversed(name.split(", ")))
    moodle = re.fullmatch(r"\D*([0-9]+)", cell("moodle"))
    number = cell("number")
    return Person(
        name, cell("login"), "" if number == cell("canvas") else number, cell("canvas"),
        moodle[1] if moodle else "", cell("email"), cell("section"), cell("github"),
        _time(cell("handed_in")),
    )  # fmt: skip


def _time(text: str) -> datetime | None:
    """Read a time; one without a zone is this machine's. None, if there is none."""
    text = unicodedata.normalize("NFKC", text)  # newer ones have a narrow space before PM
    ways = [partial(datetime.strptime, text, form) for form in TIMES]
    for way in (partial(datetime.fromisoformat, text), *ways):
        with suppress(ValueError, OverflowError, OSError):
            return way().astimezone(UTC)
    return None


def _is_no_person(row: list[str], columns: dict[str, int]) -> bool:
    """Whether it is a line of Canvas's between the head and the people, or its test student."""
    at = columns.get("name", 0)
    first = row[at].strip().casefold() if at < len(row) else ""
    return first in ("points possible", "student, test", "test student")


# --- who is who -----------------------------------------------------------------------------------


def join(found: Sequence[Collected], roster: Roster | None) -> Joined:
    """Find out who of a class list handed in what.

    Somebody is known by what the LMS calls them; by a login, number or address; by the name at
    last, and only where it is one person's and one submission's. Nobody is two, and no two are one.
    """
    if roster is None:
        return Joined()
    people: dict[str, Person] = {}
    notes: dict[str, str] = {}
    left = list(roster.people)
    listed = {name for person in left for name in _in_the_lms(person)}
    known = [each for each in found if not each.nobody and not _may_be_anothers(each, listed)]
    for how, ours, theirs in _WAYS:
        free = [each for each in known if each.student not in people]
        for person, each in _pairs(left, ours, free, theirs):
            people[each.student] = person
            left.remove(person)
            if how:
                notes[each.student] = how
    lms = Counter(each.lms for each in found).most_common(1)[0][0] if found else ""
    taken = {each.student for each in found}
    called = Counter(person.key(lms) for person in roster.people)
    missing: dict[str, Person] = {}
    for person in left:
        key = person.key(lms)
        # A namesake's, or somebody's who is not known to be this one.
        if called[key] > 1 or key in taken:
            key = person.own_key(lms)
        while key in missing:  # two who differ in their time alone
            key = key_of("", key, f"{key}/")
        missing[key] = person
    return Joined(people, missing, notes, True, roster.assignments)


def _may_be_anothers(each: Collected, listed: set[tuple[str, str]]) -> bool:
    """Whether a number may be another's: of those that can be read, the list has not it alone."""
    own, *others = ((each.lms, name.casefold()) for name in (each.lms_id, *each.others))
    return bool(others) and {own, *others} & listed != {own}


def _pairs(
    left: Sequence[Person],
    ours: Callable[[Person], Iterable[Any]],
    free: Sequence[Collected],
    theirs: Callable[[Collected], Iterable[Any]],
) -> list[tuple[Person, Collected]]:
    """Return who is whose, where a name is one person's and one submission's."""
    people, submissions = _called(left, ours), _called(free, theirs)
    pairs = {
        (people[name][0], submissions[name][0].student)
        for name in people.keys() & submissions.keys()
        if len(people[name]) == len(submissions[name]) == 1
    }
    persons = Counter(person for person, _ in pairs)
    students = Counter(student for _, student in pairs)
    by_key = {each.student: each for each in free}
    return [
        (person, by_key[student])
        for person, student in pairs
        if persons[person] == students[student] == 1
    ]


def _called(those: Sequence[Any], names: Callable[[Any], Iterable[Any]]) -> dict[Any, list[Any]]:
    called = defaultdict(list)
    for each in those:
        for name in set(names(each)):
            called[name].append(each)
    return called


def _in_the_lms(person: Person) -> set[tuple[str, str]]:
    known = {
        ("canvas", person.canvas), ("moodle", person.moodle), ("blackboard", person.login),
        ("blackboard", person.number), ("brightspace", person.number), ("github", person.github),
        ("gradescope", person.email), ("gradescope", person.number),
    }  # fmt: skip
    return {(lms, name.casefold()) for lms, name in known if name}


def _logins(person: Person) -> set[str]:
    names = {person.login, person.number, person.email, person.email.partition("@")[0]}
    return {name.casefold() for name in (names | {person.github}) if name}


def _own_logins(each: Collected) -> set[str]:
    # In an LMS people may choose their names, and choose another's login.
    names = (each.lms_id, *each.also) if each.lms else (each.name,)
    return {name.casefold() for name in names if name}


def _whole_names(name: str) -> set[str]:
    """Return a name in one word as LMSs write it: the last name first, or the first."""
    words = [_glued(word) for word in re.split(r"[\s,_]+", name)]
    return {"".join(words[at:] + words[:at]) for at in range(min(len(words), 8))} - {""}


def _glued(name: str) -> str:
    name = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in name if character.isalnum())


_WAYS: tuple[tuple[str, Callable[[Person], Iterable], Callable[[Collected], Iterable]], ...] = (
    (
        "", _in_the_lms,
        lambda each: {(each.lms, name.casefold()) for name in (each.lms_id, *each.also) if name},
    ),
    (
        "", _logins,
        # Numbers of Canvas's and Moodle's are of their own.
        lambda each: _own_logins(each) if each.lms not in ("canvas", "moodle", "github") else set(),
    ),
    (
        # Who is called so there has chosen it: it may well be another's login here.
        "found on the roster by the login at GitHub alone", _logins,
        lambda each: _own_logins(each) if each.lms == "github" else set(),
    ),
    (
        "found on the roster by the name alone", lambda person: _whole_names(person.name),
        lambda each: {_glued(each.name)} - {""},
    ),
)  # fmt: skip
