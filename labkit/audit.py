"""Auditing a private training run from outside: how much did it remember of its canaries?

The one-run audit of Steinke, Nasr and Jagielski, "Privacy Auditing with One (1) Training Run"
(2023, arXiv:2305.08846): every canary is included by a fair coin of its own, the model is
trained once, and the auditor guesses the coins. An (ε, δ)-DP run hardly ever allows more than so
many right guesses; more refute it, with a confidence that is chosen beforehand.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats


class Canaries(NamedTuple):
    """Images of pure noise with random labels, and the coins that included some of them."""

    images: np.ndarray  # [canaries, *shape], float32, each pixel −1 or 1
    labels: np.ndarray  # [canaries], int32
    included: np.ndarray  # [canaries], bool


def make_canaries(
    rng: np.random.Generator, count: int, shape: tuple[int, ...], classes: int = 10
) -> Canaries:
    """Draw `count` canaries of `shape`, each included with probability 1/2, independently."""
    return Canaries(
        images=rng.choice(np.array([-1, 1], np.float32), (count, *shape)),
        labels=rng.integers(0, classes, count).astype(np.int32),
        included=rng.random(count) < 0.5,
    )


def guess(scores: np.ndarray, included: np.ndarray, guesses: int) -> int:
    """Guess the coins of the most telling canaries and return how many guesses are right.

    The auditor says "in" for the guesses/2 highest scores, "out" for the guesses/2 lowest, and
    abstains on the rest, as the auditor of arXiv:2305.08846 does.

    Args:
        scores: [canaries], higher where the model seems to remember the canary.
        included: [canaries], bool, the coins. They are used to count, not to guess.
        guesses: how many guesses to make, even, at most the number of canaries, and fixed before
            the scores are seen: the p-value is not that of the best of several tries.

    Raises:
        ValueError: `guesses` is odd, not positive or larger than the number of canaries.
    """
    if guesses % 2 or not 0 < guesses <= len(scores):
        raise ValueError(f"guesses is {guesses}: it must be even, from 2 to {len(scores)}.")
    order = np.argsort(scores, kind="stable")
    lowest, highest = order[: guesses // 2], order[len(order) - guesses // 2 :]
    return int(np.sum(~included[lowest]) + np.sum(included[highest]))


def p_value(correct: int, guesses: int, epsilon: float, delta: float, canaries: int) -> float:
    """Bound the chance that an (ε, δ)-DP run lets `correct` or more of `guesses` be right.

    With δ = 0 each guess is right with probability at most e^ε / (1 + e^ε) whatever the others
    were, so the count is at most Binomial(guesses, e^ε / (1 + e^ε)); δ adds
    2 · canaries · δ · max_i P[correct > Binomial ≥ correct − i] / i
    (arXiv:2305.08846, main theorem for δ > 0). Neighbouring relation: add or remove one example.

    Args:
        correct: right guesses, 0 to `guesses`.
        guesses: guesses made, at most `canaries`.
        epsilon: the ε that is put to the test, ≥ 0, in nats.
        delta: the δ that goes with it, 0 to 1.
        canaries: how many coins were tossed, abstentions included.

    Returns:
        A probability; an ε with a p-value of at most β is refuted with confidence 1 − β: of runs
        that are (ε, δ)-DP at most a share of β is refuted, one audit each.

    Raises:
        ValueError: an argument is outside its range.
    """
    if not 0 <= correct <= guesses <= canaries:
        raise ValueError(
            f"correct = {correct}, guesses = {guesses}, canaries = {canaries}: "
            "0 ≤ correct ≤ guesses ≤ canaries is wanted."
        )
    if not epsilon >= 0:
        raise ValueError(f"epsilon is {epsilon}: it must be 0 or more.")
    if not 0 <= delta <= 1:
        raise ValueError(f"delta is {delta}: it must be between 0 and 1.")
    right = 1 / (1 + np.exp(-epsilon))
    by_chance = stats.binom.sf(correct - 1, guesses, right)
    misses = np.arange(1, correct + 1)
    just_below = np.cumsum(stats.binom.pmf(correct - misses, guesses, right))
    slack = np.max(just_below / misses, initial=0.0)
    return float(min(1.0, by_chance + 2 * canaries * delta * slack))
