"""How much memory the coordinator of a large class takes, and how long the class: on Dask.

    python -m benchmarks.large_class [--class-size 1000] [--workers 2] [--plain 100]

The class is generated: the tests' tiny lab, without TensorFlow, with answers right and wrong in
turn, so that what is measured is the grader and not the lab. Workers are processes of this machine,
the scheduler runs in the coordinator's process, this one. Scores must be as expected.
"""

import argparse
import itertools
import sys
import tempfile
import threading
import time
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from distributed import LocalCluster

from autograder import run
from autograder.intake.collect import collect
from autograder.labs import ROOT, sample_class
from autograder.labs.answers import read_answers
from autograder.labs.build import as_text
from autograder.labs.master import read_lab
from benchmarks import measure

FIXTURES = ROOT / "tests" / "fixtures"
LAB = read_lab(FIXTURES / "masters" / "00_tiny.py")


def make_class(folder: Path, size: int) -> dict[str, float]:
    """Write `<student>.ipynb`, no two of them the same; return the points of each."""
    folder.mkdir()
    answers = read_answers(FIXTURES / "answers" / LAB.name, LAB)
    points = {}
    turns = itertools.cycle(itertools.product(*answers.values()))
    for number, chosen in zip(range(size), turns, strict=False):
        student = f"student{number:04}"
        own = [replace(answer, source=f"{answer.source}\n# {student}") for answer in chosen]
        notebook, points[student] = sample_class.filled(LAB, own)
        (folder / f"{student}.ipynb").write_text(as_text(notebook), "utf-8")
    return points


class Memory:
    """What this process has in memory, in MB, once a second while it is entered."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        process = psutil.Process()
        while True:
            self.seen.append(process.memory_info().rss / 2**20)
            if self._over.wait(1):
                return

    @property
    def quarters(self) -> list[float]:
        """The most of each quarter of the time: what grows with the class grows here."""
        return [float(max(part)) for part in np.array_split(self.seen, 4) if len(part)]


def graded(folder: Path, output: Path, settings: run.Settings) -> tuple[float, dict[str, float]]:
    """Grade a class; return the seconds, and the scores."""
    output.mkdir()
    began = time.monotonic()
    with open(output / "printed.txt", "w") as printed, redirect_stdout(printed):
        found, aside = collect(folder, LAB.name)
        result = run.grade_all(LAB, found, output, settings, aside)
    seconds = time.monotonic() - began
    return seconds, {student: each.score for student, each in result.grades.items()}


def main() -> None:
    """Measure, keep what was measured, and fail if scores differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--class-size", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--plain", type=int, default=100, help="so many without Dask, before")
    arguments = parser.parse_args()
    workers, size = arguments.workers, arguments.class_size
    with tempfile.TemporaryDirectory(prefix="class-") as temporary:
        work = Path(temporary).resolve()
        few = make_class(work / "few", arguments.plain)
        many = make_class(work / "many", size)
        processes = run.Settings(jobs=workers)
        plain_seconds, plain_scores = graded(work / "few", work / "plain", processes)
        with LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(work / "dask"),
        ) as cluster:
            dask = run.Settings(executor="dask", scheduler=cluster.scheduler_address)
            with Memory() as memory:
                seconds, scores = graded(work / "many", work / "output", dask)
    base, each = plain_seconds / len(few), seconds / len(many)
    quarters = ", ".join(f"{most:.0f}" for most in memory.quarters)
    timings = [
        measure.Timing(f"{len(few)} submissions, {workers} processes", base, 1, 1, 1, 1),
        measure.Timing(
            f"{len(many)} submissions, Dask with {workers} workers", each, each / base, each / base,
            each / base, 1, f"coordinator, MB at most in each quarter of the time: {quarters}",
        ),
    ]  # fmt: skip
    about = f"A submission of the tests' tiny lab ({len(many)} in {seconds / 60:.1f} minutes)"
    table = measure.Table(about, "a smaller class without Dask", timings)
    measure.write("large_class", measure.machine(["distributed", "nbgrader"]), [table])
    wrong = [s for s, points in (few | many).items() if (plain_scores | scores).get(s) != points]
    wrong += [s for s, points in few.items() if plain_scores.get(s) != points]
    if wrong:
        sys.exit(f"{len(wrong)} scores differ: {', '.join(wrong[:9])}")


if __name__ == "__main__":
    main()
