"""Which file counts, where a person says so: `choices.csv` in the output folder, and `--file`.

A row is a student and a file, as the overview shows both, with a "'" before what begins a formula.
It holds for later runs too, until the file is chosen otherwise, or by `--file STUDENT=` no more.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from autograder.intake.collect import Aside, Collected
from autograder.intake.files import BadUsage, shown
from autograder.intake.roster import Joined
from autograder.sandbox.inside import clean
from autograder.whole import is_cut, write_whole

NAME = "choices.csv"
HEAD = ["student", "file"]
MAX_NAMED = 9


def parsed(options: Sequence[str]) -> dict[str, str]:
    """Return what `--file STUDENT=PATH` options say.

    Raises:
        BadUsage: one says nothing.
    """
    choices = {}
    for option in options:
        student, given, path = option.partition("=")
        if not given or not student:
            raise BadUsage(f"--file {shown(option)!r} is not STUDENT=PATH")
        choices[student] = path
    return choices


def kept(output: Path) -> dict[str, str]:
    """Return what an output folder's `choices.csv` says.

    Raises:
        BadUsage: it cannot be read, or not to its end.
    """
    try:
        text = (output / NAME).read_bytes().decode("utf-8-sig", "surrogatepass")
        head, *rows = csv.reader(text.splitlines(), strict=True)
        if is_cut(text) or head != HEAD or any(len(row) == 1 for row in rows):
            raise ValueError
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadUsage(f"{shown(str(output / NAME))} cannot be read: {error}") from None
    except (ValueError, csv.Error):
        raise BadUsage(
            f"{shown(str(output / NAME))} is empty, cut off or no table of students and files: "
            "mend it, or remove it and choose again with --file"
        ) from None
    pairs = (map(clean.of_cell, row[:2]) for row in rows if row)
    return {student: path for student, path in pairs if student and path}


def keep(output: Path, choices: dict[str, str]) -> None:
    """Write `choices.csv`."""
    table = io.StringIO(newline="")
    rows = [map(clean.cell, pair) for pair in sorted(choices.items())]
    csv.writer(table, quoting=csv.QUOTE_ALL).writerows([HEAD, *rows])
    # A file's name may be no text.
    write_whole(output / NAME, table.getvalue().encode("utf-8", "surrogatepass"))


def resolved(
    found: Sequence[Collected], joined: Joined, choices: dict[str, str], option: str = "--file"
) -> dict[str, str]:
    """Return choices by the students' keys.

    Raises:
        BadUsage: there is no such student, or there are several.
    """
    return {called(found, joined, student, option): path for student, path in choices.items()}


def called(found: Sequence[Collected], joined: Joined, name: str, option: str) -> str:
    """Return the key of the student who is called so: by key, login, number, address or name.

    Raises:
        BadUsage: there is none, or there are several.
    """
    names = {each.student: {each.name} for each in found}
    for key, person in (joined.people | joined.missing).items():
        logins = {person.login, person.number, person.email, person.github}
        names.setdefault(key, set()).update(logins | {person.name})
    keys = [name] if name in names else [key for key, own in names.items() if name in own]
    if not keys:
        there = [each.name for each in found[:MAX_NAMED]]
        more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
        raise BadUsage(f"no submission of {shown(name)}: there is {', '.join(there)}{more}")
    if len(keys) > 1:
        raise BadUsage(
            f"{len(keys)} students are called {shown(name)}: {option} takes one of "
            f"{', '.join(keys)}"
        )
    return keys[0]


def applied(
    found: Sequence[Collected],
    aside: Sequence[Aside],
    joined: Joined,
    choices: dict[str, str],
    asked: dict[str, str],
) -> list[Collected]:
    """Return the students with the files that a person chose for them, by key.

    A file that nobody's name stands on goes to whom it is given.

    Args:
        found: the students.
        aside: the files that are nobody's submission.
        joined: who they are, and who has none.
        choices: what was chosen, by the student's key.
        asked: the part of it that was asked for now.

    Raises:
        BadUsage: what was asked for now is not there, or another's.
    """
    by_key = {each.student: each for each in found}
    for key, path in choices.items():
        student = by_key.get(key)
        if student is None and key in joined.missing:
            student = Collected(key, name=joined.missing[key].name or key)
        try:
            if student is None:
                raise BadUsage(f"no submission of {shown(key)}")
            by_key |= _given(student, path, by_key, aside, joined)
        except BadUsage:
            if key in asked:
                raise
            if student is not None and key in by_key:
                note = f"`{shown(path)}`, chosen before, is not there any more"
                by_key[key] = replace(student, notes=(*student.notes, note))
    return sorted(
        (each for each in by_key.values() if each.entries or not each.nobody),
        key=lambda each: (each.name, each.student),
    )


def unmet(found: Sequence[Collected], choices: dict[str, str]) -> list[str]:
    """Return the choices for whom there is no submission, as `--file` took them, in one line each.

    Of a student who has one, the notes say what became of the choice.
    """
    there = {each.student for each in found}
    return [f"{shown(key)}={shown(path)}" for key, path in choices.items() if key not in there]


def _given(
    student: Collected,
    path: str,
    by_key: dict[str, Collected],
    aside: Sequence[Aside],
    joined: Joined,
) -> dict[str, Collected]:
    """Return the students whom it changes that a file is a student's."""
    for entry in student.entries:
        # In an archive of the student's own it is for the reader to find.
        called = {entry.shown, "/".join(entry.parts), shown(entry.path), entry.path}
        for name in filter(None, called):
            if path == name or (entry.is_archive and path.startswith(f"{name}/")):
                wanted = f"{entry.shown}{path.removeprefix(name)}"
                # Were another number to be read in its name, a person has said whose it is.
                return {student.student: replace(student, wanted=wanted, others=())}
    for other in by_key.values():
        for entry in other.entries:
            if path not in (shown(entry.path), entry.path):
                continue
            unknown = other.student not in joined.people and (
                bool(other.others) or (joined.listed and not other.lms)
            )
            if not (unknown or (other.nobody and not other.lms)):
                raise BadUsage(f"--file: {shown(path)} is {other.name}'s ({other.student})")
            moved = replace(
                student, entries=(*student.entries, entry), wanted=entry.shown,
                notes=(*student.notes, f"`{shown(path)}` was given to this student by a person"),
            )  # fmt: skip
            rest = tuple(each for each in other.entries if each is not entry)
            left = replace(other, entries=rest, nobody=True)
            return {other.student: left, student.student: moved}
    for file in aside:
        if file.file == shown(path):
            raise BadUsage(f"--file: {file.file} was left aside: {file.reason}")
    own = ", ".join(entry.shown for entry in student.entries[:20]) or "nothing"
    raise BadUsage(f"--file: no file {shown(path)}; {student.student} handed in {own}")
