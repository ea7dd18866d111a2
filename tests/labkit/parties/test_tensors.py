"""Parties are processes, whose tensors stay where they are until they are sent."""

import os
from types import MappingProxyType

import numpy as np
import psutil
import pytest
import tensorflow as tf

from labkit.parties import PartyError

pytestmark = pytest.mark.labs


def test_each_party_is_a_process_of_its_own(alice, bob):
    assert len({os.getpid(), alice.pid, bob.pid}) == 3
    assert {psutil.Process(party.pid).ppid() for party in (alice, bob)} == {os.getpid()}


def test_parties_listen_on_loopback_only(alice):
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(alice.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


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
