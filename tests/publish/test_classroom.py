"""GitHub Classroom's example workflow: what its step says of a student's repository."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from autograder.labs import ROOT
from autograder.publish.release import CLASSROOM, tree
from tests.tiny import answered, double

WORKFLOW = ROOT / "autograder" / "publish" / "classroom.yml"


def step(folder):
    """Run the last step as GitHub's runner does."""
    *_, last = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]["checks"]["steps"]
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return subprocess.run(
        ["bash", "-e", "-c", last["run"]],
        cwd=folder,
        env=os.environ | last["env"],
        capture_output=True,
        text=True,
    )


def test_it_is_in_the_students_tree_where_it_is_asked_for():
    assert tree(classroom=True)[CLASSROOM] == WORKFLOW.read_bytes()
    assert CLASSROOM not in tree()
    assert Path(".github/workflows/classroom.yml") == CLASSROOM


@pytest.mark.grader
def test_it_says_which_checks_pass_and_fails_if_one_does_not(tmp_path):
    for name, answers in (("right", {}), ("wrong", {"double": double("return 2 * int(x)")})):
        labs = tmp_path / name / "labs"
        labs.mkdir(parents=True)
        (labs / "00_tiny.ipynb").write_text(answered(**answers), "utf-8")
    right, wrong = step(tmp_path / "right"), step(tmp_path / "wrong")
    assert right.returncode == 0 and "0 checks do not pass yet" in right.stdout, right.stderr
    assert wrong.returncode == 1 and "1 checks do not pass yet" in wrong.stdout
    assert "  doubles_integers: yes\n" in wrong.stdout
    assert "  doubles_fractions: no: a half was lost" in wrong.stdout
