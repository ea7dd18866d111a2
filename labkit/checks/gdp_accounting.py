"""The checks of lab 02, Gaussian-DP accounting."""

import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from labkit.accounting import TUTORIAL_ORDERS, require_domain
from labkit.checks import (
    FALSE_FAIL,
    CheckFailed,
    Guarded,
    as_array,
    as_number,
    check,
    lent_rng,
    reason,
    require,
    shown,
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
    """Require a ValueError that names the argument for each (argument, value) of `bad`."""
    student(*valid.values(), *more)  # A blank or broken function is told so first.
    name = student.__name__
    for argument, value in bad:
        arguments = valid | {argument: value}
        case = ", ".join(f"{key} = {given!r}" for key, given in arguments.items())
        try:
            got = student.__wrapped__(*arguments.values(), *more)
        except ValueError as error:
            require(
                re.search(rf"\b{argument}\b", str(error)) is not None,
                f"`{name}` at {case} raises a ValueError that does not name `{argument}`: "
                f"{reason(error)!r}. Keep the call that the cell begins with.",
            )
        except Exception as error:
            raise CheckFailed(
                f"`{name}` at {case} raises {type(error).__name__}, not a ValueError that names "
                f"`{argument}`. Keep the call that the cell begins with."
            ) from None
        else:
            raise CheckFailed(
                f"`{name}` at {case} gives {shown(got)}. {argument} = {value!r} means nothing: "
                f"raise a ValueError that names `{argument}` (the cell begins with a call that "
                "does)."
            )


# Part 1 · trade-off functions ---------------------------------------------------------------


@check
def it_is_the_best_test(gaussian_tradeoff: Callable, rng: np.random.Generator) -> None:
    """at every false-positive rate, the smallest miss rate of telling N(0, 1) from N(μ, 1)."""
    for mu in (rng.uniform(0.1, 1), rng.uniform(1, 4)):
        # The best test says "with you" above a threshold (Neyman and Pearson).
        threshold = np.sort(rng.uniform(-3.0, 3.0 + mu, 40))
        alpha, want = stats.norm.sf(threshold), stats.norm.cdf(threshold, loc=mu)
        got = as_array(gaussian_tradeoff(alpha, mu), "`gaussian_tradeoff`'s result", alpha.shape)
        worst = int(np.argmax(np.abs(got - want)))
        hint = ""
        if np.allclose(got, 1 - want, atol=1e-6):
            hint = " You return the power, 1 − β; the miss rate is wanted."
        elif np.allclose(got, stats.norm.cdf(threshold, loc=-mu), atol=1e-6):
            hint = " The means move apart: μ is to be SUBTRACTED from the threshold."
        elif np.allclose(got, stats.norm.cdf(-threshold - mu), atol=1e-6):
            hint = " N(0, 1) must be ABOVE the threshold with that rate: isf, not ppf."
        require(
            abs(got[worst] - want[worst]) <= 1e-6,  # to threshold and back loses about 1e-13
            f"At μ = {mu:.3f} and a false-positive rate of {alpha[worst]:.3g} the best test "
            f"misses with probability {want[worst]:.5f}; `gaussian_tradeoff` gives "
            f"{got[worst]:.5f}.{hint}",
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

    mus = rng.uniform(0.05, 2.0, int(rng.integers(3, 8)))
    # A μ-GDP Gaussian has the Rényi cost μ² at order 2, and Rényi costs add up.
    accountant = rdp.RdpAccountant([2.0])
    for mu in mus:
        accountant.compose(dp_accounting.GaussianDpEvent(1 / mu))
    want = math.sqrt(float(accountant.rdp[0]))
    got = as_number(compose_mu(mus.tolist()), "`compose_mu`'s result")
    hint = ""
    if math.isclose(got, mus.sum(), rel_tol=1e-6):
        hint = " That is their sum: noises that are independent partly cancel."
    elif math.isclose(got, want**2, rel_tol=1e-6):
        hint = " That is its square: take the root."
    elif math.isclose(got, mus.max(), rel_tol=1e-6):
        hint = " That is the worst one alone: every release adds to the cost."
    require(
        math.isclose(got, want, rel_tol=ROUNDING),
        f"Releases with μ = {np.round(mus, 3).tolist()} compose to μ = {want:.5f}; yours is "
        f"{got:.5f}.{hint}",
    )


@check
def composition_grows_with_the_root(compose_mu: Callable, rng: np.random.Generator) -> None:
    """T equal releases cost √T times one, and no release costs nothing."""
    mu, steps = rng.uniform(0.01, 0.5), int(rng.integers(4, 2000))
    got = as_number(compose_mu([mu] * steps), "`compose_mu`'s result")
    require(
        math.isclose(got / mu, math.sqrt(steps), rel_tol=ROUNDING),
        f"{steps} releases of the same μ cost √{steps} = {math.sqrt(steps):.3f} times one; yours "
        f"{got / mu:.3f} times.",
    )
    none = as_number(compose_mu([]), "`compose_mu`'s result for no release at all")
    require(none == 0, f"Nothing released costs nothing; `compose_mu([])` gives {none:g}.")


# Part 2 · the central limit theorem ---------------------------------------------------------


def _agrees(
    student: Callable, oracle: Callable, rng: np.random.Generator, hints: dict[str, Callable]
) -> None:
    for _ in range(20):
        sigma, q, steps = _settings(rng)
        q = min(q, 0.9)  # at 1 some slips change nothing
        case = f"noise_multiplier {sigma:.4g}, sampling_probability {q:.3g}, steps {steps}"
        got = _number(_without_overflow(student, sigma, q, steps), student.__name__, case)
        # With n = 1 TensorFlow Privacy's batch is q, and its epochs are steps·q.
        want = float(oracle(steps * q, sigma, 1, q))
        hint = ""
        for text, factor in hints.items():
            # Only where the factor tells: it is 1 for a single step.
            if abs(factor(sigma, q, steps) - 1) > 0.01 and math.isclose(
                got, want * factor(sigma, q, steps), rel_tol=1e-4
            ):
                hint = f" {text}"
        require(
            math.isclose(got, want, rel_tol=ROUNDING),
            f"For {case} TensorFlow Privacy's accountant has μ = {want:.6g}; yours is "
            f"{got:.6g}.{hint}",
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
        [
            ("noise_multiplier", 0.0),
            ("noise_multiplier", -1.0),
            ("sampling_probability", 1.5),
            ("sampling_probability", math.nan),
            ("steps", -1),
            ("steps", 1.5),
        ],
    )
    sigma = _log_uniform(rng, 3e6, 3e7)
    _, q, steps = _settings(rng)
    got = _number(
        _without_overflow(mu_poisson, sigma, q, steps), "mu_poisson", f"noise_multiplier {sigma:g}"
    )
    want = q * math.sqrt(steps) / sigma
    hint = ""
    if got == 0 or 0.5 < got / want < 2:
        hint = (
            " 1/σ² is so small here that e^(1/σ²) rounds to 1 and a little: subtracting 1 leaves "
            "rounding errors. `np.expm1` computes e^x − 1 without them."
        )
    require(
        # The next term of the series is 1/(4σ²), below 1e-13.
        math.isclose(got, want, rel_tol=1e-5),
        f"With noise_multiplier {sigma:.4g} μ is q·√T/σ = {want:.7g}; yours is {got:.7g}.{hint}",
    )


@check
def mu_uniform_matches_the_library(mu_uniform: Callable, rng: np.random.Generator) -> None:
    """μ of uniform batches agrees with TensorFlow Privacy's over all useful settings."""
    from tensorflow_privacy.privacy.analysis import gdp_accountant

    _agrees(
        mu_uniform,
        gdp_accountant.compute_mu_uniform,
        rng,
        _SLIPS | {"The factor √2 is missing.": lambda s, q, t: 1 / math.sqrt(2)},
    )


@check
def mu_uniform_refuses_nonsense(mu_uniform: Guarded, rng: np.random.Generator) -> None:
    """settings without a meaning are refused by name; μ grows with q and steps."""
    _refuses(
        mu_uniform,
        {"noise_multiplier": 1.3, "sampling_probability": 0.01, "steps": 100},
        [
            ("noise_multiplier", -1.0),
            ("noise_multiplier", math.nan),
            ("sampling_probability", -0.1),
            ("steps", -1),
        ],
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


# Part 3 · from μ to ε and δ -----------------------------------------------------------------

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(400)


def _delta_by_integral(epsilon: float, mu: float) -> float:
    """Return δ of μ-GDP by integration: the expected excess of the privacy loss.

    The loss Y of the Gaussian mechanism is N(μ²/2, μ²), and δ(ε) = E[max(0, 1 − e^(ε − Y))]
    (Balle & Wang 2018, arXiv:1805.06530, Theorem 5). With Y = ε + s only s ≥ 0 counts, and the
    normal density is scaled by its largest value there, so that nothing underflows.
    """
    z = (epsilon - mu * mu / 2) / mu
    # Up to where the normal density has fallen by e^-40, and in two pieces: e^(-s) may be narrow.
    top = mu * max(0.0, math.sqrt(max(z, 0.0) ** 2 + 80) - z)
    total = 0.0
    pieces = [0.0, *[min(top, edge) for edge in (2.0, 40.0)], top]
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
    hint = ""
    if got < 0:
        hint = " A probability is never negative."
    elif math.isclose(got, stats.norm.sf(epsilon / mu - mu / 2), rel_tol=1e-3):
        hint = " That is the first term alone. For large ε, take logarithms of both terms first."
    elif mu > 30:
        hint = f" Two large numbers that are nearly equal.{logarithms}"
    require(
        # Logarithms near ε = 5e7 are good to 1e-8; differences in Φ for δ = 1e-12 to 1e-5.
        math.isclose(got, want, rel_tol=1e-4),
        f"At {case} integration gives δ = {want:.6g}; `delta_from_mu` gives {got:.6g}.{hint}",
    )


@check
def delta_matches_the_integral(delta_from_mu: Callable, rng: np.random.Generator) -> None:
    """δ is what integrating the privacy loss gives, for everyday μ and ε."""
    for _ in range(12):
        mu = _log_uniform(rng, 0.05, 5)
        # δ from about 1e-11 to 0.5.
        epsilon = max(0.0, mu * mu / 2 + mu * rng.uniform(0, 6))
        _compare_delta(delta_from_mu, epsilon, mu)
    mu = rng.uniform(0.1, 3)
    _compare_delta(delta_from_mu, 0.0, mu)


@check
def delta_survives_large_mu(delta_from_mu: Callable, rng: np.random.Generator) -> None:
    """no overflow, no NaN, and the right δ for μ up to 10 000."""
    for mu in (40.0, _log_uniform(rng, 50, 500), _log_uniform(rng, 500, 1e4)):
        _compare_delta(delta_from_mu, mu * mu / 2 + mu * rng.uniform(-1, 6), mu)
    # A δ too small for a float is 0, not NaN and not negative.
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
        [("epsilon", -0.1), ("epsilon", math.nan), ("mu", -1.0), ("mu", 0.0), ("mu", math.inf)],
    )


def _strict_delta(epsilon: float, mu: float) -> float:
    """Return `_delta_by_integral`; say so if the arguments can't be meant."""
    require(
        epsilon >= 0 and mu > 0,
        f"You asked for delta_of({epsilon:.6g}, {mu:.6g}): ε is 0 or more, μ above 0. It is called "
        "as delta_of(epsilon, mu), in this order.",
    )
    return _delta_by_integral(epsilon, mu)


def _compare_epsilon(eps_from_mu: Callable, mu: float, delta: float) -> None:
    case = f"μ = {mu:.6g}, δ = {delta:.3g}"
    try:
        got = _number(_without_overflow(eps_from_mu, mu, delta, _strict_delta), "eps_from_mu", case)
    except CheckFailed as error:
        if "raised ValueError" not in str(error):
            raise
        zero_is_enough = _delta_by_integral(0.0, mu) <= delta
        raise CheckFailed(
            f"{error}\n  At {case}. "
            + (
                "Here even ε = 0 keeps δ: handle that first."
                if zero_is_enough
                else "Is the upper end large enough?"
            )
        ) from None
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
        return
    # A deviation of the privacy loss is μ: 1e-4 of it is far finer than anyone reads off.
    step = 1e-4 * min(mu, 1.0) + 1e-9 * got
    above, below = _delta_by_integral(got + step, mu), _delta_by_integral(max(0, got - step), mu)
    require(
        above <= delta <= below,
        f"At {case} `eps_from_mu` gives ε = {got:.6g}, but δ({got:.6g}) is "
        f"{_delta_by_integral(got, mu):.6g}. It must be δ.",
    )


@check
def eps_inverts_delta(eps_from_mu: Callable, rng: np.random.Generator) -> None:
    """putting the ε back into δ(ε) gives the δ asked for."""
    for _ in range(8):
        _compare_epsilon(eps_from_mu, _log_uniform(rng, 0.05, 5), _log_uniform(rng, 1e-12, 1e-2))


@check
def eps_at_the_extremes(eps_from_mu: Callable, rng: np.random.Generator) -> None:
    """right for μ from 1e-6 to 7000: from ε = 0 to tens of millions."""
    _compare_epsilon(eps_from_mu, _log_uniform(rng, 1e-6, 1e-5), rng.uniform(1e-3, 0.1))
    for mu in (_log_uniform(rng, 40, 400), _log_uniform(rng, 400, 7000)):
        _compare_epsilon(eps_from_mu, mu, _log_uniform(rng, 1e-12, 0.1))


@check
def eps_refuses_nonsense(eps_from_mu: Guarded, rng: np.random.Generator) -> None:
    """a μ or δ without a meaning is refused by name."""
    valid = {"mu": 0.5, "delta": 1e-5}
    moves = ("mu", 0.1, True), ("delta", 0.1, True)
    _moves(eps_from_mu, valid, moves, _strict_delta, about=1.993, within=3)
    _refuses(
        eps_from_mu,
        valid,
        [("mu", 0.0), ("mu", math.nan), ("delta", 0.0), ("delta", 1.0), ("delta", -1e-5)],
        _strict_delta,
    )


# Part 4 · Rényi DP --------------------------------------------------------------------------


def _tutorial_epsilon(sigma: float, q: float, steps: int, delta: float) -> float:
    import dp_accounting
    from dp_accounting import rdp

    step = dp_accounting.PoissonSampledDpEvent(q, dp_accounting.GaussianDpEvent(sigma))
    return rdp.RdpAccountant(TUTORIAL_ORDERS).compose(step, steps).get_epsilon(delta)


def _rdp(eps_rdp: Callable, *args: Any) -> float:
    return _number(eps_rdp(*args), "eps_rdp", f"conversion {args[-1]!r}")


@check
def tight_conversion_matches_the_library(eps_rdp: Callable, rng: np.random.Generator) -> None:
    """the tight conversion gives dp_accounting's ε over all useful settings."""
    import dp_accounting
    from dp_accounting import rdp

    compared = 0
    while compared < 4:
        sigma, q, steps = _settings(rng)
        delta = _log_uniform(rng, 1e-12, 0.1)
        # Whole orders: for fractions the library's series fails at some large q.
        orders = sorted(rng.choice(np.arange(2, 64), 12, replace=False).tolist())
        accountant = rdp.RdpAccountant(orders)
        gaussian = dp_accounting.GaussianDpEvent(sigma)
        accountant.compose(dp_accounting.PoissonSampledDpEvent(q, gaussian), steps)
        want = accountant.get_epsilon(delta)
        # For hardly any cost the library has another way to ε = 0, which needs no orders.
        if not np.all(np.isfinite(accountant.rdp)) or want < 0.01:
            continue
        compared += 1
        got = _rdp(eps_rdp, sigma, q, steps, delta, orders, "tight")
        classical = np.min(accountant.rdp - math.log(delta) / (np.array(orders) - 1))
        if math.isclose(got, classical, rel_tol=1e-6):
            hint = " That is the CLASSICAL conversion."
        elif not math.isclose(got, want, rel_tol=ROUNDING) and math.isclose(
            got, _tutorial_epsilon(sigma, q, steps, delta), rel_tol=1e-6
        ):
            hint = " Use the `orders` that are passed in."
        elif got > want:
            hint = (
                " Is each step Poisson SAMPLED, and the smallest ε of all orders taken? If so, "
                "compare your conversion term by term with the formula."
            )
        else:
            hint = (
                " Is the step composed `steps` times? If so, compare your conversion term by term "
                "with the formula."
            )
        require(
            math.isclose(got, want, rel_tol=ROUNDING, abs_tol=1e-9),
            f"For noise_multiplier {sigma:.3g}, sampling_probability {q:.3g}, {steps} steps, δ = "
            f"{delta:.2g} and 12 orders dp_accounting has ε = {want:.6g}; yours is {got:.6g}."
            f"{hint}",
        )


@check
def classical_conversion_of_a_gaussian(eps_rdp: Callable, rng: np.random.Generator) -> None:
    """without sampling the classical conversion gives T/2σ² + √(2T·log(1/δ))/σ."""
    sigma, steps = rng.uniform(2, 10), int(rng.integers(1, 30))
    delta = _log_uniform(rng, 1e-12, 1e-3)
    # Mironov 2017, after Proposition 7: the best order, where the derivative vanishes.
    best = 1 + sigma * math.sqrt(2 * math.log(1 / delta) / steps)
    want = steps / (2 * sigma**2) + math.sqrt(2 * steps * math.log(1 / delta)) / sigma
    got = _rdp(eps_rdp, sigma, 1.0, steps, delta, [best / 2 + 1, best, 2 * best], "classical")
    tight = _rdp(eps_rdp, sigma, 1.0, steps, delta, [best / 2 + 1, best, 2 * best], "tight")
    hint = ""
    if math.isclose(got, tight, rel_tol=1e-9):
        hint = " Both conversions give the same: is `conversion` used?"
    elif tight > got:
        hint = " Your tight conversion gives more than the classical one: are they swapped?"
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
    moves = ("noise_multiplier", 2.6, True), ("delta", 1e-3, True)
    _moves(eps_rdp, valid, moves, *more, about=1.15, within=500)
    _refuses(
        eps_rdp,
        valid,
        [("noise_multiplier", -1.0), ("sampling_probability", 1.5), ("delta", 0.0)],
        *more,
    )


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
    settings = [_settings(rng) for _ in range(12)]
    low = dict(zip(settings, 10 ** rng.uniform(-2, 1, 12), strict=True))
    spread = rng.uniform(1.1, 3)
    # Everywhere above the estimate, with the largest DIFFERENCE elsewhere than the largest factor.
    factors = dict(zip(settings, rng.uniform(1.05, 1.6, 12), strict=True))
    ordered = sorted(settings, key=low.__getitem__)
    small, large = ordered[int(rng.integers(5))], ordered[-1]
    factors[small], factors[large] = rng.uniform(2.4, 3), rng.uniform(1.8, 2.1)
    estimates = {s: low[s] / factors[s] for s in settings}
    setting, factor = _case(
        worst_case(settings, lambda *s: estimates[s], lambda *s: (low[s], spread * low[s]))
    )
    hint = ""
    if _same(setting, large):
        hint = " Did you take the largest difference? The largest FACTOR is asked for."
    elif _same(setting, min(settings, key=factors.__getitem__)):
        hint = " That is the smallest one."
    require(
        _same(setting, small),
        f"The estimate is {factors[small]:.2f} times too small at {small}; you return "
        f"{shown(setting)}.{hint}",
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
    inside = low + 0.1 * (high - low)
    setting, factor = _case(worst_case(settings, lambda *s: inside, lambda *s: (low, high)))
    require(
        setting is None and factor == 1,
        f"An estimate of {inside:.2f} in [{low:.2f}, {high:.2f}] may be the true ε: nothing is "
        f"proved, so (None, 1.0) is wanted; you return ({shown(setting)}, {factor:g}).",
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
            self.times <= 300,
            "`noise_for` has asked the accountant 300 times. PLD takes a second each: halve an "
            "interval instead of trying many values.",
        )


def _calibrations(
    rng: np.random.Generator,
) -> list[tuple[Callable[..., float], float, float, float, int]]:
    """An accountant, target, δ, q and T, such that the noise needed lies between 0.4 and 80."""
    cases = []
    for sigma in (rng.uniform(0.4, 0.7), rng.uniform(1, 5), rng.uniform(40, 80)):
        _, q, steps = _settings(rng)
        delta = _log_uniform(rng, 1e-12, 1e-2)
        accountant = _an_accountant(rng)
        cases.append((accountant, accountant(sigma, q, steps, delta), delta, q, steps))
    return cases


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
            " Return the end of the interval that KEEPS the promise."
            if got <= 1.01 * target
            else " More noise makes ε smaller: is the right half of the interval kept?"
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
    """0.2 % less noise would break the promise."""
    kept = []
    for accountant, target, delta, q, steps in _calibrations(rng):
        sigma = _noise(noise_for, accountant, target, delta, q, steps)
        enough = accountant(sigma / 1.002, q, steps, delta)
        require(
            enough > target,
            f"noise_multiplier {sigma / 1.002:.6g}, 0.2 % less than your {sigma:.6g}, keeps ε = "
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
    _refuses(
        noise_for,
        valid,
        [("target_epsilon", 0.0), ("target_epsilon", math.nan), ("delta", 0.0)],
        _Asked(accountant).accountant,
    )
    target = 0.5 * accountant(1000.0, q, steps, delta)
    try:
        got = noise_for.__wrapped__(target, delta, q, steps, _Asked(accountant).accountant)
    except ValueError:
        return
    except Exception as error:
        raise CheckFailed(
            f"Not even noise_multiplier 1000 keeps target_epsilon {target:.3g}: raise a "
            f"ValueError; `noise_for` raises {type(error).__name__}: {reason(error)}"
        ) from None
    raise CheckFailed(
        f"Not even noise_multiplier 1000 keeps target_epsilon {target:.3g}, and `noise_for` gives "
        f"{shown(got)}: a promise that is broken without a word. Raise a ValueError."
    )


# Part 7 · training --------------------------------------------------------------------------


def _epochs(epsilons_by_epoch: Callable, accountant: Callable, *plan: Any) -> np.ndarray:
    what = "the result of `epsilons_by_epoch`"
    return as_array(epsilons_by_epoch(accountant, *plan), what, (plan[3],))


_NO_SUM = " ε does not add up over epochs: ask the accountant for all steps so far."


@check
def epochs_become_steps(epsilons_by_epoch: Callable, rng: np.random.Generator) -> None:
    """after each epoch ε is that of all steps so far, at batch_size / n."""
    batch, per_epoch, epochs = int(rng.integers(10, 300)), int(rng.integers(20, 300)), 6
    n, sigma, delta = batch * per_epoch, rng.uniform(0.8, 4), _log_uniform(rng, 1e-8, 1e-4)
    asked, scale = [], rng.uniform(0.5, 2)

    def accountant(
        noise_multiplier: float, sampling_probability: float, steps: int, delta: float
    ) -> float:
        asked.append((float(noise_multiplier), float(sampling_probability), steps, float(delta)))
        return scale * math.sqrt(steps)  # Like a real ε it grows more slowly than the steps.

    got = _epochs(epsilons_by_epoch, accountant, sigma, n, batch, epochs, delta)
    require(len(asked) > 0, "The accountant that is given was never asked.")
    want, taken = per_epoch * np.arange(1, epochs + 1), (got / scale) ** 2
    hint = ""
    if np.allclose(taken, per_epoch):
        hint = " That is one epoch each time: cost adds up over epochs."
    elif np.isclose(taken[0], 0):
        hint = " The first entry is AFTER the first epoch."
    elif np.allclose(got, got[0] * np.arange(1, epochs + 1)):
        hint = _NO_SUM
    require(
        bool(np.allclose(taken, want) and np.all(got > 0)),
        f"{n} examples in batches of {batch} are {per_epoch} steps an epoch: after epochs 1, 2, 3 "
        f"{want[:3].tolist()} in all; yours are the ε of {np.round(taken[:3], 2).tolist()}.{hint}",
    )
    for sent in asked:
        require(
            math.isclose(sent[1], batch / n) and sent[0] == sigma and sent[3] == delta,
            f"You asked for noise_multiplier {sent[0]:.4g}, sampling_probability {sent[1]:.4g}, "
            f"δ = {sent[3]:.2g}; the plan has {sigma:.4g}, batch_size / n = {batch / n:.4g} and "
            f"{delta:.2g}.",
        )


@check
def steps_are_integers(epsilons_by_epoch: Callable, rng: np.random.Generator) -> None:
    """where batches do not divide the examples, steps are rounded up: never too few."""
    batch, scale = int(rng.choice([256, 128, 512, 7000])), rng.uniform(0.5, 2)
    n = batch * (60000 // batch) + int(rng.integers(1, batch))

    def accountant(
        noise_multiplier: float, sampling_probability: float, steps: int, delta: float
    ) -> float:
        require(
            isinstance(steps, (int, np.integer)),
            f"An accountant counts whole steps; you asked for steps = {steps!r}.",
        )
        return scale * math.sqrt(steps)

    got = _epochs(epsilons_by_epoch, accountant, 1.3, n, batch, 4, 1e-5)
    taken = np.round((got / scale) ** 2, 6)  # The root and its square round at 1e-13.
    exact = np.arange(1, 5) * n / batch
    hint = _NO_SUM if np.allclose(got, got[0] * np.arange(1, 5)) else ""
    for i in range(4):
        case = (
            f"{n} examples in batches of {batch}: after epoch {i + 1} {exact[i]:.3f} batches were "
            f"drawn; you account for {taken[i]:.0f}"
        )
        require(taken[i] >= exact[i] and got[i] > 0, f"{case}, too few. Round up.")
        require(taken[i] <= exact[i] + i + 1, f"{case}, more than needed.{hint}")


# Part 8 · microbatches ----------------------------------------------------------------------


def _gradient(result: Any, size: int) -> np.ndarray:
    return as_array(result, "the result of `microbatch_gradient`", (size,))


@check
def each_group_is_clipped(microbatch_gradient: Callable, rng: np.random.Generator) -> None:
    """without noise it is the step of TensorFlow Privacy's optimizer with microbatches."""
    for group in (int(rng.integers(2, 7)), 1):
        groups, clip = int(rng.integers(3, 8)), rng.uniform(0.5, 2)
        # Groups of very different lengths, some within the clip and some beyond it.
        grads = rng.normal(0, 1, (groups, group, 5)) * 10 ** rng.uniform(-1.5, 1, (groups, 1, 1))
        grads[0] *= 0.05 * clip / np.linalg.norm(grads[0])
        grads[1] *= 30 * clip / np.linalg.norm(grads[1].mean(axis=0))
        if group > 1:
            # Long parts that cancel in the group's mean: who clips each example cuts them off.
            apart = rng.normal(0, 10 * clip, (groups, 5))
            grads[:, 0] += apart
            grads[:, 1] -= apart
        grads = grads.reshape(-1, 5).astype(np.float32)
        got = _gradient(microbatch_gradient(grads, group, clip, 0.0, np.random.default_rng(0)), 5)
        want = _library_step(grads, groups, clip)
        single = _gradient(microbatch_gradient(grads, 1, clip, 0.0, np.random.default_rng(0)), 5)
        hint = ""
        if np.allclose(got, groups * want, atol=1e-3):
            hint = " That is the sum over groups: divide by their number."
        elif np.allclose(got * group, want, atol=1e-3):
            hint = " Divide by the number of GROUPS, not of examples."
        elif np.allclose(got, grads.mean(axis=0), atol=1e-3):
            hint = " Nothing was clipped."
        elif np.allclose(got, single, atol=1e-3):
            hint = " Groups of one give you the same: here each GROUP's mean is clipped."
        require(
            # float32 rounds to 6e-8, in sums of a few dozen terms to 1e-5 of the largest.
            bool(np.allclose(got, want, atol=1e-4 * (1 + np.abs(want).max()))),
            f"{len(grads)} examples in groups of {group}, clip {clip:.3f}: TensorFlow Privacy's "
            f"step is {np.round(want, 4).tolist()}, yours {np.round(got, 4).tolist()}.{hint}",
        )


def _library_step(grads: np.ndarray, groups: int, clip: float) -> np.ndarray:
    """Return the gradient that TensorFlow Privacy's optimizer steps along, without noise."""
    import tensorflow as tf
    import tensorflow_privacy

    # Losses that are linear in the weights have the gradients that we want.
    weights = tf.Variable(np.zeros(grads.shape[1], np.float32))
    tensorflow_privacy.DPKerasSGDOptimizer(
        l2_norm_clip=clip, noise_multiplier=0.0, num_microbatches=groups, learning_rate=1.0
    ).minimize(lambda: tf.linalg.matvec(grads, weights), [weights])
    return -weights.numpy().astype(np.float64)


@check
def noise_grows_with_the_group(microbatch_gradient: Callable, rng: np.random.Generator) -> None:
    """noise is Gaussian, with deviation σ·C over the number of groups."""
    size, batch = 20000, 40
    # A sample variance of `size` normals is χ²/size around 1.
    low, high = np.sqrt(stats.chi2.ppf([FALSE_FAIL / 2, 1 - FALSE_FAIL / 2], size) / size)
    for group in (1, 5, 10):
        clip, sigma = rng.uniform(1.5, 3), rng.uniform(0.5, 4)
        zero = np.zeros((batch, size), np.float32)
        got = _gradient(microbatch_gradient(zero, group, clip, sigma, lent_rng(rng)), size)
        want = sigma * clip * group / batch
        deviation = float(np.sqrt(np.mean(got**2)))
        ratio = deviation / want
        require(
            # Scaled by its own deviation a normal sample fits better still.
            deviation == 0 or stats.kstest(got / deviation, "norm").pvalue > FALSE_FAIL,
            "The noise is not Gaussian: every accountant of this lab is about Gaussian noise. Draw "
            "it with rng.normal.",
        )
        hint = ""
        for factor, text in (
            (1 / clip, "Is the noise multiplied by l2_norm_clip?"),
            (1 / group, "It is divided by the number of EXAMPLES; divide by that of groups."),
            (batch / group, "The noise is divided by the number of groups, together with the sum."),
            (1 / math.sqrt(batch / group), "Noise goes on the sum once, not once for each group."),
            (math.sqrt(batch / group), "Noise goes on the sum once, not once for each group."),
        ):
            if abs(factor - 1) > 0.1 and abs(ratio / factor - 1) < 0.08:
                hint = f" {text}"
        require(
            low <= ratio <= high,
            f"{batch} examples in groups of {group}, σ = {sigma:.3f}, C = {clip:.3f}: the noise "
            f"should have deviation {want:.5f}; yours has {ratio * want:.5f}.{hint}",
        )


@check
def group_noise_comes_from_rng(microbatch_gradient: Callable, rng: np.random.Generator) -> None:
    """the same rng repeats the noise, another one does not."""
    seed = int(rng.integers(2**32))
    a, b, c = (
        _gradient(microbatch_gradient(np.zeros((4, 50)), 2, 1.0, 1.0, np.random.default_rng(s)), 50)
        for s in (seed, seed, seed + 1)
    )
    largest = float(np.abs(a).max())
    require(
        0 < largest <= 50,  # a hundred standard deviations
        f"Noise with a standard deviation of 0.5 is wanted; yours reaches {largest:.3g}.",
    )
    require(
        bool(np.array_equal(a, b)),
        "The same rng gives different noise: draw it from the `rng` that is passed in.",
    )
    require(
        # In float32 two numbers are the same with probability 3e-8: two of 50 with 1e-12.
        int(np.sum(np.isclose(a, c, rtol=1e-9, atol=0))) <= 1,
        "Different rngs give the same noise, or none: draw it from the `rng` that is passed in.",
    )
    require(
        len(np.unique(a)) >= 49,  # two of 1225 pairs: 1e-9
        "Some coordinates have the same noise: a difference takes it away. Draw one number for "
        "each coordinate.",
    )
