"""A round of secure aggregation, step by step, for tests that attack it."""

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from labkit import secagg
from labkit.secagg import client as clients_of

LENGTH = 8  # an attack that knows nothing is right in all 8 places with probability 2^−256


def vectors(clients):
    return np.random.default_rng().integers(0, 2**32, (clients, LENGTH), dtype=np.uint32)


class MaskedRound:
    """A round, step by step: clients with identities, and a server of which nothing is honest."""

    def __init__(self, clients, threshold, graph=None):
        self.everybody = range(clients)
        self.identities = [Ed25519PrivateKey.generate() for _ in self.everybody]
        roster = {u: key.public_key().public_bytes_raw() for u, key in enumerate(self.identities)}
        graph = graph or secagg.all_pairs(clients)
        self.party = [
            secagg.Client(u, graph[u], threshold, 0, self.identities[u], roster)
            for u in self.everybody
        ]
        self.keys = {u: p.advertise() for u, p in enumerate(self.party)}

    def announce(self, u, mask_key):
        """Let a client sign another mask key in place of its own."""
        channel = self.keys[u].channel_key
        signature = self.identities[u].sign(clients_of.announced(u, 0, mask_key, channel))
        self.keys[u] = clients_of.Announcement(mask_key, channel, signature)

    def share(self):
        letters = {u: p.share(self.keys) for u, p in enumerate(self.party)}
        for v, p in enumerate(self.party):
            inbox = {u: sent[v] for u, sent in letters.items() if u != v and v in sent}
            assert p.open(inbox) == set()
