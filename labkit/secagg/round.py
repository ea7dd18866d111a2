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
    sparse graph n and c count the holders of one client (see `graph.regular`), and that all
    neighbourhoods are told the same is not guaranteed: no claim is made against a server that lies.
    The sum is no secret: of n − 1 colluders and one other it is the other's vector. Nor is it
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
    at_client, at_server = _Clock(), _Clock()
    sent, received = dict.fromkeys(STAGES, 0), dict.fromkeys(STAGES, 0)
    masked = {}

    def say(stage: str, client: int, message: Any) -> Any:
        message = message if tamper is None else tamper(stage, client, message)
        sent[stage] += _size(message)
        return message

    def present(stage: str) -> list[int]:
        gone = STAGES[: STAGES.index(stage) + 1]
        return [u for u in range(clients) if dropouts.get(u) not in gone]

    for u in present("keys"):
        with at_client:
            keys = party[u].advertise()
        server.take_keys(u, say("keys", u, keys))

    inbox: dict[int, dict[int, Letter]] = {u: {} for u in range(clients)}
    for u in present("shares"):
        if u not in server.public:
            continue
        public = {v: server.public[v] for v in party[u].holders if v in server.public}
        received["keys"] += _size(public) - _size(public[u])
        with at_client:
            letters = party[u].share(public)
        letters = say("shares", u, letters)
        server.take_letters(u, letters)
        if u in server.sharing:
            for v in letters.keys() - {u}:
                inbox[v][u] = letters[v]

    for u in present("masked"):
        if u in server.sharing:
            received["shares"] += _size(inbox[u])
            with at_client:
                bad = party[u].open(inbox[u])
            sent["shares"] += ID_BYTES * len(bad)
            server.take_complaint(u, bad)

    bitmap = (clients + 7) // 8  # a set of clients on the wire
    taking_part = frozenset(server.sharing)
    for u in present("masked"):
        if u in taking_part:
            received["masked"] += bitmap
            with at_client:
                vector = party[u].mask(vectors[u], taking_part)
            vector = say("masked", u, vector)
            if keep_masked:
                masked[u] = vector
            with at_server:
                server.take_vector(u, vector)

    survivors = frozenset(server.arrived)
    for u in present("confirm"):
        if u in survivors:
            received["confirm"] += bitmap
            with at_client:
                codes = party[u].confirm(survivors)
            server.take_codes(u, say("confirm", u, codes))

    for u in present("reveal"):
        if u in survivors:
            received["reveal"] += _size(server.codes[u])
            with at_client:
                shares = party[u].reveal(server.codes[u])
            shares = say("reveal", u, shares)
            with at_server:
                server.take_shares(u, shares)

    with at_server:
        total = server.unmask()
    return Round(
        total=total,
        arrived=server.arrived,
        excluded=server.excluded,
        masked=masked,
        bytes_sent=sent,
        bytes_received=received,
        client_seconds=at_client.seconds,
        server_seconds=at_server.seconds,
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
