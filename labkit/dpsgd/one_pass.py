"""Clipped sums in one forward and one backward pass, for models of Dense and Conv2D layers."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from labkit.dpsgd import convolution, products

# Layers whose gradients are products, …
PRODUCTS = {"Dense": products.dense, "Conv2D": convolution.conv2d}
# … and layers without variables that treat each example alone.
PASSIVE = frozenset(
    """Activation AlphaDropout Add Average AveragePooling1D AveragePooling2D AveragePooling3D
    Concatenate Cropping1D Cropping2D Cropping3D Dropout ELU Flatten GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D
    GlobalMaxPooling2D GlobalMaxPooling3D InputLayer LeakyReLU MaxPooling1D MaxPooling2D
    MaxPooling3D Maximum Minimum Multiply Permute ReLU RepeatVector Rescaling Reshape Softmax
    SpatialDropout1D SpatialDropout2D SpatialDropout3D Subtract UpSampling1D UpSampling2D
    UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D""".split()  # noqa: SIM905
)
CONTAINERS = frozenset({"Functional", "Sequential"})
LIBRARIES = frozenset({"keras", "tf_keras", "tensorflow"})
# Their functions, outside Keras's `activations`, that work entry by entry, or along the last axis.
# Others need not: tf.nn.l2_normalize divides by the norm of the whole batch.
ENTRY_BY_ENTRY = frozenset(
    [
        "elu",
        "gelu",
        "leaky_relu",
        "log_softmax",
        "relu",
        "relu6",
        "selu",
        "sigmoid",
        "silu",
        "softmax",
        "softplus",
        "softsign",
        "swish",
        "tanh",
    ]
)

# Taps are visible to every thread: one thread at a time sets them, and only that one records.
TAPPING = threading.RLock()


def every_layer(model) -> list:
    """Return the model and all layers in it, however nested."""
    return list(model._flatten_layers(include_self=True, recursive=True))


def product_layers(model) -> list | None:
    """Return the layers with trainable variables, or None if one_pass cannot take the model."""
    trained = []
    for layer in every_layer(model):
        kind = type(layer).__name__
        if not (
            treats_each_alone(type(layer)) and treats_each_alone(vars(layer).get("activation"))
        ):
            return None
        if kind in PRODUCTS:
            trained += [layer] if layer.trainable_variables else []
        elif kind in CONTAINERS:
            # In Keras 3 a functional model also holds operations that are no layers.
            if not all(hasattr(op, "trainable") for op in getattr(layer, "operations", ())):
                return None
        elif kind not in PASSIVE or not beside_the_batch(getattr(layer, "axis", -1)):
            return None
    owned = [id(v) for layer in trained for v in layer.trainable_variables]
    ordinary = all(len(layer.trainable_variables) == 1 + layer.use_bias for layer in trained)
    exact = sorted(owned) == sorted(id(v) for v in model.trainable_variables)
    return trained if ordinary and exact else None


def treats_each_alone(thing) -> bool:
    """Tell whether a layer's class or an activation is one that is known not to mix examples."""
    if thing is None or hasattr(thing, "_flatten_layers"):
        return True
    path = (getattr(thing, "__module__", None) or "").split(".")
    known = isinstance(thing, type) or "activations" in path
    return path[0] in LIBRARIES and (known or getattr(thing, "__name__", "") in ENTRY_BY_ENTRY)


def beside_the_batch(axis) -> bool:
    """Tell whether an axis, of any number of axes, is surely not the first one."""
    return isinstance(axis, (int, np.integer)) and bool(axis == -1 or axis > 0)


def one_pass(layers: list, evaluate: Callable, weigh: Callable, x, y):
    """Return the weighted sums by variable id, and [batch] losses, norms and metrics.

    None if a layer is shared, as its two gradients must be added before there is a norm to take,
    or if sizes other than the batch's are unknown.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape, tapped(layers, tape) as taps:
        losses, metrics = evaluate(x, y)
    if sorted(id(tap.layer) for tap in taps) != sorted(id(layer) for layer in layers):
        return None
    if any(None in t.shape[1:] for tap in taps for t in (tap.inputs, tap.pre_activation)):
        return None
    pre_activations = [tap.pre_activation for tap in taps]
    gradients = tape.gradient(losses, pre_activations, unconnected_gradients="zero")
    dtype = products.norm_dtype([v for layer in layers for v in layer.trainable_variables])
    parts = [
        PRODUCTS[type(tap.layer).__name__](tap.layer, tf.cast(tap.inputs, dtype), tf.cast(g, dtype))
        for tap, g in zip(taps, gradients, strict=True)
    ]
    norms = products.joint_norm([part.norm for part in parts])
    return products.weighted_sums(parts, weigh(norms)), losses, norms, metrics


class Tap(NamedTuple):
    """What passed through one layer in one call."""

    layer: Any
    inputs: tf.Tensor
    pre_activation: tf.Tensor


@contextlib.contextmanager
def tapped(layers: list, tape: tf.GradientTape) -> Iterator[list[Tap]]:
    """Record what passes through `layers` in this thread, and let `tape` watch pre-activations.

    Both Kerases call a layer's `call`, and that its `activation`, as attributes of the layer.
    """
    taps = []
    thread = threading.get_ident()

    def tap(layer) -> dict[str, Callable]:
        call, activation = layer.call, layer.activation
        inputs = []

        @functools.wraps(call)
        def tapped_call(x, *args, **kwargs):
            if threading.get_ident() == thread:
                inputs.append(x)
            return call(x, *args, **kwargs)

        def tapped_activation(z):
            if threading.get_ident() == thread:
                tape.watch(z)
                taps.append(Tap(layer, inputs.pop(), z))
            return z if activation is None else activation(z)

        return {"call": tapped_call, "activation": tapped_activation}

    with TAPPING, contextlib.ExitStack() as stack:
        for layer in layers:
            # Past Keras's __setattr__, which would track the functions as the layer's state.
            stack.callback(restore, vars(layer), vars(layer).copy())
            vars(layer).update(tap(layer))
        yield taps


def restore(attributes: dict, before: dict) -> None:
    """Set "call" and "activation" back to what they were, or to nothing."""
    for name in ("call", "activation"):
        attributes.pop(name, None)
        if name in before:
            attributes[name] = before[name]
