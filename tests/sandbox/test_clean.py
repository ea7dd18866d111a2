"""Text is cleaned once, where it enters: keys, lines, outputs, literals."""

import html
import re
import time
from unicodedata import category

import mistune
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nbconvert.filters import markdown2html, strip_files_prefix

from autograder.sandbox.inside import clean
from tests.hostile.texts import seeded, texts

pytestmark = pytest.mark.grader


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
    made = clean.literal(text)
    tokens = mistune.create_markdown(renderer=None)(made)
    assert [token["type"] for token in tokens] == ["block_code"]
    shown = tokens[0]["raw"].rstrip("\n")
    block = made == text == clean._fenced(text.partition("\n")[2].rpartition("\n")[0], 10_000)
    assert shown == clean.lines(text).rstrip("\n") or block
    assert clean.literal(made) == made


LINKS = {
    "brackets": "[" * 99_000,
    "links without an end": "[](files/" * 9000,
    "or of another form": "![](/files/" * 9000,
    "many lines": ("[" * 223 + "\n") * 440,
}


@pytest.mark.parametrize("kind", LINKS)
def test_nbgrader_looks_for_links_in_a_literal_in_no_time(kind):
    text, began = LINKS[kind], time.process_time()
    made = clean.literal(text, 100_000)
    shown = strip_files_prefix(markdown2html(made))
    assert time.process_time() - began < 2
    shown = html.unescape(re.sub("<[^>]*>|\n", "", shown))
    assert shown.removesuffix(" …") in text.replace("\n", "") and len(shown) > 80_000
    assert clean.literal(made, 100_000) == made
    again = clean.literal(f"```\n{text}\n```", 100_000)  # who writes such a block gains nothing
    assert max(map(len, again.split("\n"))) <= 223


def test_a_literal_keeps_long_lines_of_prose():
    text = "See [this](a.png), [that] and x[0]. " * 5 + "word " * 500
    assert text in clean.literal(text)
