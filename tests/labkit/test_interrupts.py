"""Ctrl-C in a notebook: the student's own line, never forgotten, and nothing left behind."""

import queue
import textwrap
import time

import psutil
import pytest
from jupyter_client.manager import start_new_kernel

pytestmark = pytest.mark.labs

LIBRARY = """
import time
def deep(n, then):
    return deep(n - 1, then) if n else then()
def fit():
    deep(40, lambda: time.sleep(60))
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "library.py").write_text(LIBRARY)
    manager, client = start_new_kernel(cwd=str(folder))
    client.manager = manager
    run(client, "import labkit")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client, source, interrupt_after=None):
    """Run a cell; return its error (or None) and what it printed. Interrupt once it has begun."""
    message = client.execute(textwrap.dedent(source))
    error, printed, began, deadline = None, "", None, time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            answer = client.get_iopub_msg(timeout=0.1)
        except queue.Empty:
            if began and interrupt_after and time.monotonic() > began + interrupt_after:
                client.manager.interrupt_kernel()
                began = None
            continue
        if answer["parent_header"].get("msg_id") != message:
            continue
        kind, content = answer["msg_type"], answer["content"]
        if kind == "stream":
            printed += content["text"]
            if interrupt_after is not None and "begun" in printed and began is None:
                began = time.monotonic()
        elif kind == "error":
            error = content
        elif kind == "status" and content["execution_state"] == "idle":
            return error, printed
    raise TimeoutError(source)


def test_an_interrupted_cell_shows_its_own_line_and_what_to_do(kernel):
    error, _ = run(
        kernel,
        """\
        import library
        def train():
            print("begun", flush=True)
            library.fit()
        x = 1
        train()
        """,
        interrupt_after=0.5,
    )
    assert error["ename"] == "KeyboardInterrupt"
    lines = "\n".join(error["traceback"]).splitlines()
    assert lines == [
        "KeyboardInterrupt: you stopped this cell in its line 6: train()",
        "  in `train`, line 4 of its cell: library.fit()",
        "What it was to make is missing or unfinished: run this cell again before those below it.",
    ]
    assert run(kernel, "print(x)") == (None, "1\n")


def test_other_errors_are_shown_as_ever(kernel):
    error, _ = run(kernel, "1 / 0")
    assert error["ename"] == "ZeroDivisionError" and len(error["traceback"]) > 2


def test_errors_that_somebody_else_shows_stay_theirs(kernel):
    source = """
    from IPython import get_ipython
    from labkit import notebook
    shell, kept = get_ipython(), (get_ipython().custom_exceptions, get_ipython().CustomTB)
    shell.custom_exceptions = ()
    def theirs(shell, etype, value, tb, tb_offset=None):
        print("theirs:", value)
        return []
    shell.set_custom_exc((ValueError,), theirs)
    notebook.mind_interrupts()
    """
    assert run(kernel, source) == (None, "")
    assert run(kernel, "raise ValueError('mine')")[1] == "theirs: mine\n"
    assert run(kernel, "shell.custom_exceptions, shell.CustomTB = kept") == (None, "")


@pytest.mark.parametrize("where", ["__del__", "weakref", "gc"])
def test_an_interrupt_while_python_frees_something_is_not_forgotten(kernel, where):
    make = {
        "__del__": "class Thing:\n    def __del__(self): wait()\nThing()",
        "weakref": "class Thing: pass\nthing = Thing()\nr = weakref.ref(thing, lambda _: wait())\n"
        "del thing",
        "gc": "class Thing:\n    def __init__(self): self.me = self\n"
        "    def __del__(self): wait()\nThing(); gc.collect()",
    }[where]
    source = (
        "import gc, time, weakref\n"
        "def wait():\n    print('begun', flush=True)\n    time.sleep(2)\n"
        f"{make}\nprint('after', flush=True)\ntime.sleep(30)\nprint('forgotten')"
    )
    began = time.monotonic()
    error, printed = run(kernel, source, interrupt_after=0.3)
    assert error is not None and error["ename"] == "KeyboardInterrupt"
    assert "forgotten" not in printed and "Exception ignored" not in printed
    assert time.monotonic() - began < 20


def children(client):
    found = psutil.Process(client.manager.provisioner.pid).children(recursive=True)
    return [child.pid for child in found if child.is_running() and child.status() != "zombie"]


PARTIES = """
from labkit.parties import parties
print("begun", flush=True)
network = parties("alice", "bob")
alice, bob = network.start()
x = alice.send([1.0])
"""


def test_a_cell_that_starts_parties_leaves_none_behind_when_it_is_run_again_or_stopped(kernel):
    assert run(kernel, PARTIES)[0] is None
    assert len(children(kernel)) == 2
    assert run(kernel, "y = x * 2; kept = [x, y]")[0] is None
    for _ in range(2):
        assert run(kernel, PARTIES)[0] is None
        assert len(children(kernel)) == 2
    for seconds in (0.01, 0.05, 0.2, 0.4):
        run(kernel, PARTIES, interrupt_after=seconds)
        assert len(children(kernel)) in (0, 2)
    assert run(kernel, PARTIES)[0] is None
    assert len(children(kernel)) == 2


# The places where a party is about to be somebody's, or to end.
@pytest.mark.parametrize(
    "where",
    [
        "threading.Thread.start",
        "weakref.finalize.__init__",
        "Child.kill",
        "Peer.close",
        "Parties._peers",
    ],
)
def test_an_interrupt_in_the_middle_of_a_start_leaves_no_party_behind(kernel, where):
    assert run(kernel, PARTIES)[0] is None
    patch = f"""
    import signal, threading, weakref
    from labkit.parties.network import Parties
    from labkit.processes.child import Child
    from labkit.processes.peer import Peer
    real = {where}
    def interrupted(*args, **options):
        result = real(*args, **options)
        if threading.current_thread() is threading.main_thread():
            {where} = real
            signal.raise_signal(signal.SIGINT)
        return result
    {where} = interrupted
    """
    assert run(kernel, patch)[0] is None
    error, _ = run(kernel, PARTIES)
    assert error is not None and error["ename"] == "KeyboardInterrupt"
    assert len(children(kernel)) in (0, 2)
    assert run(kernel, PARTIES)[0] is None
    assert len(children(kernel)) == 2


def test_after_a_party_was_killed_the_cell_that_its_error_names_helps(kernel):
    assert run(kernel, PARTIES)[0] is None
    error, _ = run(kernel, "import os, signal; os.kill(alice.pid, signal.SIGKILL); x * 2")
    assert error["ename"] == "PartyLost"
    assert "run the cell that started the parties again" in error["evalue"]
    assert run(kernel, PARTIES)[0] is None
    assert run(kernel, "print((x * 2).get())") == (None, "[2.]\n")
    assert len(children(kernel)) == 2
