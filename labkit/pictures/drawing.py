"""SVG that follows the page's theme: no background, text in the page's own colour, alt text.

A drawing stands inline in its page, where `currentColor` is the colour of the text around it; a
picture behind an address could not know whether the notebook is light or dark.
"""

import html
from collections.abc import Iterable, Sequence

import numpy as np

Point = tuple[float, float]
Numbers = Sequence[float] | np.ndarray

INK = "currentColor"
# Of Okabe and Ito's palette, which stays distinct under the common kinds of colour blindness, the
# four that stand out (3 : 1, the least that lines need) from white and from #111 alike.
BLUE, RED, GREEN, PINK = COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
GREY = "#808080"
TINT = 0.16  # the opacity of what lies under text
SIZE = 14
HEAD = 9.0  # the length of an arrow's head


class Drawing:
    """A picture of `width` × `height` units that grows on the page, from the top left corner.

    The last expression of a cell shows it; `alt` says in words what it shows.
    """

    def __init__(self, width: float, height: float, alt: str) -> None:
        self.width, self.height, self.alt = width, height, alt
        self._elements: list[str] = []

    def line(
        self,
        *points: Point,
        colour: str = INK,
        width: float = 1.5,
        dash: str = "",
        opacity: float = 1.0,
    ) -> None:
        """Draw a line through the points."""
        at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._element(
            "polyline",
            points=at,
            fill="none",
            stroke=colour,
            stroke_width=width,
            stroke_linejoin="round",
            stroke_dasharray=dash,
            stroke_opacity=opacity,
        )

    def area(self, points: Iterable[Point], colour: str, opacity: float = TINT) -> None:
        """Fill the polygon."""
        at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._element("polygon", points=at, fill=colour, fill_opacity=opacity)

    def arrow(
        self, start: Point, end: Point, colour: str = INK, width: float = 2, dash: str = ""
    ) -> None:
        """Draw an arrow whose head ends at `end`."""
        along = np.subtract(end, start)
        length = float(np.hypot(*along))
        if length == 0:
            return
        head = min(HEAD, length)
        unit = along / length
        neck, side = np.asarray(end) - head * unit, 0.45 * head * unit[::-1] * (1, -1)
        self.line(start, tuple(neck), colour=colour, width=width, dash=dash)
        self.area([end, tuple(neck + side), tuple(neck - side)], colour, 1.0)

    def circle(
        self,
        centre: Point,
        radius: float,
        colour: str = INK,
        opacity: float = 0.0,
        width: float = 1.5,
        dash: str = "",
    ) -> None:
        """Draw a circle, filled with its colour at this opacity."""
        self._element(
            "circle",
            cx=f"{centre[0]:.1f}",
            cy=f"{centre[1]:.1f}",
            r=f"{radius:.1f}",
            fill=colour,
            fill_opacity=opacity,
            stroke=colour,
            stroke_width=width,
            stroke_dasharray=dash,
        )

    def rectangle(
        self, corner: Point, extent: Point, colour: str, opacity: float = TINT, width: float = 1.5
    ) -> None:
        """Draw a rectangle from its top left corner, filled with its colour at this opacity."""
        self._element(
            "rect",
            x=f"{corner[0]:.1f}",
            y=f"{corner[1]:.1f}",
            width=f"{max(extent[0], 0):.1f}",
            height=f"{max(extent[1], 0):.1f}",
            rx=4 if width else 0,
            fill=colour,
            fill_opacity=opacity,
            stroke=colour,
            stroke_width=width,
        )

    def text(
        self,
        at: Point,
        words: str,
        *,
        anchor: str = "middle",
        size: float = SIZE,
        bold: bool = False,
        turned: bool = False,
    ) -> None:
        """Write one line, its baseline at `at`; `turned` by a quarter, upwards."""
        x, y = at
        self._element(
            "text",
            html.escape(words),
            x=f"{x:.1f}",
            y=f"{y:.1f}",
            fill=INK,
            text_anchor=anchor,
            font_size=size,
            font_weight="bold" if bold else "",
            transform=f"rotate(-90 {x:.1f} {y:.1f})" if turned else "",
        )

    def lines(self, at: Point, lines: Sequence[str], **how) -> None:
        """Write several lines, the first one's baseline at `at`."""
        for number, words in enumerate(lines):
            self.text((at[0], at[1] + 1.3 * how.get("size", SIZE) * number), words, **how)

    def box(
        self, corner: Point, extent: Point, words: str | Sequence[str], colour: str, **how
    ) -> None:
        """Draw a tinted rectangle with a line of words, or several, in its middle."""
        self.rectangle(corner, extent, colour)
        lines = [words] if isinstance(words, str) else words
        height = how.get("size", SIZE)
        first = corner[1] + extent[1] / 2 - 0.65 * height * (len(lines) - 1) + 0.36 * height
        self.lines((corner[0] + extent[0] / 2, first), lines, **how)

    def _element(self, tag: str, words: str = "", **attributes: object) -> None:
        given = "".join(
            f' {name.replace("_", "-")}="{value}"'
            for name, value in attributes.items()
            if value != ""
        )
        self._elements.append(f"<{tag}{given}>{words}</{tag}>")

    @property
    def svg(self) -> str:
        """The SVG element, which is valid in a page of HTML and as XML of its own."""
        alt = html.escape(self.alt, quote=True)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'aria-label="{alt}" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'width="{self.width:g}" font-family="sans-serif" '
            'style="max-width: 100%; height: auto">' + "".join(self._elements) + "</svg>"
        )

    def _repr_html_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"[picture: {self.alt}]"


class Chart:
    """Two axes in a drawing: `at` places a pair of numbers, `curve` and `fill` draw by it."""

    def __init__(
        self,
        drawing: Drawing,
        corner: Point,
        size: Point,
        across: Point,
        up: Point,
        xlabel: str = "",
        ylabel: str = "",
    ) -> None:
        """Draw the axes.

        Args:
            drawing: where to.
            corner: the top left corner of the plotted area; labels lie outside of it.
            size: its width and height.
            across: the numbers at its left and right ends.
            up: the numbers at its lower and upper ends.
            xlabel: below the horizontal axis, beneath its ticks.
            ylabel: beside the vertical axis, turned.
        """
        self.drawing, self.corner, self.size = drawing, corner, size
        self.across, self.range = across, up
        (left, top), (width, height) = corner, size
        drawing.line((left, top + height), (left + width, top + height), width=1)
        if xlabel:
            drawing.text((left + width / 2, top + height + 38), xlabel)
        if ylabel:
            drawing.line((left, top), (left, top + height), width=1)
            drawing.text((left - 34, top + height / 2), ylabel, turned=True)

    def at(self, x: float, y: float) -> Point:
        """Return where a pair of numbers lies in the drawing."""
        (left, top), (width, height) = self.corner, self.size
        (x0, x1), (y0, y1) = self.across, self.range
        return left + width * (x - x0) / (x1 - x0), top + height * (1 - (y - y0) / (y1 - y0))

    def ticks(self, across: Sequence[float] = (), up: Sequence[float] = ()) -> None:
        """Write these numbers on the axes."""
        for x in across:
            px, py = self.at(x, self.range[0])
            self.drawing.line((px, py), (px, py + 4), width=1)
            self.drawing.text((px, py + 18), _number(x), size=12)
        for y in up:
            px, py = self.at(self.across[0], y)
            self.drawing.line((px - 4, py), (px, py), width=1)
            self.drawing.text((px - 7, py + 4), _number(y), size=12, anchor="end")

    def curve(
        self, x: Numbers, y: Numbers, colour: str, *, width: float = 2.5, dash: str = ""
    ) -> None:
        """Draw a curve."""
        points = [self.at(*point) for point in zip(x, y, strict=True)]
        self.drawing.line(*points, colour=colour, width=width, dash=dash)

    def fill(
        self,
        x: Numbers,
        low: Numbers,
        high: Numbers,
        colour: str,
        opacity: float = 0.3,
    ) -> None:
        """Fill what lies between two curves."""
        there = [self.at(*point) for point in zip(x, high, strict=True)]
        back = [self.at(*point) for point in zip(x, low, strict=True)]
        self.drawing.area(there + back[::-1], colour, opacity)


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−")
