"""A term with the grader, as an instructor has it: what changes is graded, and nothing twice."""

import csv
import json
import shutil

import pytest
from nbgrader.api import Gradebook
from traitlets.config import Config

from autograder.results import gradebook
from autograder.results.table import MOST_NAME, shown
from tests.results.test_rescoring import MASTER, NEW
from tests.tiny import FIXTURES, answered, double, grade, graded_now, rows

pytestmark = pytest.mark.grader

ROSTER = """\
Student,ID,SIS User ID,SIS Login ID,Section,Lab 00 (99),Submitted
    Points Possible,,,,,10,
"Lee, Ann",11,S1,alee,A,,2026-11-02
"Kim, Bo",12,S2,bkim,B,,2026-11-02
"Kim, Bo",13,S3,bkim2,B,,2026-11-02
"Cruz, Cy",14,S4,ccruz,B,,2026-11-02
"""
WRONG = "def length(x, y):\n    return x + y"


def _with(config, more):
    config.merge(more)
    return config


def test_who_may_be_another_and_what_was_chosen_in_vain_is_said(tmp_path):
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    doubtful = "a_11_88_x_12_9_00_tiny.ipynb"  # it can be read as Bo Kim's, and as Ann Lee's
    for name in (doubtful, "cruzcy_14_2_00_tiny.ipynb"):
        (folder / name).write_text(answered(), "utf-8")
    (tmp_path / "class.csv").write_text(ROSTER, "utf-8")
    output.mkdir()
    (output / "choices.csv").write_text('"student","file"\n"Bo Kim 3-0","old.ipynb"\n')
    more = ("--roster", tmp_path / "class.csv", "--file", "bkim2=cruz.ipynb")
    with pytest.raises(SystemExit, match=r"no file cruz.ipynb"):
        grade(folder, output, *more)
    found, stdout = grade(folder, output, *more[:2])
    assert (found["canvas-11"]["score"], found["canvas-11"]["name"]) == ("10", "a")
    assert [row["name"] for row in found.values() if row["status"] == "missing"].count("Ann Lee")
    said = " ".join(stdout.split())
    assert "perhaps, and left out of what LMSs import: canvas-11. --file" in said
    assert "no such student has such a file" in said and "Bo Kim 3-0=old.ipynb" in said
    assert [row[1] for row in imported(output)] == ["14"]
    found, stdout = grade(folder, output, "--file", f"bkim={doubtful}")
    assert {row[1] for row in imported(output)} == {"12", "14"} and "perhaps" not in stdout


def imported(output):
    return list(csv.reader((output / "canvas.csv").read_text("utf-8").splitlines()))[2:]


def test_a_term(tmp_path, monkeypatch):
    folder, output, masters = tmp_path / "in", tmp_path / "out", tmp_path / "masters"
    folder.mkdir()
    shutil.copytree(FIXTURES / "masters", masters)
    (tmp_path / "class.csv").write_text(ROSTER, "utf-8")
    for name, changed in {
        "leeann_11_1_00_tiny.ipynb": {},
        "kimbo_LATE_12_2_00_tiny.ipynb": {"length": WRONG},
        "Copy of 00_tiny.ipynb": {"double": double("return x * 3")},
    }.items():
        (folder / name).write_text(answered(**changed), "utf-8")

    def again(*more):
        return grade(folder, output, "--roster", tmp_path / "class.csv", *more, masters=masters)

    found, stdout = again()
    (nobody,) = (key for key in found if key.startswith("Copy"))
    assert sorted(graded_now(stdout)) == sorted(
        ["canvas-11", "canvas-12", shown(nobody, MOST_NAME)]
    )
    assert {key: (row["score"], row["status"], row["listed"]) for key, row in found.items()} == {
        "canvas-11": ("10", "graded", "yes"), "canvas-12": ("5", "graded", "yes"),
        nobody: ("5", "graded", "no"), "canvas-13": ("", "missing", "yes"),
        "canvas-14": ("", "missing", "yes"),
    }  # fmt: skip
    assert (
        stdout.rstrip()
        .splitlines()[-1]
        .endswith("3 graded, 2 handed in nothing, 1 not on the roster, 0 left aside.")
    )
    assert max(map(len, stdout.splitlines()[-12:-1])) <= 80

    # Lateness is a column; it says that it costs nothing.
    found, stdout = again("--due", "2001-01-01")
    assert graded_now(stdout) == [] and "3 late, which costs nothing" in stdout
    assert {found[key]["late"] for key in ("canvas-11", "canvas-12")} == {"yes"}
    assert found["canvas-11"]["score"] == "10" and float(found["canvas-11"]["hours_late"]) > 9999

    # A person gives points and a comment, and says whose that file is.
    url = f"sqlite:///{output / 'gradebook.db'}"
    with Gradebook(url, "privacy-labs") as book:
        book.find_grade("pythagoras", "00_tiny", "00_tiny", "canvas-12").manual_score = 3
        book.find_comment("length", "00_tiny", "00_tiny", "canvas-12").manual_comment = "Nearly!"
        book.db.commit()
    found, stdout = again("--file", "ccruz=Copy of 00_tiny.ipynb")
    assert graded_now(stdout) == ["canvas-14"] and nobody not in found
    assert (found["canvas-14"]["score"], found["canvas-14"]["name"]) == ("5", "Cy Cruz")
    assert not [path for path in output.rglob(f"{nobody}*") if "journal" not in path.parts]
    assert found["canvas-12"]["by_hand"] == "pythagoras: 0" and found["canvas-12"]["score"] == "8"

    # Other points, other prose: arithmetic.
    text = MASTER.replace("points=2", "points=4").replace("A lab without", "A lab that has no")
    (masters / "00_tiny.py").write_text(text, "utf-8")
    found, stdout = again()
    assert graded_now(stdout) == []
    assert [found[f"canvas-{n}"]["score"] for n in (11, 12, 14)] == ["12", "10", "5"]
    assert found["canvas-11"]["max"] == "12"

    # A new check is judged, alone; a namesake joins; what people did stays.
    before = {path: path.read_bytes() for path in (output / "journal").glob("*.json")}
    (masters / "00_tiny.py").write_text(text + NEW, "utf-8")
    (folder / "kimbo_13_4_00_tiny.ipynb").write_text(answered(), "utf-8")
    found, stdout = again()
    assert sorted(graded_now(stdout)) == ["canvas-11", "canvas-12", "canvas-13", "canvas-14"]
    scores = {f"canvas-{n}": found[f"canvas-{n}"]["score"] for n in (11, 12, 13, 14)}
    assert scores == {"canvas-11": "16", "canvas-12": "14", "canvas-13": "16", "canvas-14": "9"}
    assert found["canvas-12"]["comments"] == "length: Nearly!"
    for path, old in before.items():
        was, now = json.loads(old)["outcome"], json.loads(path.read_bytes())["outcome"]
        if was["student"] in scores:  # the old verdicts stand, of the same inputs
            assert now["seed"] == was["seed"]
            assert set(was["passed"]) == set(now["passed"]) - {"is_a_number"}
    executed = (output / "autograded" / "canvas-11" / "00_tiny" / "00_tiny.ipynb").read_text()
    assert executed.count("Integers are doubled.\\n") >= 1  # the output of a check that stood

    # Nothing is left to do; a policy takes its points without a run.
    found, stdout = again()
    assert graded_now(stdout) == [] and rows(output) == found
    policy = Config(
        {"AssignLatePenalties": {"plugin_class": "autograder.results.late.PercentADay"}}
    )
    plain = gradebook.course_config
    monkeypatch.setattr(gradebook, "course_config", lambda root: _with(plain(root), policy))
    found, stdout = again("--due", "2001-01-01")
    assert graded_now(stdout) == [] and "4 late, at the policy's cost" in stdout
    assert {found[f"canvas-{n}"]["score"] for n in (11, 12, 13, 14)} == {"0"}
    monkeypatch.undo()
    found, stdout = again("--due", "2101-01-01")
    assert graded_now(stdout) == []
    head, points, *students = csv.reader((output / "canvas.csv").read_text("utf-8").splitlines())
    assert (head[5], points[5]) == ("Lab 00 (99)", "16")
    assert {row[1]: row[5] for row in students} == {
        "11": "16", "12": "14", "13": "16", "14": "9",
    }  # fmt: skip
