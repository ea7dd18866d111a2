"""What it costs to split a training step between two processes, against the same step in one.

    python benchmarks/split_step.py [--batch 64] [--rounds 100]

Lab 04's network, 784-128-640 | 10, forward, backward and SGD update; every message goes over
loopback. Both take turns, in random order; the ratio is the median over rounds. A remote call that
computes nothing is timed beside them.
"""

import argparse
import statistics
import time

import labkit  # noqa: F401

# isort: split
import numpy as np
import tensorflow as tf

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


def measure(batch: int, rounds: int) -> None:
    """Print the median time of a step in one process and in two, and their ratio."""
    rng = np.random.default_rng(0)
    sizes = [(784, 128), (128, 640), (640, 10)]
    arrays = []
    for before, after in sizes:
        arrays += [rng.normal(0, np.sqrt(2 / before), (before, after)), np.zeros(after)]
    arrays = [a.astype(np.float32) for a in arrays]
    x = rng.random((batch, 784), np.float32)
    y = rng.integers(0, 10, batch).astype(np.int32)
    here = [[tf.constant(a) for a in part] for part in (arrays[:4], arrays[4:])]
    with parties("alice", "bob") as (alice, bob):
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
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(rounds + 5):
            for name in rng.permutation(list(contenders)):
                began = time.perf_counter()
                contenders[name]()
                if turn >= 5:  # the first ones write the programs down
                    seconds[name].append(time.perf_counter() - began)
    print(f"a step of lab 04's network, batch {batch}, median of {rounds}")
    base = statistics.median(seconds["one process"])
    for name, times in seconds.items():
        middle = statistics.median(times)
        print(f"{name:15s} {1e3 * middle:7.2f} ms {middle / base:7.1f} × one process")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=100)
    arguments = parser.parse_args()
    measure(arguments.batch, arguments.rounds)
