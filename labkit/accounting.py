"""Privacy of DP-SGD with Poisson batches, by privacy loss distributions.

Every ε here is for neighbouring data sets that differ by adding or removing one example.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from dp_accounting.pld import pld_pmf, privacy_loss_distribution
from scipy import special

# What an accountant's argument must be: a test that NaN fails too, and what to give instead.
DOMAINS = {
    "noise_multiplier": (lambda v: 0 <= v < math.inf, "a number from 0 up"),
    "sampling_probability": (lambda v: 0 <= v <= 1, "a number from 0 to 1"),
    "steps": (
        lambda v: isinstance(v, (int, np.integer)) and v >= 0,
        "an integer from 0 up",
    ),
    "delta": (lambda v: 0 < v < 1, "a number between 0 and 1, such as 1e-5"),
    "epsilon": (lambda v: 0 <= v < math.inf, "a number from 0 up"),
    "mu": (lambda v: 0 < v < math.inf, "a positive number"),
}

# The Rényi orders of TensorFlow Privacy's tutorials; the figures published with them depend on it.
TUTORIAL_ORDERS = [1 + x / 10 for x in range(1, 100)] + list(range(12, 64))

# What composing each step adds to δ or takes from it, at most. A power multiplies the rounding
# errors of a Fourier transform by its exponent (against 80-bit floats 3e-17 a step were seen), and
# of the composition's tails up to 1e-15 are cut and counted as infinite losses.
FFT_ERROR = 1e-15

# The lower bound's own error: it holds at δ·(1 + SLACK), and its rounding costs about LOOSENESS
# of ε, unless that would take more than LARGEST_GRID losses.
SLACK = 1e-3
LOOSENESS = 2e-3
LARGEST_GRID = 2**20


def require_domain(**arguments: float) -> None:
    """Raise a ValueError that names the first argument outside its domain, NaN included.

    Args:
        arguments: any of `noise_multiplier` (finite, ≥ 0), `sampling_probability` (0 to 1),
            `steps` (integer, ≥ 0), `delta` (between 0 and 1), `epsilon` (finite, ≥ 0) and `mu`
            (finite, > 0).
    """
    for name, value in arguments.items():
        holds, wanted = DOMAINS[name]
        if not holds(value):
            raise ValueError(f"{name} is {value!r}: give {wanted}.")


def epsilon_pld(
    noise_multiplier: float, sampling_probability: float, steps: int, delta: float
) -> float:
    """Return an upper bound on ε of `steps` steps of DP-SGD at `delta`.

    Every error makes it larger. The grid of losses and the tails that are cut are rounded up; the
    FFT's rounding has either sign, so (`steps` + 1)·1e-15 is kept off δ for it. A δ that is no
    larger than that gives infinity: nothing is certified there.

    Each step adds Gaussian noise of standard deviation `noise_multiplier`·C to a sum over a
    Poisson sample of the examples (each in it with `sampling_probability`, independently), each
    example clipped to norm C. Neighbours differ by adding or removing one example. Discretised
    pessimistically by connect-the-dots (Doroshenko et al. 2022, arXiv:2207.04380), composed by
    FFT (Koskela, Jälkö & Honkela 2020, arXiv:1906.03049).

    No noise gives infinity, no steps give 0.

    Raises:
        ValueError: `noise_multiplier` is negative, `sampling_probability` is outside [0, 1],
            `steps` is no integer or negative, or `delta` is outside (0, 1).
    """
    return epsilon_curve(noise_multiplier, sampling_probability, [steps], delta)[0]


def epsilon_curve(
    noise_multiplier: float, sampling_probability: float, steps: Sequence[int], delta: float
) -> list[float]:
    """Return `epsilon_pld` after each number of `steps`; one step is discretised only once."""
    require_domain(
        noise_multiplier=noise_multiplier, sampling_probability=sampling_probability, delta=delta
    )
    for count in steps:
        require_domain(steps=count)
    return [
        one_epsilon(float(noise_multiplier), float(sampling_probability), int(count), float(delta))
        for count in steps
    ]


@functools.cache
def one_epsilon(
    noise_multiplier: float, sampling_probability: float, steps: int, delta: float
) -> float:
    """Return `epsilon_pld` of valid arguments."""
    if steps == 0 or sampling_probability == 0:
        return 0.0
    if noise_multiplier == 0:
        return math.inf
    if sampling_probability == 1:
        # Gaussian mechanisms compose exactly, into one with σ/√steps
        # (Dong, Roth & Su 2019, arXiv:1905.02383, Corollary 3.3).
        noise_multiplier, steps = noise_multiplier / math.sqrt(steps), 1
    certain = delta - (steps + 1) * FFT_ERROR
    if not certain > 0:
        return math.inf
    step = one_step(noise_multiplier, sampling_probability)
    return float(step.self_compose(steps).get_epsilon_for_delta(certain))


@functools.lru_cache(maxsize=16)
def one_step(
    noise_multiplier: float, sampling_probability: float
) -> privacy_loss_distribution.PrivacyLossDistribution:
    """Return the privacy loss distribution of one step."""
    return privacy_loss_distribution.from_gaussian_mechanism(
        standard_deviation=noise_multiplier,
        sampling_prob=sampling_probability,
        pessimistic_estimate=True,
        use_connect_dots=True,
        # Under little noise losses grow with its inverse square, and the grid may grow along: ε
        # stays as exact, and noise 0.1 takes 1 % of the time.
        value_discretization_interval=1e-4 * max(1.0, noise_multiplier**-2),
    )


class Bracket(NamedTuple):
    """Two certified bounds: the true ε (add or remove one example) lies between them."""

    low: float
    high: float


def epsilon_bracket(
    noise_multiplier: float, sampling_probability: float, steps: int, delta: float
) -> Bracket:
    """Return bounds between which the true ε of `steps` steps of DP-SGD lies at `delta`.

    `high` is `epsilon_pld`: DP-SGD as described there IS (high, δ)-DP. `low` is optimistic: for
    any smaller ε there are neighbouring data sets, a gradient and an attack that break the
    promise, so no accountant can rightly claim less. Both keep (steps + 1)·1e-15 of δ for the float
    errors of their Fourier transforms; a δ no larger than that gives 0 and infinity.

    `low` rounds each step's privacy loss down to a grid of width h and composes by FFT. By how
    much that lowers a loss on average is known, so T times that is given back, less Hoeffding's
    allowance h·√(T·log(1/β)/2), which T independent losses exceed with a probability of at most
    β = δ/1000; β is added to δ (the coupling of Gopi, Lee & Wutschitz 2021, arXiv:2106.02848,
    one-sided). Rounding alone would cost T·h/2.

    Raises:
        ValueError: as `epsilon_pld`.
    """
    high = epsilon_pld(noise_multiplier, sampling_probability, steps, delta)
    if high == 0 or noise_multiplier == 0:
        return Bracket(high, high)
    if high == math.inf:
        return Bracket(0.0, high)
    low = lower_bound(float(noise_multiplier), float(sampling_probability), int(steps), delta, high)
    return Bracket(low, high)


@functools.cache
def lower_bound(
    noise_multiplier: float, sampling_probability: float, steps: int, delta: float, high: float
) -> float:
    """Return `epsilon_bracket`'s `low`, given its `high`."""
    if sampling_probability == 1:
        noise_multiplier, steps = noise_multiplier / math.sqrt(steps), 1
    sigma, q = noise_multiplier, sampling_probability
    allowance = math.sqrt(steps * math.log(1 / (SLACK * delta)) / 2)
    # Outside of these lies less than 1e-22 of either distribution.
    x = np.linspace(-10 * sigma, 1 + 10 * sigma, 40001)
    loss = log_likelihood_ratio(x, sigma, q)
    width = max(LOOSENESS * high / allowance, np.ptp(loss) / LARGEST_GRID)
    edges = np.arange(math.floor(loss[0] / width), math.ceil(loss[-1] / width) + 1)
    cut = where_ratio_is(edges * width, sigma, q)
    found = 0.0
    for removed in (True, False):
        # Of the example's presence, or absence, the attacker is to be convinced.
        weights, mass = density(x, sigma, q, removed), between(cut, sigma, q, removed)
        losses = edges[:-1] if removed else -edges[1:]
        sign = 1 if removed else -1
        # Trapezoids are exact to rounding for a smooth integrand that vanishes at both ends.
        mean = sign * np.sum(loss * weights) / np.sum(weights)
        given_back = steps * (mean - width * np.sum(losses * mass) / np.sum(mass))
        order = slice(None, None, sign)
        # Rare losses are left out, which only lowers δ, by less than SLACK / 10 of it, and the sum
        # of the others needs a grid of a fraction of the size.
        common = between_tails(mass[order], SLACK * delta / (20 * steps))
        rounded = pld_pmf.DensePLDPmf(
            width, int(losses[order][common][0]), mass[order][common], 0.0,
            pessimistic_estimate=False,
        )  # fmt: skip
        shift = math.floor(given_back / width - allowance)
        certain = pld_pmf.DensePLDPmf(width, shift, np.ones(1), 0.0, pessimistic_estimate=False)
        composed = (rounded if steps == 1 else rounded.self_compose(steps)).compose(certain)
        spoilt = delta * (1 + SLACK) + (steps + 1) * FFT_ERROR
        found = max(found, composed.get_epsilon_for_delta(spoilt))
    return float(found)


def between_tails(mass: np.ndarray, tail: float) -> slice:
    """Return what is left of the masses without those at either end that sum to at most `tail`."""
    below, above = (np.cumsum(each) <= tail for each in (mass, mass[::-1]))
    return slice(int(np.sum(below)), len(mass) - int(np.sum(above)))


def log_likelihood_ratio(x: np.ndarray, sigma: float, q: float) -> np.ndarray:
    """Return log of (1 − q)·N(0, σ²) + q·N(1, σ²) over N(0, σ²) at x; it increases with x."""
    shift = (2 * x - 1) / (2 * sigma**2)
    return shift if q == 1 else np.logaddexp(math.log1p(-q), math.log(q) + shift)


def where_ratio_is(loss: np.ndarray, sigma: float, q: float) -> np.ndarray:
    """Return the x of each log-likelihood ratio, −∞ for those below all."""
    if q == 1:
        return 0.5 + sigma**2 * loss
    rest = 1 - (1 - q) * np.exp(-np.maximum(loss, math.log1p(-q)))
    with np.errstate(divide="ignore"):
        return 0.5 + sigma**2 * (loss + np.log(np.maximum(rest, 0)) - math.log(q))


def density(x: np.ndarray, sigma: float, q: float, removed: bool) -> np.ndarray:
    """Return the density at x, but for a factor: the mixture's with the example, or without."""
    without = np.exp(-0.5 * (x / sigma) ** 2)
    return (1 - q) * without + q * np.exp(-0.5 * ((x - 1) / sigma) ** 2) if removed else without


def between(cut: np.ndarray, sigma: float, q: float, removed: bool) -> np.ndarray:
    """Return the probability between each two cuts: the mixture's, or N(0, σ²)'s."""

    def normal(mean: float) -> np.ndarray:
        # From whichever tail is nearer: differences of numbers near 1 have no small digits.
        z = (cut - mean) / sigma
        below, above = special.ndtr(z), special.ndtr(-z)
        return np.where(z[1:] < 0, np.diff(below), -np.diff(above))

    return (1 - q) * normal(0) + q * normal(1) if removed else normal(0)
