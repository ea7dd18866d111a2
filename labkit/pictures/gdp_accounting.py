"""Lab 02's pictures: two errors of a test, lines under a curve, rare losses, a group's clip."""

from collections.abc import Callable

import numpy as np
from scipy import special

from labkit.pictures.drawing import BLUE, GREEN, GREY, PINK, RED, Chart, Drawing
from labkit.pictures.slider import slider

MUS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)


def two_errors(mu: float = 1.0, threshold: float = 1.0) -> Drawing:
    """Draw a test of N(0, 1) against N(μ, 1) that accuses above a threshold, and its two errors."""
    false, missed = special.ndtr(-threshold), special.ndtr(threshold - mu)
    drawing = Drawing(
        640,
        310,
        f"Two bell curves of deviation 1, centred at 0 (without Ana) and at μ = {mu:g} (with her), "
        f"and a threshold at {threshold:g}. To its right, the area under the first curve, "
        f"α = {false:.2f}, is accused falsely; to its left, the area under the second, "
        f"β = {missed:.2f}, is missed.",
    )
    chart = Chart(drawing, (30, 50), (580, 200), (-4, 4 + max(mu, 1)), (0, 0.45))
    x = np.linspace(*chart.across, 401)
    without, with_ana = (
        np.exp(-((x - centre) ** 2) / 2) / np.sqrt(2 * np.pi) for centre in (0, mu)
    )
    above, below = x >= threshold, x <= threshold
    chart.fill(x[above], 0 * x[above], without[above], BLUE, 0.5)
    chart.fill(x[below], 0 * x[below], with_ana[below], RED, 0.35)
    chart.curve(x, without, BLUE)
    chart.curve(x, with_ana, RED)
    drawing.line(chart.at(threshold, 0), chart.at(threshold, 0.45), dash="5 4")
    drawing.text((chart.at(threshold, 0)[0] - 8, 62), "← says: not there", anchor="end")
    drawing.text((chart.at(threshold, 0)[0] + 8, 62), "says: there →", anchor="start")
    for at, colour, opacity, words in (
        (30, BLUE, 0.5, f"α: without Ana, accused ({false:.2f})"),
        (330, RED, 0.35, f"β: with Ana, missed ({missed:.2f})"),
    ):
        drawing.rectangle((at, 17), (22, 12), colour, opacity, width=2)
        drawing.text((at + 30, 28), words, anchor="start")
    chart.ticks(range(-4, int(chart.across[1]) + 1))
    drawing.text((320, 292), "what the attacker sees (units of the noise's deviation)")
    return drawing


def many_epsilons(mu: float = 1.0) -> Drawing:
    """Draw the trade-off curve of μ-GDP as what all its (ε, δ) leave together.

    Each (ε, δ) forbids what lies under a straight line of slope −e^ε; all together, the curve.
    """
    drawing = Drawing(
        640,
        330,
        f"The trade-off curve of {mu:g}-GDP, and four straight lines that touch it from below, for "
        "ε = 0, 0.5, 1 and 2. Each line belongs to one pair of ε and δ; the curve is the highest "
        "of all lines.",
    )
    chart = Chart(drawing, (80, 20), (300, 250), (0, 1), (0, 1), "α: accused falsely", "β: missed")
    chart.ticks((0, 0.25, 0.5, 0.75, 1), (0, 0.5, 1))
    threshold = np.linspace(-6, 6 + mu, 400)
    chart.curve(special.ndtr(-threshold), special.ndtr(threshold - mu), BLUE, width=3.5)
    for row, epsilon in enumerate((0.0, 0.5, 1.0, 2.0)):
        touches = epsilon / mu + mu / 2  # there the one bell is e^ε times the other
        x, y = special.ndtr(-touches), special.ndtr(touches - mu)
        delta = 1 - y - np.exp(epsilon) * x
        ends = np.array([0.0, min(1.0, (1 - delta) / np.exp(epsilon))])
        chart.curve(ends, 1 - delta - np.exp(epsilon) * ends, RED, width=1.3, dash="6 3")
        drawing.circle(chart.at(x, y), 4, RED, 1)
        drawing.text((420, 96 + 26 * row), f"ε = {epsilon:g}:  δ = {delta:.3f}", anchor="start")
    drawing.lines((420, 40), ("One curve,", "and a δ for every ε:"), anchor="start", bold=True)
    drawing.line((420, 215), (444, 215), colour=BLUE, width=3.5)
    drawing.text((452, 220), f"{mu:g}-GDP", anchor="start")
    drawing.line((420, 240), (444, 240), colour=RED, width=1.3, dash="6 3")
    drawing.text((452, 245), "1 − δ − e^ε · α", anchor="start")
    return drawing


def curve_and_bells(gaussian_tradeoff: Callable, mu: float = 1.0) -> Drawing:
    """Draw the bells of N(0, 1) and N(μ, 1) beside the trade-off curve that a function gives."""
    drawing = Drawing(
        640,
        310,
        f"On the left two bell curves of deviation 1 whose centres are μ = {mu:g} apart. On the "
        "right the trade-off curve of miss rate against false-positive rate that belongs to them, "
        "and the diagonal of guessing.",
    )
    left = Chart(drawing, (20, 40), (290, 210), (-3.5, 7), (0, 0.45))
    x = np.linspace(-3.5, 7, 300)
    for centre, colour in ((0, BLUE), (mu, RED)):
        density = np.exp(-((x - centre) ** 2) / 2) / np.sqrt(2 * np.pi)
        left.fill(x, 0 * x, density, colour, 0.2)
        left.curve(x, density, colour)
    left.ticks(range(-3, 8, 2))
    drawing.text((165, 288), "without Ana (0), with her (μ)")
    drawing.text((165, 26), f"μ = {mu:g}", bold=True)
    right = Chart(drawing, (400, 40), (210, 210), (0, 1), (0, 1), "α: accused falsely", "β: missed")
    right.ticks((0, 0.5, 1), (0, 0.5, 1))
    right.curve((0, 1), (1, 0), GREY, width=1.2, dash="4 4")
    alpha = np.linspace(0, 1, 201) ** 2  # the curve is steep at 0
    right.curve(alpha, np.asarray(gaussian_tradeoff(alpha, mu), float), GREEN, width=3)
    drawing.text((505, 26), "best test, each α", bold=True)
    return drawing


def rare_losses() -> Drawing:
    """Draw how a sum of 10 and of 1000 privacy losses differs from the Gaussian of its moments.

    Poisson-sampled steps with q = 0.01 and σ = 0.8. The distribution of one step's loss, seen from
    the world with you, is added up by a Fourier transform.
    """
    sigma, q, cells, width = 0.8, 0.01, 1 << 14, 2e-3
    drawing = Drawing(
        640,
        320,
        "Two charts on a logarithmic axis: how likely the sum of privacy losses is above each "
        "value, after 10 steps and after 1000. After 10 steps the true tail lies far above that of "
        "the Gaussian with the same mean and variance, after 1000 steps much nearer to it.",
    )
    seen = np.linspace(-8, 12, 40001)  # one coordinate, in units of C
    bells = [np.exp(-(((seen - centre) / sigma) ** 2) / 2) for centre in (0.0, 1.0)]
    density = (1 - q) * bells[0] + q * bells[1]
    loss = np.log(density / np.maximum(bells[0], 1e-300))
    place = np.clip(np.rint(loss / width).astype(int) + cells // 4, 0, cells - 1)
    one = np.bincount(place, density / density.sum(), cells)
    values = (np.arange(cells) - cells // 4) * width
    mean = one @ values
    deviation = np.sqrt(one @ (values - mean) ** 2)
    spectrum = np.fft.fft(np.roll(one, -(cells // 4)))
    for left, steps, most in ((80, 10, 6), (390, 1000, 9)):
        added = np.roll(np.fft.ifft(spectrum**steps).real, cells // 4)
        tail = np.maximum(np.cumsum(added[::-1])[::-1], 1e-12)
        normal = special.ndtr((steps * mean - values) / (deviation * np.sqrt(steps)))
        chart = Chart(drawing, (left, 45), (230, 205), (0, most), (-7, 0), "sum of privacy losses")
        shown = (values >= 0) & (values <= most)
        for curve, colour, dash in ((tail, RED, ""), (normal, BLUE, "6 4")):
            logs = np.log10(np.maximum(curve[shown], 1e-12))
            kept = logs >= -7
            chart.curve(values[shown][kept][::8], logs[kept][::8], colour, dash=dash)
        chart.ticks(range(0, most + 1, 3))
        for power in (0, -2, -5, -7):
            x, y = chart.at(0, power)
            drawing.line((x - 4, y), (x, y), width=1)
            drawing.text(
                (x - 8, y + 4),
                f"1e{power}".replace("-", "−") if power else "1",
                size=12,
                anchor="end",
            )
        drawing.line(chart.at(0, -5), chart.at(most, -5), colour=GREY, width=1, dash="2 3")
        drawing.text((left + 115, 30), f"{steps} steps", bold=True)
    drawing.text((22, 148), "P[sum is larger]", turned=True)
    drawing.line((150, 308), (176, 308), colour=RED, width=2.5)
    drawing.text((184, 313), "true", anchor="start")
    drawing.line((270, 308), (296, 308), colour=BLUE, width=2.5, dash="6 4")
    drawing.text((304, 313), "Gaussian of the same mean and variance", anchor="start")
    return drawing


def a_group_turns() -> Drawing:
    """Draw how one person turns a group's clipped mean gradient: the sum moves by up to 2C."""
    drawing = Drawing(
        640,
        280,
        "Two circles of radius C. On the left one example joins: its clipped gradient, an arrow of "
        "length C at most, is added. On the right one example joins a group: the group's clipped "
        "mean turns from one side of the circle to the other, a move of up to 2C.",
    )
    for centre, title in (
        ((170, 130), "you are an example"),
        ((470, 130), "you join a group of five"),
    ):
        drawing.circle(centre, 90, GREY, 0.08, dash="5 4")
        drawing.circle(centre, 3, GREY, 1)
        drawing.text((centre[0], 25), title, bold=True)
    drawing.arrow((170, 130), (250, 89), RED, 3)
    drawing.text((170, 250), "the sum moves by up to C")
    end, start = np.array((386, 98)), np.array((554, 162))
    drawing.arrow((470, 130), tuple(start), BLUE, 3)
    drawing.arrow((470, 130), tuple(end), RED, 3)
    drawing.text((560, 180), "without you", anchor="start", size=12)
    drawing.text((378, 92), "with you", anchor="end", size=12)
    drawing.arrow((552, 153), (394, 93), PINK, 2, dash="5 4")
    drawing.text((470, 250), "the sum moves by up to 2C")
    return drawing


def mu_slider(gaussian_tradeoff: Callable) -> Drawing | None:
    """Move μ between two bells, and see their trade-off curve sink."""
    return slider(lambda mu: curve_and_bells(gaussian_tradeoff, mu), MUS, 1.0, "μ")
