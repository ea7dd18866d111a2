"""A kernel in a sandbox, from a pool, and without either: what it runs, sends and cannot reach."""

from dataclasses import replace

import psutil
import pytest

from autograder.sandbox.confine import NONE
from autograder.sandbox.kernel import Died, MachineFull, TimedOut
from autograder.sandbox.memory import ended_for_memory
from autograder.sandbox.provisioner import KernelSettings, Limits, short_folder
from tests.hostile import CASES, ESCAPED, reach, solved
from tests.kernels import kernel_in, places, said
from tests.sandbox.test_limits import HOARDS
from tests.tiny import TINY

pytestmark = pytest.mark.grader


@pytest.fixture(scope="module", params=["bwrap", "pool", NONE])
def place(request):
    """Where kernels run, in each of the three ways."""
    with places(request.param) as place:
        yield place


@pytest.fixture
def kernel(place):
    with kernel_in(place) as kernel:
        yield kernel


def test_it_runs_code_and_keeps_its_state(kernel):
    assert said(kernel, "x = 20\nprint('one')") == "one\n"
    assert said(kernel, "print(x + 1)") == "21\n"


def test_an_error_is_an_output(kernel):
    run = kernel.run("1 / 0", 60)
    assert run.error.ename == "ZeroDivisionError"


def test_it_can_be_interrupted(kernel):
    run = kernel.begin("while True: pass")
    with pytest.raises(TimedOut):
        kernel.wait(run, 1)
    kernel.interrupt()
    assert kernel.wait(run, 60).error.ename == "KeyboardInterrupt"


def test_its_end_is_noticed(place, monkeypatch):
    """It was of its own accord, whatever Linux ended meanwhile."""
    with kernel_in(replace(place, beside=True)) as kernel:
        now = ended_for_memory()
        monkeypatch.setattr("autograder.sandbox.kernel.ended_for_memory", lambda: now + 1)
        with pytest.raises(Died):
            kernel.run("import os; os._exit(3)", 60)
        assert not kernel.alive


def test_whose_neighbour_was_ended_has_died_by_itself(place, exceed):
    if place.kind == NONE:
        pytest.skip("it has no control group")
    with kernel_in(replace(place, beside=True)) as kernel:
        exceed()
        with pytest.raises(Died):
            kernel.run("import os; os.kill(os.getpid(), 9)", 60)


NAMED = "import ctypes\nassert ctypes.CDLL(None).prctl(15, b'to be found') == 0"


@pytest.mark.parametrize(("beside", "ends"), [(True, MachineFull), (False, Died)])
def test_what_watches_a_kernel_may_be_ended_for_a_neighbour(place, beside, ends, monkeypatch):
    """It is in no group of the kernel's."""
    if place.kind == NONE:
        pytest.skip("nothing watches it from between")
    with kernel_in(replace(place, beside=beside)) as kernel:
        said(kernel, NAMED)
        (found,) = [each for each in psutil.process_iter(["name"]) if each.name() == "to be found"]
        now = ended_for_memory()
        monkeypatch.setattr("autograder.sandbox.kernel.ended_for_memory", lambda: now + 1)
        found.parent().parent().kill()
        with pytest.raises(ends):
            kernel.run("import time; time.sleep(60)", 30)


@pytest.mark.parametrize(("beside", "ends"), [(True, MachineFull), (False, Died)])
def test_whose_end_may_be_a_neighbours_fault_has_not_died_by_itself(
    place, beside, ends, monkeypatch
):
    """Linux ends a process when memory runs out, and not always that of who took it."""
    with kernel_in(replace(place, beside=beside)) as kernel:
        now = ended_for_memory()
        monkeypatch.setattr("autograder.sandbox.kernel.ended_for_memory", lambda: now + 1)
        with pytest.raises(ends):
            kernel.run("import os; os.kill(os.getpid(), 9)", 60)


@pytest.mark.parametrize(("shared", "ends"), [(True, MachineFull), (False, Died)])
def test_who_was_ended_for_its_own_memory_has_died(place, shared, ends, monkeypatch):
    """But not who had a share of it only."""
    limits = Limits(memory=400 << 20, mapped=1 << 30)
    with kernel_in(replace(place, limits=limits, beside=True, shared=shared)) as kernel:
        now = ended_for_memory()
        monkeypatch.setattr("autograder.sandbox.kernel.ended_for_memory", lambda: now + 1)
        if place.kind == NONE:
            pytest.skip("nothing is limited there")
        with pytest.raises(ends, match="of memory"):
            kernel.run(HOARDS["of children"], 60)


def test_what_a_process_maps_has_a_limit_of_its_own(place):
    limits = Limits(memory=400 << 20, mapped=3 << 30)
    with kernel_in(replace(place, limits=limits)) as kernel:
        most = said(kernel, "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0])")
        assert place.kind == NONE or int(most) == 3 << 30


def test_what_it_sends_is_bounded(kernel):
    run = kernel.run("for _ in range(1000): print('x' * 100000)\n1 / 0", 60)
    assert sum(len(str(out)) for out in run.outputs) < 2 << 20
    assert "cut off" in str(run.outputs)
    assert run.error.ename == "ZeroDivisionError"


def test_only_harmless_kinds_of_output_are_kept(kernel):
    run = kernel.run("from IPython.display import HTML; HTML('<script>alert(1)</script>')", 60)
    assert "script" not in str(run.outputs)


def test_in_a_sandbox_nobody_can_be_root(kernel, place):
    status = said(kernel, "print(open('/proc/self/status').read())")
    privileged = "CapEff:\t0000000000000000" not in status or "NoNewPrivs:\t1" not in status
    assert not privileged or place.kind == NONE
    uid = int(said(kernel, "import os; print(os.getuid())"))
    assert uid != 0 or place.kind == NONE


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.make.__module__ == reach.__name__], ids=str
)
def test_without_a_pool_it_reaches_no_more(case, tmp_path):
    """The corpus runs in the pool; these are the same attacks in kernels of their own."""
    notebook = case.make(solved(TINY), tmp_path)
    with short_folder() as folder, kernel_in(KernelSettings(folder)) as kernel:
        for cell in notebook["cells"]:
            if cell.cell_type == "code" and cell.id not in TINY.checks:
                run = kernel.run(cell.source, 60)
                assert run.error is None, run.error
                assert ESCAPED not in str(run.outputs)
