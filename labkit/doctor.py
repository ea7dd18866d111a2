"""Whether this machine can run the labs: a line for each thing that they need, with its remedy.

Runs as a program too (`python labkit/doctor.py`), which needs nothing but Python: so it can also
say what is wrong with an environment in which labkit cannot be imported.
"""

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

# Lab 05 in full mode peaks at 1.9 GB; JupyterLab, TensorFlow Federated's worker and the system
# need the rest.
LEAST_MEMORY = 4 << 30
LEAST_DISK = 1 << 30
PACKAGES = ("labkit", "tensorflow", "tensorflow_privacy", "tensorflow_federated", "tf_shell")


@dataclass(frozen=True)
class Finding:
    """What was found of one thing that the labs need; `remedy` is empty where all is well."""

    name: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{'FAIL' if self.remedy else 'ok':4}  {self.name:15}  {self.found}"
        return f"{line}\n{'':23}{self.remedy}" if self.remedy else line


def examine() -> Iterator[Finding]:
    """Yield what is found of each need, as it is found. Nothing is raised, nothing is left."""
    for name, look in _NEEDS.items():
        try:
            found, remedy = look()
        except Exception as error:  # whatever else is wrong with the machine
            found, remedy = f"{type(error).__name__}: {error}", "this could not be found out"
        yield Finding(name, " ".join(found.split()), remedy)


def main() -> int:
    """Print what was found; return 1 if something is missing, else 0."""
    missing = 0
    for finding in examine():
        missing += bool(finding.remedy)
        print(finding, flush=True)
    print(f"{missing} to mend" if missing else "All is well.")
    return 1 if missing else 0


Found = tuple[str, str]


def _platform() -> Found:
    name = f"{platform.system()} {platform.machine()}"
    remedy = (
        "use Colab (README.md has the links), or the dev container: it has to be Linux on x86-64"
    )
    return name, "" if name == "Linux x86_64" else remedy


def _python() -> Found:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return version, "" if good else "use Python 3.11, 3.12 or 3.13: `make PYTHON=python3.12 lab`"


def _packages() -> Found:
    began = time.monotonic()
    _, problem = _run(f"import {', '.join(PACKAGES)}")
    seconds = time.monotonic() - began
    if problem:
        return problem, "install what uv.lock names: `make lab`, or `uv sync --locked`"
    return f"{', '.join(PACKAGES)} import in {seconds:.0f} s", ""


def _memory() -> Found:
    total = total_memory()
    remedy = f"give the machine or container {LEAST_MEMORY >> 30} GB"
    return f"{total / (1 << 30):.1f} GB", "" if total >= LEAST_MEMORY else remedy


def total_memory() -> int:
    """Return how many bytes the machine has, or the smallest control group that this is in."""
    lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    found = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemTotal"))
    return min([found, *_of_groups()])


def _of_groups() -> Iterator[int]:
    """Yield the limits of the control groups that this process is in, in both versions."""
    with suppress(OSError):
        for line in _OWN_GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            folder, file = GROUPS, "memory.max"
            if controllers:
                folder, file = folder / "memory", "memory.limit_in_bytes"
            if "memory" in controllers.split(",") or not controllers:
                inner = folder / path.lstrip("/")
                for group in (inner, *inner.parents):
                    with suppress(OSError, ValueError):  # it has none, or is not to be seen here
                        yield int((group / file).read_text())  # "max" is no number


def _cores() -> Found:
    count = len(os.sched_getaffinity(0))
    return str(count), "" if count >= 2 else "give it two cores: on one the labs take twice as long"


def _ports() -> Found:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        with socket.create_connection(server.getsockname(), 5), server.accept()[0]:
            return "processes reach each other at 127.0.0.1", ""


def _folders() -> Found:
    folders = [tempfile.gettempdir(), "/tmp", str(Path.home())]
    folders += [str(ROOT)] if (ROOT / "labs").is_dir() else []
    for folder in dict.fromkeys(folders):
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"x")
        except OSError as error:
            return f"{folder}: {error.strerror}", f"let user {os.geteuid()} write into {folder}"
        free = shutil.disk_usage(folder).free
        if free < LEAST_DISK:
            return f"{folder}: {free >> 20} MB free", f"free {LEAST_DISK >> 30} GB there"
    return f"{', '.join(dict.fromkeys(folders))} can be written", ""


def _mnist() -> Found:
    _, problem = _run("from labkit.data import load_mnist; load_mnist()")
    if problem:
        return problem, "restore it: `git checkout labkit/mnist`, or install labkit again"
    return "the published 70 000 images, byte for byte", ""


def _sandbox() -> Found:
    if not (ROOT / "autograder").is_dir():
        return "not looked for: there is no autograder here", ""
    program, problem = _run(
        "from autograder.sandbox import bubblewrap, confine\n"
        "try: confine.require(); print(bubblewrap.find())\n"
        "except confine.NoSandbox as error: raise SystemExit(str(error))"
    )
    if problem:
        return "submissions cannot be graded", problem
    return f"user namespaces, made by {program}", ""


def _run(code: str) -> tuple[str, str]:
    """Run Python code as a process; return what it printed, and its last words if it failed."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    if run.returncode == 0:
        return run.stdout.strip(), ""
    problem = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
    if problem.startswith("ModuleNotFoundError"):
        problem += "; see packages"
    return "", problem


_NEEDS: dict[str, Callable[[], Found]] = {
    "platform": _platform,
    "Python": _python,
    "packages": _packages,
    "memory": _memory,
    "cores": _cores,
    "ports": _ports,
    "folders": _folders,
    "MNIST": _mnist,
    "sandbox": _sandbox,
}

if __name__ == "__main__":
    sys.exit(main())
