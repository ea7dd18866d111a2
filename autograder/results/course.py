"""The output folder as a course of nbgrader's: its formgrader opens it, its commands work in it.

Whatever nbgrader runs there runs in the grader's sandbox, or not at all.
"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from autograder.labs.build import write_source
from autograder.labs.master import Lab
from autograder.results import gradebook
from autograder.results.folder import FIRST_LINE, SECOND_LINE
from autograder.whole import write_whole


def prepare(lab: Lab, output: Path, db_url: str | None) -> str:
    """Release the lab in the output folder; returns the address of the gradebook that knows it.

    Args:
        lab: the lab.
        output: the folder.
        db_url: the gradebook, if it is not a file of the folder's.

    Raises:
        gradebook.Unfit: the gradebook cannot be used for this lab.
    """
    file = output.resolve() / "gradebook.db"
    url = gradebook.with_driver(db_url or f"sqlite:///{file}")
    with tempfile.TemporaryDirectory(prefix="course-") as temporary:
        if db_url is None and not file.exists():  # whole, or not at all
            gradebook.make_course(lab, Path(temporary))
            write_whole(file, Path(temporary, "gradebook.db").read_bytes())
        else:
            gradebook.make_course(lab, Path(temporary), url)
    # Before there is anything that nbgrader could run.
    # A database's address may hold a password.
    write_whole(output / "nbgrader_config.py", _config(db_url and url).encode(), 0o600)
    write_source(lab, output)
    return url


def submit(lab: Lab, times: dict[str, datetime | None], output: Path) -> dict[str, str]:
    """Put notebooks where nbgrader's formgrader looks for what was handed in, with the times.

    They are the executed ones, each under a second name: nothing that a student wrote but answers
    is in them, nbgrader restores the rest, and no program outside the sandbox has their kernel.

    Args:
        lab: the lab.
        times: when each student handed in, as far as known.
        output: the folder, with the executed notebooks in autograded/.

    Returns:
        whose could not be put there, and why.
    """
    problems = {}
    for student, time in times.items():
        executed, submitted = (
            output / part / student / lab.name / f"{lab.name}.ipynb"
            for part in ("autograded", "submitted")
        )
        try:
            submitted.parent.mkdir(parents=True, exist_ok=True)
            submitted.unlink(missing_ok=True)
            try:
                submitted.hardlink_to(executed)
            except OSError:  # a file has one name here
                write_whole(submitted, executed.read_bytes())
            if time is not None:
                stamp = f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC"
                write_whole(submitted.with_name("timestamp.txt"), stamp.encode())
        except Exception as error:
            problems[student] = f"{type(error).__name__}: {error}"
    return problems


def _config(db_url: str | None) -> str:
    """Return what makes the output folder a course that nbgrader's formgrader opens.

    It is the project's own configuration, value by value, with classes named and not imported.
    Whatever of it cannot be used, nbgrader then runs nothing of a student's, or in a sandbox.
    """
    config = gradebook.course_config(Path.cwd())
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
