"""Uses all three libraries in one process, and checks what they compute. Run by test_compat.py."""

import labkit  # noqa: F401, I001

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff
import tensorflow_privacy
import tf_shell

RNG = np.random.default_rng(20)
X = RNG.normal(size=(48, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
LEARNING_RATE = 0.1


def keras_model():
    return tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(2)])


def cross_entropy(reduction):
    return tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)


def privacy_step():
    """One batch of `fit` moves the weights, by no more than the clipping allows."""
    l2_norm_clip = 0.01
    model = keras_model()
    optimizer = tensorflow_privacy.DPKerasSGDOptimizer(
        l2_norm_clip=l2_norm_clip,
        noise_multiplier=0.0,
        num_microbatches=len(X),
        learning_rate=LEARNING_RATE,
    )
    model.compile(optimizer, cross_entropy("none"))
    before = model.get_weights()
    model.fit(X, Y, batch_size=len(X), epochs=1, verbose=0)
    moved = [new - old for new, old in zip(model.get_weights(), before, strict=True)]
    distance = np.sqrt(sum(np.sum(part**2) for part in moved))
    # The mean of clipped gradients has at most the clip's norm; float32 weights of size 1 round
    # each of the 10 differences by up to 2^-24.
    assert 0 < distance <= LEARNING_RATE * l2_norm_clip + np.sqrt(10) * 2**-24, distance


def federated_round(model_aggregator=None, start=None):
    """One round of FedAvg over two clients of 32 and 16 examples, one local step each."""
    clients = [tf.data.Dataset.from_tensor_slices((X[part], Y[part])).batch(32) for part in PARTS]
    process = tff.learning.algorithms.build_weighted_fed_avg(
        lambda: tff.learning.models.from_keras_model(
            keras_model(), input_spec=clients[0].element_spec, loss=cross_entropy("auto")
        ),
        client_optimizer_fn=tff.learning.optimizers.build_sgdm(LEARNING_RATE),
        model_aggregator=model_aggregator,
    )
    state = process.initialize()
    if start is not None:
        state = process.set_model_weights(state, start)
    start = process.get_model_weights(state)
    output = process.next(state, clients)
    return start, process.get_model_weights(output.state).trainable, output.metrics


PARTS = [slice(0, 32), slice(32, 48)]


def averaged(start):
    """The same round by hand: equal to one gradient step on the union of the clients' data."""
    model = keras_model()
    model.set_weights(start.trainable)
    with tf.GradientTape() as tape:
        loss = cross_entropy("auto")(Y, model(X))
    gradients = tape.gradient(loss, model.trainable_weights)
    return [
        old - LEARNING_RATE * g.numpy() for old, g in zip(start.trainable, gradients, strict=True)
    ]


def assert_near(actual, expected):
    # Float32 sums of 48 terms of order 1, and the secure sum's grid (float32 over [-100, 100],
    # 2 clients, divided by 48 examples: 5e-7), stay below 1e-5. A step moves weights by 1e-2.
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=0, atol=1e-5)


def encrypted_sum():
    context = tf_shell.create_context64(
        log_n=10,
        main_moduli=[8556589057, 8388812801],
        plaintext_modulus=40961,
        scaling_factor=1,
    )
    key = tf_shell.create_key64(context)
    a, b = (tf.constant(RNG.integers(0, 1000, context.num_slots), tf.int32) for _ in range(2))
    both = tf_shell.to_encrypted(a, key, context) + tf_shell.to_encrypted(b, key, context)
    assert both.is_encrypted
    np.testing.assert_array_equal(tf_shell.to_tensorflow(both, key), a + b)


privacy_step()
start, trained, _ = federated_round()
assert_near(trained, averaged(start))
# The secure aggregator needs a context that implements it; TFF calls the one that does "test".
tff.backends.test.set_sync_test_cpp_execution_context()
_, trained, metrics = federated_round(tff.learning.secure_aggregator(), start)
assert "secure_upper_threshold" in str(metrics)
assert_near(trained, averaged(start))
encrypted_sum()
print("all done")
