"""Per-example gradients of the layers that are matrix products: Dense and Conv2D.

With `a` a layer's input and `g` the loss's gradient with respect to its pre-activation, one
example's gradient for the kernel is aᵀg. In a Dense layer on vectors that has rank one, so its
norm is ‖a‖·‖g‖ and it is never formed (Goodfellow 2015, arXiv:1510.01799). A convolution is such
a product over the patches of its input (Rochette, Manoel & Tramel 2019, arXiv:1912.06015).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

# Pixels shorter than this are copied faster by a convolution with ones and zeros than by a gather.
FEW_CHANNELS = 8


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
        batch, positions = tf.shape(a)[0], tf.reduce_prod(tf.shape(a)[1:-1])
        a = tf.reshape(a, [batch, positions, a.shape[-1]])
        g = tf.reshape(g, [batch, positions, g.shape[-1]])
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


def conv2d(layer, a: tf.Tensor, g: tf.Tensor) -> Product:
    """Return the product of a Conv2D layer: `a`, `g` [batch, height, width, channels], or with
    the channels first if the layer says so."""
    if layer.data_format == "channels_first":
        a, g = (tf.transpose(tensor, [0, 2, 3, 1]) for tensor in (a, g))
    groups = zip(
        tf.split(a, layer.groups, axis=-1), tf.split(g, layer.groups, axis=-1), strict=True
    )
    kernel = tf.concat([kernel_gradients(layer, *group) for group in groups], axis=-1)
    bias = [tf.reduce_sum(g, [1, 2])] if layer.use_bias else []
    return formed(layer.trainable_variables, [kernel, *bias])


def kernel_gradients(layer, a: tf.Tensor, g: tf.Tensor) -> tf.Tensor:
    """Return [batch, kernel height, kernel width, channels, filters] for one group of channels."""
    (height, width), (stride, _), (dilation, _) = (
        layer.kernel_size,
        layer.strides,
        layer.dilation_rate,
    )
    batch, rows, columns = tf.unstack(tf.shape(g)[:3])
    channels, filters = a.shape[-1], g.shape[-1]
    # Patches in two steps, first within the rows, then of whole rows: long pieces copy fast.
    strips = windows_in_rows(layer, padded(layer, a, rows, columns), columns)
    index = tf.reshape(tf.transpose(window_index(rows, height, stride, dilation)), [-1])
    patches = tf.reshape(
        tf.gather(strips, index, axis=1), [batch, height, rows * columns, width * channels]
    )
    g = tf.reshape(g, [batch, 1, rows * columns, filters])
    kernel = tf.matmul(patches, g, transpose_a=True)
    return tf.reshape(kernel, [batch, height, width, channels, filters])


def padded(layer, a: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Return `a` with the zeros that padding="same" puts round it."""
    if layer.padding == "valid":
        return a
    paddings = [[0, 0]]
    for axis, outputs in enumerate((rows, columns)):
        reach = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
        inputs = (outputs - 1) * layer.strides[axis] + reach
        zeros = tf.maximum(inputs - tf.shape(a)[1 + axis], 0)
        paddings.append([zeros // 2, zeros - zeros // 2])
    return tf.pad(a, [*paddings, [0, 0]])


def window_index(windows: tf.Tensor, size: int, stride: int, dilation: int) -> tf.Tensor:
    """Return [windows, size], where each of a row of sliding windows looks."""
    return tf.range(windows)[:, tf.newaxis] * stride + np.arange(size) * dilation


def windows_in_rows(layer, a: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Return [batch, rows, columns·kernel width·channels]: what each column's window sees."""
    width, stride, dilation = layer.kernel_size[1], layer.strides[1], layer.dilation_rate[1]
    channels = a.shape[-1]
    if channels < FEW_CHANNELS:
        identity = np.eye(width * channels).reshape(1, width, channels, width * channels)
        windows = tf.nn.conv2d(
            a, tf.constant(identity, a.dtype), [1, stride], "VALID", dilations=[1, dilation]
        )
    else:
        windows = tf.gather(a, window_index(columns, width, stride, dilation), axis=2)
    batch, rows = tf.unstack(tf.shape(a)[:2])
    return tf.reshape(windows, [batch, rows, columns * width * channels])


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
