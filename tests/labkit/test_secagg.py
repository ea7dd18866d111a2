"""Secure aggregation: exact sums, who may drop out, who may collude, who is caught."""

import dataclasses
import hmac
import itertools
from fractions import Fraction

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from labkit import accounting, secagg
from labkit.secagg import shamir
from labkit.secagg.client import PAIRS, SELF
from labkit.secagg.keys import NotAuthentic, seal, unseal
from labkit.secagg.noise import discrete_gaussian
from labkit.secagg.prg import apply

# Statistical tests fail a right implementation with this probability.
FALSE_FAIL = 1e-9


def vectors(clients, length, seed=0, dtype=np.uint32):
    """Encoded vectors over the whole range, so that the sum wraps around."""
    top = int(np.iinfo(dtype).max)
    rng = np.random.default_rng(seed)
    return rng.integers(0, top, (clients, length), dtype=dtype, endpoint=True)


def sum_of(x, clients):
    return x[sorted(clients)].sum(axis=0, dtype=x.dtype)


# --- fixed point ----------------------------------------------------------------------------------


@given(
    # 30 clients may add at most 2^31 / 2^20 / 30 = 68 each at 32 bits with 20 of fraction.
    st.lists(st.floats(-68, 68), min_size=2, max_size=30),
    st.sampled_from([(32, 16), (32, 20), (64, 30), (64, 50)]),
)
def test_an_encoded_sum_decodes_to_the_sum_of_the_rounded_values(values, size):
    fixed = secagg.FixedPoint(*size)
    total = sum(fixed.encode(np.array([v]), len(values)) for v in values)
    step = Fraction(1, 2 ** size[1])
    exact = sum(step * round(Fraction(v) / step) for v in values)
    # At most 30 · 68 · 2^50 < 2^63, but float64 holds 53 bits: equal as float64.
    assert fixed.decode(total)[0] == float(exact)


def test_a_value_that_would_overflow_the_sum_is_refused():
    fixed = secagg.FixedPoint(32, 16)
    edge = fixed.largest(10)
    total = sum(fixed.encode(np.array([-edge]), 10) for _ in range(10))
    assert fixed.decode(total)[0] == -10 * edge
    with pytest.raises(ValueError, match="10 clients may add at most"):
        fixed.encode(np.array([edge + 2**-15]), 10)
    with pytest.raises(ValueError, match="NaN or infinity"):
        fixed.encode(np.array([np.nan]), 10)
    with pytest.raises(ValueError, match="uint32"):
        fixed.decode(np.zeros(3))


# --- noise under the masks ------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.7, 4.3])
def test_noise_is_a_discrete_gaussian(sigma):
    drawn = discrete_gaussian(sigma, 200_000, np.random.default_rng())
    reach = round(3 * sigma)
    inside = drawn[np.abs(drawn) <= reach]
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    counts = np.bincount(inside + reach, minlength=2 * reach + 1)
    assert stats.chisquare(counts, weights / weights.sum() * len(inside)).pvalue > FALSE_FAIL
    outside = 1 - weights.sum() / np.exp(-0.5 * (np.arange(-99, 100) / sigma) ** 2).sum()
    assert stats.binomtest(len(drawn) - len(inside), len(drawn), outside).pvalue > FALSE_FAIL


def test_no_vector_counts_for_more_than_the_clip_and_a_wrap_is_only_wrong():
    rng = np.random.default_rng(1)
    noisy = secagg.NoisyEncoding(0.5, 1e-3, 1)
    for size in (1e-3, 1.0, 1e100):
        sent = noisy.fixed.decode(noisy.encode(np.full(100, size), rng))
        assert np.linalg.norm(sent) <= 0.5 + 100 * 1e-3 * 0.5
    with pytest.raises(ValueError, match="cannot be clipped"):
        noisy.encode(np.array([np.nan]), rng)
    wild = secagg.NoisyEncoding(1.0, 2.0**16, 1).encode(np.zeros(1000), rng)
    assert wild.dtype == np.uint32


def test_noise_that_is_too_coarse_is_refused():
    with pytest.raises(ValueError, match="at least 4"):
        secagg.NoisyEncoding(1.0, 4.0, 20, secagg.FixedPoint(32, 2))
    with pytest.raises(ValueError, match="at least 4"):
        secagg.NoisyEncoding(1.0, np.nan, 20)


def test_epsilon_is_above_the_gaussian_mechanisms_and_near_it():
    for noise_multiplier in (1.0, 4.0):
        exact = accounting.epsilon_pld(noise_multiplier, 1.0, 10, 1e-5)
        epsilon = secagg.NoisyEncoding(1.0, noise_multiplier, 20).epsilon(10, 1e-5)
        assert exact <= epsilon <= 1.1 * exact


# --- Shamir ---------------------------------------------------------------------------------------

secrets = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4)


@given(secrets, st.sets(st.integers(0, 65535), min_size=2, max_size=40), st.data())
def test_any_threshold_of_the_shares_recovers_every_secret(own, holders, data):
    holders = sorted(holders)
    threshold = data.draw(st.integers(1, len(holders)))
    shares = secagg.share(own, threshold, holders)
    some = data.draw(st.permutations(range(len(holders))))[:threshold]
    assert secagg.recover(shares[some], [holders[i] for i in some], threshold) == own


def test_one_share_too_few_says_that_one_is_missing():
    shares = secagg.share([bytes(32)], 5, range(8))
    with pytest.raises(secagg.TooFewShares, match=r"4 of the 5 shares .* 1 is missing") as error:
        secagg.recover(shares[:4], range(4), 5)
    assert error.value.missing == 1


@pytest.mark.parametrize("first_byte", [0, 255])
def test_fewer_shares_than_the_threshold_are_uniform_whatever_the_secret(first_byte):
    secret = bytes([first_byte]) * 32
    pairs = np.concatenate([secagg.share([secret], 3, [0, 1, 2, 3])[[1, 3]] for _ in range(400)], 1)
    # Two shares of three, 6400 limbs: 8 × 8 cells of equal size, each pair of values as likely.
    cells = np.histogram2d(*pairs.reshape(2, -1), bins=8, range=[[0, 65537]] * 2)[0]
    assert stats.chisquare(cells.ravel()).pvalue > FALSE_FAIL


def test_shares_over_the_largest_field_elements_are_exact():
    """float64 products: the bound in shamir's docstring, met with the largest values."""
    threshold = 400
    left = np.full((2, threshold), shamir.PRIME - 1)
    assert shamir._product(left, left.T)[0, 0] == threshold * (shamir.PRIME - 1) ** 2 % shamir.PRIME


# --- keys and masks -------------------------------------------------------------------------------


def test_two_parties_agree_and_contexts_are_independent():
    alice, bob, eve = (secagg.PrivateKey() for _ in range(3))
    assert alice.agree(bob.public, b"1") == bob.agree(alice.public, b"1")
    assert secagg.PrivateKey(bytes(alice)).public == alice.public
    others = [alice.agree(bob.public, b"2"), eve.agree(bob.public, b"1")]
    assert len({alice.agree(bob.public, b"1"), *others}) == 3


def test_key_agreement_is_x25519_through_hkdf():
    alice, bob = secagg.PrivateKey(), secagg.PrivateKey()
    public = X25519PublicKey.from_public_bytes(bob.public)
    raw = X25519PrivateKey.from_private_bytes(bytes(alice)).exchange(public)
    # RFC 5869 for one block of output: extract with a salt of zeros, expand with counter 1.
    extracted = hmac.digest(bytes(32), raw, "sha256")
    assert alice.agree(bob.public, b"here") == hmac.digest(extracted, b"here\x01", "sha256")


def test_a_letter_opens_only_for_its_receiver_from_its_sender():
    key = bytes(range(32))
    letter = seal(key, 1, 2, b"share")
    assert unseal(key, 1, 2, letter) == b"share"
    for sender, receiver, sealed in ((2, 1, letter), (1, 3, letter), (1, 2, letter[:-1] + b"x")):
        with pytest.raises(NotAuthentic, match="malformed or replayed"):
            unseal(key, sender, receiver, sealed)


def test_expansion_is_aes_in_counter_mode():
    # AES-256 of the zero block under the zero key: the hash key of GCM's test cases 13 and 14.
    assert secagg.expand(bytes(32), 4).tobytes().hex() == "dc95c078a2408989ad48a21492842087"
    assert np.array_equal(secagg.expand(bytes(32), 9)[:4], secagg.expand(bytes(32), 4))
    assert secagg.expand(bytes(32), 5, np.uint64).dtype == np.uint64
    assert secagg.expand(bytes(32), 5).flags.writeable
    with pytest.raises(ValueError, match="unsigned"):
        secagg.expand(bytes(32), 4, np.float32)


@pytest.mark.parametrize("length", [0, 1, 784, 65536, 100_003])
@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
def test_masks_that_are_added_by_several_threads_are_the_expansions(length, dtype):
    seeds = [bytes([i]) * 32 for i in range(4)]
    vector = np.arange(length).astype(dtype)
    masks = [secagg.expand(seed, length, dtype) for seed in seeds]
    want = vector + masks[0] + masks[1] + masks[2] - masks[3]
    apply(vector, plus=seeds[:3], minus=seeds[3:])
    assert np.array_equal(vector, want)


# --- graphs ---------------------------------------------------------------------------------------


def connected(graph, there):
    reached, border = set(), {min(there)}
    while border:
        reached |= border
        border = {v for u in border for v in graph[u]} & there - reached
    return reached == there


@given(st.integers(3, 60), st.integers(0, 2**32 - 1), st.data())
def test_a_regular_graph_is_regular_and_stays_connected(clients, seed, data):
    degree = 2 * data.draw(st.integers(1, (clients - 1) // 2))
    graph = secagg.regular(clients, degree, np.random.default_rng(seed))
    assert {len(near) for near in graph} == {degree}
    assert all(u in graph[v] for u in range(clients) for v in graph[u])
    assert not any(u in near for u, near in enumerate(graph))
    gone = data.draw(st.sets(st.integers(0, clients - 1), max_size=degree - 1))
    assert connected(graph, set(range(clients)) - gone)


# --- whole rounds: exactness, dropouts, threshold -------------------------------------------------

stages = st.sampled_from(["keys", "shares", "masked", "confirm", "reveal"])


@settings(max_examples=40)
@given(st.integers(2, 16), st.sampled_from([np.uint32, np.uint64]), st.data())
def test_the_sum_is_exact_for_every_dropout_set_up_to_the_threshold(clients, dtype, data):
    threshold = data.draw(st.integers(2, clients))
    gone = data.draw(st.permutations(range(clients)))
    gone = gone[: data.draw(st.integers(0, clients - threshold))]
    dropouts = {u: data.draw(stages) for u in gone}
    x = vectors(clients, 20, data.draw(st.integers(0, 2**32 - 1)), dtype)
    result = secagg.secure_sum(x, threshold, dropouts=dropouts)
    late = {u for u, stage in dropouts.items() if stage in ("confirm", "reveal")}
    assert result.arrived == set(range(clients)) - set(gone) | late
    assert np.array_equal(result.total, sum_of(x, result.arrived))
    assert result.excluded == {}


@pytest.mark.parametrize("clients", [50, 100, pytest.param(200, marks=pytest.mark.labs)])
def test_the_sum_of_many_is_exact_with_a_third_gone(clients):
    x = vectors(clients, 50)
    stages = itertools.cycle(["keys", "shares", "masked", "confirm", "reveal"])
    dropouts = dict(zip(range(0, clients - clients % 3, 3), stages, strict=False))
    result = secagg.secure_sum(x, clients - len(dropouts), dropouts=dropouts)
    assert np.array_equal(result.total, sum_of(x, result.arrived))


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_the_sum_is_exact_on_a_regular_graph(seed):
    rng = np.random.default_rng(seed)
    clients, degree = 60, 16
    dropouts = {int(u): "masked" for u in rng.choice(clients, 5, replace=False)}
    x = vectors(clients, 20, seed)
    # Five are gone, so at least 16 + 1 − 5 − 1 = 11 holders of each secret are left, itself gone.
    graph = secagg.regular(clients, degree, rng)
    result = secagg.secure_sum(x, 11, graph=graph, dropouts=dropouts)
    assert np.array_equal(result.total, sum_of(x, set(range(clients)) - dropouts.keys()))


@pytest.mark.parametrize("stage", ["keys", "shares", "masked", "confirm", "reveal"])
@pytest.mark.parametrize("beyond", [1, 3])
def test_below_the_threshold_the_error_says_how_many_shares_are_missing(stage, beyond):
    dropouts = dict.fromkeys(range(4 + beyond), stage)
    with pytest.raises(secagg.TooFewShares, match=f"{beyond} (is|are) missing") as error:
        secagg.secure_sum(vectors(10, 5), 6, dropouts=dropouts)
    assert error.value.missing == beyond


def test_before_unmasking_the_server_has_garbage():
    """Why recovery is needed at all: what the server has before it unmasks is garbage."""
    x = vectors(6, 40)
    result = secagg.secure_sum(x, 4, dropouts={2: "masked"}, keep_masked=True)
    bare = sum(result.masked.values())
    assert not np.any(bare == result.total)
    assert np.array_equal(result.total, sum_of(x, result.arrived))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"threshold": 1}, "from 2 to 5"),
        ({"threshold": 6}, "from 2 to 5"),
        (
            {"threshold": 3, "dropouts": {0: "lunch"}},
            "none of keys, shares, masked, confirm, reveal",
        ),
    ],
)
def test_a_round_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        secagg.secure_sum(vectors(5, 3), **arguments)
    with pytest.raises(ValueError, match="encode it"):
        secagg.secure_sum(np.zeros((5, 3)), 3)


# --- what the server and its accomplices see ------------------------------------------------------


def test_one_masked_vector_is_uniform_and_independent_of_what_it_masks():
    x = vectors(4, 100_000)
    x[0] = 0  # the clearest vector there is
    seen = secagg.secure_sum(x, 3, keep_masked=True).masked[0]
    for shift in (24, 0):  # the top byte and the lowest one
        counts = np.bincount(seen >> shift & 0xFF, minlength=256)
        assert stats.chisquare(counts).pvalue > FALSE_FAIL
    ones = np.unpackbits(seen.view(np.uint8)).sum()
    assert stats.binomtest(int(ones), seen.size * 32).pvalue > FALSE_FAIL


def test_float_masks_leak_the_size_of_what_they_mask():
    """A bounded mask moves no value beyond its bound: the edges give the gradient away."""
    rng = np.random.default_rng(1)
    for gradient in (-0.5, 0.5):
        seen = gradient + rng.uniform(-10, 10, 100_000)
        assert np.sign(seen[np.abs(seen) > 10].mean()) == np.sign(gradient)
    # Gaussian masks have no edge, and their mean still tells: 10/√100000 ≪ 0.5.
    seen = 0.5 + rng.normal(0, 10, 100_000)
    assert stats.ttest_1samp(seen, 0).pvalue < FALSE_FAIL


def after_sharing(clients, threshold):
    """The clients of a round, at the point where each holds its shares."""
    graph = secagg.all_pairs(clients)
    identities = [Ed25519PrivateKey.generate() for _ in range(clients)]
    roster = {u: key.public_key().public_bytes_raw() for u, key in enumerate(identities)}
    party = [
        secagg.Client(u, graph[u], threshold, 0, identities[u], roster) for u in range(clients)
    ]
    public = {u: party[u].advertise() for u in range(clients)}
    letters = {u: party[u].share(public) for u in range(clients)}
    for v in range(clients):
        assert party[v].open({u: letters[u][v] for u in range(clients) if u != v}) == set()
        party[v].mask(np.zeros(3, np.uint32), range(clients))
    return party


def revealed(party, stories):
    """Return what each client reveals, or why not, when it is told its own story of who survived.

    The server passes on what the clients tell each other.
    """
    codes = {u: party[u].confirm(story) for u, story in stories.items()}
    told = {}
    for u in stories:
        try:
            told[u] = party[u].reveal({v: own[u] for v, own in codes.items() if u in own})
        except (secagg.Refused, secagg.TooFewShares) as refusal:
            told[u] = refusal
    return told


def test_colluders_below_the_threshold_learn_no_secret_and_at_it_they_learn_all():
    party = after_sharing(7, 4)
    victim, colluders = party[0], party[1:5]
    for kind, secret in ((SELF, victim._seed), (PAIRS, bytes(victim._mask_key))):
        shares = np.array([c._held[0][kind][None] for c in colluders])
        ids = [c.id for c in colluders]
        assert secagg.recover(shares, ids, 4) == [secret]
        with pytest.raises(secagg.TooFewShares, match="1 is missing"):
            secagg.recover(shares[:3], ids[:3], 4)


@pytest.mark.parametrize("clients, threshold, safe", [(6, 4, True), (6, 3, False)])
def test_a_server_that_lies_about_dropouts_needs_both_kinds_of_shares(clients, threshold, safe):
    """It tells one half that client 0 arrived, the other that it dropped: 2t > n defeats it."""
    party = after_sharing(clients, threshold)
    everybody = set(range(clients))
    half = clients // 2
    stories = {u: everybody if u < half else everybody - {0} for u in everybody}
    told = revealed(party, stories)
    seeds = [u for u in told if u < half and isinstance(told[u], dict)]
    keys = [u for u in told if u >= half and isinstance(told[u], dict)]
    assert (max(len(seeds), len(keys)) < threshold) is safe


def test_a_client_hears_one_story_and_reveals_one_kind_of_share_once():
    party = after_sharing(5, 3)
    party[1].confirm({0, 1, 2, 3})
    for other in ({0, 1, 2, 4}, {0, 1, 2, 3}):
        with pytest.raises(secagg.Refused, match="two stories"):
            party[1].confirm(other)
    with pytest.raises(secagg.Refused, match="two stories"):
        party[2].confirm({0, 1, 3, 4})  # itself not among them
    with pytest.raises(secagg.Refused, match="one kind"):
        party[2].reveal({})  # before it was told who survived
    with pytest.raises(secagg.TooFewShares, match="2 are missing"):
        party[1].reveal({})
    codes = {v: party[v].confirm({0, 1, 2, 3})[1] for v in (0, 2)}
    assert party[1].reveal(codes).keys() == {0, 1, 2, 3, 4}
    with pytest.raises(secagg.Refused, match="once"):
        party[1].reveal(codes)
    with pytest.raises(secagg.TooFewShares):
        party[3].confirm({2, 3})


def test_no_letter_lets_the_server_read_a_share():
    seen = {}

    def listen(stage, client, message):
        seen[stage, client] = message
        return message

    secagg.secure_sum(vectors(3, 4), 2, tamper=listen)
    sealed = seen["shares", 0][1].sealed
    assert len(sealed) == 2 * shamir.SHARE_BYTES + 16
    revealed = seen["reveal", 1][0].astype("<u4").tobytes()
    assert revealed not in sealed


# --- misbehaviour ---------------------------------------------------------------------------------


def misbehave(stage, culprit, change):
    def tamper(at, client, message):
        return change(message) if (at, client) == (stage, culprit) else message

    return tamper


def spoil_letters(letters):
    return {
        v: type(letter)(letter.sealed[:-1] + bytes([letter.sealed[-1] ^ 1]), letter.commitments)
        if letter.sealed
        else letter
        for v, letter in letters.items()
    }


def spoil_share(shares):
    return {u: (s + 1) % shamir.PRIME for u, s in shares.items()}


@pytest.mark.parametrize(
    "stage, change, reason, counted",
    [
        ("keys", lambda keys: None, "public keys", False),
        ("keys", lambda keys: dataclasses.replace(keys, mask_key=bytes(32)), "sign", False),
        ("confirm", lambda codes: None, "did not confirm", True),
        ("shares", spoil_letters, "malformed or replayed", False),
        ("shares", lambda letters: None, "did not share", False),
        ("shares", lambda letters: dict(list(letters.items())[1:]), "did not share", False),
        ("masked", lambda v: v[:-1], "masked vector is not uint32", False),
        ("masked", lambda v: v.astype(float), "masked vector is not uint32", False),
        ("reveal", spoil_share, "malformed or replayed", True),
        ("reveal", lambda shares: {u: s[:3] for u, s in shares.items()}, "malformed", True),
        ("reveal", lambda shares: {u + 90: s for u, s in shares.items()}, "malformed", True),
        ("reveal", lambda shares: None, "no set of shares", True),
    ],
)
def test_a_malformed_message_names_its_sender_and_the_round_ends(stage, change, reason, counted):
    x = vectors(8, 10)
    result = secagg.secure_sum(x, 5, dropouts={6: "masked"}, tamper=misbehave(stage, 3, change))
    assert result.excluded.keys() == {3}
    assert reason in result.excluded[3]
    assert (3 in result.arrived) is counted
    assert np.array_equal(result.total, sum_of(x, result.arrived))


@pytest.mark.parametrize("stage, counted", [("shares", False), ("reveal", True)])
def test_a_replayed_share_names_its_sender_and_the_round_ends(stage, counted):
    x = vectors(6, 10)
    old = {}

    def record(at, client, message):
        old[at, client] = message
        return message

    secagg.secure_sum(x, 4, round_number=1, tamper=record)
    replay = misbehave(stage, 2, lambda _: old[stage, 2])
    result = secagg.secure_sum(x, 4, round_number=2, tamper=replay)
    assert result.excluded.keys() == {2}
    assert "replayed" in result.excluded[2]
    assert (2 in result.arrived) is counted
    assert np.array_equal(result.total, sum_of(x, result.arrived))
