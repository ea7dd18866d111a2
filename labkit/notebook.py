"""The notebook that this process works for: what it shows, its file, and what Ctrl-C does in it."""

import _thread
import html
import json
import os
import sys
import textwrap
import threading
import traceback
from pathlib import Path
from typing import Any

# White on these has a contrast of 5 to 1 or more, whatever the notebook's own background is.
GREEN, ORANGE, GREY = "#1a7f37", "#9a3412", "#57606a"


def shell() -> Any:
    """Return IPython's shell if this process is a notebook's kernel, else None."""
    ipython = sys.modules.get("IPython")
    found = None if ipython is None else ipython.get_ipython()
    return found if hasattr(found, "kernel") else None


def in_colab() -> bool:
    """Whether Colab runs this notebook."""
    return "google.colab" in sys.modules


def is_graded() -> bool:
    """Whether the grader runs this: it gives each kernel a seed."""
    return "LABKIT_SEED" in os.environ


def show(text: str, rich: str) -> None:
    """Show `rich`, which is HTML, in a notebook, and `text` anywhere else; never on stderr."""
    if shell() is None or is_graded():
        print(text)
    else:
        sys.modules["IPython"].display.publish_display_data({"text/plain": text, "text/html": rich})


def pill(text: str, colour: str) -> str:
    """Return HTML: a few words on a colour, to be read on a light and on a dark page."""
    style = f"background: {colour}; color: #fff; border-radius: 0.7em; padding: 0.1em 0.6em"
    return f'<span style="{style}; white-space: nowrap">{html.escape(text)}</span>'


def path() -> Path | None:
    """Return the notebook's file, as it was called when this kernel started; None if unknown."""
    names = [os.environ.get("JPY_SESSION_NAME")]
    if (running := shell()) is not None:
        names.append(running.user_ns.get("__vsc_ipynb_file__"))  # VS Code says it so
    for name in filter(None, names):
        if name.endswith(".ipynb") and Path(name).is_file():
            return Path(name).resolve()
    return None


def live() -> dict[str, Any] | None:
    """Return the notebook as Colab has it at this moment; None if it does not give it away."""
    try:
        from google.colab import _message

        answer = _message.blocking_request("get_ipynb", request="", timeout_sec=30)
        found = answer["ipynb"]
    except Exception:  # no public interface: whatever becomes of it
        return None
    return found if isinstance(found, dict) and isinstance(found.get("cells"), list) else None


def cells() -> list[dict[str, Any]]:
    """Return the notebook's cells: Colab's, or as the file was last saved; none if unknown."""
    found = live() if in_colab() else None
    if found is None and (file := path()) is not None:
        try:
            found = json.loads(file.read_text("utf-8"))
        except ValueError:
            return []
    return [cell for cell in (found or {}).get("cells", ()) if isinstance(cell, dict)]


# --- Ctrl-C ---------------------------------------------------------------------------------------


def mind_interrupts() -> None:
    """Have an interrupted cell say where it stopped, in one line of its own; may be called again.

    In place of dozens of frames of libraries. An interrupt that comes while Python frees something
    would be printed and forgotten: here it comes once more.
    """
    running = shell()
    # The grader, which interrupts cells itself, tells a person of each change of such a handler.
    if running is None or is_graded() or KeyboardInterrupt in running.custom_exceptions:
        return
    others = running.CustomTB  # Colab may have some of its own

    def handler(shell: Any, etype: type, value: BaseException, tb: Any, tb_offset: Any = None):
        if not issubclass(etype, KeyboardInterrupt):
            return others(etype, value, tb, tb_offset=tb_offset)
        lines = _where(tb)
        shell._showtraceback(etype, value, lines)
        return lines

    running.set_custom_exc((*running.custom_exceptions, KeyboardInterrupt), handler)
    previous = sys.unraisablehook

    def once_more(unraisable: Any) -> None:
        if unraisable.exc_type is not KeyboardInterrupt:
            previous(unraisable)
            return
        # Not from in here, where it would be forgotten as well.
        threading.Timer(0.01, _thread.interrupt_main).start()

    sys.unraisablehook = once_more


def _where(tb: Any) -> list[str]:
    """Say where an interrupted cell was, and what to do."""
    frames = [frame for frame in traceback.extract_tb(tb) if _is_cell(frame.filename)]
    said = "KeyboardInterrupt: you stopped this cell"
    lines = [f"{said}."]
    if frames:
        # Where the cell itself was, and which of the student's functions it had called.
        outer, inner = frames[0], frames[-1]
        lines = [f"{said} in its line {outer.lineno}: {_line(outer)}"]
        if (inner.filename, inner.lineno) != (outer.filename, outer.lineno):
            lines.append(f"  in `{inner.name}`, line {inner.lineno} of its cell: {_line(inner)}")
    last = (
        "What it was to make is missing or unfinished: run this cell again before those below it."
    )
    return [*lines, last]


def _is_cell(name: str) -> bool:
    # IPython names a cell "<ipython-input-3-…>", ipykernel by a file that is never written.
    if name.startswith("<ipython-input"):
        return True
    temporary = f"{os.sep}ipykernel_{os.getpid()}{os.sep}"
    return temporary in name


def _line(frame: traceback.FrameSummary) -> str:
    return textwrap.shorten((frame.line or "").strip(), 100)
