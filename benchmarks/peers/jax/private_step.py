"""Lab 01's network and one step of it in JAX: plain SGD, jax-privacy's core and its Keras API."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import numpy as np
from jax_privacy import clipping, keras_api

PACKAGES = ["jax", "jax-privacy"]


def _network(parameters, x):
    def conv(x, w, b, stride, padding):
        dimensions = ("NHWC", "HWIO", "NHWC")
        return (
            jax.lax.conv_general_dilated(x, w, (stride, stride), padding, None, None, dimensions)
            + b
        )

    def pool(x):
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 1, 1, 1), "VALID")

    w1, b1, w2, b2, w3, b3, w4, b4 = parameters
    x = pool(jnp.tanh(conv(x, w1, b1, 2, "SAME")))
    x = pool(jnp.tanh(conv(x, w2, b2, 2, "VALID")))
    return jnp.tanh(x.reshape(len(x), -1) @ w3 + b3) @ w4 + b4


def _keras_step(x, y, clip, noise, rate):
    import keras

    make, batch = keras.layers, len(x)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            make.Conv2D(16, 8, strides=2, padding="same", activation="tanh"),
            make.MaxPool2D(2, 1),
            make.Conv2D(32, 4, strides=2, activation="tanh"),
            make.MaxPool2D(2, 1),
            make.Flatten(),
            make.Dense(32, activation="tanh"),
            make.Dense(10),
        ]
    )
    # It checks that the ε of so many steps is at most this.
    parameters = keras_api.DPKerasConfig(
        epsilon=10.0, delta=1e-5, clipping_norm=clip, noise_multiplier=noise, batch_size=batch,
        gradient_accumulation_steps=1, train_steps=3600, train_size=240 * batch,
        rescale_to_unit_norm=False, seed=0,
    )  # fmt: skip
    model = keras_api.make_private(model, parameters)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss)
    return lambda: model.train_on_batch(x, y)


def contender(mode, batch, clip, noise, rate):
    """Return a step; `mode` is "plain", "core" or "keras"."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.random((batch, 28, 28, 1), np.float32))
    y = jnp.asarray(rng.integers(0, 10, batch))
    if mode == "keras":
        return _keras_step(x, y, clip, noise, rate)
    shapes = [(8, 8, 1, 16), (16,), (4, 4, 16, 32), (32,), (512, 32), (32,), (32, 10), (10,)]
    parameters = [jnp.asarray(rng.normal(0, 0.1, shape).astype(np.float32)) for shape in shapes]

    def loss(parameters, x, y):
        logits = jax.nn.log_softmax(_network(parameters, x))
        return -jnp.mean(jnp.take_along_axis(logits, y[:, None], 1))

    if mode == "plain":

        @jax.jit
        def update(parameters, key):
            gradients = jax.grad(loss)(parameters, x, y)
            return [p - rate * g for p, g in zip(parameters, gradients, strict=True)], key

    else:
        clipped = clipping.clipped_grad(loss, l2_clip_norm=clip, batch_argnums=(1, 2))

        @jax.jit
        def update(parameters, key):
            gradients = clipped(parameters, x, y)
            key, *keys = jax.random.split(key, 1 + len(parameters))
            noisy = [
                (g + noise * clip * jax.random.normal(k, g.shape)) / batch
                for g, k in zip(gradients, keys, strict=True)
            ]
            return [p - rate * g for p, g in zip(parameters, noisy, strict=True)], key

    state = [parameters, jax.random.key(0)]

    def step():
        state[:] = update(*state)
        jax.block_until_ready(state[0])

    return step
