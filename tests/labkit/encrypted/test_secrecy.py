"""What nobody may see: blinding and flooding, and what each party decrypts or receives."""

import math

import numpy as np
import pytest

from labkit.encrypted import WrongParameters, agree
from labkit.encrypted.ring import raw, uniform
from tests.labkit.encrypted.small import T, data, each_ring, pair, rings

pytestmark = pytest.mark.labs


# --- blinding -------------------------------------------------------------------------------------


@each_ring
def test_blinding_hides_the_message_and_comes_off(size):
    ring = rings()[size]
    message = np.arange(ring.degree * 2).reshape(-1, 2) % T
    products = ring.encrypt(ring.encode(message))
    blinded, mask = ring.blind(products, ring.receive(raw(ring.zeros())), 2.0**16)
    seen = ring.decrypt(blinded)
    assert np.array_equal((seen - mask - message) % T, np.zeros_like(mask))
    # Uniform over t values: a mean of 2N of them deviates by t/√12/√2N; eight of those.
    assert abs((seen % T).mean() - T / 2) < 8 * T / math.sqrt(12 * seen.size)
    assert abs(np.corrcoef((seen % T).ravel(), message.ravel())[0, 1]) < 8 / math.sqrt(seen.size)


def test_flooding_is_as_wide_as_the_ring_has_room_for():
    small, large = rings()
    prime, digits, width = small.flooding(2.0**16)
    # The flood, t·f, fills nine tenths of q, but for the errors below it.
    assert digits == 1 and 0 < 54 + math.log2(0.9 / T / prime) < 0.001
    assert 14 < width < 16
    assert large.flooding(2.0**16)[2] >= 51.9
    assert large.flooding(2.0**34)[2] >= 50
    with pytest.raises(WrongParameters, match=r"noise would be up to 2\^5"):
        small.flooding(2.0**34)


def test_uniform_numbers_are_uniform_and_never_the_same_twice():
    a, b = uniform(17, (100_000,)), uniform(17, (100_000,))
    counts = np.bincount(a, minlength=17)
    # Chi-squared with 16 degrees of freedom exceeds 90 with probability 2·10⁻¹².
    assert np.sum((counts - 1e5 / 17) ** 2) / (1e5 / 17) < 90
    assert len(counts) == 17 and not np.array_equal(a, b)


@pytest.mark.parametrize("modulus", [2, 255, 256, 257, 2**32, 2**32 + 1, 2**50 - 27])
def test_uniform_numbers_fill_their_range_and_no_more(modulus):
    drawn = uniform(modulus, (4, 5000))
    assert drawn.shape == (4, 5000) and drawn.min() >= 0 and drawn.max() < modulus
    # Of 20 000 none is in an outermost thousandth with probability 2·10⁻⁹, 14 times.
    assert drawn.min() <= modulus / 1000 and drawn.max() >= modulus - 1 - modulus / 1000


# --- the protocol ---------------------------------------------------------------------------------


def test_what_each_party_decrypts_or_receives_is_uniform():
    """L's view of F's data, and the wire's view of the gradient, are masks: uniform modulo t."""
    features, labels = pair()
    agree(features, labels)
    batch, seen = np.arange(64), []
    encrypted = labels.encrypt_labels(batch)
    for _ in range(12):
        masked = features.mask_signals(batch, encrypted)
        slots = labels._first.decrypt(labels._first.receive(masked.signals[0]))
        share = labels.encrypt_share(masked)
        opened = labels.open(features.multiply(share))
        seen.append([slots[:384].ravel(), np.resize(share.top, 384), np.resize(opened.bottom, 252)])
    for values in map(np.stack, zip(*seen, strict=True)):
        values = values % T
        # The same data a dozen times: every number varies, over all of the range.
        assert np.all(np.ptp(values, axis=0) > T / 100)
        mean = values[:, :42].mean()
        assert abs(mean - T / 2) < 8 * T / math.sqrt(12 * 12 * 42)


def test_equal_labels_look_different_each_time():
    _, labels = pair()
    a, b = (labels.encrypt_labels(np.arange(64)).to_bytes() for _ in range(2))
    assert a.keys() == b.keys() and not any(a[name] == b[name] for name in a)


def test_the_key_that_crosses_nowhere_opens_what_crossed():
    """What crosses tells a holder of the key the labels, so it is they who are encrypted."""
    _, labels = pair()
    message = labels.encrypt_labels(np.arange(64))
    _, y = data()
    held = labels._first.decrypt(labels._first.receive(message.slots))[:64]
    assert np.array_equal(held, np.eye(3)[y[:64]])
    _, stranger = pair()
    guess = stranger._first.decrypt(stranger._first.receive(message.slots))[:64]
    assert np.abs(guess).max() > T / 8
