"""The class as text: a table for a terminal, in which no student's text is more than its cell."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from unicodedata import east_asian_width

from autograder.intake.collect import Aside
from autograder.intake.reading import Read
from autograder.intake.roster import Joined
from autograder.judge.outcome import Outcome
from autograder.labs.master import Lab
from autograder.results.gradebook import Grade
from autograder.sandbox.inside import clean

# How wide what is printed may be, and what students chose in it.
WIDTH = 80
MOST_NAME = 24
LEAST_NAME, LEAST_REMARKS = 11, 17


def table(
    lab: Lab,
    outcomes: Sequence[Outcome],
    grades: dict[str, Grade],
    expected: dict[str, float] | None = None,
    *,
    found: Sequence[Read] = (),
    aside: Sequence[Aside] = (),
    joined: Joined | None = None,
) -> str:
    """Return the class as text: points by exercise (numbered as in the lab) and remarks.

    Students are called by their key, and by the name in `found` where that is another. Those who
    handed in nothing and files that are nobody's submission follow. A student's text is one cell;
    what has no room in 80 columns stands in grades.csv.
    """
    names = {each.student: each.name or each.student for each in found}
    late = {each.student for each in found if each.late}
    joined = joined or Joined()
    missing = joined.missing
    listed = (joined.people | missing).items()
    names |= {key: person.name or names.get(key, key) for key, person in listed}
    named = any(student != name for student, name in names.items())
    numbers = [str(number) for number in range(1, len(lab.exercises) + 1)]
    rows = [["score", *(["expected"] if expected else []), *numbers, "remarks"]]
    calls = [["student", "name"]]
    for outcome in outcomes:
        grade, student = grades[outcome.student], outcome.student
        points = [
            grade.score,
            *([expected[student]] if expected else []),
            *(sum(grade.scores[check] for check in own) for own in lab.exercises.values()),
        ]
        remarks = [
            "late" if grade.seconds_late or student in late else "",
            "by hand" if grade.by_hand else "",
            outcome.reason, *outcome.flags, *outcome.repairs,
        ]  # fmt: skip
        rows.append([*(f"{value:g}" for value in points), "; ".join(filter(None, remarks))])
        calls.append([student, names.get(student, student)])
    for student in missing:
        rows.append([*[""] * (len(rows[0]) - 1), "handed in nothing"])
        calls.append([student, names[student]])
    legend = ", ".join(
        f"{number} {name} ({sum(checks.values()):g})"
        for number, (name, checks) in enumerate(lab.exercises.items(), start=1)
    )
    lines = [*_fitted(calls if named else [call[:1] for call in calls], rows), ""]
    lines += textwrap.wrap(f"Exercises: {legend}", WIDTH, break_on_hyphens=False)
    if aside:
        each = (f"aside: {shown(f.file, 30)}  {shown(f.reason, WIDTH - 40)}" for f in aside)
        lines += ["", *each, f"{len(aside)} left aside, as no student's submission."]
    return "\n".join(lines)


def _fitted(calls: list[list[str]], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table as wide as a terminal: names, numbers, and a remark."""
    numbers = [max(map(_width, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
    left = WIDTH - sum(numbers) - 2 * (len(numbers) + len(calls[0])) - LEAST_REMARKS
    if left < LEAST_NAME * len(calls[0]):  # then names alone, where they are not two people's
        twice = Counter(call[-1] for call in calls)
        calls = [[call[-1] if twice[call[-1]] == 1 else call[0]] for call in calls]
        left = WIDTH - sum(numbers) - 2 * (len(numbers) + 1) - LEAST_REMARKS
    if left < LEAST_NAME and len(numbers) > 1:  # nor is there room for each exercise
        return _fitted(calls, [[row[0], row[-1]] for row in rows])
    most = max(LEAST_NAME, min(MOST_NAME, left // len(calls[0])))
    calls = [[shown(text, most) for text in call] for call in calls]
    widths = [max(map(_width, column)) for column in zip(*calls, strict=True)]
    room = WIDTH - sum(numbers) - sum(widths) - 2 * (len(numbers) + len(widths))
    lines = []
    for call, row in zip(calls, rows, strict=True):
        cells = [
            *(
                text + " " * (width - _width(text))
                for text, width in zip(call, widths, strict=True)
            ),
            *(text.rjust(width) for text, width in zip(row[:-1], numbers, strict=True)),
            shown(row[-1], max(room, 2)),
        ]
        lines.append("  ".join(cells).rstrip())
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
