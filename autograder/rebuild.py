"""Put a student's answers, however the file was mangled, onto the release's clean skeleton.

Notebook services drop cell metadata, rename kernels, and let students delete, move or retype cells.
nbgrader grades only what still carries its metadata. So nothing of the submitted file is graded but
its answers: each is found by `metadata.id`, else by nbgrader's `grade_id`, else by the cell's id,
else by the function that the cell defines, and put in its place in a copy of the release.
"""

import ast
import json
import re
import symtable
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_locked, is_solution

# The tag of cells that nbclient, and so nbgrader, does not execute.
SKIP = "skip-execution"


class Unreadable(ValueError):
    """A submitted file holds no answers to this lab; the message says why."""


@dataclass
class Rebuilt:
    """A notebook ready to grade, what was repaired to get it, and which exercises it lacks."""

    notebook: NotebookNode
    repairs: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Cell:
    kind: str
    source: str
    metadata: dict[str, Any]
    id: Any

    def defines(self, name: str) -> bool:
        return name in functions(self.source)


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
    metadata, cells = _read(submitted)
    found, weakest = _find(cells, release)
    exercises = [cell.id for cell in release.cells if is_solution(cell)]
    if not any(name in found for name in exercises):
        raise Unreadable("none of the lab's exercises is in it: is it another lab's notebook?")

    result = Rebuilt(nbformat.from_dict(release))
    result.repairs += _kernel_repairs(metadata, release) + weakest
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
        elif edited:
            cell.source = mine.source
        elif cell.cell_type == "code":
            cell.metadata.tags = [SKIP]
        result.notebook.cells += [cell, *extras.pop(cell.id, [])]
    _keep_demonstrations_in_use(result.notebook, release)
    return result


def functions(source: str) -> set[str]:
    """Return the names of the functions that a cell defines at its top level."""
    try:
        body = ast.parse(TransformerManager().transform_cell(source)).body
    except (SyntaxError, ValueError):
        # A cell that is no Python can still be recognised; grading will show the error.
        return set(re.findall(r"^def\s+(\w+)\s*\(", source, re.MULTILINE))
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def _keep_demonstrations_in_use(notebook: NotebookNode, release: NotebookNode) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    skipped = [cell for cell in code if SKIP in cell.metadata.get("tags", ())]
    running = [cell for cell in code if cell not in skipped]
    released = {cell.source for cell in release.cells}
    only_there = _names(skipped)[0] - _names(running)[0]
    if only_there & _names(cell for cell in running if cell.source not in released)[1]:
        for cell in skipped:
            del cell.metadata["tags"]


def _names(cells: Iterable[NotebookNode]) -> tuple[set[str], set[str]]:
    """Return the global names that cells bind, and those that they use."""
    bound, used = set(), set()
    for cell in cells:
        try:
            source = TransformerManager().transform_cell(cell.source)
            tables = [symtable.symtable(source, cell.id, "exec")]
        except (SyntaxError, ValueError):
            continue  # it will not run either
        for name in tables[0].get_symbols():
            if name.is_assigned() or name.is_imported() or name.is_namespace():
                bound.add(name.get_name())
        while tables:
            table = tables.pop()
            tables += table.get_children()
            names = table.get_symbols()
            used |= {name.get_name() for name in names if name.is_global() and name.is_referenced()}
    return bound, used


# --- reading the file -----------------------------------------------------------------------------


def _read(submitted: bytes) -> tuple[dict[str, Any], list[_Cell]]:
    """Return the metadata and cells of a notebook of any format version, trusting nothing."""
    if not submitted.strip():
        raise Unreadable("the file is empty")
    try:
        document = json.loads(submitted.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("the file is no text: a notebook is JSON in UTF-8") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise Unreadable(f"the file is no JSON; was it cut off? ({error})") from None
    if not isinstance(document, dict):
        raise Unreadable("the file is JSON, but no notebook")
    cells = document.get("cells")
    if cells is None:  # the format before version 4
        worksheets = document.get("worksheets")
        if not isinstance(worksheets, list):
            raise Unreadable("the file is JSON, but no notebook: it has no cells")
        cells = [cell for sheet in worksheets for cell in _dict(sheet).get("cells", [])]
    if not isinstance(cells, list):
        raise Unreadable("the file is JSON, but no notebook: its cells are no list")
    return _dict(document.get("metadata")), [_cell(_dict(cell)) for cell in cells]


def _cell(cell: dict[str, Any]) -> _Cell:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(map(str, source))
    # JSON can hold lone surrogates, which no file can.
    source = str(source).encode("utf-8", "replace").decode("utf-8")
    return _Cell(str(cell.get("cell_type")), source, _dict(cell.get("metadata")), cell.get("id"))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# --- finding the answers --------------------------------------------------------------------------

# The release's named cells bear one name in all three places.
KEYS: dict[str, Callable[[_Cell], Any]] = {
    "metadata.id": lambda cell: cell.metadata.get("id"),
    "grade_id": lambda cell: _dict(cell.metadata.get("nbgrader")).get("grade_id"),
    "cell id": lambda cell: cell.id,
}


def _find(cells: list[_Cell], release: NotebookNode) -> tuple[dict[str, _Cell], list[str]]:
    """Return the submitted cell for each of the release's cells, and how answers were found."""
    found: dict[str, _Cell] = {}
    found_by: dict[str, list[str]] = {}

    def take(cell: NotebookNode, candidates: Iterable[_Cell], how: str) -> None:
        free = [mine for mine in candidates if mine not in found.values()]
        if cell.id in found or not free:
            return
        if is_solution(cell):
            # Copied cells share their ids: the last one that was filled in is the answer.
            filled = [mine for mine in free if not _is_blank(mine, cell)]
            found[cell.id] = (filled or free)[-1]
            found_by.setdefault(how, []).append(cell.id)
        else:
            found[cell.id] = free[0]

    for how, key in KEYS.items():
        for cell in release.cells:
            take(cell, (mine for mine in cells if key(mine) == cell.id), how)
    for cell in release.cells:
        if is_solution(cell):
            take(cell, (mine for mine in cells if mine.defines(cell.id)), "the function's name")
        elif cell.cell_type == "code":
            same = (mine for mine in cells if mine.source.strip() == cell.source.strip())
            take(cell, same, "text")
    # An untouched blank, and the answer in a cell of the student's own.
    for cell in release.cells:
        if is_solution(cell) and _is_blank(found.get(cell.id), cell):
            elsewhere = [
                mine
                for mine in cells
                if mine not in found.values()
                and mine.defines(cell.id)
                and not _is_blank(mine, cell)
            ]
            if elsewhere:
                found[cell.id] = elsewhere[-1]
                found_by.setdefault("the function's name", []).append(cell.id)
    notes = [
        f"{', '.join(f'`{name}`' for name in names)}: found by {how}"
        for how, names in found_by.items()
        if how != "metadata.id"
    ]
    return found, notes


def _is_blank(mine: _Cell | None, cell: NotebookNode) -> bool:
    return mine is not None and mine.source.strip() == cell.source.strip()


def _answer(cell: NotebookNode, found: dict[str, _Cell], result: Rebuilt) -> str:
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
    cells: list[_Cell], found: dict[str, _Cell], release: NotebookNode
) -> dict[str, list[NotebookNode]]:
    """Return the student's own code, by the id of the release's cell that it follows.

    An edited set-up cell counts as such too: an `import` added there must not be lost. A second
    copy of a released cell does not.
    """
    by_name = {cell.id: cell for cell in release.cells}
    released = {cell.source.strip() for cell in release.cells}
    name_of = {mine: name for name, mine in found.items()}
    extras: dict[str, list[NotebookNode]] = {}
    anchor, count = "", 0
    for mine in cells:
        if (name := name_of.get(mine)) is not None:
            anchor = name
            cell = by_name[name]
            edited = mine.source.strip() != cell.source.strip()
            if not (is_locked(cell) and not is_grade(cell) and edited):
                continue
        if mine.kind != "code" or mine.source.strip() in released | {""}:
            continue
        count += 1
        extra = {
            "cell_type": "code",
            "id": f"extra-{count}",
            "metadata": {"id": f"extra-{count}"},
            "source": mine.source,
            "execution_count": None,
            "outputs": [],
        }
        extras.setdefault(anchor, []).append(nbformat.from_dict(extra))
    return extras
