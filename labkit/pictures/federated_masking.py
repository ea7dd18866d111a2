"""Lab 03's pictures: a round, masks that cancel, two masks over time, neighbours and their risk."""

from collections.abc import Callable

import numpy as np

from labkit.pictures.drawing import BLUE, GREEN, GREY, PINK, RED, Chart, Drawing
from labkit.pictures.slider import slider

NEIGHBOURS = (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 36)

# Alt texts of plots that a question stands before: in the cell they would answer it.
ALT = {
    "batches": (
        "Two rows of six grey images. The positive parts of the gradients of six "
        "batches look like blurred zeros, the negative parts like blurred ones."
    ),
    "float masks": (
        "Error of the sum against the size of the masks, both axes logarithmic. The "
        "error grows in proportion to the masks, for float32 from a ten-millionth and "
        "for float64 from a millionth of a millionth of their size; for large float32 "
        "masks it exceeds the sum itself."
    ),
}


def federated_round() -> Drawing:
    """Draw who sends what to whom in a round."""
    drawing = Drawing(
        640,
        330,
        "A server above, four parties below. The server sends the weights w to each party; each "
        "party computes the gradient on its own images, which stay with it, and sends it up; the "
        "server steps along their weighted mean. A note at the server: it sees every gradient.",
    )
    drawing.box((190, 15), (260, 62), ("server", "w ← w − η · weighted mean"), BLUE)
    drawing.lines((470, 38), ("sees each", "party's gradient"), anchor="start", size=13)
    for number in range(4):
        x = 30 + 155 * number
        drawing.box((x, 205), (115, 44), f"party {number}", GREEN)
        drawing.box((x + 14, 262), (87, 44), ("its images", "stay here"), GREY, size=12)
        drawing.line((x + 57, 249), (x + 57, 262), width=1)
        towards = 235 + 57 * number
        drawing.arrow((towards - 11, 80), (x + 45, 200), BLUE)
        drawing.arrow((x + 69, 203), (towards + 11, 82), RED)
    drawing.arrow((26, 100), (26, 128), BLUE)
    drawing.text((36, 119), "weights w", anchor="start")
    drawing.arrow((26, 168), (26, 140), RED)
    drawing.text((36, 159), "gradient", anchor="start")
    return drawing


def masks_cancel() -> Drawing:
    """Draw three parties' vectors, the masks of each pair on them, and the sum."""
    drawing = Drawing(
        640,
        300,
        "A table of three parties. Party 0 sends its gradient plus two masks, one shared with "
        "party 1 and one with party 2. Party 1 subtracts the first and adds a third, shared with "
        "party 2; party 2 subtracts both of its masks. In the sum below each mask stands once with "
        "plus and once with minus: only the gradients are left.",
    )
    columns = {"m₀₁": (250, RED), "m₀₂": (360, GREEN), "m₁₂": (470, PINK)}
    rows = (("+ m₀₁", "+ m₀₂", ""), ("− m₀₁", "", "+ m₁₂"), ("", "− m₀₂", "− m₁₂"))
    for number, masks in enumerate(rows):
        y = 42 + 56 * number
        drawing.text((30, y + 23), f"party {number} sends", anchor="start")
        drawing.box((150, y), (80, 36), f"g{'₀₁₂'[number]}", BLUE)
        for words, (x, colour) in zip(masks, columns.values(), strict=True):
            if words:
                drawing.box((x, y), (90, 36), words, colour)
        drawing.text((580, y + 23), "= noise", anchor="start")
    drawing.line((30, 222), (630, 222))
    drawing.text((30, 257), "their sum", anchor="start", bold=True)
    drawing.text((190, 257), "g₀+g₁+g₂", bold=True)
    for x, _ in columns.values():
        drawing.text((x + 45, 257), "0", bold=True)
    drawing.text((355, 25), "a mask for each pair: the smaller id adds, the larger one subtracts")
    return drawing


def double_masking() -> Drawing:
    """Draw a round with two kinds of masks as a timeline: one party arrives, one drops out."""
    drawing = Drawing(
        640,
        350,
        "A timeline of four steps with three lanes. Party 1 announces a key, shares its key and "
        "its self mask's seed, and sends its masked vector. Party 3 does the first two steps and "
        "then falls silent. In the last step the server asks the others for shares: of party 1's "
        "seed, since its vector came, and of party 3's key, since none came. Of no party both.",
    )
    steps = ("1 · keys", "2 · shares", "3 · vectors", "4 · unmask")
    for number, step in enumerate(steps):
        drawing.text((165 + 135 * number, 24), step, bold=True)
        if number:
            x = 98 + 135 * number
            drawing.line((x, 34), (x, 335), colour=GREY, width=1, dash="3 4")
    for y, lane in ((75, "party 1"), (165, "party 3"), (265, "server")):
        drawing.text((22, y + 5), lane, anchor="start", bold=True)
    for y, alive in ((52, True), (142, False)):
        drawing.box((105, y), (120, 46), ("announces", "its public key"), BLUE, size=13)
        drawing.box((240, y), (120, 46), ("shares: its key", "and its seed b"), BLUE, size=13)
        words = ("g + pair masks", "+ self mask") if alive else ("battery dead:", "nothing comes")
        drawing.box((375, y), (106, 46), words, GREEN if alive else GREY, size=13)
    drawing.line((481, 75), (491, 75), (491, 225), (460, 225), colour=GREEN, width=2)
    drawing.arrow((460, 225), (460, 239), GREEN)
    drawing.box((375, 240), (106, 46), ("adds up", "what came"), PINK, size=13)
    drawing.box(
        (510, 52), (122, 64), ("t others give", "shares of b₁,", "not of its key"), GREEN, size=12
    )
    drawing.box(
        (510, 142), (122, 64), ("t others give", "shares of its key,", "not of b₃"), RED, size=12
    )
    drawing.box((510, 240), (122, 46), ("takes off both", "kinds of masks"), PINK, size=13)
    drawing.arrow((571, 118), (571, 139), GREEN)
    drawing.arrow((571, 208), (571, 237), RED)
    drawing.arrow((483, 263), (508, 263))
    drawing.text((571, 318), "sum of g", bold=True)
    drawing.arrow((571, 288), (571, 304))
    return drawing


def neighbours(privacy_risk: Callable, k: int = 10, n: int = 40, colluders: int = 8) -> Drawing:
    """Draw a ring of parties with k neighbours each, and the risk that a function gives for k.

    The threshold is two thirds of k. The graph on the left is drawn anew for each k, from one seed.
    """
    thresholds = {each: int(np.ceil(2 * each / 3)) for each in NEIGHBOURS}
    risks = [float(privacy_risk(n, each, thresholds[each], colluders)) for each in NEIGHBOURS]
    rng = np.random.default_rng(3)
    bad = set(rng.choice(np.arange(1, n), colluders, replace=False).tolist())
    own = rng.permutation(np.arange(1, n))[:k]
    around = sum(int(other) in bad for other in own)
    risk = risks[NEIGHBOURS.index(k)]
    drawing = Drawing(
        640,
        330,
        f"On the left a ring of {n} parties, {colluders} of which collude; lines lead from party 0 "
        f"to its {k} neighbours, {around} of them colluders; {thresholds[k]} would take its masks "
        f"off. On the right the risk that any party has so many, against k: {risk:.2g} at k = {k}.",
    )
    centre = np.array((150, 155))
    angles = 2 * np.pi * np.arange(n) / n - np.pi / 2
    places = centre + 120 * np.column_stack([np.cos(angles), np.sin(angles)])
    for other in own:
        colour = RED if int(other) in bad else GREY
        drawing.line(tuple(places[0]), tuple(places[other]), colour=colour, width=1.5)
    for party, place in enumerate(places):
        if party in bad:
            drawing.rectangle(tuple(place - 6), (12, 12), RED, 1)
        else:
            drawing.circle(tuple(place), 6, BLUE, 1 if party == 0 else 0.2)
    drawing.text((150, 18), "party 0", bold=True, size=13)
    drawing.text(
        (168, 306), f"k = {k}, t = {thresholds[k]}: {around} of its neighbours collude", bold=True
    )
    chart = Chart(drawing, (400, 40), (220, 205), (0, 38), (-6, 0), "neighbours k", "risk")
    logs = [np.log10(max(each, 1e-6)) for each in risks]
    chart.curve(NEIGHBOURS, logs, GREY, width=1.5)
    for each, log in zip(NEIGHBOURS, logs, strict=True):
        drawing.circle(chart.at(each, log), 3, BLUE, 1)
    drawing.circle(chart.at(k, logs[NEIGHBOURS.index(k)]), 8, PINK, 0, width=3)
    chart.ticks((2, 10, 20, 30))
    for power in (0, -2, -4, -6):
        x, y = chart.at(0, power)
        drawing.line((x - 4, y), (x, y), width=1)
        drawing.text((x - 7, y + 4), f"1e−{-power}" if power else "1", size=12, anchor="end")
    drawing.text(
        (20, 325),
        "squares collude; grey and red lines: party 0's neighbours",
        anchor="start",
        size=12,
    )
    drawing.text((510, 24), f"risk for {n} parties, {colluders} collude", size=13)
    return drawing


def neighbours_slider(privacy_risk: Callable) -> Drawing | None:
    """Move k, and see the graph and the risk."""
    return slider(lambda k: neighbours(privacy_risk, int(k)), NEIGHBOURS, 10, "k")
