"""Grade a folder of submissions: release, autograde, feedback, with nbgrader's own converters.

    python -m autograder.grade --lab 01_dp_sgd [--submissions DIR] [--output DIR] [--jobs N]

DIR holds `<student>/<lab>/<lab>.ipynb`, `<student>/<anything>.ipynb` or `<student>.ipynb`. Without
--submissions a sample class is made and graded, and the points are compared with those expected.
The output folder gets gradebook.db, grades.csv, feedback/<student>.html and autograded/.
"""

import argparse
import csv
import math
import os
import shutil
import signal
import sys
import sysconfig
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import setenv
from sqlalchemy.exc import SAWarning

from autograder import isolate, sample_class
from autograder.build import MASTERS, Lab, read_lab, write_source
from autograder.submission import Outcome, Submission, course_config, grade

# Beyond the notebook's own time limit: what starting, converting and a loaded machine may take.
GRACE_SECONDS = 300


class BadUsage(ValueError):
    """There is nothing to grade; the message says why."""


def find_submissions(folder: Path, lab: str) -> dict[str, Path | str]:
    """Return each student's notebook, or the reason why there is none, by name.

    Raises:
        BadUsage: the folder does not exist, is empty, or has a student twice.
    """
    if not folder.is_dir():
        raise BadUsage(f"no such folder: {folder}")
    found: dict[str, Path | str] = {}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            student, submission = entry.name, _notebook_in(entry, lab)
        elif entry.suffix == ".ipynb":
            student, submission = entry.stem, entry
        else:
            continue
        if student in found:
            raise BadUsage(f"{student} is there twice: as a file and as a folder in {folder}")
        found[student] = submission
    if not found:
        raise BadUsage(f"no submissions in {folder}: it needs <student>.ipynb or <student>/…")
    return found


def _notebook_in(folder: Path, lab: str) -> Path | str:
    for place in (folder / lab, folder):
        notebooks = sorted(path for path in place.glob("*.ipynb") if path.is_file())
        named = place / f"{lab}.ipynb"
        if named in notebooks:
            return named
        if len(notebooks) == 1:
            return notebooks[0]
        if notebooks:
            names = ", ".join(path.name for path in notebooks)
            return f"which notebook? None of {names} is called {lab}.ipynb"
    return "no notebook in the folder"


def make_course(lab: Lab, course: Path) -> None:
    """Release a lab in a course folder: release/, and a gradebook that knows its checks."""
    write_source(lab, course)
    config = course_config(course)
    coursedir = CourseDirectory(config=config)
    coursedir.assignment_id = lab.name
    # To make a gradebook nbgrader runs `alembic`, which stands beside this interpreter.
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    with setenv(PATH=path):
        GenerateAssignment(coursedir=coursedir, config=config).start()


def grade_all(
    lab: Lab,
    found: dict[str, Path | str],
    output: Path,
    *,
    jobs: int,
    cell_seconds: int | None = None,
    notebook_seconds: int | None = None,
) -> list[Outcome]:
    """Grade every submission on its own, print each as it ends, and fill the output folder.

    A submission that breaks its process is graded as broken; the others never notice.
    """
    with tempfile.TemporaryDirectory(prefix="grading-") as temporary:
        work = Path(temporary).resolve()
        course = work / "course"
        make_course(lab, course)
        submissions = [
            Submission(
                student=student,
                lab=lab.name,
                file=None if isinstance(file, str) else file.resolve(),
                refused=file if isinstance(file, str) else "",
                course=course,
                folder=work / str(number),
                threads=max(1, _cores() // jobs),
                cell_seconds=cell_seconds,
                notebook_seconds=notebook_seconds,
            )
            for number, (student, file) in enumerate(found.items(), start=1)
        ]
        limit = notebook_seconds or course_config(course).GuardedExecute.notebook_seconds
        began, outcomes = time.monotonic(), {}
        for submission, outcome in _outcomes(submissions, jobs, limit + GRACE_SECONDS):
            outcomes[submission.student] = outcome
            progress = f"[{len(outcomes)}/{len(submissions)}] {time.monotonic() - began:4.0f} s"
            points = f"{sum(outcome.scores.values()):g} of {lab.points:g}"
            print(f"{progress}  {submission.student}: {points}", flush=True)
            _keep(submission, output)
        in_order = [outcomes[student] for student in found]
        _merge(lab, course / "gradebook.db", in_order)
        shutil.copyfile(course / "gradebook.db", output / "gradebook.db")
        _write_csv(lab, in_order, output / "grades.csv")
    return in_order


def _outcomes(
    submissions: list[Submission], jobs: int, seconds: float
) -> Iterator[tuple[Submission, Outcome]]:
    """Grade in processes; where one breaks, refuse the submission for that reason instead."""
    broken = []
    for submission in submissions:
        submission.folder.mkdir()
    with closing(isolate.each(grade, submissions, jobs, seconds)) as ended:
        for submission, problem in ended:
            if not problem:
                yield submission, Outcome.read(submission.folder)
                continue
            log = submission.log.read_text("utf-8", "replace").strip()
            if submission.refused:
                raise RuntimeError(f"cannot even refuse {submission.student}: {problem}\n{log}")
            reason = f"grading failed, {problem}: {log.splitlines()[-1] if log else 'no log'}"
            shutil.rmtree(submission.folder)
            broken.append(replace(submission, refused=reason))
    if broken:
        yield from _outcomes(broken, jobs, seconds)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


# --- what is left in the output folder ------------------------------------------------------------


def _keep(submission: Submission, output: Path) -> None:
    """Copy the student's page and, for nbgrader's formgrader, the executed notebook."""
    executed = output / "autograded" / submission.student / submission.lab
    for source, target in (
        (submission.feedback, output / "feedback" / f"{submission.student}.html"),
        (submission.autograded, executed / submission.autograded.name),
    ):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # nbgrader makes its files read-only
        shutil.copyfile(source, target)


def _merge(lab: Lab, database: Path, outcomes: list[Outcome]) -> None:
    """Write every student's points into one gradebook."""
    config = course_config(database.parent).CourseDirectory
    with warnings.catch_warnings(), Gradebook(config.db_url, config.course_id) as gradebook:
        # nbgrader links new rows in an order that SQLAlchemy 2 frowns upon.
        warnings.simplefilter("ignore", SAWarning)
        for outcome in outcomes:
            gradebook.update_or_create_student(outcome.student)
            gradebook.update_or_create_submission(lab.name, outcome.student)
            for check, score in outcome.scores.items():
                entry = gradebook.find_grade(check, lab.name, lab.name, outcome.student)
                entry.auto_score = score
                entry.needs_manual_grade = False
        gradebook.db.commit()


def _write_csv(lab: Lab, outcomes: list[Outcome], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["student", "score", "max", *lab.checks, "status", "reason", "repairs"])
        for outcome in outcomes:
            scores = [outcome.scores[check] for check in lab.checks]
            cells = [sum(scores), lab.points, *scores]
            remarks = [outcome.status, outcome.reason, "; ".join(outcome.repairs)]
            table.writerow([outcome.student, *(f"{value:g}" for value in cells), *remarks])


def table(lab: Lab, outcomes: list[Outcome], expected: dict[str, float] | None = None) -> str:
    """Return the class as text: points by exercise (numbered as in the lab) and remarks."""
    numbers = [str(number) for number in range(1, len(lab.exercises) + 1)]
    rows = [["student", "score", *(["expected"] if expected else []), *numbers, "remarks"]]
    for outcome in outcomes:
        by_exercise = [
            sum(outcome.scores[check] for check in own) for own in lab.exercises.values()
        ]
        points = [
            sum(by_exercise),
            *([expected[outcome.student]] if expected else []),
            *by_exercise,
        ]
        remarks = "; ".join(filter(None, [outcome.reason, *outcome.repairs]))
        rows.append([outcome.student, *(f"{value:g}" for value in points), remarks])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:], strict=True)]
            + [row[-1]]
        ).rstrip()
        for row in rows
    ]
    legend = (
        f"{number} {name} ({sum(checks.values()):g})"
        for number, (name, checks) in enumerate(lab.exercises.items(), start=1)
    )
    return "\n".join([*lines, "", "Exercises: " + ", ".join(legend)])


# --- the command ----------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None, masters: Path = MASTERS) -> None:
    """Run the command line; exit with 1 and one line if there is nothing to grade."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.grade",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--lab", required=True, help="the master's name, such as 01_dp_sgd")
    parser.add_argument("--submissions", type=Path, help="default: a sample class made now")
    parser.add_argument("--output", type=Path, help="default: grades/<lab>")
    parser.add_argument("--jobs", type=int, default=_cores(), help="default: the number of cores")
    parser.add_argument("--cell-seconds", type=int, help="time limit for a cell")
    parser.add_argument("--notebook-seconds", type=int, help="time limit for a notebook")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        _grade_class(arguments, masters)
    except BadUsage as error:
        sys.exit(f"Nothing graded: {error}")


def _stop(number: int, _) -> None:
    # Unwinding ends the kernels; a second signal (make and `timeout` both pass one on) must not
    # stop that.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    print("Stopped: no grades were written.", file=sys.stderr)
    sys.exit(128 + number)


def _grade_class(arguments: argparse.Namespace, masters: Path) -> None:
    master = masters / f"{arguments.lab}.py"
    if not master.is_file():
        labs = ", ".join(sorted(path.stem for path in masters.glob("*.py")))
        raise BadUsage(f"no lab {arguments.lab!r}: there is {labs}")
    if arguments.jobs < 1:
        raise BadUsage("--jobs must be at least 1")
    lab = read_lab(master)
    output = arguments.output or Path("grades", lab.name)
    with tempfile.TemporaryDirectory(prefix="sample-class-") as temporary:
        folder, expected = arguments.submissions, None
        if folder is None:
            folder = Path(temporary)
            expected = sample_class.make(lab, masters.parent / "answers" / lab.name, folder)
        found = find_submissions(folder, lab.name)
        if output.resolve().is_relative_to(folder.resolve()):
            raise BadUsage(f"the output folder {output} must not be inside {folder}")
        output.mkdir(parents=True, exist_ok=True)
        outcomes = grade_all(
            lab,
            found,
            output,
            jobs=arguments.jobs,
            cell_seconds=arguments.cell_seconds,
            notebook_seconds=arguments.notebook_seconds,
        )
    print(f"\n{table(lab, outcomes, expected)}\n\nWritten to {output}/")
    if expected is not None:
        given = {outcome.student: sum(outcome.scores.values()) for outcome in outcomes}
        wrong = [name for name, points in expected.items() if not math.isclose(given[name], points)]
        if wrong:
            sys.exit(f"These sample submissions did not get the expected points: {wrong}")


if __name__ == "__main__":
    main()
