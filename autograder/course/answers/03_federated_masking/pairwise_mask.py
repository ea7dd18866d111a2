# %% right="the round's number in the context"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            mask = secagg.expand(private_key.agree(key, b"%d" % round_number), length)
            total = total + mask if party < other else total - mask
    return total

# %% right="in place"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, dtype=np.uint32)
    for other in public_keys:
        if other != party:
            seed = private_key.agree(public_keys[other], str(round_number).encode())
            if other > party:
                total += secagg.expand(seed, length)
            else:
                total -= secagg.expand(seed, length)
    return total

# %% right="the pair's ids in the context, smaller first"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    masks = []
    for other in sorted(set(public_keys) - {party}):
        context = f"{min(party, other)}, {max(party, other)}, {round_number}".encode()
        mask = secagg.expand(private_key.agree(public_keys[other], context), length)
        masks.append(mask if party < other else np.uint32(0) - mask)
    return np.sum(masks, axis=0, dtype=np.uint32)

# %% right="int64, then modulo"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.int64)
    for other, key in public_keys.items():
        sign = np.sign(other - party)
        if sign:
            seed = private_key.agree(key, round_number.to_bytes(8, "big"))
            total += sign * secagg.expand(seed, length).astype(np.int64)
    return (total % 2**32).astype(np.uint32)

# %% right="sums of the larger and of the smaller ones"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    def masks(others):
        seeds = [private_key.agree(public_keys[o], bytes([round_number % 256])) for o in others]
        return sum((secagg.expand(s, length) for s in seeds), np.zeros(length, np.uint32))
    return masks(o for o in public_keys if o > party) - masks(o for o in public_keys if o < party)

# %% wrong="everybody adds" loses={"all_pair_masks_cancel": "the larger subtracts"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            total += secagg.expand(private_key.agree(key, b"%d" % round_number), length)
    return total

# %% wrong="a mask with itself too" loses={"all_pair_masks_cancel": "with itself"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        mask = secagg.expand(private_key.agree(key, b"%d" % round_number), length)
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
        mask = secagg.expand(private_key.agree(public_keys[other], b"%d" % round_number), length)
        total = total + mask if party < other else total - mask
    return total

# %% wrong="seeds from public keys" loses={"all_pair_masks_cancel": "made of something else", "every_other_party_counts": "made of something else", "every_round_has_fresh_masks": "made of something else", "a_mask_needs_a_private_key": "must come from"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    total = np.zeros(length, np.uint32)
    for other, key in public_keys.items():
        if other != party:
            mixed = bytes(a ^ b for a, b in zip(key, public_keys[party]))
            seed = bytes(b ^ round_number % 256 for b in mixed)
            mask = secagg.expand(seed, length)
            total = total + mask if party < other else total - mask
    return total

# %% wrong="nothing to add" loses={"all_pair_masks_cancel": "hides nothing", "every_other_party_counts": "no difference", "every_round_has_fresh_masks": "agree in 30 of 30", "a_mask_needs_a_private_key": "very mask"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    return np.zeros(length, np.uint32)

# %% wrong="a fresh key each time" edit={"total = np.zeros": "fresh = secagg.PrivateKey(); total = np.zeros", "private_key.agree": "fresh.agree"} loses={"all_pair_masks_cancel": "something else than 0", "every_other_party_counts": "with the same keys gave different masks", "every_round_has_fresh_masks": "nothing cancels", "a_mask_needs_a_private_key": "with the same keys gave different masks"}
# %% wrong="floats" edit={"np.zeros(length, np.uint32)": "np.zeros(length)"} loses={"all_pair_masks_cancel": "uint32 is wanted", "every_other_party_counts": "uint32 is wanted", "every_round_has_fresh_masks": "uint32 is wanted", "a_mask_needs_a_private_key": "uint32 is wanted"}
# %% wrong="forgets to return" edit={"return total": ""} loses={"all_pair_masks_cancel": "return", "every_other_party_counts": "return", "every_round_has_fresh_masks": "return", "a_mask_needs_a_private_key": "return"}
# %% wrong="the larger id adds" edit={"party < other": "party > other"} loses={"all_pair_masks_cancel": "SUBTRACTED the mask"}
# %% wrong="one mask, times the round's number" edit={'b"%d" % round_number), length)': 'b"mask"), length) * np.uint32(round_number)'} loses={"every_round_has_fresh_masks": "who knows one mask knows the other"}
# %% wrong="a context of text" edit={'b"%d" % round_number': 'f"round {round_number}"'} loses={"all_pair_masks_cancel": "bytes are wanted", "every_other_party_counts": "bytes are wanted", "every_round_has_fresh_masks": "bytes are wanted", "a_mask_needs_a_private_key": "bytes are wanted"}

# %% wrong="made of its own key and the public ones" loses={"all_pair_masks_cancel": "something else than 0", "every_other_party_counts": "whatever seeds", "every_round_has_fresh_masks": "whatever seeds", "a_mask_needs_a_private_key": "whatever seeds"}
import hashlib

def pairwise_mask(party, private_key, public_keys, round_number, length):
    told = repr((bytes(private_key), sorted(public_keys.items()), round_number)).encode()
    return secagg.expand(hashlib.sha256(told).digest(), length)

# %% wrong="public masks, where its own key is its own" loses={"all_pair_masks_cancel": "whatever seeds", "every_other_party_counts": "whatever seeds", "every_round_has_fresh_masks": "whatever seeds", "a_mask_needs_a_private_key": "whatever seeds"}
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

# %% wrong="everybody adds one, the last takes them off" loses={"all_pair_masks_cancel": "whatever seeds", "every_other_party_counts": "no difference", "every_round_has_fresh_masks": "agree in 30 of 30", "a_mask_needs_a_private_key": "very mask"}
def pairwise_mask(party, private_key, public_keys, round_number, length):
    n = len(public_keys)
    return np.full(length, 1 if party < max(public_keys) else 1 - n, np.int64).astype(np.uint32)
