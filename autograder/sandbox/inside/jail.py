"""Confine this process, from the inside, with what Linux offers: namespaces, capabilities, limits.

Only the standard library: it runs before anything else in a sandbox.
"""

import contextlib
import ctypes
import fcntl
import os
import re
import resource
import signal
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from autograder.sandbox.inside import syscalls

_libc = ctypes.CDLL(None, use_errno=True)

# In a socket, to send and received: net.core.wmem_default and rmem_default, beyond which none gets
# (see syscalls.py).
MOST_BUFFERED = 2 * 212_992
MOST_TERMINALS = 64
# Where the machine has a program for crashes (core_pattern), Linux starts it for each one, outside
# and as root, and pipes the whole memory to it, even with a limit of 0; with this one it does not.
NO_CORE = 1

# <linux/sched.h>
NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
# <linux/mount.h>
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT = 1, 2, 4, 8, 32
_BIND, _REC, _PRIVATE = 4096, 16384, 1 << 18
# <linux/prctl.h>
_SET_PDEATHSIG, _SET_DUMPABLE, _CAPBSET_DROP, _SET_NO_NEW_PRIVS = 1, 4, 24, 38


@dataclass(frozen=True)
class Limits:
    """What one kernel, with everything that it starts, may use.

    `memory` and `disk` are in bytes (`disk` is memory too: a tmpfs), `cpu_seconds` are those of one
    process, `processes` count threads. `mapped` is how much a process may map, used or not; 0 for
    as much as `memory`.
    """

    memory: int = 6 << 30
    disk: int = 512 << 20
    cpu_seconds: int = 900
    processes: int = 512
    mapped: int = 0

    @property
    def most_processes(self) -> int:
        """How many Linux lets it have: a few more, so that who has too many is seen, and ended."""
        return self.processes + 16

    @property
    def most_mapped(self) -> int:
        """How many bytes a process may map for itself."""
        return self.mapped or self.memory

    @property
    def too_much_memory(self) -> str:
        """What is said of who has used more than `memory`."""
        return f"it used more than {self.memory / (1 << 30):.3g} GB of memory"


def _call(name: str, *arguments) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` names for new ones."""
    _call("unshare", flags)


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """mount(2)."""
    of_kind = kind and kind.encode()
    _call("mount", source.encode(), target.encode(), of_kind, ctypes.c_ulong(flags), data.encode())


def unmount(target: str) -> None:
    """umount2(2), lazily."""
    _call("umount2", target.encode(), 2)


def die_with_parent() -> None:
    """Have this process killed when its parent ends."""
    _libc.prctl(_SET_PDEATHSIG, signal.SIGKILL)


def own_view(disk: int) -> None:
    """Mount a file system of this process's own.

    /tmp, /home/student and /dev/shm are private and empty, of `disk` bytes each; /proc shows the
    own process namespace; /dev/pts has its own terminals, and few, as Linux has 4096 for all.
    """
    unshare(NEWNS | NEWNET | NEWIPC | NEWUTS | NEWCGROUP)
    mount("none", "/", None, _REC | _PRIVATE)
    for folder in ("/tmp", "/home/student", "/dev/shm"):
        # The lab's environment may be mounted somewhere below.
        _tmpfs(Path(folder), disk, keep=[p for p in _mounts() if p.startswith(f"{folder}/")])
    mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    few = f"newinstance,ptmxmode=0666,mode=620,max={MOST_TERMINALS}"
    mount("devpts", "/dev/pts", "devpts", _NOSUID | _NOEXEC, few)


def _mounts() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    # The file writes a space as \040.
    names = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [name.encode("latin-1").decode() for name in names]


def _tmpfs(folder: Path, size: int, keep: list[str]) -> None:
    kept = [(path, os.open(path, os.O_PATH)) for path in dict.fromkeys(keep)]
    # As many files as fit if each fills a page.
    options = f"size={size},nr_inodes={max(64, size >> 12)},mode=1777"
    mount("tmpfs", str(folder), "tmpfs", _NOSUID | _NODEV, options)
    for path, fd in kept:
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            os.makedirs(path, mode=0o755, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            Path(path).touch()
        mount(f"/proc/self/fd/{fd}", path, None, _BIND | _REC)
        os.close(fd)


def loopback_up() -> None:
    """Switch the loopback interface of a new network namespace on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up = struct.pack("16sh14x", b"lo", 1 | 64)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS


def small_buffers() -> None:
    """Let a TCP connection of this network namespace hold as little as other sockets may.

    Linux lets it grow to megabytes that no process has mapped. Where that cannot be changed, a
    control group must count them.
    """
    for name in ("tcp_rmem", "tcp_wmem"):
        with contextlib.suppress(OSError):
            Path(f"/proc/sys/net/ipv4/{name}").write_text(f"4096 131072 {MOST_BUFFERED}")


def confine(limits: Limits, uid: int) -> None:
    """Limit this process and take all its privileges, for good; it may not have threads yet.

    As root it becomes the user `uid`, whom nobody else may be.
    """
    limit(limits)
    # Where the machine's memory runs out, what is in a sandbox goes first, and never the grader.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    _drop_privileges(uid)
    # Processes are counted for each user in each user namespace, and this one is new; before Linux
    # 5.14 they were counted for the user alone, who may have other kernels.
    alone = uid or tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) >= (5, 14)
    _at_most(resource.RLIMIT_NPROC, limits.most_processes * (1 if alone else 8))
    syscalls.refuse()


def _drop_privileges(uid: int) -> None:
    """Give up every capability, for good; as root also become the user `uid`, who owns nothing."""
    for capability in range(64):
        _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
    if os.geteuid() == 0 and uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        _libc.prctl(_SET_DUMPABLE, 1)  # which a change of user ends: /proc/self would be closed
    with contextlib.suppress(OSError):
        _in_a_user_namespace()
    header = struct.pack("Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    _call("capset", header, bytes(24))
    if _libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError("no_new_privs is not available")


def _in_a_user_namespace() -> None:
    """Enter a user namespace of one's own in which no others can be made, and /proc is read-only.

    Who may write there undoes what was set, such as who goes first when memory runs out: a kernel
    that says that it does not leaves that to its neighbours.
    """
    uid, gid = os.getuid(), os.getgid()
    unshare(NEWUSER | NEWNS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    # Where more of them can be made, root in one's own namespace can try out the whole kernel.
    with contextlib.suppress(OSError):
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
    read_only = _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV | _NOEXEC
    mount("none", "/proc", None, read_only)


def limit(limits: Limits) -> None:
    """Set the limits that the system itself can hold a process to."""
    # Far fewer files than the grader: see sandbox.open_many_files.
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most_files = 1024 if most_files == resource.RLIM_INFINITY else min(1024, most_files // 4)
    for what, most in (
        (resource.RLIMIT_DATA, limits.most_mapped),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.disk),
        (resource.RLIMIT_NOFILE, most_files),
        (resource.RLIMIT_CORE, NO_CORE),
        (resource.RLIMIT_MEMLOCK, 1 << 20),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 1024),
        # Where the user has them, who uses them comes before who watches.
        (resource.RLIMIT_RTPRIO, 0),
        (resource.RLIMIT_NICE, 0),
    ):
        _at_most(what, most)


def _at_most(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, most))
