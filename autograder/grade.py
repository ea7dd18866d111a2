"""Grade a class: collect, rebuild, execute, record, report.

    python -m autograder.grade --lab 01_dp_sgd [--submissions DIR-OR-ZIP] [--output DIR] …

The submissions are a folder or an LMS's archive (see autograder/intake). Without any, a sample
class is made and graded, and the points are compared with those expected. What has been graded is
on disk at once: stopped at any moment and started again, the grader goes on where it was.
"""

import argparse
import io
import math
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

from autograder.intake.collect import BadUsage, collect
from autograder.labs import sample_class
from autograder.labs.master import MASTERS, read_lab
from autograder.results import course, gradebook
from autograder.results.table import MOST_NAME, shown, table
from autograder.run import Settings, cores, grade_all
from autograder.sandbox import confine
from autograder.sandbox.inside import clean


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
    add("--jobs", type=int, default=cores(), help="default: the number of cores")
    add("--only", action="append", default=[], metavar="STUDENT", help="grade this one; repeatable")
    add("--since", metavar="TIME", help="grade what was handed in since then, such as 2026-11-05")
    add("--regrade", action="store_true", help="grade again what has been graded")
    add("--due", metavar="TIME", help="when the lab is due, such as 2026-11-05T23:59+01:00")
    add("--db-url", help="the gradebook, such as postgresql://user@host/name; default: a file")
    add("--executor", choices=["processes", "dask"], default="processes")
    add("--scheduler", metavar="ADDRESS", help="the Dask scheduler, such as tcp://host:8786")
    add("--sandbox", default="bwrap", choices=confine.KINDS, help="default: bwrap")
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
            course.must_be_apart(given.resolve(), output.resolve())
        output.mkdir(parents=True, exist_ok=True)
        result = grade_all(lab, found, output, settings, aside)
    text = table(
        lab, result.outcomes, result.grades, expected, found=result.found, aside=result.aside
    )
    print(f"\n{text}\n\nWritten to {output}/")
    if result.left_out:
        left_out = ", ".join(shown(student, MOST_NAME) for student in result.left_out)
        print(f"Not graded, as asked: {left_out}")
    if expected is not None:
        points = {each.student: sum(each.scores.values()) for each in result.outcomes}
        wrong = [name for name in points if not math.isclose(points[name], expected[name])]
        if wrong:
            sys.exit(f"These sample submissions did not get the expected points: {wrong}")


def _for_our_own_class(kind: str) -> str:
    """Return the sandbox for the sample class: nothing in it is a stranger's, so it needs none."""
    try:
        confine.require(kind)
    except confine.NoSandbox as error:
        print(f"The sample class is the project's own and runs all the same, but {error}\n")
        return confine.NONE
    return kind


if __name__ == "__main__":
    main()
