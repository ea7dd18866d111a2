"""A cryptographic pseudorandom generator: 32 secret bytes become a mask of any length."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

BLOCK_BYTES = 16
# A thread's part of a vector has so many bytes at least: fewer are not worth one.
PART_BYTES = 1 << 16


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
    numbers = np.empty(length, dtype.newbyteorder("<"))
    _fill(numbers, seed, bytes(numbers.nbytes))
    return numbers.astype(dtype, copy=False)


def apply(vector: np.ndarray, plus: Iterable[bytes], minus: Iterable[bytes]) -> None:
    """Add, in place and modulo 2^k, the expansions of `plus`, and subtract those of `minus`."""
    work = [(np.add, seed) for seed in plus] + [(np.subtract, seed) for seed in minus]
    parts = min(len(os.sched_getaffinity(0)), max(1, vector.nbytes // PART_BYTES))
    size = -(-len(vector) // (BLOCK_BYTES * parts)) * BLOCK_BYTES
    starts = range(0, len(vector), max(1, size))

    def apply_to(start: int) -> None:
        part = vector[start : start + size]
        # The same memory for all masks: new pages would cost as much as the key stream.
        mask, zeros = np.empty(len(part), part.dtype.newbyteorder("<")), bytes(part.nbytes)
        for operation, seed in work:
            _fill(mask, seed, zeros, start * part.itemsize // BLOCK_BYTES)
            operation(part, mask, out=part)

    if len(starts) == 1:
        apply_to(0)
    else:
        with ThreadPoolExecutor(parts) as pool:
            list(pool.map(apply_to, starts))


def _fill(numbers: np.ndarray, seed: bytes, zeros: bytes, block: int = 0) -> None:
    """Write the key stream from a block on into `numbers`; `zeros` are as many bytes."""
    if len(seed) != 32:
        raise ValueError(f"The seed has {len(seed)} bytes: it must have 32.")
    stream = Cipher(AES(seed), CTR(block.to_bytes(BLOCK_BYTES, "big"))).encryptor()
    stream.update_into(zeros, numbers.view(np.uint8).data)
