"""What each party can do in a ring: encode, multiply and blind in public; encrypt with the key."""

import math
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
import tf_shell
from threadpoolctl import threadpool_limits

from labkit.encrypted.coefficients import transform
from labkit.encrypted.parameters import (
    NOISE_VARIANCE,
    TAIL,
    RingParameters,
    WrongParameters,
    ntt_primes,
)
from labkit.secagg import prg

# How much wider than what it hides the flooding noise is, in bits, where the ring has room: each
# coefficient's distribution then depends on the hidden part by 2^−52 at most. Coefficients add up.
FLOODING_BITS = 52
# A digit of the flooding is drawn modulo a prime of so many bits at most, below each prime of q.
DIGIT_BITS = 50
# Re-randomisers are uniform between −8 and 8: standard deviation 4.9, above the standard's 3.2.
RERANDOMISER = 8
# Threads at work at once, at most: each holds some 50 MB of polynomials.
THREADS = 4

Ciphertexts: TypeAlias = tf_shell.ShellTensor64


def uniform(modulus: int, shape: Sequence[int]) -> np.ndarray:
    """Return integers uniform below `modulus`, from AES-256 with a key of the operating system's.

    As many random bits as `modulus` has, again wherever they are too large.
    """
    bits = (modulus - 1).bit_length()
    width = next(width for width in (8, 16, 32, 64) if width >= bits)
    numbers = prg.expand(os.urandom(32), math.prod(shape), f"u{width // 8}")
    numbers >>= numbers.dtype.type(width - bits)
    again = np.flatnonzero(numbers >= modulus)
    if again.size:
        numbers[again] = uniform(modulus, again.shape)
    return numbers.astype(np.int64).reshape(shape)


def in_parallel(function: Callable, items: Iterable) -> list:
    """Return [function(item), ...]; tf-shell's operations use one core each and free the lock."""
    cores = min(THREADS, len(os.sched_getaffinity(0)))
    # A core each for matrix products, too: their own threads would wait for ours, spinning.
    with threadpool_limits(1), ThreadPoolExecutor(cores) as pool:
        return list(pool.map(function, items))


class Ring:
    """A ring as everybody can use it, without a key.

    Arrays and tensors have slots, or coefficients, as their FIRST axis, as tf-shell wants it.

    Args:
        parameters: the ring; see `RingParameters.check`.
    """

    def __init__(self, parameters: RingParameters) -> None:
        parameters.check()
        self.parameters = parameters
        self.degree, self.modulus = parameters.degree, parameters.plaintext_modulus
        self.transform = transform(self.degree, self.modulus)
        self.context = self._context(self.modulus)
        self._wide: dict[int, Any] = {}  # contexts for flooding, by plaintext modulus

    def _context(self, plaintext_modulus: int) -> Any:
        return tf_shell.create_context64(
            log_n=self.parameters.log_n,
            main_moduli=list(self.parameters.moduli),
            plaintext_modulus=plaintext_modulus,
            noise_variance=NOISE_VARIANCE,
            scaling_factor=1,
        )

    def encode(self, slots: np.ndarray) -> Ciphertexts:
        """Return plaintext polynomials with these slots, [N, ...] integers."""
        return tf_shell.to_shell_plaintext(tf.constant(slots, tf.int64), self.context)

    def encode_coefficients(
        self, coefficients: np.ndarray, largest: int | None = None, step: int = 1
    ) -> Ciphertexts:
        """Return plaintext polynomials with these coefficients; see `Transform.to_slots`."""
        return self.encode(self.transform.to_slots(coefficients, largest, step))

    def receive(self, raw: tf.Tensor, encrypted: bool = True) -> Ciphertexts:
        """Return ciphertexts of this ring, or polynomials, from what a message holds."""
        return tf_shell.ShellTensor64(
            _raw_tensor=raw,
            _context=self.context,
            _level=self.context.level,
            _num_mod_reductions=0,
            _underlying_dtype=tf.int64,
            _scaling_factor=1.0,
            _is_enc=encrypted,
        )

    # --- blinding --------------------------------------------------------------------------------

    def rerandomisation_noise(self) -> float:
        """The largest error, in units of t, that re-randomising adds."""
        variance = RERANDOMISER * (RERANDOMISER + 1) / 3
        return TAIL * math.sqrt(NOISE_VARIANCE * 2 * self.degree * variance)

    def flooding(self, noise: float) -> tuple[int, int, float]:
        """Plan how to hide errors of at most `noise` (in units of t).

        Returns:
            The prime f in whose digits the flooding is drawn, how many there are, and by how many
            bits it is wider than what it hides.

        Raises:
            WrongParameters: there is no room even for the noise itself.
        """
        t, noise = self.modulus, noise + self.rerandomisation_noise()
        room = self.parameters.noise_room() - t * noise
        if room <= t / 2:
            raise WrongParameters(
                f"The noise would be up to 2^{math.log2(t * noise):.1f}, and the message, modulo "
                f"t = {t}, needs 2^{math.log2(t / 2):.1f} beside it; q = "
                f"2^{self.parameters.log2_q:.1f} holds ±2^{self.parameters.log2_q - 1:.1f}. Take a "
                "smaller t or a larger ring."
            )
        bits = min(math.log2(noise) + FLOODING_BITS, math.log2(2 * room / t))
        digits = math.ceil(bits / DIGIT_BITS)
        [prime] = ntt_primes(bits / digits, 2 * self.degree)
        return prime, digits, digits * math.log2(prime) - math.log2(noise)

    def blind(
        self, products: Ciphertexts, zeros: Ciphertexts, noise: float
    ) -> tuple[Ciphertexts, np.ndarray]:
        """Hide from the key holder all of ciphertexts but their masked messages.

        The mask is uniform modulo t; the flooding, a multiple of t, is uniform on a range about
        2^52 times wider than the errors where there is room; and random multiples of two
        encryptions of zero make the second components fresh samples of ring-LWE.

        Args:
            products: [N, count].
            zeros: [N, 2], encryptions of zero under the key of `products`.
            noise: the largest error in `products`, in units of t.

        Returns:
            The blinded ciphertexts and their masks, slots [N, count] within 0 to t − 1.
        """
        count = int(products.shape[1])
        mask = uniform(self.modulus, (self.degree, count))
        products = products + (self.encode(mask) + self._flood(count, noise))
        for i in range(2):
            fresh = uniform(2 * RERANDOMISER + 1, (self.degree, count)) - RERANDOMISER
            factor = self.encode_coefficients(fresh, RERANDOMISER)
            products = products + zeros[:, i : i + 1] * factor
        return products, mask

    def _flood(self, count: int, noise: float) -> Ciphertexts:
        """t times polynomials whose coefficients are uniform within ±f^digits/2."""
        prime, digits, _ = self.flooding(noise)
        # Slots that are uniform modulo f are those of coefficients that are.
        if prime not in self._wide:
            self._wide[prime] = self._context(prime)
        context = self._wide[prime]
        drawn = [
            tf_shell.to_shell_plaintext(
                tf.constant(uniform(prime, (self.degree, count)), tf.int64), context
            )
            for _ in range(digits)
        ]
        flood = drawn.pop()
        while drawn:
            # A factor is taken modulo f, so f itself takes two steps.
            half = flood * tf.constant(prime // 2, tf.int64)
            flood = half + half + flood + drawn.pop()
        return self.receive(raw(flood * tf.constant(self.modulus, tf.int64)), encrypted=False)


class KeyedRing(Ring):
    """A ring with a secret key, made by tf-shell from the operating system's randomness."""

    def __init__(self, parameters: RingParameters) -> None:
        super().__init__(parameters)
        self._key = tf_shell.create_key64(self.context)

    def encrypt(self, plaintext: Ciphertexts) -> Ciphertexts:
        """Return fresh encryptions."""
        return tf_shell.to_encrypted(plaintext, self._key)

    def decrypt(self, ciphertexts: Ciphertexts) -> np.ndarray:
        """Return the slots, [N, ...] int64 within ±t/2."""
        return tf_shell.to_tensorflow(ciphertexts, self._key).numpy()

    def decrypt_coefficients(
        self, ciphertexts: Ciphertexts, at: np.ndarray | None = None
    ) -> np.ndarray:
        """Return coefficients; see `Transform.to_coefficients`."""
        return self.transform.to_coefficients(self.decrypt(ciphertexts), at)

    def zeros(self) -> Ciphertexts:
        """Return two encryptions of zero, [N, 2]: public, for `Ring.blind`."""
        return self.encrypt(self.encode(np.zeros((self.degree, 2), np.int64)))


def raw(ciphertexts: Ciphertexts) -> Any:
    """Return what a message holds of ciphertexts: a tensor of variants, without context or key."""
    return ciphertexts._raw_tensor
