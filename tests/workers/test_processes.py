"""A function in a process for each item: what comes back, whatever becomes of the process."""

import multiprocessing.forkserver
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autograder.labs import ROOT
from autograder.workers import processes
from autograder.workers.lacking import SHORT
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
    if what == "pause":
        time.sleep(value)
    if what == "tell":
        Path(value).write_text(str(os.getpid()))
        time.sleep(600)
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


# --- no process can be started --------------------------------------------------------------------

LIMITED = """
import errno, os, sys, time
from autograder.workers import processes

forks, fork = iter(range(9**9)), os.fork

def limited():
    if next(forks) in {which}:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return fork()

if "multiprocessing.forkserver" in " ".join(sys.orig_argv):
    os.fork = limited

def work(item):
    time.sleep(item)
    return item
"""
COMMAND = """
from autograder.workers import processes
from limited import work
processes.PAUSE = 0.1
try:
    for item, result, problem in processes.each(work, [1, 2, 0, 0.1], 2, 60):
        print((item, result, problem))
except OSError as error:
    print(error)
"""


def limited(folder, which):
    """Return what is printed where forks of these numbers fail, for each server anew."""
    (folder / "limited.py").write_text(LIMITED.format(which=which))
    there = os.environ | {"PYTHONPATH": f"{folder}:{ROOT}"}
    command = [sys.executable, "-c", COMMAND]
    done = subprocess.run(command, env=there, capture_output=True, text=True, timeout=120)
    return done.stdout.splitlines()


def test_what_cannot_be_started_is_started_later(tmp_path):
    """What was running goes on, and the items come as they are."""
    wanted = [(item, item, "") for item in (1, 2, 0, 0.1)]
    assert sorted(limited(tmp_path, [2])) == sorted(map(str, wanted))


def test_where_no_process_can_be_started_that_is_the_error(tmp_path):
    (said,) = limited(tmp_path, range(9))
    assert said.startswith("no process can be started here: ")


def test_a_process_outlives_the_server_that_it_was_forked_from(tmp_path):
    lasting, killed = tmp_path / "lasting", tmp_path / "killed"
    items = [("pause", 4), ("daemon", str(lasting)), ("tell", str(killed)), ("return", 1)]

    def kill():
        wait_for(lambda: all(file.exists() and file.read_text() for file in (lasting, killed)))
        os.kill(multiprocessing.forkserver._forkserver._forkserver_pid, signal.SIGKILL)
        time.sleep(1)
        os.kill(int(killed.read_text()), signal.SIGKILL)

    threading.Thread(target=kill).start()
    found = {item: (result, problem) for item, result, problem in processes.each(act, items, 3, 20)}
    assert found[items[0]] == (4, "") and found[items[3]] == (1, "")
    assert found[items[1]] == (None, f"{processes.TOO_LONG} 20 s")
    assert found[items[2]][1].startswith(SHORT)  # how it ended is not known
    assert all(has_ended(int(pid)) for pid in lasting.read_text().split())
