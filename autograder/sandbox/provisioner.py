"""Kernels in sandboxes, and Jupyter's way to start them: a kernel provisioner.

What a kernel uses is limited, and when it ends, everything that it started ends with it.
"""

import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import psutil
import zmq
from jupyter_client import KernelConnectionInfo, KernelManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import KernelProvisionerBase, KernelProvisionerFactory

from autograder.sandbox import cgroup, confine
from autograder.sandbox.confine import NONE
from autograder.sandbox.inside import watch
from autograder.sandbox.inside.jail import Limits

_SOCKETS = ("shell", "iopub", "stdin", "control", "hb")

# Nothing larger is read from a kernel; its connection is closed instead.
MOST_MESSAGE_BYTES = 32 << 20
MOST_WAITING = 64


@dataclass(frozen=True)
class KernelSettings:
    """Where and how kernels run.

    `folder` is for their sockets, which they are handed and never see; its path must be short.
    `pool` is the socket of a pool (see pool.py), or None for kernels that import everything
    themselves. `beside` means that others may be graded meanwhile, and `shared` that its limit of
    memory is less for that: what such a kernel ends for may be no fault of its own.
    """

    folder: Path
    kind: str = "bwrap"
    pool: Path | None = None
    limits: Limits = field(default_factory=Limits)
    environment: dict[str, str] = field(default_factory=dict)
    beside: bool = False
    shared: bool = False

    @property
    def name(self) -> str:
        """What the outcome records."""
        return f"{self.kind}+pool" if self.pool else self.kind


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a folder for sockets, whose paths have at most 107 bytes: TMPDIR's may be too long."""
    with tempfile.TemporaryDirectory(prefix="lab-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


def start(settings: KernelSettings, link: socket.socket) -> KernelManager:
    """Start a kernel. `link` goes into it (see inside/wire.py); it is closed here.

    Returns:
        its manager. `manager.provisioner.reason` says why it died, if that is known.
    """
    folder = settings.folder / secrets.token_hex(4)
    folder.mkdir(mode=0o700, parents=True)
    context = zmq.Context()
    context.setsockopt(zmq.MAXMSGSIZE, MOST_MESSAGE_BYTES)
    context.setsockopt(zmq.RCVHWM, MOST_WAITING)
    context.setsockopt(zmq.LINGER, 0)
    ports = {f"{name}_port": number for number, name in enumerate(_SOCKETS, start=1)}
    manager = KernelManager(
        context=context, transport="ipc", connection_file=str(folder / "k"), ip=str(folder / "s"),
        **ports,
    )  # fmt: skip
    manager._kernel_spec = KernelSpec(
        argv=["kernel"],
        metadata={"kernel_provisioner": {"provisioner_name": "sandbox"}},
    )
    with link:
        manager.start_kernel(settings=settings, link=link)
    return manager


class Provisioner(KernelProvisionerBase):
    """Starts one kernel as its `KernelSettings` says, and ends it with all that it started."""

    reason = ""
    folder: Path | None = None
    _process: subprocess.Popen | None = None
    _monitor: socket.socket | None = None
    _status: int | None = None
    _cgroup: cgroup.Cgroup | None = None
    _ending = False  # by what is done here
    # Whether Linux ended a process of its group for memory that others took; None without a group.
    hit: bool | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Say where it will be found."""
        assert self.parent is not None
        with _named(self.parent.connection_file):
            self.parent.write_connection_file()  # which jupyter_client needs, the kernel does not
        self.connection_info = self.parent.get_connection_info()
        self.folder = Path(self.parent.ip).parent
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start it: in the pool, in bubblewrap, or as a mere process."""
        assert self.parent is not None
        settings, link = kwargs["settings"], kwargs["link"]
        uid = 1_000_000_000 + secrets.randbelow(1_000_000_000) if os.geteuid() == 0 else 0
        key = self.connection_info["key"].decode()  # type: ignore[attr-defined]  # it is bytes
        job = {
            "connection": self.connection_info | {"key": key},
            "environment": settings.environment,
            "limits": asdict(settings.limits),
            "jailed": settings.kind != NONE,
            "uid": uid,
        }
        self._limits = settings.limits
        self.said = _Tail()
        self._cgroup = None if settings.kind == NONE else cgroup.make(settings.limits)
        with ExitStack() as ours:
            # The sockets on which it listens are made here: it shares no folder with another
            # kernel, and cannot change to which kernel the grader connects.
            sockets = [ours.enter_context(_listening(f"{self.parent.ip}-{number}"))
                       for number in range(1, 1 + len(_SOCKETS))]  # fmt: skip
            doors = self._cgroup.doors() if self._cgroup else []
            for door in doors:
                ours.callback(os.close, door)
            job["link"], job["doors"] = link.fileno(), doors
            job["sockets"] = [each.fileno() for each in sockets]
            self._launch(settings, job)
        self.said.started()
        return self.connection_info

    def _launch(self, settings: KernelSettings, job: dict[str, Any]) -> None:
        fds = [job["link"], *job["sockets"], *job["doors"]]
        if settings.pool is not None:
            self._monitor = socket.socket(socket.AF_UNIX)
            text = json.dumps(job).encode() + b"\n"
            with suppress(OSError):  # it cannot fork, or has ended: then this kernel has, too
                self._monitor.connect(str(settings.pool))
                sent = socket.send_fds(self._monitor, [text], [self.said.fileno(), *fds])
                self._monitor.sendall(text[sent:])
        else:
            line = []
            if settings.kind != NONE:
                line = confine.command(disk=settings.limits.disk)
            self._process = process = subprocess.Popen(
                [*line, *confine.START, "kernel"],
                stdin=subprocess.PIPE,
                stdout=self.said.fileno(),
                stderr=self.said.fileno(),
                env=confine.environment() if line else confine.without_sandbox(self.folder),
                pass_fds=fds,
                start_new_session=True,
            )
            assert process.stdin is not None
            process.stdin.write(json.dumps(job).encode())
            process.stdin.close()
            threading.Thread(target=self._watch, args=(process,), daemon=True).start()

    def _watch(self, kernel: subprocess.Popen) -> None:
        while True:
            with suppress(subprocess.TimeoutExpired):
                kernel.wait(watch.SECONDS)
                return
            reason = watch.problem(kernel.pid, self._limits)
            if reason:
                self.reason, self._ending = reason, True
                self._end_processes(kernel)
                return

    def _end_processes(self, kernel: subprocess.Popen) -> None:
        # bubblewrap's children die with it. Without it they are ended one by one.
        family = []
        with suppress(psutil.Error, OSError):  # too little may be left to look for them
            family = psutil.Process(kernel.pid).children(recursive=True)
        kernel.kill()
        for child in family:
            with suppress(psutil.Error):
                child.kill()

    @property
    def has_process(self) -> bool:
        """Whether the kernel was started, and its end not yet seen."""
        return self._status is None and (self._process or self._monitor) is not None

    def alive(self) -> bool:
        """Return whether the kernel is still there; one that used too much is ended."""
        if self.has_process and self._cgroup and not self._ending:
            reason = self._cgroup.excess()
            if reason:
                self._ending = True
                self.end()
                self.reason = reason
        if self._status is None and self._process is not None:
            self._status = self._process.poll()
        elif (
            self._status is None
            and self._monitor is not None
            and select.select([self._monitor], [], [], 0)[0]
        ):
            self._ended(self._monitor)
        return self.has_process

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it, or what watches it, and not from here."""
        return not self._ending and self._status in (-signal.SIGKILL, 128 + signal.SIGKILL)

    def _ended(self, monitor: socket.socket) -> None:
        self._status = -signal.SIGKILL  # if it ends without a word
        with suppress(OSError, ValueError):
            said = json.loads(monitor.recv(1 << 16))
            self.reason, self._status = said["reason"] or self.reason, said["status"]
        monitor.close()

    async def poll(self) -> int | None:
        """Return None while the kernel is there."""
        return None if self.alive() else self._status or 0

    async def wait(self) -> int | None:
        """Wait for the kernel's end."""
        self._wait()
        return self._status

    def _wait(self) -> None:
        if self._process is not None:
            self._status = self._process.wait()
        elif self._status is None and self._monitor is not None:
            self._ended(self._monitor)

    async def send_signal(self, signum: int) -> None:
        """SIGKILL ends the kernel; others do not reach into its namespace."""
        if signum in (signal.SIGKILL, signal.SIGTERM):
            await self.kill()

    async def kill(self, restart: bool = False) -> None:
        """End the kernel with everything that it started, and wait until it has ended."""
        self.end()

    async def terminate(self, restart: bool = False) -> None:
        """The same."""
        self.end()

    async def cleanup(self, restart: bool = False) -> None:
        """The same; and remove its sockets."""
        self.end()

    def end(self) -> None:
        """End the kernel with everything that it started, and remove its sockets."""
        if self.alive():
            self._ending = True
            if self._process is not None:
                self._end_processes(self._process)
            elif self._monitor is not None:
                with suppress(OSError):
                    self._monitor.sendall(b"end")
            self._wait()
        if self._cgroup is not None:
            self.reason = self.reason or self._cgroup.excess()
            self.hit = self._cgroup.hit()
            self._cgroup.remove()
            self._cgroup = None
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def _listening(path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        with _named(path):
            listener.bind(path)
        listener.listen(8)
        yield listener


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Have an error say which file it is about; one of writing, or of a socket, does not."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


class _Tail:
    """The last that a kernel wrote to its own stdout and stderr, however much that was."""

    def __init__(self):
        self._read, self._write = os.pipe()
        self.text = b""

    def fileno(self) -> int:
        return self._write

    def started(self) -> None:
        os.close(self._write)
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        while more := os.read(self._read, 1 << 16):
            self.text = (self.text + more)[-4096:]
            time.sleep(0.01)  # who writes without end waits: 5 GB in 2 s took a core of the grader
        os.close(self._read)


# As an installed package would announce it.
KernelProvisionerFactory.instance().provisioners["sandbox"] = EntryPoint(
    "sandbox", f"{__name__}:Provisioner", KernelProvisionerFactory.GROUP_NAME
)
