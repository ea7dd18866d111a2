"""The class's nbgrader gradebook: points, late penalties, and what people have graded by hand."""

import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic.script import ScriptDirectory
from nbformat.v4 import new_notebook
from nbgrader.api import Base, Gradebook, MissingEntry
from nbgrader.api import Comment as DatabaseComment
from nbgrader.api import Grade as DatabaseGrade
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import is_grade, is_locked, is_solution
from sqlalchemy.exc import InterfaceError, OperationalError, SAWarning, SQLAlchemyError
from traitlets.config import Config, PyFileConfigLoader

from autograder.judge.execution import NOWHERE
from autograder.judge.outcome import Outcome
from autograder.labs.build import write_source
from autograder.labs.master import Lab
from autograder.sandbox.inside import clean
from autograder.whole import write_whole


class Unfit(ValueError):
    """The gradebook cannot take this lab's grades; the message says why."""


@dataclass(frozen=True)
class Grade:
    """A student's grade as the gradebook has it, with what people changed in nbgrader.

    `scores` are by check, before the penalty for being `seconds_late`; None, where that is not
    known. `comments` are by exercise, and `by_hand` has the automatic points of the checks whose
    points a person changed.
    """

    scores: dict[str, float]
    penalty: float = 0.0
    seconds_late: float | None = None
    comments: dict[str, str] = field(default_factory=dict)
    by_hand: dict[str, float] = field(default_factory=dict)

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
            with Gradebook(config.CourseDirectory.db_url, config.CourseDirectory.course_id) as book:
                _fit_to(lab, book, config.CourseDirectory.db_url)
            with _quiet(converter.log):
                converter.start()
        except NbGraderException as error:
            raise (converter.failure or error) from None
        with Gradebook(config.CourseDirectory.db_url, config.CourseDirectory.course_id) as book:
            # nbgrader puts it into whatever it autogrades.
            book.find_notebook(lab.name, lab.name).kernelspec = json.dumps(NOWHERE)
            book.db.commit()


def _fit_to(lab: Lab, book: Gradebook, db_url: str) -> None:
    """Give a gradebook that has submissions the lab's cells; what people did stays, by name.

    nbgrader itself refuses. A check that is gone takes its grades along; where people gave points
    or comments there, they are kept in a copy of the file.

    Raises:
        Unfit: they would be lost.
    """
    try:
        notebook = book.find_notebook(lab.name, lab.name)
    except MissingEntry:
        return
    if not notebook.submissions:
        return
    place = lab.name, lab.name
    locked = {c.id for c in lab.source.cells if is_grade(c) or is_solution(c) or is_locked(c)}
    for cells, names in (
        (notebook.grade_cells, set(lab.checks)),
        (notebook.solution_cells, set(lab.exercises)),
        (notebook.source_cells, locked),
    ):
        gone = [cell for cell in cells if cell.name not in names]
        marks = [mark for cell in gone for mark in _marks(cell)]
        if any(_of_a_person(mark) for mark in marks):
            _keep_copy(db_url)
        for row in [*marks, *gone]:
            book.db.delete(row)
        book.db.flush()
    known = {cell.name for cell in notebook.grade_cells}
    for name in lab.checks.keys() - known:
        cell = book.add_grade_cell(name, *place, max_score=lab.checks[name], cell_type="code")
        book.db.add_all(DatabaseGrade(cell=cell, notebook=each) for each in notebook.submissions)
    known = {cell.name for cell in notebook.solution_cells}
    for name in lab.exercises.keys() - known:
        cell = book.add_solution_cell(name, *place)
        book.db.add_all(DatabaseComment(cell=cell, notebook=each) for each in notebook.submissions)
    known = {cell.name for cell in notebook.source_cells}
    for name in locked - known:
        book.add_source_cell(name, *place, cell_type="code")
    book.db.commit()


def _marks(cell: Any) -> list[Any]:
    return [*getattr(cell, "grades", ()), *getattr(cell, "comments", ())]


def _of_a_person(mark: Any) -> bool:
    names = ("manual_score", "extra_credit", "manual_comment")
    return any(getattr(mark, name, None) not in (None, "") for name in names)


def _keep_copy(db_url: str) -> None:
    """Keep a copy of a gradebook from which people's points are about to go."""
    database = sqlalchemy.make_url(db_url)
    if database.drivername != "sqlite" or database.database is None:
        raise Unfit(
            f"the gradebook {_shown(db_url)} has points or comments that people gave for checks or "
            "exercises which the lab has no more: take another one, or move that one away"
        )
    file = Path(database.database)
    copies = (file.with_name(f"{file.stem}-before-{number}{file.suffix}") for number in count(1))
    write_whole(next(copy for copy in copies if not copy.exists()), file.read_bytes())


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
        _late(submission),
        {
            comment.name: comment.manual_comment
            for comment in notebook.comments
            if comment.manual_comment
        },
        {
            grade.name: grade.auto_score or 0.0
            for grade in notebook.grades
            if grade.manual_score is not None or grade.extra_credit
        },
    )


def _late(submission: Any) -> float | None:
    """Return how many seconds late a submission is; None, if that cannot be known."""
    known = submission.timestamp is not None and submission.duedate is not None
    return submission.total_seconds_late if known else None


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
