"""What every benchmark shares: contenders take turns in one run; medians, ratios and their spread.

A contender is a function that does the work once. In each round every contender takes its turn, in
random order, so that all meet the same load of other processes; a ratio is the median over rounds
of its time to the base's of the same round. Its spread is where one more round's ratio would lie,
19 times of 20: Student's prediction interval, of the ratios' logarithms.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np
from scipy import stats

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Timing:
    """A contender's times of one run.

    `seconds` is the median; `ratio` the median of its time to the base's, `low` and `high` the
    spread of that; `notes` is what else was measured, as text.
    """

    name: str
    seconds: float
    ratio: float
    low: float
    high: float
    rounds: int
    notes: str = ""


@dataclass(frozen=True)
class Table:
    """What one benchmark measured: `about` says the work, `base` whose time is 1."""

    about: str
    base: str
    timings: list[Timing]
    left_out: dict[str, str] = field(default_factory=dict)


def interleaved(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    seed: int = 0,
    warm: int = 1,
    fewer: Mapping[str, int] | None = None,
) -> dict[str, list[float]]:
    """Let every contender take `rounds` turns, after `warm` ones that are not counted.

    Args:
        contenders: by name; one that returns a float has measured itself, in seconds, as those
            in another process do.
        rounds: turns that count.
        seed: of the order.
        warm: turns before, which trace, compile and fill caches.
        fewer: how many turns those take, and none before, that are slow.

    Returns:
        The seconds of each contender, in the order of the rounds.
    """
    rng = np.random.default_rng(seed)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(warm + rounds):
        for name in rng.permutation(list(contenders)):
            if fewer and name in fewer and not warm <= turn < warm + fewer[name]:
                continue
            began = time.perf_counter()
            measured = contenders[name]()
            elapsed = time.perf_counter() - began
            taken = measured if isinstance(measured, float) else elapsed
            if turn >= warm:
                seconds[name].append(taken)
    return seconds


def timings(
    seconds: Mapping[str, Sequence[float]], base: str, notes: Mapping[str, str] | None = None
) -> list[Timing]:
    """Return each contender's median, and its ratio to the base of the same rounds."""
    made = []
    for name, times in seconds.items():
        ratios = [a / b for a, b in zip(times, seconds[base], strict=False)]
        low, high = spread(ratios)
        made.append(
            Timing(
                name, statistics.median(times), statistics.median(ratios), low, high, len(times),
                (notes or {}).get(name, ""),
            )
        )  # fmt: skip
    return made


def spread(ratios: Sequence[float], probability: float = 0.95) -> tuple[float, float]:
    """Return where one more ratio would lie; of a single one, nothing but itself is known."""
    logs, rounds = np.log(ratios), len(ratios)
    if rounds == 1:
        return ratios[0], ratios[0]
    deviations = stats.t.ppf((1 + probability) / 2, rounds - 1) * np.sqrt(1 + 1 / rounds)
    reach = deviations * np.std(logs, ddof=1)
    return float(np.exp(logs.mean() - reach)), float(np.exp(logs.mean() + reach))


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of log(seconds) over log(sizes) by least squares: 1 is proportional."""
    slope, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return float(slope)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def machine(packages: Sequence[str] = (), peers: Mapping[str, str] | None = None) -> str:
    """Return what was measured on: cores, memory, load, versions of packages."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    known = {name: metadata.version(name) for name in packages} | dict(peers or {})
    versions = [f"{name} {version}" for name, version in known.items()]
    parts = [
        f"{cores()} cores of {model}", f"{memory:.0f} GB",
        f"load {os.getloadavg()[0]:.1f}", f"Python {platform.python_version()}", *versions,
    ]  # fmt: skip
    return ", ".join(parts)


def write(name: str, where: str, tables: Sequence[Table]) -> None:
    """Print the tables, and keep them as `results/<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": where, "tables": [asdict(t) for t in tables]}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    print(where)
    for table in tables:
        print(f"{table.about} (base: {table.base})")
        for timing in table.timings:
            print(
                f"  {timing.name:40s} {1e3 * timing.seconds:10.1f} ms {timing.ratio:8.2f} × "
                f"({timing.low:.2f} to {timing.high:.2f}, {timing.rounds}) {timing.notes}"
            )
        for who, why in table.left_out.items():
            print(f"  {who:40s} left out: {why}")
