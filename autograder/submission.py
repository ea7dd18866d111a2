"""Grade one submission, in a folder and a gradebook of its own, with nbgrader's converters."""

import json
import logging
import math
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import CheckCellMetadata, OverwriteCells
from nbgrader.utils import is_grade, is_solution
from sqlalchemy import event
from sqlalchemy.engine import Engine
from traitlets.config import Config, PyFileConfigLoader

from autograder.build import as_text
from autograder.execute import NOT_RUN
from autograder.inert import plain_long_lines
from autograder.inside import clean
from autograder.sandbox import Limits, Place, short_folder

# The student's name here: nbgrader globs for folders, and names may hold anything, even a "*".
ANYBODY = "student"
# What a person reads of a submission: how long, and how many.
MAX_REASON, MAX_TEXTS = 2000, 100


@dataclass(frozen=True)
class Submission:
    """What grading one submission needs; it can be sent to another process or machine.

    `file` is the student's clean notebook, as autograder.intake makes it, or None if `refused` says
    why there is none; then `refuse` gives the outcome. `repairs` say what was done to get the
    notebook. `course` is a folder with the lab's release/ and gradebook.db; `folder` belongs to
    this submission alone.
    """

    student: str
    lab: str
    file: Path | None
    course: Path
    folder: Path
    threads: int
    refused: str = ""
    repairs: tuple[str, ...] = ()
    cell_seconds: int | None = None
    notebook_seconds: int | None = None
    # Where the kernel runs: "bwrap", or "none-INSECURE" for no sandbox at all.
    sandbox: str = "bwrap"
    # The socket of a pool of kernels that hold the lab's imports, or None for kernels of its own.
    kernels: Path | None = None
    # What each kernel may use.
    limits: Limits = field(default_factory=Limits)
    # What the checks' inputs are drawn from; None draws a fresh one, which the outcome records.
    seed: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.limits, dict):  # as it comes over a network
            object.__setattr__(self, "limits", Limits(**self.limits))
        object.__setattr__(self, "repairs", tuple(self.repairs))

    @property
    def log(self) -> Path:
        """What nbgrader and the kernel wrote."""
        return self.folder / "log.txt"

    @property
    def report(self) -> Path:
        """The flags that executing it raised."""
        return self.folder / "report.json"

    @property
    def autograded(self) -> Path:
        """The executed notebook."""
        return self.folder / "autograded" / ANYBODY / self.lab / f"{self.lab}.ipynb"


@dataclass
class Outcome:
    """A graded submission: points and, if they were lost, the message, by check.

    `status` is "graded"; "stopped", if its kernel died or its time was up before the last check; or
    "broken", if it could not be graded at all. `flags` are for a person to look at: what the code
    tampered with, or reached for. Grading again with `seed` draws the same inputs.

    Whatever it is made of, all its texts are clean, and neither many nor long.
    """

    student: str
    status: str
    reason: str
    repairs: list[str] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    seed: int = 0
    seconds: float = 0.0
    sandbox: str = ""

    def __post_init__(self) -> None:
        self.student, self.status = str(self.student), str(self.status)
        self.seed, self.seconds = int(self.seed), float(self.seconds)
        self.reason = clean.line(str(self.reason), MAX_REASON)
        self.repairs = _clean_list(self.repairs)
        self.flags = _clean_list(self.flags)
        self.messages = {str(name): clean.lines(str(m)) for name, m in self.messages.items()}
        self.scores = {str(name): float(points) for name, points in self.scores.items()}
        if not all(map(math.isfinite, self.scores.values())):
            raise ValueError("points that are no numbers")

    @classmethod
    def read(cls, folder: Path) -> "Outcome":
        """Read the outcome that `grade` left in a submission's folder."""
        return cls(**json.loads((folder / "outcome.json").read_text("utf-8")))


def _clean_list(texts: Iterable[str]) -> list[str]:
    texts = list(texts)
    if len(texts) > MAX_TEXTS:
        texts[MAX_TEXTS - 1 :] = [f"and {len(texts) - MAX_TEXTS + 1} more"]
    return [clean.line(str(text), MAX_REASON) for text in texts]


def course_config(root: Path) -> Config:
    """Return nbgrader_config.py's configuration for a course in another folder."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(Path(__file__).parent)).load_config()
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.db_url = f"sqlite:///{root / 'gradebook.db'}"
    return config


def grade(submission: Submission) -> None:
    """Autograde a clean notebook; leave the outcome in the submission's folder."""
    began = time.monotonic()
    logging.basicConfig(level=logging.INFO)
    folder = submission.folder
    notebook = nbformat.read(submission.file, as_version=4)
    if submission.repairs:
        notebook.cells.insert(0, _note("Before grading", submission.repairs))
    plain_long_lines(notebook)

    submitted = folder / "submitted" / ANYBODY / submission.lab
    submitted.mkdir(parents=True, exist_ok=True)
    (submitted / f"{submission.lab}.ipynb").write_text(as_text(notebook), "utf-8")
    shutil.copyfile(submission.course / "gradebook.db", folder / "gradebook.db")
    # A socket's path has at most 107 bytes: not in the submission's own folder.
    with ExitStack() as stack:
        stack.enter_context(_no_wait_for_the_disk())
        pool = submission.kernels
        sockets = pool.parent if pool else stack.enter_context(short_folder())
        config = _config(submission, sockets)
        coursedir = CourseDirectory(config=config)
        coursedir.assignment_id = submission.lab
        Autograde(coursedir=coursedir, config=config).start()

    outcome = _outcome(submission, config)
    outcome.seconds = round(time.monotonic() - began, 2)
    (folder / "outcome.json").write_text(json.dumps(asdict(outcome)), "utf-8")


def refuse(submission: Submission) -> Outcome:
    """Return the outcome of a submission that cannot be graded; leave a notebook that says why.

    Nothing is run: every check fails for the reason that `submission.refused` gives.
    """
    reason = clean.line(submission.refused, MAX_REASON)
    notebook = release_of(submission)
    notebook.cells.insert(0, _note("This submission could not be graded", [reason]))
    checks = [cell for cell in notebook.cells if is_grade(cell)]
    for cell in checks:
        cell.outputs = [
            new_output("error", ename=NOT_RUN, evalue=reason, traceback=[f"Not run: {reason}."])
        ]
    submission.autograded.parent.mkdir(parents=True, exist_ok=True)
    submission.autograded.write_text(as_text(notebook), "utf-8")
    names = [cell.metadata.nbgrader.grade_id for cell in checks]
    return Outcome(
        submission.student, "broken", reason,
        scores=dict.fromkeys(names, 0.0), messages=dict.fromkeys(names, f"{NOT_RUN}: {reason}"),
        sandbox=submission.sandbox, seed=submission.seed or 0,
    )  # fmt: skip


@contextmanager
def _no_wait_for_the_disk() -> Iterator[None]:
    """Open databases faster: this submission's own copy, of which a crash costs nothing more."""

    def connected(connection: Any, _) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    # nbgrader makes its engines itself, so all that this process makes meanwhile are meant.
    event.listen(Engine, "connect", connected)
    try:
        yield
    finally:
        event.remove(Engine, "connect", connected)


def _config(submission: Submission, sockets: Path) -> Config:
    config = course_config(submission.folder)
    if submission.cell_seconds:
        config.GuardedExecute.timeout = submission.cell_seconds
    if submission.notebook_seconds:
        config.GuardedExecute.notebook_seconds = submission.notebook_seconds
    config.GuardedExecute.place = Place(
        folder=sockets,
        kind=submission.sandbox,
        pool=submission.kernels,
        limits=submission.limits,
        environment=environment(submission.threads),
    )
    # The notebook is the release's, with answers: only hidden tests are to be put back, and nothing
    # is to be checked.
    config.Autograde.sanitize_preprocessors = [OverwriteCells]
    steps = config.Autograde.autograde_preprocessors
    config.Autograde.autograde_preprocessors = [s for s in steps if s is not CheckCellMetadata]
    seed = submission.seed
    config.GuardedExecute.seed = secrets.randbelow(1 << 48) if seed is None else seed
    config.GuardedExecute.report = str(submission.report)
    return config


def release_of(submission: Submission) -> NotebookNode:
    """Return the release of the lab that is submitted."""
    path = submission.course / "release" / submission.lab / f"{submission.lab}.ipynb"
    return nbformat.read(path, as_version=4)


def _note(title: str, texts: Iterable[str]) -> NotebookNode:
    """Return the cell that tells the student what grading did to the notebook."""
    # They quote names of files and kernels, which the student chose: markdown may hold HTML.
    text = f"**{title}:**\n\n{clean.literal(chr(10).join(map(clean.line, texts)))}"
    cell = {"cell_type": "markdown", "id": "note", "metadata": {"id": "note"}, "source": text}
    return nbformat.from_dict(cell)


def environment(threads: int) -> dict[str, str]:
    """Return what kernels get beyond `sandbox.environment()`."""
    # Submissions run side by side: each gets its share of the cores.
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    shares = dict.fromkeys([*names, "OPENBLAS_NUM_THREADS"], str(threads))
    return {"LABKIT_BUDGET": "quick", **shares}


def _outcome(submission: Submission, config: Config) -> Outcome:
    scores, repairs = {}, list(submission.repairs)
    found = json.loads(submission.report.read_text("utf-8"))
    with Gradebook(config.CourseDirectory.db_url) as gradebook:
        graded = gradebook.find_submission_notebook(submission.lab, submission.lab, ANYBODY)
        for grade in graded.grades:
            # Every check has been executed or failed, so nothing is left for a person to grade.
            assert grade.auto_score is not None and not grade.needs_manual_grade, grade
            # nbgrader gives full marks to a cell without an error; we, to one that has passed.
            scores[grade.name] = grade.auto_score if grade.name in found["passed"] else 0.0

    messages, stopped = {}, ""
    for cell in nbformat.read(submission.autograded, as_version=4).cells:
        errors = [out for out in cell.get("outputs", []) if out.output_type == "error"]
        if not errors:
            continue
        error = errors[0]
        message = f"{error.ename}: {error.evalue}"
        if error.ename == NOT_RUN:
            stopped = stopped or error.evalue
        elif is_solution(cell):
            repairs.append(f"the cell of `{cell.metadata.id}` does not run: {message}")
        if cell.metadata.get("id") in scores:
            messages[cell.metadata.id] = message
    status = "stopped" if stopped else "graded"
    settings = config.GuardedExecute
    return Outcome(
        submission.student, status, stopped, repairs, scores, messages,
        flags=found["flags"], seed=settings.seed, sandbox=settings.place.name,
    )  # fmt: skip
