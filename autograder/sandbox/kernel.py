"""Talk to a kernel without believing it: what it sends is bounded, and may be nonsense."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import nbformat
import zmq
from nbformat import NotebookNode

from autograder.sandbox import provisioner
from autograder.sandbox.inert import inert_output
from autograder.sandbox.inside import watch
from autograder.sandbox.memory import ended_for_memory
from autograder.sandbox.provisioner import KernelSettings

MOST_OUTPUT_BYTES = 1 << 20  # that are kept of one run's output
MOST_OUTPUTS = 200
CUT = "\n… and more output, which was cut off here.\n"
MOST_BYTES = 256 << 20  # that a kernel may send in all
INTERRUPT_SECONDS = 10
MOST_VALUE = 10_000  # characters, of an expression's value


class Died(Exception):
    """The kernel has ended; the message says why, if that is known."""


UNSTARTABLE = "no kernel starts here"


class Unstartable(RuntimeError):
    """A kernel did not start, before anything of a student's ran in it."""


class MachineFull(RuntimeError):
    """Memory ran out, and something was lost by nothing that it is known to have done."""


class TimedOut(Exception):
    """A run took more than its time."""


@dataclass
class Run:
    """Code that was sent to a kernel, and what has come back so far."""

    id: str
    outputs: list[NotebookNode] = field(default_factory=list)
    replied: bool = False
    idle: bool = False
    bytes: int = 0
    clear: bool = False
    # What its expressions are worth after it, as text; nothing if it raised.
    values: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether it has ended, and all its output is here."""
        return self.replied and self.idle

    @property
    def error(self) -> NotebookNode | None:
        """The error that it ended with, or None."""
        return next((out for out in self.outputs if out.output_type == "error"), None)


class Kernel:
    """One sandboxed kernel; it starts in the background, until `ready`."""

    def __init__(self, settings: KernelSettings, link: socket.socket):
        """Start it; `link` is its end of a connection to another (see inside/wire.py)."""
        self._bytes, self._settings = 0, settings
        self._ended_before = ended_for_memory()
        self._runs: dict[str, Run] = {}
        self._manager = provisioner.start(settings, link)
        made = self._manager.provisioner
        assert isinstance(made, provisioner.Provisioner)
        self._provisioner = made
        self._client = self._manager.blocking_client()
        # What comes on a connection that nobody reads stays here: control is for interrupts only.
        self._client.start_channels(stdin=False, hb=False, control=False)
        channels = (self._client.shell_channel, self._client.iopub_channel)
        self._sockets = [channel.socket for channel in channels]
        self._poller = zmq.Poller()
        for each in self._sockets:
            self._poller.register(each, zmq.POLLIN)

    def ready(self, seconds: float) -> None:
        """Wait until it answers; what does not is ended.

        Raises:
            Unstartable: it ended, or did not answer within `seconds`.
        """
        try:
            self._answer(seconds)
        except Died as died:
            self.end()
            said = " ".join(self._provisioner.said.text.decode("utf-8", "replace").split())
            raise Unstartable(f"{UNSTARTABLE}: {died} {said[-1000:]}") from None
        except BaseException:
            self.end()
            raise

    def _answer(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # What was published before the subscription arrived is lost: try again.
            with suppress(TimedOut):
                self.wait(self.begin("", silent=True), 0.03)
                return
        raise Died(f"it did not start within {seconds:g} s")

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return self._provisioner.alive()

    def begin(
        self, source: str, *, silent: bool = False, values: dict[str, str] | None = None
    ) -> Run:
        """Send code, and don't wait for it. `values` are expressions, by name (see `Run`)."""
        message = self._client.execute(
            source,
            silent=silent,
            store_history=not silent,
            user_expressions=values,
            allow_stdin=False,
            stop_on_error=False,
        )
        self._runs[message] = run = Run(message)
        return run

    def run(self, source: str, seconds: float, *, silent: bool = False) -> Run:
        """Run code to its end.

        Raises:
            Died, TimedOut: `error.run` has the output so far.
        """
        return self.wait(self.begin(source, silent=silent), seconds)

    def wait(self, run: Run, seconds: float, meanwhile: Callable[[], object] = bool) -> Run:
        """Wait for a run's end; calls `meanwhile` many times a second.

        Raises:
            Died, TimedOut, and what `meanwhile` raises.
        """
        deadline = time.monotonic() + seconds
        while not run.done:
            self.pump(max(0, min(0.05, seconds)))  # below 0 it would wait for ever
            meanwhile()
            if not run.done and time.monotonic() > deadline:
                raise TimedOut
        del self._runs[run.id]
        return run

    def pump(self, seconds: float = 0) -> None:
        """Take in what has arrived, or arrives within `seconds`.

        Raises:
            Died: nothing more will come.
            MachineFull: that may be the fault of another one that is graded beside it.
        """
        ready = self._poller.poll(int(1000 * seconds))
        if not ready and not self.alive:
            self._provisioner.end()  # by which all is known of why
            if self._settings.beside and (problem := self._may_be_anothers()):
                raise MachineFull(problem)
            raise Died(self._provisioner.reason)
        for each, _ in ready:
            for _ in range(100):  # others want their turn too
                try:
                    self._take(each.recv_multipart(zmq.NOBLOCK))
                except zmq.Again:
                    break
        if self._bytes > MOST_BYTES:
            self._provisioner.reason = f"it wrote more than {MOST_BYTES >> 20} MB of output"
            self.end()
            raise Died(self._provisioner.reason)

    def _may_be_anothers(self) -> str:
        """Return why its end may be no fault of its own, though not if it is the only one."""
        of, settings = self._provisioner, self._settings
        if settings.shared and of.reason == settings.limits.too_much_memory:
            return f"{of.reason}, and may have more alone"
        if of.reason.startswith(watch.UNWATCHED):
            return of.reason
        if not of.reason and (of.hit or of.killed) and self.was_hit():
            return "the machine's memory ran out meanwhile"
        return ""

    def was_hit(self) -> bool:
        """Return whether, before its end, it may have lost a process to others' use of memory.

        Its own control group knows that of its processes: who exceeds a limit of their own hits
        nobody else. What has no group is known from the group around it, or from the machine.
        """
        of = self._provisioner
        if of.hit is False and not of.killed:
            return False
        return bool(of.hit) or ended_for_memory() > self._ended_before

    def _take(self, frames: list[bytes]) -> None:
        size = sum(map(len, frames))
        self._bytes += size
        try:
            _, frames = self._client.session.feed_identities(frames)
            message = self._client.session.deserialize(frames)
            run = self._runs.get(message["parent_header"].get("msg_id"))
            kind, content = message["header"]["msg_type"], message["content"]
            if run is not None:
                _record(run, kind, content, message, size)
        except Exception:
            return  # whatever it was, it is no message

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in what it runs, if it listens."""
        session = self._client.session
        session.send(self._client.control_channel.socket, session.msg("interrupt_request", {}))

    def end(self) -> None:
        """End it with everything that it started."""
        self._client.stop_channels()
        self._provisioner.end()
        self._manager.context.destroy(linger=0)


def _record(run: Run, kind: str, content: dict, message: dict, size: int) -> None:
    if kind == "execute_reply":
        run.replied = True
        found = content.get("user_expressions", {}).items()
        run.values = {name: str(value["data"]["text/plain"])[:MOST_VALUE] for name, value in found}
        return
    if kind == "status":
        run.idle = run.idle or content["execution_state"] == "idle"
        return
    if kind == "clear_output":
        if content.get("wait"):
            run.clear = True
        else:
            run.outputs.clear()
        return
    if kind not in ("stream", "display_data", "execute_result", "error"):
        return
    if run.clear:
        run.outputs.clear()
        run.clear = False
    run.bytes += size
    last = run.outputs[-1] if run.outputs else None
    too_much = run.bytes > MOST_OUTPUT_BYTES or len(run.outputs) >= MOST_OUTPUTS
    if too_much and (kind != "error" or run.error is not None):
        if last is None or not (last.output_type == "stream" and last.text.endswith(CUT)):
            run.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=CUT))
        return
    output = inert_output(nbformat.v4.output_from_msg(message))
    if output is None:
        return
    if too_much:
        output.traceback = []
    if (
        last is not None
        and last.output_type == output.output_type == "stream"
        and last.name == output.name
    ):
        last.text += output.text
    else:
        run.outputs.append(output)
