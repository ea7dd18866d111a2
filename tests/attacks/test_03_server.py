"""Attacks by a server and its colluders: several stories, and a graph of its own."""

import contextlib

import numpy as np
import pytest
from scipy import stats

from labkit import secagg
from labkit.secagg import client as clients_of
from labkit.secagg import shamir
from tests.attacks.masked_round import LENGTH, MaskedRound, vectors

pytestmark = pytest.mark.labs


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


def test_nobody_sends_its_vector_twice_for_other_dropouts():
    """The victim is told of t − 1 others first, then of all: the second story bares the first one.

    Five clients, none colludes, 2·3 > 5: `secure_sum` makes a promise. Whom the first vector was
    masked with is said to have dropped out; the second one is what `confirm` goes by.
    """
    clients, threshold, victim = 5, 3, 0
    few, survivors = {0, 1, 2}, {0, 3, 4}

    def attack(run):
        x, everybody = vectors(clients), set(run.everybody)
        first = run.party[victim].mask(x[victim], few)
        for u in run.everybody:
            run.party[u].mask(x[u], everybody)
        codes = {u: run.party[u].confirm(survivors) for u in survivors}
        revealed = {
            u: run.party[u].reveal({v: said[u] for v, said in codes.items() if u in said})
            for u in survivors
        }

        def secret(owner):
            helpers = sorted(revealed)
            rows = np.array([revealed[u][owner] for u in helpers])[:, None]
            return secagg.recover(rows, helpers, threshold)[0]

        bare = first - secagg.expand(secret(victim), LENGTH)
        for u in few - {victim}:
            key = secagg.PrivateKey(secret(u))
            seed = clients_of.pair_seed(key, u, victim, run.keys[victim], 0)
            mask = secagg.expand(seed, LENGTH)
            bare = bare - mask if victim < u else bare + mask
        return bare, x[victim]

    run = MaskedRound(clients, threshold)
    run.share()
    with pytest.raises(secagg.Refused, match="once"):
        attack(run)
    run = MaskedRound(clients, threshold)
    run.share()
    honest = run.party[victim].mask

    def forgetful(vector, taking_part):
        run.party[victim]._masked = False
        return honest(vector, taking_part)

    run.party[victim].mask = forgetful
    bare, x = attack(run)
    assert np.array_equal(bare, x)


def test_nobody_sends_its_vector_twice_where_nobody_was_said_to_take_part():
    """With a threshold of 1 the first story may be of nobody: a self mask is all it has."""
    run = MaskedRound(3, 1)
    run.share()
    x = vectors(3)[0]
    run.party[0].mask(x, set())
    with pytest.raises(secagg.Refused, match="once"):
        run.party[0].mask(x, set(run.everybody))


def test_nobody_writes_two_letters_under_one_key_and_nonce():
    """Both letters' key stream is the same: their exclusive or is that of two shares."""
    run = MaskedRound(3, 2)
    letters = run.party[0].share(run.keys)
    with pytest.raises(secagg.Refused, match="once"):
        run.party[0].share(run.keys)
    shares = dict(run.party[0]._held)
    run.party[0]._held.clear()  # one that forgets
    again = run.party[0].share(run.keys)
    run.party[1].share(run.keys)
    dealt = []
    for sent in (letters, again):
        run.party[1].open({0: sent[1]})
        dealt.append(run.party[1]._held[0].astype("<u4").tobytes())

    def either(a, b):
        return bytes(p ^ q for p, q in zip(a, b, strict=True))

    assert shares and dealt[0] != dealt[1]
    assert either(letters[1].sealed[:128], again[1].sealed[:128]) == either(*dealt)


def test_a_round_number_binds_to_all_of_its_bits():
    """Cut to 64 bits, two models would be found that agree; a difference above them is seen."""
    share = np.zeros(16, np.uint32)
    told = {clients_of.commitment(number, 0, 1, 0, share) for number in (5, 5 + 2**64, 5 + 2**255)}
    assert len(told) == 3
    result = secagg.secure_sum(vectors(4), 3, round_number=2**255 + 5, dropouts={1: "masked"})
    assert result.arrived == {0, 2, 3} and result.excluded == {}


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
