"""Lab 01's pictures: losses of members and strangers, clipping, two bells, batches."""

from collections.abc import Sequence

import numpy as np

from labkit.pictures.drawing import BLUE, GREY, PINK, RED, Chart, Drawing
from labkit.pictures.slider import slider

SIGMAS = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0)
SHOWN_DELTA = 0.05  # large enough to be seen


def members_and_strangers(
    member_losses: Sequence[float], stranger_losses: Sequence[float]
) -> Drawing:
    """Draw how often each size of loss occurs among members and among strangers."""
    smallest, largest = -7, 1.5
    edges = np.linspace(smallest, largest, 35)
    shares = [
        np.histogram(np.clip(np.log10(np.maximum(group, 1e-30)), smallest, largest), edges)[0]
        / len(group)
        for group in (member_losses, stranger_losses)
    ]
    medians = [f"{np.median(group):.2g}" for group in (member_losses, stranger_losses)]
    drawing = Drawing(
        640,
        300,
        "Two histograms of losses on a logarithmic axis, one above the other. Members' losses have "
        f"the median {medians[0]}, strangers' {medians[1]}; "
        f"{np.minimum(*shares).sum():.0%} of the two histograms lie in the same bins.",
    )
    for row, (name, share, colour) in enumerate(
        zip(("members", "strangers"), shares, (RED, BLUE), strict=True)
    ):
        chart = Chart(
            drawing, (70, 20 + 115 * row), (540, 95), (smallest, largest), (0, max(shares[row]))
        )
        for left, right, height in zip(edges, edges[1:], share, strict=False):
            (x0, y0), (x1, y1) = chart.at(left, height), chart.at(right, 0)
            drawing.rectangle((x0 + 0.5, y0), (x1 - x0 - 1, y1 - y0), colour, 0.6, width=0)
        median = chart.at(np.log10(max(float(medians[row]), 1e-7)), 0)[0]
        drawing.line((median, 22 + 115 * row), (median, 115 + 115 * row), width=1.5, dash="4 3")
        drawing.text((62, 75 + 115 * row), name, bold=True, turned=True)
    for power in range(-7, 2):
        x, y = chart.at(power, 0)
        drawing.line((x, y), (x, y + 4), width=1)
        drawing.text((x, y + 18), f"{10.0**power:g}", size=12)
    drawing.text((340, 272), "loss of an example (nats); dashed: the median")
    drawing.text((340, 292), "height: share of the group in that bin", size=12)
    return drawing


def clipping(l2_norm_clip: float = 1.5) -> Drawing:
    """Draw gradients as arrows, before and after they are clipped to `l2_norm_clip`."""
    drawing = Drawing(
        640,
        310,
        "Five arrows from one point, the gradients of five examples, and a circle around that "
        "point with radius C. Three arrows end outside the circle: clipped, they point the same "
        "way and end on it. Two end inside, and stay as they are.",
    )
    scale = 105 / l2_norm_clip
    angles = np.radians([18, 65, 140, 200, 318])
    norms = np.array([1.55, 0.62, 1.65, 0.8, 1.35]) * l2_norm_clip
    for centre, title, clipped in (
        ((190, 165), "each example's own gradient", False),
        ((490, 165), "clipped to C", True),
    ):
        drawing.circle(centre, 105, GREY, 0.08, dash="5 4")
        for angle, norm in zip(angles, norms, strict=True):
            towards = np.array([np.cos(angle), -np.sin(angle)]) * scale
            colour = RED if norm > l2_norm_clip else BLUE
            end = np.asarray(centre) + towards * (min(norm, l2_norm_clip) if clipped else norm)
            drawing.arrow(centre, tuple(end), colour, 3)
            if clipped and norm > l2_norm_clip:
                far = np.asarray(centre) + towards * min(norm, 1.25 * l2_norm_clip)
                drawing.line(tuple(end), tuple(far), colour=colour, dash="2 3")
        drawing.circle(centre, 3, GREY, 1)
        drawing.text((centre[0], 300), title, bold=True)
    drawing.line((490, 165), (490, 270), width=1, dash="2 2")
    drawing.text((498, 240), "C", anchor="start")
    return drawing


def two_bells(sigma: float = 1.3) -> Drawing:
    """Draw what an attacker may see of one noisy sum, without you and with you.

    Two normal densities of deviation σ·C, C apart; where the one with you exceeds e^ε times the
    other, it is filled, for the ε at which what is filled has the area δ = 0.05.
    """
    x = np.linspace(-30, 31, 6101)  # in units of C

    def bell(centre):
        return np.exp(-(((x - centre) / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))

    without, with_you = bell(0.0), bell(1.0)
    epsilon = _epsilon(x, without, with_you, SHOWN_DELTA)
    raised = np.exp(epsilon) * without
    drawing = Drawing(
        640,
        330,
        f"Two bell curves of standard deviation {sigma:g} C, their centres C apart: the noisy sum "
        f"without you, and with you. Multiplied by e to the {epsilon:.2f}, the first one covers "
        f"the second but for a region on the right, whose area is δ = {SHOWN_DELTA:g}.",
    )
    top = 1.12 * max(without.max(), with_you.max())
    chart = Chart(drawing, (30, 70), (580, 200), (-5, 6), (0, top))
    x, without, with_you, raised = (v[(x >= -5) & (x <= 6)] for v in (x, without, with_you, raised))
    chart.fill(x, np.minimum(raised, with_you), with_you, RED, 0.55)
    chart.curve(x, without, BLUE)
    chart.curve(x, with_you, RED)
    seen = raised <= top
    chart.curve(x[seen & (x > 0)], raised[seen & (x > 0)], BLUE, dash="6 4", width=1.5)
    for name, colour, at in (
        ("without you", BLUE, 30),
        ("with you", RED, 160),
        ("e^ε × without you", BLUE, 270),
        ("δ", RED, 435),
    ):
        if name == "δ":
            drawing.rectangle((at, 16), (20, 12), colour, 0.55, width=0)
        else:
            dash = "6 4" if "×" in name else ""
            drawing.line((at, 22), (at + 24, 22), colour=colour, width=2.5, dash=dash)
        drawing.text((at + 30, 27), name, anchor="start")
    drawing.text(
        (30, 55),
        "P[S with you] ≤ e^ε · P[S without you] + δ",
        anchor="start",
    )
    drawing.text(
        (610, 55),
        f"σ = {sigma:g}: ε = {epsilon:.2f} at δ = {SHOWN_DELTA:g}",
        anchor="end",
        bold=True,
    )
    chart.ticks(range(-5, 7))
    drawing.text((320, 310), "one coordinate of the noisy sum (units of C)")
    return drawing


def _epsilon(x, without, with_you, delta: float) -> float:
    """Return the ε ≥ 0 at which the part of `with_you` above e^ε · `without` has the area δ."""
    low, high = 0.0, 50.0
    for _ in range(40):
        middle = (low + high) / 2
        above = np.maximum(with_you - np.exp(middle) * without, 0).sum() * (x[1] - x[0])
        low, high = (middle, high) if above > delta else (low, middle)
    return high


def batches(seed: int = 1) -> Drawing:
    """Draw which of 12 examples are in each of 6 batches: shuffled and cut, and by coins."""
    drawing = Drawing(
        640,
        330,
        "Two tables of twelve examples against six steps, with a dot where an example is in the "
        "batch. Shuffled and cut: each example has one dot, each step two. Poisson: each example "
        "has none, one or several, and the batches have different sizes.",
    )
    rng = np.random.default_rng(seed)
    shuffled = np.zeros((12, 6), bool)
    shuffled[rng.permutation(12), np.repeat(np.arange(6), 2)] = True
    coins = rng.random((12, 6)) < 1 / 6
    for left, title, dots in ((90, "shuffled and cut", shuffled), (390, "Poisson, q = 1/6", coins)):
        drawing.text((left + 90, 22), title, bold=True)
        for row in range(12):
            y = 48 + 19 * row
            drawing.line((left, y), (left + 180, y), colour=GREY, width=0.7)
            for step in range(6):
                if dots[row, step]:
                    drawing.circle((left + 15 + 30 * step, y), 6, BLUE, 0.9)
            times = int(dots[row].sum())
            drawing.text((left + 195, y + 4), f"{times}×", size=12, anchor="start")
        for step in range(6):
            drawing.text((left + 15 + 30 * step, 284), str(int(dots[:, step].sum())), size=12)
        drawing.text((left + 90, 305), "size of each of 6 batches", size=12)
        drawing.text((left - 14, 210), "12 examples", size=12, turned=True)
    for left in (90, 390):
        drawing.rectangle((left - 8, 48 + 19 * 3 - 10), (230, 20), PINK, 0.2)
        drawing.text((left - 48, 110), "you", bold=True)
    return drawing


def sigma_slider() -> Drawing | None:
    """Move σ under the two bells."""
    return slider(two_bells, SIGMAS, 1.3, "σ")
