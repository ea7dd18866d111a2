"""The output folder: whether it is one to write into, and who writes there."""

import fcntl
import shutil
import tempfile
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NewType

from autograder.intake.files import BadUsage, shown

# What the output folder's configuration for nbgrader begins with, and the folders beside it.
# Earlier versions wrote the first line only: what their folders show is not inert.
FIRST_LINE = (
    "# Run JupyterLab in this folder to see and change these grades in nbgrader's formgrader."
)
SECOND_LINE = "# Submissions run in the grader's sandbox, in its own environment, or not at all."
# An output folder, as long as nobody else writes there.
Held = NewType("Held", Path)
WRITTEN = ("autograded", "feedback", "gradescope", "journal", "source", "submitted")


def must_be_apart(given: Path, output: Path) -> None:
    """Refuse to write over what was handed in, or over a course that is not the grader's.

    Raises:
        BadUsage: the output folder would be written over something else.
    """
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


def must_hold(output: Held, students: Collection[str]) -> None:
    """Refuse a folder that takes the names of two students for one, by their keys.

    Some file systems do so with names that differ in case, or in how letters are composed. A name
    that cannot be written at all costs its own student only.

    Raises:
        BadUsage: it does.
    """
    with tempfile.TemporaryDirectory(dir=output, prefix=".names-") as temporary:
        for student in students:
            try:
                Path(temporary, student).mkdir()
            except FileExistsError:
                alike = [shown(each) for each in students if _folded(each) == _folded(student)]
                raise BadUsage(
                    f"the file system of the output folder {shown(str(output))} takes the names of "
                    f"several students for one ({', '.join(alike)}): take an --output elsewhere"
                ) from None
            except OSError:
                continue


def _folded(student: str) -> str:
    return unicodedata.normalize("NFKD", student).casefold()


def forget(output: Path, student: str) -> None:
    """Remove what an earlier run wrote about a file that is another student's by now."""
    for part in ("autograded", "submitted", "gradescope"):
        shutil.rmtree(output / part / student, ignore_errors=True)
    (output / "feedback" / f"{student}.html").unlink(missing_ok=True)


@contextmanager
def held(output: Path) -> Iterator[Held]:
    """Hold the output folder, which is made if there is none: no other command writes there.

    Raises:
        BadUsage: another one does, or none can.
    """
    with ExitStack() as stack:
        try:
            (output / "journal").mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((output / "journal" / ".lock").open("a"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with tempfile.TemporaryFile(dir=output) as file:
                file.write(b"\0" * 4096)
        except BlockingIOError:
            raise BadUsage(f"another command is at work in {shown(str(output))}") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadUsage(
                f"the output folder {shown(str(output))} cannot be written: {reason}"
            ) from None
        yield Held(output)
