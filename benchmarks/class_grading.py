"""How fast a class is graded, against nbgrader's own `autograde`, in one run on this machine.

    python -m benchmarks.class_grading [--class-size 200] [--sample 2] [--labs 01_dp_sgd …]

The class is generated from the labs' right and wrong answers; each lab has its share. Plain
nbgrader grades the first few submissions of each lab, one after the other, as it does: no
sandbox, every cell run, here in quick mode and without time limits of its own. We grade all of
them, in the sandbox, with everything that is written afterwards. Scores must agree.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute

from autograder import run
from autograder.intake.collect import collect
from autograder.labs import MASTERS, sample_class
from autograder.labs.answers import read_answers
from autograder.labs.build import as_text
from autograder.labs.master import Lab, read_lab
from autograder.results.gradebook import course_config, make_course
from benchmarks import measure

LABS = ["01_dp_sgd", "02_gdp_accounting", "03_federated_masking"]


def make_class(lab: Lab, folder: Path, size: int, rng: random.Random) -> dict[str, float]:
    """Write `<student>/<lab>.ipynb` with a random answer to each exercise; return the points."""
    answers = read_answers(MASTERS.parent / "answers" / lab.name, lab)
    points = {}
    for number in range(size):
        student, chosen = f"student{number:03}", []
        for exercise in lab.exercises:
            # Two of three exercises are right: classes are.
            right = rng.random() < 2 / 3
            same = [each for each in answers[exercise] if bool(each.loses) != right]
            chosen.append(rng.choice(same))
        notebook, points[student] = sample_class.filled(lab, chosen)
        path = folder / student / lab.name / f"{lab.name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(as_text(notebook), "utf-8")
    return points


def plain(lab: Lab, folder: Path, students: list[str], course: Path) -> tuple[float, dict]:
    """Grade with nbgrader's Autograde; return the seconds and the scores."""
    make_course(lab, course)
    for student in students:
        target = course / "submitted" / student / lab.name / f"{lab.name}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_bytes((folder / student / lab.name / f"{lab.name}.ipynb").read_bytes())
    config = course_config(course)
    # nbgrader's own, but for what a lab with TensorFlow cannot be graded without: no points lost
    # for warnings, and time enough.
    config.Autograde.autograde_preprocessors = [
        Execute if "GuardedExecute" in str(step) else step
        for step in config.Autograde.autograde_preprocessors
    ]
    config.Execute.timeout = 120  # as ours
    config.Execute.startup_timeout = 180
    coursedir = CourseDirectory(config=config)
    coursedir.assignment_id = lab.name
    os.environ["LABKIT_BUDGET"] = "quick"
    began = time.monotonic()
    Autograde(coursedir=coursedir, config=config).start()
    seconds = time.monotonic() - began
    with Gradebook(config.CourseDirectory.db_url, config.CourseDirectory.course_id) as gradebook:
        scores = {name: gradebook.find_submission(lab.name, name).score for name in students}
    return seconds, scores


def ours(lab: Lab, folder: Path, output: Path, jobs: int) -> tuple[float, dict]:
    """Grade with our command's own function; return the seconds and the scores."""
    output.mkdir()
    began = time.monotonic()
    with open(output / "printed.txt", "w") as printed, redirect_stdout(printed):
        found, _ = collect(folder, lab.name)
        result = run.grade_all(lab, found, output, run.Settings(jobs=jobs))
    seconds = time.monotonic() - began
    return seconds, {student: each.score for student, each in result.grades.items()}


def main() -> None:
    """Measure, print, and fail if scores differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--class-size", type=int, default=200)
    parser.add_argument("--sample", type=int, default=2, help="graded by plain nbgrader, per lab")
    parser.add_argument("--labs", nargs="+", default=LABS)
    parser.add_argument("--jobs", type=int, default=measure.cores())
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    plain_seconds = our_seconds = plain_count = our_count = 0.0
    wrong, timings = [], []
    for index, name in enumerate(arguments.labs):
        lab = read_lab(MASTERS / f"{name}.py")
        size = len(range(index, arguments.class_size, len(arguments.labs)))
        with tempfile.TemporaryDirectory(prefix="class-") as temporary:
            work = Path(temporary).resolve()
            points = make_class(lab, work / "class", size, rng)
            sample = list(points)[: arguments.sample]
            slow, scores = plain(lab, work / "class", sample, work / "course")
            fast, given = ours(lab, work / "class", work / "output", arguments.jobs)
        for student, score in given.items():
            wanted = {"expected": points[student], "nbgrader's": scores.get(student, score)}
            wrong += [
                f"{name}, {student}: {how} {value:g}, ours {score:g}"
                for how, value in wanted.items()
                if value != score
            ]
        slow_each, fast_each = slow / len(sample), fast / size
        for who, each, count in (("labkit", fast_each, size), ("nbgrader", slow_each, len(sample))):
            ratio = each / fast_each
            label = f"lab {name[:2]}, {who}"
            timings.append(measure.Timing(label, each, ratio, ratio, ratio, count))
        plain_seconds, plain_count = plain_seconds + slow, plain_count + len(sample)
        our_seconds, our_count = our_seconds + fast, our_count + size
    ratio = (plain_seconds / plain_count) / (our_seconds / our_count)
    minutes = our_seconds / 60
    about = (
        f"A submission: {our_count:g} in {minutes:.1f} minutes, sandbox, start-up and pages "
        f"included; {ratio:.0f} × nbgrader's rate"
    )
    table = measure.Table(about, "labkit, of the same lab", timings)
    measure.write("class_grading", measure.machine(["nbgrader", "tensorflow-cpu"]), [table])
    if wrong:
        sys.exit("Scores differ:\n" + "\n".join(wrong))
    print("All scores are as expected, and the same.")


if __name__ == "__main__":
    main()
