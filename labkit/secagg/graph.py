"""Who masks with whom: everybody with everybody, or each with a few."""

import numpy as np

Graph = list[frozenset[int]]


def all_pairs(clients: int) -> Graph:
    """Each client's neighbours are all the others (Bonawitz et al. 2017)."""
    everybody = frozenset(range(clients))
    return [everybody - {client} for client in range(clients)]


def regular(clients: int, degree: int, rng: np.random.Generator) -> Graph:
    """Each client has `degree` neighbours, those nearest on a ring in random order.

    The randomised Harary graph of Bell et al. 2020 (IACR ePrint 2020/704): connected, also after
    any `degree` − 1 clients have left. A server that follows the protocol has no client's key as
    long as fewer of its neighbours than the threshold collude; and as long as it is two fewer, no
    client's vector is left alone among colluders and dropouts. That is a matter of luck, and of
    luck only if the order is drawn after the adversary has chosen whom to corrupt, from randomness
    that it does not control: whoever draws the graph can seat colluders around its victim.

    Args:
        clients: at least 3.
        degree: even, from 2 to `clients` − 1.
        rng: numpy.random.Generator, for the order.

    Raises:
        ValueError: there is no such graph of this kind.
    """
    if degree % 2 or not 2 <= degree < clients:
        raise ValueError(f"degree is {degree}: it must be even, from 2 to {clients - 1}.")
    ring = rng.permutation(clients)
    graph: Graph = [frozenset()] * clients
    for place, client in enumerate(ring):
        steps = [*range(-degree // 2, 0), *range(1, degree // 2 + 1)]
        graph[client] = frozenset(int(ring[(place + step) % clients]) for step in steps)
    return graph
