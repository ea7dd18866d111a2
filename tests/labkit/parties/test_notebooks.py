"""Parties of notebooks that end, that are forked, that run in a sandbox."""

import json
import signal
import subprocess
import sys
import time

import pytest

from autograder.labs import ROOT
from autograder.sandbox import bubblewrap
from tests.processes import has_ended

pytestmark = pytest.mark.labs

IMPORTS = """
import labkit, os, signal, sys
import tensorflow as tf
from labkit.parties import parties, PartyError
"""
SCRIPT = """
together = parties("alice", "bob")
alice, bob = together.start()
x = alice.send([1.0])
y = x.send(bob)
print(alice.pid, bob.pid, flush=True)
"""
# One interpreter imports TensorFlow, and a forked one runs each script; so do a grader's kernels.
FORKS = f"""
import warnings; warnings.simplefilter("ignore", DeprecationWarning)
{IMPORTS}
import json
for line in sys.stdin:
    if not (child := os.fork()):
        script, *files = json.loads(line)
        for fd, file in enumerate(files, 1):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), fd)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        exec(script)
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def run_script(tmp_path_factory):
    """A function: a script → exit code, stdout and stderr of an interpreter that ran it."""
    folder = tmp_path_factory.mktemp("scripts")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", FORKS], text=True, **pipes) as process:

        def run(script):
            files = [folder / f"{time.monotonic_ns()}.{way}" for way in ("out", "err")]
            print(json.dumps([script, *map(str, files)]), file=process.stdin, flush=True)
            return int(process.stdout.readline()), *(file.read_text() for file in files)

        yield run
        process.stdin.close()


@pytest.mark.parametrize(
    "ending, code",
    [("", 0), ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)],
    ids=["end of the script", "SIGKILL"],
)
def test_no_process_outlives_the_notebooks(run_script, ending, code):
    got, output, errors = run_script(SCRIPT + ending)
    assert (got, errors) == (code, "")
    assert all(map(has_ended, map(int, output.split())))


def test_a_forked_process_starts_its_own(run_script):
    """As a grader's kernel, which is forked from one that has imported TensorFlow."""
    inherit = """
child = os.fork()
if child == 0:
    try:
        alice.send(1)
    except PartyError as error:
        print(error, flush=True)
    together.close()  # does nothing to its parent's
    os._exit(0)
os.waitpid(child, 0)
print((x + y.send(alice)).get())
"""
    code, output, errors = run_script(SCRIPT + inherit)
    assert (code, errors) == (0, "")
    pids, refusal, total = output.splitlines()
    assert refusal == "alice belongs to another process: start parties of your own."
    assert total == "[2.]"
    assert all(map(has_ended, map(int, pids.split())))


def test_parties_in_a_sandbox_with_nothing_but_loopback():
    sandbox = [bubblewrap.find(), "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"]
    sandbox += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    sandbox += ["--ro-bind", str(ROOT), str(ROOT)]  # which may be in /tmp
    script = f"{IMPORTS}{SCRIPT}\nprint(y.get(), sum(together.bytes_on_the_wire().values()) > 8)"
    result = subprocess.run(
        [*sandbox, sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("[1.] True\n")
