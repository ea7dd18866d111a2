"""How fast a submission is graded: by labkit, by nbgrader's `autograde`, by Otter-Grader's `run`.

    python -m benchmarks.class_grading [--class-size 4] [--rounds 1] [--labs 01_dp_sgd …]

In each round each lab has its turn, and in it each contender, in random order. We grade a class of
that lab with the command's own function: in the sandbox, with two processes, gradebook and pages.
The others grade one submission of the same class, as they do: every cell run, no sandbox, here in
quick mode and without time limits of their own; Otter-Grader with the same checks, hidden tests
included, as its test files, in an environment of its own. Scores must agree.

Our seconds of a submission are those of one more: start-up, which a class has once, stands apart.
"""

import argparse
import io
import json
import os
import random
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from copy import deepcopy
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute

from autograder import run
from autograder.intake.cells import is_grade
from autograder.intake.collect import collect
from autograder.labs import MASTERS, sample_class
from autograder.labs.answers import read_answers
from autograder.labs.build import as_text
from autograder.labs.master import Lab, read_lab
from autograder.results.folder import held
from autograder.results.gradebook import course_config, make_course
from benchmarks import measure
from benchmarks.peer import PeerError, PeerProgram, peer

LABS = [path.stem for path in sorted(MASTERS.glob("0*.py"))]
OURS, NBGRADER, OTTER = "labkit", "nbgrader autograde", "Otter-Grader run"
CELL_SECONDS = 120  # as ours

Scores = dict[str, float]


class Class:
    """A class's submissions to a lab, each a random answer to each exercise; `points` they deserve.

    Attributes:
        folder: has `<student>/<lab>/<lab>.ipynb`.
        notebooks: by student.
        given: the scores that each contender gave, by its name.
    """

    def __init__(self, lab: Lab, folder: Path, size: int, rng: random.Random):
        self.lab, self.folder = lab, folder
        self.notebooks: dict[str, NotebookNode] = {}
        self.points: Scores = {}
        self.given: dict[str, Scores] = {}
        answers = read_answers(MASTERS.parent / "answers" / lab.name, lab)
        for number in range(size):
            student, chosen = f"student{number:03}", []
            for exercise in lab.exercises:
                # Two of three exercises are right: classes are.
                right = rng.random() < 2 / 3
                same = [each for each in answers[exercise] if bool(each.loses) != right]
                chosen.append(rng.choice(same))
            self.notebooks[student], self.points[student] = sample_class.filled(lab, chosen)
            path = self.file(student)
            path.parent.mkdir(parents=True)
            path.write_text(as_text(self.notebooks[student]), "utf-8")

    def file(self, student: str) -> Path:
        return self.folder / student / self.lab.name / f"{self.lab.name}.ipynb"

    @property
    def wrong(self) -> list[str]:
        """Each score that is not as expected, in words."""
        return [
            f"{self.lab.name}, {student}: {self.points[student]:g} expected, {who} gave {score:g}"
            for who, scores in self.given.items()
            for student, score in scores.items()
            if score != self.points[student]
        ]


# --- contenders -----------------------------------------------------------------------------------


class _Watch(io.StringIO):
    """Keeps when each line of progress was printed, and not the text."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def write(self, text: str) -> int:
        if text.startswith("["):
            self.times.append(time.monotonic())
        return len(text)


def ours(class_: Class, output: Path, jobs: int, starts: list[float]) -> float:
    """Grade all with our command's own function; return the seconds of one more submission.

    By the time that the first is done, as many have begun as there are jobs: the rest of the time,
    with the pages, is that of the others. What was before it goes to `starts`.
    """
    output.mkdir(parents=True)
    began, clock = time.monotonic(), _Watch()
    with redirect_stdout(clock):
        found, _ = collect(class_.folder, class_.lab.name)
        with held(output) as folder:
            result = run.grade_all(class_.lab, found, folder, run.Settings(jobs=jobs))
    ended = time.monotonic()
    class_.given[OURS] = {student: each.score for student, each in result.grades.items()}
    each = (ended - clock.times[0]) / (len(class_.points) - jobs)
    starts.append(ended - began - each * len(class_.points))
    return each


def nbgrader(class_: Class, student: str, course: Path) -> float:
    """Grade one submission with nbgrader's Autograde; return its seconds."""
    lab = class_.lab
    make_course(lab, course)
    target = course / "submitted" / student / lab.name / f"{lab.name}.ipynb"
    target.parent.mkdir(parents=True)
    target.write_bytes(class_.file(student).read_bytes())
    config = course_config(course)
    del config.Autograde.exporter_class
    # nbgrader's own, but for what a lab with TensorFlow cannot be graded without: no points lost
    # for warnings, and time enough.
    config.Autograde.autograde_preprocessors = [
        Execute if "GuardedExecute" in str(step) else step
        for step in config.Autograde.autograde_preprocessors
    ]
    config.Execute.kernel_name = "python3"
    config.Execute.timeout, config.Execute.startup_timeout = CELL_SECONDS, 180
    coursedir = CourseDirectory(config=config)
    coursedir.assignment_id = lab.name
    began = time.monotonic()
    Autograde(coursedir=coursedir, config=config).start()
    seconds = time.monotonic() - began
    with Gradebook(config.CourseDirectory.db_url, config.CourseDirectory.course_id) as gradebook:
        score = gradebook.find_submission(lab.name, student).score
    class_.given[NBGRADER] = {student: score}
    return seconds


TEST = """OK_FORMAT = False
from otter.test_files import test_case

name, points = {check!r}, {points!r}


@test_case(points={points!r}, hidden=True)
def its_cell(env):
    exec({source!r}, env)
"""


def for_otter(class_: Class, student: str, folder: Path) -> dict[str, str]:
    """Write a submission and its autograder as Otter-Grader has them; return their paths.

    A check's cell becomes a test file, visible and hidden part as they are, which Otter runs where
    the cell was.
    """
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "autograder.zip", "w") as archive:
        archive.writestr("otter_config.json", json.dumps({"print_summary": False}))
        for cell in filter(is_grade, class_.lab.source.cells):
            points = class_.lab.checks[cell.id]
            text = TEST.format(check=cell.id, points=points, source=cell.source)
            archive.writestr(f"tests/{cell.id}.py", text)
    notebook = deepcopy(class_.notebooks[student])
    for cell in filter(is_grade, notebook.cells):
        cell.source, cell.metadata["otter"] = "", {"tests": [cell.id]}
    submission = folder / f"{class_.lab.name}.ipynb"
    submission.write_text(as_text(notebook), "utf-8")
    return {"autograder": str(folder / "autograder.zip"), "submission": str(submission)}


def otter(class_: Class, student: str, process: PeerProgram) -> float:
    """Grade one submission with Otter-Grader; return its seconds."""
    seconds = process()
    class_.given[OTTER] = {student: float(process.said["score"])}
    return seconds


# --- the benchmark --------------------------------------------------------------------------------


class Measured:
    """What has been measured: seconds by lab and contender, in the order of the rounds."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, list[float]]] = {}
        self.starts: dict[str, list[float]] = {}
        self.wrong: list[str] = []
        self.left_out: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def turn(self, lab: Lab, work: Path, rng: random.Random, arguments: argparse.Namespace) -> None:
        """Let all contenders grade a new class, or one of it."""
        class_ = Class(lab, work / "class", arguments.class_size, rng)
        student = rng.choice(list(class_.points))
        starts = self.starts.setdefault(lab.name, [])
        contenders: dict[str, Callable[[], object]] = {
            OURS: lambda: ours(class_, work / "output", arguments.jobs, starts),
            NBGRADER: lambda: nbgrader(class_, student, work / "course"),
        }
        with ExitStack() as stack:
            try:
                given = for_otter(class_, student, work / "otter")
                process = stack.enter_context(peer("otter", "class_grading", **given))
                self.versions |= process.versions
                contenders[OTTER] = lambda: otter(class_, student, process)
            except PeerError as error:
                self.left_out[OTTER] = str(error)
            seed = rng.randrange(1 << 32)
            for name, times in measure.interleaved(contenders, 1, seed, warm=0).items():
                self.seconds.setdefault(lab.name, {}).setdefault(name, []).extend(times)
        self.wrong += class_.wrong

    def tables(self, size: int) -> list[measure.Table]:
        """Over all labs, a ratio for each lab and round; and lab by lab."""
        together: dict[str, list[float]] = {}
        rows: list[measure.Timing] = []
        for lab, seconds in self.seconds.items():
            start = f"and {statistics.median(self.starts[lab]):.0f} s for a class's start"
            of_lab = {f"lab {lab[:2]}, {name}": times for name, times in seconds.items()}
            base = f"lab {lab[:2]}, {OURS}"
            rows += measure.timings(of_lab, base, {base: start})
            for name, times in seconds.items():
                together.setdefault(name, []).extend(times)
        about = f"A submission, one more of a class of {size}"
        return [
            measure.Table(
                f"{about}, over {len(self.seconds)} labs", OURS, measure.timings(together, OURS),
                self.left_out,
            ),
            measure.Table(f"{about}, lab by lab", f"{OURS} on the same lab", rows),
        ]  # fmt: skip


def main() -> None:
    """Measure, print, and fail if scores differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--class-size", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--labs", nargs="+", default=LABS)
    parser.add_argument("--jobs", type=int, default=measure.cores())
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    os.environ["LABKIT_BUDGET"] = "quick"  # for nbgrader's kernels and Otter's; ours set it anyway
    rng, measured = random.Random(arguments.seed), Measured()
    for _ in range(arguments.rounds):
        for name in rng.sample(arguments.labs, len(arguments.labs)):
            with tempfile.TemporaryDirectory(prefix="class-") as temporary:
                lab = read_lab(MASTERS / f"{name}.py")
                measured.turn(lab, Path(temporary).resolve(), rng, arguments)
            print(name, measured.seconds[name], measured.starts[name], flush=True)
    measured.seconds = dict(sorted(measured.seconds.items()))
    where = measure.machine(["nbgrader", "tensorflow-cpu"], measured.versions)
    measure.write("class_grading", where, measured.tables(arguments.class_size))
    if measured.wrong:
        sys.exit("Scores differ:\n" + "\n".join(measured.wrong))
    print("All scores are as expected, and the same.")


if __name__ == "__main__":
    main()
