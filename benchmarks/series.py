"""What a student waits for: the five solutions in full mode, and from a kernel's start to a check.

    python -m benchmarks.series [--labs 01 02 …] [--starts 2]

Each solution runs top to bottom in a kernel of its own, as `jupyter execute` does it. The start is
measured from a new kernel to the first check of the lab's blank notebook, which fails there.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from benchmarks import measure

ROOT = Path(__file__).resolve().parent.parent


class _TimedClient(NotebookClient):
    """Keeps each cell's seconds."""

    def __init__(self, notebook, **options):
        super().__init__(notebook, timeout=1800, resources={"metadata": {"path": "."}}, **options)
        self.seconds: dict[str, float] = {}

    async def async_execute_cell(self, cell, *more, **options):
        began = time.monotonic()
        try:
            return await super().async_execute_cell(cell, *more, **options)
        finally:
            self.seconds[cell.id] = time.monotonic() - began


def solution(lab: str) -> tuple[float, str]:
    """Run a solution in full mode; return its seconds, and which cell took longest."""
    notebook = nbformat.read(next((ROOT / "solutions").glob(f"{lab}*.ipynb")), as_version=4)
    clock = _TimedClient(notebook)
    began = time.monotonic()
    clock.execute()
    whole = time.monotonic() - began
    longest = sorted(clock.seconds.items(), key=lambda cell: -cell[1])[:3]
    return whole, "longest cells " + ", ".join(f"{name}, {each:.0f} s" for name, each in longest)


def start(lab: str) -> float:
    """Return the seconds from a new kernel to the verdict of the blank lab's first check."""
    notebook = nbformat.read(next((ROOT / "labs").glob(f"{lab}*.ipynb")), as_version=4)
    began = time.monotonic()
    try:
        _TimedClient(notebook).execute()
    except CellExecutionError:
        return time.monotonic() - began
    raise AssertionError("a blank lab passes its checks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labs", nargs="+", default=["01", "02", "03", "04", "05"])
    parser.add_argument("--starts", type=int, default=2)
    arguments = parser.parse_args()
    whole: dict[str, list[float]] = {}
    notes = {}
    for lab in arguments.labs:
        seconds, notes[f"lab {lab}"] = solution(lab)
        whole[f"lab {lab}"] = [seconds]
    starts = measure.interleaved(
        {f"lab {lab}": partial(start, lab) for lab in arguments.labs},
        arguments.starts, warm=0,
    )  # fmt: skip
    base = f"lab {arguments.labs[0]}"
    total = sum(seconds for (seconds,) in whole.values())
    tables = [
        measure.Table(
            f"The solutions in full mode, top to bottom: {total:.0f} s together",
            base, measure.timings(whole, base, notes),
        ),
        measure.Table("From a new kernel to the first check", base, measure.timings(starts, base)),
    ]  # fmt: skip
    measure.write("series", measure.machine(["tensorflow-cpu"]), tables)


if __name__ == "__main__":
    main()
