"""Training on encrypted labels is exact: gradients, integers, nothing wraps around."""

import numpy as np
import pytest
import tensorflow as tf

from labkit.encrypted import agree, batches, cosine, encrypted_gradients, train
from tests.labkit.encrypted.small import T, data, network, pair

pytestmark = pytest.mark.labs


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize("circuit_private", [False, True])
def test_the_encrypted_gradient_is_the_plaintext_one(output, circuit_private):
    features, labels = pair(network=lambda: network(output=output), circuit_private=circuit_private)
    agree(features, labels)
    images, y = data()
    for batch in batches(200, 64, np.random.default_rng(3)):
        gradients = encrypted_gradients(features, labels, batch)
        for gradient, part in zip(gradients, np.split(batch, 2), strict=True):
            true = features.network.gradient(images[part], y[part])
            assert cosine(gradient, true) > 0.9999
            # Features are rounded by 1/64 at most, of signals below 3 weights of size 2, over 32.
            assert all(
                np.abs(a - b).max() < 32 * 6 / 64 for a, b in zip(gradient, true, strict=True)
            )
        for gradient in gradients:
            features.network.step(gradient)


def test_the_integers_come_through_exactly():
    """With features that rounding leaves alone, only the weights' rounding is left."""
    features, labels = pair()
    images, y = data()
    features.images = np.rint(images * 32) / 32
    agree(features, labels)
    batch = np.arange(64)
    got = encrypted_gradients(features, labels, batch)
    rounded = features._rounded
    for part, gradient in enumerate(got):
        rows = np.arange(32) + 32 * part
        error = features.network.forward(features.images[batch[rows]])[1] - np.eye(3)[y[rows]]
        signals = np.einsum("ijc,ic->ij", rounded.factors[rows], error)
        want = rounded.features[rows].T @ signals * 2.0 ** -rounded.log2_scales[0]
        # float64, sums of 32 terms of size 2^22.
        np.testing.assert_allclose(gradient[0], want[:-1], atol=1e-6)
        np.testing.assert_allclose(gradient[1], want[-1], atol=1e-6)
        above = rounded.hidden[rows].T @ error * 2.0 ** -rounded.log2_scales[1]
        np.testing.assert_allclose(gradient[2], above[:-1], atol=1e-6)


def test_no_label_can_make_a_sum_wrap_around():
    """The worst labels for the largest sum, found by looking at all, stay within t/2."""
    features, _ = pair()
    images, _ = data()
    features.network.model.layers[1].kernel.assign(np.full((6, 3), 2.5))
    hidden, _ = features.network.forward(images[:64])
    rounded = features.round(images[:64], hidden)
    for rows in (slice(0, 32), slice(32, 64)):
        largest = np.abs(rounded.factors[rows]).max(axis=2)
        assert (rounded.features[rows].T @ largest).max() < T / 2
        assert rounded.hidden[rows].sum(axis=0).max() < T / 2
        # And no bit is given away: with the next scale it would not be sure.
        assert (rounded.features[rows].T @ largest).max() > T / 8


def test_a_dead_network_trains_on_with_its_biases():
    features, labels = pair()
    images, y = data()
    features.network.model.layers[0].bias.assign(np.full(6, -50.0))
    agree(features, labels)
    [gradient, _] = encrypted_gradients(features, labels, np.arange(64))
    true = features.network.gradient(images[:32], y[:32])
    assert not gradient[0].any() and not true[0].any()
    np.testing.assert_allclose(gradient[3], true[3], atol=1e-4)


def test_training_learns_and_writes_logs(tmp_path):
    features, labels = pair()
    images, y = data()
    features.network.model.optimizer.learning_rate = 0.03
    order = batches(200, 64, np.random.default_rng(4)) * 4
    history = train(
        features,
        labels,
        order,
        (images, y),
        logs=tmp_path,
        plaintext=lambda rows: features.network.gradient(images[rows], y[rows]),
    )
    assert len(history.accuracy) == len(history.seconds) == len(order)
    assert history.accuracy[-1] > history.accuracy[0] + 0.1
    assert min(history.cosine) > 0.999
    [log] = tmp_path.glob("events*")
    tags = [
        value.tag
        for record in tf.data.TFRecordDataset(str(log))
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value
    ]
    assert tags.count("test accuracy") == len(order)
