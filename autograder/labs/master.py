"""What a master is: the one source of a lab, and nbgrader's source notebook that it gives.

A master (`autograder/course/masters/*.py`) is a percent-format file: prose, exercises with their
solutions, and checks.
"""

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import nbformat
from nbformat import NotebookNode

from autograder.labs import percent
from autograder.labs.percent import Malformed

ROOT = Path(__file__).resolve().parents[2]
MASTERS = ROOT / "autograder" / "course" / "masters"

MARKER = re.compile(r"^\s*#+ *(BEGIN|END) (SOLUTION|HIDDEN TESTS)\b")
# nbgrader looks for these words anywhere in a line, in prose too; only MARKER lines may have them.
MARKER_WORDS = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS)|(BEGIN|END) MARK SCHEME|AUTOTEST")
KEYS: tuple[set[str], ...] = (set(), {"setup"}, {"exercise"}, {"check", "points"})

METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


@dataclass(frozen=True)
class Lab:
    """A lab as its master describes it.

    `source` is nbgrader's source notebook; `exercises` gives for each exercise, in order, its
    checks and their points.
    """

    name: str
    title: str
    minutes: int
    exercises: dict[str, dict[str, float]]
    source: NotebookNode

    @property
    def checks(self) -> dict[str, float]:
        """The points of every check, in order."""
        return {check: points for own in self.exercises.values() for check, points in own.items()}

    @property
    def points(self) -> float:
        """The points of the whole lab."""
        return sum(self.checks.values())


# --- reading a master -----------------------------------------------------------------------------


def read_lab(path: Path) -> Lab:
    """Read a master.

    Raises:
        Malformed: with file and line, where the master breaks a rule.
    """
    header, cells = percent.read(path)
    for key, kind in (("title", str), ("minutes", int)):
        if not isinstance(header.get(key), kind):
            raise Malformed(path, 1, f"the header needs `{key}:` ({kind.__name__})")
    exercises = _exercises(path, cells)
    lab = Lab(path.stem, header["title"], header["minutes"], exercises, _empty_notebook())
    lab.source.cells = [
        _notebook_cell("markdown", "title", _title(lab)),
        _notebook_cell("code", "install", _install(), locked=True),
        *_body(cells),
    ]
    return lab


def _exercises(path: Path, cells: list[percent.Cell]) -> dict[str, dict[str, float]]:
    """Check every cell against the rules, and return each exercise's checks and points."""
    exercises: dict[str, dict[str, float]] = {}
    named: dict[str, int] = {}
    exercise: str | None = None
    for cell in cells:

        def refuse(problem: str, line: int = cell.line) -> NoReturn:
            raise Malformed(path, line, problem)

        keys = set(cell.metadata)
        if keys == {"check"}:
            refuse(f"check {cell.metadata['check']!r} needs points=…")
        if keys not in KEYS or (keys and cell.kind != "code"):
            refuse(f"a {cell.kind} cell cannot have {', '.join(sorted(keys))}")
        name: Any = cell.metadata.get("exercise", cell.metadata.get("check"))
        if keys & {"exercise", "check"}:
            # Names become grade ids, cell ids (at most 64 characters) and columns.
            if not (isinstance(name, str) and name.isidentifier() and len(name) <= 48):
                refuse(f"{name!r} is no name: write an identifier of at most 48 characters")
            if name in named:
                refuse(f"{name!r} is already the name of the cell in line {named[name]}")
            named[name] = cell.line
        _check_markers(path, cell)

        if "exercise" in keys:
            if exercise is not None and not exercises[exercise]:
                refuse(f"exercise {exercise!r}, before this one, has no check")
            if (problem := _definition_problem(cell.source, name)) is not None:
                refuse(problem)
            exercise = name
            exercises[exercise] = {}
        if "check" in keys:
            points = cell.metadata["points"]
            if isinstance(points, bool) or not isinstance(points, int | float) or points <= 0:
                refuse(f"points={points!r} is no positive number")
            if exercise is None:
                refuse(f"check {name!r} stands before any exercise")
            exercises[exercise][name] = points
    if exercise is not None and not exercises[exercise]:
        raise Malformed(path, named[exercise], f"exercise {exercise!r} has no check")
    return exercises


def _check_markers(path: Path, cell: percent.Cell) -> None:
    """Refuse markers that nbgrader would trip over, or that stand where they do not belong."""
    if "exercise" in cell.metadata:
        kind, needs = "SOLUTION", "an exercise needs one `### BEGIN SOLUTION` … `### END SOLUTION`"
    elif "check" in cell.metadata:
        kind, needs = "HIDDEN TESTS", "`### BEGIN HIDDEN TESTS` and `### END HIDDEN TESTS` pair up"
    else:
        kind, needs = None, "markers belong in exercises and checks"
    found: list[int] = []
    for number, line in enumerate(cell.source.split("\n"), start=cell.line + 1):
        if MARKER_WORDS.search(line) is None:
            continue
        marker = MARKER.match(line)
        expected = "END" if len(found) % 2 else "BEGIN"
        surplus = kind == "SOLUTION" and len(found) == 2
        if marker is None or marker.groups() != (expected, kind) or surplus:
            raise Malformed(path, number, f"{line.strip()!r} is out of place: {needs}")
        found.append(number)
    if len(found) % 2 or (kind == "SOLUTION" and not found):
        raise Malformed(path, found[-1] if found else cell.line, f"markers do not balance: {needs}")


def _definition_problem(source: str, name: str) -> str | None:
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        return f"exercise {name!r} is no Python: {error}"
    functions = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    if functions != [name]:
        return f"exercise {name!r} must define the function {name!r} alone, not {functions}"
    if solution_size(source) == 0:
        return f"the solution of exercise {name!r} is empty"
    return None


def solution_size(source: str) -> int:
    """Return how many lines of code stand between the solution's markers."""
    lines = source.split("\n")
    begin, end = (index for index, line in enumerate(lines) if MARKER.match(line))
    code = (line.strip() for line in lines[begin + 1 : end])
    return sum(bool(line) and not line.startswith("#") for line in code)


# --- nbgrader's source ----------------------------------------------------------------------------


def _body(cells: list[percent.Cell]) -> list[NotebookNode]:
    """Turn a master's cells into notebook cells.

    A named cell's id is its name. Any other is counted from the last named one, so that a new
    paragraph changes few ids, and none that grading relies on.
    """
    body, last, count = [], "start", 0
    for cell in cells:
        name = cell.metadata.get("exercise", cell.metadata.get("check"))
        if name is not None:
            last, count = name, 0
        else:
            count += 1
        body.append(
            _notebook_cell(
                cell.kind,
                name or f"{last}-{count}",
                cell.source,
                solution="exercise" in cell.metadata,
                points=cell.metadata.get("points"),
                locked="setup" in cell.metadata,
            )
        )
    return body


def _notebook_cell(kind, cell_id, source, *, solution=False, points=None, locked=False):
    """Return a cell with its id twice (Colab keeps `metadata.id`) and nbgrader's metadata."""
    metadata: dict[str, Any] = {"id": cell_id}
    if solution or locked or points is not None:
        metadata["nbgrader"] = {
            "grade": points is not None,
            "grade_id": cell_id,
            "locked": locked or points is not None,
            "schema_version": 3,
            "solution": solution,
            "task": False,
        }
    if points is not None:
        metadata["nbgrader"]["points"] = points
    cell = {"cell_type": kind, "id": cell_id, "metadata": metadata, "source": source}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return nbformat.from_dict(cell)


def _empty_notebook() -> NotebookNode:
    # Not nbformat's constructor: it would write the newest minor version that it knows.
    return nbformat.from_dict(
        {"cells": [], "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    )


@cache
def _project() -> tuple[str, str]:
    """Return the repository's address and the branch that students get, from pyproject.toml."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    repository, _, branch = urls["Repository"].partition("/tree/")
    return repository.rstrip("/"), branch or "main"


def colab_url(name: str) -> str:
    """Return the address that opens a lab in Colab."""
    repository, branch = _project()
    path = repository.removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{path}/blob/{branch}/labs/{name}.ipynb"


def _title(lab: Lab) -> str:
    badge = "https://colab.research.google.com/assets/colab-badge.svg"
    rows = "".join(
        f"| {number} | `{exercise}` | {sum(checks.values()):g} |\n"
        for number, (exercise, checks) in enumerate(lab.exercises.items(), start=1)
    )
    return (
        f"# {lab.title}\n\n"
        f"[![Open in Colab]({badge})]({colab_url(lab.name)})\n\n"
        f"About {lab.minutes} minutes, {lab.points:g} points.\n\n"
        f"| | Exercise | Points |\n|-:|:-|-:|\n{rows}"
    ).rstrip()


def _install() -> str:
    repository, branch = _project()
    raw = repository.replace("https://github.com/", "https://raw.githubusercontent.com/")
    requirements = f"{raw}/{branch}/requirements-colab.txt"
    return (
        "# In Colab this installs what the lab needs, in about a minute; elsewhere, nothing.\n"
        "import importlib.util\n"
        "import sys\n\n"
        'if "google.colab" in sys.modules and importlib.util.find_spec("labkit") is None:\n'
        f"    %pip install -q --no-deps --ignore-requires-python -r {requirements}\n"
        f"    %pip install -q --no-deps {repository}/archive/refs/heads/{branch}.tar.gz"
    )
