"""What a round of secure aggregation costs, against a plain sum, measured in one process.

    python benchmarks/secure_aggregation.py [--clients 100] [--length 100000] [--rounds 3]

All pairs and a regular graph take turns, in random order; each sum is compared with the plain
one bit for bit. Times are of all clients and the server on this machine's cores, one after the
other; a real client does its own part only.
"""

import argparse
import statistics
import time

import numpy as np

from labkit import secagg


def measure(clients: int, length: int, rounds: int) -> None:
    """Print the seconds of each contender, their ratio to the plain sum's, and bytes a client."""
    rng = np.random.default_rng()
    x = rng.integers(0, 2**32, (clients, length), dtype=np.uint32)
    degree = max(2, 2 * round(2 * np.log2(clients)))
    contenders = {
        "all pairs": (None, 2 * clients // 3 + 1),
        f"{degree} neighbours each": (degree, 2 * degree // 3 + 1),
    }
    dropouts = {int(u): "masked" for u in rng.choice(clients, clients // 20, replace=False)}
    there = [u for u in range(clients) if u not in dropouts]
    wanted = x[there].sum(axis=0, dtype=x.dtype)
    seconds: dict[str, list[float]] = {name: [] for name in ["plain sum", *contenders]}
    sizes = {}
    for _ in range(rounds):
        for name in rng.permutation(list(seconds)):
            began = time.perf_counter()
            if name == "plain sum":
                x[there].sum(axis=0, dtype=x.dtype)
            else:
                degree, threshold = contenders[name]
                graph = None if degree is None else secagg.regular(clients, degree, rng)
                result = secagg.secure_sum(x, threshold, graph=graph, dropouts=dropouts)
                sizes[name] = sum(result.bytes_sent.values()) / clients
            seconds[name].append(time.perf_counter() - began)
            if name != "plain sum" and not np.array_equal(result.total, wanted):
                raise AssertionError(f"{name}: the sum is not exact")
    print(f"{clients} clients, {length} parameters, {len(dropouts)} drop out; sums exact")
    base = statistics.median(seconds["plain sum"])
    for name, times in seconds.items():
        middle = statistics.median(times)
        sent = f"{sizes[name] / 1e6:.2f} MB sent a client" if name in sizes else ""
        print(f"{name:20s} {middle:8.3f} s {middle / base:8.0f} × plain  {sent}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--length", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    measure(arguments.clients, arguments.length, arguments.rounds)
