"""The one-run audit: its p-value against closed forms, and as a real test of a real mechanism."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from labkit import audit


@pytest.mark.parametrize(("correct", "guesses", "epsilon"), [(0, 10, 1.0), (7, 10, 0.5), (9, 9, 2)])
def test_without_delta_it_is_the_binomial_tail(correct, guesses, epsilon):
    q = math.exp(epsilon) / (1 + math.exp(epsilon))
    tail = sum(
        math.comb(guesses, k) * q**k * (1 - q) ** (guesses - k) for k in range(correct, guesses + 1)
    )
    assert audit.p_value(correct, guesses, epsilon, 0.0, 50) == pytest.approx(tail, rel=1e-9)


def test_delta_adds_what_the_theorem_says():
    correct, guesses, epsilon, delta, canaries = 45, 60, 0.7, 1e-3, 200
    q = 1 / (1 + math.exp(-epsilon))
    law = stats.binom(guesses, q)
    # The main theorem for δ > 0, term by term, the slow way.
    slack = max(
        sum(law.pmf(k) for k in range(correct - i, correct)) / i for i in range(1, correct + 1)
    )
    want = law.sf(correct - 1) + 2 * canaries * delta * slack
    assert audit.p_value(correct, guesses, epsilon, delta, canaries) == pytest.approx(want)


def test_more_right_guesses_are_less_likely():
    values = [audit.p_value(k, 50, 1.0, 1e-6, 100) for k in range(51)]
    assert all(a >= b for a, b in itertools.pairwise(values))
    assert values[0] == 1.0


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((11, 10, 1.0, 0.0, 20), "correct"),
        ((5, 30, 1.0, 0.0, 20), "canaries"),
        ((5, 10, -1.0, 0.0, 20), "epsilon"),
        ((5, 10, float("nan"), 0.0, 20), "epsilon"),
        ((5, 10, 1.0, 1.5, 20), "delta"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, name):
    with pytest.raises(ValueError, match=name):
        audit.p_value(*arguments)


def test_guessing_takes_the_extremes_and_abstains_in_between():
    scores = np.array([5.0, 1.0, 3.0, 0.0, 4.0, 2.0])
    included = np.array([True, False, True, True, False, False])
    # Guesses: 5.0 and 4.0 are in (one is), 0.0 and 1.0 are out (one is).
    assert audit.guess(scores, included, 4) == 2
    assert audit.guess(scores, included, 2) == 1
    for guesses in (0, 3, 8):
        with pytest.raises(ValueError, match="guesses"):
            audit.guess(scores, included, guesses)


def test_it_does_not_refute_randomized_response_and_refutes_half_its_epsilon():
    # Randomized response is exactly ε-DP and reaches the binomial of the theorem, so at confidence
    # 1 − β the true ε is refuted with probability at most β. With β = 1e-9 that never happens here.
    rng = np.random.default_rng(0)
    epsilon, canaries = 1.0, 4000
    included = rng.random(canaries) < 0.5
    honest = rng.random(canaries) < 1 / (1 + np.exp(-epsilon))
    scores = np.where(honest, included, ~included) + rng.uniform(0, 1e-6, canaries)
    correct = audit.guess(scores, included, 2000)
    assert audit.p_value(correct, 2000, epsilon, 0.0, canaries) > 1e-9
    # 2000 guesses are right at rate 0.731 ± 0.01; ε/2 allows 0.622: eleven deviations apart.
    assert audit.p_value(correct, 2000, epsilon / 2, 0.0, canaries) < 1e-9


def test_canaries_are_fair_and_distinct():
    canaries = audit.make_canaries(np.random.default_rng(1), 2000, (4, 4, 1))
    assert canaries.images.shape == (2000, 4, 4, 1)
    assert canaries.images.dtype == np.float32
    assert set(np.unique(canaries.images)) == {-1.0, 1.0}
    assert set(np.unique(canaries.labels)) == set(range(10))
    # Binomial(2000, 1/2) is within 6 deviations (134) of 1000 but for 2e-9 of the time.
    assert abs(canaries.included.sum() - 1000) < 134
