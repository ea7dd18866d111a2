"""The tiny lab, submissions to it, and the command that grades them; for several test modules."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import psutil

from autograder.grade import main
from autograder.labs import build
from autograder.labs.master import ROOT, read_lab

FIXTURES = Path(__file__).parent / "fixtures"
TINY = read_lab(FIXTURES / "masters" / "00_tiny.py")

# The command line, on the fixtures' masters.
COMMAND = (
    "import sys; from pathlib import Path; from autograder.grade import main\n"
    f"if __name__ == '__main__': main(sys.argv[1:], masters=Path({str(FIXTURES / 'masters')!r}))"
)


def start(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "--lab", "00_tiny", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answered(**answers):
    """Return the tiny lab's notebook, solved but for the exercises whose cells are given."""
    notebook = build.solution(TINY)
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, cell.source)
    return build.as_text(notebook)


def double(*statements):
    return "\n    ".join(["def double(x):", *statements])


def rows(output):
    with (output / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def gone(pid, patience=10.0):
    """Return whether a process ends in time."""
    deadline = time.monotonic() + patience
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def grade(submissions, output, *more):
    """Grade to the end, in this process; return the rows and what was printed."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    line = ["--lab", "00_tiny", "--submissions", submissions, "--output", output, *more]
    stdout, stderr = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(stdout), redirect_stderr(stderr):
            main([str(word) for word in line], masters=FIXTURES / "masters")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert stderr.getvalue() == ""
    return rows(output), stdout.getvalue()
