"""The server of secure aggregation: it collects, finds out who misbehaves, and removes masks."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from labkit.secagg import shamir
from labkit.secagg.client import PAIRS, SELF, Announcement, Letter, commitment, pair_seed, repeated
from labkit.secagg.graph import Graph
from labkit.secagg.keys import PrivateKey
from labkit.secagg.prg import apply


class Server:
    """The server in one round (IACR ePrint 2017/281; on a graph, ePrint 2020/704).

    A client that sends something malformed is excluded and named, with the reason, in `excluded`;
    a share that is not the one dealt is told by its commitment. A client that deals shares of
    another secret than its own spoils the sum, as one that adds a wrong vector does.

    Args:
        graph: each client's neighbours.
        threshold: how many shares recover a client's secret.
        round_number, roster: as the clients have them.
        length, dtype: of the vectors.
    """

    def __init__(
        self,
        graph: Graph,
        threshold: int,
        round_number: int,
        roster: Mapping[int, bytes],
        length: int,
        dtype: np.dtype,
    ):
        self.graph, self.threshold, self.round_number = graph, threshold, round_number
        self.roster = roster
        self.public: dict[int, Announcement] = {}
        self._announced: set[bytes] = set()
        self.commitments: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        self.sharing: set[int] = set()
        self.arrived: set[int] = set()
        self.excluded: dict[int, str] = {}
        self.codes: dict[int, dict[int, bytes]] = defaultdict(dict)  # reader → writer → code
        self._shares: dict[int, dict[int, np.ndarray]] = defaultdict(dict)  # owner → holder → share
        self._sum = np.zeros(length, dtype)

    @property
    def dropped(self) -> set[int]:
        """The clients that shared their secrets and whose vectors never came."""
        return self.sharing - self.arrived

    def take_keys(self, client: int, keys: Announcement) -> None:
        """Note a client's public keys; of two clients with the same key the later is excluded."""
        if not isinstance(keys, Announcement) or not keys.holds(
            client, self.round_number, self.roster[client]
        ):
            self._exclude(client, "it did not sign two public keys for this round")
        elif repeated([keys], self._announced):
            self._exclude(client, "one of its public keys is announced already")
        else:
            self.public[client] = keys
            self._announced |= {keys.mask_key, keys.channel_key}

    def take_letters(self, client: int, letters: Mapping[int, Letter]) -> None:
        """Note a client's commitments; it must have written to each of its holders."""
        holders = {v for v in {*self.graph[client], client} if v in self.public}
        if (
            not isinstance(letters, Mapping)
            or letters.keys() != holders
            or not all(isinstance(letter, Letter) for letter in letters.values())
        ):
            self._exclude(client, "it did not share its secrets among all its neighbours")
            return
        self.sharing.add(client)
        for holder, letter in letters.items():
            self.commitments[client, holder] = letter.commitments

    def take_complaint(self, client: int, bad: set[int]) -> None:
        """Exclude whom a client complains of.

        A liar can have neighbours excluded in this way, which makes the sum one of fewer: of the
        threshold, at least.
        """
        for sender in bad:
            self._exclude(sender, f"its shares for client {client} are malformed or replayed")

    def take_vector(self, client: int, masked: np.ndarray) -> None:
        """Add a masked vector to the sum."""
        wanted = self._sum
        if (
            not isinstance(masked, np.ndarray)
            or masked.shape != wanted.shape
            or masked.dtype != wanted.dtype
        ):
            # It stays in `sharing`: the others' pair masks with it must be removed.
            reason = f"its masked vector is not {wanted.dtype} of shape {wanted.shape}"
            self.excluded[client] = reason
        else:
            self._sum += masked
            self.arrived.add(client)

    def take_codes(self, client: int, codes: Mapping[int, bytes]) -> None:
        """Keep what a client tells its neighbours of the survivors, to be passed on."""
        good = isinstance(codes, Mapping) and all(isinstance(c, bytes) for c in codes.values())
        if not good:
            self.excluded[client] = "it did not confirm the survivors"
            return
        for reader in codes.keys() & self.arrived:
            self.codes[reader][client] = codes[reader]

    def take_shares(self, client: int, shares: Mapping[int, np.ndarray]) -> None:
        """Keep the revealed shares of a client, all of them or none."""
        if not isinstance(shares, Mapping):
            self.excluded[client] = "what it reveals is no set of shares"
            return
        good = {}
        for owner, share in shares.items():
            kind = SELF if owner in self.arrived else PAIRS
            if (
                not isinstance(share, np.ndarray)
                or (owner, client) not in self.commitments
                or commitment(self.round_number, owner, client, kind, share)
                != self.commitments[owner, client][kind]
            ):
                # Its vector has arrived and stays in the sum; what it says from here on is void.
                self.excluded[client] = f"its share of client {owner} is malformed or replayed"
                return
            good[owner] = share
        for owner, share in good.items():
            self._shares[owner][client] = share

    def unmask(self) -> np.ndarray:
        """Return the sum of the vectors that arrived, exact modulo 2^k.

        Raises:
            TooFewShares: a client's secret cannot be recovered; names it, and how many are missing.
        """
        secrets = self._recover()
        total = self._sum.copy()
        apply(total, plus=[], minus=[secrets[u] for u in self.arrived])
        for u in self.dropped & secrets.keys():
            # Survivors with smaller ids added their mask with u; those with larger ones
            # subtracted it.
            key, survivors = PrivateKey(secrets[u]), self.graph[u] & self.arrived
            number = self.round_number
            seeds = {v: pair_seed(key, u, v, self.public[v], number) for v in survivors}
            apply(
                total,
                plus=[seed for v, seed in seeds.items() if v > u],
                minus=[seed for v, seed in seeds.items() if v < u],
            )
        return total

    def _recover(self) -> dict[int, bytes]:
        """Recover one secret of each client, all those with the same helpers at once."""
        groups: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for u in sorted(self.sharing):
            if u in self.dropped and not self.graph[u] & self.arrived:
                continue  # none of its masks is in the sum
            helpers = tuple(sorted(self._shares[u])[: self.threshold])
            if len(helpers) < self.threshold:
                raise shamir.TooFewShares(f"Client {u}'s secret", len(helpers), self.threshold)
            groups[helpers].append(u)
        secrets: dict[int, bytes] = {}
        for helpers, owners in groups.items():
            rows = np.array([[self._shares[u][v] for u in owners] for v in helpers])
            secrets |= zip(owners, shamir.recover(rows, helpers, self.threshold), strict=True)
        return secrets

    def _exclude(self, client: int, reason: str) -> None:
        self.excluded[client] = reason
        self.sharing.discard(client)
