"""A private training step against plain SGD and against the peers' private steps, in one run.

    python -m benchmarks.private_step [--batch 250] [--rounds 20] [--seed 0]

The model is lab 01's CNN; a step is the gradient of one batch and the optimizer's update, with
clipping and noise where it is private. Before each step that is timed the contender makes one that
is not: the others left cold caches. TF Privacy's Keras optimizer takes seconds a step and gets a
few rounds of its own. Then the step's growth with the batch and with the model.
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
from labkit.dpsgd.training import noisy_update

L2_NORM_CLIP = 1.5
NOISE_MULTIPLIER = 1.3
LEARNING_RATE = 0.25
SLOW_ROUNDS = 3


def layers():
    make = tf.keras.layers
    return [
        make.Conv2D(16, 8, strides=2, padding="same", activation="tanh", input_shape=(28, 28, 1)),
        make.MaxPool2D(2, 1),
        make.Conv2D(32, 4, strides=2, activation="tanh"),
        make.MaxPool2D(2, 1),
        make.Flatten(),
        make.Dense(32, activation="tanh"),
        make.Dense(10),
    ]


def cross_entropy(reduction="none"):
    return tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)


def noisy_mean(gradients, batch):
    return [
        (g + tf.random.normal(g.shape, stddev=NOISE_MULTIPLIER * L2_NORM_CLIP)) / batch
        for g in gradients
    ]


def plain(batch):
    model, loss = tf.keras.Sequential(layers()), cross_entropy()
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


def ours(batch):
    """The step that `dpsgd.fit` makes."""
    model = tf.keras.Sequential(layers())
    clipped_sum = clipped_gradient_sum(model, cross_entropy(), L2_NORM_CLIP)
    update = noisy_update(model.trainable_variables, tf.keras.optimizers.SGD(LEARNING_RATE))
    shapes, rng = [tuple(v.shape) for v in model.trainable_variables], np.random.default_rng()
    deviation, size = (
        tf.constant(value, tf.float64) for value in (NOISE_MULTIPLIER * L2_NORM_CLIP, batch)
    )

    def step(x, y):
        normals = [tf.constant(rng.standard_normal(shape)) for shape in shapes]
        update(clipped_sum(x, y).gradients, normals, deviation, size)

    return step


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
    "jax-privacy": ("jax", {"mode": "private"}),
}
GROWTH = [10, 30, 100, 250, 500, 1000, 2000]


def second(step):
    """Return a function that makes two steps and gives the seconds of the second."""

    def twice():
        step()
        began = time.perf_counter()
        step()
        return time.perf_counter() - began

    return twice


def here(build, batch):
    """Return a contender of this process."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.random((batch, 28, 28, 1), np.float32))
    y = tf.constant(rng.integers(0, 10, batch))
    step = build(batch)
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


def growth(rounds, seed):
    """The step against the batch; what two sizes' ratio is shows in the exponent."""
    contenders = {
        f"{name}, batch {batch}": here(HERE[name], batch)
        for name in ("plain SGD", "labkit")
        for batch in GROWTH
    }
    seconds = measure.interleaved(contenders, rounds, seed, warm=2)
    base = f"plain SGD, batch {GROWTH[0]}"
    notes = {}
    for name in ("plain SGD", "labkit"):
        times = [float(np.median(seconds[f"{name}, batch {batch}"])) for batch in GROWTH]
        slope = measure.exponent(GROWTH[2:], times[2:])
        notes[f"{name}, batch {GROWTH[-1]}"] = f"grows as batch^{slope:.2f} from {GROWTH[2]} on"
    return measure.Table("Growth with the batch", base, measure.timings(seconds, base, notes))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table, versions = against_peers(arguments.batch, arguments.rounds, arguments.seed)
    tables = [
        table, slow(arguments.batch, arguments.seed),
        growth(max(5, arguments.rounds // 2), arguments.seed),
    ]  # fmt: skip
    where = measure.machine(["tensorflow-cpu", "tensorflow-privacy"], versions)
    measure.write("private_step", where, tables)


if __name__ == "__main__":
    main()
