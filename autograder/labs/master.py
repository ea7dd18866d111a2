"""What a master is: the one source of a lab, and nbgrader's source notebook that it gives.

A master (`autograder/course/masters/*.py`) is a percent-format file: prose, exercises with their
solutions, and checks.
"""

import ast
import hashlib
import json
import math
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.labs import ROOT, percent
from autograder.labs.percent import Malformed

CHECKS = ROOT / "labkit" / "checks"

MARKER = re.compile(r"^\s*#+ *(BEGIN|END) (SOLUTION|HIDDEN TESTS)\b")
# nbgrader looks for these words anywhere in a line, in prose too; only MARKER lines may have them.
MARKER_WORDS = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS)|(BEGIN|END) MARK SCHEME|AUTOTEST")
KEYS: tuple[set[str], ...] = (
    set(),
    {"setup"},
    {"exercise"},
    {"check", "points"},
    {"check", "points", "trials"},
)

# What the set-up cell looks for in Colab, before it installs anything.
NEEDED = ("labkit", "dp_accounting", "tensorflow_privacy", "tensorflow_federated", "tf_shell")

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


def read_lab(path: Path, repository: str | None = None) -> Lab:
    """Read a master.

    Args:
        path: the master.
        repository: the address from which students get the lab; default: pyproject.toml's.

    Raises:
        Malformed: with file and line, where the master breaks a rule, or where its checks and the
            check functions of its module in labkit/checks are not the same.
    """
    header, cells = percent.read(path)
    for key, kind in (("title", str), ("minutes", int)):
        if not isinstance(header.get(key), kind):
            raise Malformed(path, 1, f"the header needs `{key}:` ({kind.__name__})")
    exercises = _exercises(path, cells)
    _match_functions(path, cells)
    lab = Lab(path.stem, header["title"], header["minutes"], exercises, _empty_notebook())
    body = _body(cells, module(lab.name))
    hook, heading, rest = _hook(body)
    lab.source.cells = [
        _notebook_cell("markdown", "title", _title(lab, repository)),
        *hook,
        _notebook_cell("markdown", "points", _points(lab)),
        *heading,
        _notebook_cell("code", "install", _install(lab, repository), locked=True),
        *rest,
        *(_finish(lab) if has_module(lab.name) else ()),
    ]
    return lab


def _exercises(path: Path, cells: list[percent.Cell]) -> dict[str, dict[str, float]]:
    """Check every cell against the rules, and return each exercise's checks and points."""
    exercises: dict[str, dict[str, float]] = {}
    lines: dict[str, int] = {}
    for cell in cells:
        problem = _header_problem(cell) or _check_problem(cell)
        if problem is not None:
            raise Malformed(path, cell.line, problem)
        _check_markers(path, cell)
        name = _name(cell)
        if name is None:
            continue
        if name in lines:
            problem = f"{name!r} is already the name of the cell in line {lines[name]}"
        elif "exercise" in cell.metadata:
            problem = _definition_problem(cell.source, name)
            exercises[name] = {}
        elif not exercises:
            problem = f"check {name!r} stands before any exercise"
        else:
            [*exercises.values()][-1][name] = cell.metadata["points"]
        if problem is not None:
            raise Malformed(path, cell.line, problem)
        lines[name] = cell.line
    for exercise, checks in exercises.items():
        if not checks:
            raise Malformed(path, lines[exercise], f"exercise {exercise!r} has no check")
    return exercises


def _name(cell: percent.Cell) -> Any:
    """Return the name of an exercise or a check; other cells have none."""
    return cell.metadata.get("exercise", cell.metadata.get("check"))


def _header_problem(cell: percent.Cell) -> str | None:
    keys, name = set(cell.metadata), _name(cell)
    if "check" in keys and "points" not in keys:
        return f"check {name!r} needs points=…"
    if keys not in KEYS or (keys and cell.kind != "code"):
        return f"a {cell.kind} cell cannot have {', '.join(sorted(keys))}"
    # Names become grade ids, cell ids (at most 64 characters) and columns.
    fit = isinstance(name, str) and name.isidentifier() and len(name) <= 48
    if keys & {"exercise", "check"} and not fit:
        return f"{name!r} is no name: write an identifier of at most 48 characters"
    return None


def _check_problem(cell: percent.Cell) -> str | None:
    points, trials = cell.metadata.get("points", 1), cell.metadata.get("trials", 1)
    if not (type(points) in (int, float) and 0 < points < math.inf):
        return f"points={points!r} is no positive number"
    if not (type(trials) is int and trials > 0):
        return f"trials={trials!r} is no positive whole number"
    if "trials" in cell.metadata and cell.source:
        return "a check has trials=… or a body of its own, not both"
    if "check" in cell.metadata and cell.source and not _code(cell.source.split("\n")):
        return "a body without code passes every answer: leave it out"
    return None


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
    return len(_code(lines[begin + 1 : end]))


def _code(lines: list[str]) -> list[str]:
    return [line for line in lines if line.strip() and not line.strip().startswith("#")]


# --- labkit's checks ------------------------------------------------------------------------------


def module(name: str) -> str:
    """Return the name of the module of labkit.checks that holds a lab's checks."""
    return re.sub(r"^\d+_", "", name)


def has_module(name: str) -> bool:
    """Return whether a lab's checks are labkit's; those of labs for tests have bodies."""
    return (CHECKS / f"{module(name)}.py").is_file()


def edition(exercises: dict[str, dict[str, float]]) -> str:
    """Return a text that changes with a lab's exercises, checks and points.

    By it a notebook and the installed labkit, which computes the same (`labkit.verdicts`), find out
    that they are not of one release.
    """
    return hashlib.sha256(json.dumps(exercises).encode()).hexdigest()[:8]


def check_functions(path: Path) -> dict[str, int]:
    """Return the check functions that a module of labkit.checks defines, and their lines.

    Raises:
        Malformed: it is no Python.
    """
    try:
        body = ast.parse(path.read_text("utf-8"), str(path)).body
    except SyntaxError as error:
        raise Malformed(path, error.lineno or 1, f"is no Python: {error.msg}") from None
    return {
        node.name: node.lineno
        for node in body
        if isinstance(node, ast.FunctionDef) and "check" in map(ast.unparse, node.decorator_list)
    }


def _match_functions(path: Path, cells: list[percent.Cell]) -> None:
    """Refuse a check without a function, and a function without a check."""
    module_path = CHECKS / f"{module(path.stem)}.py"
    functions = check_functions(module_path) if module_path.is_file() else {}
    checks = {cell.metadata["check"]: cell for cell in cells if "check" in cell.metadata}
    for name, cell in checks.items():
        # Where a lab has no module, as in tests, its checks have bodies.
        if name not in functions and (functions or not cell.source):
            raise Malformed(path, cell.line, f"{module_path} has no check function {name!r}")
    for name, line in functions.items():
        if name not in checks:
            raise Malformed(module_path, line, f"{path.name} has no check {name!r}")


def _call(module: str, exercise: str, check: percent.Cell) -> str:
    """Return the body of a check that has none: its function is called on the exercise above.

    What students see draws inputs once; the hidden test, if there are `trials`, as many times more.
    """

    def call(*more: str) -> str:
        function = f"checks.{module}.{check.metadata['check']}"
        arguments = ", ".join([exercise, "checks.fresh_rng()", *more])
        line = f"{function}({arguments})"
        return line if len(line) <= 95 else f"{function}(\n    {arguments}\n)"

    trials = check.metadata.get("trials")
    if trials is None:
        return call()
    hidden = call() if trials == 1 else call(f"trials={trials}")
    return f"{call()}\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"


# --- nbgrader's source ----------------------------------------------------------------------------


def _body(cells: list[percent.Cell], module: str) -> list[NotebookNode]:
    """Turn a master's cells into notebook cells.

    A named cell's id is its name. Any other is counted from the last named one, so that a new
    paragraph changes few ids, and none that grading relies on.
    """
    body, exercise, last, count = [], "", "start", 0
    for cell in cells:
        name, source = _name(cell), cell.source
        if name is not None:
            last, count = name, 0
        else:
            count += 1
        if "exercise" in cell.metadata:
            exercise = name
        elif "check" in cell.metadata:
            source = source or _call(module, exercise, cell)
        body.append(
            _notebook_cell(
                cell.kind,
                name or f"{last}-{count}",
                source,
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
def _project() -> str:
    """Return the repository's address, from pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"][
        "Repository"
    ]


def _address(repository: str | None) -> tuple[str, str]:
    """Return the repository's address, and the branch that students get."""
    address, _, branch = (repository or _project()).partition("/tree/")
    return address.rstrip("/"), branch or "main"


def colab_url(name: str, of: str | None = None) -> str:
    """Return the address that opens a lab in Colab; `of` is the repository, as in `read_lab`."""
    repository, branch = _address(of)
    path = repository.removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{path}/blob/{branch}/labs/{name}.ipynb"


def glossary_url(of: str | None = None) -> str:
    """Return the address of the glossary, which Colab's students have no file of."""
    repository, branch = _address(of)
    return f"{repository}/blob/{branch}/labs/glossary.md"


def _title(lab: Lab, repository: str | None) -> str:
    badge = "https://colab.research.google.com/assets/colab-badge.svg"
    return (
        f"# {lab.title}\n\n"
        f"[![Open in Colab]({badge})]({colab_url(lab.name, repository)})\n\n"
        f"About {lab.minutes} minutes, {lab.points:g} points. "
        f"[Words and symbols]({glossary_url(repository)})"
    )


def _hook(body: list[NotebookNode]) -> tuple[list[NotebookNode], ...]:
    """Part a lab into what is read before anything is installed, the set-up's heading, the rest."""
    code = next((i for i, cell in enumerate(body) if cell.cell_type == "code"), len(body))
    at = code - (code > 0 and body[code - 1].source.startswith("## "))
    return body[:at], body[at:code], body[code:]


def _points(lab: Lab) -> str:
    rows = "".join(
        f"| {number} | `{exercise}` | {sum(checks.values()):g} |\n"
        for number, (exercise, checks) in enumerate(lab.exercises.items(), start=1)
    )
    return f"| | Exercise | Points |\n|-:|:-|-:|\n{rows}".rstrip()


def _install(lab: Lab, of: str | None) -> str:
    repository, branch = _address(of)
    raw = repository.replace("https://github.com/", "https://raw.githubusercontent.com/")
    needed = ", ".join(f'"{name}"' for name in NEEDED)
    source = f"""\
# In Colab this installs what the lab needs, in about a minute; elsewhere, nothing.
import importlib.util
import subprocess
import sys

needed = [{needed}]
if "google.colab" in sys.modules and not all(map(importlib.util.find_spec, needed)):
    requirements = "{raw}/{branch}/requirements-colab.txt"
    labs = "{repository}/archive/{branch}.tar.gz"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--ignore-requires-python"]
    done = subprocess.run([*pip, "-r", requirements, labs], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"Not everything was installed. Run this cell again.\\n{{done.stderr}}")
    importlib.invalidate_caches()"""
    if not has_module(lab.name):
        return source
    known = f'"{lab.name}", edition="{edition(lab.exercises)}"'
    return f"{source}\n\nimport labkit\n\nlabkit.ready({known})"


def _finish(lab: Lab) -> list[NotebookNode]:
    """What every lab ends with: the points so far, and how to hand in."""
    text = (
        "## Your points, and handing in\n\n"
        "The next cell runs every check that has not judged your functions as they are now, and "
        "sums up. Run it whenever you like, also after a restart of the kernel (save the notebook "
        "first). The one below it says how to hand in; in Colab it downloads the notebook."
    )
    summary = f'import labkit\n\nlabkit.summary("{lab.name}")'
    return [
        _notebook_cell("markdown", "finish", text),
        _notebook_cell("code", "summary", summary),
        _notebook_cell("code", "hand-in", f'labkit.hand_in("{lab.name}")'),
    ]
