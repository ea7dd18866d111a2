"""Attacks on lab 05: labels from the result, errors under a flood, and what rounding takes away."""

import math
import re
import types
from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from autograder.labs import MASTERS
from labkit.data import load_mnist
from labkit.encrypted import (
    LOG2_Q_128,
    FeaturesParty,
    LabelPrivacy,
    LabelsParty,
    Network,
    Parameters,
    agree,
    batches,
    cosine,
    encrypted_gradients,
    guessing_limit,
    label_sensitivity,
    least_squares,
    live_columns,
    small_ring,
)
from labkit.encrypted.parameters import NOISE_VARIANCE
from labkit.encrypted.ring import KeyedRing
from tests.attacks.cells import solution

pytestmark = pytest.mark.labs

MASTER = (MASTERS / "05_encrypted_labels.py").read_text()


@cache
def mnist():
    (images, labels), _ = load_mnist()
    return images.reshape(-1, 784) / np.float32(255), labels.astype(np.int64)


def network():
    """The lab's, at the start."""
    tf.keras.utils.set_random_seed(1)
    model = tf.keras.Sequential(
        [
            tf.keras.Input((784,)),
            tf.keras.layers.Dense(64, "relu"),
            tf.keras.layers.Dense(10, "sigmoid"),
        ]
    )
    model.compile("adam")
    return Network(model)


@cache
def trained():
    """The same after 28 batches in the clear, as in part 3."""
    images, labels = mnist()
    net = network()
    for rows in batches(60000, 2048, np.random.default_rng(1))[:28]:
        for half in np.split(rows, 2):
            net.step(net.gradient(images[half], labels[half]))
    return net


# --- labels from the result -----------------------------------------------------------------------


def recovered(privacy, net=network):
    """Run the protocol for 256 random labels; return the share that F solves for, of 128."""
    images = mnist()[0][:256]
    labels = np.random.default_rng(3).integers(0, 10, 256)
    parameters = Parameters(batch=256, features=len(live_columns(images)))
    features = FeaturesParty(parameters, images, net(), privacy)
    party = LabelsParty(parameters, labels, privacy, np.random.default_rng(4))
    agree(features, party)
    below, bias, *_ = encrypted_gradients(features, party, np.arange(256))[0]
    # What F holds: its integers, its scales, and the gradient.
    pixels, factors = features._rounded.features[:128], features._rounded.factors[:128]
    scale = 2.0 ** -features._rounded.log2_scales[0]
    gradient = np.vstack([below[features.live], bias])
    target = scale * features._plain[0][0] - gradient
    deviation = privacy.standard_deviation if privacy else 0.0
    y = least_squares(
        lambda y: scale * pixels.T @ np.einsum("ijc,ic->ij", factors, y),
        lambda g: scale * np.einsum("ijc,ij->ic", factors, pixels @ g),
        target,
        deviation / 0.3,
    )
    return float(np.mean(y.argmax(axis=1) == labels[:128]))


@pytest.mark.parametrize("net", [network, trained], ids=["start", "trained"])
def test_without_noise_every_label_comes_out_of_one_decrypted_gradient(net):
    # Hundreds of pixels for each of 64 units against 1280 unknowns: the equations determine all.
    assert recovered(None, net) == 1.0


def test_with_label_dp_the_same_attack_stays_below_the_ceiling():
    privacy = LabelPrivacy(16.0, 1.0)
    # Of 128 independent guesses that are each right with at most p: 5.6 deviations, 1e-8.
    limit = guessing_limit(1.0, 10)
    found = recovered(privacy)
    assert found <= limit + 5.6 * math.sqrt(limit * (1 - limit) / 128)


def test_the_labs_delta_leaves_no_label_to_a_mechanism_that_publishes_labels():
    (delta,) = re.findall("CLIP, NOISE, DELTA = .*, (.*?)  #", MASTER)
    # Of 60 000 labels that are each published with probability δ one is with 0.6 %.
    assert 60_000 * float(delta) < 0.01
    assert set(re.findall(r"label_epsilon\([\w, ]*, ([\w.-]+)\)", MASTER)) == {"DELTA", "delta"}


@pytest.mark.parametrize("mu", [0.25, 1.0, 2.0, 4.0])
def test_no_attacker_who_knows_all_other_labels_passes_the_ceiling(mu):
    """Ten gradients, each μ deviations from each other: the likeliest one is the best guess."""
    rng, tries = np.random.default_rng(5), 40_000
    labels = rng.integers(0, 10, tries)
    seen = np.eye(10)[labels] * mu / math.sqrt(2) + rng.normal(0, 1, (tries, 10))
    found, limit = np.mean(seen.argmax(axis=1) == labels), guessing_limit(mu, 10)
    # A share of 40 000 tries is off by 5.6 deviations with probability 1e-8.
    assert 0.1 < found <= limit + 5.6 * math.sqrt(limit * (1 - limit) / tries)
    assert guessing_limit(0.0, 10) == pytest.approx(0.1)


def test_a_label_moves_a_gradient_by_less_than_twice_its_worst_norm():
    """Clipping each gradient's norm to C, and claiming 2C: valid, and noise for nothing."""
    images, ratios = mnist()[0][:300], []
    for net in (network(), trained()):
        hidden, predictions = net.forward(images)
        moves = label_sensitivity(images, hidden, net.weights[2])
        above, below = (1 + np.sum(v**2, axis=1) for v in (hidden, images))
        squared = []
        for label in range(10):
            error = predictions - np.eye(10)[label]
            signals = (error @ net.weights[2].T) * (hidden > 0)
            squared.append(np.sum(error**2, axis=1) * above + np.sum(signals**2, axis=1) * below)
        ratios.append(moves / np.sqrt(np.max(squared, axis=0)))
    assert np.min(ratios) > 0.5 and np.max(ratios) < 1.7 < 2


# --- errors under a flood -------------------------------------------------------------------------


def test_a_narrow_flood_shows_errors_at_its_edges_and_a_wide_one_does_not():
    images = mnist()[0]
    features = FeaturesParty(Parameters(features=len(live_columns(images))), images, network())
    wide, narrow = features.flooding
    first, second = features.leakage(29)
    assert 15 < narrow < 15.5 and second > 0  # no bound
    assert wide > 51.5 and first < -28
    # L counts coefficients beyond what flooding alone can reach: of 2^23, each a seventh of the
    # largest error (one deviation of seven), 2^23·2^−15.2/7 = 32 are; none with chance e^−32. An
    # epoch's round 2 has 2^25.3.
    width = 2.0**narrow
    seen = np.random.default_rng(6).uniform(0, width, 1 << 23) + 1 / 7
    assert np.count_nonzero(seen > width) > 0
    # Under the wide flood an epoch shows one with chance 2^first at most.
    seen = np.random.default_rng(6).uniform(0, 2.0**wide, 1 << 22) + 1 / 7
    assert np.count_nonzero(seen > 2.0**wide) == 0


def test_the_labs_own_encryption_has_the_errors_that_the_table_is_about(lab):
    assert lab["context"].noise_variance >= (8 / math.sqrt(2 * math.pi)) ** 2
    assert lab["RING"].log2_q <= LOG2_Q_128[lab["RING"].degree]


def test_what_a_malicious_features_party_has_opened_gives_the_key_away():
    """The lab promises nothing here. A zero is encrypted as t·e beside a·s; times 1/t modulo q, F
    is told e, and has an equation without errors for the key."""
    ring = KeyedRing(small_ring(Parameters().plaintext_modulus))
    zeros = ring.zeros()
    assert not np.any(ring.decrypt(zeros))  # as F sends it
    times, total, power = pow(ring.modulus, -1, ring.parameters.modulus), None, zeros
    while times:
        if times & 1:
            total = power if total is None else total + power
        power, times = power + power, times >> 1
    errors = ring.decrypt_coefficients(total)
    # Of 4096 errors of deviation √11 = 3.3, which is off by 1/√8192 of itself.
    assert np.abs(errors).max() <= 7 * math.sqrt(NOISE_VARIANCE)
    assert abs(np.std(errors) / math.sqrt(NOISE_VARIANCE) - 1) <= 6 / math.sqrt(8192)


# --- what rounding takes away ---------------------------------------------------------------------


def replayed(net, rows, of):
    """The cosine of W₁'s gradient, eight units, with residuals or slopes in steps of 1/3."""
    images, labels = (part[rows] for part in mnist())
    hidden, predictions = net.forward(images)
    residual = predictions - np.eye(10)[labels]
    if of == "residuals":
        residual = np.rint(3 * residual) / 3
    total = np.zeros((784, 8))
    for unit in range(8):
        on = hidden[:, unit] > 0
        for label in range(10):
            slopes = images[on] * net.weights[2][unit, label]
            slopes = np.rint(3 * slopes) / 3 if of == "slopes" else slopes
            total[:, unit] += slopes.T @ residual[on, label]
    true = net.gradient(images, labels)[0][:, :8]
    return cosine([total], [true]), float(np.mean(residual == 0))


def test_at_the_end_it_is_the_residuals_that_scaling_factor_3_rounds_away():
    rows = batches(60000, 2048, np.random.default_rng(1))[28][:1024]
    start, end = (
        {of: replayed(net, rows, of) for of in ("residuals", "slopes")}
        for net in (network(), trained())
    )
    assert start["residuals"][0] > 0.99 and start["residuals"][1] == 0
    assert end["residuals"][0] < 0.8 and end["residuals"][1] > 0.7
    assert start["slopes"][0] - end["slopes"][0] < 0.15  # far less is the slopes' doing


# --- a lie instead of a ciphertext ----------------------------------------------------------------


@pytest.fixture(scope="module")
def lab():
    return solution("05_encrypted_labels")


@pytest.mark.parametrize("epsilon", [0.25, 1.0, 4.0])
def test_no_answer_is_likelier_under_one_label_than_epsilon_allows(lab, epsilon):
    """With half of the other labels' mass on one, say the next digit, it would be."""
    rng, tries = np.random.default_rng(7), 200_000
    labels = rng.integers(0, 10, tries)

    def largest_ratio(answers):
        counts = np.zeros((10, 10))
        np.add.at(counts, (labels, answers), 1)
        rates = counts / counts.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            return np.max(rates.max(axis=0) / rates.min(axis=0))

    lies = lab["randomised_response"](labels, epsilon, rng)
    # The rarest answer of a label has 20 000/(e⁴ + 9) = 314 counts: 6 % off at most once, and the
    # largest of 20 such ratios below 4.5 of those.
    assert largest_ratio(lies) <= math.exp(epsilon) * 1.27
    # The attacker who takes the answer for the truth is right as often as the lab says, not more:
    # a share of 200 000 tries is off by 0.0011 at most, and this by five of those.
    kept = math.exp(epsilon) / (math.exp(epsilon) + 9)
    assert abs(np.mean(lies == labels) - kept) <= 0.0056
    # Who keeps labels with that probability and lies by one digit only promises too much.
    near = np.where(lies == labels, labels, (labels + 1) % 10)
    assert largest_ratio(near) > math.exp(epsilon) * 1.27


def test_the_compiled_step_scales_as_the_protocol_does(lab):
    """Without noise: no label moves the sum by more than the clip, and one comes near."""
    images, net = mnist()[0][:60], network()
    clip, moved = 16.0, []
    hidden, _ = net.forward(images)
    moves = label_sensitivity(images, hidden, net.weights[2])

    class SumKeeper:
        """An optimizer that keeps the sums that it is given."""

        def apply_gradients(self, pairs):
            self.sums = [g for g, _ in pairs]

    step = lab["label_dp_step"]
    for i in range(6):
        released = []
        for label in range(10):
            kept = SumKeeper()
            model = types.SimpleNamespace(trainable_variables=net.model.trainable_variables)
            model.optimizer = kept
            tf.config.run_functions_eagerly(True)
            try:
                one = images[i : i + 1], np.array([label])
                step(model, clip)(*one, tf.constant(0.0), tf.constant([1, 2]))
            finally:
                tf.config.run_functions_eagerly(False)
            released.append(np.concatenate([np.ravel(g) for g in kept.sums]))
        released = np.array(released)
        moved.append(max(np.linalg.norm(a - b) for a in released for b in released))
    # float32 rounds each of 50 890 numbers of size 1 or so by 6e-8.
    assert np.max(moved) <= clip * (1 + 1e-4)
    wanted = np.minimum(moves[:6], clip)
    assert np.allclose(moved, wanted, rtol=1e-3)
