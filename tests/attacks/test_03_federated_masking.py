"""What lab 03 says of its own functions, attacked: gradients, neighbours, a server that lies."""

import hashlib

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from scipy import stats

from labkit import secagg
from labkit.secagg import client as clients_of
from tests.attacks.cells import solution
from tests.attacks.masked_round import vectors

pytestmark = pytest.mark.labs


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


# --- a server that lies: the lab's last section ---------------------------------------------------


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
    bound = [lab["bound_to"](1, layer) for layer in models]
    with pytest.raises(secagg.Refused, match="did not sign"):
        lab["seated"](10, 7, bound)
    assert lab["seated"](10, 7, bound[:1] * 10)  # all have the same one


def test_keys_of_a_round_with_the_same_model_fit_no_later_one(lab):
    """The server sends one model twice, and hands out what was signed the first time."""
    same = lab["firing"](1 / 320)
    (party, *_), old = lab["seated"](10, 7, [lab["bound_to"](1, same)] * 10)

    def again(counter):
        number = lab["bound_to"](counter, same)
        return secagg.Client(0, range(1, 10), 7, number, party._identity, party._roster)

    with pytest.raises(secagg.Refused, match="did not sign"):
        again(2).share({**old, 0: again(2).advertise()})
    replayed = again(1)  # a hash of the model alone would let this pass
    assert replayed.share({**old, 0: replayed.advertise()})


def test_one_crafted_model_for_all_is_not_refused_and_shows_single_images(lab):
    """What the lab says remains: consistency is no proof of honesty."""
    same = lab["firing"](1 / 320)
    assert lab["seated"](10, 7, [lab["bound_to"](1, same)] * 10)
    everybody = np.vstack([x for x, _ in lab["parties"]])
    _, likeness, whose = lab["images_in"](summed(lab, [same] * 10).total, everybody)
    assert len(set(whose[likeness > 0.999])) >= 8
