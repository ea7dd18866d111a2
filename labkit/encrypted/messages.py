"""All that the two parties ever send each other.

In the order of a batch. L is the labels party and has the key; F is the features party and has the
images and the model. A message holds ciphertexts (tensors of variants, as tf-shell has them) and
integer arrays, and nothing else crosses between the parties.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Message:
    """A message; `to_tensors` and `from_tensors` take it over a wire that carries tensors."""

    def to_tensors(self) -> dict[str, tf.Tensor]:
        """Return the message's parts by name; a tuple's are numbered."""
        parts: dict[str, tf.Tensor] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            items = (
                {f"{field.name}/{i}": item for i, item in enumerate(value)}
                if isinstance(value, tuple)
                else {field.name: value}
            )
            parts |= {name: tf.convert_to_tensor(item) for name, item in items.items()}
        return parts

    @classmethod
    def from_tensors(cls, tensors: dict[str, tf.Tensor]) -> Self:
        """Return the message that `to_tensors` took apart."""
        values: dict[str, Any] = {}
        for name, tensor in tensors.items():
            value = tensor if tensor.dtype == tf.variant else tensor.numpy()
            field, _, number = name.partition("/")
            values[field] = (*values.get(field, ()), value) if number else value
        return cls(**values)

    def to_bytes(self) -> dict[str, bytes]:
        """Return the bytes of each part, as TensorFlow serialises tensors."""
        return {
            name: tf.io.serialize_tensor(tensor).numpy()
            for name, tensor in self.to_tensors().items()
        }

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(len(data) for data in self.to_bytes().values())


@dataclass(frozen=True)
class PublicKey(Message):
    """L → F, once: two encryptions of zero in each ring, and what both must agree on.

    F learns nothing: ring-LWE hides the key.
    """

    agreed: np.ndarray
    zeros: tuple[tf.Tensor, ...]


@dataclass(frozen=True)
class Probe(Message):
    """F → L, once: zeros that F has blinded, and the masks, so that L sees that the keys match."""

    ciphertexts: tuple[tf.Tensor, ...]
    masks: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class EncryptedLabels(Message):
    """L → F: the one-hot labels, encrypted, in slots for round 1, in coefficients for the top.

    F learns nothing: ring-LWE hides the labels.
    """

    slots: tf.Tensor
    columns: tuple[tf.Tensor, ...]


@dataclass(frozen=True)
class MaskedSignals(Message):
    """F → L: what the labels contribute to each example's hidden units, and to the top layer.

    Both encrypted and blinded: L decrypts numbers that are uniform modulo t whatever F's data are.
    The scales are bare: in steps of 2^¼, they depend on F's activations and weights through their
    largest sums. L needs them to add noise of the right size.
    """

    signals: tuple[tf.Tensor, ...]
    top: tuple[tf.Tensor, ...]
    log2_scales: np.ndarray


@dataclass(frozen=True)
class EncryptedShare(Message):
    """L → F: its share of the signals, encrypted; and the top layer's sums, masked, in the clear.

    F learns what the labels contribute to the top layer's gradient (with L's noise, if any): it
    takes its own mask off. Nothing of the share.
    """

    share: tuple[tf.Tensor, ...]
    top: np.ndarray


@dataclass(frozen=True)
class MaskedProducts(Message):
    """F → L: what the labels contribute to the first layer's gradient; encrypted and blinded.

    L decrypts numbers that are uniform modulo t whatever F's data are.
    """

    products: tuple[tf.Tensor, ...]


@dataclass(frozen=True)
class MaskedGradient(Message):
    """L → F: the same, decrypted, still masked (and with L's noise, if any).

    F takes its masks off and learns what the labels contribute to the gradient: the one thing
    that it is meant to learn. Without noise that is as good as the labels: see `inversion`.
    """

    bottom: np.ndarray
