"""The class's grades as files that other programs read: a table, Canvas, Moodle, Gradescope.

Texts in them are inert: no cell of a table is a formula, however a spreadsheet splits the file.
"""

import csv
import html
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from autograder.intake.collect import Aside
from autograder.intake.reading import Read
from autograder.judge.outcome import Outcome
from autograder.labs.master import Lab
from autograder.results.gradebook import Grade
from autograder.sandbox.inside import clean

REMARKS = ["status", "reason", "flags", "repairs", "handed_in", "seconds", "seed"]
MAX_MESSAGE = 4000
MAX_CELL = 10_000  # Excel goes on in a new row after 32 767 characters.
# The header of Moodle's offline grading worksheet.
MOODLE = [
    "Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade",
    "Grade can be changed", "Last modified (submission)", "Last modified (grade)",
    "Feedback comments",
]  # fmt: skip

# What begins a formula (OWASP, "CSV injection"), in every form that becomes it: full width, small,
# raised. Tabs and ends of lines, which begin one too, are no longer in a line that is clean.
BEGINS = "=+-@\u207a\u207b\u207c\u208a\u208b\u208c\u2212\u2a75\u2a76\ufb29"
BEGINS += "\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
# Letters that show nothing.
FILLERS = "\u115f\u1160\u3164\uffa0"
# One stands inside a cell, wherever the file is split, if it is glued to a word or a bracket that
# ends ("Jean-Luc", "f(x)=3"), or between spaces after one ("x = 3").
INSIDE = rf"(?:[^\W{FILLERS}]|[)\]}}])"
BEGINNING = re.compile(
    rf"(?<![{re.escape(BEGINS)}])(?<!{INSIDE})(?!(?<={INSIDE} )[{re.escape(BEGINS)}]+ )"
    rf"[{re.escape(BEGINS)}]"
)


def write_table(
    lab: Lab,
    found: list[Read],
    outcomes: list[Outcome],
    grades: dict[str, Grade],
    path: Path,
    *,
    aside: Sequence[Aside] = (),
) -> None:
    """Write a row a student: score after the late penalty, points by check, and all remarks.

    A row with the status "aside" follows for each file that belongs to nobody's submission.
    """
    collected = {each.student: each for each in found}
    head = ["student", "name", "file", "score", "max", "late_penalty", *lab.checks, *REMARKS]
    rows: list[list] = [head]
    for outcome in outcomes:
        grade, each = grades[outcome.student], collected[outcome.student]
        remarks = [
            outcome.status,
            outcome.reason,
            "; ".join(outcome.flags),
            "; ".join(outcome.repairs),
            _iso(each.handed_in),
            f"{outcome.seconds:.1f}",
            outcome.seed,
        ]
        points = [grade.score, lab.points, grade.penalty, *grade.scores.values()]
        rows.append([outcome.student, each.name, each.graded, *points, *remarks])
    for file in aside:
        left = {"file": file.file, "status": "aside", "reason": file.reason}
        rows.append([left.get(column, "") for column in head])
    # For Excel, which takes a file without the mark for one in an older encoding.
    _write(path, rows, "utf-8-sig")


def write_canvas(lab: Lab, found: list[Read], grades: dict[str, Grade], path: Path) -> None:
    """Write what Canvas imports under Grades → Import.

    Students are known by the number in the names of Canvas's own download; where a class was
    collected otherwise, by what must then be their login.
    """
    rows: list[list] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", lab.title],
        ["    Points Possible", "", "", "", "", lab.points],
    ]
    for each in found:
        if each.student in grades:
            number = each.lms_id if each.lms == "canvas" else ""
            login = "" if each.lms else each.student
            score = grades[each.student].score
            rows.append([each.name or each.student, number, "", login, "", score])
    _write(path, rows)


def write_moodle(
    lab: Lab,
    found: list[Read],
    outcomes: list[Outcome],
    grades: dict[str, Grade],
    path: Path,
) -> None:
    """Write Moodle's grading worksheet, for "Upload grading worksheet" of an assignment."""
    by_student = {outcome.student: outcome for outcome in outcomes}
    rows: list[list] = [MOODLE]
    for each in found:
        if each.student not in grades:
            continue
        identifier = f"Participant {each.lms_id}" if each.lms == "moodle" else ""
        comment = _as_html(summary(lab, by_student[each.student], grades[each.student]))
        name, score = each.name or each.student, grades[each.student].score
        rows.append(
            [identifier, name, "", "", score, lab.points, "Yes", "", "", comment]
        )  # fmt: skip
    _write(path, rows)


def gradescope(lab: Lab, outcome: Outcome, grade: Grade) -> str:
    """Return a student's results.json, as Gradescope's autograders write it.

    Raises:
        ValueError: a score is no number, so that there is no such file.
    """
    tests = [
        {
            "number": f"{number}.{index}",
            "name": f"{exercise}: {check}",
            "score": grade.scores[check],
            "max_score": points,
            "status": "passed" if grade.scores[check] >= points else "failed",
            "output": said(outcome.messages.get(check, "")),
            "visibility": "visible",
        }
        for number, (exercise, checks) in enumerate(lab.exercises.items(), start=1)
        for index, (check, points) in enumerate(checks.items(), start=1)
    ]
    result = {
        "score": grade.score,
        "execution_time": round(outcome.seconds),
        "output": clean.lines("\n".join(filter(None, [outcome.reason, *outcome.repairs]))),
        # And neither HTML nor markdown.
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    return json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)


def no_gradescope(reason: str) -> str:
    """Return the results.json of a student for whom there is no other."""
    return json.dumps({"score": 0, "output": reason, "output_format": "text"}, ensure_ascii=False)


def summary(lab: Lab, outcome: Outcome, grade: Grade) -> str:
    """Return in a few lines what a student got and lost."""
    lines = [f"{_number(grade.score)} of {_number(lab.points)} points."]
    if outcome.reason:
        lines.append(f"{outcome.reason}.")
    if grade.penalty:
        lines.append(f"Late: {_number(grade.penalty)} points taken off.")
    for exercise, checks in lab.exercises.items():
        lost: dict[str, list[str]] = {}
        for check, points in checks.items():
            if grade.scores[check] < points and outcome.status == "graded":
                lost.setdefault(said(outcome.messages.get(check, "")), []).append(check)
        for message, names in lost.items():
            lines.append(f"{exercise}, {', '.join(names)}: {message}".rstrip(": "))
    return "\n".join(lines)


def said(message: str) -> str:
    """Return a message without the name of the error that carries it, clean, not without end."""
    message = clean.lines(message, MAX_MESSAGE).strip()
    return re.sub(r"^(AssertionError|CheckFailed): ", "", message).strip()


def _write(path: Path, rows: Iterable[list], encoding: str = "utf-8") -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([map(_cell, row) for row in rows])


def _cell(value: str | float) -> str:
    """Return what a cell holds: a number, or a text that no spreadsheet takes for a formula."""
    if isinstance(value, int | float):
        return str(value) if isinstance(value, int) else _number(value)
    return BEGINNING.sub(r"'\g<0>", clean.line(value, MAX_CELL))


def _as_html(text: str) -> str:
    """Return a text as HTML in one line; references in it stand for what begins a formula."""
    text = html.escape(clean.lines(text))
    text = re.sub(f"[{re.escape(BEGINS)}]", lambda match: f"&#{ord(match[0])};", text)
    return text.replace("\n", "<br>")


def _number(value: float) -> str:
    return f"{value:.10g}"


def _iso(time: datetime | None) -> str:
    return "" if time is None else time.isoformat(timespec="seconds")
