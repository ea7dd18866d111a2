"""CONTRIBUTING.md's first exercise, added to a copy of the project as it says, and graded."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.labs import ROOT

pytestmark = pytest.mark.grader

EXERCISE = "clipped_fraction"
MASTER = Path("autograder/course/masters/01_dp_sgd.py")
CHECKS = Path("labkit/checks/dp_sgd.py")
ANSWERS = Path(f"autograder/course/answers/01_dp_sgd/{EXERCISE}.py")
NEXT = "# %% [markdown]\n# ## Part 3 · Noise"
BUILT = ["labkit/points.json", "labs/01_dp_sgd.ipynb", "solutions/01_dp_sgd.ipynb"]

# Grades the solution, and then the solution with the wrong answer in it, by the checks of this
# exercise and of the one above it: that the solution passes the others, tests/test_grade.py shows.
GRADE = f"""
import json
from dataclasses import replace
from autograder.judge.judge import Order, Terms, environment, judge
from autograder.labs.build import release
from autograder.labs import MASTERS
from autograder.labs.master import read_lab
from autograder.labs.sample_class import Answer, read_answers
from autograder.sandbox import pool
from autograder.workers.ready import own_solution

lab = read_lab(MASTERS / "01_dp_sgd.py")
answers = read_answers(MASTERS.parent / "answers" / lab.name, lab)["{EXERCISE}"]
checks = [*lab.exercises["clip_per_example"], *lab.exercises["{EXERCISE}"]]
submission = replace(own_solution(lab), checks=tuple(checks))
cell = next(cell for cell in submission.notebook.cells if cell.id == "{EXERCISE}")
graded = []
with pool.serving(release(lab), "bwrap", environment(1)) as kernels:
    wrong = [each for each in answers if each.loses]
    for answer in [Answer("solution", cell.source, {{}}), *wrong]:
        cell.source = answer.source
        outcome, _ = judge(Order(submission, lab, Terms(seed=5), kernels))
        scores = {{name: outcome.scores[name] for name in checks}}
        graded.append([answer.loses, scores, outcome.messages])
print(json.dumps([lab.checks, graded]))
"""


@pytest.fixture
def project(tmp_path):
    """A copy of the project's code and notebooks."""
    for folder in ("autograder", "labkit", "labs", "solutions"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(project, *arguments):
    environment = os.environ | {"PYTHONPATH": str(project)}
    line = [sys.executable, *arguments]
    done = subprocess.run(line, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def add_the_exercise(project):
    """Write what CONTRIBUTING.md shows, where it says; the points are taken from another check."""
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    cells, check, answers = re.findall(r"^```python\n(.*?)^```$", guide, re.M | re.S)
    text = (project / MASTER).read_text("utf-8")
    for old, new in ((" points=5 ", " points=2 "), (NEXT, f"{cells}\n{NEXT}")):
        assert old in text
        text = text.replace(old, new, 1)
    (project / MASTER).write_text(text, "utf-8")
    with (project / CHECKS).open("a", encoding="utf-8") as file:
        file.write(f"\n\n{check}")
    (project / ANSWERS).write_text(answers, "utf-8")


def test_an_exercise_is_three_files_and_is_graded_as_its_answers_say(project):
    add_the_exercise(project)
    assert run(project, "-m", "autograder.labs.build") == [f"wrote {path}" for path in BUILT]
    points, graded = json.loads(run(project, "-c", GRADE)[-1])
    assert sum(points.values()) == 100 and points["fraction_is_counted"] == 3
    assert [*map(bool, (loses for loses, _, _ in graded))] == [False, True]
    for loses, scores, messages in graded:
        assert len(scores) == 4 and scores == {
            name: 0 if name in loses else points[name] for name in scores
        }
        assert messages.keys() == loses.keys()
        assert all(phrase in messages[name] for name, phrase in loses.items())
