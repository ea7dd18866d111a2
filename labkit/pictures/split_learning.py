"""Lab 04's pictures: the cut, directions of gradients, noise at the cut, two cuts, turns."""

import numpy as np

from labkit.pictures.drawing import BLUE, GREEN, GREY, PINK, RED, Chart, Drawing
from labkit.pictures.slider import slider

MULTIPLIERS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
CUT, DIRECTIONS = 640, 9

# Alt texts of plots that a question stands before: in the cell they would answer it.
ALT = {
    "missing steps": (
        "Test accuracy by epoch, two curves. Both rise; without the steps in which "
        "alice learns the curve stays far below the other."
    ),
    "noise": (
        "Fractions right against the noise multiplier, four curves that start high. The "
        "direction attack falls first, the projected attack later, the regressed attack "
        "last. Test accuracy falls below the level line of what it is when bob sends "
        "nothing, where the regressed attack still reads most labels."
    ),
    "three clients": (
        "Test accuracy by round, four curves. With images dealt at random, taking turns "
        "is ahead of FedAvg. Sorted by digit both are far lower, and FedAvg ends ahead."
    ),
}


def the_cut() -> Drawing:
    """Draw one network with two owners, and the two messages of a training step."""
    drawing = Drawing(
        640,
        300,
        "A dashed line, the cut, between alice on the left and bob on the right. alice has the "
        "images and two layers, of 128 and 640 units; bob has a layer of 10 units and the labels. "
        "Above, an arrow from alice to bob: smashed data h. Below, one from bob to alice: the "
        "gradient g. Images, labels and weights do not cross.",
    )
    drawing.text((150, 24), "alice", bold=True, size=16)
    drawing.text((525, 24), "bob", bold=True, size=16)
    for x, height, words, name, colour in (
        (30, 130, "images", "784", BLUE),
        (130, 90, "layer", "128", BLUE),
        (230, 110, "layer", "640", BLUE),
        (440, 60, "layer", "10", GREEN),
        (545, 60, "loss", "labels", GREEN),
    ):
        drawing.box((x, 150 - height / 2), (70, height), (words, name), colour, size=13)
    for left, right in ((100, 130), (200, 230), (510, 545)):
        drawing.arrow((left + 2, 143), (right - 2, 143))
        drawing.arrow((right - 2, 158), (left + 2, 158), RED)
    drawing.line((370, 36), (370, 268), colour=PINK, width=3, dash="8 5")
    drawing.text((370, 290), "the cut", bold=True)
    drawing.arrow((303, 120), (437, 136), width=2.5)
    drawing.lines((378, 78), ("h: smashed data", "64 × 640 numbers"), anchor="start", size=12)
    drawing.arrow((437, 164), (303, 180), RED, 2.5)
    drawing.lines(
        (378, 215), ("g: cut-layer gradient", "64 × 640 numbers"), anchor="start", size=12
    )
    drawing.text((30, 250), "→ forward, steps 1–3", anchor="start", size=12)
    drawing.text((30, 270), "← backward, steps 4–8", anchor="start", size=12)
    return drawing


def gradient_directions(seed: int = 2) -> Drawing:
    """Draw cut-layer gradients of three classes in a plane: W·(p − e_y), with softmax's p."""
    drawing = Drawing(
        640,
        310,
        "Arrows from one point: the gradients at the cut of thirty examples of three classes. They "
        "form three bundles, one for each class, though their lengths differ: short where the "
        "prediction is nearly right, long where it is wrong.",
    )
    rng = np.random.default_rng(seed)
    angles = np.radians([95, 215, 335])
    classes = np.column_stack([np.cos(angles), -np.sin(angles)])  # W, two units and three classes
    centre, colours = np.array((220, 165)), (BLUE, RED, GREEN)
    for label in range(3):
        for _ in range(10):
            scores = rng.normal(0, 0.5, 3)
            scores[label] += rng.uniform(-0.5, 1.5)
            chances = np.exp(scores) / np.exp(scores).sum()
            gradient = (chances - np.eye(3)[label]) @ classes
            drawing.arrow(tuple(centre), tuple(centre + 115 * gradient), colours[label], 1.8)
    drawing.circle(tuple(centre), 4, GREY, 1)
    for label, colour in enumerate(colours):
        drawing.line((440, 112 + 28 * label), (464, 112 + 28 * label), colour=colour, width=3)
        drawing.text((474, 117 + 28 * label), f"label {label}", anchor="start")
    drawing.lines(
        (440, 40), ("g = W (p − e_y) / n", "A direction per label,"), anchor="start", bold=True
    )
    drawing.text((440, 76), "whatever the length.", anchor="start", bold=True)
    drawing.lines(
        (440, 215), ("short: the guess was right", "long: it was wrong"), anchor="start", size=13
    )
    return drawing


def noise_at_the_cut(noise_multiplier: float = 4.0) -> Drawing:
    """Draw how alike noisy gradients of one class are, in 640 dimensions and in the nine they use.

    Made-up gradients: ten unit vectors that span nine dimensions of 640, as those of W (p − e_y)
    do, under Gaussian noise of norm `noise_multiplier`. A cosine is with the gradient of one known
    example, as noisy as the others; an example is read right if its own class's is the largest.
    """
    rng = np.random.default_rng(4)
    count = 600
    simplex = np.eye(10) - 0.1
    classes = np.zeros((10, CUT))
    classes[:, :DIRECTIONS] = simplex @ np.linalg.svd(simplex)[2][:DIRECTIONS].T
    classes /= np.linalg.norm(classes, axis=1, keepdims=True)
    labels = rng.integers(0, 10, count)
    deviation = noise_multiplier / np.sqrt(CUT)
    known = classes + rng.normal(0, deviation, classes.shape)
    noisy = classes[labels] + rng.normal(0, deviation, (count, CUT))
    own, edges = labels[:, None] == np.arange(10), np.linspace(-1, 1, 41)
    panels = []
    for name, used in (("all 640 dimensions", CUT), ("the 9 that gradients use", DIRECTIONS)):
        units = [v[:, :used] / np.linalg.norm(v[:, :used], axis=1)[:, None] for v in (noisy, known)]
        cosines = units[0] @ units[1].T
        bars = [np.histogram(cosines[which], edges)[0] / which.sum() for which in (own, ~own)]
        panels.append((name, bars, np.mean(cosines.argmax(axis=1) == labels)))
    drawing = Drawing(
        640,
        330,
        f"Two pairs of histograms of cosines at noise multiplier {noise_multiplier:g}: with a "
        "known gradient of the own class, and with those of the others. "
        + "; ".join(
            f"in {name} {right:.0%} of the labels are read right" for name, _, right in panels
        )
        + ".",
    )
    for left, (name, bars, right) in zip((45, 365), panels, strict=True):
        chart = Chart(drawing, (left, 80), (240, 165), (-1, 1), (0, 1.1 * np.max(bars)))
        for colour, heights in zip((RED, BLUE), bars, strict=True):
            outline_x, outline_y = np.repeat(edges, 2)[1:-1], np.repeat(heights, 2)
            chart.fill(outline_x, 0 * outline_x, outline_y, colour, 0.35)
            chart.curve(outline_x, outline_y, colour, width=1.5)
        chart.ticks((-1, 0, 1))
        drawing.text((left + 120, 282), "cosine with a known gradient", size=13)
        drawing.text((left + 120, 48), name, bold=True)
        drawing.text((left + 120, 68), f"{right:.0%} of the labels read right", size=13)
    drawing.text((320, 22), f"noise multiplier {noise_multiplier:g}", bold=True, size=15)
    for x, colour, words in ((110, RED, "of its own class"), (370, BLUE, "of another class")):
        drawing.rectangle((x, 303), (22, 12), colour, 0.4, width=2)
        drawing.text((x + 30, 314), words, anchor="start")
    return drawing


def two_cuts() -> Drawing:
    """Draw the plain split and the U-shaped one."""
    drawing = Drawing(
        640,
        300,
        "Two networks of three parts. Plain split: alice has the front and the middle, bob the top "
        "and the labels; one cut. U-shaped split: alice has the front, bob the middle, alice again "
        "the top with the labels; two cuts, and at the second one a gradient goes to bob.",
    )
    plain = (
        ("alice", "images"),
        ("alice", "layer 128"),
        ("alice", "layer 640"),
        ("bob", "layer 10, labels"),
    )
    bent = (
        ("alice", "images"),
        ("alice", "layer 128"),
        ("bob", "layer 640"),
        ("alice", "layer 10, labels"),
    )
    for y, title, parts in ((60, "plain", plain), (200, "U-shaped", bent)):
        drawing.text((15, y + 32), title, anchor="start", bold=True)
        places = ((105, 90), (220, 100), (345, 100), (475, 150))
        for (owner, words), (x, wide) in zip(parts, places, strict=True):
            drawing.box(
                (x, y), (wide, 54), (owner, words), BLUE if owner == "alice" else GREEN, size=13
            )
        for number in range(3):
            end, start = places[number + 1][0], sum(places[number])
            crosses = parts[number][0] != parts[number + 1][0]
            drawing.arrow((start + 1, y + 20), (end - 1, y + 20))
            drawing.arrow((end - 1, y + 36), (start + 1, y + 36), RED)
            if crosses:
                middle = (start + end) / 2
                drawing.line((middle, y - 22), (middle, y + 76), colour=PINK, width=3, dash="6 4")
                reader = "bob reads h, alice g" if parts[number + 1][0] == "bob" else "bob reads g"
                drawing.text((middle, y - 28), reader, size=12)
    drawing.text((320, 292), "dashed: a cut; red: gradients", size=12)
    return drawing


def turns_and_averages() -> Drawing:
    """Draw two ways to train with three clients: one network handed on, or three averaged."""
    drawing = Drawing(
        640,
        290,
        "Left, taking turns: one bottom goes from alice to carol to dave and back, each of which "
        "trains with bob's top. Right, FedAvg: bob sends the whole network to each client; each "
        "trains alone and sends it back; bob averages.",
    )
    drawing.text((155, 24), "taking turns", bold=True)
    drawing.text((480, 24), "FedAvg", bold=True)
    for left, words in ((20, "bob: the top"), (345, "bob: average")):
        drawing.box((left + 75, 45), (120, 40), words, GREEN)
        for number, name in enumerate(("alice", "carol", "dave")):
            x = left + 95 * number
            drawing.box((x, 170), (80, 40), name, BLUE)
            middle = left + 107 + 28 * number
            drawing.arrow((x + 34, 167), (middle - 6, 88), BLUE if left == 20 else GREEN)
            drawing.arrow((middle + 6, 88), (x + 46, 167), RED if left == 20 else GREEN)
            if left == 20 and number < 2:
                drawing.arrow((x + 80, 190), (x + 95, 190), PINK, 3)
    drawing.line((250, 213), (250, 232), (60, 232), colour=PINK, width=3)
    drawing.arrow((60, 232), (60, 214), PINK, 3)
    drawing.lines((155, 256), ("h up, g down, every step;", "the bottom is handed on"), size=13)
    drawing.lines((480, 256), ("the whole network, down and up,", "once a round"), size=13)
    return drawing


def noise_slider() -> Drawing | None:
    """Move the noise at the cut."""
    return slider(noise_at_the_cut, MULTIPLIERS, 4.0, "noise")
