"""Another process that answers requests: started, awaited, lost, ended."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import IO, Any, Self

from labkit.processes import errors
from labkit.processes.child import Child, uninterrupted
from labkit.processes.errors import AddressError, PartyError, PartyLost, PartyTimeout, Refusal
from labkit.processes.ledger import NOTEBOOK, Ledger
from labkit.processes.wire import Part, Stranger, Wire, greet, pack, unpack

# Where labkit is imported from, by the processes too.
ROOT = Path(__file__).parents[2]
# A process that has hung up ends within so many seconds, if it ends.
SECONDS_TO_END = 2.0


def parse_address(name: str, address: str) -> tuple[str, int]:
    """Return host and port.

    Raises:
        ValueError: it is not of the form host:port.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{name}'s address {address!r} is not of the form host:port.")
    return host, int(port)


def start(
    name: str,
    module: str,
    settings: dict[str, Any],
    key: bytes,
    listener: socket.socket,
    log: IO[bytes] | IO[str],
) -> Child:
    """Start a process that answers as `module`'s main() says (see `serving`).

    It listens from here on: what is asked before it is ready waits. It ends with this process.

    Args:
        listener: where it listens; closed here.
        log: gets its stderr.
    """
    # Not from the folder that this process happens to be in, where a module may have any name.
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from {module} import main; main()"
    with listener:
        child = Child(
            [sys.executable, "-P", "-c", program],
            stdin=subprocess.PIPE,
            stderr=log,
            pass_fds=[listener.fileno()],
        )
        # The key goes through a pipe: others can read a command line.
        given = {"name": name, "key": key.hex(), "listener": listener.fileno()}
        assert child.stdin is not None
        try:
            # It may have ended: seen later.
            with contextlib.suppress(BrokenPipeError), child.stdin as stdin:
                stdin.write(json.dumps(given | {"settings": settings}).encode() + b"\n")
        except BaseException:  # nobody has it
            child.kill()
            raise
    return child


class Peer:
    """Another process, which answers one request at a time of this one's.

    What became of a request that nobody awaited to its end (Ctrl-C, a timeout) is not known, and
    its answer is never taken for another's. Ends, if it was started here, with this object.

    Args:
        name: who it is; others that answer at its address are refused.
        address: host and port, where it listens.
        key: what both know.
        ledger: where the bytes are counted.
        me: this process's own name.
    """

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        key: bytes,
        ledger: Ledger,
        me: str = NOTEBOOK,
    ):
        self.name, self.address, self.me = name, address, me
        self._key, self._ledger = key, ledger
        self._child: Child | None = None
        self._log: IO[bytes] | None = None
        self._wire: Wire | None = None
        self._met = self.closed = False
        self._pid = os.getpid()
        self._lock = threading.RLock()

    @classmethod
    def start(cls, name: str, module: str, settings: dict[str, Any], **options: Any) -> Self:
        """Start a process of that name on this machine; `settings` and `module` as for `start`."""
        listener = socket.create_server(("127.0.0.1", 0))
        options.setdefault("key", secrets.token_bytes(32))
        peer = cls(name, listener.getsockname(), **options)
        # Not a pipe: one that nobody reads fills up, and stops who writes.
        peer._log = tempfile.TemporaryFile()  # noqa: SIM115, closed with the peer
        try:
            with uninterrupted():
                peer._child = start(name, module, settings, peer._key, listener, peer._log)
                # Ends it where nobody calls close(): when Python does, or frees this.
                weakref.finalize(peer, _kill, peer._child, os.getpid())
        except BaseException:
            peer.close()
            raise
        return peer

    @property
    def pid(self) -> int | None:
        """The id of its process; None if that was not started here."""
        return None if self._child is None else self._child.pid

    def ask(
        self, head: dict[str, Any], *parts: Part, seconds: float, doing: str
    ) -> tuple[dict[str, Any], list[memoryview]]:
        """Make a request, as `wire.pack` takes it, and return the answer, as `wire.unpack` does.

        Raises: as `exchange` and `read` do.
        """
        return read(self.exchange(pack(head, *parts), seconds, doing))

    def exchange(self, request: bytes, seconds: float, doing: str) -> bytes | bytearray:
        """Send a frame and return the one that comes back.

        Args:
            seconds: how long to wait for it.
            doing: what for, in errors, such as "running `f`".

        Raises:
            PartyLost: the process has ended, or cannot be reached any more.
            PartyTimeout: it did not answer in time.
            AddressError: it never could be reached.
            PartyError: it was closed, or was started by another process than this one.
        """
        with self._lock:
            self._require_usable()
            deadline = time.monotonic() + seconds
            # Until the answer is here, the wire is nobody's.
            wire, self._wire = self._wire, None
            try:
                wire = wire or self._dial(deadline)
                wire.send(request, deadline)
                answer = wire.receive(deadline)
                self._wire = wire
            except TimeoutError:
                raise PartyTimeout(
                    f"{self.name} did not answer within {seconds:g} s, {doing}."
                ) from None
            except (OSError, EOFError) as error:
                self.require_alive(doing)
                raise PartyLost(
                    f"{self.name} cannot be reached any more, {doing}: {error}."
                ) from None
            finally:
                if wire is not None and wire is not self._wire:
                    wire.close()
            return answer

    def _dial(self, deadline: float) -> Wire:
        host, port = self.address
        try:
            connection = socket.create_connection(
                (host, port), timeout=max(0.001, deadline - time.monotonic())
            )
        except TimeoutError:
            raise
        except OSError as error:
            if self._met or self._child is not None:
                raise
            raise AddressError(
                f"Nobody answers for {self.name} at {host}:{port} ({error}). Was it started "
                f"there, with `python -m labkit.processes {self.name} …`? Is the address right?"
            ) from None
        wire = Wire(connection)
        try:
            greet(wire, self.me, self._key, deadline)
            if wire.other != self.name:
                raise Stranger(f"{wire.other} listens there")
        except Stranger as error:
            wire.close()
            raise AddressError(
                f"Not {self.name} answers at {host}:{port}, or it has another key ({error}): "
                "compare addresses and keys with those that the parties were started with."
            ) from None
        except BaseException:  # Ctrl-C, a timeout
            wire.close()
            raise
        self._ledger.wires.append(wire)
        self._met = True
        return wire

    def require_alive(self, doing: str) -> None:
        """Raise PartyLost, with how it ended, if its process was started here and has ended."""
        if self._child is None:
            return
        try:
            code = self._child.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            return
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        assert self._log is not None
        self._log.seek(0)
        last = self._log.read().decode(errors="replace").strip().splitlines()[-1:]
        said = "" if code == -signal.SIGKILL or not last else f" It said: {last[0]}"
        raise PartyLost(
            f"{self.name}'s process has ended ({how}) while {doing}. What {self.name} held is "
            f"lost: run the cell that started the parties again, then those below it.{said}"
        )

    def _require_usable(self) -> None:
        if self.closed:
            raise PartyError(f"{self.name} is not running any more: these parties were closed.")
        if self._pid != os.getpid():
            raise PartyError(f"{self.name} belongs to another process: start parties of your own.")

    def close(self) -> None:
        """Hang up, and end the process if it was started here; may be called again."""
        self.closed = True
        if self._wire is not None:
            self._wire.close()
        if self._child is not None and self._pid == os.getpid():
            self._child.kill()
            self._child.wait()
            assert self._log is not None
            self._log.close()


def read(answer: bytes | bytearray) -> tuple[dict[str, Any], list[memoryview]]:
    """Return what an answer holds.

    Raises:
        PartyError: what the other process answers in place of what it was asked: a `Refusal`, or
            that it lost another party, say.
    """
    head, parts = unpack(answer)
    if "error" in head:
        kind = getattr(errors, head["error"], None)
        if isinstance(kind, type) and issubclass(kind, PartyError):
            raise kind(*head["arguments"])
        raise Refusal(head["error"], *head["arguments"])
    return head, parts


def _kill(child: Child, pid: int) -> None:
    if os.getpid() == pid:
        child.kill()
