"""A student's kernel and the judge's side of it, without kernels: functions in another process."""

import subprocess
import sys
from contextlib import contextmanager
from socket import socketpair

from autograder.labs import ROOT
from autograder.sandbox.inside.judge import Session

# What the student's kernel does, around a program that binds `functions`.
BEFORE = f"""
import sys
sys.path[:0] = {[str(ROOT)]!r}
from autograder.sandbox.inside import student, wire
"""
AFTER = """
wire.adopt(int(sys.argv[1]))
student.serve(functions)
"""


@contextmanager
def student(program, *arguments):
    """Yield the judge's session with a process in which the program has bound `functions`."""
    ours, theirs = socketpair()
    process = subprocess.Popen(
        [sys.executable, "-", str(theirs.fileno()), *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
        cwd=ROOT, text=True,
    )  # fmt: skip
    theirs.close()
    try:
        with ours, process.stdin:
            session = Session(None, ours)
            process.stdin.write(BEFORE + program + AFTER)
            process.stdin.close()
            yield session
            session.end()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
