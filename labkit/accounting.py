"""Privacy of DP-SGD with Poisson batches, by privacy loss distributions."""

import functools
import math
from collections.abc import Sequence

import numpy as np
from dp_accounting.pld import privacy_loss_distribution


def epsilon_pld(
    noise_multiplier: float, sampling_probability: float, steps: int, delta: float
) -> float:
    """Return an upper bound on ε of `steps` steps of DP-SGD at `delta`, never below the true one.

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
    # Written so that NaN fails too.
    if not 0 <= noise_multiplier < math.inf:
        raise ValueError(f"noise_multiplier is {noise_multiplier!r}: give a number from 0 up.")
    if not 0 <= sampling_probability <= 1:
        raise ValueError(
            f"sampling_probability is {sampling_probability!r}: give a number from 0 to 1."
        )
    if not 0 < delta < 1:
        raise ValueError(f"delta is {delta!r}: give a number between 0 and 1, such as 1e-5.")
    for count in steps:
        if not isinstance(count, (int, np.integer)) or count < 0:
            raise ValueError(f"steps is {count!r}: give an integer from 0 up.")
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
    step = one_step(noise_multiplier, sampling_probability)
    return float(step.self_compose(steps).get_epsilon_for_delta(delta))


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
