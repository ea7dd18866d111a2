"""Read the cells of whatever file a student handed in as a notebook, trusting nothing in it.

Outputs are skipped unread: they can be hundreds of megabytes. Of a damaged file, the cells that are
whole are read. Scripts are split into cells.
"""

import ast
import json
import re
import symtable
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jupytext
from IPython.core.inputtransformer2 import TransformerManager

from autograder.sandbox.inside import clean

# What is left when outputs and pictures are gone is text that somebody wrote.
MAX_TEXT = 24 * 2**20
MAX_CELLS = 20_000
MAX_ATTEMPTS = 20_000
# Python needs a hundred times as much memory to read code as the code itself.
MAX_CODE = 2**20
# How much is done to understand the cells of one file, in microseconds, about. No clock is asked:
# the same file is to be understood in the same way everywhere.
MAX_EFFORT = 6_000_000

_STRING = rb'"(?:[^"\\]++|\\.)*+'  # without its closing quote, which a cut-off file lacks
# The last one may be cut off, even after a backslash: else each quote in it would be tried.
STRING = re.compile(_STRING + rb'(?:"|\\?\Z)', re.DOTALL)
TO_BRACKET = re.compile(rb'[^"\[\]{}]*+(?:' + _STRING + rb'"[^"\[\]{}]*+)*+([\[\]{}])', re.DOTALL)
TO_VALUE = re.compile(rb"\s*:\s*")
SCALAR = re.compile(_STRING + rb'"|[^,\]}\s]+', re.DOTALL)
# Lines that IPython may have to change before they are Python.
ESCAPED = re.compile(r"^[ \t]*+[%!?,;/]|\?[ \t]*+$|=[ \t]*+[%!]", re.MULTILINE)
# Magics that run the rest of the cell as if they were not there.
AROUND = re.compile(r"\A\s*+(?:%%(?:time|capture|prun)\b[^\n]*+\n\s*+)++")
BULKY = {b'"outputs"', b'"attachments"', b'"widgets"'}
CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?\n?", re.MULTILINE)
OTHER_FILES = {
    b"<": "a web page",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "an archive or an office document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}


class Unreadable(ValueError):
    """A submitted file holds no answers to this lab; the message says why."""


@dataclass(frozen=True, eq=False)
class SubmittedCell:
    """A submitted cell: its type, its text, and what may say which one it is."""

    kind: str
    source: str
    metadata: dict[str, Any]
    id: Any

    def defines(self, name: str) -> bool:
        """Whether the cell defines a function of that name, or gives the name to something."""
        return name in self.source and name in self.names

    @cached_property
    def names(self) -> set[str]:
        """The names that the cell binds at its top level."""
        if self.tree is None:
            # A cell that is no Python can still be recognised; grading will show the error.
            return set(re.findall(r"^def[ \t]++(\w++)[ \t]*+\(", self.source, re.MULTILINE))
        return bindings(self.tree.body)

    @cached_property
    def tree(self) -> ast.Module | None:
        """The cell as Python, magics translated; None if it is none."""
        return parsed(self.source)


@dataclass
class Document:
    """The cells of a submitted file, its metadata if it has any, and what was wrong with it."""

    cells: list[SubmittedCell]
    metadata: dict[str, Any] | None
    repairs: list[str] = field(default_factory=list)


class _Understanding:
    """What is known of the cells of one file, and how much has been done to know it."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing, for another file."""
        self.effort = 0
        self.python: dict[str, str | None] = {}
        self.trees: dict[str, ast.Module | None] = {}
        self.names: dict[str, tuple[frozenset[str], frozenset[str]]] = {}

    def may(self, effort: int) -> bool:
        """Whether so much more can be done; if so, it is counted."""
        if self.effort + effort > MAX_EFFORT:
            return False
        self.effort += effort
        return True


_known = _Understanding()


def parsed(source: str) -> ast.Module | None:
    """Return the syntax tree of a cell, magics translated; None if it is no Python, or huge."""
    if source not in _known.trees:
        python(source)
    return _known.trees[source]


def python(source: str) -> str | None:
    """Return a cell as Python, magics translated; None if it is none, or huge."""
    if source in _known.python:
        return _known.python[source]
    code, tree = None, None
    if len(source) <= MAX_CODE and _known.may(50 + 2 * len(source)):
        # No line is lost: cells are cut by the lines of statements.
        code = AROUND.sub(lambda magics: "\n" * magics[0].count("\n"), source)
        tree = _tree(code)
        if tree is None:
            # IPython reads all of a cell again for each line that it changes.
            lines = sum(1 for _ in ESCAPED.finditer(code))
            if _known.may(1000 + 10 * len(code) * (1 + lines)):
                code = _translated(code)
                tree = None if code is None else _tree(code)
    _known.python[source] = None if tree is None else code
    _known.trees[source] = tree
    return _known.python[source]


def _tree(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _translated(source: str) -> str | None:
    try:
        return TransformerManager().transform_cell(source)
    except (SyntaxError, ValueError, RuntimeError, MemoryError):
        return None  # IPython gives up in the same way when it is to run it


def names(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the global names that a cell of code binds, and those that it uses."""
    if source not in _known.names:
        _known.names[source] = _names(source)
    return _known.names[source]


def _names(source: str) -> tuple[frozenset[str], frozenset[str]]:
    bound, used = set(), set()
    code = python(source)
    if code is None:
        return frozenset(), frozenset()
    try:
        tables = [symtable.symtable(code, "cell", "exec")]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(), frozenset()  # it will not run either
    for name in tables[0].get_symbols():
        if name.is_assigned() or name.is_imported() or name.is_namespace():
            bound.add(name.get_name())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        names = table.get_symbols()
        used |= {name.get_name() for name in names if name.is_global() and name.is_referenced()}
    return frozenset(bound), frozenset(used)


def bindings(body: list[ast.stmt]) -> set[str]:
    """Return the names of the functions that statements define, and the names that they set."""
    bound = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        bound |= {target.id for target in targets if isinstance(target, ast.Name)}
    return bound


def read(submitted: bytes) -> Document:
    """Return the cells of a submitted file.

    Raises:
        Unreadable: there are none to be found in it.
    """
    _known.forget()
    if not submitted.strip(b" \t\r\n\0\xef\xbb\xbf"):
        raise Unreadable("the file is empty")
    for start, kind in OTHER_FILES.items():
        if submitted.lstrip(b" \t\r\n\xef\xbb\xbf").startswith(start):
            raise Unreadable(f"the file is {kind} and no JSON: hand in the .ipynb file itself")
    text = _text(submitted)
    repairs = []
    try:
        document = _loads(text)
    except (ValueError, RecursionError) as error:
        document, repair = _damaged(text, error)
        repairs.append(repair)
    if isinstance(document, str):  # JSON in JSON
        inner = _notebook(document)
        if inner is not None:
            document = inner
            repairs.append("the file was a text that holds a notebook")
    cells = _cells(document)
    metadata = as_dict(document).get("metadata")
    known = isinstance(metadata, dict) or not repairs
    return Document(cells, as_dict(metadata) if known else None, repairs)


def notebooks_in(cells: list[SubmittedCell]) -> list[SubmittedCell]:
    """Return the cells of notebooks that stand as text in cells."""
    inner = [_notebook(cell.source) for cell in cells]
    return [cell for document in inner if document is not None for cell in _cells(document)]


def slim(submitted: bytes) -> bytes:
    """Return the file without outputs, attached pictures and the states of widgets.

    A file that is cut off stays cut off; what is no JSON comes back with little or nothing gone.
    """
    kept, start, at = [], 0, 0
    while (string := STRING.search(submitted, at)) is not None:
        at = string.end()
        if at - string.start() > 20 or string[0] not in BULKY:
            continue
        value = TO_VALUE.match(submitted, at)
        if value is None:
            continue
        end = _end(submitted, value.end())
        opening = submitted[value.end() : value.end() + 1]
        kept += [submitted[start : value.end()], {b"[": b"[]", b"{": b"{}"}.get(opening, b"null")]
        if end is None:
            return b"".join(kept)
        start = at = end
    return b"".join([*kept, submitted[start:]]) if kept else submitted


def _end(submitted: bytes, start: int) -> int | None:
    """Return where a JSON value ends, or None if the file ends before."""
    if submitted[start : start + 1] not in (b"[", b"{"):
        scalar = SCALAR.match(submitted, start)
        return scalar and scalar.end()
    depth, at = 0, start
    while (bracket := TO_BRACKET.match(submitted, at)) is not None:
        at = bracket.end()
        depth += 1 if bracket[1] in b"[{" else -1
        if depth == 0:
            return at
    return None


def _text(submitted: bytes) -> str:
    """Decode a file: UTF-8, with or without a mark, UTF-16, or what old editors wrote."""
    encoding = json.detect_encoding(submitted)
    if not encoding.startswith("utf-8"):
        try:
            submitted, encoding = submitted.decode(encoding).encode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            encoding = "utf-8"
    left = slim(submitted)
    if len(left) > MAX_TEXT:
        size = f"{len(left) / 2**20:.0f} MiB"
        raise Unreadable(f"the file has {size} of text beside its outputs: no notebook has")
    try:
        return left.decode(encoding)
    except UnicodeDecodeError:
        if b"\0" in left or not left.lstrip().startswith(b"{"):
            raise Unreadable("the file is no text: a notebook is JSON in UTF-8") from None
        return left.decode("cp1252", "replace")


def _loads(text: str) -> Any:
    # Whole numbers of any length: int() refuses those of more than 4300 digits.
    return json.loads(text, parse_int=float)


def _damaged(text: str, error: Exception) -> tuple[Any, str]:
    """Return what can be read of a file that is no JSON, and what was done about it."""
    if len(CONFLICT.findall(text)) >= 2:
        try:
            return _loads(CONFLICT.sub("", text)), "git's conflict markers were removed"
        except (ValueError, RecursionError):
            pass
    if text.lstrip().startswith(("{", "[")):
        first = _first_of(text)
        if first.keys() & {"cells", "worksheets"}:
            return first, "what follows the notebook in the file was left out"
        cells = _whole_cells(text)
        if cells:
            whole = f"only the {len(cells)} cells that are whole were read"
            return {"cells": cells}, f"the file is damaged or cut off: {whole}"
        if isinstance(error, RecursionError):
            raise Unreadable("the file is no JSON that a notebook could be: nested too deeply")
    elif re.search(r"^def \w++\(", text, re.MULTILINE):
        return _script(text), "the file was a Python script: split into cells"
    raise Unreadable(f"the file is no JSON; was it cut off? ({error})")


def _first_of(text: str) -> dict[str, Any]:
    """Return the object that a text begins with, whatever follows it; nothing, if it is none."""
    try:
        return as_dict(json.JSONDecoder(parse_int=float).raw_decode(text.lstrip())[0])
    except (ValueError, RecursionError):
        return {}


def _whole_cells(text: str) -> list[dict[str, Any]]:
    decoder = json.JSONDecoder(parse_int=float)
    cells: list[dict[str, Any]] = []
    at = 0
    # Each try may read all that is left, so that what is read in vain is counted.
    left = 2 * len(text) + 2**24
    for _ in range(MAX_ATTEMPTS):
        at = text.find("{", at)
        if at < 0 or left < 0 or len(cells) > MAX_CELLS:
            break
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            ended = len(text) if error.msg.startswith("Unterminated") else error.pos
            left -= ended - at
            at += 1
        except RecursionError:
            left -= 100_000
            at += 1
        else:
            if value.keys() & {"source", "input"}:
                cells.append(value)
    return cells


def _script(text: str) -> dict[str, Any]:
    """Split a script at the marks that Jupyter, Colab and editors leave, or between paragraphs."""
    if len(text) > MAX_CODE:
        raise Unreadable(f"the file is a Python script of {len(text) / 2**20:.0f} MiB")
    text = re.sub(r"^# In ?\[[\d ]*+\]:?[ \t]*+$", "# %%", text, flags=re.MULTILINE)
    try:
        notebook = jupytext.reads(text, fmt="py:percent" if "\n# %%" in text else "py:light")
    except Exception:  # whatever a parser makes of what is no Python
        return {"cells": [{"cell_type": "code", "source": text}]}
    return {"cells": notebook.cells}


def _notebook(text: str) -> dict[str, Any] | None:
    """Return the notebook that a text is, or None."""
    if '"cell_type"' not in text or not text.lstrip().startswith("{"):
        return None
    try:
        document = _loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _cells(document: Any) -> list[SubmittedCell]:
    """Return the cells of a notebook of any format version."""
    if not isinstance(document, dict):
        raise Unreadable("the file is JSON, but no notebook")
    cells = document.get("cells")
    if cells is None:  # the formats before version 4
        worksheets = document.get("worksheets")
        if not isinstance(worksheets, list):
            raise Unreadable("the file is JSON, but no notebook: it has no cells")
        inside = [as_dict(sheet).get("cells") for sheet in worksheets]
        cells = [cell for each in inside if isinstance(each, list) for cell in each]
    if not isinstance(cells, list):
        raise Unreadable("the file is JSON, but no notebook: its cells are no list")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"the file has {len(cells)} cells: no notebook has")
    return [_cell(as_dict(cell)) for cell in cells]


def _cell(cell: dict[str, Any]) -> SubmittedCell:
    source = _joined(cell.get("source", cell.get("input")))
    source = clean.source(source)
    kind = cell.get("cell_type")
    kind = clean.line(kind, 40) if isinstance(kind, str) else "code"
    return SubmittedCell(kind, source, as_dict(cell.get("metadata")), cell.get("id"))


def _joined(source: Any) -> str:
    if isinstance(source, list):
        lines = [line for line in source if isinstance(line, str)]
        # Some tools write the lines without their ends.
        ended = any(line.endswith("\n") for line in lines[:-1])
        return ("" if ended else "\n").join(lines)
    return source if isinstance(source, str) else ""


def as_dict(value: Any) -> dict[str, Any]:
    """Return a dictionary as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}
