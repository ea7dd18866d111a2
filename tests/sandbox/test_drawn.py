"""Drawings in executed notebooks: those of the labs stay as they are, and nothing else is one."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.sandbox.drawn import NAMES, drawn
from autograder.sandbox.inert import inert_output
from labkit.pictures.drawing import BLUE, Drawing
from tests.labkit.test_pictures import each_picture

TAGS = {"svg", "polyline", "polygon", "circle", "rect", "text"}


@each_picture
def test_a_lab_s_drawing_stays_as_it_is(function, arguments):
    svg = function(*arguments).svg
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


def many(shape, times=1):
    return Drawing(2000, 2000, "a lot").svg.replace("</svg>", shape * times + "</svg>")


def zigzag(corners, tag="polyline", height=1999):
    points = " ".join(f"{7 * at % 2000},{height * (at % 2)}" for at in range(corners))
    return f'<{tag} points="{points}" fill="#000"></{tag}>'


def letters(size, words, more="", x=0):
    return f'<text x="{x}" y="1500" font-size="{size}"{more}>{words}</text>'


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
    # So it did for these, or seconds.
    "a place for each letter": many(letters(2000, "@" * 1990, x=" ".join(["0"] * 1990)), 49),
    "two places": many(letters(14, "ab", x="0 9")),
    "places with commas": many(letters(14, "ab", x="0,9")),
    "letters one over another": many(letters(99, "@"), 1000),
    "long lines of them": many(letters(14, "@" * 1990), 145),
    "a huge letter": many(letters(2000, "@")),
    "a letter of a huge size by name": many(letters("xx-large", "@")),
    "an outlined letter": many(letters(14, "@", ' stroke="red"')),
    "a turned circle": many('<circle r="9" transform="rotate(45 0 0)"></circle>'),
    "large circles": many('<circle r="2000" stroke="red" stroke-width="9"></circle>', 3984),
    "some large circles": many('<circle cx="1000" cy="1000" r="1000"></circle>', 20),
    "large rectangles": many('<rect width="2000" height="2000"></rect>', 20),
    "one larger than all": many('<rect width="9999" height="9999"></rect>'),
    "one of negative size twice": many('<rect width="-9999" height="-9999"></rect>'),
    "broad lines": many('<polyline points="0,0 2000,0" stroke-width="2000"></polyline>', 20),
    "a broad edge": many('<rect width="9" height="9" stroke-width="9999"></rect>', 200),
    "a line of many corners": many(zigzag(37_515)),
    "a line of fewer": many(zigzag(400)),
    "areas of many": many(zigzag(200, "polygon"), 5),
    "many small shapes": many("<rect></rect>", 20_000),
    "an attribute twice": many('<rect width="2000" width="1" height="9"></rect>'),
    "corners of one number": many('<polyline points="1 2 3"></polyline>'),
    "numbers without end": many(f'<rect x="{"9" * 5}"></rect>'),
    "a turn by words": many(letters(14, "a", ' transform="rotate(. . .)"')),
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
    svg = dashed(pattern, size=100)
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
            tag = element.tag.split("}")[1]
            assert tag in TAGS
            if tag != "svg":
                assert set(element.attrib) <= set(NAMES[tag].split())
