"""Many inner products from one product of polynomials.

Coefficient packing, after Cheetah (Huang, Lu, Hong & Ding 2022, IACR ePrint 2022/207) and Iron
(Hao et al., NeurIPS 2022): a block of B examples of u left columns and v right columns goes into
two polynomials whose product holds all u·v inner products over the block, each as one coefficient.
Blocks are summed by adding products.
"""

from dataclasses import dataclass

import numpy as np

# What encoding, encrypting and one product cost, and an answer: five encodings and a decryption.
# Relative, measured with tf-shell 0.5.0.
ENCODE, ENCRYPT, MULTIPLY, ANSWER = 1.0, 5.0, 0.1, 6.0


@dataclass(frozen=True)
class Packing:
    """How leftᵀ·right is computed from polynomials, with u·v·B ≤ N.

    The left polynomial has left[i, a] at exponent a·B + B − 1 − i, the right one right[i, b] at
    b·u·B + i. Their product has Σ_i left[i, a]·right[i, b] at b·u·B + a·B + B − 1: other terms miss
    it by 1 to B − 1, and what wraps around past N lands below B − 1.

    Attributes:
        degree: N.
        rows: examples in a part of a batch.
        left: columns of the left matrix.
        right: columns of the right matrix.
        u, v: columns in one polynomial.
        block: B, a divisor of `rows`.
    """

    degree: int
    rows: int
    left: int
    right: int
    u: int
    v: int
    block: int

    def __post_init__(self) -> None:
        if self.u * self.v * self.block > self.degree or self.rows % self.block:
            raise ValueError(
                f"u·v·B = {self.u}·{self.v}·{self.block} must be at most N = {self.degree}, and B "
                f"divide the {self.rows} rows."
            )

    @property
    def blocks(self) -> int:
        """Polynomials along the rows."""
        return self.rows // self.block

    @property
    def left_groups(self) -> int:
        """Polynomials along the left columns."""
        return -(-self.left // self.u)

    @property
    def right_groups(self) -> int:
        """Polynomials along the right columns, even and at least 4, as tf-shell's conv2d wants."""
        return max(4, -(-self.right // (2 * self.v)) * 2)

    @property
    def answers(self) -> int:
        """Ciphertexts that hold leftᵀ·right."""
        return self.left_groups * self.right_groups

    @property
    def cost(self) -> float:
        """Encoding the left, encrypting the right, multiplying, and answers; in encodings."""
        return (
            self.blocks
            * (
                self.left_groups * ENCODE
                + self.right_groups * (ENCODE + ENCRYPT)
                + self.answers * MULTIPLY
            )
            + self.answers * ANSWER
        )

    def pack_left(self, matrix: np.ndarray) -> np.ndarray:
        """Return [u·B, blocks, left_groups] coefficients for [rows, left] integers."""
        grid = self._grid(matrix, self.left_groups, self.u)[:, ::-1]
        return grid.transpose(3, 1, 0, 2).reshape(-1, self.blocks, self.left_groups)

    def pack_right(self, matrix: np.ndarray) -> np.ndarray:
        """Return [v·u·B, right_groups, blocks] coefficients for [rows, right] integers."""
        grid = self._grid(matrix, self.right_groups, self.v)
        spread = np.zeros((self.v, self.u, self.block, self.right_groups, self.blocks), grid.dtype)
        spread[:, 0] = grid.transpose(3, 1, 2, 0)
        return spread.reshape(-1, self.right_groups, self.blocks)

    def read(self, coefficients: np.ndarray) -> np.ndarray:
        """Return leftᵀ·right, [left, right], from [N, right_groups, left_groups] coefficients."""
        a, b = np.arange(self.u)[:, None], np.arange(self.v)[None, :]
        at = b * self.u * self.block + a * self.block + self.block - 1
        products = coefficients[at].transpose(3, 0, 2, 1)
        products = products.reshape(self.left_groups * self.u, self.right_groups * self.v)
        return products[: self.left, : self.right]

    def _grid(self, matrix: np.ndarray, groups: int, size: int) -> np.ndarray:
        short = groups * size - matrix.shape[1]
        padded = np.pad(matrix, ((0, 0), (0, short)))
        return padded.reshape(self.blocks, self.block, groups, size)


def cheapest(degree: int, rows: int, left: int, right: int) -> Packing:
    """Return the packing of least cost of [rows, left]ᵀ with [rows, right]."""
    options = []
    block = 1
    while block <= min(rows, degree) and rows % block == 0:
        for v in range(1, min(right, degree // block) + 1):
            u = min(left, degree // (block * v))
            options.append(Packing(degree, rows, left, right, u, v, block))
        block *= 2
    return min(options, key=lambda packing: packing.cost)
