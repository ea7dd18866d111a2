"""Attacks on the keys of secure aggregation: copied, replaced, and recovered from a dropout."""

import contextlib
from unittest import mock

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from labkit import secagg
from labkit.secagg import client as clients_of
from tests.attacks.masked_round import LENGTH, MaskedRound, vectors

pytestmark = pytest.mark.labs


@contextlib.contextmanager
def contexts_without_ends():
    """The old key derivation: the round's number and nothing of the two ends; no key refused."""
    with (
        mock.patch.object(clients_of, "between", lambda purpose, r, ends: b"%s %d" % (purpose, r)),
        mock.patch.object(clients_of, "repeated", lambda announcements: False),
    ):
        yield


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
