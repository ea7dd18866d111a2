"""Parameters that are unsafe or do not fit are refused before training; the published ones."""

import numpy as np
import pytest
import tensorflow as tf
import tf_shell

from labkit.encrypted import (
    LOG2_Q_128,
    FeaturesParty,
    LabelPrivacy,
    LabelsParty,
    Network,
    Parameters,
    RingParameters,
    WrongParameters,
    cosine,
    large_ring,
    ntt_primes,
    small_ring,
    train,
)
from labkit.encrypted.parameters import is_prime
from tests.labkit.encrypted.small import SIZES, T, network, pair

pytestmark = pytest.mark.labs


def test_primes_are_prime_and_rings_are_within_the_security_table():
    assert [n for n in range(60) if is_prime(n)] == [n for n in range(2, 60) if _by_trial(n)]
    assert not is_prime(3215031751)  # a pseudoprime to the bases 2, 3, 5 and 7
    for ring in (small_ring(T), large_ring(T)):
        ring.check()
        assert ring.log2_q <= LOG2_Q_128[ring.degree]


def _by_trial(n):
    return all(n % d for d in range(2, n))


@pytest.mark.parametrize(
    "ring, says",
    [
        # The published context: 59 bits at degree 2048.
        (RingParameters(11, (576460752303439873,), 557057), "q has 59.0 bits.*allows 54"),
        (RingParameters(11, (18014398509404161,), 557058), "not prime"),
        (RingParameters(12, (18014398509404161,), 12289), "must be a prime that leaves 1"),
        (RingParameters(7, (257,), 257), "no ring of degree 128"),
        (
            RingParameters(12, tuple(ntt_primes(54, 1 << 13, 2)), T),
            "each must be 1 modulo t",
        ),
    ],
)
def test_an_unsafe_ring_is_refused_with_the_numbers(ring, says):
    with pytest.raises(WrongParameters, match=says):
        ring.check()


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"batch": 1000}, "batch of 1000 does not divide"),
        ({"batch": 8192}, "has 4096 slots"),
        ({"parts": 3}, "cannot be split into 3"),
        ({"plaintext_modulus": 557057}, "t = 557057 is too small"),
        ({"features": 19}, r"20 of them ever.*Parameters\(features=20, hidden=6, classes=3"),
        ({"hidden": 7}, "network 20-6-3.*hidden=6"),
    ],
)
def test_a_context_that_does_not_fit_is_refused_before_training(changes, says):
    sizes = {"batch": 2048, "hidden": 6, "classes": 3, "features": 20} | changes
    rng = np.random.default_rng(0)
    images, labels = rng.random((2048, 20)), rng.integers(0, 3, 2048)
    with pytest.raises(WrongParameters, match=says):
        parameters = Parameters(**sizes)
        bright = network()
        bright.model.layers[1].kernel.assign(np.full((6, 3), 3.0))
        bright.model.layers[1].kernel[0, 0].assign(40.0)
        features = FeaturesParty(parameters, np.ones_like(images), bright)
        train(features, LabelsParty(parameters, labels), [np.arange(2048)], (images, labels))


def test_mismatched_keys_and_agreements_are_refused_before_training():
    features, labels = pair()
    _, other = pair()
    probe = features.receive_key(other.public_key())
    with pytest.raises(WrongParameters, match=r"keys do not match: 409\d of 4096 slots"):
        labels.accept(probe)
    _, private = pair(LabelPrivacy(1.0, 1.0))
    with pytest.raises(WrongParameters, match="another privacy agreement"):
        features.receive_key(private.public_key())


@pytest.mark.parametrize("bad", [-1, 3])
def test_labels_that_are_no_class_are_refused(bad):
    with pytest.raises(WrongParameters, match="classes are 0 to 2"):
        LabelsParty(Parameters(**SIZES), np.array([0, 1, bad]))


def test_other_networks_are_refused():
    model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(3, "tanh")])
    with pytest.raises(ValueError, match=r"Dense\(…, 'relu'\)"):
        Network(model)


# --- the published parameters ---------------------------------------------------------------------


def test_the_published_parameters_wrap_around():
    """t = 557057 at scaling factor 3: half a batch's gradient beyond ±30 948 changes its sign.

    Residual and Jacobian are each encoded 3 times as large, so the sum is 9 times as large, and it
    is known modulo t: between ±278 528.
    """
    context = tf_shell.create_context64(
        log_n=11, main_moduli=[18014398509404161], plaintext_modulus=557057, scaling_factor=3
    )
    key = tf_shell.create_key64(context)
    rotation = tf_shell.create_fast_rotation_key64(context, key)
    rows = context.num_slots.numpy()
    half = rows // 2

    def gradient(jacobian):
        residual = tf_shell.to_encrypted(tf.ones((rows, 1)), key, context)
        products = residual * tf.fill((rows, 1), jacobian)
        summed = tf_shell.fast_reduce_sum(products)
        return float(tf_shell.to_tensorflow(summed, rotation)[0, 0])

    assert gradient(30.0) == half * 30.0  # 276480 of 278528 when encoded: it still fits
    wrapped = gradient(31.0)
    assert wrapped == pytest.approx(half * 31.0 - 557057 / 9, abs=1)
    assert wrapped < 0  # and the step goes the wrong way


def test_the_published_scaling_factor_is_too_coarse_and_a_finer_one_wraps_around():
    """3 rounds MNIST's slopes away; a factor as fine as ours makes the published t overflow."""
    from labkit.data import load_mnist

    (images, labels), _ = load_mnist()
    images, labels, t = images[:1024].reshape(-1, 784) / 255, labels[:1024], 557057
    net = network(features=784, hidden=64, classes=10)
    hidden, predictions = net.forward(images)
    top, true = net.weights[2], net.gradient(images, labels)[0]

    def published(scale):
        """What the published protocol decrypts, and whether it wrapped, for W₁'s gradient."""
        residual = np.rint(scale * predictions) - scale * np.eye(10)[labels]
        sums = np.zeros((784, 64))
        for unit in range(64):
            active = images[hidden[:, unit] > 0]
            for label in range(10):
                jacobian = np.rint(scale * active * top[unit, label])
                sums[:, unit] += jacobian.T @ residual[hidden[:, unit] > 0, label]
        decrypted = (sums + t // 2) % t - t // 2
        return decrypted / scale**2, bool(np.any(decrypted != sums))

    coarse, wrapped = published(3)
    assert not wrapped and cosine([coarse], [true]) < 0.95
    fine, wrapped = published(64)
    assert wrapped and cosine([fine], [true]) < 0.95
    ours = 2.0**12.75  # the scale of featuresᵀ·factors in the two rounds, at t = 4169729
    assert ours > 64**2
