"""Lab 02's training: labkit's `fit` against Opacus, an epoch each in turn, with the same ε.

    python -m benchmarks.private_epochs [--epochs 3] [--seed 1]

Both train lab 01's network on MNIST by DP-SGD as lab 02 does: Poisson batches of 250 expected, the
same clip, σ and steps, so the same ε. In each round each of them goes on training for an epoch of
240 steps, then takes its accuracy on the test images and its own accountant's ε; what is timed is
all of that. The table has times for the 15 epochs of lab 02, which are 15 times the median of those
that were run; `--epochs 15` runs them all.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

import labkit  # noqa: F401

# isort: split
import numpy as np
import tensorflow as tf

from benchmarks import measure
from benchmarks.peer import PeerError, PeerProgram, peer
from benchmarks.private_step import (
    L2_NORM_CLIP,
    LEARNING_RATE,
    NOISE_MULTIPLIER,
    SETTINGS,
    cross_entropy,
    layers,
)
from labkit import accounting, dpsgd
from labkit.data import load_mnist

BATCH, DELTA, WHOLE = 250, 1e-5, 15
PEERS = {"Opacus, ghost clipping": "ghost"}


class Training:
    """labkit's contender: each call trains another epoch; `said` tells of the last one."""

    def __init__(self, data: dict[str, np.ndarray], seed: int):
        tf.keras.utils.set_random_seed(seed)
        self.data, self.model = data, tf.keras.Sequential(layers())
        self.loss, self.optimizer = cross_entropy(), tf.keras.optimizers.SGD(LEARNING_RATE)
        self.rng, self.steps = np.random.default_rng(seed), 0
        self.said: dict[str, float] = {}

    def __call__(self) -> None:
        x, y, x_test, y_test = self.data.values()
        probability, steps = BATCH / len(x), len(x) // BATCH
        history = dpsgd.fit(
            self.model, self.loss, x, y,
            optimizer=self.optimizer, l2_norm_clip=L2_NORM_CLIP,
            noise_multiplier=NOISE_MULTIPLIER, sampling_probability=probability,
            expected_batch_size=BATCH, steps=steps, rng=self.rng, delta=DELTA,
            validation_data=(x_test, y_test),
        )  # fmt: skip
        self.steps += steps
        # `fit` has it for its own steps; these are all of them.
        epsilon = accounting.epsilon_pld(NOISE_MULTIPLIER, probability, self.steps, DELTA)
        self.said = {"accuracy": history.validation_accuracy[-1], "epsilon": epsilon}


def mnist() -> dict[str, np.ndarray]:
    """Return the images, [n, 28, 28, 1] from 0 to 1, and their labels."""
    (x, y), (x_test, y_test) = load_mnist()
    x, x_test = (images[..., None].astype(np.float32) / 255 for images in (x, x_test))
    y, y_test = (labels.astype(np.int32) for labels in (y, y_test))
    return {"x": x, "y": y, "x_test": x_test, "y_test": y_test}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    data = mnist()
    left_out: dict[str, str] = {}
    versions: dict[str, str] = {}
    contenders: dict[str, Training | PeerProgram] = {"labkit": Training(data, arguments.seed)}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mnist-"))
        file = Path(folder, "mnist.npz")
        np.savez(file, allow_pickle=False, **data)
        options = {"batch": BATCH, "delta": DELTA, "seed": arguments.seed} | SETTINGS
        for name, mode in PEERS.items():
            options |= {"mode": mode, "file": str(file), "threads": measure.cores()}
            try:
                process = stack.enter_context(peer("torch", "private_epochs", **options))
            except PeerError as error:
                left_out[name] = str(error)
                continue
            contenders[name] = process
            versions |= process.versions
        # Tracing is a part of the training, so there is no round to warm up.
        epochs = measure.interleaved(contenders, arguments.epochs, arguments.seed, warm=0)
    seconds = {name: [WHOLE * each for each in times] for name, times in epochs.items()}
    notes = {
        name: f"after {arguments.epochs} of {WHOLE} epochs: test accuracy "
        f"{contender.said['accuracy']:.4f}, ε = {contender.said['epsilon']:.4f}"
        for name, contender in contenders.items()
    }
    about = (
        f"Lab 02's {WHOLE} epochs ({WHOLE * len(data['x']) // BATCH} steps, σ = "
        f"{NOISE_MULTIPLIER}): {WHOLE} times the median of {arguments.epochs} that were run"
    )
    table = measure.Table(about, "labkit", measure.timings(seconds, "labkit", notes), left_out)
    where = measure.machine(["tensorflow-cpu"], versions)
    measure.write("private_epochs", where, [table])


if __name__ == "__main__":
    main()
