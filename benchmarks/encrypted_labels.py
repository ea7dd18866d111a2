"""A batch on encrypted labels: labkit, the published algorithm and tf-shell's models, in one run.

    python -m benchmarks.encrypted_labels [--rounds 2] [--share 0.1] [--without-models] [--slow]

Two networks on MNIST: 784-64-10, where labkit meets the published post-scale algorithm (its
parameters, fast rotations, weights in chunks: whole it needs more than 24 GB; a share of W₁'s rows,
and their time scaled up); and 196-16-10 on 14×14 images, where tf_shell_ml's models fit into
memory. Each turn is a process of its own, whose peak memory includes TensorFlow's own. Times are of
one batch, labkit's and the models' after a first one, per 2048 examples. Then labkit's growth with
classes, hidden units and batch, in one process.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from benchmarks import measure

BATCH = 2048
FULL, SMALL = (784, 64), (196, 16)
SLOW = "tf_shell_ml.PostScaleModel"
LIMIT = 100  # seconds of a contender's process
GROWTH = {
    "classes": [2, 10, 40],
    "hidden": [16, 64, 128],
    "batch": [512, 2048, 4096],
}


def data(features):
    """Images of that many pixels from 0 to 1, and labels."""
    import numpy as np

    # Not by labkit.data: labkit chooses Keras 2, and tf_shell_ml's models need Keras 3.
    with np.load(Path(__file__).parent.parent / "labkit" / "mnist" / "mnist.npz") as file:
        images, labels = file["x_train"], file["y_train"]
    if features == 196:
        images = images[:, 7:21, 7:21]
    return images.reshape(len(images), -1) / 255, labels.astype("int64")


def network(features, hidden, classes=10):
    """The published network, in another size if need be."""
    import tensorflow as tf

    from labkit import encrypted

    tf.keras.utils.set_random_seed(1)
    model = tf.keras.Sequential(
        [
            tf.keras.Input((features,)),
            tf.keras.layers.Dense(hidden, activation="relu"),
            tf.keras.layers.Dense(classes, activation="sigmoid"),
        ]
    )
    model.compile("adam")
    return encrypted.Network(model)


def parties(images, labels, net, **options):
    """Both parties, agreed."""
    from labkit import encrypted

    parameters = encrypted.Parameters(
        features=len(encrypted.live_columns(images)), hidden=net.sizes[1], **options
    )
    f, ell = (
        encrypted.FeaturesParty(parameters, images, net),
        encrypted.LabelsParty(parameters, labels),
    )
    encrypted.agree(f, ell)
    return f, ell


def ours(features, hidden, circuit_private=False):
    """Seconds and cosine of labkit's second batch."""
    import numpy as np

    from labkit import encrypted

    images, labels = data(features)
    net = network(features, hidden)
    f, ell = parties(images, labels, net, circuit_private=circuit_private)
    for batch in encrypted.batches(len(images), BATCH, np.random.default_rng(1))[:2]:
        began = time.perf_counter()
        gradients = encrypted.encrypted_gradients(f, ell, batch)
        seconds = time.perf_counter() - began
    parts = np.split(batch, len(gradients))
    return seconds, min(
        encrypted.cosine(g, net.gradient(images[p], labels[p]))
        for g, p in zip(gradients, parts, strict=True)
    )


def published(features, hidden, share=1.0, chunk=256):
    """Seconds and cosine of the published algorithm, its Jacobian in chunks of weights.

    With a share below 1, of that share of W₁'s rows, and the seconds are scaled up.
    """
    import numpy as np
    import tensorflow as tf
    import tf_shell

    from labkit import encrypted

    images, labels = data(features)
    net = network(features, hidden)
    context = tf_shell.create_context64(
        log_n=11, main_moduli=[576460752303439873], plaintext_modulus=557057, scaling_factor=3
    )
    key = tf_shell.create_key64(context)
    rotation = tf_shell.create_fast_rotation_key64(context, key)
    batch = encrypted.batches(len(images), BATCH, np.random.default_rng(1))[1]
    x, y = images[batch].astype(np.float32), labels[batch]

    began = time.perf_counter()
    units, predictions = net.forward(x)
    _, _, top, _ = (weight.astype(np.float32) for weight in net.weights)
    enc = tf_shell.to_encrypted(tf.one_hot(y, 10), key, context)
    residual = tf_shell.expand_dims(enc.__rsub__(tf.constant(predictions, tf.float32)), axis=-1)
    on, units = (units > 0).astype(np.float32), units.astype(np.float32)

    def sums(jacobian):
        products = tf_shell.reduce_sum(residual * tf.constant(jacobian), axis=1)
        summed = tf_shell.fast_reduce_sum(products)
        return tf_shell.to_tensorflow(summed, rotation).numpy()[[0, BATCH // 2]]

    with_ones = np.hstack([x, np.ones((BATCH, 1), np.float32)])
    step = max(1, chunk // hidden)
    through = on[:, None, :] * top.T[None]
    rows = min(features + 1, step * math.ceil((features + 1) * share / step))
    began_below = time.perf_counter()
    columns = [
        sums((with_ones[:, None, p : p + step, None] * through[:, :, None]).reshape(BATCH, 10, -1))
        for p in range(0, rows, step)
    ]
    more = (time.perf_counter() - began_below) * ((features + 1) / rows - 1)
    # W₂ and its biases: each logit has slopes in its own column only; the rest is zeros.
    units = np.hstack([units, np.ones((BATCH, 1), np.float32)])
    top = [
        sums(np.einsum("bj,ck->bcjk", units[:, j : j + 16], np.eye(10, dtype=np.float32)).reshape(
            BATCH, 10, -1))
        for j in range(0, hidden + 1, 16)
    ]  # fmt: skip
    seconds = time.perf_counter() - began + more
    below, above = np.concatenate(columns, axis=1), np.concatenate(top, axis=1)
    cosines = []
    for half, examples in enumerate(np.split(batch, 2)):
        w1, b1, w2, b2 = net.gradient(images[examples], labels[examples])
        true = [np.vstack([w1, b1]).ravel()[: below.shape[1]], np.vstack([w2, b2]).ravel()]
        cosines.append(encrypted.cosine([below[half], above[half]], true))
    return seconds, min(cosines)


def tf_shell_model(kind, features, hidden):
    """Seconds of tf_shell_ml's PostScaleModel or DpSgdModel, which need Keras 3, per 2048."""
    import tensorflow as tf
    import tf_shell
    import tf_shell_ml

    images, labels = data(features)
    rows = 4096
    cache = tempfile.mkdtemp()
    contexts = {
        "backprop_context_fn": lambda read_from_cache: tf_shell.create_context64(
            log_n=12,
            main_moduli=[140805821931521, 70437337817089],
            plaintext_modulus=8404993,
            scaling_factor=32,
        ),
        "noise_context_fn": lambda read_from_cache: tf_shell.create_context64(
            log_n=12,
            main_moduli=[963482017793, 2477525188609],
            plaintext_modulus=16801793,
            scaling_factor=1,
        ),
    }
    inputs = tf.keras.Input((features,))
    if kind == "PostScaleModel":
        outputs = tf.keras.layers.Dense(hidden, activation="relu")(inputs)
        outputs = tf.keras.layers.Dense(10, activation="softmax")(outputs)
        model = tf_shell_ml.PostScaleModel(
            inputs=inputs, outputs=outputs, ubatch_per_batch=2, cache_path=cache, **contexts
        )
    else:
        outputs = tf_shell_ml.ShellDense(
            hidden, activation=tf_shell_ml.relu, activation_deriv=tf_shell_ml.relu_deriv
        )(inputs)
        outputs = tf_shell_ml.ShellDense(10, activation=tf.nn.softmax)(outputs)
        model = tf_shell_ml.DpSgdModel(inputs=inputs, outputs=outputs, cache_path=cache, **contexts)
    model.compile(
        loss=tf.keras.losses.CategoricalCrossentropy(),
        optimizer=tf.keras.optimizers.Adam(0.01),
        metrics=[tf.keras.metrics.CategoricalAccuracy()],
    )

    class Clock(tf.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            times.append(time.perf_counter())

    times: list[float] = []
    x = tf.data.Dataset.from_tensor_slices(images[: 3 * rows].astype("float32")).batch(rows)
    y = tf.data.Dataset.from_tensor_slices(tf.one_hot(labels[: 3 * rows], 10)).batch(rows)
    model.fit(x, y, steps_per_epoch=3, epochs=1, verbose=0, callbacks=[Clock()])
    return (times[-1] - times[-2]) * BATCH / rows, None


CONTENDERS = {
    "784-64-10": {
        "labkit.encrypted": ("ours", *FULL),
        "the same, circuit-private": ("ours", *FULL, True),
        "published algorithm, in chunks": ("published", *FULL),
    },
    "196-16-10": {
        "labkit.encrypted": ("ours", *SMALL),
        "published algorithm, in chunks": ("published", *SMALL),
        "tf_shell_ml.DpSgdModel": ("tf_shell_model", "DpSgdModel", *SMALL),
        SLOW: ("tf_shell_model", "PostScaleModel", *SMALL),
    },
}


def in_its_own_process(call):
    """Run one contender and return (seconds, cosine, peak GB), or why it failed."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["TF_USE_LEGACY_KERAS"] = "0" if call[0] == "tf_shell_model" else "1"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.encrypted_labels", "--only", json.dumps(call)],
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            env=environment,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return f"not done within {LIMIT} s"
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        lines = done.stderr.strip().splitlines()
        return f"failed (exit {done.returncode}): {lines[-1][:100] if lines else ''}"


def alone(call):
    """One contender, in this process; the last line printed is its result."""
    if call[0] != "tf_shell_model":
        import labkit  # noqa: F401, before TensorFlow
    warnings.simplefilter("ignore")
    seconds, cosine = globals()[call[0]](*call[1:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps([seconds, cosine, peak]))


def growth(rounds):
    """Labkit's seconds of a batch against one size at a time, the others as published."""
    import numpy as np

    from labkit import encrypted

    images, labels = data(784)
    contenders, names = {}, {}
    for size, values in GROWTH.items():
        for value in values:
            sizes = {"classes": 10, "hidden": 64, "batch": BATCH} | {size: value}
            net = network(784, sizes["hidden"], sizes["classes"])
            # Of more classes than MNIST has the labels are made up.
            y = labels if sizes["classes"] == 10 else np.arange(len(labels)) % sizes["classes"]
            f, ell = parties(images, y, net, classes=sizes["classes"], batch=sizes["batch"])
            batch = np.random.default_rng(1).permutation(len(images))[: sizes["batch"]]
            name = "{batch} examples, {hidden} hidden units, {classes} classes".format(**sizes)
            names[size, value] = name
            contenders[name] = lambda f=f, ell=ell, batch=batch: encrypted.encrypted_gradients(
                f, ell, batch
            )
    seconds = measure.interleaved(contenders, rounds)
    base, notes = names["batch", BATCH], {}
    for size, values in GROWTH.items():
        times = [float(np.median(seconds[names[size, value]])) for value in values]
        slope = measure.exponent(values, times)
        notes[names[size, values[-1]]] = f"grows as {size}^{slope:.2f}"
    return measure.Table(
        "Growth of a batch, 784 pixels", base, measure.timings(seconds, base, notes)
    )


def compare(sizes, contenders, rounds, left_out):
    """The contenders of one network, in turns, but for those that are left out."""
    details: dict[str, list] = {name: [] for name in contenders}

    def once(name):
        if name in left_out:
            return math.nan
        print(f"{sizes}: {name}", file=sys.stderr)
        result = in_its_own_process(contenders[name])
        if isinstance(result, str):
            left_out[name] = result
            return math.nan
        details[name].append(result)
        return result[0]

    turns = {name: (lambda name=name: once(name)) for name in contenders}
    seconds = measure.interleaved(turns, rounds, warm=0, fewer={SLOW: 1})
    notes = {}
    for name, results in details.items():
        cosines = [cosine for _, cosine, _ in results if cosine is not None]
        exact = f", cosine {min(cosines):.5f}" if cosines else ""
        notes[name] = f"{max((peak for *_, peak in results), default=0):.1f} GB{exact}"
    good = {name: times for name, times in seconds.items() if name not in left_out}
    about = f"A batch of {BATCH} on encrypted labels, {sizes}"
    base = "labkit.encrypted"
    return measure.Table(about, base, measure.timings(good, base, notes), left_out)


def main(rounds, models, share, slow):
    import labkit  # noqa: F401, before TensorFlow

    tables = []
    for sizes, calls in CONTENDERS.items():
        contenders = {
            name: (*call, share) if call[0] == "published" else call
            for name, call in calls.items()
            if models or call[0] != "tf_shell_model"
        }
        left_out = {SLOW: "runs with --slow alone"} if SLOW in contenders and not slow else {}
        tables.append(compare(sizes, contenders, rounds, left_out))
    tables.append(growth(rounds + 1))
    where = measure.machine(["tensorflow-cpu", "tf-shell"])
    measure.write("encrypted_labels", where, tables)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--without-models", action="store_true", help="tf_shell_ml needs 9 GB")
    parser.add_argument(
        "--share", type=float, default=0.1, help="of W₁ that the published algorithm computes"
    )
    parser.add_argument("--slow", action="store_true", help=f"with {SLOW}, which takes minutes")
    parser.add_argument("--only", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        alone(arguments.only)
    else:
        main(arguments.rounds, not arguments.without_models, arguments.share, arguments.slow)
