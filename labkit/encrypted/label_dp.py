"""Differential privacy of the labels: what a gradient may tell about any one of them."""

import math
from dataclasses import dataclass

import numpy as np

from labkit.accounting import require_domain


@dataclass(frozen=True)
class LabelPrivacy:
    """Both parties' agreement: F clips, L adds noise.

    Neighbours: one example's label is replaced by another. Each example's gradient is scaled, by F
    and without a look at the label, so that its norm over all variables is at most `l2_norm_clip`
    whatever the label is; a replaced label then moves a sum of gradients by at most twice that. L
    adds Gaussian noise of standard deviation `noise_multiplier` · `l2_norm_clip` to each
    coordinate of each sum.

    Attributes:
        l2_norm_clip: C, positive.
        noise_multiplier: σ, 0 or more.

    Raises:
        ValueError: a number is outside its domain.
    """

    l2_norm_clip: float
    noise_multiplier: float

    def __post_init__(self) -> None:
        require_domain(noise_multiplier=self.noise_multiplier)
        if not 0 < self.l2_norm_clip < math.inf:
            raise ValueError(f"l2_norm_clip is {self.l2_norm_clip!r}: give a positive number.")

    @property
    def standard_deviation(self) -> float:
        """σ·C, of the noise on each coordinate of a sum."""
        return self.noise_multiplier * self.l2_norm_clip


def largest_norms(
    inputs: np.ndarray, hidden: np.ndarray, predictions: np.ndarray, top: np.ndarray
) -> np.ndarray:
    """Return each example's gradient norm under its worst label: no label is looked at.

    For a network of two dense layers with biases, relu between them, and a loss whose derivative
    by the logits is e = prediction − one-hot label. With the label c,
    ‖g‖² = ‖e‖²·(‖h‖² + 1) + ‖relu'∘(W₂·e)‖²·(‖x‖² + 1).

    Args:
        inputs: [batch, features], x.
        hidden: [batch, hidden], h: after relu.
        predictions: [batch, classes], after the output's activation.
        top: [hidden, classes], W₂.

    Returns:
        [batch], the largest over all c.
    """
    worst = np.zeros(len(inputs))
    above = 1 + np.sum(np.square(hidden), axis=1)
    below = 1 + np.sum(np.square(inputs), axis=1)
    active = hidden > 0
    for label in range(predictions.shape[1]):
        error = predictions.copy()
        error[:, label] -= 1
        signals = (error @ top.T) * active
        squared = np.sum(error**2, axis=1) * above + np.sum(signals**2, axis=1) * below
        worst = np.maximum(worst, squared)
    return np.sqrt(worst)
