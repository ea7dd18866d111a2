"""A pool of kernels, forked from one that has run the lab's set-up: what it runs, and its end."""

import copy
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from autograder.intake.cells import is_setup
from autograder.judge.judge import Order, Submission, Terms, environment, judge
from autograder.labs import ROOT, build
from autograder.sandbox import confine, pool
from autograder.sandbox.kernel import Unstartable
from autograder.sandbox.provisioner import KernelSettings
from tests.hostile import MASTERS
from tests.kernels import kernel_in, said
from tests.processes import has_ended
from tests.tiny import TINY

pytestmark = pytest.mark.grader


def test_where_sandboxes_cannot_nest_there_is_no_pool(monkeypatch, tmp_path, capsys):
    real = confine.command
    monkeypatch.setattr(confine, "command", lambda *a, **k: real(*a, **k | {"capable": False}))
    with pool.serving(build.release(TINY), "bwrap", environment(1)) as address:
        assert address is None
    assert "Each kernel imports the lab's modules itself" in capsys.readouterr().out


def with_set_up(*sources):
    """Return the tiny lab's release with other set-up cells after the first, which installs."""
    release = build.release(TINY)
    first, cell = filter(is_setup, release.cells)
    at = release.cells.index(cell)
    cells = []
    for number, source in enumerate(sources):
        cells.append(copy.deepcopy(cell))
        cells[-1].source, cells[-1].metadata.id = source, f"set-up-{number}"
    release.cells[at : at + 1] = cells
    return release, first.metadata.id


def test_a_pool_has_run_the_set_up_for_all_its_kernels():
    release, install = with_set_up(
        "import secrets\nBORN = secrets.token_hex()",
        "def born(): return BORN",
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
        "BORN = 2",
    )
    with pool.serving(release, "bwrap", environment(1)) as address:
        assert pool.prepared(address) == [install, "set-up-0", "set-up-1"]
        born = []
        for _ in range(2):
            with kernel_in(KernelSettings(address.parent, pool=address)) as kernel:
                born.append(said(kernel, "print(born())"))
                # One namespace: what a cell binds anew, the set-up's functions see.
                assert said(kernel, "BORN = 1\nprint(born(), __name__)") == "1 __main__\n"
                assert "def born" in said(kernel, "import inspect; print(inspect.getsource(born))")
                assert said(kernel, "import pickle; print(pickle.loads(pickle.dumps(born))())")
        assert born[0] == born[1] and len(born[0]) > 60


@pytest.mark.parametrize("source", ["%matplotlib inline", "1 / 0", "kept = open('/etc/passwd')"])
def test_a_set_up_cell_that_a_fork_cannot_go_on_from_is_left_to_the_kernels(source):
    release, install = with_set_up("x = 1", source, "x = 2")
    with pool.serving(release, "bwrap", environment(1)) as address:
        assert pool.prepared(address) == [install, "set-up-0"]


def test_a_pool_ends_with_whoever_opened_it():
    code = (
        "import os, signal\nfrom autograder.labs import build\n"
        "from autograder.labs.master import read_lab\n"
        "from autograder.sandbox import pool\n"
        f"lab = read_lab(__import__('pathlib').Path({str(MASTERS['00_tiny'])!r}))\n"
        "with pool.serving(build.release(lab), 'bwrap', {}) as address:\n"
        "    print(address, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    address = run.stdout.decode().strip()
    assert address.endswith("/pool")
    for process in Path("/proc").glob("[0-9]*"):
        if address in _command_line(process):
            assert has_ended(int(process.name))


# The first kernel that is asked for is the pool's own trial.
FAILING = """
import os, socket
pool, asked = os.getpid(), []
{kept} = {name}

def failing(*args):
    if os.getpid() == pool:
        asked.append(1)
        if len(asked) in (2, 3):
            raise OSError(11, "Resource temporarily unavailable")
    return {kept}(*args)

{name} = failing
"""


def test_a_pool_that_cannot_fork_goes_on():
    release, _ = with_set_up(FAILING.format(kept="fork", name="os.fork"))
    with pool.serving(release, "bwrap", environment(1)) as address:
        place = KernelSettings(address.parent, pool=address)
        for _ in range(2):
            with pytest.raises(Unstartable), kernel_in(place):
                pass
        with kernel_in(place) as kernel:
            assert said(kernel, "print(1)") == "1\n"


def test_a_pool_that_can_have_no_more_files_goes_on():
    release, _ = with_set_up(FAILING.format(kept="accept", name="socket.socket.accept"))
    with pool.serving(release, "bwrap", environment(1)) as address:
        for _ in range(2):
            with kernel_in(KernelSettings(address.parent, pool=address)) as kernel:
                assert said(kernel, "print(1)") == "1\n"


@contextmanager
def opened():
    """Yield a pool's socket, and its process."""
    before = psutil.Process().children()
    with pool.serving(build.release(TINY), "bwrap", environment(1)) as address:
        [own] = set(psutil.Process().children()) - set(before)
        yield address, own


def settled(own):
    """Return how many processes a pool has, once those that it started with have ended."""
    counts = []
    for _ in range(40):
        counts.append(len(own.children(recursive=True)))
        time.sleep(0.05)
    return min(counts)


def test_who_asks_a_pool_for_nothing_gets_nothing():
    with opened() as (address, own):
        before = settled(own)
        for _ in range(5):
            assert pool.answers(address)
        with kernel_in(KernelSettings(address.parent, pool=address)):
            pass  # whom it comes to after all these
        until = time.monotonic() + 10
        while (now := len(own.children(recursive=True))) > before and time.monotonic() < until:
            time.sleep(0.05)
        assert now == before


def test_where_the_pool_has_ended_kernels_import_everything_themselves():
    submission = Submission("ann", build.solution(TINY))
    with opened() as (address, own):
        processes = [*own.children(recursive=True), own]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=10)
        assert not pool.answers(address)
        outcome, _ = judge(Order(submission, TINY, Terms(), address))
    assert (outcome.status, sum(outcome.scores.values()), outcome.sandbox) == (
        "graded", TINY.points, "bwrap",
    )  # fmt: skip


def _command_line(process):
    try:
        return (process / "cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
