"""What students chose is inert wherever it comes out: tables, terminal, pages, nbgrader's views."""

import csv
import html
import io
import re
import sys
import time
from datetime import UTC, datetime
from unicodedata import category, normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TINY

from autograder import exports
from autograder.collect import Aside, Collected
from autograder.gradebook import Grade
from autograder.inside import clean
from autograder.submission import Outcome

# Bounded, and the same each time.
seeded = settings(max_examples=80, deadline=None, derandomize=True, database=None)

ATTACKS = [
    "=cmd|'/C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "\n=1+1", "\0=1", "\x0b=1",
    "＝cmd", "＋1", "－1", "＠A1", "﹢1", "﹣1", "﹦1", "﹫A1", "⁼1", "₊1", "−1", "﬩1", "⩵1",
    "ann;=1+1", "ann\t=1+1", "ann,=1+1", "ann|=1+1", "ann\r\n=1+1", 'ann";"=1+1', 'ann","=1+1',
    "ann; =1+1", "ann;\u200b=1+1", "ann;\u00a0＝1", "ann;\u3164=1", 'ann;"=1+1";x', "ann =1+1",
    "  =1", '"=1"', "'=1", "\ufeff=1", "\u2066=1", '=HYPERLINK("http://evil.example","x")', "-", "=",
    "ann\u2028=1", "a; - 1", "x;-", "\ud800=1", "\u200c=1", "sep=;", "ann;=\n", "ann:=1",
    "\x1b[2J\x1b[31mbob  10", "ann\nbob  10  5", "a\rbob", "\x9b2J", "a\x08\x08\x08b", "\u202eevil",
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
    "</pre></style></title></textarea><svg onload=alert(1)>", "<!--", "]]>", "{{ 7*7 }}", "{% raw",
    "javascript:alert(1)", "&lt;script&gt;", "[x](javascript:alert(1))", "$\\href{javascript:1}{x}$",
    "```\n<script>alert(1)</script>\n```", "~~~\n<b>", "$$<script>$$", "`" * 50, "a" * 50_000,
    "字" * 500, "e" + "\u0301" * 500, "\ud800", "a\udfffb", "\u202e\u2066\u200f", "", " ", "\0",
]  # fmt: skip


def texts(most=40):
    """Attacks, all of Unicode, and what the marks in question and any text give together."""
    marks = st.sampled_from([*exports.BEGINS, *"\t\r\n ;,|:\"'`<>&/\\", *"\0\u200b\u3164\ufeffa1)"])
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
    each = Collected("ann", name=text, graded=text, lms="moodle", lms_id="55", handed_in=handed_in)
    return each.__class__(**(vars(each) | changes))


GRADE = Grade(dict.fromkeys(TINY.checks, -1.5), penalty=2.0)


# --- tables ---------------------------------------------------------------------------------------


def is_formula(cell):
    """Whether a spreadsheet may compute what is in a cell."""
    shown = re.sub(r'^[\s"]+', "", cell)
    while shown and (category(shown[0])[0] in "CZ" or shown[0] in f'"{exports.FILLERS}'):
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
    return {path.name: path.read_text("utf-8-sig") for path in folder.glob("*.csv")}


def test_every_form_of_what_begins_a_formula_is_known():
    forms = {
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if normalize("NFKC", character).lstrip()[:1] in ("=", "+", "-", "@", "\N{MINUS SIGN}")
    }
    assert forms == set(exports.BEGINS)


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
