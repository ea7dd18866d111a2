"""Find out which of the submitted cells is which of the release's, merged or cut as they may be.

First, answers in cells that were merged with others, or cut in pieces, get cells of their own, and
checks lose the hidden tests that they have where a notebook was graded. Then a cell is known by
`metadata.id`, else by nbgrader's `grade_id`, else by its id. If all are lost, an answer is known by
the function that it defines, and other code by its text.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from nbformat import NotebookNode

from autograder.intake import salvage
from autograder.intake.cells import is_grade, is_locked, is_solution
from autograder.intake.salvage import SubmittedCell, as_dict

# How many pieces a cell may have been cut into.
MAX_PIECES = 8
# Into how many paragraphs a cell is taken apart that is no Python as a whole.
MAX_PARAGRAPHS = 1000
# Between nbgrader's markers; without the second one, up to the end: so this takes linear time.
HIDDEN = re.compile(
    r"^[ \t]*#+ *BEGIN HIDDEN TESTS\b.*?(?:^[ \t]*#+ *END HIDDEN TESTS\b[^\n]*\n?|\Z)",
    re.DOTALL | re.MULTILINE,
)
# The release's named cells bear one name in all three places.
KEYS: dict[str, Callable[[SubmittedCell], Any]] = {
    "metadata.id": lambda cell: cell.metadata.get("id"),
    "grade_id": lambda cell: as_dict(cell.metadata.get("nbgrader")).get("grade_id"),
    "cell id": lambda cell: cell.id,
}


def find(
    cells: list[SubmittedCell], release: NotebookNode, repairs: list[str]
) -> tuple[list[SubmittedCell], dict[str, SubmittedCell]]:
    """Return the cells as the student once wrote them, and which is which, by the release's ids.

    What was done to find them is added to `repairs`.
    """
    for step in (_as_released, _unmerged, _rejoined, _taken_apart):
        cells = step(cells, release, repairs)
    search = _Search(cells, release)
    repairs += search.notes()
    return cells, search.found


def _bears(cell: SubmittedCell, name: str) -> bool:
    """Whether a submitted cell has the name of one of the release's."""
    return any(key(cell) == name for key in KEYS.values())


class _Search:
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


# --- merged cells and pieces ----------------------------------------------------------------------
# Each function returns the cells of a submission, mended, and adds what it did to `repairs`.


def _as_released(
    cells: list[SubmittedCell], release: NotebookNode, _: list[str]
) -> list[SubmittedCell]:
    """Take hidden tests out of the checks of a notebook that was graded."""
    checks = {cell.source.strip() for cell in release.cells if is_grade(cell)}
    shown = [HIDDEN.sub("", cell.source) for cell in cells]
    return [
        replace(cell, source=source) if source.strip() in checks else cell
        for cell, source in zip(cells, shown, strict=True)
    ]


def _unmerged(
    cells: list[SubmittedCell], release: NotebookNode, repairs: list[str]
) -> list[SubmittedCell]:
    """Take the release's own text out of cells that were merged with something else."""
    exercises = [cell.id for cell in release.cells if is_solution(cell)]
    # Set-up cells run twice at no cost; their lines may well stand in an answer too.
    released = {
        cell.source.strip(): is_solution(cell)
        for cell in release.cells
        if cell.source.strip()
        and (cell.cell_type != "code" or is_grade(cell) or not is_locked(cell))
    }
    longest_first = sorted(released, key=len, reverse=True)
    result, blanks = [], []
    for cell in cells:
        source, gone = cell.source, []
        if source.strip() not in released:
            for text in longest_first:
                if text in source:
                    without = re.sub(rf"^{re.escape(text)}[ \t]*$", "", source, flags=re.MULTILINE)
                    gone += [text] if without != source else []
                    source = without
        left = replace(cell, source=source.strip("\n"), kind="code")
        if not gone or (cell.kind != "code" and left.source.strip() and not left.names):
            result.append(cell)  # or prose around a heading
            continue
        repairs.append("cells were merged: taken apart")
        anonymous = replace(left, metadata={}, id=None)
        blanks += [replace(anonymous, source=text) for text in gone if released[text]]
        if left.source.strip():
            result.append(left if any(_bears(left, name) for name in exercises) else anonymous)
    return result + blanks


def _taken_apart(
    cells: list[SubmittedCell], release: NotebookNode, repairs: list[str]
) -> list[SubmittedCell]:
    """Split cells that hold several answers, and leave out what keeps an answer from running."""
    exercises = [cell.id for cell in release.cells if is_solution(cell)]
    result = []
    for cell in cells:
        here = [name for name in exercises if cell.defines(name)]
        if here and cell.tree is None:
            cell = _without_what_is_no_python(cell, here, repairs)
        if len(here) < 2:
            result.append(cell)
            continue
        host = next((name for name in here if _bears(cell, name)), here[0])
        for piece in _pieces(cell, here):
            own = piece.defines(host)
            result.append(piece if own else replace(piece, metadata={}, id=None))
        repairs += [f"`{name}`: found in the cell of `{host}`" for name in here if name != host]
    return result


def _without_what_is_no_python(
    cell: SubmittedCell, names: list[str], repairs: list[str]
) -> SubmittedCell:
    """Drop the paragraphs that keep a cell from running, if its answers do without."""
    valid = [piece for piece in _pieces(cell, names) if piece.tree is not None]
    if not any(piece.defines(name) for piece in valid for name in names):
        return cell
    repairs.append(f"the cell of `{names[0]}`: what is no Python was left out")
    return replace(cell, source="\n\n".join(piece.source for piece in valid))


def _pieces(cell: SubmittedCell, names: list[str]) -> list[SubmittedCell]:
    """Split a cell so that each of the functions named stands in a piece of its own."""
    lines = cell.source.split("\n")
    if cell.tree is not None:
        ends = [node.end_lineno or len(lines) for node in cell.tree.body]
        bound = [salvage.bindings([node]) & set(names) for node in cell.tree.body]
    else:
        # No Python as a whole: cut before what stands at the margin after an empty line.
        starts = [
            number
            for number, line in enumerate(lines)
            if number and re.match(r"[^\s)\]}]", line) and not lines[number - 1].strip()
        ][:MAX_PARAGRAPHS]
        ends = [*starts, len(lines)]
        parts = ["\n".join(lines[a:b]) for a, b in zip([0, *starts], ends, strict=True)]
        found = [replace(cell, source=part) for part in parts]
        bound = [{name for name in names if part.defines(name)} for part in found]
    pieces: list[list[str]] = []
    start = 0
    previous: set[str] = set()
    for end, here in zip(ends, bound, strict=True):
        if not pieces or here or previous:
            pieces.append([])
        pieces[-1] += lines[start:end]
        start, previous = end, here
    sources = ["\n".join(piece).strip("\n") for piece in pieces]
    return [replace(cell, source=source) for source in sources if source.strip()]


def _rejoined(
    cells: list[SubmittedCell], release: NotebookNode, repairs: list[str]
) -> list[SubmittedCell]:
    """Put answers together that were cut in pieces: what follows has no beginning of its own."""
    exercises = [cell.id for cell in release.cells if is_solution(cell)]
    released = {cell.source.strip() for cell in release.cells}
    result: list[SubmittedCell] = []
    at = 0
    while at < len(cells):
        cell, taken = cells[at], 1
        begins = [name for name in exercises if cell.defines(name)]
        if begins and cell.source.strip() not in released:
            pieces = [cell]
            for piece in cells[at + 1 : at + MAX_PIECES]:
                if piece.source.strip() in released - {""}:
                    break
                pieces.append(piece)
                source = "\n".join(each.source for each in pieces)
                indented = re.match(r"(?:[ \t]*(?:#.*)?\n)*[ \t]+\S", piece.source)
                if (indented or cell.tree is None) and salvage.parsed(source) is not None:
                    known = [each for each in pieces if _bears(each, begins[0])]
                    cell = replace((known or pieces)[0], source=source, kind=cell.kind)
                    taken = len(pieces)
        if taken > 1:
            repairs.append(f"`{begins[0]}`: was cut into {taken} cells: put together")
        result.append(cell)
        at += taken
    return result
