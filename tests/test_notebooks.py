"""The notebooks as a person runs them: top to bottom, in a kernel of their own."""

import os
import re
from functools import cache
from pathlib import Path
from unittest import mock

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parent.parent
LABS = sorted(path.stem for path in (ROOT / "labs").glob("*.ipynb"))
each_lab = pytest.mark.parametrize("lab", LABS)


def execute(path):
    """Run a notebook in quick mode and return it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    with mock.patch.dict(os.environ, LABKIT_BUDGET="quick"):
        NotebookClient(notebook, timeout=300, resources=resources).execute()
    return notebook


@cache
def solved(lab):
    """The outputs of a lab's solution."""
    notebook = execute(ROOT / "solutions" / f"{lab}.ipynb")
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def printed(lab):
    """All that a lab's solution printed."""
    return "".join(o.text for o in solved(lab) if o.output_type == "stream" and o.name == "stdout")


@each_lab
def test_the_solution_runs_top_to_bottom_and_is_quiet(lab):
    assert "✓" in printed(lab)
    streams = [output for output in solved(lab) if output.output_type == "stream"]
    assert [stream.text for stream in streams if stream.name == "stderr"] == []
    assert "WARNING" not in printed(lab)


@each_lab
def test_every_picture_has_alt_text(lab):
    pictures = [
        output.data["text/html"]
        for output in solved(lab)
        if "<img" in output.get("data", {}).get("text/html", "")
    ]
    assert pictures
    assert all(re.match(r'<img alt="[^"]{40,}"', picture) for picture in pictures)
    assert not any("image/png" in output.get("data", {}) for output in solved(lab))


@each_lab
def test_a_blank_lab_runs_to_its_first_exercise_and_names_it(lab):
    path = ROOT / "labs" / f"{lab}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    first = next(c for c in cells if c.metadata.get("nbgrader", {}).get("solution"))
    with pytest.raises(CellExecutionError) as error:
        execute(path)
    assert f"Exercise `{first.metadata.nbgrader.grade_id}` is still blank" in str(error.value)


# --- what the prose says of the figures -----------------------------------------------------------


def figures(lab, pattern):
    """The numbers that a pattern's groups caught in what a lab's solution printed, row by row."""
    return [[float(n) for n in match.groups()] for match in re.finditer(pattern, printed(lab))]


def test_lab_01_three_implementations_make_the_same_step():
    [[moved]] = figures("01_dp_sgd", r"moved the weights by up to +(\S+)")
    apart = figures("01_dp_sgd", r"yours against .* (\S+)\n")
    assert moved > 1e-3
    # float32 weights below 0.5 are spaced 3e-8 apart; each way rounds a few times on the way.
    assert [a < 1e-6 for (a,) in apart] == [True, True]


def test_lab_01_the_published_epsilon_is_an_artefact():
    assert "ε = 2321.94 at order 1.1," in printed("01_dp_sgd")
    assert "ε = 548.70 at order 1.038" in printed("01_dp_sgd")
    assert "PLD (numerical, tight)      ε = 479.10" in printed("01_dp_sgd")


def test_lab_01_the_audit_clears_the_honest_and_convicts_the_liar():
    from labkit.accounting import epsilon_pld

    *honest, (_, liar) = figures("01_dp_sgd", r"σ = (\S+): \d+ of 160 .* ε > (\S+)\n")
    assert len(honest) == 3
    assert all(lower < epsilon_pld(sigma, 1.0, 20, 1e-5) for sigma, lower in honest)
    assert any(lower > 1 for _, lower in honest)
    assert liar > epsilon_pld(9.0, 1.0, 20, 1e-5)
