"""How much memory the coordinator of a large class takes, and how long the class: on Dask.

    python -m benchmarks.large_class [--class-size 1000] [--workers 2]

The class is generated: the tests' tiny lab, without TensorFlow, with answers right and wrong in
turn, so that what is measured is the grader and not the lab. Workers are processes of this machine,
the scheduler runs in the coordinator's process, this one. Scores must be as expected.
"""

import argparse
import itertools
import resource
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

from distributed import LocalCluster

from autograder import run
from autograder.intake.collect import collect
from autograder.labs import ROOT, sample_class
from autograder.labs.answers import read_answers
from autograder.labs.build import as_text
from autograder.labs.master import read_lab

FIXTURES = ROOT / "tests" / "fixtures"
LAB = read_lab(FIXTURES / "masters" / "00_tiny.py")


def make_class(folder: Path, size: int) -> dict[str, float]:
    """Write `<student>.ipynb`, no two of them the same; return the points of each."""
    answers = read_answers(FIXTURES / "answers" / LAB.name, LAB)
    points = {}
    turns = itertools.cycle(itertools.product(*answers.values()))
    for number, chosen in zip(range(size), turns, strict=False):
        student = f"student{number:04}"
        own = [replace(answer, source=f"{answer.source}\n# {student}") for answer in chosen]
        notebook, points[student] = sample_class.filled(LAB, own)
        (folder / f"{student}.ipynb").write_text(as_text(notebook), "utf-8")
    return points


def peak() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, print, and fail if scores differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--class-size", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="class-") as temporary:
        work = Path(temporary).resolve()
        (work / "class").mkdir()
        points = make_class(work / "class", arguments.class_size)
        before = peak()
        (work / "output").mkdir()
        with LocalCluster(
            n_workers=arguments.workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(work / "dask"),
        ) as cluster:
            settings = run.Settings(executor="dask", scheduler=cluster.scheduler_address)
            began = time.monotonic()
            with open(work / "printed.txt", "w") as printed, redirect_stdout(printed):
                found, aside = collect(work / "class", LAB.name)
                result = run.grade_all(LAB, found, work / "output", settings, aside)
            seconds = time.monotonic() - began
    wrong = [s for s, each in result.grades.items() if each.score != points[s]]
    print(
        f"{len(points)} submissions, {arguments.workers} workers: {seconds / 60:.1f} minutes, "
        f"{seconds / len(points):.2f} s each; the coordinator had {peak():.0f} MB at most, "
        f"{before:.0f} MB before"
    )
    if wrong or len(result.grades) != len(points):
        sys.exit(f"{len(wrong)} scores differ, {len(result.grades)} graded")


if __name__ == "__main__":
    main()
