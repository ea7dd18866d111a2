"""Put a student's answers, however the file was mangled, onto the release's clean skeleton.

Notebook services drop cell metadata, rename kernels, and let students delete, move or retype cells.
nbgrader grades only what still carries its metadata. So nothing of the submitted file is graded but
its answers: each is found by `metadata.id`, else by nbgrader's `grade_id`, else by the cell's id,
else by the function that the cell defines, and put in its place in a copy of the release.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.intake import salvage
from autograder.intake.cells import is_grade, is_locked, is_solution
from autograder.intake.salvage import Cell, Unreadable
from autograder.sandbox.inside import clean

__all__ = ["Rebuilt", "Unreadable", "rebuild"]

# The tag of cells that nbclient, and so nbgrader, does not execute.
SKIP = "skip-execution"
# How many pieces a cell may have been cut into.
MAX_PIECES = 8
# How much of an edited text is shown.
MAX_PROSE = 100_000
# Into how many paragraphs a cell is taken apart that is no Python as a whole.
MAX_PARAGRAPHS = 1000
# Of more cells in a row than this, one is made: each costs the grader a hundredth of a second.
MAX_ROW = 100


@dataclass
class Rebuilt:
    """A notebook ready to grade, what was repaired to get it, and which exercises it lacks."""

    notebook: NotebookNode
    repairs: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def rebuild(submitted: bytes, release: NotebookNode) -> Rebuilt:
    """Return the release with the answers of a submitted file in place.

    Cells of the student's own are kept, behind the cell that they follow in the submission. The
    text of checks and of locked set-up cells is the release's. Outputs are dropped. The lab's own
    demonstrations are marked to be skipped, unless the student's code uses a name of theirs: no
    check depends on them, and they take most of the time.

    Args:
        submitted: the submitted file's content.
        release: the students' notebook of the lab, as `build.release` makes it.

    Raises:
        Unreadable: the file is no notebook, or holds no exercise of this lab.
    """
    document = salvage.read(submitted)
    exercises = [cell.id for cell in release.cells if is_solution(cell)]
    result = Rebuilt(nbformat.from_dict(release), document.repairs)
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
    result.notebook.cells = extras.pop("", [])
    for cell in nbformat.from_dict(release).cells:
        mine = found.get(cell.id)
        edited = mine is not None and mine.source.strip() != cell.source.strip()
        if is_solution(cell):
            cell.source = _answer(cell, found, result)
        elif is_locked(cell):
            if edited or mine is None:
                kind = "check" if is_grade(cell) else "set-up cell"
                fate = "edited" if edited else "missing"
                result.repairs.append(f"{kind} `{cell.id}` was {fate}: restored")
        elif mine is not None and edited:
            prose = cell.cell_type != "code"
            cell.source = clean.literal(mine.source, MAX_PROSE) if prose else mine.source
        elif cell.cell_type == "code":
            cell.metadata.tags = [SKIP]
        result.notebook.cells += [cell, *extras.pop(cell.id, [])]
    _lift_what_answers_need(result)
    _keep_demonstrations_in_use(result.notebook, release)
    result.notebook.cells = list(_in_short_rows(result.notebook.cells))
    result.repairs = list(dict.fromkeys(result.repairs))
    return result


def _arranged(
    cells: list[Cell], release: NotebookNode, repairs: list[str]
) -> tuple[list[Cell], dict[str, Cell]]:
    """Return the cells as the student once wrote them, and which is which of the release's."""
    for step in (_unmerged, _rejoined, _taken_apart):
        cells = step(cells, release, repairs)
    found, weakest = _find(cells, release)
    repairs += weakest
    return cells, found


def _lift_what_answers_need(result: Rebuilt) -> None:
    """Move cells of the student's own above the first answer that uses what they define.

    In a running notebook cells can be run in any order; here they run from top to bottom. An answer
    that another one needs is copied.
    """
    binders: dict[str, NotebookNode] = {}
    for own in (True, False):
        for cell in result.notebook.cells:
            if _is_extra(cell) if own else is_solution(cell):
                for name in _names(cell)[0]:
                    binders.setdefault(name, cell)
    placed: dict[str, NotebookNode] = {}
    above: set[str] = set()

    def place(cell: NotebookNode, depth: int) -> None:
        if cell.id in placed:
            return
        bound, used = _names(cell)
        if depth < MAX_PIECES and (is_solution(cell) or _is_extra(cell)):
            for name in sorted(used - bound - above):
                below = binders.get(name, cell)
                if below is not cell and below.id not in placed and name not in above:
                    answer = f"`{cell.id}`" if is_solution(cell) else "a cell of your own"
                    result.repairs.append(f"{answer} needs a cell that stood below it: moved up")
                    if is_solution(below):
                        below = _own_cell(f"copy-{below.id}", below.source)
                    place(below, depth + 1)
        placed[cell.id] = cell
        if _runs(cell):
            above.update(bound)

    for cell in result.notebook.cells:
        place(cell, 0)
    result.notebook.cells = list(placed.values())


def _own_cell(name: str, source: str) -> NotebookNode:
    """Return a cell that is not one of the release's."""
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": f"extra-{name}",
        "metadata": {"id": f"extra-{name}"},
        "source": source,
        "execution_count": None,
        "outputs": [],
    }
    return nbformat.from_dict(cell)


def _is_extra(cell: NotebookNode) -> bool:
    return cell.id.startswith("extra-")


def _runs(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and SKIP not in cell.metadata.get("tags", ())


def _in_short_rows(cells: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Make one cell, that runs each by itself, of very many that follow each other."""
    for own, group in groupby(cells, _is_extra):
        row = list(group)
        if own and len(row) > MAX_ROW:
            sources = "".join(f"    {cell.source!r},\n" for cell in row)
            first = row[0]
            first.source = (
                f"# {len(row)} cells of your own, one after the other.\n"
                f"for _source in (\n{sources}):\n    get_ipython().run_cell(_source)"
            )
            row = [first]
        yield from row


def _keep_demonstrations_in_use(notebook: NotebookNode, release: NotebookNode) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    running = [cell for cell in code if _runs(cell)]
    skipped = [cell for cell in code if not _runs(cell)]
    released = {cell.source for cell in release.cells}
    bound = {name for cell in running for name in _names(cell)[0]}
    only_there = {name for cell in skipped for name in _names(cell)[0]} - bound
    if any(only_there & _names(cell)[1] for cell in running if cell.source not in released):
        for cell in skipped:
            del cell.metadata["tags"]


def _names(cell: NotebookNode) -> tuple[frozenset[str], frozenset[str]]:
    """Return the global names that a cell binds, and those that it uses."""
    return salvage.names(cell.source) if cell.cell_type == "code" else (frozenset(), frozenset())


# --- cells that were merged or cut ----------------------------------------------------------------


def _unmerged(cells: list[Cell], release: NotebookNode, repairs: list[str]) -> list[Cell]:
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


def _taken_apart(cells: list[Cell], release: NotebookNode, repairs: list[str]) -> list[Cell]:
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


def _without_what_is_no_python(cell: Cell, names: list[str], repairs: list[str]) -> Cell:
    """Drop the paragraphs that keep a cell from running, if its answers do without."""
    valid = [piece for piece in _pieces(cell, names) if piece.tree is not None]
    if not any(piece.defines(name) for piece in valid for name in names):
        return cell
    repairs.append(f"the cell of `{names[0]}`: what is no Python was left out")
    return replace(cell, source="\n\n".join(piece.source for piece in valid))


def _pieces(cell: Cell, names: list[str]) -> list[Cell]:
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


def _rejoined(cells: list[Cell], release: NotebookNode, repairs: list[str]) -> list[Cell]:
    """Put answers together that were cut in pieces: what follows has no beginning of its own."""
    exercises = [cell.id for cell in release.cells if is_solution(cell)]
    released = {cell.source.strip() for cell in release.cells}
    result: list[Cell] = []
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
KEYS: dict[str, Callable[[Cell], Any]] = {
    "metadata.id": lambda cell: cell.metadata.get("id"),
    "grade_id": lambda cell: _dict(cell.metadata.get("nbgrader")).get("grade_id"),
    "cell id": lambda cell: cell.id,
}


def _bears(cell: Cell, name: str) -> bool:
    return any(key(cell) == name for key in KEYS.values())


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _find(cells: list[Cell], release: NotebookNode) -> tuple[dict[str, Cell], list[str]]:
    """Return the submitted cell for each of the release's cells, and how answers were found."""
    exercises = [cell.id for cell in release.cells if is_solution(cell)]
    defines = {mine: {name for name in exercises if mine.defines(name)} for mine in cells}
    by_text: dict[str, list[Cell]] = {}
    for each in cells:
        by_text.setdefault(each.source.strip(), []).append(each)
    found: dict[str, Cell] = {}
    found_by: dict[str, str] = {}
    taken: set[Cell] = set()

    def take(cell: NotebookNode, candidates: Iterable[Cell], how: str) -> None:
        free = [mine for mine in candidates if mine not in taken]
        if is_solution(cell):
            # A cell that answers another exercise only bears this one's name by mistake.
            free = [m for m in free if cell.id in defines[m] or not defines[m]]
            # Copied cells share their ids: the last one that was filled in is the answer.
            free.sort(key=lambda mine: _worth(mine, cell))
            free.reverse()
        else:
            # An answer that was written into a check or a set-up cell is an answer first.
            free = [m for m in free if not defines[m]]
        if not free:
            return
        taken.discard(found.get(cell.id))
        found[cell.id] = free[0]
        found_by[cell.id] = how
        taken.add(free[0])

    for how, key in KEYS.items():
        by_key: dict[str, list[Cell]] = {}
        for each in cells:
            if isinstance(name := key(each), str):
                by_key.setdefault(name, []).append(each)
        for cell in release.cells:
            if cell.id not in found:
                take(cell, by_key.get(cell.id, []), how)
    for cell in release.cells:
        if not is_solution(cell):
            if cell.id not in found and cell.cell_type == "code":
                take(cell, by_text.get(cell.source.strip(), []), "text")
            continue
        # No cell bears its name, or that cell is blank or something else.
        mine = found.get(cell.id)
        if mine is None or _worth(mine, cell) < (True, True, False):
            others = [each for each in cells if cell.id in defines[each]]
            if mine is not None:
                others = [each for each in others if _worth(each, cell) > _worth(mine, cell)]
            take(cell, others, "the function's name")
    notes = []
    for how in dict.fromkeys(found_by.values()):
        names = [f"`{name}`" for name in exercises if found_by.get(name) == how]
        if names and how != "metadata.id":
            notes.append(f"{', '.join(names)}: found by {how}")
    return found, notes


def _worth(mine: Cell, cell: NotebookNode) -> tuple[bool, bool, bool]:
    """Order candidates for an answer: filled in, of the right name, valid Python."""
    still_blank = mine.source.strip() == cell.source.strip() or _stub(cell) in mine.source
    return not still_blank, mine.defines(cell.id), mine.tree is not None


def _stub(cell: NotebookNode) -> str:
    """Return the line of a blank that says that it is one."""
    return next(line for line in reversed(cell.source.split("\n")) if line.strip()).strip()


def _answer(cell: NotebookNode, found: dict[str, Cell], result: Rebuilt) -> str:
    mine = found.get(cell.id)
    if mine is None:
        for name, host in found.items():
            if host.defines(cell.id):
                result.repairs.append(f"`{cell.id}`: found in the cell of `{name}`")
                return host.source
        result.missing.append(cell.id)
        return cell.source
    if mine.kind != "code":
        result.repairs.append(f"`{cell.id}`: its cell was no code but {mine.kind}")
    return mine.source


def _kernel_repairs(metadata: dict[str, Any], release: NotebookNode) -> list[str]:
    wanted = release.metadata.kernelspec.name
    kernel = _dict(metadata.get("kernelspec")).get("name")
    if kernel == wanted:
        return []
    if kernel is None:
        return [f"the kernel's name was missing: set to `{wanted}`"]
    return [f"the kernel was `{kernel}`: set to `{wanted}`"]


def _extras(
    cells: list[Cell], found: dict[str, Cell], release: NotebookNode
) -> dict[str, list[NotebookNode]]:
    """Return the student's own code, by the id of the release's cell that it follows.

    An edited set-up cell counts as such too, and what was defined in an edited check: an `import`
    added there must not be lost. A second copy of a released cell does not.
    """
    by_name = {cell.id: cell for cell in release.cells}
    released = {cell.source.strip() for cell in release.cells}
    name_of = {mine: name for name, mine in found.items()}
    extras: dict[str, list[NotebookNode]] = {}
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
        extras.setdefault(anchor, []).append(_own_cell(str(count), source))
    return extras


def _added_definitions(mine: Cell, cell: NotebookNode) -> str:
    """Return what an edited cell defines or imports, and the released one does not."""
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    lines = mine.source.split("\n")
    added = []
    for node in mine.tree.body if mine.tree is not None else ():
        if isinstance(node, kinds):
            decorators = [each.lineno for each in getattr(node, "decorator_list", ())]
            added.append("\n".join(lines[min([node.lineno, *decorators]) - 1 : node.end_lineno]))
    return "\n".join(text for text in added if text not in cell.source)
