"""Choose which of a student's files counts, in the limits of `reader`: all it reads is theirs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from autograder.intake import files, names, salvage
from autograder.intake.files import Entry
from autograder.intake.names import stem

# What is read to tell an answered notebook from a blank one, and of how many.
MAX_PEEK = 2**26
MAX_PEEKED = 20
# How many files are named.
MAX_NAMED = 20

# As nbgrader writes it.
TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})? (UTC|[+-][0-9]{4})"
)


@dataclass(frozen=True)
class Choice:
    """The file that counts, or the reason why there is none; what is to be said, and the time."""

    entry: Entry | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    handed_in: datetime | None = None


def choose(
    entries: Sequence[Entry],
    lab: str,
    blanks: Mapping[str, str],
    in_lms: bool = False,
    wanted: str = "",
) -> Choice:
    """Return the one of a student's files that counts for a lab.

    Args:
        entries: the files, unpacked; the source of each that can be used is a `reader.Source`.
        lab: the lab's name.
        blanks: each exercise's cell as students get it: a notebook that answers any is chosen
            before one that answers none.
        in_lms: whether an LMS knows the student, and so the time.
        wanted: the file that a person has chosen, if so.
    """
    here, notes = files.without_course(entries)
    stamp = None
    for entry in here:
        if entry.parts == (lab, "timestamp.txt") and not (entry.packed or in_lms or entry.refused):
            stamp, problem = _timestamp(entry)
            notes += [f"`timestamp.txt` was ignored: {problem}"] if problem else []
    notebooks = [entry for entry in here if entry.is_notebook and not entry.refused]
    best = sorted(notebooks, key=lambda entry: _rank(entry, lab))
    if len(best) > 1:
        likely = best[-MAX_PEEKED:]
        answered = {id(entry): _answers_any(entry, blanks) for entry in likely}
        # Of two that are answered, one in a folder of solutions comes last.
        likely.sort(key=lambda e: (-e.older, answered[id(e)], not files.is_solution(e.parts)))
        best[-MAX_PEEKED:] = likely
    refused = [f"`{entry.shown}`: {entry.refused}" for entry in here if entry.refused]
    if not best:
        return Choice(reason=_why_none(here, refused), notes=tuple(notes))
    if wanted:
        asked = [entry for entry in best if entry.shown == wanted]
        best = [entry for entry in best if entry not in asked] + asked
        said = "as a person chose" if asked else f"`{files.shown(wanted)}`, chosen, is not there"
        notes.append(said)
    chosen = best[-1]
    if len(best) > 1:
        also = _listed([entry.shown for entry in best[:-1]], last=True)
        notes.append(f"graded `{chosen.shown}`; also there: {also}")
    if files.is_solution(chosen.parts):
        notes.append("graded from a folder `solutions`, as nothing else was handed in")
    notes += refused[:MAX_NAMED]
    left = [
        entry.shown
        for entry in here
        if not entry.is_notebook and not entry.refused and entry.name != "timestamp.txt"
    ]
    if left:
        notes.append(f"not looked at: {_listed(left)}")
    return Choice(chosen, notes=tuple(notes), handed_in=stamp or chosen.handed_in)


def _listed(names: list[str], *, last: bool = False) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[-MAX_NAMED:] if last else names[:MAX_NAMED]) + more


def _rank(entry: Entry, lab: str) -> tuple:
    """Order candidates: in the lab's folder, with the lab's name, the newest."""
    name = stem(entry.name)
    depth = len(entry.parts)
    in_place = 2 if entry.parts[0] == lab and depth == 2 else 1 if depth == 1 else 0
    # As Colab, browsers and Canvas name another version of it.
    inside = lab.lower() in name.lower()
    named = 2 if inside and not names.owner(entry.name, lab) else 1 if inside else 0
    version = re.search(r"(?:-|\()([0-9]+)\)?$", name)
    newest = entry.modified or datetime.min.replace(tzinfo=UTC)
    return (
        -entry.older,
        not files.is_solution(entry.parts),
        # A script is a second choice: it has no cells to know the answers by.
        not entry.name.lower().endswith(".py"),
        in_place,
        named,
        newest,
        int(version[1][:9]) if version else 0,
        entry.parts,
    )


def _answers_any(entry: Entry, blanks: Mapping[str, str]) -> bool:
    """Whether a file defines any exercise's function otherwise than the blank does."""
    try:
        content = entry.source.content()
    except OSError:
        return False
    if len(content) > MAX_PEEK:
        return True
    try:
        cells = salvage.read(content).cells
    except (salvage.Unreadable, MemoryError):
        return False
    return any(
        f"def {name}(" in cell.source and cell.source != blank
        for cell in cells
        for name, blank in blanks.items()
    )


def _why_none(entries: list[Entry], refused: list[str]) -> str:
    if refused:
        return "no notebook that can be read; " + "; ".join(refused[:MAX_NAMED])
    names = [entry.shown for entry in entries if entry.name != "timestamp.txt"]
    if names:
        return f"no notebook among what was handed in: {', '.join(names[:5])}"
    return "no notebook in the folder"


def _timestamp(entry: Entry) -> tuple[datetime | None, str]:
    """Read nbgrader's timestamp.txt; return the time, or what is wrong with it."""
    try:
        text = entry.source.content()[:100].decode("utf-8", "replace").strip()
    except OSError as error:
        return None, f"it cannot be read: {error}"
    match = TIMESTAMP.fullmatch(text)
    if match is None:
        return None, "nbgrader writes otherwise"
    day, time, fraction, zone = match.groups()
    zone = "+0000" if zone == "UTC" else zone
    try:
        written = f"{day} {time}{fraction or '.0'} {zone}"
        stamp = datetime.strptime(written, "%Y-%m-%d %H:%M:%S.%f %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None, "there is no such time"
    if not files.EARLIEST <= stamp <= datetime.now(UTC):
        return None, "it was not handed in then"
    return stamp, ""
