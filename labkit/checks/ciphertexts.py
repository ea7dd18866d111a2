"""Ciphertexts as a check hands them over, and gets them back: as data, and without the key.

Under the grader the student's function runs in another process than its check (see
`labkit.checks.at_home`). The check's process makes the key and keeps it; the other one has
ciphertexts, and the context, which both make from public parameters. So what comes back cannot say
more than a computation on ciphertexts can: the check decrypts it, and believes nothing else.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit.checks import CheckFailed, require

if TYPE_CHECKING:
    from labkit.encrypted import RingParameters


@dataclass(frozen=True)
class Scheme:
    """A tf-shell context as its parameters define it, alike in every process, and keys to it.

    Context and keys are made where and when they are first asked for.

    Attributes:
        ring: its ring.
        scaling_factor: see `tf_shell.create_context64`.
    """

    ring: "RingParameters"
    scaling_factor: int

    @cached_property
    def context(self) -> Any:
        import tf_shell

        return tf_shell.create_context64(
            log_n=self.ring.log_n,
            main_moduli=list(self.ring.moduli),
            plaintext_modulus=self.ring.plaintext_modulus,
            scaling_factor=self.scaling_factor,
        )

    @cached_property
    def key(self) -> Any:
        import tf_shell

        return tf_shell.create_key64(self.context)

    @cached_property
    def fast_rotation_key(self) -> Any:
        """The key that opens fast-rotated sums."""
        import tf_shell

        return tf_shell.create_fast_rotation_key64(self.context, self.key)

    def encrypt(self, values: np.ndarray) -> np.ndarray:
        """Return fresh encryptions of float32 [slots, ...], as the bytes of a tensor."""
        import tensorflow as tf
        import tf_shell

        return _bytes(tf_shell.to_encrypted(tf.constant(values), self.key, self.context))

    def receive(self, data: np.ndarray) -> Any:
        """Return the ciphertexts that `encrypt` made; no key is needed, nor made."""
        return self._rebuild(data, int(self.context.level), self.scaling_factor, False)

    def decrypt(self, answer: dict[str, Any], what: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return the float32 values of what `answer_with` made.

        Level, scaling factor and kind of key are the other side's word: with another one the same
        ciphertexts decrypt to other numbers.

        Raises:
            CheckFailed: it is anything but ciphertexts of this context and that shape.
        """
        import tf_shell

        try:
            level, scale = int(answer["level"]), float(answer["scaling_factor"])
            fast_rotated = bool(answer["fast_rotated"])
            ciphertexts = self._rebuild(answer["ciphertexts"], level, scale, fast_rotated)
            if tuple(ciphertexts.shape) != shape or not 0 < scale < math.inf:
                raise ValueError("another shape, or no scaling factor")
            key = self.fast_rotation_key if fast_rotated else self.key
            return tf_shell.to_tensorflow(ciphertexts, key).numpy()
        except Exception:  # tf-shell says it in its own words, of its operations
            raise CheckFailed(f"{what} is no ciphertext of the context it was asked in.") from None

    def _rebuild(self, data: np.ndarray, level: int, scale: float, fast_rotated: bool) -> Any:
        import tensorflow as tf
        import tf_shell

        return tf_shell.ShellTensor64(
            _raw_tensor=tf.io.parse_tensor(data.tobytes(), tf.variant),
            _context=self.context,
            _level=tf.constant(level),
            _num_mod_reductions=int(self.context.level) - level,
            _underlying_dtype=tf.float32,
            _scaling_factor=float(scale),
            _is_enc=True,
            _is_fast_rotated=fast_rotated,
        )


def answer_with(value: Any, what: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return `value`, a ciphertext of that shape, as data, or say what it is."""
    import tf_shell

    require(value is not None, f"{what} is None. Did you forget `return`?")
    if not isinstance(value, tf_shell.ShellTensor64):
        kind = type(value).__name__
        require(False, f"{what} is a {kind}, not a ciphertext (a ShellTensor64).")
    require(value.is_encrypted, f"{what} is a plaintext polynomial, not a ciphertext.")
    got = tuple(value.shape)
    require(got == shape, f"{what} has shape {got}, but {shape} is wanted.")
    return {
        "ciphertexts": _bytes(value),
        "level": int(value.level),
        "scaling_factor": value.scaling_factor,
        "fast_rotated": value._is_fast_rotated,
    }


def _bytes(ciphertexts: Any) -> np.ndarray:
    import tensorflow as tf

    return np.frombuffer(tf.io.serialize_tensor(ciphertexts._raw_tensor).numpy(), np.uint8)
