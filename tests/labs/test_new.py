"""A lab from the template keeps every rule that a lab inherits; what cannot be one is refused."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.labs import MASTERS, ROOT, new
from autograder.labs.importing import Unimportable, import_checks
from autograder.labs.master import module, read_lab
from autograder.labs.percent import Malformed

NAME = "06_private_means"
MASTER = Path("autograder", "course", "masters", f"{NAME}.py")
CHECKS = Path("labkit", "checks", "private_means.py")


@pytest.fixture
def project(tmp_path):
    """A copy of the project without its labs, so that no test of theirs is collected."""
    names = [path.stem for path in MASTERS.glob("*.py")]
    ignored = shutil.ignore_patterns("__pycache__", *names, *(f"{n}.*" for n in names))
    for folder in ("autograder", "labkit", "labs", "solutions", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    for name in names:
        (tmp_path / CHECKS).with_name(f"{module(name)}.py").unlink()
    for file in ("pyproject.toml", "README.md", "uv.lock"):
        shutil.copy(ROOT / file, tmp_path)
    return tmp_path


def run(project, *arguments, fails=False):
    environment = os.environ | {"PYTHONPATH": str(project)}
    line = [sys.executable, *arguments]
    done = subprocess.run(line, cwd=project, env=environment, capture_output=True, text=True)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def rules(project, *names, fails=False):
    paths = [f"tests/labs/test_{name}.py" for name in names]
    chosen = f"{NAME} or readme or 100_points or every_check_function or committed"
    return run(
        project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths, "-k", chosen, fails=fails
    )


def edit(path, old, put):
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, put), "utf-8")


@pytest.mark.grader
def test_a_new_lab_keeps_the_rules_is_graded_and_misses_what_is_taken_away(project):
    assert f"wrote {MASTER}" in run(project, "-m", "autograder.labs.new", NAME)
    assert "wrote labs/06_private_means.ipynb" in run(project, "-m", "autograder.labs.build")
    said = rules(project, "build", "answers", "vacuous", "vandals", "wire", "notebooks")
    assert int(re.search(r"(\d+) passed", said)[1]) >= 25
    # Its sample class gets the points that its answers say.
    graded = run(project, "-m", "autograder.grade", "--lab", NAME)
    assert re.search(r"^perfect +100 ", graded, re.M)

    # Each rule that is broken is named.
    edit(project / "README.md", "blob/main/labs/06_private_means", "blob/main/labs/other")
    edit(project / MASTER, '"scale_hides_one_value" points=50', '"scale_hides_one_value" points=40')
    answers = project / "autograder" / "course" / "answers" / NAME / "noise_scale.py"
    text = answers.read_text("utf-8")
    before, after = text.index('# %% right="float32"'), text.index("# %% wrong")
    answers.write_text(text[:before] + text[after:], "utf-8")
    said = rules(project, "build", "answers", fails=True)
    assert "README.md's table has no line that opens 06" in said
    assert "the checks' points sum to 90" in said
    assert "noise_scale: 3 right answers, 4 wanted" in said
    with (project / CHECKS).open("a") as file:
        file.write("\nimport labkit.no_such_module\n")
    lines = (project / CHECKS).read_text().count("\n")
    said = run(project, "-m", "autograder.labs.build", fails=True)
    assert f"{project / CHECKS}:{lines}: ModuleNotFoundError" in said


def test_checks_that_are_no_python_are_named_with_their_line(tmp_path, monkeypatch):
    monkeypatch.setattr("autograder.labs.master.CHECKS", tmp_path)
    shutil.copy(MASTERS / "02_gdp_accounting.py", tmp_path)
    place = tmp_path / "gdp_accounting.py"
    place.write_text("import math\ndef broken(:\n", "utf-8")
    with pytest.raises(Malformed, match=rf"^{place}:2: is no Python: "):
        read_lab(tmp_path / "02_gdp_accounting.py")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("import no_such_module_of_anybody", 1, "ModuleNotFoundError"),
        ("x = 1\n\ny = x + z", 3, "NameError"),
        ("\nfrom labkit.checks import nothing_there", 2, "ImportError"),
    ],
)
def test_checks_that_cannot_be_imported_are_named_with_their_line(tmp_path, text, line, problem):
    checks = tmp_path / "labkit" / "checks"
    shutil.copytree(ROOT / "labkit", tmp_path / "labkit", ignore=shutil.ignore_patterns("mnist"))
    place = checks / "gdp_accounting.py"
    place.write_text(text, "utf-8")
    masters = tmp_path / "masters"
    masters.mkdir()
    shutil.copy(MASTERS / "02_gdp_accounting.py", masters)
    with pytest.raises(Unimportable, match=rf"^{place}:{line}: {problem}: "):
        import_checks(masters, checks)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "'' is no name"),
        ("private_means", "is no name such as 06_private_means"),
        ("06-private", "is no name"),
        ("06_Private", "is no name"),
        ("../06_x", "is no name"),
        ("01_other", "01_dp_sgd.py has the number 01"),
        ("06_dp_sgd", "labkit/checks/dp_sgd.py is there already"),
    ],
)
def test_what_cannot_be_a_lab_is_refused_and_nothing_is_written(name, problem, capsys):
    before = sorted(MASTERS.parent.rglob("*"))
    with pytest.raises(SystemExit) as refused:
        new.main([name])
    assert problem in str(refused.value) and "\n" not in str(refused.value)
    assert sorted(MASTERS.parent.rglob("*")) == before
