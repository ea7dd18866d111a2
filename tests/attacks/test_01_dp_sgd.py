"""Lab 01 and what it rests on, attacked: each attack wins where the protection is left out."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import linalg, special, stats

from autograder.labs import MASTERS
from labkit import accounting, audit, checks, dpsgd
from tests.attacks.cells import solution

pytestmark = pytest.mark.labs

CROSS_ENTROPY = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
FEATURES = 2048
MASTER = (MASTERS / "01_dp_sgd.py").read_text()


@pytest.fixture(scope="module")
def linear():
    """A model of 20 480 weights, one for all tests: it is traced once."""
    return tf.keras.Sequential([tf.keras.layers.Dense(10, use_bias=False, input_shape=(FEATURES,))])


def trained(model, x, y, seed, noise_multiplier=4.4, steps=5, **changes):
    """Return the weights after DP-SGD from zero, and the ε that is claimed for them."""
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    plan = {
        "optimizer": tf.keras.optimizers.SGD(1.0),
        "l2_norm_clip": 1.0,
        "noise_multiplier": noise_multiplier,
        "sampling_probability": 1.0,
        "expected_batch_size": 20,
        "steps": steps,
        "record_every": steps,
        "rng": np.random.default_rng(seed),
        "delta": 1e-5,
    }
    history = dpsgd.fit(model, CROSS_ENTROPY, x, y, **plan | changes)
    return model.get_weights()[0].ravel(), history.epsilon[-1]


def told_apart(model, x, y, divisor, trials=10):
    """How often the scale of the final weights tells 20 examples from 21, of 2·`trials` runs.

    The weights' norm is that of the noise: 4.4·√5 in each of 20 480 coordinates, over the divisor.
    The attacker says 21 where it lies below the middle of what 20 and 21 give.
    """
    norms = np.array(
        [
            [
                np.linalg.norm(
                    trained(model, x[:n], y[:n], [n, trial], expected_batch_size=divisor(n))[0]
                )
                for trial in range(trials)
            ]
            for n in (20, 21)
        ]
    )
    threshold = 4.4 * np.sqrt(5 * 20480) / 20.5
    return int(np.sum(norms[0] > threshold) + np.sum(norms[1] <= threshold))


def test_the_scale_of_the_noise_does_not_tell_how_many_examples_there_are(linear):
    rng = np.random.default_rng(0)
    x = rng.random((21, FEATURES)).astype(np.float32)
    y = rng.integers(0, 10, 21)
    assert trained(linear, x, y, 0)[1] == pytest.approx(1.98, abs=0.1)
    # A norm of 20 480 normals varies by 1/√(2·20 480) = 0.49 %; 20 and 21 are 5 % apart.
    assert told_apart(linear, x, y, divisor=lambda n: n) == 20
    # Divided by a constant they differ by one clipped gradient a step, nearly orthogonal to the
    # noise: (105² − 100²) / (2·1408²) = 0.03 % of the norm at most. So each guess is right with
    # probability 1/2 or so, and Binomial(20, 0.5) is above 18 with probability 2e-5.
    assert told_apart(linear, x, y, divisor=lambda n: 20) <= 18


def test_the_scale_of_the_steps_does_not_tell_it_either(linear):
    """All settings are public constants: a learning rate that is computed from the data is none."""
    rng = np.random.default_rng(0)
    x = rng.random((21, FEATURES)).astype(np.float32)
    y = rng.integers(0, 10, 21)
    norms = [
        np.linalg.norm(
            trained(linear, x[:n], y[:n], n, optimizer=tf.keras.optimizers.SGD(20 / n))[0]
        )
        for n in (20, 21)
    ]
    # 5 % apart, and each varies by 0.49 %.
    assert norms[0] > 4.4 * np.sqrt(5 * 20480) / 20.5 > norms[1]


def test_one_example_turns_a_clipped_average_round():
    """By 2C: whoever clips the batch's mean gradient to C has not bounded an example by C."""
    clip_per_example = solution("01_dp_sgd")["clip_per_example"]
    batch = np.full((250, 1), 2.0, np.float32)  # all pull one way; the last one, hard, the other
    batch[-1] = -3000.0

    def moved(released):
        return abs(released(batch) - released(batch[:-1])).item()

    def of_the_average(gradients):
        return clip_per_example([gradients.mean(axis=0, keepdims=True)], 1.5)[0].sum()

    assert np.isclose(moved(of_the_average), 2 * 1.5)
    assert moved(lambda gradients: clip_per_example([gradients], 1.5)[0].sum()) <= 1.5 * (1 + 1e-5)


# --- noise that ends ------------------------------------------------------------------------------

END = math.sqrt(2 * math.log(1e7))  # of TensorFlow's normals, float32's and float64's
FARTHER = 20261127, 85884262  # a seed, and after how many draws of it a normal number is beyond


def given_away(end, sigma, uses):
    """How likely an example, pulling one way, shows beyond the noise's end in one of its uses."""
    return uses * stats.norm.sf(end - 1 / sigma)


def test_tensorflows_normals_end_and_would_break_what_is_promised():
    normals = tf.random.stateless_normal([1 << 23], [1, 2]).numpy()
    assert 5.2 < np.abs(normals).max() <= END + 1e-5
    # Part 7's first run: σ = 0.7, 720 batches with q = 1/240. Outcomes that cannot be without the
    # example have a probability that δ must cover, whatever ε.
    assert given_away(END, 0.7, 720 / 240) > 100 * checks.dp_sgd.DELTA
    assert given_away(12, 0.7, 720 / 240) < 1e-6 * checks.dp_sgd.DELTA


def test_the_noise_of_fit_goes_on_where_tensorflows_ends():
    seed, at = FARTHER
    rng = np.random.default_rng(seed)
    rng.bit_generator.advance(at)  # a coin for one example, then the noise
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.set_weights([np.zeros((1, 1))])
    dpsgd.fit(
        model,
        lambda y, y_hat: 0.0 * y_hat[:, 0],
        np.zeros((1, 1), np.float32),
        np.zeros(1),
        optimizer=tf.keras.optimizers.SGD(1.0),
        l2_norm_clip=1.0,
        noise_multiplier=1.0,
        sampling_probability=1.0,
        expected_batch_size=1,
        steps=1,
        rng=rng,
        delta=1e-5,
    )
    assert abs(model.get_weights()[0].item()) > END + 0.3


def someone_is_published(delta, people=60_000, trials=200):
    """How often somebody is given away where each record is published with probability δ."""
    published = np.random.default_rng(1).binomial(people, delta, trials)
    return np.mean(published > 0)


def test_delta_leaves_nobody_to_a_mechanism_that_publishes_records():
    # 1 − (1 − δ)^60000 is 0.45 at δ = 1e-5, with a deviation of 0.035 over 200 trials; at 1e-7 it
    # is 0.006, and Binomial(200, 0.006) is above 12 with probability 1e-8.
    assert someone_is_published(1e-5) > 0.25
    assert someone_is_published(checks.dp_sgd.DELTA) <= 12 / 200
    assert f"\nDELTA = {checks.dp_sgd.DELTA:.0e}".replace("e-0", "e-") in MASTER


def test_the_noise_is_longer_than_the_sum_and_shorter_along_it():
    lab, rng = solution("01_dp_sgd"), np.random.default_rng(11)
    tf.keras.utils.set_random_seed(3)
    model, batch = lab["convolutional_network"](), rng.choice(60000, 250, replace=False)
    clip = lab["L2_NORM_CLIP"]
    total = dpsgd.clipped_gradient_sum(model, CROSS_ENTROPY, clip)(
        lab["x_train"][batch], lab["y_train"][batch]
    )
    signal = np.concatenate([np.ravel(g) for g in total.gradients]) / clip
    noise, length = rng.normal(0, 1.3, signal.size), np.linalg.norm(signal)
    # 1.3·√26010 = 209.7, give or take 1.3/√2; along one direction 1.3, six of those at most.
    assert signal.size == 26010 and abs(np.linalg.norm(noise) - 209.7) <= 6
    assert 6 * 1.3 < length < 209.7 / 5 and abs(noise @ signal) / length <= 6 * 1.3


def sum_without_noise(model, x, y, rngs):
    """What two first steps with different noise give away; returns its relative error."""
    low, high = 0.7, 1.3
    one, two = (
        trained(model, x, y, None, s, steps=1, rng=rng)[0]
        for s, rng in zip((low, high), rngs, strict=True)
    )
    truth, _ = trained(model, x, y, 7, 0, steps=1, no_noise_INSECURE=True)
    found = (high * one - low * two) / (high - low)
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)


def test_two_runs_do_not_give_away_the_sum_without_noise(linear):
    rng = np.random.default_rng(2)
    x = rng.random((40, FEATURES)).astype(np.float32)
    y = rng.integers(0, 10, 40)
    # With one seed batch and noise are the same, and what is left are roundings.
    assert sum_without_noise(linear, x, y, [np.random.default_rng(7) for _ in range(2)]) < 1e-4
    # With one each the noise that is left has deviation 0.7·1.3·√2 / 0.6 = 2.1 C in each of 20 480
    # coordinates, 307 C in norm, within 3 %; the sum of 40 clipped gradients has 40 C at most.
    assert sum_without_noise(linear, x, y, np.random.default_rng(7).spawn(2)) > 300 / 40


def test_the_best_of_three_runs_tells_more_than_its_own_epsilon():
    rng, epsilon, trials = np.random.default_rng(3), 1.0, 100_000
    honest = 1 / (1 + np.exp(-epsilon))
    # Each run tells whether somebody is in, by randomized response, which is ε-DP exactly. The
    # attacker says "out" at a 0.
    runs_in = rng.random((trials, 3)) < honest
    runs_out = rng.random((trials, 3)) < 1 - honest

    def beats(epsilon, said_in, said_out):
        # P(0 | out) <= e^ε P(0 | in), with six deviations of each frequency for chance.
        out, mistaken = np.mean(~said_out), np.mean(~said_in)
        chance = 6 * np.sqrt(0.25 / trials)
        return out - chance > np.exp(epsilon) * (mistaken + 6 * np.sqrt(mistaken / trials))

    assert beats(epsilon, runs_in.any(axis=1), runs_out.any(axis=1))
    # 0.269³ = 0.0195 against 0.731³ = 0.391: e³ = 20.1 times. The sum of the three ε is safe, and a
    # run chosen beforehand is.
    assert not beats(3 * epsilon, runs_in.any(axis=1), runs_out.any(axis=1))
    assert not beats(epsilon, runs_in[:, 0], runs_out[:, 0])


def test_an_audit_refutes_a_true_epsilon_no_more_often_than_it_says():
    rng, epsilon, guesses, audits = np.random.default_rng(4), 1.0, 160, 2000
    # Randomized response again, which reaches the theorem's binomial.
    correct = rng.binomial(guesses, 1 / (1 + np.exp(-epsilon)), audits)
    p_values = {k: audit.p_value(k, guesses, epsilon, 0.0, guesses) for k in set(correct.tolist())}
    refuted = np.array([p_values[k] <= 0.05 for k in correct.tolist()])
    # Binomial(2000, 0.05) is above 147 with probability 2e-6.
    assert 0 < refuted.sum() <= 147
    # "The truth lies above all four marks" is another sentence: it fails in up to 4 · 5 % of the
    # cases, and here in 1 − 0.95⁴ = 18 % or a little less, for counts are whole.
    four = refuted.reshape(-1, 4).any(axis=1).mean()
    assert 0.05 < four <= 0.2 + 6 * np.sqrt(0.16 / 500)


def test_the_best_of_several_numbers_of_guesses_refutes_too_often():
    # Nothing leaks: scores and coins are independent, and ε = 0 holds.
    rng, audits = np.random.default_rng(5), 400

    def refuted(numbers):
        included, scores = rng.random(500) < 0.5, rng.random(500)
        p_values = (
            audit.p_value(audit.guess(scores, included, r), r, 0.0, 0.0, 500) for r in numbers
        )
        return min(p_values) <= 0.05

    # Of one number, Binomial(400, 0.05) is above 43 with probability 1e-6; of ten, from which a
    # liar picks, more than twice as many.
    assert sum(refuted([160]) for _ in range(audits)) <= 43
    assert sum(refuted([10, 20, 40, 60, 80, 120, 160, 240, 320, 500]) for _ in range(audits)) > 43


# --- batches that are not Poisson's ---------------------------------------------------------------


@pytest.fixture(scope="module")
def beyond():
    return solution("01_dp_sgd", EPOCH_STEPS=240, stats=stats, linalg=linalg, special=special)


@pytest.mark.parametrize("seed", range(6, 9))
def test_runs_of_a_shuffled_epoch_refute_the_epsilon_of_poisson_batches(beyond, seed):
    sigma, delta, runs, rng = 0.6, 1e-5, 40_000, np.random.default_rng(seed)
    claimed = accounting.epsilon_pld(sigma, 1 / 240, 240, delta)
    true = accounting.epsilon_pld(sigma, 1.0, 1, delta)  # of fixed batches: from above
    assert (round(claimed, 2), round(true, 2)) == (2.75, 8.0)
    # The rates are 0.091 and 1.4e-3. To miss the claim, 56 expected hits would have to be 190.
    assert claimed < beyond["epsilon_by_runs"](True, sigma, delta, runs, rng) <= true
    # Of Poisson batches the rates are 1.7e-3 and 3.6e-4: 68 hits would have to be 200.
    assert beyond["epsilon_by_runs"](False, sigma, delta, runs, rng) <= claimed


@pytest.mark.parametrize("sigma", [0.3, 0.6, 0.8, 1.3])
def test_what_a_shuffled_epoch_costs_lies_between_its_bounds(beyond, sigma):
    low = beyond["epsilon_at_least"](sigma, 240, 1e-5)
    high = accounting.epsilon_pld(sigma, 1.0, 1, 1e-5)
    assert low <= high
    if sigma <= 0.8:  # "the bounds lie on each other"
        assert low >= 0.97 * high
    # "With very little noise it is the other way round."
    poisson = accounting.epsilon_pld(sigma, 1 / 240, 240, 1e-5)
    assert (poisson < low) == (sigma >= 0.4)


# --- correlated noise -----------------------------------------------------------------------------


def test_an_example_moves_the_release_by_the_sensitivity_and_no_more(beyond):
    rng, period = np.random.default_rng(7), 20
    factor = beyond["banded_root"](60, 20)
    prefix_sums = beyond["banded_root"](60, 60)
    assert np.allclose(prefix_sums @ prefix_sums, np.tril(np.ones((60, 60))))
    assert np.min(factor.T @ factor) >= 0
    found = 0.0
    for first in range(period):
        columns = factor[:, first::period]
        for directions in (np.ones((3, 1)), *rng.normal(size=(50, 3, 4))):
            unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
            found = max(found, np.linalg.norm(columns @ unit))
    assert np.isclose(found, beyond["sensitivity"](factor, period))
    # Columns that are as many steps apart as there are bands do not overlap: squares add up.
    assert np.allclose(
        (factor.T @ factor)[:, ::period][::period], np.diag([factor[:20, 0] @ factor[:20, 0]] * 3)
    )
    lab = beyond["banded_root"](720, 240)
    one = np.linalg.norm(lab[:, 0])
    assert np.isclose(beyond["sensitivity"](lab, 240), np.sqrt(3) * one)
    assert (round(one, 2), round(np.sqrt(3) * one, 2)) == (1.68, 2.90)


def test_noise_for_one_use_does_not_hide_an_example_that_is_used_three_times(beyond):
    factor, runs = beyond["banded_root"](60, 60), 20_000
    rng, bound = np.random.default_rng(8), 2 * stats.norm.cdf(0.5) - 1  # of 1-GDP

    def advantage(period_accounted):
        """Of the best test between an example that is in every 20th step and none."""
        scale = beyond["sensitivity"](factor, period_accounted)
        moved = max((factor[:, first::20].sum(axis=1) for first in range(20)), key=np.linalg.norm)
        noise = rng.normal(0, scale, (2, runs, 60))
        threshold = moved @ moved / 2
        return np.mean((noise[0] + moved) @ moved > threshold) - np.mean(
            noise[1] @ moved > threshold
        )

    # A rate of 20 000 runs deviates by 0.0035 at most, a difference by 0.005: six of those.
    assert advantage(period_accounted=60) > bound + 0.1
    assert abs(advantage(period_accounted=20) - bound) <= 0.03


def test_correlated_noise_is_smaller_on_sums_at_the_same_mu(beyond):
    def error(factor):
        noise = beyond["correlated"](factor, 240, 50, np.random.default_rng(9))
        return np.sqrt(np.mean(np.cumsum(noise, axis=0) ** 2))

    independent, correlated = error(np.eye(720)), error(beyond["banded_root"](720, 240))
    # √3·√(721/2) = 32.9 by hand; 50 random walks' mean square varies by 0.82·√2/√50 = 16 %, its
    # root by 8 %: 3.7 of those, on a fixed seed.
    assert abs(independent / 32.9 - 1) < 0.3
    assert correlated < independent / 4
