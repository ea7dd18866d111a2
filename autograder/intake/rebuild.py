"""Put a student's answers, however the file was mangled, onto the release's clean skeleton.

Notebook services drop cell metadata, rename kernels, and let students delete, move or retype cells.
nbgrader grades only what still carries its metadata. So nothing of the submitted file is graded but
its answers: each is found by `metadata.id`, else by nbgrader's `grade_id`, else by the cell's id,
else by the function that the cell defines, and put in its place in a copy of the release.
"""

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from nbformat import NotebookNode

from autograder.intake import salvage
from autograder.intake.answers import Answers, is_demonstration
from autograder.intake.cells import is_grade, is_locked, is_solution
from autograder.intake.salvage import SubmittedCell, Unreadable, as_dict

__all__ = ["Rebuilt", "Unreadable", "rebuild"]

# How many pieces a cell may have been cut into.
MAX_PIECES = 8
# Into how many paragraphs a cell is taken apart that is no Python as a whole.
MAX_PARAGRAPHS = 1000


@dataclass
class Rebuilt:
    """What is the student's, what was repaired to find it, and which exercises it lacks."""

    release: NotebookNode = field(repr=False)
    answers: Answers = field(default_factory=Answers)
    repairs: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @cached_property
    def notebook(self) -> NotebookNode:
        """The release with the answers in place, ready to grade."""
        return self.answers.on(self.release)


@dataclass(eq=False)
class _Placed:
    """A cell in its place: one of the release's, or, without one, code of the student's own."""

    name: str
    source: str
    released: NotebookNode | None = None
    skipped: bool = False

    @property
    def names(self) -> tuple[frozenset[str], frozenset[str]]:
        """The global names that it binds, and those that it uses."""
        if self.released is None or self.released.cell_type == "code":
            return salvage.names(self.source)
        return frozenset(), frozenset()

    @property
    def is_own(self) -> bool:
        return self.released is None

    @property
    def is_answer(self) -> bool:
        return self.released is not None and is_solution(self.released)


def rebuild(submitted: bytes, release: NotebookNode) -> Rebuilt:
    """Return the answers of a submitted file, and the release with them in place.

    Cells of the student's own are kept, behind the cell that they follow in the submission. The
    text of checks and of locked set-up cells is the release's. Outputs are dropped. The lab's own
    demonstrations are run only where the student's code uses a name of theirs.

    Args:
        submitted: the submitted file's content.
        release: the students' notebook of the lab, as `build.release` makes it.

    Raises:
        Unreadable: the file is no notebook, or holds no exercise of this lab.
    """
    document = salvage.read(submitted)
    exercises = [cell.id for cell in release.cells if is_solution(cell)]
    result = Rebuilt(release, repairs=document.repairs)
    if document.metadata is not None:
        result.repairs += _kernel_repairs(document.metadata, release)
    cells, found = _arranged(document.cells, release, result.repairs)
    if not any(name in found for name in exercises):
        inner = salvage.notebooks_in(document.cells)
        cells, found = _arranged(inner, release, result.repairs)
        if not any(name in found for name in exercises):
            raise Unreadable("none of the lab's exercises is in it: is it another lab's notebook?")
        result.repairs.append("the answers stood in a notebook inside a cell")

    extras = _extras(cells, found, release)
    placed = extras.pop("", [])
    for cell in release.cells:
        text = _text(cell, found, result)
        if text is not None:
            result.answers.texts[cell.id] = text
        source, skipped = cell.source if text is None else text, is_demonstration(cell)
        placed.append(_Placed(cell.id, source, cell, skipped and text is None))
        placed += extras.pop(cell.id, [])
    anchor = ""
    for each in _lifted(placed, result.repairs):
        if each.is_own:
            result.answers.own.setdefault(anchor, []).append(each.source)
        else:
            anchor = each.name
    result.answers.demonstrated = _uses_demonstrations(placed, release)
    result.repairs = list(dict.fromkeys(result.repairs))
    return result


def _arranged(
    cells: list[SubmittedCell], release: NotebookNode, repairs: list[str]
) -> tuple[list[SubmittedCell], dict[str, SubmittedCell]]:
    """Return the cells as the student once wrote them, and which is which of the release's."""
    for step in (_unmerged, _rejoined, _taken_apart):
        cells = step(cells, release, repairs)
    search = _Search(cells, release)
    repairs += search.notes()
    return cells, search.found


def _text(cell: NotebookNode, found: dict[str, SubmittedCell], result: Rebuilt) -> str | None:
    """Return the text that the student gave a cell of the release's, if it is the student's."""
    mine = found.get(cell.id)
    edited = mine is not None and mine.source.strip() != cell.source.strip()
    if is_solution(cell):
        return _answer(cell, found, result)
    if is_locked(cell):
        if edited or mine is None:
            kind = "check" if is_grade(cell) else "set-up cell"
            fate = "edited" if edited else "missing"
            result.repairs.append(f"{kind} `{cell.id}` was {fate}: restored")
        return None
    return mine.source if mine is not None and edited else None


def _lifted(cells: list[_Placed], repairs: list[str]) -> list[_Placed]:
    """Move cells of the student's own above the first answer that uses what they define.

    In a running notebook cells can be run in any order; here they run from top to bottom. An answer
    that another one needs is copied.
    """
    binders: dict[str, _Placed] = {}
    for cell in [*(c for c in cells if c.is_own), *(c for c in cells if c.is_answer)]:
        for name in cell.names[0]:
            binders.setdefault(name, cell)
    placed: dict[str, _Placed] = {}
    above: set[str] = set()

    def place(cell: _Placed, depth: int) -> None:
        if cell.name in placed:
            return
        bound, used = cell.names
        if depth < MAX_PIECES and (cell.is_answer or cell.is_own):
            for name in sorted(used - bound - above):
                below = binders.get(name, cell)
                if below is not cell and below.name not in placed and name not in above:
                    answer = f"`{cell.name}`" if cell.is_answer else "a cell of your own"
                    repairs.append(f"{answer} needs a cell that stood below it: moved up")
                    if below.is_answer:
                        below = _Placed(f"copy-{below.name}", below.source)
                    place(below, depth + 1)
        placed[cell.name] = cell
        if not cell.skipped:
            above.update(bound)

    for cell in cells:
        place(cell, 0)
    return list(placed.values())


def _uses_demonstrations(cells: list[_Placed], release: NotebookNode) -> bool:
    """Whether the student's code uses a name that only a demonstration binds."""
    released = {cell.source for cell in release.cells}
    running = [cell for cell in cells if not cell.skipped]
    bound = {name for cell in running for name in cell.names[0]}
    only_there = {name for cell in cells if cell.skipped for name in cell.names[0]} - bound
    return any(only_there & cell.names[1] for cell in running if cell.source not in released)


# --- cells that were merged or cut ----------------------------------------------------------------


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
                    without = re.sub(rf"^{re.escape(text)}$", "", source, flags=re.MULTILINE)
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


# --- finding the answers --------------------------------------------------------------------------

# The release's named cells bear one name in all three places.
KEYS: dict[str, Callable[[SubmittedCell], Any]] = {
    "metadata.id": lambda cell: cell.metadata.get("id"),
    "grade_id": lambda cell: as_dict(cell.metadata.get("nbgrader")).get("grade_id"),
    "cell id": lambda cell: cell.id,
}


def _bears(cell: SubmittedCell, name: str) -> bool:
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


def _answer(cell: NotebookNode, found: dict[str, SubmittedCell], result: Rebuilt) -> str | None:
    mine = found.get(cell.id)
    if mine is None:
        for name, host in found.items():
            if host.defines(cell.id):
                result.repairs.append(f"`{cell.id}`: found in the cell of `{name}`")
                return host.source
        result.missing.append(cell.id)
        return None
    if mine.kind != "code":
        result.repairs.append(f"`{cell.id}`: its cell was no code but {mine.kind}")
    return mine.source


def _kernel_repairs(metadata: dict[str, Any], release: NotebookNode) -> list[str]:
    wanted = release.metadata.kernelspec.name
    kernel = as_dict(metadata.get("kernelspec")).get("name")
    if kernel == wanted:
        return []
    if kernel is None:
        return [f"the kernel's name was missing: set to `{wanted}`"]
    return [f"the kernel was `{kernel}`: set to `{wanted}`"]


def _extras(
    cells: list[SubmittedCell], found: dict[str, SubmittedCell], release: NotebookNode
) -> dict[str, list[_Placed]]:
    """Return the student's own code, by the id of the release's cell that it follows.

    An edited set-up cell counts as such too, and what was defined in an edited check: an `import`
    added there must not be lost. A second copy of a released cell does not.
    """
    by_name = {cell.id: cell for cell in release.cells}
    released = {cell.source.strip() for cell in release.cells}
    name_of = {mine: name for name, mine in found.items()}
    extras: dict[str, list[_Placed]] = {}
    anchor, count = "", 0
    for mine in cells:
        source = mine.source
        if (name := name_of.get(mine)) is not None:
            anchor = name
            cell = by_name[name]
            if not is_locked(cell):
                continue
            if is_grade(cell):
                source = _added_definitions(mine, cell)
        if mine.kind != "code" or source.strip() in released | {""}:
            continue
        count += 1
        extras.setdefault(anchor, []).append(_Placed(f"own {count}", source))
    return extras


def _added_definitions(mine: SubmittedCell, cell: NotebookNode) -> str:
    """Return what an edited cell defines or imports, and the released one does not."""
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    lines = mine.source.split("\n")
    added = []
    for node in mine.tree.body if mine.tree is not None else ():
        if isinstance(node, kinds):
            decorators = [each.lineno for each in getattr(node, "decorator_list", ())]
            added.append("\n".join(lines[min([node.lineno, *decorators]) - 1 : node.end_lineno]))
    return "\n".join(text for text in added if text not in cell.source)
