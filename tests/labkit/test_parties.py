"""Parties: real processes, tensors that stay where they are, and every way to end."""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import MappingProxyType

import numpy as np
import psutil
import pytest

import labkit  # noqa: F401
from autograder.sandbox import bubblewrap
from tests.processes import has_ended, stop

# isort: split
import tensorflow as tf

from labkit.parties import (
    AddressError,
    PartyError,
    PartyLost,
    PartyTimeout,
    WrongParty,
    parties,
)
from labkit.processes.__main__ import main

pytestmark = pytest.mark.labs

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def running():
    together = parties("alice", "bob")
    with together as pair:
        yield together, pair


@pytest.fixture
def alice(running):
    return running[1][0]


@pytest.fixture
def bob(running):
    return running[1][1]


def for_ever(x):
    """Takes hours."""
    return tf.while_loop(lambda i: i < 2**60, lambda i: i + 1, [tf.cast(x, tf.int64)])[0]


def add_one(x):
    return x + 1


# --- tensors that stay where they are -------------------------------------------------------------


def test_each_party_is_a_process_of_its_own(alice, bob):
    assert len({os.getpid(), alice.pid, bob.pid}) == 3
    assert {psutil.Process(party.pid).ppid() for party in (alice, bob)} == {os.getpid()}


def test_values_come_back_as_they_were(alice):
    for value in (
        np.arange(6, dtype=np.int64).reshape(2, 3),
        np.zeros((0, 4), np.float32),
        np.float64(3),
        [[1.0, 2.0]],
        True,
        np.array([b"text", b""]),
        tf.constant([1, 2]),
    ):
        remote = alice.send(value)
        assert remote.shape == np.shape(value)
        back = remote.get()
        np.testing.assert_array_equal(back, value)
    assert alice.send([1.0]).dtype == tf.float32


def test_arithmetic_is_the_owners(alice):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(1, 2, (2, 3, 3)).astype(np.float32)
    x, y = alice.send(a), alice.send(b)
    for got, want in (
        (x + y, a + b),
        (1 - x, 1 - a),
        (x - 1.5, a - 1.5),
        (x * y / 2, a * b / 2),
        (2 / x, 2 / a),
        (x @ y, a @ b),
        (x**2, a**2),
        (-abs(-x), -a),
        (x // 1, a // 1),
        (x % 0.5, a % 0.5),
        (x < y, a < b),
        (x[1:, 0], a[1:, 0]),
        (x[..., -1], a[..., -1]),
    ):
        assert got.owner is alice
        np.testing.assert_allclose(got.get(), want, rtol=1e-6)


def test_functions_take_and_return_structures(alice):
    def both(pair, scale, options):
        total = pair["a"] + pair["b"]
        return {"sum": total * scale, "more": [total - options[0], 7]}

    x = {"a": alice.send([1.0, 2.0]), "b": alice.send([3.0, 4.0])}
    result = alice.run(both, x, 10.0, (1.0, "unused"), name="both")
    assert result["sum"].get().tolist() == [40, 60]
    assert [r.get().tolist() for r in result["more"]] == [[3, 5], 7]
    sent = alice.send({"w": [np.ones(2), np.zeros(1)]})
    assert [w.shape for w in sent["w"]] == [[2], [1]]
    sent = alice.send(MappingProxyType({"w": np.ones(2)}))
    assert sent["w"].owner is alice


def test_a_list_of_remote_tensors_is_sent_by_its_owners(alice, bob):
    there = bob.send([alice.send(1.0), bob.send(2.0), np.float32(3)])
    assert [w.owner for w in there] == [bob] * 3
    assert bob.run(tf.add_n, there).get() == 6


def test_shapes_are_known_even_where_the_values_decide(alice):
    def positive(x):
        return tf.boolean_mask(x, x > 0)

    assert alice.run(positive, alice.send([1.0, -1.0, 2.0])).shape == [2]
    assert alice.run(positive, alice.send([1.0, -1.0, -2.0])).shape == [1]


def test_values_made_of_several_tensors(alice, bob):
    """As tf-shell's ciphertexts are."""

    def ragged(values):
        return tf.RaggedTensor.from_row_lengths(values, [1, 2])

    there = alice.run(ragged, alice.send([1.0, 2.0, 3.0]), name="ragged").send(bob)
    assert bob.run(lambda r: tf.reduce_sum(r, axis=1), there).get().tolist() == [1, 5]
    with pytest.raises(PartyError, match=r"ragged .* has no form outside of TensorFlow"):
        there.get()


def test_values_that_are_no_numbers(alice, bob):
    """Text, and variants, of which ciphertexts are made."""
    texts = np.array([b"text", b"", b"\0" * 100])
    assert alice.send(texts).send(bob).get().tolist() == texts.tolist()

    def boxed(values):
        return tf.raw_ops.TensorListFromTensor(tensor=values, element_shape=[2])

    def unboxed(box):
        return tf.raw_ops.TensorListStack(
            input_handle=box, element_shape=[2], element_dtype=tf.float32
        )

    there = alice.run(boxed, alice.send([[1.0, 2.0], [3.0, 4.0]]), name="box").send(bob)
    assert there.nbytes is None
    assert bob.run(unboxed, there).get().tolist() == [[1, 2], [3, 4]]
    with pytest.raises(PartyError, match=r"box .* has no form outside of TensorFlow"):
        there.get()


def test_a_function_is_written_down_once(alice):
    calls = []

    def f(x):
        calls.append(1)
        return x * 2

    for size in (2, 2, 3, 2, 3):
        alice.run(f, alice.send(np.ones(size)))
    assert len(calls) == 2


# --- what a party holds ---------------------------------------------------------------------------


def test_what_moves_home_is_freed(alice):
    before, held = len(alice.store()), alice.stored_tensors()
    x = alice.send(np.ones(3), name="x")
    y = x + x
    assert [str(r) for r in alice.store()[before:]] == [
        "<x: float64[3], held by alice>",
        "<add: float64[3], held by alice>",
    ]
    assert alice.stored_tensors() == held + 2
    assert y.get().tolist() == [2, 2, 2]
    assert (len(alice.store()), alice.stored_tensors()) == (before + 1, held + 1)
    assert repr(y) == "<add: float64[3], held by alice, moved home>"
    for use in (y.get, lambda: y + 1, y.copy):
        with pytest.raises(PartyError, match="add was moved home by `get`; alice has it no more"):
            use()
    z = x.copy()
    assert z.get().tolist() == x.get().tolist() == [1, 1, 1]


def test_what_has_no_name_any_more_is_freed(alice):
    held = alice.stored_tensors()
    for _ in range(100):
        x = alice.send(np.ones(3))
    assert alice.stored_tensors() == held + 1
    del x
    assert alice.stored_tensors() == held


def test_what_is_freed_gives_its_memory_back(bob):
    process = psutil.Process(bob.pid)
    size, times = 20 * 2**20, 8
    bob.send(np.ones(size, np.uint8))  # buffers grow once
    before = process.memory_info().rss
    for _ in range(times):
        x = bob.send(np.ones(size, np.uint8))
        assert x.nbytes == size
        del x
        assert bob.stored_tensors() == 0
    assert process.memory_info().rss - before < times * size / 2


# --- placement ------------------------------------------------------------------------------------

HERE = np.ones(2, np.float32)


def adding(value):
    return lambda x: x + value


MISPLACED = {
    "the other's operand": (
        lambda alice, bob, x, y: x + y,
        "y belongs to bob, and alice reads it in `add`: first let bob `send` it to alice",
    ),
    "the other's argument": (
        lambda alice, bob, x, y: alice.run(add_one, y),
        "y belongs to bob, and alice reads it in `add_one`",
    ),
    "the other's tensor inside a function": (
        lambda alice, bob, x, y: alice.run(lambda a: a + y, x),
        "y belongs to bob, and alice reads it",
    ),
    "the other's tensor inside an operation": (
        lambda alice, bob, x, y: alice.run(lambda a: tf.add(a, y), x),
        "y belongs to bob, and alice reads it",
    ),
    "one's own, but not as an argument": (
        lambda alice, bob, x, y: alice.run(lambda a: a + x, x),
        "x is not an argument of the function that alice runs",
    ),
    "the notebook's array": (
        lambda alice, bob, x, y: HERE + x,
        "A float32[2] belongs to the notebook, and alice reads it in `add`",
    ),
    "the notebook's tensor": (
        lambda alice, bob, x, y: x * tf.constant(HERE),
        "A float32[2] belongs to the notebook, and alice reads it in `mul`",
    ),
    "the notebook's tensor inside a function": (
        lambda alice, bob, x, y: alice.run(adding(tf.constant(HERE)), x),
        "uses a tensor of the notebook's, float32[2], that was not sent to alice",
    ),
    "the notebook's variable inside a function": (
        lambda alice, bob, x, y: alice.run(adding(tf.Variable(HERE)), x),
        "that was not sent to alice",
    ),
    "the notebook's array inside a function": (
        lambda alice, bob, x, y: alice.run(lambda a: a[0] + np.ones((9, 99)), x),
        "uses an array of the notebook's, float32[9, 99], that was not sent to alice",
    ),
    "the notebook's eyes: NumPy": (
        lambda alice, bob, x, y: np.asarray(x),
        "x belongs to alice, and the notebook reads it: move it home first",
    ),
    "the notebook's eyes: TensorFlow": (
        lambda alice, bob, x, y: tf.reduce_sum(x),
        "x belongs to alice, and the notebook reads it",
    ),
    "the notebook's eyes: float": (
        lambda alice, bob, x, y: float(x),
        "x belongs to alice, and the notebook reads it",
    ),
    "the notebook's eyes: if": (
        lambda alice, bob, x, y: bool(x > 1),
        "gt belongs to alice, and the notebook reads it",
    ),
}


@pytest.mark.parametrize("case", MISPLACED)
def test_nobody_reads_what_was_not_sent(alice, bob, case):
    use, message = MISPLACED[case]
    x, y = alice.send(HERE, name="x"), bob.send(HERE, name="y")
    crossings = len(alice._ledger.crossings)
    with pytest.raises(WrongParty) as error:
        use(alice, bob, x, y)
    assert message in str(error.value)
    assert len(alice._ledger.crossings) == crossings
    assert (x.get() + y.get()).tolist() == [2, 2]  # nothing is lost


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda x: x.numpy(), "Use tf.… in place of NumPy"),
        (np.exp, "`exp` is not made of TensorFlow operations alone"),
        (lambda x: tf.Variable(x) + 1, "makes a tf.Variable, which alice could not write down"),
        (lambda x: None, "returned None. Did you forget `return`?"),
    ],
)
def test_what_a_party_cannot_compute(alice, function, message):
    with pytest.raises(PartyError) as error:
        alice.run(function, alice.send(HERE))
    assert message in str(error.value)


def test_a_functions_own_errors_are_its_own(alice):
    x = alice.send(np.ones((2, 3)))
    with pytest.raises(ValueError, match="Dimensions must be equal"):
        x @ x
    with pytest.raises(ZeroDivisionError):
        alice.run(lambda x: x * (1 // 0), x)

    def unlucky(x):
        with tf.control_dependencies([tf.debugging.assert_greater(x, 5.0, "too small")]):
            return x + 1

    with pytest.raises(tf.errors.InvalidArgumentError, match="too small"):
        alice.run(unlucky, alice.send([1.0]))
    assert alice.run(unlucky, alice.send([6.0])).get() == [7]


# --- what crosses ---------------------------------------------------------------------------------

# What a request or an answer says beside the value in it: under 400 bytes where they were measured.
# The first call of a function also says what it is, which is up to a few kB.
OVERHEAD_BYTES = 500


def test_crossings_are_recorded_and_agree_with_what_the_sockets_counted(running):
    together, [alice, bob] = running
    x = alice.send(np.ones((64, 640), np.float32), name="smashed data")
    x.send(bob).get()
    before, seen = together.bytes_on_the_wire(), len(together.crossings)
    for _ in range(10):
        x.send(bob)
    x.send(bob).get()
    bob.send(np.ones(1000))
    crossings, after = together.crossings[seen:], together.bytes_on_the_wire()
    assert str(crossings[0]) == "alice → bob: smashed data, float32[64, 640], 163840 bytes"
    assert len(crossings) == 13
    for pair in before:
        payload = sum(c.nbytes for c in crossings if (c.sender, c.receiver) == pair)
        wire = after[pair] - before[pair]
        assert payload <= wire <= payload + len(crossings) * OVERHEAD_BYTES, pair
    assert after["alice", "bob"] - before["alice", "bob"] > 11 * 163840


def test_a_step_of_lab_04_costs_what_it_predicts(running):
    """2·64·640 numbers of four bytes, and less than 2% of that for the protocol."""
    together, [alice, bob] = running
    smashed = alice.send(np.ones((64, 640), np.float32))
    smashed.send(bob).send(alice)
    before = together.bytes_on_the_wire()
    for _ in range(5):
        smashed.send(bob).send(alice)
    after = together.bytes_on_the_wire()
    moved = sum(after[way] - before[way] for way in (("alice", "bob"), ("bob", "alice")))
    payload = 5 * 2 * 64 * 640 * 4
    assert payload < moved < 1.02 * payload


def test_what_stays_does_not_cross(running):
    together, [alice, _] = running
    x = alice.send(np.ones(10**6))
    y = x + x  # says once what to do
    before, seen = together.bytes_on_the_wire(), len(together.crossings)
    for _ in range(5):
        y = x + x
    assert y.shape == [10**6]
    assert len(together.crossings) == seen
    after = together.bytes_on_the_wire()
    assert sum(after.values()) - sum(before.values()) < 10 * OVERHEAD_BYTES


def test_values_of_crossings_are_there_only_where_the_wires_are_tapped(running):
    [alice, bob] = running[1]
    alice.send(HERE).send(bob).get()
    assert [c.data for c in running[0].crossings[-3:]] == [None] * 3
    tapped = parties("alice", "bob", wiretap_INSECURE=True)
    with tapped as (alice, bob):
        (alice.send([1.0, 2.0]) * 2).send(bob).get()
        alice.run(tf.RaggedTensor.from_row_lengths, alice.send([1]), alice.send([1])).send(bob)
    assert [c.data.tolist() for c in tapped.crossings[:3]] == [[1, 2], [2, 4], [2, 4]]
    assert [(c.nbytes, c.data) for c in tapped.crossings[5:]] == [(None, None)]


# --- how it can end -------------------------------------------------------------------------------


def soon(act):
    """Do something from another thread, once this one is waiting for a party."""
    timer = threading.Timer(0.5, act)
    timer.start()
    return timer


def test_a_party_that_is_killed_in_mid_step():
    together = parties("alice", "bob")
    with together as (alice, bob):
        x, y = alice.send(HERE, name="x"), bob.send(1, name="y")
        x.send(bob)
        soon(lambda: os.kill(bob.pid, signal.SIGKILL))
        began = time.monotonic()
        with pytest.raises(PartyLost) as error:
            bob.run(for_ever, y)
        assert time.monotonic() - began < 60  # it would have taken the timeout, 120 s
        assert "bob's process has ended (killed by SIGKILL) while running `for_ever`" in str(
            error.value
        )
        for use in (lambda: y + 1, lambda: x.send(bob), together.bytes_on_the_wire):
            with pytest.raises(PartyLost, match="bob's process has ended"):
                use()
        assert (x + x).get().tolist() == [2, 2]  # alice is well
        pids = alice.pid, bob.pid
    assert all(map(has_ended, pids))
    with together as (alice, bob):  # and may start again
        assert alice.send(HERE).send(bob).get().tolist() == [1, 1]
    with pytest.raises(PartyError, match="alice is not running any more"):
        x.get()
    with pytest.raises(PartyError, match="not running"):
        together.bytes_on_the_wire()


def test_a_party_that_never_answers():
    with parties("alice", "bob", timeout=60) as (alice, bob):
        y = bob.send(HERE)
        stop(bob.pid)
        # Twice: the first call is still waiting when the second one comes.
        for function, what in ((add_one, "add_one"), (tf.square, "square")):
            with pytest.raises(PartyTimeout) as error:
                bob.run(function, y, timeout=1)
            assert f"bob did not answer within 1 s, running `{what}`" in str(error.value)
        os.kill(bob.pid, signal.SIGCONT)
        assert (y + 1).get().tolist() == [2, 2]
        pids = alice.pid, bob.pid
    assert all(map(has_ended, pids))


def test_a_send_to_a_party_that_never_answers():
    with parties("alice", "bob") as (alice, bob):
        x = alice.send(HERE, name="x")
        x.send(bob)
        alice.timeout = 2
        stop(bob.pid)
        with pytest.raises(PartyTimeout, match="bob did not answer within 2 s, sending x from al"):
            x.send(bob)
        os.kill(bob.pid, signal.SIGCONT)
        assert x.send(bob).get().tolist() == [1, 1]


def test_an_interrupt_is_heard_at_once_and_loses_nothing(alice):
    x = alice.send(1)
    soon(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        alice.run(for_ever, x)
    assert (x + 1).get() == 2
    assert alice.run(tf.square, x).get() == 1
    # And nobody works for nothing.
    process = psutil.Process(alice.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(1)
    assert sum(process.cpu_times()[:2]) - before < 0.5


def test_a_computation_that_takes_too_long(alice):
    """The party itself ends it."""
    with pytest.raises(PartyTimeout, match=r"alice did not .*, running `for_ever`"):
        alice.run(for_ever, alice.send(1), timeout=0.5)
    time.sleep(0.5)
    process = psutil.Process(alice.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(1)
    assert sum(process.cpu_times()[:2]) - before < 0.5
    assert (alice.send(1) + 1).get() == 2


def test_starting_twice_and_closing_twice():
    together = parties("alice")
    [alice] = together.start()
    with pytest.raises(PartyError, match="started already"):
        together.start()
    together.close()
    together.close()
    assert has_ended(alice.pid)


def test_parties_without_a_name_end():
    """As when a notebook's first cell is run again."""
    alice, _ = parties("alice", "bob").start()
    alice.send(1) + 1
    pid = alice.pid
    del alice, _
    gc.collect()
    assert has_ended(pid)


def test_several_groups_at_once_do_not_collide(alice):
    groups = [parties("alice", "bob") for _ in range(2)]
    try:
        started = [group.start() for group in groups]
        for number, (own, other) in enumerate(started):
            assert own.send(number).send(other).get() == number
        with pytest.raises(PartyError, match="do not know each other"):
            alice.send(1).send(started[0][0])
    finally:
        for group in groups:
            group.close()


def test_a_wrong_address():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]  # bound, but nobody listens
        with pytest.raises(AddressError) as error:
            parties("alice", addresses={"alice": f"127.0.0.1:{port}"}, key=KEY).start()
    assert f"Nobody answers for alice at 127.0.0.1:{port}" in str(error.value)
    assert "Is the address right?" in str(error.value)


def test_an_address_where_somebody_listens_and_never_answers():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(PartyTimeout, match="alice did not answer within 2 s, saying hello"):
            parties("alice", addresses={"alice": address}, key=KEY, timeout=2).start()


@pytest.mark.parametrize(
    "names, addresses, message",
    [
        ([], None, "at least one"),
        (["alice", "alice"], None, "different names"),
        (["alice", "b-b"], None, "'b-b' cannot be a party's name"),
        (["notebook"], None, "'notebook' cannot be a party's name"),
        (["alice"], {"bob": "localhost:5000"}, "addresses are of"),
        (["alice"], {"alice": "localhost:5000"}, "need the key"),
        (["alice"], {"alice": "localhost"}, "'localhost' is not of the form host:port"),
        (["alice"], {"alice": "localhost:99999"}, "is not of the form host:port"),
    ],
)
def test_names_and_addresses_are_checked(names, addresses, message):
    with pytest.raises(ValueError, match=message):
        parties(*names, addresses=addresses, key=None if "key" in message else KEY)


def test_a_library_that_does_not_load(tmp_path):
    (tmp_path / "none.so").write_text("no library")
    with pytest.raises(AddressError, match=r"alice cannot start: .*none\.so"):
        parties("alice", libraries=[tmp_path / "none.so"]).start()


# --- other processes ------------------------------------------------------------------------------


KEY = bytes(range(32))


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "key"
    file.write_bytes(KEY)
    return file


def started_on_its_own(*arguments):
    """Start a party from the command line."""
    return subprocess.Popen(
        [sys.executable, "-m", "labkit.processes", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def test_parties_by_address(key_file):
    names = ["alice", "bob"]
    book = {name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(2), strict=True)}
    running = [started_on_its_own(*item, "--key", str(key_file)) for item in book.items()]
    try:
        assert [process.stdout.readline() for process in running] == [
            f"{name} listens at {address}; Ctrl-C ends it.\n" for name, address in book.items()
        ]
        again = started_on_its_own("alice", book["alice"], "--key", str(key_file))
        running.append(again)
        together = parties(*names, addresses=book, key=KEY)
        with together as (alice, bob):
            assert alice.send(HERE).send(bob).get().tolist() == [1, 1]
            assert together.bytes_on_the_wire()["alice", "bob"] > HERE.nbytes
        swapped = {"alice": book["bob"], "bob": book["alice"]}
        with pytest.raises(AddressError, match=r"Not alice answers at .*bob listens there"):
            parties(*names, addresses=swapped, key=KEY).start()
        with pytest.raises(AddressError, match="does not know the key"):
            parties(*names, addresses=book, key=bytes(32)).start()
        # They go on, without what they held, and for several notebooks at once.
        groups = [parties(*names, addresses=book, key=KEY) for _ in range(2)]
        held = [(group, group.start()[0].send(HERE + i)) for i, group in enumerate(groups)]
        assert held[0][1].owner.stored_tensors() == 2
        for i, (group, x) in enumerate(held):
            assert (x + 1).get().tolist() == (HERE + i + 1).tolist()
            group.close()
        assert again.wait(timeout=60) == 1
        port = book["alice"].partition(":")[2]
        assert f"port {port} of this machine cannot be had: Address already" in again.stderr.read()
        children = [psutil.Process(process.pid).children()[0].pid for process in running[:2]]
        for process in running[:2]:
            process.send_signal(signal.SIGINT)
        assert [process.wait(timeout=60) for process in running[:2]] == [130, 130]
        assert all(map(has_ended, children))
    finally:
        for process in running:
            process.kill()
            process.communicate()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["127.0.0.1:5000"], "the following arguments are required: --key"),
        (["127.0.0.1", "--key", "{key}"], "is not of the form host:port"),
        (["127.0.0.1:5000", "--key", "{key}.none"], "No such file"),
        (["127.0.0.1:5000", "--key", "/dev/null"], "holds 0 bytes; a key has at least 16"),
    ],
)
def test_a_party_that_must_not_start(arguments, message, monkeypatch, capsys, key_file):
    arguments = [argument.format(key=key_file) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["labkit.processes", "alice", *arguments])
    with pytest.raises(SystemExit):
        main()
    assert message in " ".join(capsys.readouterr().err.split())


def test_parties_listen_on_loopback_only(alice):
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(alice.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


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
