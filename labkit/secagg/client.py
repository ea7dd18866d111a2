"""One client of secure aggregation: what it sends, and what it refuses to say."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from labkit.secagg import shamir
from labkit.secagg.keys import KEY_BYTES, NotAuthentic, PrivateKey, seal, unseal
from labkit.secagg.prg import apply

SELF, PAIRS = 0, 1  # the two secrets that are shared: the self mask's seed, the key for pair masks
PUBLIC_KEYS_BYTES = 2 * KEY_BYTES


class Refused(RuntimeError):
    """A client was asked for what would give somebody's vector away."""


@dataclass(frozen=True)
class Letter:
    """A sealed pair of shares, and a hash of each by which the server can tell it later."""

    sealed: bytes
    commitments: tuple[bytes, bytes]


def commitment(round_number: int, owner: int, holder: int, kind: int, share: np.ndarray) -> bytes:
    """The hash that binds one share to its round, owner, holder and kind.

    It hides the share: 256 bits that are uniform to whoever holds fewer than the threshold.
    """
    place = np.array([round_number, owner, holder, kind], "<u8").tobytes()
    return hashlib.sha256(place + share.astype("<u4").tobytes()).digest()


class Client:
    """A client in one round of Bonawitz et al. 2017 (IACR ePrint 2017/281, Figure 4).

    Its keys and seeds are fresh: a client takes part in one round only.

    Args:
        id: 0 to 65534.
        neighbours: with whom it makes pair masks and who hold its shares, besides itself.
        threshold: how many shares recover a secret of this client.
        round_number: binds every message to this round.
    """

    def __init__(self, id: int, neighbours: Collection[int], threshold: int, round_number: int):
        self.id, self.threshold, self.round_number = id, threshold, round_number
        self.holders = sorted({*neighbours, id})
        self._mask_key, self._channel_key = PrivateKey(), PrivateKey()
        self._seed = bytes(PrivateKey())
        self._public: dict[int, bytes] = {}
        self._channels: dict[int, bytes] = {}
        self._held: dict[int, np.ndarray] = {}  # owner → [2, 16]
        self._revealed = False

    def advertise(self) -> bytes:
        """Return the two public keys: for pair masks, and for sealed letters."""
        return self._mask_key.public + self._channel_key.public

    def share(self, public: Mapping[int, bytes]) -> dict[int, Letter]:
        """Share both secrets among the holders whose public keys came; a letter for each.

        Raises:
            TooFewShares: fewer holders than the threshold are there.
        """
        self._public = {v: public[v] for v in self.holders if v in public}
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
                sealed = unseal(self._channel(owner), owner, self.id, letter.sealed)
                shares = np.frombuffer(sealed, "<u4").reshape(2, shamir.LIMBS)
                if self._commitments(owner, self.id, shares) != letter.commitments:
                    raise NotAuthentic
                self._held[owner] = shares
            except ValueError:
                bad.add(owner)
        return bad

    def mask(self, vector: np.ndarray, taking_part: Collection[int]) -> np.ndarray:
        """Return the vector plus its self mask and the pair masks with the neighbours that share.

        To whoever lacks one of those masks' seeds the result is uniform.

        Args:
            vector: [length], unsigned integers, encoded.
            taking_part: the clients whose letters were good.

        Raises:
            TooFewShares: too few of this client's holders take part to undo its masks.
        """
        partners = self._partners(taking_part)
        self._require_holders(len(partners) + 1)
        seeds = {v: pair_seed(self._mask_key, self._public[v], self.round_number) for v in partners}
        masked = vector.copy()
        apply(
            masked,
            plus=[self._seed, *(seed for v, seed in seeds.items() if v > self.id)],
            minus=[seed for v, seed in seeds.items() if v < self.id],
        )
        return masked

    def reveal(self, arrived: Collection[int], dropped: Collection[int]) -> dict[int, np.ndarray]:
        """Return a share of the seed of each that arrived, of the key of each that dropped out.

        Never both of one client, and only once: with both, its vector would be bare.

        Raises:
            Refused: the server asks for both, or asks again.
            TooFewShares: the vectors of too few have arrived: their sum would say too much.
        """
        if self._revealed or set(arrived) & set(dropped):
            raise Refused(f"Client {self.id} reveals one kind of share of each client, once.")
        self._require_holders(len(self._partners(arrived)) + 1)
        self._revealed = True
        kinds = dict.fromkeys(arrived, SELF) | dict.fromkeys(dropped, PAIRS)
        return {u: self._held[u][kind] for u, kind in kinds.items() if u in self._held}

    def _require_holders(self, there: int) -> None:
        if there < self.threshold:
            raise shamir.TooFewShares(f"Client {self.id}'s secrets", there, self.threshold)

    def _partners(self, clients: Collection[int]) -> list[int]:
        return [v for v in self._public if v != self.id and v in clients]

    def _channel(self, other: int) -> bytes:
        if other not in self._channels:  # used twice, to write and to read, and dear
            public, context = self._public[other][KEY_BYTES:], b"letter %d" % self.round_number
            self._channels[other] = self._channel_key.agree(public, context)
        return self._channels[other]

    def _letter(self, holder: int, shares: np.ndarray) -> Letter:
        commitments = self._commitments(self.id, holder, shares)
        if holder == self.id:
            return Letter(b"", commitments)  # kept, not sent; the server needs the hashes
        sealed = seal(self._channel(holder), self.id, holder, shares.astype("<u4").tobytes())
        return Letter(sealed, commitments)

    def _commitments(self, owner: int, holder: int, shares: np.ndarray) -> tuple[bytes, bytes]:
        own, pairs = (
            commitment(self.round_number, owner, holder, kind, shares[kind])
            for kind in (SELF, PAIRS)
        )
        return own, pairs


def pair_seed(key: PrivateKey, public: bytes, round_number: int) -> bytes:
    """The seed of the mask that two clients share in a round."""
    return key.agree(public[:KEY_BYTES], b"mask %d" % round_number)
