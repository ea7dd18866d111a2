"""What students chose is inert wherever it comes out: tables, terminal, pages, nbgrader's views."""

import base64
import csv
import html
import io
import json
import math
import re
import signal
import struct
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from unicodedata import category, normalize
from urllib.parse import unquote

import mistune
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

from autograder import grade as grader
from autograder import run
from autograder.intake import choices
from autograder.intake.collect import Aside
from autograder.intake.files import shown
from autograder.intake.reading import Read
from autograder.judge.judge import _note, plain_long_lines
from autograder.judge.outcome import Outcome
from autograder.labs import build
from autograder.results import exports, report, table
from autograder.results.gradebook import Grade
from autograder.sandbox.inert import PNG, inert_output
from autograder.sandbox.inside import clean
from tests.tiny import TINY

pytestmark = pytest.mark.grader

# Bounded, and the same each time.
seeded = settings(max_examples=80, deadline=None, derandomize=True, database=None)

ATTACKS = [
    "=cmd|'/C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "\n=1+1", "\0=1", "\x0b=1",
    "\uff1dcmd",
    "\uff0b1", "\uff0d1", "\uff20A1", "\ufe621", "\ufe66cmd", "\u207c1", "\u22121", "\ufb291",
    "ann;=1+1", "ann\t=1+1", "ann,=1+1", "ann|=1+1", "ann\r\n=1+1", 'ann";"=1+1', 'ann","=1+1',
    "ann; =1+1", "ann;\u200b=1+1", "ann;\u00a0\uff1d1", "ann;\u3164=1", 'ann;"=1+1";x', "ann =1+1",
    "  =1", '"=1"', "\ufeff=1", "\u2066=1", '=HYPERLINK("http://evil.example","x")', "-", "=",
    "ann\u2028=1", "a; - 1", "x;-", "\ud800=1", "\u200c=1", "sep=;", "ann;=\n", "ann:=1",
    "\x1b[2J\x1b[31mbob  10", "ann\nbob  10  5", "a\rbob", "\x9b2J", "a\x08\x08\x08b", "\u202eevil",
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
    "</pre></style></title></textarea><svg onload=alert(1)>", "<!--", "]]>", "{{ 7*7 }}", "{% raw",
    "javascript:alert(1)", "&lt;script&gt;", "[x](javascript:1)", "$\\href{javascript:1}{x}$",
    "```\n<script>alert(1)</script>\n```", "~~~\n<b>", "$$<script>$$", "`" * 50, "a" * 50_000,
    "字" * 500, "e" + "\u0301" * 500, "\ud800", "a\udfffb", "\u202e\u2066\u200f", "", " ", "\0",
]  # fmt: skip


def texts(most=40):
    """Attacks, all of Unicode, and what the marks in question and any text give together."""
    marks = st.sampled_from([*clean.BEGINS, *"\t\r\n ;,|:\"'`<>&/\\", *"\0\u200b\u3164\ufeffa1)"])
    pieces = st.lists(st.one_of(marks, st.characters(codec=None)), max_size=most).map("".join)
    return st.one_of(st.sampled_from(ATTACKS), pieces)


def graded(text, student="ann", **changes):
    """Return an outcome whose every text is the student's."""
    outcome = Outcome(
        student, "graded", text, [text, f"a {text}"], dict.fromkeys(TINY.checks, 0.0),
        {check: f"AssertionError: {text}" for check in TINY.checks}, [text, text], seed=1,
    )  # fmt: skip
    return outcome.__class__(**(vars(outcome) | changes))


def collected(text, **changes):
    """Return what belongs to it."""
    handed_in = datetime(2024, 1, 2, tzinfo=UTC)
    each = Read("ann", name=text, graded=text, lms="moodle", lms_id="55", handed_in=handed_in)
    return each.__class__(**(vars(each) | changes))


GRADE = Grade(dict.fromkeys(TINY.checks, -1.5), penalty=2.0)


HARMFUL = set("\0\x1b\x9b\r\u202e\u2066\ufeff\u2028")


# --- tables ---------------------------------------------------------------------------------------


def is_formula(cell):
    """Whether a spreadsheet may compute what is in a cell."""
    shown = re.sub(r'^[\s"]+', "", cell)
    while shown and (category(shown[0])[0] in "CZ" or shown[0] in f'"{clean.FILLERS}'):
        shown = shown[1:]
    shown = normalize("NFKC", shown).strip()
    if re.fullmatch(r'-?\d+(\.\d+)?(e-?\d+)?"*', shown):
        return False  # a number
    return shown[:1] in ("=", "+", "-", "@", "−") and bool(re.search(r"[\w(]", shown))


def split(text):
    """Yield the cells of a file as spreadsheets of several locales and settings split it."""
    for delimiter in ",;\t|: ":
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            for row in csv.reader(io.StringIO(text), delimiter=delimiter, quoting=quoting):
                yield from row
    for ends in (",;\t", ",;\t ", ",;\t|:\n"):  # LibreOffice takes several at once
        yield from re.split(f"[{ends}]", text)


def written(folder, text):
    found, outcomes, grades = [collected(text)], [graded(text)], {"ann": GRADE}
    aside = [Aside(text, text)]
    exports.write_table(TINY, found, outcomes, grades, folder / "grades.csv", aside=aside)
    exports.write_canvas(TINY, found, grades, folder / "canvas.csv")
    exports.write_moodle(TINY, found, outcomes, grades, folder / "moodle.csv")
    choices.keep(folder, {"ann": shown(text)})
    assert choices.kept(folder) == ({"ann": shown(text)} if text else {})
    return {path.name: path.read_text("utf-8-sig") for path in folder.glob("*.csv")}


def test_every_form_of_what_begins_a_formula_is_known():
    forms = {
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if normalize("NFKC", character).lstrip()[:1] in ("=", "+", "-", "@", "\N{MINUS SIGN}")
    }
    assert forms == set(clean.BEGINS)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_is_a_formula(attack, tmp_path):
    for name, text in written(tmp_path, attack).items():
        for cell in split(text):
            assert not is_formula(cell), (name, cell)


def test_no_cell_is_a_formula_whatever_it_is_made_of(tmp_path):
    @seeded
    @given(texts())
    def check(text):
        for name, file in written(tmp_path, text).items():
            for cell in split(file):
                assert not is_formula(cell), (name, cell)
            lengths = {len(row) for row in csv.reader(io.StringIO(file))}
            assert len(lengths) == 1 and file.count("\n") <= 3  # no row of the student's own

    check()


def test_what_is_no_formula_stays_as_it_is(tmp_path):
    for text in (
        "x = 3, not y",
        "Jean-Luc O'Neil",
        "f(x)=3",
        "a - b",
        "1e-05",
        "1 + 1",
        "ann@x.edu",
    ):
        files = written(tmp_path, text)
        assert f'"{text}"' in files["grades.csv"] and f'"{text}"' in files["canvas.csv"]
    head, row, aside = csv.reader(io.StringIO(files["grades.csv"]))
    row = dict(zip(head, row, strict=True))
    assert (row["score"], row["late_penalty"], row["pythagoras"]) == ("-6.5", "2", "-1.5")
    aside = dict(zip(head, aside, strict=True))
    assert (aside["status"], aside["file"], aside["student"]) == ("aside", "ann@x.edu", "")
    assert files["moodle.csv"].splitlines()[1].startswith('"Participant 55","ann@x.edu"')


@seeded
@given(texts())
def test_moodles_comments_are_the_message_and_no_html(text):
    comment = exports._as_html(text)
    assert set(re.findall("<[^>]*>", comment)) <= {"<br>"}
    assert html.unescape(comment.replace("<br>", "\n")) == clean.lines(text)


# --- the terminal ---------------------------------------------------------------------------------


def is_one_clean_line(text):
    return not any(category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text) and not (
        set(text) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f\u061c\ufeff")
    )


def printed(text):
    found = [collected("Another name", student=text)]
    outcomes = [graded(text, student=text)]
    return table.table(TINY, outcomes, {text: GRADE}, found=found, aside=[Aside(text, text)])


@seeded
@given(texts())
def test_a_students_text_is_one_cell_of_the_printed_table(text):
    lines, usual = printed(text).split("\n"), printed("x").split("\n")
    assert len(lines) == len(usual)
    for line in lines:
        assert is_one_clean_line(line)
        assert len(line) < 1000
    assert lines[-1] == "1 left aside, as no student's submission."
    # Columns stand where the header says; gaps are between cells only.
    start = _columns(lines[0])["score"]
    student, *_ = re.split("  +", lines[1].strip() or "  ")
    assert "  " not in student and table._width(student) < start
    assert lines[1].rstrip().count("-6.5") >= 1


def _columns(head):
    return {match[0]: match.start() for match in re.finditer(r"\S+", head)}


@seeded
@given(texts())
def test_progress_is_one_line_a_submission(text):
    stdout = io.StringIO()
    with redirect_stdout(stdout):
        run._Progress(1, 10).show(graded(text, student=text))
    (line,) = stdout.getvalue().split("\n")[:-1]
    assert is_one_clean_line(line) and len(line) < 200 and line.endswith(": 0 of 10")


def test_an_ascii_terminal_costs_nothing(monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    said = "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS} \u5b57 \ud800"
    monkeypatch.setattr(grader, "_grade_class", lambda *_: print(said))
    grader.main(["--lab", "x"])
    stdout.flush()
    assert stdout.buffer.getvalue() == rb"Zo\xeb \u5b57 \ud800" + b"\n"


# --- pages ----------------------------------------------------------------------------------------


class Structure(HTMLParser):
    """The tags of a page with the names of their attributes, and what could be active in it."""

    ADDRESSES = ("href", "src", "action", "data", "formaction", "srcset", "xlink:href", "poster")
    ACTIVE = ("script", "iframe", "object", "embed", "form", "base", "link", "frame", "applet")

    def __init__(self, text):
        super().__init__()
        self.tags, self.active = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, *sorted(name for name, _ in attributes)))
        if tag in self.ACTIVE:
            self.active.append((tag, attributes))
        for name, value in attributes:
            value = re.sub(r"\s", "", value or "").lower()
            outside = re.match(r"[a-z][a-z0-9+.-]*:|//", value)
            harmless = value.startswith(("data:image/png;base64,", "#"))
            if name.startswith("on") or (name in self.ADDRESSES and outside and not harmless):
                self.active.append((tag, name, value))

    handle_startendtag = handle_starttag


def pages(folder, said):
    """Return the pages and the results.json of a class: each one's texts are all the same one."""
    keys = [clean.key(f"{number}-{text}") for number, text in enumerate(said)]
    outcomes, found, grades = [], [collected("x", student="left out")], {}
    for key, text in zip(keys, said, strict=True):
        outcomes.append(graded(text, student=key))
        found.append(collected(text, student=key))
        grades[key] = replace(GRADE, comments=dict.fromkeys(TINY.exercises, text))
    texts = dict(zip(keys, map(clean.source, said), strict=True))
    answers = {key: dict.fromkeys(TINY.exercises, text) for key, text in texts.items()}
    report.write(TINY, found, outcomes, grades, folder, answers=answers.__getitem__,
                 aside=[Aside(text, text) for text in said])  # fmt: skip
    return (
        (folder / "overview.html").read_text("utf-8"),
        [(folder / "feedback" / f"{key}.html").read_text("utf-8") for key in keys],
        [(folder / "gradescope" / key / "results.json").read_text("utf-8") for key in keys],
    )


def test_a_page_has_the_tags_that_it_has_whatever_students_write(tmp_path):
    def check(said):
        said = [f"{text}x" for text in said]  # what is empty has no paragraph
        overview, feedback, gradescope = pages(tmp_path, said)
        usual, usual_pages, _ = pages(
            tmp_path, [chr(97 + i % 26) * (1 + i) for i in range(len(said))]
        )
        (usual_page,) = {tuple(Structure(page).tags) for page in usual_pages}
        assert "No page" not in usual_pages[0] and "pythagoras" in usual_pages[0]
        for page in [overview, *feedback]:
            assert Structure(page).active == []
            assert not set(page) & HARMFUL
            assert 'http-equiv="Content-Security-Policy" content="default-src \'none\';' in page
        for page in feedback:
            assert tuple(Structure(page).tags) == usual_page
        # Messages and repairs that differ in numbers are counted together: fewer rows.
        shapes = Counter(Structure(overview).tags), Counter(Structure(usual).tags)
        assert set(shapes[0]) == set(shapes[1])
        assert all(shapes[0][tag] <= count for tag, count in shapes[1].items())
        links = re.findall('href="([^"]*)"', overview)
        assert len(links) == len(said)
        for link in links:
            assert re.fullmatch(r"feedback/(%[0-9A-F]{2}|[A-Za-z0-9_.~-])+[.]html", link)
            assert (tmp_path / unquote(link)).exists()
        for results in map(json.loads, gradescope):
            formats = ("output_format", "test_output_format", "test_name_format")
            assert {results[name] for name in formats} == {"text"}
            told = [results["output"], *(test["output"] for test in results["tests"])]
            assert not set("".join(told)) & HARMFUL

    check(ATTACKS)
    settings(seeded, max_examples=4)(given(st.lists(texts(), min_size=6, max_size=10))(check))()


def test_what_is_shown_names_student_key_file_and_what_was_left_aside(tmp_path):
    overview, (feedback,), _ = pages(tmp_path, ["Ann <b> Lee"])
    assert "<title>Ann &lt;b&gt; Lee ·" in feedback
    assert "· 0-Ann _b_ Lee</p>" in feedback and "File: Ann &lt;b&gt; Lee</p>" in feedback
    assert "<b>1</b>files left aside" in overview
    assert "<b>aside</b>: Ann &lt;b&gt; Lee" in overview


def test_a_page_that_cannot_be_made_costs_no_other(tmp_path):
    pages(tmp_path, ["x"])
    outcomes = [graded("x", student=name) for name in ("ann", "bob", "cem")]
    outcomes[2].seconds = math.nan
    found = [collected("x", student=each.student) for each in outcomes]
    grades, answers = dict.fromkeys(("ann", "bob", "cem"), GRADE), {"ann": 3, "cem": {}}
    report.write(TINY, found, outcomes, grades, tmp_path, answers=answers.__getitem__)
    for name, reason in (("ann", "AttributeError"), ("bob", "KeyError")):
        page = (tmp_path / "feedback" / f"{name}.html").read_text("utf-8")
        assert f"This could not be written: {reason}" in page and page.count("\n") == 1
    assert "pythagoras" in (tmp_path / "feedback" / "cem.html").read_text("utf-8")
    results = json.loads((tmp_path / "gradescope" / "cem" / "results.json").read_text("utf-8"))
    assert results["score"] == 0 and "This could not be written: ValueError" in results["output"]
    assert all(each in (tmp_path / "overview.html").read_text("utf-8") for each in ("ann", "cem"))
    with pytest.raises(ValueError, match="JSON"):
        exports.gradescope(TINY, graded("x"), replace(GRADE, penalty=math.nan))


@pytest.mark.parametrize(
    "unit", ["`", "`a`, ", "1.", "+-", "e", "1e+", "a.", "AssertionError: ", "\n", " ="]
)
def test_no_pattern_is_slow(unit):
    text = unit * (200_000 // len(unit))
    began = time.process_time()
    report._pattern(text)
    report._messages(TINY, [graded(text)])
    exports.said(text)
    exports._cell(text)
    exports._as_html(text)
    clean.key(text)
    clean.literal(text)
    assert time.process_time() - began < 1


# --- nbgrader's own views -------------------------------------------------------------------------

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
        base64.b64encode(PNG + b"\0\0\0\rIHDR" + struct.pack(">II", 60_000, 60_000)).decode(),
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


@pytest.mark.parametrize("unit", ["a.", "(", "'''", "f'{", "\\", "0_", "!ls "])
def test_code_of_any_length_is_shown_in_no_time(unit):
    notebook = build.solution(TINY)
    notebook.cells.append(new_code_cell(unit * (100_000 // len(unit))))
    plain_long_lines(notebook)
    marked = [cell for cell in notebook.cells if "magics_language" in cell.metadata]
    assert marked == notebook.cells[-1:]
    began = time.process_time()
    Highlight2HTML(pygments_lexer="ipython3")(marked[0].source, metadata=marked[0].metadata)
    assert time.process_time() - began < 2


# --- the words themselves -------------------------------------------------------------------------


@seeded
@given(texts())
@example(" . .x")
def test_a_key_is_inert(text):
    key = clean.key(text)
    assert key == clean.key(key) and 0 < len(key.encode("utf-8")) <= 120
    assert not set(key) & set('<>"&\\/`\0\n;#?%{}|$!~^') and key.isprintable()
    assert not key.startswith(".") and key.strip() == key


def test_long_texts_are_cleaned_in_no_time():
    began = time.process_time()
    for text in (
        "\u00e9",
        "\u0301",
        "a\u0301\u0301\u0301\u0301",
        "\U0001e000",
        "\ud800",
        "\x1b[",
        "\x1b[m",
    ):
        clean.output(text * (1_000_000 // len(text)))
    assert time.process_time() - began < 5


@seeded
@given(texts(), st.integers(0, 3))
def test_what_is_clean_is_clean_again_and_steers_no_terminal(text, colours):
    coloured = clean.output(f"\x1b[31m{text}\x1b[0m\x1b[m", colours)
    assert coloured.count("\x1b") == min(colours, 3 + len(re.findall(clean.COLOUR, text)))
    for made, kept in (
        (clean.line(text), ""), (clean.lines(text), "\n\t"), (clean.output(text), "\n\t\r"),
        (re.sub(clean.COLOUR, "", coloured), "\n\t\r"),
    ):  # fmt: skip
        made.encode("utf-8")
        assert not any(
            category(character) in clean.HOSTILE and character not in kept + clean.JOINERS
            for character in made
        )
        assert not re.search(f"[{clean.MARKS}]{{5}}", made)
    assert clean.line(clean.line(text, 400), 400) == clean.line(text, 400) or len(text) > 400
    honest = "Zoë, אַבְּרָהָם, می‌خواهم, 字, नमस्ते, 👩‍🔬"
    assert clean.line(honest) == clean.lines(honest) == clean.output(honest) == honest


@seeded
@given(texts())
def test_a_literal_is_one_block(text):
    tokens = mistune.create_markdown(renderer=None)(clean.literal(text))
    assert [token["type"] for token in tokens] == ["block_code"]
    assert tokens[0]["raw"].rstrip("\n") == clean.lines(text).rstrip("\n")
