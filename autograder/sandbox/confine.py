"""Kernels that can reach nothing: Jupyter kernel provisioning in bubblewrap.

A sandboxed kernel sees a read-only system, the environment and labkit; no network but a loopback
interface of its own, no other processes, no submissions, masters, answers, gradebook or home. What
it may write is private and in memory. What it uses is limited, and when it ends, everything that it
started ends with it.
"""

import json
import os
import resource
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
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

from autograder.sandbox import bubblewrap, cgroup
from autograder.sandbox.inside import watch
from autograder.sandbox.inside.jail import Limits

ROOT = Path(__file__).resolve().parents[2]
INSIDE = ROOT / "autograder" / "sandbox" / "inside"

NONE = "none-INSECURE"
KINDS = ("bwrap", NONE)
BANNER = (
    "INSECURE: submissions run without a sandbox. Their code can read and change everything that "
    "you can: other submissions, grades, your home, the network."
)
HOME = "/home/student"
# What runs in the sandbox; see inside/start.py.
START = (sys.executable, "-m", "autograder.sandbox.inside.start")

_SOCKETS = ("shell", "iopub", "stdin", "control", "hb")

# Nothing larger is read from a kernel; its connection is closed instead.
MOST_MESSAGE_BYTES = 32 << 20
MOST_WAITING = 64


class NoSandbox(ValueError):
    """bubblewrap is missing or does not work here; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """Where and how kernels run.

    `folder` is for their sockets, which they are handed and never see; its path must be short.
    `pool` is the socket of a pool (see pool.py), or None for kernels that import everything
    themselves.
    """

    folder: Path
    kind: str = "bwrap"
    pool: Path | None = None
    limits: Limits = field(default_factory=Limits)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the outcome records."""
        return f"{self.kind}+pool" if self.pool else self.kind


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a folder for sockets, whose paths have at most 107 bytes: TMPDIR's may be too long."""
    with tempfile.TemporaryDirectory(prefix="lab-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


def require(kind: str = "bwrap") -> None:
    """Make sure that kernels of a kind can be started here.

    Raises:
        NoSandbox: they cannot.
    """
    if kind not in KINDS:
        raise NoSandbox(f"no sandbox {kind!r}: there is {' and '.join(KINDS)}")
    if kind == NONE:
        return
    without = f"To run without any protection from what is in the submissions: --sandbox {NONE}"
    try:
        line = [*command(), sys.executable, "-c", "import labkit.budget, ipykernel"]
    except bubblewrap.Missing as error:
        raise NoSandbox(f"{error}. {without}") from None
    run = subprocess.run(
        line, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment()
    )
    if run.returncode != 0:
        said = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        raise NoSandbox(f"bubblewrap does not work here ({said}): {bubblewrap.remedy()}. {without}")


def open_many_files() -> None:
    """Let this process, and what it starts, have as many files open as its user may.

    Linux refuses to send files from process to process when more of the user's are on their way
    than the sender may have open. Where the grader is not root, kernels are that user's too, and
    have a smaller limit (see inside/jail.py): they get to theirs before the grader gets to its own.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def environment() -> dict[str, str]:
    """Return the environment of sandboxed processes: nothing of the person who grades."""
    return {
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), "/usr/bin", "/bin"]),
        "HOME": HOME,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": "/tmp/ipython",
        "MPLCONFIGDIR": "/tmp/matplotlib",
    } | {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TZ") if name in os.environ}


# What programs look for in /etc; nothing there is about the person who grades.
_ETC = (
    "alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime",
    "mime.types", "nsswitch.conf", "ssl/certs",
)  # fmt: skip


def command(*, disk: int = Limits.disk, capable: bool = False) -> list[str]:
    """Return the start of a command line that runs the rest of it in a sandbox.

    Nothing that can be written is shared with the outside. `capable` leaves the processes the means
    to make further sandboxes within this one; they must give them up themselves.

    Raises:
        bubblewrap.Missing: there is no bubblewrap.
    """
    line = [bubblewrap.find(), "--die-with-parent", "--new-session"]
    line += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    line += ["--unshare-cgroup-try", "--cap-drop", "ALL"]
    if os.geteuid() == 0:
        # They start as root, so that they can become somebody else than root, and do at once.
        rights = ["SETUID", "SETGID", "SETPCAP"]
    else:
        line += ["--unshare-user"]
        rights = []
    for right in ["ALL"] if capable else rights:
        line += ["--cap-add", right if capable else f"CAP_{right}"]
    for folder in ("/etc", "/etc/ssl", "/sys", "/sys/devices", "/sys/devices/system"):
        line += ["--perms", "0755", "--dir", folder]
    line += ["--ro-bind", "/usr", "/usr"]
    for folder in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        if os.path.islink(folder):
            line += ["--symlink", os.readlink(folder), folder]
        else:
            line += ["--ro-bind-try", folder, folder]
    for name in _ETC:
        line += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for path in (INSIDE / "etc").iterdir():
        line += ["--ro-bind", str(path), f"/etc/{path.name}"]
    line += ["--proc", "/proc", "--dev", "/dev"]
    # What is mapped of it, and shared, is memory that can be left behind; see inside/syscalls.py.
    line += ["--dev-bind", "/dev/null", "/dev/zero"]
    line += ["--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]
    for folder in ("/tmp", HOME, "/dev/shm"):
        line += ["--perms", "1777", "--size", str(disk), "--tmpfs", folder]
    for path in _program():
        for parent in reversed(path.parents):
            line += ["--perms", "0755", "--dir", str(parent)]
        line += ["--ro-bind", str(path), str(path)]
    return [*line, "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", HOME]


def _program() -> list[Path]:
    """Return the interpreter, its environment, labkit, and the programs of this folder's inside/.

    Not the folder that labkit is in: masters and answers are there too.
    """
    wanted = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix]
    wanted += [os.path.realpath(path) for path in wanted]
    paths = [Path(path) for path in dict.fromkeys(wanted) if not path.startswith("/usr")]
    intake = ROOT / "autograder" / "intake"
    return [*paths, ROOT / "labkit", INSIDE, intake]


# --- kernels --------------------------------------------------------------------------------------


def start(place: Place, link: socket.socket) -> KernelManager:
    """Start a kernel. `link` goes into it (see inside/wire.py); it is closed here.

    Returns:
        its manager. `manager.provisioner.reason` says why it died, if that is known.
    """
    folder = place.folder / secrets.token_hex(4)
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
        manager.start_kernel(place=place, link=link)
    return manager


class Provisioner(KernelProvisionerBase):
    """Starts one kernel as its `Place` says, and ends it with all that it started."""

    reason = ""
    folder: Path | None = None
    _process: subprocess.Popen | None = None
    _monitor: socket.socket | None = None
    _status: int | None = None
    _cgroup: cgroup.Cgroup | None = None
    _ending = False

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Say where it will be found."""
        assert self.parent is not None
        self.parent.write_connection_file()  # which jupyter_client needs, and the kernel does not
        self.connection_info = self.parent.get_connection_info()
        self.folder = Path(self.parent.ip).parent
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start it: in the pool, in bubblewrap, or as a mere process."""
        assert self.parent is not None
        place, link = kwargs["place"], kwargs["link"]
        uid = 1_000_000_000 + secrets.randbelow(1_000_000_000) if os.geteuid() == 0 else 0
        key = self.connection_info["key"].decode()  # type: ignore[attr-defined]  # it is bytes
        job = {
            "connection": self.connection_info | {"key": key},
            "environment": place.environment,
            "limits": asdict(place.limits),
            "jailed": place.kind != NONE,
            "uid": uid,
        }
        self._limits = place.limits
        self.said = _Tail()
        self._cgroup = None if place.kind == NONE else cgroup.make(place.limits)
        with ExitStack() as ours:
            # Where it listens is made here and handed over: it shares no folder with anybody, and
            # nothing that it does leads who connects elsewhere.
            sockets = [ours.enter_context(_listening(f"{self.parent.ip}-{number}"))
                       for number in range(1, 1 + len(_SOCKETS))]  # fmt: skip
            doors = self._cgroup.doors() if self._cgroup else []
            for door in doors:
                ours.callback(os.close, door)
            job["link"], job["doors"] = link.fileno(), doors
            job["sockets"] = [each.fileno() for each in sockets]
            self._launch(place, job)
        self.said.started()
        return self.connection_info

    def _launch(self, place: Place, job: dict[str, Any]) -> None:
        fds = [job["link"], *job["sockets"], *job["doors"]]
        if place.pool is not None:
            self._monitor = socket.socket(socket.AF_UNIX)
            self._monitor.connect(str(place.pool))
            text = json.dumps(job).encode() + b"\n"
            sent = socket.send_fds(self._monitor, [text], [self.said.fileno(), *fds])
            self._monitor.sendall(text[sent:])
        else:
            line = []
            if place.kind != NONE:
                line = command(disk=place.limits.disk)
            self._process = process = subprocess.Popen(
                [*line, *START, "kernel"],
                stdin=subprocess.PIPE,
                stdout=self.said.fileno(),
                stderr=self.said.fileno(),
                env=environment() if line else _without_sandbox(self.folder),
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
            reason = watch.excess(kernel.pid, self._limits)
            if reason:
                self.reason = reason
                self._end_processes(kernel)
                return

    def _end_processes(self, kernel: subprocess.Popen) -> None:
        # bubblewrap's children die with it. Without it they are hunted, one by one.
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(kernel.pid).children(recursive=True)
            kernel.kill()
            for child in family:
                with suppress(psutil.NoSuchProcess):
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

    def _ended(self, monitor: socket.socket) -> None:
        with suppress(OSError):
            self.reason = monitor.recv(1000).decode() or self.reason
        monitor.close()
        self._status = 1

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
            if self._process is not None:
                self._end_processes(self._process)
            elif self._monitor is not None:
                with suppress(OSError):
                    self._monitor.sendall(b"end")
            self._wait()
        if self._cgroup is not None:
            self.reason = self.reason or self._cgroup.excess()
            self._cgroup.remove()
            self._cgroup = None
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _without_sandbox(folder: Path | None) -> dict[str, str]:
    return os.environ | {"IPYTHONDIR": str(folder), "PYTHONPATH": str(ROOT)}


@contextmanager
def _listening(path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8)
        yield listener


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
        os.close(self._read)


# As an installed package would announce it.
KernelProvisionerFactory.instance().provisioners["sandbox"] = EntryPoint(
    "sandbox", f"{__name__}:Provisioner", KernelProvisionerFactory.GROUP_NAME
)
