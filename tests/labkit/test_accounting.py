"""labkit.accounting against closed forms, published figures and the rules of composition."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from labkit import accounting
from labkit.accounting import epsilon_bracket, epsilon_curve, epsilon_pld, require_domain


def gaussian_epsilon(mu, delta):
    """ε of μ-GDP at δ (Dong, Roth & Su 2019, arXiv:1905.02383, corollary 2.13)."""

    def excess(epsilon):
        above = stats.norm.cdf(-epsilon / mu + mu / 2)
        return above - math.exp(epsilon) * stats.norm.cdf(-epsilon / mu - mu / 2) - delta

    return optimize.brentq(excess, 0, 500)


@pytest.mark.parametrize(
    ("noise_multiplier", "steps", "delta"), [(2.0, 1, 1e-5), (5.0, 50, 1e-6), (0.5, 3, 1e-5)]
)
def test_without_sampling_it_is_the_gaussian_mechanism(noise_multiplier, steps, delta):
    # Full batches compose to one Gaussian with μ = √steps / noise.
    exact = gaussian_epsilon(math.sqrt(steps) / noise_multiplier, delta)
    epsilon = epsilon_pld(noise_multiplier, 1.0, steps, delta)
    # Pessimistic, so never below (but for the 1e-9 of the root finder), and for these few steps
    # on a grid of at most 4e-4 within 0.1 %.
    assert exact * (1 - 1e-9) <= epsilon <= exact * 1.001


def test_published_figures():
    # Lab 02's training: between the optimistic PLD bound 0.8494 and the upper end of the interval
    # of an independent accountant (PRV), 0.8540.
    assert 0.8494 <= epsilon_pld(1.3, 250 / 60000, 3600, 1e-5) <= 0.8540
    # Little noise, where a coarser grid must cost little: between PLD's optimistic and pessimistic.
    assert 476 <= epsilon_pld(0.1, 250 / 60000, 480, 1e-5) <= 479.2


def test_monotone():
    epsilons = epsilon_curve(1.1, 0.01, range(0, 200, 20), 1e-5)
    assert epsilons[0] == 0
    assert np.all(np.diff(epsilons) > 0)
    assert epsilon_pld(1.2, 0.01, 100, 1e-5) < epsilon_pld(1.1, 0.01, 100, 1e-5)
    assert epsilon_pld(1.1, 0.02, 100, 1e-5) > epsilon_pld(1.1, 0.01, 100, 1e-5)
    assert epsilon_pld(1.1, 0.01, 100, 1e-6) > epsilon_pld(1.1, 0.01, 100, 1e-5)


def test_edges():
    assert epsilon_pld(0, 0.1, 1, 1e-5) == math.inf
    assert epsilon_pld(0, 0.1, 0, 1e-5) == 0
    assert epsilon_pld(1, 0, 10, 1e-5) == 0
    assert epsilon_curve(1.1, 0.01, [], 1e-5) == []


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((-1.0, 0.1, 1, 1e-5), "noise_multiplier"),
        ((math.nan, 0.1, 1, 1e-5), "noise_multiplier"),
        ((1.0, 1.5, 1, 1e-5), "sampling_probability"),
        ((1.0, math.nan, 1, 1e-5), "sampling_probability"),
        ((1.0, 0.1, -1, 1e-5), "steps"),
        ((1.0, 0.1, 1.5, 1e-5), "steps"),
        ((1.0, 0.1, 1, 0.0), "delta"),
        ((1.0, 0.1, 1, 1.0), "delta"),
    ],
)
def test_bad_input_is_named(arguments, name):
    with pytest.raises(ValueError, match=f"^{name} is .*: give"):
        epsilon_pld(*arguments)


@pytest.mark.parametrize(
    ("noise_multiplier", "steps", "delta"),
    [(2.0, 1, 1e-5), (5.0, 50, 1e-6), (0.5, 3, 1e-5), (20.0, 10, 1e-12)],
)
def test_the_bracket_holds_the_gaussian_mechanism(noise_multiplier, steps, delta):
    exact = gaussian_epsilon(math.sqrt(steps) / noise_multiplier, delta)
    low, high = epsilon_bracket(noise_multiplier, 1.0, steps, delta)
    assert low <= exact * (1 + 1e-9)
    assert exact * (1 - 1e-9) <= high
    # LOOSENESS, SLACK and a grid of 0.2 % of ε.
    assert low >= 0.99 * exact


@pytest.mark.parametrize(
    ("noise_multiplier", "sampling_probability", "delta"),
    [(1.0, 0.01, 1e-5), (0.5, 0.1, 1e-8), (5.0, 0.5, 1e-10), (0.7, 1e-3, 1e-5)],
)
def test_the_bracket_holds_one_sampled_step(noise_multiplier, sampling_probability, delta):
    # A sampled step has δ(ε) = q·δ'(ε'), with δ' the unsampled Gaussian's and
    # e^ε' = 1 + (e^ε − 1)/q (Balle, Barthe & Gaboardi 2018, arXiv:1807.01647, theorem 8).
    unsampled = gaussian_epsilon(1 / noise_multiplier, delta / sampling_probability)
    exact = math.log1p(sampling_probability * math.expm1(unsampled))
    low, high = epsilon_bracket(noise_multiplier, sampling_probability, 1, delta)
    assert low <= exact * (1 + 1e-9)
    assert exact * (1 - 1e-9) <= high
    assert low >= 0.99 * exact


@pytest.mark.parametrize(
    ("noise_multiplier", "sampling_probability", "steps", "delta"),
    [(1.3, 250 / 60000, 3600, 1e-5), (0.6, 250 / 60000, 3600, 1e-5), (4.0, 0.01, 100000, 1e-5)],
)
def test_the_bracket_is_narrow(noise_multiplier, sampling_probability, steps, delta):
    low, high = epsilon_bracket(noise_multiplier, sampling_probability, steps, delta)
    assert 0.995 * high <= low <= high


def test_the_bracket_meets_an_independent_accountant():
    low, high = epsilon_bracket(1.3, 250 / 60000, 3600, 1e-5)
    # PRV has the true ε in [0.8519, 0.8540], plain optimistic rounding at 2e-6 above 0.8493.
    assert 0.8493 <= low <= 0.8540
    assert high >= 0.8519


@pytest.mark.parametrize(
    ("noise_multiplier", "sampling_probability", "steps", "delta"),
    [
        (0.5, 1.0, 10**6, 1e-5),
        (0.5, 1e-5, 10**5, 1e-9),
        (20.0, 1e-5, 1, 1e-12),
        (20.0, 1e-5, 1, 0.1),
        (0.5, 0.5, 10, 1e-12),
    ],
)
def test_the_bracket_at_the_extremes(noise_multiplier, sampling_probability, steps, delta):
    low, high = epsilon_bracket(noise_multiplier, sampling_probability, steps, delta)
    assert 0 <= low <= high < math.inf


def test_rare_losses_are_left_out_up_to_the_tail_at_each_end():
    mass = np.array([1e-9, 1e-9, 0.3, 0, 0.7, 1e-9])
    assert accounting.between_tails(mass, 2.5e-9) == slice(2, 5)
    assert accounting.between_tails(mass, 1.5e-9) == slice(1, 5)
    assert accounting.between_tails(mass, 0) == slice(0, 6)


def test_the_bracket_of_nothing():
    assert epsilon_bracket(0, 0.1, 1, 1e-5) == (math.inf, math.inf)
    assert epsilon_bracket(1.0, 0.1, 0, 1e-5) == (0, 0)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("noise_multiplier", (0, 1.3, 1e6), (-1, math.nan, math.inf)),
        ("sampling_probability", (0, 0.5, 1), (-0.1, 1.1, math.nan)),
        ("steps", (0, 3600, np.int64(7)), (-1, 1.5, math.nan)),
        ("delta", (1e-12, 0.5), (0, 1, math.nan)),
        ("epsilon", (0, 1e6), (-1e-9, math.inf, math.nan)),
        ("mu", (1e-9, 1e6), (0, -1, math.inf, math.nan)),
    ],
)
def test_domains(name, inside, outside):
    for value in inside:
        require_domain(**{name: value})
    for value in outside:
        with pytest.raises(ValueError, match=f"^{name} is .*: give"):
            require_domain(**{name: value})
