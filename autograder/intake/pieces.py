"""Answers in cells that were merged with others, or cut in pieces: each in a cell of its own again.

Each function returns the cells of a submission, mended, and adds what it did to `repairs`.
"""

import re
from dataclasses import replace

from nbformat import NotebookNode

from autograder.intake import salvage
from autograder.intake.cells import is_grade, is_locked, is_solution
from autograder.intake.salvage import SubmittedCell
from autograder.intake.search import bears

# How many pieces a cell may have been cut into.
MAX_PIECES = 8
# Into how many paragraphs a cell is taken apart that is no Python as a whole.
MAX_PARAGRAPHS = 1000


def unmerged(
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
            result.append(left if any(bears(left, name) for name in exercises) else anonymous)
    return result + blanks


def taken_apart(
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
        host = next((name for name in here if bears(cell, name)), here[0])
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


def rejoined(
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
                    known = [each for each in pieces if bears(each, begins[0])]
                    cell = replace((known or pieces)[0], source=source, kind=cell.kind)
                    taken = len(pieces)
        if taken > 1:
            repairs.append(f"`{begins[0]}`: was cut into {taken} cells: put together")
        result.append(cell)
        at += taken
    return result
