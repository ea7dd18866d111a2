"""Put a student's answers, however the file was mangled, onto the release's clean skeleton.

Notebook services drop cell metadata, rename kernels, and let students delete, move or retype cells.
nbgrader grades only what still carries its metadata. So nothing of the submitted file is graded but
its answers: each is found (see search.py) and put in its place in a copy of the release.
"""

import ast
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nbformat import NotebookNode

from autograder.intake import salvage
from autograder.intake.answers import Answers, is_demonstration
from autograder.intake.cells import is_grade, is_locked, is_solution
from autograder.intake.salvage import SubmittedCell, Unreadable, as_dict
from autograder.intake.search import find

__all__ = ["Rebuilt", "Unreadable", "rebuild"]

# Through how many others a cell is followed that needs what stands below it.
MAX_DEPTH = 8


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
    cells, found = find(document.cells, release, result.repairs)
    if not any(name in found for name in exercises):
        inner = salvage.notebooks_in(document.cells)
        cells, found = find(inner, release, result.repairs)
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
        if depth < MAX_DEPTH and (cell.is_answer or cell.is_own):
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
