"""A whole round of secure aggregation in one process, with what each message weighs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from labkit.secagg.client import Announcement, Client, Letter
from labkit.secagg.graph import Graph, all_pairs
from labkit.secagg.server import Server

STAGES = ("keys", "shares", "masked", "confirm", "reveal")
ID_BYTES = 4


@dataclass
class Round:
    """What a round gave, and what it cost.

    Attributes:
        total: [length], the sum of the vectors that arrived, modulo 2^k.
        arrived: whose vectors are in it.
        excluded: client → what it did wrong.
        masked: client → the masked vector that the server saw.
        bytes_sent, bytes_received: by stage, over all clients; model downloads are not counted.
        client_seconds, server_seconds: computing time, the former over all clients.
    """

    total: np.ndarray
    arrived: set[int]
    excluded: dict[int, str]
    masked: dict[int, np.ndarray]
    bytes_sent: dict[str, int]
    bytes_received: dict[str, int]
    client_seconds: float
    server_seconds: float


@dataclass
class _Clock:
    seconds: float = field(default=0.0)

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *exception) -> None:
        self.seconds += time.perf_counter() - self._began


def secure_sum(
    vectors: np.ndarray,
    threshold: int,
    *,
    graph: Graph | None = None,
    dropouts: Mapping[int, str] | None = None,
    round_number: int = 0,
    tamper: Callable[[str, int, Any], Any] | None = None,
    keep_masked: bool = False,
) -> Round:
    """Sum the clients' vectors modulo 2^k so that the server sees masked ones only.

    With all pairs among n clients, c ≤ n − 2 of which side with the server and send whatever they
    like, the server learns one sum, of at least `threshold` vectors, and nothing else, if it

    * follows the protocol, and c < `threshold`; or
    * lies, about keys and about who takes part, drops out or survives, and 2·`threshold` > n + c.

    The clients must know each other's identities beforehand; here they are made on the spot. On a
    sparse graph n and c count the holders of one client (see `graph.regular`). There colluders and
    dropouts can cut the honest survivors into parts, and a server that follows the protocol learns
    a sum for each part, of `threshold` − c honest vectors or more. That all neighbourhoods are told
    the same is not guaranteed there: no claim is made against a server that lies.
    The sum is no secret: of n − 1 colluders and one other it is the other's vector, and so it is
    where dropouts, or colluders' complaints, leave one of the honest. Against a server that follows
    the protocol a sum is of `threshold` − c honest vectors or more, which may be one. Nor is it
    checked what a client adds.

    Args:
        vectors: [clients, length], unsigned integers: what each client wants to add.
        threshold: how many shares recover a secret; 2 to the number of a client's holders (itself
            and its neighbours).
        graph: each client's neighbours; all pairs if None.
        dropouts: client → the stage ("keys", "shares", "masked", "confirm", "reveal")
            before which it falls silent.
        round_number: binds every message to this round.
        tamper: called as tamper(stage, client, message); what it returns is sent instead, so that
            misbehaviour can be tried out.
        keep_masked: whether the result keeps the masked vectors.

    Raises:
        TooFewShares: so many dropped out that a secret is lost; says how many shares are missing.
        ValueError: an argument is out of its range.
    """
    clients, length = vectors.shape
    graph = all_pairs(clients) if graph is None else graph
    dropouts = dropouts or {}
    _require(vectors, threshold, graph, dropouts)
    identities = [Ed25519PrivateKey.generate() for _ in range(clients)]
    roster = {u: key.public_key().public_bytes_raw() for u, key in enumerate(identities)}
    server = Server(graph, threshold, round_number, roster, length, vectors.dtype)
    party = [
        Client(u, graph[u], threshold, round_number, identities[u], roster) for u in range(clients)
    ]
    protocol = _Protocol(server, party, dropouts, tamper)
    protocol.keys()
    protocol.shares()
    masked = protocol.masked(vectors)
    protocol.confirm()
    return protocol.reveal(masked if keep_masked else {})


class _Protocol:
    """The messages of one round, stage by stage, each through `tamper`, weighed and timed."""

    def __init__(
        self,
        server: Server,
        party: list[Client],
        dropouts: Mapping[int, str],
        tamper: Callable[[str, int, Any], Any] | None,
    ):
        self._server, self._party, self._dropouts, self._tamper = server, party, dropouts, tamper
        self._at_client, self._at_server = _Clock(), _Clock()
        self._sent, self._received = dict.fromkeys(STAGES, 0), dict.fromkeys(STAGES, 0)
        self._inbox: dict[int, dict[int, Letter]] = {u: {} for u in range(len(party))}
        self._set_bytes = (len(party) + 7) // 8  # a set of clients on the wire

    def _say(self, stage: str, client: int, message: Any) -> Any:
        message = message if self._tamper is None else self._tamper(stage, client, message)
        self._sent[stage] += _size(message)
        return message

    def _present(self, stage: str) -> list[int]:
        gone = STAGES[: STAGES.index(stage) + 1]
        return [u for u in range(len(self._party)) if self._dropouts.get(u) not in gone]

    def keys(self) -> None:
        for u in self._present("keys"):
            with self._at_client:
                keys = self._party[u].advertise()
            self._server.take_keys(u, self._say("keys", u, keys))

    def shares(self) -> None:
        """Deal the shares, and have whoever got them open them."""
        server = self._server
        for u in self._present("shares"):
            if u not in server.public:
                continue
            public = {v: server.public[v] for v in self._party[u].holders if v in server.public}
            self._received["keys"] += _size(public) - _size(public[u])
            with self._at_client:
                letters = self._party[u].share(public)
            letters = self._say("shares", u, letters)
            server.take_letters(u, letters)
            if u in server.sharing:
                for v in letters.keys() - {u}:
                    self._inbox[v][u] = letters[v]
        for u in self._present("masked"):
            if u in server.sharing:
                self._received["shares"] += _size(self._inbox[u])
                with self._at_client:
                    bad = self._party[u].open(self._inbox[u])
                self._sent["shares"] += ID_BYTES * len(bad)
                server.take_complaint(u, bad)

    def masked(self, vectors: np.ndarray) -> dict[int, np.ndarray]:
        """Send the masked vectors; returns them by client."""
        taking_part, masked = frozenset(self._server.sharing), {}
        for u in self._present("masked"):
            if u in taking_part:
                self._received["masked"] += self._set_bytes
                with self._at_client:
                    vector = self._party[u].mask(vectors[u], taking_part)
                masked[u] = vector = self._say("masked", u, vector)
                with self._at_server:
                    self._server.take_vector(u, vector)
        return masked

    def confirm(self) -> None:
        """Have the survivors sign who they are."""
        survivors = frozenset(self._server.arrived)
        for u in self._present("confirm"):
            if u in survivors:
                self._received["confirm"] += self._set_bytes
                with self._at_client:
                    codes = self._party[u].confirm(survivors)
                self._server.take_codes(u, self._say("confirm", u, codes))

    def reveal(self, masked: dict[int, np.ndarray]) -> Round:
        """Reveal the shares, and unmask the sum."""
        server = self._server
        survivors = frozenset(server.arrived)
        for u in self._present("reveal"):
            if u in survivors:
                self._received["reveal"] += _size(server.codes[u])
                with self._at_client:
                    shares = self._party[u].reveal(server.codes[u])
                shares = self._say("reveal", u, shares)
                with self._at_server:
                    server.take_shares(u, shares)
        with self._at_server:
            total = server.unmask()
        return Round(
            total=total,
            arrived=server.arrived,
            excluded=server.excluded,
            masked=masked,
            bytes_sent=self._sent,
            bytes_received=self._received,
            client_seconds=self._at_client.seconds,
            server_seconds=self._at_server.seconds,
        )


def _require(vectors, threshold, graph, dropouts) -> None:
    if vectors.dtype not in (np.uint32, np.uint64):
        raise ValueError(f"vectors is {vectors.dtype}: encode it to uint32 or uint64 first.")
    fewest = min(len(near) for near in graph) + 1
    if len(graph) != len(vectors) or not 2 <= threshold <= fewest:
        raise ValueError(
            f"threshold is {threshold}, for {len(vectors)} clients in a graph of {len(graph)}: "
            f"with {fewest} holders of each secret it must be from 2 to {fewest}."
        )
    if not set(dropouts.values()) <= set(STAGES):
        raise ValueError(f"dropouts names a stage that is none of {', '.join(STAGES)}.")


def _size(message: Any) -> int:
    """How many bytes a message is on the wire, addressing aside."""
    if isinstance(message, Letter):
        return len(message.sealed) + sum(map(len, message.commitments))
    if isinstance(message, Announcement):
        return len(message.mask_key) + len(message.channel_key) + len(message.signature)
    if isinstance(message, np.ndarray):
        return message.nbytes
    if isinstance(message, Mapping):
        return sum(_size(part) for part in message.values())
    return len(message) if isinstance(message, bytes) else 0
