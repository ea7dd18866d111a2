"""One submission's grade: by its seed, with a pool and without, and whatever dies in it."""

import copy
import time
from itertools import chain, count, repeat

import nbformat
import pytest
from nbformat.v4 import new_output

from autograder.intake.rebuild import rebuild
from autograder.judge import execution
from autograder.judge import judge as judge_module
from autograder.judge.execution import Times
from autograder.judge.judge import Order, Submission, Terms, judge
from autograder.labs import build
from autograder.labs.master import read_lab
from autograder.sandbox import cgroup, confine, memory
from autograder.sandbox import kernel as kernel_module
from autograder.sandbox.confine import NONE
from autograder.sandbox.kernel import Died, Kernel, MachineFull, TimedOut, Unstartable
from autograder.sandbox.provisioner import Limits
from autograder.workers.ready import Unusable, ready
from tests.hostile import MASTERS, solved
from tests.sandbox.test_still import DATA, END, as_text, head, png
from tests.tiny import TINY, answered

pytestmark = pytest.mark.grader

ARRAYS = read_lab(MASTERS["00_arrays"])


@pytest.fixture(scope="module")
def kernels():
    """The pool of a lab whose own solution passes."""
    with ready(ARRAYS, Terms()) as address:
        yield address


def graded(kernels, notebook, **terms):
    rebuilt = rebuild(build.as_text(notebook).encode(), build.release(ARRAYS))
    submission = Submission("x", rebuilt.notebook)
    return judge(Order(submission, ARRAYS, Terms(**terms), kernels))[0]


def test_a_seed_repeats_a_grade(kernels):
    """The messages hold the values that were drawn."""
    notebook = solved(ARRAYS).answer("centred", "def centred(x):\n    return x")
    fresh, first, again = (graded(kernels, notebook, seed=seed) for seed in (None, 7, 7))
    assert first.messages == again.messages != fresh.messages
    assert (first.seed, again.seed) == (7, 7) and fresh.seed != 7


@pytest.mark.parametrize("pooled", [True, False])
def test_a_set_up_cell_undoes_what_came_before_it(kernels, pooled):
    """In the pool it has run already, when an extra cell above it binds its names anew."""
    notebook = solved(ARRAYS)
    extra = nbformat.v4.new_code_cell("np = checks = Scale = fitted = None")
    notebook.cells.insert(0, extra)
    outcome = graded(kernels if pooled else None, notebook)
    assert (sum(outcome.scores.values()), outcome.flags) == (15, [])


def test_a_submission_is_left_as_it_is(kernels):
    notebook = rebuild(build.as_text(solved(ARRAYS)).encode(), build.release(ARRAYS)).notebook
    before = copy.deepcopy(notebook)
    judge(Order(Submission("x", notebook, ("a repair",)), ARRAYS, Terms(), kernels))
    assert notebook == before


@pytest.mark.parametrize("pool", [None, "one that is gone"])
def test_without_a_pool_the_grade_is_the_same(pool, tmp_path):
    outcome = graded(pool and tmp_path / pool, solved(ARRAYS))
    assert (sum(outcome.scores.values()), outcome.flags) == (15, [])
    assert outcome.sandbox == "bwrap"


def test_the_insecure_way_says_so_in_every_outcome():
    outcome = graded(None, solved(ARRAYS), sandbox=NONE)
    assert (sum(outcome.scores.values()), outcome.sandbox) == (15, NONE)
    assert "INSECURE" in confine.BANNER


def test_a_solution_that_fails_here_stops_the_class(tmp_path):
    master = MASTERS["00_tiny"].read_text("utf-8").replace("return 2 * x", "return 3 * x")
    (tmp_path / "00_tiny.py").write_text(master, "utf-8")
    lab = read_lab(tmp_path / "00_tiny.py")
    says = "loses 2 of 3 checks here; `doubles_integers` says"
    with pytest.raises(Unusable, match=says), ready(lab, Terms()):
        raise AssertionError


# --- a kernel that is replaced --------------------------------------------------------------------


def judged_tiny(cells=(), cell=120, beside=False, jobs=1, **answers):
    notebook = nbformat.reads(answered(**answers), as_version=4)
    notebook.cells[1:1] = [nbformat.v4.new_code_cell(source) for source in cells]
    rebuilt = rebuild(build.as_text(notebook).encode(), build.release(TINY))
    terms = Terms(times=Times(cell=cell))
    order = Order(Submission("x", rebuilt.notebook), TINY, terms, beside=beside, jobs=jobs)
    return judge(order)[0]


def test_a_helper_of_ones_own_is_there_again_after_the_kernel_died():
    dies = "import os\n\ndef double(x):\n    return os._exit(1) if isinstance(x, int) else 2 * x"
    outcome = judged_tiny(
        ["def squares(x, y):\n    return x * x + y * y"],
        double=dies,
        length="def length(x, y):\n    return squares(x, y) ** 0.5",
    )
    assert outcome.scores == {"doubles_integers": 0, "doubles_fractions": 3, "pythagoras": 5}


def test_an_answer_that_is_too_large_does_not_wait_for_the_cells_time():
    large = "import numpy as np\n\ndef double(x):\n    return np.zeros(1 << 26)"
    began = time.monotonic()
    outcome = judged_tiny(double=large, cell=300)
    assert time.monotonic() - began < 300
    assert outcome.scores == {"doubles_integers": 0, "doubles_fractions": 0, "pythagoras": 5}
    assert "more than 256 MB" in outcome.messages["doubles_integers"]


def test_a_verdict_that_was_given_stands_when_the_time_is_up(monkeypatch):
    """The student's kernel is replaced after it, for which there is no time any more."""
    real = execution._Listener.wait

    def late(listener, deadline):
        real(listener, deadline)
        if listener.verdict is not None:
            raise TimedOut

    monkeypatch.setattr(execution._Listener, "wait", late)
    monkeypatch.setattr(execution, "MOST_REPLACED", 0)
    outcome = judged_tiny()
    assert outcome.scores["doubles_integers"] == 2
    assert sum(outcome.scores.values()) == 2 and outcome.status == "stopped"


# --- memory that ran out meanwhile ----------------------------------------------------------------

# As the operating system ends a process that the answer started, and how else a check is lost.
KILLED = """
import subprocess, sys
def double(x):
    party = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    return subprocess.run(party, check={check})
"""
LOST = {
    "a process that it started": KILLED.format(check=True),
    "a process of which it says nothing": KILLED.format(check=False),
    "what it could not have": "def double(x):\n    raise MemoryError",
    "a wrong answer": "def double(x):\n    return x",
    "its time": "def double(x):\n    while True: pass",
}


@pytest.fixture(params=["in its own group", "without one"])
def ran_out(request, monkeypatch):
    """Have Linux count so many processes that it ended, after both kernels have started."""
    grouped = request.param == "in its own group"
    if grouped and cgroup.make(Limits()) is None:
        pytest.skip("no control groups here")

    def ran_out(more):
        counts = chain([7, 7], repeat(7 if grouped else 7 + more))
        monkeypatch.setattr(kernel_module, "ended_for_memory", lambda: next(counts))
        monkeypatch.setattr(cgroup.Cgroup, "hit", lambda _: more > 0)
        if not grouped:
            monkeypatch.setattr(cgroup, "make", lambda _: None)

    return ran_out


@pytest.mark.parametrize("source", LOST.values(), ids=LOST)
def test_what_is_lost_while_memory_ran_out_is_not_lost_for_good(ran_out, source):
    ran_out(1)
    with pytest.raises(MachineFull):
        judged_tiny(cell=5, beside=True, double=source)
    # Alone it is the submission's own, and nobody is graded again and again.
    ran_out(1)
    assert judged_tiny(cell=5, double=source).status == "graded"
    ran_out(0)
    assert judged_tiny(cell=5, beside=True, double=source).messages


HOARDS_FASTER_THAN_A_LOOK = "def double(x):\n    return len(bytearray(b'x') * (600 << 20))"


def test_who_exceeds_its_own_control_group_is_told_so_at_once(exceed, monkeypatch):
    """As on a cluster, where nobody is alone: Linux ends it, and counts that for the machine."""
    monkeypatch.setattr(memory, "LEAST", 0)
    monkeypatch.setattr(memory, "total_memory", lambda: 640 << 20)
    outcome = judged_tiny(double=HOARDS_FASTER_THAN_A_LOOK, beside=True)
    assert outcome.scores == {"doubles_integers": 0, "doubles_fractions": 0, "pythagoras": 5}
    assert "it used more than 0.469 GB of memory" in outcome.messages["doubles_integers"]


def test_what_a_neighbour_was_ended_for_is_asked_of_nobody_else(exceed, monkeypatch):
    real = judge_module.execute

    def execute(*arguments):
        execution = real(*arguments)
        exceed()
        return execution

    monkeypatch.setattr(judge_module, "execute", execute)
    outcome = judged_tiny(double=LOST["a wrong answer"], beside=True)
    assert outcome.scores == {"doubles_integers": 0, "doubles_fractions": 0, "pythagoras": 5}


def test_alone_whom_linux_ends_loses_the_check_and_not_the_lab(monkeypatch):
    counts = count(7)
    monkeypatch.setattr(kernel_module, "ended_for_memory", lambda: next(counts))
    ends = "import os\n\ndef double(x):\n    os.kill(os.getpid(), 9)"
    with pytest.raises(MachineFull):
        judged_tiny(beside=True, double=ends)
    outcome = judged_tiny(double=ends)
    assert outcome.scores == {"doubles_integers": 0, "doubles_fractions": 0, "pythagoras": 5}
    assert "the kernel died: by itself, or by a signal" in outcome.messages["doubles_integers"]


HOARD = """
import time
kept = []
def double(x):
    if x != int(x):
        for _ in range(40):
            kept.append(b"x" * (16 << 20))
            time.sleep(0.05)
    return 2 * x
"""


def test_who_takes_what_a_small_machine_has_is_told_so(monkeypatch):
    """Before Linux chooses; beside others, who has a share, that is not lost for good."""
    monkeypatch.setattr(memory, "LEAST", 0)
    monkeypatch.setattr(memory, "total_memory", lambda: 640 << 20)
    outcome = judged_tiny(double=HOARD)
    assert outcome.scores == {"doubles_integers": 2, "doubles_fractions": 0, "pythagoras": 5}
    assert "it used more than 0.469 GB of memory" in outcome.messages["doubles_fractions"]
    # The only one of a class, too.
    assert judged_tiny(double=HOARD, beside=True).scores == outcome.scores
    monkeypatch.setattr(memory, "total_memory", lambda: 1280 << 20)
    with pytest.raises(MachineFull, match="memory, and may have more alone"):
        judged_tiny(double=HOARD, beside=True, jobs=2)


@pytest.mark.parametrize("error", [Died(""), TimedOut()], ids=repr)
def test_a_kernel_that_ends_before_anything_of_the_students_costs_nobody(monkeypatch, error):
    def run(kernel, source, seconds, silent=False):
        raise error

    monkeypatch.setattr(Kernel, "run", run)
    with pytest.raises(Unstartable, match="before anything was run in it"):
        judged_tiny()


def test_what_is_right_is_right_whatever_ran_out(ran_out):
    ran_out(3)
    assert sum(judged_tiny(beside=True).scores.values()) == 10


def test_a_notebook_keeps_some_drawings_and_all_errors():
    kernels = object.__new__(execution._Kernels)
    kernels._bytes = kernels._outputs = kernels._drawings = kernels._pixels = 0
    drawing = new_output("display_data", data={"text/html": "<svg/>"})
    error = new_output("error", ename="E", evalue="why", traceback=[])
    most = execution.MOST_DRAWINGS
    kept = list(kernels._kept([drawing] * (most + 9)))
    assert kept[:most] == [drawing] * most
    assert [each.output_type for each in kept[most:]] == ["stream"]
    words, says, cut = kernels._kept([new_output("stream", text="words"), error, drawing])
    assert (words.text, says.evalue) == ("words", "why")
    assert cut.output_type == "stream"


def test_a_notebook_keeps_pictures_of_so_many_pixels():
    kernels = object.__new__(execution._Kernels)
    kernels._bytes = kernels._outputs = kernels._drawings = kernels._pixels = 0
    large, small = (
        new_output("display_data", data={"image/png": as_text(png(head(size, size), DATA, END))})
        for size in (4096, 1)
    )
    words = new_output("stream", text="words")
    most = execution.MOST_PIXELS // 4096**2
    assert list(kernels._kept([large] * (most - 1))) == [large] * (most - 1)
    assert list(kernels._kept([large, words])) == [large, words]  # in the next cell
    *kept, cut = kernels._kept([words, small, large])
    assert (kept, cut.text) == ([words], kernel_module.CUT)
