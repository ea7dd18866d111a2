"""The checks of lab 05, training on encrypted labels."""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, log_ndtr

from labkit.checks import (
    CheckFailed,
    after_others,
    as_array,
    as_arrays,
    as_number,
    at_home,
    check,
    likely,
    randomness,
    require,
    shown,
    student_rng,
)
from labkit.checks.ciphertexts import Scheme, answer_with

# float64 over a few terms is exact to 1e-12, float32 to 1e-5; no wrong answer is within 1e-3.
ROUNDING = 1e-4

# The lab's small context; see the master. Residual and Jacobian are scaled by 32 each.
SCALE = 32
LARGE_SCALE = 16


# What students' results are called in messages.
SCALED = "the result of `scale_by_residual`"
SUMMED = "the result of `sum_over_classes_and_batch`"
PARTS = "part 0 of the result", "part 1 of the result"

# Networks for the reordered gradient: features, hidden units, classes. In each the published order
# needs more multiplications than `a_fraction_of_the_multiplications` allows. And one of as many
# classes as the lab's.
NETWORKS = (4, 3, 2), (2, 5, 4), (3, 2, 4), (5, 4, 2)
TEN_CLASSES = 1, 2, 10

# Odd primes for t.
PRIMES = (97, 101, 257, 7681, 12289, 65537, 557057, 786433, 2056193)
LARGE_PRIME = 2**50 - 27  # 100 000 turns of it are beyond 64 bits


@functools.cache
def _small() -> Scheme:
    """2048 slots, t about 2^20: room for one multiplication."""
    from labkit.encrypted import ntt_primes, small_ring

    return Scheme(small_ring(ntt_primes(20, 4096)[0]), SCALE)


@functools.cache
def _large() -> Scheme:
    """4096 slots, and room for two multiplications in a row."""
    from labkit.encrypted import large_ring, ntt_primes

    return Scheme(large_ring(ntt_primes(23, 8192)[0]), LARGE_SCALE)


@functools.cache
def _integers() -> Scheme:
    """For whole numbers: scaling factor 1, t = 12289."""
    from labkit.encrypted import small_ring

    return Scheme(small_ring(12289), 1)


# Part 1 · rings -----------------------------------------------------------------------------


def _wrapped(wraps_to: Callable, value: int, modulus: int) -> int:
    got = as_number(wraps_to(value, modulus), "the result of `wraps_to`")
    require(
        got == round(got), f"`wraps_to({value}, {modulus})` is {got}: a whole number is wanted."
    )
    return round(got)


@check
def what_fits_stays(wraps_to: Callable, rng: np.random.Generator) -> None:
    """numbers within ±t/2 come back as they are."""
    for modulus in map(int, rng.choice(PRIMES, 3, replace=False)):
        half = modulus // 2
        for value in (0, 1, -1, half, -half, *map(int, rng.integers(-half, half + 1, 5))):
            got = _wrapped(wraps_to, value, modulus)
            require(
                got == value,
                f"t = {modulus} holds the numbers from {-half} to {half}, and {value} is one of "
                f"them; `wraps_to` says that {got} is decrypted.",
            )
        over = 3 * modulus + int(rng.integers(1, half))
        require(
            _wrapped(wraps_to, over, modulus) != over,
            f"t = {modulus} holds the numbers from {-half} to {half}, and {over} is none of them: "
            "it cannot come back as it was.",
        )


@check
def what_does_not_fit_wraps(wraps_to: Callable, rng: np.random.Generator) -> None:
    """larger numbers come back as another number, a multiple of t away."""
    sign = int(rng.choice([-1, 1]))
    # The same number wraps by each t in its own way.
    for_each = sign * int(rng.integers(1000, 9000))
    far = sign * int(rng.integers(100_000, 200_000)) * LARGE_PRIME
    moduli = [rng.choice(PRIMES[:3]), *rng.choice(PRIMES[3:], 2, replace=False), LARGE_PRIME]
    for modulus in map(int, moduli):
        half = modulus // 2
        turns = [*rng.integers(-9, 10, 4).tolist(), 1, -1]
        values = [n * modulus + int(rng.integers(-half, half + 1)) for n in turns]
        if modulus == LARGE_PRIME:
            values += [far + rest for rest in (half, half + 1, int(rng.integers(-half, half)))]
        for value in (half + 1, -half - 1, for_each, *values):
            got = _wrapped(wraps_to, value, modulus)
            require(
                -half <= got <= half,
                f"`wraps_to({value}, {modulus})` is {got}; what is decrypted lies from {-half} to "
                f"{half}: half of the numbers below t stand for negative ones.",
            )
            require(
                (got - value) % modulus == 0,
                f"Arithmetic is modulo t = {modulus}: from {value} only multiples of t may be "
                f"added or taken; `wraps_to` says {got}.",
            )


@check
def a_ciphertext_agrees(wraps_to: Callable, rng: np.random.Generator) -> None:
    """sums and products of real ciphertexts decrypt to what you predict."""
    import tensorflow as tf
    import tf_shell

    context, key = _integers().context, _integers().key
    a, b = (rng.integers(-900, 901, 2048) for _ in range(2))
    first, second = (tf.constant(values, tf.int64) for values in (a, b))
    encrypted = tf_shell.to_encrypted(first, key, context)
    for name, result, exact in (
        ("·", encrypted * second, a * b),
        (
            "·8 +",
            (encrypted + encrypted + encrypted + encrypted) * tf.constant(2, tf.int64) + second,
            8 * a + b,
        ),
    ):
        decrypted = tf_shell.to_tensorflow(result, key).numpy()
        for i in range(12):
            got = _wrapped(wraps_to, int(exact[i]), 12289)
            require(
                got == decrypted[i],
                f"A ciphertext of {a[i]}{name}{b[i]} = {exact[i]} at t = 12289 decrypts to "
                f"{decrypted[i]}; you predict {got}.",
            )


def _secure(is_secure: Callable, log_n: int, moduli: list[int]) -> bool:
    try:
        got = is_secure(log_n, moduli)
    except CheckFailed as error:
        if "KeyError" not in str(error):
            raise
        raise CheckFailed(
            f"{error}\nThe table's keys are ring degrees: {2**log_n} for log_n {log_n}."
        ) from None
    require(got is not None, "`is_secure` returned None. Did you forget `return`?")
    try:
        verdict = as_number(got, "the result of `is_secure`")
    except CheckFailed:
        verdict = None
    require(verdict in (0, 1), f"`is_secure` returned {shown(got)}; True or False is wanted.")
    return bool(verdict)


def _around(rng: np.random.Generator, bits: int) -> list[tuple[int, bool]]:
    """Moduli a little below and a little above the limit, and whether they are within it."""
    below = int(2**bits * rng.uniform(0.6, 0.95))
    above = int(2**bits * rng.uniform(1.1, 1.8))
    # As near below as a prime is: its logarithm as a float is the limit, and that is within it.
    edge = 2**bits - {27: 39, 54: 33}[bits]
    # Above it, so near that roundings of digits are seen, and far enough for sums of logarithms.
    over = int(2**bits * (1 + 1e-6)) | 1
    cases = [(below | 1, True), (above | 1, False), (2 ** (bits - 5) - 1, True)]
    return [*cases, (edge, True), (over, False)]


@check
def one_modulus_within_the_table(is_secure: Callable, rng: np.random.Generator) -> None:
    """you read the table right for a single prime."""
    from labkit.encrypted import LOG2_Q_128

    for log_n in (11, 10, 12):
        bits = min(LOG2_Q_128[2**log_n], 60)
        cases = _around(rng, bits) if bits < 60 else [(2**59 - 1, True)]
        for modulus, want in cases:
            got = _secure(is_secure, log_n, [modulus])
            require(
                got == want,
                f"Ring degree 2^{log_n} allows {LOG2_Q_128[2**log_n]} bits, and q = {modulus} has "
                f"{math.log2(modulus):.6f}: it is {'' if want else 'not '}within the limit. You "
                f"say {got}.",
            )


@check
def several_moduli_multiply(is_secure: Callable, rng: np.random.Generator) -> None:
    """with several primes it is their product that counts."""
    from labkit.encrypted import LOG2_Q_128

    for log_n, count in ((12, 2), (13, 4), (12, 3), (14, 8), (15, 16)):
        bits = LOG2_Q_128[2**log_n]
        for within in rng.permutation([True, False]):
            # Lengths that are rounded to integers make moduli, and q, another by 1e-9 bits at most.
            away = 10 ** rng.uniform(-5, -0.05) * (-1 if within else 1)
            shares = rng.uniform(0.95, 1.05, count)  # of unequal length, each below 2^61
            sizes = (bits + away) * shares / shares.sum()
            moduli = [int(2**size) | 1 for size in sizes]
            total = math.log2(math.prod(moduli))
            for degree, want in ((log_n, bool(within)), (log_n - 1, False)):
                got = _secure(is_secure, degree, moduli)
                require(
                    got == want,
                    f"{count} moduli of {', '.join(f'{math.log2(q):.2f}' for q in moduli)} bits: "
                    f"their product q has {total:.6f} bits, and degree 2^{degree} allows "
                    f"{LOG2_Q_128[2**degree]}. You say {got}.",
                )


# Part 2 · who may see what ------------------------------------------------------------------

F, L = "features party", "labels party"
_START = {
    F: {"images", "model weights", "masks"},
    L: {"labels", "secret key"},
}
# Everything that is sent, in the clear or not, and to whom it was known before.
_SENT = {"encrypted labels", "encrypted masked sums", "masked sums"}
# What follows from what by the protocol's own steps: what the messages show. That the labels follow
# from gradient, images and weights is what the result shows, and asked in part 5.
_RULES = [
    ({"labels", "secret key"}, "encrypted labels"),
    ({"encrypted masked sums", "secret key"}, "masked sums"),
    ({"encrypted labels", "secret key"}, "labels"),
    ({"images", "model weights"}, "predictions"),
    ({"masked sums", "masks", "predictions", "images", "model weights"}, "gradient"),
    ({"predictions", "labels"}, "residuals"),
    ({"predictions", "residuals"}, "labels"),
]


def _knowledge() -> dict[str, set[str]]:
    """What each party can find out, by applying the rules until nothing new follows."""
    known = {party: start | _SENT for party, start in _START.items()}
    for facts in known.values():
        while new := {then for given, then in _RULES if given <= facts and then not in facts}:
            facts |= new
    return known


def _cells(table: Any, items: Iterable[str]) -> dict[str, frozenset[str]]:
    require(table is not None, "`trust_table` returned None. Did you forget `return`?")
    require(
        isinstance(table, Mapping),
        f"`trust_table` returned a {type(table).__name__}; a dictionary is wanted.",
    )
    letters = {"F": F, "L": L}
    cells = {}
    for item, who in table.items():
        if item not in items:
            continue
        who = "" if who is None else who
        plain = isinstance(who, str | list | tuple | set | frozenset)
        require(
            not (isinstance(who, str) and who == "?"),
            f"The row {item!r} is not filled in: write 'F', 'L', 'FL' or ''.",
        )
        names = set(map(str, who)) if plain else {"?"}
        require(
            names <= set(letters),
            f"The row {item!r} says {shown(who)}; write 'F', 'L', 'FL' or ''.",
        )
        cells[item] = frozenset(letters[name] for name in names)
    return cells


def _rows(trust_table: Callable, items: Iterable[str], why: Mapping[str, str]) -> None:
    table, known = trust_table(), _knowledge()
    cells = _cells(table, items)
    for item in items:
        require(item in cells, f"The row {item!r} is missing.")
        want = {party for party in known if item in known[party]}
        got = cells[item]
        for party in (F, L):
            require(
                (party in got) == (party in want),
                f"{item}: you say that the {party} "
                f"{'can' if party in got else 'cannot'} see or work this out. {why[item]}",
            )
    require(
        len({shown(who) for who in table.values()}) > 1,
        "All rows say the same, so that some are right by chance: think about each of them.",
    )


@check
def what_stays_at_home(trust_table: Callable, rng: np.random.Generator) -> None:
    """you know what never leaves its owner."""
    _rows(
        trust_table,
        ("images", "labels", "model weights", "secret key"),
        {
            "images": "Nothing that is sent depends on them but masked sums.",
            "labels": "They leave home encrypted only. (What the gradient gives away is part 5's.)",
            "model weights": "One party trains the model; nobody sends it anywhere.",
            "secret key": "Whoever has it can decrypt everything: think of who makes it.",
        },
    )


@check
def what_crosses(trust_table: Callable, rng: np.random.Generator) -> None:
    """you know what both parties get to see."""
    _rows(
        trust_table,
        ("encrypted labels", "masked sums"),
        {
            "encrypted labels": "One party makes them, the other computes with them. To see a "
            "ciphertext is not to see what is in it.",
            "masked sums": "They are decrypted by one party, and sent back to the other.",
        },
    )


@check
def what_follows(trust_table: Callable, rng: np.random.Generator) -> None:
    """you know what each party can work out from what it has."""
    _rows(
        trust_table,
        ("predictions", "masks", "gradient"),
        {
            "predictions": "They take the images AND the weights.",
            "masks": "They are drawn by the party that must hide something from the key holder.",
            "gradient": "It comes out of the masked sums for the party that can take the masks "
            "off, and only for that one.",
        },
    )


@check
def residuals_are_labels(trust_table: Callable, rng: np.random.Generator) -> None:
    """you know who may hold prediction − label in the clear."""
    _rows(
        trust_table,
        ("residuals",),
        {
            "residuals": "A residual is prediction − label: whoever has it and the prediction has "
            "the label, and whoever has the label and it has the prediction. No message shows it. "
            "(What the gradient gives away is part 5's.)"
        },
    )


# Part 3 · post-scale ------------------------------------------------------------------------


def _networks(rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield one of which all sizes differ, and another.

    What is taken along another axis has another shape.
    """
    yield _network(rng, *rng.permutation([2, 3, 4, 5, 6])[:4].tolist())
    yield _network(rng, 1, *rng.permutation([3, 4, 5])[:3].tolist())


def _network(
    rng: np.random.Generator, batch: int, features: int, hidden: int, classes: int
) -> tuple[np.ndarray, ...]:
    """Images, bottom weights, top weights, hidden activations."""
    while True:
        x = rng.uniform(0.1, 3, (batch, features)) * rng.choice([-1, 1], (batch, features))
        below = rng.normal(0, 1, (features, hidden))
        before = x @ below
        used = rng.permutation(np.flatnonzero(np.any(before > 0, axis=0)))
        # Some unit is on and some is off, whatever is rounded.
        if len(used) > 1 and np.abs(before).min() > 1e-2 and 0.2 < np.mean(before > 0) < 0.8:
            # A unit that is on is on, however little.
            some, other = used[:2]
            below[:, some] *= 1e-9 / np.abs(before[:, some]).max()
            # Another one is on far above 1, and has a slope far above 1 and one that is 0.
            below[:, other] *= rng.uniform(5, 20) / before[:, other].max()
            top = rng.normal(0, 1, (hidden, classes))
            top[other, rng.permutation(classes)[:2]] = rng.uniform(3, 9) * rng.choice([-1, 1]), 0
            return x, below, top, np.maximum(x @ below, 0)


def _jacobians(logit_jacobian: Callable, x, hidden, top) -> list[np.ndarray]:
    batch, features = x.shape
    units, classes = top.shape
    like = [np.empty((batch, classes, features, units)), np.empty((batch, classes, units, classes))]
    others = (-2 * x, np.roll(hidden, 1, axis=1), -2 * top)
    result = after_others(logit_jacobian, (x, hidden, top), others)
    return as_arrays(result, "the result of `logit_jacobian`", like)


def _slopes(logits: Callable, weights: np.ndarray) -> np.ndarray:
    """[batch, classes, *weights.shape]: central differences; exact to 1e-7 where it is linear."""
    step = 1e-7
    out = []
    for index in np.ndindex(weights.shape):
        shift = np.zeros_like(weights)
        shift[index] = step
        out.append((logits(weights + shift) - logits(weights - shift)) / (2 * step))
    return np.stack(out, axis=-1).reshape(*out[0].shape, *weights.shape)


@check
def slopes_of_the_top_layer(logit_jacobian: Callable, rng: np.random.Generator) -> None:
    """the second part is how fast each logit grows along each weight of W₂."""
    for x, _, top, hidden in _networks(rng):
        got = _jacobians(logit_jacobian, x, hidden, top)[1]
        want = _slopes(lambda weights, hidden=hidden: hidden @ weights, top)
        i, c, j, k = np.unravel_index(np.argmax(np.abs(got - want)), want.shape)
        hint = ""
        if c != k:
            hint = f" Logit {c} does not depend on a weight that leads to logit {k}."
        require(
            bool(np.allclose(got, want, atol=ROUNDING)),
            f"Example {i}: logit {c} grows by {want[i, c, j, k]:.4f} per unit of W₂[{j}, {k}]; you "
            f"say {got[i, c, j, k]:.4f}.{hint}",
        )


@check
def slopes_of_the_bottom_layer(logit_jacobian: Callable, rng: np.random.Generator) -> None:
    """the first part is how fast each logit grows along each weight of W₁."""
    for x, below, top, hidden in _networks(rng):
        got = _jacobians(logit_jacobian, x, hidden, top)[0]

        def logits(weights: np.ndarray, x=x, top=top, on=hidden > 0) -> np.ndarray:
            # As long as no unit is switched, which a step away from a small h would do.
            return ((x @ weights) * on) @ top

        want = _slopes(logits, below)
        i, c, p, j = np.unravel_index(np.argmax(np.abs(got - want)), want.shape)
        hint = ""
        if hidden[i, j] == 0:
            hint = f" Unit {j} is off for this example: relu passes nothing on, nor any slope."
        elif hidden[i, j] < 1e-6:
            hint = f" Unit {j} is on for this example, if only by {hidden[i, j]:.1g}."
        require(
            bool(np.allclose(got, want, atol=ROUNDING)),
            f"Example {i}: logit {c} grows by {want[i, c, p, j]:.4f} per unit of W₁[{p}, {j}]; you "
            f"say {got[i, c, p, j]:.4f}.{hint}",
        )


def _residual_case(rng: np.random.Generator, sizes: Sequence[int] = ()) -> tuple:
    """Labels, predictions and Jacobians of 2048 examples, for as many classes and weights."""
    classes, weights = sizes or rng.permutation([2, 3, 4])[:2].tolist()
    labels = np.eye(classes)[rng.integers(0, classes, 2048)].astype(np.float32)
    predictions = expit(rng.normal(0, 2, (2048, classes))).astype(np.float32)
    jacobian = rng.uniform(0.05, 0.15, (2048, classes, weights)).astype(np.float32)
    return labels, predictions, jacobian * rng.choice([-1, 1], (classes, weights)).astype("f")


def _product_error(*factors: np.ndarray, scale: int) -> np.ndarray:
    """By how much a product of rounded factors can be off: each by half a step."""
    exact = math.prod(np.abs(f) for f in factors)
    return math.prod(np.abs(f) + 0.5 / scale for f in factors) - exact + 1e-5


def _scaled(
    scale_by_residual: Callable, labels: np.ndarray, predictions: np.ndarray, jacobian: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Return what the result decrypts to, its scaling factor, and how many products it took.

    The count is the word of the process that the student's code runs in; so is the scaling factor,
    but with a wrong one the numbers are wrong.
    """
    encrypted = _small().encrypt(labels)
    answer, count = at_home(scale_by_residual, _scaled_at_home, encrypted, predictions, jacobian)
    got = _small().decrypt(answer, SCALED, jacobian.shape)
    scale = as_number(answer["scaling_factor"], "its scaling factor")
    return as_array(got, SCALED, finite=True), scale, as_number(count, "the count")


def _scaled_at_home(
    scale_by_residual: Callable, encrypted: np.ndarray, *factors: np.ndarray
) -> tuple[dict[str, Any], int]:
    import tensorflow as tf

    from labkit.encrypted.counting import counted_multiplications

    labels, (predictions, jacobian) = _small().receive(encrypted), map(tf.constant, factors)
    if labels.shape[1] < 4:  # few ciphertexts
        after_others(
            scale_by_residual,
            (labels, predictions, jacobian),
            (labels + labels, 1 - predictions, 2 * jacobian),
        )
    with counted_multiplications() as count:
        result = scale_by_residual(labels, predictions, jacobian)
    return answer_with(result, SCALED, factors[-1].shape), count[0]


def _trace(
    parts: Iterable[tuple[np.ndarray, np.ndarray]], secret: np.ndarray
) -> tuple[float, float]:
    """Find what only work on encrypted numbers can bring: a secret [batch, columns] in a result.

    Args:
        parts: pieces of the result, and what a secret is multiplied with there, [batch, n] each.

    Returns:
        By least squares, how many times a column's product with its factor is in a part, and how
        much of the part's square sum that is; of all parts and columns where it is the most.
    """
    found = []
    for values, factor in parts:
        values = values.astype(np.float64)
        total = max(np.vdot(values, values), 1e-300)
        for column in secret.T:
            product = factor * column[:, None]
            along, length = np.vdot(values, product), np.vdot(product, product)
            found.append((float(along**2 / length / total), float(along / length)))
    share, times = max(found)
    return times, share


@check
def residual_times_jacobian(scale_by_residual: Callable, rng: np.random.Generator) -> None:
    """it decrypts to (prediction − label) · Jacobian."""
    first = _residual_case(rng, rng.permutation([2, 3]).tolist())
    # The second batch has the first one's sizes, by which an answer may keep what it had computed.
    second = _residual_case(rng, first[2].shape[1:])
    # Its slopes are up to 15, or 0, and some predictions are 0 or 1. Products of them, in steps of
    # 1/32², are within 15 800, and t/2 is half a million.
    second[2][:] *= 10 ** rng.permuted(np.linspace(0, 2, second[2][0].size)).reshape(
        1, *second[2].shape[1:]
    )
    second[2][rng.random(second[2].shape) < 0.2] = 0
    sure = rng.random(second[1].shape) < 0.2
    second[1][sure] = np.rint(second[1][sure])
    for labels, predictions, jacobian in (first, second, _residual_case(rng, [10, 1])):
        got, _, _ = _scaled(scale_by_residual, labels, predictions, jacobian)
        _require_products(got, labels, predictions, jacobian)


def _require_products(
    got: np.ndarray, labels: np.ndarray, predictions: np.ndarray, jacobian: np.ndarray
) -> None:
    residual = (predictions - labels)[:, :, None]
    want, allowed = residual * jacobian, _product_error(residual, jacobian, scale=SCALE)
    worst = np.unravel_index(np.argmax(np.abs(got - want) - allowed), want.shape)
    hint = ""
    if np.all(np.abs(got + want) <= allowed):
        hint = " That is its negative: the residual is prediction − label."
    elif np.allclose(got, (predictions + labels)[:, :, None] * jacobian, atol=0.05):
        hint = " You added the label."
    elif np.allclose(got, (predictions / SCALE - labels)[:, :, None] * jacobian, atol=0.05):
        hint = (
            f" The prediction is in it as if it were {SCALE} times smaller: tensors of different "
            "scaling factors cannot be added. Subtract first, multiply once."
        )
    require(
        bool(np.all(np.abs(got - want) <= allowed)),
        f"Example {worst[0]}, class {worst[1]}: residual {residual[worst[0], worst[1], 0]:.3f} · "
        f"slope {jacobian[worst]:.3f} = {want[worst]:.4f}, and rounding excuses "
        f"{allowed[worst]:.4f}; yours decrypts to {got[worst]:.4f}.{hint}",
    )


@check
def one_multiplication_deep(scale_by_residual: Callable, rng: np.random.Generator) -> None:
    """it stays encrypted, and each entry costs one multiplication."""
    labels, predictions, jacobian = _residual_case(rng)
    got, scaling_factor, count = _scaled(scale_by_residual, labels, predictions, jacobian)
    depth = round(math.log(scaling_factor, SCALE))
    require(
        depth == 2,
        f"The result's scaling factor is {scaling_factor:g} = {SCALE}^{depth}: "
        f"{max(depth - 1, 0)} multiplications in a row. One is enough, and the noise allows no "
        "more.",
    )
    wanted = jacobian.shape[1] * jacobian.shape[2]
    require(
        count <= wanted,
        f"You made {count:.0f} multiplications of ciphertexts for {wanted} entries: multiply once "
        "for each class and weight. The sign costs none.",
    )
    # Whatever else is added, each label is in it once: a fifth, at least, of what is there. Less
    # their mean, labels are as good as orthogonal to all that is known in the clear: 2048 of them
    # share 0.02 with it with chance 1e-10. A made up scaling factor makes them count 32 times.
    parts = [(got[:, c], jacobian[:, c]) for c in range(labels.shape[1])]
    times, share = _trace(parts, labels - labels.mean(axis=0))
    require(
        share > 0.02,
        f"The result has next to nothing of the labels in it ({share:.2%} of its square sum): what "
        "it costs is looked at where it is computed from the encrypted labels.",
    )
    require(
        0.25 < abs(times) < 4,
        f"The labels' own products with the Jacobian are {times:.3g} times in the result; once is "
        "wanted, with whichever sign.",
    )


def _sums(
    sum_over: Callable, rng: np.random.Generator, turns: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """What is decrypted in slots 0 and 1024, and the true sums, [2, weights] each."""
    # Whole steps: numbers half-way between two are rounded this way or that. Of a sign and size of
    # its own for each half and weight, so that no sum can be guessed: 1e-6 for all six.
    weights = 3 if len(turns) > 3 else 4  # another number of them in each check
    sizes = rng.choice([-1, 1], (2, 1, 1, weights)) * 2 ** rng.integers(0, 6, (2, 1, 1, weights))
    # Of the classes some go one way and some the other: none does for all. And nine examples of ten
    # have 0 there, so that none does for the others.
    classes = len(turns)
    ways = rng.permuted(np.full((2, weights, classes), turns), axis=2).transpose(0, 2, 1)[:, None]
    there = np.broadcast_to(np.arange(1024) < 100, (2, classes, weights, 1024))
    there = rng.permuted(there, axis=3)
    # Sums of all classes are within 100·3·32·10 sizes, below t/2; and 250 ± 30 of them, or of
    # eleven classes 500 ± 60, are never below 70, by 6 deviations: 1e-9.
    steps = (
        rng.integers(2, 4, (2, 1024, classes, weights)) * there.transpose(0, 3, 1, 2) * ways * sizes
    )
    products = (steps / SCALE).astype(np.float32).reshape(2048, classes, weights)
    answer = at_home(sum_over, _summed_at_home, _small().encrypt(products), weights)
    got = _small().decrypt(answer, SUMMED, (2048, weights))
    return got[[0, 1024]], steps.sum(axis=(1, 2)) / SCALE


def _summed_at_home(sum_over: Callable, encrypted: np.ndarray, weights: int) -> dict[str, Any]:
    products = _small().receive(encrypted)
    result = after_others(sum_over, (products,), (products + products,))
    return answer_with(result, SUMMED, (2048, weights))


@check
def classes_are_added(sum_over: Callable, rng: np.random.Generator) -> None:
    """each weight's products are added up over the classes."""
    # More than there are weights, and than the lab's ten.
    got, want = _sums(sum_over, rng, [2, -3] * 5 + [7])
    share = got / want
    half, weight = np.unravel_index(np.argmax(np.abs(share - 1)), share.shape)
    require(
        0.5 < share[half, weight] < 1.5,
        f"In slot {1024 * half} there should be {want[half, weight]:.2f}, what 1024 examples and "
        f"all classes add up to; there is {got[half, weight]:.2f}, {share[half, weight]:.3f} of "
        "it.",
    )


@check
def both_halves_are_added(sum_over: Callable, rng: np.random.Generator) -> None:
    """slot 0 holds the first half's sum, slot 1024 the second half's, exactly."""
    got, want = _sums(sum_over, rng, [[3, -2], [2, -3, 2]][int(rng.integers(2))])
    for half in range(2):
        require(
            bool(np.allclose(got[half], want[half], rtol=0, atol=0.5 / SCALE)),
            f"Slot {1024 * half} should hold the sum over examples {1024 * half} to "
            f"{1024 * half + 1023}, {np.round(want[half], 2)}; it holds {np.round(got[half], 2)}. "
            "Nothing is rounded in a sum: it is exact.",
        )


def _bound(quantisation_bound: Callable, *arguments: float) -> float:
    got = as_number(quantisation_bound(*arguments), "the result of `quantisation_bound`")
    require(got >= 0, f"`quantisation_bound{arguments}` is {got}: an error is not negative.")
    return got


@check
def rounding_never_exceeds_it(quantisation_bound: Callable, rng: np.random.Generator) -> None:
    """no sum of rounded products is farther off than your bound."""
    # The first sum is off by more than any of the arguments, so that none of them will do.
    cases = [(1, 60, rng.uniform(0.85, 1), rng.uniform(3.6, 4))]
    for scale, terms in rng.integers(1, [40, 60], (40, 2)).tolist():
        cases.append((scale, terms, rng.uniform(0.1, 3), rng.uniform(0.1, 4)))
    # Of these the worst rounding is all that is allowed.
    few = rng.integers(1, [40, 60], (10, 2)).tolist()
    # The lab's sum has 20 480 terms.
    for scale, terms in [*few, rng.integers([1, 20_000], [40, 40_000]).tolist()]:
        cases.append((scale, terms, *_half_steps(rng, scale)))
    for scale, terms, r, j in cases:
        bound = _bound(quantisation_bound, scale, terms, r, j)
        for kind in ("random", "worst"):
            residual, jacobian = rng.uniform(-r, r, terms), rng.uniform(-j, j, terms)
            if kind == "worst":
                # All near the top, and all rounded away from zero.
                residual = np.full(terms, _half_step_below(r, scale))
                jacobian = np.full(terms, _half_step_below(j, scale))
            rounded = np.rint(residual * scale) * np.rint(jacobian * scale) / scale**2
            off = abs(float(np.sum(rounded - residual * jacobian)))
            require(
                # float32: (r + e)(j + e) − rj is exact to 3·2⁻²⁴·rj, 2e-5 of it at scale 40.
                off <= bound * (1 + 1e-4),
                f"Scaling factor {scale}, {terms} products of |residual| ≤ {r:.2f} and |slope| ≤ "
                f"{j:.2f}: here the rounded sum is off by {off:.4f}, and your bound is "
                f"{bound:.4f}. Both factors are rounded, each by up to half a step.",
            )
        # Both by a whole step, and that ten times: the least that can be called a bound. It falls
        # with the scaling factor, and for large ones is below any of the arguments' products.
        loose = 10 * terms * ((r + 1 / scale) * (j + 1 / scale) - r * j)
        require(
            bound <= loose,
            f"Scaling factor {scale}, {terms} products of |residual| ≤ {r:.2f} and |slope| ≤ "
            f"{j:.2f}: no rounding puts the sum off by even {loose:.4f}, and your bound is "
            f"{bound:.4g}. A bound that holds for anything says nothing.",
        )


def _half_step_below(largest: float, scale: int) -> float:
    """The largest number up to `largest` that is rounded up by (almost) half a step."""
    steps = math.floor(largest * scale - 0.5)
    return max((steps + 0.5 + 1e-9) / scale, 0.0) if steps >= 0 else 0.0


def _half_steps(rng: np.random.Generator, scale: int) -> tuple[float, float]:
    """A largest residual and slope that are rounded up by (almost) half a step."""
    r, j = (int(rng.integers(1, most * scale + 1)) for most in (2, 4))
    return (r + 0.5 + 1e-9) / scale, (j + 0.5 + 1e-9) / scale


@check
def rounding_can_reach_it(quantisation_bound: Callable, rng: np.random.Generator) -> None:
    """the bound is no larger than it must be."""
    extremes = [(1, 60), (40, 1)]
    for scale, terms in extremes + rng.integers(1, [40, 60], (20, 2)).tolist():
        r, j = _half_steps(rng, scale)
        off = terms * (np.rint(r * scale) * np.rint(j * scale) / scale**2 - r * j)
        bound = _bound(quantisation_bound, scale, terms, r, j)
        require(
            bound <= off * (1 + 1e-3),
            f"Scaling factor {scale}, {terms} products of |residual| ≤ {r:.4f} and |slope| ≤ "
            f"{j:.4f}: the worst rounding puts the sum off by {off:.5f}; your bound of "
            f"{bound:.5f} is larger than it must be.",
        )
        require(
            bound >= off * 2e-3,
            f"Scaling factor {scale}, {terms} products of |residual| ≤ {r:.4f} and |slope| ≤ "
            f"{j:.4f}: the worst rounding puts the sum off by {off:.5f}; your bound is "
            f"{bound:.5f}, which is small, but bounds nothing.",
        )


# Part 4 · multiplications -------------------------------------------------------------------


def _counts(multiplications: Callable, sizes: tuple[int, int, int]) -> np.ndarray:
    return as_array(multiplications(*sizes), "the result of `multiplications`", (2,))


def _cases(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    drawn = [rng.integers(2, 30, 3).tolist() for _ in range(4)]
    # The last count is above 2^31, and each layer's weights are few: some make arrays of them.
    drawn.append(rng.integers([2500, 200, 3000], [4000, 400, 4000]).tolist())
    return [(784, 64, 10), *((features, hidden, classes) for features, hidden, classes in drawn)]


@check
def the_published_count(multiplications: Callable, rng: np.random.Generator) -> None:
    """one for each class and each weight."""
    for features, hidden, classes in _cases(rng):
        got = _counts(multiplications, (features, hidden, classes))[0]
        shapes = [(features, hidden), (hidden, classes)]
        want = sum(1 for _ in range(classes)) * sum(math.prod(shape) for shape in shapes)
        require(
            got == want,
            f"{features}-{hidden}-{classes}: the published program multiplies a class's residual "
            f"into every entry of its Jacobian, {want:,} times in all; you say {got:,.0f}. (One "
            "ciphertext holds 2048 examples: the batch does not count.)",
        )


@check
def the_reordered_count(multiplications: Callable, rng: np.random.Generator) -> None:
    """each weight once, and a little for the hidden units."""
    for features, hidden, classes in _cases(rng):
        got = _counts(multiplications, (features, hidden, classes))[1]
        want = len(list(itertools.product(range(hidden), range(classes)))) * 2 + features * hidden
        require(
            got == want,
            f"{features}-{hidden}-{classes}, reordered: residuals times relu'·W₂, the units' "
            f"signals times the pixels, and residuals times h make {want:,} multiplications; you "
            f"say {got:,.0f}.",
        )


class _Reordered(NamedTuple):
    """What the results decrypt to, what they should, and the errors that rounding excuses.

    Of each the parts for W₁ and W₂. `active` is relu'; `multiplications` are the word of the
    process that the student's code runs in, and `share` is how much of W₁'s part is a residual's
    product with the pixels: next to nothing, if nothing was computed with the residuals. `order` is
    how far W₁'s part is from signals times rounded pixels, in steps: in the published order the
    product of a pixel and a weight is what is rounded.
    """

    got: list[np.ndarray]
    want: list[np.ndarray]
    allowed: list[np.ndarray]
    active: np.ndarray
    multiplications: float
    share: float
    order: float


def _reordered(
    reordered_gradient: Callable, rng: np.random.Generator, sizes: Sequence[int] = ()
) -> _Reordered:
    features, units, classes = sizes or NETWORKS[int(rng.integers(len(NETWORKS)))]
    x = _off_halves(rng.uniform(-2, 2, (4096, features)).astype(np.float32), LARGE_SCALE)
    below = rng.normal(0, 1, (features, units))
    hidden = np.maximum(x @ below, 0).astype(np.float32)
    top = rng.uniform(0.1, 1, (units, classes)) * rng.choice([-1, 1], (units, classes))
    # One unit is on far above 1, and of one the weights go beyond 1, but for one, which is 0. In
    # steps of 1/16³ results are within 2·4·6·4096, and of 1/16² within 30·256: t/2 is four million.
    far, strong = rng.permutation(units)[:2]
    hidden[:, far] *= np.float32(rng.uniform(10, 30)) / hidden[:, far].max()
    hidden[rng.random(hidden.shape) < 0.1] *= np.float32(1e-9)  # on, however little
    top[strong] *= 6
    top[strong, rng.integers(classes)] = 0
    top = top.astype(np.float32)
    residual = rng.uniform(-1, 1, (4096, classes)).astype(np.float32)
    encrypted = _large().encrypt(residual)
    answers, count = at_home(reordered_gradient, _reordered_at_home, encrypted, x, hidden, top)
    shapes = _shapes(x, hidden, top)
    got = [_large().decrypt(answers[i], PARTS[i], shapes[i]) for i in range(2)]
    active = (hidden > 0).astype(np.float64)
    signals = (residual @ top.T) * active
    want = [x[:, :, None] * signals[:, None], hidden[:, :, None] * residual[:, None]]
    # relu' is 0 or 1; three factors are rounded, W₂, the residual and x, or two, h and residual.
    # In the published order W₂·x is rounded as one; that is no mistake in the result.
    pixels, terms = x[:, :, None], np.zeros((), x.dtype)
    for c in range(classes):
        error, weights = residual[:, None, None, c], top[None, None, :, c]
        terms = terms + np.maximum(
            _product_error(pixels, error, weights, scale=LARGE_SCALE),
            _product_error(pixels * weights, error, scale=LARGE_SCALE),
        )
    allowed = [terms, _product_error(hidden[:, :, None], residual[:, None], scale=LARGE_SCALE)]
    _, share = _trace([(got[0][:, :, j], x) for j in range(units)], residual)
    rounded, every = np.rint(LARGE_SCALE * x) / LARGE_SCALE, np.arange(len(x))
    brightest = np.abs(rounded).argmax(axis=1)
    by = rounded[every, brightest]
    by[by == 0] = 1
    seen = got[0][every, brightest] / by[:, None]
    order = float(np.abs(got[0] - rounded[:, :, None] * seen[:, None]).max() * LARGE_SCALE**3)
    return _Reordered(got, want, allowed, active, as_number(count, "the count"), share, order)


def _off_halves(values: np.ndarray, scale: int) -> np.ndarray:
    """Return numbers of which no rule of rounding takes another step of 1/scale than the next.

    tf-shell rounds halves away from zero, NumPy to even ones; of 16 000 float32, one in fifty draws
    has a half.
    """
    return np.where(scale * values % 1 == 0.5, np.float32(0), values)


def _shapes(x: np.ndarray, hidden: np.ndarray, top: np.ndarray) -> tuple[tuple[int, ...], ...]:
    return (*x.shape, hidden.shape[1]), (len(hidden), *top.shape)


def _reordered_at_home(
    reordered_gradient: Callable,
    encrypted: np.ndarray,
    x: np.ndarray,
    hidden: np.ndarray,
    top: np.ndarray,
) -> tuple[list[dict[str, Any]], int]:
    import tensorflow as tf

    from labkit.encrypted.counting import counted_multiplications

    residual = _large().receive(encrypted)
    with counted_multiplications() as count:
        result = reordered_gradient(residual, *(tf.constant(v) for v in (x, hidden, top)))
    require(result is not None, "`reordered_gradient` returned None. Did you forget `return`?")
    require(
        isinstance(result, tuple | list) and len(result) == 2,
        "`reordered_gradient` should return two ciphertexts: for W₁ and for W₂.",
    )
    return list(map(answer_with, result, PARTS, _shapes(x, hidden, top))), count[0]


def _require_residuals(share: float) -> None:
    # One class of four has a quarter of the signal where a unit is on, in at least 8 % of the
    # examples: 0.02, and half of that with h in place of relu'; the best of the units has more.
    # Of what knows nothing of them, 4096 residuals are 0.01 with chance 1e-10.
    require(
        share > 0.01,
        "The gradient for W₁ is not each example's own: products of an example's residuals and its "
        f"pixels are {share:.2%} of its square sum.",
    )


@check
def reordered_is_the_gradient(reordered_gradient: Callable, rng: np.random.Generator) -> None:
    """it decrypts to the gradient of every example."""
    # Two batches of the same sizes, by which an answer may keep what it had computed.
    same = NETWORKS[int(rng.choice([0, 2]))]
    for sizes in same, same, TEN_CLASSES:
        _require_gradient(_reordered(reordered_gradient, rng, sizes))


def _require_gradient(run: _Reordered) -> None:
    got, want, allowed, active, *_ = run
    # Units that are off have a check of their own.
    shown = active[:, None, :] > 0
    for name, g, w, a, mask in (
        ("W₂", got[1], want[1], allowed[1], True),
        ("W₁", got[0], want[0], allowed[0], shown),
    ):
        off = np.where(mask, np.abs(g - w) - a, -1.0)
        worst = np.unravel_index(np.argmax(off), off.shape)
        hint = ""
        if np.abs(np.where(mask, g, 0)).max() > 100:
            hint = " A number this large is no gradient: it is noise, or has overflowed."
        require(
            off[worst] <= 0,
            f"Example {worst[0]}: the gradient for {name}{list(map(int, worst[1:]))} is "
            f"{w[worst]:.4f}, and rounding excuses {a[worst]:.4f}; yours decrypts to "
            f"{g[worst]:.4f}.{hint}",
        )


@check
def units_that_are_off_learn_nothing(
    reordered_gradient: Callable, rng: np.random.Generator
) -> None:
    """a hidden unit that relu has switched off gets no gradient for its weights."""
    got, _, _, active, _, share, _ = _reordered(reordered_gradient, rng)
    off = np.abs(got[0]).max(axis=1) * (1 - active)
    example, unit = np.unravel_index(np.argmax(off), off.shape)
    require(
        off.max() < 1e-6,
        f"Unit {unit} is off for example {example} (h = 0), but the gradient of its weights "
        f"decrypts to {off.max():.4f}; relu' is 0 there.",
    )
    _require_residuals(share)


@check
def a_fraction_of_the_multiplications(
    reordered_gradient: Callable, rng: np.random.Generator
) -> None:
    """it needs far fewer multiplications than the published program."""
    run = _reordered(reordered_gradient, rng)
    used, share, order = run.multiplications, run.share, run.order
    (_, features, units), classes = run.got[0].shape, run.got[1].shape[2]
    published = classes * (features * units + units * classes)
    # Either mask the weights in the clear, or mask the signals: a multiplication more a unit.
    limit = features * units + 2 * units * classes + units
    require(
        used <= limit,
        f"For {features}-{units}-{classes} you made {used:.0f} multiplications of ciphertexts, the "
        f"published program {published}; reordered, with the sum over the classes BEFORE the "
        f"pixels come in, {limit} are enough.",
    )
    _require_residuals(share)
    # The count is what the other process says; but each order of work rounds in its own way.
    require(
        order < 0.5,
        "The gradient for W₁ is not rounded as a sum over the classes times the pixels is: within "
        f"an example its entries are not in the proportions of the pixels, to 1/{LARGE_SCALE}.",
    )


# Part 5 · label differential privacy --------------------------------------------------------


def _recovered(recover_labels: Callable, rng: np.random.Generator, spread: float) -> None:
    """Hand a gradient of about 64 random labels over; with spread 0 all predictions are 0.

    With another spread there are fewer features than images, as in the lab.
    """
    batch, classes = int(rng.integers(58, 67)), int(rng.integers(4, 6))
    features, units, active = int(rng.integers(110, 129)), int(rng.integers(19, 22)), 7
    if spread:
        features, units, active = 30, int(rng.integers(59, 62)), 9
    # More features than images for which a unit is on, 23 or 10 of them, and in general position:
    # each unit's equations have one solution. An example's active units then determine the unknowns
    # of its label, five at most.
    x, top = rng.normal(1, 1, (batch, features)), rng.normal(0, 1, (units, classes))
    x *= rng.random(x.shape) < 0.4  # much of an image is blank
    hidden = np.exp(rng.normal(0, 1.5, (batch, units)))
    hidden *= rng.permuted(np.tile(np.arange(units) < active, (batch, 1)), axis=1)
    # Of a label less its prediction, too, the largest entry is above the others, by 0.04.
    predictions = np.clip(expit(rng.normal(0, spread, (batch, classes))), 0.02, 0.98)
    predictions *= spread > 0
    labels = rng.integers(0, classes, batch)
    signals = ((predictions - np.eye(classes)[labels]) @ top.T) * (hidden > 0)
    got = as_array(
        recover_labels(x.T @ signals, x, hidden, predictions, top),
        "the result of `recover_labels`",
        (batch,),
    )
    right = int(np.sum(got == labels))
    hint = ""
    if np.array_equal(got, predictions.argmax(axis=1)):
        hint = " Yours are the network's predictions."
    elif np.mean(got == (predictions - np.eye(classes)[labels]).argmax(axis=1)) > 0.9:
        hint = " You looked for predictions − labels: what is to be `target`, to find the labels?"
    elif right == 0 and got.max() < classes:
        hint = (
            " Each of yours is another class: is it −labels that you looked for, or the smallest "
            "entry that you took?"
        )
    require(
        right == batch,
        f"{right} of {batch} labels are right. The gradient is forward(predictions − labels), and "
        f"its {features}·{units} equations determine all {batch}·{classes} unknowns.{hint}",
    )


def _damped(recover_labels: Callable, rng: np.random.Generator) -> None:
    """Hand a noisy gradient over, of which fits with other dampings tell other labels."""
    batch, features, units, classes = 36, 10, 20, 4
    damping = float(rng.uniform(1.5, 3))
    # What may be passed on in its place; `adjoint` as a mean over the batch comes to the last.
    others = [0, damping**2, damping**0.5, damping * 2**0.5, damping / 2**0.5, damping * batch**0.5]
    for _ in range(100):
        x, top = rng.normal(0, 1, (batch, features)), rng.normal(0, 1, (units, classes))
        hidden = np.maximum(rng.normal(0, 1, (batch, units)), 0)
        # The map as a matrix: from [batch, classes], in a row, to [features, units].
        on = hidden > 0
        matrix = np.einsum("bf,uc,bu->fubc", x, top, on).reshape(-1, batch * classes)
        labels = rng.integers(0, classes, batch)
        # Noise as large as the damping says, and some that makes an entry very negative.
        noise = rng.normal(0, damping * np.std(np.eye(classes)), matrix.shape[0])
        negative = np.zeros((batch, classes))
        negative[np.arange(3), (labels[:3] + 1) % classes] = 5
        gradient = noise + matrix @ (negative - np.eye(classes)[labels]).ravel()
        squares, along = np.linalg.eigh(matrix.T @ matrix)
        part = -(matrix @ along).T @ gradient
        damped, *fits = (
            (along @ (part / (squares + d**2))).reshape(batch, classes) for d in (damping, *others)
        )
        # Conjugate gradients end where the residual of the normal equations has fallen by 10⁶, some
        # 10⁻³ from the solution at most; two entries nearer than 0.01 tell nothing.
        clear = np.diff(np.sort(damped, axis=1)[:, -2:], axis=1)[:, 0] > 0.01
        best = damped.argmax(axis=1)
        slips = [fit.argmax(axis=1) for fit in fits]
        if all(np.any((best != slip) & clear) for slip in (*slips, np.abs(damped).argmax(axis=1))):
            break
    gradient = gradient.reshape(features, units)
    given = gradient, x, hidden, np.zeros((batch, classes)), top, damping
    instead = -gradient, x[::-1], hidden[::-1], np.eye(classes)[labels], -2 * top, 3 * damping
    got = as_array(
        after_others(recover_labels, given, instead),
        "the result of `recover_labels` for a gradient with noise",
        (batch,),
    )
    same = int(np.sum((got == best) & clear))
    require(
        same == np.sum(clear),
        f"Of a gradient with noise, with damping {damping:.3f}, {same} of {np.sum(clear)} labels "
        "are those of the fit that is best with this damping."
        + likely(got, {"Yours are those without damping: pass it on.": slips[0]}),
    )


@check
def labels_come_out_of_a_sum(recover_labels: Callable, rng: np.random.Generator) -> None:
    """all labels come out of one gradient, of a network that predicts 0 throughout."""
    _recovered(recover_labels, rng, 0.0)
    _damped(recover_labels, rng)


@check
def predictions_do_not_mislead(recover_labels: Callable, rng: np.random.Generator) -> None:
    """they do where the network is sure of itself, rightly or wrongly."""
    _recovered(recover_labels, rng, 4.0)


def _slopes_case(
    rng: np.random.Generator, batch: int = 0, classes: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    batch, classes = batch or int(rng.integers(8, 13)), classes or int(rng.integers(3, 6))
    features, units = rng.permutation([2, 6, 7])[:2].tolist()
    size = 10 ** rng.uniform(-2, 2)  # the larger of two is not always near 1
    below = size * rng.normal(0, 1, (batch, classes, features, units))
    above = size * rng.normal(0, 1, (batch, classes, units, classes))
    below[-1] = above[-1] = 0  # its units are all off
    return below, above


def _moves(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """[pairs, batch]: how far each example's gradient is from one label to another."""
    pairs = itertools.combinations(range(below.shape[1]), 2)
    parts = [[j[:, c] - j[:, other] for j in (below, above)] for c, other in pairs]
    return np.sqrt([sum(np.sum(p**2, axis=(1, 2)) for p in pair) for pair in parts])


@check
def farthest_pair_of_labels(label_sensitivity: Callable, rng: np.random.Generator) -> None:
    """no replaced label moves a gradient farther, and one moves it that far."""
    _require_farthest(label_sensitivity, *_slopes_case(rng))
    # The lab's ten classes: a pair of them that is left out is the farthest one of some example.
    _require_farthest(label_sensitivity, *_slopes_case(rng, 300, 10))
    _require_farthest(label_sensitivity, *_slopes_case(rng, 4, 2))


def _require_farthest(label_sensitivity: Callable, below: np.ndarray, above: np.ndarray) -> None:
    batch, classes = below.shape[:2]
    others = (below[::-1] - 1, 2 * above[:, ::-1] ** 2) if batch < 20 else ()
    result = after_others(label_sensitivity, (below, above), others)
    got = as_array(result, "the result of `label_sensitivity`", (batch,))
    moves = _moves(below, above)
    want = moves.max(axis=0)
    i = int(np.argmax(np.abs(got - want)))
    flat = np.concatenate([j.reshape(batch, classes, -1) for j in (below, above)], axis=2)
    hint = ""
    for name, other in {
        "the smallest of them": moves.min(axis=0),
        "the mean of them": moves.mean(axis=0),
        "their sum": moves.sum(axis=0),
        "the square": want**2,
        "the norm of one label's slopes, not of a difference": np.linalg.norm(flat, axis=2).max(1),
    }.items():
        if np.allclose(got, other, rtol=1e-3):
            hint = f" Yours is {name}."
    require(
        bool(np.allclose(got, want, rtol=ROUNDING)),
        f"Example {i}: from one of its {classes} labels to another the gradient moves by "
        f"{np.array2string(moves[:, i], precision=4, threshold=10)}; you say {got[i]:.4g}.{hint}",
    )


@check
def both_layers_count(label_sensitivity: Callable, rng: np.random.Generator) -> None:
    """the norm is over all variables together."""
    below, above = _slopes_case(rng)
    what = "the result of `label_sensitivity`"
    for name, *case in (
        ("W₁", below, 0 * above),
        ("W₂", 0 * below, above),
        ("W₂", 0 * below[:1], above[:1]),  # a batch of one
    ):
        got = as_array(label_sensitivity(*case), what, (len(case[0]),))
        want = _moves(*case).max(axis=0)
        i = int(np.argmax(np.abs(got - want)))
        require(
            bool(np.allclose(got, want, rtol=ROUNDING)),
            f"Where only {name} has a gradient, a label moves example {i}'s by {want[i]:.4g} at "
            f"most; you say {got[i]:.4g}. One norm, over both layers.",
        )


def _private(private_sum: Callable, rng, gradients, norms, clip, noise) -> np.ndarray:
    return as_array(
        private_sum(gradients, norms, clip, noise, student_rng(rng)),
        "the result of `private_sum`",
        gradients.shape[1:],
    )


@check
def scaled_by_the_sensitivity(private_sum: Callable, rng: np.random.Generator) -> None:
    """each example is scaled by its sensitivity, and never up."""
    # One example, and more than half a batch of the lab's: the first examples are not all.
    few, weights, many = rng.integers([5, 10, 1025], [15, 40, 1100]).tolist()
    sizes = (few, weights), (1, 1), (many, weights)
    clips = (10 ** rng.uniform([-1.0, 0.2, -1.0], [-0.2, 1.0, 1.0])).tolist()
    for (batch, weights), clip in zip(sizes, clips, strict=True):
        _scaled_by(private_sum, rng, batch, weights, clip)


def _scaled_by(
    private_sum: Callable, rng: np.random.Generator, batch: int, weights: int, clip: float
) -> None:
    gradients = rng.normal(0, 1, (batch, weights))
    own = np.linalg.norm(gradients, axis=1)
    worst = own * rng.uniform(1.1, 2, batch)
    # A third of them are within the clip as they are, and the others above it.
    small = rng.permutation(batch) % 3 == 0
    shrink = np.where(small, 0.5, rng.uniform(1.5, 3, batch)) * clip / worst
    gradients, own, worst = gradients * shrink[:, None], own * shrink, worst * shrink
    given = gradients, worst, clip, 0.0, student_rng(rng)
    others = (-2 * gradients, 3 * worst, 2 * clip, 1.0) if batch < 20 else ()
    result = after_others(private_sum, given, others)
    got = as_array(result, "the result of `private_sum`", (weights,))
    want = np.minimum(1, clip / worst) @ gradients
    hint = ""
    if np.allclose(got, np.minimum(1, clip / own) @ gradients, rtol=1e-3, atol=1e-6 * clip):
        hint = (
            " You clipped by each gradient's own norm. That depends on the label, and the party "
            "that scales must not see it."
        )
    elif np.allclose(got, (clip / worst) @ gradients, rtol=1e-3, atol=1e-6 * clip):
        hint = " You scaled short gradients up."
    elif np.allclose(got, want / batch, rtol=1e-3, atol=1e-6 * clip):
        hint = " Yours is a mean."
    require(
        # float32 rounds a sum of n terms, each below the clip, by less than n²/2 · 6e-8 clips, and
        # one of 1100 of either sign by 1e-4. One example is 0.25 clips long, 0.04 in an entry.
        bool(np.allclose(got, want, rtol=1e-5, atol=1e-6 * batch * clip)),
        f"l2_norm_clip {clip:.3f}, no noise: sensitivities from {worst.min():.3g} to "
        f"{worst.max():.3g}; the sum should be {np.linalg.norm(want):.4g} long and is "
        f"{np.linalg.norm(got):.4g}, {np.linalg.norm(got - want):.2g} away.{hint}",
    )


@check
def noise_hides_a_label(private_sum: Callable, rng: np.random.Generator) -> None:
    """the noise is Gaussian, of standard deviation noise_multiplier · l2_norm_clip."""
    count, batch = 20_000, int(rng.integers(2, 6))
    # Neither is near 1 or near the other, so that leaving one of them out shows in every draw. Once
    # both are above 1, and once below.
    large = rng.uniform([1.2, 2.2], [2, 4])
    (clip, noise), quiet_scale = rng.permutation([large, large * [0.4, 0.1]]).tolist()
    sensitivities = rng.uniform(0.7, 5, batch) * clip
    gradients = rng.normal(0, clip / 50, (batch, count))
    gradients[:, rng.permutation(count) < count // 2] = 0  # there it is what was drawn, exactly
    got = _private(private_sum, rng, gradients, sensitivities, clip, noise)
    added = got - np.minimum(1, clip / sensitivities) @ gradients
    want, measured = noise * clip, float(np.sqrt(np.mean(added**2)))
    require(
        bool(np.ptp(added) > 1e-3 * want or abs(added[0]) <= 1e-3 * want),
        f"Every coordinate gets the same noise, {added[0]:.4g}: draw one number for each "
        "(size=gradients.shape[1]).",
    )
    said = (
        f"noise_multiplier {noise:.3f}, l2_norm_clip {clip:.3f}, {batch} examples: the noise on "
        f"each coordinate of the sum should have standard deviation {want:.4f}, and has "
        f"{measured:.4f}."
    )
    for factor, text in (
        (1 / clip, " That is without l2_norm_clip."),
        (1 / noise, " That is without noise_multiplier."),
        (math.sqrt(batch), f" That is √{batch} times as much: the noise of {batch} examples."),
    ):
        require(not math.isclose(measured, factor * want, rel_tol=0.03), said + text)
    try:
        randomness.require_gaussian(added / want, "the noise")
    except CheckFailed as failure:
        raise CheckFailed(f"{said} {failure}") from None
    randomness.require_fresh(got[~np.any(gradients, axis=0)], "the noise")
    randomness.require_independent(added / want, "the noise")
    drawn: list[np.ndarray] = []
    along: list[np.ndarray] = []
    for _ in range(4):
        gradients = rng.normal(0, clip / 500, (batch, count))  # what is not noise is nothing here
        along.append(np.minimum(1, clip / sensitivities) @ gradients)
        got = _private(private_sum, rng, gradients, sensitivities, clip, noise)
        drawn.append((got - along[-1]) / want)
    randomness.require_loose(drawn, "the noise", along)
    # The noise is for what a label may do, whatever it does in this batch.
    seed = int(rng.integers(2**32))
    clip, noise = quiet_scale
    quiet = np.zeros(0)
    for sizes in (1024, 1000), (2, 300_000):  # as many examples as in a half of the lab's batches
        quiet = as_array(
            at_home(private_sum, _quiet_sum, sizes, seed, clip, noise),
            "the result of `private_sum`",
            sizes[1:],
        )
        # A thousand numbers' deviation is exact to 15 %.
        require(
            math.isclose(float(np.std(quiet)), noise * clip, rel_tol=0.15),
            f"With noise_multiplier {noise:.3f}, l2_norm_clip {clip:.3f} and {sizes[0]} examples "
            f"of sensitivity {clip / 3:.3f} the noise should have standard deviation "
            f"{noise * clip:.4f}, and has {np.std(quiet):.4f}.",
        )
    randomness.require_noise(quiet / (noise * clip), "the noise")
    again = at_home(private_sum, _quiet_sum, sizes, int(rng.integers(2**32)), clip, noise)
    again = as_array(again, "the result of `private_sum`", quiet.shape)
    randomness.require_loose([quiet / (noise * clip), again / (noise * clip)], "the noise")


def _quiet_sum(
    private_sum: Callable, sizes: tuple[int, int], seed: int, clip: float, noise: float
) -> np.ndarray:
    """Return what comes of gradients that are 0, and that a label moves by a third of the clip."""
    given = np.zeros(sizes), np.full(sizes[0], clip / 3), clip, noise
    result = private_sum(*given, np.random.default_rng(seed))
    return as_array(result, "the result of `private_sum`", sizes[1:])


def _noises(
    private_sum: Callable,
    seeds: Iterable[int | np.random.Generator],
    calls: int,
    weights: int,
    *scale: float,
) -> np.ndarray:
    """Return the noise of so many calls with the same generator, for each seed, where it is drawn.

    A generator may stand in a seed's place.

    Returns:
        [seeds, calls, weights].
    """
    given = np.zeros((2, weights)), np.ones(2), *scale

    def noise(own: np.random.Generator) -> np.ndarray:
        return as_array(private_sum(*given, own), "the result of `private_sum`", (weights,))

    generators = map(np.random.default_rng, seeds)
    return np.array([[noise(own) for _ in range(calls)] for own in generators])


@check
def noise_comes_from_rng(private_sum: Callable, rng: np.random.Generator) -> None:
    """the same rng repeats the noise, another one does not, and no later call does."""
    seed, what = int(rng.integers(2**32)), "the results of `private_sum`"
    drawn = at_home(private_sum, _noises, [seed, seed, seed + 1], 2, 4096, 1.0, 1.0)
    first, same, other = as_array(drawn, what, (3, 2, 4096))
    require(
        0 < float(np.abs(first).max()) <= 100,  # standard deviations
        "Noise with a standard deviation of 1 is wanted, and yours is of another size by far.",
    )
    require(
        bool(np.array_equal(first, same)),
        "Two generators of the same seed gave different noise: draw from the rng that is passed "
        "in, and from nothing else.",
    )
    for one, later, which in (
        (first[0], first[1], "the next call's"),
        (first[0], other[0], "another rng's"),
        (first[1], other[1], "another rng's, in the second call,"),
    ):
        # In float32 two numbers are the same with probability 1e-7: three of 4096 with 1e-11.
        require(
            int(np.sum(one == later)) <= 2,
            f"{int(np.sum(one == later))} of 4096 numbers of one call's noise and {which} are the "
            "same: draw all of it from the rng that is passed in, which goes on by that.",
        )
        randomness.require_unrelated(
            one / one.std(), later / later.std(), f"One call's noise and {which}"
        )
    randomness.require_loose([*first, *other], "the noise")
    # 1700 generators show a pool of up to 72 000 seeds, and those that begin alike larger ones.
    alike = [randomness.generators_that_begin_alike(rng, *b) for b in randomness.SMALL_SEEDS]
    seeds = [*randomness.seeds_that_differ(rng, 1694), *itertools.chain(*alike)]
    rows = as_array(at_home(private_sum, _noises, seeds, 1, 8, 1.0, 1.0), what, (1700, 1, 8))
    randomness.require_distinct(list(rows), "The noise of different generators")
    randomness.require_apart(rows[:, 0], "The noise of different generators")
    rows /= np.sqrt(np.mean(rows**2))
    randomness.require_lengths(rows[:, 0], "The noise of different generators")
    randomness.require_full_rank(rows[:, 0].T, "The noise", "coordinate")
    alone = as_array(at_home(private_sum, _noises, seeds[:300], 1, 1, 1.0, 1.0), what, (300, 1, 1))
    randomness.require_gaussian(alone, "the noise on a single weight")


def _delta(epsilon: float, mu: float) -> float:
    """Exactly δ(ε) of a Gaussian mechanism, sensitivity over deviation = μ (Balle & Wang 2018)."""
    second = epsilon + log_ndtr(-epsilon / mu - mu / 2)
    return float(np.exp(log_ndtr(-epsilon / mu + mu / 2)) - np.exp(second))


def _true_epsilon(mu: float, delta: float) -> float:
    low, high = 0.0, 1.0
    while _delta(high, mu) > delta:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _delta(middle, mu) > delta else (low, middle)
    return high


def _epsilons(label_epsilon: Callable, rng: np.random.Generator, epochs: list[int]) -> None:
    # So little noise that √(2 ln(1.25/δ)), a proof for ε up to 1 only, is too small; and more.
    # And so much that Mironov's conversion is a third too loose and more, from δ = 1e-5.
    # Of the first two δ one is far below the other, so that none can stand for both.
    ranges = [(0.2, 0.3), (0.75, 4 if max(epochs) == 1 else 1.1), (5, 9)]
    deltas = [*rng.permutation([rng.uniform(-12, -9), rng.uniform(-5, -4)]), rng.uniform(-5, -4)]
    cases = []
    for steps, (low, high), exponent in zip(epochs, ranges, deltas, strict=False):
        noise = math.sqrt(steps) * float(rng.uniform(low, high))
        delta = float(10**exponent)
        got = as_number(label_epsilon(noise, steps, delta), "the result of `label_epsilon`")
        cases.append((steps, noise, delta, got, _true_epsilon(math.sqrt(steps) / noise, delta)))
    hint = ""
    # A cause is named only if it explains both results: at one number of epochs two may coincide.
    if all(got <= 0 for *_, got, _ in cases):
        hint = " A mechanism with noise of no use to anybody, or that is never used, has ε = 0."
    for text, explained in (
        (
            " Yours is right for a sensitivity of 2C. But it is C that bounds the move itself, "
            "from one label to another.",
            lambda steps, noise: 2 * math.sqrt(steps) / noise,
        ),
        (" Yours is that of one epoch.", lambda steps, noise: 1 / noise),
        (" Yours has the noise divided by the epochs.", lambda steps, noise: steps / noise),
    ):
        values = [_true_epsilon(explained(n, noise), delta) for n, noise, delta, *_ in cases]
        promised = [got for *_, got, _ in cases]
        if not np.allclose(promised, [true for *_, true in cases], rtol=5e-3) and np.allclose(
            promised, values, rtol=5e-3
        ):
            hint = text
    for steps, noise, delta, got, true in cases:
        said = f"noise_multiplier {noise:.3f}, {steps} epoch{'s' * (steps > 1)}, δ {delta:.1e}: "
        # dp_accounting's grid and our bisection agree to 1e-3; RDP is up to an eighth looser.
        require(
            got >= true * (1 - 2e-3),
            f"{said}the true ε is {true:.3f}, and you promise {got:.3f}.{hint}",
        )
        require(
            got <= true * 1.3 + 0.005,
            f"{said}ε is {true:.3f}, and {got:.3f} is far more.{hint}",
        )


@check
def epsilon_of_one_epoch(label_epsilon: Callable, rng: np.random.Generator) -> None:
    """after one epoch, each label has been used once."""
    _epsilons(label_epsilon, rng, [1, 1, 1])


@check
def epsilon_of_several_epochs(label_epsilon: Callable, rng: np.random.Generator) -> None:
    """more epochs compose as Gaussian mechanisms do."""
    # More of them only with the larger noise: accountants need a grid of as many points as ε.
    _epsilons(label_epsilon, rng, [int(rng.integers(2, 7)), int(rng.integers(100, 200))])


# Part 8 · the attack ------------------------------------------------------------------------


@check
def labels_are_guessed(guess_labels: Callable, rng: np.random.Generator) -> None:
    """every label is read off its residuals."""
    batch, classes = int(rng.integers(150, 250)), int(rng.integers(3, 12))
    for predict in (expit, lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)):
        labels = rng.integers(0, classes, batch)
        predictions = predict(rng.normal(0, 2.5, (batch, classes)))
        # Of some labels the network is all but sure, and of others that they are not some class.
        unsure, sure = np.split(rng.permutation(batch), [batch * 4 // 5])
        never = unsure[: batch // 5]
        predictions[never, (labels[never] - rng.integers(1, classes, len(never))) % classes] = 0
        predictions[sure] *= 1e-5
        predictions[sure, labels[sure]] = rng.choice([1 - 1e-6, 1], len(sure))
        predictions[sure[0], labels[sure[0]]] = 1  # as a sigmoid in float32 is from 17 up
        residuals = predictions - np.eye(classes)[labels]
        got = as_array(guess_labels(residuals), "the result of `guess_labels`", (batch,))
        right = int(np.sum(got == labels))
        hint = ""
        if np.array_equal(got, residuals.argmax(axis=1)):
            hint = " You took the largest one."
        require(
            right == batch,
            f"{right} of {batch} labels are right. A prediction lies between 0 and 1: what does "
            f"subtracting 1 from one of them do to its sign?{hint}",
        )
