"""Drawings in executed notebooks: those of the labs stay as they are, and nothing else is one."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.sandbox.drawn import NAMES, drawn
from autograder.sandbox.inert import inert_output
from labkit.pictures import (
    dp_sgd,
    encrypted_labels,
    federated_masking,
    gdp_accounting,
    split_learning,
)
from labkit.pictures.drawing import BLUE, Drawing

PICTURES = [
    dp_sgd.two_bells,
    dp_sgd.clipping,
    dp_sgd.batches,
    federated_masking.double_masking,
    gdp_accounting.rare_losses,
    gdp_accounting.a_group_turns,
    split_learning.noise_at_the_cut,
    split_learning.the_cut,
    encrypted_labels.inner_product,
    encrypted_labels.two_parties,
]
TAGS = {"svg", "polyline", "polygon", "circle", "rect", "text"}


@pytest.mark.parametrize("draw", PICTURES)
def test_a_lab_s_drawing_stays_as_it_is(draw):
    svg = draw().svg
    assert drawn(svg) == svg
    output = {
        "output_type": "execute_result",
        "data": {"text/html": svg, "text/plain": "[picture]"},
    }
    assert inert_output(output).data == output["data"]


def small(words="words", alt="what it shows"):
    drawing = Drawing(100, 50, alt)
    drawing.rectangle((1, 1), (20, 20), BLUE)
    drawing.text((10, 10), words, turned=True)
    return drawing.svg


def dashed(pattern, corners=7, shapes=1, size=2000):
    drawing = Drawing(2000, 2000, "a zigzag")
    zigzag = [(size * (at % 2), size * (at % 2)) for at in range(corners)]
    for _ in range(shapes):
        drawing.line(*zigzag, dash=pattern)
    return drawing.svg


SMALL = small()
DASHED = dashed("5 4")
HOSTILE = {
    # A browser took minutes for each.
    "dashes of a hundredth of a unit": dashed("0.009 0.009", shapes=1000),
    "a single such line": dashed("0.009 0.009"),
    "dashes of nothing": dashed("0 1"),
    "dashes with nothing between": dashed("1 0"),
    "a pattern of many": dashed("1 " * 8 + "1"),
    "of one number": dashed("1"),
    "with a comma": dashed("1,1"),
    "many dashes on a long line": dashed("1 1", corners=800),
    "on many lines": dashed("1 1", shapes=200),
    "far outside": dashed("9 9", size=10**7),
    "by powers of ten": DASHED.replace("2000.0", "2e7"),
    "on a rectangle": SMALL.replace("<rect", '<rect stroke-dasharray="1 1"'),
    "on letters": SMALL.replace("<text", '<text stroke="#000" stroke-dasharray="1 1"'),
    "of a huge circle": SMALL.replace(
        "<rect", '<circle r="9999999" stroke-dasharray="1 1"></circle><rect'
    ),
    "a script": SMALL.replace("</svg>", "<script>alert(1)</script></svg>"),
    "a handler": SMALL.replace("<rect", '<rect onload="alert(1)"'),
    "a handler of the whole": SMALL.replace("<svg", '<svg onload="alert(1)"', 1),
    "a link": SMALL.replace("<rect", '<a href="javascript:alert(1)"><rect').replace(
        "</rect>", "</rect></a>"
    ),
    "an address": SMALL.replace(f'fill="{BLUE}"', 'fill="url(http://127.0.0.1/x)"'),
    "a style": SMALL.replace("<rect", '<rect style="position: fixed"'),
    "another style of the whole": SMALL.replace("max-width: 100%", "position: fixed"),
    "a page around it": SMALL + "<script>alert(1)</script></svg>",
    "a page before it": "<b>x</b>" + SMALL,
    "a foreign object": SMALL.replace("</svg>", "<foreignObject><p>x</p></foreignObject></svg>"),
    "a copy of a copy": SMALL.replace("</svg>", '<use href="#x"></use></svg>'),
    "too wide": SMALL.replace("0 0 100 50", "0 0 9999 50"),
    "too long": small("x").replace("</svg>", "<text>y</text>" * 40_000 + "</svg>"),
    "a formula": small("$\\require{x}$"),
    "a formula as its alt text": small(alt="$x$"),
    "an entity in an attribute": SMALL.replace(f'fill="{BLUE}"', 'fill="&#117;rl(x)"'),
    "a document type": "<!DOCTYPE svg [<!ENTITY a 'b'>]>" + SMALL,
    "another namespace": SMALL.replace("2000/svg", "1999/xhtml"),
    "cut off": SMALL[:-10],
}


@pytest.mark.parametrize("pattern", ["5 4", "10 99", "1 1"])
def test_a_line_may_be_dashed(pattern):
    svg = dashed(pattern)
    assert drawn(svg) == svg


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_drawing_of_the_labs_is_none(text):
    assert text != SMALL
    assert drawn(text) == ""
    output = {"output_type": "display_data", "data": {"text/html": text}}
    assert inert_output(output) is None


@given(st.text(), st.text())
def test_words_stay_words(words, alt):
    svg = drawn(small(words, alt))
    if svg:
        root = ElementTree.fromstring(svg)
        assert {element.tag.split("}")[1] for element in root.iter()} == {"svg", "rect", "text"}


@given(st.data())
def test_whatever_stays_has_allowed_parts_only(data):
    """Pieces of drawings and of attacks, put together at random."""
    pieces = re.findall(r"<[^>]*>|[^<]+", SMALL)
    pieces += ["<script>", 'x="1"', "</svg>", "<b>", "]]>"]
    order = data.draw(st.lists(st.sampled_from(pieces), max_size=12))
    svg = drawn("".join([pieces[0], *order, "</svg>"]))
    if svg:
        for element in ElementTree.fromstring(svg).iter():
            assert element.tag.split("}")[1] in TAGS
            if not element.tag.endswith("}svg"):
                assert set(element.attrib) <= NAMES
