"""A pool of kernels, forked from one that has run the lab's set-up: what it runs, and its end."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.intake.cells import is_setup
from autograder.judge.judge import environment
from autograder.labs import ROOT, build
from autograder.sandbox import confine, pool
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


def _command_line(process):
    try:
        return (process / "cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
