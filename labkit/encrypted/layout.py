"""Where everything stands in the ciphertexts: known to both parties, and public."""

import hashlib

import numpy as np

from labkit.encrypted.label_dp import LabelPrivacy
from labkit.encrypted.packing import cheapest
from labkit.encrypted.parameters import Parameters

# Left polynomials that the features party works on at once: enough to keep tf-shell busy, few
# enough for the memory.
GROUPS_AT_ONCE = 15


class Layout:
    """What the parameters imply.

    Attributes:
        replicas: hidden units in one ciphertext of round 1.
        top: the packing of [hidden + bias]ᵀ · labels, in the first ring.
        bottom: the packing of [features + bias]ᵀ · share, in the second ring.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        first, second = parameters.rings
        self.replicas = first.degree // parameters.batch
        rows = parameters.batch // parameters.parts
        self.top = cheapest(first.degree, rows, parameters.hidden + 1, parameters.classes)
        self.bottom = cheapest(second.degree, rows, parameters.features + 1, parameters.hidden)

    @property
    def groups(self) -> int:
        """Ciphertexts of round 1's answer."""
        return -(-self.parameters.hidden // self.replicas)

    @property
    def share_shape(self) -> tuple[int, int, int]:
        """How one part of the share's ciphertexts is arranged, as images for tf-shell's conv2d."""
        return 2, self.bottom.right_groups // 2, self.bottom.blocks

    def chunks(self) -> list[slice]:
        """The left groups that are worked on together."""
        groups = self.bottom.left_groups
        return [slice(i, min(i + GROUPS_AT_ONCE, groups)) for i in range(0, groups, GROUPS_AT_ONCE)]

    def by_unit(self, values: np.ndarray) -> np.ndarray:
        """Arrange [batch, hidden, ...] as slots, [N, groups, ...]; `replicas` units share one."""
        short = self.groups * self.replicas - values.shape[1]
        values = np.pad(values, ((0, 0), (0, short), *((0, 0),) * (values.ndim - 2)))
        values = values.reshape(len(values), self.groups, self.replicas, *values.shape[2:])
        return np.concatenate([values[:, :, i] for i in range(self.replicas)])

    def signals(self, slots: np.ndarray) -> np.ndarray:
        """Undo `by_unit`: [N, groups] → [batch, hidden]."""
        stacked = np.stack(np.split(slots, self.replicas), axis=-1)
        return stacked.reshape(len(stacked), -1)[:, : self.parameters.hidden]

    def agreed(self, privacy: LabelPrivacy | None) -> np.ndarray:
        """Return a digest of all that both parties must agree on, 32 bytes."""
        text = f"{self.parameters} {self.parameters.rings} {privacy}"
        return np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
