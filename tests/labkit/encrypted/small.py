"""A small network and its data, the two parties that train it, and keyed rings."""

from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from labkit.encrypted import FeaturesParty, LabelsParty, Network, Parameters, large_ring, small_ring
from labkit.encrypted.ring import KeyedRing

T = Parameters().plaintext_modulus
SIZES = {"batch": 64, "features": 20, "hidden": 6, "classes": 3}


def network(seed=1, features=20, hidden=6, classes=3, output="sigmoid"):
    tf.keras.utils.set_random_seed(seed)
    model = tf.keras.Sequential(
        [
            tf.keras.Input((features,)),
            tf.keras.layers.Dense(hidden, "relu"),
            tf.keras.layers.Dense(classes, output),
        ]
    )
    model.compile("adam")
    return Network(model)


@cache
def data():
    rng = np.random.default_rng(2)
    images = rng.random((200, 20))
    return images, (3 * images[:, 0]).astype(np.int64)


def pair(privacy=None, rng=None, network=network, **changes):
    images, labels = data()
    parameters = Parameters(**SIZES | changes)
    features = FeaturesParty(parameters, images, network(), privacy)
    return features, LabelsParty(parameters, labels, privacy, rng)


@cache
def rings():
    return KeyedRing(small_ring(T)), KeyedRing(large_ring(T))


each_ring = pytest.mark.parametrize("size", [0, 1], ids=["small", "large"])
