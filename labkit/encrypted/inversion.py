"""Labels from a gradient: what the protocol's result tells, whatever its messages hide."""

from collections.abc import Callable

import numpy as np


def least_squares(
    forward: Callable[[np.ndarray], np.ndarray],
    adjoint: Callable[[np.ndarray], np.ndarray],
    target: np.ndarray,
    damping: float = 0.0,
    steps: int = 200,
) -> np.ndarray:
    """Return y that minimises ‖forward(y) − target‖² + damping²·‖y‖².

    By conjugate gradients (CGLS: Hestenes & Stiefel 1952). Where `target` has white noise, the
    entries of y are uncorrelated with mean 0, and damping is the ratio of the two standard
    deviations, no linear estimate of y has a smaller mean square error.

    Args:
        forward: a linear map, from arrays of the shape of y to arrays of the shape of `target`.
        adjoint: its transpose: Σ forward(y)·g = Σ y·adjoint(g) for all y and g.
        target: what forward(y) should be, any shape.
        damping: 0 or more.
        steps: at most so many; fewer where the residual has fallen by a factor of 10⁶.

    Returns:
        An array of the shape that `adjoint` returns.
    """
    residual = adjoint(target)
    y, direction = np.zeros_like(residual), residual
    length = start = np.sum(residual**2)
    for _ in range(steps):
        if not length > 1e-12 * start:
            break
        curved = adjoint(forward(direction)) + damping**2 * direction
        step = length / np.sum(direction * curved)
        y, residual = y + step * direction, residual - step * curved
        length, before = np.sum(residual**2), length
        direction = residual + length / before * direction
    return y
