"""Nobody reads what was not sent, and what is sent is recorded, to the byte."""

import numpy as np
import pytest
import tensorflow as tf

from labkit.parties import PartyError, WrongParty, parties

pytestmark = pytest.mark.labs

HERE = np.ones(2, np.float32)


def add_one(x):
    return x + 1


# --- placement ------------------------------------------------------------------------------------


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
