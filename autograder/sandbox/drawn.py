"""What may stay of a drawing that a kernel sent: shapes and words, as `labkit.pictures` draws them.

An SVG can hold scripts, links and styles, and shapes that take a browser minutes. So it is not
filtered: what has the one form that a lab's drawings have is written anew from its parts; anything
else is no drawing.
"""

import html
import math
import re

from autograder.sandbox.inside import clean

LONGEST = 300_000
LARGEST = 2000  # units, across and up
MOST_DASHES = 200_000  # a browser draws some million a second; the labs' have 60 000 at most
HEAD = re.compile(
    r'<svg xmlns="http://www\.w3\.org/2000/svg" role="img" aria-label="([^"<>]*)" '
    r'viewBox="0 0 (\d{1,4}) (\d{1,4})" width="(\d{1,4})" font-family="sans-serif" '
    r'style="max-width: 100%; height: auto">'
)
SHAPE = re.compile(
    r'<(polyline|polygon|circle|rect|text)((?: [a-z-]{1,20}="[^"<>&]*")*)>([^<>]*)</\1>'
)
ATTRIBUTE = re.compile(r' ([a-z-]{1,20})="([^"<>&]*)"')
NAMES = frozenset(
    """points x y cx cy r rx width height fill fill-opacity stroke stroke-width stroke-linejoin
    stroke-dasharray stroke-opacity text-anchor font-size font-weight transform""".split()  # noqa: SIM905
)
NUMBER = r"-?\d{1,4}(?:\.\d{1,20})?"
# Numbers below ten thousand, colours and words; of what has parentheses, such as url(…), a turn.
VALUE = re.compile(
    rf"{NUMBER}(?:[ ,]{NUMBER})*|#[0-9A-Fa-f]{{3,6}}|[A-Za-z]{{1,20}}(?:-[a-z]{{1,20}})?|"
    r"rotate\([-0-9. ]{1,40}\)"
)
DASHED = "stroke-dasharray"
DASHES = re.compile(r"([1-9]\d?) ([1-9]\d?)")  # units drawn, and left out
FORMULA = re.compile(r"[$\\]")  # what MathJax, on nbgrader's pages, would look into


def drawn(text: str) -> str:
    """Return a drawing anew, or nothing if the text is no drawing of the labs' form."""
    head = HEAD.match(text) if len(text) <= LONGEST else None
    if head is None or not text.endswith("</svg>"):
        return ""
    alt, *sizes = head.groups()
    if max(map(int, sizes)) > LARGEST:
        return ""
    pieces, at, end = [_words(alt)], head.end(), len(text) - len("</svg>")
    dashes = 0.0
    while at < end:
        shape = SHAPE.match(text, at, end)
        if shape is None:
            return ""
        tag, attributes, words = shape.groups()
        given = ATTRIBUTE.findall(attributes)
        names = {name for name, value in given if VALUE.fullmatch(value)}
        if len(names) < len(given) or not names <= NAMES:
            return ""
        dashes += _dashes(tag, dict(given))
        if dashes > MOST_DASHES:
            return ""
        same = "".join(f' {name}="{value}"' for name, value in given)
        pieces += [f"<{tag}{same}>", _words(words), f"</{tag}>"]
        at = shape.end()
    if any(FORMULA.search(piece) for piece in pieces):
        return ""
    width, height, wide = sizes
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{pieces[0]}" '
        f'viewBox="0 0 {width} {height}" width="{wide}" font-family="sans-serif" '
        'style="max-width: 100%; height: auto">' + "".join(pieces[1:]) + "</svg>"
    )


def _dashes(tag: str, given: dict[str, str]) -> float:
    """Return how many dashes a shape has at most; infinitely many, if it should have none."""
    if DASHED not in given:
        return 0
    pattern = DASHES.fullmatch(given[DASHED])
    if pattern is None or tag not in ("polyline", "circle"):
        return math.inf
    # Each side of a line is no longer than the coordinates of its ends, together.
    ends, radius = (
        sum(abs(float(number)) for number in re.findall(NUMBER, given.get(name, "")))
        for name in ("points", "r")
    )
    return (2 * ends + 7 * radius) / sum(map(int, pattern.groups()))


def _words(text: str) -> str:
    return html.escape(clean.line(html.unescape(text), 2000))
