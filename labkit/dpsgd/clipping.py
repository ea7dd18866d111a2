"""The clipped sum of the per-example gradients of a Keras model."""

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from labkit.dpsgd.one_by_one import one_by_one
from labkit.dpsgd.one_pass import every_layer, one_pass, product_layers

# Layers in which every example of a batch changes every other's output.
MIXING = frozenset({"BatchNormalization", "SyncBatchNormalization"})


class ClippedSum(NamedTuple):
    """What one batch yields.

    Attributes:
        gradients: Σᵢ gᵢ·min(1, C/‖gᵢ‖), one tensor per variable of `model.trainable_variables`.
        losses: [batch], each example's loss.
        norms: [batch], each ‖gᵢ‖ before clipping, over all trainable variables together.
    """

    gradients: list[tf.Tensor]
    losses: tf.Tensor
    norms: tf.Tensor


def clipped_gradient_sum(
    model, loss: Callable, l2_norm_clip: float
) -> Callable[[Any, Any], ClippedSum]:
    """Return a function (x, y) → ClippedSum, traced once for batches of every size.

    Adding or removing one example changes the sum by at most `l2_norm_clip` in Euclidean norm
    (up to float rounding), whatever that example holds (Abadi et al. 2016, arXiv:1607.00133,
    algorithm 1).

    Models of Dense, Conv2D and variable-free Keras layers (Sequential, functional, nested) take
    one forward and one backward pass. Every other model, also one that shares a layer, takes its
    examples one by one: right for any layer, and some ten times slower.

    * Dropout draws a mask per example; the gradient is the one under that mask.
    * An example whose gradient is not finite, or too long for its float type, adds zero: a NaN
      or an error would tell of that one example. Its loss and norm are returned as they are.
    * An empty batch gives zeros.

    Args:
        model: a built Keras model (tf_keras or Keras 3). It is left as it is.
        loss: (y, y_hat) → [batch], one loss per example: a Keras loss with reduction "none", or
            a function.
        l2_norm_clip: C, positive.

    The function's `x` and `y` are arrays or tensors, or nests of them, with the batch first.

    Raises:
        ValueError: the clip is no positive number, the loss reduces the batch or mixes its
            examples (as far as the first batch shows), the model mixes them
            (BatchNormalization), adds losses of its own (regularisers), or has no variables.
    """
    require_positive(l2_norm_clip=l2_norm_clip)
    clipped_sum = traced_clipped_sum(model, loss)

    def call(x, y) -> ClippedSum:
        return clipped_sum(x, y, l2_norm_clip)[0]

    vars(call)["model"] = model  # The trace itself has a weak reference only.
    return call


def require_positive(**arguments: float) -> None:
    """Raise a ValueError that names the first argument that is no positive finite number."""
    for name, value in arguments.items():
        number = isinstance(value, (int, float, np.number))
        if not (number and 0 < value < float("inf")):
            raise ValueError(f"{name} is {value!r}: give a positive number.")


def traced_clipped_sum(model, loss: Callable, metric: Callable | None = None) -> Callable:
    """Return (x, y, l2_norm_clip) → (ClippedSum, metrics), traced once for all sizes and clips.

    `metric` is (y, y_hat) → [batch]. The function does not keep the model alive.
    """
    require_per_example(model, loss)
    model = weakref.ref(model)

    # Keras 3 would let XLA compile it, which makes convolutions on a CPU slower.
    @tf.function(jit_compile=False, autograph=False)
    def traced(x, y, l2_norm_clip):
        return clipped_sum_of_batch(model(), loss, metric, x, y, l2_norm_clip)

    checked = False

    def call(x, y, l2_norm_clip):
        nonlocal checked
        x, y = tf.nest.map_structure(tf.convert_to_tensor, (x, y))
        if not checked and tf.executing_eagerly() and len(tf.nest.flatten(x)[0]) > 1:
            require_separate_losses(model(), loss, x, y)
            checked = True
        signature = tf.nest.map_structure(any_batch, (x, y))
        concrete = traced.get_concrete_function(*signature, tf.TensorSpec([], tf.float64))
        return concrete(x, y, tf.constant(l2_norm_clip, tf.float64))

    return call


def any_batch(tensor: tf.Tensor) -> tf.TensorSpec:
    """Return the type of `tensor` with a batch of any size."""
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)


def require_per_example(model, loss: Callable) -> None:
    """Raise a ValueError if the loss or the model cannot be taken apart into examples."""
    reduction = getattr(loss, "reduction", None)
    if reduction not in (None, "none"):
        raise ValueError(
            f"loss reduces the batch to one number (reduction={reduction!r}): "
            'give it reduction="none".'
        )
    if not model.trainable_variables:
        raise ValueError(
            "model has no trainable variables: build it (begin it with an Input) or unfreeze it."
        )
    for layer in every_layer(model):
        if type(layer).__name__ in MIXING and layer.trainable:
            raise ValueError(
                f"model's layer {layer.name!r} is a {type(layer).__name__}, which mixes the "
                "examples of a batch, so that no example's influence has a bound: use "
                "LayerNormalization or GroupNormalization."
            )


def require_separate_losses(model, loss: Callable, x, y) -> None:
    """Raise a ValueError if the first example's loss depends on who else is in the batch.

    Typically labels of shape [batch, 1] against outputs [batch], which broadcast to all pairs.
    """
    few, one = (tf.nest.map_structure(lambda t, n=n: t[:n], (x, y)) for n in (8, 1))
    y_hat = model(few[0], training=False)
    together = loss(few[1], y_hat)
    alone = loss(one[1], tf.nest.map_structure(lambda t: t[:1], y_hat))
    if together.shape.rank == alone.shape.rank == 1 and not np.allclose(
        together[0], alone[0], rtol=1e-3, equal_nan=True
    ):  # 1e-3: half precision rounds to 5e-4
        raise ValueError(
            f"loss mixes the examples of a batch: the first one's is {float(alone[0]):.4g} alone "
            f"and {float(together[0]):.4g} among others. Do y and the model's output have the "
            "same shape?"
        )


def clipped_sum_of_batch(model, loss, metric, x, y, l2_norm_clip) -> tuple[ClippedSum, tf.Tensor]:
    """Return the batch's ClippedSum and metrics."""

    def evaluate(x, y) -> tuple[tf.Tensor, tf.Tensor]:
        """Return each example's loss and metric."""
        y_hat = model(x, training=True)
        if model.losses:
            raise ValueError(
                "model adds losses of its own (a regularizer or add_loss), which no example "
                "owns: remove them; to keep weights small use the optimizer's weight_decay."
            )
        losses = tf.convert_to_tensor(loss(y, y_hat))
        if losses.shape.rank != 1:
            raise ValueError(
                f"loss returns shape {losses.shape} in place of [batch], one number per example: "
                'give it reduction="none" and let it average over every axis but the first.'
            )
        return losses, tf.zeros_like(losses) if metric is None else metric(y, y_hat)

    def weigh(norms: tf.Tensor) -> tf.Tensor:
        """Return each example's min(1, C/‖g‖), or zero if it must not count."""
        clip = tf.cast(l2_norm_clip, norms.dtype)
        counts = tf.math.is_finite(norms) & (batch > 0)
        return tf.where(counts, clip / tf.maximum(norms, clip), tf.zeros_like(norms))

    batch = tf.shape(tf.nest.flatten(x)[0])[0]
    x, y = tf.cond(batch > 0, lambda: (x, y), lambda: tf.nest.map_structure(one_blank, (x, y)))
    layers = product_layers(model)
    result = None if layers is None else one_pass(layers, evaluate, weigh, x, y)
    variables = model.trainable_variables
    sums, *per_example = result or one_by_one(variables, evaluate, weigh, x, y)
    losses, norms, metrics = (values[:batch] for values in per_example)
    return ClippedSum([sums[id(v)] for v in variables], losses, norms), metrics


def one_blank(tensor: tf.Tensor) -> tf.Tensor:
    """Return one example of zeros: TensorFlow's convolutions and loops fail on an empty batch."""
    return tf.zeros([1, *tensor.shape[1:]], tensor.dtype)
