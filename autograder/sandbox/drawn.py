"""What may stay of a drawing that a kernel sent: shapes and words, as `labkit.pictures` draws them.

An SVG can hold scripts, links and styles, and shapes that take a browser minutes. So it is not
filtered: what has the one form that a lab's drawings have is written anew from its parts; anything
else is no drawing.
"""

import html
import re
from itertools import pairwise

from autograder.sandbox.inside import clean

LONGEST = 300_000
LARGEST = 2000  # units, across and up
# What a browser takes to draw a shape, in microseconds, and so a drawing. Chromium, on two busy
# cores, took one for 600 to 1000 units² of a fill, for 12 units of a line's length, for 0.02 of a
# dash, and for 0.4 of a letter, or 60 units² of it. The labs' drawings take 16 000 at most.
MOST_MICROSECONDS = 50_000
FILLED, ALONG, A_DASH, A_LETTER, LETTERED, A_SHAPE = 1 / 600, 1 / 12, 40, 2.5, 1 / 60, 20
HEAD = re.compile(
    r'<svg xmlns="http://www\.w3\.org/2000/svg" role="img" aria-label="([^"<>]*)" '
    r'viewBox="0 0 (\d{1,4}) (\d{1,4})" width="(\d{1,4})" font-family="sans-serif" '
    r'style="max-width: 100%; height: auto">'
)
SHAPE = re.compile(
    r'<(polyline|polygon|circle|rect|text)((?: [a-z-]{1,20}="[^"<>&]*")*)>([^<>]*)</\1>'
)
ATTRIBUTE = re.compile(r' ([a-z-]{1,20})="([^"<>&]*)"')
# One number below ten thousand; nothing but a line has several, and nothing else is in parentheses,
# such as url(…), than a turn.
NUMBER = r"-?\d{1,4}(?:\.\d{1,20})?"
COLOUR = r"#[0-9A-Fa-f]{3,6}|[A-Za-z]{1,20}"
FORMS = {
    **dict.fromkeys(["x", "y", "cx", "cy", "r", "rx", "width", "height"], NUMBER),
    **dict.fromkeys(["stroke-width", "fill-opacity", "stroke-opacity"], NUMBER),
    **dict.fromkeys(["text-anchor", "font-weight", "stroke-linejoin"], "[a-z]{1,20}"),
    "points": rf"{NUMBER},{NUMBER}(?: {NUMBER},{NUMBER})*",
    "fill": COLOUR,
    "stroke": COLOUR,
    "stroke-dasharray": r"([1-9]\d?) ([1-9]\d?)",  # units drawn, and left out
    "font-size": r"\d{1,2}(?:\.\d{1,20})?",
    "transform": rf"rotate\({NUMBER} {NUMBER} {NUMBER}\)",
}
LINE = "stroke stroke-width"
NAMES = {
    "polyline": f"points fill {LINE} stroke-linejoin stroke-dasharray stroke-opacity",
    "polygon": "points fill fill-opacity",
    "circle": f"cx cy r fill fill-opacity {LINE} stroke-dasharray",
    "rect": f"x y width height rx fill fill-opacity {LINE}",
    "text": "x y fill text-anchor font-size font-weight transform",
}
ALLOWED = {
    tag: {name: re.compile(FORMS[name]) for name in names.split()} for tag, names in NAMES.items()
}
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
    left = float(MOST_MICROSECONDS)
    while at < end:
        shape = SHAPE.match(text, at, end)
        if shape is None:
            return ""
        tag, attributes, words = shape.groups()
        given = ATTRIBUTE.findall(attributes)
        forms, values = ALLOWED[tag], dict(given)
        if len(values) < len(given) or not values.keys() <= forms.keys():
            return ""
        if not all(forms[name].fullmatch(value) for name, value in given):
            return ""
        words = _words(words)
        left -= _microseconds(values, words)
        if left < 0:
            return ""
        same = "".join(f' {name}="{value}"' for name, value in given)
        pieces += [f"<{tag}{same}>", words, f"</{tag}>"]
        at = shape.end()
    if any(FORMULA.search(piece) for piece in pieces):
        return ""
    width, height, wide = sizes
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{pieces[0]}" '
        f'viewBox="0 0 {width} {height}" width="{wide}" font-family="sans-serif" '
        'style="max-width: 100%; height: auto">' + "".join(pieces[1:]) + "</svg>"
    )


def _microseconds(given: dict[str, str], words: str) -> float:
    """Return how long a browser takes to draw a shape, at most."""

    def number(name: str, otherwise: float = 0) -> float:
        return abs(float(given.get(name, otherwise)))

    points = [tuple(map(float, each.split(","))) for each in given.get("points", "").split()]
    xs, ys = [x for x, _ in points] or [0.0], [y for _, y in points] or [0.0]
    # As long as all sides across and up, and as large as what is around it.
    length = sum(abs(x - u) + abs(y - v) for (x, y), (u, v) in pairwise([*points, *points[:1]]))
    length += 7 * number("r") + 2 * (number("width") + number("height"))
    area = (max(xs) - min(xs)) * (max(ys) - min(ys))
    area += (2 * number("r")) ** 2 + number("width") * number("height")
    area += length * number("stroke-width", 1)
    dashes = length / sum(map(int, given.get("stroke-dasharray", "9999").split()))
    letters = len(words)
    size = number("font-size", 16)
    return (
        A_SHAPE + FILLED * area + ALONG * length + A_DASH * dashes
        + letters * (A_LETTER + LETTERED * size**2)
    )  # fmt: skip


def _words(text: str) -> str:
    return html.escape(clean.line(html.unescape(text), 2000))
