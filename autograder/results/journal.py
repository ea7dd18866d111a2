"""What has been graded, on disk the moment it is: a grader that is killed goes on where it was.

An entry is written whole or not at all, and is found again only for the same answers, run by the
same code with the same settings. Each verdict in it stands as long as its check is the same; points
are none of its business.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.intake.answers import SKIP, Stored, is_demonstration, is_own
from autograder.intake.cells import is_grade, is_solution
from autograder.intake.reading import Read
from autograder.judge.judge import Submission, Terms
from autograder.judge.outcome import Outcome
from autograder.sandbox.inside import clean
from autograder.whole import write_whole


@dataclass(frozen=True)
class Origin:
    """The file that was graded, and what was said of it; the names are `Read`'s."""

    graded: str = ""
    handed_in: datetime | None = None
    late: bool = False
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, read: Read) -> "Origin":
        """Return it of what was read of a student's files."""
        return cls(read.graded, read.handed_in, read.late, read.notes)

    @classmethod
    def kept(cls, said: dict[str, Any]) -> "Origin":
        """Return it as an entry says it."""
        time, notes = said["handed_in"], said["notes"]
        return cls(
            clean.line(str(said["graded"])),
            None if time is None else datetime.fromisoformat(time).astimezone(UTC),
            bool(said["late"]),
            tuple(clean.line(str(note)) for note in notes),
        )


@dataclass(frozen=True)
class Kept:
    """An outcome that is kept: `checks` says by which version of each its verdicts were given.

    `own` is how many of the repairs are not the execution's, but what was read of the file.
    `answers` are the sources that were graded, by exercise, and `origin` is the file with them;
    earlier versions did not keep it.
    """

    outcome: Outcome
    number: int
    notebook: str
    checks: dict[str, str]
    own: int = 0
    answers: dict[str, str] = field(default_factory=dict, repr=False)
    origin: Origin | None = None

    def standing(self, checks: dict[str, str], repairs: Sequence[str]) -> Outcome:
        """Return the outcome of those checks that are what they were; with a new file's repairs."""
        same = [name for name, key in checks.items() if self.checks.get(name) == key]
        return replace(
            self.outcome,
            passed=[name for name in self.outcome.passed if name in same],
            messages={k: v for k, v in self.outcome.messages.items() if k in same},
            repairs=[*repairs, *self.outcome.repairs[self.own :]],
        )

    def lacking(self, checks: dict[str, str]) -> tuple[str, ...]:
        """Return the checks of which it has no verdict that stands."""
        return tuple(name for name, key in checks.items() if self.checks.get(name) != key)


class Journal:
    """The outcomes in an output folder, and the executed notebooks that belong to them."""

    def __init__(self, output: Path, lab: str, version: str) -> None:
        """Open the journal of a lab; `version` names the code that runs and judges submissions."""
        self._output, self._lab, self._version = output, lab, version
        self.folder = output / "journal"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._last: dict[str, Kept] = {}  # without the answers, which may be large
        self._files: dict[str, Path] = {}
        for path in self.folder.glob("*.json"):
            entry = self._read(path)
            if entry is not None:
                self._note(entry, path)

    @contextmanager
    def room(self) -> Iterator[Path]:
        """Make a folder for notebooks to grade; a run that was killed may have left it."""
        folder = self.folder / "clean"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def key(self, submission: Submission, terms: Terms) -> str:
        """Return the name of the entry for this submission of this student, run so."""
        settings = asdict(terms)
        del settings["threads"]  # how many cores there were changes no grade
        notebook = submission.notebook
        if isinstance(notebook, Stored):
            notebook = notebook.read()
        code = submission.refused if notebook is None else _executed(notebook)
        about = [self._lab, self._version, submission.student, settings, code]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()

    def find(self, key: str) -> Kept | None:
        """Return an entry, unless there is none or its executed notebook is not in place."""
        entry = self._read(self.folder / f"{key}.json")
        if entry is None:
            return None
        try:
            intact = _hash(self.notebook(entry.outcome.student)) == entry.notebook
        except OSError:
            return None
        return entry if intact else None

    def last(self, student: str) -> Outcome | None:
        """Return the newest outcome of a student, of whichever submission."""
        return self._last[student].outcome if student in self._last else None

    def notebook(self, student: str) -> Path:
        """Return where a student's executed notebook is kept: where nbgrader looks for it."""
        return self._output / "autograded" / student / self._lab / f"{self._lab}.ipynb"

    def keep(
        self,
        key: str,
        outcome: Outcome,
        notebook: NotebookNode,
        checks: dict[str, str],
        own: int = 0,
        origin: Origin | None = None,
    ) -> None:
        """Keep an outcome and its notebook, on the disk and not only on its way there."""
        text = self._write(outcome.student, notebook)
        number = 1 + max((entry.number for entry in self._last.values()), default=0)
        answers = {cell.id: cell.source for cell in notebook.cells if is_solution(cell)}
        hashed = hashlib.sha256(text).hexdigest()
        entry = Kept(outcome, number, hashed, checks, own, answers, origin)
        said = asdict(entry) | {"lab": self._lab}
        del said["outcome"]["scores"]  # which are arithmetic
        path = self.folder / f"{key}.json"
        write_whole(path, json.dumps(said, default=datetime.isoformat).encode())
        self._note(entry, path)

    def put(self, outcome: Outcome, notebook: NotebookNode) -> None:
        """Put a notebook in its place, if it can be, without an entry: it is graded again."""
        with suppress(Exception):
            self._write(outcome.student, notebook)

    def _write(self, student: str, notebook: NotebookNode) -> bytes:
        target, text = self.notebook(student), nbformat.writes(notebook).encode()
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, text)
        return text

    def answers(self, student: str) -> dict[str, str]:
        """Return a student's answers, by exercise, as they were last graded."""
        entry = self._read(self._files[student]) if student in self._files else None
        return entry.answers if entry else {}

    def as_graded(self, each: Read) -> Read:
        """Return a student with the file that the newest outcome is of, and a note of another."""
        then = self._last[each.student].origin or Origin()
        if replace(then, notes=each.notes) == Origin.of(each):
            return each
        now = f"`{each.graded}`" if each.graded else "what is there now"
        note = f"the grade is an earlier run's: {now} was not graded, as asked"
        return replace(
            each, graded=then.graded, handed_in=then.handed_in, late=then.late,
            notes=(*then.notes, note),
        )  # fmt: skip

    def _read(self, path: Path) -> Kept | None:
        """Return an entry of this lab; or None, if it is none that can be read."""
        try:
            said = json.loads(path.read_text("utf-8"))
            if str(said["lab"]) != self._lab:
                return None
            return Kept(
                Outcome(**said["outcome"]),
                int(said["number"]),
                str(said["notebook"]),
                {str(name): str(check) for name, check in said["checks"].items()},
                int(said["own"]),
                {str(name): str(source) for name, source in said.get("answers", {}).items()},
                Origin.kept(said["origin"]) if said.get("origin") else None,
            )
        except Exception:  # whatever became of the file
            return None

    def _note(self, entry: Kept, path: Path) -> None:
        student = entry.outcome.student
        if student not in self._last or entry.number > self._last[student].number:
            self._last[student], self._files[student] = replace(entry, answers={}), path


def _executed(notebook: NotebookNode) -> list[list[str]]:
    """Return the code of a submission that runs, in order, with names of what it stands in.

    A check judges what has run above it: with code of the student's own that stands below a check,
    and above the next exercise, goes the name of the nearest one; with a demonstration its number.
    """
    # The other cells' ids are counted, and change when a check comes or goes.
    result, above, demonstrations = [], "", count()
    for cell in notebook.cells:
        if is_grade(cell):
            above = cell.id
        elif is_solution(cell):
            result.append([cell.id, cell.source])
            above = ""
        elif cell.cell_type == "code":
            name = above if is_own(cell) else ""
            if is_demonstration(cell) and not is_own(cell):
                name = f"demonstration {next(demonstrations)}"
            if SKIP not in cell.metadata.get("tags", ()):
                result.append([name, cell.source])
    return result


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
