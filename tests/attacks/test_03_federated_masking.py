"""Attacks on secure aggregation: each succeeds against the old protocol and fails on the new."""

import contextlib
import hashlib
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from scipy import stats

from labkit import secagg
from labkit.secagg import client as clients_of
from labkit.secagg import shamir
from tests.attacks.cells import solution

pytestmark = pytest.mark.labs

LENGTH = 8  # an attack that knows nothing is right in all 8 places with probability 2^−256


@contextlib.contextmanager
def contexts_without_ends():
    """The old key derivation: the round's number and nothing of the two ends; no key refused."""
    with (
        mock.patch.object(clients_of, "between", lambda purpose, r, ends: b"%s %d" % (purpose, r)),
        mock.patch.object(clients_of, "repeated", lambda announcements: False),
    ):
        yield


def vectors(clients):
    return np.random.default_rng().integers(0, 2**32, (clients, LENGTH), dtype=np.uint32)


# --- a round that is none -------------------------------------------------------------------------


def test_the_published_gradient_is_the_same_for_all_and_of_nobodys_own_images(lab):
    weights = np.random.default_rng(13).normal(0, 0.1, 784)
    data = {"everyone: images": lab["x_train"][:400], "everyone: labels": lab["y_train"][:400]}
    for number, (x, y) in enumerate(lab["parties"]):
        data |= {f"party {number}: images": x, f"party {number}: labels": y}
    published, own = (
        [lab[name](weights, party, data) for party in range(10)]
        for name in ("published_gradient", "own_gradient")
    )
    read = lab["reads"](lambda data: lab["published_gradient"](weights, 4, data), data)
    assert read == {"everyone: images", "everyone: labels"}
    read = lab["reads"](lambda data: lab["own_gradient"](weights, 4, data), data)
    assert read == {"party 4: images", "party 4: labels"}
    # Equal parties: a round's step is the mean. That of the published ones is one of them.
    step = weights - lab["federated_round"](weights, lab["parties"], lab["gradient"], 1.0)
    assert np.allclose(np.mean(own, axis=0), step)
    assert np.allclose(np.mean(published, axis=0), published[0])
    assert np.linalg.norm(published[0] - step) > 0.2 * np.linalg.norm(step)


# --- a colluder announces somebody's key ----------------------------------------------------------

P = 2**255 - 19


def same(key):
    return key


def with_the_top_bit(key):
    """The same point: X25519 ignores the highest bit (RFC 7748, section 5)."""
    return key[:31] + bytes([key[31] | 0x80])


def of_small_order_apart(key):
    """u → 1/u adds the point of order 2: another key that agrees on the same secrets."""
    return pow(int.from_bytes(key, "little"), -1, P).to_bytes(32, "little")


class MaskedRound:
    """A round, step by step: clients with identities, and a server of which nothing is honest."""

    def __init__(self, clients, threshold, graph=None):
        self.everybody = range(clients)
        self.identities = [Ed25519PrivateKey.generate() for _ in self.everybody]
        roster = {u: key.public_key().public_bytes_raw() for u, key in enumerate(self.identities)}
        graph = graph or secagg.all_pairs(clients)
        self.party = [
            secagg.Client(u, graph[u], threshold, 0, self.identities[u], roster)
            for u in self.everybody
        ]
        self.keys = {u: p.advertise() for u, p in enumerate(self.party)}

    def announce(self, u, mask_key):
        """Let a client sign another mask key in place of its own."""
        channel = self.keys[u].channel_key
        signature = self.identities[u].sign(clients_of.announced(u, 0, mask_key, channel))
        self.keys[u] = clients_of.Announcement(mask_key, channel, signature)

    def share(self):
        letters = {u: p.share(self.keys) for u, p in enumerate(self.party)}
        for v, p in enumerate(self.party):
            inbox = {u: sent[v] for u, sent in letters.items() if u != v and v in sent}
            assert p.open(inbox) == set()


# The victim stands in the middle: the honest others on one side, their copies on the other.
@pytest.mark.parametrize("victim, honest, colluders", [(1, [2], [0]), (2, [1, 3], [4, 0])])
@pytest.mark.parametrize("twin", [same, with_the_top_bit, of_small_order_apart])
def test_a_copied_key_unmasks_nobody(victim, honest, colluders, twin):
    def server_sees(bare):
        run = MaskedRound(2 * len(honest) + 1, 3)
        for colluder, other in zip(colluders, honest, strict=True):
            run.announce(colluder, twin(run.keys[other].mask_key))
        run.share()
        masked = run.party[victim].mask(bare, run.everybody)
        # The victim survives, so the server is handed shares of its self mask's seed.
        shares = np.array([run.party[v]._held[victim][clients_of.SELF] for v in (0, 1, 2)])
        (seed,) = secagg.recover(shares[:, None], [0, 1, 2], 3)
        return masked - secagg.expand(seed, LENGTH)

    bare = vectors(1)[0]
    with contexts_without_ends():
        assert np.array_equal(server_sees(bare), bare)
    if twin is same:
        with pytest.raises(secagg.Refused, match="twice"):
            server_sees(bare)
    else:
        assert not np.any(server_sees(bare) == bare)  # fails with probability 8 · 2^−32 = 2e-9


def test_a_server_that_follows_the_protocol_excludes_the_copy():
    told = {}

    def copying(stage, client, message):
        told[stage, client] = message
        if (stage, client) != ("keys", 2):
            return message
        # Signed by its own identity, which the roster holds: the copy is the only offence.
        identity = identities[client]
        copied = told["keys", 1].mask_key
        signature = identity.sign(clients_of.announced(2, 0, copied, message.channel_key))
        return clients_of.Announcement(copied, message.channel_key, signature)

    identities = [Ed25519PrivateKey.generate() for _ in range(4)]
    made = iter(identities)
    with mock.patch.object(Ed25519PrivateKey, "generate", lambda: next(made)):
        result = secagg.secure_sum(vectors(4), 3, tamper=copying)
    assert result.excluded == {2: "one of its public keys is announced already"}


def test_a_server_cannot_put_its_own_key_in_place_of_a_clients():
    run = MaskedRound(3, 2)
    middle = secagg.PrivateKey()
    run.keys[1] = clients_of.Announcement(
        middle.public, run.keys[1].channel_key, run.keys[1].signature
    )
    with pytest.raises(secagg.Refused, match="did not sign"):
        run.party[0].share(run.keys)
    with mock.patch.object(clients_of, "signed", lambda *_: True):
        run.party[0].share(run.keys)  # unsigned, it would be taken, and the server have the seed


# --- a server that tells several stories ----------------------------------------------------------


def revealed_INSECURE(party, arrived, dropped):
    """The old `Client.reveal`: no word with the others; one kind of share of each client, once."""
    party._require_holders(len(party._partners(arrived)) + 1)
    kinds = dict.fromkeys(arrived, clients_of.SELF) | dict.fromkeys(dropped, clients_of.PAIRS)
    return {u: party._held[u][kind] for u, kind in kinds.items() if u in party._held}


def test_no_sum_is_of_fewer_than_the_threshold():
    """Ten clients, none colludes, t = 6 > n/2: each client is told other four dropouts.

    Six shares of six keys, and ten of the other four seeds: the server has the sum of four, whose
    pair masks with the six it computes. Only confirmed survivors keep it from that.
    """
    clients, threshold, kept = 10, 6, {6, 7, 8, 9}
    lost = set(range(clients)) - kept
    # Everybody is told of four of the six lost that they dropped out, and of none that asks itself.
    told = {u: {(u + step) % 6 for step in (1, 2, 3, 4)} for u in lost}
    told |= {u: {(u + step) % 6 for step in (0, 1, 2, 3)} for u in kept}

    def attack(run):
        x = vectors(clients)
        sent = [p.mask(x[u], run.everybody) for u, p in enumerate(run.party)]
        answers = {u: run.reveals(u, set(run.everybody) - told[u], told[u]) for u in run.everybody}

        def secret(owner, kind):
            said = [u for u in answers if (owner in told[u]) == (kind == clients_of.PAIRS)]
            helpers = [u for u in said if answers[u]][:threshold]
            rows = np.array([answers[u][owner] for u in helpers]).reshape(-1, 1, shamir.LIMBS)
            return secagg.recover(rows, helpers, threshold)[0]

        total = sum((sent[u] for u in kept), np.zeros(LENGTH, np.uint32))
        for u in kept:
            total -= secagg.expand(secret(u, clients_of.SELF), LENGTH)
        for v in lost:
            key = secagg.PrivateKey(secret(v, clients_of.PAIRS))
            for u in kept:
                seed = clients_of.pair_seed(key, v, u, run.keys[u], 0)
                mask = secagg.expand(seed, LENGTH)
                total = total - mask if u < v else total + mask
        return total, x[sorted(kept)].sum(axis=0, dtype=np.uint32)

    run = MaskedRound(clients, threshold)
    run.share()
    run.reveals = lambda u, arrived, dropped: revealed_INSECURE(run.party[u], arrived, dropped)
    got, wanted = attack(run)
    assert np.array_equal(got, wanted)

    run = MaskedRound(clients, threshold)
    run.share()
    codes = {}

    def asks(u, arrived, dropped):
        if not codes:  # they tell each other what they were told; the server passes it on
            for v in run.everybody:
                codes[v] = run.party[v].confirm(set(run.everybody) - told[v])
        with contextlib.suppress(secagg.TooFewShares):
            return run.party[u].reveal({v: own[u] for v, own in codes.items() if u in own})
        return {}

    run.reveals = asks
    with pytest.raises(shamir.TooFewShares):
        attack(run)


def test_nobody_is_told_to_mask_with_those_who_will_drop_out():
    """The victim is told of t − 1 others, whose keys the server then has all others recover."""
    clients, threshold, victim = 5, 3, 0
    run = MaskedRound(clients, threshold)
    run.share()
    run.party[victim].mask(vectors(1)[0], {0, 1, 2})
    with pytest.raises(secagg.Refused, match="two stories"):
        run.party[victim].confirm({0, 3, 4})  # survivors with whom it made no masks


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


# --- who draws the graph --------------------------------------------------------------------------


class Seats:
    """A server's 'randomness': it seats the victim in the middle of its colluders."""

    def __init__(self, first):
        self.first = first

    def permutation(self, clients):
        return np.array([*self.first, *sorted(set(range(clients)) - set(self.first))])


def test_colluders_surround_a_victim_only_if_the_server_draws_the_graph():
    clients, degree, threshold, victim = 500, 36, 23, 0
    colluders = set(range(400, 500))
    seats = [*range(400, 418), victim, *range(418, 436)]
    around = secagg.regular(clients, degree, Seats(seats))[victim]
    assert len(around & colluders) == degree  # 36 of 500 would do, with k + 1 holders in all
    rng, most, rounds = np.random.default_rng(), 0, 20
    for _ in range(rounds):
        graph = secagg.regular(clients, degree, rng)
        most = max(most, *(len(graph[u] & colluders) for u in range(400)))
    # The lab's bound: 1e-6 a round.
    assert stats.hypergeom.sf(threshold - 1, clients - 1, len(colluders), degree) * 400 < 1e-6
    assert most < threshold  # fails with probability 20 · 1e-6


@pytest.mark.parametrize("colluders", [{2, 3}, {2}])
def test_of_a_client_whose_other_neighbours_drop_out_colluders_one_below_the_threshold_have_all(
    colluders,
):
    """The server follows the protocol. Ten others' sum is no company: none is a neighbour."""
    clients, degree, threshold, victim, dropped = 13, 4, 3, 4, {5, 6}
    run = MaskedRound(clients, threshold, secagg.regular(clients, degree, Seats(range(clients))))
    run.share()
    x, everybody = vectors(clients), set(run.everybody)
    masked, arrived = run.party[victim].mask(x[victim], everybody), everybody - dropped
    for u in arrived - {victim}:
        run.party[u].mask(x[u], everybody)
    codes = {u: run.party[u].confirm(arrived) for u in arrived}
    revealed = {
        u: run.party[u].reveal({v: said[u] for v, said in codes.items() if u in said})
        for u in arrived
    }

    def secret(owner):
        holders = [u for u in revealed if owner in revealed[u]][:threshold]
        rows = np.array([revealed[u][owner] for u in holders])[:, None]
        return secagg.recover(rows, holders, threshold)[0]

    known = {u: secagg.PrivateKey(secret(u)) for u in dropped}
    known |= {u: run.party[u]._mask_key for u in colluders}  # they tell
    bare = masked - secagg.expand(secret(victim), LENGTH)
    for u, key in known.items():
        seed = clients_of.pair_seed(key, u, victim, run.keys[victim], 0)
        mask = secagg.expand(seed, LENGTH)
        bare = bare - mask if victim < u else bare + mask
    if len(colluders) == threshold - 1:
        assert np.array_equal(bare, x[victim])
    else:  # two below it an honest neighbour is left: 8 places, 8 · 2^−32 = 2e-9
        assert not np.any(bare == x[victim])


def test_twenty_neighbours_of_five_hundred_are_too_few():
    """k = 20, t = 13, a fifth collude: 4e-3 a round, not 1e-6; and a liar always wins."""
    curious, lying = (
        400 * stats.hypergeom.sf(enough - 1, 499, 100, 20) for enough in (13, 2 * 13 - 21)
    )
    assert 3e-3 < curious < 4e-3
    assert lying > 1


def test_the_neighbours_that_the_lab_says_are_needed_are_and_fewer_are_not(lab):
    million, everybody = 10**6, lab["privacy_risk"]
    for lying, k, t in ((False, 54, 35), (True, 114, 86)):
        assert lab["neighbours"](million, lying) == (k, t)
        for fewer in range(4, k, 2):  # whatever the threshold, one of the two risks is too large
            for threshold in range(fewer // 2 + 1, fewer + 1):
                enough = 2 * threshold - fewer - 1 if lying else threshold
                lost = million * stats.hypergeom.sf(
                    fewer - threshold, million - 1, million // 20, fewer
                )
                assert everybody(million, fewer, enough, million // 5) >= 1e-6 or lost >= 1e-6
    # With t = 2k/3, in favour of the parties rounded up, a liar needs about a third of the k.
    risks = [everybody(million, k, 2 * -(-2 * k // 3) - k - 1, million // 5) for k in range(501)]
    assert min(risks[4:]) >= 1e-6 > everybody(million, 528, 2 * 352 - 528 - 1, million // 5)


# --- a key that is recovered, and what it masked before -------------------------------------------


def pair_masks(party, key, public, round_number):
    """The sum of a party's pair masks, as the lab's `pairwise_mask` computes it."""
    total = np.zeros(LENGTH, np.uint32)
    for other in public.keys() - {party}:
        ends = {party: public[party], other: public[other]}
        seed = key.agree(public[other], clients_of.between(b"mask", round_number, ends))
        mask = secagg.expand(seed, LENGTH)
        total = total + mask if party < other else total - mask
    return total


@pytest.mark.parametrize("fresh", [False, True])
def test_a_key_recovered_from_a_dropout_opens_no_earlier_round(fresh):
    """The server keeps what it saw; six rounds later party 3 drops out, and shares give its key."""
    keys = [secagg.PrivateKey() for _ in range(5)]
    kept, x = [], vectors(6)
    for number in range(6):
        if fresh:
            keys = [secagg.PrivateKey() for _ in range(5)]
        public = {party: key.public for party, key in enumerate(keys)}
        kept.append((x[number] + pair_masks(3, keys[3], public, number), public))
    if fresh:
        keys[3] = secagg.PrivateKey()
    shares = secagg.share([bytes(keys[3])], 3, range(5))
    (recovered,) = secagg.recover(shares[[0, 1, 2]], [0, 1, 2], 3)
    server = secagg.PrivateKey(recovered)
    opened = [
        masked - pair_masks(3, server, public | {3: server.public}, number)
        for number, (masked, public) in enumerate(kept)
    ]
    # By chance one of 48 places is right with probability 48 · 2^−32 = 1e-8.
    assert np.mean(np.array(opened) == x) == (0 if fresh else 1)


def test_a_client_of_each_round_has_keys_of_its_own():
    """What was revealed of a round fits no other: a share, a key, a vector."""
    seen = [{}, {}]
    for number in (0, 1):
        keep = seen[number]
        secagg.secure_sum(
            vectors(3),
            2,
            round_number=number,
            dropouts={2: "masked"},
            tamper=lambda stage, u, said, keep=keep: keep.setdefault((stage, u), said),
        )
    keys = [{said["keys", u].mask_key for u in range(3)} for said in seen]
    assert not keys[0] & keys[1]


# --- what the sum gives away ----------------------------------------------------------------------


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


def test_the_missing_noise_of_dropouts_and_colluders_is_accounted_for():
    """Counting all clients' noise in place of t − c's would claim twice what is there."""
    rng, length = np.random.default_rng(), 20_000
    right, wrong = (secagg.NoisyEncoding(1.0, 4.0, honest) for honest in (20, 40))
    for noisy, claimed in ((right, 4.0), (wrong, 4.0 / np.sqrt(2))):
        left = sum(noisy.encode(np.zeros(length), rng) for _ in range(20))  # 20 of 40 are honest
        spread = noisy.fixed.decode(left).std()
        # Of 20 000 values a standard deviation is off by 1/200: six of those.
        assert abs(spread / claimed - 1) <= 6 / 200


# --- a server that lies: the lab's last section ---------------------------------------------------


@pytest.fixture(scope="module")
def lab():
    """The lab's functions, ten parties of 32 images, and a hidden layer of 64 units."""
    rng = np.random.default_rng(11)
    names = {
        "Ed25519PrivateKey": Ed25519PrivateKey,
        "pair_seed": clients_of.pair_seed,
        "hashlib": hashlib,
        "fixed": secagg.FixedPoint(32, 20),
        "below": rng.normal(0, 1, (784, 64)),
        "top": rng.normal(0, 0.3, 64),
        "UNITS": 64,
    }
    lab = solution("03_federated_masking", **names)
    lab["parties"] = lab["split_among"](lab["x_train"][:320], lab["y_train"][:320], 10, rng)
    return lab


def test_two_stories_bare_a_vector_up_to_half_of_the_parties(lab):
    x = vectors(10)
    assert np.array_equal(lab["two_stories"](10, 5, 3, x), x[3])
    with pytest.raises(secagg.TooFewShares, match="confirmations"):
        lab["two_stories"](10, 6, 3, x)


def summed(lab, layers):
    pairs = zip(layers, lab["parties"], strict=True)
    sent = [lab["fixed"].encode(lab["hidden_gradient"](w, x, y), 10) for w, (x, y) in pairs]
    return secagg.secure_sum(np.array(sent), 7)


def test_models_that_silence_all_but_one_show_its_images_and_are_refused_once_bound(lab):
    off = np.vstack([lab["below"], np.full(64, -1e6)])
    models = [lab["firing"](1 / 32) if party == 3 else off for party in range(10)]
    result = summed(lab, models)
    _, likeness, whose = lab["images_in"](result.total, lab["parties"][3][0])
    # A unit fires for one image of 32 alone with probability 0.37: some 24 of 64, for fewer images.
    assert result.excluded == {} and len(set(whose[likeness > 0.999])) >= 8
    # Without the lie ten parties' sums are of some ten images each.
    honest = summed(lab, [lab["firing"](1 / 32)] * 10)
    _, likeness, _ = lab["images_in"](honest.total, lab["parties"][3][0])
    assert np.sum(likeness > 0.999) <= 2
    bound = [lab["bound_to"](layer) for layer in models]
    with pytest.raises(secagg.Refused, match="did not sign"):
        lab["seated"](10, 7, bound)
    assert lab["seated"](10, 7, bound[:1] * 10)  # all have the same one


def test_one_crafted_model_for_all_is_not_refused_and_shows_single_images(lab):
    """What the lab says remains: consistency is no proof of honesty."""
    same = lab["firing"](1 / 320)
    assert lab["seated"](10, 7, [lab["bound_to"](same)] * 10)
    everybody = np.vstack([x for x, _ in lab["parties"]])
    _, likeness, whose = lab["images_in"](summed(lab, [same] * 10).total, everybody)
    assert len(set(whose[likeness > 0.999])) >= 8


def test_a_round_number_binds_to_all_of_its_bits():
    """Cut to 64 bits, two models would be found that agree; a difference above them is seen."""
    share = np.zeros(16, np.uint32)
    told = {clients_of.commitment(number, 0, 1, 0, share) for number in (5, 5 + 2**64, 5 + 2**255)}
    assert len(told) == 3
    result = secagg.secure_sum(vectors(4), 3, round_number=2**255 + 5, dropouts={1: "masked"})
    assert result.arrived == {0, 2, 3} and result.excluded == {}


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
