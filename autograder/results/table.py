"""The class as text: a table for a terminal, in which no student's text is more than its cell."""

from collections.abc import Sequence
from unicodedata import east_asian_width

from autograder.intake.collect import Aside
from autograder.intake.reading import Read
from autograder.judge.outcome import Outcome
from autograder.labs.master import Lab
from autograder.results.gradebook import Grade
from autograder.sandbox.inside import clean

# How wide what students chose may be.
MOST_NAME = 48
MOST_REMARKS = 400


def table(
    lab: Lab,
    outcomes: Sequence[Outcome],
    grades: dict[str, Grade],
    expected: dict[str, float] | None = None,
    *,
    found: Sequence[Read] = (),
    aside: Sequence[Aside] = (),
) -> str:
    """Return the class as text: points by exercise (numbered as in the lab) and remarks.

    Students are called by their key, and by the name in `found` where that is another. Files that
    are nobody's submission follow, and the last line counts them. A student's text is one cell.
    """
    names = {each.student: each.name or each.student for each in found}
    named = any(student != name for student, name in names.items())
    numbers = [str(number) for number in range(1, len(lab.exercises) + 1)]
    calls = ["student", *(["name"] if named else [])]
    rows = [[*calls, "score", *(["expected"] if expected else []), *numbers, "remarks"]]
    for outcome in outcomes:
        grade, student = grades[outcome.student], outcome.student
        points = [
            grade.score,
            *([expected[student]] if expected else []),
            *(sum(grade.scores[check] for check in own) for own in lab.exercises.values()),
        ]
        remarks = "; ".join(filter(None, [outcome.reason, *outcome.flags, *outcome.repairs]))
        called = [student, *([names.get(student, student)] if named else [])]
        rows.append(
            [
                *(shown(text, MOST_NAME) for text in called),
                *(f"{value:g}" for value in points),
                shown(remarks, MOST_REMARKS),
            ]
        )
    legend = (
        f"{number} {name} ({sum(checks.values()):g})"
        for number, (name, checks) in enumerate(lab.exercises.items(), start=1)
    )
    lines = [*_aligned(rows, len(calls)), "", "Exercises: " + ", ".join(legend)]
    if aside:
        each = (f"aside: {shown(f.file, MOST_NAME)}  {shown(f.reason, 100)}" for f in aside)
        lines += ["", *each, f"{len(aside)} left aside, as no student's submission."]
    return "\n".join(lines)


def _aligned(rows: list[list[str]], names: int) -> list[str]:
    """Return lines: so many columns of names to the left, numbers to the right, the last as is."""
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        space = [" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False)]
        left = [cell + pad for cell, pad in zip(row[:names], space, strict=False)]
        right = [pad + cell for cell, pad in zip(row[:-1], space, strict=True)][names:]
        lines.append("  ".join([*left, *right, row[-1]]).rstrip())
    return lines


def shown(text: str, most: int) -> str:
    """Return a text as one cell of a terminal's table: no gaps in it, and at most so wide."""
    text = " ".join(clean.line(text, most).split())
    if _width(text) <= most:
        return text
    while _width(text) > most - 2:
        text = text[:-1]
    return f"{text} …"


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes: Chinese characters two, marks none."""
    return sum(
        1 + (east_asian_width(character) in "WF")
        for character in text
        if character not in clean.MARKS + clean.JOINERS
    )
