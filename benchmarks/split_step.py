"""What it costs to split a training step between two processes, against the same step in one.

    python -m benchmarks.split_step [--batch 64] [--rounds 60] [--seed 0]

Lab 04's network, 784-128-640 | 10, forward, backward and SGD update; every message goes over
loopback. In ours the notebook's process asks both parties; in PyTorch's Alice is the process that
is measured, so that a step needs fewer messages. A call that computes nothing is timed, too.
"""

import argparse
from contextlib import ExitStack

import labkit  # noqa: F401

# isort: split
import numpy as np
import tensorflow as tf

from benchmarks import measure
from benchmarks.peer import PeerError, peer
from labkit.parties import parties

LEARNING_RATE = 0.03


def forward(bottom, x):
    w0, b0, w1, b1 = bottom
    return tf.nn.relu(tf.nn.relu(x @ w0 + b0) @ w1 + b1)


def loss(top, smashed, y):
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(y, smashed @ top[0] + top[1])
    )


def descend(weights, gradients):
    return [w - LEARNING_RATE * g for w, g in zip(weights, gradients, strict=True)]


@tf.function
def whole(bottom, top, x, y):
    with tf.GradientTape() as tape:
        tape.watch([bottom, top])
        value = loss(top, forward(bottom, x), y)
    by_bottom, by_top = tape.gradient(value, [bottom, top])
    return descend(bottom, by_bottom), descend(top, by_top)


def serve(top, smashed, y):
    with tf.GradientTape() as tape:
        tape.watch([top, smashed])
        value = loss(top, smashed, y)
    by_top, cut_gradient = tape.gradient(value, [top, smashed])
    return descend(top, by_top), cut_gradient


def backward(bottom, x, cut_gradient):
    with tf.GradientTape() as tape:
        tape.watch(bottom)
        smashed = forward(bottom, x)
    return descend(bottom, tape.gradient(smashed, bottom, output_gradients=cut_gradient))


PEERS = {
    "PyTorch, one process": "one process",
    "PyTorch, RPC": "rpc",
    "PyTorch, gloo": "gloo",
}


def compare(batch: int, rounds: int, seed: int) -> tuple[measure.Table, dict[str, str]]:
    """Return the times of a step in one process and in two, ours and PyTorch's."""
    left_out: dict[str, str] = {}
    versions: dict[str, str] = {}
    rng = np.random.default_rng(0)
    sizes = [(784, 128), (128, 640), (640, 10)]
    arrays = []
    for before, after in sizes:
        arrays += [rng.normal(0, np.sqrt(2 / before), (before, after)), np.zeros(after)]
    arrays = [a.astype(np.float32) for a in arrays]
    x = rng.random((batch, 784), np.float32)
    y = rng.integers(0, 10, batch).astype(np.int32)
    here = [[tf.constant(a) for a in part] for part in (arrays[:4], arrays[4:])]
    with ExitStack() as stack:
        alice, bob = stack.enter_context(parties("alice", "bob"))
        there = [alice.send(arrays[:4]), bob.send(arrays[4:])]
        images, labels = alice.send(x), bob.send(y)

        def one_process():
            here[:] = whole(*here, tf.constant(x), tf.constant(y))
            here[1][1].numpy()  # wait for it

        def two_processes():
            smashed = alice.run(forward, there[0], images).send(bob)
            there[1], gradient = bob.run(serve, there[1], smashed, labels)
            there[0] = alice.run(backward, there[0], images, gradient.send(alice))

        contenders = {
            "one process": one_process,
            "two processes": two_processes,
            "an empty call": lambda: alice.run(tf.identity, images),
        }
        for name, mode in PEERS.items():
            try:
                process = stack.enter_context(
                    peer("torch", "split_step", mode=mode, batch=batch, rate=LEARNING_RATE)
                )
                process()
            except PeerError as error:
                left_out[name] = str(error)
                continue
            versions |= process.versions
            contenders[name] = process
        seconds = measure.interleaved(contenders, rounds, seed, warm=5)
    about = f"A step of lab 04's network, batch {batch}"
    table = measure.Table(about, "one process", measure.timings(seconds, "one process"), left_out)
    return table, versions


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table, versions = compare(arguments.batch, arguments.rounds, arguments.seed)
    measure.write("split_step", measure.machine(["tensorflow-cpu"], versions), [table])
