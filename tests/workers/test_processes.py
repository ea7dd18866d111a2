"""A function in a process for each item: what comes back, whatever becomes of the process."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autograder.workers import processes
from tests.processes import has_ended, wait_for

pytestmark = pytest.mark.grader

SECONDS = 5


def act(item):
    what, value = item
    if what == "raise":
        raise ValueError(value)
    if what == "exit":
        os._exit(value)
    if what == "kill":
        os.kill(os.getpid(), value)
    if what == "wait":
        time.sleep(600)
    if what == "linger":  # it has returned, and its process does not end
        threading.Thread(target=time.sleep, args=(600,)).start()
    if what == "daemon":
        lasting = [sys.executable, "-c", "import time; time.sleep(600)"]
        process = subprocess.Popen(lasting, start_new_session=True)
        Path(value).write_text(f"{os.getpid()} {process.pid}")
        time.sleep(600)
    return (lambda: value) if what == "unsendable" else value


ENDS = {
    ("return", None): "", ("return", b"x" * (20 << 20)): "", ("linger", 7): "",
    ("raise", "the why"): "its process ended with exit status 1: ValueError: the why",
    ("unsendable", 1): "its process ended with exit status 1: ",
    ("exit", 0): "its process ended with exit status 0: no log",
    ("exit", 3): "its process ended with exit status 3: no log",
    ("kill", signal.SIGKILL): "its process ended with SIGKILL: no log",
    ("kill", signal.SIGRTMIN + 5): f"its process ended with signal {signal.SIGRTMIN + 5}: no log",
    ("wait", 0): f"{processes.TOO_LONG} {SECONDS} s",
}  # fmt: skip


def test_there_is_a_result_or_a_problem():
    found = {}
    for item, result, problem in processes.each(act, ENDS, 3, SECONDS):
        assert result == (item[1] if not problem else None)
        found[item] = problem
    assert found.keys() == ENDS.keys()
    for item, problem in ENDS.items():
        assert found[item].startswith(problem) and bool(found[item]) == bool(problem), item[0]


def test_an_item_is_taken_when_a_worker_is_free():
    taken = []

    def items():
        for number in range(6):
            taken.append(number)
            yield "return", number

    for ended, _ in enumerate(processes.each(act, items(), 2, 60), start=1):
        assert len(taken) <= ended + 2
    assert len(taken) == 6


def test_who_stops_iterating_ends_them_with_all_that_they_started(tmp_path):
    file = tmp_path / "pids"
    ends = processes.each(act, [("return", 1), ("daemon", str(file))], 2, 600)
    next(ends)
    wait_for(lambda: file.exists() and file.read_text(), 60)
    ends.close()
    assert all(has_ended(int(pid)) for pid in file.read_text().split())


def test_a_process_says_nothing_of_the_main_module(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "package" / "command.py").write_text(
        "from autograder.workers import processes\n"
        "if __name__ == '__main__':\n"
        "    print(list(processes.each(abs, [-3], 1, 60)))\n"
    )
    command = [sys.executable, "-m", "package.command"]
    there = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=there, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("[(-3, 3, '')]\n", "")
