"""Training a network on labels that cross to its owner encrypted only.

What the messages show, and what the result shows, are two questions. From the messages F learns the
gradient, and nothing else as long as ring-LWE is hard. But F knows images and weights, so the
gradient is a system of linear equations in the labels, with more equations than unknowns: without
label differential privacy F solves it, for every label of a batch (`inversion`). Encryption hides
the labels in transit; only the noise hides them in the result.

Two parties, both semi-honest: F has the images and the model, L the labels and the key. The
gradient of a two-layer network is linear in the labels, so F computes the predictions' part in the
clear and only the labels' part goes through ciphertexts (BGV, by tf-shell), in two rounds:

1. L sends the labels, encrypted. F multiplies them by relu'·W₂ and returns what they contribute to
   each example's hidden units plus a mask that is uniform modulo t. L decrypts: its share.
2. L sends the share, encrypted. F multiplies it by the images, with polynomial-coefficient packing
   (many inner products in one product, no rotations), and masks again. L decrypts masked sums,
   adds the noise of label differential privacy if that was agreed, and returns them. F takes the
   masks off.

Files, in reading order: `parameters` (rings, security, noise), `coefficients` and `packing` (inner
products from polynomials), `ring` (encryption and blinding), `messages` (all that crosses between
the parties), `labels_party`, `features_party`, `inversion`, `label_dp`, `training`, `process` (L in
a process of its own).
"""

from labkit.encrypted import coefficients
from labkit.encrypted.features_party import FeaturesParty, live_columns
from labkit.encrypted.inversion import least_squares
from labkit.encrypted.label_dp import LabelPrivacy, guessing_limit, label_sensitivity
from labkit.encrypted.labels_party import LabelsParty
from labkit.encrypted.layout import Layout
from labkit.encrypted.network import Network
from labkit.encrypted.parameters import (
    LOG2_Q_128,
    Parameters,
    RingParameters,
    WrongParameters,
    large_ring,
    ntt_primes,
    small_ring,
)
from labkit.encrypted.training import (
    TrainingHistory,
    agree,
    batches,
    cosine,
    encrypted_gradients,
    train,
)

__all__ = [
    "LOG2_Q_128",
    "FeaturesParty",
    "LabelPrivacy",
    "LabelsParty",
    "Layout",
    "Network",
    "Parameters",
    "RingParameters",
    "TrainingHistory",
    "WrongParameters",
    "agree",
    "batches",
    "coefficients",
    "cosine",
    "encrypted_gradients",
    "guessing_limit",
    "label_sensitivity",
    "large_ring",
    "least_squares",
    "live_columns",
    "ntt_primes",
    "small_ring",
    "train",
]
