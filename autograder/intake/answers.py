"""What of a submission is the student's, and the release with it in place.

The program that reads submissions says this, and no more (see reader.py). So whatever it says, the
cells that set up and check are the release's own, in its order.
"""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.intake.cells import is_locked, is_solution
from autograder.sandbox.inside import clean

# The tag of cells that nbclient, and so nbgrader, does not execute.
SKIP = "skip-execution"
OWN = "extra-"  # is how the ids of the student's own cells begin
# How much of an edited text is shown.
MAX_PROSE = 100_000
# Of more cells in a row than this, one is made, and of each row where there are more in all: each
# costs the grader a hundredth of a second, and nbgrader's formgrader as much.
MAX_ROW = 100
MAX_OWN = 500


@dataclass
class Answers:
    """A student's part of a notebook.

    `texts` are the texts of cells that students may change, by the cell's id, where they are not
    the release's. `own` is the code of each cell of the student's own, by the id of the release's
    cell that it follows, "" above them all. `demonstrated` says whether the lab's own
    demonstrations are run: no check depends on them, and they take most of the time.
    """

    texts: dict[str, str] = field(default_factory=dict)
    own: dict[str, list[str]] = field(default_factory=dict)
    demonstrated: bool = False

    def on(self, release: NotebookNode) -> NotebookNode:
        """Return the release with these answers in place.

        Raises:
            ValueError: they name a cell that is not the student's, or none of the release's.
            TypeError, AttributeError: they are of other types than those above.
        """
        theirs = {cell.id for cell in release.cells if not is_locked(cell)}
        anchors = {"", *(cell.id for cell in release.cells)}
        if not (self.texts.keys() <= theirs and self.own.keys() <= anchors):
            raise ValueError("it answers in cells that are not the student's")
        notebook = nbformat.from_dict(release)
        names = (f"{OWN}{number}" for number in count(1))
        cells = self._own_cells("", names)
        for cell in notebook.cells:
            if cell.id in self.texts:
                cell.source = _shown(self.texts[cell.id], cell.cell_type)
            elif is_demonstration(cell) and not self.demonstrated:
                cell.metadata.tags = [SKIP]
            cells += [cell, *self._own_cells(cell.id, names)]
        notebook.cells = cells
        return notebook

    def _own_cells(self, anchor: str, names: Iterator[str]) -> list[NotebookNode]:
        row = [clean.source(source) for source in self.own.get(anchor, ())]
        many = sum(map(len, self.own.values())) > MAX_OWN
        if len(row) > (1 if many else MAX_ROW):
            row = [_one_of(row)]
        return [_code(next(names), source) for source in row]


class Stored:
    """A clean notebook in a file: all of a class may be more than a machine's memory holds.

    Pickled, it is the notebook.
    """

    def __init__(self, path: Path, notebook: NotebookNode) -> None:
        """Write it.

        Raises:
            OSError: it cannot be written.
        """
        from autograder.whole import write_whole  # which is not there where submissions are read

        self._path = path
        write_whole(path, pickle.dumps(notebook))

    def read(self) -> NotebookNode:
        """Return the notebook, another one each time."""
        return pickle.loads(self._path.read_bytes())

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            return pickle.loads, (self._path.read_bytes(),)
        except OSError as error:  # is that of whoever loads it: of one submission, and no other
            return _lost, (f"its notebook, kept in {self._path}, cannot be read: {error}",)


def _lost(why: str) -> NotebookNode:
    raise RuntimeError(why)


def is_demonstration(cell: NotebookNode) -> bool:
    """Whether a cell of the release only shows something: it is code, and no check needs it."""
    return cell.cell_type == "code" and not is_solution(cell) and not is_locked(cell)


def is_own(cell: NotebookNode) -> bool:
    """Whether a cell of a clean notebook is the student's own."""
    return cell.id.startswith(OWN)


def _shown(text: str, kind: str) -> str:
    return clean.source(text) if kind == "code" else clean.literal(text, MAX_PROSE)


def _one_of(row: list[str]) -> str:
    """Return the source of one cell that runs each of a row by itself."""
    sources = "".join(f"    {source!r},\n" for source in row)
    return (
        f"# {len(row)} cells of your own, one after the other.\n"
        f"for _source in (\n{sources}):\n    get_ipython().run_cell(_source)"
    )


def _code(name: str, source: str) -> NotebookNode:
    cell: dict[str, Any] = {
        "cell_type": "code", "id": name, "metadata": {"id": name}, "source": source,
        "execution_count": None, "outputs": [],
    }  # fmt: skip
    return nbformat.from_dict(cell)
