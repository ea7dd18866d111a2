"""The notebooks as a person runs them: top to bottom, in a kernel of their own."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parent.parent
LABS = sorted(path.stem for path in (ROOT / "labs").glob("*.ipynb"))
each_lab = pytest.mark.parametrize("lab", LABS)


def execute(path, monkeypatch):
    """Run a notebook in quick mode and return it with its outputs."""
    monkeypatch.setenv("LABKIT_BUDGET", "quick")
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    return notebook


@each_lab
def test_the_solution_runs_top_to_bottom_and_is_quiet(lab, monkeypatch):
    notebook = execute(ROOT / "solutions" / f"{lab}.ipynb", monkeypatch)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert outputs
    assert [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"] == []


@each_lab
def test_every_picture_has_alt_text(lab, monkeypatch):
    notebook = nbformat.read(ROOT / "solutions" / f"{lab}.ipynb", as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    drawn = sum(code.count(f"plots.{kind}(") for kind in ("roc", "lines", "brackets", "images"))
    assert drawn > 0
    assert code.count("alt=") == drawn
    assert "plt." not in code  # labkit.plots asks for alt text; a bare figure has none


@each_lab
def test_a_blank_lab_runs_to_its_first_exercise_and_names_it(lab, monkeypatch):
    path = ROOT / "labs" / f"{lab}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    first = next(c for c in cells if c.metadata.get("nbgrader", {}).get("solution"))
    with pytest.raises(CellExecutionError) as error:
        execute(path, monkeypatch)
    assert f"Exercise `{first.metadata.nbgrader.grade_id}` is still blank" in str(error.value)
