"""Between a plaintext's slots and its coefficients: the number-theoretic transform modulo t.

tf-shell encodes N numbers as the polynomial of degree below N that takes them at the primitive
2N-th roots of unity: slot i at ψ^(5^i), slot N/2 + i at ψ^(−5^i). Products are then slot by slot.
To multiply POLYNOMIALS we give it the values of ours at those points.
"""

from functools import lru_cache

import numpy as np

# Numbers that a transform works on at once: several arrays of 8 bytes each stay in the cache.
CACHED = 1 << 16


def centred(values: np.ndarray, modulus: int) -> np.ndarray:
    """Return integers (as float64 below 2^53, too) modulo `modulus`, within ±modulus/2."""
    quotients = values * (1 / modulus)
    np.rint(quotients, out=quotients)
    quotients *= modulus
    return np.subtract(values, quotients, out=quotients)


class Transform:
    """The transform of polynomials of degree below N, with coefficients modulo a prime t.

    In two steps of length about √N (Cooley & Tukey 1965), each a matrix product in float64, which
    is exact: numbers within ±t/2 times roots within ±t/2, √(2N) of them, stay below 2^53.

    Arrays have coefficients, or slots, as their FIRST axis.

    Args:
        degree: N, a power of two from 4 up.
        modulus: t, a prime that is 1 modulo 2N.

    Raises:
        ValueError: t is too large for exact products, or has no such roots.
    """

    def __init__(self, degree: int, modulus: int) -> None:
        self.degree, self.modulus = degree, modulus
        self.rows = 1 << (degree.bit_length() - 1) // 2
        self.columns = degree // self.rows
        if self.columns * (modulus / 2 + 1) ** 2 >= 2**53:
            raise ValueError(f"t = {modulus} is too large: products would not be exact in float64.")
        psi = primitive_root(degree, modulus)
        exponents = [pow(5, i, 2 * degree) for i in range(degree // 2)]
        exponents += [2 * degree - e for e in exponents]
        # Slot s holds the value at ψ^(2k + 1): the k of each slot, and where the steps leave it.
        self.order = (np.array(exponents) - 1) // 2
        self.place = self.order % self.rows * self.columns + self.order // self.rows
        self.forward = self._steps(psi)
        self.backward = self._steps(pow(psi, -1, modulus))

    def _steps(self, psi: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Two matrices, and the twiddle factors between them.

        p(ψ^(2k+1)) = Σ_j p_j ψ^(j(2k+1)); with j = columns·j1 + j2 and k = k1 + rows·k2 the sum
        over j1 comes first, and what depends on j2 and k1 only stands between.
        """
        n, t = self.degree, self.modulus
        exact = [1]
        for _ in range(2 * n - 1):
            exact.append(exact[-1] * psi % t)
        powers = centred(np.array(exact, np.float64), t)
        r, c = np.arange(self.rows), np.arange(self.columns)
        first = np.outer(2 * r + 1, r) * self.columns
        between = np.outer(2 * r + 1, c)
        second = np.outer(c, c) * 2 * self.rows
        return powers[first % (2 * n)], powers[between % (2 * n)], powers[second % (2 * n)]

    def _centred(self, values: np.ndarray) -> np.ndarray:
        return centred(values, self.modulus)

    def to_slots(
        self, coefficients: np.ndarray, largest: float | None = None, step: int = 1
    ) -> np.ndarray:
        """Return the slots of polynomials, within ±t/2.

        Args:
            coefficients: [up to N / step, ...] integers; those that are missing are 0.
            largest: their largest size, if that is known: small ones take less work.
            step: a power of two up to N/4: they are those of 1, X^step, X^(2·step) and so on.

        Returns:
            [N, ...] int64.
        """
        if step > 1:
            # A polynomial in X^step has the values of one in the smaller ring, again and again:
            # its roots are powers of ψ^step, and 5^i modulo 2N/step returns after N/(2·step).
            few = transform(self.degree // step, self.modulus).to_slots(coefficients, largest)
            halves = few.reshape(2, 1, -1, *few.shape[1:])
            again = np.broadcast_to(halves, (2, step, *halves.shape[2:]))
            return again.reshape(self.degree, *few.shape[1:])
        shape = np.shape(coefficients)[1:]
        values = np.asarray(coefficients).reshape(len(coefficients), -1)
        slots = np.empty((self.degree, values.shape[1]), np.int64)
        for part in self._parts(values.shape[1]):
            slots[:, part] = self._to_slots(values[:, part].astype(np.float64), largest)
        return slots.reshape(-1, *shape)

    def _parts(self, count: int) -> list[slice]:
        """Columns that are worked on together, so many as stay in a core's cache."""
        size = max(1, CACHED // self.degree)
        return [slice(i, i + size) for i in range(0, count, size)]

    def _to_slots(self, values: np.ndarray, largest: float | None) -> np.ndarray:
        first, between, second = self.forward
        if largest is None:
            values, largest = self._centred(values), self.modulus / 2 + 1
        rows = -(-len(values) // self.columns)
        values = np.pad(values, ((0, rows * self.columns - len(values)), (0, 0)))
        grid = first[:, :rows] @ values.reshape(rows, -1)
        if largest * rows * (self.modulus / 2) ** 2 >= 2**53:
            grid = self._centred(grid)
        grid = grid.reshape(self.rows, self.columns, -1)
        grid *= between[:, :, None]
        grid = self._centred(np.matmul(second, self._centred(grid)))
        return grid.reshape(self.degree, -1)[self.place]

    def to_coefficients(self, slots: np.ndarray, at: np.ndarray | None = None) -> np.ndarray:
        """Return the coefficients of polynomials, within ±t/2.

        Args:
            slots: [N, ...] integers.
            at: of which powers of X, of any shape; all N if None. Few take less work.

        Returns:
            [*at.shape, ...] int64.
        """
        at = np.arange(self.degree) if at is None else at
        down, at_row = np.unique(at // self.columns, return_inverse=True)
        across, at_column = np.unique(at % self.columns, return_inverse=True)
        shape = np.shape(slots)[1:]
        values = np.asarray(slots).reshape(self.degree, -1)
        found = np.empty((at.size, values.shape[1]), np.int64)
        for part in self._parts(values.shape[1]):
            grid = self._to_coefficients(values[:, part].astype(np.float64), down, across)
            found[:, part] = grid[at_row.ravel(), at_column.ravel()]
        return found.reshape(*at.shape, *shape)

    def _to_coefficients(
        self, slots: np.ndarray, down: np.ndarray, across: np.ndarray
    ) -> np.ndarray:
        """Those of powers columns·down + across, [down, across, count]."""
        first, between, second = self.backward
        first, between, second = first[:, down], between[:, across], second[across]
        values = np.empty_like(slots)
        values[self.place] = self._centred(slots)
        # The same steps the other way round: each matrix is symmetric up to the roots' powers.
        grid = self._centred(np.matmul(second, values.reshape(self.rows, self.columns, -1)))
        grid = self._centred(grid * between[:, :, None]).reshape(self.rows, -1)
        grid = self._centred(first.T @ grid) * pow(self.degree, -1, self.modulus)
        return self._centred(grid).reshape(len(down), len(across), -1)


@lru_cache(maxsize=8)
def transform(degree: int, modulus: int) -> Transform:
    """Return the `Transform`, made once."""
    return Transform(degree, modulus)


def primitive_root(degree: int, modulus: int) -> int:
    """Return a primitive 2N-th root of unity modulo t.

    Any does: with another, tf-shell's polynomials are ours with X^k for X, and products agree.

    Raises:
        ValueError: there is none.
    """
    for base in range(2, min(modulus, 1000)):
        root = pow(base, (modulus - 1) // (2 * degree), modulus)
        if pow(root, degree, modulus) == modulus - 1:
            return root
    raise ValueError(f"{modulus} has no primitive root of unity of order {2 * degree}.")
