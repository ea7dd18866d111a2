"""The checks of lab 01, DP-SGD."""

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special, stats

from labkit import accounting, audit
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
    reason,
    require,
    student_rng,
)

# float32 rounds to 6e-8 of a value. A norm, mean or step over a few hundred float32 terms, in any
# order of summation, is then within 1e-4 of the exact one with room to spare; no wrong answer
# that we know of is within 1e-2.
ROUNDING = 1e-4

DELTA = 1e-7  # that of the lab's set-up cell


# Part 1 · the attack ------------------------------------------------------------------------


@check
def advantage_is_the_best_threshold(attack_advantage: Callable, rng: np.random.Generator) -> None:
    """the advantage is the largest TPR − FPR over all thresholds."""
    many, few = int(rng.integers(20, 120)), int(rng.integers(1, 60))
    for sizes in ((many, few), (few, many), (many, 61)):
        # Over many orders of magnitude, as real losses are, and with ties.
        members, nonmembers = (
            10 ** rng.normal(mean, 1, size).round(1)
            for mean, size in zip((-4, rng.uniform(-3.5, -1.5)), sizes, strict=True)
        )
        _compare_advantage(attack_advantage, members, nonmembers, after=True)
    # A low peak, a deep valley and a higher peak, from either end: who stops on the way down misses
    # the higher one.
    for members, nonmembers in _two_peaks(rng):
        _compare_advantage(attack_advantage, members, nonmembers)
    # Of a model that is all but sure of nearly everything, and wrong once; and of one that is lost.
    _compare_advantage(attack_advantage, 1e-11 * members, np.append(1e-11 * nonmembers, 300.0))
    _compare_advantage(attack_advantage, 1e6 * members, 1e6 * nonmembers)
    # So close together that float32 cannot tell them apart, and below 0, as a density's may be.
    close = [1e-12 * rng.integers(0, 50, size) ** power for size, power in ((40, 1), (many, 2))]
    _compare_advantage(attack_advantage, *(losses - 2 for losses in close))
    # Hundreds, or more than a thousand, no two the same: a few of them are not all thresholds.
    crowds = rng.permutation([int(10 ** rng.uniform(2.3, 3.25)), int(rng.integers(100, 500))])
    means = (-4, rng.uniform(-3.5, -1.5))
    distinct = [10 ** rng.normal(mean, 1, size) for mean, size in zip(means, crowds, strict=True)]
    _compare_advantage(attack_advantage, *distinct)


def _two_peaks(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return losses for which TPR − FPR rises a little, falls, and then rises higher; and mirrored.

    Mirrored, with members and non-members swapped, thresholds from above see what they saw from
    below.
    """
    members, others = (int(n) for n in rng.integers(60, 120, 2))
    first, valley = int(members * rng.uniform(0.03, 0.06)), int(others * rng.uniform(0.5, 0.9))
    of_members = np.repeat(
        [True, False, True, False], [first, valley, members - first, others - valley]
    )
    losses = np.sort(rng.gamma(1.0, 0.5, members + others))
    inside, outside = (rng.permutation(losses[of]) for of in (of_members, ~of_members))
    top = losses[-1]
    return [(inside, outside), (top - outside, top - inside)]


def _compare_advantage(
    attack_advantage: Callable,
    members: np.ndarray,
    nonmembers: np.ndarray,
    *,
    after: bool = False,
) -> None:
    """Require that the advantage is right, after calls with as many other losses if so."""
    others = members.max() - members, nonmembers.max() - nonmembers
    result = after_others(attack_advantage, (members, nonmembers), others if after else ())
    got = as_number(result, "`attack_advantage`'s result")
    # "Some threshold below which members are more frequent, by how much?" is the one-sided
    # two-sample Kolmogorov–Smirnov statistic.
    want = stats.ks_2samp(members, nonmembers, "greater", method="asymp").statistic
    thresholds = np.sort(np.concatenate([members, nonmembers]))[:, None]
    tpr, fpr = ((group <= thresholds).mean(axis=1) for group in (members, nonmembers))
    best = int(np.argmax(tpr - fpr))
    reversed_attack = stats.ks_2samp(members, nonmembers, "less", method="asymp").statistic
    low = (
        "The attacker says 'member' where the loss is LOW: that is the advantage where it is high."
    )
    require(
        abs(got - want) <= 1e-6,  # fractions of 1780 and of 500 differ by more than 1.1e-6
        f"On {len(members)} members and {len(nonmembers)} non-members `attack_advantage` gives "
        f"{got:.4f}; the best TPR − FPR is {want:.4f}: at the threshold "
        f"{thresholds[best, 0]:.10g} TPR is {tpr[best]:.4f}, a fraction of the members, and FPR "
        f"{fpr[best]:.4f}, a fraction of the non-members.{likely(got, {low: reversed_attack})}",
    )


@check
def advantage_at_the_extremes(attack_advantage: Callable, rng: np.random.Generator) -> None:
    """1 where the losses tell all, 0 where they tell nothing or point the wrong way."""
    losses = rng.gamma(1.0, 0.5, int(rng.integers(2, 40)))
    # More than the lab has: a single threshold is the best one.
    crowd = rng.permutation(int(rng.integers(3100, 3300))).astype(float)
    below = int(rng.integers(500, 2000))
    for members, nonmembers, want, case in (
        (losses, losses + losses.max() + 1, 1.0, "every member's loss is below all others"),
        (losses, losses.copy(), 0.0, "both groups have the same losses"),
        (losses + losses.max() + 1, losses, 0.0, "every member's loss is ABOVE all others"),
        (losses[:1] + losses.max() + 1, losses, 0.0, "the only member's loss is ABOVE all others"),
        (np.zeros(3), losses + 0.01, 1.0, "the members' losses are all 0, and no others are"),
        (
            np.full(3, 2.0),
            np.full(2, 2 + 1e-14),
            1.0,
            "the members' losses are 2, all others above",
        ),
        # Nothing but thresholds sees it: members have the smallest, the largest, and the mean.
        (
            np.concatenate([losses, losses + 4 * losses.max() + 4]),
            losses + 2 * losses.max() + 1,
            0.5,
            "half of the members' losses are below all others, half of them above",
        ),
        (
            crowd,
            np.array([below - 0.5]),
            below / len(crowd),
            f"{below} of {len(crowd)} members' losses, all different, are below the only other one",
        ),
    ):
        got = as_number(attack_advantage(members, nonmembers), "`attack_advantage`'s result")
        require(
            abs(got - want) <= 1e-6,
            f"Where {case}, the advantage of guessing 'member' at a LOW loss is {want:g}; "
            f"`attack_advantage` gives {got:.4f}.",
        )


# Part 2 · clipping --------------------------------------------------------------------------


def _shapes(
    rng: np.random.Generator, least: int = 1, longest: int = 3, most: int = 5
) -> list[tuple[int, ...]]:
    """The shapes of some variables of up to five dimensions."""
    return [
        tuple(rng.integers(1, longest + 1, int(rng.integers(0, 6))).tolist())
        for _ in range(int(rng.integers(least, most + 1)))
    ]


def _cases(rng: np.random.Generator) -> list[tuple[float, list[tuple[int, ...]]]]:
    """Clips far above 1 and far below, where a norm and its square differ in either direction.

    As many variables as a deep network has; and one as large as a layer's kernel among others:
    rounding errors of its 20 000 squares are as likely above as below, and even where they are
    added one by one 1e-5 at most.
    """
    kernel = int(rng.integers(110, 140)), int(rng.integers(110, 140))
    several = _shapes(rng)
    several.insert(int(rng.integers(len(several) + 1)), kernel)
    return [
        (rng.uniform(1.5, 50), _shapes(rng, 2)),
        (rng.uniform(0.01, 0.15), _shapes(rng, 10, 2, 16)),
        (rng.uniform(0.5, 2), _shapes(rng)),
        (10 ** rng.uniform(-1.5, 1.5), several),
    ]


def _gradients(
    rng: np.random.Generator, shapes: list[tuple[int, ...]], norms: np.ndarray
) -> list[np.ndarray]:
    """Per-example gradients of some variables, float32, with the given norms over all of them."""
    batch = len(norms)
    # No entry is so small that its factor cannot be seen.
    entries = (rng.uniform(-0.8, 0.8, (batch, *shape)) for shape in shapes)
    grads = [entry + np.copysign(0.2, entry) for entry in entries]
    now = np.sqrt(sum(np.sum(g.reshape(batch, -1) ** 2, axis=1) for g in grads))
    return [(g * (norms / now).reshape(-1, *[1] * (g.ndim - 1))).astype(np.float32) for g in grads]


def _norms(grads: Sequence[np.ndarray]) -> np.ndarray:
    return np.sqrt(sum(np.sum(np.square(g.reshape(len(g), -1)), axis=1) for g in grads))


def _factors(clipped: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> np.ndarray:
    """By what each example's gradient was multiplied, per variable: [variables, batch]."""
    return np.array(
        [
            np.sum((c * g).reshape(len(g), -1), axis=1)
            / np.sum(np.square(g, dtype=np.float64).reshape(len(g), -1), axis=1)
            for c, g in zip(clipped, grads, strict=True)
        ]
    )


def _clipped(
    clip_per_example: Callable, grads: list[np.ndarray], l2_norm_clip: float
) -> list[np.ndarray]:
    return as_arrays(
        clip_per_example(grads, l2_norm_clip), "the result of `clip_per_example`", grads
    )


def _slips(grads: list[np.ndarray], l2_norm_clip: float) -> dict[str, np.ndarray]:
    """What the usual mistakes multiply by: [variables, batch] for each."""
    grads = [g.astype(np.float64) for g in grads]
    each, whole = np.array([_norms([g]) for g in grads]), _norms(grads)
    total = np.sqrt(np.sum(whole**2))

    def factors(norm: Any, bound: Callable = np.minimum) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.broadcast_to(bound(1, l2_norm_clip / norm), each.shape)

    return {
        "That is a norm for each variable; it needs ONE norm over all of them.": factors(each),
        "That is one norm over the whole batch; each example has a norm of its own.": factors(
            total
        ),
        "That is a norm for each variable over the whole batch; each example has ONE over all.": (
            factors(np.sqrt(np.sum(each**2, axis=1, keepdims=True)))
        ),
        "That is min(1, C/‖g‖²); the norm is the square ROOT of the sum of squares.": factors(
            whole**2
        ),
        "That is max(1, C/‖g‖) in place of min.": factors(whole, np.maximum),
        "That is C/‖g‖ for all: a short gradient is stretched to the bound.": factors(
            whole, lambda _, ratio: ratio
        ),
        "Nothing was clipped.": np.ones(each.shape),
    }


@check
def norms_are_bounded(clip_per_example: Callable, rng: np.random.Generator) -> None:
    """no example's gradient is longer than l2_norm_clip."""
    for l2_norm_clip, shapes in _cases(rng):
        norms = l2_norm_clip * 10 ** rng.uniform(-2, 2, 12)
        # A zero gradient stays zero, not NaN; and each draw has long ones and a short one.
        norms[:5] = l2_norm_clip * np.array([0, 5, 0.2, 100, 1.003])
        _require_bounded(clip_per_example, _gradients(rng, shapes, norms), l2_norm_clip)
    # A batch as large as the lab's may be, in which one variable of an example has no gradient. It
    # is no multiple of 2, and above 256: the last ones are a rest, whatever goes before.
    l2_norm_clip, shapes = rng.uniform(0.5, 2), _shapes(rng, 2, 2, 3)
    norms = l2_norm_clip * 10 ** rng.uniform(-1, 1, 257 + 2 * int(rng.integers(32)))
    norms[0], norms[-1] = 0.0, 5 * l2_norm_clip
    grads = _gradients(rng, shapes, norms)
    grads[int(rng.integers(len(grads)))][1] = 0.0
    _require_bounded(clip_per_example, grads, l2_norm_clip)
    # Two variables of the same length, which count twice.
    shape = tuple(rng.integers(2, 6, 2).tolist())
    [grad] = _gradients(rng, [shape], l2_norm_clip * rng.uniform(0.75, 0.95, 6))
    grad[0] = 0.0
    _require_bounded(clip_per_example, [grad, -grad], l2_norm_clip)
    # As small as those of a network that is sure of nearly everything.
    for l2_norm_clip, shapes in _cases(rng):
        norms = 1e-10 * l2_norm_clip * 10 ** rng.uniform(-1, 1, 12)
        norms[0] = 0.0
        _require_bounded(clip_per_example, _gradients(rng, shapes, norms), 1e-10 * l2_norm_clip)
    # Its square is zero in float32.
    l2_norm_clip, shapes = 10 ** rng.uniform(-30, -24), _shapes(rng, 2, most=3)
    norms = np.concatenate([[0], rng.uniform(0.1, 10, 5)])
    _require_bounded(clip_per_example, _gradients(rng, shapes, norms), l2_norm_clip)
    # As large as the lab's kernel, with a single entry each: a part of it does not tell the norm.
    kernel, bias = np.zeros((2, 784, 256), np.float32), np.zeros((2, 256), np.float32)
    for gradient in kernel:
        gradient[tuple(rng.integers(gradient.shape))] = 5
    long = _norms(_clipped(clip_per_example, [kernel, bias], 1.0))
    require(
        bool(np.all(long <= 1 + ROUNDING)),
        f"Where one of {kernel[0].size} entries is 5, all others 0, and l2_norm_clip 1, two "
        f"examples leave `clip_per_example` with norms {long[0]:.4g} and {long[1]:.4g}: the norm "
        "is over ALL entries.",
    )


def _require_bounded(
    clip_per_example: Callable, grads: list[np.ndarray], l2_norm_clip: float
) -> None:
    clipped = _clipped(clip_per_example, grads, l2_norm_clip)
    got, norms = _norms(clipped), _norms(grads).astype(np.float64)
    far = _norms(_clipped(clip_per_example, [10000 * g for g in grads], l2_norm_clip))
    worst = int(np.argmax(got))
    nonzero = [g[2:] for g in grads]
    bounded, hint = got[worst] <= l2_norm_clip * (1 + ROUNDING), ""
    if not bounded:
        slips = _slips(nonzero, l2_norm_clip)
        hint = likely(_factors([c[2:] for c in clipped], nonzero), slips, 1e-3)
    require(
        bool(bounded),
        f"Example {worst} leaves `clip_per_example` with norm {got[worst]:.4g}, above "
        f"l2_norm_clip = {l2_norm_clip:.4g} (it came with {norms[worst]:.4g}).{hint}",
    )
    # What is divided by one large number, whatever comes in, is short until something longer comes;
    # what divides by a larger norm than ours is short by the root of the coordinates at most.
    require(
        float(far.max()) <= l2_norm_clip * (1 + ROUNDING)
        and float(got.max()) >= 0.01 * l2_norm_clip,
        f"With l2_norm_clip = {l2_norm_clip:.4g} your longest gradient has norm {got.max():.4g}, "
        f"and {far.max():.4g} where all that came in is 10 000 times as long: a gradient that is "
        "too long is to be shortened to l2_norm_clip.",
    )
    # What is nothing, or something else, is short as well. Clipping each coordinate, which is no
    # way to bound a norm, keeps a cosine of 0.8.
    along = sum(
        np.sum((c * g).reshape(len(g), -1), axis=1) for c, g in zip(clipped, grads, strict=True)
    )
    kept = (along >= 0.5 * got * norms) & (got > 0)
    other = 1 + int(np.argmin(kept[1:]))
    require(
        bool(np.all(kept[1:])),
        f"Example {other} leaves `clip_per_example` with norm {got[other]:.4g}, as zero or as "
        f"another gradient (it came with {norms[other]:.4g}): it is to be shortened, and not "
        "replaced.",
    )
    require(got[0] == 0, f"A zero gradient stays zero; yours has norm {got[0]:.3g}.")


@check
def short_gradients_are_untouched(clip_per_example: Callable, rng: np.random.Generator) -> None:
    """a gradient that is shorter than l2_norm_clip comes back as it was."""
    for l2_norm_clip, shapes in _cases(rng):
        # A few long ones among them, so that what is done to the batch as a whole shows.
        short = [0.997, *rng.uniform(0.05, 0.9, 5)]
        norms = l2_norm_clip * np.concatenate([short, rng.uniform(5, 50, 3), [500]])
        _require_untouched(clip_per_example, _gradients(rng, shapes, norms), l2_norm_clip)
    # A bound whose square is more than float32 holds.
    huge, grads = 10 ** rng.uniform(20, 30), _gradients(rng, _shapes(rng, 2, most=3), np.ones(6))
    apart = np.abs(_factors(_clipped(clip_per_example, grads, huge), grads) - 1).max()
    require(
        apart <= ROUNDING,
        f"With l2_norm_clip = {huge:.3g} a gradient of norm 1 is short, and should come back "
        f"untouched; yours is off by {apart:.3g} of itself.",
    )
    # A batch of one.
    [alone] = _clipped(clip_per_example, [np.full((1, 2), 0.1, np.float32)], 1.0)
    require(
        bool(np.all(np.abs(alone - 0.1) <= ROUNDING)),
        f"In a batch of one example (0.1, 0.1), l2_norm_clip 1, it comes back as {alone[0]}.",
    )


def _require_untouched(
    clip_per_example: Callable, grads: list[np.ndarray], l2_norm_clip: float
) -> None:
    norms = _norms(grads)
    found = _factors(_clipped(clip_per_example, grads, l2_norm_clip), grads)
    factors, long = found[:, :6], found[:, 6:]
    worst = np.unravel_index(int(np.argmax(np.abs(factors - 1))), factors.shape)
    hint = likely(found, _slips(grads, l2_norm_clip), 1e-3)
    require(
        abs(factors[worst] - 1) <= ROUNDING,
        f"An example with norm {norms[worst[1]]:.4g}, below l2_norm_clip = {l2_norm_clip:.4g}, was "
        f"multiplied by {factors[worst]:.4g}; it should come back untouched.{hint}",
    )
    require(
        float(long.min()) <= 0.9 and float(np.abs(long).max()) <= 1 + ROUNDING,
        "Gradients many times as long as l2_norm_clip were multiplied by "
        f"{long.min():.4g} to {long.max():.4g}: where long ones are not shortened, or get longer, "
        "it shows nothing that the short ones are untouched.",
    )


@check
def long_gradients_keep_their_direction(
    clip_per_example: Callable, rng: np.random.Generator
) -> None:
    """a longer gradient is scaled to l2_norm_clip, all its variables by the same factor."""
    for l2_norm_clip, shapes in _cases(rng):
        norms = l2_norm_clip * rng.uniform(1.2, 20, 10)
        norms[-1] *= 10 ** rng.uniform(8, 12)
        grads = _gradients(rng, shapes, norms)
        clipped = _clipped(clip_per_example, grads, l2_norm_clip)
        factors, want = _factors(clipped, grads), l2_norm_clip / norms
        hint = likely(factors, _slips(grads, l2_norm_clip), 1e-3)
        spread = np.ptp(factors, axis=0) / np.maximum(want, np.abs(factors).max(axis=0))
        require(
            bool(np.all(spread <= 1e-2)),
            "The variables of one example were multiplied by different factors, such as "
            f"{np.round(factors[:, int(np.argmax(spread))], 4).tolist()}: its gradient now points "
            f"elsewhere.{hint}",
        )
        errors = np.abs(factors - want).max(axis=0) / want
        worst = int(np.argmax(errors))
        require(
            errors[worst] <= 1e-3,
            f"An example with norm {norms[worst]:.4g} was multiplied by "
            f"{factors[:, worst].mean():.4g}; with l2_norm_clip = {l2_norm_clip:.4g} the factor is "
            f"{want[worst]:.4g}.{hint}",
        )
        leftover = np.max(
            [
                np.abs(c - g * f.reshape(-1, *[1] * (g.ndim - 1))).max() / l2_norm_clip
                for c, g, f in zip(clipped, grads, factors, strict=True)
            ]
        )
        require(
            leftover <= 1e-3,
            "The clipped gradients are not multiples of the ones that came in: within a variable "
            "some entries were multiplied by other factors than the rest.",
        )


# Part 3 · noise -----------------------------------------------------------------------------


def _noisy(
    noisy_mean: Callable,
    clipped_sum: list[np.ndarray],
    l2_norm_clip: float,
    noise_multiplier: float,
    expected_batch_size: float,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    result = noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng)
    return as_arrays(result, "the result of `noisy_mean`", clipped_sum)


def _sizes(
    rng: np.random.Generator, coordinates: int, variables: int | None = None
) -> list[tuple[int, ...]]:
    """The shapes of two to five variables of up to five dimensions, with so many coordinates.

    Two of them have the same shape.
    """
    variables = variables or int(rng.integers(2, 6))
    shapes = []
    for size in np.full(variables - 1, coordinates // variables):
        ones = rng.integers(1, 4, int(rng.integers(0, 5))).tolist()
        shape = [*ones, int(size) // int(np.prod(ones))]
        shapes.append(tuple(int(n) for n in rng.permutation(shape)))
    return [*shapes, shapes[0]]


@check
def without_noise_it_is_the_mean(noisy_mean: Callable, rng: np.random.Generator) -> None:
    """with noise_multiplier 0 the result is clipped_sum / expected_batch_size."""
    for low, high in ((0.2, 0.8), (20, 400)):
        expected_batch_size, l2_norm_clip = rng.uniform(low, high), 10 ** rng.uniform(-2, 2)
        scale = 10 ** rng.uniform(-3, 3)
        sums = [
            # A variable of no dimension is an array, too.
            np.asarray(scale * rng.uniform(1, 5, shape) * rng.choice([-1, 1], shape), np.float32)
            for shape in _shapes(rng)
        ]
        got = _noisy(noisy_mean, sums, l2_norm_clip, 0.0, expected_batch_size, student_rng(rng))
        for i, (total, mean) in enumerate(zip(sums, got, strict=True)):
            want = total / expected_batch_size
            worst = np.unravel_index(int(np.argmax(np.abs(mean - want))), want.shape)
            require(
                bool(np.allclose(mean, want, rtol=ROUNDING, atol=0)),
                f"With noise_multiplier 0 and expected_batch_size {expected_batch_size:.4g} a sum "
                f"of {total[worst]:.4g} in variable {i} of {len(sums)} becomes {want[worst]:.4g} "
                f"(l2_norm_clip is {l2_norm_clip:.3g}); you return {mean[worst]:.4g}.",
            )


@check
def noise_has_the_right_scale(noisy_mean: Callable, rng: np.random.Generator) -> None:
    """the noise is Gaussian, noise_multiplier · l2_norm_clip / expected_batch_size wide."""
    # Values for which the usual slips all give different ratios.
    l2_norm_clip, noise_multiplier = rng.uniform(2.2, 2.8), rng.uniform(1.3, 1.6)
    expected_batch_size = rng.uniform(45, 55)
    if rng.random() < 0.5:
        l2_norm_clip, noise_multiplier = 10 ** rng.uniform(-1.5, 1.5), 10 ** rng.uniform(-0.5, 1)
    deviation = noise_multiplier * l2_norm_clip
    # Sums of about the noise's size: whoever scales noise by them shows.
    sums = [rng.normal(0, deviation, shape).astype(np.float32) for shape in _sizes(rng, 120_000)]
    got = _noisy(
        noisy_mean, sums, l2_norm_clip, noise_multiplier, expected_batch_size, student_rng(rng)
    )
    parts = [
        (g * expected_batch_size - s).ravel() / deviation for g, s in zip(got, sums, strict=True)
    ]
    _require_noise_in_every_coordinate(parts)
    _require_scale(np.concatenate(parts), l2_norm_clip, noise_multiplier, expected_batch_size)
    randomness.require_gaussian(np.concatenate(parts), "The noise")
    for i, (part, total) in enumerate(zip(parts, sums, strict=True)):
        which = f"The noise in variable {i} of {len(parts)}"
        randomness.require_gaussian(part, which)
        some = total.ravel()[:20_000] / deviation
        randomness.require_unrelated(part[:20_000], some, f"{which} and what it is added to")
    randomness.require_loose(parts, "the noise of one variable", sums)
    whole, to = np.concatenate(parts), np.concatenate([s.ravel() for s in sums])
    # A batch of less than one, a noise multiplier of nearly nothing, and sums beside which the
    # noise is small, or none: float32 rounds those to 3e-5 of the noise at most.
    l2_norm_clip, noise_multiplier = 10 ** rng.uniform(-3, 3), 10 ** rng.uniform(-3, -1)
    expected_batch_size, deviation = rng.uniform(0.2, 0.8), noise_multiplier * l2_norm_clip
    shapes = _sizes(rng, 20_000, int(rng.integers(8, 14)))
    sums = [
        np.float32(100 * deviation) * rng.normal(0, rng.random(shape) < 0.5).astype(np.float32)
        for shape in shapes
    ]
    got = _noisy(
        noisy_mean, sums, l2_norm_clip, noise_multiplier, expected_batch_size, student_rng(rng)
    )
    parts = [
        (g.ravel() * expected_batch_size - s.ravel()) / deviation
        for g, s in zip(got, sums, strict=True)
    ]
    total = np.concatenate([s.ravel() for s in sums])
    z = np.concatenate(parts)
    _require_scale(z, l2_norm_clip, noise_multiplier, expected_batch_size)
    randomness.require_loose(parts, "the noise of one variable", sums)
    randomness.require_loose([whole, z], "the noise of all variables", [to, total])
    for noise, where in ((z[total == 0], "none"), (z[total != 0], "much")):
        randomness.require_gaussian(noise, f"the noise where there is {where} to add it to")
    randomness.require_fresh(z[total == 0], f"the noise of {len(sums)} variables")


def _require_scale(
    z: np.ndarray, l2_norm_clip: float, noise_multiplier: float, expected_batch_size: float
) -> None:
    ratio = z.std()
    low, high = randomness.scale_bounds(z.size)  # ±1.2 % around 1 for 120 000
    deviation = noise_multiplier * l2_norm_clip
    slips = {
        "the noise is added after the division, at the size meant for the sum": expected_batch_size,
        "l2_norm_clip is missing: the noise must drown one example of THAT size": 1 / l2_norm_clip,
        "noise_multiplier is missing": 1 / noise_multiplier,
        "a variance is used where a standard deviation is meant": deviation,
        "there is a square root too many": 1 / np.sqrt(deviation),
        "the noise is divided by the square root of the batch size": np.sqrt(expected_batch_size),
        "the noise is divided by the batch size twice": 1 / expected_batch_size,
    }
    near = [slip for slip, factor in slips.items() if low <= ratio / factor <= high]
    hint = f" It looks as if {near[0]}." if len(near) == 1 else ""
    require(
        bool(low <= ratio <= high),
        f"Over {z.size} coordinates the noise's standard deviation is {ratio:.3g} times "
        f"noise_multiplier · l2_norm_clip / expected_batch_size.{hint}",
    )


def _require_noise_in_every_coordinate(parts: list[np.ndarray]) -> None:
    # float32 rounds to 6e-8 of sums that are as large as the noise, or of none.
    require(
        any(np.abs(noise).max() > 1e-3 for noise in parts),
        "There is no noise in the result at all.",
    )
    for i, noise in enumerate(parts):
        require(
            bool(np.abs(noise).max() > 1e-3), f"There is no noise in variable {i} of {len(parts)}."
        )
        require(
            noise.size == 1 or bool(np.ptp(noise) > 1e-3),
            f"Every coordinate of variable {i} gets the same noise, {noise[0]:.4g} deviations: "
            "draw one number for each coordinate (size=g.shape).",
        )


@check
def noise_is_fresh_and_reproducible(noisy_mean: Callable, rng: np.random.Generator) -> None:
    """all randomness comes from rng, and every call and variable draws its own."""
    zeros = [np.zeros(shape, np.float32) for shape in _sizes(rng, randomness.MANY // 2)]
    state = rng.integers(2**32, size=4).tolist()
    handed = np.random.default_rng(state)
    first, further, again = (
        _noisy(noisy_mean, zeros, 1.0, 1.0, 1.0, generator)
        for generator in (handed, handed, np.random.default_rng(state))
    )
    _require_noise_in_every_coordinate([noise.ravel() for noise in first])
    require(
        all(np.array_equal(a, b) for a, b in zip(first, again, strict=True)),
        "Two rngs with the same seed give different noise: draw from the rng you are given, so "
        "that a run can be repeated.",
    )
    randomness.require_noise(np.concatenate([g.ravel() for g in first]), "the noise")
    for i, (one, two) in enumerate(zip(first, further, strict=True)):
        randomness.require_unrelated(
            one.ravel()[:10_000],
            two.ravel()[:10_000],
            f"The noises of two calls with the same rng in variable {i} of {len(zeros)}",
        )
    randomness.require_loose(first + further, "the noise of one variable")
    both = np.concatenate([g.ravel() for g in first + further])
    randomness.require_gaussian(both, "the noise of two calls")
    randomness.require_fresh(both, "the noise of two calls")
    # Many calls for few coordinates, three at least.
    shapes = [(3,), (), *_shapes(rng, 1, 2)[:1], (1,) * int(rng.integers(1, 6))]
    shapes += [(int(rng.integers(16, 33)),)]
    size = sum(int(np.prod(shape)) for shape in shapes)
    seeds = randomness.seeds_that_differ(rng, 900)
    pairs = randomness.pairs_that_begin_alike(rng)
    by_seed, in_turn, alike = (
        as_array(noise, "the noise of many calls", (calls, size))
        for noise, calls in zip(
            at_home(
                noisy_mean, _noises, shapes, seeds, student_rng(rng),
                [rng_ for pair in pairs for rng_ in pair],
            ),
            (len(seeds), len(seeds), 2 * len(pairs)),
            strict=True,
        )
    )  # fmt: skip
    randomness.require_calls_apart(by_seed, in_turn, "the noise")
    for at in range(0, 2 * len(pairs), 2):
        randomness.require_distinct(
            [*alike[at : at + 2]], "The noise with two rngs of which a word is nearly the same"
        )


def _noises(
    noisy_mean: Callable,
    shapes: list[tuple[int, ...]],
    seeds: list[int],
    handed: np.random.Generator,
    alike: Sequence[np.random.Generator],
) -> list[np.ndarray]:
    """Return the noise of a call with each seed, of as many on one generator, and of some more."""
    zeros = [np.zeros(shape, np.float32) for shape in shapes]

    def draw(rng: np.random.Generator) -> np.ndarray:
        return np.concatenate([g.ravel() for g in _noisy(noisy_mean, zeros, 1.0, 1.0, 1.0, rng)])

    return [
        np.array([draw(np.random.default_rng(seed)) for seed in seeds]),
        np.array([draw(handed) for _ in seeds]),
        np.array([draw(rng) for rng in alike]),
    ]


# Part 4 · Poisson sampling ------------------------------------------------------------------


def _batches(
    poisson_batch: Callable, handed: Any, n: int, q: float, draws: int = 1
) -> list[np.ndarray]:
    """Return the indices of so many batches, drawn one after another from a generator.

    From each of several, if `handed` is a list of seeds, or of generators.
    """
    what = "the result of `poisson_batch`"
    flat, sizes, kinds, empty, odd = at_home(poisson_batch, _drawn, handed, n, q, draws)
    if odd is not None:
        array = as_array(odd[0], what)
        require(
            array.ndim == 1,
            f"{what} has shape {array.shape}; a list of indices (one dimension) is wanted.",
        )
    # All that were asked for: what does not come back is in no statistic.
    asked = len(handed) if isinstance(handed, list) else draws
    sizes = as_array(sizes, "the batches' sizes", (asked if odd is None else 0,)).astype(int)
    flat = as_array(flat, what, (int(sizes.sum()),))
    batches = np.split(flat, np.cumsum(sizes)[:-1])
    require(
        not any(len(b) == n > 2 and np.isin(b, (0, 1)).all() for b in batches),
        f"{what} looks like a mask of {n} zeros and ones; the indices where it is true are wanted.",
    )
    outside = flat[(flat < 0) | (flat >= n) | (flat != np.round(flat))]
    require(
        outside.size == 0,
        f"{what} holds {outside[:1].tolist()}, but indices run from 0 to n − 1 = {n - 1}.",
    )
    require(
        odd is None and set(kinds) <= {"i", "u"},
        f"{what} holds numbers that are no integers, such as {flat[:1].tolist()}: `x[batch]` "
        "refuses them. Return indices of an integer type.",
    )
    require(
        set(empty) <= {"i", "u"},
        f"{what} is an array of floats where the batch is empty, which `x[batch]` refuses: "
        "`np.array([])` is one, `np.array([], dtype=int)` is not.",
    )
    return [batch.astype(int) for batch in batches]


def _drawn(
    poisson_batch: Callable, handed: Any, n: int, q: float, draws: int
) -> tuple[np.ndarray, np.ndarray, list[str], list[str], list | None]:
    """Return all indices, the batches' sizes, their kinds of numbers, and a result of no kind.

    The kinds of empty arrays come after those of others. An empty list has none.
    """
    rngs = [np.random.default_rng(s) for s in handed] if isinstance(handed, list) else None
    arrays: list[np.ndarray] = []
    kinds: set[str] = set()
    empty: set[str] = set()
    for rng in rngs or [handed] * draws:
        batch = poisson_batch(rng, n, q)
        try:
            array = np.asarray(batch)
            if array.dtype.kind == "O" and all(map(_is_integer, array.ravel())):
                array = array.astype(np.int64)
        except Exception:  # no array, or a number that no index can be
            return np.zeros(0), np.zeros(0), [], [], [batch]
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            return np.zeros(0), np.zeros(0), [], [], [batch]
        arrays.append(array)
        if array.size or hasattr(batch, "dtype"):
            (kinds if array.size else empty).add(array.dtype.kind)
    sizes = np.array([len(a) for a in arrays])
    return np.concatenate(arrays), sizes, sorted(kinds), sorted(empty), None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer)


def _require_no_repetition(batches: list[np.ndarray]) -> None:
    number = np.repeat(np.arange(len(batches)), [len(batch) for batch in batches])
    index = np.concatenate(batches)
    order = np.lexsort((index, number))
    same = (np.diff(number[order]) == 0) & (np.diff(index[order]) == 0)
    twice = np.unique(number[order][1:][same])
    require(
        not twice.size,
        f"{twice.size} of {len(batches)} batches hold an example twice: it would count twice, and "
        "double its influence.",
    )


@check
def sizes_are_binomial(poisson_batch: Callable, rng: np.random.Generator) -> None:
    """batch sizes vary as Binomial(n, sampling_probability)."""
    # A large q, where a binomial's variance, nq(1 − q), is far from a Poisson's, nq; and not near
    # ½, where batches of everybody else would be as large. And a small one, for small batches.
    many, few = int(rng.integers(200, 300)), int(rng.integers(60, 80))
    # What is cut at a multiple of the expected size shows where that is just below a whole number,
    # to which it may be rounded up: 5 where it is nearly 1, or 2 where it is nearly an eighth, do
    # not occur with probability `FALSE_FAIL` at most.
    for n, q, draws, some in (
        (many, rng.uniform(0.58, 0.65), 1500, 0),
        (few, rng.uniform(0.98, 0.99) / few, 6200, 5),
        (few, rng.uniform(0.116, 0.124) / few, 3100, 2),
        # And a handful of examples, or nearly all of some.
        (int(rng.integers(2, 12)), rng.uniform(0.2, 0.8), 1000, 0),
        (int(rng.integers(20, 50)), rng.uniform(0.8, 0.98), 1000, 0),
    ):
        batches = _batches(poisson_batch, student_rng(rng), n, q, draws)
        _require_no_repetition(batches)
        sizes = np.array([len(batch) for batch in batches])
        require(
            np.ptp(sizes) > 0,
            f"All {draws} batches have the same size, {sizes[0]}: that is not Poisson sampling, "
            "and its privacy theorem is another one.",
        )
        require(
            sizes.max() >= some,
            f"Of {draws} batches of {n * q:.2g} examples on average the largest has {sizes.max()}; "
            f"{draws * stats.binom.sf(some - 1, n, q):.0f} of {some} or more are to be expected: "
            "a batch may be of any size.",
        )
        # Of those of the small q each is empty with probability 0.36 or more.
        require(
            q > 0.1 or bool(np.any(sizes == 0)),
            f"Of {draws} batches of {n * q:.2g} examples on average none is empty: an empty batch "
            "is a batch like any other.",
        )
        randomness.require_binomial(sizes, n, q, "The size of a batch")
    for n, q in itertools.product((1, int(rng.integers(2, 40))), (0.0, 1.0)):
        [batch] = _batches(poisson_batch, student_rng(rng), n, q)
        require(
            len(np.unique(batch)) == len(batch) == n * q,
            f"With sampling_probability {q:g} {'each' if q else 'none'} of {n} examples is in the "
            f"batch; yours has {len(batch)}.",
        )
    # As many examples as the lab has, or half of them, in batches as large as its own.
    n = int(rng.integers(30_000, 60_000))
    batches = _batches(poisson_batch, student_rng(rng), n, 250 / n, 15)
    sizes = np.array([len(batch) for batch in batches])
    require(
        np.ptp(sizes) > 0,  # of 15 sizes that deviate by 15: probability 1e-22
        f"All batches of {n} examples have the same size, {sizes[0]}: that is no Poisson sampling.",
    )
    randomness.require_binomial(sizes, n, 250 / n, "The size of a batch")
    # Coins finer than a hundredth, or a ten-thousandth.
    n, q = 100_000, rng.uniform(2.2e-5, 2.8e-5)
    batches = _batches(poisson_batch, student_rng(rng), n, q, 10)
    together = np.array([sum(len(batch) for batch in batches)])
    randomness.require_binomial(together, 10 * n, q, "The size of ten batches together")
    # Finer than one in 65 536: where each of so many coins falls that often, there are 30 or more.
    n, q = 2_000_000, rng.uniform(1.5e-6, 2.5e-6)
    [batch] = _batches(poisson_batch, student_rng(rng), n, q)
    randomness.require_binomial(np.array([len(batch)]), n, q, "The size of a batch")
    n, q = 300_000, rng.uniform(0.4, 0.6)
    [inside] = _inside(_batches(poisson_batch, student_rng(rng), n, q), n)
    randomness.require_coins_of_their_own(inside, q)


@check
def examples_are_independent(poisson_batch: Callable, rng: np.random.Generator) -> None:
    """every example is in or out by a coin of its own, in every batch afresh."""
    # Not a hundredth, and so many coins that the nearest one shows.
    n, q = int(rng.integers(200, 300)), float(rng.integers(4, 13) + 0.5) / 100
    inside = _inside(_batches(poisson_batch, student_rng(rng), n, q, 1500), n)
    randomness.require_poisson_sampled(inside, q)
    # Where coins are fair, none tells of another, nor do all coins of two batches fall alike.
    n, q = int(rng.integers(160, 240)), rng.uniform(0.45, 0.55)
    in_turn = _inside(_batches(poisson_batch, student_rng(rng), n, q, 900), n)
    randomness.require_poisson_sampled(in_turn, q)
    seeds = randomness.seeds_that_differ(rng, 900)
    by_seed = _inside(_batches(poisson_batch, seeds, n, q), n)
    randomness.require_poisson_sampled(by_seed, q)
    both, what = np.concatenate([in_turn, by_seed]), "Batches of one rng, or of several"
    randomness.require_distinct([*both], what)
    randomness.require_samples_apart(both, q, what)
    [again] = _batches(poisson_batch, seeds[:1], n, q)
    require(
        bool(np.array_equal(np.flatnonzero(by_seed[0]), np.sort(again))),
        "Two rngs with the same seed give different batches: draw from the rng you are given.",
    )
    # And of many examples, where shuffling a part, or once for all, would be cheaper.
    n, some = int(10 ** rng.uniform(3.4, 4.1)), slice(None, None, int(rng.integers(11, 17)))
    large = _inside(_batches(poisson_batch, student_rng(rng), n, q, 60), n)
    randomness.require_samples_apart(large.T[some], q, f"Who of {n} examples is in 60 batches")
    randomness.require_poisson_sampled(large, q)
    pairs = randomness.pairs_that_begin_alike(rng)
    batches = _batches(poisson_batch, [rng_ for pair in pairs for rng_ in pair], 200, 0.5)
    for at in range(0, len(batches), 2):
        randomness.require_distinct(
            batches[at : at + 2], "The batches of two rngs of which a word is nearly the same"
        )


def _inside(batches: list[np.ndarray], n: int) -> np.ndarray:
    """Return [batches, examples], bool."""
    _require_no_repetition(batches)
    inside = np.zeros((len(batches), n), dtype=bool)
    for row, batch in zip(inside, batches, strict=True):
        row[batch] = True
    return inside


# Part 5 · the library -----------------------------------------------------------------------


class _TinyTask:
    """A few examples, a small network, and what DP-SGD without noise must do to its weights."""

    def __init__(self, rng: np.random.Generator, examples: int) -> None:
        self.l2_norm_clip = float(rng.uniform(1.0, 1.5))
        self.learning_rate = float(rng.uniform(0.25, 0.35))
        self.x = rng.normal(0, 1, (examples, 4)).astype(np.float32)
        self.x[::2] *= 6  # some gradients above the bound, some below
        self.y = rng.integers(0, 3, examples).astype(np.int32)
        shapes = (4, 5), (5,), (5, 3), (3,)
        self.weights = [rng.normal(0, 0.5, shape).astype(np.float32) for shape in shapes]

    def settings(self, num_microbatches: int) -> dict[str, float]:
        """The arguments of an optimizer that takes such steps."""
        return {
            "l2_norm_clip": self.l2_norm_clip,
            "noise_multiplier": 0.0,
            "num_microbatches": num_microbatches,
            "learning_rate": self.learning_rate,
        }

    def lengths(self, num_microbatches: int) -> np.ndarray:
        """The norm of each microbatch's mean gradient at the start."""
        return np.linalg.norm(self._means(self.weights, num_microbatches), axis=1)

    def _means(self, weights: list[np.ndarray], num_microbatches: int) -> np.ndarray:
        w1, b1, w2, b2 = weights
        hidden = np.tanh(self.x @ w1 + b1)
        d2 = special.softmax(hidden @ w2 + b2, axis=1) - np.eye(3)[self.y]
        d1 = (d2 @ w2.T) * (1 - hidden**2)
        each = [self.x[:, :, None] * d1[:, None], d1, hidden[:, :, None] * d2[:, None], d2]
        flat = np.hstack([g.reshape(len(self.x), -1) for g in each])
        return flat.reshape(num_microbatches, -1, flat.shape[1]).mean(axis=1)

    def weights_after(self, steps: int, num_microbatches: int, clip: bool = True) -> np.ndarray:
        """Full-batch steps by the definition, with the network's gradients written out."""
        weights = [w.astype(np.float64) for w in self.weights]
        for _ in range(steps):
            means = self._means(weights, num_microbatches)
            norms = np.linalg.norm(means, axis=1, keepdims=True)
            factors = np.minimum(1, self.l2_norm_clip / norms) if clip else 1.0
            step = self.learning_rate * np.mean(factors * means, axis=0)
            ends = np.cumsum([w.size for w in weights])[:-1]
            parts = np.split(step, ends)
            weights = [w - p.reshape(w.shape) for w, p in zip(weights, parts, strict=True)]
        return _flat(weights)


class _OwnWeights(_TinyTask):
    """Examples of one pixel each, whose weights tell how often it was used, in whatever batches.

    In batches of four or more, in two microbatches or one, no mean gradient is longer than 1.
    """

    def __init__(self, rng: np.random.Generator, examples: int, batch_size: int) -> None:
        super().__init__(rng, examples)
        self.batch_size = batch_size
        self.x = np.diag(rng.uniform(0.5, 1, examples)).astype(np.float32)
        self.y = rng.integers(0, 2, examples).astype(np.int32)  # of three classes, and not the last
        self.weights = [rng.normal(0, 0.5, (examples, 3)).astype(np.float32)]

    def weights_after(self, steps: int, num_microbatches: int, clip: bool = True) -> np.ndarray:
        """Steps of whole epochs. Nothing is clipped, so that microbatches make no difference."""
        [weights], pixels = self.weights, np.diag(self.x)[:, None].astype(np.float64)
        for _ in range(steps * self.batch_size // len(self.x)):
            residuals = special.softmax(pixels * weights, axis=1) - np.eye(3)[self.y]
            weights = weights - self.learning_rate / self.batch_size * pixels * residuals
        return _flat([weights])


def _tiny_network(weights: list[np.ndarray]) -> Any:
    import tensorflow as tf

    Dense = tf.keras.layers.Dense
    layers = [Dense(5, activation="tanh", input_shape=(4,)), Dense(3)]
    if len(weights) == 1:
        layers = [Dense(3, use_bias=False, input_shape=(len(weights[0]),))]
    model = tf.keras.Sequential(layers)
    model.set_weights(weights)
    return model


def _flat(arrays: Sequence) -> np.ndarray:
    return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays])


def _near(a: np.ndarray, b: np.ndarray, moved: np.ndarray) -> bool:
    """Whether two weight vectors differ by no more than float32 rounding of the way moved."""
    return bool(np.abs(a - b).max() <= 10 * ROUNDING * np.abs(moved).max())


def _private_optimizer(optimizer: Any) -> Any:
    require(optimizer is not None, "`library_optimizer` returned None. Did you forget `return`?")
    require(
        hasattr(optimizer, "apply_gradients"),
        f"`library_optimizer` returned a {type(optimizer).__name__}, not an optimizer.",
    )
    require(
        # Or what is derived from one.
        any(kind.__module__.startswith("tensorflow_privacy") for kind in type(optimizer).__mro__),
        f"`library_optimizer` returned {type(optimizer).__name__} of "
        f"{type(optimizer).__module__.split('.')[0]}: an ordinary optimizer, neither clipping nor "
        "noise. TensorFlow Privacy's is DPKerasSGDOptimizer.",
    )
    return optimizer


@check
def its_step_clips_each_microbatch(library_optimizer: Callable, rng: np.random.Generator) -> None:
    """without noise each step is the mean of the clipped microbatch gradients."""
    while True:
        task, microbatches = _TinyTask(rng, 60), int(rng.choice([12, 15, 20, 30]))
        lengths = task.lengths(microbatches)
        # One microbatch beyond the clip, and one within it, but beyond the learning rate.
        short = (lengths > 1.3 * task.learning_rate) & (lengths < 0.9 * task.l2_norm_clip)
        if lengths.max() > 1.2 * task.l2_norm_clip and short.any():
            break
    before = _flat(task.weights)
    settings = task.settings(microbatches)
    result = at_home(library_optimizer, _steps, settings, task.weights, task.x, task.y)
    like = [np.stack([w, w]) for w in task.weights]
    both = as_arrays(result, "the model's weights after one step, and after three", like)
    got, later = (_flat([w[i] for w in both]) for i in (0, 1))
    want = task.weights_after(1, microbatches)
    if not _near(got, want, want - before):
        unclipped = task.weights_after(1, microbatches, clip=False)
        each = task.weights_after(1, len(task.x))
        slips = {
            "It looks as if l2_norm_clip does not reach the optimizer.": unclipped - before,
            "It looks as if num_microbatches does not reach the optimizer.": each - before,
            "It looks as if the learning rate were Keras's default, 0.01.": (
                (want - before) * 0.01 / task.learning_rate
            ),
        }
        ratio = float(np.linalg.norm(got - before) / np.linalg.norm(want - before))
        raise CheckFailed(
            f"After one step with noise_multiplier 0, l2_norm_clip {task.l2_norm_clip:.3f}, "
            f"learning_rate {task.learning_rate:.3f} and {microbatches} microbatches of "
            f"{len(task.x)} examples the weights moved {ratio:.3g} times as far as DP-SGD moves "
            f"them, or elsewhere.{likely(got - before, slips, 10 * ROUNDING)} Pass on all four "
            "arguments, each under its own name."
        )
    want = task.weights_after(3, microbatches)
    require(
        _near(later, want, want - before),
        "The optimizer's first step is right, and two more on the same batch lead elsewhere: each "
        "is to be plain SGD at learning_rate, whatever came before.",
    )


def _steps(
    library_optimizer: Callable,
    settings: dict[str, float],
    weights: list[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
) -> list[np.ndarray]:
    """Return the weights after one step of a student's optimizer on the whole batch, and three."""
    import tensorflow as tf

    first, optimizer = (_private_optimizer(library_optimizer(**settings)) for _ in range(2))
    library_optimizer(**{name: 1 + value for name, value in settings.items()})
    first.learning_rate = 0.0  # which is not the other's
    require(
        optimizer is not first,
        "Asked twice, `library_optimizer` returned one optimizer twice: whoever changes its "
        "learning rate changes the other's, and it goes on counting steps. Make a new one at each "
        "call.",
    )
    model = _tiny_network(weights)
    per_example_loss = tf.keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=tf.keras.losses.Reduction.NONE
    )
    model.compile(optimizer, per_example_loss)
    optimizer.iterations.assign(10_000)  # as after so many steps: no learning rate has decayed
    after = []
    for _ in range(3):
        _trained(lambda: model.train_on_batch(x, y), "its step")
        after.append(model.get_weights())
    return [np.stack(pair) for pair in zip(after[0], after[2], strict=True)]


@check
def its_noise_has_the_right_scale(library_optimizer: Callable, rng: np.random.Generator) -> None:
    """its noise is noise_multiplier · l2_norm_clip on the sum."""
    l2_norm_clip, noise_multiplier = 10 ** rng.uniform(0.2, 1), rng.uniform(1.3, 5)
    # With one microbatch nobody sees by what the noise is divided.
    microbatches, learning_rate = int(rng.integers(2, 6)), rng.uniform(0.1, 0.8)
    settings = {
        "l2_norm_clip": l2_norm_clip,
        "noise_multiplier": noise_multiplier,
        "num_microbatches": microbatches,
        "learning_rate": learning_rate,
    }
    noise = _scaled_noise(library_optimizer, settings, 2**15)
    randomness.require_noise(noise, "what the optimizer adds in two steps")
    randomness.require_distinct([*noise], "What the optimizer adds in two steps")
    randomness.require_loose([*noise], "what the optimizer adds in a step")
    # Hardly any noise, and neither a tenth nor a twentieth; a small clip, large steps. Who has the
    # one for the other makes the same noise, and a step that is 20 of its deviations off or more.
    l2_norm_clip = noise_multiplier = 1.0
    while abs(1 / l2_norm_clip - 1 / noise_multiplier) < 20:
        l2_norm_clip = 10 ** rng.uniform(-2, -0.4)
        noise_multiplier = float(rng.choice([0, 0.1, 0.2]) + rng.uniform(0.02, 0.04))
    settings = {
        "l2_norm_clip": l2_norm_clip,
        "noise_multiplier": noise_multiplier,
        "num_microbatches": 1,
        "learning_rate": rng.uniform(1.2, 5),
    }
    _scaled_noise(library_optimizer, settings, 2**13)


def _scaled_noise(library_optimizer: Callable, settings: dict[str, float], n: int) -> np.ndarray:
    """Return [2, n] numbers that an optimizer adds, of which the deviation is right, over it."""
    l2_norm_clip, noise_multiplier, microbatches, learning_rate = settings.values()
    result = at_home(library_optimizer, _noise, settings, n)
    moved = as_array(result, "its steps", (2, n + 1))
    noise, deviation = moved[:, 1:], learning_rate * noise_multiplier * l2_norm_clip / microbatches
    ratio = float(noise.std() / deviation)
    low, high = randomness.scale_bounds(2 * n)
    if not low <= ratio <= high:
        slips = {
            "It looks as if the learning rate were Keras's default, 0.01.": 0.01 / learning_rate,
            "It looks as if it were multiplied by the clip once more. Pass on noise_multiplier as "
            "it came: the optimizer multiplies by the clip itself.": l2_norm_clip,
        }
        raise CheckFailed(
            f"The optimizer's noise is {ratio:.3g} times learning_rate · noise_multiplier · "
            f"l2_norm_clip / num_microbatches with noise_multiplier {noise_multiplier:.3g}."
            f"{likely(ratio, slips, high - 1)}"
        )
    # 7 deviations are exceeded with probability 3e-12. Unclipped the weight moves by a thousand
    # clips; 7 deviations are 35 at most.
    bound = learning_rate * l2_norm_clip
    apart = float(np.abs(moved[:, 0] + bound).max())
    require(
        apart <= 7 * deviation + ROUNDING * bound,
        f"Where every gradient is 1000 times as long as the clip, with noise_multiplier "
        f"{noise_multiplier:.3g}, a step is learning_rate · l2_norm_clip = {bound:.3g} long but "
        f"for noise of {deviation:.3g}; yours is {apart:.3g} away from that: clip with noise, too.",
    )
    return noise / deviation


def _noise(library_optimizer: Callable, settings: dict[str, float], n: int) -> list[np.ndarray]:
    """Return by how much a student's optimizer moves weights in two steps.

    There are n without a gradient, and before them one whose is 1000 clips long in every example.
    """
    import tensorflow as tf

    # After others, of which one is without noise.
    others = 2 * settings["l2_norm_clip"], 0.0, 1 + settings["num_microbatches"], 0.01
    optimizer = _private_optimizer(after_others(library_optimizer, [*settings.values()], others))
    weights = tf.Variable(tf.zeros([n + 1]))
    moved = []
    for _ in range(2):
        weights.assign(tf.zeros([n + 1]))
        with tf.GradientTape(persistent=True) as tape:
            # Two examples in each.
            slope = 1000 * settings["l2_norm_clip"]
            loss = tf.fill([2 * settings["num_microbatches"]], slope) * weights[0]
        _trained(lambda: optimizer.minimize(loss, [weights], tape=tape), "its step")  # noqa: B023
        moved.append(weights.numpy())
    return moved


def _trained(train: Callable[[], Any], what: str) -> Any:
    try:
        return train()
    except Exception as error:
        raise CheckFailed(f"TensorFlow refuses {what}: {reason(error)}") from None


@check
def fit_keeps_one_loss_per_example(fit_with_library: Callable, rng: np.random.Generator) -> None:
    """model.fit gets one loss per example, and the optimizer, batch size and epochs asked for."""
    task = _TinyTask(rng, 40)  # more than Keras's own batch size, 32
    _compare_fit(fit_with_library, task, 40, 40, int(rng.integers(2, 4)))
    # Several batches, which Keras shuffles: of examples that have weights of their own.
    size = int(rng.choice([4, 6]))
    task = _OwnWeights(rng, 12, size)
    # Uphill: whoever stops where the loss does not fall makes fewer steps.
    task.learning_rate *= -1
    epochs = int(rng.integers(10, 15))
    _compare_fit(fit_with_library, task, size, int(rng.choice([1, 2])), epochs, compiled=True)


def _compare_fit(
    fit_with_library: Callable,
    task: _TinyTask,
    batch_size: int,
    microbatches: int,
    epochs: int,
    *,
    compiled: bool = False,
) -> None:
    before, n = _flat(task.weights), len(task.x)
    settings = task.settings(microbatches)
    data = task.weights, task.x, task.y
    result = at_home(fit_with_library, _fitted, settings, *data, batch_size, epochs, compiled)
    *weights, steps = as_arrays(
        result, "the model's weights after `fit_with_library`", [*task.weights, np.zeros(())]
    )
    taken = epochs * n // batch_size
    require(
        steps == taken,
        f"The optimizer made {steps:g} steps; {n} examples in batches of {batch_size} for {epochs} "
        f"epochs are {taken}. Compile with the optimizer you are given, and pass batch_size and "
        "epochs on.",
    )
    got, want = _flat(weights), task.weights_after(taken, microbatches)
    if not _near(got, want, want - before):
        averaged = "It looks as if the losses were averaged first, so that only their mean is "
        slips = {f"{averaged}clipped.": task.weights_after(taken, 1) - before}
        raise CheckFailed(
            f"After {epochs} epochs of {n} examples in batches of {batch_size} the weights are not "
            "where DP-SGD without noise takes them. What is wanted is the cross-entropy on LOGITS, "
            "with one value per example (reduction NONE), of x and y as they are, each example "
            "once an epoch."
            f"{likely(got - before, slips, 10 * ROUNDING)}"
        )


def _fitted(
    fit_with_library: Callable,
    settings: dict[str, float],
    weights: list[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    batch_size: int,
    epochs: int,
    compiled: bool,
) -> list[Any]:
    """Return the weights that a student's `fit` leads to, and the optimizer's count of steps."""
    import tensorflow_privacy

    model = _tiny_network(weights)
    if compiled:  # before, to train without privacy
        model.compile("sgd", "mse")
    optimizer = tensorflow_privacy.DPKerasSGDOptimizer(**settings)
    try:
        history = fit_with_library(model, optimizer, x, y, batch_size, epochs)
    except CheckFailed as failure:
        if "input shapes: []" in str(failure):
            raise CheckFailed(
                "TensorFlow Privacy was given ONE loss for the whole batch, and cannot cut that "
                "into microbatches: the losses were averaged. Keep one loss per example (reduction "
                "NONE)."
            ) from None
        other_sizes = "a multiple of", "evenly divisible by"  # Keras's own batch size is 32
        if any(words in str(failure) for words in other_sizes):
            raise CheckFailed(
                "TensorFlow Privacy was given batches of another size than batch_size = "
                f"{batch_size}. Pass it, and all examples, on to model.fit."
            ) from None
        raise
    require(
        isinstance(getattr(history, "history", None), dict),
        f"`fit_with_library` returned {type(history).__name__}; return what `model.fit` returns.",
    )
    recorded = len(history.history.get("loss", ()))
    require(
        recorded == epochs,
        f"The History that `fit_with_library` returned has {recorded} of {epochs} epochs: fit "
        "once, and return what `model.fit` returns.",
    )
    return [*model.get_weights(), int(optimizer.iterations.numpy())]


# Part 6 · accounting ------------------------------------------------------------------------


def _epsilon(compute_epsilon: Callable, *args: Any) -> tuple[float, float]:
    what = "the result of `compute_epsilon`"
    result = as_array(compute_epsilon(*args), what, finite=False)
    require(
        result.shape == (2,),
        f"{what} has shape {result.shape}; the pair (epsilon, best order) is wanted.",
    )
    require(not np.isnan(result).any(), f"{what} holds NaN.")
    require(
        1 < result[1] <= 1e4,
        f"{what} has the best order {result[1]:g}: it should be one of those given, above 1.",
    )
    return float(result[0]), float(result[1])


@check
def published_figures_come_out(compute_epsilon: Callable, rng: np.random.Generator) -> None:
    """the RDP accountant gives the published ε to every printed digit."""
    n, batch, delta = 60000, 250, 1e-5
    for noise_multiplier, steps, want, digits in (
        (0.1, 480, 2321.94, 2),
        (1.3, 15 * 240, 0.9422, 4),
        (1.1, 480, 0.7958, 4),
    ):
        got, _ = _epsilon(
            compute_epsilon, noise_multiplier, batch / n, steps, delta, accounting.TUTORIAL_ORDERS
        )
        args = noise_multiplier, batch / n, steps, delta, accounting.TUTORIAL_ORDERS
        if not round(got, digits) == want:
            raise CheckFailed(
                f"For noise_multiplier {noise_multiplier}, batch {batch} of {n}, {steps} steps, "
                f"δ = {delta:g}, the published ε is {want}; yours is {got:.{digits}f}."
                f"{_epsilon_slip(got, *args)}"
            )
    # And one that nobody has published. The best order is far from the ends of the tutorial's.
    sigma, q, steps = rng.uniform(0.9, 1.6), rng.uniform(0.004, 0.02), int(rng.integers(500, 4000))
    want, _ = _library_epsilon(sigma, q, steps, delta, accounting.TUTORIAL_ORDERS)
    got, _ = _epsilon(compute_epsilon, sigma, q, steps, delta, accounting.TUTORIAL_ORDERS)
    require(
        abs(got - want) <= 1e-3 * want,  # the same computation
        f"The published figures come out, and others do not: for noise_multiplier {sigma:.4f}, "
        f"sampling_probability {q:.4f}, {steps} steps, δ = {delta:g}, ε is {want:.4f}; yours is "
        f"{got:.4f}.",
    )


def _epsilon_slip(got: float, sigma: float, q: float, steps: int, *more: Any) -> str:
    slips = {
        "That is ε without sampling; each step is Poisson SAMPLED with sampling_probability.": (
            _library_epsilon(sigma, 1.0, steps, *more)[0]
        ),
        "That is ε of a single step; the event is to be composed `steps` times.": (
            _library_epsilon(sigma, q, 1, *more)[0]
        ),
        "That is the best order. Return (epsilon, best order), in that order.": (
            _library_epsilon(sigma, q, steps, *more)[1]
        ),
    }
    return likely(got, slips)


@check
def epsilon_is_an_upper_bound(compute_epsilon: Callable, rng: np.random.Generator) -> None:
    """ε is never below the numerical (PLD) one, and moves the right way with every argument."""
    sigma, q = rng.uniform(1.2, 2.5), rng.uniform(0.005, 0.02)
    steps, delta = int(rng.integers(200, 800)), 10 ** rng.uniform(-9, -4)

    def epsilon(*args: float) -> float:
        return _epsilon(compute_epsilon, *args, accounting.TUTORIAL_ORDERS)[0]

    base = epsilon(sigma, q, steps, delta)
    for what, other, falls in (
        ("more noise", epsilon(2 * sigma, q, steps, delta), True),
        ("a larger sampling_probability", epsilon(sigma, 2 * q, steps, delta), False),
        ("more steps", epsilon(sigma, q, 4 * steps, delta), False),
        ("a larger δ", epsilon(sigma, q, steps, 100 * delta), True),
    ):
        require(
            other < base if falls else other > base,
            f"With {what} ε should {'fall' if falls else 'rise'}; yours goes from {base:.4f} to "
            f"{other:.4f}.",
        )
    tight = accounting.epsilon_pld(sigma, q, steps, delta)
    # PLD's own discretisation is below 1 % here; RDP's slack over it is 5 to 60 %.
    require(
        0.99 * tight <= base <= 3 * tight,
        f"ε = {base:.4f} for noise_multiplier {sigma:.2f}, sampling_probability {q:.4f}, "
        f"{steps} steps, δ = {delta:.1g}; an RDP bound lies a little above the numerical "
        f"{tight:.4f}.",
    )


@check
def the_best_order_is_reported(compute_epsilon: Callable, rng: np.random.Generator) -> None:
    """the order at which the bound is best comes with it, and is one of the orders given."""
    args = (0.1, 250 / 60000, 480, 1e-5)
    epsilon, order = _epsilon(compute_epsilon, *args, accounting.TUTORIAL_ORDERS)
    require(
        abs(order - 1.1) < 1e-6 and epsilon > 0,
        f"For noise_multiplier 0.1 the best of the tutorial's orders is the smallest, 1.1; yours "
        f"is {order:g}. Return (epsilon, best order), in that order.",
    )
    orders = rng.permutation(rng.uniform(1.005, 1.09, 20)).tolist()
    finer, order = _epsilon(compute_epsilon, *args, orders)
    require(
        min(abs(order - o) for o in orders) < 1e-6,
        f"The best order, {order:g}, is none of those given: use the orders in the argument.",
    )
    require(
        # One Gaussian an epoch, without any sampling, has 159, and PLD, which is tight, 476.
        470 < finer < 2321,
        f"With orders nearer 1 ε falls below 2321.94, to above 470; yours is {finer:.2f}. Are the "
        "orders that are given the ones the accountant uses?",
    )
    # The same computation: anything else is another accountant, or none. And of as many others.
    _compare_epsilon_and_order(compute_epsilon, args, orders)
    _compare_epsilon_and_order(compute_epsilon, args, rng.uniform(1.2, 1.5, 20).tolist())
    # One step with much noise, whose best order is in the hundreds; and millions with hardly any.
    orders = rng.permutation(np.arange(20, 600, 20)).tolist()
    for sigma, many in ((rng.uniform(40, 80), 1), (rng.uniform(0.02, 0.06), int(2e6))):
        args = sigma, 1.0, many, 10 ** rng.uniform(-8, -4)
        _compare_epsilon_and_order(compute_epsilon, args, orders)
    compared = 0
    while compared < 4:
        sigma, steps = rng.uniform(0.3, 8), 10 ** rng.uniform(0, 5)
        q = [1.0, rng.uniform(0.5, 1), rng.uniform(0.1, 0.5), 10 ** rng.uniform(-4, -1)][compared]
        # Whole orders: for fractions the library's series fails at some large q.
        orders = rng.choice(np.arange(2, 80), int(rng.integers(1, 20)), replace=False).tolist()
        args = sigma, q, int(steps), 10 ** rng.uniform(-12, -2)
        # For hardly any cost the library has another way to ε = 0, which needs no orders.
        if 0.01 <= _library_epsilon(*args, orders)[0] < np.inf:
            _compare_epsilon_and_order(compute_epsilon, args, orders)
            compared += 1


def _compare_epsilon_and_order(
    compute_epsilon: Callable, args: tuple[float, float, int, float], orders: list[float]
) -> None:
    got, order = _epsilon(compute_epsilon, *args, orders)
    want, best = _library_epsilon(*args, orders)
    sigma, q, steps, delta = args
    require(
        abs(got - want) <= 1e-3 * want and abs(order - best) < 1e-6,
        f"For noise_multiplier {sigma:.4g}, sampling_probability {q:.4g}, {steps} steps, δ = "
        f"{delta:.2g} and {len(orders)} orders from {min(orders):.4f} to {max(orders):.4f} ε is "
        f"{want:.4f}, from order {best:.4f}; yours is {got:.4f}, from {order:.4f}. The best order "
        "is the one that the smallest ε comes from.",
    )


def _library_epsilon(
    sigma: float, q: float, steps: int, delta: float, orders: Sequence[float]
) -> tuple[float, float]:
    import dp_accounting
    from dp_accounting import rdp

    step = dp_accounting.PoissonSampledDpEvent(q, dp_accounting.GaussianDpEvent(sigma))
    accountant = rdp.RdpAccountant(orders).compose(step, steps)
    return accountant.get_epsilon_and_optimal_order(delta)


# Part 7 · training --------------------------------------------------------------------------


LEARNING_RATE, L2_NORM_CLIP = 0.25, 1.5  # those of the lab's set-up cell


@check
def the_plan_is_the_one_accounted(train_privately: Callable, rng: np.random.Generator) -> None:
    """steps, ε and noise are those of the plan, however many examples there are."""
    # PLD takes longest where there is little noise. Images of zeros have no gradient but the
    # biases': what moves the first kernel is the noise.
    plan, other = (rng.uniform(3, 6), *_plan(rng)), (rng.uniform(20, 40), *_plan(rng, cut=True))
    pixels, few, many = 4096, plan[3] // 2, 2 * other[3]
    asked = [(few, plan), (many, other), (few, plan)]
    runs = at_home(train_privately, _trained_on_nothing, pixels, asked, student_rng(rng))
    reached, rest = [], []
    for (n, plan), run in zip(asked, runs, strict=True):
        noise_multiplier, batch_size, epochs, public_size = plan
        steps, q = epochs * public_size // batch_size, batch_size / public_size
        want = accounting.epsilon_pld(noise_multiplier, q, steps, DELTA)
        weights, got, epsilon = _run(run, 2 * pixels + 8)
        deviation = LEARNING_RATE * L2_NORM_CLIP * noise_multiplier * np.sqrt(steps) / batch_size
        reached.append(weights[: 2 * pixels] / deviation)
        rest.append(weights[2 * pixels :])
        cut = got in (int(epochs / q), epochs // q)
        require(
            got == steps,
            f"{epochs} epochs of public_size = {public_size} examples in batches of {batch_size} "
            f"(expected) are {steps} steps, though x has {n}; you trained for {got:g}."
            f"{' A quotient of floats may lie a hair below the integer that is meant.' * cut}",
        )
        require(
            abs(epsilon - want) <= 1e-3 * want,  # the same computation, or it is another run
            f"The run accounts for ε = {epsilon:.4f}; with sampling_probability batch_size / "
            f"public_size = {q:.4f}, noise_multiplier {noise_multiplier:.2f}, {steps} steps and "
            f"the lab's DELTA it is {want:.4f}. (x has {n} examples.)",
        )
    moved = np.array([np.sqrt(np.mean(z**2)) for z in reached])
    low, high = randomness.scale_bounds(2 * pixels)
    leak = (
        "It follows the number of examples: whoever sees the weights learns how many examples "
        "there are. expected_batch_size is to be a public constant."
    )
    hint = likely(moved, {leak: [plan[3] / n for n, plan in asked]}, high - 1)
    require(
        bool(np.all((low <= moved) & (moved <= high))),
        f"With {few}, {many} and {few} examples the noise moves the weights "
        f"{', '.join(f'{m:.3g}' for m in moved)} times as far as the plan's steps of plain SGD at "
        "LEARNING_RATE do, with noise_multiplier · L2_NORM_CLIP on each sum, which is divided by "
        f"batch_size. The model that is passed in is to be trained.{hint}",
    )
    require(
        all(map(np.all, rest)),
        "Some of the model's weights did not move: train all that are trainable.",
    )
    for (n, _), z in zip(asked, reached, strict=True):
        randomness.require_noise(z, f"the noise in the weights after training on {n} examples")
    randomness.require_loose(reached, "the noise in the weights")
    randomness.require_distinct(
        reached, "The weights after training again, with the same rng, which has gone on"
    )


def _plan(rng: np.random.Generator, *, cut: bool = False) -> tuple[int, int, int]:
    """A batch size, epochs, two or more, and a public size that is a multiple of the batch size.

    If `cut`, one epoch whose steps, as a quotient of floats, are below the integer that is meant.
    """
    while True:
        # Thousands of images of thousands of zeros would take a second: smaller batches then.
        batch_size, epochs = int(rng.integers(5, 12 if cut else 40)), int(rng.integers(2, 5))
        per_epoch = int(rng.integers(90, 130) if cut else rng.integers(8, 25))
        public_size = batch_size * per_epoch
        if not cut:
            return batch_size, epochs, public_size
        if 1 / (batch_size / public_size) < per_epoch:
            return batch_size, 1, public_size


@check
def the_model_learns(train_privately: Callable, rng: np.random.Generator) -> None:
    """the model you pass in takes the steps of DP-SGD, and the same rng repeats the run."""
    # Every example in every batch, and hardly any noise: nothing is left to chance. There are more
    # examples than batch_size says, so that whoever takes the first of them leaves some out, and
    # whoever counts epochs by them makes more steps.
    n, batch_size, epochs = int(rng.integers(40, 50)), int(rng.integers(20, 28)), 5
    noise_multiplier = rng.uniform(0.001, 0.002)
    x = rng.normal(0, 1, (n, 6)).astype(np.float32)
    x[::2] *= 4  # some gradients above the bound, some below
    classes = int(rng.integers(3, 6))
    size = 7 * classes
    y = np.argmax(x @ rng.normal(0, 1, (6, classes)), axis=1).astype(np.int32)
    want = _linear_after(x, y, batch_size, epochs, classes)
    others = rng.normal(0, 3, (200, 6)).astype(np.float32)
    logits = others @ want[: 6 * classes].reshape(6, classes) + want[6 * classes :]
    margins = np.diff(np.sort(logits, axis=1))[:, -1]
    clear = margins > np.quantile(margins, 0.5)  # no class is in doubt
    others, found = others[clear], np.argmax(logits[clear], axis=1)
    labels = rng.integers(0, classes, len(others)).astype(np.int32)
    plan = noise_multiplier, batch_size, epochs, batch_size
    given = [student_rng(rng)], (others, labels)
    [(*run, accuracy)] = at_home(train_privately, _trained_on, x, y, plan, *given, classes)
    got = _run(run, size)[0]
    accuracy = as_number(accuracy, "the run's validation accuracy", finite=False)
    require(
        bool(np.any(got)), "The model's weights did not move: train the model that is passed in."
    )
    # A weight's noise after all steps, if none is forgotten; gradients that follow it change that
    # by less than their clip's part. 7 deviations are exceeded with probability 3e-12.
    noise = LEARNING_RATE * L2_NORM_CLIP * noise_multiplier * np.sqrt(epochs) / batch_size
    apart, moved = np.abs(got - want).max(), np.abs(want).max()
    require(
        bool(apart <= 4 * 7 * noise),
        f"{epochs} steps on batches of all {n} examples with noise_multiplier "
        f"{noise_multiplier:.3f}, next to none, move the weights by up to {moved:.3f}; yours "
        f"end {apart:.3f} from there. A step is plain SGD at LEARNING_RATE along the sum of "
        "the gradients, each clipped to L2_NORM_CLIP, over batch_size.",
    )
    share = float(np.mean(found == labels))
    require(
        abs(accuracy - share) <= 1e-6,
        f"Of the validation_data the trained model has {share:.3f} right; the History's last "
        f"validation accuracy is {accuracy:.3f}. Pass validation_data on.",
    )
    # Half as many as the plan is for: none of them counts twice.
    few = batch_size // 2
    want = _linear_after(x[:few], y[:few], batch_size, epochs, classes)
    [result] = at_home(train_privately, _trained_on, x[:few], y[:few], plan, *given, classes)
    apart = np.abs(_run(result[:3], size)[0] - want).max()
    require(
        bool(apart <= 4 * 7 * noise),
        f"{epochs} steps on {few} examples, where public_size is {batch_size}, end {apart:.3f} "
        "from where they should: the sum is over the examples that x holds, each of them once.",
    )
    _require_batches_and_noise_of_rng(train_privately, rng)


def _require_batches_and_noise_of_rng(train_privately: Callable, rng: np.random.Generator) -> None:
    """Require that batches are Poisson, and that they and the noise follow from rng.

    Each example has weights of its own, so that they tell in which of two steps it was.
    """
    batch_size, noise_multiplier = int(rng.integers(80, 110)), rng.uniform(0.004, 0.007)
    n = 2 * int(4.4 * batch_size)  # so that the second step moves a weight half as far
    # A seed of 16 bits, however it is drawn, or of 32, as `integers` draws them, is the same twice.
    alike = [randomness.generators_that_begin_alike(rng, *bits) for bits in ((16, 16), (32, 4))]
    rngs = [copy.deepcopy(alike[0][0]), *alike[0], *alike[1]]
    plan = noise_multiplier, batch_size, 1, 2 * batch_size
    x, y = np.eye(n, dtype=np.float32), np.zeros(n, np.int32)
    results = at_home(train_privately, _trained_on, x, y, plan, rngs, (x[:1], y[:1]), 2)
    runs = [_run(run[:3], 2 * n + 2)[0] for run in results]
    deviation = LEARNING_RATE * L2_NORM_CLIP * noise_multiplier * np.sqrt(2) / batch_size
    require(
        bool(np.allclose(runs[0], runs[1], atol=deviation / 100)),
        "Two runs with the same rng differ: pass the rng on.",
    )
    batches, noises = [], []
    for run in runs:
        inside, noise = _batches_and_noise(run, batch_size)
        batches.append(inside)
        noises.append(noise / deviation)
        # The biases' noise in the first step changes their second step by a quarter of it.
        apart = float(np.abs(noises[-1]).max())
        require(
            apart <= 2 * 7,
            f"With noise_multiplier {noise_multiplier:.4f} and {n} examples, each with a pixel of "
            f"its own, the weights tell in which of two steps each was; they end {apart:.3g} "
            "standard deviations of the noise from where those steps lead.",
        )
    for one, two in ((1, 2), (0, 3), (3, 4)):
        require(
            not np.allclose(noises[one], noises[two], atol=0.01),
            "The noise of two runs with different rngs is the same: pass on the rng you are given, "
            "and don't make one of your own.",
        )
    inside = np.concatenate(batches[1:])
    sizes = inside.sum(axis=1)
    require(
        np.ptp(sizes) > 0,  # of eight sizes, which deviate by 13 or more: probability 1e-11
        f"With sampling_probability batch_size / public_size = 0.5 all batches of {n} examples "
        f"have the same size, {sizes[0]}: that is not Poisson sampling, which the accounting "
        "assumes.",
    )
    randomness.require_poisson_sampled(inside, 0.5)
    randomness.require_gaussian(np.array(noises[1:])[:, :-2], "the noise in the weights")


def _batches_and_noise(weights: np.ndarray, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return who was in which of two steps, [2, examples], and weights less where those lead.

    Example i is pixel i, of class 0. A step moves its logits apart by 2 · (its probability of class
    1) units: by 1 in the first step, and in the second, when the biases have moved, by 0.5 ± 0.1.
    The noise's deviation is 0.021 units at most. No gradient is longer than 1, so none is clipped.
    """
    unit = LEARNING_RATE / batch_size
    apart = (weights[:-2:2] - weights[1:-2:2]) / unit
    first = apart > 0.75
    doubt = special.expit(-unit * (first.sum() + first))
    second = apart - first > doubt
    moved = unit * (first / 2 + doubt * second)
    moved = np.append(moved, moved.sum())  # the biases' weights are each example's
    return np.array([first, second]), weights - np.stack([moved, -moved], axis=1).ravel()


def _linear_after(
    x: np.ndarray, y: np.ndarray, batch_size: int, steps: int, classes: int
) -> np.ndarray:
    """Return kernel and bias of a linear model after steps of DP-SGD without noise, from 0."""
    rows = np.hstack([x, np.ones((len(x), 1))]).astype(np.float64)
    weights = np.zeros((rows.shape[1], classes))
    for _ in range(steps):
        residuals = special.softmax(rows @ weights, axis=1) - np.eye(classes)[y]
        grads = rows[:, :, None] * residuals[:, None]
        norms = np.linalg.norm(grads.reshape(len(x), -1), axis=1)
        clipped = grads * np.minimum(1, L2_NORM_CLIP / norms)[:, None, None]
        weights -= LEARNING_RATE * clipped.sum(axis=0) / batch_size
    return weights.ravel()


def _run(run: Any, size: int) -> tuple[np.ndarray, float, float]:
    """Return the first weights of a model after training, the run's steps and its ε."""
    weights, steps, epsilon = run
    what = "the result of `train_privately`"
    weights = as_array(weights, "the model's weights", (size,))
    return weights, as_number(steps, f"{what}, steps,"), as_number(epsilon, f"{what}, epsilon,")


def _trained_on_nothing(
    train_privately: Callable,
    pixels: int,
    asked: Sequence[tuple[int, tuple]],
    rng: np.random.Generator,
) -> list[tuple[np.ndarray, Any, Any]]:
    """Return what training on black images leads to, steps and ε, for each size and plan.

    The first 2 · pixels weights are the first kernel; then there are 8.
    """
    model, runs = _linear_model(pixels, 2, layers=2), []
    for n, plan in asked:
        x, y = np.zeros((n, pixels), np.float32), np.zeros(n, np.int32)
        weights, history = _history(train_privately, model, x, y, *plan, rng)
        require(
            bool(np.all(np.isnan(np.asarray(history.validation_accuracy, np.float64)))),
            "No validation_data were passed, and the History that `train_privately` returned has a "
            "validation accuracy. Without noise, that of the training data is private, too.",
        )
        runs.append((weights, history.steps[-1], history.epsilon[-1]))
    return runs


def _trained_on(
    train_privately: Callable,
    x: np.ndarray,
    y: np.ndarray,
    plan: tuple,
    rngs: Sequence[np.random.Generator],
    validation_data: tuple[np.ndarray, np.ndarray],
    classes: int,
) -> list[tuple[np.ndarray, Any, Any, Any]]:
    """Return the weights, the steps, ε and validation accuracy of a run with each generator."""
    model, runs = _linear_model(x.shape[1], classes), []
    for rng in rngs:
        weights, history = _history(
            train_privately, model, x, y, *plan, rng, validation_data=validation_data
        )
        figures = history.steps[-1], history.epsilon[-1], history.validation_accuracy[-1]
        runs.append((weights, *figures))
    return runs


def _linear_model(inputs: int, classes: int, layers: int = 1) -> Any:
    import tensorflow as tf

    first = tf.keras.layers.Dense(classes, input_shape=(inputs,))
    rest = (tf.keras.layers.Dense(classes) for _ in range(layers - 1))
    return tf.keras.Sequential([first, *rest])


def _history(
    train_privately: Callable, model: Any, *args: Any, **kwargs: Any
) -> tuple[np.ndarray, Any]:
    """Return a model's weights after training from 0, and what the student's function returned."""
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    history = train_privately(model, *args, **kwargs)
    kinds = "steps", "epsilon", "validation_accuracy"
    require(
        all(isinstance(getattr(history, kind, None), list) for kind in kinds),
        f"`train_privately` returned {type(history).__name__}; return what `dpsgd.fit` returns.",
    )
    require(bool(history.steps), "The History that `train_privately` returned is empty.")
    return _flat(model.get_weights()), history


# Part 8 · attack again ----------------------------------------------------------------------


@check
def bound_is_valid_and_tight(tpr_bound: Callable, rng: np.random.Generator) -> None:
    """no (ε, δ)-DP attack is above the bound, and the best one reaches it."""
    middle, some = rng.uniform(0.5, 3), rng.uniform(0.05, 0.3)
    edges = [(0.0, some), (middle, 0.0), (middle, 1.0), (middle, rng.uniform(0.6, 0.9))]
    inside = [(10 ** rng.uniform(-3, 1.3), 10 ** rng.uniform(-9, -0.3)) for _ in range(16)]
    large = [(rng.uniform(10, 50), 10 ** rng.uniform(-9, -0.3)) for _ in range(4)]
    for epsilon, delta in edges + inside + large:
        fpr = np.concatenate([rng.uniform(0, 1, int(rng.integers(0, 30))), [0, 1e-4, 1]])
        # And where the curve bends, and near that, as small as it may be: no grid is fine enough.
        bend = (1 - delta) / (1 + np.exp(epsilon))
        fpr = np.append(fpr, np.minimum(1, bend * np.array([1, *10 ** rng.uniform(-1, 1, 4)])))
        rng.shuffle(fpr)
        others = 1 - fpr, epsilon / 2, delta / 2
        result = after_others(tpr_bound, (fpr, epsilon, delta), others)
        got = as_array(result, "the result of `tpr_bound`", fpr.shape)
        # The trade-off function of (ε, δ)-DP (Wasserman and Zhou 2010; Dong, Roth and Su 2019)
        # bounds the type II error, 1 − TPR, at a type I error of fpr.
        one_way, the_other = 1 - delta - np.exp(epsilon) * fpr, np.exp(-epsilon) * (1 - delta - fpr)
        miss = np.maximum(0, np.maximum(one_way, the_other))
        worst = int(np.argmax(np.abs(got - (1 - miss))))
        slips = {
            "That is the first inequality alone: with the two worlds swapped there is another.": (
                1 - np.maximum(0, one_way)
            ),
            "That is the second inequality alone: the first is another bound.": (
                1 - np.maximum(0, the_other)
            ),
            "That is right but for the cap: a rate is never above 1.": (
                1 - np.maximum(one_way, the_other)
            ),
        }
        require(
            # In float32 ε is off by 6e-8 of itself, so that e^ε, and with it the bound, is off by
            # 6e-8 · ε of itself.
            abs(got[worst] - (1 - miss[worst])) <= 1e-6 * max(1, epsilon / 10),
            f"At ε = {epsilon:.3f}, δ = {delta:.2g}, FPR = {fpr[worst]:.4g} `tpr_bound` gives "
            f"{got[worst]:.5f}; the tight bound is {1 - miss[worst]:.5f}."
            f"{likely(got, slips, 1e-6)}",
        )


@check
def bound_at_the_edges(tpr_bound: Callable, rng: np.random.Generator) -> None:
    """a rate is at most 1, ε = 0 means guessing, and a huge ε bounds nothing."""
    fpr, delta = np.linspace(0, 1, 11), 10 ** rng.uniform(-6, -4)
    what = "the result of `tpr_bound`"
    zero = as_array(tpr_bound(fpr, 0.0, 0.0), what, fpr.shape)
    require(
        bool(np.allclose(zero, fpr, atol=1e-9)),
        f"With ε = δ = 0 no attack beats guessing, so the bound is the FPR itself; at FPR 0.5 "
        f"yours is {zero[5]:.3f}.",
    )
    huge = as_array(tpr_bound(fpr, 50.0, delta), what, fpr.shape)
    want = np.where(fpr > 0, 1.0, delta)
    worst = int(np.argmax(np.abs(huge - want)))
    require(
        abs(huge[worst] - want[worst]) <= 1e-9,
        f"With ε = 50 and δ = {delta:.2g} the bound at FPR {fpr[worst]:.1f} is {want[worst]:.2g}; "
        f"yours is {huge[worst]:.3g}.",
    )
    # As integers, to which an array like them would cut the bounds.
    zeros = as_array(tpr_bound(np.zeros(3, int), 0.5, 0.2), what, (3,))
    require(
        bool(np.allclose(zeros, 0.2, atol=1e-6)),
        "With ε = 0.5, δ = 0.2, and FPR an array of integers, all 0, the bounds are 0.2; yours "
        f"are {zeros.tolist()}.",
    )
    # Between the edges it says something: e^ε · 0.1 + δ is below 0.3, and above e^0.3 · 0.1.
    low, high = rng.uniform(0.3, 0.5), rng.uniform(0.8, 1)
    first, second = (
        as_array(tpr_bound(fpr, epsilon, delta), what, fpr.shape)[1] for epsilon in (low, high)
    )
    require(
        bool(0.12 <= first < second <= 0.8),
        f"At FPR 0.1 an attack may do a little better than guessing, and the better the larger ε "
        f"is; your bound is {first:.3f} for ε = {low:.2f}, and {second:.3f} for ε = {high:.2f}.",
    )


@check
def lower_bound_is_where_refutation_ends(
    epsilon_lower_bound: Callable, rng: np.random.Generator
) -> None:
    """every smaller ε is refuted at the confidence asked for, and no larger one."""
    plans = [(much, int(rng.integers(20, 400)), rng.uniform(0.62, 1)) for much in (0, 1) * 5]
    # All right, so that an ε above 5 is refuted, too; and half of them, which refutes nothing.
    plans += [(0, int(rng.integers(2000, 6000)), 1.0), (0, int(rng.integers(20, 40)), 0.5)]
    cases = [(*plan, rng.uniform(0.6, 0.999)) for plan in plans]
    # With so little confidence that an ε above 12 is; and half of them are enough.
    cases += [(0, int(rng.integers(2000, 6000)), 1.0, 10 ** rng.uniform(-3, -2))]
    cases += [(0, 2 * int(rng.integers(40, 80)), 0.5, rng.uniform(0.1, 0.3))]
    for number, (much, guesses, share, confidence) in enumerate(cases):
        correct = int(np.ceil(guesses * share))
        # A guess about every canary, in half of the cases.
        canaries = guesses * (1 if number % 4 > 1 else int(rng.integers(2, 8)))
        # Hardly any δ, or so much that half a canary is given away.
        delta = rng.uniform(0.3, 0.6) / canaries if much else 10 ** rng.uniform(-9, -7)
        args = correct, guesses, delta, canaries
        got = as_number(
            epsilon_lower_bound(*args, confidence), "the result of `epsilon_lower_bound`"
        )
        require(got >= 0, f"The lower bound is {got:.4f}: ε is never negative.")
        want = _largest_refuted(*args, 1 - confidence)
        case = f"{correct} right of {guesses} guesses, {canaries} canaries, δ = {delta:.2g}"
        # `want` is exact to 1e-4, and so may be a root finder's ε.
        if not want - 0.0101 <= got <= want + 2e-4:
            slips = {
                "That is where the p-value reaches the confidence, not what is left of it.": (
                    _largest_refuted(*args, confidence)
                ),
                "That is the logarithm of right over wrong guesses, at no confidence at all.": (
                    np.log(correct / (guesses - correct)) if correct < guesses else np.inf
                ),
            }
            hint = likely(got, slips, 0.01)
            if want < got <= want + 0.0101:
                hint = " It is not refuted itself, as a lower bound must be."
            at = audit.p_value(correct, guesses, got, delta, canaries)
            raise CheckFailed(
                f"With {case}, confidence {confidence:.3f}, the largest refuted ε is {want:.4f}; "
                f"yours is {got:.4f}, which has p-value {at:.4f} and is refuted if that is at most "
                f"{1 - confidence:.4f}.{hint}"
            )


def _largest_refuted(correct: int, guesses: int, delta: float, canaries: int, beta: float) -> float:
    """Return the largest ε with a p-value of at most beta, to 1e-4, or 0."""
    low, high = 0.0, 20.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        refuted = audit.p_value(correct, guesses, middle, delta, canaries) <= beta
        low, high = (middle, high) if refuted else (low, middle)
    return low


@check
def lower_bound_of_a_lucky_guesser(epsilon_lower_bound: Callable, rng: np.random.Generator) -> None:
    """guessing no better than chance proves nothing, and more confidence proves less."""
    guesses = 2 * int(rng.integers(40, 100))
    what = "the result of `epsilon_lower_bound`"
    none = as_number(epsilon_lower_bound(0, guesses, 1e-6, 300, 0.9), what)
    require(none == 0, f"0 of {guesses} right refutes no ε: the lower bound is 0, not {none:.4f}.")
    chance = as_number(epsilon_lower_bound(guesses // 2, guesses, 1e-5, 500, 0.95), what)
    require(
        chance == 0,
        f"Half of {guesses} guesses right is what coins give: the lower bound is 0, not "
        f"{chance:.4f}.",
    )
    correct = int(0.9 * guesses)
    bounds = [
        as_number(epsilon_lower_bound(correct, guesses, 1e-5, 500, confidence), what)
        for confidence in (0.9, 0.95, 0.999)
    ]
    require(
        bounds[0] > bounds[1] > bounds[2] > 0,
        f"{correct} of {guesses} right: at confidence 0.9, 0.95, 0.999 the bounds are "
        f"{np.round(bounds, 3).tolist()}; the surer you want to be, the less you can claim: an ε "
        "is refuted when its p-value is at most 1 − confidence.",
    )
    # 80 to 198 guesses prove 0.48 of the odds' logarithm at least, and 0.86 at most.
    odds = float(np.log(correct / (guesses - correct)))
    require(
        bool(0.3 * odds <= bounds[2] and bounds[0] <= odds),
        f"{correct} of {guesses} right is what ε = {odds:.2f} gives on average: the bounds lie "
        f"below that, and not far below; yours are {np.round(bounds, 3).tolist()}.",
    )
    more = as_number(epsilon_lower_bound(correct, guesses + 9, 1e-5, 500, 0.95), what)
    require(
        more < bounds[1],
        f"{correct} of {guesses} right prove {bounds[1]:.3f}, and with 9 more guesses, all wrong, "
        f"you return {more:.3f}: they prove less.",
    )
    # Half a canary given away costs 0.19 or more; it is the same by more δ, or by more canaries.
    for delta, canaries in ((0.5 / 500, 500), (1e-5, 50_000)):
        less = as_number(epsilon_lower_bound(correct, guesses, delta, canaries, 0.95), what)
        require(
            less <= bounds[1] - 0.1,
            f"With δ = 1e-05 and 500 canaries your bound is {bounds[1]:.3f}; with δ = {delta:g}, "
            f"{canaries} canaries {less:.3f}: where δ gives more canaries away less is refuted.",
        )
