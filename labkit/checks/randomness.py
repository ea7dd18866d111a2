"""Statistical tests of random numbers that a student's function draws, for every lab's checks.

Noise protects only if it has the stated law, and if nobody can work out one part of it from
another: over coordinates, variables, calls, rounds and seeds. What has the right mean, variance or
shape may still repeat, cancel, be cut off, or come from a few seeds. Each function here raises
`CheckFailed` where its property is broken. Each test of one property fails a right answer with
probability `FALSE_FAIL` at most; a function that calls others adds theirs, of which there are less
than a dozen.

The numbers are standardised by the caller: normal ones to mean 0 and deviation 1; words (unsigned
integers) stay as they are.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import fft, spatial, special, stats

from labkit.checks import FALSE_FAIL, require

# Where draws beyond are counted. What is clipped at 3 has nothing beyond 3.05, where 10 000 normals
# have 23, and at 4.2 nothing beyond 4.25, where `MANY` have 25; none, with probability 7e-12.
TAILS = (1.0, 2.0, 3.0, 3.05, 3.5, 4.0, 4.25, 4.5)
MANY = 1_200_000
_HAIR = 1e-5

# Draws in float32 repeat by chance: they lie on a grid of 2^-23 of the probability or finer; two
# equal absolute values are twice as likely. Another factor of 2 is left for coarser generators.
_COINCIDENCE = 4 * 2.0**-23


def require_gaussian(z: np.ndarray, what: str) -> None:
    """Require that `z`, of any shape, has the law of independent standard normals.

    Mean, deviation, shape (Kolmogorov–Smirnov), fourth moment, and the tails at `TAILS`, each and
    both, are tested. 300 000 draws show a sum of twelve uniform numbers, by the one or the other.
    """
    z = np.asarray(z, np.float64).ravel()
    n, chance = z.size, FALSE_FAIL / (4 + 3 * len(TAILS))
    require(n > 0, f"{what} is empty.")
    require(
        abs(z.mean()) * np.sqrt(n) <= stats.norm.isf(chance / 2),
        f"{_begun(what)} has mean {z.mean():.3g} standard deviations over {n} draws; it should be "
        "centred on 0.",
    )
    low, high = scale_bounds(n, chance)
    deviation = float(np.sqrt(np.mean(z**2)))
    require(
        low <= deviation <= high,
        f"Over {n} draws the standard deviation of {what} is {deviation:.3g} times what is wanted.",
    )
    # A hair further out, so that what is clipped to a tail is not beyond it by rounding.
    one_side = stats.norm.sf(np.array(TAILS) + _HAIR)
    above, below = (
        np.array([np.count_nonzero(side > tail + _HAIR) for tail in TAILS]) for side in (z, -z)
    )
    for where, counts, wanted in (
        ("above ", above, one_side),
        ("below −", below, one_side),
        ("beyond ±", above + below, 2 * one_side),
    ):
        p = _binomial_tails(counts, n, wanted)
        worst = int(np.argmin(p))
        require(
            bool(2 * p[worst] >= chance),
            f"Of {n} draws {counts[worst]} lie {where}{TAILS[worst]:g} standard deviations; "
            f"{n * wanted[worst]:.3g} are to be expected of a Gaussian: {what} is not one.",
        )
    require(
        _kolmogorov_smirnov(z) >= chance,
        f"{_begun(what)} has the right size, but is not Gaussian, or one draw serves many times.",
    )
    if n >= 2000:
        # Anscombe and Glynn's transformation to a normal number; far out it is not quite one, for
        # which 1 is added to the limit.
        score = float(stats.kurtosistest(z).statistic)
        require(
            abs(score) <= stats.norm.isf(chance / 2) + 1,
            f"{_begun(what)} has the right size, but is not Gaussian: over {n} draws the mean of "
            f"the fourth powers is {np.mean(z**4) / np.mean(z**2) ** 2:.3f} times the squared "
            "variance; it should be 3.",
        )


def _kolmogorov_smirnov(z: np.ndarray) -> float:
    """Return the p-value of `stats.kstest(z, "norm")`, in a quarter of its time."""
    below, n = special.ndtr(np.sort(z)), z.size
    steps = np.arange(n + 1) / n
    apart = np.maximum(np.max(steps[1:] - below), np.max(below - steps[:-1]))
    return float(stats.kstwo.sf(apart, n))


def scale_bounds(n: int, chance: float = FALSE_FAIL) -> tuple[float, float]:
    """Return between which the root mean square of n standard normals lies but for `chance`.

    The sum of their squares is χ²(n).
    """
    low, high = np.sqrt(stats.chi2.ppf([chance / 2, 1 - chance / 2], n) / n)
    return float(low), float(high)


def require_noise(z: np.ndarray, what: str) -> None:
    """Require Gaussian noise of which no part tells of another: law, freshness, independence.

    Args:
        z: standardised draws, of any shape, exactly as they were drawn. `MANY` show tails that are
            cut off at 4.2; of so many, only parts are tested for independence.
        what: their name in the message.
    """
    z = np.asarray(z).ravel()
    require_fresh(z, what)
    require_gaussian(z, what)
    # In few numbers fewer are equal by chance, so that a repetition now and then shows, too.
    require_fresh(z[:_PIECE], what)
    require_independent(z[: 4 * _PIECE], what)
    if z.size >= 8 * _PIECE:
        require_unrelated(z[: 4 * _PIECE], z[-4 * _PIECE :], f"Two parts of {what}")


_PIECE = 2**14


def repeats(values: np.ndarray) -> int:
    """Return how many of `values`, flattened, have the absolute value of an earlier one."""
    # np.unique's table takes ten times as long as sorting.
    values = np.sort(np.abs(np.asarray(values)), axis=None)
    return int(np.count_nonzero(~(values[1:] > values[:-1])))


def require_fresh(values: np.ndarray, what: str, bits: int | None = None) -> None:
    """Require that no value of `values`, of any shape, repeats, with the same sign or the other.

    Args:
        values: draws from a continuous law, in float32 or float64, exactly as they were drawn: what
            was added to them hides that two are the same. Or words.
        what: their name in the message.
        bits: the length of words that are uniform; None for a continuous law.
    """
    n = np.asarray(values).size
    coincidence = _COINCIDENCE if bits is None else 2.0 ** (1 - bits)
    allowed = stats.poisson.isf(FALSE_FAIL, n * (n - 1) / 2 * coincidence)
    found = repeats(values)
    require(
        found <= allowed,
        f"Of {n} numbers {found} have the size of an earlier one: {what} is not drawn anew for "
        "each, and who knows one knows another.",
    )


def require_independent(z: np.ndarray, what: str) -> None:
    """Require that the standardised `z`, flattened, is uncorrelated at every lag up to its half.

    The signs are left out in a second test, which what alternates its sign fails.
    """
    z = np.asarray(z, np.float64).ravel()
    for series, kind in ((z, "numbers"), (_folded(z), "sizes")):
        n = series.size
        lags = np.arange(1, n // 2 + 1)
        sums = _correlate(series, series)[lags]
        _require_no_peak(
            sums,
            n - lags,
            f"{_begun(what)} repeats itself: its {kind} and those {{}} further on belong together",
            1,
        )


def require_full_rank(z: np.ndarray, what: str, row: str = "row") -> None:
    """Require that no row of a standardised [rows, columns] is a combination of the others.

    The smallest singular value of independent normals is √columns − √rows − t at least, but for
    probability exp(−t²/2) (Davidson and Szarek 2001). Give it many more columns than rows.
    """
    rows, columns = z.shape
    limit = np.sqrt(columns) - np.sqrt(rows) - np.sqrt(-2 * np.log(FALSE_FAIL))
    smallest = float(np.linalg.svd(z, compute_uv=False)[-1])
    require(
        smallest >= limit,
        f"{what} of one {row} follows from that of the {rows - 1} others: they add up to it, with "
        "weights that everybody can work out.",
    )


def require_loose(calls: Sequence[np.ndarray], what: str, along: Sequence[np.ndarray] = ()) -> None:
    """Require that nothing that is easily made of all numbers of a call is fixed beforehand.

    Noise that is made to add up to 0, along an axis or altogether, or to leave the direction of
    what it is added to alone, lets that sum, or length, through without noise. Noise of a length
    of its own is no Gaussian. Each of these is a standard normal number in each call, or nearly;
    their root mean square is below 3e-5 with probability 1e-9 where there are two calls, below
    0.0009 where there are three, and 0.0047 where there are four. Nor is noise to follow what it is
    added to, as where it takes its signs: that part, by the root mean square of all, is √n times
    the cosine of a direction drawn uniformly with a fixed one, whose tails are thinner than a
    normal number's.

    Args:
        calls: standardised draws of several calls, or of independent parts of one; of any shape, a
            hundred numbers at least in each.
        what: their name in the message.
        along: what each was added to, if that is tested; in the calls' shapes.
    """
    flat = [np.asarray(call, np.float64).ravel() for call in calls]
    scores = [_combinations(z) for z in flat]
    for score, z, to in zip(scores, flat, along, strict=bool(along)):
        part = np.vdot(z, to) / np.linalg.norm(to)
        score["the part along what it is added to"] = float(part)
        require(
            bool(abs(part) <= stats.norm.isf(FALSE_FAIL / 2 / len(flat)) * np.sqrt(np.mean(z**2))),
            f"{_begun(what)} goes along with what it is added to: that part of it is {part:.3g} "
            "standard deviations long, as one of independent noise never is.",
        )
    least = np.sqrt(stats.chi2.ppf(FALSE_FAIL / len(scores[0]), len(calls)) / len(calls))
    for name in scores[0]:
        values = np.array([score[name] for score in scores])
        require(
            bool(np.sqrt(np.mean(values**2)) >= least),
            f"{_begun(what)}, {len(values)} times: {name} is within {np.abs(values).max():.2g} "
            "standard deviations of what it is on average, each time. Of independent numbers "
            "nothing is fixed: whoever knows all but one would know that one.",
        )


def _combinations(z: np.ndarray) -> dict[str, float]:
    """Return combinations of standard normals, [numbers], each of which is one itself."""
    n, total = z.size, z.sum()
    found = {
        "the sum": total / np.sqrt(n),
        "the sum of one half less that of the other": (2 * z[: n // 2].sum() - total) / np.sqrt(n),
        "the sum with signs that alternate": (2 * z[::2].sum() - total) / np.sqrt(n),
        "the root mean square": np.sqrt(2 * n) * (np.sqrt(np.vdot(z, z) / n) - 1),
        "the standard deviation": np.sqrt(2 * n) * (z.std() - 1),
    }
    for one, place in ((z[0], "first"), (z[-1], "last")):
        for sign, name in ((1, "and"), (-1, "less")):
            others = (total - one) / np.sqrt(n - 1)
            found[f"the {place} {name} the sum of the others"] = (one + sign * others) / np.sqrt(2)
    return {name: float(score) for name, score in found.items()}


def require_unrelated(a: np.ndarray, b: np.ndarray, what: str) -> None:
    """Require that two standardised series of one length are uncorrelated, however shifted.

    Args:
        a, b: any shape, the same size; shifts go round the end.
        what: which two they are, as the beginning of the message.
    """
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    for first, second in ((a, b), (_folded(a), _folded(b))):
        sums = fft.irfft(fft.rfft(first).conj() * fft.rfft(second), first.size)
        _require_no_peak(
            sums,
            np.full(first.size, first.size),
            f"{what} belong together, moved by {{}} places",
            0,
        )


def require_distinct(outputs: Sequence[np.ndarray], what: str) -> None:
    """Require that no two of many arrays are the same: calls, rounds, or what seeds give.

    n calls show a pool of n²/40 seeds but for a chance of 2e-9; give each output at least 64 bits
    of randomness, so that no two right ones are the same.
    """
    seen: dict[bytes, int] = {}
    for at, output in enumerate(outputs):
        same = seen.setdefault(np.ascontiguousarray(output).tobytes(), at)
        require(
            same == at,
            f"{_begun(what)}: number {at + 1} of {len(outputs)} is exactly number {same + 1}.",
        )


def require_apart(z: np.ndarray, what: str) -> None:
    """Require that no row of standardised normals, [rows, columns], is nearly ± another one.

    What comes of few seeds, and has a little added so that no two outputs are the same, is told by
    it: whoever has tried the seeds knows all but the little. Of independent rows two are within a
    thousandth of a standard deviation, or what less it takes, with probability `FALSE_FAIL`.
    """
    z = np.asarray(z, np.float64)[:, :8]  # more are not needed
    rows, columns = z.shape
    # Differences and sums of two rows, rows² of them, have density (4π)^(−columns/2) at most.
    ball = np.pi ** (columns / 2) / special.gamma(columns / 2 + 1)
    near = min(1e-3, np.sqrt(4 * np.pi) * (FALSE_FAIL / (rows**2 * ball)) ** (1 / columns))
    distances, _ = spatial.cKDTree(z).query(np.concatenate([z, -z]), k=2)
    distances[:rows, 0] = distances[:rows, 1]  # nearest to each is itself
    least = float(distances[:, 0].min())
    require(
        least >= near,
        f"{_begun(what)}: number {int(np.argmin(distances[:, 0])) % rows + 1} of {rows} is another "
        f"one, or its negative, but for {least:.2g} standard deviations: who knows one knows both.",
    )


def require_lengths(z: np.ndarray, what: str) -> None:
    """Require that the squared lengths of rows of standard normals, [rows, columns], are χ².

    Noise that is scaled to a length of its own has the right size and direction, and tells by its
    length what it was added to.
    """
    z = np.asarray(z, np.float64)
    squares = np.sum(z**2, axis=1)
    require(
        stats.kstest(squares, stats.chi2(z.shape[1]).cdf).pvalue >= FALSE_FAIL,
        f"{_begun(what)}: {len(z)} lengths, from {np.sqrt(squares.min()):.4g} to "
        f"{np.sqrt(squares.max()):.4g} standard deviations in {z.shape[1]} coordinates, are not "
        "distributed as those of independent Gaussians.",
    )


def require_calls_apart(by_seed: np.ndarray, in_turn: np.ndarray, what: str) -> None:
    """Require that noises of many calls are Gaussian, and unrelated to each other.

    900 calls of either kind show a pool of 2^16 seeds but for a chance of 2e-11.

    Args:
        by_seed: [calls, coordinates], standardised, each call with a generator of its own.
        in_turn: [calls, coordinates], all calls with the same generator, one after another. 64 bits
            of randomness at least in a call: two coordinates in float64, three in float32.
        what: their name in the message.
    """
    for outputs, which in (
        (in_turn, f"{what} over calls with the same rng, one after another"),
        (by_seed, f"{what} over calls with differently seeded rngs"),
    ):
        require_distinct([*outputs], which)
        require_fresh(outputs, which)
        require_gaussian(outputs, which)
        require_independent(outputs, which)
        require_full_rank(outputs.T, _begun(which), "coordinate")
    require_distinct([*in_turn, *by_seed], what)
    require_apart(np.concatenate([in_turn, by_seed]), what)
    require_lengths(np.concatenate([in_turn, by_seed]), what)


def require_binomial(sizes: np.ndarray, n: int, p: float, what: str) -> None:
    """Require that independent counts have the law Binomial(n, p): at every threshold, exactly."""
    sizes = np.asarray(sizes).ravel()
    # The total is Binomial, too.
    total, of = int(sizes.sum()), n * sizes.size
    require(
        bool(4 * _binomial_tails(total, of, p) >= FALSE_FAIL),
        f"{what} is {total / sizes.size:.4g} on average, over {sizes.size} cases; of {n} coins "
        f"that fall with probability {p:.4g} {n * p:.4g} are to be expected.",
    )
    low, high = stats.binom.ppf([1e-12, 1 - 1e-12], n, p).astype(int)
    thresholds = np.unique([*range(low - 1, high + 1), sizes.min() - 1, sizes.max()])
    above = sizes.size - np.searchsorted(np.sort(sizes), thresholds, side="right")
    wanted = stats.binom.sf(thresholds, n, p)
    tails = _binomial_tails(above, sizes.size, wanted)
    worst = int(np.argmin(tails))
    require(
        bool(tails[worst] * 4 * thresholds.size >= FALSE_FAIL),
        f"{what} is above {thresholds[worst]} in {above[worst]} of {sizes.size} cases; "
        f"{sizes.size * wanted[worst]:.3g} are to be expected of {n} independent coins that fall "
        f"with probability {p:.4g}.",
    )


def require_poisson_sampled(inside: np.ndarray, q: float) -> None:
    """Require that each example is in each batch by a coin of its own.

    Each example's count, all batches' sizes, and coins at every distance within and across batches
    are tested.

    Args:
        inside: [batches, examples], bool, the batches in the order in which they were drawn.
        q: the coins' probability; near one half where distances are to be tested.
    """
    draws, n = inside.shape
    counts = inside.sum(axis=0)
    tails = _binomial_tails(counts, draws, q)
    rare = int(np.argmin(tails))
    require(
        bool(2 * n * tails[rare] >= FALSE_FAIL),
        f"Example {rare} of {n} was in {counts[rare]} of {draws} batches; {draws * q:.0f} are "
        "expected. Every example has the same chance, in every batch.",
    )
    require_binomial(inside.sum(axis=1), n, q, "The size of a batch")
    if not 0.45 <= q <= 0.55:
        return
    # Standardised coins near one half have lighter tails than normals, so that their products do.
    z = (inside.ravel() - q) / np.sqrt(q * (1 - q))
    lags = np.arange(1, z.size // 2 + 1)
    _require_no_peak(
        _correlate(z, z)[lags],
        z.size - lags,
        f"The coins belong together: those that are {{}} coins apart, counted through all {n} "
        "examples of one batch and then of the next",
        1,
    )


def require_coins_of_their_own(inside: np.ndarray, q: float) -> None:
    """Require that no coin of a large Poisson sample, [examples], serves again 2^10 to 2^17 later.

    Of pairs so far apart, each example in one of them at most, both are in with probability q².
    """
    for lag in 2 ** np.arange(10, 18):
        blocks = inside[: inside.size // (2 * lag) * 2 * lag].reshape(-1, 2, lag)
        both = np.count_nonzero(blocks[:, 0] & blocks[:, 1])
        pairs = blocks.size // 2
        require_binomial(np.array([both]), pairs, q * q, f"The number of examples {lag} apart")


def require_samples_apart(inside: np.ndarray, q: float, what: str) -> None:
    """Require that no two Poisson samples, [samples, examples], are nearly the same, or opposite.

    As `require_apart` does; `q` is near one half. Of 1800 samples of 160 examples two differ in
    less than 32, or agree in less, with probability `FALSE_FAIL` at most; of 64 in less than 3.
    """
    samples, n = inside.shape
    ones = np.where(inside, 1.0, -1.0)  # whose products are 1 where two agree
    agree = (n + ones @ ones.T) / 2
    np.fill_diagonal(agree, n / 2)
    nearest = np.minimum(agree, n - agree).min(axis=1)
    least = stats.binom.ppf(FALSE_FAIL / samples**2, n, min(q**2 + (1 - q) ** 2, 2 * q * (1 - q)))
    worst = int(np.argmin(nearest))
    require(
        nearest[worst] >= least,
        f"{_begun(what)}: number {worst + 1} of {samples} is another one, or its opposite, but for "
        f"{nearest[worst]:g} of {n} examples: who knows one knows both.",
    )


def require_uniform_words(words: np.ndarray, what: str, bits: int = 32) -> None:
    """Require that unsigned integers are uniform over `bits` bits: each bit, each pair, no repeat.

    Mean and shape (Kolmogorov–Smirnov), every bit's frequency, every two bits' agreement, distinct
    values, and no correlation between places are tested.
    """
    words = np.asarray(words).astype(np.uint64).ravel()
    n = words.size
    require(
        bool(np.all(words < np.uint64(2**bits) if bits < 64 else True)),
        f"{what} holds numbers of more than {bits} bits.",
    )
    chance = FALSE_FAIL / 4
    binary = ((words[:, None] >> np.arange(bits, dtype=np.uint64)) & np.uint64(1)).astype(float)
    signs = 2 * binary - 1
    limit = np.sqrt(n) * stats.norm.isf(chance / 2 / bits) * 1.05  # a binomial's tail is thinner
    sums = np.abs(signs.sum(axis=0))
    worst = int(np.argmax(sums))
    require(
        bool(np.all(sums <= limit)),
        f"Of {n} numbers {int(binary[:, worst].sum())} have bit {worst} set; about half should: "
        f"{what} is not uniform over {bits} bits.",
    )
    pairs = np.abs(np.triu(signs.T @ signs, 1))
    limit = np.sqrt(n) * stats.norm.isf(chance / bits**2) * 1.05
    one, two = np.unravel_index(int(np.argmax(pairs)), pairs.shape)
    require(
        bool(np.all(pairs <= limit)),
        f"Bits {one} and {two} belong together in {what}: it is not uniform over {bits} bits.",
    )
    centred = (words.astype(np.float64) + 0.5) / 2.0**bits
    require(
        bool(stats.kstest(centred, "uniform").pvalue >= chance),
        f"{what} is not uniform over {bits} bits: some ranges of numbers are commoner.",
    )
    require_fresh(words, what, bits)
    require_independent(np.sqrt(12) * (centred - 0.5), what)


def require_unrelated_words(a: np.ndarray, b: np.ndarray, what: str, bits: int = 32) -> None:
    """Require that neither of two series of words is a copy of the other, however changed.

    A copy may be moved to other places, one by one, or have a number added, its sign or some bits
    turned, or be multiplied.
    """
    a, b = (np.asarray(each).astype(np.uint64).ravel() for each in (a, b))
    mask = np.uint64(2**bits - 1)
    chance = FALSE_FAIL / 6

    # Two independent series have n² pairs of a word of each, or of its negative.
    found = int(np.isin(np.concatenate([b, -b & mask]), a).sum())
    require(
        found <= stats.poisson.isf(chance, 2 * a.size * b.size * 2.0**-bits),
        f"{what} belong together: {found} of the numbers of one, or their negatives, are in the "
        "other, too.",
    )
    for combined, name in (((b - a) & mask, "differences"), ((b + a) & mask, "sums"),
                           ((b ^ a) & mask, "exclusive ors")):  # fmt: skip
        # Of independent words all of these are uniform: two that agree are rare.
        n = combined.size
        allowed = stats.poisson.isf(chance, n**2 / 2 * 2.0**-bits)
        found = n - np.unique(combined).size
        require(
            found <= allowed,
            f"{what} belong together: {found} of their {n} {name} occur more than once.",
        )
    # b = k·a + c for one k and c means that its steps are k times those of a, so that db[i]·da[j] =
    # db[j]·da[i]; it happens to independent words seldom, unless both have many factors of 2.
    da, db = np.diff(a) & mask, np.diff(b) & mask
    odd = (da & np.uint64(1)).astype(bool)
    left, right = db[odd][:-1] * da[odd][1:], db[odd][1:] * da[odd][:-1]
    same = int(np.count_nonzero((left & mask) == (right & mask)))
    allowed = stats.poisson.isf(chance, odd.sum() * 2.0**-bits)
    require(
        same <= allowed,
        f"{what} belong together: one is a multiple of the other, or that and a number.",
    )
    require_unrelated(_standardised(a), _standardised(b), what)


def _standardised(words: np.ndarray) -> np.ndarray:
    """Return words as numbers of mean 0 and deviation 1, whatever their law."""
    numbers = words.astype(np.float64)
    return (numbers - numbers.mean()) / (numbers.std() or 1.0)


def seeds_that_differ(rng: np.random.Generator, many: int, bits: int = 32) -> list[int]:
    """Return distinct seeds: one, it with each single bit turned, and random ones up to `many`.

    What uses a part of a seed only, or its remainder, gives two of them the same output: parts by
    the bits, remainders of up to n²/40 for n random seeds.
    """
    first = int(rng.integers(2**bits, dtype=np.uint64))
    seeds = dict.fromkeys([first, *(first ^ (1 << bit) for bit in range(bits))])
    while len(seeds) < many:
        seeds.setdefault(int(rng.integers(2**bits, dtype=np.uint64)))
    return list(seeds)


def generators_that_begin_alike(
    rng: np.random.Generator, first: int = 16, second: int = 16, before: int = 0
) -> tuple[np.random.Generator, np.random.Generator]:
    """Return two generators of which one word agrees in its leading bits, and others do not.

    What draws a small number from its generator, and lets that decide all else, gives both the same
    output: two calls show a pool of seeds. The word comes after `before` others. Of its halves,
    which `integers` uses one after another, the first one's `first` leading bits agree, and the
    other one's `second`, with which the numbers of `random` begin. What they spawn is unrelated.
    """
    half, other = ((2**bits - 1) << (32 - bits) for bits in (first, second))
    alike = other << 32 | half
    leading = int(rng.integers(2**64, dtype=np.uint64)) & alike
    free = 2**64 - 1 - alike
    pair = []
    for _ in range(2):
        word, high, low, inc = (int(w) for w in rng.integers(2**64, size=4, dtype=np.uint64))
        word, high = leading | (word & free), high % 2**58
        # PCG64 steps, and returns both halves' exclusive or, turned by the upper 6 bits: by none.
        inc = inc << 64 | low | 1
        after = high << 64 | (high ^ word)
        bits_of = np.random.PCG64(int(rng.integers(2**63)))
        state = (after - inc) * pow(_PCG64_MULTIPLIER, -1, 2**128) % 2**128
        bits_of.state = bits_of.state | {"state": {"state": state, "inc": inc}}
        pair.append(np.random.Generator(bits_of.advance(-before)))
    return pair[0], pair[1]


def pairs_that_begin_alike(
    rng: np.random.Generator, halves: Sequence[tuple[int, int]] | None = None
) -> list[tuple[np.random.Generator, np.random.Generator]]:
    """Return a pair for each of the first 17 words, and each of `halves`, or of `SMALL_SEEDS`."""
    return [
        generators_that_begin_alike(rng, *bits, before)
        for bits in halves or SMALL_SEEDS
        for before in range(17)
    ]


# A seed of 16 bits of both halves, of 32 of one, or of the first bits of either: where the other
# one's first 4 agree, two seeds of 31 bits of each are the same with probability 2^-27.
SMALL_SEEDS = (16, 16), (32, 4), (4, 32)


_PCG64_MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645


def pairs_of_seeds_that_differ(rng: np.random.Generator, many: int) -> np.ndarray:
    """Return distinct seeds of two numbers, int32 [seeds, 2].

    One, it with each single bit turned, with its halves exchanged or negated, and others of the
    same sum, difference or exclusive or; then `many` with the same first half, and as many with the
    same second one, so that a remainder of up to many²/40 of either gives two the same output.
    """
    first, second = (int(half) for half in rng.integers(2**32, size=2))
    step = int(rng.integers(1, 2**16))
    seeds = [(first, second), (second, first), (first + step, second - step)]
    seeds += [(first + step, second + step), (first ^ step, second ^ step)]
    seeds += [(-first, second), (first, -second), (-first, -second)]
    seeds += [(first ^ (1 << bit), second) for bit in range(32)]
    seeds += [(first, second ^ (1 << bit)) for bit in range(32)]
    halves = rng.integers(2**32, size=(2, many)).tolist()
    seeds += [(first, other) for other in halves[0]] + [(other, second) for other in halves[1]]
    words = np.array(list(dict.fromkeys((a % 2**32, b % 2**32) for a, b in seeds)), np.uint32)
    return words.view(np.int32)


def byte_seeds_that_differ(rng: np.random.Generator, many: int, length: int = 32) -> list[bytes]:
    """Return distinct seeds of bytes: one, it with a bit turned in each byte, and random ones."""
    first = rng.bytes(length)
    seeds = [first]
    for at in range(length):
        turned = bytearray(first)
        turned[at] ^= 1 << int(rng.integers(8))
        seeds.append(bytes(turned))
    return seeds + [rng.bytes(length) for _ in range(many - len(seeds))]


def require_seed_bytes(outputs: np.ndarray, what: str, length: int = 32) -> None:
    """Require that words of the seeds of `byte_seeds_that_differ` take 16 bytes into account.

    128 bits nobody can try out. Whatever else makes a few seeds out of many is told by outputs that
    are the same: see `require_distinct`. That holds for each byte of a word: were the upper ones
    made of few seeds, nothing but the lowest would be hidden.

    Args:
        outputs: unsigned [seeds, words], of at least a dozen words.
        what: their name in the message.
        length: the bytes of a seed.
    """
    rows, words = outputs.shape
    for byte in np.moveaxis(outputs.view(np.uint8).reshape(rows, words, -1), 2, 0):
        counts = sum(not np.array_equal(byte[0], byte[1 + at]) for at in range(length))
        require(
            counts >= min(16, length),
            f"Of the {length} bytes of a seed {counts} make a difference to {what}, or to one byte "
            "of each of its words: whoever tries all values of those finds it.",
        )
        require_distinct([byte[0], *byte[1 + length :]], f"{what} of different seeds")


def require_no_known_sum(words: np.ndarray, what: str) -> None:
    """Require that of no entries of a mask the sum is known, modulo 2 or a power of it.

    The lowest bits of each entry's bytes, beside a 1, are independent unless some of them have the
    same sum in all masks. Of n columns and n + 40 rows of random bits they are, but for a
    probability of 2^−40 a byte.

    Args:
        words: uint32, [masks, entries], 41 masks more than entries at least.
        what: their name in the message.
    """
    entries = words.shape[1]
    for byte in range(4):
        columns = np.insert(words >> 8 * byte & 1, 0, 1, axis=1).astype(np.uint8)
        leading: dict[int, int] = {}  # rows, by their length in bits: no two have the same
        for packed in np.packbits(columns[: entries + 41], axis=1):
            row = int.from_bytes(packed.tobytes())
            while (length := row.bit_length()) in leading:
                row ^= leading[length]
            if row:
                leading[length] = row
        require(
            len(leading) == entries + 1,
            f"Of some of the {entries} entries of {what} the sum is known, in the lowest bit of "
            f"byte {byte} at least: whoever adds up what was sent has that sum of the gradient's.",
        )


def _binomial_tails(counts: Any, n: int, p: Any) -> Any:
    """Return the smaller of the chances of at most, and of at least, so many of n coins."""
    return np.minimum(stats.binom.cdf(counts, n, p), stats.binom.sf(counts - 1, n, p))


def _begun(what: str) -> str:
    return what[:1].upper() + what[1:]


def _folded(z: np.ndarray) -> np.ndarray:
    """Return the ranks of |z|, standardised: what has the same sizes has the same ranks."""
    ranks = np.argsort(np.argsort(np.abs(z), kind="stable"), kind="stable")
    return (ranks - (z.size - 1) / 2) / np.sqrt((z.size**2 - 1) / 12)


def _correlate(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return Σ a[i]·b[i + lag] for each lag from 0."""
    size = fft.next_fast_len(2 * a.size, real=True)
    return fft.irfft(fft.rfft(a, size).conj() * fft.rfft(b, size), size)[: a.size]


def _require_no_peak(sums: np.ndarray, terms: np.ndarray, message: str, first_lag: int) -> None:
    """Require that no sum of `terms` products of standardised numbers is too large by chance.

    Each caller makes two such tests. `message` gets the lag of the largest sum.

    Chernoff's bound for Σ z[i]·z[i + lag] of normals, whose cumulants are below those of n
    independent terms −½·log((1 + √(1 − 4λ²))/2) each; products of unlike series, and of bounded
    numbers, have lighter tails.
    """
    rate = np.geomspace(1e-4, 0.499, 400)
    cumulant = -0.5 * np.log((1 + np.sqrt(1 - 4 * rate**2)) / 2)
    cost = np.log(4 * sums.size / FALSE_FAIL)
    sizes, of = np.unique(terms, return_inverse=True)
    grid = np.unique(np.geomspace(sizes[0], sizes[-1], 64))
    limits = np.array([np.min((cost + m * cumulant) / rate) for m in grid])
    allowed = np.interp(sizes, grid, limits)[of]
    worst = int(np.argmax(np.abs(sums) / allowed))
    require(
        bool(abs(sums[worst]) <= 1.01 * allowed[worst]),
        message.replace("{}", str(worst + first_lag)) + ".",
    )
