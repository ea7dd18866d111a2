"""What students chose is inert wherever results come out: in tables, the terminal, pages."""

import csv
import html
import io
import json
import math
import re
import signal
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from unicodedata import category, normalize
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder import grade as grader
from autograder import progress
from autograder.intake import choices
from autograder.intake.collect import Aside
from autograder.intake.files import shown
from autograder.intake.reading import Read
from autograder.judge.outcome import Outcome
from autograder.results import exports, report, table
from autograder.results.gradebook import Grade
from autograder.sandbox.inside import clean
from tests.hostile.texts import ATTACKS, HARMFUL, seeded, texts
from tests.pages import Structure
from tests.tiny import TINY

pytestmark = pytest.mark.grader


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
        progress.ProgressLine(1, 10).show(graded(text, student=text))
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
