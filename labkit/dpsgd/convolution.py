"""Per-example gradients of a Conv2D layer: one batched matrix product over the input's patches."""

import numpy as np
import tensorflow as tf

from labkit.dpsgd.products import Product, formed

# Shorter pixels are slow to gather one by one: there the kernel slides along whole rows, as a
# product with a matrix of zeros and ones, which must stay small.
SHORT_PIXEL = 8
LONGEST_ROW = 256


def conv2d(layer, a: tf.Tensor, g: tf.Tensor) -> Product:
    """Return the product of a Conv2D layer: `a`, `g` [batch, height, width, channels], or with
    the channels first if the layer says so; all sizes but the batch's known."""
    if layer.data_format == "channels_first":
        a, g = (tf.transpose(tensor, [0, 2, 3, 1]) for tensor in (a, g))
    groups = list(zip(*(tf.split(t, layer.groups, axis=-1) for t in (a, g)), strict=True))
    seen = [patches(layer, *group) for group in groups]
    pulls = [tf.reshape(g, [-1, 1, g.shape[1] * g.shape[2], g.shape[3]]) for _, g in groups]
    # The narrower factor on the left: transposing it is what costs.
    filters_first = pulls[0].shape[-1] < seen[0].shape[-1]
    factors = zip(pulls, seen, strict=True) if filters_first else zip(seen, pulls, strict=True)
    kernels = [tf.matmul(left, right, transpose_a=True) for left, right in factors]
    kernel = tf.concat(kernels, axis=2 if filters_first else 3)
    bias = [tf.reduce_sum(g, [1, 2])] if layer.use_bias else []
    product = formed(layer.trainable_variables, [kernel, *bias])

    def weighted_sum(factors, weights):
        kernel, *bias = product.weighted_sum(factors, weights)
        if filters_first:
            kernel = tf.transpose(kernel, [0, 2, 1])
        return [tf.reshape(kernel, layer.trainable_variables[0].shape), *bias]

    return product._replace(weighted_sum=weighted_sum)


def patches(layer, a: tf.Tensor, g: tf.Tensor) -> tf.Tensor:
    """Return [batch, strips, positions, inputs of a strip]: what the kernel sees of `a`."""
    row = Windows(layer, 0, a, g)
    column = Windows(layer, 1, a, g)
    whole_rows = a.shape[3] < SHORT_PIXEL and a.shape[2] * a.shape[3] <= LONGEST_ROW
    return (row_patches if whole_rows else pixel_patches)(a, row, column)


class Windows:
    """Where a kernel looks along one axis (0: height, 1: width) of its padded input.

    Attributes:
        size: the kernel's.
        count: how many windows, which is the output's size.
        padding: zeros before and after the input.
        index: [count, size], positions in the padded input.
    """

    def __init__(self, layer, axis: int, a: tf.Tensor, g: tf.Tensor):
        stride, dilation = layer.strides[axis], layer.dilation_rate[axis]
        self.size = layer.kernel_size[axis]
        self.count = g.shape[1 + axis]
        self.index = np.arange(self.count)[:, np.newaxis] * stride + np.arange(self.size) * dilation
        missing = int(self.index[-1, -1]) + 1 - a.shape[1 + axis]
        zeros = max(missing, 0) if layer.padding == "same" else 0
        self.padding = [zeros // 2, zeros - zeros // 2]


def row_patches(a: tf.Tensor, row: Windows, column: Windows) -> tf.Tensor:
    """Return [batch, kernel height, positions, kernel width·channels]: a strip is one row."""
    height, width, channels = a.shape[1:]
    before, after = column.padding
    slide = np.eye(before + width + after)[before : before + width, column.index]
    slide = np.einsum("xpk,cd->xcpkd", slide, np.eye(channels)).reshape(width * channels, -1)
    # One row of zeros is all rows of the padding.
    a = tf.pad(a, [[0, 0], [0, 1], [0, 0], [0, 0]])
    index = row.index.T.ravel() - row.padding[0]
    index = np.where((index >= 0) & (index < height), index, height)
    slid = tf.reshape(a, [-1, width * channels]) @ tf.constant(slide, a.dtype)
    slid = tf.reshape(slid, [-1, height + 1, slide.shape[1]])
    patches = tf.gather(slid, index, axis=1)
    shape = [row.size, row.count * column.count, column.size * channels]
    return tf.reshape(patches, [tf.shape(a)[0], *shape])


def pixel_patches(a: tf.Tensor, row: Windows, column: Windows) -> tf.Tensor:
    """Return [batch, 1, positions, kernel size·channels]; one strip is all."""
    a = tf.pad(a, [[0, 0], row.padding, column.padding, [0, 0]])
    height, width, channels = a.shape[1:]
    # [rows, columns, kernel height, kernel width]
    index = row.index[:, np.newaxis, :, np.newaxis] * width + column.index[:, np.newaxis, :]
    patches = tf.gather(tf.reshape(a, [-1, height * width, channels]), index.ravel(), axis=1)
    shape = [1, row.count * column.count, row.size * column.size * channels]
    return tf.reshape(patches, [tf.shape(a)[0], *shape])
