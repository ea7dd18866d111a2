"""The class's grades as files that other programs read: a table, and what LMSs import.

Texts in them are inert: no cell of a table is a formula, however a spreadsheet splits the file.
"""

import csv
import html
import io
import json
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from autograder.intake.collect import Aside, BadUsage
from autograder.intake.reading import Read
from autograder.intake.roster import Joined, Person
from autograder.judge.outcome import Outcome
from autograder.labs.master import Lab
from autograder.results.gradebook import Grade
from autograder.sandbox.inside import clean
from autograder.whole import write_whole, writing_whole

WHO = ["student", "name", "login", "section", "listed"]
REMARKS = ["by_hand", "comments", "status", "reason", "flags", "repairs", "handed_in", "seconds"]
REMARKS += ["seed"]
NOBODY = Joined()  # where there is no class list
MAX_MESSAGE = 4000
MAX_CELL = 10_000  # Excel goes on in a new row after 32 767 characters.
# The header of Moodle's offline grading worksheet.
MOODLE = [
    "Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade",
    "Grade can be changed", "Last modified (submission)", "Last modified (grade)",
    "Feedback comments",
]  # fmt: skip


def write_table(
    lab: Lab,
    found: list[Read],
    outcomes: list[Outcome],
    grades: dict[str, Grade],
    path: Path,
    *,
    aside: Sequence[Aside] = (),
    joined: Joined = NOBODY,
) -> None:
    """Write a row a student: score after the late penalty, points by check, and all remarks.

    Rows with the status "missing" follow for those on the class list who handed in nothing, and one
    with "aside" for each file that belongs to nobody's submission.
    """
    collected = {each.student: each for each in found}
    head = [*WHO, "file", "score", "max", "late", "hours_late", "late_penalty"]
    head += [*lab.checks, *REMARKS]
    rows: list[list] = [head]
    for outcome in outcomes:
        grade, each = grades[outcome.student], collected[outcome.student]
        remarks = [
            "; ".join(f"{check}: {_number(was)}" for check, was in grade.by_hand.items()),
            "; ".join(f"{exercise}: {said}" for exercise, said in grade.comments.items()),
            outcome.status,
            outcome.reason,
            "; ".join(outcome.flags),
            "; ".join(outcome.repairs),
            _iso(each.handed_in),
            f"{outcome.seconds:.1f}",
            outcome.seed,
        ]
        points = [grade.score, lab.points, *_lateness(grade, each), *grade.scores.values()]
        rows.append([*_who(each.student, each.name, joined), each.graded, *points, *remarks])
    for student, person in joined.missing.items():
        who = dict(zip(WHO, _who(student, person.name, joined), strict=True))
        missing = who | {"max": lab.points, "status": "missing", "reason": "handed in nothing"}
        rows.append([missing.get(column, "") for column in head])
    for file in aside:
        left = {"file": file.file, "status": "aside", "reason": file.reason}
        rows.append([left.get(column, "") for column in head])
    # For Excel, which takes a file without the mark for one in an older encoding.
    write_rows(path, rows, "utf-8-sig")


def _who(student: str, name: str, joined: Joined) -> list[str]:
    """Return the student's key, and what the class list says: nothing, where there is none."""
    person = joined.person(student)
    listed = ("yes" if person != Person() else "no") if joined.listed else ""
    return [student, name, person.login, person.section, listed]


def _lateness(grade: Grade, each: Read) -> list:
    """Return whether, by how many hours, and at what cost a submission was late."""
    seconds = grade.seconds_late
    # Canvas says of everyone whether, and of nobody by how much.
    known = seconds is not None or each.lms == "canvas"
    late = "yes" if seconds or each.late else "no" if known else ""
    return [late, "" if seconds is None else round(seconds / 3600, 2), grade.penalty]


def assignment(lab: Lab, asked: str | None, columns: Sequence[str]) -> str:
    """Return the name of the lab's column in Canvas's gradebook.

    Args:
        lab: the lab.
        asked: what a person says it is, or a part of it.
        columns: those of a gradebook that Canvas exported.

    Raises:
        BadUsage: none of them is that one.
    """
    if asked is None:
        titles = (lab.title, lab.title.partition(":")[0])  # "Lab 02: …", or "Lab 02"
        meant = [each for each in columns if each.rpartition(" (")[0] in titles]
        return meant[0] if len(meant) == 1 else lab.title
    meant = [each for each in columns if each == asked] or [e for e in columns if asked in e]
    if columns and len(meant) != 1:
        raise BadUsage(
            f"--assignment {clean.line(asked)!r} is no column of the gradebook: there is "
            f"{', '.join(map(clean.line, columns))}"
        )
    return meant[0] if meant else asked


def is_doubtful(each: Read, joined: Joined) -> bool:
    """Whether the number by which an LMS knows a student may be another's."""
    return bool(each.others) and each.student not in joined.people


def write_canvas(
    lab: Lab,
    found: list[Read],
    grades: dict[str, Grade],
    path: Path,
    *,
    joined: Joined = NOBODY,
    column: str | None = None,
) -> None:
    """Write what Canvas imports under Grades → Import.

    Students are known by Canvas's number, from the class list or from the names of its own
    download; where a class was collected otherwise, by what must then be their login. Who handed in
    nothing is left out: what stands there was given by a person.
    """
    rows: list[list] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", column or lab.title],
        ["    Points Possible", "", "", "", "", lab.points],
    ]
    for each in found:
        if each.student in grades:
            person = joined.person(each.student)
            known = each.lms == "canvas" and each.lms_id.isdecimal()  # and not anonymous
            number = each.lms_id if known else person.canvas
            login = person.login or ("" if each.lms else each.student)
            name = person.name or each.name or each.student
            score = grades[each.student].score
            rows.append([name, number, person.number, login, person.section, score])
    write_rows(path, rows)


def write_moodle(
    lab: Lab,
    found: list[Read],
    outcomes: list[Outcome],
    grades: dict[str, Grade],
    path: Path,
    *,
    joined: Joined = NOBODY,
) -> None:
    """Write what Moodle imports under Upload grading worksheet, with the reasons as comments."""
    by_student = {outcome.student: outcome for outcome in outcomes}
    rows: list[list] = [MOODLE]
    for each in found:
        if each.student in grades:
            outcome, grade = by_student[each.student], grades[each.student]
            person = joined.person(each.student)
            known = each.lms == "moodle" and each.lms_id.isdecimal()  # and not doubtful
            number = each.lms_id if known else person.moodle
            identifier = f"Participant {number}" if number else ""
            name, points = person.name or each.name or each.student, [grade.score, lab.points]
            comment = _as_html(summary(lab, outcome, grade))
            rows.append([identifier, name, person.email, "", *points, "Yes", "", "", comment])
    write_rows(path, rows)


def write_blackboard(
    found: list[Read], grades: dict[str, Grade], path: Path, *, joined: Joined, column: str
) -> None:
    """Write what Blackboard takes under Upload Grades: the login, and the column that it finds."""
    rows: list[list] = [["Username", column]]
    for each in found:
        login = joined.person(each.student).login or (
            each.lms_id if each.lms == "blackboard" else ""
        )
        if login and each.student in grades:
            rows.append([login, grades[each.student].score])
    write_rows(path, rows)


def write_brightspace(
    found: list[Read], grades: dict[str, Grade], path: Path, *, joined: Joined, column: str
) -> None:
    """Write what Brightspace takes under Import Grades; its download does not say these logins."""
    rows: list[list] = [
        ["OrgDefinedId", "Username", f"{column} Points Grade", "End-of-Line Indicator"]
    ]
    for each in found:
        person = joined.person(each.student)
        if (person.number or person.login) and each.student in grades:
            rows.append([person.number, person.login, grades[each.student].score, "#"])
    write_rows(path, rows)


def write_moodle_feedback(found: list[Read], grades: dict[str, Grade], output: Path) -> None:
    """Write the archive of pages that Moodle takes under Upload multiple feedback files.

    Moodle reads whose a file is from its folder, as in its own download.
    """
    path = output / "moodle-feedback.zip"
    theirs = [each for each in found if each.lms == "moodle" and each.lms_id.isdecimal()]
    theirs = [each for each in theirs if each.student in grades]
    if not theirs:
        path.unlink(missing_ok=True)
        return
    with writing_whole(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in theirs:
            # It splits the name at "_", and the number comes second.
            name = re.sub(r"[^\w .'-]|_", " ", clean.key(each.name)).strip()
            folder = f"{name}_{each.lms_id}_assignsubmission_file_"
            page = (output / "feedback" / f"{each.student}.html").read_bytes()
            member = zipfile.ZipInfo(f"{folder}/feedback.html")
            archive.writestr(member, page, zipfile.ZIP_DEFLATED)


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
            "output": "\n".join(_about_check(check, outcome, grade)),
            "visibility": "visible",
        }
        for number, (exercise, checks) in enumerate(lab.exercises.items(), start=1)
        for index, (check, points) in enumerate(checks.items(), start=1)
    ]
    result = {
        "score": grade.score,
        "execution_time": round(outcome.seconds),
        "output": clean.lines("\n".join(_about_all(outcome, grade))),
        # And neither HTML nor markdown.
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    return json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)


def _about_check(check: str, outcome: Outcome, grade: Grade) -> list[str]:
    lines = [said(outcome.messages.get(check, ""))]
    if check in grade.by_hand:
        automatic = _number(grade.by_hand[check])
        lines.append(f"A person gave these points; automatic: {automatic}.")
    return [line for line in lines if line]


def _about_all(outcome: Outcome, grade: Grade) -> list[str]:
    lines = [outcome.reason]
    if grade.penalty:
        lines.append(f"Late: {_number(grade.penalty)} points taken off.")
    lines += [f"Comment on {name}: {said}" for name, said in grade.comments.items()]
    return [line for line in [*lines, *outcome.repairs] if line]


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
    if grade.by_hand:
        lines.append(f"A person gave the points of {', '.join(grade.by_hand)}.")
    for exercise, checks in lab.exercises.items():
        lost: dict[str, list[str]] = {}
        for check, points in checks.items():
            if grade.scores[check] < points and outcome.status == "graded":
                lost.setdefault(said(outcome.messages.get(check, "")), []).append(check)
        for message, names in lost.items():
            lines.append(f"{exercise}, {', '.join(names)}: {message}".rstrip(": "))
        if exercise in grade.comments:
            lines.append(f"{exercise}, a person's comment: {grade.comments[exercise]}")
    return "\n".join(lines)


def said(message: str) -> str:
    """Return a message without the name of the error that carries it, clean, not without end."""
    message = clean.lines(message, MAX_MESSAGE).strip()
    return re.sub(r"^(AssertionError|CheckFailed): ", "", message).strip()


def write_rows(path: Path, rows: Iterable[list], encoding: str = "utf-8") -> None:
    """Write a table, in which each text is one cell and no formula."""
    table = io.StringIO(newline="")
    csv.writer(table, quoting=csv.QUOTE_ALL).writerows([map(_cell, row) for row in rows])
    write_whole(path, table.getvalue().encode(encoding))


def _cell(value: str | float) -> str:
    """Return what a cell holds: a number, or a text that no spreadsheet takes for a formula."""
    if isinstance(value, int | float):
        return str(value) if isinstance(value, int) else _number(value)
    return clean.cell(clean.line(value, MAX_CELL))


def _as_html(text: str) -> str:
    """Return a text as HTML in one line; references in it stand for what begins a formula."""
    text = html.escape(clean.lines(text))
    text = re.sub(f"[{re.escape(clean.BEGINS)}]", lambda match: f"&#{ord(match[0])};", text)
    return text.replace("\n", "<br>")


def _number(value: float) -> str:
    return f"{value:.10g}"


def _iso(time: datetime | None) -> str:
    return "" if time is None else time.isoformat(timespec="seconds")
