"""Pictures for the labs: one style, colour-blind-safe, every one with axis labels and alt text."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

# A lab begins half a second earlier without it: it is imported when there is something to draw.
if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which stays distinct under the common kinds of colour blindness; the
# line styles and markers say the same once more.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_LINES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

Curve = tuple[Sequence[float], Sequence[float]]


class Picture:
    """A drawn figure with its alt text; the last expression of a cell shows it."""

    def __init__(self, figure: "Figure", alt: str) -> None:
        """Draw `figure` once; `alt` says in words what it shows."""
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=144, bbox_inches="tight", facecolor="white")
        self.png, self.alt = png.getvalue(), alt

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode()
        alt = html.escape(self.alt, quote=True)
        return (
            f'<img alt="{alt}" src="data:image/png;base64,{data}" '
            'style="max-width: 100%; width: 42em">'
        )

    def __repr__(self) -> str:
        return f"[picture: {self.alt}]"


def _figure(size: tuple[float, float]) -> "Figure":
    # None of pyplot's: nobody else has it, and it goes with its picture.
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def _axes(xlabel: str, ylabel: str, title: str, size: tuple[float, float] = (6.4, 4.4)):
    figure = _figure(size)
    axes = figure.subplots()
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def roc(
    curves: Mapping[str, Curve], title: str, alt: str, bound: tuple[str, Curve] | None = None
) -> Picture:
    """Draw attack ROC curves, name → (FPR, TPR), and the region that a bound forbids."""
    figure, axes = _axes(
        "false-positive rate (fraction of non-members)",
        "true-positive rate (fraction of members)",
        title,
        (5.4, 5.0),
    )
    if bound is not None:
        name, (fpr, tpr) = bound
        axes.fill_between(fpr, tpr, 1, color="#999999", alpha=0.25, label=name, linewidth=0)
    for i, (name, (fpr, tpr)) in enumerate(curves.items()):
        axes.plot(fpr, tpr, color=COLOURS[i], linestyle=_LINES[i % 4], linewidth=2, label=name)
    axes.plot([0, 1], [0, 1], color="#666666", linewidth=1, linestyle=":", label="guessing")
    axes.set(xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
    axes.legend(loc="lower right")
    return Picture(figure, alt)


def lines(
    curves: Mapping[str, Curve],
    xlabel: str,
    ylabel: str,
    title: str,
    alt: str,
    *,
    logx: bool = False,
    logy: bool = False,
    shaded: tuple[str, tuple[Sequence[float], Sequence[float], Sequence[float]]] | None = None,
    right: tuple[str, Mapping[str, Curve]] | None = None,
) -> Picture:
    """Draw curves, name → (x, y); those of few points with markers.

    `shaded` is a region's name and its (x, low, high), coloured where low < high. `right` is the
    label of a second vertical axis and the curves that are measured on it.
    """
    figure, axes = _axes(xlabel, ylabel, title)
    if shaded is not None:
        name, (x, low, high) = shaded
        axes.fill_between(
            x,
            low,
            high,
            where=np.less(low, high),
            interpolate=True,
            color=COLOURS[1],
            alpha=0.25,
            linewidth=0,
            label=name,
        )
    sides = [(axes, curves)]
    if right is not None:
        label, more = right
        axes.spines["right"].set_visible(True)
        sides.append((axes.twinx(), more))
        sides[1][0].set_ylabel(label)
        sides[1][0].spines["top"].set_visible(False)
    drawn = [(side, name, curve) for side, group in sides for name, curve in group.items()]
    for i, (side, name, (x, y)) in enumerate(drawn):
        side.plot(
            x,
            y,
            color=COLOURS[i % len(COLOURS)],
            linestyle=_LINES[i % 4],
            marker=_MARKERS[i % 7] if len(x) <= 40 else None,
            markersize=5,
            label=name,
        )
    if logx:
        axes.set_xscale("log")
        _tick(axes.xaxis)
    elif all(float(value).is_integer() for _, _, (x, _) in drawn for value in x):
        axes.xaxis.get_major_locator().set_params(integer=True)  # no tick at round 2.5
    if logy:
        axes.set_yscale("log")
        _tick(axes.yaxis)
    if right is None:
        axes.legend()
    else:
        figure.legend(loc="outside lower center", ncols=2)
    return Picture(figure, alt)


def _tick(axis: "Axis") -> None:
    """Label a logarithmic axis at 1, 2 and 5 of each power of ten if it has few, else at these."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    if high < 200 * low:  # else the labels between powers are many, and run into each other
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def brackets(
    names: Sequence[str], lower: Sequence[float], upper: Sequence[float], title: str, alt: str
) -> Picture:
    """Draw, for each run, the audit's lower bound on ε beside the accountant's upper bound."""
    figure, axes = _axes("training run", "ε (nats)", title)
    at = np.arange(len(names))
    axes.vlines(at, np.minimum(lower, upper), np.maximum(lower, upper), color="#999999", zorder=1)
    axes.scatter(at, upper, color=COLOURS[0], marker="v", s=70, label="claimed: at most")
    axes.scatter(at, lower, color=COLOURS[1], marker="^", s=70, label="audited: at least")
    axes.set_xticks(at, names)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(bottom=0)
    axes.legend()
    return Picture(figure, alt)


def images(rows: Mapping[str, np.ndarray], title: str, alt: str) -> Picture:
    """Draw rows of grey images, name → [images, height, width], values in [0, 1]."""
    columns = max(len(row) for row in rows.values())
    figure = _figure((0.75 * columns + 1, 0.85 * len(rows) + 0.5))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, row) in zip(grid, rows.items(), strict=True):
        for axes in line:
            axes.axis("off")
        for axes, image in zip(line, row, strict=False):
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        line[0].set_title(name, loc="left", fontsize=9)
    figure.suptitle(title)
    return Picture(figure, alt)
