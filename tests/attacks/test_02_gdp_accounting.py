"""Lab 02 and labkit.accounting, attacked: each attack breaks the claim that is too small."""

import math

import numpy as np
import pytest
from dp_accounting import dp_event, pld
from dp_accounting.pld import common
from scipy import fft, special, stats

from labkit import accounting
from tests.attacks.cells import solution

pytestmark = pytest.mark.labs

SIGMA, N, BATCH, EPOCHS, DELTA = 1.3, 60000, 250, 15, 1e-5


def delta_of_losses(losses, epsilon):
    """What runs with the example, by their privacy losses [runs], say of δ(ε): an unbiased mean.

    δ(ε) = E[max(0, 1 − e^(ε − loss))], a form of Balle & Wang 2018's condition, arXiv:1805.06530.
    """
    return float(np.mean(-np.expm1(np.minimum(0.0, epsilon - losses))))


def gaussian_delta(epsilon, mu):
    """δ(ε) of μ-GDP (Dong, Roth & Su 2019, arXiv:1905.02383, Corollary 2.13)."""
    second = math.exp(epsilon + special.log_ndtr(-epsilon / mu - mu / 2))
    return float(special.ndtr(-epsilon / mu + mu / 2) - second)


def test_delta_is_not_how_often_the_privacy_loss_is_above_epsilon():
    """Of 1-GDP, at δ = 1e-5: the loss, N(1/2, 1), is above ε five times as often."""
    epsilon = next(e for e in np.arange(3, 6, 1e-3) if gaussian_delta(e, 1.0) <= DELTA)
    assert stats.norm.sf(epsilon - 0.5) > 4 * DELTA
    # What it is: the most by which a probability is above e^ε times the other one, here of losses
    # above ε.
    losses = np.linspace(0, 10, 1001)
    above = stats.norm.sf(losses - 0.5) - np.exp(epsilon) * stats.norm.sf(losses + 0.5)
    assert math.isclose(above.max(), gaussian_delta(epsilon, 1.0), rel_tol=1e-2)


def uses_by_queue(rng, capacity=1000):
    """How often each example is used by a shuffling queue that begins anew each epoch.

    `numpy_input_fn(shuffle=True)` reads from a random place on, in order, through a queue from
    which each batch is drawn; what is left in it at an epoch's end is lost.
    """
    used = np.zeros(N, int)
    for _ in range(EPOCHS):
        start = rng.integers(N)
        queue, following = start + np.arange(capacity), start + capacity
        for _ in range(N // BATCH):
            rng.shuffle(queue)
            used += np.bincount(queue[:BATCH] % N, minlength=N)
            queue[:BATCH] = following + np.arange(BATCH)
            following += BATCH
    return used


def test_a_queue_that_begins_anew_uses_some_examples_more_often_than_there_are_epochs():
    used = uses_by_queue(np.random.default_rng(1))
    # An epoch takes a given example twice with a probability of 0.5 %: of 60 000 examples some 150
    # are used 17 times or more.
    assert used.min() <= 13 and used.max() >= 17
    claimed, true = (accounting.epsilon_pld(SIGMA, 1.0, uses, DELTA) for uses in (EPOCHS, 18))
    assert (round(claimed, 2), round(true, 2)) == (16.53, 18.61)
    # Whoever is used 18 times: each use shifts a release by 1/σ, and the losses add up.
    mu = math.sqrt(18) / SIGMA
    losses = np.random.default_rng(2).normal(mu**2 / 2, mu, 1_000_000)
    # A mean of values from 0 to 1 deviates by at most √(δ/10⁶), here 1.2e-5 and 3e-6.
    assert math.isclose(gaussian_delta(claimed, mu), 1.38e-4, rel_tol=0.01)
    assert delta_of_losses(losses, claimed) > 8 * DELTA
    assert delta_of_losses(losses, true) < DELTA + 5 * 3.2e-6


def test_runs_convict_the_central_limit_theorem_and_not_the_accountant():
    sigma, q, steps = 0.6, BATCH / N, 480
    mu = q * math.sqrt(steps * math.expm1(sigma**-2))
    clt = next(e for e in np.arange(0, 5, 1e-3) if gaussian_delta(e, mu) <= DELTA)
    low, high = accounting.epsilon_bracket(sigma, q, steps, DELTA)
    assert round(clt, 2) == 1.36 and clt < low
    rng, runs = np.random.default_rng(3), 8000
    losses = np.zeros(runs)
    for _ in range(steps):
        seen = sigma * rng.standard_normal(runs) + (rng.random(runs) < q)
        losses += accounting.log_likelihood_ratio(seen, sigma, q)
    # δ(clt) is 1.3e-3 by the accountant, and a mean of 8000 deviates by at most 4e-4.
    assert delta_of_losses(losses, clt) > 10 * DELTA
    # At the true ε 0.08 runs of 8000 are expected, each counted by at most 1: 6 come with 1e-7.
    assert delta_of_losses(losses, high) <= 6 / runs


def composed_exactly(step, steps, epsilon):
    """δ(ε) of `steps` steps, the larger of its two sides, by transforms of 80-bit floats."""
    deltas = []
    for pmf in {step._pmf_remove, step._pmf_add}:
        masses = np.asarray(pmf._probs)
        low, high = common.compute_self_convolve_bounds(masses, steps, 1e-15)
        transform = fft.fft(masses.astype(np.longdouble), fft.next_fast_len(high - low + 1))
        composed = np.roll(np.real(fft.ifft(transform ** np.int64(steps))), -low)[: high - low + 1]
        losses = (pmf._lower_loss * steps + low + np.arange(len(composed))) * pmf._discretization
        deltas.append(float(composed @ -np.expm1(np.minimum(0.0, epsilon - losses))))
    return max(deltas)


def test_an_upper_bound_stays_one_where_the_transform_has_more_errors_than_delta():
    sigma, q, steps, delta = 0.7, 1e-5, 10**4, 1e-12
    step = accounting.one_step(sigma, q)
    # Without anything kept off δ the bound is 6 % below what it should bound.
    forgetful = step.self_compose(steps).get_epsilon_for_delta(delta)
    assert composed_exactly(step, steps, forgetful) > 1.1 * delta
    assert accounting.epsilon_pld(sigma, q, steps, delta) == math.inf
    assert accounting.epsilon_bracket(sigma, q, steps, delta) == (0.0, math.inf)
    # Where it promises something, 80-bit floats agree (3e-17 a step of 1e-15 that are allowed).
    for larger in (2e-11, 1e-10):
        epsilon = accounting.epsilon_pld(sigma, q, steps, larger)
        assert composed_exactly(step, steps, epsilon) <= larger


def test_the_last_weights_alone_can_tell_as_much_as_every_step():
    """A loss that writes the privacy loss so far into the weight, rounded to a grid of `grain`.

    One weight, and 10¹² examples whose gradients depend on it alone. After each step they move it
    to `wide` times the (whole) number of grains that the loss amounts to, and the next release is
    added to that: what one step says can be read, and the rest is kept. In the published
    counterexample's sense (arXiv:2407.06496); with a linear loss the weight is just the sum.
    """
    sigma, q, steps, runs = 0.6, 0.05, 40, 4000
    others, grain, wide = 10**12, 0.01, 100.0
    rng = np.random.default_rng(4)
    # The first half of the runs has the example, the other has not.
    present = np.arange(runs) < runs // 2
    weight, total, linear = np.zeros(runs), np.zeros(runs), np.zeros(runs)

    def read(weight):
        grains = np.round(weight / wide)
        return grains, accounting.log_likelihood_ratio(weight - wide * grains, sigma, q)

    for _ in range(steps):
        grains, loss = read(weight)
        wanted = wide * (grains + np.round(loss / grain)) * (weight != 0) - weight
        # A coin for each example: how many gradients of wanted/(q·others) there are is random.
        assert np.all(np.abs(wanted) <= q * others)  # none is longer than C = 1, so none is clipped
        count = rng.binomial(others, q, runs)
        release = (rng.random(runs) < q) * present + sigma * rng.standard_normal(runs)
        weight = weight + wanted * (count / (q * others)) + release
        total += accounting.log_likelihood_ratio(release, sigma, q)
        linear += release
    grains, loss = read(weight)
    from_the_end = grain * grains + loss

    # Each rounding costs at most half a grain, and the steering's noise less than another half.
    assert np.abs(from_the_end - total).max() <= steps * grain

    def advantage(evidence, threshold):
        says = evidence > threshold
        return says[present].mean() - says[~present].mean()

    best = advantage(total, 0.0)
    # Both halves deviate by 0.011: what the end of a linear loss tells is less, by 10 of those.
    assert abs(advantage(from_the_end, 0.0) - best) <= 0.05
    thresholds = np.quantile(linear, np.linspace(0.02, 0.98, 49))
    assert max(advantage(linear, t) for t in thresholds) < best - 0.05


def test_a_group_that_somebody_joins_is_not_one_that_is_added():
    """One step in which a group's clipped mean turns from −C to C, against what is printed."""
    q = BATCH / N
    x = np.linspace(-12, 12, 48001)

    def mixture(mean):
        return (1 - q) * stats.norm.pdf(x, 0, SIGMA) + q * stats.norm.pdf(x, mean, SIGMA)

    def delta(one, other, epsilon):
        return np.trapezoid(np.maximum(0, one - math.exp(epsilon) * other), x)

    printed = accounting.epsilon_pld(SIGMA, q, 1, DELTA)
    assert delta(mixture(1), mixture(0), printed) <= DELTA
    assert delta(mixture(1), mixture(-1), printed) > 1.1 * DELTA
    two_steps = 2 * printed, (1 + math.exp(printed)) * DELTA
    assert delta(mixture(1), mixture(-1), two_steps[0]) <= two_steps[1]


def test_an_epsilon_of_images_is_refuted_by_the_runs_of_a_person_with_five():
    """All of somebody's images, or none: each in a batch by its own coin, all pulling one way."""
    sigma, q, steps, images, delta, runs = 1.3, 0.05, 100, 5, 1e-2, 20_000
    names = {"pld": pld, "dp_event": dp_event}
    of_person = solution("02_gdp_accounting", **names)["epsilon_of_person"]
    of_image = accounting.epsilon_pld(sigma, q, steps, delta)
    assert math.isclose(of_person(1, sigma, q, steps, delta), of_image, rel_tol=0.02)
    rng, count = np.random.default_rng(5), np.arange(images + 1)
    log_chances = stats.binom.logpmf(count, images, q)
    losses = np.zeros(runs)
    for _ in range(steps):
        seen = rng.binomial(images, q, runs) + sigma * rng.standard_normal(runs)
        log_ratios = (2 * count * seen[:, None] - count**2) / (2 * sigma**2)
        losses += special.logsumexp(log_chances + log_ratios, axis=1)
    # A mean of values from 0 to 1 deviates by √(δ/runs) = 7e-4 at most where it is δ.
    assert delta_of_losses(losses, of_image) > 20 * delta
    assert delta_of_losses(losses, of_person(images, sigma, q, steps, delta)) <= delta + 6 * 7e-4
    # More than five times as much, at the same δ.
    assert delta_of_losses(losses, images * of_image) > delta + 6 * 7e-4
