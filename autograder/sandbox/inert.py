"""Make an executed notebook inert, wherever it is looked at.

nbgrader's formgrader and feedback put outputs into an instructor's browser, in part unescaped (the
width of an image, formulas for MathJax), and JupyterLab has renderers of its own. So an output is
not filtered but made anew, of what is known to be text or a picture. Cells of markdown that hold a
student's words are `clean.literal`.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.sandbox.drawn import drawn
from autograder.sandbox.inside import clean
from autograder.sandbox.still import still

MOST_COLOURS = 2000  # in one traceback
MOST_LINES = 1000  # of one traceback


def inert_output(output: Mapping[str, Any]) -> NotebookNode | None:
    """Return a new output with what may stay of one that a kernel sent, or None if nothing may.

    There stay: of a stream, its text; of an error, its name and message as text, and its traceback
    with colours; of what was displayed, its plain text, a PNG (see `still`) and a drawing (see
    `drawn`), each written anew. Nothing else does: no metadata, no other kind of data (each comes
    with plain text too), no other kind of output.

    Args:
        output: as nbformat's `output_from_msg` makes it, not validated: any type anywhere.
    """
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        text = output.get("text")
        return new_output(kind, name=name, text=clean.output(text)) if _is_text(text) else None
    if kind == "error":
        return _error(output)
    if kind in ("display_data", "execute_result"):
        data = _data(output.get("data"))
        # What a cell returned is counted by its cell.
        more = {"execution_count": None} if kind == "execute_result" else {}
        return new_output(kind, data=data, metadata={}, **more) if data else None
    return None


def _error(output: Mapping[str, Any]) -> NotebookNode:
    name, value, lines = (output.get(key) for key in ("ename", "evalue", "traceback"))
    lines = lines if isinstance(lines, list) else []
    text = "\n".join(filter(_is_text, lines[:MOST_LINES]))
    return new_output(
        "error",
        ename=clean.line(name) if _is_text(name) else "",
        evalue=clean.lines(value) if _is_text(value) else "",
        traceback=clean.output(text, MOST_COLOURS).split("\n"),
    )


def _data(data: Any) -> dict[str, str]:
    """Return of a mime bundle its plain text, its PNG and its drawing."""
    kept = {}
    if isinstance(data, Mapping):
        if _is_text(text := data.get("text/plain")):
            kept["text/plain"] = clean.output(text)
        if _is_text(text := data.get("image/png")) and (picture := still(text)):
            kept["image/png"] = picture
        if _is_text(text := data.get("text/html")) and (drawing := drawn(text)):
            kept["text/html"] = drawing
    return kept


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str)
