# %% right="in place"
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
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
