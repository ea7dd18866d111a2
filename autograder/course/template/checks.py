"""Checks of TITLE."""

from collections.abc import Callable

import numpy as np

from labkit.checks import as_number, check, require


@check
def values_are_clipped(clipped_mean: Callable, rng: np.random.Generator) -> None:
    """values beyond the range count as its ends, none is left out."""
    n = int(rng.integers(10, 40))
    low, high = float(rng.uniform(1, 3)), float(rng.uniform(5, 9))
    below, above = int(rng.integers(1, n // 3)), int(rng.integers(n // 3, n // 2))
    inside = rng.uniform(low, high, n - below - above)
    values = np.concatenate(
        # Those above are more, and further out: without a clip the two do not cancel.
        [low - rng.uniform(1, 2, below), inside, high + rng.uniform(4, 9, above)]
    )
    rng.shuffle(values)
    got = as_number(clipped_mean(values, low, high), "`clipped_mean`'s result")
    wanted = (below * low + above * high + inside.sum()) / n
    # In float32 each of at most 40 partial sums, below 360, is rounded by 2e-5 at most, and their
    # mean by as much.
    require(
        abs(got - wanted) <= 1e-4,
        f"Of {n} values {below} are below {low:.3f} and {above} above {high:.3f}: clipped, their "
        f"mean is {wanted:.4f}; `clipped_mean` gives {got:.4f}.",
    )


@check
def scale_hides_one_value(noise_scale: Callable, rng: np.random.Generator) -> None:
    """the noise's scale is the sensitivity, over ε."""
    n = int(rng.integers(10, 1000))
    low, high = float(rng.uniform(-5, -1)), float(rng.uniform(1.5, 9))
    epsilon = float(rng.uniform(0.1, 0.9))
    got = as_number(noise_scale(n, low, high, epsilon), "`noise_scale`'s result")
    # Two data sets that differ as much as neighbours can.
    least = np.full(n, low)
    most = least.copy()
    most[0] = high
    wanted = float(most.mean() - least.mean()) / epsilon
    # Means of 1000 numbers below 9 are rounded by less than 1e-12, differ by 2.5e-3 at least; float32
    # keeps 1e-7.
    require(
        abs(got / wanted - 1) <= 1e-5,
        f"With {n} values from {low:.3f} to {high:.3f}, one of them moves the mean by up to "
        f"{wanted * epsilon:.6f}; at ε = {epsilon:.3f} the scale is {wanted:.6f}, and `noise_scale` "
        f"gives {got:.6f}.",
    )
