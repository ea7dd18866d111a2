"""Differential privacy of a secure sum: every client adds its part of the noise under its masks."""

import math
from dataclasses import dataclass, field

import numpy as np
from dp_accounting import dp_event, rdp

from labkit.accounting import require_domain
from labkit.secagg.encoding import FixedPoint


@dataclass(frozen=True)
class NoisyEncoding:
    """The distributed discrete Gaussian mechanism (Kairouz, Liu & Steinke 2021, arXiv:2102.06387).

    Each client clips its vector to norm `clip`, encodes it, and adds discrete Gaussian noise, all
    before it masks. Against whoever sees the sums, the server among them, and knows the noise of
    all but `honest` of the clients in each, `epsilon` holds: neighbours differ in one client's
    vectors, which are there or are zero (its noise is there in both). `honest` is the threshold of
    `secure_sum` less the colluders.

    The sum is taken modulo 2^`fixed.bits` and read as a number of either sign (modular clipping):
    if it does not fit, the result is wrong, and no less private.

    Attributes:
        clip: the largest Euclidean norm of a client's vector, as clipped.
        noise_multiplier: the standard deviation of `honest` clients' noise together, over `clip`.
        honest: how many clients in every sum add noise that nobody knows.
        fixed: the fixed-point numbers.

    Raises:
        ValueError: the noise is too coarse: its standard deviation is below 4 units of the last
            fraction bit at one client, where sums of discrete Gaussians are none.
    """

    clip: float
    noise_multiplier: float
    honest: int
    fixed: FixedPoint = field(default_factory=lambda: FixedPoint(32, 16))

    def __post_init__(self) -> None:
        """Refuse noise whose sum is far from a discrete Gaussian."""
        if not (self.honest >= 1 and self.sigma >= 4 and math.isfinite(self.sigma)):
            raise ValueError(
                f"Each client's noise is {self.sigma:.3g} units of the last fraction bit, for "
                f"{self.honest} honest clients: at least 4 are needed. Take more fraction bits."
            )

    @property
    def sigma(self) -> float:
        """The standard deviation of one client's noise, in units of the last fraction bit."""
        unit = 2.0**-self.fixed.fraction_bits
        return self.noise_multiplier * self.clip / unit / math.sqrt(max(self.honest, 1))

    def encode(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Clip, round towards zero, and add noise, modulo 2^k: ready to be masked and summed.

        Args:
            values: [length], real and finite.
            rng: for the noise. Whoever knows its state takes the noise off: let a real client's be
                seeded by the operating system, and tell nobody.

        Returns:
            [length], of `fixed.dtype`.

        Raises:
            ValueError: a value is not finite.
        """
        values = np.asarray(values, np.float64)  # of a shorter type the norm is less exact
        norm = float(np.linalg.norm(values))
        if not math.isfinite(norm):
            raise ValueError("values holds NaN or infinity, which cannot be clipped.")
        # Rounding towards zero makes no norm larger; the last factor outweighs float64's rounding.
        factor = min(1.0, self.clip / max(norm, 1e-300)) * (1 - 2**-40)
        whole = np.trunc(np.ldexp(values * factor, self.fixed.fraction_bits))
        noise = discrete_gaussian(self.sigma, len(whole), rng)
        return (whole.astype(np.int64) + noise).astype(self.fixed.dtype)

    def epsilon(self, rounds: int, delta: float) -> float:
        """Return an upper bound on ε of `rounds` sums at `delta`, for noise as it is defined.

        A discrete Gaussian is 1/(2z²)-concentrated for noise multiplier z (Canonne, Kamath &
        Steinke 2020, arXiv:2004.00010), and the sum of n with σ ≥ 4 is one but for factors of
        e^τ, τ < 10·n·e^(−π²σ²) < n·1e-67 (Kairouz, Liu & Steinke). Composed and converted by
        dp_accounting.

        Raises:
            ValueError: `rounds` is no integer or negative, or `delta` is outside (0, 1).
        """
        require_domain(steps=rounds, delta=delta)
        event = dp_event.ZCDpEvent(0.5 / self.noise_multiplier**2)
        return float(rdp.RdpAccountant().compose(event, rounds).get_epsilon(delta))


def discrete_gaussian(sigma: float, length: int, rng: np.random.Generator) -> np.ndarray:
    """Draw integers k with probability proportional to exp(−k²/2σ²).

    By the samplers of Canonne, Kamath & Steinke 2020, Section 5, but with the probabilities of
    acceptance in float64, so that a value's distribution is off by about 1e-15 in total variation.

    Returns:
        [length], int64.
    """
    scale, drawn = math.floor(sigma) + 1, np.empty(0, np.int64)
    while len(drawn) < length:
        # Of a discrete Laplace distribution of this scale …
        low = rng.integers(scale, size=3 * length)
        size = low + scale * (rng.geometric(1 - math.exp(-1), 3 * length) - 1)
        negative = rng.random(3 * length) < 0.5
        laplace = (rng.random(3 * length) < np.exp(-low / scale)) & ~(negative & (size == 0))
        # … what is kept is Gaussian.
        gap = (size - sigma**2 / scale) / sigma
        keep = laplace & (rng.random(3 * length) < np.exp(-0.5 * gap**2))
        drawn = np.append(drawn, np.where(negative, -size, size)[keep])
    return drawn[:length]
