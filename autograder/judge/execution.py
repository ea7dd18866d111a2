"""Execute a submission: nothing that it does forges a verdict, or stops the grading.

The student's cells run in one kernel, the checks in another, the judge's, which runs the lab's
set-up cells and nothing of the student's: there the exercises' functions are stand-ins that call
the student's across a socket (sandbox/inside/judge.py). No code of the student's can forge a
verdict.

A cell over its time limit is interrupted, and has an error output that says so, as has a cell
whose kernel dies. A kernel that died, or ignored the interrupt, is replaced by a fresh one, which
runs the answers before that cell again. When the notebook's time is up, every cell that is left
gets an error output.

A check has passed if the judge's kernel states so, of that run of it. Any other has an error output
afterwards, since nbgrader gives full marks to a check without one.
"""

import ast
import hashlib
import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from time import monotonic

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.intake.answers import SKIP
from autograder.intake.cells import is_grade, is_setup, is_solution
from autograder.judge.integrity import Report
from autograder.sandbox.inside import clean
from autograder.sandbox.kernel import (
    CUT,
    INTERRUPT_SECONDS,
    UNSTARTABLE,
    Died,
    Kernel,
    Run,
    TimedOut,
    Unstartable,
)
from autograder.sandbox.pool import prepared
from autograder.sandbox.provisioner import KernelSettings
from autograder.sandbox.still import pixels

# The ends of the calls between them, as their cells name them.
STUDENT = "__import__('autograder.sandbox.inside.student', fromlist=['serve'])"
JUDGE = "__import__('autograder.sandbox.inside.judge', fromlist=['judge'])"
NOT_RUN = "NotRun"
UNJUDGED = "Unjudged"
# A kernel that nobody has: what was executed here is executed by no other program by accident.
NOWHERE = {
    "display_name": "none outside the grader's sandbox",
    "language": "python",
    "name": "none outside the grader's sandbox",
}
MOST_REPLACED = 10  # of a submission's kernels
# Of the whole notebook's output, beside the errors that say why a cell failed, one a cell.
MOST_OUTPUT_BYTES = 8 << 20
MOST_OUTPUTS = 2000
MOST_DRAWINGS = 200  # at most a twentieth of a second of a browser's time each (sandbox/drawn.py)
# Of all its pictures: Chromium took 3 to 8 s of processor time and 1 GB to show so many, by their
# kind. A plot of Matplotlib's usual size has 300 000.
MOST_PIXELS = 1 << 27
# How long a verdict may take to arrive after the student's kernel has stopped serving calls, which
# it does when the judge has no more: milliseconds, on a busy machine seconds.
VERDICT_SECONDS = 10


@dataclass(frozen=True)
class Times:
    """Time limits in seconds: for a cell, a kernel's start, and all cells of a notebook."""

    cell: float = 120
    start: float = 180
    notebook: float = 900


@dataclass(frozen=True)
class Execution:
    """What executing a notebook has shown: the ids of the checks that have passed.

    `flags` are what a person should look at; `stopped` is why not all cells were run, if so. `hit`
    means that what did not pass may have been lost to others' use of memory.
    """

    passed: tuple[str, ...]
    flags: tuple[str, ...]
    stopped: str
    hit: bool


def execute(notebook: NotebookNode, settings: KernelSettings, seed: int, times: Times) -> Execution:
    """Execute every cell of a rebuilt submission; its outputs are written into it."""
    deadline = monotonic() + times.notebook
    stopped = ""
    with _Kernels(notebook, settings, seed, times, deadline) as kernels:
        for cell in filter(runs, notebook.cells):
            if not stopped and monotonic() > deadline:
                stopped = f"the notebook took more than {times.notebook:g} s"
            stopped = stopped or kernels.execute(cell)
            if stopped:
                cell.outputs = [not_run(stopped)]
        flags = tuple(kernels.flags())
    return Execution(tuple(kernels.passed), flags, stopped, kernels.hit)


def runs(cell: NotebookNode) -> bool:
    """Return whether a cell is one to execute."""
    return cell.cell_type == "code" and SKIP not in cell.metadata.get("tags", ())


def not_run(reason: str) -> NotebookNode:
    """Return the output of a cell that was not run."""
    return _error(NOT_RUN, reason, f"Not run: {reason}.")


class _Judge:
    """The judge's kernel, and the socket on which it gets connections to the student's."""

    def __init__(self, settings: KernelSettings):
        self.link, theirs = socket.socketpair()
        self.kernel = Kernel(settings, theirs)

    def meet(self, connection: socket.socket) -> None:
        """Hand it its end of a connection to the student's."""
        socket.send_fds(self.link, [b"."], [connection.fileno()])

    def is_idle(self) -> bool:
        """Return whether its check, whose student's kernel has gone, comes to its end."""
        try:
            self.kernel.run("pass", INTERRUPT_SECONDS, silent=True)
        except (Died, TimedOut):
            return False
        return True

    def end(self) -> None:
        self.kernel.end()
        self.link.close()


class _Student:
    """A kernel of the student's, and what has to say what its code changes.

    The judge gets its end of the connection when a check begins: what a kernel has sent that ends
    before, such as files, goes with it, and does not wait there.
    """

    def __init__(self, settings: KernelSettings):
        self._judges, theirs = socket.socketpair()
        self.kernel = Kernel(settings, theirs)
        self.report = Report()

    def meet(self, judge: _Judge) -> None:
        """Connect it with the judge, if that is not done."""
        if self._judges.fileno() >= 0:
            with suppress(OSError):  # that it has died shows when it is asked
                judge.meet(self._judges)
            self._judges.close()

    def end(self) -> None:
        self.kernel.end()
        self._judges.close()

    def flags(self, seconds: float) -> list[str]:
        """Return what its guard reports.

        Raises:
            Died, TimedOut, ValueError: there is no signed report.
        """
        return self.report.read(_text(self.kernel.run(self.report.ask(), seconds, silent=True)))


class _Kernels:
    """The two kernels of one submission, started when they are needed."""

    def __init__(
        self,
        notebook: NotebookNode,
        settings: KernelSettings,
        seed: int,
        times: Times,
        deadline: float,
    ):
        self._settings, self._seed, self._times, self._deadline = settings, seed, times, deadline
        self._setup = [cell for cell in notebook.cells if is_setup(cell)]
        # Those that have run in every kernel when it starts; not one that something comes before.
        ready = prepared(settings.pool)
        code = [cell for cell in notebook.cells if runs(cell)]
        self._prepared = list(
            takewhile(lambda c: c in self._setup and c.metadata.id in ready, code)
        )
        self._exercises = [cell.metadata.id for cell in notebook.cells if is_solution(cell)]
        self._ran: list[NotebookNode] = []  # in the student's kernel
        self._replaced = 0  # kernels of the student's
        self._hopeless = ""  # why no cell can be run any more
        self._bytes = self._outputs = self._drawings = self._pixels = 0  # of output so far
        self.passed: list[str] = []  # the checks of which the judge says so
        self.hit = False  # one of those that have ended
        self._flags: list[str] = []
        self._nonsense: list[str] = []  # the checks that were answered so
        self._student: _Student | None = None
        self._judge: _Judge | None = None

    def __enter__(self) -> "_Kernels":
        return self

    def __exit__(self, *_) -> None:
        self._end_student()
        self._end_judge()

    def execute(self, cell: NotebookNode) -> str:
        """Run one cell; returns why nothing can be run any more, if that is so."""
        if self._hopeless:
            return self._hopeless
        try:
            judge, student = self._kernels()
            if cell in self._prepared:
                cell.outputs = []
            elif is_grade(cell):
                self._check(judge, student, cell)
            else:
                self._run(student.kernel, cell)
        except _Hopeless:
            return self._hopeless
        cell.outputs = list(self._kept(cell.outputs))
        return ""

    def _kept(self, outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
        """Yield of a cell's outputs what the notebook has room for, and its first error, short."""
        failed = cut = False
        for output in outputs:
            self._outputs += 1
            self._bytes += len(json.dumps(output, ensure_ascii=False).encode())
            data = output.get("data", {})
            self._drawings += (a_drawing := "text/html" in data)
            self._pixels += (of_picture := pixels(data.get("image/png", "")))
            room = self._bytes <= MOST_OUTPUT_BYTES and self._outputs <= MOST_OUTPUTS
            room = room and not (a_drawing and self._drawings > MOST_DRAWINGS)
            if room and not (of_picture and self._pixels > MOST_PIXELS):
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
                self._flags += self._student.flags(self._times.cell)
            except (Died, TimedOut, ValueError):
                self._flags.append("what it changed could not be found out")
        return list(dict.fromkeys(self._flags))

    # --- kernels ---

    def _kernels(self) -> tuple[_Judge, _Student]:
        """Return both kernels; a new one of the student's has run its cells again."""
        new = self._judge is None
        judge = self._judge = self._judge or _Judge(self._settings)
        while self._student is None:
            if self._hopeless:
                raise _Hopeless
            student = self._student = _Student(self._settings)
            if new:  # both start at the same time
                self._set_up(judge.kernel)
                new = False
            student.report.begin(_text(self._ready(student.kernel, student.report.watch)))
            try:
                for cell in list(self._ran):
                    student.kernel.run(cell.source, self._seconds_left())
            except TimedOut:
                self._replace("it did not get through its own cells again")
            except Died as error:
                self._replace(str(error))
        return judge, self._student

    def _replace(self, reason: str) -> None:
        """End the student's kernel; the next cell gets another one, if there may be one."""
        self._end_student()
        self._replaced += 1
        if self._replaced > 1:  # it may do without the student's own extra cells
            self._ran = [cell for cell in self._ran if cell in self._setup or is_solution(cell)]
        if self._replaced > MOST_REPLACED:
            said = f"its kernel died {self._replaced} times"
            self._hopeless = f"{said}: {reason}" if reason else said
        if monotonic() > self._deadline:
            self._hopeless = f"the notebook took more than {self._times.notebook:g} s"

    def _set_up(self, judge: Kernel) -> None:
        self._ready(judge, "")
        for cell in self._setup[len(self._prepared) :]:
            run = self._begun(judge, cell.source)
            if run.error is not None:
                raise RuntimeError(f"set-up cell `{cell.metadata.id}` fails: {run.error.evalue}")

    def _ready(self, kernel: Kernel, first: str) -> Run:
        kernel.ready(self._times.start)
        return self._begun(kernel, f"{first}\n{self._seeding('start')}", silent=True)

    def _begun(self, kernel: Kernel, source: str, *, silent: bool = False) -> Run:
        """Run what comes before all that is the student's: its end is no submission's fault."""
        try:
            return kernel.run(source, self._times.start, silent=silent)
        except (Died, TimedOut) as error:
            why = str(error) or "it ended, or took too long, before anything was run in it"
            raise Unstartable(f"{UNSTARTABLE}: {why}") from None

    def _end_student(self) -> None:
        if self._student is not None:
            self._student.end()
            self.hit |= self._student.kernel.was_hit()
            self._student = None

    def _end_judge(self) -> None:
        if self._judge is not None:
            self._judge.end()
            self.hit |= self._judge.kernel.was_hit()
            self._judge = None

    def _seconds_left(self) -> float:
        return max(1, min(self._times.cell, self._deadline - monotonic()))

    def _seeding(self, what: str) -> str:
        digest = hashlib.blake2b(f"{self._seed} {what}".encode(), digest_size=7).digest()
        return f"import os; os.environ['LABKIT_SEED'] = '{int.from_bytes(digest)}'"

    # --- cells ---

    def _run(self, student: Kernel, cell: NotebookNode) -> None:
        """Run a cell in the student's kernel."""
        run = student.begin(cell.source)
        cell.outputs, error = run.outputs, None
        try:
            student.wait(run, self._seconds_left())
        except Died as died:
            error = _died(died)
            self._replace(str(died))
        except TimedOut:
            error = self._interrupted()
            student.interrupt()
            try:
                student.wait(run, INTERRUPT_SECONDS)
            except (Died, TimedOut):
                self._replace("it ignores interrupts")
        if error is not None:
            cell.outputs = [out for out in run.outputs if out.output_type != "error"] + [error]
        else:
            self._ran.append(cell)

    def _interrupted(self) -> NotebookNode:
        seconds = self._times.cell
        text = f"Interrupted: this cell took more than {seconds:g} s."
        if monotonic() > self._deadline:
            text = f"Interrupted: the notebook took more than {self._times.notebook:g} s."
        return _error("CellTimeoutError", f"interrupted after {seconds:g} s", text)

    def _check(self, judge: _Judge, student: _Student, cell: NotebookNode) -> None:
        """Run a check in the judge's kernel, with the student's answering its calls."""
        name, nonce = cell.metadata.id, secrets.token_hex(16)
        deadline = monotonic() + self._seconds_left()
        student.meet(judge)
        serving = student.kernel.begin(f"{STUDENT}.serve(get_ipython().user_ns)", silent=True)
        patience = min(VERDICT_SECONDS, self._times.cell / 3)
        listener = _Listener(student, serving, patience, self._flags)
        error: NotebookNode | None = None
        try:
            run = judge.kernel.begin(
                f"{self._seeding(name)}\n{JUDGE}.judge("
                f"get_ipython(), {self._exercises!r}, {cell.source!r}, {nonce!r})",
                values={"statement": f"{JUDGE}.statement()"},
            )
            listener.verdict = judge.kernel.wait(run, deadline - monotonic(), listener.listen)
            if not _stated(listener.verdict, nonce)["broken"]:  # else it may wait for the judge
                listener.wait(deadline)
        except TimedOut:
            error = self._interrupted() if listener.verdict is None else None
            self._replace("")
            if not judge.is_idle():
                self._end_judge()
        except Died as died:
            # The judge itself, whom nothing but the size of an answer can kill.
            error = _unjudged(f"its kernel died: {died}")
            self._end_judge()
            self._replace("")
        else:
            if listener.ended is not None:
                if listener.verdict.error is not None:
                    error = _died(listener.ended)
                self._replace(str(listener.ended))
            elif _stated(listener.verdict, nonce)["broken"]:
                self._replace("it gave no answer that can be taken")
        verdict = listener.verdict
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


class _Listener:
    """Watches the student's kernel while the judge runs a check.

    When the student's kernel ends, the judge notices at once, and its check fails. It is ended,
    too, when it stops answering while the judge has more calls, and no verdict is on its way.
    """

    def __init__(self, student: _Student, serving: Run, patience: float, flags: list[str]):
        self._student, self._serving, self._patience = student, serving, patience
        self._flags = flags
        self._stopped = 0.0
        self.ended: Died | None = None
        self.verdict: Run | None = None

    def listen(self, seconds: float = 0) -> None:
        """Take what has come from it, waiting so long at most."""
        if self.ended:
            return
        try:
            self._student.kernel.pump(seconds)
        except Died as died:
            self.ended = died
        if self._serving.done and not self._stopped:
            self._stopped = monotonic()
        waited = monotonic() - self._stopped if self._serving.done else 0.0
        if self.verdict is None and waited > self._patience:
            self.ended = Died("it stopped answering")
            # It is idle, and what stopped it may be what it changed.
            with suppress(Died, TimedOut, ValueError):
                self._flags += self._student.flags(INTERRUPT_SECONDS)
            self._student.kernel.end()

    def wait(self, deadline: float) -> None:
        """Wait until it has ended its loop, or itself.

        Raises:
            TimedOut: it has not.
        """
        while not (self.ended or self._serving.done):
            if monotonic() > deadline:
                raise TimedOut
            self.listen(0.05)


def _text(run: Run) -> str:
    """Return what a run printed."""
    return "".join(out.text for out in run.outputs if out.output_type == "stream")


def _stated(verdict: Run | None, nonce: str) -> dict[str, bool]:
    """Return what the judge stated of the run of a check that has this nonce; else nothing good."""
    text = verdict.values.get("statement", "") if verdict is not None else ""
    with suppress(ValueError, SyntaxError, TypeError, KeyError, AttributeError):
        stated = json.loads(ast.literal_eval(text))
        if stated["run"] == nonce:
            return {key: stated[key] is True for key in ("passed", "broken", "nonsense")}
    return {"passed": False, "broken": True, "nonsense": False}


class _Hopeless(Exception):
    """No more cells of this submission can be run."""


def _died(died: Died) -> NotebookNode:
    reason = str(died) or "by itself, or by a signal"
    return _error("DeadKernelError", f"the kernel died: {reason}", f"The kernel died: {reason}.")


def _unjudged(reason: str) -> NotebookNode:
    return _error(UNJUDGED, f"the check was not judged: {reason}", f"Not judged: {reason}.")


def _error(name: str, value: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=value, traceback=[text])
