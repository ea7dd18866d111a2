"""Read percent-format Python files (masters and answers) as cells that know their line."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import yaml


class Malformed(ValueError):
    """A percent-format file breaks a rule; the message begins with `file:line`."""

    def __init__(self, path: Path, line: int, problem: str):
        super().__init__(f"{path}:{line}: {problem}")


@dataclass(frozen=True)
class Cell:
    """One cell: its `# %%` line's number, "code" or "markdown", its text, what the line says."""

    line: int
    kind: str
    source: str
    metadata: dict[str, Any]


def read(path: Path) -> tuple[dict[str, Any], list[Cell]]:
    """Return the YAML header (empty if there is none) and the cells of a percent-format file.

    Raises:
        Malformed: the header is no YAML mapping, a `# %%` line cannot be understood, or code
            stands before the first one.
    """
    # jupytext forgets where a cell began, so every marker carries its line number through it.
    lines = [
        f"{line} line={number}" if re.match(r"#\s*%%", line) else line
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
    ]
    notebook = jupytext.reads("\n".join(lines), fmt="py:percent")
    cells = list(notebook.cells)
    header = {}
    if cells and cells[0].cell_type == "raw":
        header = _header(path, cells.pop(0).source)
    return header, [_cell(path, cell) for cell in cells]


def _header(path: Path, source: str) -> dict[str, Any]:
    try:
        header = yaml.safe_load(source.strip().removeprefix("---").removesuffix("---"))
    except yaml.YAMLError as error:
        raise Malformed(path, 1, f"the header is no YAML: {error}") from None
    if not isinstance(header, dict):
        raise Malformed(path, 1, "the header is no YAML mapping")
    return header


def _cell(path: Path, cell) -> Cell:
    metadata = dict(cell.metadata)
    metadata.pop("lines_to_next_cell", None)
    line = metadata.pop("line", None)
    if line is None:
        raise Malformed(path, 1, "text before the first `# %%`")
    for key in ("title", "incorrectly_encoded_metadata"):
        if key in metadata:
            raise Malformed(path, line, f"cannot understand {metadata[key]!r}: write key=value")
    return Cell(line, cell.cell_type, cell.source, metadata)
