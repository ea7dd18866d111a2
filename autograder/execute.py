"""Execute a submission so that nothing it does can win, or stop the grading.

The student's cells run in one kernel, the checks in another, the judge's, which runs the lab's
set-up cells and nothing of the student's: there the exercises' functions are stand-ins that call
the student's across a socket (inside/remote.py). So no code of the student's can forge a verdict.
"""

import ast
import hashlib
import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import takewhile
from pathlib import Path
from time import monotonic

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Instance, Integer, Unicode

from autograder.inside import clean
from autograder.intake.rebuild import SKIP
from autograder.integrity import Report
from autograder.kernel import CUT, INTERRUPT_SECONDS, Died, Kernel, Run, TimedOut
from autograder.pool import prepared, setup_cells
from autograder.sandbox import Place, require, short_folder

NOT_RUN = "NotRun"
UNJUDGED = "Unjudged"
# A kernel that nobody has: what was executed here is executed by no other program by accident.
NOWHERE = {
    "display_name": "none outside the grader's sandbox",
    "language": "python",
    "name": "none outside the grader's sandbox",
}
MOST_DEATHS = 10
# Of the whole notebook's output, beside the errors that say why a cell failed, one a cell.
MOST_OUTPUT_BYTES = 8 << 20
MOST_OUTPUTS = 2000
# How long a verdict may take to arrive after the student's kernel has stopped serving calls, which
# it does when the judge has no more: milliseconds, on a busy machine seconds.
VERDICT_SECONDS = 10


class GuardedExecute(NbGraderPreprocessor):
    """Executes a rebuilt submission, cell by cell, in sandboxed kernels.

    A cell over its time limit, or whose kernel dies, gets an error output that says so, and the
    cells after it run in a fresh kernel, to which the answers before it are told again. When the
    notebook's time is up, every check that is left gets such an output.

    A check has passed if the judge's kernel states so, of that run of it. Any other has an error
    output afterwards, since nbgrader gives full marks to a check without one. `report` gets
    {"passed": the ids of the checks that have passed, "flags": what a person should look at}.
    """

    timeout = Integer(120, help="time limit for a cell, in seconds").tag(config=True)
    startup_timeout = Integer(180, help="time limit for a kernel's start").tag(config=True)
    notebook_seconds = Integer(900, help="time limit for all cells of a notebook").tag(config=True)
    place = Instance(Place, allow_none=True, help="where kernels run").tag(config=True)
    seed = Integer(
        None, allow_none=True, help="what the checks' inputs are drawn from; none: fresh ones"
    ).tag(config=True)
    report = Unicode("", help="the file to write what was found to").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Execute every cell."""
        stopped, flags, passed = "", [], []
        if self.seed is None:  # nobody who writes a submission knows it
            self.seed = secrets.randbelow(1 << 48)
        if self.place is None:  # run by nbgrader's own command
            require()
            stopped = _foreign(nb, resources)
        deadline = monotonic() + self.notebook_seconds
        with ExitStack() as ends:
            bench = None
            for cell in nb.cells:
                if not runs(cell):
                    continue
                if not stopped and monotonic() > deadline:
                    stopped = f"the notebook took more than {self.notebook_seconds} s"
                if not stopped:
                    if bench is None:
                        if self.place is None:
                            folder = ends.enter_context(short_folder())
                            self.place = Place(folder, environment={"LABKIT_BUDGET": "quick"})
                        bench = ends.enter_context(_Bench(self, self.place, nb, deadline))
                    stopped = bench.execute(cell)
                if stopped:
                    text = f"Not run: {stopped}."
                    cell.outputs = [_error(NOT_RUN, stopped, text)]
            if bench is not None:
                flags, passed = bench.flags(), bench.passed
        if self.report:
            Path(self.report).write_text(json.dumps({"passed": passed, "flags": flags}), "utf-8")
        nb.metadata.kernelspec = dict(NOWHERE)
        return nb, resources


def _foreign(nb: NotebookNode, resources: dict) -> str:
    """Name nbgrader's cells by their grade ids; return why the notebook cannot be judged, if so.

    A rebuilt notebook has no other set-up cells and checks than the release's. This one comes as it
    was handed in, and what it adds to them would run beside the judge.
    """
    about = resources["nbgrader"]
    with Gradebook(about["db_url"]) as gradebook:
        cells = gradebook.find_notebook(about["notebook"], about["assignment"]).source_cells
        known = {cell.name: cell.source for cell in cells}
    for cell in nb.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.id = name = cell.metadata.nbgrader.grade_id
            if name not in known or (not is_solution(cell) and cell.source != known[name]):
                return "it has set-up cells, exercises or checks that the release does not have"
            cell.metadata.pop("tags", None)
    return ""


def runs(cell: NotebookNode) -> bool:
    """Return whether a cell is one to execute."""
    return cell.cell_type == "code" and SKIP not in cell.metadata.get("tags", ())


class _Bench:
    """The two kernels of one submission."""

    def __init__(
        self, settings: GuardedExecute, place: Place, notebook: NotebookNode, deadline: float
    ):
        self._settings = settings
        self._place = place
        self._deadline = deadline
        self._setup = setup_cells(notebook)
        # Those that have run in every kernel when it starts; not one that something comes before.
        ready = prepared(place.pool)
        code = [cell for cell in notebook.cells if runs(cell)]
        self._prepared = list(
            takewhile(lambda c: c in self._setup and c.metadata.id in ready, code)
        )
        self._exercises = [cell.metadata.id for cell in notebook.cells if is_solution(cell)]
        self._told: list[NotebookNode] = []  # what the student's kernel has run
        self._deaths = 0
        self._bytes = self._outputs = 0  # of output so far
        self.passed: list[str] = []  # the checks of which the judge says so
        self._flags: list[str] = []
        self._nonsense: list[str] = []  # the checks that were answered so
        self._student: Kernel | None = None
        self._report = Report()  # of the student's kernel
        self._judge: Kernel | None = None
        self._to_judge: socket.socket | None = None

    def __enter__(self) -> "_Bench":
        return self

    def __exit__(self, *_) -> None:
        self._end_student()
        self._end_judge()

    def execute(self, cell: NotebookNode) -> str:
        """Run one cell; returns why nothing can be run any more, if that is so."""
        try:
            student = self._student or self._start_student()
            if cell in self._prepared:
                cell.outputs = []
            elif is_grade(cell):
                self._check(student, cell)
            else:
                self._run(student, cell)
        except _Hopeless as error:
            return str(error)
        cell.outputs = list(self._kept(cell.outputs))
        return ""

    def _kept(self, outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
        """Yield of a cell's outputs what the notebook has room for, and its first error, short."""
        failed = cut = False
        for output in outputs:
            self._outputs += 1
            self._bytes += len(json.dumps(output, ensure_ascii=False).encode())
            if self._bytes <= MOST_OUTPUT_BYTES and self._outputs <= MOST_OUTPUTS:
                yield output
            elif output.output_type == "error" and not failed:
                yield _error(output.ename, clean.lines(output.evalue, 300), CUT.strip())
            elif not cut:
                cut = True
                yield new_output("stream", name="stdout", text=CUT)
            failed |= output.output_type == "error"

    def flags(self) -> list[str]:
        """Return what a person should look at: what the code tampered with, or reached for."""
        if self._nonsense:
            names = ", ".join(f"`{name}`" for name in self._nonsense)
            self._flags.append(f"answered {names} with what no function can return")
        if self._student is not None:
            try:
                self._flags += self._reported(self._student, self._settings.timeout)
            except (Died, TimedOut, ValueError):
                self._flags.append("what it changed could not be found out")
        return list(dict.fromkeys(self._flags))

    def _reported(self, student: Kernel, seconds: float) -> list[str]:
        run = student.run(self._report.ask(), seconds, silent=True)
        text = "".join(out.text for out in run.outputs if out.output_type == "stream")
        return self._report.read(text)

    # --- kernels ---

    def _start_student(self) -> Kernel:
        new_judge = self._judge is None
        if new_judge:
            self._to_judge, theirs = socket.socketpair()
            self._judge = Kernel(self._place, theirs)
        assert self._judge is not None and self._to_judge is not None
        while True:
            ours, theirs = socket.socketpair()
            with ours:
                socket.send_fds(self._to_judge, [b"."], [ours.fileno()])
            self._student = student = Kernel(self._place, theirs)
            if new_judge:  # both start at the same time
                self._set_up(self._judge)
                new_judge = False
            self._report = Report()
            self._ready(student, self._report.watch)
            try:
                for cell in list(self._told):
                    student.run(cell.source, self._seconds_left())
                return student
            except TimedOut:
                self._bury("it did not get through its own cells again")
            except Died as error:
                self._bury(str(error))

    def _bury(self, reason: str) -> None:
        self._end_student()
        self._deaths += 1
        # Without the student's own extra cells it may do.
        self._told = [c for c in self._told if c in self._setup or is_solution(c)]
        if self._deaths > MOST_DEATHS:
            raise _Hopeless(f"its kernel died {self._deaths} times" + (reason and f": {reason}"))
        if monotonic() > self._deadline:
            raise _Hopeless(f"the notebook took more than {self._settings.notebook_seconds} s")

    def _set_up(self, judge: Kernel) -> None:
        self._ready(judge, "")
        for cell in self._setup[len(self._prepared) :]:
            run = judge.run(cell.source, self._settings.startup_timeout)
            if run.error is not None:
                raise RuntimeError(f"set-up cell `{cell.metadata.id}` fails: {run.error.evalue}")

    def _ready(self, kernel: Kernel, first: str) -> None:
        # Where no kernel starts, it is no submission's fault: it ends the grading.
        kernel.ready(self._settings.startup_timeout)
        source = f"{first}\n{self._seed('start')}"
        kernel.run(source, self._settings.startup_timeout, silent=True)

    def _end_student(self) -> None:
        if self._student is not None:
            self._student.end()
            self._student = None

    def _end_judge(self) -> None:
        if self._judge is not None and self._to_judge is not None:
            self._judge.end()
            self._to_judge.close()
            self._judge = None

    def _seconds_left(self) -> float:
        return max(1, min(self._settings.timeout, self._deadline - monotonic()))

    def _seed(self, what: str) -> str:
        digest = hashlib.blake2b(f"{self._settings.seed} {what}".encode(), digest_size=7).digest()
        return f"import os; os.environ['LABKIT_SEED'] = '{int.from_bytes(digest)}'"

    # --- cells ---

    def _run(self, student: Kernel, cell: NotebookNode) -> None:
        """Run a cell in the student's kernel."""
        run = student.begin(cell.source)
        cell.outputs, error = run.outputs, None
        try:
            student.wait(run, self._seconds_left())
        except Died as died:
            error = self._died(died)
            self._bury(str(died))
        except TimedOut:
            error = self._interrupted()
            student.interrupt()
            try:
                student.wait(run, INTERRUPT_SECONDS)
            except (Died, TimedOut):
                self._bury("it ignores interrupts")
        if error is not None:
            cell.outputs = [out for out in run.outputs if out.output_type != "error"] + [error]
        else:
            self._told.append(cell)

    def _interrupted(self) -> NotebookNode:
        seconds = self._settings.timeout
        text = f"Interrupted: this cell took more than {seconds} s."
        if monotonic() > self._deadline:
            text = f"Interrupted: the notebook took more than {self._settings.notebook_seconds} s."
        return _error("CellTimeoutError", f"interrupted after {seconds} s", text)

    def _died(self, died: Died) -> NotebookNode:
        reason = str(died) or "by itself, or by a signal"
        return _error(
            "DeadKernelError", f"the kernel died: {reason}", f"The kernel died: {reason}."
        )

    def _check(self, student: Kernel, cell: NotebookNode) -> None:
        """Run a check in the judge's kernel, with the student's answering its calls."""
        name, nonce = cell.metadata.id, secrets.token_hex(16)
        judge = self._judge
        assert judge is not None
        deadline = monotonic() + self._seconds_left()
        serving = student.begin("__import__('remote').serve(get_ipython().user_ns)", silent=True)
        ending: list[Died] = []
        verdict: Run | None = None
        stopped = 0.0
        patience = min(VERDICT_SECONDS, self._settings.timeout / 3)

        def listen(seconds: float = 0) -> None:
            # When the student's kernel ends, the judge notices at once, and its check fails.
            nonlocal stopped
            if ending:
                return
            try:
                student.pump(seconds)
            except Died as died:
                ending.append(died)
            if serving.done and not stopped:
                stopped = monotonic()
            # It does so, too, when the judge has no more calls, whose verdict is then on its way.
            if serving.done and verdict is None and monotonic() > stopped + patience:
                ending.append(Died("it stopped answering"))
                # It is idle, and what stopped it may be what it changed.
                with suppress(Died, TimedOut, ValueError):
                    self._flags += self._reported(student, INTERRUPT_SECONDS)
                student.end()

        error: NotebookNode | None = None
        try:
            run = judge.begin(
                f"{self._seed(name)}\n__import__('remote').judge("
                f"get_ipython(), {self._exercises!r}, {cell.source!r}, {nonce!r})",
                values={"statement": "__import__('remote').statement"},
            )
            verdict = judge.wait(run, deadline - monotonic(), listen)
            while not (ending or serving.done):
                if monotonic() > deadline:
                    raise TimedOut
                listen(0.05)
        except TimedOut:
            error = self._interrupted() if verdict is None else None
            self._bury("")
            self._settle(judge)
        except Died as died:
            # The judge itself, whom nothing but the size of an answer can kill.
            error = _unjudged(f"its kernel died: {died}")
            self._end_judge()
            self._bury("")
        else:
            if ending:
                if verdict.error is not None:
                    error = self._died(ending[0])
                self._bury(str(ending[0]))
            elif _stated(verdict, nonce)["broken"]:
                self._bury("it gave no answer that can be taken")
        stated = _stated(verdict, nonce)
        if stated["nonsense"]:
            self._nonsense.append(name)
        passed = verdict is not None and stated["passed"] and verdict.error is None
        if error is None and passed:
            self.passed.append(name)
        elif error is None:
            error = (verdict and verdict.error) or _unjudged("it gave no verdict")
        outputs = [*serving.outputs, *(verdict.outputs if verdict else ())]
        # nbgrader would take a number shown here, by whomever, as partial credit.
        cell.outputs = [out for out in outputs if out.output_type == "stream"]
        cell.outputs += [error] if error is not None else []

    def _settle(self, judge: Kernel) -> None:
        """Bring the judge, whose check waits for a student's kernel that has gone, to rest."""
        try:
            judge.run("pass", INTERRUPT_SECONDS, silent=True)
        except (Died, TimedOut):
            self._end_judge()


def _stated(verdict: Run | None, nonce: str) -> dict[str, bool]:
    """Return what the judge stated of the run of a check that has this nonce; else nothing good."""
    text = verdict.values.get("statement", "") if verdict is not None else ""
    with suppress(ValueError, SyntaxError, TypeError, KeyError, AttributeError):
        stated = json.loads(ast.literal_eval(text))
        if stated["run"] == nonce:
            return {key: stated[key] is True for key in ("passed", "broken", "nonsense")}
    return {"passed": False, "broken": True, "nonsense": False}


def _unjudged(reason: str) -> NotebookNode:
    return _error(UNJUDGED, f"the check was not judged: {reason}", f"Not judged: {reason}.")


class _Hopeless(Exception):
    """Nothing more of this submission can be run; the message says why."""


def _error(name: str, value: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=value, traceback=[text])
