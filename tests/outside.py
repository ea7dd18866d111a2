"""A student's kernel and the judge's side of it, without kernels: functions in another process."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from socket import socketpair

import pytest

from autograder import build, sandbox

sys.path.insert(0, str(sandbox.INSIDE))
import remote

# What the student's kernel does, around a program that binds `functions`.
BEFORE = f"""
import sys
sys.path[:0] = {[str(sandbox.INSIDE), str(build.ROOT), str(Path(__file__).parent)]!r}
import remote
"""
AFTER = """
remote.adopt(int(sys.argv[1]))
remote.serve(functions)
"""


@contextmanager
def student(program, *arguments):
    """While it lasts `remote`'s stand-ins call `functions`, which the program binds elsewhere."""
    ours, theirs = socketpair()
    process = subprocess.Popen(
        [sys.executable, "-", str(theirs.fileno()), *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
        cwd=build.ROOT, text=True,
    )  # fmt: skip
    theirs.close()
    try:
        with pytest.MonkeyPatch.context() as patch, ours, process.stdin:
            patch.setattr(remote, "_calls", ours)
            patch.setattr(remote, "connect", lambda: None)
            process.stdin.write(BEFORE + program + AFTER)
            process.stdin.close()
            yield
            remote._end()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
