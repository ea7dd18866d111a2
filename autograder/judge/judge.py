"""Grade one submission: a notebook in memory → points, messages, and the executed notebook."""

import re
import secrets
import time
from collections.abc import Iterable
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import LimitOutput
from nbgrader.utils import compute_checksum

from autograder.intake.answers import SKIP, Stored
from autograder.intake.cells import is_grade, is_solution
from autograder.judge.execution import NOT_RUN, NOWHERE, Execution, Times, execute
from autograder.judge.outcome import MAX_REASON, Outcome, scored
from autograder.labs.build import release
from autograder.labs.master import Lab
from autograder.sandbox.inside import clean
from autograder.sandbox.kernel import MachineFull
from autograder.sandbox.memory import bounded
from autograder.sandbox.pool import answers
from autograder.sandbox.provisioner import KernelSettings, Limits, short_folder

# Beyond the notebook's own time limit: what starting, converting and a loaded machine may take.
GRACE_SECONDS = 300
# What pygments colours: it takes 4 s for the 16 kB of "a.a.a…", 50 s for 8000 blank lines.
LONGEST_LINE, MOST_COLOURED = 1000, 100_000  # the latter in all cells
BLANKS = re.compile(r"\n(?:[^\S\n]*\n){10}")


@dataclass(frozen=True)
class Submission:
    """A student's clean notebook, as autograder.intake makes it: the release with answers.

    `repairs` say what was done to get it. `notebook` is None if `refused` says why there is none,
    and may be in a file as long as it is not judged.
    `checks` are those to judge, where the verdicts of the others stand; None for all. `seed` is
    what those were drawn from.
    """

    student: str
    notebook: NotebookNode | Stored | None = field(repr=False)
    repairs: tuple[str, ...] = ()
    refused: str = ""
    checks: tuple[str, ...] | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Terms:
    """How submissions are graded.

    `sandbox` is where kernels run: "bwrap", or "none-INSECURE" for no sandbox at all; `threads` how
    many each computes with; `limits` what it may use. What the checks' inputs are drawn from is
    `seed`; None draws a fresh one, which the outcome records.
    """

    sandbox: str = "bwrap"
    threads: int = 1
    times: Times = field(default_factory=Times)
    limits: Limits = field(default_factory=Limits)
    seed: int | None = None

    @property
    def patience(self) -> float:
        """How many seconds grading one submission may take."""
        return self.times.notebook + GRACE_SECONDS


@dataclass(frozen=True)
class Order:
    """A submission, and all that judging it needs, also in another process.

    `pool` is the socket of a pool whose kernels hold the lab's imports (see sandbox/pool.py); if it
    has ended, each kernel imports them itself. `beside` means that others may be graded meanwhile:
    then no check that is lost is lost for good, if memory has run out. As many as `jobs` share the
    machine's memory.
    """

    submission: Submission
    lab: Lab
    terms: Terms
    pool: Path | None = None
    beside: bool = False
    jobs: int = 1


Graded = tuple[Outcome, NotebookNode]


def judge(order: Order) -> Graded:
    """Run a submission in sandboxed kernels and judge it by the lab's checks, hidden tests too.

    Args:
        order: the submission, which is left as it is, and how it is graded.

    Returns:
        the outcome, and the notebook as it was executed.

    Raises:
        kernel.Unstartable: no kernel starts here, which is no submission's fault.
        kernel.MachineFull: what was lost, another's use of memory may have cost.
    """
    began = time.monotonic()
    submission, lab, terms = order.submission, order.lab, order.terms
    pool = order.pool if order.pool and answers(order.pool) else None
    limits = bounded(terms.limits, order.jobs)
    notebook = _with_hidden_tests(submission, lab)
    plain_slow_cells(notebook)
    seed = seed_of(submission.seed, terms)
    with ExitStack() as stack:
        settings = KernelSettings(
            # A socket's path has at most 107 bytes.
            folder=pool.parent if pool else stack.enter_context(short_folder()),
            kind=terms.sandbox,
            pool=pool,
            limits=limits,
            environment=environment(terms.threads),
            beside=order.beside,
            shared=limits != bounded(terms.limits),
        )
        execution = execute(notebook, settings, seed, terms.times)
    outcome = _outcome(submission, lab, notebook, execution)
    # What a kernel has started may be gone, too, as a party's process in lab 04, and only it knows.
    if order.beside and outcome.messages and execution.hit:
        raise MachineFull("the machine's memory ran out meanwhile, and checks were lost")
    _tidy(notebook)
    outcome.seed, outcome.sandbox = seed, settings.name
    outcome.seconds = round(time.monotonic() - began, 2)
    return outcome, notebook


def seed_of(of_submission: int | None, terms: Terms) -> int:
    """Return what the checks' inputs are drawn from: what is asked for, or else a fresh number."""
    asked = (seed for seed in (of_submission, terms.seed) if seed is not None)
    return next(asked, secrets.randbelow(1 << 48))


def refuse(submission: Submission, lab: Lab, terms: Terms) -> Graded:
    """Return the outcome of a submission that cannot be graded, and a notebook that says why.

    Nothing is run: every check fails for the reason that `submission.refused` gives.
    """
    reason = clean.line(submission.refused, MAX_REASON)
    notebook = release(lab)
    notebook.cells.insert(0, _note("This submission could not be graded", [reason]))
    for cell in filter(is_grade, notebook.cells):
        cell.outputs = [
            new_output("error", ename=NOT_RUN, evalue=reason, traceback=[f"Not run: {reason}."])
        ]
    outcome = Outcome(
        submission.student, "broken", reason,
        scores=dict.fromkeys(lab.checks, 0.0),
        messages=dict.fromkeys(lab.checks, f"{NOT_RUN}: {reason}"),
        sandbox=terms.sandbox, seed=terms.seed or 0,
    )  # fmt: skip
    return outcome, notebook


def environment(threads: int) -> dict[str, str]:
    """Return what kernels get beyond `confine.environment()`."""
    # Submissions run side by side: each gets its share of the cores.
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    shares = dict.fromkeys([*names, "OPENBLAS_NUM_THREADS"], str(threads))
    return {"LABKIT_BUDGET": "quick", **shares}


def _with_hidden_tests(submission: Submission, lab: Lab) -> NotebookNode:
    """Return a copy of the notebook, its checks as the lab's master has them."""
    assert isinstance(submission.notebook, NotebookNode)
    notebook = deepcopy(submission.notebook)
    masters = {cell.id: cell for cell in lab.source.cells}
    for cell in filter(is_grade, notebook.cells):
        master = masters[cell.metadata.nbgrader.grade_id]
        cell.source = master.source
        cell.metadata.nbgrader.points = master.metadata.nbgrader.points
        cell.metadata.nbgrader.checksum = compute_checksum(cell)
        if submission.checks is not None and cell.id not in submission.checks:
            cell.metadata.tags = [SKIP]
    if submission.repairs:
        notebook.cells.insert(0, _note("Before grading", submission.repairs))
    return notebook


def plain_slow_cells(notebook: NotebookNode) -> None:
    """Mark cells of code that take nbconvert long, in place, as ones that it does not colour."""
    coloured = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            long = max(map(len, cell.source.split("\n"))) > LONGEST_LINE
            if long or coloured + len(cell.source) > MOST_COLOURED or BLANKS.search(cell.source):
                cell.metadata.magics_language = "text"
            else:
                coloured += len(cell.source)


def _note(title: str, texts: Iterable[str]) -> NotebookNode:
    """Return the cell that tells the student what grading did to the notebook."""
    # They quote names of files and kernels, which the student chose: markdown may hold HTML.
    text = f"**{title}:**\n\n{clean.literal(chr(10).join(map(clean.line, texts)))}"
    cell = {"cell_type": "markdown", "id": "note", "metadata": {"id": "note"}, "source": text}
    return nbformat.from_dict(cell)


def _outcome(
    submission: Submission, lab: Lab, notebook: NotebookNode, execution: Execution
) -> Outcome:
    messages, repairs = {}, list(submission.repairs)
    for cell in notebook.cells:
        error = next((out for out in cell.get("outputs", []) if out.output_type == "error"), None)
        if error is None:
            continue
        message = f"{error.ename}: {error.evalue}"
        if is_grade(cell):
            messages[cell.metadata.nbgrader.grade_id] = message
        elif is_solution(cell) and error.ename != NOT_RUN:
            repairs.append(f"the cell of `{cell.metadata.id}` does not run: {message}")
    outcome = Outcome(
        submission.student,
        "stopped" if execution.stopped else "graded",
        execution.stopped,
        repairs,
        messages=messages,
        flags=list(execution.flags),
        passed=list(execution.passed),
    )
    return scored(outcome, lab.checks)


def _tidy(notebook: NotebookNode) -> None:
    """Leave of an executed notebook what people and nbgrader look at."""
    for cell in notebook.cells:
        if is_grade(cell):
            cell.metadata.pop("tags", None)
        if cell.cell_type == "code":
            # TensorFlow writes there at will, and nbgrader takes points for it.
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    LimitOutput().preprocess(notebook, {})
    notebook.metadata.kernelspec = dict(NOWHERE)
