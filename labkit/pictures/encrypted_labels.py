"""Lab 05's pictures: slots and noise, the circle of t, messages, two rounds, polynomials."""

from collections.abc import Callable, Sequence

import numpy as np

from labkit.pictures.drawing import BLUE, GREEN, GREY, INK, PINK, RED, Drawing
from labkit.pictures.slider import slider

SCALES = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32)

# Alt texts of plots that a question stands before: in the cell they would answer it.
ALT = {
    "overflow": (
        "Decrypted against encrypted number. Up to 65152 the two agree; there the "
        "decrypted number falls to minus 65152 and climbs from there in parallel to the "
        "true one."
    ),
}


def slots_and_noise() -> Drawing:
    """Draw a ciphertext's slots, and how much of q its noise takes after each operation."""
    drawing = Drawing(
        640,
        340,
        "Above, a row of slots: each holds a number, and an addition adds slot by slot. Below, "
        "four bars of the length log q. Each has the message's bits on the left and noise, which "
        "grows: little when fresh, hardly more after a sum, much more after a product, and after "
        "another product beyond the end of the bar: then decryption gives garbage.",
    )
    rows = (("a", (3, 1, 4, 1, 5, 9)), ("b", (2, 7, 1, 8, 2, 8)), ("a + b", (5, 8, 5, 9, 7, 17)))
    for row, (name, numbers) in enumerate(rows):
        y = 20 + 34 * row
        drawing.text((85, y + 20), name, anchor="end", bold=True)
        for column, number in enumerate(numbers):
            drawing.box((100 + 62 * column, y), (58, 28), str(number), (BLUE, GREEN, PINK)[row])
        drawing.text((490, y + 20), "… 4096 slots", anchor="start")
    drawing.text((120, 160), "room: log₂ q bits", anchor="start", bold=True)
    for row, (name, bits, ends) in enumerate(
        (
            ("fresh", 0.12, "fits"),
            ("a sum", 0.15, "fits"),
            ("a product", 0.5, "fits"),
            ("two products", 0.88, "garbage"),
        )
    ):
        y = 174 + 38 * row
        drawing.text((110, y + 19), name, anchor="end")
        message, whole = 0.22 * 400, 400.0
        drawing.rectangle((120, y), (whole, 28), GREY, 0.06)
        drawing.rectangle((120, y), (message, 28), BLUE, 0.3, width=1)
        drawing.rectangle((120 + message, y), (bits * whole, 28), RED, 0.3, width=1)
        if row == 0:
            drawing.text((120 + message / 2, y + 19), "t", size=13)
            drawing.text((120 + message + bits * whole / 2, y + 19), "noise", size=12)
        drawing.text((575, y + 19), ends, anchor="start", size=13)
    drawing.line((520, 166), (520, 320), width=2, dash="5 4")
    drawing.text((520, 334), "q/2", size=12)
    return drawing


def circle_of_t(wraps_to: Callable, scale: int = 8, plaintext_modulus: int = 97) -> Drawing:
    """Draw three numbers, in steps of 1/scale, on a circle of t integers.

    Args:
        wraps_to: a function (integer, t) → what a slot decrypts to.
        scale: the scaling factor.
        plaintext_modulus: t.
    """
    half = plaintext_modulus // 2
    numbers = (1.3, 2.6, 4.2)
    results = []
    for number in numbers:
        steps = round(number * scale)
        turns = int(wraps_to(steps, plaintext_modulus))
        results.append((number, steps, turns, turns / scale))
    wrapped = [number for number, steps, turns, _ in results if steps != turns]
    drawing = Drawing(
        640,
        330,
        f"A circle of {plaintext_modulus} integers, 0 at the top, positive ones to the right and "
        f"negative ones to the left, which meet at the bottom. At scaling factor {scale} "
        + ", ".join(f"{number:g} sits at {steps}" for number, steps, _, _ in results)
        + ". "
        + (
            f"Beyond {half}, wrapped around: {', '.join(map(str, wrapped))}."
            if wrapped
            else "All fit."
        ),
    )
    centre, radius = np.array((165, 165)), 110

    def place(integer, far=0.0):
        angle = 2 * np.pi * integer / plaintext_modulus
        return tuple(centre + (radius + far) * np.array((np.sin(angle), -np.cos(angle))))

    for integer in range(-half, half + 1):
        drawing.line(place(integer, -3), place(integer, 3), width=0.8, colour=GREY)
    drawing.circle(tuple(centre), radius, INK, 0, width=1)
    drawing.text((165, 76), "0", size=13)
    drawing.text((173, 264), f"{half}", size=12, anchor="start")
    drawing.text((157, 264), f"−{half}", size=12, anchor="end")
    drawing.line((165, 270), (165, 312), colour=PINK, width=3)
    drawing.text((165, 325), "pink: here it wraps", size=12)
    drawing.text((165, 170), f"t = {plaintext_modulus}", bold=True)
    drawing.text(
        (330, 40), f"scaling factor {scale}: steps of 1/{scale}", anchor="start", bold=True
    )
    for row, ((number, steps, _, back), colour) in enumerate(
        zip(results, (BLUE, GREEN, RED), strict=True)
    ):
        start = min(steps, 0)
        way = [place(each, 14 + 9 * row) for each in np.linspace(start, steps, 80)]
        drawing.line(*way, colour=colour, width=2.5)
        drawing.circle(place(steps, 14 + 9 * row), 5, colour, 1)
        y = 85 + 58 * row
        drawing.line((330, y - 5), (352, y - 5), colour=colour, width=3)
        drawing.text(
            (362, y), f"{number:g} → {steps} → {back:.4g}".replace("-", "−"), anchor="start"
        )
        words = (
            "wrapped around!" if abs(back - number) > 0.5 else f"off by {abs(back - number):.3f}"
        )
        drawing.text((362, y + 20), words, anchor="start", size=13)
    drawing.lines(
        (330, 275),
        ("number → integer → decrypted:", "too coarse, or too far round"),
        anchor="start",
        size=13,
    )
    return drawing


def _exchange(
    drawing: Drawing,
    messages: Sequence[tuple[float, str, bool]],
    remarks: Sequence[tuple[float, float, str, str]],
) -> None:
    """Draw both parties, messages (height, words, whether from F), and what each does meanwhile."""
    drawing.box((40, 12), (150, 44), ("F: features party", "images, weights"), BLUE, size=13)
    drawing.box((450, 12), (150, 44), ("L: labels party", "labels, secret key"), GREEN, size=13)
    for at in (115, 525):
        drawing.line((at, 56), (at, drawing.height - 12), colour=GREY, width=1.5, dash="3 4")
    for y, words, from_f in messages:
        start, end = ((118, y), (522, y)) if from_f else ((522, y), (118, y))
        drawing.arrow(start, end, BLUE if from_f else GREEN, 2.5)
        drawing.text((320, y - 8), words)
    for x, y, words, anchor in remarks:
        drawing.text((x, y), words, anchor=anchor, size=12)


def two_parties() -> Drawing:
    """Draw the messages between F and L when all is done in one round."""
    drawing = Drawing(
        640,
        290,
        "Two parties and three messages. L sends its encrypted labels to F. F computes with them, "
        "adds masks, and returns the masked sums, encrypted. L decrypts and sends the masked sums. "
        "F takes its masks off and has the gradient.",
    )
    _exchange(
        drawing,
        [
            (90, "Enc(y)", False),
            (160, "Enc(gradient's sums + masks)", True),
            (220, "sums + masks", False),
        ],
        [
            (127, 124, "computes with ciphertexts", "start"),
            (513, 190, "decrypts, sees noise", "end"),
            (127, 254, "takes its masks off", "start"),
        ],
    )
    drawing.text((127, 276), "→ the gradient", anchor="start", bold=True, size=13)
    return drawing


def two_rounds() -> Drawing:
    """Draw the second round that takes the place of a second multiplication."""
    drawing = Drawing(
        640,
        345,
        "Two parties and five messages. L sends Enc(y). F returns Enc(D + A), the signals under a "
        "uniform mask A. L decrypts S = D + A, which is uniform, and sends it back, encrypted "
        "afresh. F multiplies by its pixels, masks again, and L decrypts; F takes off the mask and "
        "X transposed times A.",
    )
    _exchange(
        drawing,
        [
            (90, "Enc(y)", False),
            (142, "Enc(D + A)", True),
            (200, "Enc(S), S = D + A: fresh, little noise", False),
            (252, "Enc(XᵀS + mask)", True),
            (304, "XᵀS + mask", False),
        ],
        [
            (127, 112, "× plaintext, + A: 1st product", "start"),
            (513, 166, "decrypts S: uniform", "end"),
            (127, 222, "× pixels: again a 1st product", "start"),
            (513, 274, "decrypts: uniform", "end"),
            (127, 328, "− mask − XᵀA = XᵀD", "start"),
        ],
    )
    return drawing


def inner_product() -> Drawing:
    """Draw a product of two polynomials as a table, with an inner product on its diagonal."""
    a, b = (3, 1, 4), (2, 7, 1)
    drawing = Drawing(
        640,
        320,
        "A table of products of the coefficients of two polynomials, (3, 1, 4) in order and "
        "(2, 7, 1) in reverse. Along each diagonal the powers of X are equal and the products add "
        "up. On the longest diagonal, that of X squared, stand 3 times 2, 1 times 7 and 4 times 1: "
        "their sum, 17, is the inner product.",
    )
    reverse = b[::-1]
    drawing.text((230, 30), "b in reverse", bold=True)
    drawing.text((60, 190), "a in order", bold=True, turned=True)
    powers = ("1", "X", "X²")
    for column in range(3):
        drawing.text((155 + 100 * column, 62), f"{reverse[column]} · {powers[column]}")
    for row in range(3):
        drawing.text((95, 107 + 62 * row), f"{a[row]} · {powers[row]}")
        for column in range(3):
            on = row + column == 2
            power = ("1", "X", "X²", "X³", "X⁴")[row + column]
            drawing.box(
                (115 + 100 * column, 80 + 62 * row),
                (86, 46),
                f"{a[row]}·{reverse[column]} {power}"
                if power != "1"
                else f"{a[row]}·{reverse[column]}",
                RED if on else GREY,
                bold=on,
            )
    drawing.lines(
        (430, 110),
        ("at X²:", "3·2 + 1·7 + 4·1 = 17", "= a · b"),
        anchor="start",
        bold=True,
        size=15,
    )
    drawing.lines(
        (430, 205),
        ("One product of", "polynomials adds up", "a whole batch:", "no rotation."),
        anchor="start",
        size=13,
    )
    return drawing


def scale_slider(wraps_to: Callable) -> Drawing | None:
    """Move the scaling factor, and see numbers go round the circle."""
    return slider(lambda scale: circle_of_t(wraps_to, int(scale)), SCALES, 8, "scale")
