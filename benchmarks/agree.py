"""Say where runs of the benchmarks disagree: ratios whose spreads do not overlap.

    python -m benchmarks.agree benchmarks/results /tmp/before/results ...

Each folder has the `*.json` of one run. A ratio that was measured once has no spread, and those
of one run that another does not have are counted apart. Exits 1 if a ratio disagrees.
"""

import argparse
import itertools
import json
import sys
from pathlib import Path

Row = tuple[str, int, str]  # a benchmark, which of its tables, a contender
Spread = tuple[float, float]


def spreads(folder: Path) -> dict[Row, Spread]:
    """Return the lowest and highest ratio of each row that was measured more than once."""
    return {
        (path.stem, number, timing["name"]): (timing["low"], timing["high"])
        for path in sorted(folder.glob("*.json"))
        for number, table in enumerate(json.loads(path.read_text())["tables"], 1)
        for timing in table["timings"]
        if timing["rounds"] > 1 and timing["name"] != table["base"]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="folder", help="two or more")
    folders = parser.parse_args().runs
    if len(folders) < 2:
        parser.error("one run agrees with itself: name two or more")
    runs = [spreads(folder) for folder in folders]
    both = set.intersection(*map(set, runs))
    if not both:
        parser.error("these runs have no ratio in common")
    apart = 0
    for row in sorted(both):
        ranges = [run[row] for run in runs]
        # Each two must overlap; NaN overlaps nothing.
        if not all(low <= high for (low, _), (_, high) in itertools.product(ranges, repeat=2)):
            apart += 1
            benchmark, number, name = row
            said = ", ".join(f"{low:.3g} to {high:.3g}" for low, high in ranges)
            print(f"{benchmark}, table {number}, {name}: {said}")
    alone = len(set.union(*map(set, runs))) - len(both)
    print(
        f"{len(both) - apart} of {len(both)} ratios agree; {alone} are not in all {len(runs)} runs."
    )
    sys.exit(bool(apart))


if __name__ == "__main__":
    main()
