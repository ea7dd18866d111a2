"""Build every notebook from the masters: `python -m autograder.labs.build [--check]`.

A master (`autograder/course/masters/*.py`) is the one source of a lab: prose, solutions, checks
and hidden tests. From it come nbgrader's source (in build/, not committed), the students' notebook
in labs/ and the worked one in solutions/. nbgrader's own preprocessors do the stripping, and the
output is the same byte for byte wherever and whenever it is built.
"""

import argparse
import json
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
    SaveCells,
)
from nbgrader.utils import is_solution

from autograder.labs import MASTERS, ROOT
from autograder.labs.importing import Unimportable, import_checks
from autograder.labs.master import MARKER, Lab, has_module, read_lab, solution_size
from autograder.labs.percent import Malformed
from autograder.whole import write_whole

COURSE = ROOT / "build" / "course"
# What labkit knows of the labs: what each check is worth.
POINTS = Path("labkit", "points.json")


class AnnouncedBlanks(ClearSolutions):
    """nbgrader's ClearSolutions, with a blank that names its exercise and announces its size."""

    def preprocess_cell(self, cell, resources, cell_index):
        if is_solution(cell):
            self.code_stub = {"python": blank(cell.metadata.nbgrader.grade_id, cell.source)}
        return super().preprocess_cell(cell, resources, cell_index)


# What turns nbgrader's source into the release; `SaveCells` needs the gradebook (see
# nbgrader_config.py). Hidden tests go after it: autograding restores them from the gradebook.
RELEASE = [
    LockCells,
    AnnouncedBlanks,
    ClearOutput,
    CheckCellMetadata,
    ComputeChecksums,
    SaveCells,
    ClearHiddenTests,
    ComputeChecksums,
    CheckCellMetadata,
]


def blank(exercise: str, source: str) -> str:
    """Return the text that stands in for an exercise's solution."""
    size = solution_size(source)
    announced = "1 line" if size == 1 else f"about {size} lines"
    return (
        f"# YOUR CODE HERE: {announced}.\n"
        f'raise NotImplementedError("Exercise `{exercise}` is still blank.")'
    )


def release(lab: Lab) -> NotebookNode:
    """Return the students' notebook: solutions blanked, hidden tests gone, checks locked."""
    return released(lab.source)


def released(source: NotebookNode) -> NotebookNode:
    """Return the same of nbgrader's source notebook."""
    return _processed(source, [step for step in RELEASE if step is not SaveCells])


def solution(lab: Lab) -> NotebookNode:
    """Return the worked notebook: it runs top to bottom and has no markers or hidden tests."""
    notebook = _processed(lab.source, [ClearOutput, ClearHiddenTests])
    for cell in notebook.cells:
        lines = (line for line in cell.source.split("\n") if not MARKER.match(line))
        cell.source = "\n".join(lines)
    return notebook


def _processed(source: NotebookNode, steps: list[type]) -> NotebookNode:
    notebook = nbformat.from_dict(source)
    for step in steps:
        notebook, _ = step().preprocess(notebook, {})
    return notebook


def as_text(notebook: NotebookNode) -> str:
    """Return the notebook's one spelling: sorted keys, nothing that varies between machines."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def build(masters: Path = MASTERS, repository: str | None = None) -> dict[Path, str]:
    """Return the text of every file that the masters give, by its path in the repository."""
    files, table = {}, {}
    for path in sorted(masters.glob("*.py")):
        lab = read_lab(path, repository)
        if has_module(lab.name):
            table[lab.name] = lab.exercises
        files[Path("labs", f"{lab.name}.ipynb")] = as_text(release(lab))
        files[Path("solutions", f"{lab.name}.ipynb")] = as_text(solution(lab))
    if table:
        files[POINTS] = json.dumps(table, indent=1) + "\n"
    return files


def write_source(lab: Lab, course: Path) -> None:
    """Put a lab's source notebook where nbgrader expects it in a course folder."""
    path = course / "source" / lab.name / f"{lab.name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, as_text(lab.source).encode())


def stale(files: dict[Path, str], root: Path = ROOT) -> list[Path]:
    """Return the files that differ from what the masters give, left-over notebooks included."""
    present = {
        path.relative_to(root)
        for pattern in ("labs/*.ipynb", "solutions/*.ipynb", str(POINTS))
        for path in root.glob(pattern)
    }
    return sorted(
        path
        for path in present | files.keys()
        if path not in files
        or path not in present
        or (root / path).read_text("utf-8") != files[path]
    )


def main() -> None:
    """Write what changed, or with --check fail if anything would."""
    parser = argparse.ArgumentParser(prog="python -m autograder.labs.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if out of date")
    arguments = parser.parse_args()
    try:
        files = build()
        if not arguments.check:
            import_checks()
    except (Malformed, Unimportable) as error:
        sys.exit(str(error))
    changed = stale(files)
    if arguments.check:
        if changed:
            names = ", ".join(map(str, changed))
            sys.exit(f"Out of date: {names}. Run `python -m autograder.labs.build`.")
        return
    for path in changed:
        if path in files:
            (ROOT / path).parent.mkdir(exist_ok=True)
            write_whole(ROOT / path, files[path].encode())
        else:
            (ROOT / path).unlink()
        print(f"{'wrote' if path in files else 'removed'} {path}")
    for master in sorted(MASTERS.glob("*.py")):
        write_source(read_lab(master), COURSE)


if __name__ == "__main__":
    main()
