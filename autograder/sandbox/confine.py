"""The command line of a sandbox: what is in it, and who is in charge of whether there is one.

A sandboxed process sees a read-only system, the environment and labkit; no network but a loopback
interface of its own, no other processes, no submissions, masters, answers, gradebook or home. What
it may write is private and in memory.
"""

import os
import resource
import site
import subprocess
import sys
import sysconfig
from contextlib import suppress
from itertools import chain
from pathlib import Path

from autograder.sandbox import bubblewrap
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


class NoSandbox(ValueError):
    """bubblewrap is missing or does not work here; the message says what to do."""


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
        # They start as root, so that they can become another user, and do at once.
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
    prefixes = [Path(path) for path in dict.fromkeys(wanted) if not path.startswith("/usr")]
    intake = ROOT / "autograder" / "intake"
    return [*chain(*map(_of_python, prefixes)), ROOT / "labkit", INSIDE, intake]


def _of_python(prefix: Path) -> list[Path]:
    """Return what to show of the folder that Python is in: all, if it is Python's alone."""
    # Not so with --prefix=$HOME or $HOME/.local.
    others = [Path(os.path.expanduser("~")), Path(site.getuserbase()), ROOT]
    if not any(path.resolve().is_relative_to(prefix.resolve()) for path in others):
        return [prefix]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    parts = chain(*map(prefix.glob, (f"lib*/{version}", "lib*/*.so*", "bin/python*")))
    return [part for part in parts if part.exists()]


def without_sandbox(folder: Path | None) -> dict[str, str]:
    """Return the environment of a kernel that has no sandbox; its IPython writes to a folder."""
    return os.environ | {"IPYTHONDIR": str(folder), "PYTHONPATH": str(ROOT)}
