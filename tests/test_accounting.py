"""labkit.accounting against closed forms, published figures and the rules of composition."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from labkit.accounting import epsilon_curve, epsilon_pld


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
