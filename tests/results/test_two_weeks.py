"""A class of 40 over two weeks, as its instructor has it in Canvas or in Moodle.

What each must get is worked out here, from what each wrote; what is imported is read as the LMS
reads it. Whoever was graded is counted: nobody twice without need.
"""

import csv
import json
import math
import re
import shutil
import zipfile
from contextlib import nullcontext
from copy import deepcopy
from datetime import datetime, timedelta

import pytest
from nbgrader.api import Gradebook
from traitlets.config import Config

from autograder import run as grading
from autograder.judge.outcome import Outcome, scored
from autograder.labs import build
from autograder.results import gradebook
from tests.results.test_exports import moodles_reading
from tests.results.test_rescoring import MASTER, NEW
from tests.results.test_term import _with
from tests.tiny import FIXTURES, TINY, answered, double, grade, graded_now

pytestmark = pytest.mark.grader
LONG = True

FIRST = ["Ada", "Bo", "Chloé", "Dag", "Eun-ji", "Faÿ", "Gül", "Hana", "Ian", "Jun"]
LAST = ["Ådal", "Kim", "O'Neil", "van Dyk"]
NAMES = [f"{first} {last}" for last in LAST for first in FIRST]
NAMESAKE, MISSING = 38, 39
NAMES[NAMESAKE] = NAMES[11]  # another Bo Kim, who joins in the second week
DUE = datetime(2026, 11, 6)

# What students write, and the checks that it fails.
DOUBLE, LENGTH, NUMBER = ("doubles_integers", "doubles_fractions"), "pythagoras", "is_a_number"
ANYTHING = (
    "import os\nclass Yes(float):\n    def __eq__(self, other):\n        return True\n"
    "    __rmul__ = __sub__ = __rsub__ = __abs__ = lambda self, other=0: self\n"
    "for pid in range(2, 99):\n    try:\n        os.kill(pid, 9)\n    except OSError: pass\n"
    "print('Integers are doubled.')\ndef double(x):\n    return Yes()"
)
KINDS = {
    "right": ({}, ()),
    "cuts halves off": ({"double": double("return 2 * int(x)")}, DOUBLE[1:]),
    "squares": ({"double": double("return x * x")}, DOUBLE),
    "adds": ({"length": "def length(x, y):\n    return x + y"}, (LENGTH,)),
    "never nought": ({"length": "def length(x, y):\n    return math.hypot(x, y) or 1"}, (NUMBER,)),
    "divides by nought": ({"double": double("return x / 0")}, DOUBLE),
    "all wrong": (
        {"double": double("return None"), "length": "def length(x, y):\n    return x"},
        (*DOUBLE, LENGTH),
    ),
    "hostile": ({"double": ANYTHING}, DOUBLE),
    "broken": (None, (*DOUBLE, LENGTH, NUMBER)),
}  # fmt: skip
SOLVED = {c.id: c.source for c in build.solution(TINY).cells if c.id in TINY.exercises}
POINTS = {DOUBLE[0]: 2, DOUBLE[1]: 3, LENGTH: 5}


class Course:
    """Who handed in what and when; the files that the LMS makes of it; and what each must get."""

    def __init__(self, form: str, folder) -> None:
        self.form, self.folder = form, folder
        usual = list(KINDS)[:7]
        self.kinds = {n: usual[n % 7] for n in range(36)} | {5: "broken", 8: "hostile", 9: "right"}
        self.times = {n: DUE - timedelta(hours=n + 1) for n in self.kinds}
        self.times |= {n: DUE + timedelta(hours=30 * (n - 32)) for n in (33, 34, 35)}
        self.versions = dict.fromkeys(self.kinds, 0)
        self.listed = [n for n in range(40) if n != NAMESAKE]
        self.points, self.by_hand = dict(POINTS), {}
        self.percent = 0

    def key(self, n):
        return f"{self.form}-{4000 + n}"

    def hand_in(self, n, kind, when):
        self.kinds[n], self.times[n] = kind, when
        self.versions[n] = self.versions.get(n, -1) + 1

    def download(self):
        """Write the LMS's archive: its times are those of the download."""
        path = self.folder / "submissions.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("notes.txt", "of the instructor's")
            for n, kind in self.kinds.items():
                changed = KINDS[kind][0]
                text = '{"cells": [' if changed is None else answered(**changed)
                files = {f"00_tiny{f'-{self.versions[n]}' if self.versions[n] else ''}.ipynb": text}
                if n == 9:  # handed in a second file, whose name says so
                    files = {"00_tiny.ipynb": answered(**KINDS["squares"][0])}
                    files["00_tiny-1.ipynb"] = text
                for at, (name, content) in enumerate(files.items()):
                    late = "LATE_" if self.times[n] > DUE else ""
                    called = re.sub(r"\W", "", "".join(reversed(NAMES[n].split(" ", 1)))).lower()
                    canvas = f"{called}_{late}{4000 + n}_{70_000 + 10 * n + at}_{name}"
                    moodle = f"{NAMES[n]}_{4000 + n}_assignsubmission_file_/{name}"
                    member = canvas if self.form == "canvas" else moodle
                    archive.writestr(zipfile.ZipInfo(member, (2026, 11, 20, 9, 0, 0)), content)
        return path

    def class_list(self):
        """Write Canvas's gradebook export, with times that a person has; or Moodle's worksheet."""
        path = self.folder / "class.csv"
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            out = csv.writer(file)
            if self.form == "canvas":
                head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
                out.writerow([*head, "Lab 00 (99)", "Final Score", "Submitted"])
                out.writerow(["    Points Possible", *[""] * 4, "10", "(read only)", ""])
            else:
                out.writerow(["Identifier", "Full name", "Email address", "Status", "Grade",
                              "Last modified (submission)", "Last modified (grade)"])  # fmt: skip
            for n in self.listed:
                first, last = NAMES[n].split(" ", 1)
                when, login = self.times.get(n), f"{first[:3].lower()}{n}"
                if self.form == "canvas":
                    out.writerow([f"{last}, {first}", 4000 + n, f"S-{n}", login, "AB"[n % 2], "",
                                  "", when.isoformat() if when else ""])  # fmt: skip
                else:
                    said = f"{when:%A, %d %B %Y, %I:%M %p}" if when else "-"
                    out.writerow([f"Participant {4000 + n}", NAMES[n], f"{login}@uni.example",
                                  "Submitted for grading" if when else "No submission", "", said,
                                  "-"])  # fmt: skip
        return path

    def expected(self, n):
        """Return what a student must get: points by check, less what lateness costs."""
        lost = KINDS[self.kinds[n]][1]
        each = {check: 0 if check in lost else worth for check, worth in self.points.items()}
        total = sum((each | self.by_hand.get(n, {})).values())
        days = max(0, math.ceil((self.times[n] - DUE) / timedelta(days=1)))
        return total * (1 - min(1, days * self.percent / 100))


def known_verdicts(monkeypatch):
    """Judge without running anything: what is tried is all that is around it."""

    def attempts(submissions, lab, settings, kernels, begun, *, beside=False):
        for submission in submissions:
            answers = {cell.id: cell.source for cell in submission.notebook.read().cells}
            (lost,) = {
                lost
                for changed, lost in KINDS.values()
                if changed is not None and {**SOLVED, **changed}.items() <= answers.items()
            }
            asked = lab.checks if submission.checks is None else submission.checks
            passed = [check for check in asked if check not in lost]
            outcome = Outcome(submission.student, "graded", "", list(submission.repairs),
                              passed=passed, seed=submission.seed or 1)  # fmt: skip
            yield submission, (scored(outcome, lab.checks), deepcopy(submission.notebook)), ""

    monkeypatch.setattr(grading, "_attempts", attempts)
    monkeypatch.setattr(grading, "ready", lambda lab, terms: nullcontext())


def canvas_imports(path):
    """Read a table as Canvas's import does: points of a column's assignment, by number."""
    head, possible, *students = csv.reader(path.read_text("utf-8").splitlines())
    assert head[:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert [re.search(r" \((\d+)\)$", column)[1] for column in head[5:]] == ["99"]
    assert possible[0].strip() == "Points Possible" and float(possible[5]) > 0
    assert len({row[1] for row in students}) == len(students)
    return {int(row[1]): float(row[5]) for row in students}


def moodle_imports(path):
    """Read a table as Moodle's import of worksheets does; return points and comments by number."""
    head, *rows = csv.reader(path.read_text("utf-8").splitlines())
    at = {name: head.index(name) for name in ("Identifier", "Grade", "Feedback comments",
                                              "Last modified (grade)")}  # fmt: skip
    numbers = [int(row[at["Identifier"]].removeprefix("Participant ")) for row in rows]
    assert len(set(numbers)) == len(numbers)
    return {n: (float(row[at["Grade"]]), row[at["Feedback comments"]])
            for n, row in zip(numbers, rows, strict=True)}  # fmt: skip


@pytest.mark.parametrize("form", ["canvas", "moodle"])
def test_two_weeks(form, tmp_path, monkeypatch):
    course, output = Course(form, tmp_path), tmp_path / "out"
    if form == "moodle":  # in Canvas's form all is run
        known_verdicts(monkeypatch)
    masters = tmp_path / "masters"
    shutil.copytree(FIXTURES / "masters", masters)
    printed = ""

    def run(*more, roster=True):
        """Grade; see that every grade is right; return who was graded now."""
        nonlocal printed
        if roster:
            more = ("--roster", course.class_list(), *more)
        table, printed = grade(course.download(), output, "--jobs", 2, *more, masters=masters)
        for n in course.kinds:
            row = table.pop(course.key(n))
            assert float(row["score"]) == pytest.approx(course.expected(n), abs=1e-9), (n, row)
            assert row["status"] == ("broken" if course.kinds[n] == "broken" else "graded")
            assert row["listed"] == ("yes" if n in course.listed else "no")
        assert table.pop("")["file"] == "notes.txt"
        missing = {course.key(n) for n in course.listed if n not in course.kinds}
        assert {key for key, row in table.items() if row["status"] == "missing"} == missing
        assert table.keys() == missing
        last = printed.rstrip().splitlines()[-1]
        assert f"{len(course.kinds)} graded" in last or "1 not graded to the end" in last
        assert f"{len(missing)} handed in nothing" in last and last.endswith("1 left aside.")
        now = graded_now(printed)
        assert len(set(now)) == len(now)
        return {int(key.rpartition("-")[2]) - 4000 for key in now}

    # The first week.
    assert run() == set(course.kinds)
    with Gradebook(f"sqlite:///{output / 'gradebook.db'}", "privacy-labs") as book:
        for n, check, points in [(3, LENGTH, 4), (10, DOUBLE[1], 2.5)]:
            key = course.key(n)
            book.find_grade(check, "00_tiny", "00_tiny", key).manual_score = points
            course.by_hand[n] = {check: points}
        comment = book.find_comment("length", "00_tiny", "00_tiny", course.key(10))
        comment.manual_comment = "=Nearly <b>right</b>!"
        book.db.commit()
    assert run() == set()

    # The second: late ones, other files, a namesake, a mended one.
    for n, kind in {36: "right", 37: "adds", NAMESAKE: "cuts halves off"}.items():
        course.hand_in(n, kind, DUE + timedelta(hours=25))
    for n, kind in {1: "right", 2: "adds", 3: "never nought", 5: "right"}.items():
        course.hand_in(n, kind, DUE - timedelta(minutes=1))
    assert run() == {1, 2, 3, 5, 36, 37, NAMESAKE}
    assert "1 not on the roster" in printed

    # All are listed; other points, other prose; a date; a policy.
    course.listed = list(range(40))
    text = MASTER.replace("points=3", "points=6").replace("A lab without", "A lab that has no")
    (masters / "00_tiny.py").write_text(text, "utf-8")
    course.points[DOUBLE[1]] = 6
    assert run("--due", DUE.isoformat()) == set() and "not on the roster" not in printed
    late = [n for n, when in course.times.items() if when > DUE]
    assert f"{len(late)} late, which costs nothing" in printed
    policy = Config(
        {"AssignLatePenalties": {"plugin_class": "autograder.results.late.PercentADay"}}
    )
    plain = gradebook.course_config
    monkeypatch.setattr(gradebook, "course_config", lambda root: _with(plain(root), policy))
    course.percent = 10
    assert run() == set()

    # A new check: what stood stands. Then one student again.
    (masters / "00_tiny.py").write_text(text + NEW, "utf-8")
    course.points[NUMBER] = 4
    before = {path.name: json.loads(path.read_bytes()) for path in output.glob("journal/*.json")}
    assert run() == set(course.kinds)
    for path in output.glob("journal/*.json"):
        was, now = before[path.name]["outcome"], json.loads(path.read_bytes())["outcome"]
        assert (was["seed"], was["passed"]) == (
            now["seed"], [check for check in now["passed"] if check != NUMBER],
        )  # fmt: skip
    assert run("--only", NAMES[4], "--regrade", roster=False) == {4}
    assert "The class list is" in printed

    # And back to where grades are kept.
    wanted = {4000 + n: pytest.approx(course.expected(n), abs=1e-9) for n in course.kinds}
    if form == "canvas":
        assert canvas_imports(output / "canvas.csv") == wanted
    imported = moodle_imports(output / "moodle.csv") if form == "moodle" else {}
    if form == "moodle":
        assert {n: points for n, (points, _) in imported.items()} == wanted
        assert "Nearly &lt;b&gt;right&lt;/b&gt;!" in imported[4010][1]
        with zipfile.ZipFile(output / "moodle-feedback.zip") as archive:
            pages = {moodles_reading(name)[0]: archive.read(name) for name in archive.namelist()}
        assert pages == {n: (output / "feedback" / f"moodle-{n}.html").read_bytes() for n in wanted}
    for n, points in wanted.items():
        key = f"{form}-{n}"
        results = json.loads((output / "gradescope" / key / "results.json").read_text("utf-8"))
        assert results["score"] == points
        page = (output / "feedback" / f"{key}.html").read_text("utf-8")
        assert "Nearly <b>" not in page and ("Nearly" in page) == (n == 4010)
    overview = (output / "overview.html").read_text("utf-8")
    assert all(f"feedback/{form}-{n}.html" in overview for n in wanted)
    assert f"<b>{len(late)}</b>late" in overview and "<b>2</b>changed by hand" in overview
