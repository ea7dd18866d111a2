"""Real numbers as integers modulo 2^k, in which masks cancel exactly."""

from dataclasses import dataclass

import numpy as np

DTYPES = {32: np.uint32, 64: np.uint64}


@dataclass(frozen=True)
class FixedPoint:
    """Fixed-point numbers modulo 2^`bits`: multiples of 2^−`fraction_bits`, in two's complement.

    A modulus of 2^k is the machine's own arithmetic: unsigned integers wrap around. The sum of
    encoded vectors is their sum modulo 2^k bit for bit, in any order; it decodes to the sum of
    the rounded values as long as that fits.

    Attributes:
        bits: k, 32 or 64.
        fraction_bits: bits below the binary point, 0 to k − 2.

    Raises:
        ValueError: an attribute is out of its range.
    """

    bits: int = 32
    fraction_bits: int = 20

    def __post_init__(self) -> None:
        """Refuse what the machine has no type for."""
        if self.bits not in DTYPES:
            raise ValueError(f"bits is {self.bits}: choose 32 or 64.")
        if not 0 <= self.fraction_bits <= self.bits - 2:
            raise ValueError(
                f"fraction_bits is {self.fraction_bits}: 0 to {self.bits - 2} is possible."
            )

    @property
    def dtype(self) -> np.dtype:
        """The unsigned integer type of encoded values."""
        return np.dtype(DTYPES[self.bits])

    def largest(self, clients: int) -> float:
        """The largest absolute value that each of `clients` can add without an overflow."""
        whole = (2 ** (self.bits - 1) - 1) // clients
        return whole / 2**self.fraction_bits

    def encode(self, values: np.ndarray, clients: int) -> np.ndarray:
        """Round to the nearest multiple of 2^−fraction_bits, ready to be summed over `clients`.

        Args:
            values: any shape, real and finite.
            clients: how many such vectors will be added, at least 1.

        Returns:
            An array of the same shape and of `dtype`.

        Raises:
            ValueError: a value is not finite, or so large that the sum could overflow.
        """
        if clients < 1:
            raise ValueError(f"clients is {clients}: at least one must encode.")
        scaled = np.rint(np.ldexp(np.asarray(values, np.float64), self.fraction_bits))
        if not np.all(np.isfinite(scaled)):
            raise ValueError("values holds NaN or infinity, which no integer stands for.")
        if scaled.size and np.abs(scaled).max() > (2 ** (self.bits - 1) - 1) // clients:
            raise ValueError(
                f"The largest value is {np.abs(values).max():.4g}, and {clients} clients may add "
                f"at most {self.largest(clients):.4g} each modulo 2^{self.bits} with "
                f"{self.fraction_bits} fraction bits: clip the values or take fewer of those."
            )
        return scaled.astype(np.int64).astype(self.dtype)

    def decode(self, total: np.ndarray) -> np.ndarray:
        """Return the real numbers, float64, that a sum of encoded vectors stands for.

        Raises:
            ValueError: `total` is not of `dtype`.
        """
        total = np.asarray(total)
        if total.dtype != self.dtype:
            raise ValueError(f"total is {total.dtype}: sums modulo 2^{self.bits} are {self.dtype}.")
        signed = total.view(np.dtype(f"i{self.bits // 8}"))
        return np.ldexp(signed.astype(np.float64), -self.fraction_bits)
