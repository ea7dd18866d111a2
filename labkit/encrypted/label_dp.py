"""Differential privacy of the labels: what a gradient may tell about any one of them."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from labkit.accounting import require_domain


@dataclass(frozen=True)
class LabelPrivacy:
    """Both parties' agreement: F clips, L adds noise.

    Neighbours: one example's label is replaced by another. Each example's gradient is scaled, by F
    and without a look at the label, so that replacing its label moves it by at most
    `l2_norm_clip`, over all variables and whatever the two labels are: that is the sensitivity of a
    sum of gradients. L adds Gaussian noise of standard deviation `noise_multiplier` ·
    `l2_norm_clip` to each coordinate of each sum. A label that is used in T sums is
    T-fold composed: μ = √T / `noise_multiplier` in terms of Gaussian DP. The guarantee is against
    F, who knows all images, weights and other labels; it takes F at its word that it clips.

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


def label_sensitivity(inputs: np.ndarray, hidden: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Return how far replacing its label moves each example's gradient, at most.

    For a network of two dense layers with biases, relu between them, and a loss whose derivative
    by the logits is prediction − one-hot label. The prediction cancels: from the label c to c' the
    gradient moves by J_c − J_c', J_c being the slopes of logit c, and
    ‖J_c − J_c'‖² = 2·(‖h‖² + 1) + ‖relu'∘(W₂[:, c] − W₂[:, c'])‖²·(‖x‖² + 1).

    Args:
        inputs: [batch, features], x.
        hidden: [batch, hidden], h: after relu.
        top: [hidden, classes], W₂.

    Returns:
        [batch], the largest norm over all pairs of labels.
    """
    first, second = np.triu_indices(top.shape[1], 1)
    apart = (hidden > 0) @ np.square(top[:, first] - top[:, second])
    above, below = (1 + np.sum(np.square(v), axis=1) for v in (hidden, inputs))
    return np.sqrt(2 * above + apart.max(axis=1) * below)


def guessing_limit(mu: float, classes: int) -> float:
    """Return how often any attacker at all guesses a label that is uniform on the classes.

    The label is independent of all else that the attacker knows, which may be all but the label.
    Under μ-GDP, P(guess c | label c) ≤ Φ(Φ⁻¹(P(guess c | label c')) + μ) for each pair (Dong, Roth
    and Su 2019, arXiv:1905.02383, equation 6); that is concave, so it holds of the averages over
    all pairs: p ≤ Φ(Φ⁻¹((1 − p)/(classes − 1)) + μ). The p at which the two are equal is returned.

    Args:
        mu: sensitivity over the noise's standard deviation, 0 or more.
        classes: 2 or more.
    """

    def above(p: float) -> float:
        return float(ndtr(ndtri((1 - p) / (classes - 1)) + mu) - p)

    return brentq(above, 0.5 / classes, 1.0)
