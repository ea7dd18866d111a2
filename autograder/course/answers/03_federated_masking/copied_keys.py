# %% right="two zips"
def copied_keys(victim, public_keys, colluders):
    below, above = [c for c in colluders if c < victim], [c for c in colluders if c > victim]
    others_below = [o for o in public_keys if o < victim]
    others_above = [o for o in public_keys if o > victim]
    pairs = [*zip(below, others_above), *zip(above, others_below)]
    return {colluder: public_keys[other] for colluder, other in pairs}

# %% right="takes from a stack"
def copied_keys(victim, public_keys, colluders):
    left = {True: [], False: []}
    for other, key in public_keys.items():
        if other != victim:
            left[other > victim].append(key)
    announced = {}
    for colluder in colluders:
        announced[colluder] = left[colluder < victim].pop()
    return announced

# %% right="the mirror image of a sorted list"
def copied_keys(victim, public_keys, colluders):
    others = sorted(set(public_keys) - {victim})
    above = sum(o > victim for o in others)
    turned = others[len(others) - above:] + others[:len(others) - above]
    return dict(zip(sorted(colluders), [public_keys[o] for o in turned]))

# %% right="twins of the keys, which agree on the same secrets"
def copied_keys(victim, public_keys, colluders):
    def twin(key):
        return key[:31] + bytes([key[31] | 128])
    announced = {}
    for smaller in (True, False):
        mine = [c for c in colluders if (c < victim) == smaller]
        others = [o for o in public_keys if o != victim and (o > victim) == smaller]
        announced |= {c: twin(public_keys[o]) for c, o in zip(mine, others)}
    return announced

# %% wrong="copies on the same side" loses={"a_victim_among_many_is_bare": "other side"}
def copied_keys(victim, public_keys, colluders):
    others = sorted(public_keys.keys() - {victim})
    return {c: public_keys[o] for c, o in zip(sorted(colluders), others)}

# %% wrong="all copy one" loses={"a_victim_among_many_is_bare": "stay on the victim"}
def copied_keys(victim, public_keys, colluders):
    other = min(public_keys.keys() - {victim})
    return {c: public_keys[other] for c in colluders}

# %% wrong="one for each side" loses={"a_victim_among_many_is_bare": "stay on the victim"}
def copied_keys(victim, public_keys, colluders):
    others = sorted(public_keys.keys() - {victim})
    return {c: public_keys[others[-1] if c < victim else others[0]] for c in colluders}

# %% wrong="the victim's own key" loses={"one_copy_bares_one_of_three": "stay on the victim", "a_victim_among_many_is_bare": "stay on the victim"}
def copied_keys(victim, public_keys, colluders):
    return {c: public_keys[victim] for c in colluders}

# %% wrong="genuine keys of their own" loses={"one_copy_bares_one_of_three": "stay on the victim", "a_victim_among_many_is_bare": "stay on the victim"}
def copied_keys(victim, public_keys, colluders):
    return {c: secagg.PrivateKey().public for c in colluders}

# %% wrong="ids in place of keys" loses={"one_copy_bares_one_of_three": "32 bytes", "a_victim_among_many_is_bare": "32 bytes"}
def copied_keys(victim, public_keys, colluders):
    others = sorted(public_keys.keys() - {victim}, key=lambda o: (o < victim, o))
    return dict(zip(sorted(colluders), others))

# %% wrong="the honest parties' keys among them" loses={"one_copy_bares_one_of_three": "for nobody else", "a_victim_among_many_is_bare": "for nobody else"}
def copied_keys(victim, public_keys, colluders):
    others = sorted(public_keys.keys() - {victim}, key=lambda o: (o < victim, o))
    return public_keys | {c: public_keys[o] for c, o in zip(sorted(colluders), others)}

# %% wrong="colluders as they come" loses={"a_victim_among_many_is_bare": "stay on the victim"}
def copied_keys(victim, public_keys, colluders):
    others = sorted(public_keys.keys() - {victim}, key=lambda o: (o < victim, o))
    return {c: public_keys[o] for c, o in zip(colluders, others)}

# %% wrong="forgets to return" loses={"one_copy_bares_one_of_three": "return", "a_victim_among_many_is_bare": "return"}
def copied_keys(victim, public_keys, colluders):
    others = sorted(public_keys.keys() - {victim}, key=lambda o: (o < victim, o))
    announced = {c: public_keys[o] for c, o in zip(sorted(colluders), others)}

# %% right="an iterator for each side"
def copied_keys(victim, public_keys, colluders):
    above = iter([key for other, key in public_keys.items() if other > victim])
    below = iter([key for other, key in public_keys.items() if other < victim])
    return {colluder: next(above if colluder < victim else below) for colluder in colluders}

# %% right="the farthest first"
def copied_keys(victim, public_keys, colluders):
    announced, free = {}, set(public_keys) - {victim}
    for colluder in sorted(colluders, key=lambda c: -abs(c - victim)):
        fits = [other for other in free if (other > victim) != (colluder > victim)]
        chosen = max(fits, key=lambda other: abs(other - victim))
        free.remove(chosen)
        announced[colluder] = public_keys[chosen]
    return announced

# %% right="two sorted halves, NumPy"
def copied_keys(victim, public_keys, colluders):
    ids, bad = np.sort([i for i in public_keys if i != victim]), np.sort(colluders)
    turned = np.roll(ids, np.sum(ids > victim))
    return {int(c): public_keys[int(o)] for c, o in zip(bad, turned)}

# %% right="a dictionary of lists"
def copied_keys(victim, public_keys, colluders):
    from collections import defaultdict
    side = defaultdict(list)
    for other in sorted(public_keys):
        side["above" if other > victim else "below" if other < victim else "self"].append(other)
    result = {}
    for c in colluders:
        result[c] = public_keys[side["above" if c < victim else "below"].pop(0)]
    return result

# %% wrong="copies one of the other side for all" loses={"a_victim_among_many_is_bare": "stay on the victim"}
def copied_keys(victim, public_keys, colluders):
    return {c: next(k for o, k in public_keys.items() if (o < victim) == (c > victim) and o != victim) for c in colluders}

# %% wrong="the honest parties' ids for keys" of="two zips" edit={"{colluder: public_keys[other]": "{other: public_keys[colluder]"} loses={"one_copy_bares_one_of_three": "raised KeyError", "a_victim_among_many_is_bare": "raised KeyError"}
# %% wrong="a list of keys" of="takes from a stack" edit={"return announced": "return list(announced.values())"} loses={"one_copy_bares_one_of_three": "a dictionary, colluder", "a_victim_among_many_is_bare": "a dictionary, colluder"}
# %% wrong="half of each key" of="takes from a stack" edit={"left[colluder < victim].pop()": "left[colluder < victim].pop()[:16]"} loses={"one_copy_bares_one_of_three": "32 bytes", "a_victim_among_many_is_bare": "32 bytes"}
# %% wrong="hexadecimal digits" of="takes from a stack" edit={"left[colluder < victim].pop()": "left[colluder < victim].pop().hex()"} loses={"one_copy_bares_one_of_three": "32 bytes", "a_victim_among_many_is_bare": "32 bytes"}

# %% wrong="two colluders short of one each" of="the mirror image of a sorted list" edit={"sorted(colluders), [": "sorted(colluders)[:-1], ["} loses={"one_copy_bares_one_of_three": "for each colluder and for nobody else", "a_victim_among_many_is_bare": "for each colluder and for nobody else"}
# %% wrong="one's own side first" of="the farthest first" edit={"(other > victim) != (colluder > victim)": "True"} loses={"a_victim_among_many_is_bare": "stay on the victim"}

# %% right="sorted upwards and downwards"
def copied_keys(victim, public_keys, colluders):
    others = sorted((i for i in public_keys if i != victim), reverse=True)
    return {c: public_keys[o] for c, o in zip(sorted(colluders), others)}

# %% wrong="keeps what it found for these ids" loses={"one_copy_bares_one_of_three": "stay on the victim", "a_victim_among_many_is_bare": "stay on the victim"}
CHOSEN = {}

def copied_keys(victim, public_keys, colluders):
    others = sorted(public_keys.keys() - {victim}, key=lambda other: (other < victim, other))
    for c, o in zip(sorted(colluders), others):
        CHOSEN.setdefault((victim, c), public_keys[o])
    return {c: CHOSEN[victim, c] for c in colluders}

# %% wrong="takes the victim's key out" loses={"one_copy_bares_one_of_three": "changes its argument `public_keys`", "a_victim_among_many_is_bare": "changes its argument `public_keys`"}
def copied_keys(victim, public_keys, colluders):
    del public_keys[victim]
    others = sorted(public_keys, key=lambda other: (other < victim, other))
    return {c: public_keys[o] for c, o in zip(sorted(colluders), others)}

# %% wrong="ids sorted as text of two digits" loses={"a_victim_among_many_is_bare": "other side"}
def copied_keys(victim, public_keys, colluders):
    order = "{:02d}".format
    others = public_keys.keys() - {victim}
    below = sorted((c for c in colluders if c < victim), key=order)
    above = sorted((c for c in colluders if c > victim), key=order)
    smaller = sorted((o for o in others if order(o) < order(victim)), key=order)
    larger = sorted((o for o in others if order(o) > order(victim)), key=order)
    return {c: public_keys[o] for c, o in zip(below + above, larger + smaller)}

# %% wrong="ids compared as float32" loses={"one_copy_bares_one_of_three": "for each colluder and for nobody else", "a_victim_among_many_is_bare": "for each colluder and for nobody else"}
def copied_keys(victim, public_keys, colluders):
    def sides(ids):
        ids = np.array(sorted(ids))
        low = ids.astype(np.float32) < np.float32(victim)
        return ids[low].tolist(), ids[~low].tolist()

    honest_below, honest_above = sides(set(public_keys) - {victim})
    colluders_below, colluders_above = sides(colluders)
    pairs = [*zip(colluders_below, honest_above), *zip(colluders_above, honest_below)]
    return {colluder: public_keys[honest] for colluder, honest in pairs}

# %% wrong="ids compared as int32" loses={"one_copy_bares_one_of_three": "for each colluder and for nobody else", "a_victim_among_many_is_bare": "for each colluder and for nobody else"}
def copied_keys(victim, public_keys, colluders):
    def below(i):
        return np.array(i).astype(np.int32) < np.array(victim).astype(np.int32)

    honest = public_keys.keys() - {victim}
    pairs = [
        *zip([c for c in colluders if below(c)], [o for o in honest if not below(o)]),
        *zip([c for c in colluders if not below(c)], [o for o in honest if below(o)]),
    ]
    return {colluder: public_keys[other] for colluder, other in pairs}

# %% wrong="the victim's id by which object it is" of="solution" edit={"public_keys.keys() - {victim}": "[o for o in public_keys if o is not victim]"} loses={"one_copy_bares_one_of_three": "stay on the victim", "a_victim_among_many_is_bare": "stay on the victim"}

# %% wrong="one dictionary again and again" loses={"one_copy_bares_one_of_three": "changes what an earlier call returned", "a_victim_among_many_is_bare": "changes what an earlier call returned"}
ANNOUNCED = {}

def copied_keys(victim, public_keys, colluders):
    others = sorted(public_keys.keys() - {victim}, key=lambda other: (other < victim, other))
    ANNOUNCED.clear()
    ANNOUNCED.update((c, public_keys[o]) for c, o in zip(sorted(colluders), others))
    return ANNOUNCED
