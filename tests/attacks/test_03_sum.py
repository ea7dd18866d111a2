"""What the sum gives away to those who may know it, and what noise under the masks hides."""

import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from scipy import stats

from labkit import secagg
from tests.attacks.masked_round import vectors

pytestmark = pytest.mark.labs


# --- what no mask hides ---------------------------------------------------------------------------


def test_of_one_among_colluders_the_sum_is_the_vector():
    """Not refused, and not claimed: `secure_sum` speaks of c ≤ n − 2."""
    x = vectors(4)
    total = secagg.secure_sum(x, 4).total
    assert np.array_equal(total - x[1:].sum(axis=0, dtype=np.uint32), x[0])
    # Nor of one whom dropouts leave among t − 1 colluders, though more than two are honest.
    x = vectors(5)
    total = secagg.secure_sum(x, 3, dropouts={1: "masked", 2: "masked"}).total
    assert np.array_equal(total - x[3:].sum(axis=0, dtype=np.uint32), x[0])


def test_complaints_can_leave_one_alone_among_colluders_one_below_the_threshold_and_no_fewer():
    x, honest = vectors(5), secagg.Client.open

    def complaining(colluders, of):
        def opened(party, letters):
            return honest(party, letters) | (of if party.id in colluders else set())

        with mock.patch.object(secagg.Client, "open", opened):
            return secagg.secure_sum(x, 3)

    result = complaining({3, 4}, {1, 2})
    assert result.arrived == {0, 3, 4}
    assert np.array_equal(result.total - x[3] - x[4], x[0])
    with pytest.raises(secagg.TooFewShares):
        complaining({4}, {1, 2, 3})


# --- what noise hides -----------------------------------------------------------------------------


def advantage(seen_with, seen_without):
    """TPR − FPR of the best threshold in the middle, for one client's vector of norm 1."""
    return np.mean(np.array(seen_with) > 0.5) - np.mean(np.array(seen_without) > 0.5)


def test_noise_under_the_masks_hides_a_client_from_the_server_and_its_friends():
    """The server has the sum, the colluders subtract their vectors and their noise.

    For a noise multiplier of 4 nobody has an advantage of more than 2 Φ(1/8) − 1 = 0.0995. The
    strongest test of this vector, along its own direction, comes near.
    """
    clients, honest, trials, rng = 8, 5, 40_000, np.random.default_rng()
    noisy = secagg.NoisyEncoding(1.0, 4.0, honest)

    def server_sees(value):  # the noise is the same whatever it is added to: all trials at once
        sent = [noisy.encode(np.zeros(trials), rng) for _ in range(clients)]
        known = sum(sent[honest:])  # what colluders add, vector and noise, is taken off
        victim = noisy.fixed.encode(np.full(trials, value), clients)
        return noisy.fixed.decode(sum(sent) + victim - known)

    bound = 2 * stats.norm.cdf(1 / 8) - 1
    # A rate of 40 000 trials deviates by 0.0025 at most, the difference by 0.0036: six of those.
    assert abs(advantage(server_sees(1.0), server_sees(0.0)) - bound) <= 6 * 0.0036

    def server_sees_before_it_adds_noise(value):  # as with a Gaussian aggregator on the server
        return [value]

    assert advantage(*map(server_sees_before_it_adds_noise, (1.0, 0.0))) == 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_clipped_vector_is_longer_than_the_clip_whatever_its_type(dtype):
    """Of float16 the norm would be off by a hundredth, and so would the noise that it takes."""
    rng, length = np.random.default_rng(), 20_000
    noisy = secagg.NoisyEncoding(1.0, 4.0, 5, secagg.FixedPoint(64, 40))
    values = rng.normal(0, 0.1, length).astype(dtype)
    with mock.patch("labkit.secagg.noise.discrete_gaussian", lambda s, n, rng: np.zeros(n, int)):
        clipped = noisy.fixed.decode(noisy.encode(values, rng))
    assert 0.9999 < np.linalg.norm(clipped) <= 1


def test_the_missing_noise_of_dropouts_and_colluders_is_accounted_for():
    """Counting all clients' noise in place of t − c's would claim twice what is there."""
    rng, length = np.random.default_rng(), 20_000
    right, wrong = (secagg.NoisyEncoding(1.0, 4.0, honest) for honest in (20, 40))
    for noisy, claimed in ((right, 4.0), (wrong, 4.0 / np.sqrt(2))):
        left = sum(noisy.encode(np.zeros(length), rng) for _ in range(20))  # 20 of 40 are honest
        spread = noisy.fixed.decode(left).std()
        # Of 20 000 values a standard deviation is off by 1/200: six of those.
        assert abs(spread / claimed - 1) <= 6 / 200


# --- what TensorFlow Federated protects, and what it does not -------------------------------------


# In a process of its own, which takes TFF's worker with it.
TFF = """
import labkit, numpy as np, tensorflow_federated as tff, tensorflow_privacy
from tensorflow_federated.python.core.backends.test import compiler

@tff.federated_computation(tff.FederatedType(np.int32, tff.CLIENTS))
def summed(value):
    return tff.federated_secure_sum(value, 100)

replaced = compiler.replace_secure_intrinsics_with_bodies(summed)  # as the test context does
for computation in (summed, replaced):
    print(computation.to_building_block().compact_representation())

tff.backends.test.set_sync_test_cpp_execution_context()
spied = tff.aggregators.add_measurements(
    tff.aggregators.SumFactory(), server_measurement_fn=lambda total: {"seen": total}
)
query = tensorflow_privacy.GaussianSumQuery(1.0, 5.0)
factory = tff.aggregators.DifferentiallyPrivateFactory(query, spied)
process = factory.create(tff.TensorType(np.float32, [50]))
x = np.random.default_rng(12).normal(0, 1, (4, 50)).astype(np.float32)  # norms of some 7
output = process.next(process.initialize(), list(x))
bare = np.sum(x / np.linalg.norm(x, axis=1, keepdims=True), axis=0)
print(np.abs(output.measurements["dp"]["seen"] - bare).max(), np.std(output.result - bare))
"""


def test_tffs_test_context_sums_in_the_clear_and_its_noise_comes_after_the_sum():
    """What part 10 says: neither saves anybody from trusting the server."""
    ran = subprocess.run(
        [sys.executable, "-c", TFF], capture_output=True, text=True, timeout=300, check=False
    )
    before, after, numbers = ran.stdout.splitlines()[-3:]
    assert "federated_secure_sum" in before, ran.stderr
    assert "federated_secure" not in after and "federated_aggregate" in after
    seen_off, result_off = map(float, numbers.split())
    # The server holds the bare sum of what was clipped to norm 1, up to float32's rounding …
    assert seen_off <= 1e-5
    # … before it adds its noise. A deviation of 50 numbers is off by a tenth: five of those.
    assert result_off > 2.5
