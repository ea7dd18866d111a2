"""What comes out of a class, handed in by Canvas and Moodle: tables, pages, nbgrader's course."""

import codecs
import csv
import json

import mistune
import nbformat
import pytest
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import is_grade
from traitlets.config import Config

from autograder.judge.outcome import Outcome
from autograder.results import exports, gradebook, report
from tests.tiny import TINY, answered, double, grade, write_class

pytestmark = pytest.mark.grader


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """A class from Canvas's and Moodle's names, graded; the output folder."""
    folder = tmp_path_factory.mktemp("class")
    files = {
        "leeann_12345_67890_00_tiny.ipynb": answered(),
        "doejohn_222_333_00_tiny.ipynb": answered(length="def length(x, y):\n    return x + y"),
        "Zoë Müller_124_assignsubmission_file_/Copy of 00_tiny.ipynb": answered(
            double=double("raise ValueError('=1+1 <script>alert(1)</script>')")
        ),
        "=cmd()/00_tiny.ipynb": "{",
    }
    for name, text in files.items():
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "in" / name).write_text(text, "utf-8")
    grade(folder / "in", folder / "out")
    return folder / "out"


def read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_canvas(output):
    head, points, *students = read_csv(output / "canvas.csv")
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", TINY.title]
    assert points[0].strip() == "Points Possible" and points[-1] == "10"
    assert {row[0]: (row[1], row[3], row[5]) for row in students} == {
        "'=cmd()": ("", "'=cmd()", "0"),
        "Zoë Müller": ("", "", "5"),
        "doejohn": ("222", "", "5"),
        "leeann": ("12345", "", "10"),
    }


def test_moodle(output):
    head, *students = read_csv(output / "moodle.csv")
    assert head[0] == "Identifier" and head[4] == "Grade" and head[-1] == "Feedback comments"
    by_name = {row[1]: row for row in students}
    zoë = by_name["Zoë Müller"]
    assert (zoë[0], zoë[4], zoë[5]) == ("Participant 124", "5", "10")
    assert "&lt;script&gt;" in zoë[-1] and "<script>" not in zoë[-1]
    assert by_name["'=cmd()"][0] == by_name["doejohn"][0] == ""


def test_gradescope(output):
    results = json.loads((output / "gradescope" / "canvas-222" / "results.json").read_text("utf-8"))
    assert results["score"] == 5
    tests = {test["name"]: test for test in results["tests"]}
    assert [test["max_score"] for test in results["tests"]] == list(TINY.checks.values())
    assert tests["double: doubles_integers"]["status"] == "passed"
    assert tests["length: pythagoras"]["status"] == "failed"
    assert "not 7" in tests["length: pythagoras"]["output"]


def test_grades_csv_has_a_row_for_everyone_and_no_formula(output):
    assert (output / "grades.csv").read_bytes().startswith(codecs.BOM_UTF8)  # for Excel
    head, *students = read_csv(output / "grades.csv")
    assert {"late_penalty", "flags", "repairs", "handed_in", "seconds", "seed"} <= set(head)
    assert len(students) == 4
    assert not any(cell.startswith(("=", "+", "@")) for row in students for cell in row)


def test_pages_need_nothing_from_the_net_and_hide_what_is_hidden(output):
    pages = [*(output / "feedback").glob("*.html"), output / "overview.html"]
    assert len(pages) == 5
    for page in pages:
        text = page.read_text("utf-8")
        assert "http://" not in text.replace("http://www.w3.org", "") and "https://" not in text
        assert "<script" not in text and "BEGIN HIDDEN" not in text and "0.25" not in text
        assert len(text) < 100_000
        assert '<html lang="en">' in text and "aria-label" in text


def test_only_the_instructor_is_told_the_seed(output):
    """Who knows it, knows what the checks will draw for whoever is graded with it."""
    head, *students = read_csv(output / "grades.csv")
    seeds = {seed for row in students if len(seed := row[head.index("seed")]) > 6}
    theirs = [*(output / "feedback").iterdir(), *(output / "gradescope").rglob("*.json")]
    theirs += [path for path in output.glob("*.csv") if path.name != "grades.csv"]
    assert seeds and len(theirs) > 8
    for path in theirs:
        text = path.read_text("utf-8")
        assert "seed" not in text and not any(seed in text for seed in seeds)


def test_a_students_page_says_what_was_lost_and_why(output):
    page = (output / "feedback" / "canvas-222.html").read_text("utf-8")
    assert 'pythagoras: <b class="lost">not passed</b>' in page
    assert "(3, 4) is 5 long, not 7" in page
    assert "return x + y" in page
    page = (output / "feedback" / "=cmd().html").read_text("utf-8")
    assert "could not be graded" in page


def test_blanks_do_not_crowd_out_what_there_is_to_learn():
    blank = "CheckFailed: Exercise `double` is still blank. Fill in its cell."
    wrong = "AssertionError: length(3, 4) is 5, not 7"
    checks = {exercise: list(checks) for exercise, checks in TINY.exercises.items()}
    messages = dict.fromkeys(checks["double"], blank) | dict.fromkeys(checks["length"], wrong)
    lost = Outcome("ann", "graded", "", scores=dict.fromkeys(TINY.checks, 0), messages=messages)
    grade = gradebook.Grade(lost.scores)
    assert exports.summary(TINY, lost, grade).splitlines()[1:] == [
        f"double, {', '.join(checks['double'])}: {blank.removeprefix('CheckFailed: ')}",
        f"length, {', '.join(checks['length'])}: length(3, 4) is 5, not 7",
    ]
    counted = report._messages(TINY, [lost])
    assert [each["check"] for each in counted] == checks["length"]
    double, length = report._success(TINY, [lost], {"ann": grade})
    assert (double["blank"], length["blank"]) == (1, 0)


def test_the_overview_counts(output):
    page = (output / "overview.html").read_text("utf-8")
    assert "<b>4</b>submissions" in page and "<b>1</b>could not be graded" in page
    assert "double: 2 solved it, 0 in part, 2 not." in page
    assert "5 to 6 points: 2 students." in page


def test_the_formgrader_finds_everything(output):
    config = Config()
    config.CourseDirectory.root = str(output)
    config.CourseDirectory.course_id = "privacy-labs"
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    (assignment,) = api.get_assignments()
    assert (assignment["name"], assignment["num_submissions"]) == ("00_tiny", 4)
    for student in ("canvas-12345", "moodle-124", "=cmd()"):
        submission = api.get_submission("00_tiny", student)
        assert submission["autograded"]
        (notebook,) = api.get_student_notebook_submissions(student, "00_tiny")
        assert notebook["name"] == "00_tiny"
        path = output / "autograded" / student / "00_tiny" / "00_tiny.ipynb"
        cells = nbformat.read(path, as_version=4).cells
        assert {cell.metadata.nbgrader.grade_id for cell in cells if is_grade(cell)} == set(
            TINY.checks
        )


def test_what_is_kept_for_nbgrader_is_clean(tmp_path):
    """Whoever opens it, or runs nbgrader on it, meets nothing of the student's but answers."""
    folder = write_class(tmp_path / "in", ann={})
    document = json.loads((folder / "ann.ipynb").read_text("utf-8"))
    hostile = "```\n\n<script>alert(1)</script>\n<img src=x onerror=alert(2)>"
    for cell in document["cells"]:
        cell["metadata"]["evil"] = "<script>"
        cell["attachments"] = {"evil": {"text/html": "<script>"}}
        cell["outputs"] = [{"output_type": "display_data", "data": {"text/html": "<script>"}}]
        if cell["cell_type"] == "markdown":
            cell["source"] = hostile
    document["metadata"]["widgets"] = {"evil": hostile}
    document["metadata"]["kernelspec"]["name"] = hostile
    (folder / "ann.ipynb").write_text(json.dumps(document), "utf-8")
    found, _ = grade(folder, tmp_path / "out")
    assert found["ann"]["score"] == "10"
    for part in ("submitted", "autograded"):
        path = tmp_path / "out" / part / "ann" / "00_tiny" / "00_tiny.ipynb"
        text = path.read_text("utf-8")
        assert "evil" not in text and "attachments" not in text
        for cell in nbformat.reads(text, as_version=4).cells:
            if cell.cell_type == "markdown":
                html = mistune.html(cell.source)
                assert "<script" not in html and "<img" not in html
                if "script" in cell.source and cell.id != "note":
                    assert html.startswith("<pre>") and html.count("<pre>") == 1
