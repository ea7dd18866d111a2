"""Put what was measured into benchmarks/README.md: tables and a picture, from `results/`.

    python -m benchmarks.report

A table stands between `<!-- results: NAME -->` and `<!-- end -->`, NAME being the benchmark's; its
numbers come from `results/NAME.json` alone.
"""

import json
import re
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.measure import RESULTS

README = Path(__file__).parent / "README.md"
PICTURE = RESULTS / "ratios.svg"
PLACE = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def time_of(seconds: float) -> str:
    """Return seconds as a table shows them: three digits, ms below a second."""
    if seconds >= 1:
        return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"
    return f"{1e3 * seconds:.3g} ms"


def ratio_of(timing: dict[str, Any]) -> str:
    """Return a ratio with its quartiles, if there is more than one round."""
    middle = f"{timing['ratio']:.3g}"
    if timing["low"] == timing["high"]:
        return middle
    return f"{middle} ({timing['low']:.3g} to {timing['high']:.3g})"


def markdown(result: dict[str, Any]) -> str:
    """Return a benchmark's tables."""
    lines = []
    for table in result["tables"]:
        lines += [
            f"{table['about']}, against {table['base']}:", "",
            "| | median | ratio (quartiles) | rounds | |", "|:-|-:|-:|-:|:-|",
        ]  # fmt: skip
        for timing in table["timings"]:
            cells = [
                timing["name"], time_of(timing["seconds"]), ratio_of(timing), str(timing["rounds"]),
                timing["notes"],
            ]  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
        lines += [f"| {who} | | | | left out: {why} |" for who, why in table["left_out"].items()]
        lines.append("")
    return "\n".join([*lines, f"*{result['machine']}.*", ""])


def picture(results: dict[str, dict[str, Any]]) -> None:
    """Draw the first table of each benchmark against peers: ratios on a logarithmic axis."""
    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    # The same bytes from the same numbers.
    plt.rcParams |= {"svg.hashsalt": "benchmarks", "svg.fonttype": "none"}
    chosen = {
        name: result
        for name, result in results.items()
        if not name.startswith(("series", "large_class"))
    }
    figure, all_axes = plt.subplots(
        len(chosen), 1, squeeze=False, figsize=(8, 2.4 * len(chosen)), layout="constrained"
    )
    for axes, (name, result) in zip(all_axes[:, 0], chosen.items(), strict=True):
        table = result["tables"][0]
        timings = table["timings"][::-1]
        at = range(len(timings))
        middle = [timing["ratio"] for timing in timings]
        spread = [
            [timing["ratio"] - timing["low"] for timing in timings],
            [timing["high"] - timing["ratio"] for timing in timings],
        ]
        axes.barh(at, middle, xerr=spread, color="#0072B2", ecolor="#888888", height=0.6)
        axes.set_yticks(at, [timing["name"] for timing in timings])
        axes.set_xscale("log")
        axes.set_xlabel(f"time ÷ {table['base']}, logarithmic")
        axes.set_title(f"{name}: {table['about']}"[:90], fontsize=9, loc="left")
        axes.axvline(1, color="#888888", linewidth=0.8)
    figure.savefig(PICTURE, metadata={"Date": None})


def main() -> None:
    results = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}

    def filled(found: re.Match[str]) -> str:
        start, name, end = found.groups()
        return f"{start}{markdown(results[name])}{end}" if name in results else found[0]

    README.write_text(PLACE.sub(filled, README.read_text()))
    picture(results)


if __name__ == "__main__":
    main()
