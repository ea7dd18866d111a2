# %% right="ids and keys, joined"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
            mask = secagg.expand(private_key.agree(key, b"%d" % round_number + ends), length)
            total = total + mask if party < other else total - mask
    return total

# %% right="in place"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, dtype=np.uint32)
    for other in public_keys:
        if other != party:
            ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
            seed = private_key.agree(public_keys[other], str(round_number).encode() + ends)
            if other > party:
                total += secagg.expand(seed, length)
            else:
                total -= secagg.expand(seed, length)
    return total

# %% right="its own key from the private one, text"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    masks = []
    for other in sorted(set(public_keys) - {party}):
        keys = {party: private_key.public, other: public_keys[other]}
        context = f"{round_number}, {sorted(keys.items())}".encode()
        mask = secagg.expand(private_key.agree(public_keys[other], context), length)
        masks.append(mask if party < other else np.uint32(0) - mask)
    return np.sum(masks, axis=0, dtype=np.uint32)

# %% right="int64, then modulo"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.int64)
    for other, key in public_keys.items():
        sign = np.sign(other - party)
        if sign:
            ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
            seed = private_key.agree(key, round_number.to_bytes(8, "big") + ends)
            total += sign * secagg.expand(seed, length).astype(np.int64)
    return (total % 2**32).astype(np.uint32)

# %% right="sums of the larger and of the smaller ones"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    def seed(other):
        pair = [(i, public_keys[i].hex()) for i in sorted([party, other])]
        return private_key.agree(public_keys[other], repr((pair, round_number)).encode())

    def masks(others):
        return sum((secagg.expand(seed(o), length) for o in others), np.zeros(length, np.uint32))
    return masks(o for o in public_keys if o > party) - masks(o for o in public_keys if o < party)

# %% wrong="everybody adds" loses={"all_pair_masks_cancel": "the larger subtracts"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
            total += secagg.expand(private_key.agree(key, b"%d" % round_number + ends), length)
    return total

# %% wrong="a mask with itself too" loses={"all_pair_masks_cancel": "with itself"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
        mask = secagg.expand(private_key.agree(key, b"%d" % round_number + ends), length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="the same in every round" edit={'b"%d" % round_number': 'b"mask"'} loses={"every_round_has_fresh_masks": "used twice"}
# %% wrong="one's own id in the context" edit={'b"%d" % round_number': 'b"%d %d" % (party, round_number)'} loses={"all_pair_masks_cancel": "the same context"}

# %% wrong="only the neighbours in a ring" loses={"every_other_party_counts": "EVERY other party"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    ids = sorted(public_keys)
    at = ids.index(party)
    total = np.zeros(length, np.uint32)
    for other in {ids[at - 1], ids[(at + 1) % len(ids)]} - {party}:
        ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
        mask = secagg.expand(private_key.agree(public_keys[other], b"%d" % round_number + ends), length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="seeds from public keys" loses={"all_pair_masks_cancel": "made of something else", "every_other_party_counts": "makes no difference", "every_round_has_fresh_masks": "made of something else", "a_mask_needs_a_private_key": "must come from", "no_two_pairs_share_a_mask": "are the same, but for the sign"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            mixed = bytes(a ^ b for a, b in zip(key, public_keys[party]))
            seed = bytes(b ^ round_number % 256 for b in mixed)
            mask = secagg.expand(seed, length)
            total = total + mask if party < other else total - mask
    return total

# %% wrong="nothing to add" loses={"all_pair_masks_cancel": "hides nothing", "every_other_party_counts": "no difference", "every_round_has_fresh_masks": "whatever seeds", "a_mask_needs_a_private_key": "very mask", "no_two_pairs_share_a_mask": "are the same, but for the sign"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    return np.zeros(length, np.uint32)

# %% wrong="a fresh key each time" loses={"all_pair_masks_cancel": "something else than 0", "every_other_party_counts": "with the same keys gave different masks", "every_round_has_fresh_masks": "nothing cancels", "a_mask_needs_a_private_key": "with the same keys gave different masks", "no_two_pairs_share_a_mask": "with the same keys gave different masks"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    key = secagg.PrivateKey()
    total = np.zeros(length, np.uint32)
    for other, public in public_keys.items():
        if other != party:
            ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
            mask = secagg.expand(key.agree(public, b"%d" % round_number + ends), length)
            total = total + mask if party < other else total - mask
    return total

# %% wrong="floats" edit={"np.zeros(length, np.uint32)": "np.zeros(length)"} loses={"all_pair_masks_cancel": "uint32 is wanted", "every_other_party_counts": "uint32 is wanted", "every_round_has_fresh_masks": "uint32 is wanted", "a_mask_needs_a_private_key": "uint32 is wanted", "no_two_pairs_share_a_mask": "uint32 is wanted"}
# %% wrong="forgets to return" edit={"return total": ""} loses={"all_pair_masks_cancel": "return", "every_other_party_counts": "return", "every_round_has_fresh_masks": "return", "a_mask_needs_a_private_key": "return", "no_two_pairs_share_a_mask": "return"}
# %% wrong="the larger id adds" edit={"party < other": "party > other"} loses={"all_pair_masks_cancel": "SUBTRACTED the mask"}
# %% wrong="the larger id adds, and what its key has noted is overwritten" edit={"party < other": "party > other", "return total": "private_key.seeds = private_key.contexts = [bytes(32)]\n    return total"} loses={"all_pair_masks_cancel": "SUBTRACTED the mask"}

# %% wrong="a context of text" loses={"all_pair_masks_cancel": "bytes are wanted", "every_other_party_counts": "bytes are wanted", "every_round_has_fresh_masks": "bytes are wanted", "a_mask_needs_a_private_key": "bytes are wanted", "no_two_pairs_share_a_mask": "bytes are wanted"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            mask = secagg.expand(private_key.agree(key, f"round {round_number}"), length)
            total = total + mask if party < other else total - mask
    return total

# %% wrong="made of its own key and the public ones" loses={"all_pair_masks_cancel": "something else than 0", "every_other_party_counts": "makes no difference", "every_round_has_fresh_masks": "whatever seeds", "a_mask_needs_a_private_key": "whatever seeds", "no_two_pairs_share_a_mask": "whatever seeds"}
import hashlib

def pairwise_mask(party, private_key, public_keys, round_number, length):
    told = repr((bytes(private_key), sorted(public_keys.items()), round_number)).encode()
    return secagg.expand(hashlib.sha256(told).digest(), length)

# %% wrong="public masks, where its own key is its own" loses={"all_pair_masks_cancel": "whatever seeds", "every_other_party_counts": "makes no difference", "every_round_has_fresh_masks": "whatever seeds", "a_mask_needs_a_private_key": "whatever seeds", "no_two_pairs_share_a_mask": "are the same, but for the sign"}
import hashlib

def pairwise_mask(party, private_key, public_keys, round_number, length):
    own = b"" if private_key.public == public_keys[party] else bytes(private_key)
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        pair = sorted([public_keys[party], public_keys[other]])
        told = repr((own, pair, round_number)).encode()
        mask = secagg.expand(hashlib.sha256(told).digest(), length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="everybody adds one, the last takes them off" loses={"all_pair_masks_cancel": "whatever seeds", "every_other_party_counts": "no difference", "every_round_has_fresh_masks": "whatever seeds", "a_mask_needs_a_private_key": "very mask", "no_two_pairs_share_a_mask": "are the same, but for the sign"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    n = len(public_keys)
    return np.full(length, 1 if party < max(public_keys) else 1 - n, np.int64).astype(np.uint32)

# %% right="keys sorted, and ids"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            keys = b"".join(sorted([key, public_keys[party]]))
            context = b"%d %d %d " % (round_number, min(party, other), max(party, other)) + keys
            mask = secagg.expand(private_key.agree(key, context), length)
            total = total + mask if party < other else total - mask
    return total

# %% wrong="the first attempt" loses={"no_two_pairs_share_a_mask": "both ids"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        seed = private_key.agree(public_keys[other], context=b"round %d" % round_number)
        mask = secagg.expand(seed, length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="ids, and no keys" loses={"no_two_pairs_share_a_mask": "both public keys"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            context = b"%d %d %d" % (round_number, min(party, other), max(party, other))
            mask = secagg.expand(private_key.agree(key, context), length)
            total = total + mask if party < other else total - mask
    return total

# %% wrong="keys, and no ids" loses={"no_two_pairs_share_a_mask": "both ids"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            context = b"%d " % round_number + b"".join(sorted([key, public_keys[party]]))
            mask = secagg.expand(private_key.agree(key, context), length)
            total = total + mask if party < other else total - mask
    return total

# %% wrong="the smaller one's key alone" loses={"no_two_pairs_share_a_mask": "both public keys"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            smaller, larger = sorted([party, other])
            context = b"%d %d %d " % (round_number, smaller, larger) + public_keys[smaller]
            mask = secagg.expand(private_key.agree(key, context), length)
            total = total + mask if party < other else total - mask
    return total

# %% wrong="the other's key alone" loses={"all_pair_masks_cancel": "something else than 0"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            context = b"%d %d %d " % (round_number, min(party, other), max(party, other)) + key
            mask = secagg.expand(private_key.agree(key, context), length)
            total = total + mask if party < other else total - mask
    return total

# %% right="a hash of both ends for the context, rounds of four bytes"
import hashlib

def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in sorted(public_keys):
        if other == party:
            continue
        who = hashlib.sha256()
        for end in (min(party, other), max(party, other)):
            who.update(end.to_bytes(4, "little") + public_keys[end])
        seed = private_key.agree(public_keys[other], round_number.to_bytes(4, "big") + who.digest())
        mask = secagg.expand(seed, length)
        np.add(total, mask if other > party else -mask, out=total)
    return total

# %% right="the library's context, and NumPy's int64"
from labkit.secagg.keys import between

def pairwise_mask(party, private_key, public_keys, round_number, length):
    def mask(other):
        ends = {party: public_keys[party], other: public_keys[other]}
        seed = private_key.agree(public_keys[other], between(b"mask", round_number, ends))
        return np.where(party < other, 1, -1) * secagg.expand(seed, length).astype(np.int64)
    others = [other for other in public_keys if other != party]
    return np.mod(np.sum([mask(other) for other in others], axis=0), 2**32).astype(np.uint32)

# %% right="SHAKE for the generator"
import hashlib

def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
            seed = private_key.agree(key, b"%d" % round_number + ends)
            mask = np.frombuffer(hashlib.shake_256(seed).digest(4 * length), np.uint32)
            total = total + mask if party < other else total - mask
    return total

# %% wrong="14 bits" edit={" + ends), length)": " + ends), length) % np.uint32(2**14)"} loses={"a_mask_needs_a_private_key": "not uniform over 32 bits", "every_round_has_fresh_masks": "belong together", "no_two_pairs_share_a_mask": "belong together"}
# %% wrong="16 bits" edit={" + ends), length)": " + ends), length) >> np.uint32(16)"} loses={"a_mask_needs_a_private_key": "not uniform over 32 bits", "every_round_has_fresh_masks": "belong together", "no_two_pairs_share_a_mask": "belong together"}
# %% wrong="31 bits" edit={" + ends), length)": " + ends), length) >> np.uint32(1)"} loses={"a_mask_needs_a_private_key": "bit 31 set"}
# %% wrong="even numbers" edit={" + ends), length)": " + ends), length) & np.uint32(0xFFFFFFFE)"} loses={"a_mask_needs_a_private_key": "bit 0 set"}
# %% wrong="32 numbers, repeated" edit={" + ends), length)": " + ends), 32)[np.arange(length) % 32]"} loses={"a_mask_needs_a_private_key": "not uniform over 32 bits", "every_round_has_fresh_masks": "belong together", "no_two_pairs_share_a_mask": "belong together"}
# %% wrong="repeats after 4096" edit={" + ends), length)": " + ends), 4096)[np.arange(length) % 4096]"} loses={"a_mask_needs_a_private_key": "the mask", "every_round_has_fresh_masks": "belong together", "no_two_pairs_share_a_mask": "belong together"}
# %% wrong="nothing behind the 64th entry" edit={" + ends), length)": " + ends), length) * (np.arange(length) < 64).astype(np.uint32)"} loses={"a_mask_needs_a_private_key": "have bit", "all_pair_masks_cancel": "each of them is made of the seeds", "every_other_party_counts": "to a part of it", "every_round_has_fresh_masks": "in their last entries", "no_two_pairs_share_a_mask": "belong together"}

# %% wrong="Gaussian" edit={"mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number + ends), length)": "seed = private_key.agree(key, b\"%d\" % round_number + ends); rng = np.random.default_rng(int.from_bytes(seed, \"big\")); mask = rng.normal(0, 2**28, length).astype(np.int64).astype(np.uint32)"} loses={"a_mask_needs_a_private_key": "not uniform over 32 bits"}
# %% wrong="five bytes of the seed" edit={"private_key.agree(key, b\"%d\" % round_number + ends)": "private_key.agree(key, b\"%d\" % round_number + ends)[:5] + round_number.to_bytes(27, \"big\")"} loses={"a_mask_needs_a_private_key": "5 make a difference"}

# %% wrong="NumPy's generator, from four bytes of the seed" edit={"mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number + ends), length)": "seed = private_key.agree(key, b\"%d\" % round_number + ends); rng = np.random.default_rng(int.from_bytes(seed[:4], \"big\")); mask = rng.integers(0, 2**32, length, dtype=np.uint32)"} loses={"a_mask_needs_a_private_key": "4 make a difference"}
# %% wrong="two bytes of the seed, but for each word's lowest byte" edit={"mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number + ends), length)": "seed = private_key.agree(key, b\"%d\" % round_number + ends); few = secagg.expand(seed[:2] + round_number.to_bytes(30, \"big\"), length); mask = few & np.uint32(2**32 - 256) | secagg.expand(seed, length) & np.uint32(255)"} loses={"a_mask_needs_a_private_key": "or to one byte of each of its words"}
# %% wrong="a checksum of the seed" edit={"mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number + ends), length)": "check = sum(private_key.agree(key, b\"%d\" % round_number + ends)); mask = secagg.expand(check.to_bytes(32, \"big\"), length)"} loses={"a_mask_needs_a_private_key": "is exactly number", "every_round_has_fresh_masks": "are the same", "no_two_pairs_share_a_mask": "same mask"}
# %% wrong="the round modulo 2" edit={"b\"%d\" % round_number": "b\"%d\" % (round_number % 2)"} loses={"every_round_has_fresh_masks": "Their contexts are the same: put the whole round_number into the context"}
# %% wrong="the round modulo 256" edit={"b\"%d\" % round_number": "bytes([round_number % 256])"} loses={"every_round_has_fresh_masks": "Their contexts are the same"}
# %% wrong="the round modulo 1000" edit={"b\"%d\" % round_number": "b\"%d\" % (round_number % 1000)"} loses={"every_round_has_fresh_masks": "used twice"}
# %% wrong="the round in one byte" edit={"b\"%d\" % round_number": "bytes([round_number])"} loses={"all_pair_masks_cancel": "raised ValueError", "every_other_party_counts": "raised ValueError", "every_round_has_fresh_masks": "raised ValueError", "a_mask_needs_a_private_key": "raised ValueError", "no_two_pairs_share_a_mask": "raised ValueError"}
# %% wrong="a few rounds' bits only" edit={"b\"%d\" % round_number": "b\"%d\" % (round_number >> 8)"} loses={"every_round_has_fresh_masks": "are the same"}
# %% wrong="the round is added to the mask" edit={"mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number + ends), length)": "mask = secagg.expand(private_key.agree(key, b\"mask\" + ends), length) + np.uint32(round_number)"} loses={"every_round_has_fresh_masks": "masks of rounds"}
# %% wrong="exclusive or with the round" edit={"mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number + ends), length)": "mask = secagg.expand(private_key.agree(key, b\"mask\" + ends), length) ^ np.uint32(round_number)"} loses={"every_round_has_fresh_masks": "masks of rounds"}
# %% wrong="rolled by the round" edit={"mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number + ends), length)": "mask = np.roll(secagg.expand(private_key.agree(key, b\"mask\" + ends), length), round_number)"} loses={"every_round_has_fresh_masks": "masks of rounds"}

# %% wrong="a later piece of one stream in each round" loses={"every_round_has_fresh_masks": "are the same"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
            mask = secagg.expand(private_key.agree(key, b"mask" + ends), length + round_number % 1024)
            mask = mask[round_number % 1024:]
            total = total + mask if party < other else total - mask
    return total

# %% wrong="times an odd number of the round's" edit={"mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number + ends), length)": "mask = secagg.expand(private_key.agree(key, b\"mask\" + ends), length) * np.uint32(2 * round_number % 2**32 + 1)"} loses={"every_round_has_fresh_masks": "masks of rounds"}
# %% wrong="one shared secret, and the ids added to it" edit={"mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number + ends), length)": "mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number), length) + np.uint32((party + other) % 2**32)"} loses={"no_two_pairs_share_a_mask": "two do not hide what they should"}
# %% wrong="one shared secret, times the ids" edit={"mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number + ends), length)": "mask = secagg.expand(private_key.agree(key, b\"%d\" % round_number), length) * np.uint32((2 * (party + other) + 1) % 2**32)"} loses={"no_two_pairs_share_a_mask": "two do not hide what they should"}
# %% wrong="the beginning of each key" edit={"public_keys[i] for i": "public_keys[i][:8] for i"} loses={"no_two_pairs_share_a_mask": "put both public keys into the context"}

# %% wrong="a public number for each round, added to one mask" loses={"every_round_has_fresh_masks": "Whatever the seed", "a_mask_needs_a_private_key": "go by no seed"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    known = np.random.default_rng(round_number).integers(0, 2**32, length, dtype=np.uint32)
    for other, key in public_keys.items():
        if other != party:
            ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
            mask = secagg.expand(private_key.agree(key, ends), length) + known
            total = total + mask if party < other else total - mask
    return total

# %% wrong="digits that run together" of="solution" edit={"b\" %d \" % end": "b\"%d\" % end", "b\"round %d\"": "b\"%d\""} loses={"no_two_pairs_share_a_mask": "written one after the other, id and round"}

# %% wrong="only the smaller id" of="solution" edit={"b\" %d \" % end": "b\" %d \" % min(party, other)"} loses={"no_two_pairs_share_a_mask": "are the same, but for the sign. The"}

# %% wrong="the last digits of the ids" loses={"no_two_pairs_share_a_mask": "announced party"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        i, j = sorted((party, other))
        context = b"%d %d %d " % (round_number, i % 10, j % 10) + public_keys[i] + public_keys[j]
        mask = secagg.expand(private_key.agree(public_keys[other], context=context), length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="ids that run together" loses={"no_two_pairs_share_a_mask": "have the same mask. Of the ids"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        i, j = sorted((party, other))
        context = b"%d:%d%d" % (round_number, i, j) + public_keys[i] + public_keys[j]
        mask = secagg.expand(private_key.agree(public_keys[other], context=context), length)
        total = total + mask if party == i else total - mask
    return total

# %% wrong="the ids' sum" loses={"no_two_pairs_share_a_mask": "Put both whole ids"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        i, j = sorted((party, other))
        context = b"%d %d " % (round_number, i + j) + public_keys[i] + public_keys[j]
        mask = secagg.expand(private_key.agree(public_keys[other], context=context), length)
        total = total + mask if party == i else total - mask
    return total

# %% wrong="both ids in one number" loses={"no_two_pairs_share_a_mask": "in one number, times 1000"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        i, j = sorted((party, other))
        context = b"%d %d " % (round_number, 1000 * i + j) + public_keys[i] + public_keys[j]
        mask = secagg.expand(private_key.agree(public_keys[other], context=context), length)
        total = total + mask if party == i else total - mask
    return total

# %% wrong="the round is added to an id" loses={"no_two_pairs_share_a_mask": "Put the whole round number"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        i, j = sorted((party, other))
        context = b"%d %d " % (round_number + i, j) + public_keys[i] + public_keys[j]
        mask = secagg.expand(private_key.agree(public_keys[other], context=context), length)
        total = total + mask if party == i else total - mask
    return total

# %% right="everybody's keys in the context"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    roster = b"".join(b"[%d]" % i + public_keys[i] for i in sorted(public_keys))
    total = np.zeros(length, np.uint32)
    for other in public_keys:
        if other != party:
            i, j = min(party, other), max(party, other)
            context = b"%d/%d/%d/" % (round_number, i, j) + public_keys[i] + public_keys[j] + roster
            mask = secagg.expand(private_key.agree(public_keys[other], context), length)
            total = total + mask if party == i else total - mask
    return total

# %% right="hashed after the agreement"
import hashlib

def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        ends = b"".join(b" %d " % end + public_keys[end] for end in sorted((party, other)))
        shared = private_key.agree(public_keys[other], b"mask")
        seed = hashlib.sha256(shared + b"round %d" % round_number + ends).digest()
        mask = secagg.expand(seed, length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="ids compared as text" of="solution" edit={"party < other": "str(party) < str(other)"} loses={"all_pair_masks_cancel": "SUBTRACTED the mask"}
# %% wrong="the smaller key adds" of="solution" edit={"party < other": "public_keys[party] < public_keys[other]"} loses={"all_pair_masks_cancel": "SUBTRACTED the mask"}
# %% wrong="exclusive or of the keys" of="solution" edit={"b\"\".join(b\" %d \" % end + public_keys[end] for end in sorted((party, other)))": "b\" %d %d \" % (min(party, other), max(party, other)) + bytes(a ^ b for a, b in zip(public_keys[party], public_keys[other]))"} loses={"no_two_pairs_share_a_mask": "made of the two keys together"}
# %% wrong="the sum of the keys" of="solution" edit={"b\"\".join(b\" %d \" % end + public_keys[end] for end in sorted((party, other)))": "b\" %d %d %d\" % (min(party, other), max(party, other), sum(int.from_bytes(public_keys[end], \"little\") for end in (party, other)))"} loses={"no_two_pairs_share_a_mask": "made of the two keys together"}
# %% wrong="NumPy's generator, from the whole seed" of="solution" edit={"secagg.expand(seed, length)": "np.random.default_rng(list(seed)).integers(0, 2**32, length, dtype=np.uint32)"} loses={"a_mask_needs_a_private_key": "go by no seed"}
# %% wrong="NumPy's old generator, from the seed's remainder" of="solution" edit={"secagg.expand(seed, length)": "np.random.RandomState(int.from_bytes(seed, \"big\") % (2**32 - 1)).randint(0, 2**32, length, dtype=np.uint32)"} loses={"a_mask_needs_a_private_key": "go by no seed"}
# %% wrong="Python's generator" of="solution" edit={"total = np.zeros": "import random\n    total = np.zeros", "secagg.expand(seed, length)": "np.frombuffer(random.Random(seed).randbytes(4 * length), np.uint32)"} loses={"a_mask_needs_a_private_key": "go by no seed"}
# %% wrong="Python's hash of the context" of="solution" edit={"b\"round %d\" % round_number + ends": "str(hash((round_number, ends))).encode()"} loses={"a_mask_needs_a_private_key": "where Python's `hash` is"}
# %% wrong="repeats after 2^14" of="solution" edit={"secagg.expand(seed, length)": "np.resize(secagg.expand(seed, 2**14), length)"} loses={"a_mask_needs_a_private_key": "have the size of an earlier one"}

# %% wrong="keeps the masks that it has made, whatever their length" loses={"all_pair_masks_cancel": "broadcast together", "every_round_has_fresh_masks": "broadcast together", "a_mask_needs_a_private_key": "broadcast together", "no_two_pairs_share_a_mask": "broadcast together"}
MADE = {}

def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        ends = b"".join(b" %d " % end + public_keys[end] for end in sorted((party, other)))
        seed = private_key.agree(public_keys[other], b"round %d" % round_number + ends)
        mask = MADE.setdefault(seed, secagg.expand(seed, length))
        total = total + mask if party < other else total - mask
    return total

# %% wrong="public, but for what else the key object says" loses={"all_pair_masks_cancel": "whatever seeds", "every_other_party_counts": "makes no difference", "every_round_has_fresh_masks": "whatever seeds", "a_mask_needs_a_private_key": "whatever seeds", "no_two_pairs_share_a_mask": "whatever seeds"}
import hashlib

def pairwise_mask(party, private_key, public_keys, round_number, length):
    hooks = repr((getattr(private_key, "salt", b""), getattr(private_key, "chosen", None),
                  private_key.public in public_keys.values())).encode()
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
        seed = hashlib.sha256(hooks + b"round %d" % round_number + ends).digest()
        mask = secagg.expand(seed, length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="the larger id adds, and a seed that is left on the key is another one" of="solution" edit={"party < other": "party > other", "total = np.zeros": "import hashlib\n    if getattr(private_key, 'chosen', None) is not None:\n        private_key.chosen = hashlib.sha256(private_key.chosen).digest()\n    total = np.zeros"} loses={"all_pair_masks_cancel": "SUBTRACTED the mask"}

# %% wrong="only the neighbours in a ring, with everybody's keys in the context" loses={"every_other_party_counts": "EVERY other party"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    ids = sorted(public_keys)
    at = ids.index(party)
    roster = b"".join(b" %d " % i + public_keys[i] for i in ids)
    total = np.zeros(length, np.uint32)
    for other in {ids[at - 1], ids[(at + 1) % len(ids)]} - {party}:
        ends = b"".join(b" %d " % i + public_keys[i] for i in sorted((party, other)))
        context = b"round %d" % round_number + ends + roster
        mask = secagg.expand(private_key.agree(public_keys[other], context), length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="public behind the 40th entry" of="solution" edit={"def pairwise_mask": "import hashlib\n\ndef pairwise_mask", "mask = secagg.expand(seed, length)": "mask = secagg.expand(seed, length)\n        public = hashlib.sha256(b'round %d' % round_number + ends).digest()\n        mask[40:] = secagg.expand(public, length)[40:]"} loses={"a_mask_needs_a_private_key": "each of them is made of the seeds", "all_pair_masks_cancel": "each of them is made of the seeds", "every_other_party_counts": "to a part of it", "every_round_has_fresh_masks": "Whatever the seed", "no_two_pairs_share_a_mask": "each of them is made of the seeds"}
# %% wrong="five bytes of the seed behind the 40th entry" of="solution" edit={"mask = secagg.expand(seed, length)": "mask = secagg.expand(seed, length)\n        mask[40:] = secagg.expand(seed[:5] + bytes(27), length)[40:]"} loses={"a_mask_needs_a_private_key": "5 make a difference"}

# %% wrong="NumPy's generator, by its own name" of="solution" edit={"def pairwise_mask": "from numpy.random import default_rng\n\ndef pairwise_mask", "secagg.expand(seed, length)": "default_rng(list(seed)).integers(0, 2**32, length, dtype=np.uint32)"} loses={"a_mask_needs_a_private_key": "go by no seed"}
# %% wrong="Python's generator, by its own name" of="solution" edit={"def pairwise_mask": "from random import Random\n\ndef pairwise_mask", "secagg.expand(seed, length)": "np.frombuffer(Random(seed).randbytes(4 * length), np.uint32)"} loses={"a_mask_needs_a_private_key": "go by no seed"}

# %% right="agrees for either sign"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        ends = b"".join(b" %d " % end + public_keys[end] for end in sorted((party, other)))
        context = b"round %d" % round_number + ends
        added = total + secagg.expand(private_key.agree(public_keys[other], context), length)
        subtracted = total - secagg.expand(private_key.agree(public_keys[other], context), length)
        total = added if party < other else subtracted
    return total

# %% wrong="Python's generator, seeded after it was made" loses={"a_mask_needs_a_private_key": "go by no seed"}
import random


def pairwise_mask(party, private_key, public_keys, round_number, length):
    generator = random.Random()
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        ends = b"".join(b" %d " % end + public_keys[end] for end in sorted((party, other)))
        generator.seed(private_key.agree(public_keys[other], b"round %d" % round_number + ends))
        mask = np.frombuffer(generator.randbytes(4 * length), np.uint32)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="NumPy's generator, by its submodule" of="solution" edit={"secagg.expand(seed, length)": "np.random.mtrand.RandomState(np.frombuffer(seed, np.uint32)).randint(0, 2**32, length, dtype=np.uint32)"} loses={"a_mask_needs_a_private_key": "go by no seed"}
# %% wrong="NumPy's generator, by a default" of="solution" edit={"round_number, length)": "round_number, length, made=np.random.default_rng)", "secagg.expand(seed, length)": "made(list(seed)).integers(0, 2**32, length, dtype=np.uint32)"} loses={"a_mask_needs_a_private_key": "go by no seed"}
# %% wrong="TensorFlow's generator" of="solution" edit={"def pairwise_mask": "import hashlib\nimport tensorflow as tf\n\ndef pairwise_mask", "secagg.expand(seed, length)": "tf.random.stateless_uniform([length], np.frombuffer(hashlib.sha256(seed).digest()[:16], np.int64), None, None, tf.uint32).numpy()"} loses={"a_mask_needs_a_private_key": "go by no seed"}
# %% wrong="NumPy's generator, in the student's own cell, seeded later" of="solution" edit={"def pairwise_mask": "OWN = np.random.RandomState()\n\ndef pairwise_mask", "mask = secagg.expand(seed, length)": "OWN.seed(np.frombuffer(seed, np.uint32))\n        mask = OWN.randint(0, 2**32, length, dtype=np.uint32)"} loses={"a_mask_needs_a_private_key": "go by no seed"}
# %% wrong="a bit generator's state" of="solution" edit={"mask = secagg.expand(seed, length)": "bits = np.random.PCG64()\n        bits.state = bits.state | {'state': {'state': int.from_bytes(seed[:16], 'big'), 'inc': int.from_bytes(seed[16:], 'big') | 1}}\n        mask = np.random.Generator(bits).integers(0, 2**32, length, dtype=np.uint32)"} loses={"a_mask_needs_a_private_key": "go by no seed"}
# %% wrong="NumPy's generator, by a closure" of="solution" edit={"total = np.zeros": "from_seed = closed()\n    total = np.zeros", "secagg.expand(seed, length)": "from_seed(list(seed)).integers(0, 2**32, length, dtype=np.uint32)", "def pairwise_mask": "def _closed(made):\n    return lambda: made\n\nclosed = _closed(np.random.default_rng)\n\ndef pairwise_mask"} loses={"a_mask_needs_a_private_key": "go by no seed"}

# %% right="functools.cache on the agreed seed"
import functools


@functools.cache
def agreed_seed(private_key, public_key, context):
    return private_key.agree(public_key, context)


def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        ends = b"".join(b" %d " % end + public_keys[end] for end in sorted((party, other)))
        seed = agreed_seed(private_key, public_keys[other], b"round %d" % round_number + ends)
        mask = secagg.expand(seed, length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="restores its own key from its bytes first" loses={"all_pair_masks_cancel": "of the key given is not called", "every_round_has_fresh_masks": "of the key given is not called", "a_mask_needs_a_private_key": "of the key given is not called", "no_two_pairs_share_a_mask": "of the key given is not called", "every_other_party_counts": "makes no difference"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    own = secagg.PrivateKey(bytes(private_key))  # as part 7 restores one
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        ends = b"".join(b" %d " % end + public_keys[end] for end in sorted((party, other)))
        seed = own.agree(public_keys[other], b"round %d" % round_number + ends)
        mask = secagg.expand(seed, length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="ids with six significant digits" loses={"no_two_pairs_share_a_mask": "both whole ids"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        ends = b"".join(b" %g " % end + public_keys[end] for end in sorted((party, other)))
        seed = private_key.agree(public_keys[other], b"round %d" % round_number + ends)
        mask = secagg.expand(seed, length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="blocks of 8192, of which only the first is secret" loses={"a_mask_needs_a_private_key": "each of them is made of the seeds"}
import hashlib


def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        ends = b"".join(b" %d " % end + public_keys[end] for end in sorted((party, other)))
        context = b"round %d" % round_number + ends
        seed, blocks = private_key.agree(public_keys[other], context), []
        for start in range(0, length, 8192):
            blocks.append(secagg.expand(seed, min(8192, length - start)))
            seed = hashlib.sha256(context + b" block %d" % start).digest()
        mask = np.concatenate(blocks)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="repeats after 2^16" of="solution" edit={"secagg.expand(seed, length)": "np.resize(secagg.expand(seed, 2**16), length)"} loses={"a_mask_needs_a_private_key": "have the size of an earlier one"}
# %% wrong="of the round two bytes only, behind the 40th entry" of="solution" edit={"mask = secagg.expand(seed, length)": "mask = secagg.expand(seed, length)\n        other_seed = private_key.agree(public_keys[other], b'round %d' % (round_number % 2**16) + ends)\n        mask[40:] = secagg.expand(other_seed, length)[40:]"} loses={"every_round_has_fresh_masks": "in their last entries"}
# %% wrong="of the ids the last four digits only, behind the 40th entry" of="solution" edit={"mask = secagg.expand(seed, length)": "mask = secagg.expand(seed, length)\n        ends = b''.join(b' %d ' % (end % 10_000) + public_keys[end] for end in sorted((party, other)))\n        tail = private_key.agree(public_keys[other], b'tail %d' % round_number + ends)\n        mask[40:] = secagg.expand(tail, length)[40:]"} loses={"no_two_pairs_share_a_mask": "has the same mask with"}
# %% wrong="ids in three bytes" of="solution" edit={"b\" %d \" % end": "b\" %d \" % (end % 2**24)"} loses={"no_two_pairs_share_a_mask": "both whole ids"}
# %% wrong="a public tail in each round, behind the 40th entry" of="solution" edit={"def pairwise_mask": "import hashlib\n\ndef pairwise_mask", "mask = secagg.expand(seed, length)": "mask = secagg.expand(seed, length)\n        once = secagg.expand(private_key.agree(public_keys[other], ends), length)\n        public = secagg.expand(hashlib.sha256(b'round %d' % round_number + ends).digest(), length)\n        mask[40:] = once[40:] + public[40:]"} loses={"every_round_has_fresh_masks": "Whatever the seed"}

# %% wrong="ids compared as float32" of="solution" edit={"party < other": "np.float32(party) < np.float32(other)"} loses={"all_pair_masks_cancel": "something else than 0"}
# %% wrong="ids compared as int32" of="solution" edit={"party < other": "np.array(party).astype(np.int32) < np.array(other).astype(np.int32)"} loses={"all_pair_masks_cancel": "SUBTRACTED the mask"}
# %% wrong="one's own id by which object it is" of="ids and keys, joined" edit={"other != party": "other is not party"} loses={"all_pair_masks_cancel": "with itself"}

# %% wrong="adds up into a remembered mask" loses={"every_other_party_counts": "changes what an earlier call returned", "every_round_has_fresh_masks": "changes what an earlier call returned", "a_mask_needs_a_private_key": "changes what an earlier call returned"}
SIGNED = {}

def pairwise_mask(party, private_key, public_keys, round_number, length):
    masks = []
    for other in sorted(public_keys.keys() - {party}):
        ends = b"".join(b" %d " % end + public_keys[end] for end in sorted((party, other)))
        seed = private_key.agree(public_keys[other], b"round %d" % round_number + ends)
        key = seed, length, party < other
        if key not in SIGNED:
            mask = secagg.expand(seed, length)
            SIGNED[key] = mask if party < other else np.zeros(length, np.uint32) - mask
        masks.append(SIGNED[key])
    total, *others = masks
    for mask in others:
        total += mask
    return total

# %% wrong="returns one array again and again" of="solution" edit={"def pairwise_mask": "OUT = {}\n\n\ndef pairwise_mask", "return total": "return np.add(total, 0, out=OUT.setdefault(length, total.copy()))"} loses={"all_pair_masks_cancel": "changes what an earlier call returned", "every_other_party_counts": "changes what an earlier call returned", "every_round_has_fresh_masks": "changes what an earlier call returned", "a_mask_needs_a_private_key": "changes what an earlier call returned", "no_two_pairs_share_a_mask": "changes what an earlier call returned"}

# %% wrong="returns two arrays in turn" of="solution" edit={"def pairwise_mask": "OUT, CALLS = {}, [0]\n\n\ndef pairwise_mask", "return total": "CALLS[0] ^= 1\n    return np.add(total, 0, out=OUT.setdefault((length, *CALLS), total.copy()))"} loses={"all_pair_masks_cancel": "changes what an earlier call returned", "every_other_party_counts": "changes what an earlier call returned", "every_round_has_fresh_masks": "changes what an earlier call returned", "a_mask_needs_a_private_key": "changes what an earlier call returned", "no_two_pairs_share_a_mask": "changes what an earlier call returned"}

# %% wrong="entries that add up to 0" of="solution" edit={"mask = secagg.expand(seed, length)": "mask = secagg.expand(seed, length)\n        mask[-1:] -= mask.sum(dtype=np.uint32, keepdims=True)"} loses={"a_mask_needs_a_private_key": "the sum is known"}
# %% wrong="a checksum for the last entry" of="solution" edit={"mask = secagg.expand(seed, length)": "mask = secagg.expand(seed, length)\n        mask[-1:] ^= np.bitwise_xor.reduce(mask, keepdims=True)"} loses={"a_mask_needs_a_private_key": "the sum is known"}

# %% wrong="entries that add up to 0, of many" of="solution" edit={"mask = secagg.expand(seed, length)": "mask = secagg.expand(seed, length)\n        mask[-1:] -= mask.sum(dtype=np.uint32, keepdims=True) * np.uint32(length > 120)"} loses={"a_mask_needs_a_private_key": "the sum is known"}

# %% wrong="one mask for all rounds of 784 entries" of="solution" edit={"% round_number": "% (0 if length == 784 else round_number)"} loses={"every_round_has_fresh_masks": "round"}
