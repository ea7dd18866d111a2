"""A cryptographic pseudorandom generator: 32 secret bytes become a mask of any length."""

from collections.abc import Iterable

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR


def expand(seed: bytes, length: int, dtype: np.typing.DTypeLike = np.uint32) -> np.ndarray:
    """Expand a seed to `length` integers, uniform to whoever does not know the seed.

    The key stream of AES-256 in counter mode (NIST SP 800-38A). The counter begins at 0, so a seed
    is for one purpose only. The same on every machine.

    Args:
        seed: 32 bytes.
        length: how many integers.
        dtype: an unsigned integer type; its width is the k of arithmetic modulo 2^k.

    Returns:
        [length], of `dtype`; a new array.

    Raises:
        ValueError: the seed is not 32 bytes long, or `dtype` is not an unsigned integer type.
    """
    dtype = np.dtype(dtype)
    if dtype.kind != "u":
        raise ValueError(f"dtype is {dtype}: masks are uniform only as unsigned integers.")
    if len(seed) != 32:
        raise ValueError(f"The seed has {len(seed)} bytes: it must have 32.")
    stream = Cipher(AES(seed), CTR(bytes(16))).encryptor()
    numbers = np.empty(length, dtype.newbyteorder("<"))
    stream.update_into(bytes(numbers.nbytes), numbers.view(np.uint8).data)
    return numbers.astype(dtype, copy=False)


def apply(vector: np.ndarray, plus: Iterable[bytes], minus: Iterable[bytes]) -> None:
    """Add, in place and modulo 2^k, the expansions of `plus`, and subtract those of `minus`."""
    for operation, seeds in ((np.add, plus), (np.subtract, minus)):
        for seed in seeds:
            operation(vector, expand(seed, len(vector), vector.dtype), out=vector)
