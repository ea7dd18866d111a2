"""Submissions that attack the grader, and what each must get: no crash, no escape, no points."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.labs.build import solution
from autograder.labs.master import Lab, read_lab

HERE = Path(__file__).parent
MASTERS = {
    "00_tiny": HERE.parent / "fixtures" / "masters" / "00_tiny.py",
    "00_arrays": HERE / "masters" / "00_arrays.py",
}

# What a submission prints that has reached what it must not; nobody else prints it.
ESCAPED = "ESC" + "APED"


class Notebook(NotebookNode):
    """A solved notebook, whose cells are found by name."""

    def __getitem__(self, key: str) -> Any:
        for cell in super().__getitem__("cells"):
            if cell.id == key:
                return cell
        return super().__getitem__(key)

    def answer(self, name: str, source: str) -> "Notebook":
        """Put other code into a cell."""
        self[name].source = textwrap.dedent(source).strip()
        return self

    def before(self, name: str, source: str) -> "Notebook":
        """Put a cell of the student's own before another."""
        cells = self["cells"]
        cells.insert(cells.index(self[name]), new_code_cell(textwrap.dedent(source).strip()))
        return self


def solved(lab: Lab) -> Notebook:
    """Return a lab's solution."""
    return Notebook(solution(lab))


Made = NotebookNode | str | bytes | dict[str, Any] | None


@dataclass(frozen=True)
class Case:
    """One submission; the words are to occur in what their names say.

    `make(notebook, folder)` gets the solved notebook and the student's folder, and returns the
    notebook, its text or bytes, or these by relative path; or None, if it filled the folder itself.
    `or_points` is what it gets when it loses a race of its own making.
    `flags` are all that a person is told: none at all, if it is empty; anything, if it is None.
    It is `patient` if it goes on until its time is up, however slow the machine.
    """

    name: str
    make: Callable[[Notebook, Path], Made]
    points: float
    lab: str = "00_tiny"
    status: str = "graded"
    reason: str = ""
    says: dict[str, str] = field(default_factory=dict)
    flags: Sequence[str] | None = ()
    repairs: Sequence[str] = ()
    or_points: float | None = None
    patient: bool = False

    def __str__(self) -> str:
        return self.name


FULL = {name: read_lab(path).points for name, path in MASTERS.items()}
HALF = 5  # of the tiny lab: the exercise that is not attacked with


def corpus() -> tuple[list[Case], Callable]:
    """Return an empty list of cases, and what adds to it a function that makes a submission.

    It takes what the submission must get, as `Case` has it.
    """
    cases: list[Case] = []

    def case(**expected: Any) -> Callable:
        def add(make: Callable[[Notebook, Path], Made]) -> Callable[[Notebook, Path], Made]:
            full = FULL[expected.get("lab", Case.lab)]
            cases.append(Case(make.__name__, make, **{"points": full} | expected))
            return make

        return add

    return cases, case


CASES, case = corpus()

# They add cases.
from tests.hostile import guard, kernels, link, objects, patches, reach, resources  # noqa: E402, F401
