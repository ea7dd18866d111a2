"""Grade a class: collect, rebuild, execute, record, report.

    python -m autograder.grade --lab 01_dp_sgd [--submissions DIR-OR-ZIP] [--output DIR] …

The submissions are a folder or an LMS's archive (see autograder/intake). Without any, a sample
class is made and graded, and the points are compared with those expected. What has been graded is
on disk at once: stopped at any moment and started again, the grader goes on where it was.
"""

import argparse
import io
import math
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from autograder.intake import choices, roster
from autograder.intake.collect import BadUsage, collect
from autograder.labs import MASTERS, UnknownLab, all_labs, named
from autograder.results import folder
from autograder.sandbox import confine
from autograder.sandbox.inside import clean

# What grades takes seconds to import, and is imported when there is something to grade.
if TYPE_CHECKING:
    from autograder.intake.collect import Aside, Collected
    from autograder.intake.roster import Joined, Roster
    from autograder.labs.master import Lab
    from autograder.run import Result, Settings


# A person's, a system's that shuts down, and that of a terminal that is closed.
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with its arguments in a line."""

    def error(self, message: str) -> NoReturn:
        print(f"Nothing graded: {clean.line(message)} (--help lists the options)", file=sys.stderr)
        sys.exit(2)


def main(argv: Sequence[str] | None = None, masters: Path = MASTERS) -> None:
    """Run the command line; exit with 1 and one line if there is nothing to grade."""
    parser = _Parser(
        prog="python -m autograder.grade",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, cores = parser.add_argument, len(os.sched_getaffinity(0))
    add("--lab", required=True, help="the lab's name or number, such as 01_dp_sgd or 1")
    add("--submissions", type=_path, help="a folder or a zip; default: a sample class made now")
    add("--output", type=_path, help="default: grades/<lab>, or grades/sample-<lab>")
    add("--roster", type=_path, metavar="CSV", help="the class list, from now on")
    add("--file", action="append", default=[], metavar="STUDENT=FILE",
        help="let this file of a student's count, from now on; repeatable")  # fmt: skip
    add("--jobs", type=int, default=cores, help="default: the number of cores")
    add("--only", action="append", default=[], metavar="STUDENT", help="grade this one; repeatable")
    add("--since", metavar="TIME", help="grade what was handed in since then, such as 2026-11-05")
    add("--regrade", action="store_true", help="grade again what has been graded")
    add("--due", metavar="TIME", help="when the lab is due, such as 2026-11-05T23:59+01:00")
    add("--assignment", metavar="COLUMN", help="in Canvas's gradebook, such as 'Lab 01 (4711)'")
    add("--db-url", help="the gradebook, such as postgresql://user@host/name; default: a file")
    add("--executor", choices=["processes", "dask"], default="processes")
    add("--scheduler", metavar="ADDRESS", help="the Dask scheduler, such as tcp://host:8786")
    add("--sandbox", default="bwrap", choices=confine.KINDS, help="default: bwrap")
    add("--seed", type=int, help="draw the checks' inputs from this; default: fresh ones")
    add("--cell-seconds", type=int, help="time limit for a cell")
    add("--notebook-seconds", type=int, help="time limit for a notebook")
    arguments = parser.parse_args(argv)
    for number in STOPS:
        ignored = signal.getsignal(number) is signal.SIG_IGN
        if not (ignored and number == signal.SIGHUP):  # as `nohup` has it
            signal.signal(number, _stop)
    # A terminal or a log that cannot show a student's name is no reason to stop.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _grade_class(arguments, masters)
    except (BadUsage, UnknownLab) as error:
        sys.exit(f"Nothing graded: {error}")
    except OSError as error:  # a full disk, or a folder that is not ours
        problem = clean.line(str(error), 500)
        sys.exit(f"Stopped: {problem}. What was graded is kept; the same command goes on.")


def _path(text: str) -> Path:
    """Return a path; the shell leaves a "~" as it is in quotes, and after "="."""
    if not text.strip():
        raise argparse.ArgumentTypeError("there is no path")
    path = Path(text)
    try:
        return path if path.exists() else path.expanduser()
    except (RuntimeError, OSError, ValueError):  # nobody's home, or no path at all
        return path


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
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)
    with suppress(OSError):  # the terminal may have gone
        print("Stopped: what was graded is kept. The same command goes on.", file=sys.stderr)
    sys.exit(128 + number)


def _grade_class(arguments: argparse.Namespace, masters: Path) -> None:
    name = named(arguments.lab, masters)
    if arguments.jobs < 1:
        raise BadUsage("--jobs must be at least 1")
    if (arguments.executor == "dask") != (arguments.scheduler is not None):
        raise BadUsage("--executor dask and --scheduler ADDRESS need each other")
    arguments.since = _time("--since", arguments.since)
    arguments.due = _time("--due", arguments.due)
    given = arguments.submissions
    asked = choices.parsed(arguments.file)
    output = arguments.output or Path("grades", name if given else f"sample-{name}")
    listed = roster.read(arguments.roster) if arguments.roster else None
    with tempfile.TemporaryDirectory(prefix="collected-") as temporary:
        source, expected = Path(temporary, "class"), None
        if given is None:
            expected = _sample(name, masters, source)
        collected, aside = collect(given or source, name, others=all_labs(masters))
        if given:
            folder.must_be_apart(given.resolve(), output.resolve())
        about = arguments, output, collected, aside, listed, asked
        _counted(*about)  # what is wrong leaves no folder
        with folder.held(output) as held:
            # Another run may have ended meanwhile.
            found, joined, chosen, listed, arguments.only = _counted(*about)
            folder.must_hold(held, [each.student for each in found])
            if listed and not arguments.roster:
                print(f"The class list is {output / roster.NAME}, as it was given before.")

            def begin() -> None:
                if listed:
                    roster.keep(listed, output)
                if asked:
                    choices.keep(output, chosen)
                for student in {e.student for e in collected} - {e.student for e in found}:
                    folder.forget(output, student)

            master = masters / f"{name}.py"
            unmet = choices.unmet(found, chosen)
            _grade(arguments, master, held, (found, aside, joined), expected, begin, unmet)


def _counted(
    arguments: argparse.Namespace,
    output: Path,
    collected: "list[Collected]",
    aside: "list[Aside]",
    listed: "Roster | None",
    asked: dict[str, str],
) -> "tuple[list[Collected], Joined, dict[str, str], Roster | None, tuple[str, ...]]":
    """Return whose files count, who is who, what was chosen, the class list, and whom to grade."""
    listed = listed or roster.kept(output)
    joined = roster.join(collected, listed)
    asked = choices.resolved(collected, joined, asked)
    chosen = {key: path for key, path in (choices.kept(output) | asked).items() if path}
    found = choices.applied(collected, aside, joined, chosen, asked)
    joined = joined.with_those_of(found)
    only = tuple(choices.called(found, joined, student, "--only") for student in arguments.only)
    return found, joined, chosen, listed, only


def _grade(
    arguments: argparse.Namespace,
    master: Path,
    output: folder.Held,
    handed_in: "tuple[list[Collected], list[Aside], Joined]",
    expected: dict[str, float] | None,
    begin: Callable[[], None],
    unmet: Sequence[str],
) -> None:
    """Grade what was collected, and say what came of it."""
    from autograder.results import gradebook
    from autograder.results.exports import assignment
    from autograder.results.table import table
    from autograder.run import Settings, grade_all

    lab = _read(master)
    found, aside, joined = handed_in
    arguments.assignment = assignment(lab, arguments.assignment, joined.assignments)
    names = {field.name for field in fields(Settings)}
    settings = Settings(**{k: v for k, v in vars(arguments).items() if k in names})
    if expected is not None:
        settings = replace(settings, sandbox=_for_our_own_class(settings.sandbox))
    try:
        result = grade_all(lab, found, output, settings, aside, joined, begin)
    except gradebook.Unfit as error:
        sys.exit(f"Graded, but not recorded: {error}. The same command records what was graded.")
    text = table(
        lab, result.outcomes, result.grades, expected, found=result.found, aside=result.aside,
        joined=result.joined,
    )  # fmt: skip
    print(f"\n{text}\n\n{_summary(result, settings, output, unmet)}")
    if result.unwritten:
        sys.exit(
            "Not everything of these students could be written, as their rows say: "
            f"{_named(result.unwritten)}. The same command tries it again."
        )
    if expected is not None:
        points = {each.student: sum(each.scores.values()) for each in result.outcomes}
        wrong = [name for name in points if not math.isclose(points[name], expected[name])]
        if wrong:
            sys.exit(f"These sample submissions did not get the expected points: {wrong}")


def _summary(
    result: "Result", settings: "Settings", output: Path, unmet: Sequence[str] = ()
) -> str:
    """Return what a run came to; the last line counts everybody and every file."""
    lines = []
    if result.left_out:
        lines.append(f"Not graded, as asked: {_named(result.left_out)}")
    if result.not_final:
        lines.append(
            f"Not final, and left out of what LMSs import: {_named(result.not_final)}. The same "
            "command grades them anew, if their reason does not say otherwise."
        )
    if result.doubtful:
        lines.append(
            "Of another number or login, perhaps, and left out of what LMSs import: "
            f"{_named(result.doubtful)}. --file STUDENT=FILE says whose a file is."
        )
    if unmet:
        more = _some(len(unmet) - choices.MAX_NAMED, "more")
        lines.append(
            f"Chosen before, but no such student has such a file (see {output / choices.NAME}): "
            f"{', '.join([*unmet[: choices.MAX_NAMED], *more])}"
        )
    if settings.due is not None:
        said = {each.student for each in result.found if each.late}  # by the LMS
        times = {student: grade.seconds_late for student, grade in result.grades.items()}
        late = [student for student, seconds in times.items() if seconds or student in said]
        unknown = [student for student, seconds in times.items() if seconds is None]
        when = f"{settings.due.astimezone():%Y-%m-%d %H:%M %Z}"
        costs = "at the policy's cost" if result.policy else (
            "which costs nothing: a policy is one line of autograder/nbgrader_config.py"
        )  # fmt: skip
        lines.append(f"Due {when}: {len(late)} late, {costs}.")
        if unknown:
            lines.append(
                f"Of {len(unknown)} it is not known when they were handed in, which costs nothing: "
                "Moodle's grading worksheet as --roster has times, or a column Submitted."
            )
    ended = sum(outcome.status == "graded" for outcome in result.outcomes)
    counts = [
        f"{ended} graded",
        *_some(len(result.outcomes) - ended, "not graded to the end"),
        *_some(len(result.joined.missing), "handed in nothing"),
        *_some(len(result.strangers), "not on the roster"),
        f"{len(result.aside)} left aside",
    ]
    lines.append(f"Written to {output}/: {', '.join(counts)}.")
    return "\n".join(lines)


def _named(students: Sequence[str]) -> str:
    from autograder.results.table import MOST_NAME, shown

    return ", ".join(shown(student, MOST_NAME) for student in students)


def _some(count: int, what: str) -> list[str]:
    return [f"{count} {what}"] if count else []


def _read(master: Path) -> "Lab":
    from autograder.labs.master import read_lab
    from autograder.labs.percent import Malformed

    try:
        return read_lab(master)
    except Malformed as error:
        raise BadUsage(clean.line(str(error), 500)) from None


def _sample(name: str, masters: Path, source: Path) -> dict[str, float]:
    """Make the sample class; return the points that each must get."""
    from autograder.labs import sample_class

    return sample_class.make(
        _read(masters / f"{name}.py"), masters.parent / "answers" / name, source
    )


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
