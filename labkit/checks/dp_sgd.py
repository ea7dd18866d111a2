"""The checks of lab 01, DP-SGD."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special, stats

from labkit import accounting
from labkit.checks import (
    FALSE_FAIL,
    CheckFailed,
    as_array,
    as_arrays,
    as_number,
    at_home,
    check,
    lent_rng,
    reason,
    require,
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
    # Over many orders of magnitude, as real losses are, and with ties.
    members = 10 ** rng.normal(-4, 1, rng.integers(20, 60)).round(1)
    nonmembers = 10 ** rng.normal(rng.uniform(-2.5, -1.5), 1, rng.integers(61, 120)).round(1)
    got = as_number(attack_advantage(members, nonmembers), "`attack_advantage`'s result")
    # "Some threshold below which members are more frequent, by how much?" is the one-sided
    # two-sample Kolmogorov–Smirnov statistic.
    want = stats.ks_2samp(members, nonmembers, alternative="greater").statistic
    reversed_attack = stats.ks_2samp(members, nonmembers, alternative="less").statistic
    hint = ""
    if abs(got - reversed_attack) <= 1e-6:
        hint = " The attacker says 'member' where the loss is LOW."
    elif got < want:
        hint = " Did you try every loss as a threshold, and count ties (loss ≤ threshold)?"
    elif got > want:
        hint = " TPR counts members, FPR counts non-members; each is a fraction of its own group."
    require(
        abs(got - want) <= 1e-6,  # fractions of fewer than 120 differ by more than 1e-4
        f"On {len(members)} members and {len(nonmembers)} non-members `attack_advantage` gives "
        f"{got:.4f}, but the best threshold on the loss has TPR − FPR = {want:.4f}.{hint}",
    )


@check
def advantage_at_the_extremes(attack_advantage: Callable, rng: np.random.Generator) -> None:
    """1 where the losses tell all, 0 where they tell nothing or point the wrong way."""
    losses = rng.gamma(1.0, 0.5, 40)
    for members, nonmembers, want, case in (
        (losses, losses + losses.max() + 1, 1.0, "every member's loss is below all others"),
        (losses, losses.copy(), 0.0, "both groups have the same losses"),
        (losses + losses.max() + 1, losses, 0.0, "every member's loss is ABOVE all others"),
        # Nothing but thresholds sees it: members have the smallest, the largest, and the mean.
        (
            np.concatenate([losses, losses + 4 * losses.max() + 4]),
            losses + 2 * losses.max() + 1,
            0.5,
            "half of the members' losses are below all others, half of them above",
        ),
    ):
        got = as_number(attack_advantage(members, nonmembers), "`attack_advantage`'s result")
        require(
            abs(got - want) <= 1e-6,
            f"Where {case}, the advantage of guessing 'member' at a LOW loss is {want:g}; "
            f"`attack_advantage` gives {got:.4f}.",
        )


# Part 2 · clipping --------------------------------------------------------------------------


def _gradients(rng: np.random.Generator, batch: int, norms: np.ndarray) -> list[np.ndarray]:
    """Per-example gradients of three variables, float32, with the given norms over all three."""
    grads = [rng.standard_normal((batch, *shape)) for shape in ((5, 4), (4,), (2, 3, 2))]
    now = np.sqrt(sum(np.sum(g.reshape(batch, -1) ** 2, axis=1) for g in grads))
    return [(g * (norms / now).reshape(-1, *[1] * (g.ndim - 1))).astype(np.float32) for g in grads]


def _clip(rng: np.random.Generator) -> float:
    # Above 1, so that a norm and its square differ in the same direction in every draw.
    return rng.uniform(1.5, 3.0)


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


@check
def norms_are_bounded(clip_per_example: Callable, rng: np.random.Generator) -> None:
    """no example's gradient is longer than l2_norm_clip."""
    l2_norm_clip = _clip(rng)
    norms = l2_norm_clip * 10 ** rng.uniform(-2, 2, 12)
    # A zero gradient stays zero, not NaN; and there is a long and a short one in every draw.
    norms[:3] = 0.0, 5 * l2_norm_clip, l2_norm_clip / 5
    grads = _gradients(rng, 12, norms)
    clipped = _clipped(clip_per_example, grads, l2_norm_clip)
    got = _norms(clipped)
    far = _norms(_clipped(clip_per_example, [10000 * g for g in grads], l2_norm_clip))
    worst = int(np.argmax(got))
    hint = ""
    if all(np.all(_norms([c]) <= l2_norm_clip * (1 + ROUNDING)) for c in clipped):
        hint = (
            " Each variable alone is within the bound, but an example's gradient is all its "
            "variables together: it needs ONE norm over all of them."
        )
    elif np.any(got > norms * (1 + ROUNDING)):
        hint = " Some gradients became longer: did you take max where min is meant?"
    require(
        got[worst] <= l2_norm_clip * (1 + ROUNDING),
        f"Example {worst} leaves `clip_per_example` with norm {got[worst]:.4g}, above "
        f"l2_norm_clip = {l2_norm_clip:.4g} (it came with {norms[worst]:.4g}).{hint}",
    )
    # What is divided by one large number, whatever comes in, is short until something longer comes.
    require(
        float(far.max()) <= l2_norm_clip * (1 + ROUNDING)
        and float(got.max()) >= 0.1 * l2_norm_clip,
        "All of your gradients are far shorter than l2_norm_clip, or 10 000 times as long ones are "
        "not bounded: how much is cut off depends on the gradient.",
    )
    # What is nothing, or something else, is short as well. Clipping each coordinate, which is no
    # way to bound a norm, keeps a cosine of 0.8.
    along = sum(
        np.sum((c * g).reshape(12, -1), axis=1) for c, g in zip(clipped, grads, strict=True)
    )
    require(
        bool(np.all(along[1:] >= 0.5 * got[1:] * norms[1:]) and np.all(got[1:] > 0)),
        "Some of your gradients are short because they are zero, or are none of those that came "
        "in: an example's gradient is to be shortened, and not replaced.",
    )


@check
def short_gradients_are_untouched(clip_per_example: Callable, rng: np.random.Generator) -> None:
    """a gradient that is shorter than l2_norm_clip comes back as it was."""
    l2_norm_clip = _clip(rng)
    # A few long ones among them, so that what is done to the batch as a whole shows.
    short = [0.9, *rng.uniform(0.05, 0.9, 5)]
    norms = l2_norm_clip * np.concatenate([short, rng.uniform(5, 50, 3), [50]])
    grads = _gradients(rng, 10, norms)
    factors = _factors(_clipped(clip_per_example, grads, l2_norm_clip), grads).mean(axis=0)
    factors, long = factors[:6], factors[6:]
    worst = int(np.argmax(np.abs(factors - 1)))
    hint = ""
    if np.ptp(factors) < 1e-3 * np.abs(factors).max():
        hint = (
            " Every example was multiplied by the same number: did you clip the batch as a whole "
            "instead of each example?"
        )
    elif np.all(np.abs(factors * norms[:6] - l2_norm_clip) < 1e-3):
        hint = " Short gradients were stretched to the bound: clipping only ever shortens."
    require(
        abs(factors[worst] - 1) <= ROUNDING,
        f"An example with norm {norms[worst]:.4g}, below l2_norm_clip = {l2_norm_clip:.4g}, was "
        f"multiplied by {factors[worst]:.4g}; it should come back untouched.{hint}",
    )
    require(
        float(long.min()) <= 0.9 and float(np.abs(long).max()) <= 1 + ROUNDING,
        "Gradients many times as long as l2_norm_clip came back much as they were, or longer: "
        "nothing was clipped, so that it shows nothing that the short ones are untouched.",
    )


@check
def long_gradients_keep_their_direction(
    clip_per_example: Callable, rng: np.random.Generator
) -> None:
    """a longer gradient is scaled to l2_norm_clip, all its variables by the same factor."""
    l2_norm_clip = _clip(rng)
    norms = l2_norm_clip * rng.uniform(1.2, 20, 10)
    grads = _gradients(rng, 10, norms)
    clipped = _clipped(clip_per_example, grads, l2_norm_clip)
    factors, want = _factors(clipped, grads), l2_norm_clip / norms
    spread = np.ptp(factors, axis=0) / want
    require(
        bool(np.all(spread <= 1e-2)),
        "The variables of one example were multiplied by different factors, such as "
        f"{np.round(factors[:, int(np.argmax(spread))], 4).tolist()}: its gradient now points "
        "elsewhere. Use ONE norm over all variables, then one factor.",
    )
    errors = np.abs(factors - want).max(axis=0) / want
    worst = int(np.argmax(errors))
    got = float(factors[:, worst].mean())
    hint = ""
    if np.allclose(factors, np.minimum(1, l2_norm_clip / norms**2), rtol=1e-3):
        hint = " That is C/‖g‖²: the norm is the square ROOT of the sum of squares."
    elif np.allclose(factors, 1):
        hint = " It was left as it was: did you take max where min is meant?"
    elif np.ptp(factors) < 1e-3 * np.abs(factors).max():
        hint = " Every example was multiplied by the same number: each has a norm of its own."
    require(
        errors[worst] <= 1e-3,
        f"An example with norm {norms[worst]:.4g} was multiplied by {got:.4g}; with l2_norm_clip = "
        f"{l2_norm_clip:.4g} the factor is {want[worst]:.4g}.{hint}",
    )
    leftover = np.max(
        [
            np.abs(c - g * f.reshape(-1, *[1] * (g.ndim - 1))).max() / l2_norm_clip
            for c, g, f in zip(clipped, grads, factors, strict=True)
        ]
    )
    require(
        leftover <= 1e-3,
        "The clipped gradients are not multiples of the ones that came in: clip the norm, not "
        "each coordinate.",
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


@check
def without_noise_it_is_the_mean(noisy_mean: Callable, rng: np.random.Generator) -> None:
    """with noise_multiplier 0 the result is clipped_sum / expected_batch_size."""
    expected_batch_size = rng.uniform(20, 40)
    sums = [rng.normal(10, 5, shape).astype(np.float32) for shape in ((6, 3), (3,))]
    got = _noisy(noisy_mean, sums, 1.3, 0.0, expected_batch_size, lent_rng(rng))
    ratios = np.concatenate([(s / g).ravel() for s, g in zip(sums, got, strict=True)])
    require(
        bool(np.allclose(ratios, expected_batch_size, rtol=ROUNDING)),
        f"Without noise the sum should be divided by expected_batch_size = "
        f"{expected_batch_size:.4g}; here clipped_sum / result is about {np.median(ratios):.4g}.",
    )


@check
def noise_has_the_right_scale(noisy_mean: Callable, rng: np.random.Generator) -> None:
    """the noise is Gaussian, noise_multiplier · l2_norm_clip / expected_batch_size wide."""
    # Values for which the usual slips all give different ratios.
    l2_norm_clip, noise_multiplier = rng.uniform(2.2, 2.8), rng.uniform(1.3, 1.6)
    expected_batch_size = rng.uniform(45, 55)
    sums = [rng.normal(0, 1, shape).astype(np.float32) for shape in ((150, 100), (5000,))]
    got = _noisy(
        noisy_mean, sums, l2_norm_clip, noise_multiplier, expected_batch_size, lent_rng(rng)
    )
    parts = [(g * expected_batch_size - s).ravel() for g, s in zip(got, sums, strict=True)]
    _require_noise_in_every_coordinate(parts)
    noise = np.concatenate(parts)
    ratio = noise.std() / (noise_multiplier * l2_norm_clip)
    # The sum of squares of n standard normals is χ²(n); two-sided at FALSE_FAIL that leaves
    # ±2.9 % around 1 for n = 20000.
    n = noise.size
    low, high = np.sqrt(stats.chi2.ppf([FALSE_FAIL / 2, 1 - FALSE_FAIL / 2], n) / n)
    slips = {
        "the noise is added after the division, at the size meant for the sum": expected_batch_size,
        "l2_norm_clip is missing: the noise must drown one example of THAT size": 1 / l2_norm_clip,
        "noise_multiplier is missing": 1 / noise_multiplier,
        "a variance is used where a standard deviation is meant": noise_multiplier * l2_norm_clip,
        "there is a square root too many": 1 / np.sqrt(noise_multiplier * l2_norm_clip),
        "the noise is divided by the square root of the batch size": np.sqrt(expected_batch_size),
        "the noise is divided by the batch size twice": 1 / expected_batch_size,
    }
    near = [slip for slip, factor in slips.items() if abs(ratio / factor - 1) < 0.05]
    hint = f" It looks as if {near[0]}." if near and not low <= ratio <= high else ""
    require(
        low <= ratio <= high,
        f"Over {n} coordinates the noise's standard deviation is {ratio:.3g} times "
        f"noise_multiplier · l2_norm_clip / expected_batch_size.{hint}",
    )
    z = noise / (noise_multiplier * l2_norm_clip)
    # Standard error of the mean: 1/√n. Shape: Kolmogorov–Smirnov against the normal law, with
    # the scale as checked above.
    require(
        abs(z.mean()) * np.sqrt(n) <= stats.norm.isf(FALSE_FAIL / 2),
        f"The noise has mean {z.mean():.3f} standard deviations; it should be centred on 0.",
    )
    require(
        stats.kstest(z, "norm").pvalue >= FALSE_FAIL,
        "The noise has the right size but is not Gaussian, or one draw is shared by many "
        "coordinates: draw an independent normal for each.",
    )


def _require_noise_in_every_coordinate(parts: list[np.ndarray]) -> None:
    # float32 sums of size 1, times a batch size of 50, round to 1e-5; the noise is of size 1.
    require(
        any(np.abs(noise).max() > 1e-3 for noise in parts),
        "There is no noise in the result at all.",
    )
    require(
        all(np.ptp(noise) > 1e-3 for noise in parts),
        "Every coordinate of a variable gets the SAME noise: draw one number for each coordinate "
        "(size=g.shape).",
    )


@check
def noise_is_fresh_and_reproducible(noisy_mean: Callable, rng: np.random.Generator) -> None:
    """all randomness comes from rng, and every call and variable draws its own."""
    seed = int(rng.integers(2**32))
    zeros = [np.zeros((40, 50), np.float32), np.zeros((40, 50), np.float32)]

    def draw(generator: np.random.Generator) -> list[np.ndarray]:
        return _noisy(noisy_mean, zeros, 1.0, 1.0, 1.0, generator)

    generator = np.random.default_rng(seed)
    first, second = draw(generator), draw(generator)
    _require_noise_in_every_coordinate(first)
    largest = max(np.abs(noise).max() for noise in first)
    require(
        largest <= 100,  # standard deviations
        f"Noise with a standard deviation of 1 is wanted; yours reaches {largest:.3g}.",
    )
    again = draw(np.random.default_rng(seed))
    other = draw(np.random.default_rng(seed + 1))

    def apart(a: np.ndarray, b: np.ndarray) -> bool:
        # Independent draws of 2000 normals correlate with deviation 1/√2000 = 0.022; 0.5 is 22
        # of those.
        a, b = a / np.abs(a).max(), b / np.abs(b).max()
        correlation = np.mean(a * b) / np.sqrt(np.mean(a**2) * np.mean(b**2))
        return bool(abs(correlation) <= 0.5)

    # Of every variable: one that is always the same hides in nobody else's noise.
    everywhere = list(itertools.product(range(2), repeat=2))
    for pairs, what in (
        (
            [(first[i], second[j]) for i, j in everywhere],
            "two calls with the same rng give the same noise",
        ),
        (
            [(run[0], run[1]) for run in (first, second, other)],
            "two variables of one call get the same noise",
        ),
        (
            [(first[i], other[j]) for i, j in everywhere],
            "differently seeded rngs give the same noise",
        ),
    ):
        require(
            all(apart(a, b) for a, b in pairs),
            f"Here {what}, in some variable: an attacker subtracts one from the other. Draw "
            "everything from the rng you are given, and never re-seed.",
        )
    require(
        all(np.array_equal(a, b) for a, b in zip(first, again, strict=True)),
        "Two rngs with the same seed give different noise: draw from the rng you are given, so "
        "that a run can be repeated.",
    )


# Part 4 · Poisson sampling ------------------------------------------------------------------

_DRAWS = 500


def _batches(
    poisson_batch: Callable, rng: np.random.Generator, n: int, q: float, draws: int = _DRAWS
) -> list[np.ndarray]:
    what = "the result of `poisson_batch`"
    batches = []
    for _ in range(draws):
        batch = poisson_batch(rng, n, q)
        array = as_array(batch, what)
        require(
            array.ndim == 1,
            f"{what} has shape {array.shape}; a list of indices (one dimension) is wanted.",
        )
        require(
            not (len(array) == n and np.isin(array, (0, 1)).all()),
            f"{what} looks like a mask of {n} zeros and ones; the indices where it is true are "
            "wanted.",
        )
        outside = array[(array < 0) | (array >= n) | (array != np.round(array))]
        require(
            outside.size == 0,
            f"{what} holds {outside[:1].tolist()}, but indices run from 0 to n − 1 = {n - 1}.",
        )
        batches.append(array.astype(int))
    return batches


@check
def sizes_are_binomial(poisson_batch: Callable, rng: np.random.Generator) -> None:
    """batch sizes vary as Binomial(n, sampling_probability)."""
    # A large q, where a binomial's variance, nq(1 − q), is far from a Poisson's, nq; and not near
    # ½, where batches of everybody else would be as large.
    n, q, lent = int(rng.integers(200, 300)), rng.uniform(0.58, 0.65), lent_rng(rng)
    batches = _batches(poisson_batch, lent, n, q)
    require(
        all(2 * len(np.unique(batch)) > len(batch) for batch in batches),
        "Most of a batch is the same example again and again.",
    )
    sizes = np.array([len(batch) for batch in batches])
    # The total is Binomial(draws · n, q), exactly.
    p = stats.binomtest(int(sizes.sum()), _DRAWS * n, q).pvalue
    require(
        p >= FALSE_FAIL,
        f"With n = {n} and sampling_probability = {q:.3f} the batches hold {sizes.mean():.1f} "
        f"examples on average; {n * q:.1f} are expected.",
    )
    # Squared deviations in units of the binomial variance have mean 1 and variance 2 + κ with
    # κ the binomial's excess kurtosis; their sum over 500 draws is close to normal, and 1.2
    # allows for its small skew.
    variance = n * q * (1 - q)
    kurtosis = (1 - 6 * q * (1 - q)) / variance
    z = (np.sum((sizes - n * q) ** 2) / variance - _DRAWS) / np.sqrt(_DRAWS * (2 + kurtosis))
    hint = (
        " Every batch has the same size: that is not Poisson sampling, and its privacy theorem "
        "is another one."
        if np.ptp(sizes) == 0
        else " Does each example toss a coin of its own?"
    )
    require(
        abs(z) <= 1.2 * stats.norm.isf(FALSE_FAIL / 2),
        f"The batch sizes have variance {sizes.var():.1f}; independent coins give "
        f"{variance:.1f}.{hint}",
    )
    # Each of these batches is empty with probability 0.95: none of 50 with probability 1e-65.
    require(
        any(len(batch) == 0 for batch in _batches(poisson_batch, lent, 5, 0.01, draws=50)),
        "Of 50 batches from 5 examples with sampling_probability 0.01 none is empty; nearly all "
        "should be. An empty batch is a batch like any other.",
    )


@check
def examples_are_independent(poisson_batch: Callable, rng: np.random.Generator) -> None:
    """every example is in or out by a coin of its own, in every batch afresh."""
    n, q = int(rng.integers(200, 300)), rng.uniform(0.1, 0.3)
    batches = _batches(poisson_batch, lent_rng(rng), n, q)
    require(
        all(len(np.unique(batch)) == len(batch) for batch in batches),
        "Some batch holds an example twice: it would count twice, and double its influence.",
    )
    inside = np.zeros((_DRAWS, n), dtype=bool)
    for row, batch in zip(inside, batches, strict=True):
        row[batch] = True
    # Each example's count is Binomial(draws, q): n exact tests, Bonferroni.
    counts = inside.sum(axis=0)
    tails = np.minimum(stats.binom.cdf(counts, _DRAWS, q), stats.binom.sf(counts - 1, _DRAWS, q))
    rare = int(np.argmin(tails))
    require(
        2 * n * tails[rare] >= FALSE_FAIL,
        f"Example {rare} of {n} was in {counts[rare]} of {_DRAWS} batches; {_DRAWS * q:.0f} are "
        "expected. Has every example the same chance?",
    )
    # How often two coins fall together, for neighbours in one batch and for one example in two
    # successive batches: m products of independent coins, neighbouring products sharing a coin,
    # have mean m·q² and variance at most m(q² − q⁴) + 2m(q³ − q⁴). 1.2 allows for the skew.
    for pairs, what in (
        (inside[:, :-1] & inside[:, 1:], "neighbours are together in a batch"),
        (inside[:-1] & inside[1:], "an example is in two successive batches"),
    ):
        m = pairs.size
        z = (pairs.sum() - m * q**2) / np.sqrt(m * (q**2 - q**4) + 2 * m * (q**3 - q**4))
        require(
            abs(z) <= 1.2 * stats.norm.isf(FALSE_FAIL / 2),
            f"{pairs.sum()} times {what}; with independent coins it would be about "
            f"{m * q**2:.0f}. A shuffled data set cut into slices is not Poisson sampling.",
        )
    seed = int(rng.integers(2**32))
    [first], [again] = (
        _batches(poisson_batch, np.random.default_rng(s), n, q, draws=1) for s in (seed, seed)
    )
    require(
        bool(np.array_equal(np.sort(first), np.sort(again))),
        "Two rngs with the same seed give different batches: draw from the rng you are given.",
    )


# Part 5 · the library -----------------------------------------------------------------------


class _TinyTask:
    """A few examples, a small network, and what DP-SGD without noise must do to its weights."""

    def __init__(self, rng: np.random.Generator, examples: int) -> None:
        self.l2_norm_clip = float(rng.uniform(0.4, 0.6))
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

    def weights_after(self, steps: int, num_microbatches: int, clip: bool = True) -> np.ndarray:
        """Full-batch steps by the definition, with the network's gradients written out."""
        groups = np.arange(num_microbatches).repeat(len(self.x) // num_microbatches)
        weights = [w.astype(np.float64) for w in self.weights]
        for _ in range(steps):
            w1, b1, w2, b2 = weights
            hidden = np.tanh(self.x @ w1 + b1)
            d2 = special.softmax(hidden @ w2 + b2, axis=1) - np.eye(3)[self.y]
            d1 = (d2 @ w2.T) * (1 - hidden**2)
            each = [self.x[:, :, None] * d1[:, None], d1, hidden[:, :, None] * d2[:, None], d2]
            flat = np.hstack([g.reshape(len(self.x), -1) for g in each])
            means = np.array([flat[groups == i].mean(axis=0) for i in range(num_microbatches)])
            norms = np.linalg.norm(means, axis=1, keepdims=True)
            factors = np.minimum(1, self.l2_norm_clip / norms) if clip else 1.0
            step = self.learning_rate * np.mean(factors * means, axis=0)
            ends = np.cumsum([w.size for w in weights])[:-1]
            parts = np.split(step, ends)
            weights = [w - p.reshape(w.shape) for w, p in zip(weights, parts, strict=True)]
        return _flat(weights)


def _tiny_network(weights: list[np.ndarray]) -> Any:
    import tensorflow as tf

    model = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(5, activation="tanh", input_shape=(4,)),
            tf.keras.layers.Dense(3),
        ]
    )
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
        type(optimizer).__module__.startswith("tensorflow_privacy"),
        f"`library_optimizer` returned {type(optimizer).__name__} of "
        f"{type(optimizer).__module__.split('.')[0]}: an ordinary optimizer, neither clipping nor "
        "noise. TensorFlow Privacy's is DPKerasSGDOptimizer.",
    )
    return optimizer


@check
def its_step_clips_each_microbatch(library_optimizer: Callable, rng: np.random.Generator) -> None:
    """without noise its step is the mean of the clipped microbatch gradients."""
    task = _TinyTask(rng, 12)
    before = _flat(task.weights)
    microbatches = int(rng.choice([3, 4, 6]))
    settings = task.settings(microbatches)
    result = at_home(library_optimizer, _one_step, settings, task.weights, task.x, task.y)
    got = _flat(as_arrays(result, "the model's weights after its step", task.weights))
    want = task.weights_after(1, microbatches)
    slips = {
        "l2_norm_clip does not reach the optimizer": task.weights_after(1, microbatches, False),
        "num_microbatches does not reach the optimizer": task.weights_after(1, len(task.x)),
    }
    near = [slip for slip, weights in slips.items() if _near(got, weights, want - before)]
    ratio = float(np.linalg.norm(got - before) / np.linalg.norm(want - before))
    hint = f" It looks as if {near[0]}." if near else _default_rate(ratio, task.learning_rate)
    require(
        _near(got, want, want - before),
        f"After one step with noise_multiplier 0 the weights moved {ratio:.3g} times as far as "
        f"DP-SGD moves them, or elsewhere.{hint} Pass on all four arguments, each under its own "
        "name.",
    )


def _one_step(
    library_optimizer: Callable,
    settings: dict[str, float],
    weights: list[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
) -> list[np.ndarray]:
    """Return the weights after a step of a student's optimizer on the whole batch."""
    import tensorflow as tf

    optimizer = _private_optimizer(library_optimizer(**settings))
    model = _tiny_network(weights)
    per_example_loss = tf.keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=tf.keras.losses.Reduction.NONE
    )
    model.compile(optimizer, per_example_loss)
    _trained(lambda: model.train_on_batch(x, y), "its step")
    return model.get_weights()


@check
def its_noise_has_the_right_scale(library_optimizer: Callable, rng: np.random.Generator) -> None:
    """its noise is noise_multiplier · l2_norm_clip on the sum."""
    l2_norm_clip, noise_multiplier = rng.uniform(2.2, 2.8), rng.uniform(1.3, 1.6)
    microbatches = int(rng.integers(2, 6))
    settings = {
        "l2_norm_clip": l2_norm_clip,
        "noise_multiplier": noise_multiplier,
        "num_microbatches": microbatches,
        "learning_rate": 1.0,
    }
    n = 10000
    noise = as_array(at_home(library_optimizer, _noise, settings, n), "its noise", (n,))
    require(
        noise.std() == 0 or stats.kstest(noise / noise.std(), "norm").pvalue >= FALSE_FAIL,
        "What the optimizer adds is no Gaussian noise: TensorFlow Privacy's is.",
    )
    ratio = noise.std() * microbatches / (noise_multiplier * l2_norm_clip)
    # χ² as in `noise_has_the_right_scale`.
    low, high = np.sqrt(stats.chi2.ppf([FALSE_FAIL / 2, 1 - FALSE_FAIL / 2], n) / n)
    require(
        low <= ratio <= high,
        f"The optimizer's noise is {ratio:.3g} times noise_multiplier · l2_norm_clip / "
        "num_microbatches."
        + (
            _default_rate(ratio, 1.0)
            or " Pass on noise_multiplier as it came: the optimizer multiplies by the clip itself."
        ),
    )


def _noise(library_optimizer: Callable, settings: dict[str, float], n: int) -> np.ndarray:
    """Return by how much a step of a student's optimizer moves n weights without a gradient."""
    import tensorflow as tf

    optimizer = _private_optimizer(library_optimizer(**settings))
    weights = tf.Variable(tf.zeros([n]))
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.zeros([settings["num_microbatches"]]) * tf.reduce_sum(weights)
    _trained(lambda: optimizer.minimize(loss, [weights], tape=tape), "its step")
    return weights.numpy()


def _default_rate(ratio: float, learning_rate: float) -> str:
    """A hint, if the steps are as long as Keras's default learning rate makes them."""
    if abs(ratio * learning_rate / 0.01 - 1) > 0.05:
        return ""
    return " It looks as if the learning rate were Keras's default, 0.01."


def _trained(train: Callable[[], Any], what: str) -> Any:
    try:
        return train()
    except Exception as error:
        raise CheckFailed(f"TensorFlow refuses {what}: {reason(error)}") from None


@check
def fit_keeps_one_loss_per_example(fit_with_library: Callable, rng: np.random.Generator) -> None:
    """model.fit gets one loss per example, and the optimizer, batch size and epochs asked for."""
    task = _TinyTask(rng, 40)  # more than Keras's own batch size, 32
    before = _flat(task.weights)
    epochs = int(rng.integers(2, 4))
    settings = task.settings(len(task.x))
    result = at_home(fit_with_library, _fitted, settings, task.weights, task.x, task.y, epochs)
    *weights, steps = as_arrays(
        result, "the model's weights after `fit_with_library`", [*task.weights, np.zeros(())]
    )
    require(
        steps == epochs,
        f"The optimizer made {steps:g} steps; {len(task.x)} examples in batches of {len(task.x)} "
        f"for {epochs} epochs are {epochs}. Compile with the optimizer you are given, and pass "
        "batch_size and epochs on.",
    )
    got, want = _flat(weights), task.weights_after(epochs, len(task.x))
    hint = ""
    if _near(got, task.weights_after(epochs, 1), want - before):
        hint = " It looks as if the losses were averaged first, so that only their mean is clipped."
    require(
        _near(got, want, want - before),
        "The weights are not where DP-SGD without noise takes them. Is the loss the cross-entropy "
        f"on LOGITS, with one value per example (reduction NONE)?{hint}",
    )


def _fitted(
    fit_with_library: Callable,
    settings: dict[str, float],
    weights: list[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    epochs: int,
) -> list[Any]:
    """Return the weights that a student's `fit` leads to, and the optimizer's count of steps."""
    import tensorflow_privacy

    model = _tiny_network(weights)
    optimizer = tensorflow_privacy.DPKerasSGDOptimizer(**settings)
    try:
        history = fit_with_library(model, optimizer, x, y, len(x), epochs)
    except CheckFailed as failure:
        if "input shapes: []" not in str(failure):
            raise
        raise CheckFailed(
            "TensorFlow Privacy was given ONE loss for the whole batch, and cannot cut that into "
            "microbatches: the losses were averaged. Keep one loss per example (reduction NONE)."
        ) from None
    require(
        isinstance(getattr(history, "history", None), dict),
        f"`fit_with_library` returned {type(history).__name__}; return what `model.fit` returns.",
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
        hint = ""
        if got > 1.5 * want:
            hint = " Is each step Poisson SAMPLED with sampling_probability?"
        elif got < want / 1.5:
            hint = " Is the event composed `steps` times?"
        require(
            round(got, digits) == want,
            f"For noise_multiplier {noise_multiplier}, batch {batch} of {n}, {steps} steps, "
            f"δ = {delta:g}, the published ε is {want}; yours is {got:.{digits}f}.{hint}",
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


@check
def epsilon_is_an_upper_bound(compute_epsilon: Callable, rng: np.random.Generator) -> None:
    """ε is never below the numerical (PLD) one, and moves the right way with every argument."""
    sigma, q = rng.uniform(0.9, 2.0), rng.uniform(0.005, 0.02)
    steps, delta = int(rng.integers(200, 800)), 10 ** rng.uniform(-7, -4)

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
            f"{other:.4f}. Is every argument used?",
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
    # The same computation: anything else is another accountant, or none.
    want, best = _library_epsilon(*args, orders)
    require(
        abs(finer - want) <= 1e-3 * want and abs(order - best) < 1e-6,
        f"With 20 orders between {min(orders):.4f} and {max(orders):.4f} ε is {want:.2f}, from "
        f"order {best:.4f}; yours is {finer:.2f}, from {order:.4f}. The best order is the one that "
        "the smallest ε comes from.",
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


@check
def the_plan_is_the_one_accounted(train_privately: Callable, rng: np.random.Generator) -> None:
    """steps, ε and noise are those of the plan, however many examples there are."""
    size, batch_size, epochs = int(rng.integers(20, 30)) * 20, 20, int(rng.integers(2, 4))
    noise_multiplier = rng.uniform(3.0, 6.0)  # PLD takes longest where there is little noise
    plan = noise_multiplier, batch_size, epochs, size
    steps, q = epochs * size // batch_size, batch_size / size
    want = accounting.epsilon_pld(noise_multiplier, q, steps, DELTA)
    reached = []
    for n in (size // 2, 2 * size):
        # Images of zeros have no gradient but the bias's: what moves the kernel is the noise.
        x, y = np.zeros((n, 100), np.float32), np.zeros(n, np.int32)
        weights, got, epsilon = _small_run(train_privately, rng, x, y, *plan)
        reached.append(weights[:200].std() * batch_size / (noise_multiplier * np.sqrt(steps)))
        require(
            got == steps,
            f"{epochs} epochs of public_size = {size} examples in batches of {batch_size} "
            f"(expected) are {steps} steps, though x has {n}; you trained for {got:g}.",
        )
        require(
            abs(epsilon - want) <= 1e-3 * want,  # the same computation, or it is another run
            f"The run accounts for ε = {epsilon:.4f}; with sampling_probability batch_size / "
            f"public_size = {q:.4f}, noise_multiplier {noise_multiplier:.2f}, {steps} steps and "
            f"the lab's DELTA it is {want:.4f}. (x has {n} examples.)",
        )
    # 0.375 with the lab's learning rate and clip; ten times that with a momentum of 0.9.
    require(
        all(0.03 <= width <= 5 for width in reached),
        f"The noise moves the weights as if learning rate · l2_norm_clip were {reached[0]:.2g}. Is "
        f"the model that is passed in trained, and each noisy sum divided by {batch_size}?",
    )
    # The ratio of two variances of 200 normals each follows F(200, 200): the deviations are within
    # a factor of 1.43 but for FALSE_FAIL. Division by q·n has a factor of 4.
    factor = reached[0] / reached[1]
    limit = np.sqrt(stats.f.isf(FALSE_FAIL / 2, 200, 200))
    require(
        bool(1 / limit <= factor <= limit),
        f"With {size // 2} examples the noise in the weights is {factor:.2f} times that with "
        f"{2 * size}: whoever sees the weights learns how many examples there are. "
        "expected_batch_size is to be a public constant.",
    )


@check
def the_model_learns(train_privately: Callable, rng: np.random.Generator) -> None:
    """the model you pass in is trained, and the same rng repeats the run."""
    runs = []
    seed = int(rng.integers(2**32))
    feature, sign = int(rng.integers(6)), int(rng.choice([-1, 1]))
    x = rng.normal(0, 1, (200, 6)).astype(np.float32)
    y = (sign * x[:, feature] > 0).astype(np.int32)
    for s in (seed, seed, seed + 1):
        # Few and large batches: little noise in the mean, 0.04 of the clip.
        weights, *_ = _small_run(train_privately, np.random.default_rng(s), x, y, 4.0, 100, 2, 200)
        runs.append(weights)
    require(
        bool(np.any(runs[0])),
        "The model's weights did not move: train the model that is passed in.",
    )
    require(
        bool(np.allclose(runs[0], runs[1], atol=1e-6)),
        "Two runs with the same rng differ: pass the rng on.",
    )
    require(
        not np.allclose(runs[0], runs[2], atol=1e-6),
        "Two runs with different rngs are equal: pass on the rng you are given, and don't make "
        "one of your own.",
    )
    # The label is whether a feature is above 0. Of 200 examples others have a say of 0.07 each.
    slopes = [sign * np.diff(weights[:12].reshape(6, 2))[:, 0] for weights in runs]
    learned = min(float(s[feature] / max(np.linalg.norm(s), 1e-12)) for s in slopes)
    require(
        learned >= 0.8,
        f"The model's weights moved, but did not learn: the label shows in feature {feature}, and "
        f"the cosine of what the model looks at with that is {learned:.2f}. Is it trained, on "
        "batches of the size that is asked for?",
    )


def _small_run(
    train_privately: Callable,
    rng: np.random.Generator,
    x: np.ndarray,
    y: np.ndarray,
    *plan: float,
) -> tuple[np.ndarray, float, float]:
    """Return the weights of a linear model after training from 0, and the run's steps and ε.

    The plan is the noise multiplier, the batch size, the epochs and the public size.
    """
    result = at_home(train_privately, _trained_small, x, y, *plan, lent_rng(rng))
    weights, steps, epsilon = result
    what = "the result of `train_privately`"
    weights = as_array(weights, "the model's weights", (2 * x.shape[1] + 2,))
    return weights, as_number(steps, f"{what}, steps,"), as_number(epsilon, f"{what}, epsilon,")


def _trained_small(
    train_privately: Callable, x: np.ndarray, y: np.ndarray, *plan: Any
) -> tuple[np.ndarray, Any, Any]:
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=x.shape[1:])])
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    history = train_privately(model, x, y, *plan)
    require(
        hasattr(history, "epsilon") and hasattr(history, "steps"),
        f"`train_privately` returned {type(history).__name__}; return what `dpsgd.fit` returns.",
    )
    return _flat(model.get_weights()), history.steps[-1], history.epsilon[-1]


# Part 8 · attack again ----------------------------------------------------------------------


@check
def bound_is_valid_and_tight(tpr_bound: Callable, rng: np.random.Generator) -> None:
    """no (ε, δ)-DP attack is above the bound, and the best one reaches it."""
    for _ in range(20):
        epsilon, delta = rng.uniform(0.05, 4.0), 10 ** rng.uniform(-6, -1)
        fpr = np.sort(rng.uniform(0, 1, 30))
        got = as_array(tpr_bound(fpr, epsilon, delta), "the result of `tpr_bound`", fpr.shape)
        # The trade-off function of (ε, δ)-DP (Wasserman and Zhou 2010; Dong, Roth and Su 2019,
        # Proposition 2.5) bounds the type II error, 1 − TPR, at a type I error of fpr.
        miss = np.maximum.reduce(
            [
                np.zeros_like(fpr),
                1 - delta - np.exp(epsilon) * fpr,
                np.exp(-epsilon) * (1 - delta - fpr),
            ]
        )
        worst = int(np.argmax(np.abs(got - (1 - miss))))
        gap = got[worst] - (1 - miss[worst])
        hint = ""
        if gap > 0:
            hint = (
                " It is valid but loose here: the roles of the two worlds can be swapped, which "
                "bounds 1 − TPR from below as well."
                if got[worst] <= 1
                else " A rate is never above 1."
            )
        require(
            abs(gap) <= 1e-6,
            f"At ε = {epsilon:.3f}, δ = {delta:.2g}, FPR = {fpr[worst]:.4f} `tpr_bound` gives "
            f"{got[worst]:.5f}; the tight bound is {1 - miss[worst]:.5f}.{hint}",
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
    for _ in range(5):
        guesses = 2 * int(rng.integers(30, 150))
        correct = int(guesses * rng.uniform(0.7, 0.99))
        confidence, canaries = rng.uniform(0.9, 0.99), guesses * 3
        got = as_number(
            epsilon_lower_bound(correct, guesses, 1e-5, canaries, confidence),
            "the result of `epsilon_lower_bound`",
        )
        _refutes(got, correct, guesses, canaries, confidence)


def _refutes(got: float, correct: int, guesses: int, canaries: int, confidence: float) -> None:
    from labkit import audit

    case = f"{correct} right of {guesses} guesses, confidence {confidence:.3f}"
    require(got >= 0, f"With {case}, the lower bound is {got:.4f}: ε is never negative.")
    # Both sides within 0.01, the finest that a plot shows: a grid of that step will do.
    at = audit.p_value(correct, guesses, max(0.0, got - 2e-3), 1e-5, canaries)
    require(
        got == 0 or at <= 1 - confidence,
        f"With {case}, you claim ε > {got:.4f}, but that ε has p-value {at:.4f} > "
        f"{1 - confidence:.4f}: it is not refuted.",
    )
    above = audit.p_value(correct, guesses, got + 0.015, 1e-5, canaries)
    require(
        above > 1 - confidence,
        f"With {case}, your bound is {got:.4f}, but ε = {got + 0.015:.4f} is refuted too "
        f"(p-value {above:.4f} ≤ {1 - confidence:.4f}): a larger lower bound is proved.",
    )


@check
def lower_bound_of_a_lucky_guesser(epsilon_lower_bound: Callable, rng: np.random.Generator) -> None:
    """guessing no better than chance proves nothing, and more confidence proves less."""
    guesses = 2 * int(rng.integers(40, 100))
    what = "the result of `epsilon_lower_bound`"
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
        f"{np.round(bounds, 3).tolist()}; the surer you want to be, the less you can claim. Is "
        "ε refuted when its p-value is at most 1 − confidence?",
    )
    # 80 to 198 guesses prove 0.48 of the odds' logarithm at least, and 0.86 at most.
    odds = float(np.log(correct / (guesses - correct)))
    require(
        bool(0.3 * odds <= bounds[2] and bounds[0] <= odds),
        f"{correct} of {guesses} right is what ε = {odds:.2f} gives on average: the bounds lie "
        f"below that, and not far below; yours are {np.round(bounds, 3).tolist()}.",
    )
