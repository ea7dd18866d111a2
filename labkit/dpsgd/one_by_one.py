"""Clipped sums of any model at all: a loop over single examples."""

from collections.abc import Callable

import tensorflow as tf

from labkit.dpsgd.products import norm_dtype


def one_by_one(variables: list, evaluate: Callable, weigh: Callable, x, y):
    """Return the weighted sums by variable id, and [batch] losses, norms and metrics.

    A loop rather than `tf.vectorized_map`, which was hardly faster, holds every example's
    gradient at once and knows no recurrent layers.
    """
    dtype = norm_dtype(variables)

    def add_one(i, sums, per_example):
        with tf.GradientTape() as tape:
            loss, metric = evaluate(*tf.nest.map_structure(lambda t: t[i : i + 1], (x, y)))
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        # An Embedding's gradient is sparse: it adds up repeated tokens on conversion.
        gradients = [tf.cast(tf.convert_to_tensor(g), dtype) for g in gradients]
        norm = tf.linalg.global_norm(gradients)
        weight = weigh(norm)
        added = [
            # A weight of zero is not enough: 0·NaN is NaN.
            total + tf.where(weight > 0, weight * gradient, tf.zeros_like(gradient))
            for total, gradient in zip(sums, gradients, strict=True)
        ]
        row = tf.stack([tf.cast(v, tf.float64) for v in (loss[0], norm, metric[0])])
        return i + 1, added, per_example.write(i, row)

    batch = tf.shape(tf.nest.flatten(x)[0])[0]
    _, sums, per_example = tf.while_loop(
        lambda i, *_: i < batch,
        add_one,
        (
            0,
            [tf.zeros(v.shape, dtype) for v in variables],
            tf.TensorArray(tf.float64, batch, element_shape=[3]),
        ),
    )
    losses, norms, metrics = tf.unstack(tf.cast(per_example.stack(), dtype), axis=1)
    sums = {id(v): tf.cast(total, v.dtype) for v, total in zip(variables, sums, strict=True)}
    return sums, losses, norms, metrics
