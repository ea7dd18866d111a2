"""What one submission does to the process that grades it, or to the machine, costs no other one."""

import errno
import gc
import os
import re
import subprocess
import sys
import threading
import time

import psutil
import pytest

from autograder.judge.judge import judge
from autograder.results.journal import Journal
from autograder.run import NOT_FINAL
from autograder.sandbox import provisioner
from autograder.sandbox.kernel import UNSTARTABLE, TimedOut
from autograder.workers import cluster, processes
from autograder.workers.lacking import DISK, SHORT
from tests.kernels import kernel_in
from tests.tiny import ROOT, double, grade, graded_now, write_class
from tests.tiny import rows as rows_of

pytestmark = pytest.mark.grader

# Writes into the connections to the grader what libzmq, which reads them, takes for parts of a
# message that never ends.
ENDLESS = """
import os, socket, struct
kinds = {{
    "long": struct.pack(">BQ", 3, 1 << 20) + bytes(1 << 20),  # more parts follow this one; a MB
    "empty": bytes([1, 0]) * (1 << 19),
}}
for name in os.listdir("/proc/self/fd"):
    try:
        link = socket.socket(fileno=os.dup(int(name)))
        link.getpeername()
        if not str(link.getsockname()).endswith("-{channel}"):
            continue
        link.setblocking(True)
        for _ in range({times}):
            link.sendall(kinds["{kind}"])
    except OSError:
        pass
"""
RIGHT = double("return 2 * x")


def largest(pid, found):
    """Note how much memory the largest process that this one started has, other than kernels."""
    own = psutil.Process(pid).cmdline()
    while "end" not in found:
        for process in psutil.Process(pid).children(recursive=True):
            try:
                # A copy of this process that has not begun its own program has this one's memory.
                command = process.cmdline()
                if "start.py" not in " ".join(command) and command != own:
                    found["most"] = max(found.get("most", 0), process.memory_info().rss)
            except psutil.Error:
                pass
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("kind", "channel", "times"), [("long", 2, 1500), ("empty", 2, 100), ("empty", 4, 100)]
)
def test_a_message_without_end_fills_no_memory(tmp_path, kind, channel, times):
    attack = ENDLESS.format(kind=kind, channel=channel, times=times)
    write_class(tmp_path / "in", ann={}, eve={"double": attack + "\n" + RIGHT}, zoe={})
    found: dict = {}
    watching = threading.Thread(target=largest, args=(psutil.Process().pid, found))
    watching.start()
    try:
        rows, _ = grade(tmp_path / "in", tmp_path / "out", "--jobs", 1, "--cell-seconds", 10)
    finally:
        found["end"] = True
        watching.join()
    assert found["most"] < processes.MOST_MEMORY
    assert [rows[name]["score"] for name in ("ann", "zoe")] == ["10", "10"]
    if rows["eve"]["status"] == "broken":
        assert "memory" in rows["eve"]["reason"].lower()


LIMITED = """
import resource
from autograder.sandbox.confine import NONE
from autograder.sandbox.provisioner import KernelSettings, short_folder
from autograder.workers.processes import MOST_MEMORY
from tests.kernels import kernel_in, said
hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, hard))
with short_folder() as folder, kernel_in(KernelSettings(folder, kind=NONE)) as kernel:
    print(hard, said(kernel, "import resource; print(resource.getrlimit(2))"))
"""


def test_a_kernel_without_a_sandbox_may_have_more():
    """The limit of the process that starts it is not for it."""
    # In a process of its own: this one may hold more than the limit already.
    run = subprocess.run(
        [sys.executable, "-c", LIMITED], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    hard, limits = run.stdout.split(maxsplit=1)
    assert limits.strip() == f"({hard}, {hard})", run.stderr


def test_an_interrupt_needs_no_connection_before_it(tmp_path):
    with (
        provisioner.short_folder() as folder,
        kernel_in(provisioner.KernelSettings(folder)) as kernel,
    ):
        assert kernel._client._control_channel is None
        run = kernel.begin("import time; time.sleep(60)")
        with pytest.raises(TimedOut):
            kernel.wait(run, 1)
        kernel.interrupt()
        kernel.wait(run, 30)
        assert run.error.ename == "KeyboardInterrupt"


# --- graded once more -----------------------------------------------------------------------------


@pytest.fixture
def ends(monkeypatch):
    """Have gradings end as `ends` says, a list by student; what was graded at a time is noted."""
    ways: dict[str, list[str]] = {}
    together: list[list[str]] = []
    really = processes.each

    def each(function, orders, *more):
        assert function is judge
        orders = list(orders)
        students = [order.submission.student for order in orders]
        together.extend([] if students == ["solution"] else [students])
        for order, graded, problem in really(function, orders, *more):
            if planned := ways.get(order.submission.student):
                graded, problem = None, planned.pop(0)
            yield order, graded, problem

    monkeypatch.setattr(processes, "each", each)
    return ways, together


def test_a_grading_that_broke_is_tried_again_alone(tmp_path, ends):
    ways, together = ends
    aborted, too_long = "its process ended with SIGABRT", f"{processes.TOO_LONG} 9 s"
    ways |= {"bob": [aborted], "cem": [aborted, aborted], "dan": [too_long]}
    folder = write_class(tmp_path / "in", ann={}, bob={}, cem={}, dan={})
    rows, _ = grade(folder, tmp_path / "out")
    assert together[0] == ["ann", "bob", "cem", "dan"]
    assert sorted(together[1:]) == [["bob"], ["cem"]]  # first who has ended first
    assert {name: row["score"] for name, row in rows.items()} == {
        "ann": "10", "bob": "10", "cem": "0", "dan": "0",
    }  # fmt: skip
    assert f"grading failed, {aborted}" in rows["cem"]["reason"]
    assert f"grading failed, {too_long}" in rows["dan"]["reason"]
    assert (rows["bob"]["status"], rows["bob"]["reason"]) == ("graded", "")
    # Nobody who breaks it, or takes too long, has that done in each run.
    together.clear()
    grade(folder, tmp_path / "out")
    assert together == [[]]
    together.clear()
    rows, _ = grade(folder, tmp_path / "out", "--only", "cem", "--regrade")
    assert together == [["cem"]] and rows["cem"]["score"] == "10"


def test_alone_no_other_is_graded_beside_it(tmp_path, ends, monkeypatch):
    """What it loses then, while memory runs out, it loses for good."""
    ways, _ = ends
    full = f"{processes.ENDED} exit status 1: autograder.sandbox.kernel.MachineFull: memory"
    ways |= {"ann": [full], "bob": [full]}
    folder, orders = write_class(tmp_path / "in", ann={}, bob={}, cem={}), []
    each = processes.each

    def noting(function, given, *more):
        given = list(given)
        orders.extend((order.submission.student, order.beside) for order in given)
        return each(function, given, *more)

    monkeypatch.setattr(processes, "each", noting)
    rows, _ = grade(folder, tmp_path / "out")
    assert [row["score"] for row in rows.values()] == ["10"] * 3
    graded = [order for order in orders if order[0] != "solution"]
    assert graded[:3] == [("ann", True), ("bob", True), ("cem", True)]
    assert sorted(graded[3:]) == [("ann", False), ("bob", False)]  # first who has ended first


def test_on_a_cluster_nobody_is_alone(tmp_path, ends, monkeypatch):
    """Another class may be graded there: memory that runs out is nobody's own, however often."""
    ways, together = ends
    full = f"{processes.ENDED} exit status 1: autograder.sandbox.kernel.MachineFull: memory"
    ways |= {"ann": [full, full]}
    folder, beside = write_class(tmp_path / "in", ann={}), []

    def each(orders, scheduler):
        orders = list(orders)
        beside.extend(order.beside for order in orders)
        return processes.each(judge, orders, 1, 300)

    monkeypatch.setattr(cluster, "each", each)
    for score in ("0", "10"):
        more = ("--executor", "dask", "--scheduler", "tcp://there")
        rows, _ = grade(folder, tmp_path / "out", *more)
        assert rows["ann"]["score"] == score
    assert together == [["ann"]] * 3 and beside == [True] * 3


@pytest.mark.parametrize(
    "problem",
    [
        f"{processes.ENDED} exit status 1: autograder.sandbox.kernel.Unstartable: {UNSTARTABLE}: x",
        f"{SHORT} here: [Errno 24] Too many open files",
        "every worker that tried it has died",
        "its worker failed with RuntimeError: the process that grades here has ended",
    ],
)
def test_what_broke_by_the_machine_is_graded_anew(tmp_path, ends, problem):
    ways, together = ends
    ways |= {"ann": [problem, problem]}
    folder = write_class(tmp_path / "in", ann={})
    for number, score in enumerate(("0", "10")):
        rows, stdout = grade(folder, tmp_path / "out")
        assert rows["ann"]["score"] == score
        assert len(together) == 2 + number
        # Nobody takes that 0 for a grade.
        final = score == "10"
        assert is_imported(tmp_path / "out", "ann") == {final}
        assert ("Not final, and left out of what LMSs import: ann. The same " in stdout) != final
        assert (NOT_FINAL in rows["ann"]["repairs"]) != final


def test_a_grade_that_was_final_is_none_when_it_is_not(tmp_path, ends):
    ways, _ = ends
    folder = write_class(tmp_path / "in", ann={}, bob={})
    grade(folder, tmp_path / "out")
    ways |= {"ann": [f"{SHORT} here: x"] * 2}
    grade(folder, tmp_path / "out", "--regrade")
    assert is_imported(tmp_path / "out", "ann") == {False}
    assert is_imported(tmp_path / "out", "bob") == {True}


def test_what_cannot_be_kept_is_not_final(tmp_path, monkeypatch):
    keep = Journal.keep

    def kept(self, key, outcome, *more):
        if outcome.student == "ann":
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        keep(self, key, outcome, *more)

    monkeypatch.setattr(Journal, "keep", kept)
    with pytest.raises(SystemExit, match=r"as their rows say: ann[.]") as ended:
        grade(write_class(tmp_path / "in", ann={}, bob={}), tmp_path / "out")
    assert "Not final, and left out of what LMSs import: ann." in ended.value.stdout
    assert "could not be graded: OSError" in rows_of(tmp_path / "out")["ann"]["reason"]
    assert is_imported(tmp_path / "out", "ann") == {False}
    assert is_imported(tmp_path / "out", "bob") == {True}


def is_imported(output, student):
    """Return whether what is imported elsewhere has a student: all of it, or none."""
    canvas, moodle = ((output / f"{lms}.csv").read_text("utf-8") for lms in ("canvas", "moodle"))
    results = output / "gradescope" / student / "results.json"
    return {f'"{student}"' in canvas, f'"{student}"' in moodle, results.exists()}


def test_a_disk_that_cannot_be_written_where_it_is_graded_ends_the_run(tmp_path, ends):
    ways, _ = ends
    full = f"{DISK} here: [Errno 28] No space left on device: '/tmp/lab-x/k'"
    ways |= {"bob": [full]}
    folder = write_class(tmp_path / "in", ann={}, bob={})
    with pytest.raises(SystemExit, match=f"^Stopped: {re.escape(full)}. What was graded is kept"):
        grade(folder, tmp_path / "out", "--jobs", 1)
    gc.collect()  # the exception's frames hold the output folder's lock
    rows, stdout = grade(folder, tmp_path / "out")
    assert graded_now(stdout) == ["bob"] and rows["bob"]["score"] == "10"


def test_who_breaks_its_grading_draws_no_other_numbers(tmp_path, ends, monkeypatch):
    ways, _ = ends
    broke = f"{processes.ENDED} SIGABRT: no log"
    ways |= {"ann": [broke], "bob": [broke, broke]}
    folder, seeds = write_class(tmp_path / "in", ann={}, bob={}, cem={}), {}
    each = processes.each

    def noting(function, orders, *more):
        orders = list(orders)
        for order in orders:
            seeds.setdefault(order.submission.student, []).append(order.submission.seed)
        return each(function, orders, *more)

    monkeypatch.setattr(processes, "each", noting)
    grade(folder, tmp_path / "out")
    assert [len(seeds[name]) for name in ("ann", "bob", "cem")] == [2, 2, 1]
    assert seeds["ann"][0] == seeds["ann"][1] and seeds["bob"][0] == seeds["bob"][1]
    assert len({drawn[0] for drawn in seeds.values()} - {None}) == len(seeds) - 1
