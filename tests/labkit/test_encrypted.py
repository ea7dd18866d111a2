"""Training on encrypted labels: exact, and silent about what it must be silent about."""

import math
import os
import signal
from functools import cache

import numpy as np
import pytest
import tensorflow as tf
import tf_shell
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.encrypted import (
    LOG2_Q_128,
    FeaturesParty,
    LabelPrivacy,
    LabelsParty,
    Network,
    Parameters,
    RingParameters,
    WrongParameters,
    agree,
    batches,
    cosine,
    encrypted_gradients,
    label_sensitivity,
    large_ring,
    messages,
    ntt_primes,
    process,
    small_ring,
    train,
)
from labkit.encrypted.coefficients import Transform
from labkit.encrypted.packing import Packing, cheapest
from labkit.encrypted.parameters import is_prime
from labkit.encrypted.process import LabelsProcess, unpack
from labkit.encrypted.ring import KeyedRing, raw, uniform
from labkit.processes.errors import PartyError, PartyLost

pytestmark = pytest.mark.labs

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


# --- the arithmetic -------------------------------------------------------------------------------


def times(a, b, modulus):
    """The product of two polynomials modulo X^N + 1, in Python's integers."""
    product = [0] * (2 * len(a))
    for i, x in enumerate(map(int, a)):
        for j, y in enumerate(map(int, b)):
            product[i + j] += x * y
    return [(low - high) % modulus for low, high in zip(product, product[len(a) :], strict=False)]


@settings(max_examples=25, deadline=None)
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


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_short_small_polynomial_takes_the_short_way_to_the_same_slots(data):
    transform = Transform(64, ntt_primes(22, 128)[0])
    length = data.draw(st.integers(1, 64))
    seed = data.draw(st.integers(0, 2**32 - 1))
    short = np.random.default_rng(seed).integers(-32, 33, (length, 2, 3))
    full = np.pad(short, ((0, 64 - length), (0, 0), (0, 0)))
    assert np.array_equal(transform.to_slots(short, 32), transform.to_slots(full))


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


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_product_of_packed_polynomials_holds_all_inner_products(data):
    degree = 64
    block = data.draw(st.sampled_from([1, 2, 4, 8]))
    v = data.draw(st.integers(1, degree // block))
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
        transform.to_slots(packing.pack_left(a)).astype(object),
        transform.to_slots(packing.pack_right(b)).astype(object),
    )
    got = packing.read(transform.to_coefficients((products % modulus).astype(np.int64)))
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


# --- parameters -----------------------------------------------------------------------------------


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
    digits, bits, width = small.flooding(2.0**16)
    assert (digits, bits) == (1, int(54 - 2 * math.log2(T) + math.log2(0.9)))
    assert 13 < width < 16
    assert large.flooding(2.0**16)[2] >= 40
    assert large.flooding(2.0**34)[2] >= 40
    with pytest.raises(WrongParameters, match=r"noise would be up to 2\^5"):
        small.flooding(2.0**34)


def test_uniform_numbers_are_uniform_and_never_the_same_twice():
    a, b = uniform(17, (100_000,)), uniform(17, (100_000,))
    counts = np.bincount(a, minlength=17)
    # Chi-squared with 16 degrees of freedom exceeds 90 with probability 2·10⁻¹².
    assert np.sum((counts - 1e5 / 17) ** 2) / (1e5 / 17) < 90
    assert len(counts) == 17 and not np.array_equal(a, b)


# --- the protocol ---------------------------------------------------------------------------------


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


# --- what nobody may see --------------------------------------------------------------------------


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


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """A short run with the labels in another process; what crossed, and what that process knows."""
    images, y = data()
    # Labels as bytes that occur nowhere by chance: eight in a row are 1 in 2^64.
    file = tmp_path_factory.mktemp("labels") / "labels.npy"
    np.save(file, y)
    parameters = Parameters(**SIZES)
    features = FeaturesParty(parameters, images, network())
    order = batches(200, 64, np.random.default_rng(5))
    with LabelsProcess(parameters, file) as labels:
        history = train(
            features,
            labels,
            order,
            (images, y),
            plaintext=lambda rows: features.network.gradient(images[rows], y[rows]),
        )
        pid = labels.peer.pid
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(PartyLost) as lost:
            labels.public_key()
    return labels, features, history, order, lost


def test_two_processes_train_as_one_does(two_processes):
    _, features, history, order, _ = two_processes
    assert min(history.cosine) > 0.999
    twin, labels = pair()
    images, y = data()
    train(twin, labels, order, (images, y))
    for a, b in zip(features.network.weights, twin.network.weights, strict=True):
        # Masks come off without a trace: the same integers, the same steps.
        np.testing.assert_array_equal(a, b)


def test_only_the_protocol_s_messages_cross_the_wire(two_processes):
    labels, _, _, order, _ = two_processes
    kinds = [(crossing.sender, crossing.kind) for crossing in labels.crossings]
    start = [
        ("features", "public_key"),
        ("labels", "PublicKey"),
        ("features", "Probe"),
        ("labels", "done"),
    ]
    batch = [
        ("features", "encrypt_labels"),
        ("labels", "EncryptedLabels"),
        ("features", "MaskedSignals"),
        ("labels", "EncryptedShare"),
        ("features", "MaskedProducts"),
        ("labels", "MaskedGradient"),
    ]
    assert kinds == start + batch * len(order)
    # From L come ciphertexts, and integers that are masked.
    bare = set()
    for crossing in labels.crossings:
        if crossing.sender == "labels":
            _, tensors = unpack(crossing.data)
            bare |= {name for name, tensor in tensors.items() if tensor.dtype != tf.variant}
    assert bare == {"agreed", "top", "bottom"}


def test_neither_labels_nor_what_they_follow_from_cross_in_the_clear(two_processes):
    """The labels, their one-hot form, residuals and true sums are looked for in all their bytes."""
    labels, _, _, order, _ = two_processes
    wire = b"".join(crossing.data for crossing in labels.crossings if crossing.sender == "labels")
    _, y = data()
    for batch in order:
        for secret in (y[batch], np.eye(3)[y[batch]], np.eye(3)[y[batch]].T):
            for dtype in (np.int8, np.int32, np.int64, np.float32, np.float64):
                needle = np.ascontiguousarray(secret.astype(dtype)).tobytes()[:48]
                assert needle not in wire
    # The integers that L opens are uniform, and say nothing of the sums behind them: the same
    # batch, twice, gives other ones; see test_what_each_party_decrypts_or_receives_is_uniform.
    opened = [
        unpack(c.data)[1]["bottom"].numpy() for c in labels.crossings if c.kind == "MaskedGradient"
    ]
    values = np.concatenate([o.ravel() for o in opened])
    assert abs(values.mean() - T / 2) < 8 * T / math.sqrt(12 * values.size)
    assert len(np.unique(values)) > 0.99 * values.size


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


def test_no_message_can_hold_a_key(two_processes):
    labels, *_ = two_processes
    declared = {
        name: {field for field in cls.__dataclass_fields__}
        for name, cls in vars(messages).items()
        if isinstance(cls, type) and issubclass(cls, messages.Message)
    }
    assert not any("key" in field for fields in declared.values() for field in fields)
    # A key is a tensor of variants of another kind: its type's name stands in its bytes.
    [kind] = {_variant_kind(KeyedRing(small_ring(T))._key._raw_keys_at_level)}
    wire = b"".join(crossing.data for crossing in labels.crossings)
    assert kind in tf.io.serialize_tensor(rings()[0]._key._raw_keys_at_level).numpy()
    assert kind not in wire


def _variant_kind(tensor):
    data = tf.io.serialize_tensor(tensor).numpy()
    start = data.index(b"ShellKey") if b"ShellKey" in data else data.index(b"Key")
    return data[start : start + 8]


def test_a_labels_process_that_is_killed_is_one_clear_error(two_processes):
    *_, lost = two_processes
    assert "L's process has ended (killed by SIGKILL) while answering `public_key`" in str(
        lost.value
    )


def test_the_labels_process_says_why_it_failed(in_thread, monkeypatch, tmp_path):
    started = []

    def start(name, module, settings, ledger):
        assert module == process.__name__
        started.append(in_thread(process.prepare, name, settings, ledger))
        return started[-1]

    # What a process says of its start arrives in the same way, and sooner: TensorFlow is here.
    monkeypatch.setattr(process.Peer, "start", start)
    np.save(tmp_path / "labels.npy", np.array([0, 7]))
    with pytest.raises(WrongParameters, match="go from 0 to 7"):
        LabelsProcess(Parameters(**SIZES), tmp_path / "labels.npy")
    with pytest.raises(PartyError, match=r"No such file .*none\.npy"):
        LabelsProcess(Parameters(**SIZES), tmp_path / "none.npy")
    assert [peer.closed for peer in started] == [True, True]


# --- label differential privacy -------------------------------------------------------------------


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
