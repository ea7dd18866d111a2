"""The checks of lab 02, Gaussian-DP accounting."""

import contextlib
import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from labkit.accounting import TUTORIAL_ORDERS, require_domain
from labkit.checks import (
    CheckFailed,
    Guarded,
    after_others,
    as_array,
    as_number,
    at_home,
    check,
    likely,
    randomness,
    reason,
    require,
    shown,
    student_rng,
)

# Closed forms in float64 are good to 1e-13 over all of the ranges drawn here; no wrong answer that
# we know of is within 1e-3.
ROUNDING = 1e-6


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))


def _settings(rng: np.random.Generator) -> tuple[float, float, int]:
    """Noise multiplier, sampling probability and steps over all that anybody trains with."""
    return (
        _log_uniform(rng, 0.5, 20),
        _log_uniform(rng, 1e-5, 1),
        int(_log_uniform(rng, 1, 1e6)),
    )


def _number(value: Any, name: str, case: str) -> float:
    got = as_number(value, f"`{name}`'s result for {case}", finite=False)
    require(not math.isnan(got), f"`{name}` gives NaN for {case}.")
    require(math.isfinite(got), f"`{name}` gives {got} for {case}: does something overflow?")
    return got


def _without_overflow(student: Callable, *args: Any) -> Any:
    """Call the student's function with NumPy's overflows and NaNs as errors, not as warnings."""
    with np.errstate(over="raise", invalid="raise"):
        return student(*args)


def _moves(
    student: Callable,
    valid: dict[str, Any],
    others: Sequence[tuple[str, float, bool]],
    *more: Any,
    about: float,
    within: float,
) -> None:
    """Require a result that falls, or else rises, with each (argument, value, falls).

    Where all are valid it is `about` so much, up to a factor: hardly anything else would do.

    Who refuses nonsense, and computes nothing where there is something to compute, refuses all.
    """
    name = student.__name__
    base = _number(student(*valid.values(), *more), name, str(valid))
    for argument, value, falls in others:
        moved = valid | {argument: value}
        got = _number(student(*moved.values(), *more), name, str(moved))
        require(
            got < base if falls else got > base,
            f"`{name}` gives {base:.6g} where {valid}, and {got:.6g} where {argument} = {value:g}: "
            f"it should {'fall' if falls else 'rise'}.",
        )
    # What is less each time falls, whatever it is asked.
    again = _number(student(*valid.values(), *more), name, str(valid))
    require(
        math.isclose(again, base, rel_tol=ROUNDING),
        f"`{name}` gives {base:.6g} where {valid}, and then {again:.6g} where nothing has changed.",
    )
    require(
        about / within <= base <= about * within,
        f"`{name}` gives {base:.6g} where {valid}: it should be about {about:g}.",
    )


def _refuses(
    student: Guarded, valid: dict[str, Any], bad: Sequence[tuple[str, Any]], *more: Any
) -> None:
    """Require a ValueError that names the argument for each (argument, value) of `bad`.

    Also where another argument is at an edge that has a plain answer, such as no steps.
    """
    student(*valid.values(), *more)  # A blank or broken function is told so first.
    name = student.__name__
    edges = [{edge: 0} for edge in ("epsilon", "sampling_probability", "steps") if edge in valid]
    for (argument, value), edge in itertools.product(bad, [{}, *edges]):
        arguments = valid | edge | {argument: value}
        case = ", ".join(f"{key} = {given!r}" for key, given in arguments.items())
        try:
            got = student.__wrapped__(*arguments.values(), *more)
        except ValueError as error:
            require(
                re.search(rf"\b{argument}\b", str(error)) is not None,
                f"`{name}` at {case} raises a ValueError that does not name `{argument}`: "
                f"{reason(error)!r}. Keep the lines that the cell begins with.",
            )
        except Exception as error:
            raise CheckFailed(
                f"`{name}` at {case} raises {type(error).__name__}, not a ValueError that names "
                f"`{argument}`. Keep the lines that the cell begins with."
            ) from None
        else:
            raise CheckFailed(
                f"`{name}` at {case} gives {shown(got)}. {argument} = {value!r} means nothing: "
                f"raise a ValueError that names `{argument}` (the cell begins with lines that "
                "do)."
            )


# Part 1 · trade-off functions ---------------------------------------------------------------


@check
def it_is_the_best_test(gaussian_tradeoff: Callable, rng: np.random.Generator) -> None:
    """at every false-positive rate, the smallest miss rate of telling N(0, 1) from N(μ, 1)."""
    for mu, points in (
        (_log_uniform(rng, 1e-4, 0.1), int(rng.integers(9, 40))),
        (rng.uniform(1, 4), int(rng.integers(9, 40))),
        (rng.uniform(4, 8), int(rng.integers(9, 40))),
        (rng.uniform(8, 11), int(rng.integers(9, 40))),
        (rng.uniform(0.1, 1), 1),
    ):
        # The best test says "with you" above a threshold (Neyman and Pearson). Up to 6.3, where α
        # is above 1e-10, a rounded 1 − α tells it to 1e-7.
        threshold = rng.uniform(max(-3.0, mu - 5), min(3.0 + mu, 6.3), points)
        alpha, want = stats.norm.sf(threshold), stats.norm.cdf(threshold, loc=mu)
        result = after_others(gaussian_tradeoff, (alpha, mu), (alpha / 2 + 0.4, mu / 2))
        got = as_array(result, "`gaussian_tradeoff`'s result", alpha.shape)
        worst = int(np.argmax(np.abs(got - want)))
        slips = {
            "You return the power, 1 − β; the miss rate is wanted.": 1 - want,
            "That is with the means moved together: μ is to be SUBTRACTED from the threshold.": (
                stats.norm.cdf(threshold, loc=-mu)
            ),
            "N(0, 1) must be ABOVE the threshold with that rate: isf, not ppf.": (
                stats.norm.cdf(-threshold - mu)
            ),
        }
        require(
            abs(got[worst] - want[worst]) <= 1e-6,
            f"At μ = {mu:.3f} and a false-positive rate of {alpha[worst]:.3g} the best test "
            f"misses with probability {want[worst]:.5f}; `gaussian_tradeoff` gives "
            f"{got[worst]:.5f}.{likely(got, slips, 1e-6)}",
        )


@check
def tradeoff_at_the_edges(gaussian_tradeoff: Callable, rng: np.random.Generator) -> None:
    """μ = 0 is guessing, and a test that always or never accuses has the rates 0 and 1."""
    alpha, what = np.linspace(0, 1, 11), "`gaussian_tradeoff`'s result"
    guessing = as_array(gaussian_tradeoff(alpha, 0.0), what, alpha.shape)
    require(
        bool(np.allclose(guessing, 1 - alpha, atol=1e-9)),
        "With μ = 0 both worlds look the same, so the two rates add up to 1; with a "
        f"false-positive rate of 0.3 your miss rate is {guessing[3]:.3f}.",
    )
    mu = rng.uniform(0.5, 1.5)
    got = as_array(gaussian_tradeoff(alpha, mu), what, alpha.shape)
    require(
        abs(got[0] - 1) <= 1e-9 and abs(got[-1]) <= 1e-9,
        "Who never accuses (false-positive rate 0) misses all; who always does (1) misses none. "
        f"Your miss rates: {got[0]:.3f} and {got[-1]:.3f}.",
    )
    require(
        bool(np.all(got[1:-1] < 1 - alpha[1:-1])),
        "With μ above 0 the worlds differ, and a test does better than guessing: at a "
        f"false-positive rate of 0.5 it misses less than half; your miss rate is {got[5]:.3f}.",
    )
    # Both worlds have the same shape. Miss rates are 0.002 and more, float32 is good to 1e-5 there.
    back = as_array(gaussian_tradeoff(got[1:-1], mu), what, (9,))
    require(
        bool(np.abs(back - alpha[1:-1]).max() <= 1e-3),
        "Who confuses 'with you' and 'without you' swaps the two rates: at a false-positive rate "
        f"of {got[3]:.3f}, your miss rate at 0.3, you should miss 0.3, and miss {back[2]:.3f}.",
    )


@check
def composition_adds_up_renyi_costs(compose_mu: Callable, rng: np.random.Generator) -> None:
    """releases together cost what their Rényi costs add up to."""
    import dp_accounting
    from dp_accounting import rdp

    # Several, and perhaps one alone.
    for least, largest, zeros in (
        (4, rng.uniform(0.5, 2), 0),
        (1, _log_uniform(rng, 1e-3, 1e3), 1),
    ):
        mus = np.append(largest * rng.uniform(0.2, 1, int(rng.integers(least, 9))), [0.0] * zeros)
        rng.shuffle(mus)
        # A μ-GDP Gaussian has the Rényi cost μ² at order 2, and Rényi costs add up.
        accountant = rdp.RdpAccountant([2.0])
        for mu in mus[mus > 0]:
            accountant.compose(dp_accounting.GaussianDpEvent(1 / mu))
        want = math.sqrt(float(accountant.rdp[0]))
        got = as_number(compose_mu(mus.tolist()), "`compose_mu`'s result")
        slips = {
            "That is their sum: noises that are independent partly cancel.": mus.sum(),
            "That is the sum of their squares: take the root.": want**2,
            "That is the worst one alone: every release adds to the cost.": mus.max(),
        }
        require(
            math.isclose(got, want, rel_tol=ROUNDING),
            f"Releases with μ = {np.round(mus, 5).tolist()} compose to μ = {want:.7g}; yours is "
            f"{got:.7g}.{likely(got, slips, ROUNDING)}",
        )
    # Each is next to nothing beside the first, and all of them are not.
    mu = _log_uniform(rng, 1e-6, 1)
    got = as_number(compose_mu([mu, *[mu / 200] * 2000]), "`compose_mu`'s result")
    require(
        math.isclose(got / mu, math.sqrt(1.05), rel_tol=ROUNDING),
        f"One release of μ = {mu:.3g} and 2000 of a 200th of that cost √1.05 = 1.0247 times the "
        f"one; yours {got / mu:.4f} times.",
    )


@check
def composition_grows_with_the_root(compose_mu: Callable, rng: np.random.Generator) -> None:
    """T equal releases cost √T times one, and no release costs nothing."""
    for low, high in ((1e-3, 10), (1e-9, 1e-4)):
        mu, steps = _log_uniform(rng, low, high), int(rng.integers(4, 2000))
        got = as_number(compose_mu([mu] * steps), "`compose_mu`'s result")
        require(
            math.isclose(got / mu, math.sqrt(steps), rel_tol=ROUNDING),
            f"{steps} releases of μ = {mu:.3g} cost √{steps} = {math.sqrt(steps):.3f} times one; "
            f"yours {got / mu:.3f} times.",
        )
    for nothing in ([], [0.0], [0, 0]):
        none = as_number(compose_mu(nothing), f"`compose_mu({nothing})`")
        require(
            none == 0, f"What tells nothing costs nothing; `compose_mu({nothing})` is {none:g}."
        )
    times = int(rng.integers(1, 100))
    got = as_number(compose_mu([3 * times, 4 * times]), "`compose_mu`'s result for whole numbers")
    require(
        math.isclose(got, 5 * times, rel_tol=ROUNDING),
        f"Releases of μ = {3 * times} and {4 * times} cost {5 * times}; yours {got:.7g}.",
    )


# Part 2 · the central limit theorem ---------------------------------------------------------


def _agrees(
    student: Callable, oracle: Callable, rng: np.random.Generator, hints: dict[str, Callable]
) -> None:
    # The first from 0.2: half a σ overflows nowhere there, as it does below 0.075. Then the least.
    sigmas = [_log_uniform(rng, 0.2, 300), 0.05]
    sigmas += [_log_uniform(rng, 0.0501, 300) for _ in range(18)]
    q, steps = 0.0, 0
    for i, sigma in enumerate(sigmas):
        if i % 2 == 0:  # and again, where the noise alone is another
            _, q, steps = _settings(rng)
            q = min(q, 0.9)  # at 1 some slips change nothing
        case = f"noise_multiplier {sigma:.4g}, sampling_probability {q:.3g}, steps {steps}"
        got = _number(_without_overflow(student, sigma, q, steps), student.__name__, case)
        # With n = 1 TensorFlow Privacy's batch is q, and its epochs are steps·q.
        want = float(oracle(steps * q, sigma, 1, q))
        slips = {text: want * factor(sigma, q, steps) for text, factor in hints.items()}
        require(
            math.isclose(got, want, rel_tol=ROUNDING),
            f"For {case} TensorFlow Privacy's accountant has μ = {want:.6g}; yours is "
            f"{got:.6g}.{likely(got, slips)}",
        )


# What settings of DP-SGD can't be.
_NO_SETTINGS: list[tuple[str, Any]] = [
    ("noise_multiplier", 0.0),
    ("noise_multiplier", -1.0),
    ("noise_multiplier", 0.049),
    ("noise_multiplier", math.nan),
    ("sampling_probability", -0.1),
    ("sampling_probability", 1.5),
    ("sampling_probability", math.nan),
    ("steps", -1),
    ("steps", 1.5),
]
_NO_MUS: list[tuple[str, Any]] = [("mu", 0.0), ("mu", -1.0), ("mu", math.nan)]
_NO_DELTAS: list[tuple[str, Any]] = [
    ("delta", 0.0),
    ("delta", 1.0),
    ("delta", -1e-5),
    ("delta", math.nan),
]


def _costs_nothing(student: Callable, rng: np.random.Generator) -> None:
    """Without a step, or without a chance to be in a batch, nothing is told."""
    sigma, q, steps = _settings(rng)
    for case in ((sigma, q, 0), (sigma, 0.0, steps), (sigma, 0, 0)):
        got = _number(student(*case), student.__name__, f"(σ, q, T) = {case}")
        require(got == 0, f"At (σ, q, T) = {case} μ is 0; `{student.__name__}` gives {got:g}.")
    # Full batches, or a single one, are settings like any other.
    once, all_in = (
        _number(student(sigma, *rest), student.__name__, f"(q, T) = {rest}")
        for rest in ((q, 1), (1.0, 1))
    )
    require(
        math.isclose(once, q * all_in, rel_tol=ROUNDING),
        f"At σ = {sigma:.4g} one step has μ = {once:.7g} with sampling_probability {q:.4g}, and "
        f"{all_in:.7g} with 1: the first should be {q:.4g} times the second.",
    )


_SLIPS = {
    "You used the number of steps, where its square ROOT belongs.": lambda s, q, t: math.sqrt(t),
    "The number of steps is missing.": lambda s, q, t: 1 / math.sqrt(t),
    "The sampling probability is missing.": lambda s, q, t: 1 / q,
    "The sampling probability is under the root: it belongs outside.": lambda s, q, t: (
        1 / math.sqrt(q)
    ),
}


@check
def mu_poisson_matches_the_library(mu_poisson: Callable, rng: np.random.Generator) -> None:
    """μ of Poisson batches agrees with TensorFlow Privacy's over all useful settings."""
    from tensorflow_privacy.privacy.analysis import gdp_accountant

    _agrees(mu_poisson, gdp_accountant.compute_mu_poisson, rng, _SLIPS)


@check
def mu_poisson_at_the_limits(mu_poisson: Guarded, rng: np.random.Generator) -> None:
    """exact for much noise too, where it tends to q·√T/σ; nonsense is refused by name."""
    _refuses(
        mu_poisson,
        {"noise_multiplier": 1.3, "sampling_probability": 0.01, "steps": 100},
        _NO_SETTINGS,
    )
    sigma = _log_uniform(rng, 3e6, 3e7)
    _, q, steps = _settings(rng)
    steps = max(steps, 2)  # of one the root is one
    got = _number(
        _without_overflow(mu_poisson, sigma, q, steps), "mu_poisson", f"noise_multiplier {sigma:g}"
    )
    want = q * math.sqrt(steps) / sigma
    rounded = q * math.sqrt(steps) * math.sqrt(math.exp(sigma**-2) - 1)
    slips = {
        "1/σ² is so small here that e^(1/σ²) rounds to 1 and a little: subtracting 1 leaves "
        "rounding errors. `np.expm1` computes e^x − 1 without them.": rounded,
    }
    require(
        # The next term of the series is 1/(4σ²), below 1e-13.
        math.isclose(got, want, rel_tol=1e-5),
        f"With noise_multiplier {sigma:.4g} μ is q·√T/σ = {want:.7g}; yours is {got:.7g}."
        f"{likely(got, slips, 1e-9)}",
    )
    _costs_nothing(mu_poisson, rng)


@check
def mu_uniform_matches_the_library(mu_uniform: Callable, rng: np.random.Generator) -> None:
    """μ of uniform batches agrees with TensorFlow Privacy's over all useful settings."""
    from tensorflow_privacy.privacy.analysis import gdp_accountant

    def compute_mu_uniform(*args: float) -> float:
        with np.errstate(over="ignore"):  # half of a small σ
            return gdp_accountant.compute_mu_uniform(*args)

    _agrees(
        mu_uniform,
        gdp_accountant.compute_mu_uniform,
        rng,
        _SLIPS
        | {
            "The factor √2 is missing.": lambda s, q, t: 1 / math.sqrt(2),
            "You halved σ: it is given as the formula wants it, over how far REPLACING moves.": (
                lambda s, q, t: (
                    compute_mu_uniform(t, s / 2, 1, 0.5) / compute_mu_uniform(t, s, 1, 0.5)
                )
            ),
        },
    )
    # What is under the root is 2/σ² there, and rounded to 1e-15: to 1e-7 of itself.
    sigma, q, steps = _log_uniform(rng, 8e3, 1e4), rng.uniform(0.01, 0.9), int(rng.integers(1, 999))
    want = gdp_accountant.compute_mu_uniform(steps * q, sigma, 1, q)
    got = as_number(mu_uniform(sigma, q, steps), "`mu_uniform`'s result")
    require(
        math.isclose(got, want, rel_tol=1e-5),
        f"For noise_multiplier {sigma:.6g}, sampling_probability {q:.3g}, steps {steps} TensorFlow "
        f"Privacy's accountant has μ = {want:.6g}; yours is {got:.6g}.",
    )


@check
def mu_uniform_refuses_nonsense(mu_uniform: Guarded, rng: np.random.Generator) -> None:
    """settings without a meaning are refused by name; μ grows with q and steps."""
    _refuses(
        mu_uniform,
        {"noise_multiplier": 1.3, "sampling_probability": 0.01, "steps": 100},
        _NO_SETTINGS,
    )
    base = (rng.uniform(0.6, 3), rng.uniform(0.001, 0.1), 100)
    what = "`mu_uniform`'s result"
    mu = as_number(mu_uniform(*base), what)
    require(mu > 0, f"With noise_multiplier {base[0]:.3f} μ is above 0; yours is {mu:g}.")
    less = as_number(mu_uniform(2 * base[0], *base[1:]), what)
    require(0 < less < mu, f"With twice the noise μ falls; yours goes from {mu:.5f} to {less:.5f}.")
    for name, other, times in (
        ("4 times the steps", (base[0], base[1], 400), 2),
        ("twice the sampling_probability", (base[0], 2 * base[1], 100), 2),
    ):
        got = as_number(mu_uniform(*other), what)
        require(
            math.isclose(got, times * mu, rel_tol=ROUNDING),
            f"With {name} μ doubles; yours goes from {mu:.5f} to {got:.5f}.",
        )
    _costs_nothing(mu_uniform, rng)


# Part 3 · from μ to ε and δ -----------------------------------------------------------------

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(400)


def _delta_by_integral(epsilon: float, mu: float) -> float:
    """Return δ of μ-GDP by integration: the expected excess of the privacy loss.

    The loss Y of the Gaussian mechanism is N(μ²/2, μ²), and δ(ε) = E[max(0, 1 − e^(ε − Y))],
    as a form of the condition of Balle & Wang 2018, arXiv:1805.06530. With Y = ε + s only s ≥ 0
    counts, and the normal density is scaled by its largest value there, so that nothing underflows.
    """
    z = (epsilon - mu * mu / 2) / mu
    # From and up to where the normal density has fallen by e^-40, and in pieces: e^(-s) may be
    # narrow.
    bottom = mu * max(0.0, -z - math.sqrt(80))
    top = mu * max(0.0, math.sqrt(max(z, 0.0) ** 2 + 80) - z)
    total = 0.0
    pieces = [bottom, *[min(top, max(bottom, edge)) for edge in (2.0, 40.0)], top]
    peak = max(z, 0.0) ** 2 / 2
    for low, high in itertools.pairwise(pieces):
        # Pieces of at most 10 deviations, so that the nodes are dense on the scale of each factor.
        for a, b in _cut(low, high, 10 * mu):
            s = a + (b - a) * (_NODES + 1) / 2
            normal = np.exp(peak - (z + s / mu) ** 2 / 2)
            total += (b - a) / 2 * float(_WEIGHTS @ (-np.expm1(-s) * normal))
    return math.exp(-peak) * total / (mu * math.sqrt(2 * math.pi)) if peak < 740 else 0.0


def _cut(low: float, high: float, longest: float) -> list[tuple[float, float]]:
    edges = np.linspace(low, high, 1 + max(1, math.ceil((high - low) / longest)))
    return [] if high <= low else list(itertools.pairwise(edges))


def _compare_delta(delta_from_mu: Callable, epsilon: float, mu: float) -> None:
    case = f"ε = {epsilon:.6g}, μ = {mu:.6g}"
    logarithms = (
        " Take logarithms of both terms first. And not `np.log(Φ(…))`: Φ is 0 there for a float. "
        "`special.log_ndtr` is its logarithm."
    )
    try:
        got = _number(_without_overflow(delta_from_mu, epsilon, mu), "delta_from_mu", case)
    except CheckFailed as error:
        if mu > 30 and re.search("FloatingPointError|OverflowError|NaN", str(error)):
            raise CheckFailed(f"{error}\n  At {case}.{logarithms}") from None
        raise
    want = _delta_by_integral(epsilon, mu)
    if math.isclose(got, want, rel_tol=1e-4):
        # Logarithms near ε = 5e7 are good to 1e-8; differences in Φ for δ = 1e-12 to 1e-5.
        return
    hint = " A probability is never negative." if got < 0 else ""
    if math.isclose(got, stats.norm.sf(epsilon / mu - mu / 2), rel_tol=1e-6):
        hint = " That is the first term alone."
        if epsilon > 700:
            hint += f" Here e^ε is more than a float can hold.{logarithms}"
    raise CheckFailed(
        f"At {case} integration gives δ = {want:.6g}; `delta_from_mu` gives {got:.6g}.{hint}"
    )


@check
def delta_matches_the_integral(delta_from_mu: Callable, rng: np.random.Generator) -> None:
    """δ is what integrating the privacy loss gives, for everyday μ and ε."""
    # Where e^ε is a float, and Φ is. Down to δ = 1e-20, and to 1e-250; and for a μ so small that
    # both terms nearly agree.
    for low, high, most in (*[(1e-3, 20, 9)] * 8, *[(0.1, 3, 34)] * 4, *[(1e-7, 1e-3, 4)] * 3):
        mu = _log_uniform(rng, low, high)
        _compare_delta(delta_from_mu, mu * mu / 2 + mu * rng.uniform(0, most), mu)
    for low, high in ((1e-7, 1e-3), (0.1, 3), (3, 20)):
        mu = _log_uniform(rng, low, high)
        _compare_delta(delta_from_mu, 0.0, mu)


@check
def delta_survives_large_mu(delta_from_mu: Callable, rng: np.random.Generator) -> None:
    """no overflow, no NaN, and the right δ for μ up to 10 000."""
    for mu in (40.0, _log_uniform(rng, 50, 500), _log_uniform(rng, 500, 1e4)):
        # The last has a δ of nearly 1.
        for low, high in ((-1, 6), (-4, -1), (-mu / 2, -4)):
            _compare_delta(delta_from_mu, mu * mu / 2 + mu * rng.uniform(low, high), mu)
    # A δ too small for a float is 0, not NaN and not negative.
    mu = _log_uniform(rng, 1e-12, 1e-4)
    got = _number(_without_overflow(delta_from_mu, 1.0, mu), "delta_from_mu", f"ε = 1, μ = {mu:g}")
    require(0 <= got <= 1e-300, f"At ε = 1, μ = {mu:g} δ is 0 for a float; yours is {got:g}.")
    got = _number(_without_overflow(delta_from_mu, 5000.0, 1.0), "delta_from_mu", "ε = 5000, μ = 1")
    require(0 <= got <= 1e-300, f"At ε = 5000, μ = 1 δ is 0 for a float; yours is {got:g}.")


@check
def delta_refuses_nonsense(delta_from_mu: Guarded, rng: np.random.Generator) -> None:
    """an ε or μ without a meaning is refused by name."""
    valid = {"epsilon": 1.0, "mu": 0.5}
    moves = ("epsilon", 0.5, False), ("mu", 0.25, True)
    _moves(delta_from_mu, valid, moves, about=_delta_by_integral(1.0, 0.5), within=30)
    _refuses(
        delta_from_mu,
        valid,
        [("epsilon", -0.1), ("epsilon", math.nan), *_NO_MUS, ("mu", math.inf)],
    )


def _strict_delta(epsilon: float, mu: float) -> float:
    """Return `_delta_by_integral`; say so if the arguments can't be meant."""
    require(
        epsilon >= 0 and mu > 0,
        f"You asked for delta_of({epsilon:.6g}, {mu:.6g}): ε is 0 or more, μ above 0. It is called "
        "as delta_of(epsilon, mu), in this order.",
    )
    return _delta_by_integral(epsilon, mu)


def _compare_epsilon(
    eps_from_mu: Callable, mu: float, delta: float, delta_of: Callable = _strict_delta
) -> float:
    """Require the right ε, and return it; `delta_of` has the values of `_strict_delta`."""
    case = f"μ = {mu:.6g}, δ = {delta:.3g}"
    try:
        got = _number(_without_overflow(eps_from_mu, mu, delta, delta_of), "eps_from_mu", case)
    except CheckFailed as error:
        if "raised ValueError" not in str(error):
            raise
        hint = _wrong_end(eps_from_mu, mu, delta) if "different signs" in str(error) else ""
        raise CheckFailed(f"{error}\n  At {case}.{hint}") from None
    require(
        0 <= got <= 1e100,
        f"At {case} `eps_from_mu` gives {got:.6g}: ε is never negative, nor beyond all losses.",
    )
    if _delta_by_integral(0.0, mu) <= delta:
        require(
            got <= 1e-9,
            f"At {case} even ε = 0 keeps the promise, as δ(0) = {_delta_by_integral(0.0, mu):.3g}; "
            f"`eps_from_mu` gives {got:.6g}.",
        )
        return got
    # A deviation of the privacy loss is μ: 1e-4 of it is far finer than anyone reads off.
    step = 1e-4 * min(mu, 1.0) + 1e-9 * got
    above, below = _delta_by_integral(got + step, mu), _delta_by_integral(max(0, got - step), mu)
    require(
        above <= delta <= below,
        f"At {case} `eps_from_mu` gives ε = {got:.6g}, but δ({got:.6g}) is "
        f"{_delta_by_integral(got, mu):.6g}. It must be δ.",
    )
    return got


def _wrong_end(eps_from_mu: Callable, mu: float, delta: float) -> str:
    """Return which end of a root finder's interval is on the wrong side, as a message's end."""
    if _delta_by_integral(0.0, mu) <= delta:
        return " Here even ε = 0 keeps δ: handle that first."
    found = []

    def delta_of(epsilon: float, mu: float) -> float:
        found.append(_strict_delta(epsilon, mu))
        return found[-1]

    with contextlib.suppress(CheckFailed):
        eps_from_mu(mu, delta, delta_of)
    if found and min(found) > delta:
        return " Here δ(0) is above δ, and so is δ(ε) at your upper end: go further up."
    if found and max(found) <= delta:
        return " Here δ(0) is above δ, and δ(ε) at your lower end is not: begin at ε = 0."
    return ""


@check
def eps_inverts_delta(eps_from_mu: Callable, rng: np.random.Generator) -> None:
    """putting the ε back into δ(ε) gives the δ asked for."""
    for _ in range(8):
        mu = _log_uniform(rng, 0.02, 20)
        # Less than what ε = 0 keeps: that is the next check's.
        part = _log_uniform(rng, 1e-40, 0.5) if rng.random() < 0.5 else rng.uniform(0.5, 0.999)
        _compare_epsilon(eps_from_mu, mu, part * (2 * float(stats.norm.cdf(mu / 2)) - 1))
    for low, high in ((5e-3, 0.5), (0.5, 2), (2, 20)):
        _compare_functions(eps_from_mu, _log_uniform(rng, low, high), rng)


def _compare_functions(eps_from_mu: Callable, mu: float, rng: np.random.Generator) -> None:
    """Of another function, which falls twice as fast, ε is half as large."""
    delta = _log_uniform(rng, 1e-12, 0.5 * _delta_by_integral(0.0, mu))

    def falling(times: int) -> Callable[[float, float], float]:
        def delta_of(epsilon: float, mu: float) -> float:
            return _strict_delta(times * epsilon, mu)

        return delta_of

    once = _compare_epsilon(eps_from_mu, mu, delta, falling(1))
    twice = as_number(eps_from_mu(mu, delta, falling(2)), "`eps_from_mu`'s result")
    require(
        # Each is to within 1e-4, or 1e-4 · μ.
        abs(2 * twice - once) <= 1e-3 * once + 3e-4 * min(mu, 1.0),
        f"For a `delta_of` that falls twice as fast ε({mu:.4g}, {delta:.2g}) is half as large, "
        f"{once / 2:.4g}; `eps_from_mu` says {twice:.4g}. Use the function that is passed in.",
    )


@check
def eps_at_the_extremes(eps_from_mu: Callable, rng: np.random.Generator) -> None:
    """right for μ from 1e-6 to 10 000: from ε = 0 to tens of millions."""
    _compare_epsilon(eps_from_mu, _log_uniform(rng, 1e-6, 1e-5), rng.uniform(1e-3, 0.1))
    for low, high in ((1e-6, 1e-5), (1e-4, 2e-3)):  # an ε that is small, and not 0
        mu = _log_uniform(rng, low, high)
        _compare_epsilon(eps_from_mu, mu, _delta_by_integral(mu * rng.uniform(0.5, 3), mu))
    deltas = [_log_uniform(rng, 1e-20, 0.1), rng.uniform(0.1, 0.99), _log_uniform(rng, 1e-12, 0.9)]
    for low, delta in zip((40, 400, 9000), rng.permutation(deltas).tolist(), strict=True):
        _compare_epsilon(eps_from_mu, _log_uniform(rng, low, min(10 * low, 1e4)), delta)
    _compare_functions(eps_from_mu, _log_uniform(rng, 20, 2000), rng)


@check
def eps_refuses_nonsense(eps_from_mu: Guarded, rng: np.random.Generator) -> None:
    """a μ or δ without a meaning is refused by name."""
    valid = {"mu": 0.5, "delta": 1e-5}
    moves = ("mu", 0.1, True), ("delta", 0.1, True)
    _moves(eps_from_mu, valid, moves, _strict_delta, about=1.993, within=3)
    _refuses(
        eps_from_mu,
        valid,
        [*_NO_MUS, *_NO_DELTAS],
        _strict_delta,
    )


# Part 4 · Rényi DP --------------------------------------------------------------------------


def _rdp(eps_rdp: Callable, *args: Any) -> float:
    return _number(eps_rdp(*args), "eps_rdp", f"conversion {args[-1]!r}")


@check
def tight_conversion_matches_the_library(eps_rdp: Callable, rng: np.random.Generator) -> None:
    """the tight conversion gives dp_accounting's ε over all useful settings."""
    compared = 0
    while compared < 4:
        sigma, q, steps = _settings(rng)
        delta = _log_uniform(rng, 1e-12, 0.1)
        q = rng.uniform(0.5, 1) if compared == 0 else q
        # Whole orders: for fractions the library's series fails at some large q.
        among = np.arange(2, 80) if q > 0.01 or sigma < 1 else np.array(TUTORIAL_ORDERS)
        orders = rng.choice(among, int(rng.integers(1, 13)), replace=False).tolist()
        costs = _costs(sigma, q, steps, orders)
        if not _by_orders_alone(costs, delta) or _tight(costs, orders, delta) < 0.01:
            continue
        compared += 1
        _compare_tight(eps_rdp, sigma, q, steps, delta, orders)
    # Full batches, whose cost is a line: the two formulas' best orders lie apart, among fractions
    # that come after a whole number.
    smallest = np.zeros(1)
    while not _by_orders_alone(smallest, delta):
        sigma, steps = rng.uniform(2, 10), int(rng.integers(1, 30))
        delta = _log_uniform(rng, 1e-9, 0.1)
        best = sigma * math.sqrt(2 * math.log(1 / delta) / steps)
        smallest = _costs(sigma, 1.0, steps, [1 + 0.2 * best, 2])
    for times in (1, 1.3):  # as many other orders, of the same training
        orders = rng.permutation(1 + times * best * np.geomspace(0.2, 2, 60)).tolist()
        _compare_tight(eps_rdp, sigma, 1.0, steps, delta, [int(rng.integers(2, 9)), *orders])
    # As little noise as there may be, where the best order is near 1.
    for sigma in (0.05, _log_uniform(rng, 0.05, 0.5)):
        costs = np.zeros(1)
        while not _by_orders_alone(costs, delta):
            orders = rng.permutation([*rng.uniform(1.01, 1.5, 9), 2, 3]).tolist()
            q, steps = _log_uniform(rng, 1e-4, 1e-2), int(_log_uniform(rng, 10, 1e4))
            costs, delta = _costs(sigma, q, steps, orders), _log_uniform(rng, 1e-9, 0.1)
        _compare_tight(eps_rdp, sigma, q, steps, delta, orders)

    # What holds at some order holds, also where it is below 0.
    sigma, delta = float(rng.uniform(10, 30)), float(rng.uniform(0.3, 0.5))
    orders = rng.permutation([1.1, 2, 3, 4]).tolist()
    got = _rdp(eps_rdp, sigma, 1e-4, 1, delta, orders, "tight")
    require(
        got <= 0,
        f"For noise_multiplier {sigma:.3g}, one step, δ = {delta:.2g} and orders {orders} the "
        f"conversion gives less than 0 at order 2, so that ε = 0 holds; yours is {got:.3f}.",
    )


def _by_orders_alone(costs: np.ndarray, delta: float) -> bool:
    """Whether dp_accounting's ε is the conversion's.

    For hardly any cost it has another way to ε = 0, which needs no orders.
    """
    return bool(np.all(np.isfinite(costs)) and np.all(delta**2 + np.expm1(-costs) <= 0))


def _compare_tight(
    eps_rdp: Callable, sigma: float, q: float, steps: int, delta: float, orders: list[float]
) -> None:
    costs = _costs(sigma, q, steps, orders)
    want = _tight(costs, orders, delta)
    got = _rdp(eps_rdp, sigma, q, steps, delta, orders, "tight")
    if math.isclose(got, want, rel_tol=ROUNDING, abs_tol=1e-9):
        return
    slips = {
        "That is the CLASSICAL conversion.": _classical(costs, orders, delta),
        "Use the `orders` that are passed in.": _tight(
            _costs(sigma, q, steps, TUTORIAL_ORDERS), TUTORIAL_ORDERS, delta
        ),
        "That is ε without sampling; each step is Poisson SAMPLED.": _tight(
            _costs(sigma, 1.0, steps, orders), orders, delta
        ),
        "That is ε of a single step, which is composed `steps` times.": _tight(
            _costs(sigma, q, 1, orders), orders, delta
        ),
        "That is the largest ε of all orders; each holds, so take the smallest.": -_tight(
            -costs, orders, delta, -1
        ),
    }
    raise CheckFailed(
        f"For noise_multiplier {sigma:.3g}, sampling_probability {q:.3g}, {steps} steps, δ = "
        f"{delta:.2g} and orders {np.round(orders, 2).tolist()} dp_accounting has ε = "
        f"{want:.6g}; yours is {got:.6g}.{likely(got, slips, 1e-6)}"
    )


def _costs(sigma: float, q: float, steps: int, orders: Sequence[float]) -> np.ndarray:
    """Return the Rényi costs of DP-SGD at each order."""
    import dp_accounting
    from dp_accounting import rdp

    step = dp_accounting.PoissonSampledDpEvent(q, dp_accounting.GaussianDpEvent(sigma))
    return rdp.RdpAccountant(list(orders)).compose(step, steps).rdp


def _classical(costs: np.ndarray, orders: Sequence[float], delta: float) -> float:
    """Return the smallest ε by Mironov 2017, Proposition 3."""
    return max(0.0, float(np.min(costs - math.log(delta) / (np.array(orders) - 1))))


def _tight(costs: np.ndarray, orders: Sequence[float], delta: float, sign: int = 1) -> float:
    """Return the smallest ε by Canonne, Kamath and Steinke 2020, Proposition 12."""
    a = np.array(orders)
    extra = np.log1p(-1 / a) - (math.log(delta) + np.log(a)) / (a - 1)
    return max(0.0, float(np.min(costs + extra))) if sign > 0 else float(np.min(costs - extra))


@check
def classical_conversion_of_a_gaussian(eps_rdp: Callable, rng: np.random.Generator) -> None:
    """without sampling the classical conversion gives T/2σ² + √(2T·log(1/δ))/σ."""
    for sigma in (rng.uniform(2, 10), _log_uniform(rng, 0.05, 0.5)):
        _compare_classical(eps_rdp, sigma, rng)


def _compare_classical(eps_rdp: Callable, sigma: float, rng: np.random.Generator) -> None:
    steps = int(rng.integers(1, 30))
    delta = _log_uniform(rng, 1e-12, 1e-3)
    # Mironov 2017, on the Gaussian mechanism: the best order, where the derivative vanishes.
    best = 1 + sigma * math.sqrt(2 * math.log(1 / delta) / steps)
    want = steps / (2 * sigma**2) + math.sqrt(2 * steps * math.log(1 / delta)) / sigma
    # A whole number, and then fractions.
    orders = [int(rng.integers(2, 9)), *rng.permutation([best / 2 + 1, best, 2 * best]).tolist()]
    got, tight = (
        _rdp(eps_rdp, sigma, 1.0, steps, delta, orders, conversion)
        for conversion in ("classical", "tight")
    )
    costs = np.array(orders) * steps / (2 * sigma**2)
    hint = ""
    if math.isclose(got, _tight(costs, orders, delta), rel_tol=ROUNDING):
        hint = " That is the tight conversion"
        hint += "." if not math.isclose(tight, want, rel_tol=ROUNDING) else ": they are swapped."
        if math.isclose(tight, got, rel_tol=1e-9):
            hint += " Both conversions give the same: `conversion` makes no difference."
    require(
        math.isclose(got, want, rel_tol=ROUNDING),
        f"For {steps} full batches with noise_multiplier {sigma:.3f} at δ = {delta:.2g} the "
        f"classical conversion gives {want:.6f} at order {best:.2f}; yours is {got:.6f}.{hint}",
    )
    require(
        tight < got,
        f"The tight conversion is never above the classical; yours are {tight:.6f} and {got:.6f}.",
    )


@check
def published_rdp_figures_come_out(eps_rdp: Callable, rng: np.random.Generator) -> None:
    """0.9422 and 1.1912, to every printed digit."""
    import dp_accounting
    from dp_accounting import rdp

    finer = TUTORIAL_ORDERS[:99] + np.arange(12, 60, 0.2).tolist()
    for batch, steps, orders, conversion, want in (
        (250, 3600, TUTORIAL_ORDERS, "tight", 0.9422),
        (256, 3516, finer, "classical", 1.1912),
    ):
        got = _rdp(eps_rdp, 1.3, batch / 60000, steps, 1e-5, orders, conversion)
        require(
            round(got, 4) == want,
            f"For batch {batch} of 60000, noise_multiplier 1.3, {steps} steps and the {conversion} "
            f"conversion {want} is printed; yours is {got:.4f}.",
        )
    # And figures that nobody has printed.
    sigma, q, steps = rng.uniform(1, 1.6), rng.uniform(0.003, 0.006), int(rng.integers(2000, 5000))
    step = dp_accounting.PoissonSampledDpEvent(q, dp_accounting.GaussianDpEvent(sigma))
    accountant = rdp.RdpAccountant(TUTORIAL_ORDERS).compose(step, steps)
    classical = np.min(accountant.rdp - math.log(1e-5) / (np.array(TUTORIAL_ORDERS) - 1))
    for conversion, want in (("tight", accountant.get_epsilon(1e-5)), ("classical", classical)):
        got = _rdp(eps_rdp, sigma, q, steps, 1e-5, TUTORIAL_ORDERS, conversion)
        require(
            math.isclose(got, want, rel_tol=1e-4),
            f"What is printed comes out, and other figures do not: for noise_multiplier "
            f"{sigma:.4f}, sampling_probability {q:.5f}, {steps} steps and the {conversion} "
            f"conversion ε is {want:.4f}; yours is {got:.4f}.",
        )


@check
def rdp_stays_in_its_domain(eps_rdp: Guarded, rng: np.random.Generator) -> None:
    """ε is never negative, and settings without a meaning are refused by name."""
    for conversion in ("tight", "classical"):
        # Noise so large and δ so generous that the tight formula is far below 0.
        sigma, q, delta = rng.uniform(10, 30), _log_uniform(rng, 1e-5, 1e-4), rng.uniform(0.2, 0.5)
        got = _rdp(eps_rdp, sigma, q, 1, delta, [2, 3, 4], conversion)
        require(
            got >= 0,
            f"For noise_multiplier {sigma:.3g}, one step and δ = {delta:.2g} the {conversion} "
            f"conversion gives you ε = {got:.3f}: ε is never negative. Return at least 0.",
        )
    valid = {"noise_multiplier": 1.3, "sampling_probability": 0.01, "steps": 100, "delta": 1e-5}
    more = [2, 4, 8, 16], "tight"
    moves = (
        ("noise_multiplier", 2.6, True),
        ("delta", 1e-3, True),
        ("sampling_probability", 0.02, False),
        ("steps", 200, False),
    )
    _moves(eps_rdp, valid, moves, *more, about=1.15, within=500)
    _refuses(eps_rdp, valid, [*_NO_SETTINGS, *_NO_DELTAS], *more)


# Part 5 · which is the tightest? ------------------------------------------------------------


def _case(result: Any) -> tuple[Any, float]:
    what = "the result of `worst_case`"
    require(result is not None, f"{what} is None. Did you forget `return`?")
    require(
        isinstance(result, (tuple, list)) and len(result) == 2,
        f"{what} is {shown(result)}; the pair (setting, factor) is wanted.",
    )
    require(
        not isinstance(result[1], (tuple, list, type(None))),
        f"{what} is {shown(result)}: the pair is the other way round, (setting, factor) is wanted.",
    )
    factor = as_number(result[1], f"{what}, its factor,", finite=False)
    require(not math.isnan(factor), f"{what} has the factor NaN.")
    return result[0], factor


def _same(setting: Any, wanted: tuple) -> bool:
    try:
        return bool(np.array_equal(as_array(setting, "the setting", (len(wanted),)), wanted))
    except CheckFailed:
        return False


@check
def finds_the_worst_setting(worst_case: Callable, rng: np.random.Generator) -> None:
    """the setting where certified lower bound over estimate is largest."""
    for largest in (rng.uniform(2.4, 3), _log_uniform(rng, 3, 1e6)):
        _compare_worst(worst_case, rng, largest)
    # One setting is a list, too.
    alone, slight = [_settings(rng)], rng.uniform(1.001, 1.05)
    setting, factor = _case(worst_case(alone, lambda *s: 1.0, lambda *s: (slight, 2.0)))
    require(
        _same(setting, alone[0]) and math.isclose(factor, slight, rel_tol=1e-9),
        f"Of one setting, {alone[0]}, with a lower bound {slight:.4f} times the estimate, you "
        f"return ({shown(setting)}, {factor:g}).",
    )


def _compare_worst(worst_case: Callable, rng: np.random.Generator, largest: float) -> None:
    count = int(rng.integers(6, 16))
    settings = [_settings(rng) for _ in range(count)]
    scale = _log_uniform(rng, 1e-9, 1e3)
    low = dict(zip(settings, scale * 10 ** rng.uniform(-2, 1, count), strict=True))
    spread = rng.uniform(1.1, 3)
    # Everywhere above the estimate, with the largest factor, difference and bound each elsewhere.
    factors = dict(zip(settings, rng.uniform(1.05, 1.2, count), strict=True))
    ordered = sorted(settings, key=low.__getitem__)
    small, large, top = ordered[int(rng.integers(count // 2))], ordered[-2], ordered[-1]
    low[large] = rng.uniform(0.5, 0.9) * low[top]
    factors[small], factors[large] = largest, rng.uniform(1.8, 2.1)
    estimates = {s: low[s] / factors[s] for s in settings}
    setting, factor = _case(
        worst_case(settings, lambda *s: estimates[s], lambda *s: (low[s], spread * low[s]))
    )
    slips = {
        " There the DIFFERENCE is largest; the largest FACTOR is asked for.": large,
        " That is the setting with the smallest factor.": min(settings, key=factors.__getitem__),
        " There the bound is largest; the largest FACTOR is asked for.": top,
        " There the estimate is smallest.": min(settings, key=estimates.__getitem__),
    }
    fit = [text for text, slip in slips.items() if slip != small and _same(setting, slip)]
    require(
        _same(setting, small),
        f"The estimate is {factors[small]:.2f} times too small at {small}; you return "
        f"{shown(setting)}.{fit[0] if len(fit) == 1 else ''}",
    )
    require(
        math.isclose(factor, factors[small], rel_tol=1e-9),
        f"At the worst setting the certified lower bound is {factors[small]:.4g} times the "
        f"estimate; your factor is {factor:.4g}. Divide the LOWER bound by the estimate.",
    )


@check
def accuses_only_with_proof(worst_case: Callable, rng: np.random.Generator) -> None:
    """an estimate inside the bracket proves nothing, and one of 0 is infinitely wrong."""
    settings = [_settings(rng) for _ in range(5)]
    low, high = rng.uniform(0.5, 1), rng.uniform(1.5, 2)
    for estimated, why in (
        (low + 0.1 * (high - low), "may be the true ε: nothing is proved"),
        (low, "may be the true ε: nothing is proved"),
        (rng.uniform(1.5, 3) * high, "is too large, and nowhere too small"),
    ):
        setting, factor = _case(
            worst_case(settings, lambda *s, e=estimated: e, lambda *s: (low, high))
        )
        require(
            setting is None and factor == 1,
            f"An estimate of {estimated:.2f}, where the true ε is in [{low:.2f}, {high:.2f}], "
            f"{why}, so (None, 1.0) is wanted; you return ({shown(setting)}, {factor:g}).",
        )
    guilty = settings[int(rng.integers(5))]

    def estimate(*setting: float) -> float:
        return 0.0 if setting == guilty else 0.9 * low

    setting, factor = _case(worst_case(settings, estimate, lambda *s: (low, high)))
    require(
        _same(setting, guilty) and factor == math.inf,
        f"Where the estimate is 0 and the lower bound {low:.2f}, the estimate is too small by a "
        f"factor of infinity (math.inf); you return the factor {factor:g} for {shown(setting)}.",
    )
    setting, factor = _case(worst_case(settings, lambda *s: 0.0, lambda *s: (0.0, high)))
    require(
        setting is None and factor == 1,
        f"An estimate of 0 is not below the lower bound 0: nothing is proved, so (None, 1.0) is "
        f"wanted; you return ({shown(setting)}, {factor:g}).",
    )
    # Nor does it hide another one, whose factor is 2.
    free = next(each for each in settings if each != guilty)
    lows = {each: (0.0 if each == free else low, high) for each in settings}
    halves = {each: (0.5 if each == guilty else 1.0) * lows[each][0] for each in settings}
    setting, factor = _case(worst_case(settings, lambda *s: halves[s], lambda *s: lows[s]))
    require(
        _same(setting, guilty),
        f"The estimate is 2 times too small at {guilty}, and 0 at {free}, where the lower bound is "
        f"0 too; you return ({shown(setting)}, {factor:g}).",
    )


# Part 6 · calibration -----------------------------------------------------------------------


def _an_accountant(rng: np.random.Generator) -> Callable[..., float]:
    """Return an accountant for a check: the closed form for full batches, q·√T in place of √T.

    Only its shape matters: ε falls with noise, rises with all else. Its two terms have weights of
    their own, so that nobody knows its ε who does not ask.
    """
    first, second = rng.uniform(0.7, 1.4, 2).tolist()

    def accountant(
        noise_multiplier: float, sampling_probability: float, steps: int, delta: float
    ) -> float:
        require_domain(
            noise_multiplier=noise_multiplier,
            sampling_probability=sampling_probability,
            steps=steps,
            delta=delta,
        )
        ratio = np.float64(sampling_probability) / float(noise_multiplier)
        rho = ratio * ratio * steps / 2
        return float(first * rho + second * 2 * np.sqrt(rho * math.log(1 / delta)))

    return accountant


class _Asked:
    """Lends an accountant out, and counts how often it is asked."""

    def __init__(self, asked: Callable[..., float]) -> None:
        self.times = 0

        def accountant(
            noise_multiplier: float, sampling_probability: float, steps: int, delta: float
        ) -> float:
            self.times += 1
            self.require_few()
            return asked(noise_multiplier, sampling_probability, steps, delta)

        self.accountant = accountant

    def require_few(self) -> None:
        require(
            self.times <= 1000,
            "`noise_for` has asked the accountant 1000 times. PLD takes a second each: halve an "
            "interval instead of trying many values.",
        )


def _calibrations(
    rng: np.random.Generator,
) -> list[tuple[Callable[..., float], float, float, float, int]]:
    """An accountant, target, δ, q and T, such that the noise needed lies between 0.12 and 900.

    Just there ε begins, or ceases, to fall fast, as it does where the best order changes: no line
    through two values tells where it reaches the target.
    """
    cases = []
    for sigma in (rng.uniform(0.12, 0.5), rng.uniform(1, 5), _log_uniform(rng, 40, 900)):
        _, q, steps = _settings(rng)
        delta = _log_uniform(rng, 1e-12, 1e-2)
        accountant = _with_kink(_an_accountant(rng), sigma, rng)
        cases.append((accountant, accountant(sigma, q, steps, delta), delta, q, steps))
    return cases


def _with_kink(
    accountant: Callable[..., float], sigma: float, rng: np.random.Generator
) -> Callable[..., float]:
    """Return an accountant whose ε is another's times (noise_multiplier/σ)^−p on one side of σ."""
    power, below = rng.uniform(2, 10), bool(rng.random() < 0.5)

    def kinked(
        noise_multiplier: float, sampling_probability: float, steps: int, delta: float
    ) -> float:
        epsilon = accountant(noise_multiplier, sampling_probability, steps, delta)
        ratio = np.float64(noise_multiplier) / sigma
        with np.errstate(over="ignore"):  # of hardly any noise
            return float(epsilon * ratio**-power) if (ratio < 1) == below else epsilon

    return kinked


def _noise(
    noise_for: Callable,
    accountant: Callable[..., float],
    target: float,
    delta: float,
    q: float,
    steps: int,
) -> float:
    case = f"target_epsilon {target:.4g}, δ = {delta:.2g}, q = {q:.3g}, {steps} steps"
    asked = _Asked(accountant)
    sigma = _number(noise_for(target, delta, q, steps, asked.accountant), "noise_for", case)
    asked.require_few()  # whoever caught it
    require(sigma > 0, f"`noise_for` gives {sigma:g} for {case}: noise is positive.")
    return sigma


@check
def noise_keeps_the_promise(noise_for: Callable, rng: np.random.Generator) -> None:
    """the accountant's ε at that noise is at most the target, not even a little above."""
    drowned = []
    for accountant, target, delta, q, steps in _calibrations(rng):
        sigma = _noise(noise_for, accountant, target, delta, q, steps)
        got = accountant(sigma, q, steps, delta)
        hint = (
            " 0.2 % more noise keeps it: return the end of the interval that KEEPS the promise."
            if accountant(1.002 * sigma, q, steps, delta) <= target < got
            else " More noise makes ε smaller."
        )
        require(
            got <= target,  # exactly: the accountant gives the same ε again
            f"You promise ε ≤ {target:.6g}, but noise_multiplier {sigma:.6g} has ε = {got:.6g}, "
            f"{got - target:.2g} above it.{hint}",
        )
        drowned.append(accountant(sigma / 10, q, steps, delta) <= target)
    require(
        not any(drowned),
        "A tenth of your noise_multiplier would keep the promise, too: whoever drowns everything "
        "in noise keeps every promise.",
    )


@check
def noise_is_not_wasted(noise_for: Callable, rng: np.random.Generator) -> None:
    """0.11 % less noise would break the promise."""
    kept = []
    for accountant, target, delta, q, steps in _calibrations(rng):
        sigma = _noise(noise_for, accountant, target, delta, q, steps)
        # 0.1 % of the larger end, or of the smaller.
        enough = accountant(sigma / 1.0011, q, steps, delta)
        require(
            enough > target,
            f"noise_multiplier {sigma / 1.0011:.6g}, 0.11 % less than your {sigma:.6g}, keeps ε = "
            f"{enough:.6g} ≤ {target:.6g} too: noise is wasted. Halve on, to within 0.1 %.",
        )
        kept.append(accountant(10 * sigma, q, steps, delta) <= target)
    require(
        all(kept),
        "Ten times your noise_multiplier would still break the promise: where there is hardly any "
        "noise none is wasted.",
    )


@check
def noise_for_refuses_the_impossible(noise_for: Guarded, rng: np.random.Generator) -> None:
    """arguments without a meaning are refused by name, and a target that no noise keeps too."""
    q, steps, delta = rng.uniform(0.2, 0.5), 4, _log_uniform(rng, 1e-8, 1e-4)
    sigma, accountant = rng.uniform(2, 5), _an_accountant(rng)
    target = accountant(sigma, q, steps, delta)
    valid = {"target_epsilon": target, "delta": delta, "sampling_probability": q, "steps": steps}
    moves = ("target_epsilon", 20 * target, True), ("sampling_probability", 0.2 * q, True)
    _moves(noise_for, valid, moves, accountant, about=sigma, within=10)

    def lenient(
        noise_multiplier: float, sampling_probability: float, steps: int, delta: float
    ) -> float:
        return target * sigma / float(noise_multiplier)

    nonsense = [("target_epsilon", wrong) for wrong in (0.0, -1.0, math.nan)]
    nonsense += [("sampling_probability", 1.5), ("steps", 1.5), *_NO_DELTAS]
    _refuses(noise_for, valid, nonsense, _Asked(lenient).accountant)

    def dear(
        noise_multiplier: float, sampling_probability: float, steps: int, delta: float
    ) -> float:
        return 20 * accountant(noise_multiplier, sampling_probability, steps, delta)

    # Of noise σ this ε is at most 20 times, and of 4·σ at least 20/16 times, the target.
    got = _noise(noise_for, dear, target, delta, q, steps)
    require(
        got >= 4 * sigma,
        f"Where noise_multiplier {sigma:.4g} is enough, and then the accountant's ε is 20 times as "
        f"large, 4 times as much is too little; `noise_for` gives {got:.4g}. Ask the accountant "
        "that is passed in.",
    )

    def rounded(noise_multiplier: float, *rest: Any) -> float:
        """As the accountant; of what rounds to 1000, such as exp(log(1000)), the same as of it."""
        return accountant(float(f"{float(noise_multiplier):.9g}"), *rest)

    for needed, kept in (
        (rng.uniform(999.6, 999.9), True),
        (1000.0, True),  # an ε that is just the target keeps it
        (1000 * (1 + _log_uniform(rng, 1e-3, 1)), False),
    ):
        case = f"noise_multiplier 1000 {'keeps' if kept else 'does not keep'} target_epsilon"
        promised = accountant(needed, q, steps, delta)
        asked = _Asked(rounded).accountant
        try:
            noise = noise_for.__wrapped__(promised, delta, q, steps, asked)
        except Exception as error:
            require(
                isinstance(error, ValueError) and not kept,
                f"{case} {promised:.6g}, and `noise_for` raises {type(error).__name__}: "
                f"{reason(error)}",
            )
        else:
            require(
                kept,
                f"{case} {promised:.6g}, and `noise_for` gives {shown(noise)}: a promise that is "
                "broken without a word. Raise a ValueError.",
            )


# Part 7 · training --------------------------------------------------------------------------


def _epochs(epsilons_by_epoch: Callable, accountant: Callable, *plan: Any) -> np.ndarray:
    what = "the result of `epsilons_by_epoch`"
    return as_array(epsilons_by_epoch(accountant, *plan), what, (plan[3],))


@check
def epochs_become_steps(epsilons_by_epoch: Callable, rng: np.random.Generator) -> None:
    """after each epoch ε is that of all steps so far, at batch_size / n."""
    batch, per_epoch = int(_log_uniform(rng, 1, 1e5)), int(_log_uniform(rng, 1, 1e5))
    epochs = int(rng.integers(12, 41))  # the lab has 15
    n, sigma, delta = batch * per_epoch, rng.uniform(0.3, 9), _log_uniform(rng, 1e-12, 1e-2)
    asked, scale, power = [], rng.uniform(0.5, 2), rng.uniform(0.3, 0.7)

    def accountant(
        noise_multiplier: float, sampling_probability: float, steps: int, delta: float
    ) -> float:
        asked.append((float(noise_multiplier), float(sampling_probability), steps, float(delta)))
        return scale * steps**power  # Like a real ε it grows more slowly than the steps.

    got = _epochs(epsilons_by_epoch, accountant, sigma, n, batch, epochs, delta)
    require(len(asked) > 0, "The accountant that is given was never asked.")
    numbers = np.arange(1, epochs + 1)
    want = per_epoch * numbers
    # By float rounding one more: that is for `steps_are_integers`.
    ways = [np.ceil(quotient(numbers, n, batch)) for quotient in _QUOTIENTS]
    taken = np.maximum(got, 0) ** (1 / power) / scale ** (1 / power)
    slips = {
        "That is one epoch each time: cost adds up over epochs.": np.full(epochs, per_epoch),
        "The first entry is AFTER the first epoch.": want - per_epoch,
        "ε does not add up over epochs: ask the accountant for all steps so far.": (
            per_epoch * numbers ** (1 / power)
        ),
    }
    right = [np.isclose(taken, steps, rtol=1e-9) for steps in (want, *ways)]
    require(
        bool(np.all(np.any(right, axis=0)) and np.all(got > 0)),
        f"{n} examples in batches of {batch} are {per_epoch} steps an epoch: after epochs 1, 2, 3 "
        f"{want[:3].tolist()} in all; yours are the ε of {np.round(taken[:3], 2).tolist()}."
        f"{likely(taken, slips, 1e-6)}",
    )
    for sent in asked:
        require(
            math.isclose(sent[1], batch / n) and sent[0] == sigma and sent[3] == delta,
            f"You asked for noise_multiplier {sent[0]:.4g}, sampling_probability {sent[1]:.4g}, "
            f"δ = {sent[3]:.2g}; the plan has {sigma:.4g}, batch_size / n = {batch / n:.4g} and "
            f"{delta:.2g}.",
        )

    def another(
        noise_multiplier: float, sampling_probability: float, steps: int, delta: float
    ) -> float:
        return 2 * scale * steps**power

    again = _epochs(epsilons_by_epoch, another, sigma, n, batch, epochs, delta)
    require(
        bool(np.allclose(again, 2 * got, rtol=1e-9, atol=0)),
        f"For an accountant with twice the ε the same plan gives {shown(again.tolist())}, after "
        f"{shown(got.tolist())} with the one before: ask the accountant that is given.",
    )
    alone = _epochs(epsilons_by_epoch, another, sigma, n, batch, 1, delta)
    require(
        math.isclose(alone[0], again[0], rel_tol=1e-9),
        f"A plan of one epoch ends with ε = {alone[0]:.6g}; in one of {epochs} that is "
        f"{again[0]:.6g} after the first.",
    )


@check
def steps_are_integers(epsilons_by_epoch: Callable, rng: np.random.Generator) -> None:
    """where batches do not divide the examples, steps are rounded up once: as few as will do."""
    batch, scale = int(rng.choice([256, 128, 512, 7000])), rng.uniform(0.5, 2)
    # A last batch of one, or of less than half: who rounds each epoch up has one too many after the
    # second.
    for rest in (1, int(rng.integers(1, batch // 2))):
        n, epochs = batch * (60000 // batch) + rest, int(rng.integers(2, 7))
        _compare_steps(epsilons_by_epoch, batch, n, epochs, scale)
    # A whole number of batches, of which the quotient of floats is a hair above it.
    for quotient in _QUOTIENTS:
        _compare_steps(epsilons_by_epoch, *_just_above(rng, quotient), scale)


# How many batches are drawn in k epochs: what is rounded is rounded twice.
_QUOTIENTS: list[Callable[[Any, int, int], Any]] = [
    lambda k, n, batch: k * (n / batch),
    lambda k, n, batch: k / (batch / n),
    lambda k, n, batch: k / batch * n,
]


def _just_above(rng: np.random.Generator, quotient: Callable) -> tuple[int, int, int]:
    """Return a batch, examples and epochs such that `quotient` rounds up to a step too many."""
    k = np.arange(11, 41)
    while True:
        batch, n = (int(size) for size in rng.integers([3, 300], [300, 30_000]))
        above = np.flatnonzero(np.ceil(quotient(k, n, batch)) > -(-k * n // batch))
        if above.size:
            return batch, n, int(k[above[0]])


def _compare_steps(
    epsilons_by_epoch: Callable, batch: int, n: int, epochs: int, scale: float
) -> None:
    def accountant(
        noise_multiplier: float, sampling_probability: float, steps: int, delta: float
    ) -> float:
        require(
            isinstance(steps, (int, np.integer)),
            f"An accountant counts whole steps; you asked for steps = {steps!r}.",
        )
        require(
            math.isclose(sampling_probability, batch / n),
            f"You asked for sampling_probability {sampling_probability:.6g}; with {n} examples in "
            f"batches of {batch} it is {batch / n:.6g}.",
        )
        return scale * math.sqrt(steps)

    got = _epochs(epsilons_by_epoch, accountant, 1.3, n, batch, epochs, 1e-5)
    taken = np.round((got / scale) ** 2, 6)  # The root and its square round at 1e-13.
    for i in range(epochs):
        drawn, needed = (i + 1) * n / batch, -(-(i + 1) * n // batch)
        case = (
            f"{n} examples in batches of {batch}: after epoch {i + 1} {drawn:.3f} batches were "
            f"drawn; you account for {taken[i]:.0f}"
        )
        require(taken[i] >= needed and got[i] > 0, f"{case}, too few: {needed} is wanted.")
        require(
            taken[i] <= needed,
            f"{case}, more than {needed}: multiply first, divide once, and round up once, at the "
            "end.",
        )


# Part 8 · microbatches ----------------------------------------------------------------------


def _gradient(result: Any, size: int) -> np.ndarray:
    return as_array(result, "the result of `microbatch_gradient`", (size,))


@check
def each_group_is_clipped(microbatch_gradient: Callable, rng: np.random.Generator) -> None:
    """without noise it is the step of TensorFlow Privacy's optimizer with microbatches."""
    groups, clip = int(rng.integers(3, 8)), rng.uniform(0.5, 2)
    grads = _grouped(rng, groups, int(rng.integers(2, 7)), 5, clip)
    _compare_groups(microbatch_gradient, grads, clip, _library_step(grads, clip), after=True)
    for groups, group, size in (
        (int(rng.integers(2, 8)), 1, int(rng.integers(1, 9))),
        (1, int(rng.integers(2, 8)), int(rng.integers(2, 9))),
        (int(_log_uniform(rng, 1, 100)), int(rng.integers(1, 9)), int(rng.integers(1, 9))),
    ):
        clip = _log_uniform(rng, 1e-2, 1e2)
        grads = _grouped(rng, groups, group, size, clip)
        _compare_groups(microbatch_gradient, grads, clip, _definition(grads, clip))
    # More groups than the published 250, the last of them a long one.
    grads = _grouped(rng, int(rng.integers(257, 320)), 1, 3, clip)
    grads[-1] *= 1000
    _compare_groups(microbatch_gradient, grads, clip, _definition(grads, clip))
    # As many parameters as the lab's network, and in each group one that is not 0.
    grads = np.zeros((6, 2, int(rng.integers(26_000, 30_000))), np.float32)
    for one in grads:
        one[:, rng.integers(grads.shape[2])] = clip * rng.uniform(2, 20)
    _compare_groups(microbatch_gradient, grads, clip, _definition(grads, clip))


def _grouped(
    rng: np.random.Generator, groups: int, group: int, size: int, clip: float
) -> np.ndarray:
    """Return [groups, group, size] gradients of very different lengths, some within the clip."""
    grads = rng.normal(0, clip, (groups, group, size)) * 10 ** rng.uniform(-1.5, 1, (groups, 1, 1))
    for one, length in zip(grads, (30, 0.05), strict=False):
        one *= length * clip / max(float(np.linalg.norm(one.mean(axis=0))), 1e-9)
    if groups > 2:
        grads[2] = 0
    if group > 1:
        # Long parts that cancel in the group's mean: who clips each example cuts them off.
        apart = rng.normal(0, 10 * clip, (groups, size))
        grads[:, 0] += apart
        grads[:, 1] -= apart
    return grads.astype(np.float32 if rng.random() < 0.5 else np.float64)


def _definition(
    grads: np.ndarray, clip: float, norm: Callable = lambda means: np.linalg.norm(means, axis=1)
) -> np.ndarray:
    means = grads.astype(np.float64).mean(axis=1)
    norms = norm(means).reshape(-1, 1)
    return np.mean(means * (clip / np.maximum(norms, clip)), axis=0)


def _compare_groups(
    microbatch_gradient: Callable,
    grads: np.ndarray,
    clip: float,
    want: np.ndarray,
    *,
    after: bool = False,
) -> None:
    """Require the right step; if `after`, after steps with other arguments of the same shapes."""
    groups, group, size = grads.shape
    flat, rng = grads.reshape(-1, size), np.random.default_rng(0)
    others = (-2 * flat[::-1], 1, 2 * clip, 1.0) if after else ()
    got = _gradient(after_others(microbatch_gradient, (flat, group, clip, 0.0, rng), others), size)
    slips = {
        "That is the sum over groups: divide by their number.": groups * want,
        "Divide by the number of GROUPS, not of examples.": want / group,
        "Nothing was clipped.": flat.mean(axis=0, dtype=np.float64),
        "That is with each example clipped; here each GROUP's mean is.": _definition(
            flat[:, None], clip
        ),
        "A group is group_size examples that follow each other.": _definition(
            flat.reshape(group, groups, size).swapaxes(0, 1), clip
        ),
        "That is with each group's sum clipped; here its mean is.": _definition(
            group * grads.astype(np.float64), clip
        ),
    }
    require(
        # float32 rounds to 6e-8 of the parts that cancel, in sums of a few dozen terms to 1e-5 of
        # the largest.
        bool(np.allclose(got, want, rtol=0, atol=1e-4 * (clip + np.abs(want).max()))),
        f"{len(flat)} examples in groups of {group}, clip {clip:.3f}: TensorFlow Privacy's step is "
        f"{shown(np.round(want, 4).tolist())}, yours {shown(np.round(got, 4).tolist())}."
        f"{likely(got, slips, 1e-3)}",
    )


def _library_step(grads: np.ndarray, clip: float) -> np.ndarray:
    """Return the gradient that TensorFlow Privacy's optimizer steps along, without noise."""
    import tensorflow as tf
    import tensorflow_privacy

    # Losses that are linear in the weights have the gradients that we want.
    groups, _, size = grads.shape
    weights = tf.Variable(np.zeros(size, np.float32))
    grads = grads.reshape(-1, size).astype(np.float32)
    tensorflow_privacy.DPKerasSGDOptimizer(
        l2_norm_clip=clip, noise_multiplier=0.0, num_microbatches=groups, learning_rate=1.0
    ).minimize(lambda: tf.linalg.matvec(grads, weights), [weights])
    return -weights.numpy().astype(np.float64)


@check
def noise_grows_with_the_group(microbatch_gradient: Callable, rng: np.random.Generator) -> None:
    """noise is Gaussian, with deviation σ·C over the number of groups."""
    size, several, drawn, along = 20000, int(rng.integers(2, 9)), [], []
    low, high = randomness.scale_bounds(size)
    for group, groups in ((1, several), (int(rng.integers(2, 9)), several), (4, 1)):
        batch, clip, sigma = group * groups, _log_uniform(rng, 0.1, 50), rng.uniform(0.3, 6)
        want = sigma * clip / groups
        # Gradients within the clip, and their sum: who scales noise by them shows.
        grads = np.zeros((batch, size), np.float32)
        grads[:] = clip / 10 / math.sqrt(size) * rng.choice([-1, 1], size)
        result = microbatch_gradient(grads, group, clip, sigma, student_rng(rng))
        noise = (_gradient(result, size) - grads[0]) / want
        ratio = float(np.sqrt(np.mean(noise**2)))
        slips = {
            "Is the noise multiplied by l2_norm_clip?": 1 / clip,
            "It is divided by the number of EXAMPLES; divide by that of groups.": 1 / group,
            "The noise is divided by the number of groups, together with the sum.": groups,
            "Noise goes on the sum once, not once for each group.": 1 / math.sqrt(groups),
            "Noise goes on the sum once; yours is as large as one for each group together.": (
                math.sqrt(groups)
            ),
        }
        fit = [f" {text}" for text, factor in slips.items() if low <= ratio / factor <= high]
        require(
            low <= ratio <= high,
            f"{batch} examples in groups of {group}, σ = {sigma:.3f}, C = {clip:.3f}: the noise "
            f"should have deviation {want:.5f}; yours has {ratio * want:.5f}."
            f"{fit[0] if len(fit) == 1 else ''}",
        )
        randomness.require_gaussian(noise, f"the noise on groups of {group}")
        randomness.require_unrelated(noise, np.sign(grads[0]), "Noise and what it is added to")
        drawn.append(noise)
        along.append(grads[0])
    randomness.require_loose(drawn, "the noise", along)


@check
def group_noise_comes_from_rng(microbatch_gradient: Callable, rng: np.random.Generator) -> None:
    """every number of the noise is drawn anew from rng, and the same rng repeats it."""
    zeros, state = np.zeros((1, randomness.MANY // 2), np.float32), rng.integers(2**32, size=4)
    handed = np.random.default_rng(state.tolist())
    a, further, b = (
        _gradient(microbatch_gradient(zeros, 1, 1.0, 1.0, generator), zeros.size)
        for generator in (handed, handed, np.random.default_rng(state.tolist()))
    )
    require(bool(np.any(a)), "There is no noise in the result.")
    require(
        bool(np.array_equal(a, b)),
        "The same rng gives different noise: draw it from the `rng` that is passed in.",
    )
    _require_noise_of_rng_alone(microbatch_gradient, rng)
    require(
        len(np.unique(np.abs(a[:50]))) > 40,
        "Some coordinates have the same noise: a difference takes it away. Draw one number for "
        "each coordinate.",
    )
    some = 10_000
    randomness.require_unrelated(a[:some], further[:some], "The noises of two calls with one rng")
    randomness.require_noise(np.concatenate([a, further]), "the noise")
    randomness.require_loose([a, further], "the noise")
    seeds = randomness.seeds_that_differ(rng, 900)
    # A word of 64 bits makes one number of the noise, or two, and no more of it.
    pairs = randomness.pairs_that_begin_alike(rng, [(16, 16), (32, 32)])
    rngs = [each for pair in pairs for each in pair]
    noises = at_home(microbatch_gradient, _noises, 3, seeds, student_rng(rng), rngs)
    by_seed, in_turn, alike = (
        as_array(noise, "the noise of many calls", (calls, 3))
        for noise, calls in zip(noises, (len(seeds), len(seeds), len(rngs)), strict=True)
    )
    randomness.require_calls_apart(by_seed, in_turn, "the noise")
    for at in range(0, len(rngs), 2):
        randomness.require_distinct(
            [*alike[at : at + 2]], "The noise with two rngs of which a word is nearly the same"
        )
    alone = at_home(microbatch_gradient, _noises, 1, seeds[:300], student_rng(rng), [])[0]
    alone = as_array(alone, "the noise of many calls", (300, 1))
    randomness.require_gaussian(alone, "the noise on a single parameter")


def _require_noise_of_rng_alone(microbatch_gradient: Callable, rng: np.random.Generator) -> None:
    """Require that a generator's noise is the same, whatever it is added to."""
    groups, group, size = int(rng.integers(2, 6)), int(rng.integers(1, 5)), 6
    clip, sigma = _log_uniform(rng, 0.1, 10), rng.uniform(0.3, 6)
    state = rng.integers(2**32, size=4).tolist()

    def result(grads: np.ndarray, sigma: float) -> np.ndarray:
        generator = np.random.default_rng(state)
        return _gradient(microbatch_gradient(grads, group, clip, sigma, generator), size)

    mixed = _grouped(rng, groups, group, size, clip).reshape(-1, size)
    for grads in (mixed, rng.normal(0, 30 * clip, mixed.shape)):
        alone = result(np.zeros_like(grads), sigma)
        added = result(grads, sigma) - result(grads, 0.0)
        require(
            # float32 rounds to 6e-8 of means of some 100 times the clip.
            bool(np.allclose(added, alone, rtol=0, atol=1e-4 * clip * (1 + sigma))),
            f"With one rng, {groups} groups of {group}, σ = {sigma:.3f} and C = {clip:.3f} the "
            f"noise is {shown(np.round(alone, 4).tolist())} on gradients of 0, and "
            f"{shown(np.round(added, 4).tolist())} on others: what it is added to must not change "
            "it.",
        )


def _noises(
    microbatch_gradient: Callable,
    size: int,
    seeds: list[int],
    handed: np.random.Generator,
    alike: Sequence[np.random.Generator],
) -> list[np.ndarray]:
    """Return the noise of a call with each seed, of as many on one generator, and of some more."""
    zeros = np.zeros((1, size), np.float32)  # a single group, so that no slip of scale shows

    def draw(rng: np.random.Generator) -> np.ndarray:
        return _gradient(microbatch_gradient(zeros, 1, 1.0, 1.0, rng), size)

    return [
        np.array([draw(np.random.default_rng(seed)) for seed in seeds]),
        np.array([draw(handed) for _ in seeds]),
        np.array([draw(rng) for rng in alike]),
    ]
