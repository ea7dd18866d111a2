"""Private training that is fast: clipped gradient sums, and DP-SGD with Poisson batches."""

from labkit.dpsgd.clipping import ClippedSum, clipped_gradient_sum
from labkit.dpsgd.training import History, fit

__all__ = ["ClippedSum", "History", "clipped_gradient_sum", "fit"]
