"""The labels party, L: has the labels and the key; what it sends is encrypted, or masked by F."""

import numpy as np
import tensorflow as tf
import tf_shell

from labkit.encrypted import messages
from labkit.encrypted.label_dp import LabelPrivacy
from labkit.encrypted.layout import Layout
from labkit.encrypted.parameters import Parameters, WrongParameters
from labkit.encrypted.ring import KeyedRing, in_parallel, raw


class LabelsParty:
    """Answers the features party, message by message; see `labkit.encrypted.messages`.

    Semi-honest: it follows the protocol, and may look at all it gets.

    Args:
        parameters: agreed on with the features party.
        labels: [examples], integers from 0 to classes − 1.
        privacy: the noise that it adds to what it opens; None: no noise, and whoever knows the
            images and the weights computes the labels from the gradient.
        rng: where the noise comes from; None: seeded by the operating system.

    Raises:
        WrongParameters: see `Parameters.check`; or a label is no class.
    """

    def __init__(
        self,
        parameters: Parameters,
        labels: np.ndarray,
        privacy: LabelPrivacy | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        parameters.check()
        labels = np.asarray(labels)
        if labels.min() < 0 or labels.max() >= parameters.classes:
            raise WrongParameters(
                f"The labels go from {labels.min()} to {labels.max()}; {parameters.classes} "
                f"classes are 0 to {parameters.classes - 1}."
            )
        self.parameters, self.layout = parameters, Layout(parameters)
        self._labels, self.privacy = labels, privacy
        self.rng = np.random.default_rng() if rng is None else rng
        first, second = parameters.rings
        self._first = KeyedRing(first)
        self._second = self._first if second == first else KeyedRing(second)

    def public_key(self) -> messages.PublicKey:
        """The first message."""
        zeros = tuple(raw(ring.zeros()) for ring in (self._first, self._second))
        return messages.PublicKey(self.layout.agreed(self.privacy), zeros)

    def accept(self, probe: messages.Probe) -> None:
        """Check that the other party works under this party's key.

        Raises:
            WrongParameters: it does not.
        """
        for ring, ciphertexts, mask in zip(
            (self._first, self._second), probe.ciphertexts, probe.masks, strict=True
        ):
            got = ring.decrypt(ring.receive(ciphertexts))
            wrong = np.count_nonzero((got - mask) % ring.modulus)
            if wrong:
                raise WrongParameters(
                    f"The keys do not match: {wrong} of {mask.size} slots that the features party "
                    "encrypted decrypt to something else. Give it this party's public_key()."
                )

    def encrypt_labels(self, batch: np.ndarray) -> messages.EncryptedLabels:
        """Begin a batch: [batch] row numbers, which are public."""
        one_hot = np.eye(self.parameters.classes, dtype=np.int64)[self._labels[batch]]
        slots = np.tile(one_hot, (self.layout.replicas, 1))
        columns = [
            self._first.transform.to_slots(self.layout.top.pack_right(part))
            for part in np.split(one_hot, self.parameters.parts)
        ]

        def encrypted(plain: np.ndarray) -> tf.Tensor:
            return raw(self._first.encrypt(self._first.encode(plain)))

        first, *others = in_parallel(encrypted, [slots, *columns])
        return messages.EncryptedLabels(first, tuple(others))

    def encrypt_share(self, message: messages.MaskedSignals) -> messages.EncryptedShare:
        """Take the share, a uniform one, and encrypt it again for the second round."""
        ring, layout = self._second, self.layout
        slots = [self._first.decrypt(self._first.receive(half)) for half in message.signals]
        share = layout.signals(np.concatenate(slots, axis=1))
        self._log2_scales = message.log2_scales

        def encrypted(polynomials: np.ndarray) -> tf.Tensor:
            fresh = ring.encrypt(ring.encode_coefficients(polynomials))
            return raw(tf_shell.reshape(fresh, [ring.degree, *layout.share_shape]))

        parts = [layout.bottom.pack_right(part) for part in np.split(share, self.parameters.parts)]
        top = [
            layout.top.read(
                self._first.decrypt_coefficients(self._first.receive(t), layout.top.places)
            )
            for t in message.top
        ]
        return messages.EncryptedShare(
            tuple(in_parallel(encrypted, parts)), self._opened(np.stack(top), 1)
        )

    def open(self, message: messages.MaskedProducts) -> messages.MaskedGradient:
        """Decrypt the masked sums of the first layer."""
        ring, layout = self._second, self.layout

        def decrypted(products: tf.Tensor) -> np.ndarray:
            found = ring.decrypt_coefficients(ring.receive(products), layout.bottom.places)
            return found.reshape(*found.shape[:2], layout.bottom.right_groups, -1)

        chunks = in_parallel(decrypted, message.products)
        per_part = len(chunks) // self.parameters.parts
        bottom = [
            layout.bottom.read(np.concatenate(chunks[first : first + per_part], axis=3))
            for first in range(0, len(chunks), per_part)
        ]
        return messages.MaskedGradient(self._opened(np.stack(bottom), 0))

    def _opened(self, sums: np.ndarray, layer: int) -> np.ndarray:
        """The sums with noise, modulo t."""
        if self.privacy is not None:
            scale = 2.0 ** self._log2_scales[layer]
            noise = self.rng.normal(0, self.privacy.standard_deviation * scale, sums.shape)
            # Rounding comes after the noise, so it takes no privacy away.
            sums = sums + np.rint(noise).astype(np.int64)
        return (sums % self.parameters.plaintext_modulus).astype(np.int32)
