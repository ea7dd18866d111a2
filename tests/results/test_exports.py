"""The class in tables and on its page: who is who, what is late, what a person changed."""

import csv
import json
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from nbgrader.api import Gradebook
from traitlets.config import Config

from autograder.intake.collect import Aside, BadUsage
from autograder.intake.reading import Read
from autograder.intake.roster import Joined, Person
from autograder.judge.outcome import Outcome, scored
from autograder.labs import build
from autograder.results import exports, gradebook, late, report, table
from autograder.results.gradebook import Grade
from tests.tiny import TINY

pytestmark = pytest.mark.grader

CHECKS = list(TINY.checks)
ANN = Person("Ann Lee", "alee", "S-1", "4711", email="ann@uni.example", section="A")
BO = Person("Bo Kim", "bkim", "S-2", "4712", moodle="56", section="B")
CY = Person("Cy Cruz", "ccruz", "S-3", "4713", section="B")
JOINED = Joined({"canvas-4711": ANN, "bkim": BO}, {"canvas-4713": CY}, listed=True)
DAY = datetime(2026, 11, 26, 10, tzinfo=UTC)

FOUND = [
    Read("canvas-4711", "leeann", "canvas", "4711", graded="00_tiny-2.ipynb", handed_in=DAY,
         notes=("graded `00_tiny-2.ipynb`; also there: 00_tiny.ipynb",), late=True),
    Read("bkim", "bkim", graded="work/00_tiny.ipynb"),
    Read("Copy of 00_tiny", "Copy of 00_tiny", reason="it is no notebook"),
]  # fmt: skip
OUTCOMES = [
    scored(Outcome("canvas-4711", "graded", "", ["renamed"], passed=CHECKS), TINY.checks),
    scored(Outcome("bkim", "graded", "", passed=CHECKS[:1]), TINY.checks),
    scored(Outcome("Copy of 00_tiny", "broken", "it is no notebook"), TINY.checks),
]
GRADES = {
    "canvas-4711": Grade(OUTCOMES[0].scores, 1.0, 90_000.0, {"length": "Well\ndone"}),
    "bkim": Grade(OUTCOMES[1].scores | {"pythagoras": 4.0}, by_hand={"pythagoras": 0.0}),
    "Copy of 00_tiny": Grade(OUTCOMES[2].scores, seconds_late=0.0),
}
ASIDE = [Aside("list.txt", "it is no notebook, and in nobody's folder")]


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    solved = {cell.id: cell.source for cell in build.solution(TINY).cells}
    report.write(TINY, FOUND, OUTCOMES, GRADES, folder, answers=lambda student: solved,
                 aside=ASIDE, joined=JOINED, assignment="Lab 00 (99)")  # fmt: skip
    return folder


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def table_of(output):
    head, *rest = rows(output / "grades.csv")
    return {row[0] or row[head.index("file")]: dict(zip(head, row, strict=True)) for row in rest}


def test_everybody_on_the_list_and_every_file_has_a_row(output):
    found = table_of(output)
    assert list(found) == ["canvas-4711", "bkim", "Copy of 00_tiny", "canvas-4713", "list.txt"]
    assert [row["status"] for row in found.values()] == [
        "graded", "graded", "broken", "missing", "aside",
    ]  # fmt: skip
    assert [row["listed"] for row in found.values()] == ["yes", "yes", "no", "yes", ""]
    ann = found["canvas-4711"]
    assert (ann["login"], ann["section"], ann["file"]) == ("alee", "A", "00_tiny-2.ipynb")
    assert (ann["late"], ann["hours_late"], ann["late_penalty"]) == ("yes", "25", "1")
    assert found["bkim"]["late"] == "" and found["Copy of 00_tiny"]["late"] == "no"
    assert found["bkim"]["by_hand"] == "pythagoras: 0"
    assert ann["comments"] == "length: Well done"
    assert (found["canvas-4713"]["name"], found["canvas-4713"]["score"]) == ("Cy Cruz", "")


def test_canvas_gets_its_own_column_and_numbers(output):
    head, points, *students = rows(output / "canvas.csv")
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 00 (99)"]
    assert points[0].strip() == "Points Possible"
    assert students[:2] == [
        ["Ann Lee", "4711", "S-1", "alee", "A", "9"], ["Bo Kim", "4712", "S-2", "bkim", "B", "6"],
    ]  # fmt: skip
    # What stands there for who handed in nothing was given by a person.
    assert "Cy Cruz" not in [row[0] for row in students]


def test_who_is_anonymous_has_no_number_of_canvass(tmp_path):
    found = [Read("canvas-anon_aB3dE", "anon_aB3dE", "canvas", "anon_aB3dE")]
    grades = {"canvas-anon_aB3dE": Grade({"a": 2.0})}
    exports.write_canvas(TINY, found, grades, tmp_path / "canvas.csv")
    assert rows(tmp_path / "canvas.csv")[2] == ["anon_aB3dE", "", "", "", "", "2"]


@pytest.mark.parametrize(
    "asked, columns, column",
    [
        (None, [], TINY.title), (None, [f"{TINY.title} (7)", "Lab 01 (8)"], f"{TINY.title} (7)"),
        (None, ["Lab 00 (7)", "Lab 01 (8)"], "Lab 00 (7)"),
        (None, ["Lab 00 (7)", "Lab 00 (8)"], TINY.title),
        ("Lab 00 (4711)", [], "Lab 00 (4711)"), ("471", ["Lab (4711)", "x (1)"], "Lab (4711)"),
        ("Lab 00 (1)", ["Lab 00 (1)", "Lab 00 (12)"], "Lab 00 (1)"),
    ],
)  # fmt: skip
def test_the_assignments_column(asked, columns, column):
    assert exports.assignment(TINY, asked, columns) == column


@pytest.mark.parametrize("asked", ["Lab", "none"])
def test_a_column_that_is_none_is_one_clear_line(asked):
    with pytest.raises(BadUsage, match=r"there is Lab 00 \(1\), Lab 01 \(2\)"):
        exports.assignment(TINY, asked, ["Lab 00 (1)", "Lab 01 (2)"])


def moodles_reading(path):
    """Return the participant and the file that Moodle's importer reads from a path in the zip."""
    parts = path.split("/")
    while parts:
        first = parts.pop(0).split("_", 4)
        if len(first) >= 4 and first[1].isdigit() and first[2:4] == ["assignsubmission", "file"]:
            return int(first[1]), "/".join([*first[4:], *parts]).lstrip("/")
    return None


@pytest.mark.parametrize("name", ["Ann Lee", "A_b_7_c", "../x", "名", "_", "O'Neil, Jr."])
def test_moodle_reads_whose_each_page_is(tmp_path, name):
    (tmp_path / "feedback").mkdir()
    (tmp_path / "feedback" / "moodle-55.html").write_text("<p>hers")
    found = [Read("moodle-55", name, "moodle", "55"), Read("bkim", "Bo")]
    exports.write_moodle_feedback(found, dict.fromkeys(["moodle-55", "bkim"], Grade({})), tmp_path)
    with zipfile.ZipFile(tmp_path / "moodle-feedback.zip") as archive:
        (member,) = archive.namelist()
        assert archive.read(member) == b"<p>hers"
    assert moodles_reading(member) == (55, "feedback.html")


def test_moodle_gets_nothing_for_a_number_that_may_be_anothers(tmp_path):
    # It reads "55 (x)" as 55.
    each = Read(OUTCOMES[0].student, "Eve", "moodle", "55 (x)")
    grades = {each.student: GRADES[each.student]}
    exports.write_moodle(TINY, [each], OUTCOMES, grades, tmp_path / "moodle.csv")
    assert [row[0] for row in rows(tmp_path / "moodle.csv")] == ["Identifier", ""]
    exports.write_moodle_feedback([each], grades, tmp_path)
    assert not (tmp_path / "moodle-feedback.zip").exists()


@pytest.mark.parametrize("lms", ["canvas", "moodle", "github"])
def test_nothing_is_imported_for_whoever_may_be_another(tmp_path, lms):
    each = replace(FOUND[0], lms=lms, others=("4712",))
    for joined, there in ((JOINED, True), (Joined(), False)):
        output = tmp_path / str(there)
        output.mkdir()
        report.write(TINY, [each], OUTCOMES[:1], GRADES, output, answers=lambda student: {},
                     joined=joined)  # fmt: skip
        assert next(iter(table_of(output))) == each.student
        assert ("4711" in (output / "canvas.csv").read_text("utf-8")) == there
        assert (len(rows(output / "moodle.csv")) == 2) == there
        assert (output / "moodle-feedback.zip").exists() == (there and lms == "moodle")


def test_moodles_worksheet_has_the_lists_numbers(output):
    head, *students = rows(output / "moodle.csv")
    by_name = {row[1]: dict(zip(head, row, strict=True)) for row in students}
    assert by_name["Bo Kim"]["Identifier"] == "Participant 56"
    assert by_name["Ann Lee"]["Email address"] == "ann@uni.example"
    comment = by_name["Ann Lee"]["Feedback comments"]
    assert "length, a person&#x27;s comment: Well<br>done" in comment and "Late: 1" in comment
    assert not (output / "moodle-feedback.zip").exists()


def test_blackboard_and_brightspace_get_logins(tmp_path):
    found = [Read("blackboard-alee", "Ann", "blackboard", "alee"), Read("brightspace-7", "Bo")]
    grades = {"blackboard-alee": Grade({"a": 2.5}), "brightspace-7": Grade({"a": 1.0})}
    joined = Joined({"brightspace-7": BO}, listed=True)
    about = {"joined": joined, "column": "Lab 02"}
    exports.write_blackboard(found, grades, tmp_path / "b.csv", **about)
    exports.write_brightspace(found, grades, tmp_path / "d.csv", **about)
    assert rows(tmp_path / "b.csv") == [["Username", "Lab 02"], ["alee", "2.5"], ["bkim", "1"]]
    assert rows(tmp_path / "d.csv") == [
        ["OrgDefinedId", "Username", "Lab 02 Points Grade", "End-of-Line Indicator"],
        ["S-2", "bkim", "1", "#"],
    ]


def test_gradescope_hears_of_a_persons_points_and_comments(output):
    bo = json.loads((output / "gradescope" / "bkim" / "results.json").read_text("utf-8"))
    (test,) = (test for test in bo["tests"] if test["name"] == "length: pythagoras")
    assert "A person gave these points; automatic: 0." in test["output"]
    ann = json.loads((output / "gradescope" / "canvas-4711" / "results.json").read_text("utf-8"))
    assert "Comment on length: Well\ndone" in ann["output"] and "Late: 1 points" in ann["output"]


def test_a_students_page_has_the_comment_and_whose_points_they_are(output):
    page = (output / "feedback" / "canvas-4711.html").read_text("utf-8")
    assert "<title>Ann Lee ·" in page and "File: 00_tiny-2.ipynb</p>" in page
    assert '<p class="said">Well\ndone</p>' in page and "1 points were taken off" in page
    page = (output / "feedback" / "bkim.html").read_text("utf-8")
    assert "A person gave these points; automatic: 0" in page


def test_the_overview_says_who_is_who(output):
    page = (output / "overview.html").read_text("utf-8")
    for text in (
        "<b>1</b>handed in nothing", "<b>1</b>not on the roster", "<b>1</b>late",
        "<b>1</b>changed by hand", "<b>6</b>median of", "<b>5</b>mean<",
        "<b>7.5</b>median of the gradable", "<b>7.5</b>mean of the gradable",
        "<b>handed in nothing</b>", "25.0 h", "6 ✎", "00_tiny-2.ipynb", "also there: 00_tiny.ipynb",
        "commented",
    ):  # fmt: skip
        assert text in page, text


def test_the_students_table_has_orders_without_a_script(output):
    page = (output / "overview.html").read_text("utf-8")
    assert "<script" not in page
    orders = re.findall(r'<input class="order" type="radio" name="order" id="by-(\w+)"', page)
    assert orders == ["name", "high", "low", "section", "late", "repairs", "flags"]
    places = re.findall(r'<tr role="row" style="([^"]+)">', page)
    for order, expected in {
        "high": ["0", "1", "2"], "low": ["2", "1", "0"], "late": ["0", "1", "2"],
        "section": ["1", "2", "0"], "flags": ["1", "0", "2"],
    }.items():  # fmt: skip
        assert f".students:has(#by-{order}:checked)" in page
        assert [re.search(rf"--{order}: (\d+);", place)[1] for place in places] == expected


def test_the_printed_table_fits_a_terminal():
    found = [*FOUND, Read("x" * 90, "名" * 60, reason="because " * 50)]
    broken = scored(Outcome("x" * 90, "broken", "because " * 50), TINY.checks)
    grades = GRADES | {"x" * 90: Grade(broken.scores)}
    text = table.table(TINY, [*OUTCOMES, broken], grades, found=found, joined=JOINED,
                       aside=[Aside("名" * 50, "y" * 500)])  # fmt: skip
    assert max(map(table._width, text.splitlines())) <= 80
    assert re.search(r"^canvas-4711 +Ann Lee +9 +5 +5 +late; renamed$", text, re.MULTILINE)
    assert re.search(r"^canvas-4713 +Cy Cruz +handed in nothing$", text, re.MULTILINE)
    assert re.search(r"^bkim .* by hand", text, re.MULTILINE)


@pytest.mark.parametrize("points, each", [(2, True), (8, True), (12.5, False)])
def test_a_lab_of_many_exercises_fits_a_terminal_too(points, each):
    exercises = {f"exercise_{n}": {f"check_{n}": points} for n in range(1, 13)}
    lab = replace(TINY, exercises=exercises)
    full = Outcome("canvas-4711", "graded", "", ["a repair"], scores=lab.checks)
    text = table.table(lab, [full], {"canvas-4711": Grade(lab.checks)}, found=FOUND[:1])
    assert max(map(table._width, text.splitlines())) <= 80
    assert text.splitlines()[1].split()[:2] == ["leeann", f"{12 * points:g}"] or points == 2
    assert (text.splitlines()[1].split().count(f"{points:g}") == 12) == each


# --- late -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "percent, free, hours, penalty",
    [
        (10, 0, 0.1, 1), (10, 0, 24, 1), (10, 0, 24.1, 2), (10, 0, 24 * 30, 10), (25, 1, 1, None),
        (25, 1, 1.1, 2.5), (100, 0, 1, 10), (10, 0, 0, None),
    ],
)  # fmt: skip
def test_a_percentage_for_each_day(percent, free, hours, penalty):
    config = Config(PercentADay={"percent": percent, "free_hours": free})
    plugin = late.PercentADay(config=config)
    assert plugin.late_submission_penalty("ann", 10.0, hours * 3600) == penalty


def policy(*lines):
    """Return the project's configuration with some of its policies' lines made code."""
    text = (gradebook.Path(gradebook.__file__).parents[1] / "nbgrader_config.py").read_text("utf-8")
    for line in lines:
        assert text.count(f"# {line}") == 1
        text = text.replace(f"# {line}", line)
    config = Config()
    exec(compile(text, "autograder/nbgrader_config.py", "exec"),
         {"get_config": lambda: config, "__file__": "autograder/nbgrader_config.py"})  # fmt: skip
    return config


ZERO = 'c.LateSubmissionPlugin.penalty_method = "zero"'
A_DAY = 'c.AssignLatePenalties.plugin_class = "autograder.results.late.PercentADay"'


@pytest.mark.parametrize("lines, penalty", [((), 0), ((ZERO,), 10), ((A_DAY,), 2)])
def test_each_policy_is_one_line_of_the_configuration(tmp_path, lines, penalty):
    config = policy(*lines)
    assert late.has_policy(config) == bool(lines)
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    gradebook.make_course(TINY, tmp_path / "course", url)
    outcomes = [scored(Outcome(name, "graded", "", passed=CHECKS), TINY.checks) for name in "abc"]
    times = {"a": DAY - timedelta(hours=1), "b": DAY + timedelta(hours=30)}
    grades, _ = gradebook.record(TINY, url, outcomes, times, DAY, config)
    assert [grades[name].penalty for name in "abc"] == [0, penalty, 0]
    assert [grades[name].seconds_late for name in "abc"] == [0, 30 * 3600, None]
    with Gradebook(url, "privacy-labs") as book:
        (notebook,) = book.find_submission("00_tiny", "b").notebooks
        assert (notebook.late_submission_penalty or 0) == penalty
