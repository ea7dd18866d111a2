"""What holds a kernel: the filter of system calls, control groups, limits for each kernel."""

import ctypes
import errno
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from autograder.labs import ROOT
from autograder.sandbox import cgroup, confine, provisioner
from autograder.sandbox.inside import jail, syscalls, watch
from autograder.sandbox.kernel import Died, TimedOut
from autograder.sandbox.provisioner import Limits
from tests.kernels import kernel_in, places, said

pytestmark = pytest.mark.grader

KINDS = ("pool", "bwrap")
ROWS = {name: number for calls in syscalls.REFUSED.values() for name, number in calls.items()}


@pytest.fixture(scope="module", params=KINDS)
def place(request):
    with places(request.param) as place:
        yield place


# --- system calls ---------------------------------------------------------------------------------

# Each prints what came of it; -1 is no valid argument of any.
TRY = r"""
import ctypes, errno, fcntl, json, mmap, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    arguments = [ctypes.c_long(each) for each in arguments or (-1,) * 6]
    ctypes.set_errno(0)
    return errno.errorcode[ctypes.get_errno()] if libc.syscall(ctypes.c_long(number), *arguments) < 0 else "done"
def attempt(function, *arguments):
    try:
        function(*arguments)
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
def ends_by(code):
    child = os.fork()
    if child == 0:
        code()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
def thread(*flags):
    pause = ctypes.cast(libc.pause, ctypes.c_void_p)
    stack = ctypes.addressof(mmap_of(1 << 16)) + (1 << 16)
    return "done" if libc.clone(pause, ctypes.c_void_p(stack), sum(flags), None) > 0 else errno.errorcode[ctypes.get_errno()]
stacks = []
def mmap_of(size):
    stacks.append(ctypes.create_string_buffer(size))
    return stacks[-1]
def old_call():
    page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7)
    page.write(b"\xb8\x14\0\0\0\xcd\x80\xc3")  # getpid, as 32-bit programs ask for it
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""  # noqa: E501


@pytest.fixture(scope="module")
def answers(place):
    """What each of the refused calls, and others, came to in a kernel."""
    with kernel_in(place) as kernel:
        rows = said(kernel, TRY + f"print(json.dumps({{n: call(k) for n, k in {ROWS!r}.items()}}))")
        others = said(
            kernel,
            """
tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
zero = os.open("/dev/zero", os.O_RDWR)
root = os.open("/", os.O_RDONLY)
own = open("/tmp/own", "w")
print(json.dumps({
    "clone into a user namespace": call(56, 0x10000000 | 17, 0, 0, 0, 0),
    "clone into a network namespace": call(56, 0x40000000 | 17, 0, 0, 0, 0),
    "clone3": call(435),
    "a later call": call(500),
    "the kernel's cryptography": attempt(socket.socket, 38, socket.SOCK_SEQPACKET),
    "virtual machines' sockets": attempt(socket.socket, 40, tcp),
    "packets": attempt(socket.socket, 17, tcp),
    "bluetooth": attempt(socket.socket, 31, tcp),
    "a pair of others": call(53, 38, 1, 0, 0),
    "netfilter": attempt(socket.socket, 16, socket.SOCK_RAW, 12),
    "routing": attempt(socket.socket, 16, socket.SOCK_RAW, 0),
    "sctp": attempt(socket.socket, 2, tcp, 132),
    "mptcp": attempt(socket.socket, 2, tcp, 262),
    "sequenced packets": attempt(socket.socket, 10, socket.SOCK_SEQPACKET),
    "raw": attempt(socket.socket, 2, socket.SOCK_RAW, 1),
    "tcp": attempt(socket.socket, 2, tcp), "udp": attempt(socket.socket, 10, udp),
    "local": attempt(socket.socketpair),
    "a filter of its own": call(157, 22, 2, 0), "the rest of prctl": call(157, 3, 0),
    "a socket's filter": attempt(socket.socket().setsockopt, 1, 26, bytes(16)),
    "a port's filter": attempt(socket.socket().setsockopt, 1, 51, bytes(16)),
    "sending without a copy": attempt(socket.socket().setsockopt, 1, 60, 1),
    "what else a socket is told": attempt(socket.socket().setsockopt, 1, socket.SO_REUSEPORT, 1),
    "typing into a terminal": call(16, 0, 0x5412, 0),
    "typing, with more bits": call(16, 0, 0x5412 | 1 << 40, 0),
    "another personality": call(135, 0x0040000),
    "its personality": call(135, 0xFFFFFFFF),
    "a lease": call(72, zero, 1024, 1), "news of a folder": call(72, root, 1026, 1),
    "a lock of an open file": call(72, zero, 37, 0), "waiting for it": call(72, zero, 38, 0),
    "a later command": call(72, zero, 1040, 1), "a copy of a file": call(72, zero, 0, 0),
    "a lock": attempt(fcntl.flock, own, fcntl.LOCK_EX), "its lock": attempt(fcntl.lockf, own, 2),
    "a thread with files of its own": thread(0x100, 0x800, 0x10000),
    "a thread": thread(0x100, 0x800, 0x10000, 0x400),
    "files of its own": call(436, 1000, 1001, 2), "closing files": call(436, 1000, 1001, 0),
    "a list of who may read": attempt(os.setxattr, "/tmp/own", "system.posix_acl_access", b"x"),
    "an attribute": attempt(os.setxattr, own.fileno(), "user.x", b"x"),
    "memory that is shared": attempt(mmap.mmap, -1, 4096),
    "pages set aside": attempt(mmap.mmap, -1, 4096, 0x22 | 1 << 18),
    "the same, of a device": attempt(mmap.mmap, zero, 4096),
    "another numbering": ends_by(lambda: libc.syscall(ctypes.c_long(0x40000000 | 39))),
    "32 bits": ends_by(old_call),
    "a fork": ends_by(lambda: None),
}))
""",
        )
    return json.loads(rows), json.loads(others)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_refused(answers, name):
    assert answers[0][name] == "EPERM"


@pytest.mark.parametrize(
    ("what", "answer"),
    {
        "clone into a user namespace": "EPERM", "clone into a network namespace": "EPERM",
        "clone3": "ENOSYS", "a later call": "ENOSYS", "the kernel's cryptography": "EAFNOSUPPORT",
        "virtual machines' sockets": "EAFNOSUPPORT", "packets": "EAFNOSUPPORT",
        "bluetooth": "EAFNOSUPPORT", "a pair of others": "EAFNOSUPPORT",
        "netfilter": "EAFNOSUPPORT", "routing": "done", "sctp": "EPROTONOSUPPORT",
        "mptcp": "EPROTONOSUPPORT", "sequenced packets": "EAFNOSUPPORT", "raw": "EAFNOSUPPORT",
        "tcp": "done", "udp": "done", "local": "done", "typing into a terminal": "EPERM",
        "a filter of its own": "EPERM", "the rest of prctl": "done", "a socket's filter": "EPERM",
        "a port's filter": "EPERM", "sending without a copy": "EPERM",
        "what else a socket is told": "done",
        "typing, with more bits": "EPERM", "another personality": "EPERM",
        "its personality": "done",
        "a lease": "EPERM", "news of a folder": "EPERM", "a lock of an open file": "EPERM",
        "waiting for it": "EPERM", "a later command": "EINVAL", "a copy of a file": "done",
        "a lock": "done", "its lock": "done", "a thread with files of its own": "EPERM",
        "a thread": "done", "files of its own": "EPERM", "closing files": "done",
        "a list of who may read": "ENOTSUP", "an attribute": "ENOTSUP",
        "memory that is shared": "ENOMEM", "pages set aside": "ENOMEM",
        "the same, of a device": "ENODEV", "another numbering": -31, "32 bits": -31, "a fork": 0,
    }.items(),
)  # fmt: skip
def test_arguments_decide(answers, what, answer):
    assert answers[1][what] == answer


def test_the_rows_numbers_are_those_of_linux():
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("there is no libseccomp to ask")
    found = {name: library.seccomp_syscall_resolve_name(name.encode()) for name in ROWS}
    known = {name: number for name, number in found.items() if number != -1}
    assert known == {name: ROWS[name] for name in known} and len(known) > 80


def test_where_the_filter_cannot_be_put_in_place_nothing_runs():
    """Without no_new_privs and capabilities Linux refuses it."""
    code = (
        "from autograder.sandbox.inside import jail, syscalls\n"
        "syscalls.program = lambda: b'\\x06\\0\\0\\0\\0\\0\\xff'\n"
        "jail._drop_privileges = lambda uid: None\n"
        "try:\n    jail.confine(jail.Limits(), 0)\nexcept OSError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "refused\n", done.stderr


# --- memory ---------------------------------------------------------------------------------------

HOARDS = {
    "private": "hoard = [bytearray(b'x') * (16 << 20) for _ in range(64)]",
    "of children": (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        hoard = bytearray(b'x') * (100 << 20); time.sleep(600)\ntime.sleep(60)"
    ),
    "of processes whose first thread has ended": (
        "import ctypes, os, threading, time\n"
        "def hoard():\n    kept = bytearray(b'x') * (100 << 20); time.sleep(600)\n"
        "for _ in range(8):\n    if os.fork() == 0:\n"
        "        threading.Thread(target=hoard).start(); ctypes.CDLL(None).syscall(60, 0)\n"
        "time.sleep(60)"
    ),
    # Who reads such a name as lines finds no number, or another one than the system's.
    "of one whose name looks like a figure": (
        "import ctypes, os, time\nctypes.CDLL(None).prctl(15, b'\\rVmRSS: x')\n"
        "for _ in range(8):\n    if os.fork() == 0:\n"
        "        hoard = bytearray(b'x') * (100 << 20); time.sleep(600)\ntime.sleep(60)"
    ),
    "of ended threads whose name looks like a figure": (
        "import ctypes, os, threading, time\nctypes.CDLL(None).prctl(15, b'\\rVmRSS: 1')\n"
        "def hoard():\n    time.sleep(1); kept = bytearray(b'x') * (100 << 20); time.sleep(600)\n"
        "for _ in range(8):\n    if os.fork() == 0:\n"
        "        threading.Thread(target=hoard).start(); ctypes.CDLL(None).syscall(60, 0)\n"
        "time.sleep(60)"
    ),
    # 15 GB in 500 pipes.
    "huge pages lent to pipes": (
        "import ctypes, mmap, os\nlibc = ctypes.CDLL(None, use_errno=True)\npipes = []\n"
        "for at in range(300):\n"
        "    page = mmap.mmap(-1, 4 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
        "    page.madvise(mmap.MADV_HUGEPAGE)\n    page[2 << 20] = 1\n"
        "    place = ctypes.c_char.from_buffer(page, 2 << 20)\n"
        "    part = (ctypes.c_size_t * 2)(ctypes.addressof(place), 1)\n"
        "    pipes += [os.pipe()] if at % 15 == 0 else []\n"
        "    if libc.vmsplice(pipes[-1][1], part, ctypes.c_size_t(1), 2) != 1:\n"
        "        raise OSError(ctypes.get_errno(), 'refused')\n"
        "    del place, part\n    page.close()"
    ),
    "pages of files lent to sockets": (
        "import os, socket\nkept = []\nfor _ in range(20):\n"
        "    listener = socket.create_server(('127.0.0.1', 0))\n"
        "    kept += [socket.create_connection(listener.getsockname()), listener.accept()]\n"
        "    file = os.open('/tmp/file', os.O_RDWR | os.O_CREAT)\n"
        "    os.pwrite(file, bytes(4096 * 5000), 0)\n"
        "    for at in range(5000):\n        os.sendfile(kept[-2].fileno(), file, at * 4096, 1)\n"
        "    os.ftruncate(file, 0)"
    ),
    "page tables": (
        "import mmap\nhoard = mmap.mmap(-1, 1 << 40, mmap.MAP_PRIVATE | 0x4000"
        " | mmap.MAP_ANONYMOUS, mmap.PROT_READ)\n"
        "for at in range(0, 1 << 40, 1 << 21): hoard[at]"
    ),
}


@pytest.mark.parametrize("counted", ["by a control group", "one by one"])
@pytest.mark.parametrize("hoard", HOARDS)
def test_memory_is_limited(place, hoard, counted, monkeypatch):
    if counted == "one by one":
        monkeypatch.setattr(cgroup, "make", lambda _: None)
    with kernel_in(replace(place, limits=Limits(memory=400 << 20))) as kernel:
        try:
            run = kernel.run(HOARDS[hoard], 60)
        except Died as died:
            assert "more than 0.391 GB of memory" in str(died)
        else:
            assert run.error is not None


CONNECTION = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
sender = socket.create_connection(listener.getsockname())
receiver, _ = listener.accept()
sender.setblocking(False)
sent = 0
try:
    while True:
        sent += sender.send(bytes(1 << 16))
except BlockingIOError:
    print(sent)
"""


def test_a_connection_that_nobody_reads_holds_no_more_than_is_counted():
    # As an ordinary user, without a control group, a thousand of them held 7 GB.
    with places("pool") as place, kernel_in(place) as kernel:
        sent = max(int(said(kernel, CONNECTION)) for _ in range(5))
        assert sent < 2 * jail.MOST_BUFFERED


@pytest.mark.parametrize(
    ("clock", "step"), [("thread_time", 2), ("monotonic", 11), ("monotonic", 1)]
)
def test_a_look_that_takes_too_long_has_seen_too_much(monkeypatch, clock, step):
    # With 500 processes of 60 000 mappings each it took 20 s, in which they could get anything.
    monkeypatch.setattr(watch, clock, count(0, step).__next__)
    monkeypatch.setattr(watch, "_proportional", lambda _: 0)
    found = watch.excess(os.getpid(), Limits(memory=64 << 20))
    assert found == ("" if step == 1 else "it used more than 0.0625 GB of memory")


OF_ALL = {
    "open files": (
        "import os, time\nfor _ in range(80):\n    if os.fork() == 0:\n"
        "        kept = [os.open('/dev/null', os.O_RDONLY) for _ in range(900)]; time.sleep(600)\n"
        "time.sleep(60)"
    ),
    # One that waits to be accepted is no process's file, and holds what was sent to it.
    "sockets": (
        "import socket, time\nwaits = socket.socket(socket.AF_UNIX)\n"
        "waits.bind('\\0x'); waits.listen(4096)\n"
        "for _ in range(3000):\n"
        "    one = socket.socket(socket.AF_UNIX); one.connect('\\0x'); one.setblocking(False)\n"
        "    try:\n        while True: one.send(bytes(1 << 16))\n"
        "    except OSError: one.close()\ntime.sleep(60)"
    ),
}


@pytest.mark.parametrize("what", OF_ALL)
def test_of_what_linux_has_for_all_it_gets_a_part(place, what):
    with kernel_in(place) as kernel, pytest.raises(Died, match=f"more than [0-9]+ {what}"):
        kernel.run(OF_ALL[what], 60)


BUFFERS = """
import socket
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    one, other = socket.socketpair(socket.AF_UNIX, kind)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    one.setblocking(False)
    sent = 0
    try:
        while True:
            sent += one.send(bytes(1 << 15))
    except BlockingIOError:
        print(sent)
"""


def test_a_socket_holds_no_more_than_is_counted(place):
    # On Linux 6.18 it can have 8 MB.
    with kernel_in(place) as kernel:
        assert max(map(int, said(kernel, BUFFERS).split())) < jail.MOST_BUFFERED


LOCKS = """
import fcntl, os, struct
file = os.open("/tmp/locked", os.O_CREAT | os.O_RDWR)
for command in (fcntl.F_SETLK, fcntl.F_SETLKW):
    for at in range(100):
        fcntl.fcntl(file, command, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 2 * at, 1, 0))
print(len(open("/proc/locks").readlines()))
"""
DATABASE = """
import sqlite3
with sqlite3.connect("/tmp/base") as base:
    base.execute("CREATE TABLE numbers (n)")
    base.execute("INSERT INTO numbers VALUES (7)")
print(sqlite3.connect("/tmp/base").execute("SELECT n FROM numbers").fetchall())
"""


def test_locks_are_granted_and_not_kept(place):
    # No control group counts them, and a process got 220 000 a second, of 192 bytes each.
    with kernel_in(place) as kernel:
        assert said(kernel, LOCKS) == "0\n"
        assert said(kernel, DATABASE) == "[(7,)]\n"


STAYS_BEHIND = """
import os
def lower(process):
    try:
        with open(f"/proc/{process}/oom_score_adj", "w") as file:
            file.write("0")
    except OSError as error:
        print(error.strerror)
for process in ("self", 1, os.getppid()):
    lower(process)
if os.fork() == 0:
    lower("self")
    os._exit(0)
os.wait()
print(open("/proc/self/oom_score_adj").read())
"""


def test_where_the_machines_memory_runs_out_it_goes_first(place):
    # One that put itself behind the others had them ended for what it took, root or not.
    with kernel_in(place) as kernel:
        assert said(kernel, STAYS_BEHIND).split()[-1] == "1000"
        assert "1000" in said(kernel, "print(open('/proc/self/oom_score_adj').read())")


def test_what_it_writes_itself_is_read_at_a_walk():
    # As fast as it can, a kernel had a core of the grader's busy with 2.7 GB/s.
    tail = provisioner._Tail()
    with open(os.dup(tail.fileno()), "wb", buffering=0) as file:
        tail.started()
        began, written = time.monotonic(), 0
        while time.monotonic() < began + 0.5:
            written += file.write(bytes(1 << 16))
        assert written < 8 << 20
        file.write(b"the end")
    while not tail.text.endswith(b"the end"):
        assert time.monotonic() < began + 30
        time.sleep(0.01)


CORES = """
import ctypes, resource
core, none = resource.RLIMIT_CORE, (ctypes.c_ulong * 2)(0, 0)
resource.setrlimit(core, (0, 0))
resource.prlimit(0, core, (0, 0))
for number, *arguments in ((160, core, none), (160, core | 1 << 40, none), (302, 0, core, none)):
    ctypes.CDLL(None).syscall(ctypes.c_long(number), *arguments)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
print(*resource.getrlimit(core), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_its_crashes_start_no_program_of_the_machines(place):
    # A limit of 0 keeps files away, and no pipe: systemd-coredump and apport are at the end of one.
    with kernel_in(place) as kernel:
        assert said(kernel, CORES) == "1 1 100 100\n"


TERMINALS = """
import os
kept = []
try:
    while True:
        kept.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
except OSError:
    print(len(kept), len(os.listdir("/dev/pts")))
"""


def test_its_terminals_are_few_and_its_own():
    # Linux has 4096 for all; and a kernel of the same user's could write to its neighbour's.
    with places("pool") as place, kernel_in(place) as kernel, kernel_in(place) as neighbour:
        assert said(kernel, TERMINALS) == f"{jail.MOST_TERMINALS} {jail.MOST_TERMINALS + 1}\n"
        assert said(neighbour, "import os; print(os.listdir('/dev/pts'))") == "['ptmx']\n"
        assert "here" in said(neighbour, "!echo he''re")


@pytest.fixture
def group():
    made = cgroup.make(Limits())
    if made is None:
        pytest.skip("no control groups here")
    yield made
    made.remove()


def mine():
    return set(cgroup.ROOT.glob(f"**/lab-{os.getpid()}-*"))


def test_a_control_group_counts_files_in_memory_too(place, group):
    before = mine()
    limits = Limits(memory=300 << 20, disk=400 << 20)
    place = replace(place, limits=limits)
    with kernel_in(place) as kernel, pytest.raises(Died, match=r"more than 0\.293 GB"):
        for name in ("/tmp", "/dev/shm"):
            kernel.run(
                f"with open('{name}/x', 'wb') as file:\n"
                "    for _ in range(200): file.write(bytes(1 << 20))",
                60,
            )
        kernel.run("import time; time.sleep(60)", 60)
    assert mine() == before


def test_what_a_dead_grader_left_is_removed(group):
    process = subprocess.Popen(["true"])
    process.wait()
    folders = [folder.with_name(f"lab-{process.pid}-x") for folder in group._folders.values()]
    for folder in dict.fromkeys(folders):
        folder.mkdir()
    cgroup._parents.cache_clear()
    cgroup._parents()
    assert not any(folder.exists() for folder in folders)
    assert all(folder.exists() for folder in group._folders.values())


def test_a_killing_is_told_in_both_versions(tmp_path):
    group = cgroup.Cgroup(2, {"memory": tmp_path / "lab"}, Limits(memory=1 << 30))
    for file in ("memory.events", "memory.oom_control"):
        (tmp_path / "lab" / file).write_text("low 0\noom_kill 0\n")
        assert group.excess() == ""
        (tmp_path / "lab" / file).write_text("low 0\noom_kill 12\n")
        assert group.excess() == "it used more than 1 GB of memory"
        (tmp_path / "lab" / file).unlink()


def test_where_no_control_group_can_be_made_there_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr(cgroup, "_parents", lambda: [(2, {"memory": tmp_path / "no" / "such"})])
    assert cgroup.make(Limits()) is None


# --- processes ------------------------------------------------------------------------------------

BOMB = """
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
"""
HONEST = """
import os, time
for _ in range(50):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    time.sleep(0.005)
print("all of them")
"""


def side_by_side(place):
    """Run two bombs and an honest kernel at once."""
    place = replace(place, limits=Limits(memory=1 << 30, processes=200))
    with ExitStack() as stack:
        one, two, honest = (stack.enter_context(kernel_in(place)) for _ in range(3))
        one.begin(BOMB)
        two.begin(BOMB)
        time.sleep(0.5)
        assert said(honest, HONEST) == "all of them\n"
        for bomb in (one, two):
            with pytest.raises((Died, TimedOut), match="more than 200 processes"):
                bomb.run("", 30)


# Sends files to itself, and takes none: Linux counts them for the user.
ON_THEIR_WAY = """
import array, socket
kept, files = [], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 250))]
refused = False
while not refused:
    kept.append(socket.socketpair())
    kept[-1][0].setblocking(False)
    try:
        while True:
            kept[-1][0].sendmsg([b"."], files)
    except BlockingIOError:
        pass
    except OSError as error:
        refused = True
        print(error.errno)
"""


def files_on_their_way(place):
    """Start a kernel, which is handed files, while another has sent all that it may."""
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    confine.open_many_files()
    with kernel_in(place) as hostile:
        with suppress(Died):  # unless it was seen before
            assert said(hostile, ON_THEIR_WAY) == f"{errno.ETOOMANYREFS}\n"
        with kernel_in(place) as honest:
            assert said(honest, HONEST) == "all of them\n"


# Watches files by more ways than a kernel may, and can hide what does.
WATCHES = """
import ctypes, os, select, socket, time
reading, _ = os.pipe()
ways = [os.dup(reading) for _ in range(400)]
ours, theirs = socket.socketpair()
kept = []
if {hidden}:
    ctypes.CDLL(None).prctl(4, 0)  # PR_SET_DUMPABLE
while len(kept) < 400:
    kept.append(select.epoll())
    for way in ways:
        kept[-1].register(way, select.EPOLLIN)
    if {sent}:
        socket.send_fds(ours, [b"."], [kept[-1].fileno()])
        kept[-1].close()
    time.sleep(0.003)
time.sleep(60)
"""


def watches_of_epoll(place):
    """Have kernels that watch too much, where it can be seen and where not."""
    for ways in ({"sent": 0, "hidden": 0}, {"sent": 1, "hidden": 0}, {"sent": 0, "hidden": 1}):
        with kernel_in(place) as hostile, kernel_in(place) as honest:
            with pytest.raises(Died, match=r"watches of epoll|it hid a process"):
                hostile.run(WATCHES.format(**ways), 30)
            assert said(honest, HONEST) == "all of them\n"


def test_watches_are_counted_for_each_kernel(place):
    watches_of_epoll(place)


def test_a_bomb_leaves_its_neighbour_alone(place):
    side_by_side(place)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", [side_by_side, files_on_their_way, watches_of_epoll])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_nor_does_it_harm_it_where_the_grader_is_not_root(kind, attack):
    if shutil.which("setpriv") is None or shutil.which("unshare") is None:
        pytest.skip("no setpriv, no unshare")
    program = (
        "from tests.kernels import places\n"
        f"from tests.sandbox.test_confinement import {attack.__name__} as attack\n"
        f"with places({kind!r}) as place: attack(place)\nprint('unharmed')"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", AS_ANOTHER, "sh", hidden() or "", sys.base_prefix,
         sys.executable, "-c", program],
        cwd=ROOT, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert "unharmed" in done.stdout, done.stdout + done.stderr


# A home in which the interpreter is may be closed to others: then they see nothing else of it.
AS_ANOTHER = """
hidden=$1; interpreter=$2; shift 2
if [ -n "$hidden" ]; then
    mkdir -p /run/interpreter
    mount --bind "$interpreter" /run/interpreter
    mount -t tmpfs -o mode=755 none "$hidden"
    mkdir -p "$interpreter"
    mount --bind /run/interpreter "$interpreter"
fi
exec setpriv --reuid=61234 --regid=61234 --clear-groups \
    env HOME=/ PYTHONDONTWRITEBYTECODE=1 "$@"
"""


def hidden():
    """Return the outermost folder above the interpreter that others cannot enter."""
    parents = reversed(Path(sys.base_prefix).parents)
    return next((str(each) for each in parents if not each.stat().st_mode & 1), None)
