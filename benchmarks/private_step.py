"""A private training step against plain SGD and against the peers' private steps, in one run.

    python -m benchmarks.private_step [--batch 250] [--rounds 20] [--seed 0]

The model is lab 01's CNN; a step is the gradient of one batch and the optimizer's update, with
clipping and noise where it is private; TensorFlow's contenders all draw it from TensorFlow, while
`labkit.dpsgd.fit`, which private_epochs.py measures, draws it from NumPy. Before each step that is
timed the contender makes one that is not: the others left cold caches. TF Privacy's Keras optimizer
takes seconds a step and gets a few rounds of its own. Then the step's growth with the batch, and
with the model's width.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import labkit  # noqa: F401

# isort: split
import numpy as np
import tensorflow as tf

from benchmarks import measure
from benchmarks.peer import PeerError, peer
from labkit.dpsgd import clipped_gradient_sum

L2_NORM_CLIP = 1.5
NOISE_MULTIPLIER = 1.3
LEARNING_RATE = 0.25
SLOW_ROUNDS = 3


def layers(width=1):
    """Return lab 01's layers, with `width` times as many filters and hidden units."""
    make, filters = tf.keras.layers, round(16 * width)
    first = {"padding": "same", "activation": "tanh", "input_shape": (28, 28, 1)}
    return [
        make.Conv2D(filters, 8, strides=2, **first),
        make.MaxPool2D(2, 1),
        make.Conv2D(2 * filters, 4, strides=2, activation="tanh"),
        make.MaxPool2D(2, 1),
        make.Flatten(),
        make.Dense(2 * filters, activation="tanh"),
        make.Dense(10),
    ]


def cross_entropy(reduction="none"):
    return tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)


def noisy_mean(gradients, batch):
    return [
        (g + tf.random.normal(g.shape, stddev=NOISE_MULTIPLIER * L2_NORM_CLIP)) / batch
        for g in gradients
    ]


def plain(batch, width=1):
    model, loss = tf.keras.Sequential(layers(width)), cross_entropy()
    optimizer = tf.keras.optimizers.SGD(LEARNING_RATE)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            mean = tf.reduce_mean(loss(y, model(x, training=True)))
        gradients = tape.gradient(mean, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    return step


def private(gradient_sum, model, batch):
    """Return the step that adds noise to `gradient_sum(x, y)` and updates `model`."""
    optimizer = tf.keras.optimizers.SGD(LEARNING_RATE)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x, y):
        gradients = noisy_mean(gradient_sum(x, y), batch)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    return step


def ours(batch, width=1):
    model = tf.keras.Sequential(layers(width))
    clipped_sum = clipped_gradient_sum(model, cross_entropy(), L2_NORM_CLIP)
    return private(lambda x, y: clipped_sum(x, y).gradients, model, batch)


def vectorized_map(batch):
    model, loss = tf.keras.Sequential(layers()), cross_entropy()

    def clipped(example):
        x, y = (tensor[tf.newaxis] for tensor in example)
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        return tf.clip_by_global_norm(gradients, L2_NORM_CLIP)[0]

    def gradient_sum(x, y):
        return [tf.reduce_sum(g, 0) for g in tf.vectorized_map(clipped, (x, y))]

    return private(gradient_sum, model, batch)


def keras_step(model, optimizer, loss):
    model.compile(optimizer, loss)
    step = model.make_train_function()
    batches: list[Iterator] = []

    def call(x, y):
        if not batches:
            batches.append(iter(tf.data.Dataset.from_tensors((x, y)).repeat()))
        step(batches[0])

    return call


def dp_sequential(batch):
    import tensorflow_privacy

    model = tensorflow_privacy.DPSequential(
        l2_norm_clip=L2_NORM_CLIP, noise_multiplier=NOISE_MULTIPLIER, layers=layers()
    )
    return keras_step(model, tf.keras.optimizers.SGD(LEARNING_RATE), cross_entropy())


def dp_keras_optimizer(batch):
    import tensorflow_privacy

    optimizer = tensorflow_privacy.DPKerasSGDOptimizer(
        l2_norm_clip=L2_NORM_CLIP,
        noise_multiplier=NOISE_MULTIPLIER,
        num_microbatches=batch,
        learning_rate=LEARNING_RATE,
    )
    return keras_step(tf.keras.Sequential(layers()), optimizer, cross_entropy())


SETTINGS = {"clip": L2_NORM_CLIP, "noise": NOISE_MULTIPLIER, "rate": LEARNING_RATE}
HERE = {
    "plain SGD": plain,
    "labkit": ours,
    "tf.vectorized_map": vectorized_map,
    "TF Privacy DPSequential": dp_sequential,
}
SLOW = {"TF Privacy DPKerasSGDOptimizer": dp_keras_optimizer}
PEERS = {
    "PyTorch, plain SGD": ("torch", {"mode": "plain"}),
    "Opacus, hooks": ("torch", {"mode": "hooks"}),
    "Opacus, ghost clipping": ("torch", {"mode": "ghost"}),
    "Opacus, functorch": ("torch", {"mode": "functorch"}),
    "JAX, plain SGD": ("jax", {"mode": "plain"}),
    "jax-privacy, its core": ("jax", {"mode": "core"}),
    "jax-privacy, its Keras API": ("jax", {"mode": "keras"}),
}
GROWTH = [10, 30, 100, 250, 500, 1000, 2000]
WIDTHS = [0.5, 1, 2, 4]


def second(step):
    """Return a function that makes two steps and gives the seconds of the second."""

    def twice():
        step()
        began = time.perf_counter()
        step()
        return time.perf_counter() - began

    return twice


def here(build, batch, **options):
    """Return a contender of this process."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.random((batch, 28, 28, 1), np.float32))
    y = tf.constant(rng.integers(0, 10, batch))
    step = build(batch, **options)
    return second(lambda: step(x, y))


def against_peers(batch, rounds, seed):
    """All contenders, this process's and the peers'."""
    left_out: dict[str, str] = {}
    contenders: dict[str, Callable] = {}
    versions: dict[str, str] = {}
    with ExitStack() as stack:
        for name, build in HERE.items():
            contenders[name] = here(build, batch)
        for name, (environment, options) in PEERS.items():
            threads = {"threads": measure.cores()} if environment == "torch" else {}
            try:
                process = stack.enter_context(
                    peer(environment, "private_step", batch=batch, **SETTINGS, **options, **threads)
                )
                process()
            except PeerError as error:
                left_out[name] = str(error)
                continue
            versions |= process.versions
            contenders[name] = lambda process=process: process() and process()
        seconds = measure.interleaved(contenders, rounds, seed, warm=2)
    about = f"A step of lab 01's network, batch {batch}"
    return measure.Table(
        about, "plain SGD", measure.timings(seconds, "plain SGD"), left_out
    ), versions


def slow(batch, seed):
    contenders = {name: here(build, batch) for name, build in ({"plain SGD": plain} | SLOW).items()}
    seconds = measure.interleaved(contenders, SLOW_ROUNDS, seed)
    about = f"The same, by TF Privacy's Keras optimizer, batch {batch}"
    return measure.Table(about, "plain SGD", measure.timings(seconds, "plain SGD"))


def growth(contenders, sizes, rounds, seed, about, first):
    """Measure steps of several sizes; the exponent says how time grows from the `first`-th size on.

    Args:
        contenders: (name, size) → a contender of that size.
        sizes: the sizes by what a row calls them, in order.
        rounds, seed: see `measure.interleaved`.
        about: the table's, which ends in what grows.
        first: sizes before it are too small to count: there what a step costs anyway prevails.
    """
    names, labels = ("plain SGD", "labkit"), list(sizes)
    made = {f"{name}, {label}": contenders(name, sizes[label]) for name in names for label in sizes}
    seconds = measure.interleaved(made, rounds, seed, warm=2)
    base, notes = f"plain SGD, {labels[0]}", {}
    for name in names:
        times = [float(np.median(seconds[f"{name}, {label}"])) for label in labels]
        slope = measure.exponent([*map(float, sizes.values())][first:], times[first:])
        notes[f"{name}, {labels[-1]}"] = f"exponent {slope:.2f} from {labels[first]} on"
    return measure.Table(about, base, measure.timings(seconds, base, notes))


def with_the_batch(rounds, seed):
    sizes = {f"batch {batch}": batch for batch in GROWTH}
    about = "Growth with the batch"
    return growth(lambda name, batch: here(HERE[name], batch), sizes, rounds, seed, about, 2)


def with_the_model(batch, rounds, seed):
    """The parameters of the second convolution, most of all, grow with the width's square."""
    widths = {
        tf.keras.Sequential(layers(width)).count_params(): width for width in WIDTHS
    }  # fmt: skip
    sizes = {f"{count} parameters": count for count in widths}
    about = f"Growth with the model, as wide as {', '.join(map(str, WIDTHS))} of it, batch {batch}"
    return growth(
        lambda name, count: here(HERE[name], batch, width=widths[count]),
        sizes, rounds, seed, about, 0,
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table, versions = against_peers(arguments.batch, arguments.rounds, arguments.seed)
    fewer = max(5, arguments.rounds // 3)
    tables = [
        table, slow(arguments.batch, arguments.seed), with_the_batch(fewer, arguments.seed),
        with_the_model(arguments.batch, fewer, arguments.seed),
    ]  # fmt: skip
    where = measure.machine(["tensorflow-cpu", "tensorflow-privacy"], versions)
    measure.write("private_step", where, tables)


if __name__ == "__main__":
    main()
