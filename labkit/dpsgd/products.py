"""Per-example gradients of layers that are matrix products.

With `a` a layer's input and `g` the loss's gradient with respect to its pre-activation, one
example's gradient for the kernel is aᵀg. In a Dense layer on vectors that has rank one, so its
norm is ‖a‖·‖g‖ and it is never formed (Goodfellow 2015, arXiv:1510.01799). A convolution is such
a product over the patches of its input (Rochette, Manoel & Tramel 2019, arXiv:1912.06015).
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Product(NamedTuple):
    """The per-example gradients of some variables, in a form that need not spell them out.

    Attributes:
        variables: whose gradients.
        norm: [batch], each example's Euclidean norm over these variables together.
        factors: tensors [batch, ...]; a row depends on its own example alone.
        weighted_sum: (factors, weights [batch]) → Σᵢ weightsᵢ·gradientᵢ for each variable.
    """

    variables: list
    norm: tf.Tensor
    factors: list[tf.Tensor]
    weighted_sum: Callable[[list[tf.Tensor], tf.Tensor], list[tf.Tensor]]


def joint_norm(norms: list[tf.Tensor]) -> tf.Tensor:
    """Return [batch], the norm of the concatenation of parts that have these norms [batch]."""
    return tf.math.reduce_euclidean_norm(tf.stack(norms, axis=1), axis=1)


def norm_dtype(variables: list) -> tf.DType:
    """Return the widest float type among the variables, and at least float32."""
    dtypes = [tf.as_dtype(v.dtype) for v in variables]
    return max([tf.float32, *dtypes], key=lambda dtype: dtype.size)


def weighted_sums(parts: list[Product], weights: tf.Tensor) -> dict[int, tf.Tensor]:
    """Return Σᵢ weightsᵢ·gradientᵢ by the variable's id; a weight of zero outdoes a NaN."""
    counts = weights > 0

    def without_the_others():
        # 0·NaN is NaN.
        return [[kept_rows(counts, factor) for factor in part.factors] for part in parts]

    factors = tf.cond(
        tf.reduce_all(counts), lambda: [part.factors for part in parts], without_the_others
    )
    sums = {}
    for part, its_factors in zip(parts, factors, strict=True):
        for v, total in zip(part.variables, part.weighted_sum(its_factors, weights), strict=True):
            sums[id(v)] = tf.cast(total, v.dtype)
    return sums


def kept_rows(keep: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Return `rows` [batch, ...] with zeros for those where `keep` [batch] is false."""
    keep = tf.reshape(keep, [-1] + [1] * (rows.shape.rank - 1))
    return tf.where(keep, rows, tf.zeros_like(rows))


def formed(variables: list, gradients: list[tf.Tensor]) -> Product:
    """Return the product of gradients [batch, ...] that have been formed."""
    return Product(
        variables,
        joint_norm([row_norms(gradient) for gradient in gradients]),
        gradients,
        lambda factors, weights: [weighted_row_sum(factor, weights) for factor in factors],
    )


def dense(layer, a: tf.Tensor, g: tf.Tensor) -> Product:
    """Return the product of a Dense layer: `a` [batch, ..., inputs], `g` [batch, ..., units]."""
    variables, use_bias = layer.trainable_variables, layer.use_bias
    if a.shape.rank > 2:
        positions = a.shape[1:-1].num_elements()
        a, g = (tf.reshape(t, [tf.shape(t)[0], positions, t.shape[-1]]) for t in (a, g))
        kernel = tf.matmul(a, g, transpose_a=True)
        return formed(variables, [kernel, tf.reduce_sum(g, 1)] if use_bias else [kernel])

    def weighted_sum(factors, weights):
        a, g = factors
        g = g * weights[:, tf.newaxis]
        kernel = tf.matmul(a, g, transpose_a=True)
        return [kernel, tf.reduce_sum(g, 0)] if use_bias else [kernel]

    # A bias is the weight of one more input, which is always 1.
    a_norm = tf.sqrt(tf.square(row_norms(a)) + 1) if use_bias else row_norms(a)
    return Product(variables, a_norm * row_norms(g), [a, g], weighted_sum)


def row_norms(rows: tf.Tensor) -> tf.Tensor:
    """Return [batch], the norm of each of `rows` [batch, ...]."""
    # One fused reduction over a matrix is several times faster than a square and a sum.
    return tf.math.reduce_euclidean_norm(as_matrix(rows), axis=1)


def weighted_row_sum(rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Return Σᵢ weightsᵢ·rowsᵢ in the shape of one of `rows` [batch, ...]."""
    return tf.reshape(weights[tf.newaxis] @ as_matrix(rows), rows.shape[1:])


def as_matrix(rows: tf.Tensor) -> tf.Tensor:
    """Return `rows` [batch, ...] as [batch, row size]; -1 would be ambiguous for no rows."""
    return tf.reshape(rows, [tf.shape(rows)[0], rows.shape[1:].num_elements()])
