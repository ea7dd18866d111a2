"""Sandboxed kernels, with and without a pool; what crosses between them; what is heard of."""

import copy
import io
import itertools
import json
import math
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import nbformat
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from autograder.intake.cells import is_setup
from autograder.intake.rebuild import rebuild
from autograder.judge import execution
from autograder.judge import judge as judge_
from autograder.judge.execution import Times
from autograder.judge.judge import Order, Submission, Terms, environment
from autograder.labs import ROOT, build
from autograder.labs.master import read_lab
from autograder.sandbox import bubblewrap, confine, pool
from autograder.sandbox.confine import NONE
from autograder.sandbox.inside import judge, student, wire
from autograder.sandbox.inside.judge import Session
from autograder.sandbox.inside.wire import Decoder
from autograder.sandbox.kernel import Died, TimedOut
from autograder.sandbox.provisioner import KernelSettings, short_folder
from autograder.workers.ready import Unusable, ready
from tests.hostile import CASES, ESCAPED, MASTERS, reach, solved
from tests.kernels import kernel_in, places, said
from tests.processes import has_ended
from tests.tiny import answered

pytestmark = pytest.mark.grader

TINY = read_lab(MASTERS["00_tiny"])
ARRAYS = read_lab(MASTERS["00_arrays"])


# --- kernels --------------------------------------------------------------------------------------


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


def test_its_end_is_noticed(kernel):
    with pytest.raises(Died):
        kernel.run("import os; os._exit(3)", 60)
    assert not kernel.alive


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


def test_without_bubblewrap_it_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bubblewrap, "_from_wheel", lambda: None)
    with pytest.raises(confine.NoSandbox, match=r"apt-get install bubblewrap.*none-INSECURE"):
        confine.require()
    confine.require(NONE)


def test_where_bubblewrap_fails_it_says_why(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(bubblewrap, "_from_wheel", lambda: None)
    monkeypatch.setattr(bubblewrap, "remedy", lambda: "allow them")
    with pytest.raises(confine.NoSandbox, match=r"No permissions.*: allow them.*none-INSECURE"):
        confine.require()


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


# --- what crosses ---------------------------------------------------------------------------------


def crossed(value):
    """Send a value as the student's kernel does, and receive it as the judge's does."""
    buffers = []
    code = json.loads(json.dumps(wire.encode(value, buffers)))
    return Decoder(memoryview(b"".join(buffers))).value(code)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, -(10**40), 0.1, math.inf, "text", 1 + 2j, NotImplemented, ...,
        [1, (2.0, {"a": [None]})], {1, 2}, (), np.float32(0.1), np.int64(7), np.bool_(True),
        np.str_("x"), b"\0x",
    ],
    ids=repr,
)  # fmt: skip
def test_plain_values_cross_unchanged(value):
    got = crossed(value)
    assert got == value and type(got) is type(value)


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8", "i2", "u1", "?", "c16", "U3", "f2"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (4, 5)])
def test_arrays_cross_unchanged(dtype, shape):
    value = np.random.default_rng(1).integers(0, 9, shape).astype(dtype)
    got = crossed(value)
    assert got.dtype == value.dtype and got.shape == shape
    assert np.array_equal(got, value) and got.flags.writeable


def test_what_is_nearly_an_array_crosses_as_one():
    for value in (tf.constant([1.0, 2.0]), tf.Variable([1.0, 2.0]), np.matrix([1.0, 2.0])):
        assert np.array_equal(np.ravel(crossed(value)), [1, 2])
    assert crossed(Fraction(1, 4)) == crossed(Decimal("0.25")) == 0.25
    ragged = np.array([np.zeros(2), np.ones(3)], dtype=object)
    assert [len(part) for part in crossed(ragged)] == [2, 3]
    assert list(crossed(i * i for i in range(4))) == [0, 1, 4, 9]
    assert crossed(tf.constant(np.ones(2), tf.bfloat16)).dtype == np.float32
    assert math.isnan(crossed(math.nan))


@pytest.mark.parametrize(
    "value, wanted",
    [
        (MappingProxyType({"a": np.int64(1)}), {"a": 1}),
        (ChainMap({"a": 1}, {"a": 2, "b": (3,)}), {"a": 1, "b": (3,)}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (UserDict(a=[1]), {"a": [1]}),
        (deque([1, 2]), [1, 2]),
        (UserList([1, (2,)]), [1, (2,)]),
        (range(3), [0, 1, 2]),
        (MappingProxyType({"a": deque([ChainMap({1: 2})])}), {"a": [{1: 2}]}),
    ],
    ids=repr,
)
def test_any_mapping_and_any_sequence_cross(value, wanted):
    got = crossed(value)
    assert got == wanted and type(got) is type(wanted)


def test_an_endless_sequence_does_not_cross():
    class Endless(UserList):
        def __iter__(self):
            return itertools.count()

    assert len(list(crossed(Endless()))) == wire.MOST_ITEMS


def test_of_anything_else_only_the_name_is_left():
    class Model:
        def __eq__(self, other):
            return True

    got = crossed(Model())
    assert type(got).__name__ == "Model" and got != 8
    assert type(crossed(print)).__name__ == "builtin_function_or_method"
    loop = []
    loop.append(loop)
    assert isinstance(crossed(loop), list)


@pytest.mark.parametrize(
    "code",
    [
        ["array", "O", [1], 8], ["array", "f8", [-1], 8], ["array", "f8", [9], 8],
        ["array", "f8,f8", [1], 16], ["array", "M8[s]", [1], 8], ["plain", [1]], ["nothing", 1],
        ["dict", [[["plain", 1]]]], ["special", "exit"], ["array", "f8", [1 << 62, 0], 8],
        ["bytes", "no hex"],
    ],
    ids=str,
)  # fmt: skip
def test_forged_answers_are_refused(code):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Decoder(memoryview(bytes(8))).value(code)


@contextmanager
def conversing(functions):
    """Yield the judge's session with a thread that serves these functions."""
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as thread, pytest.MonkeyPatch.context() as patch:
        for link in (ours, theirs):
            link.settimeout(20)
        patch.setattr(wire, "_link", theirs)
        session = Session(None, ours)
        serving = thread.submit(student.serve, functions)
        try:
            yield session
        finally:
            session.end()
            serving.result(20)


def test_a_generator_goes_on_in_the_next_call_and_the_judges_stays_as_it_was():
    """Whose draws decide what the judge draws next could choose its inputs."""
    mine, same = np.random.default_rng(3), np.random.default_rng(3)
    before = mine.bit_generator.state
    with conversing({"draw": lambda rng: [rng.normal(), rng.spawn(1)[0].normal()]}) as session:
        draws = [session._ask("draw", None, (mine,), {})[1][0] for _ in range(2)]
        again = session._ask("draw", None, (np.random.default_rng(3),), {})[1][0]
    assert mine.bit_generator.state == before
    assert draws == [[same.normal(), same.spawn(1)[0].normal()] for _ in range(2)]
    assert again == draws[0]


def test_the_judges_own_arrays_stay_as_they_were():
    mine = [np.ones(3), {"a": (np.ones(2), [1])}]

    def spoil(parts):
        parts[0][:] = math.nan
        parts[1]["a"][0][:] = 0
        parts[1].clear()

    with conversing({"spoil": spoil}) as session:
        session._ask("spoil", None, (mine,), {})
    assert mine[0].tolist() == [1, 1, 1] and mine[1]["a"][0].tolist() == [1, 1]


def test_functions_of_the_judge_are_called_by_number():
    functions, file = [], io.BytesIO()
    secret = 42
    judge._Pickler(file, functions, None).dump((lambda x: x + secret, np.sum))
    assert len(functions) == 1 and functions[0](0) == 42  # NumPy's is there on both sides
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(file.getvalue())


def test_functions_of_the_judge_are_called_from_several_threads():
    together = threading.Barrier(8)

    def squares(square):
        def one(x):
            together.wait(60)
            return [square(x), square(-x)]

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(one, range(8)))

    with conversing({"squares": squares}) as session:
        _, values = session._ask("squares", None, (lambda x: x * x,), {})
    assert values == [[[x * x, x * x] for x in range(8)]]


class Unsayable(Exception):
    def __str__(self):
        raise ValueError


def endless():
    yield from iter(int, 1)
    raise AssertionError


class Uncountable:
    def __len__(self):
        return 3

    def __iter__(self):
        raise RuntimeError("\ud800")


@pytest.mark.parametrize(
    "answer",
    [Unsayable, lambda: ValueError("\ud800\x1b[2J"), lambda: type("\u202eX", (Exception,), {})()],
)
def test_whatever_it_raises_can_be_told(answer):
    def answers():
        raise answer()

    with conversing({"f": answers}) as session:
        header, _ = session._ask("f", None, (), {})
        error = judge._error(header)
    told = f"{type(error).__name__}: {error} {error.place}"
    assert told.encode("utf-8").decode().isprintable() or "\n" in told
    assert "\x1b" not in told and "\u202e" not in told


@pytest.mark.parametrize("value", [Uncountable(), endless(), {"\ud800": 1}, ["\ud800"], "\udfff"])
def test_whatever_it_returns_can_be_told(value):
    with conversing({"f": lambda: value}) as session:
        header, values = session._ask("f", None, (), {})
    assert header or values
    str([header, values, *(list(v) for v in values if isinstance(v, dict | list))]).encode()


@given(st.text(st.characters(exclude_categories=[])) | st.lists(st.text("\ud800\U0010ffffa")))
def test_any_text_that_crosses_can_be_written(text):
    for got in (crossed(text), crossed(np.array(text, dtype=str)), crossed({str(text): [text]})):
        str(np.asarray(got).tolist()).encode()
        repr(got).encode()


def test_code_points_that_there_are_not_do_not_cross():
    raw = np.array([0x110000, 0xD800, 65], "<u4").tobytes()
    got = Decoder(memoryview(raw)).value(["array", "<U1", [3], 12])
    assert got.tolist() == ["\ufffd", "\ufffd", "A"]


def test_an_object_of_the_students_own_class_is_no_data():
    class Watched(dict):
        __module__ = "__main__"  # where cells run

    assert student._is_data([{"a": np.ones(2)}, (1, None), np.float32(1)])
    assert student._is_data([OrderedDict(a=Fraction(1, 3)), tf.constant([1.0])])
    assert not student._is_data([Watched()])
    assert not student._is_data([OrderedDict(a=Watched())])


# --- a grade --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kernels():
    """The pool of a lab whose own solution passes."""
    with ready(ARRAYS, Terms()) as address:
        yield address


def graded(kernels, notebook, **terms):
    rebuilt = rebuild(build.as_text(notebook).encode(), build.release(ARRAYS))
    submission = Submission("x", rebuilt.notebook)
    return judge_.judge(Order(submission, ARRAYS, Terms(**terms), kernels))[0]


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
    judge_.judge(Order(Submission("x", notebook, ("a repair",)), ARRAYS, Terms(), kernels))
    assert notebook == before


def test_without_a_pool_the_grade_is_the_same():
    outcome = graded(None, solved(ARRAYS))
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


def test_a_place_where_no_kernel_starts_fails_the_grading_not_the_student(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        graded(tmp_path / "no-such-pool", solved(ARRAYS))


# --- a kernel that is replaced --------------------------------------------------------------------


def judged_tiny(cells=(), cell=120, **answers):
    notebook = nbformat.reads(answered(**answers), as_version=4)
    notebook.cells[1:1] = [nbformat.v4.new_code_cell(source) for source in cells]
    rebuilt = rebuild(build.as_text(notebook).encode(), build.release(TINY))
    terms = Terms(times=Times(cell=cell))
    return judge_.judge(Order(Submission("x", rebuilt.notebook), TINY, terms))[0]


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
