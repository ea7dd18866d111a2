"""Keys between two parties: X25519, HKDF, Ed25519, and letters that a server can only pass on."""

import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


class NotAuthentic(ValueError):
    """A sealed letter that was changed, replayed, or sealed by or for somebody else."""


class PrivateKey:
    """An X25519 private key (RFC 7748); fresh from the operating system's randomness.

    Not from a NumPy generator: whoever sees some of its output can work out the rest.

    Args:
        data: 32 bytes, to restore a key from what `bytes(key)` gave; without, a new one.

    Raises:
        ValueError: `data` is not 32 bytes long.
    """

    def __init__(self, data: bytes | None = None):
        self._data = os.urandom(KEY_BYTES) if data is None else bytes(data)
        self._key = X25519PrivateKey.from_private_bytes(self._data)

    def __bytes__(self) -> bytes:
        return self._data

    @property
    def public(self) -> bytes:
        """The 32 bytes that everybody may know."""
        return self._key.public_key().public_bytes_raw()

    def agree(self, public: bytes, context: bytes) -> bytes:
        """Return the 32 secret bytes that only the two parties share, the same for both.

        Diffie and Hellman's shared secret through HKDF-SHA-256 (RFC 5869) with `context` as its
        info: different contexts give independent secrets.

        Raises:
            ValueError: `public` is no usable X25519 public key.
            TypeError: `context` is not bytes.
        """
        if not isinstance(context, bytes):
            raise TypeError(f"context is {context!r}: bytes are wanted, such as b'round 7'.")
        shared = self._key.exchange(X25519PublicKey.from_public_bytes(public))
        return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=context).derive(shared)


def between(purpose: bytes, round_number: int, ends: Mapping[int, bytes]) -> bytes:
    """Return HKDF's context for a secret of two parties: what for, when, and who they are.

    With both ids in it, no two pairs of a round derive the same secret, not even if one party
    announces another's public key, or another point that agrees on the same secret (on X25519
    every key has such twins, so that refusing equal bytes is not enough). With both keys in it,
    two parties that were told different keys derive different secrets.

    Args:
        purpose: without spaces.
        round_number: the round for which the secret is.
        ends: id → public key of 32 bytes, of the two.
    """
    who = b"".join(b" %d " % party + ends[party] for party in sorted(ends))
    return purpose + b" %d" % round_number + who


def signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether `signature` is the one of `message` (Ed25519, RFC 8032) under a public key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def seal(key: bytes, sender: int, receiver: int, letter: bytes) -> bytes:
    """Encrypt and authenticate one letter (ChaCha20-Poly1305, RFC 8439): 16 bytes longer.

    The key serves two parties, and each may send one letter with it: the sender is the nonce.
    """
    return ChaCha20Poly1305(key).encrypt(
        sender.to_bytes(12, "big"), letter, _ends(sender, receiver)
    )


def unseal(key: bytes, sender: int, receiver: int, sealed: bytes) -> bytes:
    """Return the letter that `sender` sealed for `receiver`.

    Raises:
        NotAuthentic: it is not that letter.
    """
    try:
        nonce = sender.to_bytes(12, "big")
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, _ends(sender, receiver))
    except (InvalidTag, ValueError, TypeError):
        raise NotAuthentic(
            f"The letter from client {sender} to client {receiver} is malformed or replayed."
        ) from None


def _ends(sender: int, receiver: int) -> bytes:
    return sender.to_bytes(4, "big") + receiver.to_bytes(4, "big")
