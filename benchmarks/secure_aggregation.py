"""A round of secure aggregation against Flower's primitives and TFF's simulation, in one run.

    python -m benchmarks.secure_aggregation [--clients 100] [--length 100000] [--dropouts 10]
        [--rounds 3] [--seed 0] [--limits 20 90]

All pairs of clients share masks, or each has its neighbours in a regular graph; then five times as
many clients on a graph. Every sum is compared with the plain one bit for bit. Times are of all
clients and the server on this machine's cores, one after the other; a real client does its own part
only. Ours signs keys and confirms who is there; Flower's primitives do neither, and expand seeds of
32 bits; where a round of theirs is not done within its limit they are left out. TFF's test context,
the only one of its own with secure sums, adds bare vectors.
"""

import argparse
import math
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import labkit  # noqa: F401

# isort: split
import numpy as np

from benchmarks import measure
from benchmarks.peer import PeerError, PeerProgram, peer
from labkit import secagg

GROWTH = [25, 50, 100]
PAIRS, GRAPH = "all pairs", "a graph"
SLOW_ROUNDS = 1
# Seconds of a peer's round: where it is slower than labkit's that shows by then, and where it ends.
LIMITS = 20.0, 90.0


def neighbours(clients: int) -> int:
    """Return the degree of the regular graph, about four times the logarithm."""
    return min(max(2, 2 * round(2 * np.log2(clients))), 2 * ((clients - 1) // 2))


def ours(clients: int, length: int, dropouts: int, degree: int | None, seed: int) -> None:
    """Make a round, and see that its sum is exact."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2**32, (clients, length), dtype=np.uint32)
    gone = {clients - 1 - u: "masked" for u in range(dropouts)}
    size = clients if degree is None else degree
    graph = None if degree is None else secagg.regular(clients, degree, rng)
    result = secagg.secure_sum(x, 2 * size // 3 + 1, graph=graph, dropouts=gone)
    if not np.array_equal(result.total, x[: clients - dropouts].sum(axis=0, dtype=x.dtype)):
        raise AssertionError("the sum is not exact")


def simulated(x: np.ndarray) -> Callable:
    """Return TFF's secure sum of the rows, in its test context: a plain sum in another process."""
    import tensorflow_federated as tff

    tff.backends.test.set_sync_test_cpp_execution_context()
    rows = list(x.view(np.int32))  # whose sums wrap around to the same bits
    kind = tff.TensorType(np.int32, x.shape[1:])

    @tff.federated_computation(tff.FederatedType(kind, tff.CLIENTS))
    def secure_sum(values):
        return tff.federated_secure_sum(values, 2**31 - 1)

    def once() -> None:
        total = np.asarray(secure_sum(rows)).view(np.uint32)
        if not np.array_equal(total, x.sum(axis=0, dtype=x.dtype)):
            raise AssertionError("the sum is not exact")

    return once


def compare(
    clients: int,
    length: int,
    dropouts: int,
    rounds: int,
    seed: int,
    limits: dict[str, float],
) -> tuple[measure.Table, dict[str, str]]:
    """Return the times of the plain sum, ours and the peers'; `limits` says on which graphs."""
    x = np.random.default_rng(seed).integers(0, 2**32, (clients, length), dtype=np.uint32)
    degree = neighbours(clients)
    there = x[: clients - dropouts]
    contenders: dict[str, Callable] = {"plain sum": lambda: there.sum(axis=0, dtype=x.dtype)}
    left_out: dict[str, str] = {}
    tff = "TFF, simulated: no masks"
    try:
        contenders[tff] = simulated(there)
        contenders[tff]()
    except Exception as error:  # whatever TFF raises
        contenders.pop(tff, None)
        left_out[tff] = f"{type(error).__name__}: {error}".splitlines()[0][:100]
    versions: dict[str, str] = {}
    with ExitStack() as stack:
        for graph, limit in limits.items():
            near = None if graph == PAIRS else degree
            kind = PAIRS if near is None else f"{degree} neighbours each"
            contenders[f"labkit, {kind}"] = partial(ours, clients, length, dropouts, near, seed)
            size = {"clients": clients, "length": length, "dropouts": dropouts}
            try:
                process = stack.enter_context(peer("flower", "secure_sum", neighbours=near, **size))
            except PeerError as error:
                left_out[f"Flower, {kind}"] = str(error)
                continue
            versions |= process.versions

            def flower(
                process: PeerProgram = process, name: str = f"Flower, {kind}", limit: float = limit
            ) -> float:
                try:
                    return process(limit)
                except PeerError as error:
                    left_out[name] = str(error)
                    return math.nan

            contenders[f"Flower, {kind}"] = flower
        slow = {name: SLOW_ROUNDS for name in contenders if name.startswith("Flower")}
        seconds = measure.interleaved(contenders, rounds, seed, fewer=slow)
    seconds = {name: times for name, times in seconds.items() if name not in left_out}
    about = f"A sum of {clients} clients × {length} parameters, {dropouts} of them drop out"
    base = next(name for name in contenders if name.startswith("labkit"))
    return measure.Table(about, base, measure.timings(seconds, base), left_out), versions


def growth(length: int, rounds: int, seed: int) -> measure.Table:
    """Return the times against the number of clients, a tenth of whom drop out."""
    contenders: dict[str, Callable] = {}
    for clients in GROWTH:
        for kind, degree in (("all pairs", None), ("a graph", neighbours(clients))):
            contenders[f"{kind}, {clients} clients"] = partial(
                ours, clients, length, clients // 10, degree, seed
            )
    seconds = measure.interleaved(contenders, rounds, seed)
    notes = {}
    for kind in ("all pairs", "a graph"):
        times = [float(np.median(seconds[f"{kind}, {clients} clients"])) for clients in GROWTH]
        slope = measure.exponent(GROWTH, times)
        notes[f"{kind}, {GROWTH[-1]} clients"] = f"grows as clients^{slope:.2f}"
    base = f"all pairs, {GROWTH[0]} clients"
    timings = measure.timings(seconds, base, notes)
    return measure.Table(f"Growth with the clients, {length} parameters", base, timings)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--length", type=int, default=100_000)
    parser.add_argument("--dropouts", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--limits", type=float, nargs=2, default=LIMITS,
        help="seconds of a peer's round: of all pairs and of many clients, and on the small graph",
    )  # fmt: skip
    arguments = parser.parse_args()
    rounds, seed = arguments.rounds, arguments.seed
    size = arguments.length, arguments.dropouts, rounds, seed
    short, long = arguments.limits
    hundred, versions = compare(arguments.clients, *size, {PAIRS: short, GRAPH: long})
    many, _ = compare(5 * arguments.clients, *size, {GRAPH: short})
    grown = growth(arguments.length // 10, rounds, seed)
    where = measure.machine(["numpy", "cryptography", "tensorflow-federated"], versions)
    measure.write("secure_aggregation", where, [hundred, many, grown])
