"""The class's nbgrader gradebook: points, late penalties, and what people have graded by hand."""

import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import sqlalchemy
from alembic.script import ScriptDirectory
from nbformat.v4 import new_notebook
from nbgrader.api import Base, Gradebook
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy.exc import InterfaceError, OperationalError, SAWarning, SQLAlchemyError
from traitlets.config import Config, PyFileConfigLoader

from autograder.judge.execution import NOWHERE
from autograder.judge.outcome import Outcome
from autograder.labs.build import write_source
from autograder.labs.master import Lab
from autograder.sandbox.inside import clean


class Unfit(ValueError):
    """The gradebook cannot take this lab's grades; the message says why."""


@dataclass(frozen=True)
class Grade:
    """A student's grade as the gradebook has it, with what people changed in nbgrader.

    `scores` are by check, before the penalty for being `seconds_late`; `comments` by exercise.
    """

    scores: dict[str, float]
    penalty: float = 0.0
    seconds_late: float = 0.0
    comments: dict[str, str] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The points of the lab."""
        return sum(self.scores.values()) - self.penalty


def course_config(root: Path) -> Config:
    """Return nbgrader_config.py's configuration for a course in another folder."""
    folder = str(Path(__file__).resolve().parents[1])
    config = PyFileConfigLoader("nbgrader_config.py", path=folder).load_config()
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.db_url = f"sqlite:///{root / 'gradebook.db'}"
    return config


def with_driver(url: str) -> str:
    """Return a database's address with the driver that is installed for it."""
    for name in ("postgresql", "postgres"):
        if url.startswith(f"{name}://"):
            return "postgresql+psycopg" + url.removeprefix(name)
    return url


def make_course(lab: Lab, course: Path, db_url: str | None = None) -> None:
    """Release a lab in a course folder: release/, and a gradebook that knows its checks.

    Args:
        lab: the lab.
        course: the folder.
        db_url: the gradebook, if not `gradebook.db` in the folder.

    Raises:
        Unfit: the gradebook cannot be used, or has submissions to a lab with other cells.
    """
    write_source(lab, course)
    config = course_config(course)
    if db_url is not None:
        config.CourseDirectory.db_url = db_url
    coursedir = CourseDirectory(config=config)
    coursedir.assignment_id = lab.name
    converter = _Release(coursedir=coursedir, config=config)
    with _usable(config.CourseDirectory.db_url):
        try:
            _create(config.CourseDirectory.db_url)
            with _quiet(converter.log):
                converter.start()
        except NbGraderException as error:
            raise (converter.failure or error) from None
        with Gradebook(config.CourseDirectory.db_url, config.CourseDirectory.course_id) as book:
            # nbgrader puts it into whatever it autogrades.
            book.find_notebook(lab.name, lab.name).kernelspec = json.dumps(NOWHERE)
            book.db.commit()


class _Release(GenerateAssignment):
    """Keeps the error that stopped it: nbgrader writes that to its log, and raises another."""

    failure: Exception | None = None

    def init_assignment(self, *ids: str) -> None:
        with self._keeping():
            super().init_assignment(*ids)

    def convert_single_notebook(self, notebook_filename: str) -> None:
        with self._keeping():
            super().convert_single_notebook(notebook_filename)

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.failure = error
            raise


@contextmanager
def _usable(db_url: str) -> Iterator[None]:
    """Raise what a gradebook cannot do as `Unfit`, in a line.

    What is no fault of the gradebook's is raised as it is.
    """
    try:
        yield
    except (NbGraderException, RuntimeError) as error:
        # nbgrader's words for cells, or notebooks, that are others than those handed in.
        if "submissions associated with it" not in str(error):
            raise
        raise Unfit(
            f"the gradebook {_shown(db_url)} has grades for another version of this lab, whose "
            "cells differ: take another one, or move that one away"
        ) from None
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unfit(f"the gradebook {_shown(db_url)} cannot be used: {cause}") from None
    except ModuleNotFoundError as error:
        raise Unfit(f"the gradebook {_shown(db_url)} cannot be used: no driver ({error})") from None


def record(
    lab: Lab,
    db_url: str,
    outcomes: Iterable[Outcome],
    handed_in: Mapping[str, datetime],
    due: datetime | None = None,
    policy: Config | None = None,
    names: Mapping[str, str] | None = None,
) -> tuple[dict[str, Grade], dict[str, str]]:
    """Write points, times and late penalties into the gradebook.

    Doing so twice changes nothing. Points that a person gave stay, and are marked for another look
    if the automatic ones have changed since, as nbgrader does; so are flagged submissions.

    Args:
        lab: a lab that the gradebook knows.
        db_url: the gradebook.
        outcomes: the graded submissions.
        handed_in: when each was handed in, in UTC, as far as known.
        due: when the lab is due; None leaves what the gradebook says.
        policy: for nbgrader's AssignLatePenalties; None is the course's own.
        names: what students are called, by key; written where the gradebook has no name.

    Returns:
        all grades by student; and the reason for each that could not be recorded, whose grade is
        what the outcome says.

    Raises:
        Unfit: the gradebook cannot be used any more.
    """
    config = course_config(Path.cwd())
    course_id = config.CourseDirectory.course_id
    late = AssignLatePenalties(config=policy or config)
    grades, problems = {}, {}
    with (
        _usable(db_url),
        _quiet(late.log),
        warnings.catch_warnings(),
        Gradebook(db_url, course_id) as gradebook,
    ):
        # nbgrader links new rows in an order that SQLAlchemy 2 frowns upon.
        warnings.simplefilter("ignore", SAWarning)
        if due is not None:
            gradebook.find_assignment(lab.name).duedate = _naive(due)
            gradebook.db.commit()
        for outcome in outcomes:
            student = outcome.student
            try:
                time, name = handed_in.get(student), (names or {}).get(student, "")
                grades[student] = _record(lab, gradebook, db_url, outcome, time, name, late)
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:  # one student's record is nobody else's
                gradebook.db.rollback()
                problems[student] = f"{type(error).__name__}: {error}"
                scores = {check: outcome.scores.get(check, 0.0) for check in lab.checks}
                grades[student] = Grade(scores)
    return grades, problems


def _record(
    lab: Lab,
    gradebook: Gradebook,
    db_url: str,
    outcome: Outcome,
    time: datetime | None,
    name: str,
    late: AssignLatePenalties,
) -> Grade:
    student = gradebook.update_or_create_student(outcome.student)
    if name and not (student.first_name or student.last_name):
        # The formgrader writes them into its pages as they are.
        first, _, last = clean.key(name).rpartition(" ")
        student.first_name, student.last_name = first or None, last
    times = {} if time is None else {"timestamp": _naive(time)}
    submission = gradebook.update_or_create_submission(lab.name, outcome.student, **times)
    (notebook,) = submission.notebooks
    for grade in notebook.grades:
        new = outcome.scores[grade.name]
        if grade.auto_score != new:
            grade.auto_score = new
            changed = grade.manual_score is not None
            grade.needs_manual_grade = changed or bool(outcome.flags)
    gradebook.db.commit()
    if submission.total_seconds_late > 0 or notebook.late_submission_penalty is not None:
        about = {
            "notebook": lab.name,
            "assignment": lab.name,
            "student": outcome.student,
            "db_url": db_url,
        }
        late.preprocess(new_notebook(), {"nbgrader": about})
        gradebook.db.refresh(notebook)
    scores = {grade.name: grade.score for grade in notebook.grades}
    return Grade(
        {check: scores[check] for check in lab.checks},
        notebook.late_submission_penalty or 0.0,
        submission.total_seconds_late,
        {
            comment.name: comment.manual_comment
            for comment in notebook.comments
            if comment.manual_comment
        },
    )


def _create(db_url: str) -> None:
    """Make an empty gradebook where there is none, as nbgrader's `Gradebook` does.

    That one starts a program, which takes seconds, to learn the version of its tables.
    """
    engine = sqlalchemy.create_engine(db_url)
    try:
        with engine.begin() as connection:
            if not sqlalchemy.inspect(connection).get_table_names():
                Base.metadata.create_all(connection)
                for statement in (
                    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
                    f"INSERT INTO alembic_version VALUES ('{_tables_version()}')",
                ):
                    connection.execute(sqlalchemy.text(statement))
    finally:
        engine.dispose()


@cache
def _tables_version() -> str:
    return ScriptDirectory(ALEMBIC_DIR).get_current_head() or ""


@contextmanager
def _quiet(log: logging.Logger) -> Iterator[None]:
    """Silence nbgrader, which logs tracebacks of what is said here in a line."""
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


def _naive(time: datetime) -> datetime:
    """Return a time as nbgrader keeps it: UTC without saying so."""
    return time.astimezone(UTC).replace(tzinfo=None)


def _shown(db_url: str) -> str:
    try:
        return sqlalchemy.make_url(db_url).render_as_string(hide_password=True)
    except SQLAlchemyError:  # it is no address
        return repr(db_url)
