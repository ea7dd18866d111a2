"""One client of secure aggregation: what it sends, and what it refuses to say."""

import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from labkit.secagg import shamir
from labkit.secagg.keys import (
    KEY_BYTES,
    NotAuthentic,
    PrivateKey,
    between,
    seal,
    signed,
    unseal,
)
from labkit.secagg.prg import apply

SELF, PAIRS = 0, 1  # the two secrets that are shared: the self mask's seed, the key for pair masks


class Refused(RuntimeError):
    """A client was asked for what would reveal another client's vector."""


@dataclass(frozen=True)
class Announcement:
    """A client's public keys for a round, for pair masks and for letters, and its signature."""

    mask_key: bytes
    channel_key: bytes
    signature: bytes

    def holds(self, client: int, round_number: int, identity: bytes) -> bool:
        """Tell whether these are keys that the owner of `identity` announced for this round."""
        parts = (self.mask_key, self.channel_key, self.signature)
        whole = [isinstance(part, bytes) and len(part) for part in parts]
        message = announced(client, round_number, self.mask_key, self.channel_key)
        return whole == [KEY_BYTES, KEY_BYTES, 64] and signed(identity, message, self.signature)


def announced(client: int, round_number: int, mask_key: bytes, channel_key: bytes) -> bytes:
    """What a client signs: its id, the round, and its two public keys."""
    return b"keys %d %d " % (client, round_number) + mask_key + channel_key


@dataclass(frozen=True)
class Letter:
    """A sealed pair of shares, and a hash of each by which the server can tell it later."""

    sealed: bytes
    commitments: tuple[bytes, bytes]


def commitment(round_number: int, owner: int, holder: int, kind: int, share: np.ndarray) -> bytes:
    """The hash that binds one share to its round, owner, holder and kind.

    It hides the share: 256 bits that are uniform to whoever holds fewer than the threshold.
    """
    place = b"share %d %d %d %d " % (round_number, owner, holder, kind)
    return hashlib.sha256(place + share.astype("<u4").tobytes()).digest()


class Client:
    """A client in one round of Bonawitz et al. 2017 (IACR ePrint 2017/281).

    Its keys and seeds are fresh, and it takes part in one round only: the server recovers the keys
    of those that drop out, and a key that served before would open what it masked before.

    Keys come signed, so that the server cannot put its own in their place, and no two may be
    equal. Shares are revealed only once `threshold` of the holders have confirmed the same set of
    survivors. Against whom that is enough: see `secure_sum`.

    Args:
        id: 0 to 65534.
        neighbours: with whom it makes pair masks and who hold its shares, besides itself.
        threshold: how many shares recover a secret of this client.
        round_number: 0 or more, of any size, never used before; binds every message to this round.
            Where it is a hash of a counter and of the model that each client got, those with
            different models refuse each other's keys.
        identity: the key with which it signs, which lasts.
        roster: client → public key of its identity, from somebody whom all clients trust.
    """

    def __init__(
        self,
        id: int,
        neighbours: Collection[int],
        threshold: int,
        round_number: int,
        identity: Ed25519PrivateKey,
        roster: Mapping[int, bytes],
    ):
        self.id, self.threshold, self.round_number = id, threshold, round_number
        self.holders = sorted({*neighbours, id})
        self._identity, self._roster = identity, roster
        self._mask_key, self._channel_key = PrivateKey(), PrivateKey()
        self._seed = bytes(PrivateKey())
        self._public: dict[int, Announcement] = {}
        self._channels: dict[int, bytes] = {}
        self._held: dict[int, np.ndarray] = {}  # owner → [2, 16]
        self._taking_part: frozenset[int] = frozenset()
        self._survivors: frozenset[int] = frozenset()
        self._told = b""  # the survivors, as they stand in codes
        self._masked = self._revealed = False

    def advertise(self) -> Announcement:
        """Return the two public keys, signed."""
        keys = self._mask_key.public, self._channel_key.public
        return Announcement(
            *keys, self._identity.sign(announced(self.id, self.round_number, *keys))
        )

    def share(self, public: Mapping[int, Announcement]) -> dict[int, Letter]:
        """Share both secrets among the holders whose public keys came; a letter for each.

        Only once: a second letter under the same key and nonce would tell of the first one.

        Raises:
            Refused: the server asks again; or a key is not its owner's, or is announced twice.
            TooFewShares: fewer holders than the threshold are there.
        """
        if self.id in self._held:
            raise Refused(f"Client {self.id} shares its secrets once.")
        self._public = {v: public[v] for v in self.holders if v in public}
        for v, keys in self._public.items():
            if not keys.holds(v, self.round_number, self._roster[v]):
                raise Refused(f"Client {self.id} was given keys that client {v} did not sign.")
        if repeated(self._public.values()):
            raise Refused(f"Client {self.id} was given the same key twice.")
        there = sorted(self._public)
        self._require_holders(len(there))
        shares = shamir.share([self._seed, bytes(self._mask_key)], self.threshold, there)
        self._held[self.id] = shares[there.index(self.id)]
        return {v: self._letter(v, s) for v, s in zip(there, shares, strict=True)}

    def open(self, letters: Mapping[int, Letter]) -> set[int]:
        """Keep the shares that came, and return the senders whose letters are no good."""
        bad = set()
        for owner, letter in letters.items():
            try:
                sealed = unseal(self._channel(owner, b"letter"), owner, self.id, letter.sealed)
                shares = np.frombuffer(sealed, "<u4").reshape(2, shamir.LIMBS)
                if self._commitments(owner, self.id, shares) != letter.commitments:
                    raise NotAuthentic
                self._held[owner] = shares
            except ValueError:
                bad.add(owner)
        return bad

    def mask(self, vector: np.ndarray, taking_part: Collection[int]) -> np.ndarray:
        """Return the vector plus its self mask and the pair masks with the neighbours that share.

        To whoever lacks one of those masks' seeds the result is uniform. Only once: of two such
        vectors the difference is a sum of pair masks, and the one with few of them is soon bare.

        Args:
            vector: [length], unsigned integers, encoded.
            taking_part: the clients whose letters were good.

        Raises:
            Refused: the server asks again.
            TooFewShares: too few of this client's holders take part to undo its masks.
        """
        if self._masked:
            raise Refused(f"Client {self.id} sends its vector once.")
        partners = self._partners(taking_part)
        self._require_holders(len(partners) + 1)
        self._masked, self._taking_part = True, frozenset(taking_part)
        key, number = self._mask_key, self.round_number
        seeds = {v: pair_seed(key, self.id, v, self._public[v], number) for v in partners}
        masked = vector.copy()
        apply(
            masked,
            plus=[self._seed, *(seed for v, seed in seeds.items() if v > self.id)],
            minus=[seed for v, seed in seeds.items() if v < self.id],
        )
        return masked

    def confirm(self, survivors: Collection[int]) -> dict[int, bytes]:
        """Return, for each neighbour among the survivors, a code that it was told the same set.

        Args:
            survivors: all clients whose vectors have arrived, as the server has it.

        Raises:
            Refused: it was told another set before, or this one leaves it out, or has clients in it
                that were not taking part when it masked its vector.
            TooFewShares: so few have arrived that their sum would say too much.
        """
        survivors = frozenset(survivors)
        if self._survivors or self.id not in survivors or not survivors <= self._taking_part:
            raise Refused(f"Client {self.id} is told two stories of who takes part.")
        partners = self._partners(survivors)
        self._require_holders(len(partners) + 1)
        self._survivors = survivors
        self._told = np.array(sorted(survivors), "<u4").tobytes()
        return {v: self._code(v, self.id) for v in partners}

    def reveal(self, codes: Mapping[int, bytes]) -> dict[int, np.ndarray]:
        """Return a share of the seed of each that arrived, of the key of each that dropped out.

        Never both of one client, and only once: with both, its vector would be bare.

        Args:
            codes: neighbour → its code for this client, from `confirm`.

        Raises:
            Refused: the server asks again, or before it told who survived.
            TooFewShares: too few holders, itself included, confirm the survivors that it was told.
        """
        if self._revealed or not self._survivors:
            raise Refused(f"Client {self.id} reveals one kind of share of each client, once.")
        agree = [
            v
            for v in self._partners(self._survivors)
            if v in codes and hmac.compare_digest(codes[v], self._code(self.id, v))
        ]
        self._require_holders(len(agree) + 1, "confirmations of its survivors")
        self._revealed = True
        kinds = dict.fromkeys(self._taking_part, PAIRS) | dict.fromkeys(self._survivors, SELF)
        return {u: self._held[u][kind] for u, kind in kinds.items() if u in self._held}

    def _require_holders(self, there: int, what: str = "shares") -> None:
        if not there >= self.threshold:
            raise shamir.TooFewShares(f"Client {self.id}'s secrets", there, self.threshold, what)

    def _partners(self, clients: Collection[int]) -> list[int]:
        return [v for v in self._public if v != self.id and v in clients]

    def _channel(self, other: int, purpose: bytes) -> bytes:
        if other not in self._channels:  # used again and again, and dear
            public = self._public[other].channel_key
            ends = {self.id: self._channel_key.public, other: public}
            context = between(b"channel", self.round_number, ends)
            self._channels[other] = self._channel_key.agree(public, context)
        return hmac.digest(self._channels[other], purpose, "sha256")

    def _code(self, reader: int, writer: int) -> bytes:
        """The code by which one of the two tells the other the survivors that it was told."""
        key = self._channel(writer if reader == self.id else reader, b"survivors")
        return hmac.digest(key, b"%d " % writer + self._told, "sha256")

    def _letter(self, holder: int, shares: np.ndarray) -> Letter:
        commitments = self._commitments(self.id, holder, shares)
        if holder == self.id:
            return Letter(b"", commitments)  # kept, not sent; the server needs the hashes
        key, letter = self._channel(holder, b"letter"), shares.astype("<u4").tobytes()
        sealed = seal(key, self.id, holder, letter)
        return Letter(sealed, commitments)

    def _commitments(self, owner: int, holder: int, shares: np.ndarray) -> tuple[bytes, bytes]:
        own, pairs = (
            commitment(self.round_number, owner, holder, kind, shares[kind])
            for kind in (SELF, PAIRS)
        )
        return own, pairs


def repeated(
    announcements: Collection[Announcement], others: Collection[bytes] = frozenset()
) -> bool:
    """Tell whether two of all these public keys are the same, or one is among the others."""
    keys = [key for each in announcements for key in (each.mask_key, each.channel_key)]
    return len(set(keys)) < len(keys) or any(key in others for key in keys)


def pair_seed(
    key: PrivateKey, id: int, other: int, announcement: Announcement, round_number: int
) -> bytes:
    """The seed of the mask that two clients share in a round, from the first one's mask key."""
    public = announcement.mask_key
    return key.agree(public, between(b"mask", round_number, {id: key.public, other: public}))
