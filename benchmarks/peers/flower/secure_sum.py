"""A round of SecAgg+ by Flower's own primitives, all clients and the server in one process.

The stages are those of its client module and its workflow, without messages between processes:
keys, encrypted shares, masked vectors, unmasking. Vectors are integers already, as ours are. Its
keys are not signed, and its masks come from a generator with a seed of 32 bits.
"""

import os

import numpy as np
from flwr.common.secure_aggregation.crypto.shamir import combine_shares, create_shares
from flwr.common.secure_aggregation.crypto.symmetric_encryption import (
    decrypt,
    encrypt,
    generate_shared_key,
)
from flwr.common.secure_aggregation.secaggplus_utils import (
    pseudo_rand_gen,
    share_keys_plaintext_concat,
    share_keys_plaintext_separate,
)
from flwr.supercore.primitives.asymmetric import (
    bytes_to_private_key,
    bytes_to_public_key,
    generate_key_pairs,
    private_key_to_bytes,
    public_key_to_bytes,
)

PACKAGES = ["flwr", "numpy"]
RANGE = 2**32


def contender(clients, length, neighbours, dropouts):
    """Return a round; `neighbours` each on a ring, or all if None.

    Who drops out is spread over the ring: nobody loses so many neighbours that too few are left.
    """
    rng = np.random.default_rng(0)
    vectors = rng.integers(0, RANGE, (clients, length), dtype=np.int64)
    degree = clients - 1 if neighbours is None else neighbours
    threshold = 2 * (degree + 1) // 3 + 1
    steps = [*range(1, degree // 2 + 1), *range(-(degree // 2), 0)]
    near = {
        u: [v for v in range(clients) if v != u]
        if neighbours is None
        else [(u + step) % clients for step in steps]
        for u in range(clients)
    }
    gone = [clients * each // dropouts for each in range(dropouts)]
    there = [u for u in range(clients) if u not in gone]
    wanted = vectors[there].sum(axis=0) % RANGE

    def mask(seed):
        return pseudo_rand_gen(seed, RANGE, [(length,)])[0]

    def step():
        keys = []
        for _ in range(clients):
            pairs = generate_key_pairs(), generate_key_pairs()
            keys.append([(private_key_to_bytes(s), public_key_to_bytes(p)) for s, p in pairs])
        seeds = [os.urandom(32) for _ in range(clients)]
        boxes = {u: [] for u in range(clients)}
        shared, held = {}, {}
        for u in range(clients):
            holders = [u, *near[u]]
            of_seed = create_shares(seeds[u], threshold, len(holders))
            of_key = create_shares(keys[u][0][0], threshold, len(holders))
            held[u, u] = of_seed[0], of_key[0]
            own = bytes_to_private_key(keys[u][1][0])
            for v, seed_share, key_share in zip(near[u], of_seed[1:], of_key[1:], strict=True):
                shared[u, v] = generate_shared_key(own, bytes_to_public_key(keys[v][1][1]))
                plain = share_keys_plaintext_concat(u, v, seed_share, key_share)
                boxes[v].append((u, encrypt(shared[u, v], plain)))
        masked = []
        for u in there:
            vector = vectors[u] + mask(seeds[u])
            own = bytes_to_private_key(keys[u][0][0])
            for v, box in boxes[u]:
                _, _, *shares = share_keys_plaintext_separate(decrypt(shared[u, v], box))
                held[v, u] = tuple(shares)
                key = generate_shared_key(own, bytes_to_public_key(keys[v][0][1]))
                vector = vector + mask(key) if u > v else vector - mask(key)
            masked.append(vector & (RANGE - 1))
        total = np.sum(masked, axis=0)
        for u in there:
            shares = [held[u, v][0] for v in [u, *near[u]] if v in there][:threshold]
            total = total - mask(combine_shares(shares))
        for u in gone:
            shares = [held[u, v][1] for v in near[u] if v in there][:threshold]
            secret = bytes_to_private_key(combine_shares(shares))
            for v in near[u]:
                if v in there:
                    key = generate_shared_key(secret, bytes_to_public_key(keys[v][0][1]))
                    total = total - mask(key) if v > u else total + mask(key)
        if not np.array_equal(total % RANGE, wanted):
            raise AssertionError("the sum is not exact")

    return step
