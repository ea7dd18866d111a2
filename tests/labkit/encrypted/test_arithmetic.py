"""Polynomials, their slots and their packing: exact, and tf-shell's are ours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.encrypted import ntt_primes
from labkit.encrypted.coefficients import Transform
from labkit.encrypted.packing import Packing, cheapest
from tests.labkit.encrypted.small import each_ring, rings

pytestmark = pytest.mark.labs


def times(a, b, modulus):
    """The product of two polynomials modulo X^N + 1, in Python's integers."""
    product = [0] * (2 * len(a))
    for i, x in enumerate(map(int, a)):
        for j, y in enumerate(map(int, b)):
            product[i + j] += x * y
    return [(low - high) % modulus for low, high in zip(product, product[len(a) :], strict=False)]


@settings(max_examples=25)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_slots_multiply_as_polynomials(log_n, seed):
    degree = 2**log_n
    [modulus] = ntt_primes(22, 2 * degree)
    transform, rng = Transform(degree, modulus), np.random.default_rng(seed)
    a, b = rng.integers(0, modulus, (2, degree, 1))
    slots = transform.to_slots(a)
    assert np.array_equal(transform.to_coefficients(slots) % modulus, a)
    # Python's integers: 44 bits would wrap.
    product = slots.astype(object) * transform.to_slots(b).astype(object) % modulus
    got = transform.to_coefficients(product.astype(np.int64))[:, 0] % modulus
    assert got.tolist() == times(a[:, 0], b[:, 0], modulus)


@settings(max_examples=25)
@given(st.data())
def test_a_short_small_polynomial_takes_the_short_way_to_the_same_slots(data):
    transform = Transform(64, ntt_primes(22, 128)[0])
    length = data.draw(st.integers(1, 64))
    seed = data.draw(st.integers(0, 2**32 - 1))
    short = np.random.default_rng(seed).integers(-32, 33, (length, 2, 3))
    full = np.pad(short, ((0, 64 - length), (0, 0), (0, 0)))
    assert np.array_equal(transform.to_slots(short, 32), transform.to_slots(full))


@settings(max_examples=25)
@given(st.data())
def test_a_polynomial_in_a_power_of_x_takes_the_short_way_to_the_same_slots(data):
    step = 2 ** data.draw(st.integers(0, 4))
    transform = Transform(64, ntt_primes(22, 128)[0])
    length = data.draw(st.integers(1, 64 // step))
    seed = data.draw(st.integers(0, 2**32 - 1))
    short = np.random.default_rng(seed).integers(-32, 33, (length, 2))
    full = np.zeros((64, 2), np.int64)
    full[: step * length : step] = short
    assert np.array_equal(transform.to_slots(short, 32, step), transform.to_slots(full))


@settings(max_examples=25)
@given(st.data())
def test_some_coefficients_are_those_of_all(data):
    [modulus] = ntt_primes(22, 128)
    transform, seed = Transform(64, modulus), data.draw(st.integers(0, 2**32 - 1))
    slots = np.random.default_rng(seed).integers(0, modulus, (64, 2, 3))
    at = np.array(data.draw(st.lists(st.integers(0, 63), min_size=1))).reshape(1, -1)
    got = transform.to_coefficients(slots, at)
    assert got.shape == (*at.shape, 2, 3)
    assert np.array_equal(got, transform.to_coefficients(slots)[at])


def test_a_modulus_that_float64_could_not_multiply_exactly_is_refused():
    with pytest.raises(ValueError, match="too large"):
        Transform(2048, ntt_primes(26, 4096)[0])


@each_ring
def test_tf_shell_s_polynomials_are_ours(size):
    """X·(3 + 5X²), forty times: any other order of the slots would drown in noise or differ."""
    ring = rings()[size]
    x, start = np.zeros((ring.degree, 1), np.int64), np.zeros((ring.degree, 1), np.int64)
    x[1], start[0], start[2] = 1, 3, 5
    ciphertext = ring.encrypt(ring.encode_coefficients(start))
    for _ in range(40):
        ciphertext = ciphertext * ring.encode_coefficients(x)
    got = ring.decrypt_coefficients(ciphertext)[:, 0]
    # X may stand for another odd power of it: the spread between the two terms is then 2k.
    assert sorted(abs(got[got != 0]).tolist()) == [3, 5]


@settings(max_examples=40)
@given(st.data())
def test_a_product_of_packed_polynomials_holds_all_inner_products(data):
    degree = 64
    block = data.draw(st.sampled_from([1, 2, 4, 8]))
    v = data.draw(st.sampled_from([v for v in (1, 2, 4, 8, 16) if v * block <= degree]))
    u = data.draw(st.integers(1, degree // block // v))
    left, right = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    rows = block * data.draw(st.integers(1, 3))
    packing = Packing(degree, rows, left, right, u, v, block)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    [modulus] = ntt_primes(22, 2 * degree)
    a, b = rng.integers(-50, 50, (rows, left)), rng.integers(0, modulus, (rows, right))
    transform = Transform(degree, modulus)
    products = np.einsum(
        "nkl,nrk->nrl",
        transform.to_slots(packing.pack_left(a), step=v).astype(object),
        transform.to_slots(packing.pack_right(b)).astype(object),
    )
    products = (products % modulus).astype(np.int64)
    got = packing.read(transform.to_coefficients(products, packing.places))
    assert np.array_equal(got % modulus, a.T @ b % modulus)


def test_the_cheapest_packing_fits_and_is_cheapest_among_its_neighbours():
    best = cheapest(2048, 1024, 718, 64)
    assert best.u * best.v * best.block <= 2048
    for u, v, block in (
        (best.u // 2, best.v * 2, best.block),
        (best.u * 2, best.v // 2, best.block),
    ):
        assert Packing(2048, 1024, 718, 64, u, v, block).cost >= best.cost
    with pytest.raises(ValueError, match="at most N = 2048"):
        Packing(2048, 1024, 718, 64, 16, 16, 16)
    with pytest.raises(ValueError, match="v divide N/4"):
        Packing(2048, 1024, 718, 64, 1, 3, 16)
