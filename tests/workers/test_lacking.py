"""What fails because of the machine is no submission's fault, and none can say that it does."""

import os
import resource
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
import zmq

from autograder.sandbox import bubblewrap, provisioner
from autograder.workers import processes
from autograder.workers.lacking import DISK, SHORT
from tests.tiny import ROOT, double, grade, graded_now, write_class

pytestmark = pytest.mark.grader

FULL = "[Errno 28] No space left on device"


def files_are_open_but(spare):
    """Let this process open so many more files."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    found = []
    with suppress(OSError):
        while True:
            found.append(os.open(os.devnull, os.O_RDONLY))
    for one in found[len(found) - spare :]:
        os.close(one)


def act(item):
    what, value = item
    if what == "raise":
        raise value
    if what == "write":
        with provisioner._named("/here/k"), open("/dev/full", "wb", buffering=0) as file:
            file.write(b".")
    if what == "write without a name":
        with open("/dev/full", "wb", buffering=0) as file:
            file.write(b".")
    if what == "files":
        files_are_open_but(value)
        zmq.Context().socket(zmq.DEALER)  # which raises, or aborts
    if what == "thread":
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (1 << 20, hard))
        threading.Thread(target=time.sleep, args=(1,)).start()
    if what == "abort":
        print(value, flush=True)
        os.abort()


ENDS = {
    ("write", 0): f"{DISK} {os.uname().nodename}: {FULL}: '/here/k'",
    # It may be epoll's, of which kernels may take much.
    ("write without a name", 0): f"{SHORT} {os.uname().nodename}: {FULL}",
    **{("files", spare): f"{SHORT} {os.uname().nodename}: " for spare in range(5)},
    ("thread", 0): f"{SHORT} {os.uname().nodename}: can't start new thread",
    # What is no error of the machine's, whatever it says.
    ("raise", ValueError(f"x\nOSError: {FULL}: '/tmp/k'")): processes.ENDED,
    ("raise", ValueError(f"{DISK} here")): processes.ENDED,
    ("raise", OSError(f"{FULL}: '/tmp/k'")): processes.ENDED,
    ("raise", FileNotFoundError(2, "No such file", "/tmp/k")): processes.ENDED,
    ("abort", f"OSError: {FULL}: '/tmp/k'"): processes.ENDED,
    ("abort", "No space left on device (src/epoll.cpp:65)"): SHORT,
}  # fmt: skip


def test_a_problem_is_the_machines_if_its_error_is():
    found = {}
    for item, _, problem in processes.each(act, ENDS, 2, 60):
        found[str(item)] = problem
    for item, problem in ENDS.items():
        assert found[str(item)].startswith(problem), item


JUDGED = """
import socket, sys
from contextlib import suppress
from pathlib import Path
from autograder.judge.judge import Order, Terms, judge
from autograder.workers import processes
from autograder.workers.ready import own_solution
from tests.tiny import TINY

place = Path(sys.argv[1])
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(str(place / "pool"))
    listener.listen()
    with suppress(OSError), open(place / "much", "wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    order = Order(own_solution(TINY), TINY, Terms(), place / "pool")
    ((_, _, problem),) = processes.each(judge, [order], 1, 60)
    print(problem)
"""


def test_a_full_disk_that_kernels_sockets_are_on_is_the_machines():
    """The coordinator's own folders are on another one, which has room."""
    with provisioner.short_folder() as place:
        disk = ["--dev-bind", "/", "/", "--size", str(1 << 16), "--tmpfs", str(place)]
        run = subprocess.run(
            [bubblewrap.find(), *disk, sys.executable, "-c", JUDGED, str(place)],
            cwd=ROOT, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    assert run.stdout.startswith(f"{DISK} {os.uname().nodename}: {FULL}: '{place}/"), run.stderr


# --- what a student's code says -------------------------------------------------------------------

PRETENDING = {
    "raises": double("raise OSError(28, 'No space left on device', '/tmp/k')"),
    "at-once": f"raise OSError(28, 'No space left on device', '/tmp/k')\n{double('return 2 * x')}",
    "writes": (
        f"import os\nfor fd in (1, 2): os.write(fd, b\"\\nOSError: {FULL}: '/tmp/k'\\n\")\n"
        f"os.write(2, b\"{DISK} here: {FULL}\")\nos.kill(os.getpid(), 9)"
    ),
    "fills": (
        "import os\nwith open('/tmp/much', 'wb', buffering=0) as file:\n"
        "    for _ in range(1 << 10): file.write(bytes(1 << 20))"
    ),
    "opens": "import os\nwhile True: os.open('/dev/null', os.O_RDONLY)",
    "returns": double("return OSError(28, 'No space left on device', '/tmp/k')"),
    "aborts": (
        'import os\nos.write(2, b"No space left on device (src/epoll.cpp:65)\\n")\nos.abort()'
    ),
}  # fmt: skip


def test_a_submission_that_says_so_is_graded_like_any_other(tmp_path):
    hostile = {name: {"double": source} for name, source in PRETENDING.items()}
    folder = write_class(tmp_path / "in", ann={}, **hostile, zoe={})
    rows, stdout = grade(folder, tmp_path / "out")
    assert len(graded_now(stdout)) == len(rows) == len(PRETENDING) + 2
    assert [rows[name]["score"] for name in ("ann", "zoe")] == ["10", "10"]
    assert all(rows[name]["status"] == "graded" for name in PRETENDING)
    assert all(float(rows[name]["score"]) < 10 for name in PRETENDING if name != "at-once")
    # And for good.
    _, stdout = grade(folder, tmp_path / "out")
    assert graded_now(stdout) == []
