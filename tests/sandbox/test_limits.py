"""What a kernel may have of memory, files, sockets, locks, terminals."""

import os
import resource
import sys
import time
from dataclasses import replace
from itertools import count

import pytest

from autograder.sandbox import cgroup, pool, provisioner
from autograder.sandbox.inside import jail, watch
from autograder.sandbox.kernel import Died, MachineFull
from autograder.sandbox.provisioner import Limits
from tests.kernels import KINDS, kernel_in, places, said

pytestmark = pytest.mark.grader

CHAIN = """
import os, subprocess, sys, time
HOARD = '''
import os, time
kept = bytearray(b"x") * {kept}
while True:
    if os.fork():
        os._exit(0)
    time.sleep({pause})
'''
kept = [subprocess.Popen(["/bin/sleep", "600"]) for _ in range({sleepers})]
kept += [subprocess.Popen([sys.executable, "-IS", "-c", HOARD]) for _ in range({chains})]
time.sleep(60)
"""

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
    # On a list of processes each is for a millisecond, or as long as it takes to copy its tables.
    "of who forks and ends": CHAIN.format(kept=100 << 20, chains=8, sleepers=0, pause=0.001),
    "of who forks and ends at once": CHAIN.format(kept=100 << 20, chains=8, sleepers=0, pause=0),
    "of who forks and ends, beside many that sleep": CHAIN.format(
        kept=100 << 20, chains=8, sleepers=200, pause=0.001
    ),
    "of many small ones that fork and end": CHAIN.format(
        kept=16 << 20, chains=60, sleepers=0, pause=0
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
    # Without the processes that other tests keep, each of which takes a look at the clock.
    monkeypatch.setattr(watch, "family", lambda root: {root: watch._status(root)})
    found = watch.excess(os.getpid(), Limits(memory=64 << 20))
    assert found == ("" if step == 1 else "it used more than 0.0625 GB of memory")


def test_processes_are_counted_again_after_a_look_that_takes_too_long(monkeypatch):
    # A bomb that forks while it is read: 59 processes at first, and 14 s later 218.
    own = {"PPid": 1, "Threads": 1, "VmRSS": 1 << 16, "VmSwap": 0, "VmPTE": 0}
    listed = iter((59, 218))
    monkeypatch.setattr(
        watch, "family", lambda _: dict.fromkeys(range(1 << 30, (1 << 30) + next(listed)), own)
    )
    monkeypatch.setattr(watch, "monotonic", count(0, 11).__next__)
    monkeypatch.setattr(watch, "_proportional", lambda _: 0)
    limits = Limits(memory=1 << 30, processes=200)
    assert watch.excess(os.getpid(), limits) == "it had more than 200 processes and threads"


@pytest.mark.parametrize("hidden", [False, True])
def test_what_is_swapped_out_counts(monkeypatch, tmp_path, hidden):
    """Who asks Linux for it (MADV_PAGEOUT) holds memory in the machine's swap, resident nowhere."""
    status = "Name:\tx\nThreads:\t1\nVmRSS:\t9 kB\nVmSwap:\t{0} kB\nVmPTE:\t9 kB\n"
    rollup = "Pss:  9 kB\nSwap:  {0} kB\nSwapPss:  {0} kB\n"

    def read(path):
        if hidden and path.endswith("smaps_rollup"):
            raise PermissionError
        return tmp_path / path.rpartition("/")[2]

    monkeypatch.setattr(watch, "Path", read)
    monkeypatch.setattr(watch, "family", lambda root: {root: watch._status(root)})
    limits = Limits(memory=1 << 30)
    for kilobytes, too_much in ((1 << 19, False), (1 << 21, True)):
        (tmp_path / "status").write_text(status.format(kilobytes))
        (tmp_path / "smaps_rollup").write_text(rollup.format(kilobytes))
        assert bool(watch.excess(os.getpid(), limits)) is too_much


@pytest.fixture
def one_by_one(monkeypatch):
    monkeypatch.setattr(cgroup, "make", lambda _: None)


FIFOS = """
import os, time
kept = []
for _ in range(900):
    os.mkfifo("/tmp/fifo")
    kept.append(os.open("/tmp/fifo", os.O_RDWR | os.O_NONBLOCK))
    os.unlink("/tmp/fifo")
    try:
        os.write(kept[-1], bytes(1 << 16))
    except BlockingIOError:
        pass
time.sleep(60)
"""


def test_pipes_that_have_names_count_as_others(place, one_by_one):
    place = replace(place, limits=Limits(memory=400 << 20))
    with kernel_in(place) as kernel, pytest.raises(Died, match=r"more than 0\.391 GB of memory"):
        kernel.run(FIFOS, 30)


PIPE = """
import fcntl, os
reading, writing = os.pipe2(os.O_NONBLOCK)
try:
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)
except OSError as error:
    assert isinstance(error, PermissionError)
sent = 0
try:
    while True:
        sent += os.write(writing, bytes(1 << 15))
except BlockingIOError:
    print(sent)
"""


def test_a_pipe_holds_no_more_than_is_counted(place):
    with kernel_in(place) as kernel:
        assert int(said(kernel, PIPE)) < jail.MOST_BUFFERED


UNWATCHABLE = """
from autograder.sandbox.inside import start, watch

def excess(root, limits):
    for process in watch.family(root):
        if "unwatchable" in open(f"/proc/{process}/comm").read():
            raise OSError(24, "Too many open files")
    return ""

watch.excess = excess
"""
HIDES = """
import ctypes, time
ctypes.CDLL(None).prctl(15, b"unwatchable")
time.sleep(60)
"""


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_who_cannot_be_watched_is_ended(kind, beside, monkeypatch):
    """For a program of its own it was nobody who looked; and it may be the machine's fault."""
    if kind == "pool":
        program = (sys.executable, "-c", f"{UNWATCHABLE}\nstart.main()")
        monkeypatch.setattr(pool, "START", program)
    else:
        monkeypatch.setattr(watch, "excess", watch.excess)
        exec(UNWATCHABLE, {})
    ends = pytest.raises(MachineFull if beside else Died, match=r"not be watched: OSError: .*24")
    with places(kind) as place, kernel_in(replace(place, beside=beside)) as kernel, ends:
        kernel.run(HIDES, 20)


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
    # Linux keeps the text of each as long as it is open: 64 KB, and 900 MB from 14 processes.
    "watches of epoll": (
        "import os, select, time\nepoll, pipe = select.epoll(), os.pipe()\n"
        "copies = [os.dup(pipe[0]) for _ in range(900)]\n"
        "for copy in copies: epoll.register(copy, 1)\n"
        "for copy in copies: os.close(copy)\n"
        "kept = [open(f'/proc/self/fdinfo/{epoll.fileno()}') for _ in range(900)]\n"
        "for each in kept: each.read(1)\ntime.sleep(60)"
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


@pytest.mark.parametrize("hard", [50, resource.RLIM_INFINITY])
def test_it_does_not_come_before_who_watches(monkeypatch, hard):
    """Some users may have that, where sound is made."""
    found = {}
    monkeypatch.setattr(jail.resource, "getrlimit", lambda what: (hard, hard))
    monkeypatch.setattr(jail.resource, "setrlimit", found.__setitem__)
    jail.limit(Limits())
    assert found[resource.RLIMIT_RTPRIO] == found[resource.RLIMIT_NICE] == (0, 0)


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
