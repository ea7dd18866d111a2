"""How the time of a class, and the coordinator's memory, grow with the class: on Dask.

    python -m benchmarks.large_class [--sizes 15 60] [--workers 2]

Classes are generated: the tests' tiny lab, without TensorFlow, with answers right and wrong in
turn, so that what is measured is the grader and not the lab. Workers are processes of this machine,
the scheduler runs in the coordinator's process, this one. The smallest class is graded without
Dask too. Scores must be as expected. What other sizes gave, such as `--sizes 100 1000`, which takes
a quarter of an hour, is kept in a file of its own, `results/large_class_1000.json`.
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
from autograder.results.folder import held
from benchmarks import measure

FIXTURES = ROOT / "tests" / "fixtures"
LAB = read_lab(FIXTURES / "masters" / "00_tiny.py")
SIZES = [15, 60]


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
        with held(output) as taken:
            result = run.grade_all(LAB, found, taken, settings, aside)
    seconds = time.monotonic() - began
    return seconds, {student: each.score for student, each in result.grades.items()}


def main() -> None:
    """Measure, keep what was measured, and fail if scores differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="ascending")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    workers, sizes, wrong = arguments.workers, arguments.sizes, 0
    timings: list[measure.Timing] = []
    seconds: list[float] = []
    most: list[float] = []

    def grade(size: int, settings: run.Settings, how: str, work: Path) -> None:
        nonlocal wrong
        points = make_class(work / f"{how}-{size}", size)
        with Memory() as memory:
            taken, scores = graded(work / f"{how}-{size}", work / f"{how}-{size}-graded", settings)
        wrong += sum(scores.get(student) != each for student, each in points.items())
        seconds.append(taken)
        most.append(max(memory.quarters))
        quarters = ", ".join(f"{each:.0f}" for each in memory.quarters)
        notes = f"coordinator, MB at most in each quarter of the time: {quarters}"
        ratio = taken / seconds[0]
        name = f"{size} submissions, {how}"
        timings.append(measure.Timing(name, taken, ratio, ratio, ratio, 1, notes))

    with tempfile.TemporaryDirectory(prefix="class-") as temporary:
        work = Path(temporary).resolve()
        grade(sizes[0], run.Settings(jobs=workers), f"{workers} processes", work)
        with LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(work / "dask"),
        ) as cluster:
            dask = run.Settings(executor="dask", scheduler=cluster.scheduler_address)
            # The workers' processes start with their first submission, which counts for no class.
            make_class(work / "first", 2 * workers)
            graded(work / "first", work / "first-graded", dask)
            for size in sizes:
                grade(size, dask, f"Dask with {workers} workers", work)
    about = "A class of the tests' tiny lab"
    if len(sizes) > 1:
        time_grows, memory_grows = (measure.exponent(sizes, each[1:]) for each in (seconds, most))
        about += (
            f" (on Dask, from {sizes[0]} to {sizes[-1]} submissions, time has the exponent "
            f"{time_grows:.2f}, the coordinator's memory {memory_grows:.2f})"
        )
    table = measure.Table(about, timings[0].name, timings)
    name = "large_class" if sizes == SIZES else f"large_class_{sizes[-1]}"
    measure.write(name, measure.machine(["distributed", "nbgrader"]), [table])
    if wrong:
        sys.exit(f"{wrong} scores are not as expected.")


if __name__ == "__main__":
    main()
