"""The class's grades as files that other programs read: a table, Canvas, Moodle, Gradescope."""

import csv
import html
import json
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from autograder.build import Lab
from autograder.collect import Collected
from autograder.gradebook import Grade
from autograder.submission import Outcome

REMARKS = ["status", "reason", "flags", "repairs", "handed_in", "seconds", "seed"]
MAX_MESSAGE = 4000
# The header of Moodle's offline grading worksheet.
MOODLE = [
    "Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade",
    "Grade can be changed", "Last modified (submission)", "Last modified (grade)",
    "Feedback comments",
]  # fmt: skip


def write_table(
    lab: Lab,
    found: list[Collected],
    outcomes: list[Outcome],
    grades: dict[str, Grade],
    path: Path,
) -> None:
    """Write a row a student: score after the late penalty, points by check, and all remarks."""
    handed_in = {each.student: each.handed_in for each in found}
    rows = [["student", "score", "max", "late_penalty", *lab.checks, *REMARKS]]
    for outcome in outcomes:
        grade = grades[outcome.student]
        points = [grade.score, lab.points, grade.penalty, *grade.scores.values()]
        remarks = [
            outcome.status,
            outcome.reason,
            "; ".join(outcome.flags),
            "; ".join(outcome.repairs),
            _iso(handed_in.get(outcome.student)),
            f"{outcome.seconds:.1f}",
            outcome.seed,
        ]
        rows.append([outcome.student, *map(_number, points), *remarks])
    # For Excel, which takes a file without the mark for one in an older encoding.
    _write(path, rows, "utf-8-sig")


def write_canvas(lab: Lab, found: list[Collected], grades: dict[str, Grade], path: Path) -> None:
    """Write what Canvas imports under Grades → Import.

    Students are known by the number in the names of Canvas's own download; where a class was
    collected otherwise, by what must then be their login.
    """
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", lab.title],
        ["    Points Possible", "", "", "", "", _number(lab.points)],
    ]
    for each in found:
        if each.student in grades:
            number = each.lms_id if each.lms == "canvas" else ""
            login = "" if each.lms else each.student
            score = _number(grades[each.student].score)
            rows.append([each.student, number, "", login, "", score])
    _write(path, rows)


def write_moodle(
    lab: Lab,
    found: list[Collected],
    outcomes: list[Outcome],
    grades: dict[str, Grade],
    path: Path,
) -> None:
    """Write Moodle's grading worksheet, for "Upload grading worksheet" of an assignment."""
    by_student = {outcome.student: outcome for outcome in outcomes}
    rows = [MOODLE]
    for each in found:
        if each.student not in grades:
            continue
        identifier = f"Participant {each.lms_id}" if each.lms == "moodle" else ""
        comment = html.escape(summary(lab, by_student[each.student], grades[each.student]))
        score, most = _number(grades[each.student].score), _number(lab.points)
        rows.append(
            [identifier, each.student, "", "", score, most, "Yes", "-", "-",
             comment.replace("\n", "<br>")]
        )  # fmt: skip
    _write(path, rows)


def gradescope(lab: Lab, outcome: Outcome, grade: Grade) -> str:
    """Return a student's results.json, as Gradescope's autograders write it."""
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
        "output": "\n".join(filter(None, [outcome.reason, *outcome.repairs])),
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    return json.dumps(result, indent=1, ensure_ascii=False)


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
    """Return a message without the name of the error that carries it, and not without end."""
    message = re.sub(r"^(AssertionError|CheckFailed): ", "", message).strip()
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + " …"


def _write(path: Path, rows: Iterable[list], encoding: str = "utf-8") -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([_harmless(cell) for cell in row] for row in rows)


def _harmless(cell):
    """Keep a spreadsheet from taking a text that students chose for a formula."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) and cell != "-":
        return f"'{cell}"
    return cell


def _number(value: float) -> str:
    return f"{value:.10g}"


def _iso(time: datetime | None) -> str:
    return "" if time is None else time.isoformat(timespec="seconds")
