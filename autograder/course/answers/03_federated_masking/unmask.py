# %% right="a copy, changed in place"
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    masked_sum = masked_sum.copy()
    for party in survivors:
        masked_sum -= secagg.expand(self_seeds[party], masked_sum.size)
    for (i, j), seed in pair_seeds.items():
        if i in dropped:
            masked_sum += secagg.expand(seed, masked_sum.size)
        else:
            masked_sum -= secagg.expand(seed, masked_sum.size)
    return masked_sum

# %% right="survivor by survivor"
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total, length = masked_sum.copy(), len(masked_sum)
    for s in survivors:
        total = total - secagg.expand(self_seeds[s], length)
        for d in dropped:
            mask = secagg.expand(pair_seeds[min(s, d), max(s, d)], length)
            total = np.subtract(total, mask) if s < d else np.add(total, mask)
    return total

# %% right="int64, then modulo"
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total = masked_sum.astype(np.int64)
    for seed in self_seeds.values():
        total -= secagg.expand(seed, len(total))
    for (i, j), seed in pair_seeds.items():
        total += (-1 if j in dropped else 1) * secagg.expand(seed, len(total)).astype(np.int64)
    return (total % 2**32).astype(np.uint32)

# %% right="everything that is in the sum, taken away at once"
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    n = len(masked_sum)
    extra = [secagg.expand(seed, n) for seed in self_seeds.values()]
    for pair, seed in pair_seeds.items():
        mask = secagg.expand(seed, n)
        extra.append(mask if pair[1] in dropped else np.zeros(n, np.uint32) - mask)
    return masked_sum - np.sum(extra, axis=0, dtype=np.uint32)

# %% wrong="pair masks with the wrong sign" of="solution" edit={"total - mask if": "total + mask if", "else total + mask": "else total - mask"} loses={"dropouts_masks_come_off": "ADDED the pair's mask"}

# %% wrong="always subtracts" loses={"dropouts_masks_come_off": "subtracted it"}
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total = masked_sum
    for seed in [*self_seeds.values(), *pair_seeds.values()]:
        total = total - secagg.expand(seed, len(total))
    return total

# %% wrong="forgets the dropouts" loses={"dropouts_masks_come_off": "dropped"}
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total = masked_sum
    for seed in self_seeds.values():
        total = total - secagg.expand(seed, len(total))
    return total

# %% wrong="forgets the self masks" of="solution" edit={"for seed in self_seeds.values():\n        total = total - secagg.expand(seed, len(total))": ""} loses={"self_masks_come_off": "still has its self mask", "dropouts_masks_come_off": "`unmask` gives"}
# %% wrong="adds the self masks once more" of="solution" edit={"total - secagg": "total + secagg"} loses={"self_masks_come_off": "a second time", "dropouts_masks_come_off": "`unmask` gives"}
# %% wrong="self masks of the dropouts too" of="solution" edit={"for seed in self_seeds.values()": "for party in [*survivors, *dropped]", "- secagg.expand(seed,": "- secagg.expand(self_seeds[party],"} loses={"dropouts_masks_come_off": "raised KeyError"}
# %% wrong="the first dropout only" of="solution" edit={"(smaller, _), seed": "(smaller, larger), seed", "total = total - mask": "if dropped[0] in (smaller, larger): total = total - mask"} loses={"dropouts_masks_come_off": "`unmask` gives"}
# %% wrong="in floats" of="solution" edit={"total = masked_sum": "total = masked_sum.astype(float)"} loses={"self_masks_come_off": "keep uint32", "dropouts_masks_come_off": "modulo 2^32"}

# %% wrong="forgets to return" loses={"self_masks_come_off": "return", "dropouts_masks_come_off": "return"}
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    for seed in self_seeds.values():
        masked_sum = masked_sum - secagg.expand(seed, len(masked_sum))

# %% right="a set of the survivors, and np.subtract"
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    alive, total = set(survivors), np.array(masked_sum)
    for seed in map(self_seeds.get, survivors):
        np.subtract(total, secagg.expand(seed, total.size), out=total)
    for (i, j), seed in pair_seeds.items():
        operation = np.subtract if i in alive else np.add
        operation(total, secagg.expand(seed, total.size), out=total)
    return total

# %% right="the survivor's id compared with the dropout's"
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    n = len(masked_sum)
    for pair, seed in pair_seeds.items():
        [alive] = [end for end in pair if end in survivors]
        [gone] = [end for end in pair if end not in survivors]
        mask = secagg.expand(seed, n)
        masked_sum = masked_sum - mask if alive < gone else masked_sum + mask
    return masked_sum - sum((secagg.expand(s, n) for s in self_seeds.values()), np.zeros(n, np.uint32))

# %% right="Python's integers"
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total = [int(value) for value in masked_sum]
    for seed in self_seeds.values():
        total = [t - int(m) for t, m in zip(total, secagg.expand(seed, len(total)))]
    for (i, j), seed in pair_seeds.items():
        sign = 1 if i in dropped else -1
        total = [t + sign * int(m) for t, m in zip(total, secagg.expand(seed, len(total)))]
    return np.array([t % 2**32 for t in total], np.uint32)

# %% right="one matrix of masks and a vector of signs"
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    signs = [-1] * len(self_seeds) + [1 if i in dropped else -1 for i, _ in pair_seeds]
    seeds = [*self_seeds.values(), *pair_seeds.values()]
    masks = np.array([secagg.expand(seed, len(masked_sum)) for seed in seeds]).astype(np.int64)
    return (masked_sum + np.array(signs) @ masks).astype(np.uint32)

# %% wrong="stays int64 after the modulo" of="int64, then modulo" edit={"(total % 2**32).astype(np.uint32)": "total % 2**32"} loses={"self_masks_come_off": "keep uint32", "dropouts_masks_come_off": "int64"}
# %% wrong="float32" of="solution" edit={"total = masked_sum": "total = masked_sum.astype(np.float32)"} loses={"self_masks_come_off": "float", "dropouts_masks_come_off": "float"}
# %% wrong="the last survivor's self mask stays" of="a copy, changed in place" edit={"in survivors": "in survivors[:-1]"} loses={"self_masks_come_off": "and the sum is", "dropouts_masks_come_off": "and the sum is"}
# %% wrong="ids in order" of="solution" edit={"for seed in self_seeds.values()": "for seed in [self_seeds[i] for i in range(len(survivors))]"} loses={"self_masks_come_off": "raised KeyError", "dropouts_masks_come_off": "raised KeyError"}
# %% wrong="a pair's sign by the first survivor" of="solution" edit={"smaller in survivors": "smaller < survivors[0]"} loses={"dropouts_masks_come_off": "`unmask` gives"}
# %% wrong="a list of 784 numbers" of="solution" edit={"secagg.expand(seed, len(total))\n    for": "secagg.expand(seed, 784)\n    for"} loses={"self_masks_come_off": "784", "dropouts_masks_come_off": "784"}
# %% wrong="one mask of all self seeds" of="solution" edit={"for seed in self_seeds.values()": "for seed in [bytes(np.bitwise_xor.reduce([np.frombuffer(s, np.uint8) for s in self_seeds.values()]))]"} loses={"self_masks_come_off": "and the sum is", "dropouts_masks_come_off": "and the sum is"}

# %% wrong="at most 784 entries" loses={"self_masks_come_off": "survivors and no dropouts", "dropouts_masks_come_off": "A survivor with the smaller id ADDED the"}
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total = masked_sum.copy()
    for seed in self_seeds.values():
        total[:784] -= secagg.expand(seed, 784)[: len(total)]
    for (i, j), seed in pair_seeds.items():
        mask = secagg.expand(seed, 784)[: len(total)]
        if i in survivors:
            total[:784] -= mask
        else:
            total[:784] += mask
    return total

# %% wrong="id 0 is falsy" loses={"dropouts_masks_come_off": "A survivor with the smaller id ADDED the"}
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total = masked_sum.copy()
    for survivor in survivors:
        total = total - secagg.expand(self_seeds[survivor], len(total))
    for (i, j), seed in pair_seeds.items():
        alive = (i in survivors and i) or j
        mask = secagg.expand(seed, len(total))
        total = total - mask if alive == i else total + mask
    return total
# %% wrong="changes the caller's sum" of="a copy, changed in place" edit={"masked_sum = masked_sum.copy()": "pass"} loses={"self_masks_come_off": "changes its argument `masked_sum`", "dropouts_masks_come_off": "changes its argument `masked_sum`"}

# %% wrong="the first ten survivors' self masks" loses={"self_masks_come_off": "survivors and no dropouts", "dropouts_masks_come_off": "what a dropout would have sent"}
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total = masked_sum.copy()
    for survivor in survivors[:10]:
        total = total - secagg.expand(self_seeds[survivor], len(total))
    for (i, j), seed in pair_seeds.items():
        mask = secagg.expand(seed, len(total))
        total = total - mask if i in survivors else total + mask
    return total

# %% right="uint64, and bisection"
from bisect import bisect_left

def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    gone, total = sorted(dropped), masked_sum.astype(np.uint64)
    for seed in list(self_seeds.values()):
        total -= secagg.expand(seed, total.size)
    for (i, j), seed in sorted(pair_seeds.items()):
        at = bisect_left(gone, i)
        mask = secagg.expand(seed, total.size).astype(np.uint64)
        total = total + mask if at < len(gone) and gone[at] == i else total - mask
    return (total & np.uint64(2**32 - 1)).astype(np.uint32)

# %% wrong="the first ten dropouts' pair masks" loses={"dropouts_masks_come_off": "what a dropout would have sent"}
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total = masked_sum.copy()
    for s in survivors:
        total = total - secagg.expand(self_seeds[s], len(total))
        for d in dropped[:PARTIES]:
            mask = secagg.expand(pair_seeds[min(s, d), max(s, d)], len(total))
            total = total - mask if s < d else total + mask
    return total

# %% wrong="at most 8192 entries" loses={"self_masks_come_off": "survivors and no dropouts", "dropouts_masks_come_off": "A survivor with the smaller id ADDED the"}
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total = masked_sum.copy()
    head = total[:8192]
    for seed in self_seeds.values():
        head -= secagg.expand(seed, len(head))
    for (i, _), seed in pair_seeds.items():
        mask = secagg.expand(seed, len(head))
        head += np.uint32(0) - mask if i in survivors else mask
    return total

# %% wrong="adds up into a remembered mask" loses={"self_masks_come_off": "and the sum is", "dropouts_masks_come_off": "and the sum is"}
EXPANDED = {}

def expanded(seed, length):
    if (seed, length) not in EXPANDED:
        EXPANDED[seed, length] = secagg.expand(seed, length)
    return EXPANDED[seed, length]

def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    length = len(masked_sum)
    first, *others = [expanded(self_seeds[party], length) for party in survivors]
    for mask in others:
        first += mask
    total = masked_sum - first
    for (smaller, _), seed in pair_seeds.items():
        mask = expanded(seed, length)
        total = total - mask if smaller in survivors else total + mask
    return total

# %% wrong="remembers masks by whose they are" loses={"self_masks_come_off": "and the sum is", "dropouts_masks_come_off": "and the sum is"}
MASKS = {}

def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total, length = masked_sum, len(masked_sum)
    for whose, seed in [*self_seeds.items(), *pair_seeds.items()]:
        mask = MASKS.setdefault((whose, length), secagg.expand(seed, length))
        added = not isinstance(whose, tuple) or whose[0] in survivors
        total = total - mask if added else total + mask
    return total

# %% wrong="returns one array again and again" loses={"self_masks_come_off": "changes what an earlier call returned", "dropouts_masks_come_off": "changes what an earlier call returned"}
SUMS = {}

def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    total = SUMS.setdefault(len(masked_sum), np.empty_like(masked_sum))
    total[:] = masked_sum
    for seed in self_seeds.values():
        total -= secagg.expand(seed, len(total))
    for (smaller, _), seed in pair_seeds.items():
        mask = secagg.expand(seed, len(total))
        total += np.zeros_like(mask) - mask if smaller in survivors else mask
    return total

# %% wrong="ids in float32" of="solution" edit={"smaller in survivors": "np.float32(smaller) in np.float32(survivors)"} loses={"dropouts_masks_come_off": "and the sum is"}
# %% wrong="ids compared by which object they are" of="solution" edit={"smaller in survivors": "any(smaller is party for party in survivors)"} loses={"dropouts_masks_come_off": "and the sum is"}
