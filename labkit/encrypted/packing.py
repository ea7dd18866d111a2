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

    The left polynomial has left[i, a] at exponent v·(a·B + B − 1 − i), the right one right[i, b] at
    v·i + b. Their product has Σ_i left[i, a]·right[i, b] at v·(a·B + B − 1) + b: of the terms with
    the same b others miss it by v·1 to v·(B − 1), and what wraps around past N lands below
    v·(B − 1). The left polynomial is one in X^v, whose slots are quickly computed.

    Attributes:
        degree: N.
        rows: examples in a part of a batch.
        left: columns of the left matrix.
        right: columns of the right matrix.
        u, v: columns in one polynomial; v is a power of two up to N/4.
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
        if (
            self.u * self.v * self.block > self.degree
            or self.degree % (4 * self.v)
            or self.rows % self.block
        ):
            raise ValueError(
                f"u·v·B = {self.u}·{self.v}·{self.block} must be at most N = {self.degree}, v "
                f"divide N/4, and B divide the {self.rows} rows."
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

    @property
    def places(self) -> np.ndarray:
        """The exponents at which an answer has its inner products, [u, v]."""
        a, b = np.arange(self.u)[:, None], np.arange(self.v)[None, :]
        return self.v * (a * self.block + self.block - 1) + b

    def pack_left(self, matrix: np.ndarray) -> np.ndarray:
        """Return [u·B, blocks, left_groups] coefficients in X^v for [rows, left] integers."""
        grid = self._grid(matrix, self.left_groups, self.u)[:, ::-1]
        return grid.transpose(3, 1, 0, 2).reshape(-1, self.blocks, self.left_groups)

    def pack_right(self, matrix: np.ndarray) -> np.ndarray:
        """Return [B·v, right_groups, blocks] coefficients for [rows, right] integers."""
        grid = self._grid(matrix, self.right_groups, self.v).transpose(1, 3, 2, 0)
        return grid.reshape(-1, self.right_groups, self.blocks)

    def read(self, products: np.ndarray) -> np.ndarray:
        """Return leftᵀ·right, [left, right], from what the answers have at `places`.

        Args:
            products: [u, v, right_groups, left_groups].
        """
        products = products.transpose(3, 0, 2, 1)
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
        v = 1
        while v < 2 * right and v <= min(degree // block, degree // 4):
            u = min(left, degree // (block * v))
            options.append(Packing(degree, rows, left, right, u, v, block))
            v *= 2
        block *= 2
    return min(options, key=lambda packing: packing.cost)
