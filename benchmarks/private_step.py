"""Ratios of private training steps to a plain SGD step, measured side by side in one process.

    python benchmarks/private_step.py [--batch 250] [--rounds 30]

The model is lab 01's CNN; a step is the gradient of one batch and the optimizer's update, with
clipping and noise where it is private. In every round each contender takes its turn, in random
order and after a step that is not timed (the one before it leaves cold caches), so all meet the
same load from elsewhere; the ratio is the median over rounds of its time to plain SGD's in the
same round. TF Privacy's Keras optimizer takes seconds a step and gets a few rounds of its own.
"""

import argparse
import importlib
import statistics
import time

import labkit  # noqa: F401

# isort: split
import numpy as np
import tensorflow as tf

from labkit.dpsgd import clipped_gradient_sum

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
    model = tf.keras.Sequential(layers())
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
    batches = []

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


def opacus(batch):
    torch = importlib.import_module("torch")
    engine = importlib.import_module("opacus").PrivacyEngine()

    class Channels(torch.nn.Module):
        def forward(self, x):
            return x.reshape(-1, 1, 28, 28)

    nn = torch.nn
    model = nn.Sequential(
        Channels(),
        nn.ZeroPad2d(3),
        nn.Conv2d(1, 16, 8, 2),
        nn.Tanh(),
        nn.MaxPool2d(2, 1),
        nn.Conv2d(16, 32, 4, 2),
        nn.Tanh(),
        nn.MaxPool2d(2, 1),
        nn.Flatten(),
        nn.Linear(512, 32),
        nn.Tanh(),
        nn.Linear(32, 10),
    )
    data = torch.utils.data.TensorDataset(torch.zeros(batch, 1), torch.zeros(batch))
    model, optimizer, _ = engine.make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), LEARNING_RATE),
        data_loader=torch.utils.data.DataLoader(data, batch_size=batch),
        noise_multiplier=NOISE_MULTIPLIER,
        max_grad_norm=L2_NORM_CLIP,
        poisson_sampling=False,
    )

    def step(x, y):
        optimizer.zero_grad()
        x, y = torch.from_numpy(x.numpy()), torch.from_numpy(y.numpy())
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


CONTENDERS = {
    "plain SGD": plain,
    "labkit": ours,
    "tf.vectorized_map": vectorized_map,
    "TF Privacy DPSequential": dp_sequential,
    "TF Privacy DPKerasSGDOptimizer": dp_keras_optimizer,
    "Opacus": opacus,
}
SLOW = {"TF Privacy DPKerasSGDOptimizer"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    x = tf.constant(rng.random((arguments.batch, 28, 28, 1), np.float32))
    y = tf.constant(rng.integers(0, 10, arguments.batch))

    steps, times = {}, {}
    for name, build in CONTENDERS.items():
        try:
            steps[name] = build(arguments.batch)
        except ModuleNotFoundError as missing:
            print(f"{name}: left out, {missing.name} is not installed")
            continue
        for _ in range(1 if name in SLOW else 3):  # Traces, and grows memory to its size.
            steps[name](x, y)
        times[name] = []

    for turn in range(SLOW_ROUNDS + arguments.rounds):
        slow = turn < SLOW_ROUNDS
        for name in rng.permutation([n for n in steps if n == "plain SGD" or (n in SLOW) == slow]):
            step = steps[name]
            step(x, y)
            began = time.perf_counter()
            step(x, y)
            times[name].append((time.perf_counter() - began) * 1e3)

    print(f"{'batch of ' + str(arguments.batch):32}{'median ms':>10}{'fastest':>10}{'ratio':>8}")
    for name, taken in times.items():
        base = times["plain SGD"][None if name in SLOW or name == "plain SGD" else SLOW_ROUNDS :]
        ratio = statistics.median(a / b for a, b in zip(taken, base, strict=False))
        print(f"{name:32}{statistics.median(taken):10.1f}{min(taken):10.1f}{ratio:8.2f}")


if __name__ == "__main__":
    main()
