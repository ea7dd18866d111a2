"""Grade a class: collect, rebuild, execute, record, report.

    python -m autograder.grade --lab 01_dp_sgd [--submissions DIR-OR-ZIP] [--output DIR] …

The submissions are a folder or an LMS's archive (see autograder/intake). Without any, a sample
class is made and graded, and the points are compared with those expected. What has been graded is
on disk at once: stopped at any moment and started again, the grader goes on where it was.
"""

import argparse
import errno
import io
import math
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from unicodedata import east_asian_width

import nbformat

from autograder import executors, gradebook, isolate, pool, report, sample_class, sandbox
from autograder.build import MASTERS, Lab, as_text, read_lab, release
from autograder.execute import NOWHERE
from autograder.gradebook import make_course
from autograder.inside import clean
from autograder.intake import reading
from autograder.intake.collect import Aside, BadUsage, Collected, collect
from autograder.journal import InUse, Journal, write_whole
from autograder.submission import Outcome, Submission, course_config, environment, refuse

# Beyond the notebook's own time limit: what starting, converting and a loaded machine may take.
GRACE_SECONDS = 300
# What no submission can cause in the folders of the grader's own.
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
LEAST_FREE = 16 << 20  # bytes; where less is left, a grading that failed may have failed for that
# What the output folder's configuration for nbgrader begins with, and the folders beside it.
# Earlier versions wrote the first line only: what their folders show is not inert.
FIRST_LINE = (
    "# Run JupyterLab in this folder to see and change these grades in nbgrader's formgrader."
)
SECOND_LINE = "# Submissions run in the grader's sandbox, in its own environment, or not at all."
WRITTEN = ("autograded", "feedback", "gradescope", "journal", "source", "submitted")
# How wide what students chose may be in the printed table.
MOST_NAME = 48
MOST_REMARKS = 400


@dataclass(frozen=True)
class Settings:
    """What the person who grades has chosen; the command line's options."""

    jobs: int = 1
    executor: str = "processes"
    scheduler: str | None = None
    db_url: str | None = None
    only: tuple[str, ...] = ()
    since: datetime | None = None
    due: datetime | None = None
    regrade: bool = False
    sandbox: str = "bwrap"
    seed: int | None = None
    cell_seconds: int | None = None
    notebook_seconds: int | None = None


@dataclass
class Result:
    """The class after a run: who has which outcome and grade, and who has not been graded.

    `aside` are the files that are nobody's.
    """

    outcomes: list[Outcome]
    grades: dict[str, gradebook.Grade]
    left_out: list[str]
    aside: list[Aside] = field(default_factory=list)


def grade_all(
    lab: Lab, found: list[Collected], output: Path, settings: Settings, aside: Sequence[Aside] = ()
) -> Result:
    """Grade every submission that has not been graded yet, and fill the output folder.

    A submission that breaks whatever looks at it is graded as broken; the others never notice.

    Args:
        lab: the lab.
        found: what was collected.
        output: the folder to fill.
        settings: how to grade, and whom.
        aside: the files that are nobody's, which are only reported.

    Raises:
        BadUsage: the gradebook, the sandbox, the cluster or a name in `settings.only` cannot be
            used, or the lab's own solution fails here.
        gradebook.Unfit: when all is graded, the gradebook cannot be used any more.
        OSError: the output folder cannot be written, or the disk is full.
    """
    only = _chosen(found, settings.only)
    sandbox.open_many_files()
    executors.begin()
    with tempfile.TemporaryDirectory(prefix="grading-") as temporary:
        work = Path(temporary).resolve()
        course = work / "course"
        db_url = gradebook.with_driver(
            settings.db_url or f"sqlite:///{output.resolve() / 'gradebook.db'}"
        )
        try:
            journal = Journal(output, as_text(lab.source) + executors.fingerprint())
            make_course(lab, course)
            if settings.db_url is None and not (output / "gradebook.db").exists():
                write_whole(output / "gradebook.db", (course / "gradebook.db").read_bytes())
            else:
                make_course(lab, work / "recorded", db_url)
        except (gradebook.Unfit, InUse) as error:
            raise BadUsage(str(error)) from None
        # Before there is anything that nbgrader could run.
        config = output / "nbgrader_config.py"
        config.touch(0o600)  # a database's address may hold a password
        config.write_text(_config_for_nbgrader(settings.db_url and db_url), "utf-8")
        found = _read(lab, found, work, settings)
        wanted, outcomes = {}, {}
        for number, each in enumerate(found, start=1):
            submission = _submission(each, lab, course, work / str(number), settings)
            key = journal.key(submission)
            chosen = not only or each.student in only
            chosen &= not (settings.since and (each.handed_in or settings.since) < settings.since)
            known = journal.find(key)
            if known is None and not chosen:
                known = journal.last(each.student)
            if chosen and (settings.regrade or known is None):
                wanted[key] = submission
            elif known is not None:
                outcomes[each.student] = known
        if outcomes:
            print(f"{len(outcomes)} of {len(found)} were graded before.")
        keys = {submission.student: key for key, submission in wanted.items()}
        runs = any(not submission.refused for submission in wanted.values())
        with _ready(lab, course, work, settings) if runs else nullcontext() as kernels:
            submissions = [replace(each, kernels=kernels) for each in wanted.values()]
            progress = _Progress(len(wanted), lab.points)
            for submission, outcome in _outcomes(submissions, settings, work):
                outcome = _kept(journal, keys[submission.student], submission, outcome)
                outcomes[submission.student] = outcome
                progress.show(outcome)
                shutil.rmtree(submission.folder, ignore_errors=True)
        in_order = []
        for each in found:
            if each.student in outcomes:
                outcome = outcomes[each.student]
                notes = [note for note in each.notes if note not in outcome.repairs]
                in_order.append(replace(outcome, repairs=[*notes, *outcome.repairs]))
        grades, problems = gradebook.record(
            lab, db_url, in_order,
            {each.student: each.handed_in for each in found if each.handed_in is not None},
            settings.due, names={each.student: each.name for each in found},
        )  # fmt: skip
        problems |= _make_nbgraders_course(
            lab, [each for each in found if each.student in grades], output
        )
        for outcome in in_order:
            if outcome.student in problems:
                problem = clean.line(f"could not be recorded: {problems[outcome.student]}")
                outcome.repairs.insert(0, problem)
        left_out = [each.student for each in found if each.student not in outcomes]
        shutil.copytree(course / "source", output / "source", dirs_exist_ok=True)
    report.write(lab, found, in_order, grades, output, aside=aside)
    return Result(in_order, grades, left_out, list(aside))


def _chosen(found: list[Collected], only: Collection[str]) -> set[str]:
    """Return the keys of those that `--only` names, by key or by a name that is one student's."""
    keys: set[str] = set()
    for name in only:
        called = [each.student for each in found if each.student == name] or [
            each.student for each in found if each.name == name
        ]
        if not called:
            raise BadUsage(f"no submission of {clean.line(name)}")
        if len(called) > 1:
            raise BadUsage(
                f"{len(called)} students are called {clean.line(name)}: --only takes one of "
                f"{', '.join(called)}"
            )
        keys.update(called)
    return keys


def _read(lab: Lab, found: list[Collected], work: Path, settings: Settings) -> list[Collected]:
    """Return what was collected with each student's clean notebook, or why there is none."""
    folder = work / "clean"
    folder.mkdir()
    try:
        return reading.read(
            found, lab.name, release(lab), folder, kind=settings.sandbox, jobs=settings.jobs
        )
    except reading.NoReader as error:
        try:
            sandbox.require(settings.sandbox)
        except sandbox.NoSandbox as why:
            raise BadUsage(str(why)) from None
        raise BadUsage(str(error)) from None


def _submission(
    each: Collected, lab: Lab, course: Path, folder: Path, settings: Settings
) -> Submission:
    return Submission(
        student=each.student,
        lab=lab.name,
        file=each.file,
        refused=each.reason,
        repairs=each.repairs,
        course=course,
        folder=folder,
        threads=max(1, _cores() // settings.jobs),
        cell_seconds=settings.cell_seconds,
        notebook_seconds=settings.notebook_seconds,
        sandbox=settings.sandbox,
        seed=settings.seed,
    )


@contextmanager
def _ready(lab: Lab, course: Path, work: Path, settings: Settings) -> Iterator[Path | None]:
    """Open a pool of kernels, and see that the lab's own solution passes; yields the pool's socket.

    A cluster's machines have pools of their own.
    """
    try:
        sandbox.require(settings.sandbox)
    except sandbox.NoSandbox as error:
        raise BadUsage(str(error)) from None
    if settings.sandbox == sandbox.NONE:
        print(sandbox.BANNER)
    threads = environment(max(1, _cores() // settings.jobs))
    with pool.serving(release(lab), settings.sandbox, threads) as kernels:
        order = executors.Survey(lab, course, settings.sandbox, kernels, work / "survey.txt")
        try:
            executors.prepare(order, _limit(settings, work))
        except executors.Unusable as error:
            raise BadUsage(str(error)) from None
        yield kernels if settings.executor == "processes" else None


def _for_our_own_class(kind: str) -> str:
    """Return the sandbox for the sample class: nothing in it is a stranger's, so it needs none."""
    try:
        sandbox.require(kind)
    except sandbox.NoSandbox as error:
        print(f"The sample class is the project's own and runs all the same, but {error}\n")
        return sandbox.NONE
    return kind


def _limit(settings: Settings, work: Path) -> float:
    limit = settings.notebook_seconds or course_config(work).GuardedExecute.notebook_seconds
    return limit + GRACE_SECONDS


def _outcomes(
    submissions: list[Submission], settings: Settings, work: Path
) -> Iterator[tuple[Submission, Outcome]]:
    """Grade where the settings say; where a process breaks, refuse the submission for that.

    It is refused only if it breaks again, when no other is graded beside it.
    """
    refused = [submission for submission in submissions if submission.refused]
    readable = [submission for submission in submissions if not submission.refused]
    for submission in refused:
        yield submission, _refused(submission)
    try:
        again = []
        for submission, outcome, problem in _attempts(readable, settings, work):
            if outcome is not None or problem.startswith(isolate.TOO_LONG):
                yield submission, outcome or _broken(submission, problem)
            else:  # it may be what another one did to this machine
                again.append(submission)
        for alone in again:
            shutil.rmtree(alone.folder, ignore_errors=True)
            for submission, outcome, problem in _attempts([alone], settings, work):
                yield submission, outcome or _broken(submission, problem)
    except executors.Unusable as error:
        raise BadUsage(str(error)) from None


def _attempts(
    submissions: list[Submission], settings: Settings, work: Path
) -> Iterator[tuple[Submission, Outcome | None, str]]:
    """Grade once; yields with each submission its outcome, or None and the problem.

    Raises:
        OSError: there was no outcome, and no room for one.
    """
    limit = _limit(settings, work)
    for submission in submissions:
        submission.folder.mkdir(exist_ok=True)
    if settings.executor == "dask":
        assert settings.scheduler is not None
        ended = executors.cluster(submissions, settings.scheduler, limit)
    else:
        ended = executors.processes(submissions, settings.jobs, limit)
    with closing(ended):
        for submission, problem in ended:
            outcome = None
            try:
                outcome = None if problem else _outcome_of(submission)
            except Exception as error:  # what it left is not what a grading leaves
                problem = f"its outcome cannot be read: {type(error).__name__}: {error}"
            if outcome is None and shutil.disk_usage(work).free < LEAST_FREE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(work))
            yield submission, outcome, problem


def _broken(submission: Submission, problem: str) -> Outcome:
    """Refuse what could not be graded."""
    reason = f"grading failed, {problem}: {_last_line(submission.log)}"
    shutil.rmtree(submission.folder, ignore_errors=True)
    return _refused(replace(submission, refused=reason))


def _outcome_of(submission: Submission) -> Outcome:
    outcome = Outcome.read(submission.folder)
    if outcome.student != submission.student or not submission.autograded.exists():
        raise ValueError("it is incomplete")
    return outcome


def _refused(submission: Submission) -> Outcome:
    """Refuse a submission, whatever happens meanwhile."""
    try:
        submission.folder.mkdir(exist_ok=True)
        return refuse(submission)
    except Exception as error:
        reason = f"{submission.refused} (and {type(error).__name__}: {error})"
        return Outcome(submission.student, "broken", reason)


def _kept(journal: Journal, key: str, submission: Submission, outcome: Outcome) -> Outcome:
    """Keep an outcome; one that cannot be kept is refused for now, and graded again next time.

    Raises:
        OSError: the disk is full or cannot be written, which is no fault of this submission's.
    """
    try:
        journal.keep(key, submission, outcome)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in OF_THE_DISK:
            raise
        reason = f"could not be graded: {type(error).__name__}: {error}"
        outcome = _refused(replace(submission, refused=reason))
        with suppress(Exception):  # its page shows what stands there
            notebook = journal.notebook(submission.student, submission.lab)
            write_whole(notebook, submission.autograded.read_bytes())
    return outcome


def _last_line(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "no log"


class _Progress:
    """One line a submission: how many, how fast, how long still, how many could not be graded."""

    def __init__(self, total: int, points: float) -> None:
        self._total, self._points = total, points
        self._began, self._done, self._failed = time.monotonic(), 0, 0

    def show(self, outcome: Outcome) -> None:
        self._done += 1
        self._failed += outcome.status != "graded"
        seconds = max(time.monotonic() - self._began, 1e-9)
        left = seconds / self._done * (self._total - self._done)
        points = f"{sum(outcome.scores.values()):g} of {self._points:g}"
        print(
            f"[{self._done}/{self._total}] {self._done / seconds * 60:.1f} a minute, "
            f"{_duration(left)} left, {self._failed} failed  "
            f"{_shown(outcome.student, MOST_NAME)}: {points}",
            flush=True,
        )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _make_nbgraders_course(lab: Lab, found: list[Collected], output: Path) -> dict[str, str]:
    """Put the clean notebooks where nbgrader's formgrader looks for them, with the time.

    Nothing that a student wrote but answers is in them, and no program outside the sandbox has the
    kernel that they name. Returns whose could not be put there, and
    why.
    """
    problems = {}
    for each in found:
        folder = output / "submitted" / each.student / lab.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            notebook = release(lab) if each.file is None else nbformat.read(each.file, as_version=4)
            notebook.metadata.kernelspec = dict(NOWHERE)
            write_whole(folder / f"{lab.name}.ipynb", as_text(notebook).encode())
            if each.handed_in is not None:
                stamp = f"{each.handed_in.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC"
                write_whole(folder / "timestamp.txt", stamp.encode())
        except Exception as error:
            problems[each.student] = f"{type(error).__name__}: {error}"
    return problems


def _config_for_nbgrader(db_url: str | None) -> str:
    """Return what makes the output folder a course that nbgrader's formgrader opens.

    It is the project's own configuration, value by value, with classes named and not imported.
    Whatever of it cannot be used, nbgrader then runs nothing of a student's, or in a sandbox.
    """
    config = course_config(Path.cwd())
    course_id = config.pop("CourseDirectory").course_id
    settings = {
        f"{section}.{name}": value
        for section, values in config.items()
        for name, value in values.items()
    } | {"CourseDirectory.course_id": course_id}
    if db_url:
        settings["CourseDirectory.db_url"] = db_url
    return f"{FIRST_LINE}\n{SECOND_LINE}\nc = get_config()\n" + "".join(
        f"c.{name} = {_named(value)!r}\n" for name, value in settings.items()
    )


def _named(value: object) -> object:
    """Return a setting with the names of classes in their place."""
    if isinstance(value, list):
        return [_named(each) for each in value]
    return f"{value.__module__}.{value.__qualname__}" if isinstance(value, type) else value


def table(
    lab: Lab,
    result: Result,
    expected: dict[str, float] | None = None,
    *,
    found: Sequence[Collected] = (),
    aside: Sequence[Aside] = (),
) -> str:
    """Return the class as text: points by exercise (numbered as in the lab) and remarks.

    Students are called by their key, and by the name in `found` where that is another. Files that
    are nobody's submission follow, and the last line counts them. A student's text is one cell.
    """
    names = {each.student: each.name or each.student for each in found}
    named = any(student != name for student, name in names.items())
    numbers = [str(number) for number in range(1, len(lab.exercises) + 1)]
    calls = ["student", *(["name"] if named else [])]
    rows = [[*calls, "score", *(["expected"] if expected else []), *numbers, "remarks"]]
    for outcome in result.outcomes:
        grade, student = result.grades[outcome.student], outcome.student
        points = [
            grade.score,
            *([expected[student]] if expected else []),
            *(sum(grade.scores[check] for check in own) for own in lab.exercises.values()),
        ]
        remarks = "; ".join(filter(None, [outcome.reason, *outcome.flags, *outcome.repairs]))
        called = [student, *([names.get(student, student)] if named else [])]
        rows.append(
            [
                *(_shown(text, MOST_NAME) for text in called),
                *(f"{value:g}" for value in points),
                _shown(remarks, MOST_REMARKS),
            ]
        )
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        space = [" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False)]
        left = [cell + pad for cell, pad in zip(row[: len(calls)], space, strict=False)]
        right = [pad + cell for cell, pad in zip(row[:-1], space, strict=True)][len(calls) :]
        lines.append("  ".join([*left, *right, row[-1]]).rstrip())
    legend = (
        f"{number} {name} ({sum(checks.values()):g})"
        for number, (name, checks) in enumerate(lab.exercises.items(), start=1)
    )
    lines += ["", "Exercises: " + ", ".join(legend)]
    if aside:
        each = (f"aside: {_shown(f.file, MOST_NAME)}  {_shown(f.reason, 100)}" for f in aside)
        lines += ["", *each, f"{len(aside)} left aside, as no student's submission."]
    return "\n".join(lines)


def _shown(text: str, most: int) -> str:
    """Return a text as one cell of a terminal's table: no gaps in it, and at most so wide."""
    text = " ".join(clean.line(text, most).split())
    if _width(text) <= most:
        return text
    while _width(text) > most - 2:
        text = text[:-1]
    return f"{text} …"


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes: Chinese characters two, marks none."""
    return sum(
        1 + (east_asian_width(character) in "WF")
        for character in text
        if character not in clean.MARKS + clean.JOINERS
    )


# --- the command ----------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None, masters: Path = MASTERS) -> None:
    """Run the command line; exit with 1 and one line if there is nothing to grade."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.grade",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--lab", required=True, help="the master's name, such as 01_dp_sgd")
    add("--submissions", type=Path, help="a folder or a zip; default: a sample class made now")
    add("--output", type=Path, help="default: grades/<lab>, or grades/sample-<lab>")
    add("--jobs", type=int, default=_cores(), help="default: the number of cores")
    add("--only", action="append", default=[], metavar="STUDENT", help="grade this one; repeatable")
    add("--since", metavar="TIME", help="grade what was handed in since then, such as 2026-11-05")
    add("--regrade", action="store_true", help="grade again what has been graded")
    add("--due", metavar="TIME", help="when the lab is due, such as 2026-11-05T23:59+01:00")
    add("--db-url", help="the gradebook, such as postgresql://user@host/name; default: a file")
    add("--executor", choices=["processes", "dask"], default="processes")
    add("--scheduler", metavar="ADDRESS", help="the Dask scheduler, such as tcp://host:8786")
    add("--sandbox", default="bwrap", choices=sandbox.KINDS, help="default: bwrap")
    add("--seed", type=int, help="draw the checks' inputs from this; default: fresh ones")
    add("--cell-seconds", type=int, help="time limit for a cell")
    add("--notebook-seconds", type=int, help="time limit for a notebook")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    # A terminal or a log that cannot show a student's name is no reason to stop.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _grade_class(arguments, masters)
    except BadUsage as error:
        sys.exit(f"Nothing graded: {error}")
    except gradebook.Unfit as error:
        sys.exit(f"Graded, but not recorded: {error}. The same command records what was graded.")
    except OSError as error:  # a full disk, or a folder that is not ours
        problem = clean.line(str(error), 500)
        sys.exit(f"Stopped: {problem}. What was graded is kept; the same command goes on.")


TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)? ?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def _time(option: str, text: str | None) -> datetime | None:
    """Read a time of ISO 8601; one without a zone is this machine's."""
    if text is None:
        return None
    try:
        if TIME.fullmatch(text) is None:
            raise ValueError
        return datetime.fromisoformat(text.replace(" ", "T", 1).replace(" ", "")).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise BadUsage(
            f"{option} {clean.line(text, 40)!r} is no date or time as 2026-11-05 or "
            "2026-11-05T23:59+01:00"
        ) from None


def _stop(number: int, _) -> None:
    # Unwinding ends the kernels; a second signal (make and `timeout` both pass one on) must not
    # stop that.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    print("Stopped: what was graded is kept. The same command goes on.", file=sys.stderr)
    sys.exit(128 + number)


def _must_be_apart(given: Path, output: Path) -> None:
    """Refuse to write over what was handed in, or over a course that is not the grader's."""
    if output.is_relative_to(given):
        raise BadUsage(f"the output folder {output} must not be inside {given}")
    if any(given.is_relative_to(output / folder) for folder in WRITTEN):
        raise BadUsage(f"{given} is where the grader writes to: take another --output")
    config = output / "nbgrader_config.py"
    ours = f"{FIRST_LINE}\n{SECOND_LINE}\n"
    begins = config.read_text("utf-8", "replace")[: len(ours)] if config.exists() else ""
    if ours.startswith(begins):  # a grader that was killed may have begun it only
        return
    if begins.startswith(FIRST_LINE):
        raise BadUsage(
            f"{output} is from an earlier version of the grader, which called students otherwise "
            "and showed what was handed in as it was: take another --output"
        )
    raise BadUsage(f"{output} is a course of nbgrader's own: take another --output")


def _grade_class(arguments: argparse.Namespace, masters: Path) -> None:
    labs = sorted(path.stem for path in masters.glob("*.py"))
    if arguments.lab not in labs:
        raise BadUsage(f"no lab {arguments.lab!r}: there is {', '.join(labs)}")
    if arguments.jobs < 1:
        raise BadUsage("--jobs must be at least 1")
    if (arguments.executor == "dask") != (arguments.scheduler is not None):
        raise BadUsage("--executor dask and --scheduler ADDRESS need each other")
    arguments.since = _time("--since", arguments.since)
    arguments.due = _time("--due", arguments.due)
    lab = read_lab(masters / f"{arguments.lab}.py")
    given = arguments.submissions
    output = arguments.output or Path("grades", lab.name if given else f"sample-{lab.name}")
    names = {field.name for field in fields(Settings)}
    settings = Settings(**{k: v for k, v in vars(arguments).items() if k in names})
    with tempfile.TemporaryDirectory(prefix="collected-") as temporary:
        source, expected = Path(temporary, "class"), None
        if given is None:
            expected = sample_class.make(lab, masters.parent / "answers" / lab.name, source)
            settings = replace(settings, sandbox=_for_our_own_class(settings.sandbox))
        found, aside = collect(given or source, lab.name, others=labs)
        if given:
            _must_be_apart(given.resolve(), output.resolve())
        output.mkdir(parents=True, exist_ok=True)
        result = grade_all(lab, found, output, settings, aside)
    shown = table(lab, result, expected, found=found, aside=aside)
    print(f"\n{shown}\n\nWritten to {output}/")
    if result.left_out:
        left_out = ", ".join(_shown(student, MOST_NAME) for student in result.left_out)
        print(f"Not graded, as asked: {left_out}")
    if expected is not None:
        points = {each.student: sum(each.scores.values()) for each in result.outcomes}
        wrong = [name for name in points if not math.isclose(points[name], expected[name])]
        if wrong:
            sys.exit(f"These sample submissions did not get the expected points: {wrong}")


if __name__ == "__main__":
    main()
