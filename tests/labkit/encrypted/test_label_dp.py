"""Label differential privacy: sensitivity, clip, noise."""

import math

import numpy as np
import pytest

from labkit.encrypted import LabelPrivacy, agree, encrypted_gradients, label_sensitivity
from tests.labkit.encrypted.small import data, network, pair

pytestmark = pytest.mark.labs


def test_the_sensitivity_is_how_far_the_worst_pair_of_labels_is_apart():
    images, _ = data()
    net = network()
    hidden, _ = net.forward(images[:40])
    got = label_sensitivity(images[:40], hidden, net.weights[2])
    for i in range(40):
        by_label = [
            np.concatenate([g.ravel() for g in net.gradient(images[i : i + 1], np.array([c]))])
            for c in range(3)
        ]
        apart = [np.linalg.norm(a - b) for a in by_label for b in by_label]
        assert got[i] == pytest.approx(max(apart), rel=1e-9)


@pytest.mark.parametrize("clip", [0.05, 0.7, 3.0])
def test_a_replaced_label_moves_the_integers_by_at_most_the_clip(clip):
    features, _ = pair(LabelPrivacy(clip, 0.0))
    images, _ = data()
    hidden, _ = features.network.forward(images[:64])
    rounded = features.round(images[:64], hidden)
    below, above = (2.0**-scale for scale in rounded.log2_scales)
    moved = [
        math.hypot(
            np.linalg.norm(rounded.features[i])
            * np.linalg.norm(rounded.factors[i, :, c] - rounded.factors[i, :, other])
            * below,
            math.sqrt(2) * np.linalg.norm(rounded.hidden[i]) * above,
        )
        for i in range(64)
        for c in range(3)
        for other in range(c)
    ]
    assert max(moved) <= clip * (1 + 1e-9)
    assert max(moved) > 0.95 * clip  # and little is given away


def test_the_noise_has_the_agreed_size_and_only_that():
    privacy = LabelPrivacy(0.5, 2.0)
    features, labels = pair(privacy, np.random.default_rng(6))
    quiet, bare = pair(LabelPrivacy(0.5, 0.0))
    batch, noise = np.arange(64), []
    agree(features, labels)
    agree(quiet, bare)
    [*_] = truth = encrypted_gradients(quiet, bare, batch)
    for _ in range(3):
        for got, want in zip(encrypted_gradients(features, labels, batch), truth, strict=True):
            noise.append(np.concatenate([(g - w).ravel() for g, w in zip(got, want, strict=True)]))
    noise = np.concatenate(noise)
    # 900 Gaussians: the deviation's own is 1/√(2n) of it; six of those. The scales differ between
    # the two pairs, and with them the rounding: far below the noise.
    assert noise.std() == pytest.approx(privacy.standard_deviation, rel=6 / math.sqrt(2 * 882))
    assert abs(noise.mean()) < 6 * privacy.standard_deviation / math.sqrt(882)


def test_a_privacy_agreement_outside_its_domain_is_refused():
    for clip, noise in ((0.0, 1.0), (1.0, -1.0), (math.nan, 1.0)):
        with pytest.raises(ValueError, match=r"l2_norm_clip|noise_multiplier"):
            LabelPrivacy(clip, noise)
