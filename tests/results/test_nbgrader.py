"""nbgrader's own commands, in folders that the grader wrote: in the sandbox, or not at all."""

import csv
import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook

from autograder.judge.preprocessor import _foreign
from autograder.labs import ROOT, build
from tests.tiny import TINY, answered, grade, write_class

pytestmark = pytest.mark.grader

HERE = "\nimport subprocess\nopen({!r}, 'w').write('x')\nsubprocess.run(['touch', {!r}])\n"

# What the buttons of formgrader and of the validate extension call, and the commands.
AUTOGRADE = """
import sys
from nbgrader.apps import NbGrader, NbGraderAPI
app = NbGrader()
app.initialize([] if len(sys.argv) < 3 else ["--course-dir", sys.argv[2]])
result = NbGraderAPI(app.coursedir, parent=app).autograde("00_tiny", sys.argv[1])
print(result.get("log"), result.get("error"))
"""
VALIDATE = """
import sys
from nbgrader.server_extensions.validate_assignment.handlers import ValidateAssignmentHandler as H
from nbgrader.validator import Validator
print(Validator(config=H.load_config(None)).validate(sys.argv[1]))
"""


def run(folder, *command, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"HOME": str(folder), "JUPYTER_NO_CONFIG": "1"} | environment, timeout=300,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An output folder, and a file that the student's code writes if it can."""
    folder = tmp_path_factory.mktemp("class")
    written = folder / "written"
    hostile = HERE.format(str(written), str(written))
    source = "def double(x):\n    return 2 * x\n" + f"try:{hostile}except OSError: pass".replace(
        "\n", "\n    "
    ).replace("    except", "except")
    found, _ = grade(write_class(folder / "in", ann={"double": source}), folder / "out")
    assert found["ann"]["score"] == "10" and not written.exists()
    return folder / "out", written


@pytest.fixture
def output(made, tmp_path):
    """The same, moved to another place."""
    shutil.copytree(made[0], tmp_path / "moved")
    yield tmp_path / "moved"
    assert not made[1].exists()


def notebook(output, folder="submitted"):
    return output / folder / "ann" / "00_tiny" / "00_tiny.ipynb"


def score(output):
    with Gradebook(f"sqlite:///{output / 'gradebook.db'}", "privacy-labs") as book:
        return book.find_submission("00_tiny", "ann").score


def as_handed_in(output, hostile):
    """Put a raw notebook where the rebuilt one was, executable by whatever runs notebooks."""
    nb = nbformat.reads(answered(double=hostile + "\ndef double(x):\n    return 2 * x"), 4)
    notebook(output).chmod(0o644)
    notebook(output).write_text(build.as_text(nb), "utf-8")


@pytest.mark.parametrize("raw", [False, True])
def test_the_button_autogrades_in_the_sandbox(made, output, raw):
    if raw:
        as_handed_in(output, HERE.format(str(made[1]), str(made[1])))
    shutil.rmtree(output / "autograded")
    said = run(output, "-c", AUTOGRADE, "ann")
    assert notebook(output, "autograded").exists(), said
    executed = notebook(output, "autograded").read_text("utf-8")
    # The raw one's first statement fails, so that its answer is not even defined.
    assert score(output) == (5 if raw else 10), said
    assert ("FileNotFoundError" in executed) == raw


def test_so_does_the_command(output):
    shutil.rmtree(output / "autograded")
    said = run(output, "-m", "nbgrader", "autograde", "00_tiny", "--force")
    assert score(output) == 10, said


def test_so_does_the_command_from_another_folder(output, tmp_path):
    shutil.rmtree(output / "autograded")
    run(tmp_path, "-c", AUTOGRADE, "ann", output)
    assert notebook(output, "autograded").exists() and score(output) == 10


def test_where_the_graders_code_is_missing_nothing_runs(made, output):
    """Another environment has nbgrader, and none of this project."""
    as_handed_in(output, HERE.format(str(made[1]), str(made[1])))
    missing = "import sys; sys.modules['autograder'] = None\n"
    said = run(output, "-c", missing + AUTOGRADE, "ann")
    assert "No module named" in said or "import of autograder" in said, said
    assert "No such kernel" in run(output, "-c", missing + VALIDATE, notebook(output))


@pytest.mark.parametrize("broken", ["1 / 0", "import no_such_module"])
def test_an_edited_configuration_that_fails_runs_nothing(made, output, broken):
    config = output / "nbgrader_config.py"
    config.write_text(config.read_text("utf-8") + broken, "utf-8")
    shutil.rmtree(output / "autograded")
    assert "No such kernel" in run(output, "-c", AUTOGRADE, "ann")
    assert "No such kernel" in run(output, "-c", VALIDATE, notebook(output))


def test_without_the_configuration_nbgrader_finds_no_kernel(output):
    (output / "nbgrader_config.py").unlink()
    shutil.rmtree(output / "autograded")
    assert "No such kernel" in run(output, "-c", AUTOGRADE, "ann")


@pytest.mark.parametrize("folder", ["submitted", "autograded"])
def test_validating_is_refused_in_every_folder(output, tmp_path, folder):
    path = notebook(output, folder)
    assert "No such kernel" in run(output, "-m", "nbgrader", "validate", path)
    for place in (output, tmp_path):
        assert "No such kernel" in run(place, "-c", VALIDATE, path)


def test_what_students_are_called_is_no_other_column_of_an_export_and_no_formula(made, output):
    table = (output / "grades.csv").read_bytes()
    names = ("eve,Smith,Eve,,10,0,10,10", "=1+1", "\u00e9ve")
    with Gradebook(f"sqlite:///{output / 'gradebook.db'}", "privacy-labs") as book:
        for name in names:
            book.update_or_create_student(name, first_name=None, last_name=name)
    said = run(output, "-m", "nbgrader", "export")
    with (output / "nbgrader.csv").open(encoding="utf-8", newline="") as file:
        found = {row["student_id"]: row for row in csv.DictReader(file)}
    assert found.keys() == {"ann", "eve,Smith,Eve,,10,0,10,10", "'=1+1", "\u00e9ve"}, said
    for name, row in found.items():
        assert None not in row and row["last_name"] == name and row["email"] == ""
        assert row["score"] == row["raw_score"] == ("10" if name == "ann" else "0")
    assert (output / "grades.csv").read_bytes() == table  # the grader's own
    run(output, "-m", "nbgrader", "export", "--student", "['ann']", "--to", "one.csv")
    assert (output / "one.csv").read_text("utf-8").count("00_tiny") == 1


def test_the_solution_is_generated_in_the_sandbox(output):
    said = run(output, "-m", "nbgrader", "generate_solution", "00_tiny")
    assert (output / "solution" / "." / "00_tiny" / "00_tiny.ipynb").exists(), said


@pytest.mark.parametrize("add", ["locked", "check", "exercise"])
def test_cells_that_the_release_does_not_have_are_not_judged(made, output, add):
    """Also where nbgrader reads by itself what was handed in, as earlier configurations have it."""
    config = output / "nbgrader_config.py"
    left = [line for line in config.read_text("utf-8").splitlines() if "GuardedRead" not in line]
    config.write_text("\n".join(left), "utf-8")
    path = notebook(output)
    nb = nbformat.read(path, as_version=4)
    like = {"locked": lambda m: m.locked and not m.grade and not m.solution,
            "check": lambda m: m.grade, "exercise": lambda m: m.solution}[add]  # fmt: skip
    first = next(cell for cell in nb.cells if cell.cell_type == "code"
                 and "nbgrader" in cell.metadata and like(cell.metadata.nbgrader))  # fmt: skip
    more = new_code_cell("checks = 1", metadata=json.loads(json.dumps(first.metadata)))
    more.metadata.nbgrader.grade_id = "checks"
    nb.cells.insert(nb.cells.index(first) + 1, more)
    path.chmod(0o644)
    nbformat.write(nb, path)
    said = run(output, "-c", AUTOGRADE, "ann")
    assert score(output) == 0 or "rror" in said, said


@pytest.mark.parametrize(
    "name, says, judged",
    [
        ("double", {}, True),
        ("double", {"grade": True}, False),
        ("double", {"solution": False}, False),
        ("doubles_integers", {"solution": True}, True),  # it is the release's own
        ("doubles_integers", {"solution": True, "grade": False}, False),
    ],
)
def test_a_cell_that_says_it_is_something_else_is_not_judged(made, name, says, judged):
    """The judge's kernel runs checks; nbgrader's commands refuse such a notebook before."""
    nb = nbformat.from_dict(json.loads(json.dumps(TINY.source)))
    (cell,) = (each for each in nb.cells if each.id == name)
    cell.metadata.nbgrader |= says
    about = {"assignment": "00_tiny", "notebook": "00_tiny"}
    about["db_url"] = f"sqlite:///{made[0] / 'gradebook.db'}"
    assert (_foreign(nb, {"nbgrader": about}) == "") == judged


def test_the_projects_own_folder_is_safe_too(made, output):
    as_handed_in(output, HERE.format(str(made[1]), str(made[1])))
    folder = ROOT / "autograder"
    assert "No such kernel" in run(folder, "-c", VALIDATE, notebook(output))
    missing = "import sys; sys.modules['autograder'] = None\n"
    assert "No such kernel" in run(folder, "-c", missing + VALIDATE, notebook(output))
