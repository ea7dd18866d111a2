"""Shamir's secret sharing (1979): any `threshold` shares give the secret, fewer give nothing.

A secret of 32 bytes is 16 numbers below 2^16, and each is shared over the prime field of 65537.
The field is that small on purpose: every product of two elements is at most 2^32, so that
float64 matrix products are exact for up to 2^20 terms, and a whole round's shares are one product.
"""

import functools
import os
from collections.abc import Sequence

import numpy as np
from threadpoolctl import ThreadpoolController

PRIME = 65537
LIMBS = 16
SECRET_BYTES = 2 * LIMBS
SHARE_BYTES = 4 * LIMBS


class TooFewShares(ValueError):
    """Fewer shares than the threshold; `missing` says how many more are needed."""

    def __init__(self, whose: str, there: int, threshold: int, what: str = "shares"):
        self.missing = threshold - there
        super().__init__(
            f"{whose}: {there} of the {threshold} {what} that are needed are there, "
            f"{self.missing} {'is' if self.missing == 1 else 'are'} missing."
        )


def share(secrets: Sequence[bytes], threshold: int, holders: Sequence[int]) -> np.ndarray:
    """Share each of `secrets`, so that any `threshold` of the holders can recover it.

    Fewer than `threshold` shares are independent of the secret, up to 2^−44 a coefficient (the
    coefficients are 64 random bits modulo the prime). Randomness is the operating system's.

    Args:
        secrets: 32 bytes each.
        threshold: 1 to the number of holders.
        holders: distinct ids from 0 to 65535.

    Returns:
        [holders, secrets, 16], uint32, elements of the field: a row for each holder.

    Raises:
        ValueError: an argument is out of its range.
    """
    points = _points(holders)
    if not 1 <= threshold <= len(points):
        raise ValueError(f"threshold is {threshold}: 1 to {len(points)} holders can be asked for.")
    if any(len(secret) != SECRET_BYTES for secret in secrets):
        raise ValueError(f"Each secret must have {SECRET_BYTES} bytes.")
    limbs = np.frombuffer(b"".join(secrets), "<u2").reshape(1, -1)
    random = np.frombuffer(os.urandom(8 * (threshold - 1) * limbs.size), "<u8") % PRIME
    coefficients = np.concatenate([limbs, random.reshape(threshold - 1, limbs.size)])
    shares = _product(_powers(points, threshold), coefficients)
    return shares.astype(np.uint32).reshape(len(points), len(secrets), LIMBS)


def recover(shares: np.ndarray, holders: Sequence[int], threshold: int) -> list[bytes]:
    """Return the secrets from the shares of at least `threshold` holders.

    Wrong shares give wrong secrets: authenticate them first.

    Args:
        shares: [holders, secrets, 16], as `share` made them; more rows than needed are left out.
        holders: whose rows these are.
        threshold: as in `share`.

    Raises:
        TooFewShares: how many are missing.
        ValueError: holders are repeated or out of range, or a secret is none of `share`'s.
    """
    points = _points(holders)
    if len(points) < threshold:
        raise TooFewShares("Recovery", len(points), threshold)
    weights = _lagrange_at_zero(points[:threshold])
    limbs = _product(weights[None, :], np.asarray(shares)[:threshold].reshape(threshold, -1))
    if np.any(limbs == PRIME - 1):
        raise ValueError("The shares do not belong together: they give no 32 bytes.")
    data = limbs.astype("<u2").tobytes()
    return [data[i : i + SECRET_BYTES] for i in range(0, len(data), SECRET_BYTES)]


def _points(holders: Sequence[int]) -> np.ndarray:
    """Where each holder's share is taken: its id + 1, for at 0 stands the secret."""
    points = np.asarray(holders, np.int64) + 1
    if len(np.unique(points)) != len(points) or np.any((points < 1) | (points >= PRIME)):
        raise ValueError(f"holders must be distinct ids from 0 to {PRIME - 2}.")
    return points


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A matrix product in the field; exact, see above."""
    # It is small, and a second thread costs more than it brings: with 200 clients half of a round.
    with _threads().limit(limits=1, user_api="blas"):
        product = left.astype(np.float64) @ right.astype(np.float64)
    return product.astype(np.int64) % PRIME


@functools.cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def _powers(points: np.ndarray, count: int) -> np.ndarray:
    powers = np.ones((len(points), count), np.int64)
    for j in range(1, count):
        powers[:, j] = powers[:, j - 1] * points % PRIME
    return powers


def _lagrange_at_zero(points: np.ndarray) -> np.ndarray:
    """The weights with which values at `points` give a polynomial's value at 0."""
    above, below = np.ones_like(points), np.ones_like(points)
    for j, point in enumerate(points):
        others = np.arange(len(points)) != j
        above[others] = above[others] * point % PRIME
        below[others] = below[others] * (point - points[others]) % PRIME
    return above * np.array([pow(int(b), -1, PRIME) for b in below], np.int64) % PRIME
