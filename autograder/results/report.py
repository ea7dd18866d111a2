"""What people read after grading: a page a student, and one about the class.

Every page is one file that needs nothing from the net, and runs nothing. A student's that cannot be
made says so; that, or that it cannot be written, is said in the student's row, and costs no other.
"""

import re
import statistics
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import mistune
from latex2mathml.converter import convert as mathml
from markupsafe import Markup
from mistune.plugins.math import math
from nbgrader.utils import is_solution

from autograder.intake.collect import Aside
from autograder.intake.reading import Read
from autograder.intake.roster import Joined
from autograder.judge.outcome import Outcome
from autograder.labs.master import Lab
from autograder.results import exports, pages
from autograder.results.gradebook import Grade
from autograder.sandbox.inside import clean
from autograder.whole import write_whole

DETAILS = re.compile(r"<details>\s*<summary>.*?</summary>(.*?)</details>", re.DOTALL)
MAX_REMARKS = 100  # of a kind, on one student's page


def write(
    lab: Lab,
    found: list[Read],
    outcomes: list[Outcome],
    grades: dict[str, Grade],
    output: Path,
    *,
    answers: Callable[[str], dict[str, str]],
    aside: Sequence[Aside] = (),
    joined: Joined = exports.NOBODY,
    assignment: str | None = None,
    not_final: Collection[str] = (),
) -> set[str]:
    """Fill the output folder with pages and tables for the students that have been graded.

    Args:
        lab: the lab.
        found: what was collected.
        outcomes: of those of them that have been graded. What cannot be written of a student's
            becomes the first of the repairs, with the reason.
        grades: the gradebook's, for the same students.
        output: the folder.
        answers: gives a student's answers, by exercise, as they were graded.
        aside: files that belong to nobody's submission.
        joined: who is who on the class list, and who handed in nothing.
        assignment: the lab's column in Canvas's gradebook; None for its title.
        not_final: who is graded anew by the next run. What an LMS imports has nothing of theirs,
            and nothing of those whose number may be another's.

    Returns:
        of whom something could not be written.

    Raises:
        Exception: a file about the class cannot be made or written, as an OSError says; whatever
            else can be has been.
    """
    feedback = pages.template("feedback.html.j2")
    hints = _hints(lab)
    found = [replace(e, name=joined.person(e.student).name or e.name) for e in found]
    collected = {each.student: each for each in found}
    unwritten = set()
    for outcome in outcomes:
        student, grade = outcome.student, grades[outcome.student]
        about = lab, collected[student], outcome, grade
        page = partial(_page, feedback, *about, hints, answers)
        write_page = partial(_put, output / "feedback" / f"{student}.html", page, _no_page)
        path = output / "gradescope" / student / "results.json"
        results = partial(exports.gradescope, lab, outcome, grade)
        write_results = partial(_put, path, results, exports.no_gradescope)
        if student in not_final:
            write_results = partial(path.unlink, missing_ok=True)
        problems = [*_tried("its page", write_page), *_tried("its results.json", write_results)]
        if problems:
            outcome.repairs[:0] = problems
            unwritten.add(student)
    overview = pages.template("overview.html.j2")
    figures = _overview(lab, found, outcomes, grades, joined)
    text = overview.render(lab=lab, aside=aside, joined=joined, **figures)
    sure = [each for each in found if not exports.is_doubtful(each, joined)]
    sure = [each for each in sure if each.student not in not_final]
    whole = [each for each in sure if each.student not in unwritten]  # else the page is an old one
    column, used = assignment or lab.title, {each.lms for each in found}
    files: list[Callable[[], None]] = [
        partial(write_whole, output / "overview.html", text.encode("utf-8")),
        partial(
            exports.write_table, lab, found, outcomes, grades, output / "grades.csv",
            aside=aside, joined=joined,
        ),
        partial(
            exports.write_canvas, lab, sure, grades, output / "canvas.csv",
            joined=joined, column=assignment,
        ),
        partial(
            exports.write_moodle, lab, sure, outcomes, grades, output / "moodle.csv", joined=joined
        ),
        partial(exports.write_moodle_feedback, whole, grades, output),
    ]  # fmt: skip
    for lms, export in (
        ("blackboard", exports.write_blackboard), ("brightspace", exports.write_brightspace),
    ):  # fmt: skip
        if lms in used:
            path = output / f"{lms}.csv"
            files.append(partial(export, sure, grades, path, joined=joined, column=column))
    failed = []
    for write_file in files:
        try:
            write_file()
        except Exception as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return unwritten


def _tried(what: str, write_file: Callable[[], None]) -> list[str]:
    """Write something of one student's; return why that failed, in a line, if it did."""
    try:
        write_file()
    except Exception as error:  # whatever a student's words and numbers, or the disk, bring about
        reason = getattr(error, "strerror", None) or error
        return [clean.line(f"{what} could not be written: {type(error).__name__}: {reason}")]
    return []


def _put(path: Path, make: Callable[[], str], instead: Callable[[str], str]) -> None:
    """Write what is made for one student, or, if that fails, what stands in for it.

    Raises:
        Exception: it could not be made, or not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        content = make().encode("utf-8")
    except Exception as error:
        reason = clean.line(f"This could not be written: {type(error).__name__}: {error}")
        write_whole(path, instead(reason).encode("utf-8"))
        raise
    write_whole(path, content)


# --- a student's page -----------------------------------------------------------------------------


def _page(
    template: jinja2.Template,
    lab: Lab,
    each: Read,
    outcome: Outcome,
    grade: Grade,
    hints: dict[str, Markup],
    answers: Callable[[str], dict[str, str]],
) -> str:
    exercises = _exercises(lab, outcome, grade, hints, answers(outcome.student))
    return template.render(
        lab=lab, each=each, outcome=outcome, grade=grade, exercises=exercises, most=MAX_REMARKS
    )


def _no_page(reason: str) -> str:
    head = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>No page</title>'
    return f"{head}<p>{Markup.escape(reason)}</p>\n"


def _exercises(
    lab: Lab,
    outcome: Outcome,
    grade: Grade,
    hints: dict[str, Markup],
    answers: dict[str, str],
) -> list[dict[str, Any]]:
    """Return what the page says about each exercise."""
    result = []
    for name, checks in lab.exercises.items():
        shown: list[dict[str, Any]] = [
            {
                "name": check,
                "score": grade.scores[check],
                "points": points,
                "passed": grade.scores[check] >= points,
                "message": exports.said(outcome.messages.get(check, "")),
                "automatic": grade.by_hand.get(check),
            }
            for check, points in checks.items()
        ]
        result.append(
            {
                "name": name,
                "score": sum(check["score"] for check in shown),
                "points": sum(checks.values()),
                "passed": all(check["passed"] for check in shown),
                "checks": shown,
                "hint": hints.get(name),
                "answer": answers.get(name, ""),
                "comment": grade.comments.get(name),
            }
        )
    return result


def _hints(lab: Lab) -> dict[str, Markup]:
    """Return each exercise's hint, as the lab's prose gives it, in HTML with MathML."""
    markdown = mistune.create_markdown(escape=True, plugins=[math, "table"])
    assert markdown.renderer is not None
    markdown.renderer.register("inline_math", lambda _, text: _formula(text, "inline"))
    markdown.renderer.register("block_math", lambda _, text: _formula(text, "block"))
    hints, last = {}, None
    for cell in lab.source.cells:
        if cell.cell_type == "markdown":
            found = DETAILS.findall(cell.source)
            last = found[-1] if found else last
        elif is_solution(cell):
            if last is not None:
                hints[cell.metadata.nbgrader.grade_id] = Markup(markdown(last.strip()))
            last = None
    return hints


def _formula(text: str, display: str) -> str:
    try:
        return mathml(text, display=display)
    except Exception:  # whatever a parser makes of what it does not know
        return f"<code>{Markup.escape(text)}</code>"


# --- the class's page -----------------------------------------------------------------------------


def _overview(
    lab: Lab,
    found: list[Read],
    outcomes: list[Outcome],
    grades: dict[str, Grade],
    joined: Joined,
) -> dict[str, Any]:
    """Return the figures of the overview page."""
    scores = [grades[outcome.student].score for outcome in outcomes]
    graded = [grades[each.student].score for each in outcomes if each.status != "broken"]
    seconds = sorted(outcome.seconds for outcome in outcomes)
    done = {outcome.student for outcome in outcomes}
    collected = {each.student: each for each in found}
    students: list[dict[str, Any]] = [
        {
            "outcome": outcome,
            "collected": collected[outcome.student],
            "grade": grades[outcome.student],
            "person": joined.person(outcome.student),
            "stranger": joined.listed and outcome.student not in joined.people,
            "late": _late(grades[outcome.student], collected[outcome.student]),
            "exercises": [
                {
                    "score": sum(grades[outcome.student].scores[check] for check in checks),
                    "by_hand": any(check in grades[outcome.student].by_hand for check in checks),
                }
                for checks in lab.exercises.values()
            ],
        }
        for outcome in outcomes
    ]
    return {
        "students": students,
        "orders": _orders(students),
        "left_out": [each.student for each in found if each.student not in done],
        "mean": statistics.fmean(scores) if scores else 0.0,
        "median": statistics.median(scores) if scores else 0.0,
        "graded_mean": statistics.fmean(graded) if graded else 0.0,
        "graded_median": statistics.median(graded) if graded else 0.0,
        "histogram": _histogram(scores, lab.points),
        "exercises": _success(lab, outcomes, grades),
        "messages": _messages(lab, outcomes),
        "repairs": Counter(
            _pattern(repair) for outcome in outcomes for repair in set(outcome.repairs)
        ).most_common(20),
        "seconds": {
            "median": statistics.median(seconds) if seconds else 0.0,
            "longest": seconds[-1] if seconds else 0.0,
            "total": sum(seconds),
            "slowest": sorted(students, key=lambda each: -each["outcome"].seconds)[:5],
        },
    }


# What the students' table can be ordered by, beside the name: what it is called, and whether the
# largest comes first.
ORDERS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "high": ("highest score", lambda each: -each["grade"].score),
    "low": ("lowest score", lambda each: each["grade"].score),
    "section": ("section", lambda each: each["person"].section.casefold()),
    "late": ("latest", lambda each: (-(each["grade"].seconds_late or 0), not each["late"])),
    "repairs": ("most repairs", lambda each: -len(each["outcome"].repairs)),
    "flags": ("flags", lambda each: (not each["outcome"].flags, -len(each["grade"].by_hand))),
}


def _orders(students: list[dict[str, Any]]) -> dict[str, str]:
    """Number the students for each order, which the page shows without a script; returns its names.

    Where all are the same there is nothing to order by.
    """
    for each in students:
        each["places"] = {}
    names = {}
    for order, (name, key) in ORDERS.items():
        if len({repr(key(each)) for each in students}) > 1:
            names[order] = name
            for place, each in enumerate(sorted(students, key=key)):
                each["places"][order] = place
    return names


def _late(grade: Grade, each: Read) -> str:
    """Return how late a submission was, in a word or two."""
    if grade.seconds_late:
        hours = grade.seconds_late / 3600
        return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} h"
    return "late, says the LMS" if each.late else ""


def _histogram(scores: list[float], most: float, bins: int = 10) -> list[dict[str, Any]]:
    """Count scores in equal intervals; the last one includes full marks."""
    counts = [0] * bins
    for score in scores:
        counts[min(bins - 1, max(0, int(score / most * bins)))] += 1
    edge = most / bins
    return [{"from": i * edge, "to": (i + 1) * edge, "count": n} for i, n in enumerate(counts)]


def _success(lab: Lab, outcomes: list[Outcome], grades: dict[str, Grade]) -> list[dict[str, Any]]:
    """Return how many students solved each exercise, whole or in part, and passed each check."""
    result = []
    for name, checks in lab.exercises.items():
        points = sum(checks.values())
        got = [sum(grades[each.student].scores[check] for check in checks) for each in outcomes]
        passed = {
            check: sum(grades[each.student].scores[check] >= worth for each in outcomes)
            for check, worth in checks.items()
        }
        result.append(
            {
                "name": name,
                "points": points,
                "solved": sum(score >= points for score in got),
                "partly": sum(0 < score < points for score in got),
                "blank": sum(_left_blank(lab, name, each) for each in outcomes),
                "mean": statistics.fmean(got) if got else 0.0,
                "checks": passed,
            }
        )
    return result


def _left_blank(lab: Lab, exercise: str, outcome: Outcome) -> bool:
    messages = (outcome.messages.get(check, "") for check in lab.exercises[exercise])
    return any(_is_about_a_blank(message) for message in messages)


def _is_about_a_blank(message: str) -> bool:
    """Whether it is what a check says (see labkit.checks.guard) whose exercise is not answered."""
    return re.match(r"Exercise `\w+` is still blank", exports.said(message)) is not None


def _messages(lab: Lab, outcomes: list[Outcome], most: int = 15) -> list[dict[str, Any]]:
    """Return the commonest messages, counted without the numbers in them, with an example each.

    Blanks are left out, which would be the commonest by far and tell of no misconception.
    """
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for outcome in outcomes:
        if outcome.status == "broken":
            continue
        for check, message in outcome.messages.items():
            if check in lab.checks and not _is_about_a_blank(message):
                message = exports.said(message)
                key = check, re.sub(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?", "#", message)
                counts[key] += 1
                examples.setdefault(key, message)
    return [
        {"check": check, "count": count, "example": examples[check, pattern][:400]}
        for (check, pattern), count in counts.most_common(most)
    ]


def _pattern(repair: str) -> str:
    """Return a repair without the names in it."""
    return re.sub(r"(`[^`]*`(, )?)+", "`…`", re.sub(r"\d+", "#", repair))[:160]
