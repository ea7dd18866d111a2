"""Find out which of the submitted cells is which of the release's.

A cell is known by `metadata.id`, else by nbgrader's `grade_id`, else by its id. If all are lost, an
answer is known by the function that it defines, and other code by its text.
"""

from collections.abc import Callable, Iterable
from typing import Any

from nbformat import NotebookNode

from autograder.intake.cells import is_solution
from autograder.intake.salvage import SubmittedCell, as_dict

# The release's named cells bear one name in all three places.
KEYS: dict[str, Callable[[SubmittedCell], Any]] = {
    "metadata.id": lambda cell: cell.metadata.get("id"),
    "grade_id": lambda cell: as_dict(cell.metadata.get("nbgrader")).get("grade_id"),
    "cell id": lambda cell: cell.id,
}


def bears(cell: SubmittedCell, name: str) -> bool:
    """Whether a submitted cell has the name of one of the release's."""
    return any(key(cell) == name for key in KEYS.values())


class Search:
    """Which of the submitted cells is which of the release's; `found` has it by the latter's id."""

    def __init__(self, cells: list[SubmittedCell], release: NotebookNode) -> None:
        self._cells = cells
        self._exercises = [cell.id for cell in release.cells if is_solution(cell)]
        self._defines = {
            mine: {name for name in self._exercises if mine.defines(name)} for mine in cells
        }
        self.found: dict[str, SubmittedCell] = {}
        self._found_by: dict[str, str] = {}
        self._taken: set[SubmittedCell] = set()
        for how, key in KEYS.items():
            named = _grouped(cells, key)
            for cell in release.cells:
                if cell.id not in self.found:
                    self._take(cell, named.get(cell.id, []), how)
        texts = _grouped(cells, lambda mine: mine.source.strip())
        for cell in release.cells:
            if is_solution(cell):
                self._take_by_function(cell)
            elif cell.id not in self.found and cell.cell_type == "code":
                self._take(cell, texts.get(cell.source.strip(), []), "text")

    def notes(self) -> list[str]:
        """Return how answers were found that do not bear their `metadata.id` any more."""
        notes = []
        for how in dict.fromkeys(self._found_by.values()):
            names = [f"`{name}`" for name in self._exercises if self._found_by.get(name) == how]
            if names and how != "metadata.id":
                notes.append(f"{', '.join(names)}: found by {how}")
        return notes

    def _take_by_function(self, cell: NotebookNode) -> None:
        """Look further if no cell bears its name, or that cell is blank or something else."""
        mine = self.found.get(cell.id)
        if mine is None or _worth(mine, cell) < (True, True, False):
            others = [each for each in self._cells if cell.id in self._defines[each]]
            if mine is not None:
                others = [each for each in others if _worth(each, cell) > _worth(mine, cell)]
            self._take(cell, others, "the function's name")

    def _take(self, cell: NotebookNode, candidates: Iterable[SubmittedCell], how: str) -> None:
        free = [mine for mine in candidates if mine not in self._taken]
        if is_solution(cell):
            # A cell that answers another exercise only bears this one's name by mistake.
            free = [m for m in free if cell.id in self._defines[m] or not self._defines[m]]
            # Copied cells share their ids: the last one that was filled in is the answer.
            free.sort(key=lambda mine: _worth(mine, cell))
            free.reverse()
        else:
            # An answer that was written into a check or a set-up cell is an answer first.
            free = [m for m in free if not self._defines[m]]
        if not free:
            return
        if cell.id in self.found:
            self._taken.discard(self.found[cell.id])
        self.found[cell.id] = free[0]
        self._found_by[cell.id] = how
        self._taken.add(free[0])


def _grouped(
    cells: list[SubmittedCell], key: Callable[[SubmittedCell], Any]
) -> dict[str, list[SubmittedCell]]:
    groups: dict[str, list[SubmittedCell]] = {}
    for each in cells:
        if isinstance(name := key(each), str):
            groups.setdefault(name, []).append(each)
    return groups


def _worth(mine: SubmittedCell, cell: NotebookNode) -> tuple[bool, bool, bool]:
    """Order candidates for an answer: filled in, of the right name, valid Python."""
    still_blank = mine.source.strip() == cell.source.strip() or _stub(cell) in mine.source
    return not still_blank, mine.defines(cell.id), mine.tree is not None


def _stub(cell: NotebookNode) -> str:
    """Return the line of a blank that says that it is one."""
    return next(line for line in reversed(cell.source.split("\n")) if line.strip()).strip()
