"""Parties that are killed, never answer, are interrupted, take too long, are closed twice."""

import gc
import os
import signal
import threading
import time

import numpy as np
import psutil
import pytest
import tensorflow as tf

from labkit.parties import AddressError, PartyError, PartyLost, PartyTimeout, parties
from tests.processes import has_ended, stop

pytestmark = pytest.mark.labs

HERE = np.ones(2, np.float32)


def for_ever(x):
    """Takes hours."""
    return tf.while_loop(lambda i: i < 2**60, lambda i: i + 1, [tf.cast(x, tf.int64)])[0]


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
        for function, what in ((tf.abs, "abs"), (tf.square, "square")):
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


def test_a_library_that_does_not_load(tmp_path):
    (tmp_path / "none.so").write_text("no library")
    with pytest.raises(AddressError, match=r"alice cannot start: .*none\.so"):
        parties("alice", libraries=[tmp_path / "none.so"]).start()
