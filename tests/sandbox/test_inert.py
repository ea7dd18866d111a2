"""An executed notebook is text and pictures: no output is active in nbgrader's views."""

import base64
import json
import struct
import time
from collections import Counter
from pathlib import Path

import nbformat
import nbgrader
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.ansi import ansi2html
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat.v4 import new_code_cell, new_markdown_cell
from traitlets.config import Config

from autograder.judge.judge import _note, plain_slow_cells
from autograder.labs import build
from autograder.sandbox.inert import inert_output
from autograder.sandbox.inside import clean
from autograder.sandbox.still import SIGNATURE
from tests.hostile.texts import ATTACKS, seeded, texts
from tests.pages import Structure
from tests.tiny import TINY

pytestmark = pytest.mark.grader

FORMGRADER = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)


def outputs_of(text):
    """Return outputs with a text in every place that a kernel fills."""
    bundle = {
        kind: text
        for kind in (
            "text/plain", "text/html", "text/latex", "text/markdown", "image/svg+xml", "text/x",
            "application/javascript", "text/vnd.mermaid", "application/pdf", "image/jpeg",
            "application/vnd.jupyter.widget-view+json", "image/png", text,
        )
    }  # fmt: skip
    metadata = {text: text, "width": f"1 {text}", "image/png": {"width": f"1 {text}", "alt": text}}
    metadata |= {
        "filenames": {"image/png": text},
        "text/html": {"isolated": True},
        "needs_background": text,
    }
    common = {"metadata": metadata, "execution_count": text, text: text}
    yield {"output_type": "stream", "name": "stdout", "text": text}
    yield {"output_type": "stream", "name": text, "text": f"\x1b[31m{text}"}
    yield {
        "output_type": "error",
        "ename": text,
        "evalue": text,
        "traceback": [text, f"\x1b[1m{text}"],
    }
    for kind in ("display_data", "execute_result"):
        yield {"output_type": kind, "data": bundle, **common}
        yield {"output_type": kind, "data": bundle | {"image/png": PIXEL}, **common}
        yield {"output_type": kind, "data": {"text/html": text, "text/latex": text}, **common}
    yield {"output_type": text, "data": bundle, **common}


def executed(said):
    """Return an executed notebook, whose texts are the student's; a cell holds one of them."""
    notebook = build.solution(TINY)
    for text in said:
        kept = [out for out in map(inert_output, outputs_of(text)) if out is not None]
        notebook.cells.append(new_code_cell(clean.source(text), outputs=kept))
        for note in (_note("x", []), _note("x", [text, text])):
            note.id = f"note-{len(notebook.cells)}"
            notebook.cells.append(note)
        notebook.cells.append(new_markdown_cell(clean.literal(text)))
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader |= {"score": 0, "points": 1, "comment": ""}
    return notebook


def seen(template, said):
    """Return the page that nbgrader's feedback or formgrader makes of an executed notebook."""
    config = Config()
    config.HTMLExporter.template_name = template
    config.HTMLExporter.extra_template_basedirs = [str(FORMGRADER)]
    config.HTMLExporter.extra_template_paths = [
        str(FORMGRADER.parent / "static/node_modules/bootstrap/dist/css")
    ]
    config.HTMLExporter.preprocessors = [CSSHTMLHeaderPreprocessor]
    # Both are put into the page unescaped: the gradebook's names of a student too must be keys.
    key = clean.key("".join(said))
    about = {"notebook": TINY.name, "score": 0, "max_score": 10, "late_penalty": 0}
    resources = {
        "nbgrader": about, "notebook_id": TINY.name, "assignment_id": TINY.name, "index": 0,
        "submission_id": "1", "total": 1, "base_url": "", "student": key, "last_name": key,
        "first_name": key, "notebook_path": f"autograded/{key}/{TINY.name}/{TINY.name}.ipynb",
    }  # fmt: skip
    page, _ = HTMLExporter(config=config).from_notebook_node(executed(said), resources)
    return Structure(page)


@pytest.mark.parametrize("template", ["feedback", "formgrade"])
def test_nothing_of_a_students_is_active_in_nbgraders_views(template):
    @settings(seeded, max_examples=2)
    @given(st.lists(texts(), min_size=6, max_size=10))
    @example(ATTACKS)
    def check(said):
        usual, page = seen(template, ["x"] * len(said)), seen(template, said)
        assert page.active == usual.active  # nbgrader's own scripts
        # Highlighted code is in spans, and an output that is left out in no div.
        tags = [Counter(each.tags) for each in (page, usual)]
        for each in tags:
            for tag in ("span", ("span", "class"), ("span", "class", "style"), ("span", "style")):
                each.pop(tag if isinstance(tag, tuple) else (tag,), None)
        assert tags[0] == tags[1]

    check()


def test_what_stays_of_an_output():
    html = {"text/html": "<b>", "text/plain": "bold", "image/png": PIXEL}
    metadata = {"image/png": {"width": "1 onload=alert(1)"}}
    shown = {"output_type": "display_data", "data": html, "metadata": metadata}
    assert inert_output(shown) == {
        "output_type": "display_data", "metadata": {},
        "data": {"text/plain": "bold", "image/png": PIXEL},
    }  # fmt: skip
    coloured = {
        "output_type": "error",
        "ename": "E",
        "evalue": "v",
        "traceback": ["\x1b[31mE", "a"],
    }
    assert inert_output(coloured).traceback == ["\x1b[31mE", "a"]
    printed = {"output_type": "stream", "name": "x", "text": "\x1b[31m1%\r2%\n\x1b[2J"}
    assert inert_output(printed) == {
        "output_type": "stream", "name": "stdout", "text": "1%\r2%\n\N{REPLACEMENT CHARACTER}[2J",
    }  # fmt: skip


@pytest.mark.parametrize(
    "picture",
    [
        "", "x", "é", PIXEL[:-4] + "!!!!", PIXEL[:20],
        base64.b64encode(b"\xff\xd8\xff" + bytes(40)).decode(),
        base64.b64encode(b"<svg onload=alert(1)>" + bytes(40)).decode(),
        base64.b64encode(SIGNATURE + b"\0\0\0\rIHDR" + struct.pack(">II", 60_000, 60_000)).decode(),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_not_kept(picture):
    shown = {"output_type": "display_data", "data": {"image/png": picture}, "metadata": {}}
    assert inert_output(shown) is None


@seeded
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | texts(5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(2), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from(["stream", "error", "display_data", "execute_result"]),
)
def test_whatever_a_kernel_sends_becomes_a_valid_output_or_none(nonsense, kind):
    names = ("name", "text", "ename", "evalue", "traceback", "data", "metadata", "execution_count")
    for output in (
        {"output_type": kind} | dict.fromkeys(names, nonsense),
        {"output_type": kind, "data": {"text/plain": nonsense, "image/png": nonsense}},
        {"output_type": nonsense},
        {"output_type": "error", "traceback": [nonsense, "a"]},
        {},
    ):
        made = inert_output(output)
        if made is not None:
            nbformat.v4.nbbase.validate(made, "output")
            assert json.dumps(made, allow_nan=False).encode("utf-8")


def test_many_colours_do_not_stop_the_formgrader():
    error = {"output_type": "error", "ename": "", "evalue": "", "traceback": ["\x1b[m" * 300_000]}
    began = time.process_time()
    for line in inert_output(error).traceback:
        ansi2html(line)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("unit", ["a.", "(", "'''", "f'{", "\\", "0_", "!ls ", "\n", " \n"])
def test_code_of_any_length_is_shown_in_no_time(unit):
    notebook = build.solution(TINY)
    notebook.cells.append(new_code_cell(f"x{unit * (100_000 // len(unit))}x"))
    plain_slow_cells(notebook)
    marked = [cell for cell in notebook.cells if "magics_language" in cell.metadata]
    assert marked == notebook.cells[-1:]
    began = time.process_time()
    Highlight2HTML(pygments_lexer="ipython3")(marked[0].source, metadata=marked[0].metadata)
    assert time.process_time() - began < 2


def test_code_of_any_many_lines_is_shown_in_no_time():
    notebook = build.solution(TINY)
    notebook.cells += [new_code_cell(f"{'a.' * 490}\n" * 50) for _ in range(20)]
    plain_slow_cells(notebook)
    plain = [cell for cell in notebook.cells[-20:] if "magics_language" in cell.metadata]
    assert len(plain) > 15
