"""Put what was measured into benchmarks/README.md: tables and a picture, from `results/`.

    python -m benchmarks.report

A table stands between `<!-- results: NAME -->` and `<!-- end -->`, NAME being the benchmark's; its
numbers come from `results/NAME.json` alone.
"""

import json
import re
import textwrap
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
    """Return a ratio with its spread, if there is more than one round."""
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
            "| | median | ratio (spread) | rounds | |", "|:-|-:|-:|-:|:-|",
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
    from matplotlib.ticker import LogFormatter

    class Plain(LogFormatter):
        """Writes 0.3 and not 3e-01."""

        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    # The same bytes from the same numbers.
    plt.rcParams |= {"svg.hashsalt": "benchmarks", "svg.fonttype": "none"}
    chosen = {
        name: result
        for name, result in results.items()
        if not name.startswith(("series", "large_class"))
    }
    rows = [len(result["tables"][0]["timings"]) for result in chosen.values()]
    figure, all_axes = plt.subplots(
        len(chosen), 1, squeeze=False, figsize=(8, sum(1.3 + 0.22 * each for each in rows)),
        layout="constrained", height_ratios=[2 + each for each in rows],
    )  # fmt: skip
    for axes, (name, result) in zip(all_axes[:, 0], chosen.items(), strict=True):
        table = result["tables"][0]
        timings = table["timings"][::-1]
        middle = [timing["ratio"] for timing in timings]
        spread = [
            [timing["ratio"] - timing["low"] for timing in timings],
            [timing["high"] - timing["ratio"] for timing in timings],
        ]
        # Points and no bars: a logarithmic axis has no zero for them to begin at.
        axes.axvline(1, color="#888888", linewidth=0.8)
        axes.errorbar(middle, range(len(timings)), xerr=spread, fmt="o", color="#0072B2", capsize=3)
        axes.set_yticks(range(len(timings)), [timing["name"] for timing in timings])
        axes.set_ylim(-0.6, len(timings) - 0.4)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        # Between powers of ten only where there is hardly one.
        axes.xaxis.set_minor_formatter(Plain(minor_thresholds=(1.5, 0.5)))
        axes.grid(axis="x", color="#dddddd", linewidth=0.5)
        axes.set_xlabel(f"time ÷ {table['base']}: median and spread, logarithmic")
        about = table["about"].partition(" (")[0].partition(":")[0]
        title = textwrap.fill(f"{name}: {about}", 76)
        axes.set_title(title, fontsize=9, loc="left")
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
